#include "storage/SqlWebhookStore.h"

#include "base/Json.h"
#include "base/Uuid.h"

#include <algorithm>
#include <map>

namespace usher {

namespace {

constexpr std::size_t kColumns = 11;
// What waits is counted up to a bound: an outbox may be long.
const std::string kSelect =
    "SELECT CAST(w.id AS varchar(36)), CAST(w.job_id AS varchar(36)), w.url, w.events, w.sealed, "
    "CAST(w.last_at "
    "AS text), CAST(w.last_status AS text), w.last_error, CAST(w.created_at AS text), CAST(w.updated_at AS "
    "text), CAST((SELECT count(*) FROM (SELECT 1 FROM webhook_outbox o WHERE o.webhook_id = w.id LIMIT "
    "10000) "
    "q) AS text) FROM webhooks w ";

Webhook webhookAt(const SqlRows& rows, std::size_t row) {
    Webhook webhook;
    webhook.id = rows.text(row, 0);
    webhook.jobId = rows.text(row, 1);
    webhook.url = rows.text(row, 2);
    const auto events = parseJson(rows.text(row, 3));
    if (const Json* list = std::get_if<Json>(&events))
        for (const Json& event : *list)
            if (event.is_string()) webhook.events.push_back(event.get<std::string>());
    webhook.sealed = rows.text(row, 4);
    webhook.lastAt = rows.maybeInteger(row, 5);
    if (auto status = rows.maybeInteger(row, 6)) webhook.lastStatus = static_cast<int>(*status);
    webhook.lastError = rows.text(row, 7);
    webhook.createdAt = rows.integer(row, 8);
    webhook.updatedAt = rows.integer(row, 9);
    webhook.waiting = rows.integer(row, 10);
    return webhook;
}

/// " passed failed ": each between spaces.
std::string spaced(const std::vector<std::string>& statuses) {
    std::string text = " ";
    for (const std::string& status : statuses) text += status + " ";
    return text;
}

std::string micros(std::chrono::microseconds duration) {
    return std::to_string(duration.count());
}

} // namespace

std::string SqlWebhookStore::clock() const {
    return postgres() ? "usher_now()" : "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)";
}

std::vector<Webhook> SqlWebhookStore::select(const std::string& where, const std::vector<SqlValue>& values) {
    std::vector<Webhook> webhooks;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows = sqlSelect(session, kSelect + where, kColumns, values);
        for (std::size_t i = 0; i < rows.size(); ++i) webhooks.push_back(webhookAt(rows, i));
    });
    return webhooks;
}

std::vector<Webhook> SqlWebhookStore::webhooksOf(const std::string& jobId) {
    const auto job = parseUuid(jobId);
    if (!job) return {};
    return select("WHERE w.job_id = $1 ORDER BY w.created_at, w.id", {sqlValue(*job)});
}

std::optional<Webhook> SqlWebhookStore::findWebhook(const std::string& jobId, const std::string& id) {
    const auto job = parseUuid(jobId), webhook = parseUuid(id);
    if (!job || !webhook) return std::nullopt;
    auto found = select("WHERE w.id = $1 AND w.job_id = $2", {sqlValue(*webhook), sqlValue(*job)});
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

WebhookStore::Change SqlWebhookStore::createWebhook(const Webhook& w) {
    Change change = Change::jobNotFound;
    const auto job = parseUuid(w.jobId);
    if (!job) return change;
    _source.write([&](Poco::Data::Session& session) {
        change = Change::jobNotFound;
        if (!sqlLockJob(session, _source.kind(), *job)) return;
        change = Change::tooMany;
        if (sqlCountOfJob(session, "webhooks", *job) >= kMostOfJob) return;
        change = Change::done;
        sqlChange(session,
                  "INSERT INTO webhooks (id, job_id, url, events, statuses, sealed, created_at, updated_at) "
                  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                  {sqlValue(w.id), sqlValue(*job), sqlValue(w.url), sqlValue(toText(Json(w.events))),
                   sqlValue(spaced(w.statuses)), sqlValue(w.sealed), sqlValue(w.createdAt),
                   sqlValue(w.updatedAt)});
    });
    return change;
}

bool SqlWebhookStore::updateWebhook(const Webhook& seen, const Webhook& changed) {
    bool written = false;
    _source.write([&](Poco::Data::Session& session) {
        written =
            !sqlSelect(session,
                       "UPDATE webhooks SET url = $1, events = $2, statuses = $3, updated_at = $4 WHERE "
                       "id = $5 AND job_id = $6 AND updated_at = CAST($7 AS bigint) RETURNING url",
                       1,
                       {sqlValue(changed.url), sqlValue(toText(Json(changed.events))),
                        sqlValue(spaced(changed.statuses)), sqlValue(changed.updatedAt), sqlValue(seen.id),
                        sqlValue(seen.jobId), sqlValue(seen.updatedAt)})
                 .empty();
    });
    return written;
}

bool SqlWebhookStore::deleteWebhook(const std::string& jobId, const std::string& id) {
    bool found = false;
    const auto job = parseUuid(jobId), webhook = parseUuid(id);
    if (!job || !webhook) return found;
    _source.write([&](Poco::Data::Session& session) {
        found = !sqlSelect(session, "DELETE FROM webhooks WHERE id = $1 AND job_id = $2 RETURNING url", 1,
                           {sqlValue(*webhook), sqlValue(*job)})
                     .empty();
    });
    return found;
}

std::vector<Delivery> SqlWebhookStore::takeDue(std::chrono::seconds lease, int atMost,
                                               std::span<const std::string> without) {
    std::vector<Delivery> taken;
    std::vector<SqlValue> values;
    std::string others;
    for (const std::string& id : without) {
        values.push_back(sqlValue(id));
        others += (others.empty() ? "$" : ", $") + std::to_string(values.size());
    }
    const std::string due = "SELECT b.id FROM webhook_outbox b WHERE b.next_at <= " + clock() +
                            (others.empty() ? "" : " AND b.webhook_id NOT IN (" + others + ")") +
                            " ORDER BY b.next_at" + (postgres() ? "" : ", b.rowid") + " LIMIT " +
                            std::to_string(atMost);
    // An idle node does not write: it looks first.
    bool any = false;
    _source.read([&](Poco::Data::Session& session) {
        any = !sqlSelect(session, "SELECT '1' FROM (" + due + ") q LIMIT 1", 1, values).empty();
    });
    if (!any) return taken;
    const std::string take =
        "UPDATE webhook_outbox SET attempts = attempts + 1, next_at = " + clock() + " + " + micros(lease) +
        (postgres() ? " WHERE id = ANY (ARRAY(" + due + " FOR UPDATE SKIP LOCKED))"
                    : " WHERE id IN (" + due + ")") +
        " RETURNING CAST(id AS varchar(36)), CAST(webhook_id AS varchar(36)), status, CAST(facts AS text), "
        "CAST(created_at AS text), CAST(attempts AS text), " +
        (postgres() ? "'0'" : "CAST(rowid AS text)"); // its clock has milliseconds, and many messages in one
    _source.write([&](Poco::Data::Session& session) {
        taken.clear();
        const SqlRows rows = sqlSelect(session, take, 7, values);
        std::map<std::string, std::int64_t> places;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            Delivery d;
            d.id = rows.text(i, 0);
            d.webhookId = rows.text(i, 1);
            d.status = rows.text(i, 2);
            d.factsJson = rows.text(i, 3);
            d.createdAt = rows.integer(i, 4);
            d.attempt = static_cast<int>(rows.integer(i, 5));
            places[d.id] = rows.integer(i, 6);
            taken.push_back(std::move(d));
        }
        std::sort(taken.begin(), taken.end(), [&](const Delivery& a, const Delivery& b) {
            return std::tie(a.webhookId, a.createdAt, places[a.id], a.id) <
                   std::tie(b.webhookId, b.createdAt, places[b.id], b.id);
        });
        for (std::size_t i = 0; i < taken.size(); ++i) {
            Delivery& d = taken[i];
            if (i > 0 && taken[i - 1].webhookId == d.webhookId) {
                d.jobId = taken[i - 1].jobId, d.url = taken[i - 1].url, d.sealed = taken[i - 1].sealed;
                continue;
            }
            const SqlRows hook = sqlSelect(
                session, "SELECT CAST(job_id AS varchar(36)), url, sealed FROM webhooks WHERE id = $1", 3,
                {sqlValue(d.webhookId)});
            if (hook.empty()) continue; // deleted meanwhile: its outbox goes too
            d.jobId = hook.text(0, 0), d.url = hook.text(0, 1), d.sealed = hook.text(0, 2);
        }
        std::erase_if(taken, [](const Delivery& d) { return d.url.empty(); });
    });
    return taken;
}

void SqlWebhookStore::settle(std::span<const DeliveryResult> results) {
    if (results.empty()) return;
    _source.write([&](Poco::Data::Session& session) {
        for (const DeliveryResult& r : results) {
            const std::vector<SqlValue> which{sqlValue(r.deliveryId), sqlValue(std::int64_t{r.attempt})};
            const std::string where = " WHERE id = $1 AND attempts = CAST($2 AS integer)";
            if (r.kind == DeliveryResult::Kind::again)
                sqlChange(session,
                          "UPDATE webhook_outbox SET next_at = " + clock() + " + " + micros(r.delay) +
                              (r.tried ? "" : ", attempts = attempts - 1") + where,
                          which);
            else
                sqlChange(session, "DELETE FROM webhook_outbox" + where, which);
            if (r.tried)
                sqlChange(session,
                          "UPDATE webhooks SET last_at = " + clock() +
                              ", last_status = CAST($1 AS integer), last_error = $2 WHERE id = $3",
                          {sqlValue(r.status), sqlValue(r.error), sqlValue(r.webhookId)});
        }
    });
}

void SqlWebhookStore::bringNear(std::chrono::seconds most) {
    const std::string far = " WHERE next_at > " + clock() + " + " + micros(most);
    bool any = false;
    _source.read([&](Poco::Data::Session& session) {
        any = !sqlSelect(session, "SELECT '1' FROM webhook_outbox" + far + " LIMIT 1", 1).empty();
    });
    if (!any) return;
    _source.write([&](Poco::Data::Session& session) {
        sqlChange(session, "UPDATE webhook_outbox SET next_at = " + clock() + far);
    });
}

} // namespace usher
