# SPDX-License-Identifier: MIT
"""Load: many submissions over a few connections, and waiting until all of it has run."""

import json
import threading

from .api import SUBMISSIONS
from .database import opened
from .rawhttp import RawConnection, post_json
from .wait import wait_until

BATCH = 40


def factorial_body(n):
    return b'{"type":"factorial","args":{"n":"%d"}}' % n


def either_way(number):
    """An n of the table, whose factorial has ended when it is submitted, and one that is run, by turns."""
    return number % 50 + number % 2 * 300


def fetch_body(url):
    return json.dumps({"type": "http-fetch", "args": {"url": url}}).encode()


def submit_many(address, bodies, connections=6):
    """Submit all bodies, pipelined on a few connections; returns the ids in the order of bodies.

    Anything but 202 is an error.
    """
    ids = [None] * len(bodies)
    errors = []

    def work(first):
        try:
            mine = range(first, len(bodies), connections)
            with RawConnection(*address) as connection:
                for start in range(0, len(mine), BATCH):
                    places = mine[start:start + BATCH]
                    connection.send(b"".join(post_json(SUBMISSIONS, bodies[i]) for i in places))
                    for i in places:
                        response = connection.read_response()
                        assert response.status == 202, response
                        ids[i] = json.loads(response.body)["id"]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return ids


def unfinished(path):
    """Tasks that have not ended, by the public view."""
    with opened(path) as database:
        return database.execute(
            "SELECT coalesce(sum(count), 0) FROM queue_stats WHERE status IN ('QUEUED', 'DEFERRED', 'RUNNING')"
        ).fetchone()[0]


def wait_drained(daemon, timeout=300):
    wait_until(lambda: unfinished(daemon.database) == 0, timeout, "every task has ended")
