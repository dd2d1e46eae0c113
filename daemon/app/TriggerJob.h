#pragma once

#include "app/TriggerCommitter.h"
#include "app/TriggerFlights.h"
#include "app/TriggerRequest.h"
#include "base/Mutex.h"

#include <Poco/Logger.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace usher {

/// DESIGN. The use case behind POST /api/jobs/{id}/trigger, for which every round trip counts.
/// trigger() asks the auth chain and returns; the verdict comes on any thread and puts the request into one
/// bounded queue; the committer thread takes all that wait (at most kBatch), reads their jobs in one
/// statement, judges each in the order of the HTTP contract, and inserts the accepted ones in one
/// transaction. It flushes at once when idle and adds no delay: batches form while the last one commits.
/// One thread on both databases: a second one was measured on PostgreSQL, halves the batches, and costs more
/// processor time than the overlap of two commits gives back.
/// Requests that are equal in job, credential, Idempotency-Key and body join one flight: one check, one
/// insert, one answer for all. trigger(), submit() [any-thread]; `done` is called exactly once, on any
/// thread; start()/stop() [main].
class TriggerJob {
public:
    static constexpr std::size_t kBatch = 512;
    static constexpr std::size_t kMaxWaiting = 20'000;

    TriggerJob(Authenticator& chain, TriggerStore& store, QueueGauge& gauge, const Clock& clock,
               Poco::Logger& logger, std::function<void()> wakeScheduler);
    ~TriggerJob();

    void start();
    /// Answers what waits with 503, joins the committer.
    void stop();

    /// Who is told, by leave(), when the client goes away before `done`; may be null.
    std::shared_ptr<Askers> trigger(TriggerRequest request, TriggerDone done);
    /// For who was authorised elsewhere: a rerun.
    void submit(const std::string& jobId, const Principal& by, const std::string& kind,
                Environment parameters, Instant deadline, TriggerDone done);

private:
    void judgeVerdict(std::shared_ptr<TriggerFlights::Flight> flight, Answer answer);
    void enqueue(std::unique_ptr<PendingTrigger> pending);
    void run();

    Authenticator& _chain;
    TriggerFlights _flights;
    TriggerCommitter _committer; ///< used by _thread alone

    Mutex _mutex;
    Condition _arrived;
    TriggerCommitter::Batch _waiting GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _thread;
};

} // namespace usher
