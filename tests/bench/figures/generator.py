# SPDX-License-Identifier: MIT
"""Is the load generator the bottleneck? Ours beside wrk, both on the hello-world, with their CPU.

Ours is not when it gets as much out of the server as wrk does, its threads have time to spare (a share
of the CPU below 1), and further threads do not get more: on cores that it shares with hundreds of the
server's threads, a single one is not scheduled often enough although it is not busy.
"""

import re
import resource
import subprocess

from ..errors import BenchError, require
from ..programs import Hello, loadgen
from ..ratio import alternate, row

GOAL = 0.9  # of wrk's rate
THREADS = (1, 2, 4)


def _children_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def wrk(port, connections, seconds, threads):
    """wrk takes whole seconds."""
    whole = max(1, round(seconds))
    before = _children_s()
    try:
        done = subprocess.run(
            ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{whole}s", f"http://127.0.0.1:{port}/"],
            capture_output=True, text=True, timeout=whole + 60, check=False)
    except FileNotFoundError:
        raise BenchError("wrk is not installed") from None
    rate = re.search(r"^Requests/sec:\s+([0-9.]+)$", done.stdout, re.M)
    require(done.returncode == 0 and rate and "Non-2xx" not in done.stdout, f"wrk: {done.stdout} {done.stderr}")
    return {"per_s": float(rate.group(1)), "cpu_share": (_children_s() - before) / whole / threads}


def measure(run, names):
    options = run.options
    for connections in options.connections:
        for threads in (count for count in THREADS if count <= connections):
            with Hello() as hello:
                place = (hello.port, connections, options.seconds)
                found = alternate(options.rounds, lambda: wrk(*place, threads),
                                  {"ours": lambda: loadgen("get", *place, threads=threads)})["ours"]
            for name in names:
                case = f"{connections} conn., {threads} thread{'s' if threads > 1 else ''}"
                run.add(row(name, case, "GETs/s", f"wrk -t {threads}", found, GOAL))
