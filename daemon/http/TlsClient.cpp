#include "http/TlsClient.h"

#include "base/UniqueFd.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace usher {

namespace {

constexpr std::chrono::milliseconds kSlice{200}; ///< how often `stop` is looked at

/// One conversation: a socket that never blocks, and perhaps TLS over it.
class Wire {
public:
    Wire(Instant deadline, const std::atomic<bool>& stop) : _deadline(deadline), _stop(stop) {}
    ~Wire() { SSL_free(_ssl); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    void connect(const IpAddress& address, int port) {
        sockaddr_in v4{};
        sockaddr_in6 v6{};
        sockaddr* to = nullptr;
        socklen_t length = 0;
        if (isIpv4(address)) {
            v4.sin_family = AF_INET;
            v4.sin_port = htons(static_cast<std::uint16_t>(port));
            std::memcpy(&v4.sin_addr, address.data() + 12, 4);
            to = reinterpret_cast<sockaddr*>(&v4), length = sizeof v4;
        } else {
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(static_cast<std::uint16_t>(port));
            std::memcpy(&v6.sin6_addr, address.data(), 16);
            to = reinterpret_cast<sockaddr*>(&v6), length = sizeof v6;
        }
        _fd = UniqueFd(::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (_fd.get() < 0) throw std::runtime_error(std::string("no socket: ") + std::strerror(errno));
        if (::connect(_fd.get(), to, length) == 0) return;
        if (errno == EINPROGRESS) {
            await(POLLOUT);
            int problem = 0;
            socklen_t size = sizeof problem;
            ::getsockopt(_fd.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
            if (problem == 0) return;
            errno = problem;
        }
        throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    }

    void startTls(SSL_CTX* context, const std::string& host) {
        _ssl = SSL_new(context);
        if (!_ssl || SSL_set_fd(_ssl, _fd.get()) != 1) throw std::runtime_error("TLS: out of memory");
        if (parseAddress(host)) {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(_ssl), host.c_str());
        } else {
            SSL_set_hostflags(_ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
            if (SSL_set1_host(_ssl, host.c_str()) != 1 || SSL_set_tlsext_host_name(_ssl, host.c_str()) != 1)
                throw std::runtime_error("TLS: the host's name cannot be used");
        }
        while (true) {
            ERR_clear_error();
            const int code = SSL_connect(_ssl);
            if (code == 1) return;
            awaitTls(code, "the TLS handshake failed");
        }
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            if (_ssl) {
                ERR_clear_error();
                const int sent = SSL_write(_ssl, bytes.data(), static_cast<int>(bytes.size()));
                if (sent > 0)
                    bytes.remove_prefix(static_cast<std::size_t>(sent));
                else
                    awaitTls(sent, "the connection broke");
                continue;
            }
            const ssize_t sent = ::send(_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0)
                bytes.remove_prefix(static_cast<std::size_t>(sent));
            else
                awaitPlain(POLLOUT);
        }
    }

    /// 0 at the end.
    std::size_t read(char* into, std::size_t room) {
        while (true) {
            if (_ssl) {
                ERR_clear_error();
                const int got = SSL_read(_ssl, into, static_cast<int>(room));
                if (got > 0) return static_cast<std::size_t>(got);
                if (SSL_get_error(_ssl, got) == SSL_ERROR_ZERO_RETURN) return 0;
                awaitTls(got, "the connection broke");
                continue;
            }
            const ssize_t got = ::recv(_fd.get(), into, room, 0);
            if (got >= 0) return static_cast<std::size_t>(got);
            awaitPlain(POLLIN);
        }
    }

private:
    void await(short events) {
        while (true) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                _deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) throw std::runtime_error("no answer in time");
            if (_stop) throw std::runtime_error("this node stops");
            pollfd one{_fd.get(), events, 0};
            if (::poll(&one, 1, static_cast<int>(std::min(left, kSlice).count() + 1)) > 0) return;
        }
    }
    void awaitPlain(short events) {
        if (errno == EINTR) return;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            throw std::runtime_error(std::string("the connection broke: ") + std::strerror(errno));
        await(events);
    }
    void awaitTls(int code, const char* problem) {
        switch (SSL_get_error(_ssl, code)) {
        case SSL_ERROR_WANT_READ:
            return await(POLLIN);
        case SSL_ERROR_WANT_WRITE:
            return await(POLLOUT);
        default:
            break;
        }
        const long verified = SSL_get_verify_result(_ssl);
        if (verified != X509_V_OK)
            throw std::runtime_error(std::string("the certificate was not accepted: ") +
                                     X509_verify_cert_error_string(verified));
        throw std::runtime_error(problem);
    }

    const Instant _deadline;
    const std::atomic<bool>& _stop;
    UniqueFd _fd;
    SSL* _ssl = nullptr;
};

} // namespace

TlsClient::TlsClient() : _context(SSL_CTX_new(TLS_client_method())) {
    if (!_context || SSL_CTX_set_min_proto_version(_context.get(), TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_default_verify_paths(_context.get()) != 1)
        throw std::runtime_error("cannot prepare TLS for outgoing connections");
    SSL_CTX_set_verify(_context.get(), SSL_VERIFY_PEER, nullptr);
}

std::string TlsClient::ask(const Question& question, Instant deadline, const std::atomic<bool>& stop) const {
    Wire wire(deadline, stop);
    wire.connect(question.address, question.port);
    if (question.tls) wire.startTls(_context.get(), question.host);
    wire.send(question.request);
    std::string answer;
    char buffer[4096];
    while (answer.size() < kMostRead && answer.find("\r\n\r\n") == std::string::npos) {
        const std::size_t got = wire.read(buffer, std::min(sizeof buffer, kMostRead - answer.size()));
        if (got == 0) break;
        answer.append(buffer, got);
    }
    return answer;
}

} // namespace usher
