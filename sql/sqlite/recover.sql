-- SPDX-License-Identifier: MIT
--
-- Run once, when the store is opened: what is there, is it whole, and what did a dead run leave.

-- name: last_seq
SELECT max(seq) FROM task;

-- A first and a last row of every table: reads the root pages and both edges of each tree.
-- name: edges_task
SELECT (SELECT id FROM task ORDER BY seq LIMIT 1), (SELECT id FROM task ORDER BY seq DESC LIMIT 1);

-- name: edges_task_result
SELECT (SELECT length(content) FROM task_result ORDER BY seq LIMIT 1),
    (SELECT length(content) FROM task_result ORDER BY seq DESC LIMIT 1);

-- name: edges_task_attempt
SELECT (SELECT outcome FROM task_attempt ORDER BY seq, attempt LIMIT 1),
    (SELECT outcome FROM task_attempt ORDER BY seq DESC, attempt DESC LIMIT 1);

-- name: edges_task_by_id
SELECT (SELECT seq FROM task ORDER BY id LIMIT 1), (SELECT seq FROM task ORDER BY id DESC LIMIT 1);

-- name: edges_idempotency
SELECT (SELECT ids FROM idempotency ORDER BY key LIMIT 1),
    (SELECT ids FROM idempotency ORDER BY key DESC LIMIT 1);

-- name: edges_idempotency_by_age
SELECT (SELECT key FROM idempotency ORDER BY created_at LIMIT 1),
    (SELECT key FROM idempotency ORDER BY created_at DESC LIMIT 1);

-- Reads a handful of rows: one per type, lane and status.
-- name: counter_list
SELECT type, lane, status, count, bytes FROM task_counter;

-- A number for each result in a file, from the index alone.
-- name: result_files
SELECT count(*), coalesce(sum(result_bytes), 0) FROM task WHERE result_where = 'file';

-- name: running_list
SELECT seq, type, lane, attempt, max_attempts, cancel_requested, args FROM task
WHERE status = 'RUNNING' ORDER BY seq LIMIT ?1;

-- name: attempt_archive
INSERT INTO task_attempt (seq, attempt, lease, started_at, ended_at, outcome)
SELECT seq, attempt, lease, started_at, ?2, 'crashed' FROM task WHERE seq = ?1;

-- name: task_requeue
UPDATE task SET status = 'QUEUED', started_at = NULL, isolated = ?2, waits_since = ?3
WHERE seq = ?1 AND status = 'RUNNING';

-- name: task_give_up
UPDATE task SET status = 'FAILED', finished_at = ?2, failure_code = ?3, failure_message = ?4
WHERE seq = ?1 AND status = 'RUNNING';
