#include "storage/migrations/Migrations.h"

namespace usher {

std::span<const Migration> postgresMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialPostgres},
        {2, "node lease", kNodeLeasePostgres, true},
        {3, "run retries", kRunRetriesPostgres, true},
        {4, "job secrets", kJobSecretsPostgres},
        {5, "schedules", kSchedulesPostgres, true},
        {6, "audit by action", kAuditAction, true},
        {7, "webhooks", kWebhooksPostgres, true},
    };
    return steps;
}

std::span<const Migration> sqliteMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialSqlite},
        {2, "node lease", kNodeLeaseSqlite, true},
        {3, "run retries", kRunRetriesSqlite, true},
        {4, "job secrets", kJobSecretsSqlite},
        {5, "schedules", kSchedulesSqlite, true},
        {6, "audit by action", kAuditAction, true},
        {7, "webhooks", kWebhooksSqlite, true},
    };
    return steps;
}

} // namespace usher
