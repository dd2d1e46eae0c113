#include "http/ConnectionSocket.h"

#include "base/Digest.h"
#include "base/Text.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace usher {

void SslCloser::operator()(SSL* ssl) const {
    SSL_free(ssl);
}

ConnectionSocket::ConnectionSocket(int fd, SslPtr ssl) : _fd(fd), _ssl(std::move(ssl)) {
    if (_ssl) {
        SSL_set_fd(_ssl.get(), fd);
        SSL_set_accept_state(_ssl.get());
    }
}

ConnectionSocket::Result ConnectionSocket::tlsResult(int returned, bool reading) {
    switch (SSL_get_error(_ssl.get(), returned)) {
    case SSL_ERROR_WANT_READ:
        return {Status::WantRead, 0};
    case SSL_ERROR_WANT_WRITE:
        return {Status::WantWrite, 0};
    case SSL_ERROR_ZERO_RETURN:
        return {reading ? Status::End : Status::Broken, 0};
    default:
        return {Status::Broken, 0};
    }
}

ConnectionSocket::Status ConnectionSocket::handshake() {
    ERR_clear_error(); // the queue belongs to the thread: an old error would be taken for this connection's
    const int returned = SSL_do_handshake(_ssl.get());
    return returned == 1 ? Status::Done : tlsResult(returned, false).status;
}

std::string ConnectionSocket::clientFingerprint() const {
    if (!_ssl) return {};
    X509* certificate = SSL_get0_peer_certificate(_ssl.get());
    if (!certificate) return {};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) return {};
    return toHex({reinterpret_cast<const char*>(digest), length});
}

ConnectionSocket::Result ConnectionSocket::read(std::span<char> into) {
    if (_ssl) {
        ERR_clear_error();
        const int room = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
        const int got = SSL_read(_ssl.get(), into.data(), room);
        if (got > 0) return {Status::Done, static_cast<std::size_t>(got)};
        return tlsResult(got, true);
    }
    for (;;) {
        const ssize_t got = ::recv(_fd, into.data(), into.size(), MSG_DONTWAIT);
        if (got > 0) return {Status::Done, static_cast<std::size_t>(got)};
        if (got == 0) return {Status::End, 0};
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {Status::WantRead, 0};
        if (errno != EINTR) return {Status::Broken, 0};
    }
}

ConnectionSocket::Result ConnectionSocket::write(std::string_view bytes) {
    if (_ssl) {
        ERR_clear_error();
        const int count = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
        const int sent = SSL_write(_ssl.get(), bytes.data(), count);
        if (sent > 0) return {Status::Done, static_cast<std::size_t>(sent)};
        return tlsResult(sent, false);
    }
    for (;;) {
        const ssize_t sent = ::send(_fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) return {Status::Done, static_cast<std::size_t>(sent)};
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {Status::WantWrite, 0};
        if (errno != EINTR) return {Status::Broken, 0};
    }
}

bool ConnectionSocket::hasBuffered() const {
    return _ssl && SSL_has_pending(_ssl.get()) == 1;
}

void ConnectionSocket::shutdownWrite() {
    if (_ssl && SSL_is_init_finished(_ssl.get())) {
        ERR_clear_error();
        SSL_shutdown(
            _ssl.get()); // one try: whoever does not take our close_notify sees the end of the connection
    }
    ::shutdown(_fd, SHUT_WR);
}

} // namespace usher
