# SPDX-License-Identifier: MIT
"""Waiting for conditions. No suite sleeps for a guessed time: it waits for what it needs."""

import time

# A bound for a thing that must happen, generous on purpose: it only decides how long a broken
# run takes, never whether a slow machine passes.
PATIENCE_S = 60.0


class Timeout(AssertionError):
    """A condition did not become true within its bound."""


def wait_until(predicate, timeout=PATIENCE_S, what=None, pause_s=0.01):
    """Call predicate until it returns something true, and return that.

    The pause grows to a quarter of a second, so that long waits leave the machine to the daemon.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Timeout(f"not within {timeout:.0f} s: {what or predicate}; last value {value!r}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.25)
