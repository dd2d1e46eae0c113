#include "KeyRequest.h"

#include "AddressList.h"
#include "common/Text.h"

#include <algorithm>

namespace usher::apikey {

namespace {

using plugin::Json;

constexpr std::int64_t kMaxUses = 2'147'483'647; // the column is an integer
constexpr std::size_t kMostAddresses = 100, kMostMetadataBytes = 4096;

/// Reads the fields of one object, remembers what it has seen and what was wrong.
class Reader {
public:
    Reader(const Json& object, std::vector<FieldError>& errors) : _object(object), _errors(errors) {}

    const Json* find(const char* name) {
        _known.emplace_back(name);
        const auto at = _object.find(name);
        return at == _object.end() ? nullptr : &*at;
    }
    void wrong(std::string field, std::string message) {
        _errors.push_back({std::move(field), std::move(message)});
    }

    std::optional<std::int64_t> integer(const Json& value, const std::string& field, std::int64_t least,
                                        std::int64_t most) {
        if (value.is_number_integer()) {
            const auto number = value.get<std::int64_t>();
            if (number >= least && number <= most) return number;
        }
        wrong(field, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        return std::nullopt;
    }
    /// Absent, null or a number.
    void setting(const char* name, std::int64_t least, std::int64_t most, Setting<std::int64_t>& out) {
        const Json* value = find(name);
        if (!value) return;
        out.given = true;
        if (!value->is_null()) out.value = integer(*value, name, least, most);
    }
    void refuseOthers() {
        for (const auto& [name, value] : _object.items())
            if (std::find(_known.begin(), _known.end(), name) == _known.end()) wrong(name, "unknown field");
    }

private:
    const Json& _object;
    std::vector<FieldError>& _errors;
    std::vector<std::string> _known;
};

std::optional<Json> objectOf(std::string_view body, std::vector<FieldError>& errors) {
    auto parsed = plugin::parseJson(body);
    if (const auto* error = std::get_if<plugin::JsonError>(&parsed)) {
        errors.push_back({"", error->message});
        return std::nullopt;
    }
    Json& json = std::get<Json>(parsed);
    if (json.is_object()) return std::move(json);
    errors.push_back({"", "must be a JSON object"});
    return std::nullopt;
}

void readName(Reader& reader, BodyOf kind, KeyRequest& out) {
    const Json* name = reader.find("name");
    if (!name) {
        if (kind == BodyOf::create) reader.wrong("name", "is required");
        return;
    }
    if (!name->is_string()) return reader.wrong("name", "must be a string");
    const std::string trimmed(plugin::trim(name->get_ref<const std::string&>()));
    const std::size_t length = plugin::codePoints(trimmed);
    if (length < 1 || length > 100) return reader.wrong("name", "must have 1 to 100 characters");
    out.name = trimmed;
}

void readRateLimit(Reader& reader, std::vector<FieldError>& errors, KeyRequest& out) {
    const Json* value = reader.find("rateLimit");
    if (!value) return;
    out.rateLimit.given = true;
    if (value->is_null()) return;
    if (!value->is_object())
        return reader.wrong("rateLimit", R"(must be null or {"max": N, "windowSeconds": S})");
    Reader inner(*value, errors);
    const Json *max = inner.find("max"), *window = inner.find("windowSeconds");
    std::optional<std::int64_t> maxValue, windowValue;
    if (max)
        maxValue = inner.integer(*max, "rateLimit.max", 1, 10'000);
    else
        inner.wrong("rateLimit.max", "is required");
    if (window)
        windowValue = inner.integer(*window, "rateLimit.windowSeconds", 1, 86'400);
    else
        inner.wrong("rateLimit.windowSeconds", "is required");
    const std::size_t before = errors.size();
    inner.refuseOthers();
    for (std::size_t i = before; i < errors.size(); ++i) errors[i].field = "rateLimit." + errors[i].field;
    if (maxValue && windowValue) out.rateLimit.value = RateLimit{*maxValue, *windowValue * 1000};
}

void readAddresses(Reader& reader, KeyRequest& out) {
    const Json* value = reader.find("allowedAddresses");
    if (!value) return;
    out.allowedAddresses.given = true;
    if (value->is_null()) return;
    if (!value->is_array() || value->empty() || value->size() > kMostAddresses)
        return reader.wrong("allowedAddresses", "must be null (from anywhere) or a list of 1 to " +
                                                    std::to_string(kMostAddresses) +
                                                    " addresses or networks");
    for (const Json& entry : *value)
        if (!entry.is_string() || !Network::parse(entry.get_ref<const std::string&>()))
            return reader.wrong("allowedAddresses",
                                "each entry must be an IPv4 or IPv6 address or network, like 203.0.113.0/24");
    out.allowedAddresses.value = plugin::toText(*value);
}

void readMetadata(Reader& reader, KeyRequest& out) {
    const Json* value = reader.find("metadata");
    if (!value) return;
    out.metadata.given = true;
    if (value->is_null()) return;
    if (!value->is_object()) return reader.wrong("metadata", "must be a JSON object");
    std::string text = plugin::toText(*value);
    if (text.size() > kMostMetadataBytes)
        return reader.wrong("metadata",
                            "must be at most " + std::to_string(kMostMetadataBytes) + " bytes of JSON");
    out.metadata.value = std::move(text);
}

} // namespace

std::vector<FieldError> readKeyRequest(std::string_view body, BodyOf kind, KeyRequest& out) {
    std::vector<FieldError> errors;
    const std::optional<Json> object = objectOf(body, errors);
    if (!object) return errors;
    Reader reader(*object, errors);
    readName(reader, kind, out);
    reader.setting("expiresIn", 60, 31'536'000, out.expiresInSeconds);
    readRateLimit(reader, errors, out);
    reader.setting("remaining", 0, kMaxUses, out.remaining);
    readAddresses(reader, out);
    if (kind == BodyOf::create) readMetadata(reader, out);
    if (kind == BodyOf::update) {
        if (const Json* enabled = reader.find("enabled")) {
            if (enabled->is_boolean())
                out.enabled = enabled->get<bool>();
            else
                reader.wrong("enabled", "must be true or false");
        }
    }
    reader.refuseOthers();
    if (kind == BodyOf::update && object->empty()) reader.wrong("", "must change something");
    return errors;
}

std::vector<FieldError> readRotation(std::string_view body, std::int64_t& graceSeconds) {
    std::vector<FieldError> errors;
    graceSeconds = 0;
    if (plugin::trim(body).empty()) return errors;
    const std::optional<Json> object = objectOf(body, errors);
    if (!object) return errors;
    Reader reader(*object, errors);
    if (const Json* grace = reader.find("graceSeconds"))
        graceSeconds = reader.integer(*grace, "graceSeconds", 0, 604'800).value_or(0);
    reader.refuseOthers();
    return errors;
}

std::vector<FieldError> readHardening(std::string_view body, std::string& cursor) {
    std::vector<FieldError> errors;
    cursor.clear();
    if (plugin::trim(body).empty()) return errors;
    const std::optional<Json> object = objectOf(body, errors);
    if (!object) return errors;
    Reader reader(*object, errors);
    if (const Json* value = reader.find("cursor")) {
        if (value->is_string())
            cursor = value->get<std::string>();
        else if (!value->is_null())
            reader.wrong("cursor", "must be a nextCursor that was given before");
    }
    reader.refuseOthers();
    return errors;
}

} // namespace usher::apikey
