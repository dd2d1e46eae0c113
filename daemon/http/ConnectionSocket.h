#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace usher {

struct SslCloser {
    void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslCloser>;

/// Reads and writes a non-blocking socket, plain or through TLS. OpenSSL works on the descriptor itself
/// rather than behind asio's ssl::stream, whose two 17 KB buffers a connection would make ten thousand idle
/// clients cost 340 MB. Does not own the descriptor. [event-loop]
class ConnectionSocket {
public:
    enum class Status {
        Done,      ///< `bytes` were moved
        WantRead,  ///< again when the descriptor is readable
        WantWrite, ///< again when it is writable
        End,       ///< the peer sends nothing more
        Broken     ///< reset, or not TLS
    };
    struct Result {
        Status status = Status::Done;
        std::size_t bytes = 0;
    };

    ConnectionSocket(int fd, SslPtr ssl);

    bool isTls() const { return _ssl != nullptr; }
    /// Only with TLS.
    Status handshake();
    /// Lower-case hex of SHA-256 of the client's certificate (DER), or empty.
    std::string clientFingerprint() const;

    Result read(std::span<char> into);
    Result write(std::string_view bytes);
    /// Bytes wait inside TLS: no readiness of the descriptor will announce them.
    bool hasBuffered() const;
    /// Tells the peer that nothing more comes; it may still send.
    void shutdownWrite();

private:
    Result tlsResult(int returned, bool reading);

    int _fd;
    SslPtr _ssl;
};

} // namespace usher
