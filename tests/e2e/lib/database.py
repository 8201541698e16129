# SPDX-License-Identifier: MIT
"""Looking into the database from outside, read-only, the way an operator would."""

import contextlib
import sqlite3


@contextlib.contextmanager
def opened(path):
    """A read-only connection; the daemon may or may not be running."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def count_tasks(path):
    with opened(path) as database:
        return database.execute("SELECT count(*) FROM task_history").fetchone()[0]


def history(path):
    """Status by id, from the public view."""
    with opened(path) as database:
        rows = database.execute("SELECT id, status FROM task_history").fetchall()
    found = dict(rows)
    assert len(found) == len(rows), "an id occurs twice in task_history"
    return found


def integrity(path):
    with opened(path) as database:
        return [row[0] for row in database.execute("PRAGMA integrity_check")]
