#include "base/Address.h"

#include "base/Text.h"

#include <arpa/inet.h>

#include <cstring>

namespace usher {

std::optional<IpAddress> parseAddress(std::string_view text) {
    std::string copy(text);
    IpAddress out{};
    in_addr v4{};
    if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
        out[10] = out[11] = 0xFF;
        std::memcpy(out.data() + 12, &v4, 4);
        return out;
    }
    in6_addr v6{};
    if (inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return std::nullopt;
    std::memcpy(out.data(), &v6, 16);
    return out;
}

bool isIpv4(const IpAddress& a) {
    for (int i = 0; i < 10; ++i)
        if (a[i] != 0) return false;
    return a[10] == 0xFF && a[11] == 0xFF;
}

bool isLoopback(const IpAddress& a) {
    if (isIpv4(a)) return a[12] == 127;
    for (int i = 0; i < 15; ++i)
        if (a[i] != 0) return false;
    return a[15] == 1;
}

std::string throttleSource(std::string_view address) {
    auto parsed = parseAddress(address);
    if (!parsed) return std::string(address);
    // Whoever holds one IPv6 address holds its whole /64.
    std::size_t bytes = isIpv4(*parsed) ? 16 : 8;
    return std::string(reinterpret_cast<const char*>(parsed->data()), bytes);
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
    std::size_t slash = text.find('/');
    auto address = parseAddress(text.substr(0, slash));
    if (!address) return std::nullopt;
    bool v4 = isIpv4(*address) && text.find(':') == std::string_view::npos;
    Cidr cidr;
    cidr._base = *address;
    cidr._bits = 128;
    if (slash != std::string_view::npos) {
        auto bits = parseInteger(text.substr(slash + 1));
        if (!bits || *bits < 0 || *bits > (v4 ? 32 : 128)) return std::nullopt;
        cidr._bits = static_cast<int>(*bits) + (v4 ? 96 : 0);
    }
    return cidr;
}

bool Cidr::contains(const IpAddress& address) const {
    int whole = _bits / 8, rest = _bits % 8;
    if (std::memcmp(address.data(), _base.data(), static_cast<std::size_t>(whole)) != 0) return false;
    if (rest == 0) return true;
    int mask = 0xFF << (8 - rest) & 0xFF;
    return (address[static_cast<std::size_t>(whole)] & mask) ==
           (_base[static_cast<std::size_t>(whole)] & mask);
}

bool anyContains(const std::vector<Cidr>& blocks, std::string_view address) {
    auto parsed = parseAddress(address);
    if (!parsed) return false;
    for (const Cidr& block : blocks)
        if (block.contains(*parsed)) return true;
    return false;
}

} // namespace usher
