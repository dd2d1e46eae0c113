#pragma once

#include "plugin/PluginHost.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace usher::test {

using namespace std::chrono_literals;

/// How long a test waits for what must come; reached only by a test that fails.
constexpr auto kPatience = 20s;

/// A folder of our own, 0700, with copies of fixtures: the build folder may belong to anybody.
class Folder {
public:
    Folder() {
        char name[] = "/tmp/usher-plugin-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("mkdtemp");
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string copy(const std::string& fixture, const std::string& as = {}) const {
        return copyFile(std::string(USHER_TEST_FIXTURES) + "/" + fixture + ".so",
                        as.empty() ? fixture + ".so" : as);
    }
    std::string copyFile(const std::string& from, const std::string& as) const {
        std::string to = path + "/" + as;
        std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
        ::chmod(to.c_str(), 0644);
        return to;
    }
    std::string write(const std::string& name, const std::string& content) const {
        std::string to = path + "/" + name;
        int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || ::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
            throw std::runtime_error("cannot write " + to);
        ::close(fd);
        return to;
    }
    std::string path;
};

/// Remembers what the plugins say, and lets a test wait for it.
class FakeServices final : public HostServices, private WriterTurn {
public:
    struct Line {
        int severity;
        std::string plugin, requestId, text;
        Fields fields;
    };

    void log(int severity, const std::string& plugin, const std::string& requestId, const std::string& text,
             const Fields& fields) override {
        Lock lock(_mutex);
        _lines.push_back({severity, plugin, requestId, text, fields});
        _change.notifyAll();
    }
    bool audit(const std::string&, AuditRecord record) override {
        Lock lock(_mutex);
        audits.push_back(std::move(record));
        return true;
    }
    WriterTurn* writerTurn() override { return hasTurn ? this : nullptr; }

    std::vector<Line> lines() {
        Lock lock(_mutex);
        return _lines;
    }
    std::size_t count(const std::string& part) {
        Lock lock(_mutex);
        return countLocked(part);
    }
    /// Waits until so many lines contain `part`.
    void await(const std::string& part, std::size_t many = 1) {
        const Instant until = std::chrono::steady_clock::now() + kPatience;
        Lock lock(_mutex);
        while (countLocked(part) < many)
            if (_change.waitUntil(lock, until) == std::cv_status::timeout && countLocked(part) < many)
                CPPUNIT_FAIL("nobody said \"" + part + "\"");
    }

    bool hasTurn = true;
    std::atomic<int> turns{0}, turnsGivenBack{0}; ///< the broker's thread counts, tests look
    std::vector<AuditRecord> audits;

private:
    bool acquire(Instant) override { return ++turns > 0; }
    void release() override { ++turnsGivenBack; }
    std::size_t countLocked(const std::string& part) REQUIRES(_mutex) {
        std::size_t found = 0;
        for (const Line& line : _lines) found += line.text.find(part) != std::string::npos;
        return found;
    }
    Mutex _mutex;
    Condition _change;
    std::vector<Line> _lines GUARDED_BY(_mutex);
};

/// A request whose action tells the plugin `mischief` what to do.
inline std::shared_ptr<AuthRequest>
question(const std::string& action, std::chrono::milliseconds deadline = kPatience, Fields attributes = {}) {
    auto request = std::make_shared<AuthRequest>();
    request->requestId = "req-1";
    request->action = action;
    request->resource = "job-1";
    request->method = "POST";
    request->target = "/api/x";
    request->peerAddress = "192.0.2.1";
    request->body = "the body";
    request->attributes = std::move(attributes);
    request->deadline = std::chrono::steady_clock::now() + deadline;
    return request;
}

/// Asks and waits for the answer.
class Asked {
public:
    Asked(Authenticator& plugin, std::shared_ptr<const AuthRequest> request) {
        auto promise = std::make_shared<std::promise<Answer>>();
        _future = promise->get_future();
        // A second call would throw std::future_error out of `done`, and fail loudly.
        plugin.check(std::move(request), [promise](Answer answer) { promise->set_value(std::move(answer)); });
    }
    Answer take() {
        if (_future.wait_for(kPatience) != std::future_status::ready) CPPUNIT_FAIL("no answer came");
        return _future.get();
    }
    bool waiting() const { return _future.wait_for(0s) != std::future_status::ready; }

private:
    std::future<Answer> _future;
};

/// A pipe on which a check of `mischief` waits until let().
class Gate {
public:
    Gate() {
        if (::pipe2(_fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    }
    ~Gate() {
        let();
        ::close(_fds[0]);
    }
    /// For good: every reader sees the end.
    void let() {
        if (_fds[1] >= 0) ::close(std::exchange(_fds[1], -1));
    }
    Fields attributes() const { return {{"wait_fd", std::to_string(_fds[0])}}; }

private:
    int _fds[2] = {-1, -1};
};

/// A host with one fixture, started.
struct Rig {
    explicit Rig(const std::string& fixture = "mischief_parallel", PluginSettings settings = {})
        : host(services) {
        add(fixture, std::move(settings));
        host.start();
    }
    ~Rig() { host.stop(); }
    void add(const std::string& fixture, PluginSettings settings) {
        if (settings.name.empty()) settings.name = "plug";
        settings.path = folder.copy(fixture, settings.name + ".so");
        host.add(std::move(settings));
    }
    Authenticator& plugin(const std::string& name = "plug") { return *host.find(name); }
    Answer ask(const std::string& action, std::chrono::milliseconds deadline = kPatience,
               Fields attributes = {}) {
        return Asked(plugin(), question(action, deadline, std::move(attributes))).take();
    }
    PluginCounters counters(const std::string& name = "plug") {
        for (const PluginStatus& status : host.status())
            if (status.name == name) return status.counters;
        throw std::runtime_error("no such plugin");
    }

    Folder folder;
    FakeServices services;
    PluginHost host;
};

inline void assertUnavailable(const Answer& answer) {
    CPPUNIT_ASSERT(answer.verdict.decision == Decision::error);
    CPPUNIT_ASSERT_EQUAL(503, answer.verdict.httpStatus);
    CPPUNIT_ASSERT_EQUAL(std::string("AUTH_UNAVAILABLE"), answer.verdict.code);
    CPPUNIT_ASSERT_EQUAL(std::string("Authorization unavailable"), answer.verdict.title);
    CPPUNIT_ASSERT(answer.settlements.empty());
}

} // namespace usher::test
