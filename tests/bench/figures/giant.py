# SPDX-License-Identifier: MIT
"""What others feel of a giant factorial, and what it takes itself.

Clients poll, submit, fetch and compute at a slow pace, alone and beside one giant after the other, in
turns; the pause between two operations is the same, so that each row says what one of them waits. Then a
giant is submitted, watched, read and checked; and others are cancelled half-way.
"""

import itertools
import statistics
import threading
import time

from lab.servers import ORIGIN_NETWORK, Nginx
from lib.api import SUBMISSIONS
from lib.bigint import assert_factorial

from .. import service as under_test
from ..errors import BenchError, require
from ..ratio import plain_row

PAUSE_S = 0.005
SMALL_N = 1000  # of another task in the same lane: it takes an executor for some 50 us
CANCELS = 5
CANCEL_TRIES = 20
PROGRESS_N = 1_000_000  # from there on a poll every PAUSE_S sees at least so many steps
PROGRESS_STEPS = 3
CANCEL_GOAL_MS = 100
WAIT = "?wait=60"


def done(client, task_id):
    answer = client.get(f"{SUBMISSIONS}/{task_id}{WAIT}").json
    require(answer["status"] == "SUCCEEDED", f"a task ended as {answer}")
    return answer


def operations(client, poll_id, url):
    """Each a function that takes what one client waits for one operation."""
    return {
        "status": lambda: client.status(poll_id),
        "submit": lambda: client.factorial(50),
        "fetch, to its end": lambda: done(client, client.fetch(url)),
        f"{SMALL_N}!, to its end": lambda: done(client, client.factorial(SMALL_N)),
    }


def waits(service, seconds, url):
    """Milliseconds that operations took, by name; all of them in turns, one client."""
    with service.client() as client:
        named = operations(client, client.factorial(3), url)
        found = {name: [] for name in named}
        ends = time.monotonic() + seconds
        for name, operation in itertools.cycle(named.items()):
            began = time.monotonic()
            if began >= ends and all(len(values) > 1 for values in found.values()):
                return found
            operation()
            found[name].append((time.monotonic() - began) * 1000)
            time.sleep(PAUSE_S)


class Giants:
    """One giant after the other, as long as the block lasts."""

    def __init__(self, service, n):
        self.service, self.n, self.count, self.error = service, n, 0, None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with self.service.client() as client:
                while not self._ends.is_set():
                    done(client, client.factorial(self.n))
                    self.count += 1
        except Exception as error:  # pylint: disable=broad-except  # told by whoever waits for it
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        require(self.error is None, f"a giant failed: {self.error}")


def places(values):
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": hundredths[49] * 1000, "p95": hundredths[94] * 1000, "p99": hundredths[98] * 1000}


def memory_mib(service):
    with open(f"/proc/{service.daemon.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def followed(service, n):
    """Submit a giant, poll it to its end, read and check it. Seconds until it had succeeded, and until it was read."""
    seen = [0]
    with service.client() as client:
        began = time.monotonic()
        task_id = client.factorial(n)
        while seen[-1] < 1:
            answer = client.get(f"{SUBMISSIONS}/{task_id}").json
            seen.append(answer.get("progress", 0))
            time.sleep(PAUSE_S)
        ended = time.monotonic()
        require(seen == sorted(seen), "progress fell")
        require(n < PROGRESS_N or len(set(seen)) > PROGRESS_STEPS, f"progress was only {set(seen)}")
        digits = client.raw_result(task_id).body
        read = time.monotonic()
    assert_factorial(digits, n)
    return ended - began, read - ended


def cancelled_ms(service, n, after_s):
    """From the cancel of a giant that runs to its end as a client sees it. One that was faster is no measurement: the
    next is cancelled sooner."""
    for _ in range(CANCEL_TRIES):
        found = cancelled_once_ms(service, n, after_s)
        if found is not None:
            return found
        after_s = after_s / 2 if after_s > 0.001 else 0
    raise BenchError(f"{n:,}! was always done before its cancel")


def cancelled_once_ms(service, n, after_s):
    """None where it was done before."""
    with service.client() as client:
        task_id = client.factorial(n)
        time.sleep(after_s)
        began = time.monotonic()
        answer = client.delete(f"/tasks/{task_id}")
        if answer.status == 409:  # it was faster
            return None
        require(answer.status in (200, 202), f"a cancel was answered with {answer}")
        status = client.get(f"{SUBMISSIONS}/{task_id}{WAIT}").json["status"]
        require(status in ("FAILED", "REJECTED"), f"a cancelled task is {status}")
        return (time.monotonic() - began) * 1000


def measure(run, names):
    options = run.options
    n = options.factorial_max
    with run.directory("giant") as directory, Nginx(directory / "nginx") as nginx, \
            under_test.running(directory / "service", fetch_allow=ORIGIN_NETWORK) as service:
        url = f"{nginx.url}/small.html"
        under_test.finished_tasks(service, directory / "ids")
        alone, beside = [], []
        for _ in range(options.rounds):
            alone.append(waits(service, options.seconds, url))
            with Giants(service, n) as giants:
                beside.append(waits(service, options.seconds, url))
            require(giants.count > 0, "no giant was computed")
        before_mib = memory_mib(service)
        took_s, read_s = followed(service, n)
        cancels = [cancelled_ms(service, n, took_s * (i + 1) / (CANCELS + 1)) for i in range(CANCELS)]
        kept_mib = memory_mib(service) - before_mib
    for name in names:
        for what in alone[0]:
            for how, rounds in (("alone", alone), ("beside giants", beside)):
                every = [value for each in rounds for value in each[what]]
                run.add(plain_row(name, f"{what}, {how}", "ms p99", [places(each[what])["p99"] / 1000 for each in rounds],
                                  latency_us=places(every)))
        run.add(plain_row(name, f"{n:,}!, until it is done", "s", [took_s]))
        run.add(plain_row(name, f"{n:,}!, reading it", "s", [read_s]))
        run.add(plain_row(name, "cancel, the slowest", "ms", [max(cancels)], CANCEL_GOAL_MS, cancels_ms=cancels))
        run.add(plain_row(name, "memory kept afterwards", "MiB", [max(kept_mib, 0.001)]))
