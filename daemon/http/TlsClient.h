#pragma once

#include "base/Address.h"
#include "base/Clock.h"

#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

namespace usher {

/// Asks one question of another machine: connects to exactly this address, with or without TLS, sends, reads
/// the head of the answer, closes. Every step shares one deadline, and what is read is bounded, so that
/// nobody on the other side can hold a thread (Poco's client has a timeout a read, and resolves names by
/// itself). [any-thread]
class TlsClient {
public:
    struct Question {
        IpAddress address{};
        int port = 443;
        std::string host; ///< as the URL names it: what the certificate must be for
        bool tls = true;
        std::string request;
    };
    static constexpr std::size_t kMostRead = 16 * 1024;

    /// Trusts the certificate authorities of the system (or of SSL_CERT_FILE). Throws std::runtime_error.
    TlsClient();

    /// What came back, up to the end of the head, kMostRead bytes or the end. Throws std::runtime_error with
    /// the reason, also soon after `stop` has become true.
    std::string ask(const Question& question, Instant deadline, const std::atomic<bool>& stop) const;

private:
    struct FreeContext {
        void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    };
    std::unique_ptr<SSL_CTX, FreeContext> _context;
};

} // namespace usher
