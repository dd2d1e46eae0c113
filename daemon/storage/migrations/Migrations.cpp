#include "storage/migrations/Migrations.h"

namespace usher {

std::span<const Migration> postgresMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialPostgres},
        {10, "node lease", kNodeLeasePostgres, true},
        {20, "run retries", kRunRetriesPostgres},
        {21, "job secrets", kJobSecretsPostgres},
    };
    return steps;
}

std::span<const Migration> sqliteMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialSqlite},
        {10, "node lease", kNodeLeaseSqlite, true},
        {20, "run retries", kRunRetriesSqlite},
        {21, "job secrets", kJobSecretsSqlite},
    };
    return steps;
}

} // namespace usher
