# SPDX-License-Identifier: MIT
"""Rates over keep-alive connections, as ratios to a libmicrohttpd hello-world in the same mode."""

from .. import service as under_test
from ..programs import Hello, loadgen
from ..ratio import alternate, row

GOALS = {
    "post": {32: 0.30, 256: 0.40, 1000: 0.45},
    "status": {32: 0.75, 256: 0.70, 1000: 0.70},
    "content": {},
    "cycle": {32: 0.08, 256: 0.08, 1000: 0.08},
}
UNITS = {"post": "tasks/s", "status": "GETs/s", "content": "GETs/s", "cycle": "cycles/s"}


def functions(service, ids, connections, seconds):
    """Each figure as a function without arguments; those that submit leave an empty queue behind."""
    return {
        "post": lambda: under_test.submitting(service, "post", connections, seconds),
        "status": lambda: under_test.measured(service, "status", connections, seconds, "--ids", ids),
        "content": lambda: under_test.measured(service, "content", connections, seconds, "--ids", ids),
        "cycle": lambda: under_test.submitting(service, "cycle", connections, seconds),
    }


def measure(run, names):
    """A fresh service for each number of connections, so that none inherits a history."""
    options = run.options
    for connections in options.connections:
        with run.directory("requests") as directory, Hello() as hello, \
                under_test.running(directory) as service:
            ids = under_test.finished_tasks(service, directory / "ids")
            chosen = functions(service, ids, connections, options.seconds)

            def yardstick(count=connections):
                return loadgen("get", hello.port, count, options.seconds)

            found = alternate(options.rounds, yardstick, {name: chosen[name] for name in names})
        for name in names:
            case = f"{connections} connection{'s' if connections > 1 else ''}"
            run.add(row(name, case, UNITS[name], "hello-world", found[name], GOALS[name].get(connections)))
