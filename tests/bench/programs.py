# SPDX-License-Identifier: MIT
"""The C programs of the benchmarks as functions and context managers."""

import json
import os
import pathlib
import subprocess

from .errors import BenchError, require

DIRECTORY = pathlib.Path(os.environ.get("TASKQ_BENCH_PROGRAMS", "build/bench")).resolve()
LEAVE_S = 60  # beyond what a program was told to take
THREADS_MAX = 4
_threads = 1


def set_threads(count):
    """How many threads the load generator has from now on."""
    global _threads
    _threads = count


def run_json(name, *words, timeout):
    """Run a program of ours that prints one line of JSON."""
    command = [str(DIRECTORY / name), *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not end within {timeout:.0f} s: {' '.join(command)}") from None
    require(done.returncode == 0, f"{' '.join(command)}: exit status {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def start_json(name, *words):
    """Start a program of ours that prints one line of JSON when it ends."""
    return subprocess.Popen([str(DIRECTORY / name), *map(str, words)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def loadgen(mode, port, connections, seconds, *words, threads=None):
    """The load generator's figures; any wrong answer is an error.

    `threads` is by default that of the run (set_threads), and never more than there are connections.
    """
    warmup = min(0.3, seconds / 10)
    threads = min(threads or _threads, connections)
    found = run_json("loadgen", mode, "--port", port, "--connections", connections, "--seconds", seconds,
                     "--warmup", warmup, "--threads", threads, *words, timeout=seconds + LEAVE_S)
    require(found["errors"] == 0, f"loadgen {mode}, {connections} connections: {found['errors']} errors, "
                                  f"the first: {found['first_error']}")
    require(found["count"] > 0, f"loadgen {mode}, {connections} connections: nothing was answered")
    return found


class Hello:
    """The yardstick: libmicrohttpd's hello-world in the service's mode."""

    def __init__(self, body_bytes=0):
        self.words = [str(body_bytes)] if body_bytes else []
        self.process = None
        self.port = None

    def __enter__(self):
        self.process = subprocess.Popen([str(DIRECTORY / "hello"), *self.words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line.isdigit():
            self.__exit__()
            raise BenchError(f"hello-world did not start: {line!r}")
        self.port = int(line)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
