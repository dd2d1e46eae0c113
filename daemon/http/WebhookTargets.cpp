#include "http/WebhookTargets.h"

#include "base/Text.h"

#include <Poco/URI.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace usher {

namespace {

constexpr std::size_t kMostAddresses = 8;

/// IANA's special-purpose registries, and multicast. 2000::/3 alone is global in IPv6.
const char* const kNotPublic[] = {
    "0.0.0.0/8",      "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",   "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",  "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/3",  "2001::/23",      "2001:db8::/32",  "2002::/16",      "3fff::/20"};

bool isHostName(const std::string& name) {
    return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    });
}

/// Only dots and digits: read as an address or not at all (1.2.3 means 1.2.0.3 to some).
bool looksNumeric(const std::string& host) {
    return host.find_first_not_of("0123456789.") == std::string::npos || host.starts_with("0x");
}

IpAddress addressOf(const addrinfo& info) {
    IpAddress address{};
    if (info.ai_family == AF_INET) {
        address[10] = address[11] = 0xff;
        std::memcpy(address.data() + 12, &reinterpret_cast<const sockaddr_in*>(info.ai_addr)->sin_addr, 4);
    } else {
        std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in6*>(info.ai_addr)->sin6_addr, 16);
    }
    return address;
}

} // namespace

WebhookTargets::WebhookTargets(const std::vector<std::string>& allow) {
    for (const std::string& item : allow) {
        if (auto block = Cidr::parse(item))
            _blocks.push_back(*block);
        else
            _hosts.push_back(toLower(item));
    }
}

std::variant<WebhookTargets::Target, std::string> WebhookTargets::parse(const std::string& url) {
    if (url.size() > 2048) return std::string("has more than 2048 characters");
    for (unsigned char c : url)
        if (c <= ' ' || c >= 0x7f || c == '\\')
            return std::string("holds a character that has to be percent-encoded");
    try {
        const Poco::URI uri(url);
        const std::string scheme = uri.getScheme();
        if (scheme != "https" && scheme != "http") return std::string("must begin with https:// or http://");
        if (!uri.getUserInfo().empty()) return std::string("must not hold a user or a password");
        if (url.find('#') != std::string::npos) return std::string("must not hold a fragment (#)");
        Target target;
        target.tls = scheme == "https";
        target.host = toLower(uri.getHost());
        target.port = uri.getPort();
        if (target.port < 1 || target.port > 65535) return std::string("holds a port that there is not");
        const bool address = parseAddress(target.host).has_value();
        if (!address && (!isHostName(target.host) || looksNumeric(target.host)))
            return std::string("names no host");
        const bool v6 = target.host.find(':') != std::string::npos;
        target.authority = v6 ? "[" + target.host + "]" : target.host;
        if (target.port != (target.tls ? 443 : 80)) target.authority += ":" + std::to_string(target.port);
        target.path = uri.getPathAndQuery();
        if (target.path.empty() || target.path[0] != '/') target.path = "/" + target.path;
        return target;
    } catch (const std::exception&) {
        return std::string("is not an URL");
    }
}

bool WebhookTargets::isPublic(const IpAddress& address) {
    static const std::vector<Cidr> special = [] {
        std::vector<Cidr> blocks;
        for (const char* text : kNotPublic) blocks.push_back(Cidr::parse(text).value());
        return blocks;
    }();
    static const Cidr global6 = Cidr::parse("2000::/3").value();
    if (!isIpv4(address) && !global6.contains(address)) return false;
    return std::none_of(special.begin(), special.end(),
                        [&](const Cidr& block) { return block.contains(address); });
}

bool WebhookTargets::allows(const std::string& host, const IpAddress& address) const {
    return std::find(_hosts.begin(), _hosts.end(), host) != _hosts.end() || isPublic(address) ||
           std::any_of(_blocks.begin(), _blocks.end(),
                       [&](const Cidr& block) { return block.contains(address); });
}

WebhookTargets::Resolved WebhookTargets::resolve(const Target& target) const {
    Resolved resolved;
    if (const auto literal = parseAddress(target.host)) {
        resolved.addresses.push_back(*literal);
    } else {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (const int code = ::getaddrinfo(target.host.c_str(), nullptr, &hints, &found)) {
            resolved.problem = "cannot resolve " + target.host + ": " + ::gai_strerror(code);
            return resolved;
        }
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
        for (const addrinfo* one = found; one && resolved.addresses.size() < kMostAddresses;
             one = one->ai_next)
            if (one->ai_family == AF_INET || one->ai_family == AF_INET6)
                resolved.addresses.push_back(addressOf(*one));
    }
    if (resolved.addresses.empty()) resolved.problem = target.host + " has no address";
    for (const IpAddress& address : resolved.addresses)
        if (!allows(target.host, address)) resolved.forbidden = true;
    if (resolved.forbidden) {
        resolved.addresses.clear();
        resolved.problem = "is not at a public address, and [webhooks] allow does not name it";
    }
    return resolved;
}

} // namespace usher
