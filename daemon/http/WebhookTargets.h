#pragma once

#include "base/Address.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace usher {

/// Where webhooks may go: to public addresses, and to what `[webhooks] allow` names. [any-thread]
class WebhookTargets {
public:
    /// An URL in parts.
    struct Target {
        bool tls = true;
        std::string host; ///< lower case, without brackets
        int port = 443;
        std::string authority; ///< for the Host field
        std::string path;      ///< with the query
    };

    /// `allow`: names of hosts, addresses and CIDR blocks.
    explicit WebhookTargets(const std::vector<std::string>& allow);

    /// http or https, a host, no user, no fragment. Or why not, for people.
    static std::variant<Target, std::string> parse(const std::string& url);

    struct Resolved {
        std::vector<IpAddress> addresses; ///< all of them may be reached; empty: `problem` says why not
        std::string problem;
        bool forbidden = false; ///< it was found, and it is not allowed
    };
    /// Asks the resolver: blocks. One address that is not allowed spoils the name.
    Resolved resolve(const Target& target) const;

    /// Global unicast, nothing that leads back into private networks (RFC 6890).
    static bool isPublic(const IpAddress& address);

private:
    bool allows(const std::string& host, const IpAddress& address) const;

    std::vector<std::string> _hosts;
    std::vector<Cidr> _blocks;
};

} // namespace usher
