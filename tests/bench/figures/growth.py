# SPDX-License-Identifier: MIT
"""The same load on a service with a history and on one without, in turns.

"Without" is a thousand finished tasks of the same kinds, because there must be something to read; for
figures that submit it is made anew for each measurement, because it would not stay small. The goal
holds for the same load on both: reads of a thousand tasks. Beside it stand reads that draw their ids
from the whole history. Those find the database's pages cold and the service's memory of recent tasks
of no use, where a thousand tasks fit both; a ratio that tells what looking things up costs, without a
goal. The small service has so few tasks for "due", too, and more with each round.

With schedules there are as many tasks that wait for a day a year off as there are finished ones.
"""

import datetime
import time

from lib.database import opened
from lib.wait import wait_until

from .. import service as under_test
from ..errors import require
from ..ratio import alternate, row

CONNECTIONS = 32
SMALL = 1_000
SAMPLE = 100_000
GOAL = 0.8
READS = ("status", "content")
SUBMITS = ("cycle", "post")
DUE_PER_S = 5_000
UNITS = {"due": "tasks/s", "post": "tasks/s", "status": "GETs/s", "content": "GETs/s", "cycle": "cycles/s"}


def on_fresh(run, what, seconds):
    with run.directory("small") as directory, \
            under_test.filled(directory / "service", SMALL, SMALL) as (service, _):
        return under_test.submitting(service, what, CONNECTIONS, seconds)


def thousand_of(ids):
    """The latest of the ids in a file, as many as the small service has."""
    chosen = ids.with_name("ids-latest")
    chosen.write_text("".join(ids.read_text().splitlines(keepends=True)[-SMALL:]))
    return chosen


def reads(run, small, large):
    """Small and large are each a service and a file of ids."""
    def read(place, what):
        service, ids = place
        return under_test.measured(service, what, CONNECTIONS, run.options.seconds, "--ids", ids)

    return {what: alternate(run.options.rounds, lambda: read(small, what), {what: lambda: read(large, what)})[what]
            for what in READS}


def due(service, count):
    """How many a second of those that come due at once, from that moment to the end of the last one."""
    before = under_test.counts(service).get("SUCCEEDED", 0)
    lead_s = 0.2 + count / 10_000
    moment = time.time() + lead_s
    with service.client() as client:
        ids = under_test.held(client, [moment] * count)
    require(time.time() < moment, f"submitting {count} held tasks took longer than {lead_s:.1f} s")
    wait_until(lambda: under_test.counts(service).get("SUCCEEDED", 0) == before + count,
               under_test.DRAIN_PATIENCE_S, f"{count} tasks that were due have ended")
    with opened(service.database) as database:
        tasks, attempts, early, last = database.execute(
            "SELECT count(*), sum(attempts), sum(started_at < run_at), max(finished_at) FROM task_history"
            " WHERE id BETWEEN ? AND ?", (ids[0], ids[-1])).fetchone()
    require((tasks, attempts, early) == (count, count, 0),
            f"{count} tasks were due: {tasks} are there, with {attempts} attempts, {early} began too early")
    return {"per_s": count / (datetime.datetime.fromisoformat(last.replace("Z", "+00:00")).timestamp() - moment)}


def dues(run, small, large):
    """Claims, completions and what time brings about, beside reads and submissions."""
    count = max(100, round(DUE_PER_S * run.options.seconds))
    return alternate(run.options.rounds, lambda: due(small[0], count), {"due": lambda: due(large[0], count)})["due"]


def submits(run, large):
    service, _ = large
    return {what: alternate(
        run.options.rounds, lambda: on_fresh(run, what, run.options.seconds),
        {what: lambda: under_test.submitting(service, what, CONNECTIONS, run.options.seconds)})[what]
        for what in SUBMITS}


def compare(run, finished, scheduled=0):
    """Rounds by what was measured: the same load on both, and reads from anywhere in the history."""
    with run.directory("growth") as directory, \
            under_test.filled(directory / "large", finished, min(finished, SAMPLE), scheduled) as large:
        with under_test.filled(directory / "small", SMALL, SMALL) as small:
            service, ids = large
            found = reads(run, small, (service, thousand_of(ids)))
            anywhere = reads(run, small, large)
            found["due"] = dues(run, small, large)
        found.update(submits(run, large))
    return found, anywhere


def add_rows(run, names, case, found, anywhere):
    for name in names:
        for what, rounds in found.items():
            run.add(row(name, f"{what}, {case}", UNITS[what], f"{SMALL:,} tasks", rounds, GOAL))
        for what, rounds in anywhere.items():
            run.add(row(name, f"{what} anywhere, {case}", UNITS[what], f"{SMALL:,} tasks", rounds))


def measure(run, names):
    for history in run.options.history:
        add_rows(run, names, f"{history:,}", *compare(run, history))


def measure_schedules(run, names):
    """As many scheduled tasks as finished ones."""
    count = run.options.scheduled
    add_rows(run, names, f"{count:,} each", *compare(run, count, count))
