#pragma once

#include "Check.h"
#include "Columns.h"

namespace usher::apikey {

/// A trigger that costs something: a place in its key's window, a use, or both.
struct Spend {
    enum class Outcome {
        locked, ///< somebody else holds the key's row: nothing was decided
        gone,   ///< the key does not exist any more
        stale,  ///< its row says something else by now (disabled, expired): judge it again
        granted,
        rateLimited,
        usedUp
    };

    Check check;
    KeyRow key;
    Outcome outcome = Outcome::locked;
    std::optional<Limits> limits = std::nullopt;
    std::int64_t id = 0; ///< of its row in apikey_spend, when granted
    int tries = 0;
    std::optional<std::int64_t> refillMs = std::nullopt; ///< until the uses are full again; nothing: never
};

/// A spend that came to nothing: its row goes, and the use that it took comes back. Repeating it is harmless.
struct Refund {
    std::string keyId;
    std::int64_t spend = 0;
    bool locked = false; ///< out: the key's row was held by somebody else, nothing was done
};

/// DESIGN. A window is exact because whoever decides holds the key's row (FOR NO KEY UPDATE on PostgreSQL,
/// the one writer on SQLite) and looks at the window with a later statement, whose snapshot is younger than
/// the lock. One statement that locked and counted would count by a snapshot older than its lock, and let too
/// many through. Throws what Database.h says; then nothing was spent, or, when the commit's outcome is
/// unknown, too much. [any-thread]
class SpendStore {
public:
    SpendStore(plugin::Database& database, const Columns& columns);

    enum class Locking { skip, wait };

    /// Refunds first, then decides the spends in their order. With Locking::skip a row that somebody holds is
    /// left alone and reported; with Locking::wait it is waited for, 20 ms at most: DatabaseBusy.
    void settle(plugin::Deadline deadline, std::vector<Spend>& spends, std::vector<Refund>& refunds,
                Locking locking);

    /// For the fields of an answer that costs nothing.
    std::vector<std::pair<std::string, Limits>> peek(plugin::Deadline deadline,
                                                     const std::vector<std::string_view>& ids);

    /// Deletes rows that no window reaches any more, at most `rows` of them; the number that it deleted.
    std::int64_t prune(plugin::Deadline deadline, int rows);

private:
    struct Window;
    std::vector<Window> windows(plugin::Session& session, const std::vector<std::string_view>& ids);
    void decide(plugin::Session& session, std::vector<Spend>& spends);
    void takeUses(plugin::Session& session, const std::vector<Window>& windows);
    void refund(plugin::Session& session, const std::vector<const Refund*>& refunds);

    plugin::Database& _database;
    const bool _postgres;
    const std::string _lockSkip, _lockWait, _windows, _windowsSqlite, _use, _refill, _refund, _refundUse,
        _past;
};

} // namespace usher::apikey
