#include "storage/SqlSecretStore.h"

#include "base/Uuid.h"

namespace usher {

std::vector<SealedSecret> SqlSecretStore::secretsOf(const std::string& jobId) {
    std::vector<SealedSecret> secrets;
    const auto uuid = parseUuid(jobId);
    if (!uuid) return secrets;
    _source.read([&](Poco::Data::Session& session) {
        const SqlRows rows =
            sqlSelect(session,
                      "SELECT CAST(id AS varchar(36)), name, sealed, CAST(updated_at AS text) "
                      "FROM job_secrets WHERE job_id = $1 ORDER BY name",
                      4, {sqlValue(*uuid)});
        for (std::size_t i = 0; i < rows.size(); ++i)
            secrets.push_back({rows.text(i, 0), rows.text(i, 1), rows.text(i, 2), rows.integer(i, 3)});
    });
    return secrets;
}

SecretStore::Change SqlSecretStore::putSecret(const std::string& jobId, const SealedSecret& secret) {
    Change change = Change::jobNotFound;
    const auto uuid = parseUuid(jobId);
    if (!uuid) return change;
    _source.write([&](Poco::Data::Session& session) {
        change = Change::jobNotFound;
        if (!sqlLockJob(session, _source.kind(), *uuid)) return;
        const SqlRows names =
            sqlSelect(session, "SELECT name FROM job_secrets WHERE job_id = $1", 1, {sqlValue(*uuid)});
        change = Change::created;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names.text(i, 0) == secret.name) change = Change::replaced;
        if (change == Change::created && names.size() >= static_cast<std::size_t>(kMostOfJob)) {
            change = Change::tooMany;
            return;
        }
        sqlChange(
            session,
            "INSERT INTO job_secrets (job_id, name, id, sealed, created_at, updated_at) VALUES ($1, $2, "
            "$3, $4, $5, $5) ON CONFLICT (job_id, name) DO UPDATE SET id = excluded.id, sealed = "
            "excluded.sealed, updated_at = excluded.updated_at",
            {sqlValue(*uuid), sqlValue(secret.name), sqlValue(secret.id), sqlValue(secret.sealed),
             sqlValue(secret.updatedAt)});
    });
    return change;
}

bool SqlSecretStore::deleteSecret(const std::string& jobId, const std::string& name) {
    bool found = false;
    const auto uuid = parseUuid(jobId);
    if (!uuid) return found;
    _source.write([&](Poco::Data::Session& session) {
        const std::vector<SqlValue> which{sqlValue(*uuid), sqlValue(name)};
        found = !sqlSelect(session, "SELECT name FROM job_secrets WHERE job_id = $1 AND name = $2", 1, which)
                     .empty();
        sqlChange(session, "DELETE FROM job_secrets WHERE job_id = $1 AND name = $2", which);
    });
    return found;
}

} // namespace usher
