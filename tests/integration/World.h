#pragma once

#include "Http.h"

#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace usher::test {

/// A daemon of its own on a database of its own, in a folder of its own; all gone with the object. The
/// database comes from USHER_TEST_DATABASE (sqlite or postgres) and, for the latter, USHER_TEST_PG_URL.
class World {
public:
    /// `extra`: more lines of configuration, section headers included.
    explicit World(const std::string& extra = {}, bool startNow = true);
    ~World();

    void start();
    void signal(int number);
    /// Waits for the daemon to end; its exit status, or -signal.
    int wait();
    void kill9() { signal(9), wait(); }
    bool postgres() const;

    int port() const { return _port; }
    pid_t pid() const { return _pid; }
    const std::string& folder() const { return _folder; }
    std::string log() const;
    /// Runs one statement in the daemon's database from outside; rows of text.
    std::vector<std::vector<std::string>> sql(const std::string& statement);

    // As the admin, made on first use.
    const std::string& token();
    Answer as(const std::string& token, const std::string& method, const std::string& target,
              const Json& body = nullptr);
    Answer admin(const std::string& method, const std::string& target, const Json& body = nullptr) {
        return as(token(), method, target, body);
    }
    std::string createTest(const std::string& script, const std::string& type = "shell");
    /// A job with these scripts as shell tests.
    std::string createJob(const std::vector<std::string>& scripts, Json settings = Json::object());
    struct Key {
        std::string id, key;
    };
    Key createKey(const std::string& jobId, Json settings = Json::object());
    /// A user with this role, signed in; the bearer token.
    std::string signInAs(const std::string& role);

    Answer trigger(const std::string& jobId, const std::string& key, const std::string& body = {},
                   Headers more = {});
    /// Waits until the run has ended; the run.
    Json finished(const std::string& runId, int seconds = 30);
    /// The next request takes a new connection.
    void reconnect() { _http.reset(); }

private:
    void writeConfig(const std::string& extra);

    std::string _folder, _config, _databaseName, _databaseUrl;
    pid_t _pid = -1;
    int _port = 0;
    int _counter = 0;
    std::string _token;
    std::unique_ptr<Http> _http;
};

} // namespace usher::test
