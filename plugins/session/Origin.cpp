#include "session/Origin.h"

#include "common/Text.h"

#include <array>

namespace usher::session {

namespace {

struct Split {
    std::string scheme, host, port;
};

/// `scheme://host[:port]`, lower-cased, the port filled in. With `wholeUrl` a path may follow. Empty scheme:
/// neither.
Split split(std::string_view url, bool wholeUrl) {
    const std::string text = plugin::toLower(url);
    Split out;
    std::string_view rest = text;
    const std::size_t colon = rest.find("://");
    if (colon == std::string_view::npos) return {};
    const std::string_view scheme = rest.substr(0, colon);
    if (scheme != "http" && scheme != "https") return {};
    rest.remove_prefix(colon + 3);
    const std::size_t end = rest.find_first_of("/?#");
    if (end != std::string_view::npos) {
        if (!wholeUrl) return {};
        rest = rest.substr(0, end);
    }
    if (rest.empty() || rest.find_first_of("@, \t\\") != std::string_view::npos) return {};
    const std::size_t bracket = rest.rfind(']');
    const std::size_t portColon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    std::string_view port = scheme == "https" ? "443" : "80";
    if (portColon != std::string_view::npos) {
        port = rest.substr(portColon + 1);
        rest = rest.substr(0, portColon);
        const auto number = plugin::parseInteger(port);
        if (!number || *number < 1 || *number > 65535) return {};
    }
    if (rest.empty()) return {};
    return {std::string(scheme), std::string(rest), std::string(port)};
}

} // namespace

bool changesState(std::string_view method) {
    return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

bool isOurOrigin(std::string_view origin, const OwnAddress& own) {
    const Split given = split(origin, false);
    if (given.scheme.empty()) return false;
    if (!own.publicUrl.empty()) {
        const Split ours = split(own.publicUrl, true);
        return given.scheme == ours.scheme && given.host == ours.host && given.port == ours.port;
    }
    static constexpr std::array<std::string_view, 3> kLocal{"localhost", "127.0.0.1", "[::1]"};
    for (std::string_view host : kLocal)
        if (given.host == host) return !own.port.empty() && given.port == own.port;
    return false;
}

} // namespace usher::session
