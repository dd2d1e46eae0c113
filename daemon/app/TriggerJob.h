#pragma once

#include "app/QueueGauge.h"
#include "app/TriggerBody.h"
#include "base/Mutex.h"
#include "domain/Authenticator.h"
#include "domain/Refusal.h"
#include "domain/TriggerStore.h"

#include <Poco/Logger.h>

#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace usher {

/// A run that was made, or found again.
struct TriggeredRun {
    std::string jobId, jobName, runId, triggeredBy;
    Micros triggeredAt = 0;
    std::int64_t position = 1;
    int testCount = 0;
    bool replayed = false;
    bool coalesced = false; ///< the job's run that was queued already
};

struct TriggerAnswer {
    std::variant<TriggeredRun, Refusal> result;
    Fields fields;                   ///< rate-limit fields, WWW-Authenticate, …
    std::optional<RateLimit> limits; ///< for the body of a 429
    bool guess = false;              ///< counts against the caller's address
    std::string principalId;         ///< empty when the credential is not known
    std::string auditMessage;
};

/// One request to run a job.
struct TriggerRequest {
    std::shared_ptr<const AuthRequest> question; ///< action job.trigger, resource the job's id
    std::string jobId;
    std::variant<TriggerBody, Refusal> body;
    std::optional<std::string> idempotencyKey; ///< of the header
    std::string digest;                        ///< hex of SHA-256 over the body's bytes
    std::string credentialDigest;              ///< over everything that may prove who asks
};

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
    using Done = std::function<void(const TriggerAnswer&)>;
    static constexpr std::size_t kBatch = 512;
    static constexpr std::size_t kMaxWaiting = 20'000;
    static constexpr std::size_t kMaxViews = 10'000;

    TriggerJob(Authenticator& chain, TriggerStore& store, QueueGauge& gauge, const Clock& clock,
               Poco::Logger& logger, std::function<void()> wakeScheduler);
    ~TriggerJob();

    void start();
    /// Answers what waits with 503, joins the committer.
    void stop();

    void trigger(TriggerRequest request, Done done);
    /// For who was authorised elsewhere: a rerun.
    void submit(const std::string& jobId, const Principal& by, const std::string& kind,
                Environment parameters, Instant deadline, Done done);

private:
    struct Flight;
    struct Pending;

    void judgeVerdict(std::shared_ptr<Flight> flight, Answer answer);
    void enqueue(std::unique_ptr<Pending> pending);
    void land(Flight& flight, const TriggerAnswer& answer);

    enum class Look { remembered, fresh };
    struct Seen {
        std::optional<TriggerView> view;
        bool fresh = false; ///< read for this batch: what it refuses is refused
    };

    void run();
    void commit(std::vector<std::unique_ptr<Pending>> batch, ParameterRules& rules);
    void answerReplays(std::vector<std::unique_ptr<Pending>>& batch, Instant deadline);
    void judgeAndInsert(std::vector<std::unique_ptr<Pending>>& batch, ParameterRules& rules, Look look,
                        Instant deadline);
    std::vector<Seen> lookAtJobs(const std::vector<std::unique_ptr<Pending>>& batch, Look look,
                                 Instant deadline);
    std::optional<Refusal> judge(Pending& pending, const std::optional<TriggerView>& view,
                                 ParameterRules& rules);
    void answerReplay(Pending& pending, const Replay& replay);
    void answerCoalesced(Pending& pending, const Replay& queued);
    void answerWithOther(Pending& pending, TriggeredRun run);
    void giveBack(Pending& pending);
    void refuse(Pending& pending, Refusal refusal);

    Authenticator& _chain;
    TriggerStore& _store;
    QueueGauge& _gauge;
    const Clock& _clock;
    Poco::Logger& _logger;
    std::function<void()> _wakeScheduler;

    Mutex _flightsMutex;
    std::unordered_map<std::string, std::shared_ptr<Flight>> _flights GUARDED_BY(_flightsMutex);

    /// Jobs as they were seen last. Good enough to accept by, because the insert holds only for the revision
    /// that was judged; never good enough to refuse by.
    Mutex _viewsMutex;
    std::unordered_map<std::string, TriggerView> _views GUARDED_BY(_viewsMutex);

    Mutex _mutex;
    Condition _arrived;
    std::vector<std::unique_ptr<Pending>> _waiting GUARDED_BY(_mutex);
    bool _stopping GUARDED_BY(_mutex) = false;
    std::thread _committer;
};

} // namespace usher
