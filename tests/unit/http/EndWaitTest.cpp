#include "http/EndWait.h"

#include "FakeHandler.h"

#include <cppunit/extensions/HelperMacros.h>

#include <thread>

using namespace usher;
using namespace usher::test;

namespace {

/// One run, and whether the database is there.
class OneRun final : public RunStore {
public:
    std::optional<Run> findRun(const std::string& id) override {
        if (failures > 0 && failures-- > 0) throw std::runtime_error("the database is away");
        Run run;
        run.id = id;
        run.status = status;
        return run;
    }
    std::atomic<RunStatus> status{RunStatus::running};
    std::atomic<int> failures{0};

    std::vector<ClaimedRun> claim(const ClaimRequest&) override { return {}; }
    bool anyClaimable() override { return false; }
    std::vector<ClaimedRun> runsHeldBy(const std::string&) override { return {}; }
    bool recordStarted(const ClaimedRun&, const std::string&, Micros) override { return false; }
    bool recordTest(const ClaimedRun&, const RunTest&) override { return false; }
    std::vector<bool> finish(std::span<const RunOutcome>) override { return {}; }
    std::vector<std::string> noteLastRuns(const std::map<std::string, Micros>&) override { return {}; }
    bool retry(const RunOutcome&, std::chrono::milliseconds) override { return false; }
    RunStatus giveUp(const ClaimedRun&, const std::string&, Micros) override { return RunStatus::lost; }
    Cancel requestCancel(const std::string&, const std::string&, Micros) override { return Cancel::notFound; }
    std::vector<std::string> runsToEnd(std::span<const std::string>) override { return {}; }
    Page<Run> listRuns(const RunFilter&) override { return {}; }
};

/// What the client sees, which may outlive the exchange.
struct Client {
    Signal answered;
    std::atomic<int> status{0};
};

class ClientExchange final : public Exchange {
public:
    explicit ClientExchange(Client& client) : _client(client) {}
    const HttpRequest& request() const override { return _request; }
    bool reply(Reply reply) override {
        _client.status = reply.status;
        _client.answered.set();
        return true;
    }
    std::unique_ptr<ReplyStream> stream(Reply) override { return nullptr; }
    void onAbandoned(std::function<void()> callback) override { gone = std::move(callback); }

    std::function<void()> gone;

private:
    HttpRequest _request;
    Client& _client;
};

} // namespace

/// Requests with ?wait: what ends their wait, and that nothing of them is kept after it.
class EndWaitTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(EndWaitTest);
    CPPUNIT_TEST(anAnsweredWaitIsNotKept);
    CPPUNIT_TEST(aWaitWhoseClientLeftIsNotKept);
    CPPUNIT_TEST(aRunThatHasEndedBeforeIsSeen);
    CPPUNIT_TEST(theTimeIsUp);
    CPPUNIT_TEST(aFullPoolLosesNoEnd);
    CPPUNIT_TEST(aDatabaseThatWasAwayLosesNoEnd);
    CPPUNIT_TEST_SUITE_END();

    OneRun _runs;
    RunFeed _feed;
    Timers _timers;
    BlockingPool _pool{1, 1};
    Client _client;
    std::shared_ptr<ClientExchange> _exchange;
    std::weak_ptr<ClientExchange> _kept;
    std::weak_ptr<int> _keptLate; ///< what the timer's end of it owns

public:
    void setUp() override {
        _timers.start();
        _feed.start();
        _pool.start();
    }
    void tearDown() override {
        _pool.stop();
        _feed.stop();
        _timers.stop();
    }

private:
    void begin(std::chrono::milliseconds wait) {
        _exchange = std::make_shared<ClientExchange>(_client);
        _kept = _exchange;
        auto owned = std::make_shared<int>(0);
        _keptLate = owned;
        auto late = [owned] { return Reply::text(202, "not yet"); };
        EndWait::begin({_runs, _feed, _timers, _pool}, _exchange, "r", wait, std::move(late), {});
    }
    void endRun() {
        _runs.status = RunStatus::passed;
        _feed.stateChanged("r", RunStatus::passed, 1);
    }
    void assertNothingIsKept() {
        _exchange.reset();
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        auto kept = [this] { return !_kept.expired() || !_keptLate.expired() || !_feed.watched().empty(); };
        while (kept() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        CPPUNIT_ASSERT_MESSAGE("the exchange", _kept.expired());
        CPPUNIT_ASSERT_MESSAGE("the timer", _keptLate.expired());
        CPPUNIT_ASSERT_MESSAGE("the watch", _feed.watched().empty());
    }
    /// So that nothing more can be posted until `go` is set.
    void fillPool(Signal& go) {
        Signal busy;
        CPPUNIT_ASSERT(_pool.post([&] { busy.set(), go.wait(); }));
        CPPUNIT_ASSERT(busy.wait());
        CPPUNIT_ASSERT(_pool.post([] {}));
        CPPUNIT_ASSERT(!_pool.post([] {}));
    }

    void anAnsweredWaitIsNotKept() {
        begin(std::chrono::seconds(300));
        endRun();
        CPPUNIT_ASSERT(_client.answered.wait());
        CPPUNIT_ASSERT_EQUAL(200, _client.status.load());
        assertNothingIsKept();
    }
    void aWaitWhoseClientLeftIsNotKept() {
        begin(std::chrono::seconds(300));
        std::exchange(_exchange->gone, nullptr)();
        assertNothingIsKept();
        CPPUNIT_ASSERT_EQUAL(0, _client.status.load());
    }
    void aRunThatHasEndedBeforeIsSeen() {
        _runs.status = RunStatus::failed;
        begin(std::chrono::seconds(300));
        CPPUNIT_ASSERT(_client.answered.wait());
        CPPUNIT_ASSERT_EQUAL(200, _client.status.load());
        assertNothingIsKept();
    }
    void theTimeIsUp() {
        begin(std::chrono::milliseconds(1));
        CPPUNIT_ASSERT(_client.answered.wait());
        CPPUNIT_ASSERT_EQUAL(202, _client.status.load());
        assertNothingIsKept();
    }
    void aFullPoolLosesNoEnd() {
        Signal go;
        fillPool(go);
        begin(std::chrono::seconds(300));
        {
            Signal told; // after the wait, which began to watch before
            auto watch = _feed.watch("r", [&told](const RunFeed::Change&) { told.set(); });
            endRun();
            CPPUNIT_ASSERT(told.wait());
        }
        go.set();
        CPPUNIT_ASSERT(_client.answered.wait());
        CPPUNIT_ASSERT_EQUAL(200, _client.status.load());
        assertNothingIsKept();
    }
    void aDatabaseThatWasAwayLosesNoEnd() {
        _runs.failures = 2; // the look at the beginning, and the one at the end
        begin(std::chrono::seconds(300));
        endRun();
        CPPUNIT_ASSERT(_client.answered.wait());
        CPPUNIT_ASSERT_EQUAL(200, _client.status.load());
        assertNothingIsKept();
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(EndWaitTest);
