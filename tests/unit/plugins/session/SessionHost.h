#pragma once

#include <nlohmann/json.hpp>

#include "usher/auth.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace usher::test {

using Json = nlohmann::json;
using Headers = std::vector<std::pair<std::string, std::string>>;

/// What a client would see.
struct Reply {
    int status = 0;
    std::string code, title; ///< of a refusal
    Json body;
    Headers headers;
    std::vector<std::string> setCookies() const;
    /// NAME=VALUE of the Set-Cookie called NAME, without its attributes; "" when there is none.
    std::string cookie(const std::string& name) const;
    std::string header(const std::string& name) const;
};

/// A verdict as the host would have taken it.
struct Judged {
    usher_decision decision = USHER_ERROR;
    int status = 0;
    std::string code, message, principal, role;
    Headers headers;
};

/// The host as session.so sees it: loads the finished file and speaks the C interface to it. One instance is
/// one node. send() and check() may be called from several threads at once.
class SessionHost {
public:
    struct Options {
        std::string url, folder;
        std::string secret = "lab-secret-0123456789abcdefghijklmnopqrstuv";
        std::string publicUrl = {};
        std::string port = "8321";
        std::string address = "203.0.113.7";
        std::vector<std::pair<std::string, std::string>> config = {{"secret_file", "/any"}};
    };
    explicit SessionHost(Options options);
    ~SessionHost();
    SessionHost(const SessionHost&) = delete;

    usher_status create(); ///< started() says how both went
    usher_status start();
    /// create() and start(), which must work.
    void up();

    Judged check(const std::string& action, const std::string& method, const Headers& headers = {});
    /// The whole way: route, check, handler. The route must exist.
    Reply send(const std::string& method, const std::string& target, const Json& body = nullptr,
               const Headers& headers = {});
    Reply sendRaw(const std::string& method, const std::string& target, const std::string& body,
                  const Headers& headers = {});

    const usher_http_routes& routes() const;
    const usher_config_schema& schema() const;
    bool healthy() const;
    std::vector<std::string> log() const;
    std::vector<std::string> audit() const; ///< "actor action resource decision code detail"
    Options options;

private:
    struct Call;
    struct C;
    std::shared_ptr<Call> open(const std::string& action, const std::string& method,
                               const std::string& target, const std::string& body, const Headers& headers);
    Judged ask(const std::shared_ptr<Call>& call);

    const usher_auth_entry* _entry = nullptr;
    std::unique_ptr<C> _c;
    void* _self = nullptr;
    mutable std::mutex _mutex;
    std::condition_variable _changed;
    std::map<usher_call, std::shared_ptr<Call>> _calls;
    usher_call _next = 1;
    std::vector<std::string> _log, _audit;
};

} // namespace usher::test
