#pragma once

#include "base/Mutex.h"
#include "http/Exchange.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace usher::test {

/// Answers with what it was asked: method, path, query and body. Remembers every path, and parks what asks
/// for it.
///   /drop   is dropped without an answer      /throw  throws
///   /park   is kept until the test answers it /now    is answered by the loop
///   /small  may have a body of 10 bytes       /big    is answered with 8 MiB
class FakeHandler final : public RequestHandler {
public:
    BodyRule bodyRule(const std::string&, const std::string& path) const override {
        return {path == "/small" ? std::size_t(10) : std::size_t(1) << 20};
    }
    std::optional<Reply> answerAtOnce(const HttpRequest& request) const override {
        if (request.path == "/now") return Reply::text(200, "now");
        return std::nullopt;
    }
    void handle(std::shared_ptr<Exchange> exchange) override {
        const HttpRequest& request = exchange->request();
        {
            Lock lock(_mutex);
            _paths.push_back(request.path);
            _changed.notifyAll();
        }
        if (request.path == "/drop") return;
        if (request.path == "/throw") throw std::runtime_error("as told");
        if (request.path == "/park") {
            Lock lock(_mutex);
            _parked.push_back(std::move(exchange));
            _changed.notifyAll();
            return;
        }
        if (request.path == "/big") {
            exchange->reply(Reply::text(200, std::string(8u << 20, 'b')));
            return;
        }
        exchange->reply(Reply::text(200, request.head.getMethod() + " " + request.path + " " + request.query +
                                             " " + request.body)
                            .with("X-Peer", request.peerAddress)
                            .with("X-Fingerprint", request.tlsClientFingerprint)
                            .with("X-Secure", request.secure ? "yes" : "no"));
    }

    /// What came so far, in order.
    std::vector<std::string> paths() {
        Lock lock(_mutex);
        return _paths;
    }
    std::size_t count() { return paths().size(); }
    void forget() {
        Lock lock(_mutex);
        _paths.clear();
    }
    /// The next parked request; null when none comes in time.
    std::shared_ptr<Exchange> parked() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        Lock lock(_mutex);
        while (_parked.empty())
            if (_changed.waitUntil(lock, end) == std::cv_status::timeout) return nullptr;
        auto exchange = std::move(_parked.front());
        _parked.erase(_parked.begin());
        return exchange;
    }

private:
    Mutex _mutex;
    Condition _changed;
    std::vector<std::string> _paths GUARDED_BY(_mutex);
    std::vector<std::shared_ptr<Exchange>> _parked GUARDED_BY(_mutex);
};

/// Something that another thread will say once.
class Signal {
public:
    void set() {
        Lock lock(_mutex);
        _set = true;
        _changed.notifyAll();
    }
    bool wait() {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        Lock lock(_mutex);
        while (!_set)
            if (_changed.waitUntil(lock, end) == std::cv_status::timeout) return _set;
        return true;
    }

private:
    Mutex _mutex;
    Condition _changed;
    bool _set GUARDED_BY(_mutex) = false;
};

} // namespace usher::test
