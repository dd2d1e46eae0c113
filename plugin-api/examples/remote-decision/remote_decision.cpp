// remote-decision: another service decides. An asynchronous plugin in C++: check() puts the question into a
// queue and returns; threads of the plugin's own ask over HTTP and answer before the deadline, or are called
// off.
//
//     [plugins.remote-decision]
//     path = /usr/lib/usher/plugins/remote-decision.so
//     url = http://127.0.0.1:9000/decide
//     threads = 4
//     [auth]
//     trigger = remote-decision
//
// Plain HTTP: on this machine, or through a local proxy that speaks TLS.
//
// The service is sent  POST PATH  with the client's Authorization field and X-Usher-Action, X-Usher-Resource
// and X-Usher-Address. 200: allowed, as the principal that X-Usher-Principal names. 401 and 403: denied.
// Anything else, and silence: an error, so nobody gets in.
#include <usher/auth.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace auth = usher::auth;

namespace {

/// One exchange, each step against the deadline. Empty: no whole answer in time.
class Exchange {
public:
    explicit Exchange(auth::Deadline deadline) : _deadline(deadline) {}
    ~Exchange() {
        if (_socket >= 0) ::close(_socket);
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    std::string ask(const std::string& host, const std::string& port, std::string_view request) {
        addrinfo hints{}, *found = nullptr;
        hints.ai_family = AF_UNSPEC, hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV; // no name service in the way of a deadline
        if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
        _socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int connected = _socket < 0 ? -1 : ::connect(_socket, found->ai_addr, found->ai_addrlen);
        const bool underWay = connected == 0 || errno == EINPROGRESS;
        ::freeaddrinfo(found);
        if (_socket < 0 || !underWay) return {};
        while (!request.empty()) {
            if (!await(POLLOUT)) return {};
            const ssize_t n = ::send(_socket, request.data(), request.size(), MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN && errno != EINTR) return {};
            if (n > 0) request.remove_prefix(static_cast<std::size_t>(n));
        }
        std::string answer;
        char buffer[4096];
        while (answer.size() < 65536) {
            if (!await(POLLIN)) return {};
            const ssize_t n = ::recv(_socket, buffer, sizeof buffer, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (n < 0) return {};
            if (n == 0) return answer;
            answer.append(buffer, static_cast<std::size_t>(n));
            if (answer.find("\r\n\r\n") != std::string::npos) return answer; // the head says it all
        }
        return {};
    }

private:
    bool await(short events) {
        while (true) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                                  _deadline - std::chrono::steady_clock::now())
                                  .count();
            if (left <= 0) return false;
            pollfd waited{_socket, events, 0};
            const int ready = ::poll(&waited, 1, static_cast<int>(left));
            if (ready > 0) return true;
            if (ready < 0 && errno != EINTR) return false;
        }
    }
    const auth::Deadline _deadline;
    int _socket = -1;
};

/// The value of a field of an answer's head; empty when it is not there once.
std::string field(const std::string& head, std::string_view name) {
    std::string value;
    int count = 0;
    for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
        const std::size_t colon = head.find(':', at + 2), end = head.find("\r\n", at + 2);
        if (end == std::string::npos || colon == std::string::npos || colon > end) continue;
        if (!auth::sameName(std::string_view(head).substr(at + 2, colon - at - 2), name)) continue;
        value = head.substr(colon + 1, end - colon - 1);
        value.erase(0, value.find_first_not_of(" \t"));
        ++count;
    }
    return count == 1 ? value : std::string();
}

/// A header of ours may not become two.
bool isOneLine(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

class RemoteDecision final : public auth::Plugin {
public:
    static std::vector<auth::ConfigKey> configKeys() {
        return {{"url", USHER_KEY_TEXT, "", "http://ADDRESS:PORT/PATH of the service that decides"},
                {"threads", USHER_KEY_INTEGER, "4", "Questions that may be on their way at once", 1, 64}};
    }

    RemoteDecision(auth::Host host, const auth::Config& config)
        : Plugin(host), _threadCount(config.integer("threads", 4, 1, 64)) {
        const std::string url = config.text("url");
        const std::size_t slash = url.find('/', 7), colon = url.rfind(':', slash);
        if (url.rfind("http://", 0) != 0 || slash == std::string::npos || colon <= 7 || !isOneLine(url))
            throw auth::ConfigError("url must be http://ADDRESS:PORT/PATH, the address in numbers");
        _host = url.substr(7, colon - 7), _port = url.substr(colon + 1, slash - colon - 1);
        _path = url.substr(slash);
    }

    void start() override {
        for (std::int64_t i = 0; i < _threadCount; ++i)
            _threads.push_back(auth::startThread([this] { serve(); }));
    }

    void check(auth::Call call, const auth::Request& request) override {
        const auth::Header credential = request.header("Authorization");
        if (credential.absent())
            return void(call.complete(auth::Verdict::abstain("CREDENTIAL_REQUIRED", "Credential required",
                                                             "Send an Authorization header.")));
        if (credential.repeated() || !isOneLine(*credential) || !isOneLine(request.resource()))
            return void(call.complete(
                auth::Verdict::deny("INVALID_AUTHORIZATION", "Invalid Authorization header").status(400)));
        // What is needed is copied: the request's bytes are the host's, and gone when check() returns.
        std::string text =
            "POST " + _path + " HTTP/1.1\r\nHost: " + _host + ":" + _port +
            "\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: " + std::string(*credential) +
            "\r\nX-Usher-Action: " + std::string(request.action()) +
            "\r\nX-Usher-Resource: " + std::string(request.resource()) +
            "\r\nX-Usher-Address: " + std::string(request.clientAddress()) + "\r\n\r\n";
        const std::lock_guard lock(_mutex);
        _queue.push_back({std::move(call), std::move(text), request.deadline()});
        _wake.notify_one();
    }

    /// Its deadline has passed: what still waits is not asked any more.
    void cancel(usher_call handle) override {
        std::deque<Question> dropped; // answered by dropping, after the lock
        const std::lock_guard lock(_mutex);
        for (auto at = _queue.begin(); at != _queue.end();) {
            if (at->call.handle() != handle) {
                ++at;
                continue;
            }
            dropped.push_back(std::move(*at));
            at = _queue.erase(at);
        }
    }

    void stop() override {
        {
            const std::lock_guard lock(_mutex);
            _ending = true;
            _wake.notify_all();
        }
        for (std::thread& thread : _threads) thread.join();
        _threads.clear();
        _queue.clear(); // a Call that is dropped answers ERROR
    }

private:
    struct Question {
        auth::Call call;
        std::string text;
        auth::Deadline deadline;
    };

    void serve() {
        while (true) {
            std::unique_lock lock(_mutex);
            _wake.wait(lock, [this] { return _ending || !_queue.empty(); });
            if (_ending) return;
            Question question = std::move(_queue.front());
            _queue.pop_front();
            lock.unlock();
            // stop() waits for this thread: two seconds are the longest that an exchange may take.
            const auth::Deadline until =
                std::min(question.deadline, std::chrono::steady_clock::now() + std::chrono::seconds(2));
            const std::string head = Exchange(until).ask(_host, _port, question.text);
            question.call.complete(judge(head));
        }
    }

    static auth::Verdict judge(const std::string& head) {
        const std::string status = head.rfind("HTTP/1.", 0) == 0 && head.size() > 12 ? head.substr(9, 3) : "";
        const std::string principal = field(head, "X-Usher-Principal");
        if (status == "200" && !principal.empty())
            return auth::Verdict::allow("remote-decision:" + principal, principal,
                                        field(head, "X-Usher-Role"));
        if (status == "401")
            return auth::Verdict::deny("NOT_RECOGNISED", "Credential not recognised").status(401).guess();
        if (status == "403") return auth::Verdict::deny("FORBIDDEN", "Insufficient permissions");
        return auth::Verdict::error(status.empty() ? "the service gave no answer in time"
                                                   : "the service answered " + status);
    }

    const std::int64_t _threadCount;
    std::string _host, _port, _path;
    std::vector<std::thread> _threads;
    std::mutex _mutex;
    std::condition_variable _wake;
    std::deque<Question> _queue;
    bool _ending = false;
};

} // namespace

USHER_AUTH_PLUGIN(RemoteDecision, "remote-decision", "1.0.0", "Usher project")
