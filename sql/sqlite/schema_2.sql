-- SPDX-License-Identifier: MIT
--
-- Schema version 2: when a task is to run, what may end it, and submissions that come again. Append-only, as version 1.
--
-- A QUEUED task that has to wait for a time (run_at, or the pause before another attempt) is *held*:
-- held_until says until when. What is held has an index of its own and stands in no claim's way,
-- however far off its time is; when its time has come, held_until is taken away. A task that has to
-- wait for the host that it would ask is *deferred*: held until 0, which is no time, and for whom says
-- deferred_for.

-- name: v2_task_priority
ALTER TABLE task ADD COLUMN priority INTEGER NOT NULL DEFAULT 5
    CHECK (priority >= 0 AND priority <= 9);

-- As the submission asked; NULL: at once.
-- name: v2_task_run_at
ALTER TABLE task ADD COLUMN run_at INTEGER;

-- name: v2_task_held_until
ALTER TABLE task ADD COLUMN held_until INTEGER CHECK (held_until IS NULL OR status = 'QUEUED');

-- name: v2_task_deferred_for
ALTER TABLE task ADD COLUMN deferred_for TEXT
    CHECK ((deferred_for IS NOT NULL) = (held_until IS NOT NULL AND held_until = 0));

-- name: v2_task_expires_at
ALTER TABLE task ADD COLUMN expires_at INTEGER;

-- Of one attempt; NULL: only what the kind allows.
-- name: v2_task_timeout_ms
ALTER TABLE task ADD COLUMN timeout_ms INTEGER;

-- The pause before the second attempt at most, doubled for each later one up to the other. NULL: 0.
-- name: v2_task_backoff_ms
ALTER TABLE task ADD COLUMN backoff_ms INTEGER;

-- name: v2_task_max_backoff_ms
ALTER TABLE task ADD COLUMN max_backoff_ms INTEGER;

-- Somebody cancelled the task while it ran: it ends FAILED, whatever comes of the attempt.
-- name: v2_task_cancel_requested
ALTER TABLE task ADD COLUMN cancel_requested INTEGER NOT NULL DEFAULT 0
    CHECK (cancel_requested = 0 OR cancel_requested = 1);

-- The id of the task that this one runs again, as somebody asked. That one may be deleted by now.
-- name: v2_task_retry_of
ALTER TABLE task ADD COLUMN retry_of TEXT;

-- Since when a QUEUED task waits for its lane where that is not since created_at: since held_until was
-- over, the task was recalled, the attempt before had ended, or the service was started again. It stays
-- when the task starts.
-- name: v2_task_waits_since
ALTER TABLE task ADD COLUMN waits_since INTEGER;

-- What the kind reported beside the failure. `outcome` is 'crashed' or 'failed' from here on.
-- name: v2_task_attempt_response
ALTER TABLE task_attempt ADD COLUMN response TEXT;

-- name: v2_drop_task_queued
DROP INDEX task_queued;

-- Serves task_next and task_next_isolated: what waits in a lane, by priority, oldest first. And
-- list_unfinished, as does the next.
-- name: v2_task_ready
CREATE INDEX task_ready ON task (lane, isolated, priority, seq)
WHERE status = 'QUEUED' AND held_until IS NULL;

-- Serves result_files and result_file_list. Only large results pay for it, which cost a file and its
-- flush anyway.
-- name: v2_task_in_file
CREATE INDEX task_in_file ON task (result_where, seq, result_bytes) WHERE result_where = 'file';

-- Serves held_due and held_next; and deferred_next and deferred_host, for which it has the order in
-- which the tasks of a host go. One index for both, because each partial index is looked at by every
-- write of a task's status, in it or not.
-- name: v2_task_held
CREATE INDEX task_held ON task (held_until, deferred_for, priority)
WHERE status = 'QUEUED' AND held_until IS NOT NULL;

-- Serves expiry_due and expiry_next: what has not started yet.
-- name: v2_task_expiring
CREATE INDEX task_expiring ON task (expires_at)
WHERE status = 'QUEUED' AND attempt = 0 AND expires_at IS NOT NULL;

-- Serves purge_walk: what is completed, in the order in which it ended. By submission the order would
-- be free, but what waited for long before it ran would be deleted as soon as it ended.
-- name: v2_task_completed
CREATE INDEX task_completed ON task (finished_at) WHERE finished_at IS NOT NULL;

-- Serves list_unsuccessful: what was FAILED or REJECTED, of which each has a code, and nothing else has. By
-- the code, because only the end of a task writes it: by the status the index would be looked at by each
-- claim, too. What succeeds is not in it.
-- name: v2_task_unsuccessful
CREATE INDEX task_unsuccessful ON task (id) WHERE failure_code IS NOT NULL;

-- What the completed tasks that are counted take, as store_kept_bytes has it; see kept_bytes in
-- task_history.
-- name: v2_task_counter_bytes
ALTER TABLE task_counter ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

-- name: v2_task_counter_sum
INSERT INTO task_counter (type, lane, status, count, bytes)
SELECT type, lane, status, count(*), sum(256 + length(CAST(args AS BLOB))
    + ifnull(length(CAST(failure_message AS BLOB)), 0) + ifnull(length(CAST(response AS BLOB)), 0)
    + ifnull(result_bytes, 0) + 1024 * max(attempt - 1, 0))
FROM task WHERE finished_at IS NOT NULL GROUP BY type, lane, status
ON CONFLICT (type, lane, status) DO UPDATE SET bytes = excluded.bytes;

-- Keys that clients gave their submissions, so that sending one again makes no second task. `ids` are
-- those of the tasks that were made, in order, with a comma between two; `fingerprint` is the SHA-256
-- of what was submitted. What has been kept for long enough counts as absent before it is deleted.
-- name: v2_idempotency
CREATE TABLE idempotency (
	key TEXT PRIMARY KEY,
	fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
	created_at INTEGER NOT NULL,
	ids TEXT NOT NULL CHECK (length(ids) >= 36)
) STRICT, WITHOUT ROWID;

-- Serves idempotency_expired.
-- name: v2_idempotency_by_age
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Until now everything QUEUED was ready; a counter with the status SCHEDULED counts what is held, one
-- with DEFERRED what is deferred.
-- name: v2_drop_task_history
DROP VIEW task_history;

-- name: v2_task_history
CREATE VIEW task_history AS
SELECT
	t.id AS id,
	t.type AS type,
	t.status AS status,
	t.args AS args,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch') AS created_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.finished_at / 1000.0, 'unixepoch') AS finished_at,
	t.started_at - t.created_at AS wait_ms,
	t.finished_at - t.started_at AS run_ms,
	t.attempt AS attempts,
	t.max_attempts AS max_attempts,
	t.failure_code AS code,
	t.failure_message AS message,
	t.response AS response,
	t.result_media_type AS media_type,
	t.result_bytes AS result_bytes,
	CASE t.result_where WHEN 'file' THEN 'results/' || t.id || '-' || t.lease END AS result_file,
	CASE WHEN t.result_where = 'row' AND t.result_utf8 = 1 THEN
	    (SELECT CAST(r.content AS TEXT) FROM task_result AS r
	    WHERE r.seq = t.seq AND instr(r.content, x'00') = 0) END AS result,
	t.priority AS priority,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.run_at / 1000.0, 'unixepoch') AS run_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', nullif(t.held_until, 0) / 1000.0, 'unixepoch') AS held_until,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.expires_at / 1000.0, 'unixepoch') AS expires_at,
	t.timeout_ms AS timeout_ms,
	t.cancel_requested AS cancel_requested,
	CASE WHEN t.finished_at IS NOT NULL THEN 256 + length(CAST(t.args AS BLOB))
	    + ifnull(length(CAST(t.failure_message AS BLOB)), 0)
	    + ifnull(length(CAST(t.response AS BLOB)), 0)
	    + ifnull(t.result_bytes, 0) + 1024 * max(t.attempt - 1, 0) END AS kept_bytes,
	t.retry_of AS retry_of,
	t.deferred_for AS deferred_for,
	t.args ->> '$.url' AS url,
	CASE WHEN t.args ->> '$.url' IS NOT NULL THEN
	    substr(t.args ->> '$.url', instr(t.args ->> '$.url', '://') + 3,
	    instr(substr(t.args ->> '$.url', instr(t.args ->> '$.url', '://') + 3) || '/', '/') - 1)
	    END AS host
FROM task AS t;

-- What is not completed, by the three indexes that have all of it: it costs what there is of it, however
-- much history there is.
-- name: v2_task_active
CREATE VIEW task_active AS
SELECT
	t.id AS id,
	t.type AS type,
	t.status AS status,
	CASE WHEN t.status = 'QUEUED' THEN
	    CASE WHEN t.held_until IS NULL THEN 'turn' WHEN t.held_until = 0 THEN 'host' ELSE 'time' END
	    END AS waits_for,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.created_at / 1000.0, 'unixepoch') AS created_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', nullif(t.held_until, 0) / 1000.0, 'unixepoch') AS held_until,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.expires_at / 1000.0, 'unixepoch') AS expires_at,
	CAST((julianday('now') - 2440587.5) * 86400 AS INTEGER) - t.created_at / 1000 AS age_s,
	t.attempt AS attempts,
	t.priority AS priority,
	t.args AS args,
	t.deferred_for AS deferred_for
FROM task AS t WHERE t.seq IN (
	SELECT seq FROM task INDEXED BY task_ready WHERE status = 'QUEUED' AND held_until IS NULL
	UNION ALL
	SELECT seq FROM task INDEXED BY task_held WHERE status = 'QUEUED' AND held_until IS NOT NULL
	UNION ALL
	SELECT seq FROM task INDEXED BY task_running WHERE status = 'RUNNING');

-- Ids grow with time: whatever was submitted since has a greater one. So `WHERE id > (SELECT day FROM
-- id_since)` looks at nothing older, by the index of ids.
-- name: v2_id_since
CREATE VIEW id_since AS
SELECT
	printf('%08x-%04x', (now_ms - 3600000) >> 16, (now_ms - 3600000) & 65535) AS hour,
	printf('%08x-%04x', (now_ms - 86400000) >> 16, (now_ms - 86400000) & 65535) AS day,
	printf('%08x-%04x', (now_ms - 604800000) >> 16, (now_ms - 604800000) & 65535) AS week,
	printf('%08x-%04x', (now_ms - 2592000000) >> 16, (now_ms - 2592000000) & 65535) AS month
FROM (SELECT CAST(unixepoch('now') AS INTEGER) * 1000 AS now_ms);

-- name: v2_drop_task_attempts
DROP VIEW task_attempts;

-- name: v2_task_attempts
CREATE VIEW task_attempts AS
SELECT
	t.id AS id,
	a.attempt AS attempt,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_at / 1000.0, 'unixepoch') AS ended_at,
	a.outcome AS outcome,
	a.failure_code AS code,
	a.failure_message AS message,
	a.response AS response
FROM task AS t JOIN task_attempt AS a ON a.seq = t.seq
UNION ALL
SELECT
	t.id,
	t.attempt,
	strftime('%Y-%m-%dT%H:%M:%fZ', t.started_at / 1000.0, 'unixepoch'),
	strftime('%Y-%m-%dT%H:%M:%fZ', t.finished_at / 1000.0, 'unixepoch'),
	CASE
		WHEN t.status = 'RUNNING' THEN 'running'
		WHEN t.status = 'SUCCEEDED' THEN 'succeeded'
		WHEN t.failure_code = 'attempts_exhausted' THEN 'crashed'
		WHEN t.failure_code = 'cancelled' THEN 'cancelled'
		ELSE 'failed'
	END,
	t.failure_code,
	t.failure_message,
	t.response
FROM task AS t
WHERE t.started_at IS NOT NULL;

-- What has happened to a task, moment by moment; ask for one id. Arms that name the id as theirs are found by
-- its index, each by itself.
-- name: v2_task_story
CREATE VIEW task_story AS
SELECT id, created_at AS at, 0 AS step, 'submitted' AS what, args AS detail FROM task_history
UNION ALL
SELECT id, run_at, 1, 'not before this', NULL FROM task_history WHERE run_at IS NOT NULL
UNION ALL
SELECT id, started_at, 2 * attempt, 'attempt ' || attempt || ' began', NULL FROM task_attempts
UNION ALL
SELECT id, ended_at, 2 * attempt + 1, 'attempt ' || attempt || ' ' || outcome, code || ': ' || message
FROM task_attempts WHERE ended_at IS NOT NULL
UNION ALL
SELECT id, finished_at, 1000, status, message FROM task_history WHERE finished_at IS NOT NULL;

-- name: v2_drop_queue_stats
DROP VIEW queue_stats;

-- name: v2_queue_stats
CREATE VIEW queue_stats AS
SELECT
	type,
	CASE lane WHEN 0 THEN 'cpu' WHEN 1 THEN 'io' ELSE 'lane ' || lane END AS lane,
	status,
	count,
	bytes AS kept_bytes
FROM task_counter;

-- name: v2_version
PRAGMA user_version = 2;
