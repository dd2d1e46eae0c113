#include "Receiver.h"
#include "World.h"

#include "base/Digest.h"
#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace usher;
using namespace usher::test;

/// Webhooks: what is told to whom, how it is signed, and where it never goes.
class WebhooksContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(WebhooksContractTest);
    CPPUNIT_TEST(theSecretIsShownOnceAndSealed);
    CPPUNIT_TEST(whatCannotBeIsRefused);
    CPPUNIT_TEST(eachEndIsToldAndSigned);
    CPPUNIT_TEST(whatFailsComesAgainTheSame);
    CPPUNIT_TEST(whatWaitsOutlivesAKill);
    CPPUNIT_TEST(redirectsAreNotFollowed);
    CPPUNIT_TEST(aSilentOneHoldsUpNobody);
    CPPUNIT_TEST(privateTargetsAreNotReached);
    CPPUNIT_TEST_SUITE_END();

    const std::string _keyFile = "/tmp/usher-it-hook-key-" + std::to_string(::getpid());

    std::string config(const std::string& allow = "127.0.0.1") const {
        return "[secrets]\nkey_file = " + _keyFile + "\n" +
               (allow.empty() ? "" : "[webhooks]\nallow = " + allow + "\n");
    }
    static std::string path(const std::string& job, const std::string& id = {}) {
        return "/api/jobs/" + job + "/webhooks" + (id.empty() ? "" : "/" + id);
    }
    static Json create(World& w, const std::string& job, const Json& body) {
        Answer answer = w.admin("POST", path(job), body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        return answer.json()["webhook"];
    }
    static Json read(World& w, const std::string& job) {
        return w.admin("GET", path(job)).json()["webhooks"][0];
    }
    static std::string run(World& w, const std::string& job) {
        Answer answer = w.trigger(job, w.createKey(job).key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 202, answer.status);
        return answer.json()["data"]["runId"].get<std::string>();
    }
    static void assertSigned(const Receiver::Message& message, const std::string& secret) {
        const auto& fields = message.fields;
        const std::string signing =
            fields.at("webhook-id") + "." + fields.at("webhook-timestamp") + "." + message.body;
        CPPUNIT_ASSERT_EQUAL("v1," + toBase64(hmacSha256(fromBase64(secret.substr(6)).value(), signing)),
                             fields.at("webhook-signature"));
        const auto at = parseInteger(fields.at("webhook-timestamp")).value();
        CPPUNIT_ASSERT(std::abs(at - std::time(nullptr)) < 30);
    }

public:
    void setUp() override {
        std::ofstream(_keyFile) << std::string(64, 'c') << "\n";
        ::chmod(_keyFile.c_str(), 0600);
    }
    void tearDown() override { ::unlink(_keyFile.c_str()); }

private:
    void theSecretIsShownOnceAndSealed() {
        World w(config());
        const std::string job = w.createJob({"true"});
        const Json made = create(w, job, {{"url", "https://1.1.1.1/hook"}});
        const std::string secret = made["secret"].get<std::string>(), id = made["id"].get<std::string>();
        CPPUNIT_ASSERT(secret.starts_with("whsec_"));
        CPPUNIT_ASSERT_EQUAL(Json({"run.ended"}), made["events"]);
        Answer list = w.admin("GET", path(job));
        CPPUNIT_ASSERT(list.body.find("whsec_") == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(id, list.json()["webhooks"][0]["id"].get<std::string>());
        Answer changed = w.admin("PATCH", path(job, id), {{"events", {"run.failed", "lost"}}});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(changed.body, 200, changed.status);
        CPPUNIT_ASSERT(changed.body.find("whsec_") == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(Json({"run.failed", "lost"}), read(w, job)["events"]);
        CPPUNIT_ASSERT(w.sql("SELECT sealed FROM webhooks")[0][0].find(secret.substr(6)) ==
                       std::string::npos);
        CPPUNIT_ASSERT(w.log().find(secret) == std::string::npos);
        CPPUNIT_ASSERT(w.admin("GET", "/api/audit").body.find(secret) == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(200, w.admin("DELETE", path(job, id)).status);
        Answer gone = w.admin("DELETE", path(job, id));
        CPPUNIT_ASSERT_EQUAL(404, gone.status);
        CPPUNIT_ASSERT_EQUAL(std::string("WEBHOOK_NOT_FOUND"), gone.code());
    }

    void whatCannotBeIsRefused() {
        World w(config(""));
        const std::string job = w.createJob({"true"});
        for (const Json& bad :
             {Json::object(), Json{{"url", "ftp://1.1.1.1/"}}, Json{{"url", "http://127.0.0.1/"}},
              Json{{"url", "http://localhost:8321/"}}, Json{{"url", "http://169.254.169.254/latest"}},
              Json{{"url", "http://[::1]/"}}, Json{{"url", "https://u:p@1.1.1.1/"}},
              Json{{"url", "https://1.1.1.1/"}, {"events", Json::array()}},
              Json{{"url", "https://1.1.1.1/"}, {"events", {"run.done"}}},
              Json{{"url", "https://1.1.1.1/"}, {"events", "run.passed"}},
              Json{{"url", "https://1.1.1.1/"}, {"secret", "whsec_mine"}}}) {
            Answer answer = w.admin("POST", path(job), bad);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(bad) + answer.body, 400, answer.status);
            CPPUNIT_ASSERT_MESSAGE(answer.body, answer.json().contains("details"));
        }
        const std::string viewer = w.signInAs("viewer"), editor = w.signInAs("editor");
        CPPUNIT_ASSERT_EQUAL(403, w.as(viewer, "POST", path(job), {{"url", "https://1.1.1.1/"}}).status);
        CPPUNIT_ASSERT_EQUAL(200, w.as(viewer, "GET", path(job)).status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "GET", path(job)).status);
        CPPUNIT_ASSERT_EQUAL(201, w.as(editor, "POST", path(job), {{"url", "https://1.1.1.1/"}}).status);
        World without;
        Answer refused =
            without.admin("POST", path(without.createJob({"true"})), {{"url", "https://1.1.1.1/"}});
        CPPUNIT_ASSERT_EQUAL(409, refused.status);
        CPPUNIT_ASSERT_EQUAL(std::string("SECRETS_NOT_CONFIGURED"), refused.code());
    }

    void eachEndIsToldAndSigned() {
        Receiver receiver;
        World w(config());
        const std::string job = w.createJob({"exit 3"}, {{"name", "tells"}});
        const Json made = create(w, job, {{"url", receiver.url("/in?x=1")}, {"events", {"*"}}});
        const std::string id = run(w, job);
        const auto messages = receiver.await(3);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, messages.size());
        std::string types;
        for (const auto& message : messages) {
            assertSigned(message, made["secret"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("POST /in?x=1 HTTP/1.1"), message.line);
            CPPUNIT_ASSERT_EQUAL(std::string("application/json"), message.fields.at("content-type"));
            types += std::get<Json>(parseJson(message.body))["type"].get<std::string>() + " ";
        }
        CPPUNIT_ASSERT_EQUAL(std::string("run.queued run.running run.failed "), types);
        const Json end = std::get<Json>(parseJson(messages[2].body));
        const Json shown = w.finished(id);
        CPPUNIT_ASSERT_EQUAL(id, end["data"]["runId"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("tells"), end["data"]["jobName"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), end["data"]["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(3, end["data"]["exitCode"].get<int>());
        for (const char* name : {"queuedAt", "startedAt", "completedAt", "trigger", "triggeredBy", "attempt"})
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, shown[name], end["data"][name]);
        for (int i = 0; i < 100 && read(w, job)["waiting"] != 0; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CPPUNIT_ASSERT_EQUAL(0, read(w, job)["waiting"].get<int>());
        CPPUNIT_ASSERT_EQUAL(204, read(w, job)["lastDelivery"]["status"].get<int>());
    }

    void whatFailsComesAgainTheSame() {
        Receiver receiver;
        receiver.failFirst = 1;
        World w(config());
        const std::string job = w.createJob({"true"});
        const Json made = create(w, job, {{"url", receiver.url()}, {"events", {"passed"}}});
        run(w, job);
        const auto messages = receiver.await(2);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, messages.size());
        CPPUNIT_ASSERT_EQUAL(messages[0].fields.at("webhook-id"), messages[1].fields.at("webhook-id"));
        CPPUNIT_ASSERT_EQUAL(messages[0].body, messages[1].body);
        assertSigned(messages[1], made["secret"].get<std::string>());
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, receiver.messages().size());
        CPPUNIT_ASSERT_EQUAL(std::string("0"), w.sql("SELECT count(*) FROM webhook_outbox")[0][0]);
    }

    void whatWaitsOutlivesAKill() {
        auto receiver = std::make_unique<Receiver>();
        World w(config());
        const std::string job = w.createJob({"true"});
        receiver->status = 503;
        create(w, job, {{"url", receiver->url()}});
        w.finished(run(w, job));
        CPPUNIT_ASSERT(!receiver->await(1).empty());
        w.kill9();
        receiver->status = 200;
        w.sql("UPDATE webhook_outbox SET next_at = 1");
        const std::size_t before = receiver->messages().size();
        w.start();
        const auto messages = receiver->await(before + 1);
        CPPUNIT_ASSERT_EQUAL(before + 1, messages.size());
        CPPUNIT_ASSERT_EQUAL(messages[0].body, messages.back().body);
    }

    void redirectsAreNotFollowed() {
        Receiver elsewhere, receiver;
        receiver.status = 302;
        receiver.more = "Location: " + elsewhere.url() + "\r\n";
        World w(config());
        const std::string job = w.createJob({"true"});
        create(w, job, {{"url", receiver.url()}});
        run(w, job);
        receiver.await(1);
        for (int i = 0; i < 100 && read(w, job)["lastDelivery"].is_null(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CPPUNIT_ASSERT_EQUAL(302, read(w, job)["lastDelivery"]["status"].get<int>());
        CPPUNIT_ASSERT_EQUAL(1, read(w, job)["waiting"].get<int>());
        CPPUNIT_ASSERT(elsewhere.messages().empty());
    }

    void aSilentOneHoldsUpNobody() {
        Receiver silent, good;
        silent.silent = true;
        World w(config());
        const std::string job = w.createJob({"true"}), other = w.createJob({"true"});
        create(w, job, {{"url", silent.url()}});
        create(w, other, {{"url", good.url()}});
        w.finished(run(w, job));
        silent.await(1);
        const auto begin = std::chrono::steady_clock::now();
        w.finished(run(w, other));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, good.await(1).size());
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < std::chrono::seconds(9));
        w.signal(15); // and a stop does not wait for it
        const auto told = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_EQUAL(0, w.wait());
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - told < std::chrono::seconds(8));
    }

    void privateTargetsAreNotReached() {
        Receiver receiver;
        World w(config(""));
        const std::string job = w.createJob({"true"});
        create(w, job, {{"url", "https://1.1.1.1/"}});
        // As if its name had come to mean another address.
        w.sql("UPDATE webhooks SET url = '" + receiver.url() + "'");
        w.finished(run(w, job));
        for (int i = 0; i < 100 && read(w, job)["lastDelivery"].is_null(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        CPPUNIT_ASSERT(read(w, job)["lastDelivery"]["status"].is_null());
        CPPUNIT_ASSERT(read(w, job)["lastDelivery"]["error"].get<std::string>().find("[webhooks] allow") !=
                       std::string::npos);
        CPPUNIT_ASSERT(receiver.messages().empty());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(WebhooksContractTest);
