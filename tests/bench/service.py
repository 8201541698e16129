# SPDX-License-Identifier: MIT
"""The service under measurement: counts that must agree, tasks to read."""

import contextlib
import datetime
import math
import shutil
import time

from lab.servers import Service
from lib.api import BATCH
from lib.database import opened
from lib.load import factorial_body, submit_many, wait_drained

from .errors import require
from .programs import loadgen, run_json

N_COUNT = 101  # n from 0 to 100, as existing load scripts send it
DRAIN_PATIENCE_S = 900
BATCH_MAX = 1000  # tasks in one request
FILLED_ROW_BYTES = 600  # of a finished task with its result and its places in the indexes

SETTINGS = {"queue_max": 10_000_000, "log_level": "warn"}


def counts(service):
    """Tasks by status, by the public view."""
    with opened(service.database) as database:
        return dict(database.execute("SELECT status, sum(count) FROM queue_stats GROUP BY status"))


@contextlib.contextmanager
def running(directory, **settings):
    """A service on its own data directory, with a queue that a figure cannot fill."""
    with Service(directory, **{**SETTINGS, **settings}) as service:
        yield service


def finished_tasks(service, path, count=1000):
    """Submit factorials, wait until they are finished, check their results; write ids with sizes to `path`."""
    ids = submit_many(service.address, [factorial_body(i % N_COUNT) for i in range(count)])
    wait_drained(service, DRAIN_PATIENCE_S)
    require(len(set(ids)) == count, "an id was given twice")
    digits = [str(math.factorial(n)) for n in range(N_COUNT)]
    with service.client() as client:
        for i in range(min(count, N_COUNT)):
            answer = client.raw_result(ids[i])
            require(answer.status == 200 and answer.body.decode() == digits[i], f"{i}! is wrong: {answer}")
    path.write_text("".join(f"{ids[i]} {len(digits[i % N_COUNT])}\n" for i in range(count)))
    return path


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")


def held(client, times):
    """Submit a factorial for each of these times; returns the ids in their order."""
    ids = []
    for start in range(0, len(times), BATCH_MAX):
        tasks = [{"type": "factorial", "args": {"n": 100}, "run_at": instant(when)}
                 for when in times[start:start + BATCH_MAX]]
        answer = client.post({"tasks": tasks}, path=BATCH)
        require(answer.status == 202, f"a batch of {len(tasks)} held tasks: {answer}")
        ids += answer.json["ids"]
    return ids


def measured(service, mode, connections, seconds, *words):
    """Load on the service, with the CPU that it took (1 is one core)."""
    cpu, began = service.daemon.cpu_seconds(), time.monotonic()
    found = loadgen(mode, service.address[1], connections, seconds, *words)
    found["service_cpu"] = (service.daemon.cpu_seconds() - cpu) / (time.monotonic() - began)
    return found


def submitting(service, mode, connections, seconds, *words):
    """Load that submits; returns when every task has been executed, and all of them are accounted for."""
    before = counts(service)
    began = time.monotonic()
    found = measured(service, mode, connections, seconds, *words)
    wait_drained(service, DRAIN_PATIENCE_S)
    took = time.monotonic() - began
    after = counts(service)
    grown = {status: after[status] - before.get(status, 0) for status in after}
    succeeded = grown.pop("SUCCEEDED", 0)
    require(succeeded == found["submitted"] and not any(grown.values()),
            f"{mode}, {connections} connections: {found['submitted']} accepted, {succeeded} succeeded, "
            f"others grew by {grown}")
    found["executed_per_s"] = succeeded / took
    return found


def fill(directory, finished, ids=None, sample=0, scheduled=0, queued_factorials=0, queued_fetches=0, url=None,
         in_files=0):
    """A data directory with history and a queue, as a service would have left it (fill.c)."""
    words = ["--finished", finished, "--in-files", in_files, "--scheduled", scheduled,
             "--queued-factorials", queued_factorials]
    if ids:
        words += ["--ids", ids, "--sample", sample]
    if queued_fetches:
        words += ["--queued-fetches", queued_fetches, "--url", url]
    free = shutil.disk_usage(directory).free
    needed = (finished + in_files + scheduled + queued_factorials + queued_fetches) * FILLED_ROW_BYTES * 2 + (1 << 30)
    require(free > needed, f"{finished} tasks need {needed >> 20} MiB of free disk, found {free >> 20} MiB")
    found = run_json("fill", *words, directory / "data", timeout=60 + (finished + scheduled) / 20_000 + in_files / 2_000)
    require(found == {"finished": finished, "scheduled": scheduled, "queued": queued_factorials + queued_fetches},
            f"filled {found}")


@contextlib.contextmanager
def filled(directory, finished, sample, scheduled=0, **settings):
    """A service with a history, and tasks that wait for a day a year off; yields it and the file of ids drawn from
    that history."""
    directory.mkdir()
    ids = directory / "ids"
    fill(directory, finished, ids, sample, scheduled=scheduled)
    with running(directory, **settings) as service:
        found = counts(service)
        require((found.get("SUCCEEDED", 0), found.get("SCHEDULED", 0)) == (finished, scheduled),
                f"filled with {finished} finished and {scheduled} scheduled tasks, the service counts {found}")
        yield service, ids
