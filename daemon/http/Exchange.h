#pragma once

#include "base/Clock.h"
#include "http/Reply.h"

#include <Poco/Net/HTTPRequest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace usher {

/// A complete, strictly framed request. Immutable once it has left the event loop.
struct HttpRequest {
    Poco::Net::HTTPRequest head;      ///< method, target, version, fields as received (not RFC 2047-decoded)
    std::string path;                 ///< percent-encoded, without the query, as received
    std::string query;                ///< without the '?', as received
    std::string body;                 ///< unchunked
    std::string peerAddress;          ///< of the socket, without the port; IPv4-mapped IPv6 addresses as IPv4
    bool secure = false;              ///< the client spoke TLS to us
    std::string tlsClientFingerprint; ///< lower-case hex of SHA-256 of the client's certificate, or empty
    std::string id;                   ///< answered as X-Request-Id
    Instant received;                 ///< when all of it was there: from then on it is us who take time

    /// The value of a field, in any case; the first when it repeats; empty when absent.
    const std::string& field(const std::string& name) const;
};

/// A long answer, written piece by piece: chunked (or to the end of the connection for HTTP/1.0).
/// [any-thread] The listener drops a reader that does not take anything for 30 s.
class ReplyStream {
public:
    virtual ~ReplyStream() =
        default; ///< without end(): the connection is cut, so that the client sees a broken answer
    /// False once the client is gone.
    virtual bool write(std::string bytes) = 0;
    /// Bytes that are written and not yet sent: stop writing above 256 KiB and wait for onDrain.
    virtual std::size_t pending() const = 0;
    /// Called, from the event loop, each time pending() falls to 0, and once when the client goes away. Must
    /// not block.
    virtual void onProgress(std::function<void(bool open)>) = 0;
    virtual void end() = 0;
};

/// One request and the right to answer it, once. Dropped without an answer, it answers 500. [any-thread]
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual const HttpRequest& request() const = 0;
    /// False: it was answered before (a deadline and a result may race: the first counts).
    virtual bool reply(Reply) = 0;
    /// Sends the head now. Nothing when it was answered before. For HEAD the body is dropped.
    virtual std::unique_ptr<ReplyStream> stream(Reply head) = 0;
    /// Called once, from the event loop, if the client goes away before the answer. Must not block. Of
    /// several, each is called.
    virtual void onAbandoned(std::function<void()>) = 0;
};

/// What the listener needs to know before it reads a body, and what it hands requests to.
class RequestHandler {
public:
    struct BodyRule {
        std::size_t maxBytes = 1u << 20;
    };

    virtual ~RequestHandler() = default;
    /// How large a body this method and path may have. [event-loop], must not block.
    virtual BodyRule bodyRule(const std::string& method, const std::string& path) const = 0;
    /// Takes the request. [worker]
    virtual void handle(std::shared_ptr<Exchange>) = 0;
    /// Answered by the event loop itself: /healthz. Nothing: goes to a worker. [event-loop], must not block.
    virtual std::optional<Reply> answerAtOnce(const HttpRequest&) const = 0;
};

} // namespace usher
