#pragma once

#include "domain/TriggerStore.h"
#include "storage/SqliteSource.h"

namespace usher {

/// The hot path on SQLite: a batch is one transaction of prepared statements, so it costs one fsync.
/// [any-thread]; the writers' turn puts callers in line.
class SqliteTriggerStore final : public TriggerStore {
public:
    explicit SqliteTriggerStore(SqliteSource& source) : _source(source) {}

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
    Inserted insertOne(SqliteConnection&, const NewRun&);

    SqliteSource& _source;
};

} // namespace usher
