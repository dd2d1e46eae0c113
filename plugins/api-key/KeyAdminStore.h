#pragma once

#include "Columns.h"
#include "KeyRequest.h"

namespace usher::apikey {

/// A key as it is listed: never its secret, never its hash.
struct ListedKey {
    std::string id, name, start, jobId, createdByName;
    bool enabled = true;
    std::string createdAt, updatedAt;
    std::optional<std::string> expiresAt, lastRequest;
    std::int64_t requestCount = 0;
    std::optional<RateLimit> rateLimit;
    std::optional<std::int64_t> remaining;
    std::optional<std::string> allowedAddresses; ///< as stored: JSON text or separated by commas
};

/// A key that is about to exist.
struct NewKey {
    std::string id, stored, start, jobId, createdBy;
    KeyRequest settings;                    ///< with a name
    std::optional<std::string> permissions; ///< JSON text
    std::optional<std::int64_t> refillIntervalMs = std::nullopt, refillAmount = std::nullopt;
};

enum class AdminProblem { none, jobNotFound, keyNotFound, nameExists, alreadyRotated, tooMany };

/// What the management endpoints need of the tables. Each change is one transaction that holds the job's row
/// (on SQLite: the one writer), so that ten keys a job and one key a name hold under concurrency and on
/// several nodes. When a change returns, it is committed: every check that begins later sees it. Throws what
/// Database.h says. [any-thread]
class KeyAdminStore {
public:
    KeyAdminStore(plugin::Database& database, const Columns& columns);

    struct Answer {
        AdminProblem problem = AdminProblem::none;
        std::vector<ListedKey> keys;
    };

    /// Oldest first.
    Answer list(plugin::Deadline deadline, const std::string& job);
    Answer create(plugin::Deadline deadline, const NewKey& key);
    Answer update(plugin::Deadline deadline, const std::string& job, const std::string& id,
                  const KeyRequest& change);
    AdminProblem remove(plugin::Deadline deadline, const std::string& job, const std::string& id);
    /// `key` gets the settings of `old`, which keeps working for the grace time under another name. A key
    /// that was replaced is alreadyRotated, unless its replacement is gone: then the new one gets the first
    /// name.
    Answer rotate(plugin::Deadline deadline, const std::string& old, NewKey key, std::int64_t graceSeconds);

private:
    bool lockJob(plugin::Session& session, const std::string& job);
    std::vector<ListedKey> read(plugin::Session& session, const std::string& job, const std::string& id);
    bool nameTaken(plugin::Session& session, const std::string& job, const std::string& name,
                   const std::string& except);
    std::int64_t count(plugin::Session& session, const std::string& job);
    std::string sql(std::string_view text) const { return _columns.expand(text); }

    plugin::Database& _database;
    const Columns _columns;
    const bool _postgres;
};

} // namespace usher::apikey
