#include "storage/migrations/Migrations.h"

// A run that failed and is to be tried again waits in the queue until queued_at, which lies in the future: so
// it stands behind its job's other runs, and claims find what is due without looking at what is not.
// first_queued_at is when the run was triggered; NULL in the runs that nobody retried.
namespace usher {

const char* const kRunRetriesPostgres = "ALTER TABLE runs ADD COLUMN first_queued_at bigint;";
const char* const kRunRetriesSqlite = "ALTER TABLE runs ADD COLUMN first_queued_at INTEGER;";

} // namespace usher
