#include "app/TriggerJob.h"

#include "app/TriggerCommitter.h"
#include "domain/Errors.h"
#include "support/Fakes.h"

#include <cppunit/extensions/HelperMacros.h>

#include <future>

using namespace usher;
using namespace usher::test;

namespace {

/// A store in memory, with the guarantees of the interface.
class MemoryStore final : public TriggerStore {
public:
    std::vector<std::optional<TriggerView>> viewJobs(std::span<const std::string> ids, Instant) override {
        std::lock_guard lock(mutex);
        if (away) throw StorageUnavailable("away");
        std::vector<std::optional<TriggerView>> out;
        for (const auto& id : ids) out.push_back(jobs.contains(id) ? std::optional(jobs[id]) : std::nullopt);
        if (onView) onView();
        return out;
    }
    std::vector<std::optional<Replay>> findReplays(std::span<const IdempotencyKey> keys, Micros,
                                                   Instant) override {
        std::lock_guard lock(mutex);
        std::vector<std::optional<Replay>> out;
        for (const auto& key : keys) {
            auto found = taken.find(key.principalId + key.key);
            out.push_back(found == taken.end() ? std::nullopt : std::optional(found->second));
        }
        return out;
    }
    std::vector<Inserted> insertRuns(std::span<const NewRun> rows, Instant deadline) override {
        std::lock_guard lock(mutex);
        ++inserts;
        insertDeadlines.push_back(deadline);
        if (failInsert) throw StorageUnavailable("lost during commit");
        std::vector<Inserted> out;
        for (const NewRun& row : rows) {
            if (jobs[row.jobId].revision != row.revision) {
                out.push_back({Inserted::Kind::revisionMoved, {}});
                continue;
            }
            runs.push_back(row);
            if (row.idempotency)
                taken[row.idempotency->principalId + row.idempotency->key] = {row.runId,
                                                                              row.idempotency->digest,
                                                                              row.queuedAt,
                                                                              RunStatus::queued,
                                                                              row.triggeredBy,
                                                                              "job",
                                                                              1,
                                                                              row.position};
            out.push_back({Inserted::Kind::inserted, {}});
        }
        return out;
    }
    std::vector<std::int64_t> countQueued(std::span<const std::string> ids, std::span<const int>,
                                          Instant) override {
        std::lock_guard lock(mutex);
        std::vector<std::int64_t> out;
        for (const auto& id : ids) {
            std::int64_t count = 0;
            for (const auto& run : runs) count += run.jobId == id;
            out.push_back(count);
        }
        return out;
    }
    std::int64_t countAllQueued(std::int64_t, Instant) override {
        std::lock_guard lock(mutex);
        return static_cast<std::int64_t>(runs.size());
    }

    std::mutex mutex;
    std::map<std::string, TriggerView> jobs;
    std::map<std::string, Replay> taken;
    std::vector<NewRun> runs;
    std::function<void()> onView;
    int inserts = 0;
    std::vector<Instant> insertDeadlines;
    bool away = false, failInsert = false;
};

} // namespace

class TriggerJobTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TriggerJobTest);
    CPPUNIT_TEST(anAcceptedTriggerIsInsertedBeforeItIsAnswered);
    CPPUNIT_TEST(everyRefusalGivesBackWhatTheCheckCost);
    CPPUNIT_TEST(aCommitWhoseOutcomeIsUnknownKeepsTheCost);
    CPPUNIT_TEST(equalRequestsInFlightShareOneCheckAndOneRun);
    CPPUNIT_TEST(aSharedQuestionIsDroppedWithItsLastClient);
    CPPUNIT_TEST(aReplaySpendsNothing);
    CPPUNIT_TEST(whatIsGivenBackIsShownAsFree);
    CPPUNIT_TEST(anotherBodyUnderTheSameKeyIsAMismatch);
    CPPUNIT_TEST(twoKeysAreRefusedThoughOneIsKnown);
    CPPUNIT_TEST(aLimitedKeyMayStillReplay);
    CPPUNIT_TEST(aMovedRevisionIsJudgedAgain);
    CPPUNIT_TEST(nothingIsRefusedByWhatIsOnlyRemembered);
    CPPUNIT_TEST(fullQueueRefusesBeforeWriting);
    CPPUNIT_TEST(theOverallLimitIsExact);
    CPPUNIT_TEST(whoIsLateTakesNoTimeFromOthers);
    CPPUNIT_TEST_SUITE_END();

    std::unique_ptr<MemoryStore> _store;
    std::unique_ptr<ScriptedAuthenticator> _auth;
    std::unique_ptr<QueueGauge> _gauge;
    std::unique_ptr<TriggerJob> _job;
    std::shared_ptr<Askers> _askers; ///< whom the last client that sent would tell that it goes
    SystemClock _clock;

public:
    void setUp() override {
        _store = std::make_unique<MemoryStore>();
        _store->jobs["j"] = {"j", "job", false, 1, 1, 1000, 5, OnBusy::queue, "[]"};
        _auth = std::make_unique<ScriptedAuthenticator>("api-key", allowed());
        build(100'000);
    }
    void tearDown() override { _job.reset(); }

private:
    void build(std::int64_t overall) {
        _job.reset();
        _gauge = std::make_unique<QueueGauge>(*_store, overall);
        _job =
            std::make_unique<TriggerJob>(*_auth, *_store, *_gauge, _clock, Poco::Logger::get("test"), [] {});
        _job->start();
    }
    std::future<TriggerAnswer> send(const std::string& body = "", std::optional<std::string> key = {}) {
        auto promise = std::make_shared<std::promise<TriggerAnswer>>();
        TriggerRequest request;
        auto question = std::make_shared<AuthRequest>();
        question->deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        question->askers = std::make_shared<Askers>();
        request.question = question;
        request.jobId = "j";
        request.body = parseTriggerBody(body);
        request.idempotencyKey = std::move(key);
        request.digest = body;
        _askers = _job->trigger(std::move(request),
                                [promise](const TriggerAnswer& answer) { promise->set_value(answer); });
        return promise->get_future();
    }
    static std::string codeOf(std::future<TriggerAnswer> future) {
        TriggerAnswer answer = future.get();
        const auto* refusal = std::get_if<Refusal>(&answer.result);
        return refusal ? refusal->code : std::get<TriggeredRun>(answer.result).replayed ? "replayed" : "made";
    }

    void whoIsLateTakesNoTimeFromOthers() {
        using namespace std::chrono_literals;
        TriggerCommitter committer(*_store, *_gauge, _clock, Poco::Logger::get("test"), [] {});
        const Instant now = _clock.instant();
        std::vector<std::string> answers(4);
        TriggerCommitter::Batch batch;
        for (const auto left : {30'000ms, -1ms, 400ms, 20'000ms}) {
            auto pending = std::make_unique<PendingTrigger>();
            std::string& told = answers[batch.size()];
            pending->done = [&told](const TriggerAnswer& answer) {
                const auto* refusal = std::get_if<Refusal>(&answer.result);
                told = refusal ? refusal->code : "made";
            };
            pending->jobId = "j";
            pending->deadline = now + left;
            batch.push_back(std::move(pending));
        }
        committer.commit(std::move(batch));
        CPPUNIT_ASSERT((std::vector<std::string>{"made", "STORAGE_UNAVAILABLE", "made", "made"} == answers));
        CPPUNIT_ASSERT((std::vector<Instant>{now + 20s, now + 400ms} == _store->insertDeadlines));
    }
    void anAcceptedTriggerIsInsertedBeforeItIsAnswered() {
        TriggerAnswer answer = send().get();
        const auto& run = std::get<TriggeredRun>(answer.result);
        CPPUNIT_ASSERT_EQUAL(run.runId, _store->runs.at(0).runId);
        CPPUNIT_ASSERT_EQUAL(std::string("api-key:1"), _store->runs.at(0).principalId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, run.position);
        CPPUNIT_ASSERT_EQUAL(1, _auth->settlements.accepted.load());
    }
    void everyRefusalGivesBackWhatTheCheckCost() {
        TriggerView good = _store->jobs["j"];
        std::vector<std::pair<std::string, std::function<void()>>> cases = {
            {"JOB_NOT_FOUND", [&] { _store->jobs.clear(); }},
            {"JOB_PAUSED", [&] { _store->jobs["j"].paused = true; }},
            {"JOB_EMPTY", [&] { _store->jobs["j"].testCount = 0; }},
            {"STORAGE_UNAVAILABLE", [&] { _store->away = true; }},
        };
        int given = 0;
        for (auto& [code, arrange] : cases) {
            _store->jobs["j"] = good;
            _store->away = false;
            arrange();
            CPPUNIT_ASSERT_EQUAL(code, codeOf(send()));
            CPPUNIT_ASSERT_EQUAL(++given, _auth->settlements.abandoned.load());
        }
        _store->away = false;
        _store->jobs["j"] = good;
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), codeOf(send(R"({"parameters":{"X":"1"}})")));
        CPPUNIT_ASSERT_EQUAL(++given, _auth->settlements.abandoned.load());
        CPPUNIT_ASSERT(_store->runs.empty());
    }
    void aCommitWhoseOutcomeIsUnknownKeepsTheCost() {
        _store->failInsert = true;
        TriggerAnswer answer = send().get();
        CPPUNIT_ASSERT_EQUAL(std::string("STORAGE_UNAVAILABLE"), std::get<Refusal>(answer.result).code);
        CPPUNIT_ASSERT(answer.unknown);
        CPPUNIT_ASSERT_EQUAL(1, _auth->settlements.unknown.load());
        CPPUNIT_ASSERT_EQUAL(0, _auth->settlements.abandoned.load());
    }
    void aSharedQuestionIsDroppedWithItsLastClient() {
        _auth->hold = true;
        std::vector<std::future<TriggerAnswer>> futures;
        futures.push_back(send("", "same"));
        const auto dropped = _askers;
        futures.push_back(send("", "same"));
        CPPUNIT_ASSERT(dropped == _askers);
        dropped->leave();
        CPPUNIT_ASSERT(!dropped->drop());
        dropped->leave();
        CPPUNIT_ASSERT(dropped->drop());
        // Who comes now is not refused with the others.
        for (int i = 0; i < 2; ++i) {
            futures.push_back(send("", "same"));
            CPPUNIT_ASSERT(dropped != _askers);
            CPPUNIT_ASSERT_EQUAL(2, _auth->asked.load());
        }
        _auth->releaseHeld();
        std::vector<std::string> ids;
        for (auto& future : futures) ids.push_back(std::get<TriggeredRun>(future.get().result).runId);
        CPPUNIT_ASSERT_EQUAL(ids[0], ids[1]);
        CPPUNIT_ASSERT_EQUAL(ids[2], ids[3]);
    }
    void equalRequestsInFlightShareOneCheckAndOneRun() {
        _auth->hold = true;
        std::vector<std::future<TriggerAnswer>> futures;
        for (int i = 0; i < 100; ++i) futures.push_back(send("", "same"));
        CPPUNIT_ASSERT_EQUAL(1, _auth->asked.load());
        _auth->releaseHeld();
        std::set<std::string> ids;
        for (auto& future : futures) ids.insert(std::get<TriggeredRun>(future.get().result).runId);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, ids.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, _store->runs.size());
    }
    void aReplaySpendsNothing() {
        TriggerAnswer first = send("{}", "k").get(), second = send("{}", "k").get();
        const auto &a = std::get<TriggeredRun>(first.result), &b = std::get<TriggeredRun>(second.result);
        CPPUNIT_ASSERT_EQUAL(a.runId, b.runId);
        CPPUNIT_ASSERT(!a.replayed && b.replayed);
        CPPUNIT_ASSERT_EQUAL(1, _auth->settlements.accepted.load());
        CPPUNIT_ASSERT_EQUAL(1, _auth->settlements.abandoned.load());
    }
    void whatIsGivenBackIsShownAsFree() {
        _auth->verdict.limits = RateLimit{10, 6, 1000};
        _auth->verdict.headers = {
            {"RateLimit-Limit", "10"}, {"RateLimit-Remaining", "6"}, {"X-RateLimit-Remaining", "6"}};
        auto shown = [](const TriggerAnswer& answer) {
            CPPUNIT_ASSERT_EQUAL(answer.fields.at(1).second, answer.fields.at(2).second);
            CPPUNIT_ASSERT_EQUAL(answer.fields.at(1).second, std::to_string(answer.limits->remaining));
            return answer.fields.at(0).second + "/" + answer.fields.at(1).second;
        };
        CPPUNIT_ASSERT_EQUAL(std::string("10/6"), shown(send("{}", "k").get()));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("replay", std::string("10/7"), shown(send("{}", "k").get()));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("another body", std::string("10/7"), shown(send(" {}", "k").get()));
        _store->failInsert = true;
        CPPUNIT_ASSERT_EQUAL_MESSAGE("kept", std::string("10/6"), shown(send().get()));
        _store->failInsert = false;
        _store->jobs["j"] = {"j", "job", true, 2, 1, 1000, 5, OnBusy::queue, "[]"}; // paused
        CPPUNIT_ASSERT_EQUAL_MESSAGE("refused", std::string("10/7"), shown(send().get()));
        // What a refusal of the plugin says stands: it has taken nothing.
        _auth->verdict.decision = Decision::deny;
        CPPUNIT_ASSERT_EQUAL_MESSAGE("denied", std::string("10/6"), shown(send().get()));
    }
    void anotherBodyUnderTheSameKeyIsAMismatch() {
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send("", "k")));
        CPPUNIT_ASSERT_EQUAL(std::string("IDEMPOTENCY_MISMATCH"), codeOf(send("{}", "k")));
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), codeOf(send(R"({"idempotencyKey":"other"})", "k")));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, _store->runs.size());
    }
    void twoKeysAreRefusedThoughOneIsKnown() {
        const std::string body = R"({"idempotencyKey":"k"})";
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send(body, "k")));
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), codeOf(send(body, "other")));
        _store->jobs["j"] = {"j", "job", true, 2, 1, 1000, 5, OnBusy::queue, "[]"}; // paused
        CPPUNIT_ASSERT_EQUAL(std::string("replayed"), codeOf(send(body, "k")));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, _store->runs.size());
    }
    void aLimitedKeyMayStillReplay() {
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send("", "k")));
        _auth->verdict = saying(Decision::deny, "RATE_LIMITED", 429);
        _auth->verdict.replayOk = true;
        _auth->verdict.principal.id = "api-key:1";
        CPPUNIT_ASSERT_EQUAL(std::string("replayed"), codeOf(send("", "k")));
        CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), codeOf(send("", "new")));
        CPPUNIT_ASSERT_EQUAL(std::string("RATE_LIMITED"), codeOf(send()));
    }
    void aMovedRevisionIsJudgedAgain() {
        int views = 0;
        _store->onView = [&] {
            if (++views == 1) _store->jobs["j"].revision = 2; // changes after the look
        };
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, _store->runs.at(0).revision);
        _store->jobs["j"].revision = 3;
        _store->onView = [&] { _store->jobs["j"].revision++; }; // keeps changing: refused, not looped
        CPPUNIT_ASSERT_EQUAL(std::string("STORAGE_UNAVAILABLE"), codeOf(send()));
    }
    void nothingIsRefusedByWhatIsOnlyRemembered() {
        auto change = [&](auto edit) {
            edit(_store->jobs["j"]);
            _store->jobs["j"].revision++;
        };
        change([](TriggerView& j) { j.queueLimit = 1; });
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send()));
        CPPUNIT_ASSERT_EQUAL(std::string("QUEUE_FULL"), codeOf(send()));
        change([](TriggerView& j) { j.queueLimit = 9; });
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send()));
        change([](TriggerView& j) { j.paused = true; });
        CPPUNIT_ASSERT_EQUAL(std::string("JOB_PAUSED"), codeOf(send()));
        change([](TriggerView& j) { j.paused = false; });
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send()));
        CPPUNIT_ASSERT_EQUAL(std::string("INVALID_BODY"), codeOf(send(R"({"parameters":{"A":"1"}})")));
        change([](TriggerView& j) { j.parametersJson = R"([{"name":"A"}])"; });
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send(R"({"parameters":{"A":"1"}})")));
    }
    void fullQueueRefusesBeforeWriting() {
        _store->jobs["j"].queueLimit = 3;
        std::vector<std::future<TriggerAnswer>> futures;
        for (int i = 0; i < 10; ++i) futures.push_back(send());
        int made = 0, full = 0;
        for (auto& future : futures) {
            std::string code = codeOf(std::move(future));
            made += code == "made";
            full += code == "QUEUE_FULL";
        }
        CPPUNIT_ASSERT_EQUAL(3, made);
        CPPUNIT_ASSERT_EQUAL(7, full);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, _store->runs.size());
        _store->runs.pop_back(); // claimed by another node: found out before refusing
        CPPUNIT_ASSERT_EQUAL(std::string("made"), codeOf(send()));
    }
    void theOverallLimitIsExact() {
        build(5);
        std::vector<std::future<TriggerAnswer>> futures;
        for (int i = 0; i < 9; ++i) futures.push_back(send());
        int made = 0;
        for (auto& future : futures) made += codeOf(std::move(future)) == "made";
        CPPUNIT_ASSERT_EQUAL(5, made);
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(TriggerJobTest);
