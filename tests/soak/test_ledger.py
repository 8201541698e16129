# SPDX-License-Identifier: MIT
"""The audit finds each breach that it is there to find, and nothing in a database that is right.

The databases are made from the real schema, by hand: what is tested is the audit, not the service.
"""

import json
import pathlib
import re
import sqlite3
import time
import uuid

import numpy
import pytest

import ledger
from lab import ROOT

ITEMS = [
    {"type": "factorial", "args": {"n": "5"}, "content": b"120", "origin": None, "failures": frozenset(),
     "outage_failures": frozenset()},
    {"type": "http-fetch", "args": {"url": "http://127.0.0.1:1/page"}, "content": b"\xff\0page", "origin": "nginx",
     "failures": frozenset(), "outage_failures": frozenset({"connect"})},
]
NOW_MS = 1_700_000_000_000


class Books:
    """A ledger and a database that agree, until a test makes them differ."""

    def __init__(self, directory):
        self.directory = directory
        self.database = directory / "taskq.db"
        self.records = []
        self.ids = []
        with sqlite3.connect(self.database) as connection:
            for path in sorted((ROOT / "sql" / "sqlite").glob("schema_*.sql")):
                connection.executescript(re.sub(r"(?m)^--.*$", "", path.read_text()))
        (directory / "results").mkdir()

    def sql(self, text, *values):
        with sqlite3.connect(self.database) as connection:
            connection.execute(text, values)

    def event(self, name, task_id=None, item=0, word=0):
        high, low = divmod(uuid.UUID(task_id).int, 1 << 64) if task_id else (0, 0)
        self.records.append((ledger.EVENTS.index(name), word, item, 200, 0, NOW_MS, high, low))

    def task(self, item=0, acknowledged=True, final=True):
        """One task that succeeded: its events, its row, its result."""
        task_id = str(uuid.uuid4())
        self.ids.append(task_id)
        if acknowledged:
            self.event("acknowledged", task_id, item)
        if final:
            self.event("final", task_id, item, ledger.SUCCEEDED)
        one, lane = ITEMS[item], item
        self.sql("INSERT INTO task (id, type, lane, args, status, attempt, max_attempts, lease, created_at, started_at, finished_at, "
                 "result_bytes, result_where, result_utf8) VALUES (?, ?, ?, ?, 'SUCCEEDED', 1, 3, 1, ?, ?, ?, ?, 'row', ?)",
                 task_id, one["type"], lane, json.dumps(one["args"]), NOW_MS, NOW_MS, NOW_MS, len(one["content"]), 1 - item)
        self.sql("INSERT INTO task_result SELECT seq, ? FROM task WHERE id = ?", one["content"], task_id)
        self.count(one["type"], lane, "SUCCEEDED", 1)
        return task_id

    def count(self, kind, lane, word, change):
        self.sql("INSERT OR IGNORE INTO task_counter (type, lane, status, count) VALUES (?, ?, ?, 0)", kind, lane, word)
        self.sql("UPDATE task_counter SET count = count + ? WHERE type = ? AND lane = ? AND status = ?", change, kind, lane, word)

    def audit(self, **more):
        return ledger.audit(numpy.array(self.records, dtype=ledger.RECORD), self.database, ITEMS, **more)

    def found(self, **more):
        return {kind: count for kind, count in self.audit(**more)["findings"].items() if count}


@pytest.fixture
def books(tmp_path):
    made = Books(tmp_path)
    for number in range(20):
        made.task(item=number % 2)
    made.event("refused")
    return made


def test_books_that_agree_are_clean(books):
    audit = books.audit()
    assert audit["clean"] and audit["acknowledged"] == audit["rows"] == audit["succeeded"] == 20 and audit["refused"] == 1


def test_empty_books_are_clean(tmp_path):
    assert Books(tmp_path).audit()["clean"]


def test_acknowledged_row_that_is_missing_is_found(books):
    books.sql("DELETE FROM task WHERE id = ?", books.ids[3])
    audit = books.audit()
    assert audit["findings"]["acknowledged_but_missing"] == 1 and not audit["clean"]
    assert audit["examples"]["acknowledged_but_missing"] == [books.ids[3]]
    assert audit["findings"]["counters_disagree"] == 1


def test_what_waits_is_counted_whatever_it_waits_for(books):
    for number, word in ((0, "QUEUED"), (2, "SCHEDULED"), (4, "DEFERRED")):
        books.sql("UPDATE task SET status = 'QUEUED', started_at = NULL, finished_at = NULL WHERE id = ?", books.ids[number])
        books.count("factorial", 0, "SUCCEEDED", -1)
        books.count("factorial", 0, word, 1)
    assert "counters_disagree" not in books.found()
    books.count("factorial", 0, "DEFERRED", 1)
    assert books.found()["counters_disagree"] == 1


@pytest.mark.parametrize("number", (4, 5))
def test_changed_result_is_found(books, number):
    books.sql("UPDATE task_result SET content = ? WHERE seq = (SELECT seq FROM task WHERE id = ?)", b"121", books.ids[number])
    assert books.found() == {"wrong_result": 1}


def test_changed_arguments_are_found(books):
    books.sql("UPDATE task SET args = '{\"n\":\"6\"}' WHERE id = ?", books.ids[0])
    assert books.found()["wrong_arguments"] == 1


def test_unknown_submissions_may_be_rows_and_others_may_not(books):
    books.event("unknown")
    books.task(acknowledged=False, final=False)
    assert books.found() == {}
    books.task(acknowledged=False, final=False)
    assert books.found() == {"more_rows_than_sent": 1}
    assert books.found(unknown_beside=1) == {}


def test_task_that_never_ended_and_one_that_was_rejected_are_found(books):
    books.sql("UPDATE task SET status = 'QUEUED', started_at = NULL, finished_at = NULL WHERE id = ?", books.ids[0])
    books.sql("UPDATE task SET status = 'REJECTED' WHERE id = ?", books.ids[1])
    found = books.found()
    assert found["not_final"] == 1 and found["rejected"] == 1 and found["status_changed"] == 2


def test_failure_needs_an_outage_of_its_own_origin(books):
    books.sql("UPDATE task SET status = 'FAILED', failure_code = 'connect' WHERE id = ?", books.ids[1])
    books.count("http-fetch", 1, "SUCCEEDED", -1)
    books.count("http-fetch", 1, "FAILED", 1)
    books.records = [record for record in books.records if ledger.EVENTS[record[0]] != "final"]
    assert books.found() == {"failure_unexplained": 1}
    assert books.found(outages=[("nginx", NOW_MS - 1000, NOW_MS + 1000)]) == {}
    assert books.found(outages=[("bad", NOW_MS - 1000, NOW_MS + 1000)]) == {"failure_unexplained": 1}
    assert books.found(outages=[("nginx", NOW_MS + 60000, NOW_MS + 70000)]) == {"failure_unexplained": 1}
    assert books.audit()["failure_codes"] == {"connect": 1}


def test_attempts_used_up_is_never_explained(books):
    books.sql("UPDATE task SET status = 'FAILED', failure_code = 'attempts_exhausted' WHERE id = ?", books.ids[0])
    assert books.found()["failure_unexplained"] == 1


def test_result_files_without_rows_and_rows_without_files_are_found(books):
    (books.directory / "results" / "stray-1").write_bytes(b"x")
    books.sql("UPDATE task SET result_where = 'file' WHERE id = ?", books.ids[0])
    books.sql("UPDATE task SET result_where = 'file' WHERE id = ?", books.ids[2])
    (books.directory / "results" / f"{books.ids[2]}-1").write_bytes(b"120")
    assert books.found() == {"orphan_file": 1, "result_missing": 1}


def test_what_clients_saw_is_found(books):
    for event in ("wrong", "lost", "changed", "unexpected"):
        books.event(event, books.ids[0])
    assert books.found() == {f"client_saw_{event}": 1 for event in ("wrong", "lost", "changed", "unexpected")}


def test_one_id_for_two_submissions_is_found(books):
    books.event("acknowledged", books.ids[0])
    assert books.found()["acknowledged_twice"] == 1


def test_damaged_database_is_found(books):
    books.sql("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
              "SELECT i, hex(randomblob(100)) AS text FROM n")
    books.sql("CREATE INDEX filler_by_text ON filler (text)")
    books.sql("PRAGMA writable_schema = 1")
    with sqlite3.connect(books.database) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE INDEX filler_by_text ON filler (i)' WHERE name = 'filler_by_text'")
    assert "database_damaged" in books.found()


def test_a_million_tasks_are_audited_in_seconds(tmp_path):
    """An hour of load is tens of millions of records; the pairing must not be quadratic."""
    rng = numpy.random.default_rng(1)
    ids = rng.integers(0, 1 << 63, size=(1_000_000, 2), dtype="u8")
    began = time.process_time()
    left, right = ledger.pair_up(ids, ids[::-1].copy())
    assert len(left) == 1_000_000 and (ids[left] == ids[::-1][right]).all()
    assert time.process_time() - began < 30


def test_ids_survive_packing():
    ids = [str(uuid.uuid4()) for _ in range(100)]
    assert [ledger.id_text(high, low) for high, low in ledger.pack_ids(ids)] == ids


def test_torn_last_record_is_left_out(tmp_path):
    path = pathlib.Path(tmp_path / "ledger")
    path.write_bytes(bytes(ledger.RECORD.itemsize * 2 + 5))
    assert len(ledger.load(path)) == 2
