#pragma once

#include "base/Address.h"
#include "http/Exchange.h"

#include <string>
#include <vector>

namespace usher {

/// Where a request really came from. Forwarding fields are believed only from a trusted proxy.
struct ClientOrigin {
    std::string address;
    bool secure = false;
    bool loopback = false; ///< never true when any Forwarded or X-Forwarded-* field is there
};

ClientOrigin clientOrigin(const HttpRequest& request, const std::vector<Cidr>& trustedProxies);

} // namespace usher
