# SPDX-License-Identifier: MIT
"""POST /tasks/{id}/retry: a task that failed or was rejected is run again, as a new task that names it."""

import concurrent.futures
import datetime
import json
import math

import pytest

from lib.api import SUBMISSIONS, UUID, check_problem
from lib.database import opened
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import exchange, post_json, request, statuses
from lib.wait import wait_until

FAR_MS = 3600 * 1000
ENDLESS_N = 100000000  # longer than any test; takes 1.8 GiB in the end
JSON = {"Content-Type": "application/json"}
UNKNOWN = "0190a5c0-0000-7000-8000-000000000000"


def path(task_id):
    return f"/tasks/{task_id}/retry"


def retry(client, task_id, body=None, **headers):
    headers = {name.replace("_", "-"): text for name, text in headers.items()}
    return client.request("POST", path(task_id), body=body, headers={**JSON, **headers})


def again(client, task_id, **more):
    """Run a task again; returns the id of the new one."""
    response = retry(client, task_id, **more)
    assert response.status == 202, response
    new = response.json["id"]
    assert response.json == {"id": new} and UUID.match(new) and new != task_id
    assert response.headers["Location"] == f"{SUBMISSIONS}/{new}"
    return new


def expect(response, status, kind, pointers=None):
    problem = check_problem(response, status, pointers)
    assert problem["type"] == kind, problem
    return problem


def state(client, task_id):
    return client.get(f"{SUBMISSIONS}/{task_id}").json


def listed(client, task_id):
    return next(task for task in client.get("/tasks?limit=500").json["tasks"] if task["id"] == task_id)


def history(daemon, columns, task_id):
    with opened(daemon.database) as database:
        return database.execute(f"SELECT {columns} FROM task_history WHERE id = ?", (task_id,)).fetchone()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture
def daemon(make_daemon):
    return make_daemon(fetch_allow=["127.0.0.0/8"], retry_backoff_ms=0, retry_backoff_max_ms=0, factorial_max_n=ENDLESS_N,
                       cpu_executors=1, cpu_memory_mib=4096)


@pytest.fixture
def client(daemon):
    with daemon.client() as client:
        yield client


def failed(client):
    """A task that failed for good: its destination is denied."""
    task = client.fetch("http://10.1.2.3/")
    client.failure(task)
    return task


def rejected(client, kind="factorial", args=None, **terms):
    task = client.submit(kind, args or {"n": 5}, delay_ms=FAR_MS, **terms)
    assert client.delete(f"/tasks/{task}").json["status"] == "REJECTED"
    return task


class TestWhatItDoes:
    def test_a_fetch_that_failed_succeeds_when_its_origin_is_well(self, daemon, client):
        with ScriptedOrigin(b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as origin:
            url = origin.url("/page")
            old = client.submit("http-fetch", {"url": url}, retry={"max_attempts": 2}, priority=3)
            assert client.failure(old)["code"] == "http_status"
            paths = [f"/tasks/{old}", f"{SUBMISSIONS}/{old}", f"/tasks/{old}/attempts"]
            before = [client.get(read).body for read in paths]
            origin.answer = ok_answer(b"here")
            new = again(client, old)
            answer = client.result(new)
            assert len(origin.requests) == 3
        assert answer["result"] == "here" and answer["retry_of"] == old
        assert state(client, new)["retry_of"] == old and state(client, new)["attempts"] == 1
        task = listed(client, new)
        assert task["retry_of"] == old and task["priority"] == 3 and task["args"] == {"url": url}
        assert history(daemon, "retry_of, max_attempts, priority, attempts", new) == (old, 2, 3, 1)
        # The old one is as it was, and names nobody.
        assert before == [client.get(read).body for read in paths]
        assert "retry_of" not in client.get(f"/tasks/{old}").json and "retry_of" not in listed(client, old)
        assert history(daemon, "retry_of", old) == (None,)
        assert moment(state(client, new)["created_at"]) > moment(state(client, old)["finished_at"])

    def test_factorials_that_were_rejected(self, daemon, client):
        """One whose result is at hand, and one that is computed; both of their times have passed."""
        tasks = [client.submit("factorial", {"n": str(n)}, ttl_ms=1000, delay_ms=900) for n in (5, 201)]
        for old in tasks:
            assert client.delete(f"/tasks/{old}").status == 200
        wait_until(lambda: moment(state(client, tasks[1])["created_at"]) + datetime.timedelta(milliseconds=1100)
                   < datetime.datetime.now(datetime.timezone.utc))
        for old, n in zip(tasks, (5, 201)):
            new = again(client, old)
            answer = client.result(new)
            assert answer["status"] == "SUCCEEDED" and answer["retry_of"] == old
            assert answer["result"] == math.factorial(n)
            assert history(daemon, "run_at, expires_at", new) == (None, None)
            task = listed(client, new)
            assert "run_at" not in task and "expires_at" not in task

    def test_times_ahead_still_hold(self, daemon, client):
        old = rejected(client, ttl_ms=2 * FAR_MS)
        new = again(client, old)
        assert state(client, new)["status"] == "QUEUED"
        assert history(daemon, "run_at, expires_at", new) == history(daemon, "run_at, expires_at", old) != (None, None)
        assert client.get("/stats").json["lanes"]["cpu"]["scheduled"] == 1

    def test_every_term_is_taken_over(self, daemon, client):
        args = {"url": "http://127.0.0.1:8080/x", "headers": {"Accept": "text/html"}, "max_bytes": 77, "max_redirects": 0}
        old = rejected(client, "http-fetch", args, priority=9, timeout_ms=12345,
                       retry={"max_attempts": 4, "backoff_ms": 11, "max_backoff_ms": 22})
        new = again(client, old)
        columns = "type, args, priority, timeout_ms, max_attempts, run_at"
        assert history(daemon, columns, new) == history(daemon, columns, old)
        assert listed(client, new)["args"] == args
        with opened(daemon.database) as database:
            assert database.execute("SELECT backoff_ms, max_backoff_ms FROM task WHERE id = ?", (new,)).fetchone() == (11, 22)

    def test_chains(self, daemon, client):
        chain = [failed(client)]
        for _ in range(4):
            new = again(client, chain[-1])
            client.failure(new)
            chain.append(new)
        for older, newer in zip(chain, chain[1:]):
            assert state(client, newer)["retry_of"] == older
        with opened(daemon.database) as database:
            found = database.execute(
                "WITH RECURSIVE chain (id, retry_of) AS (SELECT id, retry_of FROM task_history WHERE id = ? UNION ALL"
                " SELECT h.id, h.retry_of FROM chain JOIN task_history AS h ON h.id = chain.retry_of)"
                " SELECT id FROM chain", (chain[-1],)).fetchall()
        assert [task for task, in found] == chain[::-1]
        # And a fork: each is a task of its own.
        assert len({again(client, chain[0]) for _ in range(3)}) == 3

    def test_many_at_once_make_a_task_each(self, daemon, client):
        old = failed(client)

        def one(_):
            with daemon.client() as other:
                return again(other, old)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(one, range(40)))
        assert len(set(ids)) == 40
        assert all(state(client, task)["retry_of"] == old for task in ids)

    def test_it_is_durable(self, daemon, client):
        """Before it is answered; memory and database tell the same."""
        old = rejected(client)
        new, ended = again(client, old), again(client, failed(client))
        client.wait_final(ended)
        told = state(client, ended)
        daemon.kill9()
        daemon.restart()
        with daemon.client() as after:
            assert state(after, new)["retry_of"] == old and state(after, new)["status"] == "QUEUED"
            for _ in range(2):
                assert state(after, ended) == told
        assert daemon.terminate() == 0

    def test_a_cancelled_one_can_be_cancelled_and_run_again(self, client):
        runs = client.factorial(ENDLESS_N)
        wait_until(lambda: client.status(runs) == "RUNNING")
        assert client.delete(f"/tasks/{runs}").status == 202
        assert client.failure(runs)["code"] == "cancelled"
        new = again(client, runs)
        wait_until(lambda: client.status(new) == "RUNNING")
        assert client.delete(f"/tasks/{new}").status == 202
        assert client.failure(new)["code"] == "cancelled" and state(client, new)["retry_of"] == runs


class TestWhatItRefuses:
    def test_tasks_that_cannot_be_run_again(self, client):
        succeeded = client.factorial(5)
        runs = client.factorial(ENDLESS_N)
        wait_until(lambda: client.status(runs) == "RUNNING")
        waits = client.factorial(300)
        far = client.submit("factorial", {"n": 5}, delay_ms=FAR_MS)
        for task in (succeeded, runs, waits, far):
            problem = expect(retry(client, task), 409, "/problems/not-retriable")
            assert client.status(task) in problem["detail"]
        assert sum(client.get("/stats").json["tasks"].values()) == 4
        client.delete(f"/tasks/{runs}")

    def test_tasks_that_there_are_not(self, make_daemon):
        daemon = make_daemon(keep_tasks_max=1)
        with daemon.client() as client:
            expect(retry(client, UNKNOWN), 404, "/problems/no-such-task")
            for task in ("nonsense", UNKNOWN + "0", UNKNOWN[:-1], "submissions", ""):
                expect(retry(client, task), 404, "about:blank")
            old = rejected(client)
            later = client.factorial(6)
            wait_until(lambda: client.get(f"{SUBMISSIONS}/{old}").status == 404)
            expect(retry(client, old), 404, "/problems/no-such-task")
            assert client.status(later) == "SUCCEEDED"

    @pytest.mark.parametrize("media_type", [
        None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/json; charset=utf-16",
        "application/jsonp"])
    @pytest.mark.parametrize("body", [None, b"", b"{}"])
    def test_what_a_web_page_can_send(self, client, media_type, body):
        old = rejected(client)
        before = client.get("/stats").json["tasks"]
        response = client.request("POST", path(old), body=body, headers={} if media_type is None else {"Content-Type": media_type})
        expect(response, 415, "about:blank")
        assert client.get("/stats").json["tasks"] == before

    def test_a_form_without_a_body_and_without_a_length(self, daemon, client):
        """As a browser sends it for a form without fields, and with less than it would ever send."""
        old = rejected(client)
        for headers in ([("Origin", "http://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")], [],
                        [("Origin", "null"), ("Content-Length", "0")]):
            received = exchange(daemon.address, request("POST", path(old), [*headers, ("Connection", "close")]))
            assert statuses(received) == [415]
            assert b"Access-Control" not in received
        received = exchange(daemon.address, request("OPTIONS", path(old), [
            ("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"), ("Connection", "close")]))
        assert statuses(received) == [204] and b"Access-Control" not in received
        received = exchange(daemon.address, post_json(path(old), b"{}", [("Connection", "close")], host="evil.example"))
        assert statuses(received) == [421]
        assert client.get("/stats").json["tasks"]["REJECTED"] == 1

    @pytest.mark.parametrize("body, kind, pointers", [
        (b'{"priority": 1}', "/problems/invalid-submission", ["/priority"]),
        (b'{"type": "factorial", "args": {"n": 1}}', "/problems/invalid-submission", ["/type", "/args"]),
        (b"[]", "/problems/invalid-submission", [""]),
        (b"null", "/problems/invalid-json", None),
        (b" ", "/problems/invalid-json", None),
        (b"{}{}", "/problems/invalid-json", None),
        (b"\xef\xbb\xbf{}", "/problems/invalid-json", None),
        (b"[" * 100, "/problems/invalid-json", None),
    ])
    def test_bodies_that_say_something(self, client, body, kind, pointers):
        old = rejected(client)
        expect(retry(client, old, body), 400, kind, pointers)
        assert sum(client.get("/stats").json["tasks"].values()) == 1

    def test_bodies_that_say_nothing(self, daemon, client):
        old = rejected(client)
        for body in (None, b"", b"{}", b"\r\n { } \t"):
            again(client, old, body=body)
        again(client, old, body=b"{}", Content_Type="application/json; charset=utf-8")
        received = exchange(daemon.address, request("POST", path(old), [
            ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"), ("Connection", "close")]) + b"0\r\n\r\n")
        assert statuses(received) == [202]
        expect(retry(client, old, b"{}" + b" " * (1 << 20)), 413, "about:blank")

    def test_other_methods_and_parameters(self, client):
        old = rejected(client)
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            response = client.request(method, path(old))
            assert response.status == 405 and response.headers["Allow"] == "POST, OPTIONS"
        expect(client.request("POST", path(old) + "?force=1", headers=JSON), 400, "/problems/unknown-parameter")
        assert sum(client.get("/stats").json["tasks"].values()) == 1

    def test_what_is_beyond_todays_limits(self, make_daemon):
        daemon = make_daemon(factorial_max_n=1000, fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            large, small = rejected(client, args={"n": 600}), rejected(client, args={"n": 500})
        assert daemon.terminate() == 0
        daemon.settings["factorial_max_n"] = 500
        daemon.restart()
        with daemon.client() as client:
            problem = expect(retry(client, large), 409, "/problems/limits-changed", ["/args/n"])
            assert "500" in problem["errors"][0]["detail"]
            again(client, small)
            assert client.get("/stats").json["tasks"] == {"QUEUED": 1, "RUNNING": 0, "SUCCEEDED": 0, "FAILED": 0, "REJECTED": 2}

    def test_what_is_not_admitted(self, make_daemon):
        daemon = make_daemon(scheduled_max=1, queue_max=1, cpu_executors=1, factorial_max_n=ENDLESS_N,
                             cpu_memory_mib=4096)
        with daemon.client() as client:
            held = rejected(client)
            waits = client.submit("factorial", {"n": 300}, delay_ms=FAR_MS)
            response = retry(client, held)
            expect(response, 503, "/problems/schedule-full")
            assert 1 <= int(response.headers["Retry-After"]) <= 300
            assert client.delete(f"/tasks/{waits}").status == 200
            again(client, held)
            runs = client.factorial(ENDLESS_N)
            wait_until(lambda: client.status(runs) == "RUNNING")
            old = client.factorial(300)
            assert client.delete(f"/tasks/{old}").status == 200
            assert client.factorial(301)
            expect(retry(client, old), 503, "/problems/queue-full")
            assert client.get("/stats").json["admission"]["refused"]["queue_full"] == 1
            client.delete(f"/tasks/{runs}")


class TestIdempotency:
    def test_once_however_often_it_is_sent(self, daemon, client):
        old = rejected(client)
        first = retry(client, old, Idempotency_Key='"again"')
        assert first.status == 202 and "Idempotency-Replayed" not in first.headers
        for _ in range(3):
            response = retry(client, old, Idempotency_Key="again")
            assert response.status == 202 and response.body == first.body
            assert response.headers["Idempotency-Replayed"] == "true" and response.headers["Location"] == first.headers["Location"]
        # Without the key it is another one.
        assert again(client, old) != first.json["id"]
        daemon.kill9()
        daemon.restart()
        with daemon.client() as after:
            assert retry(after, old, Idempotency_Key="again").body == first.body

    def test_something_else_under_the_key(self, client):
        old, other = rejected(client), rejected(client)
        new = retry(client, old, Idempotency_Key="k").json["id"]
        for response in (retry(client, other, Idempotency_Key="k"), retry(client, old, b"{}", Idempotency_Key="k"),
                         retry(client, UNKNOWN, Idempotency_Key="k"),
                         client.post({"type": "factorial", "args": {"n": 5}}, headers={"Idempotency-Key": "k"})):
            expect(response, 422, "/problems/idempotency-mismatch")
        assert state(client, new)["retry_of"] == old
        assert client.get("/stats").json["tasks"]["QUEUED"] == 1

    def test_at_once(self, daemon, client):
        old = failed(client)

        def one(_):
            with daemon.client() as other:
                return retry(other, old, Idempotency_Key="race").json["id"]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(one, range(24)))) == 1
        assert sum(client.get("/stats").json["tasks"].values()) == 2

    def test_what_was_refused_leaves_its_key_free(self, client):
        far = client.submit("factorial", {"n": 5}, delay_ms=FAR_MS)
        expect(retry(client, far, Idempotency_Key="free"), 409, "/problems/not-retriable")
        assert client.delete(f"/tasks/{far}").status == 200
        response = retry(client, far, Idempotency_Key="free")
        assert response.status == 202 and "Idempotency-Replayed" not in response.headers
        assert json.loads(response.body)["id"] != far
