#include "http/BodyReader.h"

#include "app/TriggerBody.h"
#include "base/Text.h"

namespace usher {

std::optional<Refusal> wrongContentType(const HttpRequest& request) {
    if (request.body.empty()) return std::nullopt;
    std::string type = toLower(trim(
        std::string_view(request.field("Content-Type")).substr(0, request.field("Content-Type").find(';'))));
    if (type.empty() || type == "application/json") return std::nullopt;
    return Refusal{415,
                   "Unsupported media type",
                   "Send the body as Content-Type: application/json.",
                   "UNSUPPORTED_MEDIA_TYPE",
                   {},
                   0};
}

std::optional<Refusal> unwantedBody(const HttpRequest& request) {
    if (request.body.empty()) return std::nullopt;
    return BodyReader(request).problem();
}

BodyReader::BodyReader(const HttpRequest& request) {
    _broken = wrongContentType(request);
    if (_broken) return;
    auto parsed = parseJson(request.body);
    if (auto* error = std::get_if<JsonError>(&parsed))
        _broken = invalidBody({{"", request.body.empty() ? "a JSON object is required" : error->message}});
    else if (!std::get<Json>(parsed).is_object())
        _broken = invalidBody({{"", "must be a JSON object"}});
    else
        _json = std::move(std::get<Json>(parsed));
}

const Json* BodyReader::value(const std::string& name) {
    _known.insert(name);
    auto found = _json.find(name);
    return found == _json.end() ? nullptr : &*found;
}

std::optional<std::string> BodyReader::text(const std::string& name, std::size_t min, std::size_t max,
                                            bool required, bool trimmed) {
    const Json* json = value(name);
    std::string range =
        "must be a string of " + std::to_string(min) + " to " + std::to_string(max) + " characters";
    if (!json) {
        if (required) fault(name, "is required");
        return std::nullopt;
    }
    if (!json->is_string()) {
        fault(name, range);
        return std::nullopt;
    }
    std::string text = json->get<std::string>();
    if (trimmed) text = std::string(trim(text));
    std::size_t length = codePoints(text);
    if (length < min || length > max) {
        fault(name, range);
        return std::nullopt;
    }
    return text;
}

std::optional<std::int64_t> BodyReader::integer(const std::string& name, std::int64_t min, std::int64_t max) {
    const Json* json = value(name);
    if (!json) return std::nullopt;
    if (!json->is_number_integer() || json->get<std::int64_t>() < min || json->get<std::int64_t>() > max) {
        fault(name, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
        return std::nullopt;
    }
    return json->get<std::int64_t>();
}

std::optional<bool> BodyReader::boolean(const std::string& name) {
    const Json* json = value(name);
    if (!json) return std::nullopt;
    if (!json->is_boolean()) {
        fault(name, "must be true or false");
        return std::nullopt;
    }
    return json->get<bool>();
}

std::optional<std::string> BodyReader::oneOf(const std::string& name,
                                             const std::vector<std::string>& values) {
    const Json* json = value(name);
    if (!json) return std::nullopt;
    if (json->is_string())
        for (const std::string& one : values)
            if (json->get_ref<const std::string&>() == one) return one;
    std::string list;
    for (const std::string& one : values) list += (list.empty() ? "" : ", ") + one;
    fault(name, "must be one of " + list);
    return std::nullopt;
}

std::string BodyReader::names() const {
    std::string names;
    for (const auto& [name, _] : _json.items()) names += (names.empty() ? "" : ", ") + name;
    return names;
}

std::optional<Refusal> BodyReader::problem() {
    if (_broken) return _broken;
    for (const auto& [name, _] : _json.items())
        if (!_known.contains(name)) fault(oneLine(name, 64), "unknown field");
    if (_details.empty()) return std::nullopt;
    return invalidBody(_details);
}

} // namespace usher
