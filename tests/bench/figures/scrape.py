# SPDX-License-Identifier: MIT
"""GET /metrics: what it costs those who submit, and how long it takes, under full load and at rest.

The scraper is in this process and asks by a timetable, on a connection of its own: what one answer
costs is too little to see at the rate of a Prometheus, so it asks more often than any does.
"""

import contextlib
import threading
import time

from .. import service as under_test
from ..errors import require
from ..ratio import alternate, plain_row, row

CONNECTIONS = 256
PER_SECOND = 20
GOAL_MS = 50  # asked for by nobody who scrapes every few seconds, and easy to keep


class Scraper:
    """Asks until it is told to stop; each answer must be whole."""

    def __init__(self, service):
        self.service = service
        self.took_ms = []
        self.stop = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with self.service.client() as client:
                due = time.monotonic()
                while not self.stop.wait(max(0.0, due - time.monotonic())) or not self.took_ms:
                    began = time.monotonic()
                    answer = client.get("/metrics")
                    self.took_ms.append((time.monotonic() - began) * 1000)
                    require(answer.status == 200 and answer.body.endswith(b"\n"), f"/metrics: {answer}")
                    due = max(due + 1 / PER_SECOND, began)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.error:
            raise self.error


def p99(values):
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def measure(run, names):
    options = run.options
    loaded, resting = [], []
    with run.directory("scrape") as directory, under_test.running(directory) as service:
        def submitting(scraper=None):
            with scraper or contextlib.nullcontext():
                found = under_test.submitting(service, "post", CONNECTIONS, options.seconds)
            if scraper:
                loaded.append(p99(scraper.took_ms))
            return found

        found = alternate(options.rounds, submitting, {"scraped": lambda: submitting(Scraper(service))})
        for _ in range(options.rounds):
            with Scraper(service) as scraper:
                time.sleep(options.seconds)
            resting.append(p99(scraper.took_ms))
    for name in names:
        run.add(row(name, f"post, {PER_SECOND} scrapes/s", "tasks/s", "the same without", found["scraped"]))
        run.add(plain_row(name, "GET /metrics beside it", "ms p99", loaded, goal_at_most=GOAL_MS))
        run.add(plain_row(name, "GET /metrics at rest", "ms p99", resting, goal_at_most=GOAL_MS))
