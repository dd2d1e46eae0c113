#include "AddressList.h"

#include "common/Json.h"
#include "common/Text.h"

#include <arpa/inet.h>

#include <cstring>

namespace usher::apikey {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

template <class Visit>
void eachEntry(std::string_view list, Visit&& visit) {
    list = plugin::trim(list);
    if (list.starts_with("[")) {
        const auto parsed = plugin::parseJson(list);
        const plugin::Json* json = std::get_if<plugin::Json>(&parsed);
        if (!json || !json->is_array()) return;
        for (const plugin::Json& entry : *json)
            if (entry.is_string()) visit(entry.get_ref<const std::string&>());
        return;
    }
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        visit(plugin::trim(list.substr(0, comma)));
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
}

} // namespace

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string host(text.substr(0, slash)); // inet_pton wants its NUL
    if (host.size() != std::strlen(host.c_str())) return std::nullopt;
    Network network;
    int width = 128;
    in_addr four;
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
        std::copy(kMapped.begin(), kMapped.end(), network.address.begin());
        std::memcpy(network.address.data() + kMapped.size(), &four, sizeof four);
        width = 32;
    } else if (::inet_pton(AF_INET6, host.c_str(), network.address.data()) != 1) {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) return network;
    const auto bits = plugin::parseInteger(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > width) return std::nullopt;
    network.prefixBits = static_cast<int>(*bits) + 128 - width;
    return network;
}

bool Network::contains(const Network& single) const {
    const auto whole = static_cast<std::size_t>(prefixBits / 8);
    if (!std::equal(address.begin(), address.begin() + whole, single.address.begin())) return false;
    const int rest = prefixBits % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
    return ((address[whole] ^ single.address[whole]) & mask) == 0;
}

bool addressAllowed(std::string_view list, std::string_view address) {
    const auto client = Network::parse(address.substr(0, address.find('%'))); // without an IPv6 zone
    if (!client || client->prefixBits != 128) return false;
    bool allowed = false;
    eachEntry(list, [&](std::string_view entry) {
        const auto network = Network::parse(entry);
        allowed = allowed || (network && network->contains(*client));
    });
    return allowed;
}

} // namespace usher::apikey
