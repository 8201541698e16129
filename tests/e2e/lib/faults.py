# SPDX-License-Identifier: MIT
"""Faults from outside: a file system that fills up, system calls that fail."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from .daemon import end_tracer
from .wait import wait_until

EXIT_STORE_DIED = 74

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount or to trace")
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def fill(directory, leave=0):
    """Ballast until only `leave` bytes are free."""
    ballast = directory / "ballast"
    with open(ballast, "ab") as file:
        with contextlib.suppress(OSError):
            while True:
                free = os.statvfs(directory)
                free = free.f_bavail * free.f_frsize - leave
                if free <= 0:
                    break
                file.write(b"\0" * min(free, 1 << 20))
                file.flush()
    return ballast


@contextlib.contextmanager
def injected(daemon, what):
    """Faults in the system calls of a running daemon, from now until it ends."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", "/dev/null", "-e", "trace=" + what.split(":")[0], "-e", f"inject={what}", "-p", str(daemon.pid)],
        stderr=subprocess.PIPE)
    try:
        seen = b""
        while b"attached" not in seen:
            piece = os.read(tracer.stderr.fileno(), 4096)
            if not piece:
                pytest.skip(f"strace cannot attach: {seen.decode()}")
            seen += piece
        # Every thread must be attached before the first fault is due.
        wait_until(lambda: all(
            re.search(r"^TracerPid:\s+[1-9]", pathlib.Path(f"/proc/{daemon.pid}/task/{task}/status").read_text(), re.M)
            for task in os.listdir(f"/proc/{daemon.pid}/task")), what="every thread is traced")
        yield
    finally:
        end_tracer(tracer)
