#pragma once

#include "app/JobViews.h"
#include "app/PendingTrigger.h"
#include "app/QueueGauge.h"

#include <Poco/Logger.h>

#include <functional>
#include <memory>
#include <vector>

namespace usher {

/// Turns a batch of judged requests into runs: known Idempotency-Keys are answered, the others are judged in
/// the order of the HTTP contract and inserted in one transaction. Owned by TriggerJob. [committer]
class TriggerCommitter {
public:
    using Batch = std::vector<std::unique_ptr<PendingTrigger>>;

    TriggerCommitter(TriggerStore& store, QueueGauge& gauge, const Clock& clock, Poco::Logger& logger,
                     std::function<void()> wakeScheduler)
        : _store(store), _gauge(gauge), _clock(clock), _logger(logger),
          _wakeScheduler(std::move(wakeScheduler)), _views(store) {}

    /// Answers everybody in the batch, each before its deadline; with 503, and a line in the log, when the
    /// store fails.
    void commit(Batch batch);

private:
    /// Requests of a batch that may run.
    struct Fit {
        PendingTrigger* pending;
        bool sure;      ///< of what was seen of the job: a refusal counts
        int queueLimit; ///< the job's
    };

    /// By the earliest of their deadlines.
    void commitTogether(Batch batch);
    void answerReplays(Batch& batch, Instant deadline);
    void judgeAndInsert(Batch& batch, JobViews::Look look, Instant deadline);
    std::vector<Fit> judge(Batch& batch, JobViews::Look look, Instant deadline);
    std::vector<PendingTrigger*> takePlaces(const std::vector<Fit>& fit, Instant deadline);
    std::vector<Inserted> insert(const std::vector<PendingTrigger*>& inserting, Instant deadline);
    void answer(PendingTrigger& pending, const Inserted& inserted);

    TriggerStore& _store;
    QueueGauge& _gauge;
    const Clock& _clock;
    Poco::Logger& _logger;
    const std::function<void()> _wakeScheduler;
    JobViews _views;
    ParameterRules _rules; ///< compiled patterns, kept between batches
};

} // namespace usher
