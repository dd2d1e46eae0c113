#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace usher {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t maxBytes = 1u << 20;
    int maxDepth = 32;
    std::size_t maxValues = 100'000; ///< an array of a million zeros is small as text and large in memory
};

struct JsonError {
    std::string message; ///< for the client: says what and where, never echoes the input
};

/// Decodes once and strictly (RFC 8259 plus what it leaves open): duplicate keys, bad UTF-8, lone surrogates,
/// NUL in strings, numbers that do not fit a double or an int64, depth and size are errors; nothing is
/// half-read.
std::variant<Json, JsonError> parseJson(std::string_view text, const JsonLimits& limits = {});

/// Compact; bytes that are not UTF-8 (they can only come from a test's output) become U+FFFD.
std::string toText(const Json& json);

} // namespace usher
