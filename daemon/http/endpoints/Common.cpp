#include "base/Cursor.h"
#include "base/Text.h"
#include "base/Uuid.h"
#include "domain/Errors.h"
#include "http/endpoints/Endpoints.h"

namespace usher {

namespace {

Refusal notAnId(const std::string& title, const std::string& code) {
    return {400, title, "An id is a UUID, for example 0198c1d2-7e4a-7b3c-9d10-3f5a6b7c8d9e.", code, {}, 0};
}

std::optional<std::string> idOf(Context& context, const Refusal& refusal) {
    auto id = parseUuid(context.param("id"));
    if (!id) context.refuse(refusal);
    return id;
}

} // namespace

Refusal invalidJobId() {
    return notAnId("Invalid job ID format", "INVALID_JOB_ID");
}
std::optional<std::string> jobIdOf(Context& c) {
    return idOf(c, invalidJobId());
}
std::optional<std::string> testIdOf(Context& c) {
    return idOf(c, notAnId("Invalid test ID format", "INVALID_TEST_ID"));
}
std::optional<std::string> runIdOf(Context& c) {
    return idOf(c, notAnId("Invalid run ID format", "INVALID_RUN_ID"));
}

std::optional<PageRequest> pageOf(Context& context, bool serial) {
    PageRequest page;
    if (auto limit = context.queryValue("limit")) {
        auto number = parseInteger(*limit);
        if (!number || *number < 1 || *number > 200) {
            context.refuse(badRequest("limit", "must be a whole number from 1 to 200"));
            return std::nullopt;
        }
        page.limit = static_cast<int>(*number);
    }
    page.cursor = context.queryValue("cursor").value_or("");
    // Read as an empty one it would begin the list anew, and a client that follows it would never end.
    const bool good =
        serial ? serialCursorFrom(page.cursor).has_value() : cursorFrom(page.cursor).has_value();
    if (!page.cursor.empty() && !good) {
        context.refuse(badRequest("cursor", "must be a nextCursor that was given before"));
        return std::nullopt;
    }
    return page;
}

Router::Loader runAttributes(Services& services) {
    return [&services](Context& context) {
        Fields attributes;
        auto id = parseUuid(context.param("id"));
        if (id) context.run = services.runs.findRun(*id);
        if (context.run) {
            attributes.emplace_back("job_id", context.run->jobId);
            attributes.emplace_back("started_by", context.run->principalId);
        }
        return attributes;
    };
}

void untilWritten(const std::function<bool()>& round) {
    for (int i = 0; i < 100; ++i)
        if (round()) return;
    throw StorageUnavailable("others keep changing the same thing");
}

void auditChange(Services& services, const Context& context, const std::string& action,
                 const std::string& resource, const std::string& detail, const std::string& code) {
    const HttpRequest& request = context.request();
    services.audit.record({0, context.principal.id, action, resource, code.empty() ? "allowed" : "refused",
                           code, services.gate.originOf(request).address, request.id, detail});
}

} // namespace usher
