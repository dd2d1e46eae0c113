#include "storage/migrations/Migrations.h"

// What a job's tests get in their environment and nobody else may read: `sealed` is AES-256-GCM under the key
// of [secrets] key_file, with the row's id as associated data, so that a value moved to another row does not
// open.
namespace usher {

const char* const kJobSecretsPostgres = R"sql(
CREATE TABLE job_secrets (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    name text NOT NULL,
    sealed text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (job_id, name)
);
)sql";

const char* const kJobSecretsSqlite = R"sql(
CREATE TABLE job_secrets (
    id TEXT PRIMARY KEY NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (job_id, name)
);
)sql";

} // namespace usher
