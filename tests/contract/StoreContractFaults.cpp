#include "StoreFixture.h"

#include "domain/Errors.h"
#include "storage/PostgresDatabase.h"
#include "storage/SqliteDatabase.h"
#include "storage/migrations/Migrations.h"

#include "base/Text.h"
#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace usher {

namespace {

int threadsNow() {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
}

/// The private server of tests/support/with-postgres: the postmaster and its children.
class Server {
public:
    static bool isOurs() { return std::getenv("USHER_TEST_PG_DATA") != nullptr; }

    void freeze() { signalAll(SIGSTOP); }
    void thaw() { signalAll(SIGCONT); }
    ~Server() { thaw(); }

    void kill() {
        const pid_t pid = postmaster();
        ::kill(pid, SIGQUIT);
        for (int i = 0; i < 500 && ::kill(pid, 0) == 0 && !isZombie(pid); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    /// As with-postgres started it: the same user, the same settings.
    void start() {
        const std::string data = std::getenv("USHER_TEST_PG_DATA");
        const std::string command =
            "bin=$(dirname \"$(ls /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres "
            "2>/dev/null | tail -n 1)\"); u=$(stat -c %u '" +
            data + "'); g=$(stat -c %g '" + data +
            "'); as=; [ \"$(id -u)\" = 0 ] && as=\"setpriv --reuid=$u --regid=$g "
            "--clear-groups\"; cd /; $as \"$bin/pg_ctl\" -w -s -D '" +
            data + "' -l '" + data + "/restart.log' start >/dev/null 2>&1";
        CPPUNIT_ASSERT_EQUAL(0, std::system(command.c_str()));
    }

private:
    static pid_t postmaster() {
        std::ifstream file(std::string(std::getenv("USHER_TEST_PG_DATA")) + "/postmaster.pid");
        pid_t pid = 0;
        file >> pid;
        CPPUNIT_ASSERT(pid > 1);
        return pid;
    }
    static std::string stat(pid_t pid) {
        return readFile("/proc/" + std::to_string(pid) + "/stat").value_or("");
    }
    static bool isZombie(pid_t pid) {
        const std::string text = stat(pid);
        const std::size_t end = text.rfind(')');
        return end == std::string::npos || text.substr(end + 2, 1) == "Z";
    }
    static void signalAll(int signal) {
        const pid_t parent = postmaster();
        ::kill(parent, signal);
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const auto pid = parseInteger(entry.path().filename().string());
            if (!pid) continue;
            const std::string text = stat(static_cast<pid_t>(*pid));
            const std::size_t end = text.rfind(')');
            if (end == std::string::npos) continue;
            const auto fields = split(text.substr(end + 2), ' ');
            if (fields.size() > 1 && fields[1] == std::to_string(parent))
                ::kill(static_cast<pid_t>(*pid), signal);
        }
    }
};

} // namespace

class StoreContractFaults : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractFaults);
    CPPUNIT_TEST(sixteenStartersMigrateOnce);
    CPPUNIT_TEST(pendingChangesNothing);
    CPPUNIT_TEST(anAdditiveNewerSchemaIsWorkedOn);
    CPPUNIT_TEST(aNewerSchemaIsRefused);
    CPPUNIT_TEST(aFailedStepIsRolledBackAndNamed);
    CPPUNIT_TEST(wrongUrlsSayWhatToWrite);
    CPPUNIT_TEST(aKilledWriterLeavesWholeBatches);
    CPPUNIT_TEST(aFrozenServerIsUnavailableWithinTwoSeconds);
    CPPUNIT_TEST(aRestartedServerIsFoundAgain);
    CPPUNIT_TEST(anUnreachableServerFailsAtOnce);
    CPPUNIT_TEST(writersTakeTurns);
    CPPUNIT_TEST(aForeignWriterMakesWritesUnavailableNotReads);
    CPPUNIT_TEST_SUITE_END();

    using Clock = std::chrono::steady_clock;

    void sixteenStartersMigrateOnce() {
        TemporaryDatabase empty;
        std::atomic<int> applied{0};
        std::vector<std::unique_ptr<Database>> daemons;
        for (int i = 0; i < 16; ++i) daemons.push_back(Database::open({empty.url, "", 4}));
        inParallel(16, [&](int i) {
            applied += static_cast<int>(daemons[static_cast<std::size_t>(i)]->migrator().apply().size());
        });
        CPPUNIT_ASSERT_EQUAL(static_cast<int>(postgresMigrations().size()), applied.load());
        CPPUNIT_ASSERT_EQUAL(
            std::to_string(postgresMigrations().size()),
            empty.sql->value("SELECT count(*) FROM usher_migrations WHERE component = 'daemon'"));
        CPPUNIT_ASSERT(daemons[3]->migrator().pending().empty());
    }

    void pendingChangesNothing() {
        TemporaryDatabase empty;
        const auto daemon = Database::open({empty.url, "", 4});
        CPPUNIT_ASSERT_EQUAL(postgresMigrations().size(), daemon->migrator().pending().size());
        CPPUNIT_ASSERT_EQUAL(std::string("initial"), daemon->migrator().pending()[0].name);
        CPPUNIT_ASSERT_EQUAL(
            std::string("0"),
            empty.sql->value(onPostgres() ? "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
                                          : "SELECT count(*) FROM sqlite_master"));
    }

    void anAdditiveNewerSchemaIsWorkedOn() {
        TemporaryDatabase newer;
        const auto daemon = Database::open({newer.url, "", 4});
        daemon->migrator().apply();
        newer.sql->run("INSERT INTO usher_migrations VALUES ('daemon', 998, 'adds a column', 0)");
        CPPUNIT_ASSERT_THROW(daemon->migrator().pending(), SchemaTooNew);
        newer.sql->run("INSERT INTO usher_additive_migrations VALUES ('daemon', 998)");
        newer.sql->run("ALTER TABLE nodes ADD COLUMN of_the_future text");
        CPPUNIT_ASSERT(daemon->migrator().pending().empty());
        CPPUNIT_ASSERT(daemon->migrator().apply().empty());
        daemon->nodes().registerNode({"n1", "alpha", "boot", "", 10, 20, false});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, daemon->nodes().listNodes().size());
        newer.sql->run("INSERT INTO usher_migrations VALUES ('daemon', 999, 'drops one', 0)");
        CPPUNIT_ASSERT_THROW(daemon->migrator().apply(), SchemaTooNew);
    }

    void aNewerSchemaIsRefused() {
        TemporaryDatabase newer;
        const auto daemon = Database::open({newer.url, "", 4});
        daemon->migrator().apply();
        newer.sql->run("INSERT INTO usher_migrations VALUES ('session', 999, 'theirs', 0)");
        CPPUNIT_ASSERT(daemon->migrator().pending().empty());
        newer.sql->run("INSERT INTO usher_migrations VALUES ('daemon', 999, 'from the future', 0)");
        CPPUNIT_ASSERT_THROW(daemon->migrator().pending(), SchemaTooNew);
        try {
            daemon->migrator().apply();
            CPPUNIT_FAIL("applied");
        } catch (const SchemaTooNew& error) {
            CPPUNIT_ASSERT(std::string(error.what()).find("999") != std::string::npos);
        }
    }

    void aFailedStepIsRolledBackAndNamed() {
        static const Migration steps[] = {
            {1, "good", "CREATE TABLE one (id int)"},
            {2, "half", "CREATE TABLE two (id int); SELECT nonsense FROM nowhere"}};
        TemporaryDatabase empty;
        std::unique_ptr<Database> daemon;
        if (onPostgres())
            daemon = std::make_unique<PostgresDatabase>(PgTarget::parse(empty.url, ""), 4, steps);
        else
            daemon = std::make_unique<SqliteDatabase>(empty.url.substr(9), 4, steps);
        try {
            daemon->migrator().apply();
            CPPUNIT_FAIL("applied");
        } catch (const std::runtime_error& error) {
            CPPUNIT_ASSERT(std::string(error.what()).find("2 half") != std::string::npos);
        }
        CPPUNIT_ASSERT_EQUAL(std::string("1"), empty.sql->value("SELECT max(version) FROM usher_migrations"));
        CPPUNIT_ASSERT_EQUAL(std::string("0"), empty.sql->value("SELECT count(*) FROM one"));
        CPPUNIT_ASSERT_THROW(empty.sql->run("SELECT * FROM two"), std::runtime_error);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, daemon->migrator().pending().size());
    }

    void wrongUrlsSayWhatToWrite() {
        for (const char* url :
             {"", "mysql://x", "sqlite://relative.db", "sqlite:///", "postgresql://host/name",
              "postgresql://user@host", "postgresql://user@host:99999/name",
              "postgresql://user:secret@host/name", "postgresql://user@/name", "postgresql://us er@host/name",
              "postgresql://u@h/n%20host=evil", "postgresql://u@h/n?sslmode=disable"}) {
            try {
                Database::open({url, "", 4});
                CPPUNIT_FAIL(std::string("accepted ") + url);
            } catch (const std::invalid_argument& error) {
                CPPUNIT_ASSERT(std::string(error.what()).find("secret") == std::string::npos);
            }
        }
        const PgTarget target = PgTarget::parse("postgresql://us%40er@[::1]:5433/na%2Fme", "p w:\\");
        CPPUNIT_ASSERT_EQUAL(std::string("us@er"), target.user);
        CPPUNIT_ASSERT_EQUAL(std::string("::1"), target.host);
        CPPUNIT_ASSERT_EQUAL(std::string("5433"), target.port);
        CPPUNIT_ASSERT_EQUAL(std::string("na/me"), target.name);
        CPPUNIT_ASSERT_EQUAL(std::string("/run/pg"),
                             PgTarget::parse("postgresql://u@/n?host=/run/pg", "").host);
    }

    /// A child inserts batches of 8 until it is killed; each batch is there as a whole or not at all, and
    /// each that the child has reported is there.
    void aKilledWriterLeavesWholeBatches() {
        const Job job = newJobWithTests(1);
        for (int round = 0; round < 5; ++round) {
            int report[2];
            CPPUNIT_ASSERT_EQUAL(0, ::pipe(report));
            const pid_t child = ::fork();
            if (child == 0) {
                // Connections do not survive a fork: a new set, and no way back into the parent's.
                const auto daemon = openAgain(4);
                for (int batch = 0; batch < 100'000; ++batch) {
                    std::vector<NewRun> rows;
                    for (int i = 0; i < 8; ++i) {
                        rows.push_back(newRun(job));
                        rows.back().triggeredBy = std::to_string(round) + "/" + std::to_string(batch);
                    }
                    daemon->triggers().insertRuns(rows, soon());
                    if (::write(report[1], "x", 1) != 1) ::_exit(1);
                }
                ::_exit(0);
            }
            ::close(report[1]);
            int reported = 0;
            char byte;
            while (reported < 5 + round * 7 && ::read(report[0], &byte, 1) == 1) ++reported;
            ::kill(child, SIGKILL);
            while (::read(report[0], &byte, 1) == 1) ++reported;
            ::close(report[0]);
            ::waitpid(child, nullptr, 0);
            CPPUNIT_ASSERT_EQUAL(
                std::string("0"),
                sql().value("SELECT count(*) FROM (SELECT 1 FROM runs GROUP BY triggered_by HAVING "
                            "count(*) <> 8) broken"));
            const auto kept = parseInteger(
                sql().value("SELECT count(DISTINCT triggered_by) FROM runs WHERE triggered_by LIKE '" +
                            std::to_string(round) + "/%'"));
            CPPUNIT_ASSERT(*kept >= reported && *kept <= reported + 1);
        }
        if (!onPostgres()) CPPUNIT_ASSERT_EQUAL(std::string("ok"), sql().value("PRAGMA integrity_check"));
    }

    void aFrozenServerIsUnavailableWithinTwoSeconds() {
        if (!onPostgres() || !Server::isOurs()) return;
        const Job job = newJobWithTests(1);
        queue(job);
        jobs().listJobs({});
        const int threads = threadsNow();
        Server server;
        server.freeze();
        const Clock::time_point frozen = Clock::now();
        std::atomic<long> slowestMs{0};
        std::atomic<int> unavailable{0};
        inParallel(12, [&](int i) {
            for (int round = 0; round < 3; ++round) {
                const Clock::time_point start = Clock::now();
                try {
                    const NewRun run = newRun(job);
                    switch (i % 6) {
                    case 0:
                        triggers().insertRuns(std::span(&run, 1), start + std::chrono::milliseconds(1800));
                        break;
                    case 1:
                        jobs().listJobs({});
                        break;
                    case 2:
                        claim();
                        break;
                    case 3:
                        jobs().createJob(job, std::nullopt);
                        break;
                    case 4:
                        runs().findRun(job.id);
                        break;
                    default:
                        db().nodes().ping(start + std::chrono::milliseconds(500));
                        break;
                    }
                } catch (const StorageUnavailable&) {
                    ++unavailable;
                }
                const long took =
                    std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
                long slowest = slowestMs;
                while (took > slowest && !slowestMs.compare_exchange_weak(slowest, took)) {
                }
            }
        });
        std::string reason;
        const bool healthy = db().healthy(reason);
        const int threadsFrozen = threadsNow();
        const long took =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - frozen).count();
        server.thaw();
        CPPUNIT_ASSERT_EQUAL(36, unavailable.load());
        CPPUNIT_ASSERT_MESSAGE("the slowest call took " + std::to_string(slowestMs.load()) + " ms",
                               slowestMs < 2000);
        CPPUNIT_ASSERT(!healthy && !reason.empty());
        CPPUNIT_ASSERT(threadsFrozen <= threads);
        std::printf("[frozen: slowest %ld ms, 36 calls in %ld ms]", slowestMs.load(), took);
        waitUntilUsable("thaw", job);
    }

    void waitUntilUsable(const char* what, const Job& job) {
        const Clock::time_point start = Clock::now();
        int failures = 0;
        while (true) {
            try {
                jobs().listJobs({});
                queue(job);
                break;
            } catch (const StorageUnavailable&) {
                ++failures;
                CPPUNIT_ASSERT(Clock::now() < start + std::chrono::seconds(20));
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
        std::printf("[usable %ld ms after the %s]",
                    static_cast<long>(
                        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count()),
                    what);
    }

    /// Leaves several idle sessions of each kind.
    void callBothWays(const Job& job) {
        inParallel(8, [&](int i) {
            for (int round = 0; round < 5; ++round) {
                if (i % 2)
                    jobs().listJobs({});
                else
                    queue(job);
            }
        });
    }

    void aRestartedServerIsFoundAgain() {
        if (!onPostgres() || !Server::isOurs()) return;
        const Job job = newJobWithTests(1);
        callBothWays(job);
        Server server;
        server.kill();
        CPPUNIT_ASSERT_THROW(jobs().listJobs({}), StorageUnavailable);
        CPPUNIT_ASSERT_THROW(queue(job), StorageUnavailable);
        server.start();
        waitUntilUsable("restart", job);
        // Again, with nobody calling meanwhile: the dead sessions are told before they are lent, and no call
        // fails.
        callBothWays(job);
        server.kill();
        server.start();
        callBothWays(job);
    }

    void anUnreachableServerFailsAtOnce() {
        if (!onPostgres()) return;
        const auto nowhere = Database::open({"postgresql://nobody@127.0.0.1:1/none", "secret", 4});
        for (int i = 0; i < 3; ++i) {
            try {
                nowhere->jobs().listJobs({});
                CPPUNIT_FAIL("connected");
            } catch (const StorageUnavailable& error) {
                CPPUNIT_ASSERT(std::string(error.what()).find("127.0.0.1:1") != std::string::npos);
                CPPUNIT_ASSERT(std::string(error.what()).find("secret") == std::string::npos);
            }
        }
    }

    void writersTakeTurns() {
        WriterTurn* turn = db().turn();
        CPPUNIT_ASSERT_EQUAL(onPostgres(), turn == nullptr);
        if (!turn) return;
        const Job job = newJobWithTests(1);
        CPPUNIT_ASSERT(turn->acquire(soon()));
        CPPUNIT_ASSERT(!turn->acquire(Clock::now() + std::chrono::milliseconds(20)));
        const NewRun run = newRun(job);
        CPPUNIT_ASSERT_THROW(
            triggers().insertRuns(std::span(&run, 1), Clock::now() + std::chrono::milliseconds(20)),
            StorageUnavailable);
        CPPUNIT_ASSERT(triggers().viewJobs(std::span(&job.id, 1), soon())[0]); // readers do not wait
        turn->release();
        // Eight writers want to write all the time: each gets its share, and none two turns while another
        // waits for one.
        std::atomic<bool> stop{false};
        std::array<std::atomic<int>, 8> turns{};
        inParallel(8, [&](int i) {
            while (!stop && turn->acquire(soon())) {
                ++turns[static_cast<std::size_t>(i)];
                stop = stop || std::all_of(turns.begin(), turns.end(), [](int count) { return count >= 50; });
                turn->release();
            }
        });
        for (int count : turns) CPPUNIT_ASSERT(count >= 50);
        CPPUNIT_ASSERT(turn->acquire(Clock::now()));
        turn->release();
    }

    void aForeignWriterMakesWritesUnavailableNotReads() {
        if (onPostgres()) return;
        const Job job = newJobWithTests(1);
        sql().run("BEGIN IMMEDIATE");
        const NewRun run = newRun(job);
        const Clock::time_point start = Clock::now();
        CPPUNIT_ASSERT_THROW(
            triggers().insertRuns(std::span(&run, 1), start + std::chrono::milliseconds(300)),
            StorageUnavailable);
        CPPUNIT_ASSERT(Clock::now() - start < std::chrono::seconds(2));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs().listJobs({}).items.size());
        sql().run("ROLLBACK");
        queue(job);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractFaults);

} // namespace usher
