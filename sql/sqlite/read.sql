-- SPDX-License-Identifier: MIT
--
-- What the readers run. Each statement is one short read transaction.

-- name: read_status
SELECT id, type, status, attempt, created_at, started_at, finished_at
FROM task WHERE id = ?1;

-- name: read_result
SELECT t.id, t.type, t.status, t.attempt, t.created_at, t.started_at, t.finished_at,
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
