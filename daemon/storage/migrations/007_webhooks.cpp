#include "storage/migrations/Migrations.h"

// What is told to others of a run's changes. Triggers write the outbox, so that a message is there exactly
// when the change is: in the same transaction, whoever changes the run, an older usherd too. A job without
// webhooks pays one look into an index. `statuses` holds what the webhook wants, each between spaces. A row's
// next_at is when it is to be sent (again), or how long somebody who sends it may take: there is no other
// lease. `facts` has times in microseconds; they are written for people when the message is sent, the same
// each time.
namespace usher {

const char* const kWebhooksPostgres = R"sql(
CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    url text NOT NULL,
    events text NOT NULL,
    statuses text NOT NULL,
    sealed text NOT NULL,
    last_at bigint,
    last_status integer,
    last_error text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX webhooks_job ON webhooks (job_id);

CREATE TABLE webhook_outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    webhook_id uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    run_id uuid NOT NULL,
    status text NOT NULL,
    facts json NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at bigint NOT NULL DEFAULT usher_now(),
    next_at bigint NOT NULL DEFAULT usher_now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX webhook_outbox_next ON webhook_outbox (next_at);
CREATE INDEX webhook_outbox_webhook ON webhook_outbox (webhook_id);

CREATE FUNCTION usher_run_facts(r runs) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('runId', r.id, 'jobId', r.job_id,
        'jobName', (SELECT name FROM jobs WHERE id = r.job_id), 'status', r.status, 'trigger', r.trigger,
        'triggeredBy', r.triggered_by, 'attempt', r.attempt,
        'queuedAt', coalesce(r.first_queued_at, r.queued_at), 'startedAt', r.started_at,
        'completedAt', r.completed_at, 'durationMs', r.duration_ms, 'exitCode', r.exit_code,
        'signal', r.signal, 'errorDetails', left(r.error_details, 2000))
$$;

CREATE FUNCTION usher_runs_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM webhooks) THEN
        INSERT INTO webhook_outbox (webhook_id, run_id, status, facts)
        SELECT w.id, n.id, n.status, usher_run_facts(r) FROM new_rows n JOIN runs r ON r.id = n.id
        JOIN webhooks w ON w.job_id = n.job_id WHERE strpos(w.statuses, ' ' || n.status || ' ') > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER usher_runs_added AFTER INSERT ON runs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usher_runs_added();

CREATE FUNCTION usher_run_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_outbox (webhook_id, run_id, status, facts)
    SELECT w.id, NEW.id, NEW.status, usher_run_facts(NEW) FROM webhooks w
    WHERE w.job_id = NEW.job_id AND strpos(w.statuses, ' ' || NEW.status || ' ') > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER usher_run_moved AFTER UPDATE OF status ON runs FOR EACH ROW
    WHEN (NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION usher_run_moved();
)sql";

#define USHER_NOW "(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))"
#define USHER_TELL                                                                                           \
    "    INSERT INTO webhook_outbox (webhook_id, run_id, status, facts)\n"                                   \
    "    SELECT w.id, NEW.id, NEW.status, json_object('runId', NEW.id, 'jobId', NEW.job_id,\n"               \
    "        'jobName', (SELECT name FROM jobs WHERE id = NEW.job_id), 'status', NEW.status,\n"              \
    "        'trigger', NEW.\"trigger\", 'triggeredBy', NEW.triggered_by, 'attempt', NEW.attempt,\n"         \
    "        'queuedAt', coalesce(NEW.first_queued_at, NEW.queued_at), 'startedAt', NEW.started_at,\n"       \
    "        'completedAt', NEW.completed_at, 'durationMs', NEW.duration_ms, 'exitCode', NEW.exit_code,\n"   \
    "        'signal', NEW.signal, 'errorDetails', substr(NEW.error_details, 1, 2000))\n"                    \
    "    FROM webhooks w WHERE w.job_id = NEW.job_id AND instr(w.statuses, ' ' || NEW.status || ' ') > 0;\n"

const char* const kWebhooksSqlite = R"sql(
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs ON DELETE CASCADE,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    statuses TEXT NOT NULL,
    sealed TEXT NOT NULL,
    last_at INTEGER,
    last_status INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX webhooks_job ON webhooks (job_id);

CREATE TABLE webhook_outbox (
    id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
    webhook_id TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    run_id TEXT NOT NULL,
    status TEXT NOT NULL,
    facts TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(,
    next_at INTEGER NOT NULL DEFAULT )sql" USHER_NOW R"sql(
);
CREATE INDEX webhook_outbox_next ON webhook_outbox (next_at);
CREATE INDEX webhook_outbox_webhook ON webhook_outbox (webhook_id);

CREATE TRIGGER usher_run_added AFTER INSERT ON runs
WHEN EXISTS (SELECT 1 FROM webhooks w WHERE w.job_id = NEW.job_id) BEGIN
)sql" USHER_TELL R"sql(END;
CREATE TRIGGER usher_run_moved AFTER UPDATE OF status ON runs
WHEN NEW.status IS NOT OLD.status AND EXISTS (SELECT 1 FROM webhooks w WHERE w.job_id = NEW.job_id) BEGIN
)sql" USHER_TELL R"sql(END;
)sql";

} // namespace usher
