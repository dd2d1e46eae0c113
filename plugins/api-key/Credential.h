#pragma once

#include <usher/auth.hpp>

namespace usher::apikey {

/// What a request presents. `key` points into the request.
struct Credential {
    enum class Kind {
        none,      ///< nothing that could be a key; also a session's Bearer token
        conflict,  ///< two fields that disagree, or one that came twice
        malformed, ///< shorter than 10 characters, or not printable ASCII
        key
    };
    Kind kind = Kind::none;
    std::string_view key;
};

/// Reads `Authorization: Bearer KEY` (the scheme in any case) and `X-Api-Key: KEY`.
Credential credentialOf(const auth::Request& request);

} // namespace usher::apikey
