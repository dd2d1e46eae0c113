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
    void beat(const std::string&, Micros, int) override {}
    bool setDraining(const std::string&, bool) override { return false; }
    std::vector<Node> listNodes() override { return {}; }
    void ping(Instant) override {}
    void appendAudit(const std::vector<AuditRecord>& records) override {
        std::lock_guard lock(_mutex);
        if (_failures-- > 0) throw std::runtime_error("away");
        _stored.insert(_stored.end(), records.begin(), records.end());
        _changed.notify_all();
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
};
CPPUNIT_TEST_SUITE_REGISTRATION(AuditLogTest);
