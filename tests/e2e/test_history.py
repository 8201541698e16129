# SPDX-License-Identifier: MIT
"""Looking back: GET /tasks page by page, and GET /tasks/{id}/attempts."""

import datetime
import re
import socket
import threading
import urllib.parse

import pytest

from lib.api import BATCH, SUBMISSIONS, check_problem
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

FAR_MS = 3600 * 1000
UNKNOWN = "0190a5c0-0000-7000-8000-000000000000"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
STATUS_MEMBERS = ["id", "status", "type", "created_at", "started_at", "finished_at", "attempts"]
MEMBERS = set(STATUS_MEMBERS + ["code", "priority", "args"])


def answer(status, body=b"x"):
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def page_of(client, **query):
    response = client.get("/tasks?" + urllib.parse.urlencode(query))
    assert response.status == 200, response
    assert response.media_type == "application/json"
    page = response.json
    assert list(page) == ["tasks", "next_cursor"]
    assert len(page["tasks"]) <= query.get("limit", 50)
    return page


def walk(client, **query):
    """All pages: the tasks in order, each checked, and no id twice."""
    tasks = []
    while True:
        page = page_of(client, **query)
        tasks += page["tasks"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    ids = [task["id"] for task in tasks]
    assert ids == sorted(set(ids), reverse=True)
    for task in tasks:
        assert set(task) - {"run_at", "expires_at", "progress"} == MEMBERS
    return tasks


def ids_of(client, **query):
    return {task["id"] for task in walk(client, **query)}


def attempts_of(client, task_id):
    response = client.get(f"/tasks/{task_id}/attempts")
    assert response.status == 200, response
    told = response.json
    assert list(told) == ["id", "attempts"] and told["id"] == task_id
    for number, attempt in enumerate(told["attempts"], 1):
        assert list(attempt) == ["attempt", "started_at", "ended_at", "outcome", "code", "message", "response", "node"]
        assert attempt["attempt"] == number and attempt["node"] == socket.gethostname()
        assert TIME.match(attempt["started_at"])
        assert (attempt["ended_at"] is None) == (attempt["outcome"] == "running")
        assert attempt["ended_at"] is None or attempt["ended_at"] >= attempt["started_at"]
    return told["attempts"]


def ends(client, task_id):
    return [(attempt["outcome"], attempt["code"]) for attempt in attempts_of(client, task_id)]


class TestPages:
    def test_nothing(self, make_daemon):
        with make_daemon().client() as client:
            assert page_of(client) == {"tasks": [], "next_cursor": None}

    def test_a_thousand_while_others_come(self, make_daemon):
        daemon = make_daemon(cpu_executors=1)
        stop = threading.Event()

        def submit_more():
            with daemon.client() as other:
                n = 0
                while not stop.is_set():
                    # Some of them end at once, some run, some wait.
                    other.submit("factorial", {"n": (n * 37) % 400}, **({"delay_ms": 50} if n % 5 == 0 else {}))
                    n += 1

        with daemon.client() as client:
            there = set()
            for _ in range(4):
                tasks = [{"type": "factorial", "args": {"n": n % 300}} for n in range(250)]
                there |= set(client.post({"tasks": tasks}, path=BATCH).json["ids"])
            thread = threading.Thread(target=submit_more)
            thread.start()
            try:
                for limit in (7, 50, 500):
                    before = client.get("/stats").json["http"]["requests"]
                    found = [task["id"] for task in walk(client, limit=limit)]
                    assert there <= set(found) and len(found) == len(set(found))
                    assert client.get("/stats").json["http"]["requests"] >= before + len(found) // limit
            finally:
                stop.set()
                thread.join()
            everything = ids_of(client, limit=500)
            assert len(everything) == sum(client.get("/stats").json["tasks"].values())
            # What is below a cursor does not change any more.
            first = page_of(client, limit=100)
            assert [task["id"] for task in first["tasks"]] == sorted(everything, reverse=True)[:100]
            rest = walk(client, cursor=first["next_cursor"], limit=500)
            client.factorial(3)
            assert [task["id"] for task in walk(client, cursor=first["next_cursor"], limit=33)] == \
                [task["id"] for task in rest]

    def test_a_cursor_outlives_the_service(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            ids = [client.factorial(n) for n in range(6)]
            page = page_of(client, limit=2)
        daemon.kill9()
        daemon.restart()
        with daemon.client() as client:
            assert ids_of(client, cursor=page["next_cursor"]) == \
                set(ids) - {task["id"] for task in page["tasks"]}

    def test_short_pages_lead_to_what_is_far(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            oldest = client.fetch("http://10.0.0.1/")
            client.failure(oldest)
            tasks = [{"type": "factorial", "args": {"n": 3}}] * 1000
            for _ in range(11):
                assert client.post({"tasks": tasks}, path=BATCH).status == 202
            page = page_of(client, type="http-fetch")
            assert page["tasks"] == [] and page["next_cursor"] is not None
            page = page_of(client, type="http-fetch", cursor=page["next_cursor"])
            assert [task["id"] for task in page["tasks"]] == [oldest] and page["next_cursor"] is None
            for status in ("FAILED", "FAILED,REJECTED"):  # what did not succeed is found at once
                page = page_of(client, status=status)
                assert [task["id"] for task in page["tasks"]] == [oldest] and page["next_cursor"] is None
            assert page_of(client, status="REJECTED") == {"tasks": [], "next_cursor": None}

    def test_what_is_not_completed_is_found_at_once(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
        with daemon.client() as client, ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
            oldest = client.fetch(origin.url())
            ready = client.fetch(origin.url())
            held = client.submit("factorial", {"n": 3}, delay_ms=FAR_MS)
            tasks = [{"type": "factorial", "args": {"n": 3}}] * 1000
            for _ in range(11):
                assert client.post({"tasks": tasks}, path=BATCH).status == 202
            wait_until(lambda: client.status(oldest) == "RUNNING")
            for words, expected in (("RUNNING", {oldest}), ("QUEUED", {ready, held}), ("QUEUED,RUNNING", {oldest, ready, held})):
                page = page_of(client, status=words)
                assert {task["id"] for task in page["tasks"]} == expected and page["next_cursor"] is None
            client.delete(f"/tasks/{oldest}")

    def test_large_arguments_make_short_pages(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            url = "http://10.0.0.1/" + "x" * 2000
            tasks = [{"type": "http-fetch", "args": {"url": url + str(n)}, "delay_ms": FAR_MS} for n in range(300)]
            ids = client.post({"tasks": tasks}, path=BATCH).json["ids"]
            response = client.get("/tasks?limit=500")
            assert len(response.body) < 400 * 1024
            assert 100 < len(response.json["tasks"]) < 300 and response.json["next_cursor"] is not None
            found = walk(client, limit=500)
            assert [task["id"] for task in found] == ids[::-1]
            assert [task["args"]["url"] for task in found] == [url + str(n) for n in range(300)][::-1]


class TestMembers:
    def test_they_are_those_of_the_status_and_more(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            done = client.factorial(300)
            client.wait_final(done)
            failed = client.fetch("http://10.0.0.1/")
            client.failure(failed)
            running = client.fetch(held.url("/a%22b?q='"))
            wait_until(lambda: client.status(running) == "RUNNING")
            later = client.submit("factorial", {"n": 7}, priority=9, delay_ms=FAR_MS, ttl_ms=2 * FAR_MS)
            cancelled = client.submit("factorial", {"n": 8}, delay_ms=FAR_MS)
            client.delete(f"/tasks/{cancelled}")
            tasks = {task["id"]: task for task in walk(client)}
            assert set(tasks) == {done, failed, running, later, cancelled}
            for task_id, task in tasks.items():
                status = client.get(f"{SUBMISSIONS}/{task_id}").json
                assert {name: task[name] for name in STATUS_MEMBERS} == {name: status[name] for name in STATUS_MEMBERS}
                assert task.get("progress") == status.get("progress")
            assert {task_id: task["code"] for task_id, task in tasks.items()} == {
                done: None, failed: "destination_denied", running: None, later: None, cancelled: "cancelled"}
            assert [tasks[task]["priority"] for task in (done, later)] == [5, 9]
            assert tasks[done]["args"] == {"n": "300"}
            assert tasks[failed]["args"] == {"url": "http://10.0.0.1/"}
            assert tasks[running]["args"] == {"url": held.url("/a%22b?q='")}
            for name, ahead in (("run_at", 1), ("expires_at", 2)):
                assert name not in tasks[done]
                assert moment(tasks[later][name]) - moment(tasks[later]["created_at"]) == \
                    datetime.timedelta(milliseconds=ahead * FAR_MS)
            held.release()


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def text_of(when):
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture(scope="class")
def history(make_module_daemon):
    """A service with tasks of every type and status: (daemon, id by name)."""
    daemon = make_module_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client, ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
        ids = {"done": client.factorial(3), "failed": client.fetch("http://10.0.0.1/a/b")}
        client.failure(ids["failed"])
        ids["capital"] = client.fetch("http://10.0.0.1/A/b")
        client.failure(ids["capital"])
        ids["later"] = client.submit("http-fetch", {"url": "http://10.0.0.1/a/c"}, delay_ms=FAR_MS)
        ids["rejected"] = client.submit("factorial", {"n": 8}, delay_ms=FAR_MS)
        client.delete(f"/tasks/{ids['rejected']}")
        ids["running"] = client.fetch(held.url())
        wait_until(lambda: client.status(ids["running"]) == "RUNNING")
        yield daemon, ids
        client.delete(f"/tasks/{ids['running']}")


class TestFilters:
    @pytest.mark.parametrize("words, expected", [
        ("QUEUED", "later"), ("RUNNING", "running"), ("SUCCEEDED", "done"), ("FAILED", "failed capital"),
        ("REJECTED", "rejected"), ("QUEUED,REJECTED", "later rejected"), ("RUNNING,RUNNING", "running"),
        ("QUEUED,RUNNING,SUCCEEDED,FAILED,REJECTED", "done failed capital later rejected running")])
    def test_status(self, history, words, expected):
        daemon, ids = history
        with daemon.client() as client:
            for limit in (1, 50):
                assert ids_of(client, status=words, limit=limit) == {ids[name] for name in expected.split()}

    def test_type(self, history):
        daemon, ids = history
        with daemon.client() as client:
            assert ids_of(client, type="factorial") == {ids[name] for name in ("done", "rejected")}
            assert ids_of(client, type="http-fetch") == {ids[name] for name in ("failed", "capital", "later", "running")}
            assert ids_of(client, type="http-fetch", status="QUEUED,RUNNING") == {ids["later"], ids["running"]}
            assert ids_of(client, type="factorial", status="RUNNING") == set()

    def test_times_to_the_millisecond(self, history):
        daemon, _ = history
        step = datetime.timedelta(milliseconds=1)
        with daemon.client() as client:
            tasks = walk(client)
            for task in tasks:
                when = moment(task["created_at"])
                for bound in (when - step, when, when + step):
                    after = {other["id"] for other in tasks if moment(other["created_at"]) >= bound}
                    before = {other["id"] for other in tasks} - after
                    assert ids_of(client, created_after=text_of(bound)) == after
                    assert ids_of(client, created_before=text_of(bound), limit=2) == before
                    same = ids_of(client, created_after=text_of(bound), created_before=text_of(bound + step))
                    assert same == {other["id"] for other in tasks if moment(other["created_at"]) == bound}
                    assert ids_of(client, created_after=text_of(bound), created_before=text_of(bound)) == set()
            # In another offset, and with digits that do not count.
            when = moment(tasks[0]["created_at"])
            there = when.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
            text = there.isoformat(timespec="milliseconds").replace("+05:30", "999999+05:30")
            assert tasks[0]["id"] in ids_of(client, created_after=text)
            response = client.get(f"/tasks?created_after={text}")  # the + as it is
            assert tasks[0]["id"] in {task["id"] for task in response.json["tasks"]}

    @pytest.mark.parametrize("prefix, expected", [
        ("h", "failed capital later running"), ("http://127.0.0.1:", "running"), ("http://10.0.0.1/", "failed capital later"),
        ("http://10.0.0.1/a", "failed later"), ("http://10.0.0.1/A", "capital"), ("http://10.0.0.1/a/c", "later"),
        ("http://10.0.0.1/a/c/", ""), ("http://10.0.0.1/a/d", ""), ("HTTP://10.0.0.1/", ""), ("10.0.0.1", ""),
        ('http://10.0.0.1/a/c"', ""), ('http://10.0.0.1/a/c"}', ""), ("x" * 512, ""), ("é" * 256, "")])
    def test_url_prefix(self, history, prefix, expected):
        daemon, ids = history
        with daemon.client() as client:
            wanted = {ids[name] for name in expected.split()}
            assert ids_of(client, url_prefix=prefix) == wanted
            assert ids_of(client, url_prefix=prefix, type="http-fetch", limit=1) == wanted
            assert ids_of(client, url_prefix=prefix, status="QUEUED") == wanted & {ids["later"]}

    @pytest.mark.parametrize("query", [
        "limit=0", "limit=501", "limit=", "limit=x", "limit=1.0", "limit=-1", "limit=1&limit=1",
        "status=", "status=queued", "status=QUEUED,", "status=QUEUED&status=FAILED", "status=SCHEDULED",
        "type=", "type=Factorial", "type=factorial,http-fetch", "type=x",
        "created_after=", "created_after=yesterday", "created_after=2026-01-02", "created_before=1767323045678",
        "created_before=2026-01-02T03:04:05", "created_before=2026-13-02T03:04:05Z",
        "url_prefix=", "url_prefix=" + "x" * 513, "url_prefix=%ff", "url_prefix=h&type=factorial",
        "url_prefix=" + "%c3%a9" * 256 + "x",
        "cursor=", "cursor=x", f"cursor={UNKNOWN}", "cursor=djE6MDE4Zi4uLg", "cursor=" + "A" * 52,
        "cursor=djI6MDE4ZjAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh"])
    def test_what_cannot_be_taken_is_named(self, history, query):
        daemon, _ = history
        with daemon.client() as client:
            problem = check_problem(client.get(f"/tasks?{query}"), 400)
            assert problem["type"] == "/problems/invalid-parameter"
            assert f'"{query.split("=")[0]}"' in problem["detail"]

    def test_both_sides_of_limit(self, history):
        daemon, ids = history
        with daemon.client() as client:
            assert len(page_of(client, limit=1)["tasks"]) == 1
            assert len(page_of(client, limit=500)["tasks"]) == len(ids)

    @pytest.mark.parametrize("query", ["offset=1", "Limit=5", "wait=1", "limit", "x"])
    def test_unknown_parameters(self, history, query):
        daemon, _ = history
        with daemon.client() as client:
            kind = "invalid-parameter" if query == "limit" else "unknown-parameter"
            assert check_problem(client.get(f"/tasks?{query}"), 400)["type"] == f"/problems/{kind}"

    def test_a_query_at_its_limit_and_one_past(self, history):
        daemon, _ = history
        with daemon.client() as client:
            # Everything that may be asked for at once fits.
            cursor = page_of(client, limit=1)["next_cursor"]
            text = "&".join([
                "status=QUEUED,RUNNING,SUCCEEDED,FAILED,REJECTED", "type=http-fetch", "limit=500", f"cursor={cursor}",
                "created_after=1970-01-01T00%3A00%3A00.123456789%2B00%3A00",
                "created_before=9999-01-01T00%3A00%3A00.123456789%2B00%3A00", "url_prefix=" + "%61" * 512])
            assert client.get(f"/tasks?{text}").status == 200
            text = "x" * 2047
            assert check_problem(client.get(f"/tasks?{text}"), 400)["type"] == "/problems/unknown-parameter"
            check_problem(client.get(f"/tasks?{text}x"), 414)

    def test_methods(self, history):
        daemon, _ = history
        with daemon.client() as client:
            for path in ("/tasks", f"/tasks/{UNKNOWN}/attempts"):
                response = client.post({}, path=path)
                check_problem(response, 405)
                assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
                assert client.request("OPTIONS", path).headers["Allow"] == "GET, HEAD, OPTIONS"
            response = client.request("HEAD", "/tasks?limit=2")
            assert response.status == 200 and response.body == b""
            assert int(response.headers["Content-Length"]) == len(client.get("/tasks?limit=2").body)
            assert client.get("/tasks/").status == 404
            assert client.get("/tasks", Accept="text/html").status == 406


class TestAttempts:
    def test_of_none(self, client):
        task = client.submit("factorial", {"n": 5}, delay_ms=FAR_MS)
        assert attempts_of(client, task) == []
        client.delete(f"/tasks/{task}")
        assert attempts_of(client, task) == []

    def test_of_one(self, client):
        for n in (5, 300):
            task = client.factorial(n)
            client.wait_final(task)
            status = client.get(f"{SUBMISSIONS}/{task}").json
            assert attempts_of(client, task) == [{
                "attempt": 1, "started_at": status["started_at"], "ended_at": status["finished_at"],
                "outcome": "succeeded", "code": None, "message": None, "response": None,
                "node": socket.gethostname()}]

    def test_of_what_runs_and_is_cancelled(self, client, held):
        task = client.fetch(held.url())
        wait_until(lambda: client.status(task) == "RUNNING")
        assert ends(client, task) == [("running", None)]
        client.delete(f"/tasks/{task}")
        assert client.failure(task)["code"] == "cancelled"
        last, = attempts_of(client, task)
        assert (last["outcome"], last["code"]) == ("cancelled", "cancelled") and last["message"]

    def test_of_what_was_retried(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], retry_backoff_ms=10)

        def respond(_received):
            return answer(503) if len(origin.requests) < 3 else ok_answer(b"at last")

        with daemon.client() as client, ScriptedOrigin(respond) as origin:
            task = client.fetch(origin.url())
            assert client.result(task)["result"] == "at last"
            told = attempts_of(client, task)
            assert [(one["outcome"], one["code"]) for one in told] == \
                [("failed", "http_status"), ("failed", "http_status"), ("succeeded", None)]
            assert [one["response"]["status"] for one in told] == [503, 503, 200]
            assert told[0]["message"] and told[2]["message"] is None
            assert told[0]["ended_at"] <= told[1]["started_at"]
            listed, = walk(client)
            assert listed["attempts"] == 3 and listed["code"] is None

    def test_of_what_waits_for_another(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        late = b"HTTP/1.1 429 Later\r\nRetry-After: 600\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        with daemon.client() as client, ScriptedOrigin(late) as origin:
            task = client.fetch(origin.url())
            wait_until(lambda: ends(client, task) == [("failed", "http_status")])
            assert client.status(task) == "QUEUED"
            client.delete(f"/tasks/{task}")
            assert ends(client, task) == [("failed", "http_status")]
            listed, = walk(client)
            assert (listed["status"], listed["code"], listed["attempts"]) == ("REJECTED", "cancelled", 1)

    def test_of_what_went_down_with_the_service(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            task = client.submit("http-fetch", {"url": held.url()}, retry={"max_attempts": 3})
        for crashes in range(3):
            with daemon.client() as client:
                wait_until(lambda: client.status(task) == "RUNNING")
                assert ends(client, task) == [("crashed", None)] * crashes + [("running", None)]
            daemon.kill9()
            daemon.restart()
        held.release()
        with daemon.client() as client:
            assert client.failure(task)["code"] == "attempts_exhausted"
            assert ends(client, task) == [("crashed", None)] * 2 + [("crashed", "attempts_exhausted")]

    def test_a_shutdown_hands_back_without_a_trace(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=100)
        with daemon.client() as client:
            task = client.fetch(held.url())
            wait_until(lambda: client.status(task) == "RUNNING")
        assert daemon.terminate() == 0
        held.release()
        daemon.restart()
        with daemon.client() as client:
            assert client.result(task)["result"] == "held"
            assert ends(client, task) == [("succeeded", None)]

    def test_of_what_there_is_not(self, client):
        problem = check_problem(client.get(f"/tasks/{UNKNOWN}/attempts"), 404)
        assert problem["type"] == "/problems/no-such-task"
        assert client.get("/tasks/nonsense/attempts").status == 404
        assert client.get("/tasks/attempts").status == 404
        task = client.factorial(3)
        problem = check_problem(client.get(f"/tasks/{task}/attempts?limit=1"), 400)
        assert problem["type"] == "/problems/unknown-parameter"
