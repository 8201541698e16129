-- SPDX-License-Identifier: MIT
--
-- What operators' commands run beside the service, in a process of their own: the audit, read-only,
-- and the copying of a database, which writes to the copy alone. They read every row there is, so
-- nothing that serves requests may run them.

-- name: txn_begin_read
BEGIN;

-- Takes the snapshot that a BEGIN only promises.
-- name: snapshot_take
SELECT count(*) FROM task_counter;

-- One line per fault, or "ok".
-- name: audit_integrity
PRAGMA integrity_check(100);

-- Every task, with what is kept of its content, and what it counts for. length() of a blob does not
-- read it.
-- name: audit_walk
SELECT t.type, t.lane, t.status, t.held_until, t.result_where, t.result_bytes,
    length(r.content), t.attempt, t.args, t.failure_message, t.response
FROM task AS t LEFT JOIN task_result AS r ON r.seq = t.seq;

-- The same two in a database of schema version 1, which knew no held tasks and counted no bytes.
-- name: audit_walk_v1
SELECT t.type, t.lane, t.status, NULL, t.result_where, t.result_bytes, length(r.content)
FROM task AS t LEFT JOIN task_result AS r ON r.seq = t.seq;

-- name: counter_list_v1
SELECT type, lane, status, count, 0 FROM task_counter;

-- Contents and attempts without their task.
-- name: audit_stray_contents
SELECT count(*) FROM task_result AS r
WHERE NOT EXISTS (SELECT 1 FROM task AS t WHERE t.seq = r.seq AND t.result_where = 'row');

-- name: audit_stray_attempts
SELECT count(*) FROM task_attempt AS a
WHERE NOT EXISTS (SELECT 1 FROM task AS t WHERE t.seq = a.seq);

-- The next tasks whose content is a file, a slice at a time: no long transaction for many files.
-- name: result_file_list
SELECT seq, id, lease, result_bytes FROM task WHERE seq > ?1 AND result_where = 'file'
ORDER BY seq LIMIT ?2;

-- name: copy_total
SELECT total(count) FROM task_counter;

-- A task that was purged while it was copied: the counter of what purge_task deletes.
-- name: copy_uncount
UPDATE task_counter SET count = count - 1,
    bytes = bytes - (SELECT kept_bytes FROM task_history WHERE id = ?2)
WHERE type = (SELECT type FROM task WHERE seq = ?1) AND lane = (SELECT lane FROM task WHERE seq = ?1)
    AND status = (SELECT status FROM task WHERE seq = ?1);

-- name: copy_uncount_v1
UPDATE task_counter SET count = count - 1
WHERE type = (SELECT type FROM task WHERE seq = ?1) AND lane = (SELECT lane FROM task WHERE seq = ?1)
    AND status = (SELECT status FROM task WHERE seq = ?1);
