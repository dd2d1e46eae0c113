#include "storage/migrations/Migrations.h"

namespace usher {

std::span<const Migration> postgresMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialPostgres},
    };
    return steps;
}

std::span<const Migration> sqliteMigrations() {
    static const Migration steps[] = {
        {1, "initial", kInitialSqlite},
    };
    return steps;
}

} // namespace usher
