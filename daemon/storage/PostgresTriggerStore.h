#pragma once

#include "domain/TriggerStore.h"
#include "storage/PgSessions.h"

namespace usher {

/// The hot path on PostgreSQL: a batch travels as arrays and is inserted by one statement. [any-thread]
///
/// DESIGN. A batch without idempotency keys whose revisions are all kept already (the usual case) is ONE
/// statement, one round trip, one commit. It takes no lock on the jobs: its snapshot shows the revision that
/// was judged, that revision's tests are kept for ever, and a change that commits meanwhile counts as later.
/// Rows that this statement did not insert (revision not kept yet, moved, paused, gone) and batches with keys
/// take the long way. Rows of jobs that refuse or coalesce go a way of their own, job by job.
/// The long way is one transaction that locks the jobs FOR SHARE, keeps the revisions, takes the keys,
/// inserts, and reads back who has the keys; sent in one round trip as well.
class PostgresTriggerStore final : public TriggerStore {
public:
    explicit PostgresTriggerStore(PgSessions& sessions) : _sessions(sessions) {}

    std::vector<std::optional<TriggerView>> viewJobs(std::span<const std::string> jobIds,
                                                     Instant deadline) override;
    std::vector<std::optional<Replay>> findReplays(std::span<const IdempotencyKey> keys, Micros now,
                                                   Instant deadline) override;
    /// A row that the database refuses for itself comes back as revisionMoved; the others are inserted.
    std::vector<Inserted> insertRuns(std::span<const NewRun> runs, Instant deadline) override;
    std::vector<std::int64_t> countQueued(std::span<const std::string> jobIds, std::span<const int> limits,
                                          Instant deadline) override;
    std::int64_t countAllQueued(std::int64_t limit, Instant deadline) override;

private:
    using Rows = std::vector<const NewRun*>;

    /// Marks the rows that went in; the others are left for the long way.
    static void insertPlain(PgConnection&, const Rows&, std::vector<bool>& inserted, Instant deadline);
    static std::vector<Inserted> insertGuarded(PgConnection&, const Rows&, Instant deadline);
    /// insertGuarded(), again after a deadlock or a job that was deleted meanwhile, then row by row.
    static std::vector<Inserted> insertPatiently(PgConnection&, const Rows&, Instant deadline);

    /// Rows of one job whose onBusy is not queue, in order. One transaction that locks the job first, so that
    /// who else inserts for it waits, and each statement sees what came before.
    static std::vector<Inserted> insertUnlessBusy(PgConnection&, const Rows&, Instant deadline);
    /// The same, again after a deadlock, then row by row.
    static std::vector<Inserted> insertUnlessBusyPatiently(PgConnection&, const Rows&, Instant deadline);
    static std::vector<std::optional<Replay>> replaysOf(PgConnection&, std::span<const IdempotencyKey>,
                                                        Micros now, Instant deadline);

    PgSessions& _sessions;
};

} // namespace usher
