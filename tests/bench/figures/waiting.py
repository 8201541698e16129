# SPDX-License-Identifier: MIT
"""As many `?wait=30` as may wait at once: how long after the end of its task each is answered, and what
the others feel of them.

The tasks are factorials that are held until a time, so that requests can be parked before. Either each
request waits for a task of its own, all due at once or spread over seconds, or all wait for the same one.
An answer's delay is the time of its arrival less the `finished_at` in it: the commit is in it, and the
generator, which has to read thousands of answers on the cores that send them.

While they are parked, submissions and polls come at a fixed rate, and again without them.
"""

import contextlib
import json
import statistics
import subprocess
import time

from lib.wait import wait_until

from .. import service as under_test
from ..errors import require
from ..programs import loadgen, start_json
from ..ratio import plain_row, row

GOAL_MS = 50.0
GOAL_KEPT = 0.8  # of the latency without those that wait; the median of a round
WAIT_S = 30  # what the generator's requests ask for
CONNECTIONS = 32
RATES = {"post": 500, "status": 2000}


def parking_s(count):
    """Time enough to submit the tasks and park the requests."""
    return 0.2 + count / 1000


@contextlib.contextmanager
def parked(service, ids, count, path):
    """`count` requests that wait for these tasks, in turns; gives the process that has them."""
    path.write_text("".join(f"{task_id}\n" for task_id in ids))
    process = start_json("loadgen", "wait", "--port", service.address[1], "--connections", count,
                         "--threads", 2 if count > 1 else 1, "--seconds", WAIT_S, "--ids", path)
    try:
        with service.client() as client:
            wait_until(lambda: client.get("/stats").json["http"]["waiting"] == count, WAIT_S,
                       f"{count} requests wait", pause_s=0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def answered(process, count):
    """Until all have been answered; what came of it."""
    out, err = process.communicate(timeout=WAIT_S + 30)
    require(process.returncode == 0, f"loadgen wait: {err[-500:]}")
    found = json.loads(out)
    require(found["errors"] == 0 and found["count"] == count,
            f"of {count} that waited, {found['count']} were answered: {found['first_error']}")
    return found


def delays(service, directory, count, seconds):
    """One round: those that wait for tasks of their own, due within `seconds`; None: for the same one."""
    began = time.time() + parking_s(count)
    times = [began] if seconds is None else [began + seconds * i / count for i in range(count)]
    with service.client() as client:
        ids = under_test.held(client, times)
    with parked(service, ids, count, directory / "waited") as process:
        require(time.time() < began, f"parking {count} requests took longer than {parking_s(count):.1f} s")
        return answered(process, count)


def others(service, ids, what, seconds):
    pace = ("--rate", RATES[what])
    if what == "post":
        return under_test.submitting(service, what, CONNECTIONS, seconds, *pace)
    return under_test.measured(service, what, CONNECTIONS, seconds, "--ids", ids, *pace)


def felt(service, directory, ids, count, what, seconds):
    """One round: what others have to wait without and with those that are parked, and without again."""
    before = others(service, ids, what, seconds)
    with service.client() as client:
        task_id = under_test.held(client, [time.time() + parking_s(count) + 2 * seconds + 0.3])
    with parked(service, task_id, count, directory / "waited") as process:
        value = others(service, ids, what, seconds)
        require(process.poll() is None, "those that were parked have been answered too early")
        answered(process, count)
    after = others(service, ids, what, seconds)
    return value, before, after


def kept(rounds, place):
    """Rounds for a row: the latency without over that with those that wait, so that 1 is no change."""
    found = []
    for value, before, after in rounds:
        level = statistics.mean((before[place], after[place])) / 1000
        found.append({"per_s": value[place] / 1000, "yardstick": level, "ratio": level * 1000 / value[place]})
    return found


def measure(run, names):
    options = run.options
    cases = {"own tasks, at once": 0.0, "own tasks, in turns": options.seconds, "the same task": None}
    with run.directory("waiting") as directory, under_test.running(directory) as service:
        ids = under_test.finished_tasks(service, directory / "ids")
        with service.client() as client:
            most = client.get("/stats").json["http"]["waiting_max"]
        count = min(most, options.waiting)
        found = {case: [delays(service, directory, count, seconds) for _ in range(options.rounds)]
                 for case, seconds in cases.items()}
        beside = {what: [felt(service, directory, ids, count, what, options.seconds) for _ in range(options.rounds)]
                  for what in RATES}
    for name in names:
        for case, rounds in found.items():
            run.add(plain_row(name, f"{count:,}, {case}", "ms max", [each["max_us"] / 1000 for each in rounds], GOAL_MS,
                              rounds=rounds, latency_us={place: statistics.median(each[f"{place}_us"] for each in rounds)
                                                         for place in ("p50", "p95", "p99")}))
        for what, rounds in beside.items():
            for place, goal in (("p50", GOAL_KEPT), ("p99", None)):
                run.add(row(name, f"{what} at {RATES[what]:,}/s, {place}", "ms", "none waiting",
                            kept(rounds, f"{place}_us"), goal))
