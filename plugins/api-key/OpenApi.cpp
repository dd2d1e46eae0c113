#include "common/OpenApi.h"
#include "KeyRoutes.h"

#include <initializer_list>

/// The OpenAPI description of the plugin's routes: built, not written out, because the same few shapes come
/// back in every operation.
namespace usher::apikey {

namespace {

using plugin::Json;
using namespace plugin::openapi;

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
    out["name"] = text(1, 100);
    out["expiresIn"] = orNull(integer(60, 31'536'000));
    out["rateLimit"] = rateLimit();
    out["remaining"] = orNull(integer(0, 2'147'483'647));
    out["allowedAddresses"] = addresses();
    return out;
}

/// An operation of this plugin: what every one of them may refuse, and the ids in its path.
Operation operation(const char* id, const char* summary, std::initializer_list<const char*> pathParameters) {
    Operation out(id, summary);
    out.refuses({"400", "401"});
    for (const char* each : pathParameters) out.parameter(each, "path", schema("string"));
    if (pathParameters.size() > 0) out.refuses({"404"});
    return out;
}

Json keyAnswer(bool withSecret) {
    Json key = listedProperties();
    if (withSecret) key["key"] = schema("string");
    return object(with(success(), "apiKey", object(key)));
}

Json listKeys() {
    return operation("listApiKeys", "The keys of a job, the oldest first", {"id"})
        .answers("200", "The keys; never their secrets",
                 object(with(success(), "apiKeys", arrayOf(object(listedProperties())))))
        .out;
}

Json createKeyOperation() {
    const Json body = with(settings(), "metadata", orNull(schema("object")));
    return operation("createApiKey", "Make a key; this answer is the only place where it is ever shown",
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
    return operation("changeApiKey", "Change a key; in force on every node when answered", {"id", "keyId"})
        .takes(body, true)
        .answers("200", "Changed", keyAnswer(false))
        .refuses({"409"})
        .out;
}

Json deleteKey() {
    return operation("deleteApiKey", "Delete a key; in force on every node when answered", {"id", "keyId"})
        .answers("200", "Deleted", object(with(success(), "message", schema("string"))))
        .out;
}

Json rotateKey() {
    Json body = Json::object();
    body["graceSeconds"] = integer(0, 604'800);
    return operation("rotateApiKey",
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
    return operation("hardenApiKeys", "Rewrite keys that are stored in older forms, a piece at a time", {})
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
