#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace usher {

/// What the operator, or a test, decides about the listener. Times are of the monotonic clock.
struct ListenerSettings {
    std::string address = "127.0.0.1"; ///< IPv4, IPv6 or a host name; "::" takes both
    int port = 8321;                   ///< 0: any free one, Listener::port() tells which
    std::optional<int>
        listenFd; ///< a listening socket that we inherited (systemd); address and port then say nothing
    int maxConnections = 20'000;             ///< beyond it: 503 and closed
    std::string tlsCertificateFile;          ///< PEM, with its chain; empty: plain HTTP
    std::string tlsKeyFile;                  ///< PEM
    bool tlsAskForClientCertificate = false; ///< any is taken: plugins judge its fingerprint

    std::chrono::milliseconds headTimeout{
        10'000}; ///< from the first byte of a request to the end of its head
    std::chrono::milliseconds bodyTimeout{30'000};       ///< from there to the end of the body
    std::chrono::milliseconds idleTimeout{60'000};       ///< between requests
    std::chrono::milliseconds writeStallTimeout{30'000}; ///< a client that takes nothing of its answer
    std::chrono::milliseconds lingerTimeout{2'000};      ///< after a refusal, for the client to read it

    std::size_t maxTarget = 8u << 10;
    std::size_t maxFields = 100;
    std::size_t maxHead = 32u << 10;
    std::size_t incompleteBudgetBytes =
        64u << 20; ///< all requests that are still arriving; the oldest makes room

    std::size_t unsentBudgetBytes =
        48u << 20; ///< all answers that clients do not take; the most stalled makes room

    int loops = 1;                       ///< event-loop threads
    int workers = 2;                     ///< threads that call RequestHandler::handle
    std::size_t workerQueueLimit = 4096; ///< complete requests that wait for a worker; beyond it: 503

    std::function<void(const std::string&)>
        report; ///< told what a human should read, one line each. [any-thread]
};

} // namespace usher
