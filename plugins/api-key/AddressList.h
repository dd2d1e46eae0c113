#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace usher::apikey {

/// An IPv4 or IPv6 network. IPv4 and IPv4-mapped IPv6 are the same thing: all are kept as 16 bytes.
struct Network {
    std::array<std::uint8_t, 16> address{};
    int prefixBits = 128;

    /// "203.0.113.7", "203.0.113.0/24", "2001:db8::/32"; nothing for anything else, or a prefix that is too
    /// long.
    static std::optional<Network> parse(std::string_view text);
    bool contains(const Network& single) const;
};

/// Is `address` in the key's list? The list is a JSON array of strings, or entries separated by commas. An
/// entry that cannot be read matches nobody; so does an address that cannot be read.
bool addressAllowed(std::string_view list, std::string_view address);

} // namespace usher::apikey
