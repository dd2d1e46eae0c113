#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// An IPv4 or IPv6 address as 16 bytes; IPv4 is mapped (::ffff:a.b.c.d), so that both compare alike.
using IpAddress = std::array<std::uint8_t, 16>;

std::optional<IpAddress> parseAddress(std::string_view text);
bool isLoopback(const IpAddress& address);
bool isIpv4(const IpAddress& address);
/// "2001:db8:1:2::/64" of an IPv6 address, the address itself of an IPv4 one: whom guesses are counted
/// against.
std::string throttleSource(std::string_view address);

/// A block of addresses: "10.0.0.0/8", "2001:db8::/32", or one address.
class Cidr {
public:
    static std::optional<Cidr> parse(std::string_view text);
    bool contains(const IpAddress& address) const;

private:
    IpAddress _base{};
    int _bits = 0; ///< of 128
};

bool anyContains(const std::vector<Cidr>& blocks, std::string_view address);

} // namespace usher
