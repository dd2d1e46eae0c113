#pragma once

#include "base/Clock.h"
#include "domain/Job.h"
#include "domain/Run.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace usher {

/// What a trigger must know of a job, read in one batched statement.
struct TriggerView {
    std::string jobId;
    std::string jobName;
    bool paused = false;
    std::int64_t revision = 0;
    int testCount = 0;
    int queueLimit = 1000;
    int priority = 5;
    OnBusy onBusy = OnBusy::queue;
    std::string parametersJson;
};

struct IdempotencyKey {
    std::string jobId;
    std::string principalId;
    std::string key;    ///< 1 to 255 bytes
    std::string digest; ///< lower-case hex of SHA-256 over the body's bytes
};

struct NewRun {
    std::string runId; ///< chosen by the caller
    std::string jobId;
    std::int64_t revision = 0; ///< the one that was judged: the insert is refused when it has moved
    std::string trigger;       ///< remote, manual, rerun, schedule
    std::string triggeredBy;
    std::string principalId;
    std::string parametersJson; ///< {"NAME": "value"}
    int priority = 5;
    Micros queuedAt = 0;
    std::int64_t position =
        1; ///< as it was answered; kept with the idempotency key, so that a replay is equal
    std::optional<IdempotencyKey> idempotency; ///< held for 24 h
    /// The job's at that revision. Not queue: the row goes in only while the job is not busy. refuse: busy
    /// with as many queued and running runs as may run at once. coalesce: with a queued run of the same
    /// revision and the same parameters that was never started.
    OnBusy onBusy = OnBusy::queue;
    bool queueFull =
        false; ///< with another onBusy than queue: there is no room, only look whether it is busy
};

/// A run that answers for a new request: what an Idempotency-Key was used for before, or the queued run of a
/// job that coalesces.
struct Replay {
    std::string runId;
    std::string digest;
    Micros queuedAt = 0;
    RunStatus status = RunStatus::queued;
    std::string triggeredBy;
    std::string jobName;
    int testCount = 0;
    std::int64_t position = 1;
};

/// The outcome of one row of a batch.
struct Inserted {
    enum class Kind { inserted, replay, revisionMoved, coalesced, busy, full };
    Kind kind = Kind::inserted;
    Replay replay; ///< read only when kind is replay or coalesced
};

/// The hot path. Batches are answered in the order given; each call is one or few round trips, whatever the
/// size (at most 512 rows). [committer] One caller at a time. Every call may throw StorageUnavailable by
/// `deadline`.
class TriggerStore {
public:
    virtual ~TriggerStore() = default;

    /// An unknown id gives nullopt. Ids may repeat. [any-thread]
    virtual std::vector<std::optional<TriggerView>> viewJobs(std::span<const std::string> jobIds,
                                                             Instant deadline) = 0;
    /// Which of these keys are taken and not yet expired.
    virtual std::vector<std::optional<Replay>> findReplays(std::span<const IdempotencyKey> keys, Micros now,
                                                           Instant deadline) = 0;
    /// Inserts in ONE durable transaction. A row whose job is gone, paused or at another revision comes back
    /// as revisionMoved and leaves nothing behind. Of equal idempotency keys the first wins, also against
    /// other nodes; the losers come back as replay. A busy job's rows come back as coalesced (the key names
    /// that run) or busy (leaves nothing), exactly, whoever else inserts. When it returns, every `inserted`
    /// row survives a power cut.
    virtual std::vector<Inserted> insertRuns(std::span<const NewRun> runs, Instant deadline) = 0;
    /// Queued runs of each job, counted up to its limit + 1 (counting on would scan a long queue for
    /// nothing).
    virtual std::vector<std::int64_t> countQueued(std::span<const std::string> jobIds,
                                                  std::span<const int> limits, Instant deadline) = 0;
    virtual std::int64_t countAllQueued(std::int64_t limit, Instant deadline) = 0;
};

} // namespace usher
