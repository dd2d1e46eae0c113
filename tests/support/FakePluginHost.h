#pragma once

#include <usher/auth.h>
#include <usher/ext/audit.h>
#include <usher/ext/db-turn.h>
#include <usher/ext/health.h>
#include <usher/ext/http-routes.h>
#include <usher/ext/secrets.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace usher::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// What a plugin was asked; owned by the host until it is answered.
struct Question {
    std::string action = "job.trigger", resource, method = "POST", target = "/", peerAddress = "127.0.0.1",
                body;
    Fields headers, attributes;
    std::chrono::milliseconds budget{5000}; ///< 0: its deadline passes before the plugin can answer
};

/// A verdict, copied.
struct Said {
    bool answered = false; ///< false: the deadline passed first
    int decision = 0, httpStatus = 0;
    std::uint32_t flags = 0;
    std::int64_t limit = 0, remaining = 0, resetMs = 0;
    std::string principalId, principalName, principalRole, code, title, message, audit;
    Fields headers;
    usher_call call = 0;
    std::string header(const std::string& name) const;
};

struct Response {
    int status = 0;
    std::string body;
    Fields headers;
};

/// A small usherd for one plugin: loads the finished .so through the C interface and carries questions and
/// answers. Not the daemon's own host: what the plugin does must follow from auth.h alone. ask() and
/// request() block and may be called from many threads; each instance has one plugin instance.
class FakePluginHost {
public:
    /// `url` is handed out by usher.secrets/1, as is what the files hold that keys NAME_file of `config`
    /// name. On SQLite hosts of one file should share `turn`.
    FakePluginHost(const std::string& file, const std::string& url, Fields config = {},
                   std::shared_ptr<std::mutex> turn = nullptr);
    ~FakePluginHost(); ///< stop() and destroy()
    FakePluginHost(const FakePluginHost&) = delete;
    FakePluginHost& operator=(const FakePluginHost&) = delete;

    bool start(); ///< create() and start(); false: see log()

    Said ask(const Question& question);
    /// Sends many without waiting in between; answers in the same order.
    std::vector<Said> askAll(const std::vector<Question>& questions);
    void settle(usher_call call, int kind);
    /// ask() and settle at once.
    Said askAndSettle(const Question& question, int kind);

    Response request(const std::string& method, const std::string& path, const std::string& body = "",
                     const std::string& user = "user:u1");
    std::set<std::string> routes() const; ///< "get /api/…"
    std::string openapiPaths() const;
    bool healthy(std::string& reason);
    std::string log();
    std::vector<std::string> audit();

private:
    struct Slot;

    static usher_status complete(const usher_host*, usher_call, const usher_verdict*);
    static usher_status retain(const usher_host*, usher_call);
    static void release(const usher_host*, usher_call);
    static void writeLog(const usher_host*, int32_t, usher_call, usher_str, const usher_field*, size_t);
    static const void* extension(const usher_host*, const char*);
    static usher_status secret(const usher_host*, usher_str, char*, size_t, size_t*);
    static usher_status acquireTurn(const usher_host*, uint64_t);
    static void releaseTurn(const usher_host*);
    static usher_status record(const usher_host*, const usher_audit_record*);
    static usher_status respond(const usher_host*, usher_call, const usher_http_response*);
    static FakePluginHost& of(const usher_host*);

    std::shared_ptr<Slot> send(const Question& question);
    Said await(const std::shared_ptr<Slot>& slot);
    std::shared_ptr<Slot> newSlot(const Question& question);

    struct Host : usher_host {
        FakePluginHost* self = nullptr;
    };
    Host _host{};
    const usher_auth_entry* _entry = nullptr;
    void* _self = nullptr;
    bool _started = false;
    const std::string _url;
    Fields _config;
    std::shared_ptr<std::mutex> _turn;

    std::mutex _mutex;
    std::map<usher_call, std::shared_ptr<Slot>> _calls;
    usher_call _next = 1;
    std::string _log;
    std::vector<std::string> _audit;
};

} // namespace usher::test
