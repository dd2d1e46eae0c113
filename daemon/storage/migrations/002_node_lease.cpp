#include "storage/migrations/Migrations.h"

// How long a node's leaders may go on after its last beat: 20 s, or 120 s over a planned restart. Others wait
// that long before they take its runs.
namespace usher {

const char* const kNodeLeasePostgres =
    "ALTER TABLE nodes ADD COLUMN lease_seconds integer NOT NULL DEFAULT 20";
const char* const kNodeLeaseSqlite = "ALTER TABLE nodes ADD COLUMN lease_seconds INTEGER NOT NULL DEFAULT 20";

} // namespace usher
