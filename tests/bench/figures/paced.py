# SPDX-License-Identifier: MIT
"""Latency at a fixed rate: operations begin by a timetable, and a stall delays all that were due.

A closed loop sends nothing while it waits, so its percentiles leave out what a stall would have done
to others (coordinated omission); these do not.
"""

import statistics

from .. import service as under_test
from ..programs import Hello, loadgen
from ..ratio import plain_row

CONNECTIONS = 64
RATES = {"hello-world": 5000, "status": 5000, "post": 2000, "cycle": 500}


def measure(run, names):
    options = run.options
    found = {what: [] for what in RATES}
    with run.directory("paced") as directory, Hello() as hello, under_test.running(directory) as service:
        ids = under_test.finished_tasks(service, directory / "ids")
        for _ in range(options.rounds):
            for what, rate in RATES.items():
                pace = ("--rate", rate)
                if what == "hello-world":
                    value = loadgen("get", hello.port, CONNECTIONS, options.seconds, *pace)
                elif what == "status":
                    value = under_test.measured(
                        service, "status", CONNECTIONS, options.seconds, "--ids", ids, *pace)
                else:
                    value = under_test.submitting(service, what, CONNECTIONS, options.seconds, *pace)
                found[what].append(value)
    for name in names:
        for what, rounds in found.items():
            run.add(plain_row(
                name, f"{what} at {RATES[what]:,}/s", "ms p99", [each["p99_us"] / 1000 for each in rounds],
                rounds=rounds, generator_cpu=max(each["cpu_share"] for each in rounds),
                latency_us={place: statistics.median(each[f"{place}_us"] for each in rounds)
                            for place in ("p50", "p95", "p99")},
            ))
