#include "common/Json.h"
#include "session/SessionPlugin.h"

#include <initializer_list>

/// DESIGN. The OpenAPI description of the plugin's routes, self-contained: nothing in it refers to the
/// daemon's part of the document. It is built, not written out, because the same few shapes come back in
/// every operation.
namespace usher::session {

namespace {

using plugin::Json;

Json schema(const char* type) {
    return {{"type", type}};
}

Json text(std::size_t minimum, std::size_t maximum) {
    return {{"type", "string"}, {"minLength", minimum}, {"maxLength", maximum}};
}

Json orNull(const char* type) {
    return {{"type", Json::array({type, "null"})}};
}

Json time() {
    return {{"type", "string"}, {"format", "date-time"}};
}

Json role() {
    return {{"type", "string"}, {"enum", Json::array({"admin", "editor", "viewer"})}};
}

/// Every property is required but those in `optional`; nothing else may stand there.
Json object(const Json& properties, std::initializer_list<const char*> optional = {}) {
    Json required = Json::array();
    for (const auto& property : properties.items()) {
        bool needed = true;
        for (const char* name : optional) needed = needed && property.key() != name;
        if (needed) required.push_back(property.key());
    }
    Json out = schema("object");
    out["properties"] = properties;
    out["additionalProperties"] = false;
    if (!required.empty()) out["required"] = required;
    return out;
}

Json arrayOf(const Json& item) {
    Json out = schema("array");
    out["items"] = item;
    return out;
}

Json userProperties() {
    Json out = Json::object();
    for (const char* name : {"id", "name", "email"}) out[name] = schema("string");
    for (const char* name : {"emailVerified", "banned"}) out[name] = schema("boolean");
    for (const char* name : {"createdAt", "updatedAt"}) out[name] = time();
    out["image"] = orNull("string");
    out["role"] = role();
    return out;
}

Json sessionProperties() {
    Json out = Json::object();
    for (const char* name : {"id", "userId"}) out[name] = schema("string");
    for (const char* name : {"expiresAt", "createdAt", "updatedAt"}) out[name] = time();
    for (const char* name : {"ipAddress", "userAgent"}) out[name] = orNull("string");
    return out;
}

Json with(Json properties, const char* name, const Json& property) {
    properties[name] = property;
    return properties;
}

Json content(const Json& body) {
    Json media = Json::object();
    media["schema"] = body;
    Json out = Json::object();
    out["application/json"] = media;
    return out;
}

Json response(const char* description, const Json& body) {
    Json out = Json::object();
    out["description"] = description;
    out["content"] = content(body);
    return out;
}

Json errorBody() {
    Json detail = Json::object();
    detail["field"] = schema("string");
    detail["message"] = schema("string");
    Json properties = Json::object();
    for (const char* name : {"error", "message", "code", "requestId"}) properties[name] = schema("string");
    properties["details"] = arrayOf(object(detail));
    return object(properties, {"details"});
}

struct Operation {
    const char *id, *summary;
    Json out;

    Operation(const char* operationId, const char* what)
        : id(operationId), summary(what), out(Json::object()) {
        out["operationId"] = id;
        out["summary"] = summary;
        out["responses"] = Json::object();
        for (const char* status : {"403", "503"}) answers(status, "Refused; see code", errorBody());
    }
    Operation& answers(const char* status, const char* description, const Json& body) {
        out["responses"][status] = response(description, body);
        return *this;
    }
    Operation& refuses(std::initializer_list<const char*> statuses) {
        for (const char* status : statuses) answers(status, "Refused; see code", errorBody());
        return *this;
    }
    Operation& takes(const Json& body) {
        out["requestBody"] = {{"required", true}};
        out["requestBody"]["content"] = content(body);
        return refuses({"400", "413", "415"});
    }
    Operation& parameter(const char* name, const char* where, const Json& kind) {
        Json parameter{{"name", name}, {"in", where}, {"required", std::string_view(where) == "path"}};
        parameter["schema"] = kind;
        if (!out.contains("parameters")) out["parameters"] = Json::array();
        out["parameters"].push_back(parameter);
        return *this;
    }
    Operation& paged() {
        Json limit = schema("integer");
        limit["minimum"] = 1;
        limit["maximum"] = 200;
        limit["default"] = 100;
        return parameter("limit", "query", limit)
            .parameter("cursor", "query", schema("string"))
            .refuses({"400", "401"});
    }
};

Json success() {
    Json out = Json::object();
    out["success"] = {{"const", true}};
    return out;
}

Json signIn() {
    Json body = Json::object();
    for (const char* name : {"email", "password"}) body[name] = {{"type", "string"}, {"minLength", 1}};
    for (const char* name : {"rememberMe", "bearer"}) body[name] = schema("boolean");
    Json answer = Json::object();
    answer["redirect"] = {{"const", false}};
    answer["token"] = schema("string");
    answer["user"] = object(userProperties());
    return Operation("signIn", "Open a session: a cookie, or with bearer a token for Authorization")
        .takes(object(body, {"rememberMe", "bearer"}))
        .answers("200", "Signed in", object(answer))
        .refuses({"401", "429"})
        .out;
}

Json getSession() {
    Json both = Json::object();
    both["session"] = object(sessionProperties());
    both["user"] = object(userProperties());
    Json answer = Json::object();
    answer["oneOf"] = Json::array({object(both), schema("null")});
    return Operation("getSession", "Who is signed in; null: nobody")
        .answers("200", "The session or null", answer)
        .out;
}

Json setUp() {
    Json body = Json::object();
    body["token"] = schema("string");
    body["email"] = text(3, 254);
    body["password"] = text(8, 128);
    body["name"] = text(1, 255);
    Json answer = Json::object();
    answer["user"] = object(userProperties());
    return Operation("setUp", "Make the first admin, with the token of the file setup-token")
        .takes(object(body, {"name"}))
        .answers("201", "Made", object(answer))
        .refuses({"401", "409"})
        .out;
}

Json listUsers() {
    Json answer = Json::object();
    answer["users"] = arrayOf(object(with(userProperties(), "banReason", orNull("string"))));
    answer["nextCursor"] = orNull("string");
    return Operation("listUsers", "All users, by e-mail")
        .paged()
        .answers("200", "A page", object(answer))
        .out;
}

Json createUser() {
    Json body = Json::object();
    body["email"] = text(3, 254);
    body["name"] = text(1, 255);
    body["password"] = text(8, 128);
    body["role"] = role();
    return Operation("createUser", "Make a user")
        .takes(object(body))
        .answers("201", "Made", object(with(success(), "user", object(userProperties()))))
        .refuses({"401", "409"})
        .out;
}

Json changeUser() {
    Json body = Json::object();
    body["name"] = text(1, 255);
    body["role"] = role();
    body["banned"] = schema("boolean");
    body["password"] = text(8, 128);
    return Operation("changeUser", "Change a user; a ban or a new password ends the user's sessions")
        .parameter("id", "path", schema("string"))
        .takes(object(body, {"name", "role", "banned", "password"}))
        .answers("200", "Changed", object(with(success(), "user", object(userProperties()))))
        .refuses({"401", "404", "409"})
        .out;
}

Json listSessions() {
    Json item = sessionProperties();
    for (const char* name : {"userName", "userEmail"}) item[name] = schema("string");
    item["bearer"] = schema("boolean");
    Json answer = Json::object();
    answer["sessions"] = arrayOf(object(item));
    answer["nextCursor"] = orNull("string");
    return Operation("listSessions", "All valid sessions")
        .paged()
        .answers("200", "A page", object(answer))
        .out;
}

} // namespace

std::string SessionPlugin::openapiPaths() {
    Json paths = Json::object();
    paths["/api/auth/sign-in/email"]["post"] = signIn();
    paths["/api/auth/sign-out"]["post"] =
        Operation("signOut", "End the session at once").answers("200", "Signed out", object(success())).out;
    paths["/api/auth/get-session"]["get"] = getSession();
    paths["/api/auth/setup"]["post"] = setUp();
    paths["/api/users"]["get"] = listUsers();
    paths["/api/users"]["post"] = createUser();
    paths["/api/users/{id}"]["patch"] = changeUser();
    paths["/api/sessions"]["get"] = listSessions();
    paths["/api/sessions/{id}"]["delete"] =
        Operation("revokeSession", "End somebody's session at once")
            .parameter("id", "path", schema("string"))
            .answers("200", "Revoked", object(with(success(), "message", schema("string"))))
            .refuses({"401", "404"})
            .out;
    return plugin::toText(paths);
}

} // namespace usher::session
