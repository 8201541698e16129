#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Somebody who looks into the database and forgets to leave: holds a read transaction until its
standard input ends. Prints a line once it holds it."""

import sqlite3
import sys

connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30, isolation_level=None)
connection.execute("BEGIN")
rows = connection.execute("SELECT count FROM queue_stats").fetchall()
print(len(rows), flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
connection.close()
