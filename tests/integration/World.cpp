#include "World.h"

#include "base/Random.h"
#include "base/Text.h"

#include <cppunit/TestAssert.h>

#include <libpq-fe.h>
#include <sqlite3.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

extern char** environ;

namespace usher::test {

namespace {

constexpr const char* kPassword = "correct horse battery";

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

int freePort() {
    // The daemon would take port 0 as well; a known port lets a test restart it where clients look for it.
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
}

std::vector<std::vector<std::string>> postgresSql(const std::string& url, const std::string& statement) {
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), PQfinish);
    CPPUNIT_ASSERT_MESSAGE(PQerrorMessage(connection.get()), PQstatus(connection.get()) == CONNECTION_OK);
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), statement.c_str()),
                                                         PQclear);
    auto status = PQresultStatus(result.get());
    CPPUNIT_ASSERT_MESSAGE(statement + ": " + PQerrorMessage(connection.get()),
                           status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
    std::vector<std::vector<std::string>> rows;
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        rows.emplace_back();
        for (int column = 0; column < PQnfields(result.get()); ++column)
            rows.back().push_back(PQgetvalue(result.get(), row, column));
    }
    return rows;
}

} // namespace

bool World::postgres() const {
    return environment("USHER_TEST_DATABASE") == "postgres";
}

World::World(const std::string& extra, bool startNow) {
    if (postgres() && environment("USHER_TEST_PG_URL").empty()) {
        std::cerr << "SKIPPED: USHER_TEST_PG_URL is not set; run this through tests/support/with-postgres\n";
        std::exit(77);
    }
    char name[] = "/tmp/usher-it-XXXXXX";
    CPPUNIT_ASSERT(::mkdtemp(name));
    _folder = name;
    ::chmod(name, 0711); // tests with a uid of their own pass through
    if (postgres()) {
        std::string base = environment("USHER_TEST_PG_URL");
        _databaseName = "usher_it_" + randomText(12, "abcdefghijklmnopqrstuvwxyz");
        postgresSql(base, "CREATE DATABASE " + _databaseName);
        _databaseUrl = base.substr(0, base.rfind('/') + 1) + _databaseName;
    } else {
        _databaseUrl = "sqlite://" + _folder + "/state/usher.db";
    }
    _port = freePort();
    writeConfig(extra);
    if (startNow) start();
}

World::~World() {
    if (_pid > 0) {
        signal(SIGTERM);
        wait();
    }
    if (environment("USHER_TEST_KEEP").empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(_folder, ignored);
    }
    if (!_databaseName.empty()) {
        try {
            postgresSql(environment("USHER_TEST_PG_URL"), "DROP DATABASE " + _databaseName + " WITH (FORCE)");
        } catch (...) {
        }
    }
}

void World::writeConfig(const std::string& extra) {
    _config = _folder + "/usherd.conf";
    std::string secret = _folder + "/session-secret";
    std::ofstream(secret) << "integration-secret-0123456789abcdef\n";
    ::chmod(secret.c_str(), 0600);
    std::ofstream out(_config);
    out << "state_dir = " << _folder << "/state\n"
        << "[http]\nport = " << _port << "\n"
        << "[database]\nurl = " << _databaseUrl << "\n"
        << "[plugins.session]\nsecret_file = " << secret << "\n"
        << "[exec]\nsandbox = " << (::geteuid() == 0 ? "basic" : "none") << "\n"
        << extra;
}

void World::start() {
    std::string program = USHER_TEST_BIN "/usherd";
    std::string logFile = _folder + "/log";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, logFile.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    const std::size_t before = log().size();
    std::string flag = "--config";
    char* arguments[] = {program.data(), flag.data(), _config.data(), nullptr};
    int error = ::posix_spawn(&_pid, program.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    CPPUNIT_ASSERT_EQUAL(0, error);
    for (int i = 0; i < 600; ++i) {
        // Where a drop-in says `port = 0`, only the log tells which one it is.
        const std::string said = log().substr(before), mark = " listens on 127.0.0.1:";
        if (const auto at = said.find(mark); at != said.npos)
            _port = std::atoi(said.c_str() + at + mark.size());
        Http http(_port);
        if (http.request("GET", "/healthz").status == 200) return;
        if (::waitpid(_pid, nullptr, WNOHANG) == _pid) {
            _pid = -1;
            CPPUNIT_FAIL("usherd did not start:\n" + log());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    CPPUNIT_FAIL("usherd does not answer:\n" + log());
}

void World::signal(int number) {
    if (_pid > 0) ::kill(_pid, number);
}

int World::wait() {
    int status = 0;
    if (_pid <= 0 || ::waitpid(_pid, &status, 0) != _pid) return -1000;
    _pid = -1;
    _http.reset();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string World::log() const {
    return readFile(_folder + "/log").value_or("");
}

std::vector<std::vector<std::string>> World::sql(const std::string& statement) {
    if (postgres()) return postgresSql(_databaseUrl, statement);
    sqlite3* raw = nullptr;
    CPPUNIT_ASSERT_EQUAL(SQLITE_OK, sqlite3_open((_folder + "/state/usher.db").c_str(), &raw));
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(raw, sqlite3_close);
    sqlite3_busy_timeout(raw, 10'000);
    std::vector<std::vector<std::string>> rows;
    char* error = nullptr;
    auto collect = [](void* out, int count, char** values, char**) {
        std::vector<std::string> row;
        for (int i = 0; i < count; ++i) row.push_back(values[i] ? values[i] : "");
        static_cast<std::vector<std::vector<std::string>>*>(out)->push_back(std::move(row));
        return 0;
    };
    sqlite3_exec(raw, statement.c_str(), collect, &rows, &error);
    std::string message = error ? error : "";
    sqlite3_free(error);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(statement, std::string(), message);
    return rows;
}

Answer World::as(const std::string& token, const std::string& method, const std::string& target,
                 const Json& body) {
    if (!_http) _http = std::make_unique<Http>(_port);
    Headers headers;
    if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
    return _http->request(method, target, headers, body.is_null() ? "" : toText(body));
}

const std::string& World::token() {
    if (!_token.empty()) return _token;
    std::string setup(trim(readFile(_folder + "/state/setup-token").value_or("")));
    CPPUNIT_ASSERT_MESSAGE("no setup-token:\n" + log(), !setup.empty());
    Answer made =
        as("", "POST", "/api/auth/setup",
           {{"token", setup}, {"email", "admin@example.test"}, {"password", kPassword}, {"name", "Admin"}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
    Answer in = as("", "POST", "/api/auth/sign-in/email",
                   {{"email", "admin@example.test"}, {"password", kPassword}, {"bearer", true}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(in.body, 200, in.status);
    return _token = in.json().at("token").get<std::string>();
}

std::string World::createTest(const std::string& script, const std::string& type) {
    Answer made =
        admin("POST", "/api/tests",
              {{"title", "test " + std::to_string(++_counter)}, {"type", type}, {"script", script}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
    return made.json().at("test").at("id").get<std::string>();
}

std::string World::createJob(const std::vector<std::string>& scripts, Json settings) {
    if (!settings.contains("name")) settings["name"] = "job " + std::to_string(++_counter);
    Answer made = admin("POST", "/api/jobs", settings);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
    std::string id = made.json().at("job").at("id").get<std::string>();
    Json tests = Json::array();
    for (const std::string& script : scripts) tests.push_back(createTest(script));
    Answer put = admin("PUT", "/api/jobs/" + id + "/tests", {{"tests", tests}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(put.body, 200, put.status);
    return id;
}

World::Key World::createKey(const std::string& jobId, Json settings) {
    if (!settings.contains("name")) settings["name"] = "key " + std::to_string(++_counter);
    Answer made = admin("POST", "/api/jobs/" + jobId + "/api-keys", settings);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
    Json key = made.json().at("apiKey");
    return {key.at("id").get<std::string>(), key.at("key").get<std::string>()};
}

std::string World::signInAs(const std::string& role) {
    std::string email = role + std::to_string(++_counter) + "@example.test";
    Answer made = admin("POST", "/api/users",
                        {{"email", email}, {"name", role}, {"password", kPassword}, {"role", role}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 201, made.status);
    Answer in = as("", "POST", "/api/auth/sign-in/email",
                   {{"email", email}, {"password", kPassword}, {"bearer", true}});
    CPPUNIT_ASSERT_EQUAL_MESSAGE(in.body, 200, in.status);
    return in.json().at("token").get<std::string>();
}

Answer World::trigger(const std::string& jobId, const std::string& key, const std::string& body,
                      Headers more) {
    if (!_http) _http = std::make_unique<Http>(_port);
    if (!key.empty()) more.emplace_back("Authorization", "Bearer " + key);
    return _http->request("POST", "/api/jobs/" + jobId + "/trigger", more, body);
}

Json World::finished(const std::string& runId, int seconds) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < until) {
        Answer answer = admin("GET", "/api/runs/" + runId);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        Json run = answer.json();
        std::string status = run.at("status").get<std::string>();
        if (status != "queued" && status != "running") return run;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    CPPUNIT_FAIL("run " + runId + " does not end\n" + log());
    return {};
}

} // namespace usher::test
