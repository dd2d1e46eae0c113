#include "plugin/Verdicts.h"

#include "base/Json.h"
#include "base/Text.h"
#include "domain/RefusalWords.h"
#include "plugin/CText.h"

#include <algorithm>
#include <array>

namespace usher {

namespace {

constexpr std::size_t kMaxId = 256, kMaxCode = 64, kMaxMessage = 4096, kMaxHeaders = 32, kMaxHeaderName = 64,
                      kMaxHeaderValue = 4096, kMaxBody = 8u << 20;

/// Why a struct of a plugin cannot be used. Thrown and caught in this file.
struct Unusable {
    std::string what;
};

bool isControl(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

std::string cutControls(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return !isControl(c); });
    return out;
}

std::string_view text(usher_str raw, std::size_t limit, const char* name) {
    auto found = readText(raw, limit);
    if (!found) throw Unusable{std::string(name) + (raw.data ? " is too long" : " has a size and no data")};
    if (!isUtf8(*found)) throw Unusable{std::string(name) + " is not UTF-8"};
    return *found;
}

bool isCode(std::string_view code) {
    return !code.empty() && code[0] >= 'A' && code[0] <= 'Z' &&
           std::all_of(code.begin(), code.end(),
                       [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool isToken(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_';
    });
}

/// An entry that ends in '-' stands for everything that begins so.
template <std::size_t N>
bool isListed(std::string_view name, const std::array<std::string_view, N>& list) {
    const std::string lower = toLower(name);
    return std::any_of(list.begin(), list.end(), [&](std::string_view entry) {
        return entry.back() == '-' ? lower.compare(0, entry.size(), entry) == 0 : lower == entry;
    });
}

constexpr std::array<std::string_view, 5> kVerdictHeaders = {"www-authenticate", "retry-after", "ratelimit-",
                                                             "x-ratelimit-", "set-cookie"};
constexpr std::array<std::string_view, 5> kResponseHeaders = {"set-cookie", "location", "retry-after",
                                                              "cache-control", "ratelimit-"};

template <std::size_t N>
Fields readHeaders(const usher_field* fields, std::size_t count,
                   const std::array<std::string_view, N>& list) {
    Fields headers;
    if (count == 0) return headers;
    if (!fields) throw Unusable{"headers have a count and no data"};
    if (count > kMaxHeaders) throw Unusable{"there are too many headers"};
    for (std::size_t i = 0; i < count; ++i) {
        std::string_view name = text(fields[i].name, kMaxHeaderName, "a header's name");
        std::string_view value = text(fields[i].value, kMaxHeaderValue, "a header's value");
        // A line break in a value would be a second header, or a second answer.
        if (!isToken(name) || !isListed(name, list) || std::any_of(value.begin(), value.end(), isControl))
            continue;
        headers.emplace_back(name, value);
    }
    return headers;
}

Principal readPrincipal(const usher_verdict& raw) {
    Principal principal;
    principal.id = text(raw.principal_id, kMaxId, "principal_id");
    principal.name = cutControls(text(raw.principal_name, kMaxId, "principal_name"));
    principal.role = text(raw.principal_role, kMaxId, "principal_role");
    if (principal.id.empty()) throw Unusable{"it allows and names no principal"};
    if (std::any_of(principal.id.begin(), principal.id.end(), isControl))
        throw Unusable{"principal_id has control characters"};
    const std::string& role = principal.role;
    if (!role.empty() && role != "viewer" && role != "editor" && role != "admin")
        throw Unusable{"principal_role is none of viewer, editor, admin"};
    return principal;
}

Verdict read(const usher_verdict& raw) {
    Verdict verdict;
    verdict.auditMessage = oneLine(text(raw.audit_message, kMaxMessage, "audit_message"), kMaxMessage);
    switch (raw.decision) {
    case USHER_ALLOW:
        verdict.decision = Decision::allow;
        break;
    case USHER_DENY:
        verdict.decision = Decision::deny;
        break;
    case USHER_ABSTAIN:
        verdict.decision = Decision::abstain;
        break;
    case USHER_ERROR:
        // Whatever else it says: a client learns nothing of what is broken inside.
        return unavailableVerdict(verdict.auditMessage.empty() ? "it could not judge" : verdict.auditMessage);
    default:
        throw Unusable{"its decision is " + std::to_string(raw.decision)};
    }
    // A refusal may name whose credential it was; who lets in must.
    if (verdict.decision == Decision::allow ||
        (verdict.decision == Decision::deny && raw.principal_id.size != 0))
        verdict.principal = readPrincipal(raw);

    std::string_view code = text(raw.code, kMaxCode, "code");
    if (isCode(code)) verdict.code = code;
    std::string_view message = text(raw.public_message, kMaxMessage, "public_message");
    std::size_t lineEnd = std::min(message.find('\n'), message.size());
    verdict.title = cutControls(message.substr(0, lineEnd));
    std::string rest(message.substr(std::min(lineEnd + 1, message.size())));
    std::replace(rest.begin(), rest.end(), '\n', ' ');
    verdict.message = cutControls(rest);

    verdict.headers = readHeaders(raw.headers, raw.header_count, kVerdictHeaders);
    if (raw.flags & USHER_HAS_LIMITS)
        verdict.limits =
            RateLimit{std::max<std::int64_t>(raw.limit, 0), std::max<std::int64_t>(raw.remaining, 0),
                      std::max<std::int64_t>(raw.reset_ms, 0)};
    verdict.replayOk = (raw.flags & USHER_REPLAY_OK) && verdict.decision == Decision::deny;
    verdict.guess = (raw.flags & USHER_GUESS) && verdict.decision != Decision::allow;

    const bool saysStatus = raw.http_status >= 400 && raw.http_status <= 599;
    if (verdict.decision != Decision::allow && saysStatus) verdict.httpStatus = raw.http_status;
    if (verdict.decision == Decision::deny) {
        if (verdict.httpStatus == 0) verdict.httpStatus = 403;
        const RefusalWords words = refusalWords(verdict.httpStatus);
        if (verdict.title.empty()) verdict.title = words.title;
        if (verdict.message.empty()) verdict.message = words.message;
        if (verdict.code.empty()) verdict.code = words.code;
    }
    return verdict;
}

} // namespace

Verdict unavailableVerdict(std::string reason) {
    Verdict verdict;
    verdict.httpStatus = 503;
    const RefusalWords words = refusalWords(503);
    verdict.code = words.code;
    verdict.title = words.title;
    verdict.message = words.message;
    verdict.auditMessage = std::move(reason);
    return verdict;
}

Verdict readVerdict(const usher_verdict& raw, const std::string& plugin) {
    try {
        return read(raw);
    } catch (const Unusable& unusable) {
        return unavailableVerdict("unusable verdict of plugin " + plugin + ": " + unusable.what);
    }
}

PluginResponse unavailableResponse(const std::string& requestId) {
    PluginResponse response;
    response.contentType = "application/json";
    response.body = toText(Json{{"error", "Authorization unavailable"},
                                {"message", "The request could not be answered. Try again in a moment."},
                                {"code", "AUTH_UNAVAILABLE"},
                                {"requestId", requestId}});
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

PluginResponse readResponse(const usher_http_response& raw, const std::string& requestId,
                            std::string& problem) {
    try {
        PluginResponse response;
        response.status = raw.status;
        if (raw.status < 200 || raw.status > 599)
            throw Unusable{"its status is " + std::to_string(raw.status)};
        std::string_view type = text(raw.content_type, 256, "content_type");
        if (std::any_of(type.begin(), type.end(), isControl))
            throw Unusable{"content_type has control characters"};
        response.contentType = type.empty() ? "application/json" : type;
        auto body = readText(raw.body, kMaxBody);
        if (!body) throw Unusable{raw.body.data ? "body is too long" : "body has a size and no data"};
        response.body = *body;
        response.headers = readHeaders(raw.headers, raw.header_count, kResponseHeaders);
        return response;
    } catch (const Unusable& unusable) {
        problem = unusable.what;
        return unavailableResponse(requestId);
    }
}

} // namespace usher
