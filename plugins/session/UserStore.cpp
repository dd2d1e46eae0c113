#include "session/UserStore.h"

#include "common/Crypto.h"

namespace usher::session {

namespace {

constexpr std::string_view kIdAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

#define USER_COLUMNS                                                                                         \
    "u.{id}, u.{name}, u.{email}, {flag u.email_verified}, u.{image}, u.{role}, ({flag u.banned} AND "       \
    "(u.{ban_expires} IS NULL OR {micros u.ban_expires} > {nowmicros})), u.{ban_reason}, {micros "           \
    "u.created_at}, "                                                                                        \
    "{micros u.updated_at}"
#define BANNED_NOW "({flag u.banned} AND (u.{ban_expires} IS NULL OR {micros u.ban_expires} > {nowmicros}))"

constexpr std::string_view kFind = "SELECT " USER_COLUMNS R"(, a.{password} FROM {user} u
    LEFT JOIN {account} a ON a.{user_id} = u.{id} AND a.{provider_id} = 'credential'
    WHERE u.{email} = $1 ORDER BY a.{created_at} LIMIT 1)";
constexpr std::string_view kGet = "SELECT " USER_COLUMNS " FROM {user} u WHERE u.{id} = $1";
constexpr std::string_view kList = "SELECT " USER_COLUMNS R"( FROM {user} u
    WHERE u.{email} > $1 ORDER BY u.{email} LIMIT CAST($2 AS INTEGER))";
constexpr std::string_view kInsertUser = R"(INSERT INTO {user}
    ({id}, {name}, {email}, {email_verified}, {role}, {banned}, {created_at}, {updated_at})
    VALUES ($1, $2, $3, {false}, $4, {false}, {now}, {now}))";
constexpr std::string_view kInsertAccount = R"(INSERT INTO {account}
    ({id}, {account_id}, {provider_id}, {user_id}, {password}, {created_at}, {updated_at})
    VALUES ($1, $2, 'credential', $2, $3, {now}, {now}))";
// Everybody who would take an admin away locks the same rows in the same order, then judges with a fresh
// snapshot.
constexpr std::string_view kLockAdmins =
    R"(SELECT u.{id} FROM {user} u WHERE u.{role} = 'admin' OR u.{id} = $1
    ORDER BY u.{id}{lock u})";
// $2 name, $3 role, $4 banned; NULL leaves a column as it is.
constexpr std::string_view kChange =
    R"(UPDATE {user} SET {name} = COALESCE($2, {name}), {role} = COALESCE($3, {role}),
    {banned} = CASE WHEN CAST($4 AS text) IS NULL THEN {banned} ELSE {bool CAST($4 AS text)} END,
    {ban_expires} = CASE WHEN CAST($4 AS text) IS NULL THEN {ban_expires} ELSE NULL END,
    {ban_reason} = CASE WHEN CAST($4 AS text) IS NULL THEN {ban_reason} ELSE NULL END, {updated_at} = {now}
    WHERE {id} = $1 AND ((COALESCE($3, 'admin') = 'admin' AND COALESCE(CAST($4 AS text), '0') = '0') OR EXISTS (SELECT 1
        FROM {user} u WHERE u.{role} = 'admin' AND NOT )" BANNED_NOW R"( AND u.{id} <> $1)
        OR NOT EXISTS (SELECT 1 FROM {user} u WHERE u.{id} = $1 AND u.{role} = 'admin' AND NOT )" BANNED_NOW
    "))";
constexpr std::string_view kUpdatePassword = R"(UPDATE {account} SET {password} = $2, {updated_at} = {now}
    WHERE {user_id} = $1 AND {provider_id} = 'credential')";
constexpr std::string_view kDropSessions = "DELETE FROM {session} WHERE {user_id} = $1";
constexpr std::string_view kAny = "SELECT 1 FROM {user} LIMIT 1";

std::string createId() {
    return plugin::randomText(32, kIdAlphabet);
}

} // namespace

std::string_view userColumns() {
    return USER_COLUMNS;
}

std::string_view bannedNow() {
    return BANNED_NOW;
}

User readUser(const plugin::Result& rows, std::size_t row, std::size_t first) {
    User user;
    user.id = rows.text(row, first);
    user.name = rows.text(row, first + 1);
    user.email = rows.text(row, first + 2);
    user.emailVerified = rows.flag(row, first + 3, false);
    user.image = rows.maybeText(row, first + 4);
    user.role = roleOf(rows.text(row, first + 5));
    user.banned = rows.flag(row, first + 6, true);
    user.banReason = rows.maybeText(row, first + 7);
    user.createdAt = rows.integer(row, first + 8);
    user.updatedAt = rows.integer(row, first + 9);
    return user;
}
constexpr std::size_t kUserColumnCount = 10;

UserStore::UserStore(plugin::Database& database, const Dialect& dialect)
    : _database(database), _find(dialect.sql(kFind)), _get(dialect.sql(kGet)), _list(dialect.sql(kList)),
      _insertUser(dialect.sql(kInsertUser)), _insertAccount(dialect.sql(kInsertAccount)),
      _lockAdmins(dialect.sql(kLockAdmins)), _change(dialect.sql(kChange)),
      _updatePassword(dialect.sql(kUpdatePassword)), _dropSessions(dialect.sql(kDropSessions)),
      _any(dialect.sql(kAny)) {}

std::optional<UserStore::WithPassword> UserStore::findByEmail(plugin::Deadline deadline,
                                                              const std::string& lowerCaseEmail) {
    std::optional<WithPassword> found;
    _database.read(deadline, [&](plugin::Session& session) {
        const plugin::Result rows = session.run(_find, {lowerCaseEmail});
        found.reset();
        if (!rows.empty()) found = WithPassword{readUser(rows, 0), rows.maybeText(0, kUserColumnCount)};
    });
    return found;
}

std::vector<User> UserStore::list(plugin::Deadline deadline, const std::string& afterEmail,
                                  std::size_t limit) {
    std::vector<User> users;
    _database.read(deadline, [&](plugin::Session& session) {
        const plugin::Result rows = session.run(_list, {afterEmail, std::to_string(limit)});
        users.clear();
        for (std::size_t row = 0; row < rows.size(); ++row) users.push_back(readUser(rows, row));
    });
    return users;
}

std::optional<User> UserStore::create(plugin::Deadline deadline, const New& user) {
    std::optional<User> created;
    try {
        _database.write(deadline, [&](plugin::Session& session) { created = create(session, user); });
    } catch (const plugin::ConstraintViolation& violation) {
        if (violation.kind != plugin::ConstraintViolation::Kind::unique) throw;
        created.reset();
    }
    return created;
}

User UserStore::create(plugin::Session& session, const New& user) {
    const std::string id = createId();
    session.run(_insertUser, {id, user.name, user.email, std::string(toText(user.role))});
    session.run(_insertAccount, {createId(), id, user.passwordHash});
    return readUser(session.run(_get, {id}), 0);
}

UserStore::Outcome UserStore::change(plugin::Deadline deadline, const std::string& id, const Change& change,
                                     User& after) {
    Outcome outcome = Outcome::notFound;
    _database.write(deadline, [&](plugin::Session& session) {
        outcome = Outcome::notFound;
        session.run(_lockAdmins, {id});
        if (session.run(_get, {id}).empty()) return;
        const plugin::Param role =
            change.role ? plugin::Param(std::string(toText(*change.role))) : std::nullopt;
        const plugin::Param banned = change.banned ? plugin::Param(*change.banned ? "1" : "0") : std::nullopt;
        if (session.run(_change, {id, change.name, role, banned}).affected() == 0) {
            outcome = Outcome::lastAdmin;
            return;
        }
        if (change.passwordHash && session.run(_updatePassword, {id, *change.passwordHash}).affected() == 0)
            session.run(_insertAccount, {createId(), id, *change.passwordHash});
        if (change.passwordHash || change.banned.value_or(false)) session.run(_dropSessions, {id});
        after = readUser(session.run(_get, {id}), 0);
        outcome = Outcome::done;
    });
    return outcome;
}

bool UserStore::any(plugin::Session& session) {
    return !session.run(_any).empty();
}

} // namespace usher::session
