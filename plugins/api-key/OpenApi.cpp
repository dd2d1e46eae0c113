#include "KeyRoutes.h"

#include <initializer_list>

/// DESIGN. The OpenAPI description of the plugin's routes, self-contained: nothing in it refers to the
/// daemon's part of the document. It is built, not written out, because the same few shapes come back in
/// every operation.
namespace usher::apikey {

namespace {

using plugin::Json;

Json schema(const char* type) {
    return {{"type", type}};
}
Json orNull(Json schema) {
    schema["type"] = Json::array({schema["type"], "null"});
    return schema;
}
Json integer(std::int64_t least, std::int64_t most) {
    return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}
Json time() {
    return {{"type", "string"}, {"format", "date-time"}};
}
Json name() {
    return {{"type", "string"}, {"minLength", 1}, {"maxLength", 100}};
}

/// Every property is required but those in `optional`; nothing else may stand there.
Json object(const Json& properties, std::initializer_list<const char*> optional = {}) {
    Json required = Json::array();
    for (const auto& property : properties.items()) {
        bool needed = true;
        for (const char* each : optional) needed = needed && property.key() != each;
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

Json rateLimit() {
    Json properties = Json::object();
    properties["max"] = integer(1, 10'000);
    properties["windowSeconds"] = integer(1, 86'400);
    return orNull(object(properties));
}

Json addresses() {
    Json list = arrayOf(schema("string"));
    list["minItems"] = 1;
    list["maxItems"] = 100;
    return orNull(list);
}

Json listedProperties() {
    Json out = Json::object();
    for (const char* each : {"id", "name", "start", "jobId", "createdByName"}) out[each] = schema("string");
    for (const char* each : {"createdAt", "updatedAt"}) out[each] = time();
    for (const char* each : {"expiresAt", "lastRequest"}) out[each] = orNull(time());
    out["enabled"] = schema("boolean");
    out["requestCount"] = schema("integer");
    // Another program may have written a window or a list that this plugin would not take.
    Json rate = Json::object();
    for (const char* each : {"max", "windowSeconds"}) rate[each] = schema("integer");
    out["rateLimit"] = orNull(object(rate));
    out["remaining"] = orNull(schema("integer"));
    out["allowedAddresses"] = orNull(arrayOf(Json::object()));
    return out;
}

Json settings() {
    Json out = Json::object();
    out["name"] = name();
    out["expiresIn"] = orNull(integer(60, 31'536'000));
    out["rateLimit"] = rateLimit();
    out["remaining"] = orNull(integer(0, 2'147'483'647));
    out["allowedAddresses"] = addresses();
    return out;
}

Json with(Json properties, const char* name, const Json& property) {
    properties[name] = property;
    return properties;
}

Json success() {
    Json out = Json::object();
    out["success"] = {{"const", true}};
    return out;
}

Json content(const Json& body) {
    Json out = Json::object();
    out["application/json"]["schema"] = body;
    return out;
}

Json errorBody() {
    Json detail = Json::object(), properties = Json::object();
    for (const char* each : {"field", "message"}) detail[each] = schema("string");
    for (const char* each : {"error", "message", "code", "requestId"}) properties[each] = schema("string");
    properties["details"] = arrayOf(object(detail));
    return object(properties, {"details"});
}

struct Operation {
    Json out = Json::object();

    Operation(const char* id, const char* summary, std::initializer_list<const char*> pathParameters) {
        out["operationId"] = id;
        out["summary"] = summary;
        out["responses"] = Json::object();
        for (const char* each : pathParameters) {
            Json parameter{{"name", each}, {"in", "path"}, {"required", true}};
            parameter["schema"] = schema("string");
            out["parameters"].push_back(parameter);
        }
        refuses({"400", "401", "403", "503"});
        if (pathParameters.size() > 0) refuses({"404"});
    }
    Operation& answers(const char* status, const char* description, const Json& body) {
        Json response = Json::object();
        response["description"] = description;
        response["content"] = content(body);
        out["responses"][status] = response;
        return *this;
    }
    Operation& refuses(std::initializer_list<const char*> statuses) {
        for (const char* status : statuses) answers(status, "Refused; see code", errorBody());
        return *this;
    }
    Operation& takes(const Json& body, bool required) {
        out["requestBody"]["required"] = required;
        out["requestBody"]["content"] = content(body);
        return refuses({"413", "415"});
    }
};

Json keyAnswer(bool withSecret) {
    Json key = listedProperties();
    if (withSecret) key["key"] = schema("string");
    return object(with(success(), "apiKey", object(key)));
}

Json listKeys() {
    return Operation("listApiKeys", "The keys of a job, the oldest first", {"id"})
        .answers("200", "The keys; never their secrets",
                 object(with(success(), "apiKeys", arrayOf(object(listedProperties())))))
        .out;
}

Json createKeyOperation() {
    const Json body = with(settings(), "metadata", orNull(schema("object")));
    return Operation("createApiKey", "Make a key; this answer is the only place where it is ever shown",
                     {"id"})
        .takes(object(body, {"expiresIn", "rateLimit", "remaining", "allowedAddresses", "metadata"}), true)
        .answers("201", "Made", keyAnswer(true))
        .refuses({"409"})
        .out;
}

Json changeKey() {
    Json body = object(with(settings(), "enabled", schema("boolean")),
                       {"name", "expiresIn", "rateLimit", "remaining", "allowedAddresses", "enabled"});
    body["minProperties"] = 1;
    return Operation("changeApiKey", "Change a key; in force on every node when answered", {"id", "keyId"})
        .takes(body, true)
        .answers("200", "Changed", keyAnswer(false))
        .refuses({"409"})
        .out;
}

Json deleteKey() {
    return Operation("deleteApiKey", "Delete a key; in force on every node when answered", {"id", "keyId"})
        .answers("200", "Deleted", object(with(success(), "message", schema("string"))))
        .out;
}

Json rotateKey() {
    Json body = Json::object();
    body["graceSeconds"] = integer(0, 604'800);
    return Operation("rotateApiKey",
                     "A new key with the same settings; the old one ends after the grace time",
                     {"id", "keyId"})
        .takes(object(body, {"graceSeconds"}), false)
        .answers("201", "Made", keyAnswer(true))
        .refuses({"409"})
        .out;
}

Json hardenKeys() {
    Json body = Json::object(), rewritten = Json::object(), answer = success();
    body["cursor"] = orNull(schema("string"));
    for (const char* each : {"hex", "clear"}) rewritten[each] = schema("integer");
    answer["rewritten"] = object(rewritten);
    answer["unchanged"] = schema("integer");
    answer["skipped"] = arrayOf(schema("string"));
    answer["nextCursor"] = orNull(schema("string"));
    return Operation("hardenApiKeys", "Rewrite keys that are stored in older forms, a piece at a time", {})
        .takes(object(body, {"cursor"}), false)
        .answers("200", "What became of this piece; go on with nextCursor until it is null", object(answer))
        .out;
}

} // namespace

std::string KeyRoutes::openapiPaths() {
    Json paths = Json::object();
    paths["/api/jobs/{id}/api-keys"] = {{"get", listKeys()}, {"post", createKeyOperation()}};
    paths["/api/jobs/{id}/api-keys/{keyId}"] = {{"patch", changeKey()}, {"delete", deleteKey()}};
    paths["/api/jobs/{id}/api-keys/{keyId}/rotate"]["post"] = rotateKey();
    paths["/api/api-keys/harden"]["post"] = hardenKeys();
    return plugin::toText(paths);
}

} // namespace usher::apikey
