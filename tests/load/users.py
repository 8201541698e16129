# SPDX-License-Identifier: MIT
"""The users: that of the report, and the faster clients of today.

Every fault is counted once, at the request that shows it: a wrong status or shape at that request, a
wrong factorial at the request for the result, a task that FAILED or never ended at the task.
"""

import json
import random
import re
import time

import gevent
from locust import User, task
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from answers import FACTORIAL, FETCH, FINAL, Wrong, check_result, check_status, check_submitted
from client import Broken, Client
from samples import TASK, Seconds

SUBMISSIONS = "/tasks/submissions"
RANGE = re.compile(r"\{([0-9]+)-([0-9]+)\}")
# Codes of failures that lie with the origin, not with the service.
ORIGIN_CODES = frozenset(
    "connect tls timeout connection_lost protocol too_many_redirects body_too_large headers_too_large "
    "http_status dns".split()
)
# After a refused or failed submission a client without a wait of its own pauses this long, so that it
# does not spin.
REFUSED_PAUSE_S = 0.1

samples = Seconds()


def expand(url):
    """{0-99} in a URL stands for a random number from 0 to 99."""
    return RANGE.sub(lambda match: str(random.randint(int(match[1]), int(match[2]))), url)


class TaskUser(User):
    """What all users share: one request, one task, and how they are counted."""

    abstract = True

    def __init__(self, environment):
        super().__init__(environment)
        self.options = environment.parsed_options
        self.http = Client(self.host)

    def wait_time(self):
        return self.options.task_wait

    def on_start(self):
        # Users that start within a second would otherwise stay in step with each other for ever.
        gevent.sleep(random.uniform(0, self.wait_time()))

    def on_stop(self):
        self.http.close()

    # One request --------------------------------------------------------------------------

    def call(self, method, name, target, check, body=None):
        """One request, checked and counted; None when it failed."""
        fault = value = None
        size = 0
        began = time.perf_counter()
        try:
            answer = self.http.get(target) if body is None else self.http.post_json(target, body)
            ms = (time.perf_counter() - began) * 1000
            size = len(answer.body)
            value = check(answer)
        except Broken as error:
            ms = (time.perf_counter() - began) * 1000
            fault = error
        except Wrong as error:
            fault = error
        samples.add(method, name, ms, fault)
        self.environment.events.request.fire(
            request_type=method, name=name, response_time=ms, response_length=size,
            response=None, context=None, exception=fault,
        )
        return None if fault else value

    # One task -----------------------------------------------------------------------------

    def submit(self, kind, argument):
        args = {"n": str(argument)} if kind == FACTORIAL else {"url": argument}
        body = json.dumps({"type": kind, "args": args}).encode()
        return self.call("POST", f"submit {kind}", SUBMISSIONS, check_submitted, body)

    def status(self, task_id, query="", name="status"):
        target = f"{SUBMISSIONS}/{task_id}{query}"
        return self.call("GET", name, target, lambda answer: check_status(answer, task_id))

    def result(self, task_id, kind, argument, query="", name=None):
        return self.call(
            "GET", name or f"result {kind}", f"/tasks/{task_id}{query}",
            lambda answer: check_result(answer, task_id, kind, argument),
        )

    def poll_interval(self):
        return self.options.poll_interval

    def complete(self, task_id, kind, argument):
        """Poll until the task has ended, then read the result once.

        Returns when its completion was seen, and its result answer; either is None for want of it.
        """
        deadline = time.perf_counter() + self.options.poll_limit
        while True:
            word = self.status(task_id)
            if word is None:
                return None, None
            seen = time.perf_counter()
            if word in FINAL:
                return seen, self.result(task_id, kind, argument)
            if seen >= deadline:
                self.count_task(kind, (seen - self.began) * 1000, "polling never ended")
                return None, None
            gevent.sleep(self.poll_interval())

    def count_task(self, kind, ms, fault=None, expected=None):
        """Into Locust's table as a row of its own that stays out of its Aggregated row."""
        name = f"task {kind}" if expected is None else f"task {kind} {expected}"
        samples.add(TASK, name, ms, fault)
        stats = self.environment.stats
        stats.get(name, TASK).log(ms, 0)
        if fault:
            stats.log_error(TASK, name, fault)

    def run_task(self, kind, argument):
        self.began = time.perf_counter()
        task_id = self.submit(kind, argument)
        if task_id is None:
            if self.wait_time() < REFUSED_PAUSE_S:
                gevent.sleep(REFUSED_PAUSE_S)
            return
        seen, answer = self.complete(task_id, kind, argument)
        if answer is None:
            return
        ms = (seen - self.began) * 1000
        if answer["status"] == "SUCCEEDED":
            self.count_task(kind, ms)
            return
        code = answer["result"].get("code")
        if self.options.expect_failures and kind == FETCH and code in ORIGIN_CODES:
            self.count_task(kind, ms, expected="FAILED as expected")
        else:
            self.count_task(kind, ms, fault=f"{answer['status']}: {code}")

    def run_fetch(self):
        self.run_task(FETCH, expand(random.choice(self.options.fetch_urls)))

    def run_factorial(self):
        self.run_task(FACTORIAL, random.randint(0, self.options.factorial_max))


class ReportUser(TaskUser):
    """The user of the report: five fetches to one factorial, polls every second, then waits 5 s.

    It polls at once after submitting and then every second. That fits the report's own figures: 14
    requests/s of 20 users are 0.7 a second each, between three requests in 5 s (the first poll sees
    the end) and four in 6 s (the second does); without the poll at once there were three in 6 s.
    """

    @task(5)
    def fetch(self):
        self.run_fetch()

    @task(1)
    def factorial(self):
        self.run_factorial()


class FactorialUser(TaskUser):
    @task
    def factorial(self):
        self.run_factorial()


class FetchUser(TaskUser):
    @task
    def fetch(self):
        self.run_fetch()


class HastyUser(ReportUser):
    """No wait between tasks, and a short one between polls."""

    def wait_time(self):
        return 0

    def on_start(self):
        gevent.sleep(random.uniform(0, 1))

    def poll_interval(self):
        return self.options.hasty_poll_ms / 1000

    def stop(self, force=False):
        """End after the task. Locust kills a user that waits; one whose wait is nothing may by then be within
        its next request, and a submission that is stored would never be counted."""
        if not force and self._state == LOCUST_STATE_WAITING:
            self._state = LOCUST_STATE_STOPPING
            return False
        return super().stop(force)


class WaitingUser(HastyUser):
    """Lets the service tell when the task has ended: ?wait= on the status, or on the result itself."""

    def complete(self, task_id, kind, argument):
        seconds = self.options.wait_seconds
        deadline = time.perf_counter() + self.options.poll_limit
        on_result = random.random() < 0.5
        while True:
            if on_result:
                answer = self.wait_result(task_id, kind, argument, seconds)
                if answer is None:
                    return None, None
                if answer["status"] in FINAL:
                    return time.perf_counter(), answer
            else:
                word = self.status(task_id, f"?wait={seconds}", f"wait status {kind}")
                if word is None:
                    return None, None
                if word in FINAL:
                    return time.perf_counter(), self.result(task_id, kind, argument)
            seen = time.perf_counter()
            if seen >= deadline:
                self.count_task(kind, (seen - self.began) * 1000, "waiting never ended")
                return None, None

    def wait_result(self, task_id, kind, argument, seconds):
        """The result answer, or one with the status RUNNING when the time was over first."""

        def check(answer):
            if answer.status == 400 and b"not-completed" in answer.body:
                return {"status": "RUNNING"}
            return check_result(answer, task_id, kind, argument)

        return self.call("GET", f"wait result {kind}", f"/tasks/{task_id}?wait={seconds}", check)


CLASSES = {
    each.__name__: each for each in (ReportUser, FactorialUser, FetchUser, HastyUser, WaitingUser)
}
