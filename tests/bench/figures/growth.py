# SPDX-License-Identifier: MIT
"""The same load on a service with a history and on one without, in turns.

"Without" is a thousand finished tasks of the same kinds, because there must be something to read; for
figures that submit it is made anew for each measurement, because it would not stay small. The goal
holds for the same load on both: reads of a thousand tasks. Beside it stand reads that draw their ids
from the whole history. Those find the database's pages cold and the service's memory of recent tasks
of no use, where a thousand tasks fit both; a ratio that tells what looking things up costs, without a
goal.
"""

from .. import service as under_test
from ..ratio import alternate, row

CONNECTIONS = 32
SMALL = 1_000
SAMPLE = 100_000
GOAL = 0.8
READS = ("status", "content")
SUBMITS = ("cycle", "post")
UNITS = {"post": "tasks/s", "status": "GETs/s", "content": "GETs/s", "cycle": "cycles/s"}


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


def submits(run, large):
    service, _ = large
    return {what: alternate(
        run.options.rounds, lambda: on_fresh(run, what, run.options.seconds),
        {what: lambda: under_test.submitting(service, what, CONNECTIONS, run.options.seconds)})[what]
        for what in SUBMITS}


def measure(run, names):
    for history in run.options.history:
        with run.directory("growth") as directory, \
                under_test.filled(directory / "large", history, min(history, SAMPLE)) as large:
            with under_test.filled(directory / "small", SMALL, SMALL) as small:
                service, ids = large
                found = reads(run, small, (service, thousand_of(ids)))
                anywhere = reads(run, small, large)
            found.update(submits(run, large))
        for name in names:
            for what, rounds in found.items():
                run.add(row(name, f"{what}, {history:,}", UNITS[what], f"{SMALL:,} tasks", rounds, GOAL))
            for what, rounds in anywhere.items():
                run.add(row(name, f"{what} anywhere, {history:,}", UNITS[what], f"{SMALL:,} tasks", rounds))
