#include "KeyRoutes.h"

#include "KeyFormat.h"
#include "common/Crypto.h"
#include "common/Text.h"

namespace usher::apikey {

namespace {

using auth::HttpRequest;
using auth::HttpResponse;
using plugin::Json;

constexpr std::string_view kPath = "/api/jobs/{id}/api-keys", kKeyPath = "/api/jobs/{id}/api-keys/{keyId}",
                           kRotatePath = "/api/jobs/{id}/api-keys/{keyId}/rotate";
constexpr std::string_view kHardenPath = "/api/api-keys/harden";
constexpr std::uint32_t kBodyLimit = 1u << 20; // of every path but triggers
constexpr std::size_t kLongestId = 64;

HttpResponse error(const HttpRequest& request, int status, const std::string& title, const std::string& code,
                   const std::string& message, const std::vector<FieldError>& details = {}) {
    Json body{{"error", title},
              {"message", message},
              {"code", code},
              {"requestId", std::string(request.request().id())}};
    for (const FieldError& detail : details)
        body["details"].push_back({{"field", detail.field}, {"message", detail.message}});
    HttpResponse response{status, plugin::toText(body)};
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

HttpResponse problem(const HttpRequest& request, AdminProblem problem) {
    switch (problem) {
    case AdminProblem::jobNotFound:
        return error(request, 404, "Job not found", "JOB_NOT_FOUND", "There is no job with this id.");
    case AdminProblem::keyNotFound:
        return error(request, 404, "API key not found", "API_KEY_NOT_FOUND",
                     "This job has no key with this id.");
    case AdminProblem::nameExists:
        return error(request, 409, "An API key with this name already exists for this job",
                     "API_KEY_NAME_EXISTS", "Choose another name.");
    case AdminProblem::alreadyRotated:
        return error(request, 409, "API key already rotated", "API_KEY_ALREADY_ROTATED",
                     "Rotate the key that replaced it. Nobody has that one's secret? Delete it first.");
    case AdminProblem::tooMany:
        return error(request, 409, "Maximum of 10 API keys per job reached", "API_KEY_LIMIT_REACHED",
                     "Delete a key that is no longer used.");
    case AdminProblem::none:
        break;
    }
    return error(request, 500, "Internal error", "INTERNAL", "The request id stands in the daemon's log.");
}

HttpResponse invalidBody(const HttpRequest& request, const std::vector<FieldError>& details) {
    return error(request, 400, "Invalid request body", "INVALID_BODY",
                 "Correct the fields that are named in details.", details);
}

/// A body that says it is something else than JSON is not taken for JSON.
bool isJson(const auth::Request& request) {
    const std::string_view type = *request.header("Content-Type");
    const std::string_view essence = plugin::trim(type.substr(0, type.find(';')));
    return essence.empty() || plugin::equalsIgnoreCase(essence, "application/json");
}

Json orNull(const std::optional<std::string>& text) {
    return text ? Json(*text) : Json(nullptr);
}

/// The list as an array, in whichever form another program stored it.
Json addressesOf(const std::optional<std::string>& stored) {
    if (!stored || plugin::trim(*stored).empty()) return nullptr;
    auto parsed = plugin::parseJson(*stored);
    if (Json* json = std::get_if<Json>(&parsed); json && json->is_array()) return std::move(*json);
    Json list = Json::array();
    std::string_view rest = *stored;
    while (!rest.empty()) {
        const std::size_t comma = rest.find(',');
        list.push_back(std::string(plugin::trim(rest.substr(0, comma))));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return list;
}

Json listed(const ListedKey& key) {
    Json json{{"id", key.id},
              {"name", key.name},
              {"start", key.start},
              {"enabled", key.enabled},
              {"createdAt", key.createdAt},
              {"updatedAt", key.updatedAt},
              {"expiresAt", orNull(key.expiresAt)},
              {"lastRequest", orNull(key.lastRequest)},
              {"requestCount", key.requestCount},
              {"jobId", key.jobId},
              {"createdByName", key.createdByName},
              {"rateLimit", nullptr},
              {"remaining", nullptr},
              {"allowedAddresses", addressesOf(key.allowedAddresses)}};
    if (key.rateLimit)
        json["rateLimit"] = {{"max", key.rateLimit->max},
                             {"windowSeconds", (key.rateLimit->windowMs + 999) / 1000}};
    if (key.remaining) json["remaining"] = *key.remaining;
    return json;
}

/// The one answer that holds a key. The caller wipes nothing: the host copies it and sends it.
HttpResponse withSecret(const ListedKey& key, std::string& secret) {
    Json json{{"success", true}, {"apiKey", listed(key)}};
    json["apiKey"]["key"] = secret;
    HttpResponse response{201, plugin::toText(json)};
    plugin::wipe(json["apiKey"]["key"].get_ref<std::string&>());
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

/// The user that the session plugin vouches for, as its table knows him.
std::string userOf(const HttpRequest& request) {
    constexpr std::string_view prefix = "user:";
    const std::string_view id = request.principalId();
    return std::string(id.starts_with(prefix) ? id.substr(prefix.size()) : std::string_view());
}

NewKey newKey(const HttpRequest& request, const std::string& job, const std::string& secret) {
    constexpr std::string_view letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return {
        plugin::randomText(32, letters),       storedForm(secret), startOf(secret), job, userOf(request), {},
        "{\"jobs\":[\"trigger:" + job + "\"]}"};
}

std::string resourceOf(const std::string& job, const std::string& key) {
    return "job:" + job + " key:" + key;
}

std::string changedFields(const KeyRequest& change) {
    std::string text;
    auto add = [&](bool given, std::string_view name) {
        if (given) text.append(text.empty() ? "" : ", ").append(name);
    };
    if (change.enabled) add(true, *change.enabled ? "enabled=true" : "enabled=false");
    add(change.name.has_value(), "name");
    add(change.expiresInSeconds.given, "expiresIn");
    add(change.rateLimit.given, "rateLimit");
    add(change.remaining.given, "remaining");
    add(change.allowedAddresses.given, "allowedAddresses");
    return text;
}

} // namespace

std::vector<auth::Route> KeyRoutes::routes() {
    return {{"GET", kPath, "key.list", "id", 0},
            {"POST", kPath, "key.create", "id", kBodyLimit},
            {"PATCH", kKeyPath, "key.update", "id", kBodyLimit},
            {"DELETE", kKeyPath, "key.delete", "id", kBodyLimit},
            {"POST", kRotatePath, "key.update", "id", kBodyLimit},
            {"POST", kHardenPath, "key.harden", "", kBodyLimit}};
}

void KeyRoutes::audit(const HttpRequest& request, const std::string& resource, const std::string& detail) {
    auth::AuditRecord record;
    record.actor = request.principalId();
    record.action =
        request.request().action().empty() ? routes().at(request.route()).action : request.request().action();
    record.resource = resource;
    record.decision = "allowed";
    record.detail = detail;
    record.address = request.request().clientAddress();
    record.requestId = request.request().id();
    if (!_host.audit(record))
        _host.log(USHER_LOG_WARNING, "the audit log took no record of " + record.action);
}

HttpResponse KeyRoutes::handle(const HttpRequest& request) {
    std::optional<std::string> job;
    if (request.route() != harden) {
        job = plugin::parseUuid(request.param("id"));
        if (!job)
            return error(request, 400, "Invalid job ID format", "INVALID_JOB_ID",
                         "The id of a job is a UUID.");
    }
    const std::string key(job ? request.param("keyId") : std::string_view());
    if (key.size() > kLongestId || key.find('\0') != std::string::npos || !plugin::isUtf8(key))
        return problem(request, AdminProblem::keyNotFound);
    if (!request.request().body().empty() && !isJson(request.request()))
        return error(request, 415, "Unsupported media type", "UNSUPPORTED_MEDIA_TYPE",
                     "Send the body as Content-Type: application/json.");
    const auto deadline = request.request().deadline() - std::chrono::milliseconds(20);
    try {
        return job ? dispatch(request, *job, key, deadline) : hardenSome(request, deadline);
    } catch (const plugin::DatabaseUnavailable& error_) {
        _host.log(USHER_LOG_ERROR, std::string("key management: ") + error_.what());
        return error(request, 503, "Storage unavailable", "STORAGE_UNAVAILABLE",
                     "The database does not answer. Try again in a moment.");
    }
}

HttpResponse KeyRoutes::hardenSome(const HttpRequest& request, auth::Deadline deadline) {
    std::string cursor;
    const auto errors = readHardening(request.request().body(), cursor);
    if (!errors.empty()) return invalidBody(request, errors);
    const HardenStore::Result result = _hardening.harden(deadline, cursor);
    if (result.fromHex + result.fromClear > 0)
        audit(request, "keys",
              "hex=" + std::to_string(result.fromHex) + " clear=" + std::to_string(result.fromClear));
    Json body{{"success", true},
              {"rewritten", {{"hex", result.fromHex}, {"clear", result.fromClear}}},
              {"unchanged", result.unchanged},
              {"skipped", Json::array()},
              {"nextCursor", nullptr}};
    for (const std::string& id : result.skipped) body["skipped"].push_back(id);
    if (!result.next.empty()) body["nextCursor"] = result.next;
    return {200, plugin::toText(body)};
}

HttpResponse KeyRoutes::dispatch(const HttpRequest& request, const std::string& job, const std::string& key,
                                 auth::Deadline deadline) {
    const std::string_view body = request.request().body();
    switch (request.route()) {
    case list: {
        const auto answer = _store.list(deadline, job);
        if (answer.problem != AdminProblem::none) return problem(request, answer.problem);
        Json keys = Json::array();
        for (const ListedKey& each : answer.keys) keys.push_back(listed(each));
        return {200, plugin::toText({{"success", true}, {"apiKeys", std::move(keys)}})};
    }
    case create: {
        KeyRequest settings;
        const auto errors = readKeyRequest(body, BodyOf::create, settings);
        if (!errors.empty()) return invalidBody(request, errors);
        std::string secret = createKey();
        NewKey fresh = newKey(request, job, secret);
        fresh.settings = std::move(settings);
        const auto answer = _store.create(deadline, fresh);
        if (answer.problem != AdminProblem::none) return problem(request, answer.problem);
        audit(request, resourceOf(job, fresh.id), "name=" + *fresh.settings.name + " start=" + fresh.start);
        HttpResponse response = withSecret(answer.keys.at(0), secret);
        plugin::wipe(secret);
        return response;
    }
    case update: {
        KeyRequest change;
        const auto errors = readKeyRequest(body, BodyOf::update, change);
        if (!errors.empty()) return invalidBody(request, errors);
        const auto answer = _store.update(deadline, job, key, change);
        if (answer.problem != AdminProblem::none) return problem(request, answer.problem);
        audit(request, resourceOf(job, key), changedFields(change));
        return {200, plugin::toText({{"success", true}, {"apiKey", listed(answer.keys.at(0))}})};
    }
    case remove: {
        const AdminProblem outcome = _store.remove(deadline, job, key);
        if (outcome != AdminProblem::none) return problem(request, outcome);
        audit(request, resourceOf(job, key), "");
        return {200, R"({"success":true,"message":"API key deleted successfully"})"};
    }
    case rotate: {
        std::int64_t grace = 0;
        const auto errors = readRotation(body, grace);
        if (!errors.empty()) return invalidBody(request, errors);
        std::string secret = createKey();
        NewKey fresh = newKey(request, job, secret);
        const auto answer = _store.rotate(deadline, key, fresh, grace);
        if (answer.problem != AdminProblem::none) return problem(request, answer.problem);
        audit(request, resourceOf(job, key),
              "rotated to key:" + fresh.id + " graceSeconds=" + std::to_string(grace));
        HttpResponse response = withSecret(answer.keys.at(0), secret);
        plugin::wipe(secret);
        return response;
    }
    default:
        return problem(request, AdminProblem::none);
    }
}

} // namespace usher::apikey
