#pragma once

#include "base/UniqueFd.h"

#include <sys/socket.h>

#include <string>

namespace usher {

/// A listening, non-blocking, close-on-exec TCP socket. Throws std::runtime_error with address, port and
/// reason. The address may be reused after a restart, but never shared: a second daemon on the port is
/// refused (no SO_REUSEPORT).
UniqueFd openListener(const std::string& address, int port);
/// Takes over a listening socket from who started us. Throws std::runtime_error when it is not one.
UniqueFd adoptListener(int fd);
/// The port that it is bound to; 0 when it has none.
int portOf(int fd);
/// The numeric address without port; IPv4-mapped IPv6 addresses as IPv4; empty when it is not TCP.
std::string addressText(const sockaddr_storage& address);

} // namespace usher
