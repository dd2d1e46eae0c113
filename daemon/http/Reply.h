#pragma once

#include "base/Json.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace usher {

/// An answer as data: status, fields, body. The listener adds Date, X-Request-Id, Content-Length, Connection,
/// and X-Content-Type-Options, and drops the body for HEAD, 204 and 304.
struct Reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>>
        fields; ///< values without CR, LF or NUL: checked when sent
    std::string body;
    bool close = false; ///< end the connection after this answer

    static Reply json(int status, const Json& body);
    static Reply text(int status, std::string body);
    /// The one shape of errors (design: HTTP contract): title, advice, code, request id, details.
    static Reply error(int status, const std::string& title, const std::string& message,
                       const std::string& code, const std::string& requestId,
                       const std::optional<Json>& details = std::nullopt);

    Reply& with(std::string name, std::string value) {
        fields.emplace_back(std::move(name), std::move(value));
        return *this;
    }
};

} // namespace usher
