#include "storage/migrations/Migrations.h"

namespace usher {

std::span<const Migration> postgresMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialPostgres},
        {2, "node lease", kNodeLeasePostgres, true},
        {3, "run retries", kRunRetriesPostgres, true},
        {4, "job secrets", kJobSecretsPostgres},
    };
    return steps;
}

std::span<const Migration> sqliteMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialSqlite},
        {2, "node lease", kNodeLeaseSqlite, true},
        {3, "run retries", kRunRetriesSqlite, true},
        {4, "job secrets", kJobSecretsSqlite},
    };
    return steps;
}

} // namespace usher
