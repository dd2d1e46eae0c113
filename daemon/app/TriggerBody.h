#pragma once

#include "domain/Job.h"
#include "domain/Refusal.h"
#include "domain/Run.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

namespace re2 {
class RE2;
}

namespace usher {

/// What a trigger's body says, decoded once.
struct TriggerBody {
    Environment parameters;
    std::optional<std::string> idempotencyKey;
};

/// The refusal for any body that is not as documented.
Refusal invalidBody(std::vector<Refusal::Detail> details, std::string message = {});

/// Decodes `{"parameters": {"NAME": "value"}, "idempotencyKey": "…"}`; nothing at all is an empty body.
std::variant<TriggerBody, Refusal> parseTriggerBody(std::string_view body);

/// 1 to 255 characters of UTF-8.
bool isIdempotencyKey(std::string_view key);

/// May a parameter or a secret have this name: [A-Z_][A-Z0-9_]{0,63} and none of the system's own.
bool isParameterName(std::string_view name);

/// Holds values against what a job declares. Keeps compiled patterns. One caller at a time.
class ParameterRules {
public:
    ParameterRules();
    ~ParameterRules();
    /// The environment that the tests get, defaults filled in; or why not.
    std::variant<Environment, Refusal> apply(const std::vector<Parameter>& declared,
                                             const Environment& given);
    /// Why this declaration is not acceptable; nothing when it is.
    static std::optional<std::string> problemWith(const Parameter& parameter);

private:
    const re2::RE2* compiled(const std::string& pattern);
    std::unordered_map<std::string, std::unique_ptr<re2::RE2>> _patterns;
};

} // namespace usher
