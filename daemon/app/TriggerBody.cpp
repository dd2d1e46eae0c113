#include "app/TriggerBody.h"

#include "base/Json.h"
#include "base/Text.h"

#include <re2/re2.h>

namespace usher {

namespace {

constexpr std::size_t kMaxValueBytes = 16 * 1024;
constexpr std::size_t kMaxPattern = 256;
constexpr std::size_t kMaxPatternsKept = 1000;

RE2::Options quiet() {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    return options;
}

} // namespace

Refusal invalidBody(std::vector<Refusal::Detail> details, std::string message) {
    if (message.empty()) {
        for (const auto& detail : details)
            message += (message.empty() ? "" : "; ") + (detail.field.empty() ? "" : detail.field + ": ") +
                       detail.message;
    }
    return {400, "Invalid request body", std::move(message), "INVALID_BODY", std::move(details), 0};
}

std::variant<TriggerBody, Refusal> parseTriggerBody(std::string_view body) {
    TriggerBody out;
    if (body.empty()) return out;
    auto parsed = parseJson(body, {.maxBytes = 64 * 1024, .maxDepth = 4, .maxValues = 2000});
    if (auto* problem = std::get_if<JsonError>(&parsed)) return invalidBody({{"", problem->message}});
    const Json& json = std::get<Json>(parsed);
    if (!json.is_object()) return invalidBody({{"", "must be a JSON object"}});
    std::vector<Refusal::Detail> details;
    for (const auto& [name, value] : json.items()) {
        if (name == "idempotencyKey") {
            if (!value.is_string() || !isIdempotencyKey(value.get_ref<const std::string&>()))
                details.push_back({name, "must be a string of 1 to 255 characters"});
            else
                out.idempotencyKey = value.get<std::string>();
        } else if (name == "parameters") {
            if (!value.is_object()) {
                details.push_back({name, "must be an object of strings"});
                continue;
            }
            for (const auto& [key, text] : value.items()) {
                if (!text.is_string())
                    details.push_back({"parameters." + oneLine(key, 64), "must be a string"});
                else
                    out.parameters[key] = text.get<std::string>();
            }
        } else {
            details.push_back({oneLine(name, 64), "unknown field; known are parameters and idempotencyKey"});
        }
    }
    if (!details.empty()) return invalidBody(std::move(details));
    return out;
}

bool isIdempotencyKey(std::string_view key) {
    return !key.empty() && isUtf8(key) && codePoints(key) <= 255;
}

bool isParameterName(std::string_view name) {
    if (name.empty() || name.size() > 64) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        char c = name[i];
        if (!((c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9'))) return false;
    }
    return name.substr(0, 6) != "USHER_" && name.substr(0, 3) != "LD_" && name != "PATH" && name != "HOME" &&
           name != "TMPDIR";
}

ParameterRules::ParameterRules() = default;
ParameterRules::~ParameterRules() = default;

const re2::RE2* ParameterRules::compiled(const std::string& pattern) {
    auto found = _patterns.find(pattern);
    if (found == _patterns.end()) {
        if (_patterns.size() >= kMaxPatternsKept) _patterns.clear();
        found = _patterns.emplace(pattern, std::make_unique<RE2>(pattern, quiet())).first;
    }
    return found->second.get();
}

std::variant<Environment, Refusal> ParameterRules::apply(const std::vector<Parameter>& declared,
                                                         const Environment& given) {
    Environment out;
    std::vector<Refusal::Detail> details;
    for (const auto& [name, value] : given) {
        bool known = false;
        for (const Parameter& p : declared) known = known || p.name == name;
        if (!known) details.push_back({"parameters." + oneLine(name, 64), "is not declared on this job"});
    }
    for (const Parameter& p : declared) {
        auto value = given.find(p.name);
        std::string field = "parameters." + p.name;
        if (value == given.end()) {
            if (p.defaultValue)
                out[p.name] = *p.defaultValue;
            else if (p.required)
                details.push_back({field, "is required"});
            continue;
        }
        if (value->second.size() > kMaxValueBytes) {
            details.push_back({field, "must be at most 16384 bytes"});
            continue;
        }
        if (p.pattern) {
            const RE2* pattern = compiled(*p.pattern);
            if (!pattern->ok() || !RE2::FullMatch(value->second, *pattern)) {
                details.push_back({field, "must match " + *p.pattern});
                continue;
            }
        }
        out[p.name] = value->second;
    }
    if (!details.empty()) return invalidBody(std::move(details));
    return out;
}

std::optional<std::string> ParameterRules::problemWith(const Parameter& p) {
    if (!isParameterName(p.name))
        return "must match [A-Z_][A-Z0-9_]{0,63} and not be USHER_*, LD_*, PATH, HOME or TMPDIR";
    if (p.defaultValue && p.defaultValue->size() > kMaxValueBytes) return "default: at most 16384 bytes";
    if (!p.pattern) return std::nullopt;
    if (codePoints(*p.pattern) > kMaxPattern) return "pattern: at most 256 characters";
    RE2 pattern(*p.pattern, quiet());
    if (!pattern.ok()) return "pattern: not an RE2 expression: " + pattern.error();
    if (p.defaultValue && !RE2::FullMatch(*p.defaultValue, pattern))
        return "default: does not match the pattern";
    return std::nullopt;
}

} // namespace usher
