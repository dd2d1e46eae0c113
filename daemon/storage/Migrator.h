#pragma once

#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace usher {

/// The database's schema is newer than this program knows: an older usherd must not touch it.
class SchemaTooNew : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// One step of the schema. Forward only; a released one is never edited.
struct Migration {
    int version;
    std::string_view name;
    std::string_view sql; ///< may hold several statements
    /// An usherd that knows only the steps before this one works on as before: new tables, indexes, columns
    /// with defaults; nothing dropped, renamed or narrowed, no meaning changed.
    bool additive = false;
};

/// Where a database stands: its newest step, and the newest that is not additive.
struct SchemaVersion {
    int newest = 0;
    int breaking = 0;
};

/// Brings the schema of the component `daemon` up to date. The table usher_migrations(component, version,
/// name, applied_at) is shared with the plugins, which have numbers of their own (`session`, `api-key`). Many
/// nodes may call apply() at once: one works, the others wait and find nothing left to do. [any-thread]
class Migrator {
public:
    struct Step {
        int version = 0;
        std::string name;
    };

    /// Held by whoever migrates on PostgreSQL (pg_advisory_xact_lock); the plugins take the same one.
    static constexpr long kAdvisoryLock = 7311141;

    /// How long apply() may take, with the wait for another node that migrates: a step on a large table takes
    /// its time, and one that was cut short would be rolled back and begun again, for ever.
    static constexpr std::chrono::hours kPatience{1};

    virtual ~Migrator() = default;
    /// What apply() would do now. Changes nothing, not even on an empty database. Throws SchemaTooNew,
    /// StorageUnavailable.
    virtual std::vector<Step> pending() = 0;
    /// Each step in one transaction; gives the steps that this call applied. Throws SchemaTooNew,
    /// StorageUnavailable, or std::runtime_error with the step's name when a statement fails (that step is
    /// rolled back, earlier ones stay).
    virtual std::vector<Step> apply() = 0;
};

/// The steps that `known` has and the database has not. None when the database is past them by additive steps
/// only: nodes of two versions work side by side. Throws SchemaTooNew when it is past them by others.
std::span<const Migration> missingSteps(std::span<const Migration> known, SchemaVersion version);

} // namespace usher
