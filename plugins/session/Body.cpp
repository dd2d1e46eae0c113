#include "session/Body.h"

#include "common/Text.h"
#include "session/Answer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace usher::session {

using plugin::Json;

namespace {

bool isJsonType(const Ask& ask) {
    const std::string type =
        plugin::toLower(plugin::trim(ask.contentType.substr(0, ask.contentType.find(';'))));
    return type == "application/json" || (type.empty() && !ask.fromBrowser);
}

} // namespace

Body::Body(const Ask& ask) {
    _mediaType = isJsonType(ask);
    auto parsed = plugin::parseJson(ask.body);
    if (const auto* error = std::get_if<plugin::JsonError>(&parsed))
        _unreadable = error->message;
    else if (Json& json = std::get<Json>(parsed); json.is_object())
        _json = std::move(json);
    else
        _unreadable = "must be a JSON object";
}

std::optional<std::string> Body::text(const std::string& field) {
    _known.insert(field);
    const auto found = _json.find(field);
    if (found == _json.end()) return std::nullopt;
    if (found->is_string()) return found->get<std::string>();
    complain(field, "must be a string");
    return std::nullopt;
}

std::string Body::requiredText(const std::string& field) {
    if (!has(field)) complain(field, "is required");
    return text(field).value_or("");
}

std::optional<bool> Body::boolean(const std::string& field) {
    _known.insert(field);
    const auto found = _json.find(field);
    if (found == _json.end()) return std::nullopt;
    if (found->is_boolean()) return found->get<bool>();
    complain(field, "must be true or false");
    return std::nullopt;
}

bool Body::has(const std::string& field) const {
    return _json.contains(field);
}

void Body::complain(const std::string& field, const std::string& message) {
    // One complaint a field: the first one is the one to act on.
    for (const Json& complaint : _complaints)
        if (complaint["field"] == field) return;
    _complaints.push_back({{"field", field}, {"message", message}});
}

bool Body::valid() {
    constexpr std::size_t kMaxReported = 20, kMaxNameReported = 64;
    for (const auto& item : _json.items())
        if (!_known.count(item.key()) && _complaints.size() < kMaxReported)
            complain(item.key().size() <= kMaxNameReported ? item.key() : "…", "is not known");
    return _mediaType && _unreadable.empty() && _complaints.empty();
}

auth::HttpResponse Body::refusal(const Ask& ask) const {
    if (!_mediaType)
        return refuse(ask, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type",
                      "Send JSON, with Content-Type: application/json.");
    if (!_unreadable.empty())
        return refuse(ask, 400, "INVALID_BODY", "Invalid request body",
                      "The body cannot be read: " + _unreadable + ".",
                      Json::array({{{"field", ""}, {"message", _unreadable}}}));
    return refuse(ask, 400, "INVALID_BODY", "Invalid request body",
                  "See details for what is wrong with each field.", _complaints);
}

std::string lowerCase(std::string_view text) {
    std::string out;
    const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
    auto left = static_cast<utf8proc_ssize_t>(text.size());
    while (left > 0) {
        utf8proc_int32_t point = 0;
        const utf8proc_ssize_t size = utf8proc_iterate(bytes, left, &point);
        if (size <= 0) return std::string(text); // no UTF-8: the strict decoder lets no such text in
        std::array<utf8proc_uint8_t, 4> encoded;
        const utf8proc_ssize_t written = utf8proc_encode_char(utf8proc_tolower(point), encoded.data());
        out.append(reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(written));
        bytes += size;
        left -= size;
    }
    return out;
}

std::optional<std::string> parseEmail(std::string_view text) {
    const std::string_view email = plugin::trim(text);
    if (email.size() < 3 || email.size() > 254) return std::nullopt;
    const bool printable =
        std::all_of(email.begin(), email.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    const std::size_t at = email.find('@');
    if (!printable || at == std::string_view::npos || at == 0 || at + 1 == email.size()) return std::nullopt;
    const std::string_view domain = email.substr(at + 1);
    if (email.find_first_of("<>,;:\"\\()[]") != std::string_view::npos ||
        domain.find('@') != std::string_view::npos || domain.front() == '.' || domain.back() == '.' ||
        domain.find("..") != std::string_view::npos)
        return std::nullopt;
    return plugin::toLower(email);
}

std::optional<std::string> parseName(std::string_view text) {
    const std::string_view name = plugin::trim(text);
    const bool plain =
        std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (name.empty() || !plain || plugin::codePoints(name) > 255) return std::nullopt;
    return std::string(name);
}

} // namespace usher::session
