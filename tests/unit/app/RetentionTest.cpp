#include "app/Retention.h"

#include "base/Clock.h"

#include <cppunit/extensions/HelperMacros.h>

using namespace usher;

namespace {

/// What each look at some jobs gives, and who was deleted.
struct Looks final : RetentionStore {
    std::vector<std::vector<std::string>> beyond;
    std::size_t looks = 0;
    std::vector<std::string> deleted;

    std::vector<std::string> findOlder(int, const std::string&, Micros, int) override { return {}; }
    std::vector<std::string> findBeyond(int, const std::string&, Micros, int, std::string& job) override {
        auto runs = beyond.at(looks++);
        job = looks < beyond.size() ? "job " + std::to_string(looks) : "";
        return runs;
    }
    int deleteRuns(std::span<const std::string> runs) override {
        deleted.insert(deleted.end(), runs.begin(), runs.end());
        return static_cast<int>(runs.size());
    }
    std::vector<std::string> deletedOf(std::span<const std::string>) override { return {}; }
};

struct NoFiles final : RunFiles {
    std::optional<LogSlice> readLog(const std::string&, int, int, std::int64_t, std::size_t) override {
        return {};
    }
    std::vector<JournalEntry> readJournal(const std::string&, int, const std::string&, std::size_t) override {
        return {};
    }
    std::vector<Artifact> listArtifacts(const std::string&, int) override { return {}; }
    int openArtifact(const std::string&, int, const std::string&) override { return -1; }
    void remove(const std::string&) override {}
    std::vector<std::string> listRuns() override { return {}; }
    bool tryDiscard(const std::string&) override { return false; }
};

} // namespace

/// How far one round of pruning goes.
class RetentionTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(RetentionTest);
    CPPUNIT_TEST(jobsWithNothingToDeleteDoNotEndIt);
    CPPUNIT_TEST(whenItsTimeIsUpItSaysThatThereIsMore);
    CPPUNIT_TEST(thePlaceIsFollowedToTheLastJob);
    CPPUNIT_TEST_SUITE_END();

    Looks store;
    NoFiles files;
    SystemClock clock;
    Retention retention{{}, "node-a", store, files, clock, Poco::Logger::get("test")};

    Retention::Pruned prune(std::chrono::seconds time) {
        return retention.prune({.keepDays = 0, .keepRuns = 1}, clock.instant() + time);
    }

    void jobsWithNothingToDeleteDoNotEndIt() {
        // Whoever asks again until there is no more would ask for ever.
        store.beyond = {{}, {}, {"a"}, {}};
        const auto pruned = prune(std::chrono::seconds(-1));
        CPPUNIT_ASSERT_EQUAL(1, pruned.runs);
        CPPUNIT_ASSERT(pruned.more);
        store = {};
        store.beyond = {{}, {}};
        CPPUNIT_ASSERT(!prune(std::chrono::seconds(-1)).more);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, store.looks);
    }
    void whenItsTimeIsUpItSaysThatThereIsMore() {
        store.beyond = {{"a", "b"}, {"c"}};
        const auto pruned = prune(std::chrono::seconds(-1));
        CPPUNIT_ASSERT_EQUAL(2, pruned.runs);
        CPPUNIT_ASSERT(pruned.more);
    }
    void thePlaceIsFollowedToTheLastJob() {
        store.beyond = {{"a"}, {}, {"b", "c"}};
        const auto pruned = prune(std::chrono::seconds(60));
        CPPUNIT_ASSERT_EQUAL(3, pruned.runs);
        CPPUNIT_ASSERT(!pruned.more);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, store.deleted.size());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(RetentionTest);
