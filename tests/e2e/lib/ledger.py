# SPDX-License-Identifier: MIT
"""What clients were told, and whether what is on disk agrees with it and with itself."""

import http.client
import json
import os
import random
import threading

from .api import SUBMISSIONS
from .database import opened


class Ledger:
    """What clients were told. Each submitter writes only what it has read from its socket."""

    def __init__(self, large_url):
        self.large_url = large_url
        self.lock = threading.Lock()
        self.acknowledged = {}  # id: n, or None for a fetch
        self.attempted = 0
        self.refused = 0

    def submitter(self, address, seed, stop):
        chance = random.Random(seed)
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            while not stop.is_set():
                n = None if chance.random() < 0.05 else chance.randrange(0, 300)
                body = {"type": "factorial", "args": {"n": str(n)}}
                if n is None:
                    body = {"type": "http-fetch", "args": {"url": self.large_url}}
                with self.lock:
                    self.attempted += 1
                connection.request("POST", SUBMISSIONS, json.dumps(body), {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = response.read()
                if response.status == 202:
                    task_id = json.loads(answer)["id"]
                    with self.lock:
                        assert task_id not in self.acknowledged, "an id was given out twice"
                        self.acknowledged[task_id] = n
                else:
                    with self.lock:
                        self.refused += 1
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed in the middle: nobody was told anything
        finally:
            connection.close()


def check_counters(path):
    """The counters, of tasks and of their bytes, against a recount."""
    with opened(path) as database:
        kept = {row[:2]: row[2:] for row in database.execute(
            "SELECT type, status, sum(count), sum(kept_bytes) FROM queue_stats GROUP BY type, status HAVING sum(count) > 0")}
        counted = {row[:2]: row[2:] for row in database.execute(
            "SELECT type, status, count(*), sum(ifnull(kept_bytes, 0)) FROM task_history GROUP BY type, status")}
    assert kept == counted


def check_results_directory(daemon):
    """Every result file belongs to a task, and the other way round; nothing temporary is left."""
    with opened(daemon.database) as database:
        named = {row[0] for row in database.execute(
            "SELECT result_file FROM task_history WHERE result_file IS NOT NULL")}
    directory = daemon.data / "results"
    found = {f"results/{name}" for name in (os.listdir(directory) if directory.is_dir() else [])}
    assert found == named
