#pragma once

#include <string>
#include <string_view>

namespace usher::session {

/// Where we are reached, as the host tells it with each question. Never the Host header: a client chooses
/// that.
struct OwnAddress {
    std::string_view publicUrl; ///< `[http] public_url`, or empty
    std::string_view port;      ///< of the listener, decimal, or empty
};

/// GET, HEAD and OPTIONS change nothing; every other method, known or not, may.
bool changesState(std::string_view method);
/// Is this Origin field ours: that of public_url or, where none is configured, http(s) on localhost,
/// 127.0.0.1 or [::1] at our port. "null", a list, and anything that is no plain origin are not.
bool isOurOrigin(std::string_view origin, const OwnAddress& own);

} // namespace usher::session
