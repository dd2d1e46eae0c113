#include "KeyAdminStore.h"

#include <algorithm>

namespace usher::apikey {

namespace {

using plugin::ConstraintViolation;
using plugin::Param;
using plugin::Result;
using plugin::Session;

constexpr std::int64_t kMostKeys = 10;

// Times leave the database as text in the form of the contract.
constexpr std::string_view kListPostgres =
    R"sql(SELECT k.{id}, coalesce(k.{name}, ''), coalesce(k.{start}, ''),
    k.{job_id}::text, coalesce(k.{enabled}, true), CREATED_BY,
    to_char(k.{created_at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    to_char(k.{updated_at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    to_char(k.{expires_at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    to_char(k.{last_request} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    coalesce(k.{request_count}, 0), coalesce(k.{rate_limit_enabled}, true), coalesce(k.{rate_limit_max}, 100),
    coalesce(k.{rate_limit_time_window}, 60000), k.{remaining}, k.{allowed_addresses}
FROM apikey k WHERE k.{job_id} = $1 AND ($2 = '' OR k.{id} = $2) ORDER BY k.{created_at}, k.{id})sql";

constexpr std::string_view kListSqlite = R"sql(SELECT k.{id}, coalesce(k.{name}, ''), coalesce(k.{start}, ''),
    k.{job_id}, coalesce(k.{enabled}, 1), CREATED_BY,
    strftime('%Y-%m-%dT%H:%M:%fZ', k.{created_at}), strftime('%Y-%m-%dT%H:%M:%fZ', k.{updated_at}),
    strftime('%Y-%m-%dT%H:%M:%fZ', k.{expires_at}), strftime('%Y-%m-%dT%H:%M:%fZ', k.{last_request}),
    coalesce(k.{request_count}, 0), coalesce(k.{rate_limit_enabled}, 1), coalesce(k.{rate_limit_max}, 100),
    coalesce(k.{rate_limit_time_window}, 60000), k.{remaining}, k.{allowed_addresses}
FROM apikey k WHERE k.{job_id} = $1 AND ($2 = '' OR k.{id} = $2) ORDER BY k.{created_at}, k.rowid)sql";

constexpr std::string_view kCreatedBy =
    R"(coalesce((SELECT u.name FROM "user" u WHERE u.id = k.{reference_id}), '-'))";
constexpr std::string_view kUserTablePostgres = "SELECT 1 WHERE to_regclass('\"user\"') IS NOT NULL";
constexpr std::string_view kUserTableSqlite =
    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'user'";

constexpr std::string_view kJob = "SELECT 1 FROM jobs WHERE id = $1";
constexpr std::string_view kLockJob = "SELECT 1 FROM jobs WHERE id = $1 FOR NO KEY UPDATE";
constexpr std::string_view kNameTaken =
    "SELECT 1 FROM apikey WHERE {job_id} = $1 AND {name} = $2 AND {id} <> $3 LIMIT 1";
constexpr std::string_view kCount = "SELECT count(*) FROM apikey WHERE {job_id} = $1";

constexpr std::string_view kInsertPostgres =
    R"sql(INSERT INTO apikey ({id}, {config_id}, {name}, {start}, {prefix},
    {key}, {reference_id}, {job_id}, {enabled}, {expires_at}, {rate_limit_enabled}, {rate_limit_max},
    {rate_limit_time_window}, {request_count}, {remaining}, {allowed_addresses}, {permissions}, {metadata},
    {refill_interval}, {refill_amount}, {created_at}, {updated_at})
VALUES ($1, 'default', $2, $3, 'job', $4, $5, $6, $7, clock_timestamp() + CAST($8 AS bigint) * interval '1 second',
    $9, $10, $11, 0, $12, $13, $14, $15, $16, $17, clock_timestamp(), clock_timestamp()))sql";

constexpr std::string_view kInsertSqlite =
    R"sql(INSERT INTO apikey ({id}, {config_id}, {name}, {start}, {prefix},
    {key}, {reference_id}, {job_id}, {enabled}, {expires_at}, {rate_limit_enabled}, {rate_limit_max},
    {rate_limit_time_window}, {request_count}, {remaining}, {allowed_addresses}, {permissions}, {metadata},
    {refill_interval}, {refill_amount}, {created_at}, {updated_at})
VALUES ($1, 'default', $2, $3, 'job', $4, $5, $6, $7, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', $8 || ' seconds'),
    $9, $10, $11, 0, $12, $13, $14, $15, $16, $17, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))sql";

constexpr std::string_view kTouchPostgres = "{updated_at} = clock_timestamp()";
constexpr std::string_view kTouchSqlite = "{updated_at} = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
constexpr std::string_view kDelete = "DELETE FROM apikey WHERE {id} = $1 AND {job_id} = $2";

// A new key lives as long as the old one was made to live. With no grace the old one is past at once.
constexpr std::string_view kOldPostgres = R"sql(SELECT {name}, coalesce({enabled}, true),
    CASE WHEN {expires_at} IS NOT NULL THEN greatest(60, extract(epoch FROM {expires_at} - {created_at})) END::bigint,
    coalesce({rate_limit_enabled}, true),
    coalesce({rate_limit_max}, 100), coalesce({rate_limit_time_window}, 60000), {remaining}, {allowed_addresses},
    {metadata}, {permissions}, {refill_interval}, {refill_amount}
FROM apikey WHERE {id} = $1 AND {job_id} = $2 FOR NO KEY UPDATE)sql";
constexpr std::string_view kOldSqlite = R"sql(SELECT {name}, coalesce({enabled}, 1),
    CASE WHEN {expires_at} IS NULL THEN NULL
         ELSE max(60, CAST((julianday({expires_at}) - julianday({created_at})) * 86400 AS INTEGER)) END,
    coalesce({rate_limit_enabled}, 1), coalesce({rate_limit_max}, 100), coalesce({rate_limit_time_window}, 60000),
    {remaining}, {allowed_addresses}, {metadata}, {permissions}, {refill_interval}, {refill_amount}
FROM apikey WHERE {id} = $1 AND {job_id} = $2)sql";
constexpr std::string_view kRetirePostgres =
    R"sql(UPDATE apikey SET {name} = $3, {updated_at} = clock_timestamp(),
    {expires_at} = least({expires_at}, clock_timestamp() - interval '1 millisecond'
                                       + CAST($4 AS bigint) * interval '1 second')
WHERE {id} = $1 AND {job_id} = $2)sql";
constexpr std::string_view kRetireSqlite = R"sql(UPDATE apikey SET {name} = $3,
    {updated_at} = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    {expires_at} = CASE WHEN julianday({expires_at}) < julianday('now', $4 || ' seconds') THEN {expires_at}
        ELSE strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-0.001 seconds', $4 || ' seconds') END
WHERE {id} = $1 AND {job_id} = $2)sql";

Param number(const std::optional<std::int64_t>& value) {
    return value ? Param(std::to_string(*value)) : std::nullopt;
}
Param flag(bool value) {
    return value ? "1" : "0";
}

ListedKey listedAt(const Result& rows, std::size_t i) {
    ListedKey key;
    key.id = rows.text(i, 0);
    key.name = rows.text(i, 1);
    key.start = rows.text(i, 2);
    key.jobId = rows.text(i, 3);
    key.enabled = rows.flag(i, 4, true);
    key.createdByName = rows.text(i, 5);
    key.createdAt = rows.text(i, 6);
    key.updatedAt = rows.text(i, 7);
    key.expiresAt = rows.maybeText(i, 8);
    key.lastRequest = rows.maybeText(i, 9);
    key.requestCount = rows.integer(i, 10);
    if (rows.flag(i, 11, true)) key.rateLimit = RateLimit{rows.integer(i, 12), rows.integer(i, 13)};
    key.remaining = rows.maybeInteger(i, 14);
    key.allowedAddresses = rows.maybeText(i, 15);
    return key;
}

std::vector<Param> insertParams(const NewKey& key) {
    const KeyRequest& s = key.settings;
    // Not said: the default. Said to be null: no limit.
    const RateLimit rate = s.rateLimit.value.value_or(RateLimit{100, 60'000});
    const bool limited = !s.rateLimit.given || s.rateLimit.value;
    const Param creator = key.createdBy.empty() ? std::nullopt : Param(key.createdBy);
    return {key.id,
            s.name,
            key.start,
            key.stored,
            creator,
            key.jobId,
            flag(s.enabled.value_or(true)),
            number(s.expiresInSeconds.value),
            flag(limited),
            number(rate.max),
            number(rate.windowMs),
            number(s.remaining.value),
            s.allowedAddresses.value,
            key.permissions,
            s.metadata.value,
            number(key.refillIntervalMs),
            number(key.refillAmount)};
}

constexpr std::size_t kLongestName = 100;

bool continuesPoint(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::string retiredMark(const std::string& id) {
    return " (rotated " + id.substr(0, 8);
}

/// A name for the key that is replaced: its own is taken by the new one. `number` tells names apart when a
/// key of that name exists: 0 for the first.
std::string retiredName(const std::string& name, const std::string& id, std::int64_t number) {
    const std::string suffix = retiredMark(id) + (number > 0 ? " " + std::to_string(number + 1) : "") + ")";
    std::size_t points = 0, at = 0;
    for (; at < name.size(); ++at) {
        points += !continuesPoint(name[at]);
        if (points > kLongestName - suffix.size()) break;
    }
    return name.substr(0, at) + suffix;
}

/// The name that a key had before it was replaced. Nothing: it bears its own. Empty: it was cut.
std::optional<std::string> nameBefore(const std::string& name, const std::string& id) {
    const std::size_t mark = name.rfind(retiredMark(id));
    if (mark == std::string::npos || !name.ends_with(")")) return std::nullopt;
    const auto points = std::count_if(name.begin(), name.end(), [](char c) { return !continuesPoint(c); });
    return static_cast<std::size_t>(points) < kLongestName ? name.substr(0, mark) : "";
}

} // namespace

KeyAdminStore::KeyAdminStore(plugin::Database& database, const Columns& columns)
    : _database(database), _columns(columns), _postgres(database.kind() == plugin::Database::Kind::postgres) {
}

bool KeyAdminStore::lockJob(Session& session, const std::string& job) {
    return !session.run(_postgres ? kLockJob : kJob, {job}).empty();
}

bool KeyAdminStore::nameTaken(Session& session, const std::string& job, const std::string& name,
                              const std::string& except) {
    return !session.run(sql(kNameTaken), {job, name, except}).empty();
}

std::int64_t KeyAdminStore::count(Session& session, const std::string& job) {
    return session.run(sql(kCount), {job}).integer(0, 0);
}

std::vector<ListedKey> KeyAdminStore::read(Session& session, const std::string& job, const std::string& id) {
    // The session plugin makes the table of users, perhaps later than we start, perhaps never.
    const bool users = !session.run(_postgres ? kUserTablePostgres : kUserTableSqlite).empty();
    std::string statement(_postgres ? kListPostgres : kListSqlite);
    constexpr std::string_view placeholder = "CREATED_BY";
    statement.replace(statement.find(placeholder), placeholder.size(), users ? kCreatedBy : "'-'");
    const Result rows = session.run(sql(statement), {job, id});
    std::vector<ListedKey> keys;
    for (std::size_t i = 0; i < rows.size(); ++i) keys.push_back(listedAt(rows, i));
    return keys;
}

KeyAdminStore::Answer KeyAdminStore::list(plugin::Deadline deadline, const std::string& job) {
    Answer answer;
    _database.read(deadline, [&](Session& session) {
        answer = {};
        if (session.run(kJob, {job}).empty())
            answer.problem = AdminProblem::jobNotFound;
        else
            answer.keys = read(session, job, "");
    });
    return answer;
}

KeyAdminStore::Answer KeyAdminStore::create(plugin::Deadline deadline, const NewKey& key) {
    Answer answer;
    try {
        _database.write(deadline, [&](Session& session) {
            if (!lockJob(session, key.jobId)) {
                answer.problem = AdminProblem::jobNotFound;
            } else if (nameTaken(session, key.jobId, *key.settings.name, "")) {
                answer.problem = AdminProblem::nameExists;
            } else if (count(session, key.jobId) >= kMostKeys) {
                answer.problem = AdminProblem::tooMany;
            } else {
                session.run(sql(_postgres ? kInsertPostgres : kInsertSqlite), insertParams(key));
                answer.keys = read(session, key.jobId, key.id);
            }
        });
    } catch (const ConstraintViolation& violation) {
        // Another program writes this table without our lock.
        if (violation.kind != ConstraintViolation::Kind::unique) throw;
        answer.problem = AdminProblem::nameExists;
    }
    return answer;
}

KeyAdminStore::Answer KeyAdminStore::update(plugin::Deadline deadline, const std::string& job,
                                            const std::string& id, const KeyRequest& change) {
    std::vector<Param> params{id, job};
    std::string assignments(_postgres ? kTouchPostgres : kTouchSqlite);
    auto assign = [&](std::string_view column, Param value, std::string_view before = "",
                      std::string_view after = "") {
        params.push_back(std::move(value));
        assignments.append(", {").append(column).append("} = ").append(before);
        assignments.append("$" + std::to_string(params.size())).append(after);
    };
    if (change.name) assign("name", *change.name);
    if (change.enabled) assign("enabled", flag(*change.enabled));
    if (change.expiresInSeconds.given) {
        if (_postgres)
            assign("expires_at", number(change.expiresInSeconds.value), "clock_timestamp() + CAST(",
                   " AS bigint) * interval '1 second'");
        else
            assign("expires_at", number(change.expiresInSeconds.value),
                   "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ", " || ' seconds')");
    }
    if (change.rateLimit.given) assign("rate_limit_enabled", flag(change.rateLimit.value.has_value()));
    if (change.rateLimit.value) {
        assign("rate_limit_max", number(change.rateLimit.value->max));
        assign("rate_limit_time_window", number(change.rateLimit.value->windowMs));
    }
    if (change.remaining.given) assign("remaining", number(change.remaining.value));
    if (change.allowedAddresses.given) assign("allowed_addresses", change.allowedAddresses.value);

    Answer answer;
    try {
        _database.write(deadline, [&](Session& session) {
            if (!lockJob(session, job)) {
                answer.problem = AdminProblem::jobNotFound;
            } else if (read(session, job, id).empty()) {
                answer.problem = AdminProblem::keyNotFound;
            } else if (change.name && nameTaken(session, job, *change.name, id)) {
                answer.problem = AdminProblem::nameExists;
            } else {
                session.run(sql("UPDATE apikey SET " + assignments + " WHERE {id} = $1 AND {job_id} = $2"),
                            params);
                answer.keys = read(session, job, id);
                if (answer.keys.empty()) answer.problem = AdminProblem::keyNotFound;
            }
        });
    } catch (const ConstraintViolation& violation) {
        if (violation.kind != ConstraintViolation::Kind::unique) throw;
        answer.problem = AdminProblem::nameExists;
    }
    return answer;
}

AdminProblem KeyAdminStore::remove(plugin::Deadline deadline, const std::string& job, const std::string& id) {
    AdminProblem problem = AdminProblem::none;
    _database.write(deadline, [&](Session& session) {
        if (session.run(kJob, {job}).empty())
            problem = AdminProblem::jobNotFound;
        else if (session.run(sql(kDelete), {id, job}).affected() == 0)
            problem = AdminProblem::keyNotFound;
    });
    return problem;
}

KeyAdminStore::Answer KeyAdminStore::rotate(plugin::Deadline deadline, const std::string& old, NewKey key,
                                            std::int64_t graceSeconds) {
    Answer answer;
    try {
        _database.write(deadline, [&](Session& session) {
            if (!lockJob(session, key.jobId)) {
                answer.problem = AdminProblem::jobNotFound;
                return;
            }
            const Result row = session.run(sql(_postgres ? kOldPostgres : kOldSqlite), {old, key.jobId});
            if (row.empty()) {
                answer.problem = AdminProblem::keyNotFound;
                return;
            }
            if (count(session, key.jobId) >= kMostKeys) {
                answer.problem = AdminProblem::tooMany;
                return;
            }
            KeyRequest& settings = key.settings;
            settings.name = row.maybeText(0, 0); // another program's keys may have none
            std::string retired = settings.name.value_or("");
            if (const auto before = nameBefore(retired, old)) {
                // Replaced before. Once that replacement is gone its name is free again.
                if (before->empty() || nameTaken(session, key.jobId, *before, old)) {
                    answer.problem = AdminProblem::alreadyRotated;
                    return;
                }
                settings.name = before;
            } else {
                // No more names are taken than there are keys.
                const std::string name = retired;
                for (std::int64_t number = 0; number <= kMostKeys; ++number) {
                    retired = retiredName(name, old, number);
                    if (!nameTaken(session, key.jobId, retired, old)) break;
                }
            }
            settings.enabled = row.flag(0, 1, true);
            settings.expiresInSeconds = {true, row.maybeInteger(0, 2)};
            settings.rateLimit.given = true;
            if (row.flag(0, 3, true))
                settings.rateLimit.value = RateLimit{row.integer(0, 4), row.integer(0, 5)};
            settings.remaining = {true, row.maybeInteger(0, 6)};
            settings.allowedAddresses = {true, row.maybeText(0, 7)};
            settings.metadata = {true, row.maybeText(0, 8)};
            key.permissions = row.maybeText(0, 9);
            key.refillIntervalMs = row.maybeInteger(0, 10);
            key.refillAmount = row.maybeInteger(0, 11);
            session.run(sql(_postgres ? kRetirePostgres : kRetireSqlite),
                        {old, key.jobId, retired, std::to_string(graceSeconds)});
            session.run(sql(_postgres ? kInsertPostgres : kInsertSqlite), insertParams(key));
            answer.keys = read(session, key.jobId, key.id);
        });
    } catch (const ConstraintViolation& violation) {
        // Another program writes this table without our lock.
        if (violation.kind != ConstraintViolation::Kind::unique) throw;
        answer.problem = AdminProblem::nameExists;
    }
    return answer;
}

} // namespace usher::apikey
