#include "World.h"

#include "base/Digest.h"
#include "base/Text.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace usher;
using namespace usher::test;

/// What an operator does: plugins, explanations, users and sessions, the daemon's own subcommands.
class AdminContractTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AdminContractTest);
    CPPUNIT_TEST(pluginsAreListed);
    CPPUNIT_TEST(explainTellsEachVerdictAndSpendsNothing);
    CPPUNIT_TEST(explainIsForAdminsAndReadsStrictly);
    CPPUNIT_TEST(usersAndSessionsAreManagedFromTheCommandLine);
    CPPUNIT_TEST(oneAdminStaysHoweverManyGoAtOnce);
    CPPUNIT_TEST(aLostSetupTokenIsReplaced);
    CPPUNIT_TEST(checkConfigTellsOfPluginsAndDaemonAtOnce);
    CPPUNIT_TEST(checkConfigTellsOfWhatTheLauncherAndTheDatabaseRead);
    CPPUNIT_TEST(migrateAppliesEveryComponent);
    CPPUNIT_TEST(optionsOfTheServerAsAWhole);
    CPPUNIT_TEST_SUITE_END();

    struct Ended {
        int status = -1;
        std::string output; ///< both streams
    };
    /// Words without quotes or spaces; `input` goes to standard input by way of a file.
    static Ended run(World& w, const std::string& program, const std::string& words,
                     const std::string& input = "") {
        std::string file = w.folder() + "/input";
        std::ofstream(file) << input;
        ::chmod(file.c_str(), 0600);
        std::string line = "HOME=" + w.folder() + " XDG_CONFIG_HOME=" + w.folder() + "/xdg timeout 60 " +
                           USHER_TEST_BIN "/" + program + " " + words + " < " + file + " 2>&1";
        Ended ended;
        FILE* pipe = ::popen(line.c_str(), "r");
        CPPUNIT_ASSERT(pipe);
        char buffer[4096];
        while (std::size_t size = ::fread(buffer, 1, sizeof buffer, pipe)) ended.output.append(buffer, size);
        ended.status = WEXITSTATUS(::pclose(pipe));
        return ended;
    }
    static std::string ctl(World& w, const std::string& words, const std::string& input = "",
                           int status = 0) {
        Ended ended =
            run(w, "usherctl", words + " --server http://127.0.0.1:" + std::to_string(w.port()), input);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(words + ":\n" + ended.output, status, ended.status);
        return ended.output;
    }
    static void has(const std::string& text, const std::string& part) {
        CPPUNIT_ASSERT_MESSAGE("no \"" + part + "\" in:\n" + text, text.find(part) != std::string::npos);
    }

    void pluginsAreListed() {
        World w;
        Answer answer = w.admin("GET", "/api/plugins");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        Json plugins = answer.json().at("plugins");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, plugins.size());
        for (const Json& plugin : plugins) {
            CPPUNIT_ASSERT_EQUAL(std::string("healthy"), plugin.at("state").get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("closed"), plugin.at("breaker").get<std::string>());
            CPPUNIT_ASSERT_EQUAL(false, plugin.at("changedOnDisk").get<bool>());
            CPPUNIT_ASSERT(plugin.at("inFlight").get<int>() >= 0);
            CPPUNIT_ASSERT(!plugin.at("version").get<std::string>().empty());
            CPPUNIT_ASSERT(!plugin.at("vendor").get<std::string>().empty());
        }
        CPPUNIT_ASSERT(answer.body.find(".so") == std::string::npos);
        CPPUNIT_ASSERT_EQUAL(200, w.as(w.signInAs("viewer"), "GET", "/api/plugins").status);
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "GET", "/api/plugins").status);
    }

    static Json explained(World& w, const Json& body) {
        Answer answer = w.admin("POST", "/api/auth/explain", body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 200, answer.status);
        return answer.json();
    }

    void explainTellsEachVerdictAndSpendsNothing() {
        World w;
        std::string job = w.createJob({"true"}), other = w.createJob({"true"});
        auto key = w.createKey(job, {{"remaining", 2}});
        Json question = {{"action", "job.trigger"}, {"resource", job}, {"credential", key.key}};
        for (int i = 0; i < 10; ++i) {
            Json told = explained(w, question);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(told), std::string("allow"),
                                         told["decision"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL(std::string("trigger"), told["chain"].get<std::string>());
            CPPUNIT_ASSERT_EQUAL("api-key:" + key.id,
                                 told["plugins"][0]["principal"]["id"].get<std::string>());
        }
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key).status); // both uses are still there
        CPPUNIT_ASSERT_EQUAL(202, w.trigger(job, key.key).status);
        CPPUNIT_ASSERT_EQUAL(std::string("USAGE_EXCEEDED"),
                             explained(w, question)["code"].get<std::string>());
        question["resource"] = other;
        Json told = explained(w, question);
        CPPUNIT_ASSERT_EQUAL(std::string("API_KEY_NOT_AUTHORIZED"), told["code"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(403, told["status"].get<int>());
        // The chain "run" asks the key's plugin first, then the session's.
        told = explained(w, {{"action", "run.list"}, {"credential", w.token()}});
        CPPUNIT_ASSERT_EQUAL(std::string("abstain"), told["plugins"][0]["decision"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("allow"), told["plugins"][1]["decision"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("admin"), told["principal"]["role"].get<std::string>());
        // Other fields than Authorization, for plugins that look there.
        told = explained(w, {{"action", "run.list"},
                             {"headers", {{"Authorization", "Bearer " + w.token()}, {"X-Other", "1"}}}});
        CPPUNIT_ASSERT_EQUAL(std::string("allow"), told["decision"].get<std::string>());
        // Nobody is let in by the admin's own session.
        told = explained(w, {{"action", "job.delete"}, {"resource", job}});
        CPPUNIT_ASSERT_EQUAL(std::string("deny"), told["decision"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(401, told["status"].get<int>());
        // However often an admin asks about keys that do not exist, nobody is slowed down for it.
        for (int i = 0; i < 110; ++i)
            explained(w,
                      {{"action", "job.trigger"}, {"resource", job}, {"credential", "job_not_a_key_at_all"}});
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_API_KEY"), w.trigger(job, "job_not_a_key_at_all").code());
        Json records = w.admin("GET", "/api/audit?action=auth.explain&limit=5").json();
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, records.at("audit").size());
        CPPUNIT_ASSERT(toText(records).find("not_a_key") == std::string::npos);
        CPPUNIT_ASSERT(w.log().find("not_a_key") == std::string::npos);
        CPPUNIT_ASSERT(w.log().find(key.key) == std::string::npos);
    }

    void explainIsForAdminsAndReadsStrictly() {
        World w;
        Json good = {{"action", "job.list"}};
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "POST", "/api/auth/explain", good).status);
        for (const char* role : {"viewer", "editor"})
            CPPUNIT_ASSERT_EQUAL(403, w.as(w.signInAs(role), "POST", "/api/auth/explain", good).status);
        for (const Json& bad :
             {Json::object(), Json{{"action", "jobs"}}, Json{{"action", "job.list"}, {"x", 1}},
              Json{{"action", "job.list"}, {"credential", "a\nb"}},
              Json{{"action", "job.list"}, {"address", "here"}}, Json{{"action", 7}}}) {
            Answer answer = w.admin("POST", "/api/auth/explain", bad);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(toText(bad) + answer.body, 400, answer.status);
            CPPUNIT_ASSERT(answer.json().contains("details"));
        }
    }

    void usersAndSessionsAreManagedFromTheCommandLine() {
        World w;
        w.token();
        const std::string password = "correct horse battery\n", other = "another good password\n";
        ctl(w, "sign-in --email admin@example.test --password-stdin", password);
        ctl(w, "user add eve@example.test --role viewer --name Eve --password-stdin", other);
        has(ctl(w, "user list"), "eve@example.test");
        has(ctl(w, "user role eve@example.test editor"), "editor");
        has(ctl(w, "user role eve@example.test emperor", "", 7), "role");
        auto signIn = [&](const std::string& word) {
            return w.as(
                "", "POST", "/api/auth/sign-in/email",
                {{"email", "eve@example.test"}, {"password", std::string(trim(word))}, {"bearer", true}});
        };
        Answer in = signIn(other);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(in.body, 200, in.status);
        std::string eve = in.json().at("token").get<std::string>();
        CPPUNIT_ASSERT_EQUAL(200, w.as(eve, "GET", "/api/jobs").status);
        Json sessions = parsed(ctl(w, "session list --json")).at("sessions");
        std::string id;
        for (const Json& session : sessions)
            if (session.at("userEmail") == "eve@example.test") id = session.at("id").get<std::string>();
        ctl(w, "session revoke " + id);
        CPPUNIT_ASSERT_EQUAL(401, w.as(eve, "GET", "/api/jobs").status);
        eve = signIn(other).json().at("token").get<std::string>();
        ctl(w, "user disable eve@example.test");
        CPPUNIT_ASSERT_EQUAL(401, w.as(eve, "GET", "/api/jobs").status);
        CPPUNIT_ASSERT_EQUAL(403, signIn(other).status);
        ctl(w, "user enable eve@example.test");
        CPPUNIT_ASSERT_EQUAL(401, w.as(eve, "GET", "/api/jobs").status); // the old session stays dead
        ctl(w, "user passwd eve@example.test --password-stdin", "yet another password\n");
        CPPUNIT_ASSERT_EQUAL(401, signIn(other).status);
        CPPUNIT_ASSERT_EQUAL(200, signIn("yet another password").status);
        has(ctl(w, "user disable admin@example.test", "", 7), "last admin");
        has(ctl(w, "user disable nobody@example.test", "", 2), "no user");
        std::string audit = ctl(w, "audit --since 1h --limit 200");
        for (const char* part :
             {"user.create", "role=editor", "banned", "unbanned", "password", "session.revoke", "LAST_ADMIN"})
            has(audit, part);
        has(ctl(w, "audit --action session.revoke --json"), id);
        has(ctl(w, "plugin list"), "api-key");
        has(ctl(w, "plugin show session"), "state: healthy");
        has(ctl(w, "auth explain job.list --credential-stdin", w.token() + "\n"), "outcome: allow");
        has(ctl(w, "audit --since yesterday", "", 2), "--since");
    }

    static Json parsed(const std::string& text) {
        auto json = parseJson(text);
        CPPUNIT_ASSERT_MESSAGE(text, std::holds_alternative<Json>(json));
        return std::get<Json>(json);
    }

    void oneAdminStaysHoweverManyGoAtOnce() {
        World w;
        w.token();
        for (int i = 0; i < 3; ++i) w.signInAs("admin");
        Json users = w.admin("GET", "/api/users").json();
        std::atomic<int> gone{0}, kept{0};
        std::vector<std::thread> threads;
        for (const Json& user : users.at("users"))
            for (int way = 0; way < 2; ++way)
                threads.emplace_back([&, way, id = user.at("id").get<std::string>()] {
                    Http http(w.port());
                    Json body = way ? Json{{"banned", true}} : Json{{"role", "viewer"}};
                    Answer a = http.request("PATCH", "/api/users/" + id,
                                            {{"Authorization", "Bearer " + w.token()}}, toText(body));
                    ++(a.status == 200 ? gone : kept);
                });
        for (auto& thread : threads) thread.join();
        CPPUNIT_ASSERT(kept >= 1);
        auto rows = w.sql("SELECT count(*) FROM \"user\" WHERE role = 'admin' AND NOT (coalesce(banned, " +
                          std::string(w.postgres() ? "false" : "0") + "))");
        CPPUNIT_ASSERT(std::stoi(rows.at(0).at(0)) >= 1);
    }

    void aLostSetupTokenIsReplaced() {
        World w;
        std::string file = w.folder() + "/state/setup-token",
                    config = "--config " + w.folder() + "/usherd.conf";
        std::string old(trim(readFile(file).value_or("")));
        CPPUNIT_ASSERT_EQUAL(std::size_t{40}, old.size());
        ::unlink(file.c_str());
        Ended ended = run(w, "usherd", config + " setup-token"); // while the daemon runs
        CPPUNIT_ASSERT_EQUAL_MESSAGE(ended.output, 0, ended.status);
        has(ended.output, file);
        std::string fresh(trim(readFile(file).value_or("")));
        CPPUNIT_ASSERT_EQUAL(std::size_t{40}, fresh.size());
        CPPUNIT_ASSERT(fresh != old && ended.output.find(fresh) == std::string::npos);
        struct stat info {};
        CPPUNIT_ASSERT_EQUAL(0, ::stat(file.c_str(), &info));
        CPPUNIT_ASSERT_EQUAL(0600u, static_cast<unsigned>(info.st_mode & 07777));
        auto row = w.sql("SELECT token_hash, node FROM setup").at(0);
        CPPUNIT_ASSERT_EQUAL(toHex(sha256(fresh)), row[0]);
        CPPUNIT_ASSERT(!row[1].empty());
        Json body = {{"token", old}, {"email", "admin@example.test"}, {"password", "correct horse battery"}};
        CPPUNIT_ASSERT_EQUAL(401, w.as("", "POST", "/api/auth/setup", body).status);
        w.token(); // reads the file, makes the admin
        CPPUNIT_ASSERT(!readFile(file).has_value());
        ended = run(w, "usherd", config + " setup-token");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(ended.output, 1, ended.status);
        has(ended.output, "there are users already");
        CPPUNIT_ASSERT(!readFile(file).has_value() && !readFile(file + ".offered").has_value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             w.admin("GET", "/api/audit?action=setup.update").json()["audit"].size());
    }

    void checkConfigTellsOfPluginsAndDaemonAtOnce() {
        World w("", false);
        std::filesystem::create_directory(w.folder() + "/conf.d");
        const std::string file = w.folder() + "/conf.d/50-more.conf";
        std::ofstream(file) << "[http]\nport = nine\n\n[plugins.session]\nbogus = 1\n"
                               "[plugins.api-key]\nnonsense = 1\n[queue]\nlimits = 1\n";
        const Ended check = run(w, "usherd", "--config " + w.folder() + "/usherd.conf --check-config");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(check.output, 2, check.status);
        for (const char* line :
             {":2: [http] port: must be a whole number", ":5: [plugins.session] unknown key bogus",
              ":7: [plugins.api-key] unknown key nonsense", ":9: [queue] limits: unknown key"})
            has(check.output, file + line);
        // Wrong for the plugin alone, and what it cannot be asked about: its file is none.
        std::ofstream(file) << "[plugins.session]\n# the file\npath = " << file
                            << "\n[plugins.api-key]\n\nno = 1\n";
        const Ended alone = run(w, "usherd", "--config " + w.folder() + "/usherd.conf --check-config");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(alone.output, 2, alone.status);
        has(alone.output, file + ":3: [plugins.session] ");
        has(alone.output, file + ":6: [plugins.api-key] unknown key no");
    }
    void checkConfigTellsOfWhatTheLauncherAndTheDatabaseRead() {
        World w("", false);
        std::filesystem::create_directory(w.folder() + "/conf.d");
        const std::string file = w.folder() + "/conf.d/50-more.conf";
        const auto check = [&](const std::string& text) {
            std::ofstream(file) << text;
            const Ended ended = run(w, "usherd", "--config " + w.folder() + "/usherd.conf --check-config");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(ended.output, text.empty() ? 0 : 2, ended.status);
            return ended.output;
        };
        const std::string all = check("[exec]\n"
                                      "uid_range = 60000-59000\n"
                                      "output_cap_bytes = 16 MiB\n"
                                      "cancel_grace_seconds = -1\n"
                                      "memory_limit_bytes = lots\n"
                                      "file_limit_bytes = 1\n"
                                      "artifact_cap_bytes = -5\n"
                                      "artifact_cap_files = many\n"
                                      "sandbox = strong\n"
                                      "interpreter.my_type = /bin/sh {script}\n"
                                      "interpreter.shell.tap = maybe\n"
                                      "leader = /nowhere/usher-leader\n"
                                      "[http]\naddress = 127.0.0.1:8321\n"
                                      "[database]\nurl = mysql://usher@localhost/usher\n");
        for (const char* line :
             {":2: [exec] uid_range: expected FIRST-LAST", ":3: [exec] output_cap_bytes: expected a number",
              ":4: [exec] cancel_grace_seconds: expected", ":5: [exec] memory_limit_bytes: expected",
              ":6: [exec] file_limit_bytes: expected", ":7: [exec] artifact_cap_bytes: expected",
              ":8: [exec] artifact_cap_files: expected", ":9: [exec] sandbox: expected",
              ":10: [exec] interpreter.my_type: expected", ":11: [exec] interpreter.shell.tap: expected",
              ":12: [exec] leader: there is no program at /nowhere/usher-leader",
              ":14: [http] address: must be", ":16: [database] url: the database URL begins with"})
            has(all, file + line);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, std::ptrdiff_t{13}, std::count(all.begin(), all.end(), '\n'));
        for (const char* url :
             {"sqlite://usher.db", "postgresql://localhost", "postgresql://u:secret@h/name"})
            has(check(std::string("[database]\nurl = ") + url + "\n"),
                file + ":2: [database] url: the database URL");
        check("");
    }
    void migrateAppliesEveryComponent() {
        World w("", false);
        std::string config = "--config " + w.folder() + "/usherd.conf ";
        Ended check = run(w, "usherd", config + "--check-config");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(check.output, 0, check.status);
        Ended early = run(w, "usherd", config + "setup-token");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(early.output, 1, early.status);
        has(early.output, "start usherd once");
        Ended first = run(w, "usherd", config + "migrate");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(first.output, 0, first.status);
        for (const char* part : {"daemon 1 initial: pending", "daemon: up to date", "session: up to date",
                                 "api-key: up to date"})
            has(first.output, part);
        auto rows = w.sql("SELECT DISTINCT component FROM usher_migrations ORDER BY component");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, rows.size());
        Ended second = run(w, "usherd", config + "migrate");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(second.output, 0, second.status);
        CPPUNIT_ASSERT(second.output.find("pending") == std::string::npos);
        w.start();
        w.token();
        w.signal(15);
        w.wait();
        w.sql("INSERT INTO usher_migrations (component, version, name, applied_at) VALUES ('daemon', 999, "
              "'later', 0)");
        Ended later = run(w, "usherd", config + "migrate");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(later.output, 1, later.status);
    }

    void optionsOfTheServerAsAWhole() {
        World w;
        std::string answer =
            Http(w.port()).raw("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer, std::string("HTTP/1.1 204"), answer.substr(0, 12));
        has(answer, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        answer = Http(w.port()).raw("GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer, std::string("HTTP/1.1 400"), answer.substr(0, 12));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AdminContractTest);
