#include "StoreFixture.h"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

namespace usher {

/// Which runs are old, by age and by number.
class StoreContractRetention : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractRetention);
    CPPUNIT_TEST(theNewestOfEachJobStay);
    CPPUNIT_TEST(whatHasNotEndedDoesNotCount);
    CPPUNIT_TEST(whatIsElsewhereOrStillNeededStays);
    CPPUNIT_TEST(manyJobsAreFoundInPieces);
    CPPUNIT_TEST(itIsWhatARankingWouldFind);
    CPPUNIT_TEST(oldOnesGoByAge);
    CPPUNIT_TEST_SUITE_END();

    static constexpr Micros kDay = 24ll * 3600 * 1'000'000;
    int _made = 0;

    RetentionStore& retention() { return db().retention(); }

    /// As createUuid() makes them, but in order also within a millisecond.
    std::string nextId() {
        const std::string number = std::to_string(_made++);
        return "0192f0c1-0000-7000-8000-" + std::string(12 - number.size(), '0') + number;
    }
    /// Runs as they stand in the database, the oldest first.
    std::vector<std::string> make(const Job& job, int count, const std::string& status = "passed",
                                  const std::string& node = "node-a") {
        std::vector<std::string> ids;
        for (int i = 0; i < count; ++i) {
            ids.push_back(nextId());
            sql().run("INSERT INTO runs (id, job_id, status, node_id, queued_at, completed_at) VALUES ('" +
                      ids.back() + "', '" + job.id + "', '" + status + "', '" + node + "', 1, " +
                      std::to_string(now()) + ")");
        }
        return ids;
    }
    std::vector<std::string> beyond(int keepRuns, int atMost = 50) {
        std::vector<std::string> all;
        std::string job;
        do {
            const auto runs = retention().findBeyond(keepRuns, "node-a", now(), atMost, job);
            CPPUNIT_ASSERT(static_cast<int>(runs.size()) <= atMost);
            all.insert(all.end(), runs.begin(), runs.end());
            if (!runs.empty())
                CPPUNIT_ASSERT_EQUAL(static_cast<int>(runs.size()), retention().deleteRuns(runs));
        } while (!job.empty());
        std::sort(all.begin(), all.end());
        return all;
    }
    static std::string text(std::vector<std::string> ids) {
        std::sort(ids.begin(), ids.end());
        std::string all;
        for (const std::string& id : ids) all += id + " ";
        return all;
    }
    static std::vector<std::string> first(const std::vector<std::string>& ids, std::ptrdiff_t count) {
        return {ids.begin(), ids.begin() + count};
    }

    void theNewestOfEachJobStay() {
        const auto some = make(newJob("some"), 5), few = make(newJob("few"), 2);
        newJob("none");
        CPPUNIT_ASSERT_EQUAL(text({}), text(beyond(5)));
        CPPUNIT_ASSERT_EQUAL(text(first(some, 2)), text(beyond(3)));
        CPPUNIT_ASSERT_EQUAL(text({some[2], some[3], few[0]}), text(beyond(1)));
        CPPUNIT_ASSERT_EQUAL(std::string("2"), count("runs"));
    }
    void whatHasNotEndedDoesNotCount() {
        const Job job = newJob();
        make(job, 2, "queued");
        const auto ended = make(job, 3);
        make(job, 2, "running");
        CPPUNIT_ASSERT_EQUAL(text({}), text(beyond(3)));
        CPPUNIT_ASSERT_EQUAL(text({ended[0]}), text(beyond(2)));
        CPPUNIT_ASSERT_EQUAL(std::string("6"), count("runs"));
    }
    void whatIsElsewhereOrStillNeededStays() {
        const Job job = newJob();
        const auto elsewhere = make(job, 1, "passed", "node-b"), lost = make(job, 1, "lost", "node-c"),
                   keyed = make(job, 1), own = make(job, 2);
        for (const auto& [node, beat] : {std::pair("node-b", now()), std::pair("node-c", now() - 2 * kDay)})
            sql().run(std::string("INSERT INTO nodes (name, id, started_at, heartbeat_at) VALUES ('n', '") +
                      node + "', 1, " + std::to_string(beat) + ")");
        sql().run(
            "INSERT INTO idempotency (job_id, principal_id, key, digest, run_id, expires_at) VALUES ('" +
            job.id + "', 'p', 'k', 'd', '" + keyed[0] + "', " + std::to_string(now() + kDay) + ")");
        CPPUNIT_ASSERT_EQUAL(text({lost[0], own[0]}), text(beyond(1)));
    }
    void manyJobsAreFoundInPieces() {
        std::vector<std::string> expected;
        for (int i = 0; i < 230; ++i) {
            const auto runs = make(newJob("job " + std::to_string(i)), i % 3);
            if (runs.size() == 2) expected.push_back(runs[0]);
        }
        const auto many = make(newJob("many"), 30);
        expected.insert(expected.end(), many.begin(), many.end() - 1);
        CPPUNIT_ASSERT_EQUAL(text(expected), text(beyond(1, 7)));
    }
    void itIsWhatARankingWouldFind() {
        const std::string aggregate =
            onPostgres() ? "string_agg(id, ' ' ORDER BY id)" : "group_concat(id, ' ')";
        const char* const statuses[] = {"passed",  "queued", "failed",   "running",
                                        "timeout", "lost",   "cancelled"};
        std::vector<Job> jobs;
        for (int i = 0; i < 6; ++i) jobs.push_back(newJob("job " + std::to_string(i)));
        for (unsigned i = 0; i < 120; ++i)
            make(jobs[i * i % 7 % 6], 1, statuses[i * 5 % 7], i % 4 ? "node-a" : "node-gone");
        for (int keep : {40, 12, 5, 1}) {
            const std::string ranked =
                sql().value("SELECT " + aggregate +
                            " FROM (SELECT CAST(r.id AS varchar(36)) AS id FROM (SELECT id, row_number() "
                            "OVER (PARTITION BY job_id ORDER BY id DESC) AS place FROM runs WHERE status NOT "
                            "IN ('queued', "
                            "'running')) r WHERE r.place > " +
                            std::to_string(keep) + " ORDER BY r.id) o");
            CPPUNIT_ASSERT_EQUAL(ranked + (ranked.empty() ? "" : " "), text(beyond(keep, 4)));
        }
    }
    void oldOnesGoByAge() {
        const Job job = newJob();
        const auto runs = make(job, 3);
        sql().run("UPDATE runs SET completed_at = " + std::to_string(now() - 2 * kDay) + " WHERE id <> '" +
                  runs[1] + "'");
        auto older = [&](int days, int atMost) {
            return text(retention().findOlder(days, "node-a", now(), atMost));
        };
        CPPUNIT_ASSERT_EQUAL(text({}), older(3, 50));
        CPPUNIT_ASSERT_EQUAL(text({runs[0], runs[2]}), older(1, 50));
        CPPUNIT_ASSERT_EQUAL(text({runs[0]}), older(1, 1));
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractRetention);

} // namespace usher
