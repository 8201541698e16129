-- SPDX-License-Identifier: MIT
--
-- Schema version 1. Append-only: what a released version created is never edited; a change is a
-- schema_2.sql and a line in src/store/sqlite/sqlite_migrate.c. Everything in one file is applied in
-- one transaction, in order, and ends with the version in PRAGMA user_version.
--
-- Times are Unix milliseconds, UTC. STRICT: a value of the wrong type is refused. The CHECKs are
-- chains of OR because SQLite builds a temporary table for IN with more than two literals, on every
-- row that is written.

-- One row per task; the hot table. `lease` is raised by every claim and never goes back: every later
-- write names it, so that a superseded attempt cannot write. The latest attempt lives here; only
-- attempts that were followed by another one have a row in task_attempt.
-- name: v1_task
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
) STRICT;

-- Serves read_status, read_result, result_owner. UUIDs of version 7 grow, so it grows at its end.
-- name: v1_task_by_id
CREATE UNIQUE INDEX task_by_id ON task (id);

-- Serves task_next and task_next_isolated: the waiting tasks of a lane, oldest first.
-- name: v1_task_queued
CREATE INDEX task_queued ON task (lane, isolated, seq) WHERE status = 'QUEUED';

-- Serves running_list: what a dead run of the service left behind, without a scan of history.
-- name: v1_task_running
CREATE INDEX task_running ON task (seq) WHERE status = 'RUNNING';

-- Small contents, apart from the hot row; larger ones are files results/<id>-<lease>.
-- name: v1_task_result
CREATE TABLE task_result (
	seq INTEGER PRIMARY KEY,
	content BLOB NOT NULL
) STRICT;

-- Attempts that were followed by another one. `outcome` is 'crashed': the service went down.
-- name: v1_task_attempt
CREATE TABLE task_attempt (
	seq INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	lease INTEGER NOT NULL,
	started_at INTEGER NOT NULL,
	ended_at INTEGER NOT NULL,
	outcome TEXT NOT NULL,
	failure_code TEXT,
	failure_message TEXT,
	PRIMARY KEY (seq, attempt)
) STRICT, WITHOUT ROWID;

-- How many tasks of a type and lane are in a status: written in the transaction that moves them.
-- name: v1_task_counter
CREATE TABLE task_counter (
	type TEXT NOT NULL,
	lane INTEGER NOT NULL,
	status TEXT NOT NULL,
	count INTEGER NOT NULL CHECK (count >= 0),
	PRIMARY KEY (type, lane, status)
) STRICT, WITHOUT ROWID;

-- The public views, for people (docs/history.md). Columns may be added; none changes its meaning or
-- goes away without a new number in interface_version.
-- name: v1_interface_version
CREATE VIEW interface_version AS SELECT 1 AS version;

-- name: v1_task_history
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
	    (SELECT CAST(r.content AS TEXT) FROM task_result AS r WHERE r.seq = t.seq) END AS result
FROM task AS t;

-- name: v1_task_attempts
CREATE VIEW task_attempts AS
SELECT
	t.id AS id,
	a.attempt AS attempt,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000.0, 'unixepoch') AS started_at,
	strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_at / 1000.0, 'unixepoch') AS ended_at,
	a.outcome AS outcome,
	a.failure_code AS code,
	a.failure_message AS message
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
		ELSE 'failed'
	END,
	t.failure_code,
	t.failure_message
FROM task AS t
WHERE t.started_at IS NOT NULL;

-- name: v1_queue_stats
CREATE VIEW queue_stats AS
SELECT
	type,
	CASE lane WHEN 0 THEN 'cpu' WHEN 1 THEN 'io' ELSE 'lane ' || lane END AS lane,
	status,
	count
FROM task_counter;

-- name: v1_version
PRAGMA user_version = 1;
