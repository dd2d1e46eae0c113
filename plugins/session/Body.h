#pragma once

#include "common/Json.h"
#include "session/Ask.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace usher::session {

/// The JSON object that a request brings, read strictly: each field is asked for once by name and type; what
/// is wrong is collected, so that the client hears of all mistakes at once. Not shared between threads.
class Body {
public:
    /// Unreadable text, or anything but an object, makes it invalid. A media type other than JSON, too: a
    /// form of another site can send nothing else without asking first.
    explicit Body(const Ask& ask);

    std::optional<std::string> text(const std::string& field); ///< a complaint when it is no string
    std::string requiredText(const std::string& field);        ///< a complaint also when it is missing
    std::optional<bool> boolean(const std::string& field);
    bool has(const std::string& field) const;
    void complain(const std::string& field, const std::string& message);

    /// Call it after the last field: fields that nobody asked for are complaints too.
    bool valid();
    /// 400 (or 415) with the complaints.
    auth::HttpResponse refusal(const Ask& ask) const;

private:
    plugin::Json _json = plugin::Json::object();
    plugin::Json _complaints = plugin::Json::array();
    std::set<std::string, std::less<>> _known;
    std::string _unreadable;
    bool _mediaType = true;
};

/// Lower-cased as better-auth does it; nothing when it cannot be an address: 3 to 254 printable ASCII
/// characters, one @ with something on both sides.
std::optional<std::string> parseEmail(std::string_view text);
/// What an e-mail is compared by at sign-in, also one that parseEmail() would not take.
std::string lowerCase(std::string_view text);
/// Trimmed; 1 to 255 characters without control characters.
std::optional<std::string> parseName(std::string_view text);

} // namespace usher::session
