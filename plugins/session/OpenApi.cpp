#include "common/OpenApi.h"
#include "session/SessionPlugin.h"

#include <initializer_list>

/// The OpenAPI description of the plugin's routes: built, not written out, because the same few shapes come
/// back in every operation.
namespace usher::session {

namespace {

using plugin::Json;
using namespace plugin::openapi;

Json role() {
    return {{"type", "string"}, {"enum", Json::array({"admin", "editor", "viewer"})}};
}

Json userProperties() {
    Json out = Json::object();
    for (const char* name : {"id", "name", "email"}) out[name] = schema("string");
    for (const char* name : {"emailVerified", "banned"}) out[name] = schema("boolean");
    for (const char* name : {"createdAt", "updatedAt"}) out[name] = time();
    out["image"] = orNull(schema("string"));
    out["role"] = role();
    return out;
}

Json sessionProperties() {
    Json out = Json::object();
    for (const char* name : {"id", "userId"}) out[name] = schema("string");
    for (const char* name : {"expiresAt", "createdAt", "updatedAt"}) out[name] = time();
    for (const char* name : {"ipAddress", "userAgent"}) out[name] = orNull(schema("string"));
    return out;
}

Operation& paged(Operation&& operation) {
    Json limit = integer(1, 200);
    limit["default"] = 100;
    return operation.parameter("limit", "query", limit)
        .parameter("cursor", "query", schema("string"))
        .refuses({"400", "401"});
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
        .refuses({"400", "401", "429"})
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
        .refuses({"400", "401", "409"})
        .out;
}

Json listUsers() {
    Json answer = Json::object();
    answer["users"] = arrayOf(object(with(userProperties(), "banReason", orNull(schema("string")))));
    answer["nextCursor"] = orNull(schema("string"));
    return paged(Operation("listUsers", "All users, by e-mail")).answers("200", "A page", object(answer)).out;
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
        .refuses({"400", "401", "409"})
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
        .refuses({"400", "401", "404", "409"})
        .out;
}

Json listSessions() {
    Json item = sessionProperties();
    for (const char* name : {"userName", "userEmail"}) item[name] = schema("string");
    item["bearer"] = schema("boolean");
    Json answer = Json::object();
    answer["sessions"] = arrayOf(object(item));
    answer["nextCursor"] = orNull(schema("string"));
    return paged(Operation("listSessions", "All valid sessions"))
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
