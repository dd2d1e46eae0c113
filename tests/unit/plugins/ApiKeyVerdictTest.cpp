#include "ApiKeyFixture.h"

using namespace usher::test;

/// The plugin's rows of the trigger table, the formats of keys, permissions and addresses.
class ApiKeyVerdictTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiKeyVerdictTest);
    CPPUNIT_TEST(everyRowOfTheTableHasItsOwnAnswer);
    CPPUNIT_TEST(theOrderOfTheTableHolds);
    CPPUNIT_TEST(credentialsAreReadFromBothFields);
    CPPUNIT_TEST(nullMeansTrue);
    CPPUNIT_TEST(knownAnswersAreAccepted);
    CPPUNIT_TEST(olderFormsAreAcceptedAndRewritten);
    CPPUNIT_TEST(aLeakedHashIsNoKey);
    CPPUNIT_TEST(permissionsAreExact);
    CPPUNIT_TEST(addressesAreMatchedByNetwork);
    CPPUNIT_TEST(runsBelongToTheKeyThatStartedThem);
    CPPUNIT_TEST(runsOfAJobAreListedForItsOwnKeys);
    CPPUNIT_TEST(otherActionsAreNotItsBusiness);
    CPPUNIT_TEST(wrongConfigurationIsRefused);
    CPPUNIT_TEST_SUITE_END();

    static void expect(const Said& said, int decision, int status, const std::string& code,
                       const std::string& title) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(code + ": " + said.audit, code, said.code);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(code, decision, said.decision);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(code, status, said.httpStatus);
        CPPUNIT_ASSERT_EQUAL(title, said.title);
        CPPUNIT_ASSERT_MESSAGE(code, !said.message.empty());
    }

    void everyRowOfTheTableHasItsOwnAnswer() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            Said said = node->ask(triggerBy(""));
            expect(said, USHER_ABSTAIN, 401, "API_KEY_REQUIRED", "API key required");
            CPPUNIT_ASSERT((said.flags & USHER_GUESS) == 0);
            CPPUNIT_ASSERT_EQUAL(std::string("Bearer"), said.header("WWW-Authenticate"));
            said = node->ask(triggerBy("short"));
            expect(said, USHER_ABSTAIN, 401, "INVALID_API_KEY_FORMAT", "Invalid API key format");
            CPPUNIT_ASSERT((said.flags & USHER_GUESS) != 0);
            said = node->ask(triggerBy("job_with_\xc3\xa9_inside"));
            expect(said, USHER_ABSTAIN, 401, "INVALID_API_KEY_FORMAT", "Invalid API key format");
            said = node->ask(triggerBy("job_0123456789abcdefghik"));
            expect(said, USHER_ABSTAIN, 401, "INVALID_API_KEY", "Invalid API key");
            CPPUNIT_ASSERT((said.flags & USHER_GUESS) != 0);
            said = node->askAndSettle(triggerBy(key), USHER_ACCEPTED);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, said.decision);
            CPPUNIT_ASSERT_EQUAL(std::string("api-key:k1"), said.principalId);
            CPPUNIT_ASSERT_EQUAL(std::string("k1"), said.principalName);
            CPPUNIT_ASSERT(said.header("RateLimit-Limit").empty());

            world.set("k1", "enabled = " + world.no());
            expect(node->ask(triggerBy(key)), USHER_DENY, 401, "API_KEY_DISABLED", "API key disabled");
            world.set("k1", "enabled = " + world.yes() + ", expires_at = " + world.seconds(-1));
            expect(node->ask(triggerBy(key)), USHER_DENY, 401, "API_KEY_EXPIRED", "API key expired");
            world.set("k1",
                      "expires_at = " + world.seconds(3600) + ", allowed_addresses = '[\"203.0.113.0/24\"]'");
            expect(node->ask(triggerBy(key)), USHER_DENY, 403, "ADDRESS_NOT_ALLOWED", "Address not allowed");
            world.set("k1", "allowed_addresses = NULL");
            expect(node->ask(triggerBy(key, kOtherJob)), USHER_DENY, 403, "API_KEY_NOT_AUTHORIZED",
                   "API key not authorized for this job");
            world.set("k1", "rate_limit_enabled = " + world.yes() + ", rate_limit_max = 1");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(key), USHER_ACCEPTED).decision);
            said = node->ask(triggerBy(key));
            expect(said, USHER_DENY, 429, "RATE_LIMITED", "Rate limit exceeded");
            CPPUNIT_ASSERT((said.flags & (USHER_REPLAY_OK | USHER_HAS_LIMITS)) ==
                           (USHER_REPLAY_OK | USHER_HAS_LIMITS));
            world.set("k1", "rate_limit_enabled = " + world.no() + ", remaining = 0");
            said = node->ask(triggerBy(key));
            expect(said, USHER_DENY, 429, "USAGE_EXCEEDED", "Usage limit reached");
            CPPUNIT_ASSERT((said.flags & USHER_REPLAY_OK) != 0 && !said.header("Retry-After").empty());
            execute(world.url, "DELETE FROM apikey");
            expect(node->ask(triggerBy(key)), USHER_ABSTAIN, 401, "INVALID_API_KEY", "Invalid API key");
        });
    }
    void theOrderOfTheTableHolds() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            world.set("k1", "enabled = " + world.no() + ", expires_at = " + world.seconds(-1) +
                                ", allowed_addresses = '203.0.113.1', permissions = '[]', remaining = 0, "
                                "rate_limit_max = 0, rate_limit_enabled = " +
                                world.yes());
            auto code = [&] { return node->ask(triggerBy(key)).code; };
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_DISABLED"), code());
            world.set("k1", "enabled = NULL");
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_EXPIRED"), code());
            world.set("k1", "expires_at = NULL");
            CPPUNIT_ASSERT_EQUAL(std::string("ADDRESS_NOT_ALLOWED"), code());
            world.set("k1", "allowed_addresses = ''");
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"), code());
            world.set("k1", "permissions = NULL");
            CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), code());
            world.set("k1", "rate_limit_enabled = " + world.no());
            CPPUNIT_ASSERT_EQUAL(std::string("USAGE_EXCEEDED"), code());
        });
    }
    void credentialsAreReadFromBothFields() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            const std::string other = world.insertKey("k2", "job_0123456789abcdefghik");
            auto code = [&](Fields headers) {
                Question question = triggerBy("");
                question.headers = std::move(headers);
                const Said said = node->askAndSettle(question, USHER_ACCEPTED);
                return said.decision == USHER_ALLOW ? std::string("ALLOW") : said.code;
            };
            const std::string allow = "ALLOW", conflict = "CREDENTIALS_CONFLICT",
                              required = "API_KEY_REQUIRED";
            CPPUNIT_ASSERT_EQUAL(allow, code({{"Authorization", "bEARER  " + key + " "}}));
            CPPUNIT_ASSERT_EQUAL(allow, code({{"x-api-key", key}}));
            CPPUNIT_ASSERT_EQUAL(allow, code({{"X-Api-Key", key}, {"Authorization", "Bearer " + key}}));
            CPPUNIT_ASSERT_EQUAL(allow, code({{"X-Api-Key", key}, {"Authorization", "Basic dTpw"}}));
            CPPUNIT_ASSERT_EQUAL(conflict, code({{"X-Api-Key", other}, {"Authorization", "Bearer " + key}}));
            CPPUNIT_ASSERT_EQUAL(conflict, code({{"X-Api-Key", key}, {"X-API-KEY", key}}));
            CPPUNIT_ASSERT_EQUAL(conflict,
                                 code({{"Authorization", "Bearer " + key}, {"authorization", "Bearer x"}}));
            CPPUNIT_ASSERT_EQUAL(required, code({{"Authorization", "Basic " + key}}));
            CPPUNIT_ASSERT_EQUAL(required, code({{"Authorization", "Bearer"}}));
            CPPUNIT_ASSERT_EQUAL(required,
                                 code({{"Authorization", "Bearer ushs_0123456789abcdef0123456789abcdef"}}));
            CPPUNIT_ASSERT_EQUAL(required, code({{"X-Api-Key", " "}}));
            const Said said = node->ask([] {
                Question question = triggerBy("job_aaaaaaaaaaaaaaaa");
                question.headers.emplace_back("X-Api-Key", "job_bbbbbbbbbbbbbbbb");
                return question;
            }());
            expect(said, USHER_DENY, 400, conflict, "Conflicting credentials");
        });
    }
    void nullMeansTrue() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            world.set("k1", "enabled = NULL, rate_limit_enabled = NULL, rate_limit_max = NULL, "
                            "rate_limit_time_window = NULL, request_count = NULL");
            const Said said = node->askAndSettle(triggerBy(key), USHER_ACCEPTED);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, said.decision);
            CPPUNIT_ASSERT_EQUAL(std::string("100"), said.header("RateLimit-Limit"));
            CPPUNIT_ASSERT_EQUAL(std::string("99"), said.header("X-RateLimit-Remaining"));
            CPPUNIT_ASSERT(becomes([&] { return world.value("SELECT request_count FROM apikey") == "1"; }));
            CPPUNIT_ASSERT(!world.value("SELECT last_request FROM apikey").empty());
        });
    }
    void knownAnswersAreAccepted() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string first = "job_0123456789abcdefghijklmnopqrstuv";
            const std::string second = "job_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl";
            world.insertKey("k1", first, kJob, "qYA9uNuQRkq-lNblSiBFGZEnye-942yI0rOkUEgg8Hc");
            world.insertKey("k2", second, kJob, "7J6GZp2DFFU4vj-D8g72KZI7SN7D1Ag3nGUM3FnFAfk");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(first), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, node->askAndSettle(triggerBy(second), USHER_ACCEPTED).decision);
        });
    }
    void olderFormsAreAcceptedAndRewritten() {
        onEachDatabase([](ApiKeyWorld& world) {
            using namespace usher::plugin;
            const std::string hexKey = "sck_trigger_0123456789abcdef0123456789abcdef";
            const std::string plainKey = "job_0123456789abcdef0123456789abcdef";
            auto strict = world.node();
            auto lenient = world.node({{"accept_plaintext", "true"}});
            world.insertKey("hex", hexKey, kJob, toHex(sha256(hexKey)));
            world.insertKey("plain", plainKey, kJob, plainKey);
            auto storedOf = [&](const char* id) {
                return world.value(std::string("SELECT key FROM apikey WHERE id = '") + id + "'");
            };
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), strict->ask(triggerBy(plainKey)).code);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"),
                                 strict->ask(triggerBy(hexKey, kOtherJob)).code);
            CPPUNIT_ASSERT_EQUAL_MESSAGE("refused: not rewritten", toHex(sha256(hexKey)), storedOf("hex"));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 strict->askAndSettle(triggerBy(hexKey), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(toBase64Url(sha256(hexKey)), storedOf("hex"));
            world.set("plain", "start = 'xyz'");
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), lenient->ask(triggerBy(plainKey)).code);
            world.set("plain", "start = 'job_01'");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 lenient->askAndSettle(triggerBy(plainKey), USHER_ACCEPTED).decision);
            CPPUNIT_ASSERT_EQUAL(toBase64Url(sha256(plainKey)), storedOf("plain"));
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW,
                                 strict->askAndSettle(triggerBy(plainKey), USHER_ACCEPTED).decision);
        });
    }
    void aLeakedHashIsNoKey() {
        onEachDatabase([](ApiKeyWorld& world) {
            using namespace usher::plugin;
            auto node = world.node({{"accept_plaintext", "true"}});
            const std::string key = "job_0123456789abcdefghij";
            const std::string base64 = toBase64Url(sha256(key)), hex = toHex(sha256(key));
            world.insertKey("k1", key);
            world.insertKey("k2", key, kJob, hex);
            execute(world.url, "UPDATE apikey SET start = substr(key, 1, 4)");
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(base64)).code);
            CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), node->ask(triggerBy(hex)).code);
        });
    }
    void permissionsAreExact() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            auto allowed = [&](const std::string& permissions, const std::string& job = kJob) {
                world.set("k1", "permissions = " + permissions);
                return node->askAndSettle(triggerBy(key, job), USHER_ACCEPTED).decision == USHER_ALLOW;
            };
            auto object = [](const std::string& entry) { return "'{\"jobs\":[\"" + entry + "\"]}'"; };
            CPPUNIT_ASSERT(allowed(object("trigger:" + kJob)));
            CPPUNIT_ASSERT(allowed("'{ \"jobs\": [ \"read:x\", \"trigger:" + kJob + "\" ] }'"));
            CPPUNIT_ASSERT(allowed("'[\"trigger:" + kJob + "\"]'"));
            CPPUNIT_ASSERT(allowed("NULL"));
            for (const std::string& no :
                 {object("trigger:" + kOtherJob), object("read:" + kJob), object("trigger:*"), object("*"),
                  object("trigger:" + kJob + " "), object("TRIGGER:" + kJob), std::string("'{}'"),
                  std::string("'[]'"), std::string("''"), std::string("'null'"), std::string("'{'"),
                  "'\"trigger:" + kJob + "\"'", "'{\"jobs\":\"trigger:" + kJob + "\"}'",
                  "'{\"jobs\":[\"trigger:" + kJob + "\", 7]}'",
                  "'{\"jobs\":[],\"jobs\":[\"trigger:" + kJob + "\"]}'",
                  "'{\"tests\":[\"trigger:" + kJob + "\"]}'"})
                CPPUNIT_ASSERT_MESSAGE(no, !allowed(no));
            CPPUNIT_ASSERT_MESSAGE("another job's", !allowed(object("trigger:" + kOtherJob), kOtherJob));
            world.set("k1", "job_id = NULL");
            CPPUNIT_ASSERT(allowed(object("trigger:" + kOtherJob), kOtherJob));
            CPPUNIT_ASSERT(!allowed("NULL"));
            CPPUNIT_ASSERT(!allowed(object("trigger:"), ""));
        });
    }
    void addressesAreMatchedByNetwork() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            auto from = [&](const std::string& list, const std::string& peer,
                            const std::string& client = "") {
                world.set("k1", "allowed_addresses = '" + list + "'");
                Question question = triggerBy(key);
                question.peerAddress = peer;
                if (!client.empty()) question.attributes = {{"client_address", client}};
                return node->askAndSettle(question, USHER_ACCEPTED).decision == USHER_ALLOW;
            };
            CPPUNIT_ASSERT(from("203.0.113.7", "203.0.113.7"));
            CPPUNIT_ASSERT(from("[\"10.0.0.0/8\", \"203.0.113.0/25\"]", "203.0.113.127"));
            CPPUNIT_ASSERT(!from("[\"203.0.113.0/25\"]", "203.0.113.128"));
            CPPUNIT_ASSERT(from("10.0.0.0/8, 203.0.113.7", "::ffff:203.0.113.7"));
            CPPUNIT_ASSERT(from("::ffff:203.0.113.0/120", "203.0.113.9"));
            CPPUNIT_ASSERT(from("2001:db8::/33", "2001:db8:7fff::1") &&
                           !from("2001:db8::/33", "2001:db8:8000::1"));
            CPPUNIT_ASSERT(from("0.0.0.0/0", "198.51.100.1") && !from("0.0.0.0/0", "2001:db8::1"));
            CPPUNIT_ASSERT(from("::/0", "198.51.100.1"));
            CPPUNIT_ASSERT(from("203.0.113.7", "127.0.0.1", "203.0.113.7"));
            CPPUNIT_ASSERT(!from("127.0.0.1", "127.0.0.1", "203.0.113.7"));
            for (const char* list :
                 {"[]", "[7]", "nonsense", "203.0.113.7/33", "[\"203.0.113.7\"", "203.0.113"})
                CPPUNIT_ASSERT_MESSAGE(list, !from(list, "203.0.113.7"));
        });
    }
    void runsBelongToTheKeyThatStartedThem() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            world.set("k1", "rate_limit_enabled = " + world.yes() + ", rate_limit_max = 2, remaining = 2");
            auto ask = [&](const std::string& action, const std::string& startedBy,
                           const std::string& job = kJob) {
                Question question = triggerBy(key, "0190a0b0-0000-7000-8000-00000000aaaa");
                question.action = action;
                question.attributes = {{"job_id", job}, {"started_by", startedBy}};
                return node->askAndSettle(question, USHER_ABANDONED);
            };
            for (int i = 0; i < 5; ++i) {
                const Said said = ask("run.read", "api-key:k1");
                CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, said.decision);
                CPPUNIT_ASSERT_EQUAL_MESSAGE("costs nothing", std::string("2"),
                                             said.header("RateLimit-Remaining"));
            }
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, ask("run.cancel", "api-key:k1").decision);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"), ask("run.read", "api-key:k2").code);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"), ask("run.read", "").code);
            world.set("k1", "permissions = '[\"read:" + kJob + "\"]'");
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, ask("run.read", "user:u1").decision);
            CPPUNIT_ASSERT_EQUAL(USHER_ALLOW, ask("run.list", "").decision);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"), ask("run.cancel", "user:u1").code);
            CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"),
                                 ask("run.read", "user:u1", kOtherJob).code);
            CPPUNIT_ASSERT_EQUAL(std::string("2"), world.value("SELECT remaining FROM apikey"));
        });
    }
    void runsOfAJobAreListedForItsOwnKeys() {
        onEachDatabase([](ApiKeyWorld& world) {
            auto node = world.node();
            const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
            // "all": its role lets the host show every run of the job; "own": only what it started.
            auto list = [&](const std::string& job) {
                Question question = triggerBy(key, "");
                question.action = "run.list";
                if (!job.empty()) question.attributes = {{"job_id", job}};
                const Said said = node->askAndSettle(question, USHER_ABANDONED);
                if (said.decision != USHER_ALLOW) return said.code + ": " + said.message;
                return std::string(said.principalRole.empty() ? "own" : "all as " + said.principalRole);
            };
            CPPUNIT_ASSERT_EQUAL(std::string("own"), list(kJob));
            CPPUNIT_ASSERT(list(kOtherJob).starts_with("API_KEY_NOT_AUTHORIZED: Use a key"));
            CPPUNIT_ASSERT(list("").starts_with("API_KEY_NOT_AUTHORIZED: Name the job"));
            world.set("k1", "permissions = '[\"read:" + kJob + "\"]'");
            CPPUNIT_ASSERT_EQUAL(std::string("all as viewer"), list(kJob));
            CPPUNIT_ASSERT(list(kOtherJob).starts_with("API_KEY_NOT_AUTHORIZED"));
            world.set("k1", "permissions = '[\"cancel:" + kJob + "\"]'");
            CPPUNIT_ASSERT_EQUAL_MESSAGE("its own job, whatever it may", std::string("own"), list(kJob));
            world.set("k1", "job_id = NULL");
            CPPUNIT_ASSERT(list(kJob).starts_with("API_KEY_NOT_AUTHORIZED"));
            world.set("k1", "permissions = '[\"trigger:" + kOtherJob + "\"]'");
            CPPUNIT_ASSERT_EQUAL(std::string("own"), list(kOtherJob));
            CPPUNIT_ASSERT(list("").starts_with("API_KEY_NOT_AUTHORIZED: Name the job"));
        });
    }
    void otherActionsAreNotItsBusiness() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        auto node = world.node();
        const std::string key = world.insertKey("k1", "job_0123456789abcdefghij");
        for (const char* action : {"job.read", "key.create", "run.rerun", "user.list", ""}) {
            Question question = triggerBy(key);
            question.action = action;
            CPPUNIT_ASSERT_EQUAL(USHER_ABSTAIN, node->ask(question).decision);
        }
    }
    void wrongConfigurationIsRefused() {
        TestDatabases databases;
        ApiKeyWorld world(databases.sqlite());
        for (const Fields& config : {Fields{{"accept_plaintext", "maybe"}}, Fields{{"batch", "0"}},
                                     Fields{{"database", "elsewhere"}}, Fields{{"colour", "blue"}}}) {
            FakePluginHost host(USHER_API_KEY_SO, world.url, config);
            CPPUNIT_ASSERT(!host.start());
            CPPUNIT_ASSERT_MESSAGE("the operator is told",
                                   host.log().find(config[0].first) != std::string::npos);
        }
        FakePluginHost nowhere(USHER_API_KEY_SO, "mysql://x");
        CPPUNIT_ASSERT(!nowhere.start());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ApiKeyVerdictTest);
