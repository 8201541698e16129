# SPDX-License-Identifier: MIT
"""?wait= and Prefer: wait=: parked requests, their end, their limit, and clients that go away."""

import contextlib
import json
import signal
import socket

import pytest

from lib.api import FINAL, SUBMISSIONS, check_problem, loads
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

LONG = "?wait=60"


@contextlib.contextmanager
def parked(address, paths):
    """One connection per path, each with a request under way."""
    with contextlib.ExitStack() as stack:
        many = []
        for path in paths:
            connection = stack.enter_context(contextlib.closing(RawConnection(*address)))
            connection.send(request("GET", path))
            many.append(connection)
        yield many


def waiting(client):
    return client.get("/stats").json["http"]["waiting"]


def await_waiting(client, count):
    wait_until(lambda: waiting(client) == count, what=f"{count} requests wait")


def test_parked_requests_are_answered_when_their_own_task_ends(make_daemon):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with ScriptedOrigin(ok_answer(b"first"), hold=True) as first, \
            ScriptedOrigin(ok_answer(b"second"), hold=True) as second, daemon.client() as client:
        ids = [client.fetch(first.url()), client.fetch(second.url())]
        paths = [f"{SUBMISSIONS}/{ids[0]}{LONG}", f"/tasks/{ids[0]}{LONG}"] * 20
        with parked(daemon.address, paths) as many, parked(daemon.address, [f"/tasks/{ids[1]}{LONG}"]) as other:
            await_waiting(client, 41)
            first.release()
            answers = [loads(connection.read_response().body) for connection in many]
            assert {answer["status"] for answer in answers} == {"SUCCEEDED"}
            assert {answer["result"] for answer in answers[1::2]} == {"first"}
            assert waiting(client) == 1, "the other task has not ended"
            second.release()
            assert loads(other[0].read_response().body)["result"] == "second"
        await_waiting(client, 0)


def test_a_wait_sees_failures_and_factorials_too(make_daemon):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], factorial_max_n=200000)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with daemon.client() as client:
        failed = client.fetch(f"http://127.0.0.1:{port}/")
        answer = client.get(f"/tasks/{failed}{LONG}").json
        assert answer["status"] == "FAILED" and answer["result"]["code"] == "connect"
        large = client.factorial(60000)
        assert client.get(f"{SUBMISSIONS}/{large}{LONG}").json["status"] == "SUCCEEDED"
        again = client.get(f"/tasks/{large}", Prefer="wait=60")
        assert again.status == 200 and again.headers["Preference-Applied"] == "wait=60"


def test_when_the_time_is_over_the_task_is_still_under_way(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client:
        task_id = client.fetch(held.url())
        answer = client.get(f"{SUBMISSIONS}/{task_id}?wait=1")
        assert answer.status == 200 and answer.json["status"] in ("QUEUED", "RUNNING")
        check_problem(client.get(f"/tasks/{task_id}", Prefer="wait=1"), 400)
        assert client.get(f"{SUBMISSIONS}/{task_id}?wait=0").status == 200
        held.release()
        assert client.result(task_id)["result"] == "held"


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "wait=x", "wait=", "wait", "wait=1.5", "wait=1&wait=1"])
def test_a_wait_that_cannot_be_taken_is_named(daemon, query):
    with daemon.client() as client:
        task_id = client.factorial(3)
        for path in (f"{SUBMISSIONS}/{task_id}", f"/tasks/{task_id}"):
            problem = check_problem(client.get(f"{path}?{query}"), 400)
            assert problem["type"] == "/problems/invalid-parameter" and "wait" in problem["detail"]
        assert client.get(f"/tasks/{task_id}{LONG}").json["result"] == 6


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/stats", "/tasks/{}/result"])
def test_other_endpoints_do_not_wait(daemon, path):
    with daemon.client() as client:
        task_id = client.factorial(3)
        client.wait_final(task_id)
        problem = check_problem(client.get(f"{path.format(task_id)}?wait=1"), 400)
        assert problem["type"] == "/problems/unknown-parameter"
        assert client.get(path.format(task_id), Prefer="wait=1").status == 200


def test_as_many_wait_as_may_and_reads_go_on(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], http_waiting_max=30)
    with daemon.client() as client:
        task_id = client.fetch(held.url())
        with parked(daemon.address, [f"/tasks/{task_id}{LONG}"] * 30) as many:
            await_waiting(client, 30)
            for path in (f"/tasks/{task_id}{LONG}", f"{SUBMISSIONS}/{task_id}?wait=1"):
                refused = client.get(path)
                assert check_problem(refused, 503)["type"] == "/problems/too-many-waiting"
                assert refused.headers["Retry-After"] == "1"
            assert client.opened == 1, "a refusal costs no connection"
            assert client.status(task_id) == "RUNNING"
            assert client.result(client.factorial(5))["result"] == 120
            many.pop().close()
            await_waiting(client, 29)
            with parked(daemon.address, [f"/tasks/{task_id}{LONG}"]) as one:
                await_waiting(client, 30)
                held.release()
                for connection in many + one:
                    assert json.loads(connection.read_response().body)["result"] == "held"


def test_clients_that_go_away_leave_nothing_behind(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_total_timeout_ms=600_000)
    with daemon.client() as client:
        task_id = client.fetch(held.url())
        # The status is RUNNING before the connection to the origin is open.
        wait_until(lambda: held.running == 1)
        before = len(daemon.descriptors()), daemon.threads()
        for _ in range(3):
            with parked(daemon.address, [f"{SUBMISSIONS}/{task_id}{LONG}"] * 100):
                await_waiting(client, 100)
            await_waiting(client, 0)
        wait_until(lambda: len(daemon.descriptors()) <= before[0] and daemon.threads() <= before[1],
                   what="descriptors and threads are as before")
        assert client.status(task_id) == "RUNNING"
        held.release()
        assert client.result(task_id)["result"] == "held"


def test_a_draining_service_answers_those_who_wait(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=500)
    with daemon.client() as client:
        task_id = client.fetch(held.url())
        with parked(daemon.address, [f"{SUBMISSIONS}/{task_id}{LONG}"] * 10) as many:
            await_waiting(client, 10)
            daemon.process.send_signal(signal.SIGTERM)
            for connection in many:
                answer = connection.read_response()
                assert answer.status == 200 and answer.header("connection").lower() == "close"
                assert json.loads(answer.body)["status"] not in FINAL
    assert daemon.process.wait(60) == 0
