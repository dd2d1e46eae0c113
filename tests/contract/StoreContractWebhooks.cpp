#include "StoreFixture.h"

#include "base/Json.h"
#include "base/Uuid.h"

#include <cppunit/extensions/HelperMacros.h>

#include <mutex>
#include <set>

namespace usher {

/// Webhooks and their outbox: a message for each change that somebody wants to hear of, in its transaction.
class StoreContractWebhooks : public StoreFixture {
    CPPUNIT_TEST_SUITE(StoreContractWebhooks);
    CPPUNIT_TEST(whatWasSetIsReadBack);
    CPPUNIT_TEST(eachWantedChangeIsTold);
    CPPUNIT_TEST(everyWayToAnEndIsTold);
    CPPUNIT_TEST(anotherJobsWebhookHearsNothing);
    CPPUNIT_TEST(whatIsRolledBackIsNotTold);
    CPPUNIT_TEST(aLeaseKeepsOthersAway);
    CPPUNIT_TEST(ofManyTakersOneHasAMessage);
    CPPUNIT_TEST(settledOnesGoOrComeAgain);
    CPPUNIT_TEST(aLateSettlementChangesNothing);
    CPPUNIT_TEST(aDeletedWebhookTakesItsOutboxWithIt);
    CPPUNIT_TEST(whatIsTooFarAheadIsBroughtNear);
    CPPUNIT_TEST_SUITE_END();

    using Kind = DeliveryResult::Kind;
    WebhookStore& webhooks() { return db().webhooks(); }

    Webhook make(const Job& job, std::vector<std::string> statuses = {"queued", "running", "passed"}) {
        Webhook webhook;
        webhook.id = createUuid();
        webhook.jobId = job.id;
        webhook.url = "https://example.org/hook";
        for (const std::string& status : statuses) webhook.events.push_back("run." + status);
        webhook.statuses = std::move(statuses);
        webhook.sealed = "sealed";
        webhook.createdAt = webhook.updatedAt = 7;
        CPPUNIT_ASSERT(webhooks().createWebhook(webhook) == WebhookStore::Change::done);
        return webhook;
    }
    std::vector<Delivery> take(int atMost = 100, std::vector<std::string> without = {}) {
        return webhooks().takeDue(std::chrono::seconds(90), atMost, without);
    }
    static std::string statusesIn(const std::vector<Delivery>& deliveries) {
        std::string text;
        for (const Delivery& delivery : deliveries) text += (text.empty() ? "" : " ") + delivery.status;
        return text;
    }
    static DeliveryResult resultOf(const Delivery& delivery, Kind kind) {
        DeliveryResult result;
        result.kind = kind;
        result.deliveryId = delivery.id;
        result.webhookId = delivery.webhookId;
        result.attempt = delivery.attempt;
        result.status = 200;
        return result;
    }
    void settle(const DeliveryResult& result) { webhooks().settle({&result, 1}); }
    std::string waiting() { return sql().value("SELECT count(*) FROM webhook_outbox"); }

    void whatWasSetIsReadBack() {
        const Job job = newJobWithTests(), other = newJobWithTests();
        Webhook webhook = make(job);
        const Webhook found = webhooks().findWebhook(job.id, webhook.id).value();
        CPPUNIT_ASSERT_EQUAL(webhook.url, found.url);
        CPPUNIT_ASSERT(webhook.events == found.events);
        CPPUNIT_ASSERT_EQUAL(std::string("sealed"), found.sealed);
        CPPUNIT_ASSERT(!found.lastAt && found.waiting == 0);
        webhook.url = "https://example.org/other";
        webhook.events = {"*"};
        webhook.statuses = {"lost"};
        webhook.updatedAt = found.updatedAt + 1;
        CPPUNIT_ASSERT(webhooks().updateWebhook(found, webhook));
        CPPUNIT_ASSERT(!webhooks().updateWebhook(found, found)); // it is no longer as it was seen
        CPPUNIT_ASSERT_EQUAL(webhook.url, webhooks().webhooksOf(job.id).at(0).url);
        CPPUNIT_ASSERT_EQUAL(std::string("sealed"), webhooks().webhooksOf(job.id).at(0).sealed);
        CPPUNIT_ASSERT(!webhooks().findWebhook(other.id, webhook.id));
        CPPUNIT_ASSERT(!webhooks().deleteWebhook(other.id, webhook.id));
        CPPUNIT_ASSERT(webhooks().deleteWebhook(job.id, webhook.id));
        CPPUNIT_ASSERT(!webhooks().updateWebhook(webhook, webhook));
        for (int i = 0; i < WebhookStore::kMostOfJob; ++i) make(job);
        webhook.id = createUuid();
        CPPUNIT_ASSERT(webhooks().createWebhook(webhook) == WebhookStore::Change::tooMany);
        webhook.jobId = createUuid();
        CPPUNIT_ASSERT(webhooks().createWebhook(webhook) == WebhookStore::Change::jobNotFound);
    }

    void eachWantedChangeIsTold() {
        const Job job = newJobWithTests();
        const Webhook webhook = make(job);
        const std::string run = queue(job);
        const auto claimed = claim();
        runs().recordStarted(claimed[0], "basic", now());
        RunOutcome outcome = outcomeOf(claimed[0]);
        outcome.exitCode = 0;
        runs().finish({&outcome, 1});
        const auto told = take();
        CPPUNIT_ASSERT_EQUAL(std::string("queued running passed"), statusesIn(told));
        const Json facts = std::get<Json>(parseJson(told[2].factsJson));
        CPPUNIT_ASSERT_EQUAL(run, facts["runId"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(job.id, facts["jobId"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(job.name, facts["jobName"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(std::string("passed"), facts["status"].get<std::string>());
        CPPUNIT_ASSERT_EQUAL(0, facts["exitCode"].get<int>());
        CPPUNIT_ASSERT_EQUAL(1, facts["attempt"].get<int>());
        CPPUNIT_ASSERT_EQUAL(outcome.completedAt, facts["completedAt"].get<Micros>());
        CPPUNIT_ASSERT(facts["signal"].is_null());
        CPPUNIT_ASSERT_EQUAL(webhook.url, told[2].url);
        CPPUNIT_ASSERT_EQUAL(webhook.sealed, told[2].sealed);
        CPPUNIT_ASSERT_EQUAL(job.id, told[2].jobId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, webhooks().findWebhook(job.id, webhook.id)->waiting);
    }

    void everyWayToAnEndIsTold() {
        const Job job = newJobWithTests(1, [](JobSettings& s) { s.maxConcurrency = 9; });
        make(job, {"queued", "failed", "lost", "cancelled"});
        const std::string cancelled = queue(job);
        runs().requestCancel(cancelled, "user:1", now());
        queue(job), queue(job), queue(job);
        auto claimed = claim();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, claimed.size());
        RunOutcome failed = outcomeOf(claimed[0], RunStatus::failed);
        runs().finish({&failed, 1});
        runs().giveUp(claimed[1], "gone", now());
        RunOutcome again = outcomeOf(claimed[2], RunStatus::failed);
        CPPUNIT_ASSERT(runs().retry(again, std::chrono::milliseconds(0)));
        CPPUNIT_ASSERT_EQUAL(std::string("queued cancelled queued queued queued failed lost queued"),
                             statusesIn(take()));
    }

    void anotherJobsWebhookHearsNothing() {
        const Job job = newJobWithTests(), other = newJobWithTests();
        make(other);
        make(job, {"lost"});
        queue(job);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), waiting());
        CPPUNIT_ASSERT(take().empty());
    }

    void whatIsRolledBackIsNotTold() {
        const Job job = newJobWithTests();
        make(job);
        sql().run("BEGIN; INSERT INTO runs (job_id) SELECT id FROM jobs; ROLLBACK");
        CPPUNIT_ASSERT_EQUAL(std::string("0"), waiting());
        sql().run("INSERT INTO runs (job_id) SELECT id FROM jobs"); // another program
        CPPUNIT_ASSERT_EQUAL(std::string("1"), waiting());
    }

    void aLeaseKeepsOthersAway() {
        const Job job = newJobWithTests();
        const Webhook one = make(job), other = make(job);
        queue(job);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, take(100, {one.id}).size());
        CPPUNIT_ASSERT_EQUAL(one.id, take().at(0).webhookId);
        CPPUNIT_ASSERT(take().empty());
        sql().run("UPDATE webhook_outbox SET next_at = 1"); // the leases are over
        const auto again = take();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, again.size());
        CPPUNIT_ASSERT_EQUAL(2, again[0].attempt);
    }

    void ofManyTakersOneHasAMessage() {
        const Job job = newJobWithTests();
        for (int i = 0; i < 10; ++i) make(job);
        for (int i = 0; i < 10; ++i) queue(job);
        std::mutex mutex;
        std::multiset<std::string> taken;
        inParallel(4, [&](int) {
            for (auto some = take(7); !some.empty(); some = take(7)) {
                CPPUNIT_ASSERT(some.size() <= 7);
                std::lock_guard lock(mutex);
                for (const Delivery& delivery : some) taken.insert(delivery.id);
            }
        });
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, taken.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, std::set<std::string>(taken.begin(), taken.end()).size());
    }

    void settledOnesGoOrComeAgain() {
        const Job job = newJobWithTests();
        const Webhook webhook = make(job, {"queued"});
        queue(job), queue(job), queue(job);
        const auto taken = take();
        settle(resultOf(taken[0], Kind::delivered));
        DeliveryResult again = resultOf(taken[1], Kind::again);
        again.status.reset();
        again.error = "no answer in time";
        settle(again);
        DeliveryResult untried = resultOf(taken[2], Kind::again);
        untried.tried = false;
        untried.delay = std::chrono::hours(1);
        settle(untried);
        CPPUNIT_ASSERT_EQUAL(std::string("2"), waiting());
        const Webhook seen = webhooks().findWebhook(job.id, webhook.id).value();
        CPPUNIT_ASSERT_EQUAL(std::string("no answer in time"), seen.lastError);
        CPPUNIT_ASSERT(seen.lastAt && !seen.lastStatus);
        const auto second = take();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, second.size());
        CPPUNIT_ASSERT_EQUAL(taken[1].id, second[0].id);
        CPPUNIT_ASSERT_EQUAL(2, second[0].attempt);
        settle(resultOf(second[0], Kind::dropped));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), waiting());
        CPPUNIT_ASSERT_EQUAL(200, *webhooks().findWebhook(job.id, webhook.id)->lastStatus);
        sql().run("UPDATE webhook_outbox SET next_at = 1");
        CPPUNIT_ASSERT_EQUAL(1, take().at(0).attempt); // what was not tried does not count
    }

    void aLateSettlementChangesNothing() {
        const Job job = newJobWithTests();
        make(job, {"queued"});
        queue(job);
        const auto first = take();
        sql().run("UPDATE webhook_outbox SET next_at = 1");
        const auto second = take();
        settle(resultOf(first[0], Kind::delivered));
        CPPUNIT_ASSERT_EQUAL(std::string("1"), waiting());
        settle(resultOf(second[0], Kind::delivered));
        CPPUNIT_ASSERT_EQUAL(std::string("0"), waiting());
    }

    void aDeletedWebhookTakesItsOutboxWithIt() {
        const Job job = newJobWithTests();
        const Webhook webhook = make(job, {"queued"});
        queue(job);
        webhooks().deleteWebhook(job.id, webhook.id);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), waiting());
        make(job, {"queued"});
        queue(job);
        jobs().deleteJob(job.id);
        CPPUNIT_ASSERT_EQUAL(std::string("0"), waiting());
    }

    void whatIsTooFarAheadIsBroughtNear() {
        const Job job = newJobWithTests();
        make(job, {"queued"});
        queue(job);
        DeliveryResult later = resultOf(take().at(0), Kind::again);
        later.delay = std::chrono::hours(10);
        settle(later);
        webhooks().bringNear(std::chrono::hours(11));
        CPPUNIT_ASSERT(take().empty());
        webhooks().bringNear(std::chrono::hours(9));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, take().size());
    }
};
CPPUNIT_TEST_SUITE_REGISTRATION(StoreContractWebhooks);

} // namespace usher
