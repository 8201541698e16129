-- SPDX-License-Identifier: MIT
-- A database of schema version 2, with tasks in every state and three that a crash left running. See README.md.
PRAGMA page_size=4096;
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA application_id=1416850257;
PRAGMA user_version=2;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE task (
 seq INTEGER PRIMARY KEY,
 id TEXT NOT NULL CHECK (length(id) = 36),
 type TEXT NOT NULL CHECK (type <> ''),
 lane INTEGER NOT NULL CHECK (lane >= 0),
 args TEXT NOT NULL,
 status TEXT NOT NULL CHECK (status = 'QUEUED' OR status = 'RUNNING' OR status = 'SUCCEEDED'
     OR status = 'FAILED' OR status = 'REJECTED'),
 attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0 AND attempt <= max_attempts),
 max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
 lease INTEGER NOT NULL DEFAULT 0 CHECK (lease >= attempt),
 isolated INTEGER NOT NULL DEFAULT 0 CHECK (isolated = 0 OR isolated = 1),
 created_at INTEGER NOT NULL,
 started_at INTEGER CHECK (CASE status WHEN 'QUEUED' THEN started_at IS NULL
     WHEN 'RUNNING' THEN started_at IS NOT NULL ELSE 1 END),
 finished_at INTEGER CHECK ((finished_at IS NULL) = (status = 'QUEUED' OR status = 'RUNNING')),
 failure_code TEXT,
 failure_message TEXT,
 response TEXT,
 result_bytes INTEGER CHECK ((result_bytes IS NULL) = (result_where = 'none')),
 result_media_type TEXT,
 result_utf8 INTEGER CHECK (result_utf8 IS NULL OR result_utf8 = 0 OR result_utf8 = 1),
 result_where TEXT NOT NULL DEFAULT 'none'
     CHECK (result_where = 'none' OR result_where = 'row' OR result_where = 'file')
, priority INTEGER NOT NULL DEFAULT 5
    CHECK (priority >= 0 AND priority <= 9), run_at INTEGER, held_until INTEGER CHECK (held_until IS NULL OR status = 'QUEUED'), deferred_for TEXT
    CHECK ((deferred_for IS NOT NULL) = (held_until IS NOT NULL AND held_until = 0)), expires_at INTEGER, timeout_ms INTEGER, backoff_ms INTEGER, max_backoff_ms INTEGER, cancel_requested INTEGER NOT NULL DEFAULT 0
    CHECK (cancel_requested = 0 OR cancel_requested = 1), retry_of TEXT, waits_since INTEGER) STRICT;
INSERT INTO task VALUES(1,'00000001-0000-7000-8000-000000000000','factorial',0,'{"n":"1"}','QUEUED',0,3,0,0,1767225600000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',2,1767225600050,NULL,NULL,1798761600000,700,10,20,0,NULL,1767225600050);
INSERT INTO task VALUES(2,'00000002-0000-7000-8000-000000000000','http-fetch',1,'{"url":"http://localhost/"}','RUNNING',1,3,2,0,1767225600001,1767225600101,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,NULL,NULL,NULL,NULL,1000,60000,0,NULL,NULL);
INSERT INTO task VALUES(3,'00000003-0000-7000-8000-000000000000','factorial',0,'{"n":"3"}','RUNNING',3,3,3,1,1767225600002,1767225600302,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,NULL,NULL,NULL,NULL,1000,60000,0,NULL,NULL);
INSERT INTO task VALUES(4,'00000004-0000-7000-8000-000000000000','factorial',0,'{"n":"4"}','SUCCEEDED',1,3,1,0,1767225600003,1767225600103,1767225600104,NULL,NULL,NULL,2,'text/plain',1,'row',5,NULL,NULL,NULL,NULL,NULL,1000,60000,0,NULL,NULL);
INSERT INTO task VALUES(5,'00000005-0000-7000-8000-000000000000','http-fetch',1,'{"url":"http://localhost/5"}','FAILED',1,3,1,0,1767225600004,1767225600104,1767225600105,'http_status','The server answered 404','{"status":404}',5000,'text/html',1,'file',5,NULL,NULL,NULL,NULL,NULL,1000,60000,0,NULL,NULL);
INSERT INTO task VALUES(6,'00000006-0000-7000-8000-000000000000','factorial',0,'{"n":"6"}','REJECTED',0,3,0,0,1767225600005,NULL,1767225600006,'expired','Expired before it started',NULL,NULL,NULL,NULL,'none',5,NULL,NULL,NULL,1767225600006,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO task VALUES(7,'00000007-0000-7000-8000-000000000000','factorial',0,'{"n":"7"}','QUEUED',0,3,0,0,1767225600006,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,1767225700000,1767225700000,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO task VALUES(8,'00000008-0000-7000-8000-000000000000','factorial',0,'{"n":"8"}','RUNNING',1,3,1,0,1767225600007,1767225600107,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL);
INSERT INTO task VALUES(9,'00000009-0000-7000-8000-000000000000','http-fetch',1,'{"url":"http://localhost/9"}','QUEUED',1,3,1,0,1767225600008,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,1767225600700,NULL,NULL,NULL,1000,60000,0,NULL,NULL);
INSERT INTO task VALUES(10,'0000000a-0000-7000-8000-000000000000','http-fetch',1,'{"url":"http://localhost/5"}','QUEUED',0,3,0,0,1767225600009,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,'00000005-0000-7000-8000-000000000000',NULL);
INSERT INTO task VALUES(11,'0000000b-0000-7000-8000-000000000000','http-fetch',1,'{"url":"http://localhost/11"}','QUEUED',0,3,1,0,1767225600010,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'none',5,NULL,0,'localhost:80',NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE task_result (
 seq INTEGER PRIMARY KEY,
 content BLOB NOT NULL
) STRICT;
INSERT INTO task_result VALUES(4,X'3234');
CREATE TABLE task_attempt (
 seq INTEGER NOT NULL,
 attempt INTEGER NOT NULL,
 lease INTEGER NOT NULL,
 started_at INTEGER NOT NULL,
 ended_at INTEGER NOT NULL,
 outcome TEXT NOT NULL,
 failure_code TEXT,
 failure_message TEXT, response TEXT,
 PRIMARY KEY (seq, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO task_attempt VALUES(3,1,1,1767225600102,1767225600200,'crashed',NULL,NULL,NULL);
INSERT INTO task_attempt VALUES(3,2,2,1767225600202,1767225600300,'failed','out_of_memory','No memory',NULL);
INSERT INTO task_attempt VALUES(9,1,1,1767225600108,1767225600109,'failed','http_status','The server answered 503','{"status":503}');
CREATE TABLE task_counter (
 type TEXT NOT NULL,
 lane INTEGER NOT NULL,
 status TEXT NOT NULL,
 count INTEGER NOT NULL CHECK (count >= 0), bytes INTEGER NOT NULL DEFAULT 0,
 PRIMARY KEY (type, lane, status)
) STRICT, WITHOUT ROWID;
INSERT INTO task_counter VALUES('factorial',0,'QUEUED',1,0);
INSERT INTO task_counter VALUES('factorial',0,'REJECTED',1,290);
INSERT INTO task_counter VALUES('factorial',0,'RUNNING',2,0);
INSERT INTO task_counter VALUES('factorial',0,'SCHEDULED',1,0);
INSERT INTO task_counter VALUES('factorial',0,'SUCCEEDED',1,267);
INSERT INTO task_counter VALUES('http-fetch',1,'DEFERRED',1,0);
INSERT INTO task_counter VALUES('http-fetch',1,'FAILED',1,5321);
INSERT INTO task_counter VALUES('http-fetch',1,'QUEUED',1,0);
INSERT INTO task_counter VALUES('http-fetch',1,'RUNNING',1,0);
INSERT INTO task_counter VALUES('http-fetch',1,'SCHEDULED',1,0);
CREATE TABLE idempotency (
 key TEXT PRIMARY KEY,
 fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
 created_at INTEGER NOT NULL,
 ids TEXT NOT NULL CHECK (length(ids) >= 36)
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency VALUES('many',X'0101010101010101010101010101010101010101010101010101010101010101',1767225600008,'00000008-0000-7000-8000-000000000000,00000009-0000-7000-8000-000000000000');
INSERT INTO idempotency VALUES('one',X'0000000000000000000000000000000000000000000000000000000000000000',1767225600000,'00000001-0000-7000-8000-000000000000');
CREATE UNIQUE INDEX task_by_id ON task (id);
CREATE INDEX task_running ON task (seq) WHERE status = 'RUNNING';
CREATE VIEW interface_version AS SELECT 1 AS version;
CREATE INDEX task_ready ON task (lane, isolated, priority, seq)
WHERE status = 'QUEUED' AND held_until IS NULL;
CREATE INDEX task_in_file ON task (result_where, seq, result_bytes) WHERE result_where = 'file';
CREATE INDEX task_held ON task (held_until, deferred_for, priority)
WHERE status = 'QUEUED' AND held_until IS NOT NULL;
CREATE INDEX task_expiring ON task (expires_at)
WHERE status = 'QUEUED' AND attempt = 0 AND expires_at IS NOT NULL;
CREATE INDEX task_completed ON task (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX task_unsuccessful ON task (id) WHERE failure_code IS NOT NULL;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
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
CREATE VIEW id_since AS
SELECT
 printf('%08x-%04x', (now_ms - 3600000) >> 16, (now_ms - 3600000) & 65535) AS hour,
 printf('%08x-%04x', (now_ms - 86400000) >> 16, (now_ms - 86400000) & 65535) AS day,
 printf('%08x-%04x', (now_ms - 604800000) >> 16, (now_ms - 604800000) & 65535) AS week,
 printf('%08x-%04x', (now_ms - 2592000000) >> 16, (now_ms - 2592000000) & 65535) AS month
FROM (SELECT CAST(unixepoch('now') AS INTEGER) * 1000 AS now_ms);
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
CREATE VIEW queue_stats AS
SELECT
 type,
 CASE lane WHEN 0 THEN 'cpu' WHEN 1 THEN 'io' ELSE 'lane ' || lane END AS lane,
 status,
 count,
 bytes AS kept_bytes
FROM task_counter;
COMMIT;
