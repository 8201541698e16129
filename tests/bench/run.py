# SPDX-License-Identifier: MIT
"""A run: what was asked for, where it works, and the lines that came of it."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile

from . import report


@dataclasses.dataclass
class Options:
    seconds: float = 3.0
    rounds: int = 5
    connections: tuple = (1, 32, 256, 1000)
    threads: int = min(2, len(os.sched_getaffinity(0)))  # of the load generator
    out: pathlib.Path = pathlib.Path("build/bench")
    factorial_max: int = 10_000_000  # the largest n of the figure `factorial`
    history: tuple = (10_000, 1_000_000, 10_000_000)
    scheduled: int = 1_000_000
    fetches: int = 50_000
    queued: int = 100_000
    waiting: int = 100_000  # requests at most; fewer where the service allows fewer
    body_bytes: tuple = (1 << 10, 64 << 10, 1 << 20, 16 << 20)


class Run:
    """Collects rows and prints each as soon as it is there."""

    def __init__(self, options):
        self.options = options
        self.rows = []

    def add(self, row):
        if not self.rows:
            print(report.header(), flush=True)
        self.rows.append(row)
        print(report.line(row), flush=True)

    @contextlib.contextmanager
    def directory(self, name):
        """A directory for a figure's data, removed at its end."""
        self.options.out.mkdir(parents=True, exist_ok=True)
        path = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.options.out)).resolve()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
