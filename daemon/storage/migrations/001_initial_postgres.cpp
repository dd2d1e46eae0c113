#include "storage/migrations/Migrations.h"

// DESIGN. Times are bigint microseconds since 1970. `runs` carries few indexes, because each one costs every
// trigger: its ids are UUID version 7, so the primary key is also "newest first".
//
// Revisions. jobs.revision counts up with every change of the job, its list or one of its tests. Locks are
// always taken in the order tests, then jobs, each by id; who adds a test to a list locks the test FOR SHARE,
// so that a concurrent change of that test either is seen by the list's snapshot or sees the list.
//
// job_claims has one row per job: locked by whoever claims runs of that job (so that max_concurrency is exact
// across nodes), and ordered by the last claim (so that jobs take turns). Apart from `jobs`, because triggers
// lock those rows.
namespace usher {

const char* const kInitialPostgres = R"sql(
CREATE FUNCTION usher_now() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint $$;

CREATE TABLE jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    description text DEFAULT '',
    status text DEFAULT 'active',
    paused boolean NOT NULL DEFAULT false,
    max_concurrency integer NOT NULL DEFAULT 1 CHECK (max_concurrency >= 1),
    queue_limit integer NOT NULL DEFAULT 1000 CHECK (queue_limit >= 0),
    timeout_seconds integer NOT NULL DEFAULT 3600 CHECK (timeout_seconds >= 1),
    retries integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
    on_lost text NOT NULL DEFAULT 'fail' CHECK (on_lost IN ('fail', 'rerun')),
    parallelism integer NOT NULL DEFAULT 1 CHECK (parallelism >= 1),
    on_busy text NOT NULL DEFAULT 'queue' CHECK (on_busy IN ('queue', 'coalesce', 'refuse')),
    priority integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
    network text NOT NULL DEFAULT 'none' CHECK (network IN ('none', 'full')),
    parameters json DEFAULT '[]',
    revision bigint NOT NULL DEFAULT 1,
    created_by_user_id text,
    last_run_at bigint,
    created_at bigint NOT NULL DEFAULT usher_now(),
    updated_at bigint NOT NULL DEFAULT usher_now()
) WITH (fillfactor = 80);
CREATE INDEX jobs_oldest ON jobs (created_at, id);

CREATE TABLE tests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 255),
    description text DEFAULT '',
    type text NOT NULL DEFAULT 'shell',
    script text NOT NULL DEFAULT '',
    plain_script boolean NOT NULL DEFAULT false,
    priority integer DEFAULT 5,
    created_at bigint NOT NULL DEFAULT usher_now(),
    updated_at bigint NOT NULL DEFAULT usher_now()
);
CREATE INDEX tests_oldest ON tests (created_at, id);

CREATE TABLE job_tests (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    test_id uuid NOT NULL REFERENCES tests,
    order_position integer NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, test_id)
);
CREATE INDEX job_tests_test ON job_tests (test_id);

CREATE TABLE job_revisions (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    revision bigint NOT NULL,
    tests json NOT NULL,
    PRIMARY KEY (job_id, revision)
);

CREATE TABLE job_claims (
    job_id uuid PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    last_claim bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE SEQUENCE usher_claim_order CACHE 1;

CREATE TABLE runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'running', 'passed', 'failed', 'error', 'timeout', 'cancelled', 'lost')),
    trigger text NOT NULL DEFAULT 'manual',
    triggered_by text DEFAULT '',
    principal_id text DEFAULT '',
    attempt integer NOT NULL DEFAULT 1,
    revision bigint NOT NULL DEFAULT 1,
    parameters json DEFAULT '{}',
    priority integer NOT NULL DEFAULT 5,
    node_id text,
    sandbox text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_expires_at bigint,
    queued_at bigint NOT NULL DEFAULT usher_now(),
    started_at bigint,
    completed_at bigint,
    duration_ms bigint,
    exit_code integer,
    signal integer,
    error_details text,
    cancel_requested_at bigint
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0.05);
CREATE INDEX runs_of_job ON runs (job_id, id);
CREATE INDEX runs_queued ON runs (job_id, queued_at, id) WHERE status = 'queued';
CREATE INDEX runs_running ON runs (job_id, id) WHERE status = 'running';

CREATE TABLE run_tests (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    position integer NOT NULL,
    test_id uuid,
    title text NOT NULL DEFAULT '',
    type text NOT NULL DEFAULT '',
    script text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'pending',
    exit_code integer,
    signal integer,
    started_at bigint,
    completed_at bigint,
    duration_ms bigint,
    output_bytes bigint NOT NULL DEFAULT 0,
    truncated boolean NOT NULL DEFAULT false,
    error_details text,
    cases json DEFAULT '[]',
    PRIMARY KEY (run_id, position)
) WITH (fillfactor = 80);

CREATE TABLE run_events (
    id bigint GENERATED ALWAYS AS IDENTITY,
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    at bigint NOT NULL DEFAULT usher_now(),
    type text NOT NULL,
    node_id text DEFAULT '',
    attempt integer NOT NULL DEFAULT 1,
    detail text DEFAULT '',
    PRIMARY KEY (run_id, id)
);

CREATE TABLE idempotency (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    principal_id text NOT NULL,
    key text NOT NULL,
    digest text NOT NULL,
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    expires_at bigint NOT NULL,
    PRIMARY KEY (job_id, principal_id, key)
);
CREATE INDEX idempotency_run ON idempotency (run_id);

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL DEFAULT usher_now(),
    actor text NOT NULL DEFAULT '-',
    action text NOT NULL,
    resource text DEFAULT '',
    decision text DEFAULT '',
    code text DEFAULT '',
    address text DEFAULT '',
    request_id text DEFAULT '',
    detail text DEFAULT ''
);
CREATE INDEX audit_log_at ON audit_log (at);

CREATE TABLE nodes (
    id text PRIMARY KEY,
    name text NOT NULL,
    boot_id text DEFAULT '',
    address text DEFAULT '',
    started_at bigint NOT NULL DEFAULT usher_now(),
    heartbeat_at bigint NOT NULL DEFAULT usher_now(),
    beats bigint NOT NULL DEFAULT 0,
    draining boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

CREATE FUNCTION usher_job_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_claims (job_id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER usher_job_created AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION usher_job_created();

CREATE FUNCTION usher_job_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision = OLD.revision AND
       (NEW.name, NEW.description, NEW.paused, NEW.max_concurrency, NEW.queue_limit, NEW.timeout_seconds,
        NEW.retries, NEW.on_lost, NEW.parallelism, NEW.on_busy, NEW.priority, NEW.network, NEW.parameters::text)
       IS DISTINCT FROM
       (OLD.name, OLD.description, OLD.paused, OLD.max_concurrency, OLD.queue_limit, OLD.timeout_seconds,
        OLD.retries, OLD.on_lost, OLD.parallelism, OLD.on_busy, OLD.priority, OLD.network, OLD.parameters::text)
    THEN
        NEW.revision := OLD.revision + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER usher_job_changed BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION usher_job_changed();

CREATE FUNCTION usher_bump_jobs(ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM jobs WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE jobs SET revision = revision + 1, updated_at = usher_now() WHERE id = ANY (ids);
END $$;

CREATE FUNCTION usher_list_grew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM tests WHERE id IN (SELECT test_id FROM new_rows) ORDER BY id FOR SHARE;
    PERFORM usher_bump_jobs(ARRAY(SELECT DISTINCT job_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER usher_list_grew AFTER INSERT ON job_tests REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usher_list_grew();

CREATE FUNCTION usher_list_shrank() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usher_bump_jobs(ARRAY(SELECT DISTINCT job_id FROM old_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER usher_list_shrank AFTER DELETE ON job_tests REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usher_list_shrank();

CREATE FUNCTION usher_list_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM tests WHERE id IN (SELECT test_id FROM new_rows) ORDER BY id FOR SHARE;
    PERFORM usher_bump_jobs(ARRAY(SELECT job_id FROM new_rows UNION SELECT job_id FROM old_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER usher_list_changed AFTER UPDATE ON job_tests REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usher_list_changed();

CREATE FUNCTION usher_tests_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usher_bump_jobs(ARRAY(
        SELECT DISTINCT l.job_id FROM new_rows n JOIN old_rows o USING (id) JOIN job_tests l ON l.test_id = n.id
        WHERE (n.title, n.description, n.type, n.script, n.plain_script, n.priority) IS DISTINCT FROM
              (o.title, o.description, o.type, o.script, o.plain_script, o.priority)));
    RETURN NULL;
END $$;
CREATE TRIGGER usher_tests_changed AFTER UPDATE ON tests REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usher_tests_changed();
)sql";

} // namespace usher
