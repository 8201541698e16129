# SPDX-License-Identifier: MIT
"""Hosts that are slow or want to be left alone: nobody else waits for them, and nobody hammers them."""

import email.utils
import json
import signal
import threading
import time

import pytest

from lib.api import BATCH, SUBMISSIONS, check_problem
from lib.database import opened
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

LOOPBACK = ["127.0.0.0/8"]


def fetch(url, **terms):
    return {"type": "http-fetch", "args": {"url": url}, **terms}


def submit(client, tasks):
    """Ids of a batch."""
    response = client.post({"tasks": tasks}, BATCH)
    assert response.status == 202, response
    return response.json["ids"]


def stats(client):
    return client.get("/stats").json


def lane(client):
    return stats(client)["lanes"]["io"]


def attempts(daemon):
    """How many attempts all tasks have made."""
    with opened(daemon.database) as database:
        return database.execute("SELECT sum(attempts) FROM task_history").fetchone()[0]


def answer(status, more="", body=b"no"):
    return (f"HTTP/1.1 {status} Some Reason\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{more}"
            "Connection: close\r\n\r\n").encode() + body


class Angry:
    """An origin's answer: 429 with Retry-After while it is angry, and 200 from then on.

    `retry_after` may be a function, which is asked for each answer.
    """

    def __init__(self, retry_after="1", status=429):
        self.retry_after = retry_after
        self.status = status
        self.calm = False
        self.refused = 0

    def __call__(self, _):
        if self.calm:
            return ok_answer(b"calm")
        self.refused += 1
        retry_after = self.retry_after() if callable(self.retry_after) else self.retry_after
        return answer(self.status, f"Retry-After: {retry_after}\r\n")


@pytest.fixture
def other():
    with ScriptedOrigin(ok_answer(b"other")) as origin:
        yield origin


def check_other(client, other, count=5):
    """Fetches of another host: submitted now, done now."""
    ids = [client.fetch(other.url()) for _ in range(count)]
    assert all(client.result(task_id)["result"] == "other" for task_id in ids)


class TestSlow:
    def test_a_thousand_tasks_for_a_host_that_hangs_delay_no_other(self, make_daemon, held, other):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=32, fetch_per_host_max=8)
        with daemon.client() as client:
            ids = submit(client, [fetch(held.url())] * 1000)
            late = client.fetch(other.url())
            assert client.result(late)["result"] == "other"
            wait_until(lambda: lane(client)["deferred"] == 992)
            assert held.running == held.running_peak == 8 and len(held.requests) == 8
            check_other(client, other)
            found = lane(client)
            assert (found["queued"], found["deferred"], found["running"]) == (0, 992, 8)
            assert stats(client)["hosts"]["deferring"] == 1
            # Who waits has not been started.
            status = client.get(f"{SUBMISSIONS}/{ids[-1]}").json
            assert (status["status"], status["attempts"], status["started_at"]) == ("QUEUED", 0, None)
            # It is not done again and again.
            before = stats(client)
            check_other(client, other, 20)
            after = stats(client)
            assert after["hosts"]["deferrals"] == before["hosts"]["deferrals"] == 992
            held.release()
            for task_id in ids:
                assert client.result(task_id)["status"] == "SUCCEEDED"
            assert held.running_peak == 8 and len(held.requests) == 1000
            assert stats(client)["hosts"]["deferring"] == 0
        assert attempts(daemon) == 1000 + 1 + 5 + 20

    @pytest.mark.parametrize("most, places", [(9, 2), (2, 1)])
    def test_a_host_has_a_quarter_of_the_places_where_nothing_is_set(self, make_daemon, held, other, most, places):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=most)
        with daemon.client() as client:
            submit(client, [fetch(held.url())] * 20)
            check_other(client, other)
            wait_until(lambda: lane(client)["deferred"] == 20 - places)
            assert held.running == held.running_peak == places
            held.release()

    def test_its_tasks_keep_their_order_and_nobody_overtakes(self, make_daemon, held, other):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=4, fetch_per_host_max=1)
        with daemon.client() as client:
            first = [(5, n) for n in range(10)] + [(9, 10), (0, 11)]
            submit(client, [fetch(held.url(f"/{n}"), priority=priority) for priority, n in first])
            wait_until(lambda: lane(client)["deferred"] == 11 and held.running == 1)
            later = [(5, 12), (0, 13)]
            ids = [client.submit("http-fetch", {"url": held.url(f"/{n}")}, priority=priority) for priority, n in later]
            wait_until(lambda: lane(client)["deferred"] == 13)
            held.release()
            for task_id in ids:
                client.wait_final(task_id)
            wait_until(lambda: stats(client)["tasks"]["SUCCEEDED"] == 14)
        order = [int(request.split()[1][1:]) for request in held.requests]
        # The one that was under way when the others came, then by priority and age.
        expected = [n for _, n in sorted(first + later, key=lambda pair: (pair[0], pair[1]))]
        expected.remove(order[0])
        assert order[1:] == expected

    def test_its_time_limit_and_attempts_are_not_touched_by_waiting(self, make_daemon, held, other):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=8, fetch_per_host_max=1)
        with daemon.client() as client:
            first = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            ids = submit(client, [fetch(held.url(), timeout_ms=1500, retry={"max_attempts": 1})] * 3)
            wait_until(lambda: lane(client)["deferred"] == 3)
            threading.Event().wait(1.6)  # longer than they may take
            held.release()
            for task_id in [first, *ids]:
                assert client.result(task_id)["result"] == "held"
        assert attempts(daemon) == 4

    def test_what_waits_can_be_cancelled_expires_and_is_waited_for(self, make_daemon, held, other):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=8, fetch_per_host_max=1)
        with daemon.client() as client:
            client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            cancelled, expired, waiting = submit(client, [fetch(held.url()), fetch(held.url(), ttl_ms=1500), fetch(held.url())])
            wait_until(lambda: lane(client)["deferred"] == 3)
            assert client.delete(f"/tasks/{cancelled}").status == 200
            assert client.status(cancelled) == "REJECTED"
            assert client.result(expired)["result"]["code"] == "expired"
            assert lane(client)["deferred"] == 1
            held.release()
            assert client.get(f"/tasks/{waiting}?wait=60").json["result"] == "held"
            assert len(held.requests) == 2

    def test_hosts_are_told_apart_by_port(self, make_daemon, held, other):
        """The other origin has the same address."""
        assert held.host == other.host
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=4, fetch_per_host_max=1)
        with daemon.client() as client:
            submit(client, [fetch(held.url())] * 20)
            check_other(client, other)
        held.release()

    @pytest.mark.parametrize("end", ["kill -9", "SIGTERM"])
    def test_a_restart_loses_nothing_and_costs_no_attempt(self, make_daemon, held, other, end):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=16, fetch_per_host_max=2, drain_timeout_ms=0)
        with daemon.client() as client:
            ids = submit(client, [fetch(held.url(f"/{n}")) for n in range(300)])
            wait_until(lambda: lane(client)["deferred"] == 298 and held.running == 2)
        if end == "kill -9":
            daemon.kill9()
        else:
            daemon.signal(signal.SIGTERM)
            assert daemon.wait() == 0
        daemon.restart()
        with daemon.client() as client:
            check_other(client, other)
            wait_until(lambda: lane(client)["deferred"] == 298)
            held.release()
            for task_id in ids:
                assert client.result(task_id)["status"] == "SUCCEEDED"
        # Those that were under way paid for the crash with an attempt, and nobody else.
        assert attempts(daemon) == 300 + 5 + (2 if end == "kill -9" else 0)

    def test_a_tenth_of_the_queue_is_left_to_others(self, make_daemon, held, other):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=4, fetch_per_host_max=1, queue_max=50)
        with daemon.client() as client:
            client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            submit(client, [fetch(held.url())] * 40)
            wait_until(lambda: lane(client)["deferred"] == 40)
            statuses = []
            while 503 not in statuses:
                response = client.post(fetch(held.url()))
                statuses.append(response.status)
            assert check_problem(response, 503)["type"] == "/problems/host-full"
            assert 1 <= int(response.headers["Retry-After"]) <= 300
            assert statuses.count(202) == 5
            assert check_problem(client.post({"tasks": [fetch(held.url())]}, BATCH), 503)["type"] == "/problems/host-full"
            assert client.get("/readyz").status == 200
            # One after another: five places are left, however slowly they come and go.
            for _ in range(20):
                check_other(client, other, 1)
            refused = stats(client)["admission"]["refused"]
            assert (refused["host_full"], refused["queue_full"]) == (2, 0)
            held.release()
            wait_until(lambda: stats(client)["tasks"]["SUCCEEDED"] == 1 + 45 + 20)
            assert client.post(fetch(held.url())).status == 202


class TestAngry:
    def test_two_hundred_tasks_leave_an_angry_host_alone_and_delay_no_other(self, make_daemon, other):
        """It refuses what comes at first and each probe for a while; then all of them succeed."""
        angry = Angry()
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_in_flight_max=64, fetch_per_host_max=4)
        with ScriptedOrigin(angry) as origin, daemon.client() as client:
            began = time.monotonic()
            ids = submit(client, [fetch(origin.url(), retry={"max_attempts": 100})] * 200)
            wait_until(lambda: stats(client)["hosts"]["paused"] == 1)
            check_other(client, other, 20)
            wait_until(lambda: stats(client)["hosts"]["pauses"] >= 3)
            check_other(client, other, 20)
            # Four at once when nothing was known, then one a second at most.
            refused = angry.refused
            assert 4 <= refused <= 4 + time.monotonic() - began
            angry.calm = True
            for task_id in ids:
                assert client.result(task_id)["result"] == "calm"
            assert origin.running_peak <= 4
            assert stats(client)["hosts"]["deferring"] == 0
            wait_until(lambda: stats(client)["hosts"]["paused"] == 0)  # looked at once a second
        # Waiting cost no attempt: there are as many as the host has seen requests.
        assert attempts(daemon) == len(origin.requests) + 40
        assert len(origin.requests) == 200 + angry.refused

    @pytest.mark.parametrize("status", [429, 503])
    def test_the_date_form_and_both_statuses(self, make_daemon, other, status):
        asked_at = []

        def date():
            # Not within the second that is under way, which would be no pause.
            return email.utils.formatdate(asked_at[0] + 3, usegmt=True)

        angry = Angry(date, status)

        def note(request):
            asked_at.append(time.time())
            return angry(request)

        daemon = make_daemon(fetch_allow=LOOPBACK)
        with ScriptedOrigin(note) as origin, daemon.client() as client:
            failed = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1})
            assert client.failure(failed)["code"] == "http_status"
            assert stats(client)["hosts"]["pauses"] == 1
            angry.calm = True
            late = client.fetch(origin.url())
            check_other(client, other)
            assert client.result(late)["result"] == "calm"
            assert asked_at[1] >= int(asked_at[0]) + 3

    @pytest.mark.parametrize("reply", [answer(429), answer(503), answer(500, "Retry-After: 60\r\n"), answer(404, "Retry-After: 60\r\n"),
                                       answer(503, "Retry-After: 0\r\n"), answer(503, "Retry-After: soon\r\n")],
                             ids=["429-no-field", "503-no-field", "500", "404", "0", "word"])
    def test_no_host_pauses_for_less(self, client, reply):
        with ScriptedOrigin(reply) as origin:
            for _ in range(3):
                task_id = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1})
                assert client.failure(task_id)["code"] == "http_status"
            assert len(origin.requests) == 3
            assert stats(client)["hosts"]["pauses"] == 0

    def test_the_longest_pause_is_a_setting(self, make_daemon):
        angry = Angry(retry_after=86400)
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_pause_max_s=1)
        with ScriptedOrigin(angry) as origin, daemon.client() as client:
            client.failure(client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1}))
            assert stats(client)["hosts"]["pauses"] == 1
            angry.calm = True
            assert client.result(client.fetch(origin.url()))["result"] == "calm"

    def test_no_host_pauses_where_the_setting_is_0(self, make_daemon):
        daemon = make_daemon(fetch_allow=LOOPBACK, fetch_pause_max_s=0)
        with ScriptedOrigin(Angry(retry_after=3000)) as origin, daemon.client() as client:
            for _ in range(3):
                client.failure(client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1}))
            assert stats(client)["hosts"]["pauses"] == 0

    def test_a_redirect_pauses_both_hosts(self, make_daemon, other):
        daemon = make_daemon(fetch_allow=LOOPBACK)
        with ScriptedOrigin(Angry(retry_after=3000)) as angry, daemon.client() as client:
            with ScriptedOrigin(answer(302, f"Location: {angry.url('/there')}\r\n")) as origin:
                client.failure(client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1}))
                assert stats(client)["hosts"]["paused"] == 2
                for url in origin.url(), angry.url():
                    client.fetch(url)
                wait_until(lambda: lane(client)["deferred"] == 2)
                check_other(client, other)
                assert len(origin.requests) == 1 and len(angry.requests) == 1

    def test_a_pause_is_forgotten_by_a_restart_and_its_tasks_are_not(self, make_daemon):
        angry = Angry(retry_after=3000)
        daemon = make_daemon(fetch_allow=LOOPBACK)
        with ScriptedOrigin(angry) as origin:
            with daemon.client() as client:
                client.failure(client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 1}))
                ids = [client.fetch(origin.url()) for _ in range(5)]
                wait_until(lambda: lane(client)["deferred"] == 5)
            angry.calm = True
            daemon.kill9()
            daemon.restart()
            with daemon.client() as client:
                for task_id in ids:
                    assert client.result(task_id)["result"] == "calm"
                assert [json.loads(client.get(f"{SUBMISSIONS}/{task_id}").body)["attempts"] for task_id in ids] == [1] * 5
