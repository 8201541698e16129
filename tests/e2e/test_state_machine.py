# SPDX-License-Identifier: MIT
"""Clients that do anything in any order, and a service that is killed meanwhile, against a model of the contract.

The seed is printed. TASKQ_WALK_STEPS and TASKQ_WALK_SEED make it longer, or the same again:

    TASKQ_WALK_STEPS=200000 TASKQ_WALK_SEED=7 ./run -q test_state_machine.py
"""

import datetime
import http.client
import os
import random
import socket

import pytest

from lib.api import FINAL, SUBMISSIONS
from lib.database import history, integrity, opened
from lib.events import Stream, check_order
from lib.model import Broken, Task
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

STEPS = int(os.environ.get("TASKQ_WALK_STEPS", "1500"))
SEED = int(os.environ.get("TASKQ_WALK_SEED", random.SystemRandom().randrange(2**32)))
UNFINISHED_MAX = 60  # so that tasks end while the walk goes on


def unavailable(chance):
    def answer(received):
        if b"/slow" in received:
            return b""  # the gate is open; it never answers in time: see the time limit below
        if b"/flaky" in received and chance.random() < 0.6:
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"
        return ok_answer(b"flaky" if b"/flaky" in received else b"good")
    return answer


class Walk:
    def __init__(self, daemon, chance, origin, silent):
        self.daemon, self.chance, self.origin, self.silent = daemon, chance, origin, silent
        self.tasks = []
        self.open = []  # not known to be final
        self.lost_submissions = 0
        self.done = dict.fromkeys(
            ("submit", "batch", "status", "result", "wait", "follow", "cancel", "retry", "kill", "terminate"), 0)
        self.client = daemon.client()

    # Steps -----------------------------------------------------------------------------------------

    def anything(self):
        step = self.chance.choices(
            [self.submit, self.batch, self.status, self.result, self.wait, self.follow, self.cancel, self.retry, self.kill,
             self.terminate],
            [30, 2, 40, 20, 3, 3, 12, 8, 0.4, 0.15])[0]
        if step in (self.submit, self.batch, self.retry) and len(self.open) > UNFINISHED_MAX:
            step = self.wait
        if step in (self.status, self.result, self.wait, self.follow, self.cancel, self.retry) and not self.tasks:
            step = self.submit
        self.done[step.__name__] += 1
        step()

    def new(self):
        """A submission, and what the model has to know of it."""
        chance = self.chance
        terms = {}
        if chance.random() < 0.3:
            terms["priority"] = chance.randrange(10)
        if chance.random() < 0.25:
            terms["delay_ms"] = chance.choice((0, 10, 100, 400))
        if chance.random() < 0.15:
            terms["ttl_ms"] = terms.get("delay_ms", 0) + chance.choice((1, 20, 200, 5000))
        if chance.random() < 0.4:
            terms["retry"] = {"max_attempts": chance.choice((1, 2, 3, 5)), "backoff_ms": chance.choice((0, 10, 50)),
                              "max_backoff_ms": 100}
        if chance.random() < 0.55:
            value = chance.choice((0, 5, 100, 200, 201, 500, 3000, 20000))
            return "factorial", value, {"n": value}, terms
        value = chance.choice(("good", "good", "flaky", "gone", "slow"))
        port = {"gone": self.silent["gone"], "slow": self.silent["slow"]}.get(value, self.origin.port)
        if value == "slow":
            terms["timeout_ms"] = chance.choice((20, 150))
        return "http-fetch", value, {"url": f"http://127.0.0.1:{port}/{value}"}, terms

    def know(self, task_id, made, retry_of=None):
        kind, value, _, terms = made
        task = Task(task_id, kind, value, terms, datetime.datetime.now(datetime.timezone.utc), retry_of)
        self.tasks.append(task)
        self.open.append(task)

    def submit(self):
        made = self.new()
        self.know(self.client.submit(made[0], made[2], **made[3]), made)

    def batch(self):
        many = [self.new() for _ in range(self.chance.randrange(1, 20))]
        response = self.client.post({"tasks": [{"type": kind, "args": args, **terms} for kind, _, args, terms in many]},
                                    path=f"{SUBMISSIONS}/batch")
        assert response.status == 202, response
        for task_id, made in zip(response.json["ids"], many, strict=True):
            self.know(task_id, made)

    def some(self):
        """A task, most often one that has not ended as far as is known."""
        if self.open and self.chance.random() < 0.8:
            return self.chance.choice(self.open)
        return self.chance.choice(self.tasks)

    def settle(self, task):
        if task.final is not None and task in self.open:
            self.open.remove(task)

    def status(self, task=None):
        task = task or self.some()
        response = self.client.get(f"{SUBMISSIONS}/{task.id}")
        task.require(response.status == 200, f"{response}")
        task.told_status(response.json)
        self.settle(task)

    def result(self, task=None):
        task = task or self.some()
        response = self.client.get(f"/tasks/{task.id}")
        if response.status == 400:
            task.require(task.final is None, f"the result of what has ended is not there: {response}")
            return
        task.require(response.status == 200, f"{response}")
        task.told_result(response.json)
        self.settle(task)

    def wait(self):
        task = self.some()
        response = self.client.get(f"/tasks/{task.id}?wait={self.chance.choice((0, 1))}")
        if response.status == 200:
            task.told_result(response.json)
            self.settle(task)

    def follow(self):
        """To the end, or for an event."""
        task = self.some()
        goes_on = self.chance.random() < 0.3
        with Stream(self.daemon.address, task.id) as stream:
            seen = [stream.next()]
            task.told_status(seen[0].data)
            while goes_on and (event := stream.next()) is not None:
                seen.append(event)
                task.told_status(event.data)
        check_order(seen)
        task.require(not goes_on or task.final is not None, f"the stream ended before the task: {seen[-1]}")
        self.settle(task)

    def cancel(self):
        task = self.some()
        task.told_cancel(self.client.delete(f"/tasks/{task.id}"))
        self.settle(task)

    def retry(self):
        """Of those that have ended, for the most part; chains come of themselves."""
        ended = [task for task in self.tasks if task.final in ("FAILED", "REJECTED")]
        task = self.chance.choice(ended) if ended and self.chance.random() < 0.7 else self.some()
        response = self.client.request("POST", f"/tasks/{task.id}/retry", headers={"Content-Type": "application/json"})
        if task.told_retry(response):
            # Its delay may be over; its end may lie ahead.
            terms = {name: term for name, term in task.terms.items() if name != "delay_ms"}
            self.know(response.json["id"], (task.kind, task.value, None, terms), task.id)

    def kill(self):
        """Sometimes with a cancel or a submission on its way, of which nobody can know what came."""
        way = self.chance.random()
        if way < 0.5:
            connection = http.client.HTTPConnection(*self.daemon.address, timeout=30)
            try:
                if way < 0.25 and self.open:
                    task = self.chance.choice(self.open)
                    task.cancel_was_lost()
                    connection.request("DELETE", f"/tasks/{task.id}")
                else:
                    self.lost_submissions += 1
                    connection.request("POST", SUBMISSIONS, b'{"type":"factorial","args":{"n":"3"}}',
                                       {"Content-Type": "application/json"})
            finally:
                self.daemon.kill9()
                connection.close()
        else:
            self.daemon.kill9()
        self.begin_again()

    def terminate(self):
        assert self.daemon.terminate() == 0
        self.begin_again()

    def begin_again(self):
        self.client.close()
        for task in self.open:
            task.service_went_down()
        self.daemon.restart()
        self.client = self.daemon.client()

    # The end -----------------------------------------------------------------------------------------

    def end(self):
        for task in self.tasks:
            self.client.wait_final(task.id)
        for task in self.tasks:
            self.status(task)
            self.result(task)
            self.result(task)  # from memory, or from the store
        stats = self.client.get("/stats").json
        assert stats["tasks"]["QUEUED"] == stats["tasks"]["RUNNING"] == 0, stats
        for lane in stats["lanes"].values():
            assert lane["queued"] == lane["scheduled"] == lane["running"] == 0, stats
        assert self.daemon.terminate() == 0
        assert integrity(self.daemon.database) == ["ok"]
        found = history(self.daemon.database)
        for task in self.tasks:
            task.require(found.get(task.id) == task.final, "the database has another end, or no such task")
        more = len(found) - len(self.tasks)
        assert 0 <= more <= self.lost_submissions, f"{more} tasks that nobody knows of"
        with opened(self.daemon.database) as database:
            too_many = database.execute("SELECT id FROM task_history WHERE attempts > max_attempts").fetchall()
            double = database.execute("SELECT id, attempt FROM task_attempts GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
            names = dict(database.execute("SELECT id, retry_of FROM task_history"))
        assert too_many == double == []
        for task in self.tasks:
            task.require(names[task.id] == task.retry_of, "the database names another task")


@pytest.mark.timeout(max(300, STEPS))
def test_a_walk(make_daemon, record_property):
    chance = random.Random(SEED)
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=8, retry_backoff_ms=10, retry_backoff_max_ms=50,
                         recent_tasks=16, drain_timeout_ms=50)
    with socket.create_server(("127.0.0.1", 0)) as server:
        gone = server.getsockname()[1]
    with ScriptedOrigin(unavailable(random.Random(SEED + 1))) as origin, \
            ScriptedOrigin(b"", hold=True) as slow:
        walk = Walk(daemon, chance, origin, {"gone": gone, "slow": slow.port})
        step = 0
        try:
            for step in range(STEPS):
                walk.anything()
            for name, count in walk.done.items():
                if count == 0:  # chance has left it out
                    walk.done[name] += 1
                    getattr(walk, name)()
            walk.end()
        except (Broken, AssertionError) as error:
            raise AssertionError(f"seed {SEED}, step {step}: {error}") from error
    counts = {word: sum(task.final == word for task in walk.tasks) for word in FINAL}
    record_property("figure", f"walk: seed {SEED}, {STEPS} steps, {walk.done}, {len(walk.tasks)} tasks: {counts}")
    wait_until(lambda: not daemon.is_running())
