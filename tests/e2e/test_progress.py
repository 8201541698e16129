# SPDX-License-Identifier: MIT
"""How far a task is: bytes of a known length, work of a factorial, and what has no progress."""

import pytest

from lib.api import SUBMISSIONS
from lib.origins import FedOrigin, ScriptedOrigin, ok_answer
from lib.wait import wait_until

LARGE_N = 100000000  # longer than any test; takes 1.8 GiB in the end

NO_LENGTH = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def daemon(make_module_daemon):
    return make_module_daemon(fetch_allow=["127.0.0.0/8"], fetch_total_timeout_ms=600_000)


def state(client, task_id):
    response = client.get(f"{SUBMISSIONS}/{task_id}")
    assert response.status == 200, response
    return response.json


def await_progress(client, task_id, progress):
    wait_until(lambda: state(client, task_id).get("progress") == progress, what=f"progress is {progress}")


def commits(client):
    return client.get("/stats").json["store"]["commits"]


def test_a_fetch_shows_the_share_of_its_bytes_and_writes_nothing_for_that(daemon, client):
    with FedOrigin(1000) as origin:
        task = client.fetch(origin.url())
        wait_until(lambda: origin.requests)
        assert "progress" not in state(client, task), "not known before the first bytes"
        origin.feed(b"x" * 125)
        await_progress(client, task, 0.125)
        before = commits(client)
        for step in range(2, 8):
            origin.feed(b"x" * 125)
            await_progress(client, task, step * 0.125)
            answer = state(client, task)
            assert answer["status"] == "RUNNING" and answer["attempts"] == 1
        origin.feed(b"x" * 124)
        await_progress(client, task, 0.999)
        assert commits(client) == before
        origin.feed(b"x")
        assert client.result(task)["result"] == "x" * 1000
        assert state(client, task)["progress"] == 1


@pytest.mark.parametrize("head", [NO_LENGTH, CHUNKED])
def test_without_a_length_there_is_no_progress(daemon, client, head):
    with FedOrigin(1000, head) as origin:
        task = client.fetch(origin.url())
        origin.feed(b"64\r\n" + b"x" * 100 + b"\r\n" if head == CHUNKED else b"x" * 100)
        wait_until(lambda: origin.pieces.empty())
        for _ in range(20):
            answer = state(client, task)
            assert answer["status"] == "RUNNING" and "progress" not in answer
        client.delete(f"/tasks/{task}")
        client.wait_final(task)
        assert "progress" not in state(client, task)


def test_each_attempt_begins_anew(daemon, client):
    with FedOrigin(100) as origin:
        task = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 2, "backoff_ms": 0})
        origin.feed(b"x" * 70)
        await_progress(client, task, 0.7)
        origin.feed(None)
        wait_until(lambda: state(client, task)["attempts"] == 2)
        assert state(client, task).get("progress") is None
        origin.feed(b"x" * 20)
        await_progress(client, task, 0.2)
        origin.feed(None)
        assert client.failure(task)["code"] == "connection_lost"
        assert "progress" not in state(client, task), "it has failed"


def test_what_waits_or_is_done_at_once_has_none_under_way(make_daemon):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
    with ScriptedOrigin(ok_answer(b"held"), hold=True) as held, daemon.client() as client:
        running = client.fetch(held.url())
        waiting = client.fetch(held.url())
        wait_until(lambda: held.requests)
        for task in (running, waiting):
            assert "progress" not in state(client, task)
        held.release()
        for task in (running, waiting, client.factorial(5), client.factorial(500)):
            client.wait_final(task)
            assert state(client, task)["progress"] == 1


def test_a_factorial_shows_the_work_that_is_done_which_never_falls(make_daemon):
    daemon = make_daemon(factorial_max_n=LARGE_N, cpu_memory_mib=4096)
    with daemon.client() as client:
        task = client.factorial(LARGE_N)
        seen = [0]

        def has_seen_enough():
            answer = state(client, task)
            assert answer["status"] == "RUNNING"
            progress = answer.get("progress", 0)
            assert seen[-1] <= progress < 1
            if progress > seen[-1]:
                seen.append(progress)
            return len(seen) > 5

        before = commits(client)
        wait_until(has_seen_enough)
        assert commits(client) == before
        assert client.delete(f"/tasks/{task}").status == 202
        assert client.failure(task)["code"] == "cancelled"
        assert "progress" not in state(client, task)


def test_a_list_tells_it_as_the_status_answer_does_and_a_result_does_not(daemon, client):
    def listed(word):
        return {row["id"]: row.get("progress") for row in client.get(f"/tasks?status={word}").json["tasks"]}

    with FedOrigin(100) as origin, ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
        task, unknown = client.fetch(origin.url()), client.fetch(held.url())
        wait_until(lambda: held.requests)
        for done in (0.25, 0.5):
            origin.feed(b"x" * 25)
            await_progress(client, task, done)
            assert client.get(f"{SUBMISSIONS}/{task}?wait=1").json["progress"] == done
            assert listed("RUNNING") == {task: done, unknown: None}
        origin.feed(b"x" * 50)
        assert "progress" not in client.result(task)
        assert listed("SUCCEEDED")[task] == 1
