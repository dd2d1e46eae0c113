#include "storage/migrations/Migrations.h"

// When a job runs by itself. next_at is the tick that comes next, by the database's clock, NULL while the
// schedule is paused; whoever moves it on, guarded by its old value, has the tick, so that of many nodes one
// runs it. last_outcome: run, coalesced, missed, or why the tick made no run (a code of the HTTP contract).
namespace usher {

const char* const kSchedulesPostgres = R"sql(
CREATE TABLE schedules (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    cron text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    on_missed text NOT NULL DEFAULT 'run-once' CHECK (on_missed IN ('run-once', 'skip')),
    paused boolean NOT NULL DEFAULT false,
    next_at bigint,
    last_tick_at bigint,
    last_outcome text,
    last_run_id uuid,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX schedules_job ON schedules (job_id);
CREATE INDEX schedules_next ON schedules (next_at) WHERE next_at IS NOT NULL;
)sql";

const char* const kSchedulesSqlite = R"sql(
CREATE TABLE schedules (
    id TEXT PRIMARY KEY NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL DEFAULT 'UTC',
    on_missed TEXT NOT NULL DEFAULT 'run-once' CHECK (on_missed IN ('run-once', 'skip')),
    paused INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,
    last_tick_at INTEGER,
    last_outcome TEXT,
    last_run_id TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX schedules_job ON schedules (job_id);
CREATE INDEX schedules_next ON schedules (next_at) WHERE next_at IS NOT NULL;
)sql";

} // namespace usher
