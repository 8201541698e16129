# SPDX-License-Identifier: MIT
"""Is the load generator the bottleneck? Ours beside wrk, both on the hello-world, with their CPU.

Ours is not when it gets as much out of the server as wrk does, and its thread has time to spare: a
share of the CPU below 1. Two threads of ours show whether one is enough.
"""

import re
import resource
import subprocess

from ..errors import BenchError, require
from ..programs import Hello, loadgen
from ..ratio import alternate, row

GOAL = 0.9  # of wrk's rate


def _children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def wrk(port, connections, seconds):
    """wrk takes whole seconds."""
    whole = max(1, round(seconds))
    before = _children_s()
    try:
        done = subprocess.run(
            ["wrk", "-t", "1", "-c", str(connections), "-d", f"{whole}s", f"http://127.0.0.1:{port}/"],
            capture_output=True, text=True, timeout=whole + 60, check=False)
    except FileNotFoundError:
        raise BenchError("wrk is not installed") from None
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)$", done.stdout, re.M)
    require(done.returncode == 0 and rate and "Non-2xx" not in done.stdout, f"wrk: {done.stdout} {done.stderr}")
    return {"per_s": float(rate.group(1)), "cpu_share": (_children_s() - before) / whole}


def measure(run, names):
    options = run.options
    for connections in options.connections:
        with Hello() as hello:
            def ours(threads, count=connections):
                return loadgen("get", hello.port, count, options.seconds, "--threads", threads)

            figures = {"1 thread": lambda: ours(1)}
            if connections > 1:
                figures["2 threads"] = lambda: ours(2)
            found = alternate(options.rounds, lambda: wrk(hello.port, connections, options.seconds), figures)
        for name in names:
            for threads, rounds in found.items():
                goal = GOAL if threads == "1 thread" else None
                run.add(row(name, f"{connections} conn., {threads}", "GETs/s", "wrk", rounds, goal))
