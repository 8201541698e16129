# SPDX-License-Identifier: MIT
"""Start-up with a long history, some of its results in files, and a queue: from exec to the first readiness 200.

Each round has four starts on one database: as it was closed, the same with its pages dropped from the
file cache, after a kill -9, and after a kill -9 with dropped pages. At least as many tasks as were asked
for are still queued when the service is ready.
"""

import http.client
import os
import signal
import time

from lab.servers import Service
from lib.database import opened

from .. import service as under_test
from ..errors import require
from ..ratio import plain_row

GOAL_S = 2.0
PAUSE_S = 0.002
PATIENCE_S = 300
CASES = (("closed", True), ("closed", False), ("killed", True), ("killed", False))
IN_FILES = 200_000  # results, of half of the history at most
SPARE = 4  # so many times the queue is filled, since each start works some of it off


def queued(database):
    with opened(database) as connection:
        return connection.execute(
            "SELECT coalesce(sum(count), 0) FROM queue_stats WHERE status IN ('QUEUED', 'DEFERRED', 'RUNNING')").fetchone()[0]


def drop_cached_pages(directory):
    """Only while the service is down: this opens and closes its files."""
    for path in directory.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def is_ready(address):
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def start_s(service):
    began = time.monotonic()
    service.daemon.start(timeout=PATIENCE_S)
    while not is_ready(service.address):
        require(time.monotonic() - began < PATIENCE_S, f"not ready within {PATIENCE_S} s")
        time.sleep(PAUSE_S)
    return time.monotonic() - began


def starts(service, rounds, least_queued):
    """Seconds by case. How a run of the service is ended is how the next one finds its data."""
    found = {}
    for _ in range(rounds):
        for ended, cached in CASES:
            if service.is_running():
                service.daemon.signal(signal.SIGTERM if ended == "closed" else signal.SIGKILL)
                service.daemon.wait()
            if not cached:
                drop_cached_pages(service.data)
            seconds = start_s(service)
            left = queued(service.database)
            if left < least_queued:
                require(len(found) == len(CASES), f"{left} tasks are queued, expected {least_queued} at least")
                return found
            found.setdefault(f"{ended}, {'cached' if cached else 'not cached'}", []).append(seconds)
    return found


def measure(run, names):
    history, queue = max(run.options.history), run.options.queued
    with run.directory("startup") as directory:
        in_files = min(IN_FILES, history // 2)
        under_test.fill(directory, history, queued_factorials=SPARE * queue, in_files=in_files)
        service = Service(directory, **under_test.SETTINGS)
        try:
            found = starts(service, run.options.rounds, queue)
        finally:
            service.daemon.cleanup()
    for name in names:
        for case, values in found.items():
            run.add(plain_row(name, case, "s", values, GOAL_S, history=history, in_files=in_files, queued=queue))
