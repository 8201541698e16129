-- SPDX-License-Identifier: MIT
-- The rows of v2.sql, for a database that the service has just made; see README.md.
PRAGMA journal_mode = DELETE;

-- Ready since its run_at, with terms; running, for the first and for the last time; ended in each way.
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, priority, run_at, expires_at,
    timeout_ms, backoff_ms, max_backoff_ms, waits_since)
VALUES (1, '00000001-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"1"}', 'QUEUED', 0, 3, 0, 1767225600000, 2,
    1767225600050, 1798761600000, 700, 10, 20, 1767225600050);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, started_at, backoff_ms, max_backoff_ms)
VALUES (2, '00000002-0000-7000-8000-000000000000', 'http-fetch', 1, '{"url":"http://localhost/"}', 'RUNNING', 1, 3, 2,
    1767225600001, 1767225600101, 1000, 60000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, isolated, created_at, started_at,
    backoff_ms, max_backoff_ms)
VALUES (3, '00000003-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"3"}', 'RUNNING', 3, 3, 3, 1, 1767225600002,
    1767225600302, 1000, 60000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, started_at, finished_at,
    result_bytes, result_media_type, result_utf8, result_where, backoff_ms, max_backoff_ms)
VALUES (4, '00000004-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"4"}', 'SUCCEEDED', 1, 3, 1, 1767225600003,
    1767225600103, 1767225600104, 2, 'text/plain', 1, 'row', 1000, 60000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, started_at, finished_at,
    failure_code, failure_message, response, result_bytes, result_media_type, result_utf8, result_where, backoff_ms, max_backoff_ms)
VALUES (5, '00000005-0000-7000-8000-000000000000', 'http-fetch', 1, '{"url":"http://localhost/5"}', 'FAILED', 1, 3, 1,
    1767225600004, 1767225600104, 1767225600105, 'http_status', 'The server answered 404', '{"status":404}', 5000, 'text/html', 1,
    'file', 1000, 60000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, finished_at, failure_code,
    failure_message, expires_at)
VALUES (6, '00000006-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"6"}', 'REJECTED', 0, 3, 0, 1767225600005,
    1767225600006, 'expired', 'Expired before it started', 1767225600006);

-- Held for its run_at; cancelled while it ran; held for another attempt; one that runs another again; deferred for its host.
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, run_at, held_until)
VALUES (7, '00000007-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"7"}', 'QUEUED', 0, 3, 0, 1767225600006,
    1767225700000, 1767225700000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, started_at, cancel_requested)
VALUES (8, '00000008-0000-7000-8000-000000000000', 'factorial', 0, '{"n":"8"}', 'RUNNING', 1, 3, 1, 1767225600007,
    1767225600107, 1);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, held_until, backoff_ms, max_backoff_ms)
VALUES (9, '00000009-0000-7000-8000-000000000000', 'http-fetch', 1, '{"url":"http://localhost/9"}', 'QUEUED', 1, 3, 1,
    1767225600008, 1767225600700, 1000, 60000);
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, retry_of)
VALUES (10, '0000000a-0000-7000-8000-000000000000', 'http-fetch', 1, '{"url":"http://localhost/5"}', 'QUEUED', 0, 3, 0,
    1767225600009, '00000005-0000-7000-8000-000000000000');
INSERT INTO task (seq, id, type, lane, args, status, attempt, max_attempts, lease, created_at, held_until, deferred_for)
VALUES (11, '0000000b-0000-7000-8000-000000000000', 'http-fetch', 1, '{"url":"http://localhost/11"}', 'QUEUED', 0, 3, 1,
    1767225600010, 0, 'localhost:80');

INSERT INTO task_result (seq, content) VALUES (4, X'3234');

INSERT INTO task_attempt (seq, attempt, lease, started_at, ended_at, outcome, failure_code, failure_message, response)
VALUES (3, 1, 1, 1767225600102, 1767225600200, 'crashed', NULL, NULL, NULL),
    (3, 2, 2, 1767225600202, 1767225600300, 'failed', 'out_of_memory', 'No memory', NULL),
    (9, 1, 1, 1767225600108, 1767225600109, 'failed', 'http_status', 'The server answered 503', '{"status":503}');

INSERT INTO idempotency (key, fingerprint, created_at, ids)
VALUES ('one', X'0000000000000000000000000000000000000000000000000000000000000000', 1767225600000,
        '00000001-0000-7000-8000-000000000000'),
    ('many', X'0101010101010101010101010101010101010101010101010101010101010101', 1767225600008,
        '00000008-0000-7000-8000-000000000000,00000009-0000-7000-8000-000000000000');

INSERT INTO task_counter (type, lane, status, count, bytes)
SELECT t.type, t.lane,
    CASE WHEN t.held_until IS NULL THEN t.status WHEN t.held_until = 0 THEN 'DEFERRED' ELSE 'SCHEDULED' END,
    count(*), sum(ifnull(h.kept_bytes, 0))
FROM task AS t JOIN task_history AS h ON h.id = t.id GROUP BY 1, 2, 3;
