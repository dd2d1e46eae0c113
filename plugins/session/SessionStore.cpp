#include "session/SessionStore.h"

#include "common/Crypto.h"
#include "session/Cookies.h"

namespace usher::session {

namespace {

constexpr std::string_view kIdAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kFirstUserColumn = 8;

// 518400 s: the seven days of a session less the one day after which it is extended.
#define DUE "{micros s.expires_at} < {nowmicros} + 518400000000"
static_assert(kSessionSeconds - kExtendAfterSeconds == 518400);
static_assert(kSessionSeconds == 604800);

const std::string kSelect =
    "SELECT s.{id}, {micros s.expires_at}, {micros s.created_at}, {micros s.updated_at}, "
    "s.{ip_address}, s.{user_agent}, CASE WHEN s.{token} LIKE 'ushs\\_%' ESCAPE '\\' THEN 1 ELSE 0 END, "
    "CASE WHEN " DUE " THEN 1 ELSE 0 END, " +
    std::string(userColumns()) + " FROM {session} s JOIN {user} u ON u.{id} = s.{user_id} " +
    "WHERE {micros s.expires_at} > {nowmicros} AND NOT " + std::string(bannedNow());
const std::string kFind = kSelect + " AND s.{token} = $1";
const std::string kList = kSelect + " AND s.{id} > $1 ORDER BY s.{id} LIMIT CAST($2 AS INTEGER)";
// Whoever bans a user or sets a password locks the user's row first. So that comes either before this lock
// (and the next statement, with its fresh snapshot, sees it) or after the new session (and deletes it).
constexpr std::string_view kLockUser = "SELECT 1 FROM {user} u WHERE u.{id} = $1{share u}";
const std::string kMayCreate =
    "SELECT 1 FROM {account} a JOIN {user} u ON u.{id} = a.{user_id} WHERE a.{user_id} = $1 "
    "AND a.{provider_id} = 'credential' AND a.{password} = $2 AND NOT " +
    std::string(bannedNow());
constexpr std::string_view kInsert = R"(INSERT INTO {session}
    ({id}, {token}, {user_id}, {ip_address}, {user_agent}, {expires_at}, {created_at}, {updated_at})
    VALUES ($1, $2, $3, $4, $5, {in 604800}, {now}, {now}))";
constexpr std::string_view kExtend = R"(UPDATE {session} SET {expires_at} = {in 604800}, {updated_at} = {now}
    WHERE {token} = $1 AND {micros expires_at} > {nowmicros} AND {micros expires_at} < {nowmicros} + 518400000000)";
constexpr std::string_view kRemove = "DELETE FROM {session} WHERE {token} = $1";
constexpr std::string_view kRemoveById = "DELETE FROM {session} WHERE {id} = $1";
// Whoever signs in takes their own dead sessions along: the table does not grow for ever, and nobody else
// waits for it.
constexpr std::string_view kRemoveExpired =
    "DELETE FROM {session} WHERE {user_id} = $1 AND {micros expires_at} <= {nowmicros}";

SignedIn readSession(const plugin::Result& rows, std::size_t row) {
    SignedIn session;
    session.sessionId = rows.text(row, 0);
    session.expiresAt = rows.integer(row, 1);
    session.createdAt = rows.integer(row, 2);
    session.updatedAt = rows.integer(row, 3);
    session.ipAddress = rows.maybeText(row, 4);
    session.userAgent = rows.maybeText(row, 5);
    session.bearer = rows.integer(row, 6) != 0;
    session.due = rows.integer(row, 7) != 0;
    session.user = readUser(rows, row, kFirstUserColumn);
    return session;
}

} // namespace

SessionStore::SessionStore(plugin::Database& database, const Dialect& dialect)
    : _database(database), _find(dialect.sql(kFind)), _lockUser(dialect.sql(kLockUser)),
      _mayCreate(dialect.sql(kMayCreate)), _insert(dialect.sql(kInsert)), _extend(dialect.sql(kExtend)),
      _remove(dialect.sql(kRemove)), _removeById(dialect.sql(kRemoveById)), _list(dialect.sql(kList)),
      _removeExpired(dialect.sql(kRemoveExpired)) {}

std::optional<SignedIn> SessionStore::find(plugin::Deadline deadline, const std::string& storedToken) {
    std::optional<SignedIn> found;
    _database.read(deadline, [&](plugin::Session& session) {
        const plugin::Result rows = session.run(_find, {storedToken});
        found.reset();
        if (!rows.empty()) found = readSession(rows, 0);
    });
    return found;
}

bool SessionStore::create(plugin::Deadline deadline, const New& wanted) {
    bool created = false;
    _database.write(deadline, [&](plugin::Session& session) {
        session.run(_lockUser, {wanted.userId});
        created = !session.run(_mayCreate, {wanted.userId, wanted.passwordHash}).empty();
        if (!created) return;
        session.run(_removeExpired, {wanted.userId});
        session.run(_insert, {plugin::randomText(32, kIdAlphabet), wanted.storedToken, wanted.userId,
                              wanted.address, wanted.userAgent});
    });
    return created;
}

bool SessionStore::extend(plugin::Deadline deadline, const std::string& storedToken) {
    bool extended = false;
    _database.write(deadline, [&](plugin::Session& session) {
        extended = session.run(_extend, {storedToken}).affected() > 0;
    });
    return extended;
}

bool SessionStore::remove(plugin::Deadline deadline, const std::string& storedToken) {
    bool removed = false;
    _database.write(deadline, [&](plugin::Session& session) {
        removed = session.run(_remove, {storedToken}).affected() > 0;
    });
    return removed;
}

bool SessionStore::removeById(plugin::Deadline deadline, const std::string& id) {
    bool removed = false;
    _database.write(
        deadline, [&](plugin::Session& session) { removed = session.run(_removeById, {id}).affected() > 0; });
    return removed;
}

std::vector<SignedIn> SessionStore::list(plugin::Deadline deadline, const std::string& afterId,
                                         std::size_t limit) {
    std::vector<SignedIn> sessions;
    _database.read(deadline, [&](plugin::Session& session) {
        const plugin::Result rows = session.run(_list, {afterId, std::to_string(limit)});
        sessions.clear();
        for (std::size_t row = 0; row < rows.size(); ++row) sessions.push_back(readSession(rows, row));
    });
    return sessions;
}

} // namespace usher::session
