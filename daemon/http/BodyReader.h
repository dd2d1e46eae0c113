#pragma once

#include "base/Json.h"
#include "domain/Refusal.h"
#include "http/Exchange.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace usher {

/// Reads a JSON object field by field and collects everything that is wrong with it, so that the client hears
/// of all problems at once. A field that is not asked for is unknown, and an error.
///     BodyReader body(request);
///     settings.name = body.text("name", 1, 255).value_or("");
///     if (auto refusal = body.problem()) …
class BodyReader {
public:
    explicit BodyReader(const HttpRequest& request);

    bool has(const std::string& name) const { return _json.contains(name); }
    bool isNull(const std::string& name) { return _known.insert(name), has(name) && _json[name].is_null(); }
    /// 1 to 255: code points after trimming white space. Absent: nothing, and an error when `required`.
    std::optional<std::string> text(const std::string& name, std::size_t min, std::size_t max,
                                    bool required = false, bool trimmed = false);
    std::optional<std::int64_t> integer(const std::string& name, std::int64_t min, std::int64_t max);
    std::optional<bool> boolean(const std::string& name);
    std::optional<std::string> oneOf(const std::string& name, const std::vector<std::string>& values);
    /// Any JSON value, for the caller to take apart; null pointer when absent.
    const Json* value(const std::string& name);
    /// The names that it holds, for the audit log: "name, paused".
    std::string names() const;
    void fault(const std::string& field, const std::string& message) { _details.push_back({field, message}); }

    /// Call last: unknown fields count too.
    std::optional<Refusal> problem();

private:
    Json _json = Json::object();
    std::set<std::string> _known;
    std::vector<Refusal::Detail> _details;
    std::optional<Refusal> _broken;
};

/// For requests that take no body: why this one's is refused. Nothing for none, and for an empty object.
std::optional<Refusal> unwantedBody(const HttpRequest& request);

/// 415 for a body that does not call itself JSON.
std::optional<Refusal> wrongContentType(const HttpRequest& request);

} // namespace usher
