# SPDX-License-Identifier: MIT
"""When tasks run and what ends them: schedules, priorities, expiry, time limits, further attempts, cancels."""

import datetime
import random
import signal
import socket

import pytest

from lib.api import SUBMISSIONS, check_failure, check_problem
from lib.database import opened
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

FAR_MS = 3600 * 1000
LONG_N = 1000000  # a tenth of a second at least
ENDLESS_N = 100000000  # longer than any test; takes 1.8 GiB in the end


def answer(status, body=b"x", more=""):
    return (f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
            ).encode() + body


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def ago(**more):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**more)).isoformat()


def state(client, task_id):
    return client.get(f"{SUBMISSIONS}/{task_id}").json


def lanes(client):
    return client.get("/stats").json["lanes"]


def attempts(daemon, task_id):
    with opened(daemon.database) as database:
        return database.execute("SELECT attempt, outcome, code FROM task_attempts WHERE id = ? ORDER BY attempt",
                                (task_id,)).fetchall()


def refused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def expect(response, status, kind):
    check_problem(response, status)
    assert response.json["type"] == kind


@pytest.fixture
def one_at_a_time(make_daemon):
    return make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, cpu_executors=1, factorial_max_n=ENDLESS_N,
                       cpu_memory_mib=4096, retry_backoff_ms=10, retry_backoff_max_ms=10)


class TestSchedule:
    @pytest.mark.parametrize("kind, args", [("factorial", {"n": 5}), ("factorial", {"n": 500})])
    def test_delayed(self, client, kind, args):
        task = client.submit(kind, args, delay_ms=400)
        first = state(client, task)
        assert first["status"] == "QUEUED" and first["started_at"] is None and first["attempts"] == 0
        assert client.result(task)["status"] == "SUCCEEDED"
        last = state(client, task)
        assert moment(last["started_at"]) - moment(last["created_at"]) >= datetime.timedelta(milliseconds=400)
        assert last["attempts"] == 1

    def test_at_a_time(self, client):
        task = client.submit("factorial", {"n": 300}, run_at=ago(milliseconds=500))
        assert state(client, task)["status"] == "QUEUED"
        assert client.result(task)["status"] == "SUCCEEDED"

    def test_in_the_past_is_at_once(self, client):
        task = client.submit("factorial", {"n": 3}, run_at="1999-12-31T23:59:59.999+13:00")
        assert state(client, task)["status"] == "SUCCEEDED"

    def test_it_outlives_a_kill(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            soon = client.submit("factorial", {"n": 300}, delay_ms=200)
            far = client.submit("factorial", {"n": 300}, delay_ms=FAR_MS)
            assert lanes(client)["cpu"]["scheduled"] == 2 and lanes(client)["cpu"]["queued"] == 0
        daemon.kill9()
        daemon.restart()
        with daemon.client() as client:
            assert client.result(soon)["status"] == "SUCCEEDED"
            assert state(client, far)["status"] == "QUEUED"
            assert lanes(client)["cpu"]["scheduled"] == 1

    def test_many_for_one_moment_all_run(self, make_daemon):
        daemon = make_daemon(queue_max=10)
        with daemon.client() as client:
            tasks = [{"type": "factorial", "args": {"n": 201 + n % 7}, "delay_ms": 500} for n in range(1000)]
            ids = client.post({"tasks": tasks}, path=f"{SUBMISSIONS}/batch").json["ids"]
            assert lanes(client)["cpu"]["scheduled"] == 1000
            # They are no depth of the queue, before and after their time.
            small = client.submit("factorial", {"n": 900})
            for task in ids:
                client.wait_final(task)
            assert client.result(small)["status"] == "SUCCEEDED"
            assert client.get("/stats").json["tasks"]["SUCCEEDED"] == 1001

    def test_its_bound(self, make_daemon):
        daemon = make_daemon(scheduled_max=2)
        with daemon.client() as client:
            body = {"type": "factorial", "args": {"n": 5}, "delay_ms": FAR_MS}
            ids = [client.post(body).json["id"] for _ in range(2)]
            response = client.post(body)
            expect(response, 503, "/problems/schedule-full")
            assert 1 <= int(response.headers["Retry-After"]) <= 300
            response = client.post({"tasks": [body, {"type": "factorial", "args": {"n": 1}}]}, path=f"{SUBMISSIONS}/batch")
            expect(response, 503, "/problems/schedule-full")
            assert client.get("/readyz").status == 200
            assert client.result(client.factorial(7))["result"] == 5040
            assert client.delete(f"/tasks/{ids[0]}").status == 200
            assert client.post(body).status == 202
            assert client.get("/stats").json["admission"]["refused"]["schedule_full"] == 2


class TestPriority:
    def test_order(self, one_at_a_time, held):
        with one_at_a_time.client() as client, ScriptedOrigin(ok_answer(b"")) as origin:
            blocker = client.fetch(held.url())
            wait_until(lambda: client.status(blocker) == "RUNNING")
            chosen = [(priority, n) for n in range(4) for priority in (9, 0, 5, None)]
            for priority, n in chosen:
                more = {} if priority is None else {"priority": priority}
                client.submit("http-fetch", {"url": origin.url(f"/{5 if priority is None else priority}/{n}")}, **more)
            wait_until(lambda: lanes(client)["io"]["queued"] == len(chosen))
            held.release()
            wait_until(lambda: len(origin.requests) == len(chosen))
        order = [received.split()[1].decode() for received in origin.requests]
        assert order == [f"/{priority}/{n}" for priority in (0,) for n in range(4)] + \
            [path for n in range(4) for path in (f"/5/{n}", f"/5/{n}")] + [f"/9/{n}" for n in range(4)]


class TestExpiry:
    def test_while_it_waits(self, one_at_a_time, held):
        with one_at_a_time.client() as client:
            blocker = client.fetch(held.url())
            wait_until(lambda: client.status(blocker) == "RUNNING")
            task = client.submit("http-fetch", {"url": held.url()}, ttl_ms=200)
            response = client.get(f"/tasks/{task}?wait=30")
            assert response.status == 200 and response.json["status"] == "REJECTED"
            check_failure(response.json["result"])
            assert response.json["result"]["code"] == "expired"
            assert state(client, task)["started_at"] is None and state(client, task)["finished_at"] is not None
            held.release()
            assert client.result(blocker)["result"] == "held"
            assert len(held.requests) == 1

    def test_not_once_it_runs(self, client, held):
        task = client.submit("http-fetch", {"url": held.url()}, ttl_ms=300)
        wait_until(lambda: client.status(task) == "RUNNING")
        late = client.submit("factorial", {"n": 300}, delay_ms=600)
        client.wait_final(late)
        assert client.status(task) == "RUNNING"
        held.release()
        assert client.result(task)["result"] == "held"

    def test_while_the_service_is_down(self, one_at_a_time):
        """It waits behind what never ends. Where the kill comes too late, it had expired before: tried again, later."""
        daemon = one_at_a_time
        for ttl_ms in (300, 1200, 4800, 19200):
            with daemon.client() as client:
                blocker = client.factorial(ENDLESS_N)
                wait_until(lambda: client.status(blocker) == "RUNNING")
                task = client.submit("factorial", {"n": 300}, ttl_ms=ttl_ms)
                end = moment(state(client, task)["created_at"]) + datetime.timedelta(milliseconds=ttl_ms)
                daemon.kill9()
            is_dead = datetime.datetime.now(datetime.timezone.utc)
            wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > end)
            begins = moment(ago())
            daemon.restart()
            with daemon.client() as client:
                answer = client.result(task)
                assert answer["status"] == "REJECTED" and answer["result"]["code"] == "expired"
                last = state(client, task)
                assert last["started_at"] is None and last["attempts"] == 0
                # Clients see milliseconds.
                rejected = moment(last["finished_at"]) + datetime.timedelta(milliseconds=1)
                assert client.delete(f"/tasks/{blocker}").status in (200, 202)
                client.wait_final(blocker)
            if is_dead < end:
                assert rejected >= begins
                return
            assert rejected < is_dead or rejected >= begins
        raise AssertionError("no kill came before the end of the task")


class TestTimeLimit:
    def test_of_a_fetch(self, client, held):
        task = client.submit("http-fetch", {"url": held.url()}, timeout_ms=200, retry={"max_attempts": 1})
        failure = client.failure(task)
        assert failure["code"] == "timeout"
        last = state(client, task)
        took = moment(last["finished_at"]) - moment(last["started_at"])
        assert took >= datetime.timedelta(milliseconds=200)

    def test_of_a_factorial_is_not_tried_again(self, one_at_a_time):
        with one_at_a_time.client() as client:
            task = client.submit("factorial", {"n": ENDLESS_N}, timeout_ms=100)
            assert client.failure(task)["code"] == "timeout"
            assert state(client, task)["attempts"] == 1
            assert client.result(client.factorial(20))["status"] == "SUCCEEDED"

    def test_is_for_each_attempt(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], retry_backoff_ms=0)
        with daemon.client() as client:
            task = client.submit("http-fetch", {"url": held.url()}, timeout_ms=100, retry={"max_attempts": 3})
            assert client.failure(task)["code"] == "timeout"
            assert state(client, task)["attempts"] == 3 and len(held.requests) == 3
        assert attempts(daemon, task) == [(n, "failed", "timeout") for n in (1, 2, 3)]


class TestRetry:
    def test_a_later_attempt_succeeds(self, one_at_a_time):
        def respond(received):
            return answer(503) if len(origin.requests) < 3 else ok_answer(b"at last")

        with one_at_a_time.client() as client, ScriptedOrigin(respond) as origin:
            task = client.fetch(origin.url())
            assert client.result(task)["result"] == "at last"
            assert state(client, task)["attempts"] == 3 and len(origin.requests) == 3
        assert attempts(one_at_a_time, task) == [
            (1, "failed", "http_status"), (2, "failed", "http_status"), (3, "succeeded", None)]

    def test_the_last_failure_is_told_with_its_content(self, one_at_a_time):
        with one_at_a_time.client() as client, ScriptedOrigin(answer(500, b"sorry")) as origin:
            task = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 2})
            failure = client.result(task)
            assert failure["result"]["code"] == "http_status" and failure["response"]["status"] == 500
            assert client.raw_result(task).body == b"sorry"
            assert len(origin.requests) == 2

    @pytest.mark.parametrize("status, tries", [(404, 1), (403, 1), (501, 1), (505, 1), (408, 2), (425, 2), (429, 2),
                                               (500, 2), (502, 2), (503, 2), (504, 2)])
    def test_by_status(self, one_at_a_time, status, tries):
        with one_at_a_time.client() as client, ScriptedOrigin(answer(status)) as origin:
            task = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 2})
            assert client.failure(task)["code"] == "http_status"
            assert len(origin.requests) == tries

    def test_connection_refused(self, one_at_a_time):
        with one_at_a_time.client() as client:
            task = client.fetch(f"http://127.0.0.1:{refused_port()}/")
            failure = client.failure(task)
            assert failure["message"] == "Connection refused" and failure["code"] == "connect"
            assert state(client, task)["attempts"] == 3

    def test_what_is_denied_is_not_tried_again(self, one_at_a_time):
        with one_at_a_time.client() as client:
            task = client.fetch("http://10.1.2.3/")
            assert client.failure(task)["code"] == "destination_denied"
            assert state(client, task)["attempts"] == 1

    def test_the_origin_says_when(self, one_at_a_time):
        def respond(received):
            return answer(429, more="Retry-After: 1\r\n") if len(origin.requests) == 1 else ok_answer(b"now")

        with one_at_a_time.client() as client, ScriptedOrigin(respond) as origin:
            task = client.fetch(origin.url())
            wait_until(lambda: lanes(client)["io"]["scheduled"] == 1)
            assert client.status(task) == "QUEUED"
            # Its place is free meanwhile.
            other = client.fetch(origin.url())
            assert client.result(other)["result"] == "now"
            assert client.result(task)["result"] == "now"
            first, second = [row for row in self.times(one_at_a_time, task)]
            assert moment(second[0]) - moment(first[1]) >= datetime.timedelta(seconds=1)

    @staticmethod
    def times(daemon, task_id):
        with opened(daemon.database) as database:
            return database.execute("SELECT started_at, ended_at FROM task_attempts WHERE id = ? ORDER BY attempt",
                                    (task_id,)).fetchall()

    def test_it_outlives_a_kill_between_attempts(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        answers = [answer(503), ok_answer(b"late")]
        with ScriptedOrigin(lambda received: answers[min(len(origin.requests), 2) - 1]) as origin:
            with daemon.client() as client:
                task = client.submit("http-fetch", {"url": origin.url()}, retry={"backoff_ms": 600})
                wait_until(lambda: lanes(client)["io"]["scheduled"] == 1 or len(origin.requests) == 2)
            daemon.kill9()
            daemon.restart()
            with daemon.client() as client:
                assert client.result(task)["result"] == "late"

    def test_a_shutdown_costs_no_attempt(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=100)
        with daemon.client() as client:
            task = client.submit("http-fetch", {"url": held.url()}, retry={"max_attempts": 1})
            wait_until(lambda: client.status(task) == "RUNNING")
        assert daemon.terminate() == 0
        held.release()
        daemon.restart()
        with daemon.client() as client:
            assert client.result(task)["result"] == "held"
            assert state(client, task)["attempts"] == 1


class TestCancel:
    def test_what_waits(self, one_at_a_time, held):
        with one_at_a_time.client() as client:
            blocker = client.fetch(held.url())
            wait_until(lambda: client.status(blocker) == "RUNNING")
            waits = client.fetch(held.url())
            far = client.submit("factorial", {"n": 5}, delay_ms=FAR_MS)
            for task in (waits, far):
                response = client.delete(f"/tasks/{task}")
                assert response.status == 200 and response.json == {"id": task, "status": "REJECTED"}
                assert client.result(task)["result"]["code"] == "cancelled"
                again = client.delete(f"/tasks/{task}")
                assert again.status == 200 and again.json == response.json
            assert lanes(client)["io"]["queued"] == 0 and lanes(client)["cpu"]["scheduled"] == 0
            held.release()
            assert client.result(blocker)["result"] == "held"
            assert len(held.requests) == 1

    def test_a_fetch_that_runs(self, client, held):
        task = client.fetch(held.url())
        wait_until(lambda: len(held.requests) == 1)
        response = client.delete(f"/tasks/{task}")
        assert response.status == 202 and response.json == {"id": task, "status": "RUNNING"}
        assert response.headers["Location"] == f"{SUBMISSIONS}/{task}"
        failure = client.failure(task)
        assert failure["code"] == "cancelled"
        assert client.delete(f"/tasks/{task}").json == {"id": task, "status": "FAILED"}

    def test_a_factorial_that_runs_and_one_behind_it(self, one_at_a_time):
        with one_at_a_time.client() as client:
            runs = client.factorial(ENDLESS_N)
            wait_until(lambda: client.status(runs) == "RUNNING")
            behind = client.factorial(LONG_N)
            last = client.factorial(300)
            assert client.delete(f"/tasks/{behind}").status in (200, 202)
            assert client.wait_final(behind) in ("REJECTED", "FAILED")
            assert client.status(runs) == "RUNNING"
            assert client.delete(f"/tasks/{runs}").status == 202
            assert client.failure(runs)["code"] == "cancelled"
            assert client.result(last)["status"] == "SUCCEEDED"

    def test_between_two_attempts(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client, ScriptedOrigin(answer(429, more="Retry-After: 600\r\n")) as origin:
            task = client.fetch(origin.url())
            wait_until(lambda: lanes(client)["io"]["scheduled"] == 1)
            assert client.delete(f"/tasks/{task}").json["status"] == "REJECTED"
            assert client.result(task)["result"]["code"] == "cancelled"
            assert state(client, task)["attempts"] == 1 and lanes(client)["io"]["scheduled"] == 0

    @pytest.mark.parametrize("n", [5, 500])
    def test_what_is_completed(self, client, n):
        task = client.factorial(n)
        client.wait_final(task)
        response = client.delete(f"/tasks/{task}")
        expect(response, 409, "/problems/completed")
        assert client.status(task) == "SUCCEEDED"

    def test_what_failed_by_itself(self, client):
        task = client.fetch("http://10.0.0.1/")
        client.failure(task)
        expect(client.delete(f"/tasks/{task}"), 409, "/problems/completed")

    def test_what_there_is_not(self, client):
        expect(client.delete("/tasks/0190a5c0-0000-7000-8000-000000000000"), 404, "/problems/no-such-task")
        assert client.delete("/tasks/nonsense").status == 404
        assert client.delete(SUBMISSIONS).status == 405

    def test_a_kill_after_the_answer_does_not_bring_it_back(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            task = client.fetch(held.url())
            wait_until(lambda: client.status(task) == "RUNNING")
            daemon.signal(signal.SIGSTOP)
        daemon.signal(signal.SIGCONT)
        with daemon.client() as client:
            assert client.delete(f"/tasks/{task}").status in (200, 202)
            daemon.kill9()
        held.release()
        daemon.restart()
        with daemon.client() as client:
            assert client.failure(task)["code"] == "cancelled"

    def test_in_a_crowd_every_task_has_one_end(self, make_daemon):
        """Cancels at random moments, of tasks in every state; then each is what its answers said."""
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=4, retry_backoff_ms=5)
        chance = random.Random(4711)
        said = {}
        with daemon.client() as client, ScriptedOrigin(
                lambda received: ok_answer(b"ok") if chance.random() < 0.5 else answer(503)) as origin:
            ids = []
            for _ in range(300):
                kind = chance.randrange(3)
                terms = {"delay_ms": chance.randrange(100)} if chance.random() < 0.3 else {}
                ids.append(client.submit("http-fetch", {"url": origin.url()}, **terms) if kind == 0 else
                           client.submit("factorial", {"n": chance.choice((3, 300, 3000))}, **terms))
                if chance.random() < 0.7:
                    task = chance.choice(ids)
                    said.setdefault(task, []).append(client.delete(f"/tasks/{task}"))
            final = {task: client.result(task) for task in ids}
            for task, responses in said.items():
                word, code = final[task]["status"], None
                if word != "SUCCEEDED":
                    code = final[task]["result"]["code"]
                for response in responses:
                    if response.status == 200:
                        assert code == "cancelled" and response.json["status"] == word
                    elif response.status == 202:
                        assert word == "FAILED" and code in ("cancelled", "http_status"), (word, code)
                    else:
                        expect(response, 409, "/problems/completed")
            for task in ids:
                if task not in said:
                    assert final[task]["status"] == "SUCCEEDED" or final[task]["result"]["code"] == "http_status"
            stats = client.get("/stats").json
            assert stats["tasks"]["QUEUED"] == stats["tasks"]["RUNNING"] == 0
            assert all(lane["queued"] == lane["scheduled"] == 0 for lane in stats["lanes"].values())
            assert sum(stats["tasks"].values()) == 300
