#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace usher::test {

/// Somebody who is told: a small HTTP server on a port of its own on 127.0.0.1 that keeps what it got and
/// answers what the test says. One connection at a time.
class Receiver {
public:
    struct Message {
        std::string line;
        std::map<std::string, std::string> fields; ///< names in lower case
        std::string body;
    };

    Receiver();
    ~Receiver();
    Receiver(const Receiver&) = delete;

    int port() const { return _port; }
    std::string url(const std::string& path = "/hook") const {
        return "http://127.0.0.1:" + std::to_string(_port) + path;
    }
    std::vector<Message> messages() const;
    /// Waits until there are so many; all of them.
    std::vector<Message> await(std::size_t count, int seconds = 15) const;

    std::atomic<int> status{204};
    std::atomic<int> failFirst{0};   ///< so many are answered 500
    std::atomic<bool> silent{false}; ///< takes requests and says nothing
    std::string more;                ///< further fields of the answer, set before the first request

private:
    void run();
    void serve(int fd);

    int _listener = -1;
    int _port = 0;
    std::atomic<bool> _stop{false};
    mutable std::mutex _mutex;
    std::vector<Message> _messages;
    std::thread _thread;
};

} // namespace usher::test
