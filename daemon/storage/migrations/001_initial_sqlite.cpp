#include "storage/migrations/Migrations.h"

// The same tables as in 001_initial_postgres.cpp, where the reasons stand. SQLite has one writer, so its
// triggers need no locks. Ids are lower-case UUIDs as text; booleans are 0 and 1; tables with such keys are
// WITHOUT ROWID, so that a row lives in its key's tree and is written once.
namespace usher {

#define USHER_NEW_ID                                                                                         \
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || "    \
    "'-' || "                                                                                                \
    "substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
#define USHER_NOW "(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))"

const char* const kInitialSqlite = R"sql(
CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL DEFAULT )sql" USHER_NEW_ID R"sql(,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description TEXT DEFAULT '',
    status TEXT DEFAULT 'active',
    paused INTEGER NOT NULL DEFAULT 0,
    max_concurrency INTEGER NOT NULL DEFAULT 1 CHECK (max_concurrency >= 1),
    queue_limit INTEGER NOT NULL DEFAULT 1000 CHECK (queue_limit >= 0),
    timeout_seconds INTEGER NOT NULL DEFAULT 3600 CHECK (timeout_seconds >= 1),
    retries INTEGER NOT NULL DEFAULT 0 CHECK (retries >= 0),
    on_lost TEXT NOT NULL DEFAULT 'fail' CHECK (on_lost IN ('fail', 'rerun')),
    parallelism INTEGER NOT NULL DEFAULT 1 CHECK (parallelism >= 1),
    on_busy TEXT NOT NULL DEFAULT 'queue' CHECK (on_busy IN ('queue', 'coalesce', 'refuse')),
    priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    network TEXT NOT NULL DEFAULT 'none' CHECK (network IN ('none', 'full')),
    parameters TEXT DEFAULT '[]',
    revision INTEGER NOT NULL DEFAULT 1,
    created_by_user_id TEXT,
    last_run_at INTEGER,
    created_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    updated_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(
) WITHOUT ROWID;
CREATE INDEX jobs_oldest ON jobs (created_at, id);

CREATE TABLE tests (
    id TEXT PRIMARY KEY NOT NULL DEFAULT )sql" USHER_NEW_ID R"sql(,
    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    description TEXT DEFAULT '',
    type TEXT NOT NULL DEFAULT 'shell',
    script TEXT NOT NULL DEFAULT '',
    plain_script INTEGER NOT NULL DEFAULT 0,
    priority INTEGER DEFAULT 5,
    created_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    updated_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(
);
CREATE INDEX tests_oldest ON tests (created_at, id);

CREATE TABLE job_tests (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    test_id TEXT NOT NULL REFERENCES tests,
    order_position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, test_id)
) WITHOUT ROWID;
CREATE INDEX job_tests_test ON job_tests (test_id);

CREATE TABLE job_revisions (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    tests TEXT NOT NULL,
    PRIMARY KEY (job_id, revision)
);

CREATE TABLE job_claims (
    job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs ON DELETE CASCADE,
    last_claim INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL DEFAULT )sql" USHER_NEW_ID R"sql(,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'running', 'passed', 'failed', 'error', 'timeout', 'cancelled', 'lost')),
    "trigger" TEXT NOT NULL DEFAULT 'manual',
    triggered_by TEXT DEFAULT '',
    principal_id TEXT DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 1,
    revision INTEGER NOT NULL DEFAULT 1,
    parameters TEXT DEFAULT '{}',
    priority INTEGER NOT NULL DEFAULT 5,
    node_id TEXT,
    sandbox TEXT,
    lease_epoch INTEGER NOT NULL DEFAULT 0,
    lease_expires_at INTEGER,
    queued_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    started_at INTEGER,
    completed_at INTEGER,
    duration_ms INTEGER,
    exit_code INTEGER,
    signal INTEGER,
    error_details TEXT,
    cancel_requested_at INTEGER
) WITHOUT ROWID;
CREATE INDEX runs_of_job ON runs (job_id, id);
CREATE INDEX runs_queued ON runs (job_id, queued_at, id) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (job_id, id) WHERE status = 'running';

CREATE TABLE run_tests (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    position INTEGER NOT NULL,
    test_id TEXT,
    title TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL DEFAULT '',
    script TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'pending',
    exit_code INTEGER,
    signal INTEGER,
    started_at INTEGER,
    completed_at INTEGER,
    duration_ms INTEGER,
    output_bytes INTEGER NOT NULL DEFAULT 0,
    truncated INTEGER NOT NULL DEFAULT 0,
    error_details TEXT,
    cases TEXT DEFAULT '[]',
    PRIMARY KEY (run_id, position)
);

CREATE TABLE run_events (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    type TEXT NOT NULL,
    node_id TEXT DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 1,
    detail TEXT DEFAULT ''
);
CREATE INDEX run_events_run ON run_events (run_id);

CREATE TABLE idempotency (
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    principal_id TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, principal_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_run ON idempotency (run_id);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    actor TEXT NOT NULL DEFAULT '-',
    action TEXT NOT NULL,
    resource TEXT DEFAULT '',
    decision TEXT DEFAULT '',
    code TEXT DEFAULT '',
    address TEXT DEFAULT '',
    request_id TEXT DEFAULT '',
    detail TEXT DEFAULT ''
);
CREATE INDEX audit_log_at ON audit_log (at);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    boot_id TEXT DEFAULT '',
    address TEXT DEFAULT '',
    started_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    heartbeat_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    beats INTEGER NOT NULL DEFAULT 0,
    draining INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TRIGGER usher_job_created AFTER INSERT ON jobs BEGIN
    INSERT INTO job_claims (job_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER usher_job_changed AFTER UPDATE OF name, description, paused, max_concurrency, queue_limit,
    timeout_seconds, retries, on_lost, parallelism, on_busy, priority, network, parameters ON jobs
WHEN NEW.revision = OLD.revision AND
    (NEW.name, NEW.description, NEW.paused, NEW.max_concurrency, NEW.queue_limit, NEW.timeout_seconds,
     NEW.retries, NEW.on_lost, NEW.parallelism, NEW.on_busy, NEW.priority, NEW.network, NEW.parameters)
    IS NOT
    (OLD.name, OLD.description, OLD.paused, OLD.max_concurrency, OLD.queue_limit, OLD.timeout_seconds,
     OLD.retries, OLD.on_lost, OLD.parallelism, OLD.on_busy, OLD.priority, OLD.network, OLD.parameters)
BEGIN
    UPDATE jobs SET revision = OLD.revision + 1 WHERE id = NEW.id;
END;

CREATE TRIGGER usher_list_grew AFTER INSERT ON job_tests BEGIN
    UPDATE jobs SET revision = revision + 1, updated_at = )sql" USHER_NOW R"sql( WHERE id = NEW.job_id;
END;
CREATE TRIGGER usher_list_shrank AFTER DELETE ON job_tests BEGIN
    UPDATE jobs SET revision = revision + 1, updated_at = )sql" USHER_NOW R"sql( WHERE id = OLD.job_id;
END;
CREATE TRIGGER usher_list_changed AFTER UPDATE ON job_tests BEGIN
    UPDATE jobs SET revision = revision + 1, updated_at = )sql" USHER_NOW R"sql(
    WHERE id IN (OLD.job_id, NEW.job_id);
END;
CREATE TRIGGER usher_tests_changed AFTER UPDATE ON tests
WHEN (NEW.title, NEW.description, NEW.type, NEW.script, NEW.plain_script, NEW.priority) IS NOT
     (OLD.title, OLD.description, OLD.type, OLD.script, OLD.plain_script, OLD.priority)
BEGIN
    UPDATE jobs SET revision = revision + 1, updated_at = )sql" USHER_NOW R"sql(
    WHERE id IN (SELECT job_id FROM job_tests WHERE test_id = NEW.id);
END;
)sql";

} // namespace usher
