#pragma once

#include "storage/Migrator.h"

namespace usher {

/// The steps of the component `daemon`, in order. The two lists have the same numbers and names, and the same
/// tables come out; types and triggers differ. A new step is a new file `NNN_name.cpp` and one line in
/// Migrations.cpp.
///
/// Other programs may write jobs, tests and job_tests with plain SQL: every column has a default, and
/// database triggers count jobs.revision up.
std::span<const Migration> postgresMigrations();
std::span<const Migration> sqliteMigrations();

extern const char* const kInitialPostgres;
extern const char* const kInitialSqlite;
extern const char* const kNodeLeasePostgres;
extern const char* const kNodeLeaseSqlite;
extern const char* const kRunRetriesPostgres;
extern const char* const kRunRetriesSqlite;
extern const char* const kJobSecretsPostgres;
extern const char* const kJobSecretsSqlite;
extern const char* const kSchedulesPostgres;
extern const char* const kSchedulesSqlite;
extern const char* const kAuditAction;
extern const char* const kWebhooksPostgres;
extern const char* const kWebhooksSqlite;

} // namespace usher
