#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace usher::plugin {

using Json = nlohmann::json;

struct JsonLimits {
    std::size_t maxBytes = 64u << 10;
    std::size_t maxDepth = 32;
    std::size_t maxValues = 10'000;
};

struct JsonError {
    std::string message; ///< for the client: says what and where, never echoes the input
};

/// Decodes once and strictly: duplicate keys, bad UTF-8, lone surrogates, NUL in strings, numbers that would
/// be rounded, depth and size are errors; nothing is half-read. The rules are those of the daemon's own
/// decoder.
std::variant<Json, JsonError> parseJson(std::string_view text, const JsonLimits& limits = {});

/// Compact; bytes that are not UTF-8 become U+FFFD.
std::string toText(const Json& json);

} // namespace usher::plugin
