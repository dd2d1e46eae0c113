#include "observe/AuditLog.h"

#include "base/Clock.h"

#include <cppunit/extensions/HelperMacros.h>

#include <Poco/Logger.h>

#include <condition_variable>
#include <mutex>

using namespace usher;

namespace {

/// A database that is away for the first `failures` writes.
class FlakyStore final : public NodeStore {
public:
    explicit FlakyStore(int failures) : _failures(failures) {}
    void registerNode(const Node&) override {}
    void beat(const std::string&, Micros) override {}
    std::vector<Node> listNodes() override { return {}; }
    void ping(Instant) override {}
    Page<AuditEntry> listAudit(const AuditFilter&) override { return {}; }
    bool pruneAudit(Micros, int) override { return false; }
    SetupChange replaceSetupToken(const std::string&, const std::string&, Micros) override {
        return SetupChange::noTable;
    }
    void appendAudit(const std::vector<AuditRecord>& records) override {
        std::lock_guard lock(_mutex);
        if (_failures-- > 0) throw std::runtime_error("away");
        _stored.insert(_stored.end(), records.begin(), records.end());
        _changed.notify_all();
    }
    std::vector<AuditRecord> stored() {
        std::lock_guard lock(_mutex);
        return _stored;
    }
    bool awaitRecords(std::size_t count) {
        std::unique_lock lock(_mutex);
        return _changed.wait_for(lock, std::chrono::seconds(20), [&] { return _stored.size() >= count; });
    }

private:
    std::mutex _mutex;
    std::condition_variable _changed;
    std::vector<AuditRecord> _stored;
    int _failures;
};

} // namespace

class AuditLogTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AuditLogTest);
    CPPUNIT_TEST(aRecordThatMetAnOutageIsWrittenWithoutWaitingForAnother);
    CPPUNIT_TEST(aFloodOfRefusalsCostsNoChange);
    CPPUNIT_TEST(whoReadsFindsWhatWasRecordedBefore);
    CPPUNIT_TEST_SUITE_END();

    void aRecordThatMetAnOutageIsWrittenWithoutWaitingForAnother() {
        FlakyStore store(1);
        SystemClock clock;
        AuditLog audit(store, clock, Poco::Logger::get("audit-test"));
        audit.start();
        AuditRecord record;
        record.actor = "user-1";
        record.action = "key.create";
        CPPUNIT_ASSERT(audit.record(record));
        CPPUNIT_ASSERT(store.awaitRecords(1));
        audit.stop();
    }

    static AuditRecord recordOf(const std::string& action, const std::string& decision) {
        AuditRecord record;
        record.actor = "api-key:1";
        record.action = action;
        record.decision = decision;
        return record;
    }
    void aFloodOfRefusalsCostsNoChange() {
        FlakyStore store(0);
        SystemClock clock;
        AuditLog audit(store, clock, Poco::Logger::get("audit-test"));
        // Not started: nobody empties the queues.
        for (std::size_t i = 0; i < AuditLog::kMaxWaiting + 50; ++i)
            audit.refused(recordOf("job.trigger", "refused"));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, audit.dropped());
        CPPUNIT_ASSERT(audit.record(recordOf("key.delete", "allowed")));
        audit.start();
        CPPUNIT_ASSERT(store.awaitRecords(1));
        CPPUNIT_ASSERT_EQUAL(std::string("key.delete"), store.stored().front().action); // before all refusals
        audit.stop();
        CPPUNIT_ASSERT_EQUAL(AuditLog::kMaxWaiting + 1, store.stored().size());
    }
    void whoReadsFindsWhatWasRecordedBefore() {
        FlakyStore store(1); // the first attempt fails and is made again a second later
        SystemClock clock;
        AuditLog audit(store, clock, Poco::Logger::get("audit-test"));
        audit.start();
        audit.record(recordOf("key.delete", "allowed"));
        audit.settle(std::chrono::seconds(20));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, store.stored().size());
        audit.settle(std::chrono::seconds(20)); // nothing to wait for
        audit.stop();
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(AuditLogTest);
