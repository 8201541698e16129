#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Proof that the ledger of a real run can fail: breaches are made in copies of its database.

	prove.py DIRECTORY      of a run with --keep that was clean

Each breach must be found, and nothing else with it than what follows from it.
"""

import json
import pathlib
import pickle
import shutil
import sqlite3
import sys
import tempfile

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parent)]

import lab  # noqa: E402, F401
import ledger  # noqa: E402


def id_of(records):
    """An acknowledged task that a client saw succeed with a small factorial."""
    for record in ledger.of_event(records, "final"):
        if record["word"] == ledger.SUCCEEDED and record["item"] < 100:
            return ledger.id_text(record["high"], record["low"])
    raise SystemExit("no task of the run has succeeded")


def findings_after(directory, records, books, statement, *values):
    """What the audit finds once a copy of the database was changed."""
    with tempfile.TemporaryDirectory() as place:
        data = pathlib.Path(place) / "data"
        shutil.copytree(directory / "data", data)
        if statement:
            with sqlite3.connect(data / "taskq.db") as connection:
                assert connection.execute(statement, values).rowcount == 1, statement
            connection.close()
        audit = ledger.audit(records, data / "taskq.db", **books)
        return {kind: count for kind, count in audit["findings"].items() if count}


def main():
    directory = pathlib.Path(sys.argv[1])
    records = ledger.load(directory / "ledger")
    with open(directory / "books.pickle", "rb") as file:
        books = pickle.load(file)
    task_id = id_of(records)
    cases = (
        ("as it is", {}, None),
        ("an acknowledged row deleted", {"acknowledged_but_missing": 1, "counters_disagree": 1},
         "DELETE FROM task WHERE id = ?", task_id),
        ("a result changed", {"wrong_result": 1},
         "UPDATE task_result SET content = CAST('1' || content AS BLOB) WHERE seq = (SELECT seq FROM task WHERE id = ?)", task_id),
        ("a final status changed", {"status_changed": 1, "counters_disagree": 2, "rejected": 1},
         "UPDATE task SET status = 'REJECTED' WHERE id = ?", task_id),
    )
    failed = 0
    for name, expected, *change in cases:
        found = findings_after(directory, records, books, *change)
        failed += found != expected
        print(f"{'ok' if found == expected else 'FAILED'}: {name}: {json.dumps(found)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
