#pragma once

#include "http/ConnectionSocket.h"

#include <memory>
#include <string>

namespace usher {

/// A certificate and its key, ready to serve: TLS 1.2 and 1.3, http/1.1. Connections keep the one that they
/// began with. [any-thread]
class ListenerTls {
public:
    /// Throws std::runtime_error that names the file and what is wrong with it.
    ListenerTls(const std::string& certificateFile, const std::string& keyFile, bool askForClientCertificate);

    /// State for one connection; null when there is no memory for it.
    SslPtr newConnection() const;

private:
    std::shared_ptr<SSL_CTX> _context; ///< shared as OpenSSL counts it: each SSL holds one reference
};

} // namespace usher
