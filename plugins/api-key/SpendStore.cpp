#include "SpendStore.h"

#include "KeyStore.h"
#include "common/Crypto.h"
#include "common/Text.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

namespace usher::apikey {

namespace {

using plugin::Database;
using plugin::Result;
using plugin::Session;

constexpr std::int64_t kMicrosPerMs = 1000;

constexpr std::string_view kLockSkip =
    "SELECT {id} FROM apikey WHERE {id} = ANY ($1) ORDER BY {id} FOR NO KEY UPDATE SKIP LOCKED";
constexpr std::string_view kLockWait =
    "SELECT {id} FROM apikey WHERE {id} = ANY ($1) ORDER BY {id} FOR NO KEY UPDATE";

// One clock for every node: the server's. Entries from the future (the clock was set back) do not count.
constexpr std::string_view kWindowsPostgres = R"sql(WITH clock AS MATERIALIZED
    (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now)
SELECT k.{id}, c.now, coalesce(k.{enabled}, true), coalesce(k.{expires_at} < clock_timestamp(), false),
    coalesce(k.{rate_limit_enabled}, true), coalesce(k.{rate_limit_max}, 100),
    coalesce(k.{rate_limit_time_window}, 60000), k.{remaining}, w.used, w.oldest, k.{refill_interval},
    k.{refill_amount}, (extract(epoch FROM coalesce(k.{last_refill_at}, k.{created_at})) * 1000000)::bigint
FROM apikey k CROSS JOIN clock c CROSS JOIN LATERAL
    (SELECT count(*) AS used, min(s.at) AS oldest FROM apikey_spend s
     WHERE coalesce(k.{rate_limit_enabled}, true) AND s.apikey_id = k.{id}
       AND s.at > c.now - coalesce(k.{rate_limit_time_window}, 60000)::bigint * 1000 AND s.at <= c.now + 1000000) w
WHERE k.{id} = ANY ($1))sql";

constexpr std::string_view kWindowsSqlite =
    R"sql(SELECT k.{id}, CAST($2 AS INTEGER), coalesce(k.{enabled}, 1),
    CASE WHEN k.{expires_at} IS NULL THEN 0
         ELSE coalesce(julianday(k.{expires_at}) < julianday('now'), 1) END,
    coalesce(k.{rate_limit_enabled}, 1), coalesce(k.{rate_limit_max}, 100),
    coalesce(k.{rate_limit_time_window}, 60000), k.{remaining}, count(s.at), min(s.at), k.{refill_interval},
    k.{refill_amount}, CAST(round((julianday(coalesce(k.{last_refill_at}, k.{created_at})) - 2440587.5)
                                  * 86400000) AS INTEGER) * 1000
FROM apikey k LEFT JOIN apikey_spend s ON coalesce(k.{rate_limit_enabled}, 1) AND s.apikey_id = k.{id}
    AND s.at > CAST($2 AS INTEGER) - coalesce(k.{rate_limit_time_window}, 60000) * 1000
    AND s.at <= CAST($2 AS INTEGER) + 1000000
WHERE k.{id} IN (SELECT value FROM json_each($1)) GROUP BY k.{id})sql";

// The entry whose end makes room, where a limit was lowered below what is already in the window.
constexpr std::string_view kFreed =
    "SELECT at FROM apikey_spend WHERE apikey_id = $1 AND at > $2 AND at <= $3 ORDER BY at LIMIT 1 OFFSET $4";
constexpr std::string_view kFreedSqlite =
    "SELECT at FROM apikey_spend WHERE apikey_id = $1 AND at > $2 AND at <= $3 "
    "ORDER BY at LIMIT 1 OFFSET CAST($4 AS INTEGER)";

constexpr std::string_view kInsertPostgres =
    "INSERT INTO apikey_spend (id, apikey_id, at, uses) "
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::int[])";
constexpr std::string_view kInsertSqlite =
    "INSERT INTO apikey_spend (id, apikey_id, at, uses) VALUES ($1, $2, $3, $4)";
constexpr std::string_view kUsePostgres = "UPDATE apikey k SET {remaining} = k.{remaining} - u.taken FROM "
                                          "unnest($1::text[], $2::int[]) AS u (id, taken) "
                                          "WHERE k.{id} = u.id AND k.{remaining} >= u.taken";
constexpr std::string_view kUseSqlite =
    "UPDATE apikey SET {remaining} = {remaining} - CAST($2 AS integer) WHERE {id} = $1 AND {remaining} >= $2";

// A refill replaces what was left, whatever it was. Its time is cut to milliseconds, so that what the same
// transaction spends is not older than it, in a column of whichever precision.
constexpr std::string_view kRefillPostgres =
    "UPDATE apikey SET {remaining} = {refill_amount} - CAST($2 AS integer), "
    "{last_refill_at} = date_trunc('milliseconds', to_timestamp(CAST($3 AS bigint) / 1000000.0)) "
    "WHERE {id} = $1 AND {remaining} IS NOT NULL AND {refill_amount} >= CAST($2 AS integer)";
constexpr std::string_view kRefillSqlite =
    "UPDATE apikey SET {remaining} = {refill_amount} - CAST($2 AS integer), {last_refill_at} = $3 "
    "WHERE {id} = $1 AND {remaining} IS NOT NULL AND {refill_amount} >= CAST($2 AS integer)";

// What was taken before the last refill was replaced by it: giving it back as well would make a use of
// nothing.
constexpr std::string_view kRefundPostgres =
    R"sql(DELETE FROM apikey_spend s USING apikey k WHERE s.id = ANY ($1::bigint[]) AND k.{id} = s.apikey_id
RETURNING s.apikey_id, CASE WHEN s.at < (extract(epoch FROM k.{last_refill_at}) * 1000000)::bigint THEN 0
                            ELSE s.uses END)sql";
constexpr std::string_view kRefundSqlite = R"sql(DELETE FROM apikey_spend WHERE id = $1
RETURNING apikey_id, CASE WHEN at < (SELECT CAST(round((julianday(k.{last_refill_at}) - 2440587.5) * 86400000)
    AS INTEGER) * 1000 FROM apikey k WHERE k.{id} = apikey_id) THEN 0 ELSE uses END)sql";
constexpr std::string_view kRefundUse = "UPDATE apikey SET {remaining} = {remaining} + CAST($2 AS integer) "
                                        "WHERE {id} = $1 AND {remaining} IS NOT NULL";

// Ten minutes at least: a refund must still find its row.
constexpr std::string_view kPast = R"sql(SELECT s.id FROM apikey_spend s JOIN apikey k ON k.{id} = s.apikey_id
    WHERE s.at < CAST($1 AS bigint) - 600000000
      AND s.at < CAST($1 AS bigint) - CAST(coalesce(k.{rate_limit_time_window}, 60000) AS bigint) * 1000
    LIMIT CAST($2 AS integer))sql";
constexpr std::string_view kPrunePostgres = "DELETE FROM apikey_spend WHERE id = ANY ($1::bigint[])";
constexpr std::string_view kPruneSqlite =
    "DELETE FROM apikey_spend WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each($1))";

std::vector<std::int64_t> randomIds(std::size_t count) {
    const std::string bytes = plugin::randomBytes(count * sizeof(std::int64_t));
    std::vector<std::int64_t> ids(count);
    std::memcpy(ids.data(), bytes.data(), bytes.size());
    for (std::int64_t& id : ids) id &= INT64_MAX;
    return ids;
}

std::vector<std::string_view> keysOf(const std::vector<Spend>& spends) {
    std::vector<std::string_view> ids;
    std::unordered_set<std::string_view> seen;
    for (const Spend& spend : spends)
        if (seen.insert(spend.key.id).second) ids.push_back(spend.key.id);
    return ids;
}

std::vector<std::string_view> viewsOf(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

} // namespace

/// What stands in one key's row and window, and what this batch has taken of it so far.
struct SpendStore::Window {
    std::string id;
    std::int64_t now = 0;
    bool enabled = false, expired = true, limited = true;
    std::int64_t max = 0, windowMs = 0;
    std::optional<std::int64_t> remaining;
    std::int64_t used = 0;
    std::int64_t frees = 0; ///< time of the entry whose end makes room next
    std::int64_t taken = 0;
    std::int64_t refillAmount = 0;
    std::optional<std::int64_t> refillsAt; ///< when the uses are made full again; nothing: never
    bool refilled = false;

    /// Makes the uses full when their time has come; a key without a number of uses needs none.
    void refill() {
        if (refilled || !remaining || !refillsAt || now <= *refillsAt) return;
        refilled = true;
        remaining = refillAmount;
    }

    Limits limits() const {
        const std::int64_t ends = frees + windowMs * kMicrosPerMs - now;
        return {max, std::max<std::int64_t>(0, max - used - taken),
                std::max<std::int64_t>(0, (ends + kMicrosPerMs - 1) / kMicrosPerMs)};
    }
};

SpendStore::SpendStore(Database& database, const Columns& columns)
    : _database(database), _postgres(database.kind() == Database::Kind::postgres),
      _lockSkip(columns.expand(kLockSkip)), _lockWait(columns.expand(kLockWait)),
      _windows(columns.expand(kWindowsPostgres)), _windowsSqlite(columns.expand(kWindowsSqlite)),
      _use(columns.expand(_postgres ? kUsePostgres : kUseSqlite)),
      _refill(columns.expand(_postgres ? kRefillPostgres : kRefillSqlite)),
      _refund(columns.expand(_postgres ? kRefundPostgres : kRefundSqlite)),
      _refundUse(columns.expand(kRefundUse)), _past(columns.expand(kPast)) {}

void SpendStore::settle(plugin::Deadline deadline, std::vector<Spend>& spends, std::vector<Refund>& refunds,
                        Locking locking) {
    _database.write(deadline, [&](Session& session) {
        std::unordered_set<std::string> ours;
        if (_postgres) {
            std::vector<std::string_view> ids = keysOf(spends);
            for (const Refund& refund : refunds) ids.push_back(refund.keyId);
            if (locking == Locking::wait) session.script("SET LOCAL lock_timeout = '20ms'");
            const std::string& lock = locking == Locking::wait ? _lockWait : _lockSkip;
            const Result rows = session.run(lock, {arrayOf(_database.kind(), ids)});
            for (std::size_t i = 0; i < rows.size(); ++i) ours.insert(rows.text(i, 0));
        }
        auto mine = [&](const std::string& id) {
            return !_postgres || locking == Locking::wait || ours.contains(id);
        };
        std::vector<const Refund*> due;
        for (Refund& refund : refunds) {
            refund.locked = !mine(refund.keyId);
            if (!refund.locked) due.push_back(&refund);
        }
        refund(session, due);
        for (Spend& spend : spends)
            spend.outcome = mine(spend.key.id) ? Spend::Outcome::gone : Spend::Outcome::locked;
        decide(session, spends);
    });
}

std::vector<SpendStore::Window> SpendStore::windows(Session& session,
                                                    const std::vector<std::string_view>& ids) {
    std::vector<Window> windows;
    if (ids.empty()) return windows;
    const std::string list = arrayOf(_database.kind(), ids);
    const Result rows = _postgres ? session.run(_windows, {list})
                                  : session.run(_windowsSqlite, {list, std::to_string(plugin::nowMicros())});
    for (std::size_t i = 0; i < rows.size(); ++i) {
        Window window;
        window.id = rows.text(i, 0);
        window.now = rows.integer(i, 1);
        window.enabled = rows.flag(i, 2, true);
        window.expired = rows.flag(i, 3, true);
        window.limited = rows.flag(i, 4, true);
        window.max = rows.integer(i, 5);
        window.windowMs = rows.integer(i, 6);
        window.remaining = rows.maybeInteger(i, 7);
        window.used = rows.integer(i, 8);
        window.frees = rows.maybeInteger(i, 9).value_or(window.now);
        const auto interval = rows.maybeInteger(i, 10), refilledAt = rows.maybeInteger(i, 12);
        window.refillAmount = rows.integer(i, 11);
        if (interval && *interval > 0 && window.refillAmount > 0 && refilledAt)
            window.refillsAt = *refilledAt + *interval * kMicrosPerMs;
        if (window.limited && window.max > 0 && window.used > window.max) {
            const Result freed = session.run(
                _postgres ? kFreed : kFreedSqlite,
                {window.id, std::to_string(window.now - window.windowMs * kMicrosPerMs),
                 std::to_string(window.now + 1'000'000), std::to_string(window.used - window.max)});
            if (!freed.empty()) window.frees = freed.integer(0, 0);
        }
        windows.push_back(std::move(window));
    }
    return windows;
}

void SpendStore::decide(Session& session, std::vector<Spend>& spends) {
    using Outcome = Spend::Outcome;
    std::vector<std::string_view> ids;
    std::unordered_set<std::string_view> seen;
    for (const Spend& spend : spends)
        if (spend.outcome != Outcome::locked && seen.insert(spend.key.id).second) ids.push_back(spend.key.id);
    std::vector<Window> found = windows(session, ids);
    std::unordered_map<std::string_view, Window*> byId;
    for (Window& window : found) byId.emplace(window.id, &window);
    const std::vector<std::int64_t> newIds = randomIds(spends.size());

    std::vector<std::string> rowIds, rowTimes, rowUses;
    std::vector<std::string_view> rowKeys;
    for (std::size_t i = 0; i < spends.size(); ++i) {
        Spend& spend = spends[i];
        const auto at = byId.find(spend.key.id);
        if (spend.outcome == Outcome::locked || at == byId.end()) continue;
        Window& window = *at->second;
        window.refill();
        const bool full = window.limited && window.used + window.taken >= window.max;
        const bool none = window.remaining && *window.remaining - window.taken <= 0;
        spend.outcome = !window.enabled || window.expired ? Outcome::stale
                        : full                            ? Outcome::rateLimited
                        : none                            ? Outcome::usedUp
                                                          : Outcome::granted;
        if (spend.outcome == Outcome::granted) {
            ++window.taken;
            spend.id = newIds[i];
            rowIds.push_back(std::to_string(spend.id));
            rowKeys.push_back(window.id);
            rowTimes.push_back(std::to_string(window.now));
            rowUses.emplace_back(window.remaining ? "1" : "0");
        }
        if (window.limited) spend.limits = window.limits();
        if (window.remaining && window.refillsAt && !window.refilled)
            spend.refillMs = (*window.refillsAt - window.now) / kMicrosPerMs + 1;
        spend.key.windowMs = window.windowMs;
    }
    if (_postgres && !rowIds.empty()) {
        auto list = [&](const std::vector<std::string_view>& texts) {
            return arrayOf(_database.kind(), texts);
        };
        session.run(kInsertPostgres,
                    {list(viewsOf(rowIds)), list(rowKeys), list(viewsOf(rowTimes)), list(viewsOf(rowUses))});
    } else {
        for (std::size_t i = 0; i < rowIds.size(); ++i)
            session.run(kInsertSqlite, {rowIds[i], std::string(rowKeys[i]), rowTimes[i], rowUses[i]});
    }
    takeUses(session, found);
}

void SpendStore::takeUses(Session& session, const std::vector<Window>& windows) {
    std::vector<std::string_view> keys;
    std::vector<std::string> taken;
    for (const Window& window : windows) {
        if (!window.remaining || window.taken == 0) continue;
        if (window.refilled) {
            const std::string at = _postgres ? std::to_string(window.now) : plugin::formatTime(window.now);
            if (session.run(_refill, {window.id, std::to_string(window.taken), at}).affected() != 1)
                throw std::runtime_error("the refill of a key changed under its lock");
            continue;
        }
        keys.push_back(window.id);
        taken.push_back(std::to_string(window.taken));
    }
    if (keys.empty()) return;
    std::int64_t changed = 0;
    if (_postgres)
        changed =
            session.run(_use, {arrayOf(_database.kind(), keys), arrayOf(_database.kind(), viewsOf(taken))})
                .affected();
    else
        for (std::size_t i = 0; i < keys.size(); ++i)
            changed += session.run(_use, {std::string(keys[i]), taken[i]}).affected();
    if (changed != static_cast<std::int64_t>(keys.size()))
        throw std::runtime_error("the uses of a key changed under its lock");
}

void SpendStore::refund(Session& session, const std::vector<const Refund*>& refunds) {
    std::unordered_map<std::string, std::int64_t> uses;
    auto count = [&](const Result& gone) {
        for (std::size_t i = 0; i < gone.size(); ++i) uses[gone.text(i, 0)] += gone.integer(i, 1);
    };
    std::vector<std::string> ids;
    for (const Refund* refund : refunds) ids.push_back(std::to_string(refund->spend));
    if (_postgres && !ids.empty()) count(session.run(_refund, {arrayOf(_database.kind(), viewsOf(ids))}));
    if (!_postgres)
        for (const std::string& id : ids) count(session.run(_refund, {id}));
    for (const auto& [key, number] : uses)
        if (number > 0) session.run(_refundUse, {key, std::to_string(number)});
}

std::vector<std::pair<std::string, Limits>> SpendStore::peek(plugin::Deadline deadline,
                                                             const std::vector<std::string_view>& ids) {
    std::vector<std::pair<std::string, Limits>> limits;
    _database.read(deadline, [&](Session& session) {
        for (const Window& window : windows(session, ids))
            if (window.limited) limits.emplace_back(window.id, window.limits());
    });
    return limits;
}

std::int64_t SpendStore::prune(plugin::Deadline deadline, int rows) {
    // Found by a read, so that SQLite's one writer is not held for the length of a scan.
    std::vector<std::string> ids;
    _database.read(deadline, [&](Session& session) {
        const Result past = session.run(_past, {std::to_string(plugin::nowMicros()), std::to_string(rows)});
        for (std::size_t i = 0; i < past.size(); ++i) ids.push_back(past.text(i, 0));
    });
    if (ids.empty()) return 0;
    const std::string list = arrayOf(_database.kind(), viewsOf(ids));
    std::int64_t deleted = 0;
    _database.write(deadline, [&](Session& session) {
        deleted = session.run(_postgres ? kPrunePostgres : kPruneSqlite, {list}).affected();
    });
    return deleted;
}

} // namespace usher::apikey
