# SPDX-License-Identifier: MIT
"""How many new connections a second: connect, one GET of a status, close.

The generator closes first, so what lingers in TIME_WAIT is its own; it connects from sixteen loopback
addresses in turn, so that ephemeral ports last for millions of connections.
"""

from .. import service as under_test
from ..programs import Hello, loadgen
from ..ratio import alternate, row

AT_ONCE = 32


def measure(run, names):
    seconds = run.options.seconds
    with run.directory("connect") as directory, Hello() as hello, under_test.running(directory) as service:
        ids = under_test.finished_tasks(service, directory / "ids")
        found = alternate(
            run.options.rounds,
            lambda: loadgen("get", hello.port, AT_ONCE, seconds, "--new-connections"),
            {name: lambda: under_test.measured(service, "status", AT_ONCE, seconds, "--ids", ids, "--new-connections")
             for name in names},
        )
    for name in names:
        run.add(row(name, f"{AT_ONCE} at once", "conns/s", "hello-world", found[name]))
