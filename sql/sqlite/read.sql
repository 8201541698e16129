-- SPDX-License-Identifier: MIT
--
-- What the readers run. Each statement is one short read transaction.

-- name: read_status
SELECT id, type, status, attempt, created_at, started_at, finished_at, retry_of
FROM task WHERE id = ?1;

-- name: read_result
SELECT t.id, t.type, t.status, t.attempt, t.created_at, t.started_at, t.finished_at, t.retry_of,
    t.failure_code, t.failure_message, t.response, t.result_bytes, t.result_media_type,
    t.result_utf8, t.result_where, t.lease, r.content
FROM task AS t LEFT JOIN task_result AS r ON r.seq = t.seq
WHERE t.id = ?1;

-- Who owns the file results/<id>-<lease>.
-- name: result_owner
SELECT lease, status, result_where FROM task WHERE id = ?1;

-- What stands under the key of a submission, if it is young enough. The committer asks it, too.
-- name: idempotency_find
SELECT fingerprint, ids FROM idempotency WHERE key = ?1 AND created_at > ?2;

-- The first host after another for which tasks are deferred.
-- name: deferred_host
SELECT deferred_for FROM task
WHERE status = 'QUEUED' AND held_until = 0 AND deferred_for > ?1
ORDER BY deferred_for LIMIT 1;

-- A page of tasks, newest first, along task_by_id from where the page before has ended. Which of them
-- are wanted is for the reader to judge, row by row: so it knows where it has stopped looking.
-- name: list_newest
SELECT id, type, status, attempt, created_at, started_at, finished_at, retry_of, args, priority,
    failure_code, run_at, expires_at
FROM task WHERE id < ?1 AND id >= ?2
ORDER BY id DESC LIMIT ?3;

-- The same where only what runs is wanted: all of it is at hand in task_running, which knows no order
-- by id. What is sorted are never more rows than the executors hold, and ?3 of them are kept.
-- name: list_running
SELECT id, type, status, attempt, created_at, started_at, finished_at, retry_of, args, priority,
    failure_code, run_at, expires_at
FROM task INDEXED BY task_running WHERE status = 'RUNNING' AND id < ?1 AND id >= ?2
ORDER BY id DESC LIMIT ?3;

-- The same where only what is not completed is wanted, and that is little: three indexes have all of it,
-- in no order by id. Walked by its id it may lie behind millions of rows that nobody wants. Only keys
-- are sorted, so that arguments are read for no more than ?3 rows.
-- name: list_unfinished
SELECT id, type, status, attempt, created_at, started_at, finished_at, retry_of, args, priority,
    failure_code, run_at, expires_at
FROM task WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, id FROM task INDEXED BY task_ready
        WHERE status = 'QUEUED' AND held_until IS NULL
        UNION ALL
        SELECT seq, id FROM task INDEXED BY task_held
        WHERE status = 'QUEUED' AND held_until IS NOT NULL
        UNION ALL
        SELECT seq, id FROM task INDEXED BY task_running WHERE status = 'RUNNING')
    WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT ?3)
ORDER BY +id DESC;

-- The same where only what failed or was rejected is wanted: an index has both, newest first, however many
-- have succeeded in between.
-- name: list_unsuccessful
SELECT id, type, status, attempt, created_at, started_at, finished_at, retry_of, args, priority,
    failure_code, run_at, expires_at
FROM task INDEXED BY task_unsuccessful WHERE failure_code IS NOT NULL AND id < ?1 AND id >= ?2
ORDER BY id DESC LIMIT ?3;

-- What a task was submitted as, and what has become of it.
-- name: read_submission
SELECT type, status, args, priority, run_at, expires_at, timeout_ms, max_attempts, backoff_ms,
    max_backoff_ms
FROM task WHERE id = ?1;

-- A row for each attempt that was followed by another, the first one first, and one for a task without.
-- Each tells of the latest attempt as well.
-- name: read_attempts
SELECT t.status, t.attempt, t.started_at, t.finished_at, t.failure_code, t.failure_message,
    t.response, a.attempt, a.started_at, a.ended_at, a.outcome, a.failure_code, a.failure_message,
    a.response
FROM task AS t LEFT JOIN task_attempt AS a ON a.seq = t.seq
WHERE t.id = ?1 ORDER BY a.attempt;

-- The first of those that wait in a lane with a priority, and since when. The order is that of submission:
-- one that was held, or failed before, stands before others that wait for longer.
-- name: oldest_first
SELECT seq, coalesce(waits_since, created_at) FROM task
WHERE status = 'QUEUED' AND held_until IS NULL AND lane = ?1 AND isolated = ?2 AND priority = ?3
ORDER BY seq LIMIT ?4;

-- Whether a task still waits, and since when.
-- name: oldest_still
SELECT coalesce(waits_since, created_at) FROM task
WHERE seq = ?1 AND status = 'QUEUED' AND held_until IS NULL;
