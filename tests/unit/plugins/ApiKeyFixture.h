#pragma once

#include "common/Crypto.h"
#include "common/Json.h"
#include "support/FakePluginHost.h"
#include "support/TestDatabases.h"

#include <cppunit/extensions/HelperMacros.h>

#include <functional>

namespace usher::test {

using plugin::Json;

inline const std::string kJob = "0190a0b0-0000-7000-8000-000000000001";
inline const std::string kOtherJob = "0190a0b0-0000-7000-8000-000000000002";

/// One database with the tables that the daemon and the session plugin would have made, and plugin instances
/// on it.
class ApiKeyWorld {
public:
    explicit ApiKeyWorld(const std::string& url) : url(url) {
        const bool postgres = !url.starts_with("sqlite");
        const std::string id = postgres ? "uuid" : "text";
        execute(url, "CREATE TABLE jobs (id " + id +
                         " PRIMARY KEY, name text);"
                         "CREATE TABLE \"user\" (id text PRIMARY KEY, name text);"
                         "INSERT INTO \"user\" VALUES ('u1', 'Ada');"
                         "INSERT INTO jobs VALUES ('" +
                         kJob + "', 'nightly'), ('" + kOtherJob + "', 'other')");
        if (!postgres) _turn = std::make_shared<std::mutex>();
    }

    std::unique_ptr<FakePluginHost> node(Fields config = {}) {
        auto host = std::make_unique<FakePluginHost>(USHER_API_KEY_SO, url, std::move(config), _turn);
        if (!host->start()) throw std::runtime_error(host->log());
        return host;
    }

    /// A key as SQL of another program would write it; `settings` is "column = value, …".
    std::string insertKey(const std::string& id, const std::string& key, const std::string& job = kJob,
                          const std::string& stored = "") {
        execute(url, "INSERT INTO apikey (id, name, start, key, job_id, rate_limit_enabled) VALUES ('" + id +
                         "', '" + id + "', '" + key.substr(0, 8) + "', '" +
                         (stored.empty() ? plugin::toBase64Url(plugin::sha256(key)) : stored) + "', '" + job +
                         "', " + no() + ")");
        return key;
    }
    void set(const std::string& id, const std::string& assignments) {
        execute(url, "UPDATE apikey SET " + assignments + " WHERE id = '" + id + "'");
    }
    std::string value(const std::string& sql) const { return scalar(url, sql); }
    bool postgres() const { return !url.starts_with("sqlite"); }
    std::string yes() const { return postgres() ? "true" : "1"; }
    std::string no() const { return postgres() ? "false" : "0"; }
    /// A time relative to now, as this database writes it.
    std::string seconds(int offset) const {
        const std::string text = std::to_string(offset);
        return postgres() ? "now() + interval '" + text + " seconds'"
                          : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '" + text + " seconds')";
    }

    const std::string url;

private:
    std::shared_ptr<std::mutex> _turn;
};

inline void onEachDatabase(const std::function<void(ApiKeyWorld&)>& test) {
    TestDatabases databases;
    for (const std::string& url : databases.urls()) {
        ApiKeyWorld world(url);
        try {
            test(world);
        } catch (const CppUnit::Exception& failure) {
            CppUnit::Message message = failure.message();
            message.addDetail("on " + url.substr(0, url.find(':')));
            throw CppUnit::Exception(message, failure.sourceLine());
        }
    }
}

inline Question triggerBy(const std::string& key, const std::string& job = kJob) {
    Question question;
    question.resource = job;
    if (!key.empty()) question.headers = {{"authorization", "Bearer " + key}};
    return question;
}

inline Json json(const Response& response) {
    return std::get<Json>(plugin::parseJson(response.body));
}
inline std::string keysPath(const std::string& job = kJob) {
    return "/api/jobs/" + job + "/api-keys";
}

/// Creates a key over HTTP and gives it back.
inline Json created(FakePluginHost& host, const std::string& body) {
    const Response response = host.request("POST", keysPath(), body);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(response.body, 201, response.status);
    return json(response)["apiKey"];
}

/// Waits until it is so, ten seconds at most.
inline bool becomes(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

} // namespace usher::test
