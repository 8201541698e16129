-- SPDX-License-Identifier: MIT
--
-- What the committer writes while the service runs. Every move out of RUNNING names seq, lease and
-- the status: no row changed means that the attempt was superseded.

-- name: txn_begin
BEGIN IMMEDIATE;

-- name: txn_commit
COMMIT;

-- name: txn_rollback
ROLLBACK;

-- name: task_insert
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at, priority, run_at,
    expires_at, timeout_ms, backoff_ms, max_backoff_ms, retry_of, held_until)
VALUES (?1, ?2, ?3, ?4, ?5, 'QUEUED', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);

-- The submission of a task that starts at once: the row as task_insert and task_claim leave it.
-- name: task_insert_started
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at, priority, run_at,
    expires_at, timeout_ms, backoff_ms, max_backoff_ms, retry_of, attempt, lease, started_at)
VALUES (?1, ?2, ?3, ?4, ?5, 'RUNNING', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, 1, ?7);

-- The submission of a task that has ended: the row as task_insert_started and task_finish leave it.
-- name: task_insert_ended
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at, priority, run_at,
    expires_at, timeout_ms, backoff_ms, max_backoff_ms, retry_of, attempt, lease, started_at,
    finished_at, result_bytes, result_media_type, result_utf8, result_where)
VALUES (?1, ?2, ?3, ?4, ?5, 'SUCCEEDED', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, 1, ?7,
    ?15, ?16, ?17, ?18, 'row');

-- Only after idempotency_find has found nothing: what is in the way is too old to count.
-- name: idempotency_keep
INSERT INTO idempotency (key, fingerprint, created_at, ids) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint,
    created_at = excluded.created_at, ids = excluded.ids;

-- The oldest of what does not count any more, and the end of each: in two statements, as a claim is.
-- name: idempotency_expired
SELECT key FROM idempotency WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2;

-- name: idempotency_forget
DELETE FROM idempotency WHERE key = ?1;

-- A claim is two statements of one transaction: which tasks are next, then each by its key. One UPDATE
-- with a sub-select and RETURNING does the same by way of two temporary tables, which cost 115 us
-- where the whole claim of one task takes 4. What has expired is left to expiry_due.
-- name: task_next
SELECT seq, id, type, args, lease, attempt, max_attempts, created_at, timeout_ms, backoff_ms,
    max_backoff_ms, retry_of, coalesce(waits_since, created_at)
FROM task
WHERE status = 'QUEUED' AND held_until IS NULL AND lane = ?1 AND isolated = 0
    AND (expires_at IS NULL OR expires_at > ?3 OR attempt > 0)
ORDER BY priority, seq LIMIT ?2;

-- name: task_next_isolated
SELECT seq, id, type, args, lease, attempt, max_attempts, created_at, timeout_ms, backoff_ms,
    max_backoff_ms, retry_of, coalesce(waits_since, created_at)
FROM task
WHERE status = 'QUEUED' AND held_until IS NULL AND lane = ?1 AND isolated = 1
    AND (expires_at IS NULL OR expires_at > ?3 OR attempt > 0)
ORDER BY priority, seq LIMIT ?2;

-- name: task_claim
UPDATE task SET status = 'RUNNING', attempt = ?1, lease = ?2, started_at = ?3
WHERE seq = ?4 AND status = 'QUEUED';

-- A success of a task that somebody has cancelled does not count.
-- name: task_finish
UPDATE task SET status = ?1, finished_at = ?2, failure_code = ?3, failure_message = ?4,
    response = ?5, result_bytes = ?6, result_media_type = ?7, result_utf8 = ?8, result_where = ?9
WHERE seq = ?10 AND lease = ?11 AND status = 'RUNNING' AND (cancel_requested = 0 OR ?1 = 'FAILED');

-- What becomes of a cancelled task where its attempt ended otherwise.
-- name: task_finish_cancelled
UPDATE task SET status = 'FAILED', finished_at = ?1, failure_code = ?2, failure_message = ?3
WHERE seq = ?4 AND lease = ?5 AND status = 'RUNNING' AND cancel_requested = 1;

-- An attempt that is followed by another one: first its record, then the task goes back.
-- name: attempt_keep
INSERT INTO task_attempt (seq, attempt, lease, started_at, ended_at, outcome, failure_code,
    failure_message, response)
SELECT seq, attempt, lease, started_at, ?3, 'failed', ?4, ?5, ?6 FROM task
WHERE seq = ?1 AND lease = ?2 AND status = 'RUNNING' AND cancel_requested = 0;

-- name: task_retry
UPDATE task SET status = 'QUEUED', started_at = NULL, held_until = ?1, waits_since = ?4
WHERE seq = ?2 AND lease = ?3 AND status = 'RUNNING' AND cancel_requested = 0;

-- name: result_insert
INSERT INTO task_result (seq, content) VALUES (?1, ?2);

-- The attempt does not count, as if it had not been begun; only the lease stays raised. ?3 and ?4 are
-- null, or 0 and the host for which the task is deferred.
-- name: task_release
UPDATE task SET status = 'QUEUED', attempt = attempt - 1, started_at = NULL, held_until = ?3,
    deferred_for = ?4
WHERE seq = ?1 AND lease = ?2 AND status = 'RUNNING' AND cancel_requested = 0;

-- name: task_defer
UPDATE task SET held_until = 0, deferred_for = ?1 WHERE seq = ?2 AND status = 'QUEUED';

-- What is deferred for a host, in the order in which it will go.
-- name: deferred_next
SELECT seq, type, lane FROM task
WHERE status = 'QUEUED' AND held_until = 0 AND deferred_for = ?1
ORDER BY priority, seq LIMIT ?2;

-- name: cancel_find
SELECT seq, type, lane, status, held_until, failure_code, args, attempt FROM task WHERE id = ?1;

-- name: cancel_request
UPDATE task SET cancel_requested = 1 WHERE seq = ?1 AND status = 'RUNNING';

-- name: task_reject
UPDATE task SET status = 'REJECTED', held_until = NULL, deferred_for = NULL, finished_at = ?2, failure_code = ?3,
    failure_message = ?4
WHERE seq = ?1 AND status = 'QUEUED';

-- deferred_for is null in all of these, and stands there for the index.
-- name: held_due
SELECT seq, type, lane FROM task
WHERE status = 'QUEUED' AND held_until > 0 AND held_until <= ?1
ORDER BY held_until, deferred_for, priority, seq LIMIT ?2;

-- name: held_next
SELECT held_until FROM task WHERE status = 'QUEUED' AND held_until > 0
ORDER BY held_until LIMIT 1;

-- name: task_ready
UPDATE task SET waits_since = coalesce(nullif(held_until, 0), ?2), held_until = NULL, deferred_for = NULL
WHERE seq = ?1 AND status = 'QUEUED';

-- name: expiry_due
SELECT seq, type, lane, id, held_until, args FROM task
WHERE status = 'QUEUED' AND attempt = 0 AND expires_at IS NOT NULL AND expires_at <= ?1
ORDER BY expires_at LIMIT ?2;

-- name: expiry_next
SELECT expires_at FROM task WHERE status = 'QUEUED' AND attempt = 0 AND expires_at IS NOT NULL
ORDER BY expires_at LIMIT 1;

-- What ended before a time, in the order in which it ended, behind one of them.
-- name: purge_walk
SELECT seq, id, type, lane, status, finished_at, lease, attempt, result_where = 'file',
    result_bytes, args, failure_message, response
FROM task WHERE (finished_at, seq) > (?1, ?2) AND finished_at < ?3
ORDER BY finished_at, seq LIMIT ?4;

-- name: purge_task
DELETE FROM task
WHERE seq = ?1 AND (status = 'SUCCEEDED' OR status = 'FAILED' OR status = 'REJECTED');

-- name: purge_result
DELETE FROM task_result WHERE seq = ?1;

-- name: purge_attempts
DELETE FROM task_attempt WHERE seq = ?1;

-- Pages that nothing uses any more, and the first of them given back to the file system.
-- name: free_pages
PRAGMA freelist_count;

-- name: free_some
PRAGMA incremental_vacuum(256);

-- name: counter_write
INSERT INTO task_counter (type, lane, status, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (type, lane, status) DO UPDATE SET count = excluded.count, bytes = excluded.bytes;
