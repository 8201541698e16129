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
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, 'QUEUED', ?6, ?7);

-- The submission of a task that starts at once: the row as task_insert and task_claim leave it.
-- name: task_insert_started
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at, attempt, lease, started_at)
VALUES (?1, ?2, ?3, ?4, ?5, 'RUNNING', ?6, ?7, 1, 1, ?7);

-- The submission of a task that has ended: the row as task_insert_started and task_finish leave it.
-- name: task_insert_ended
INSERT INTO task (seq, id, type, lane, args, status, max_attempts, created_at, attempt, lease, started_at,
    finished_at, result_bytes, result_media_type, result_utf8, result_where)
VALUES (?1, ?2, ?3, ?4, ?5, 'SUCCEEDED', ?6, ?7, 1, 1, ?7, ?8, ?9, ?10, ?11, 'row');

-- A claim is two statements of one transaction: which tasks are next, then each by its key. One UPDATE
-- with a sub-select and RETURNING does the same by way of two temporary tables, which cost 115 us
-- where the whole claim of one task takes 4.
-- name: task_next
SELECT seq, id, type, args, lease, attempt, max_attempts, created_at FROM task
WHERE status = 'QUEUED' AND lane = ?1 AND isolated = 0 ORDER BY seq LIMIT ?2;

-- name: task_next_isolated
SELECT seq, id, type, args, lease, attempt, max_attempts, created_at FROM task
WHERE status = 'QUEUED' AND lane = ?1 AND isolated = 1 ORDER BY seq LIMIT ?2;

-- name: task_claim
UPDATE task SET status = 'RUNNING', attempt = ?1, lease = ?2, started_at = ?3
WHERE seq = ?4 AND status = 'QUEUED';

-- name: task_finish
UPDATE task SET status = ?1, finished_at = ?2, failure_code = ?3, failure_message = ?4,
    response = ?5, result_bytes = ?6, result_media_type = ?7, result_utf8 = ?8, result_where = ?9
WHERE seq = ?10 AND lease = ?11 AND status = 'RUNNING';

-- name: result_insert
INSERT INTO task_result (seq, content) VALUES (?1, ?2);

-- The attempt does not count, as if it had not been begun; only the lease stays raised.
-- name: task_release
UPDATE task SET status = 'QUEUED', attempt = attempt - 1, started_at = NULL
WHERE seq = ?1 AND lease = ?2 AND status = 'RUNNING';

-- name: counter_write
INSERT INTO task_counter (type, lane, status, count) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (type, lane, status) DO UPDATE SET count = excluded.count;
