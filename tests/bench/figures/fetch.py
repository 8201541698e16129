# SPDX-License-Identifier: MIT
"""Fetches a second beside bare libcurl: the same nginx, page and number of transfers at once.

A fresh service finds the tasks queued in its database when it starts. Its time is that from the first
claim to the last finish as its own rows have them, so that submitting is not in it.
"""

import datetime

from lab.servers import ORIGIN_NETWORK, Nginx
from lib.database import opened
from lib.load import wait_drained

from .. import service as under_test
from ..errors import require
from ..programs import run_json
from ..ratio import alternate, row

AT_ONCE = 64
GOAL = 0.5


def bare(url, count):
    found = run_json("fetch_bare", url, count, AT_ONCE, timeout=120 + count / 100)
    require(found["count"] == count, f"bare libcurl finished {found['count']} of {count} transfers")
    return found


def window_s(service, count):
    """Seconds from the first claim to the last finish; every task must have succeeded, the first time."""
    with opened(service.database) as database:
        first, last, tasks, succeeded, attempts, content = database.execute(
            "SELECT min(started_at), max(finished_at), count(*), sum(status = 'SUCCEEDED'), sum(attempts),"
            " count(DISTINCT result) FROM task_history").fetchone()
    require(tasks == succeeded == attempts == count and content == 1,
            f"{count} fetches queued: {tasks} tasks, {succeeded} succeeded in {attempts} attempts, "
            f"{content} different results")
    first, last = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (first, last))
    return (last - first).total_seconds()


def by_service(run, url, count):
    with run.directory("fetch") as directory:
        under_test.fill(directory, 0, queued_fetches=count, url=url)
        with under_test.running(directory, fetch_allow=ORIGIN_NETWORK, fetch_per_host_max=AT_ONCE) as service:
            wait_drained(service, under_test.DRAIN_PATIENCE_S)
            cpu_s = service.daemon.cpu_seconds()
            took = window_s(service, count)
    return {"per_s": count / took, "seconds": took, "service_cpu_s": cpu_s}


def measure(run, names):
    count = run.options.fetches
    with run.directory("origin") as directory, Nginx(directory) as nginx:
        url = f"{nginx.url}/small.html"
        found = alternate(run.options.rounds, lambda: bare(url, count),
                          {name: lambda: by_service(run, url, count) for name in names})
    for name in names:
        run.add(row(name, f"{AT_ONCE} at once", "tasks/s", "bare libcurl", found[name], GOAL))
