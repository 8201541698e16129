# SPDX-License-Identifier: MIT
"""POST /tasks/submissions/batch: many submissions in one request, all of them or none."""

import collections
import http.client
import json
import math
import os
import random
import signal
import threading

import pytest

from lib.api import BATCH, FINAL, SUBMISSIONS, UUID, check_problem
from lib.database import count_tasks, history, integrity, opened
from lib.faults import EXIT_STORE_DIED, fill, injected, needs_root, needs_strace
from lib.load import wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

ROUNDS = int(os.environ.get("TASKQ_KILL_ROUNDS", "25"))
VALUES_MAX = 16000
BODY_MAX = 1048576


def factorial(n):
    return {"type": "factorial", "args": {"n": str(n)}}


def fetch(url):
    return {"type": "http-fetch", "args": {"url": url}}


def accepted(response, count):
    """The ids of a batch that must have been accepted."""
    assert response.status == 202, response
    assert response.media_type == "application/json" and "Location" not in response.headers
    assert set(response.json) == {"ids"}
    ids = response.json["ids"]
    assert len(ids) == count and all(UUID.match(task_id) for task_id in ids)
    assert ids == sorted(set(ids)), "ids that do not grow"
    return ids


def submit(client, tasks):
    return client.post({"tasks": tasks}, BATCH)


def submit_ok(client, tasks):
    return accepted(submit(client, tasks), len(tasks))


# What is accepted -----------------------------------------------------------------------------------


class TestAccepted:
    def test_both_kinds_in_order_with_every_result(self, client):
        with ScriptedOrigin(lambda received: ok_answer(received.split(b" ")[1])) as origin:
            tasks = [fetch(origin.url(f"/{n}")) if n % 3 == 1 else factorial(n) for n in range(60)]
            ids = submit_ok(client, tasks)
            for n, task_id in enumerate(ids):
                answer = client.result(task_id)
                assert answer["type"] == tasks[n]["type"] and answer["status"] == "SUCCEEDED"
                assert answer["result"] == (f"/{n}" if n % 3 == 1 else math.factorial(n))

    @pytest.mark.parametrize("count", [1, 2, 1000])
    def test_from_one_to_a_thousand(self, client, count):
        ids = submit_ok(client, [factorial(n % 150) for n in range(count)])
        for n in {0, count // 2, count - 1}:
            assert client.result(ids[n])["result"] == math.factorial(n % 150)

    def test_a_thousand_are_all_executed_once(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            ids = submit_ok(client, [factorial(n % 150) for n in range(1000)])
            wait_drained(daemon)
            assert history(daemon.database) == {task_id: "SUCCEEDED" for task_id in ids}
            for n, task_id in enumerate(ids):
                assert client.get(f"/tasks/{task_id}").json["result"] == math.factorial(n % 150)
                assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 1

    def test_tasks_are_begun_in_order(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
        with ScriptedOrigin(ok_answer(b"x")) as origin, daemon.client() as client:
            ids = submit_ok(client, [fetch(origin.url(f"/{n}")) for n in range(40)])
            ids += submit_ok(client, [fetch(origin.url(f"/{n}")) for n in range(40, 50)])
            client.wait_final(ids[-1])
            paths = [received.split(b" ")[1] for received in origin.requests]
        assert paths == [b"/%d" % n for n in range(50)]

    def test_as_many_bytes_as_a_single_body_may_have(self, client):
        body = json.dumps({"tasks": [factorial(3)] * 1000}).encode()
        assert accepted(client.post(body + b" " * (BODY_MAX - len(body)), BATCH), 1000)
        check_problem(client.post(body + b" " * (BODY_MAX + 1 - len(body)), BATCH), 413)

    def test_long_urls_fill_a_body(self, client):
        """A thousand different submissions of a kibibyte each."""
        with ScriptedOrigin(ok_answer(b"x")) as origin:
            tasks = [fetch(origin.url(f"/{n:04}" + "u" * 900)) for n in range(1000)]
            ids = submit_ok(client, tasks)
            assert client.result(ids[0])["response"]["url"] == tasks[0]["args"]["url"]
            assert client.result(ids[999])["response"]["url"] == tasks[999]["args"]["url"]


# What is refused ------------------------------------------------------------------------------------


class TestFaults:
    @pytest.mark.parametrize(
        "body, pointers",
        [
            ({}, ["/tasks"]),
            ([factorial(1)], [""]),
            (factorial(1), ["/args", "/tasks", "/type"]),
            ({"tasks": []}, ["/tasks"]),
            ({"tasks": None}, ["/tasks"]),
            ({"tasks": factorial(1)}, ["/tasks"]),
            ({"tasks": "factorial"}, ["/tasks"]),
            ({"tasks": [factorial(1)] * 1001}, ["/tasks"]),
            ({"tasks": [factorial(1)], "more": 1}, ["/more"]),
            ({"tasks": [factorial(1)], "a/b~c": 1}, ["/a~1b~0c"]),
            ({"tasks": [5]}, ["/tasks/0"]),
            ({"tasks": [factorial(1), [factorial(1)], None]}, ["/tasks/1", "/tasks/2"]),
            ({"tasks": [factorial(1), factorial("x")]}, ["/tasks/1/args/n"]),
            ({"tasks": [factorial(10000001)] + [factorial(1)] * 999}, ["/tasks/0/args/n"]),
            ({"tasks": [factorial(1)] * 999 + [factorial(10000001)]}, ["/tasks/999/args/n"]),
            (
                {"tasks": [
                    factorial(1),
                    {"type": "nothing", "args": {}},
                    {"type": "factorial", "args": {"n": "x", "zz": 1}, "yy": 1},
                    factorial(2),
                    {"args": {"n": "1"}},
                    fetch("file:///etc/passwd"),
                    {"type": "http-fetch", "args": None},
                    {},
                ], "more": 1},
                ["/more", "/tasks/1/type", "/tasks/2/args/n", "/tasks/2/args/zz", "/tasks/2/yy", "/tasks/4/type",
                 "/tasks/5/args/url", "/tasks/6/args", "/tasks/7/args", "/tasks/7/type"],
            ),
        ],
    )
    def test_every_fault_is_named_with_its_index(self, daemon, client, body, pointers):
        before = count_tasks(daemon.database)
        problem = check_problem(client.post(body, BATCH), 400, pointers)
        assert problem["type"] == "/problems/invalid-submission"
        assert count_tasks(daemon.database) == before

    def test_of_many_faults_the_first_are_named_and_all_counted(self, client):
        problem = check_problem(submit(client, [factorial("x")] * 1000), 400, [f"/tasks/{n}/args/n" for n in range(16)])
        assert problem["errors_total"] == 1000

    @pytest.mark.parametrize(
        "body, pointer",
        [
            (b"", ""),
            (b"{", ""),
            (b'{"tasks":[{"type":"factorial","args":{"n":"1"}}],"tasks":[]}', "/tasks"),
            (b'{"tasks":[{"type":"factorial","args":{"n":"1","n":"2"}}]}', "/tasks/0/args/n"),
            (b'{"tasks":[{"type":"factorial","args":{"n":"1"}}, {"type":"\xff"}]}', "/tasks/1/type"),
            (b'{"tasks":[{"type":"factorial","args":{"n":"\\u0000"}}]}', "/tasks/0/args/n"),
            (b'{"tasks":[{"type":"factorial","args":{"n":9223372036854775808}}]}', "/tasks/0/args/n"),
            (b'{"tasks":[{"type":"factorial","args":{"n":"1"}}]}{}', ""),
            (b'{"tasks":[' + b"[" * 31 + b"]" * 31 + b"]}", ""),
        ],
    )
    def test_json_is_as_strict_as_for_one(self, client, body, pointer):
        assert check_problem(client.post(body, BATCH), 400, [pointer])["type"] == "/problems/invalid-json"

    @pytest.mark.parametrize("more", [0, 1])
    def test_values_are_bounded(self, client, more):
        """What counts are commas and opening brackets: 7 beside those of the zeros."""
        body = {"tasks": [{"type": "factorial", "args": {"n": 1}, "more": [0] * (VALUES_MAX - 7 + more)}]}
        problem = check_problem(client.post(body, BATCH), 400, [""] if more else ["/tasks/0/more"])
        assert problem["type"] == ("/problems/invalid-json" if more else "/problems/invalid-submission")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
    def test_405_names_what_is_allowed(self, client, method):
        response = client.request(method, BATCH)
        assert response.status == 405 and response.headers["Allow"] == "POST, OPTIONS"

    def test_other_fields_are_checked_as_for_one(self, client):
        body = {"tasks": [factorial(1)]}
        check_problem(client.post(body, BATCH, {"Content-Type": "text/plain"}), 415)
        check_problem(client.post(body, BATCH, {"Accept": "image/png"}), 406)
        check_problem(client.post(body, BATCH, {"Host": "queue.example"}), 421)
        check_problem(client.post(body, BATCH + "?x=1"), 400)
        assert client.request("OPTIONS", BATCH).status == 204


# Load -----------------------------------------------------------------------------------------------


class TestFullQueue:
    def start(self, make_daemon, held, queue_max):
        """A daemon whose one place for fetches is taken."""
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=queue_max)
        with daemon.client() as client:
            running = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            wait_until(lambda: client.status(running) == "RUNNING")
        return daemon

    def test_all_or_none_at_the_limit(self, make_daemon, held):
        daemon = self.start(make_daemon, held, 10)
        with daemon.client() as client:
            def refused(tasks):
                before = count_tasks(daemon.database)
                response = submit(client, tasks)
                assert check_problem(response, 503)["type"] == "/problems/queue-full"
                assert 1 <= int(response.headers["Retry-After"]) <= 300
                assert count_tasks(daemon.database) == before

            url = held.url()
            ids = submit_ok(client, [fetch(url)] * 6)
            refused([factorial(1)] * 5 + [fetch(url)] * 5)
            # What was refused holds no place, in neither lane.
            ids += submit_ok(client, [fetch(url)] * 4 + [factorial(5)] * 10)
            client.wait_final(ids[-1])
            refused([fetch(url)])
            check_problem(client.post(fetch(url)), 503)
            assert client.result(submit_ok(client, [factorial(5)])[0])["result"] == 120
            assert client.get("/stats").json["admission"]["refused"]["queue_full"] == 3
            held.release()
            for task_id in ids:
                assert client.result(task_id)["status"] == "SUCCEEDED"
            submit_ok(client, [fetch(url)] * 10)

    def test_what_could_never_be_accepted_is_a_fault_and_no_503(self, make_daemon, held):
        """More than may ever wait: trying again would not help, so the answer says what would."""
        daemon = self.start(make_daemon, held, 10)
        url = held.url()
        far = {**fetch(url), "delay_ms": 86400000}
        with daemon.client() as client:
            for tasks in ([fetch(url)] * 11, [factorial(1)] * 5 + [fetch(url)] * 11, [factorial(1000)] * 11):
                response = submit(client, tasks)
                problem = check_problem(response, 400, ["/tasks"])
                assert problem["type"] == "/problems/invalid-submission"
                assert "(queue-max)" in problem["errors"][0]["detail"]
                assert "Retry-After" not in response.headers
            assert count_tasks(daemon.database) == 1
            # What takes no place, or another one, is not part of it.
            submit_ok(client, [factorial(1)] * 11 + [fetch(url)] * 10 + [far] * 11)
            check_problem(submit(client, [fetch(url)] * 11), 400, ["/tasks"])  # however full it is
            check_problem(submit(client, [fetch(url)]), 503)
            assert client.get("/stats").json["admission"]["refused"]["queue_full"] == 1

    def test_what_may_never_wait_for_a_time_is_a_fault(self, make_daemon):
        daemon = make_daemon(scheduled_max=2)
        far = {**factorial(1), "delay_ms": 86400000}
        with daemon.client() as client:
            problem = check_problem(submit(client, [far] * 3), 400, ["/tasks"])
            assert "at most 2" in problem["errors"][0]["detail"] and "(scheduled-max)" in problem["errors"][0]["detail"]
            submit_ok(client, [far] * 2)
        none = make_daemon(scheduled_max=0)
        with none.client() as client:
            check_problem(client.post(far), 400, [""])
            check_problem(submit(client, [far]), 400, ["/tasks"])
            assert client.result(client.factorial(7))["result"] == 5040

    def test_limit_is_exact_under_concurrent_batches(self, make_daemon, held):
        daemon = self.start(make_daemon, held, 50)
        statuses = []

        def work():
            with daemon.client() as client:
                for _ in range(4):
                    statuses.append(submit(client, [fetch(held.url())] * 7).status)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {202, 503} and statuses.count(202) == 7
        assert count_tasks(daemon.database) == 1 + 49
        held.release()
        wait_drained(daemon)

    def test_draining_refuses(self, make_daemon, held):
        daemon = self.start(make_daemon, held, 50)
        with daemon.client() as client:
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: client.get("/readyz").status == 503)
            response = submit(client, [factorial(3)] * 3)
            assert check_problem(response, 503)["type"] == "/problems/draining"
            assert "Retry-After" in response.headers
        held.release()
        assert daemon.wait() == 0
        assert count_tasks(daemon.database) == 1


# All or none ----------------------------------------------------------------------------------------


def tasks_by_mark(path):
    """The ids of the batches in the database; the argument of its factorials marks each."""
    found = collections.defaultdict(set)
    with opened(path) as database:
        for task_id, args in database.execute("SELECT id, args FROM task_history"):
            found[int(json.loads(args)["n"])].add(task_id)
    return found


class Ledger:
    """Batches of factorials that were sent, each with an n of its own, and those acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sizes = {}
        self.acknowledged = {}
        self.refused = set()

    def submit(self, client, size):
        """Submit one batch; returns the status."""
        with self.lock:
            mark = len(self.sizes)
            self.sizes[mark] = size
        response = submit(client, [factorial(mark)] * size)
        with self.lock:
            if response.status == 202:
                self.acknowledged[mark] = set(accepted(response, size))
            else:
                self.refused.add(mark)
        return response.status

    def check(self, path):
        """Each batch is there as a whole or not at all, and what was said about it is true."""
        found = tasks_by_mark(path)
        for mark, ids in found.items():
            assert len(ids) == self.sizes[mark], f"{len(ids)} of a batch of {self.sizes[mark]}"
            assert mark not in self.refused, "a batch that was refused"
        for mark, ids in self.acknowledged.items():
            assert found[mark] == ids, "an acknowledged batch is not there"
        return found


def test_kill_9_in_the_middle_of_batches(make_daemon, record_property):
    seed = int(os.environ.get("TASKQ_SEED", random.randrange(1 << 32)))
    print(f"TASKQ_SEED={seed} TASKQ_KILL_ROUNDS={ROUNDS}")
    chance = random.Random(seed)
    daemon = make_daemon(start=False, attempts_max=100)
    ledger = Ledger()

    def work(numbers, stop):
        try:
            with daemon.client(timeout=30) as client:
                while not stop.is_set():
                    ledger.submit(client, numbers.choice([1, 3, 40, 300, 1000]))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed in the middle: nobody was told anything

    for _ in range(ROUNDS):
        daemon.start()
        daemon.wait_ready()
        stop = threading.Event()
        threads = [
            threading.Thread(target=work, args=(random.Random(chance.random()), stop)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        # The one place where time passes on purpose: the moment of death is random.
        stop.wait(chance.uniform(0.02, 0.25))
        assert daemon.kill9() == -signal.SIGKILL
        stop.set()
        for thread in threads:
            thread.join()
    daemon.start()
    daemon.wait_ready()
    found = ledger.check(daemon.database)
    wait_drained(daemon)
    record_property(
        "figure", f"kill -9 in batches: {ROUNDS} rounds, seed {seed}, {len(ledger.sizes)} batches sent, {len(found)} "
        f"stored, {len(ledger.acknowledged)} acknowledged")
    assert len(ledger.acknowledged) > ROUNDS / 2
    assert set(history(daemon.database).values()) <= set(FINAL)
    with daemon.client() as client:
        for mark, ids in sorted(ledger.acknowledged.items())[::20]:
            assert client.get(f"/tasks/{min(ids)}").json["result"] == math.factorial(mark)
    assert daemon.terminate() == 0
    ledger.check(daemon.database)
    assert integrity(daemon.database) == ["ok"]


@pytest.mark.root
@needs_root
class TestFullDisk:
    @pytest.mark.parametrize("floor_mib", [0, 16])
    def test_a_full_disk_takes_nothing_or_all(self, make_daemon, small_disk, floor_mib):
        """The floor (0: a twentieth) is looked at once a second: below it SQLite meets the end of the disk before that."""
        daemon = make_daemon(start=False, disk_free_min_mib=floor_mib)
        daemon.data = small_disk / "data"
        daemon.start()
        ledger = Ledger()
        with daemon.client() as client:
            assert ledger.submit(client, 10) == 202
            wait_drained(daemon)
            ballast = fill(small_disk, leave=(floor_mib << 20) + (256 << 10))
            wait_until(lambda: ledger.submit(client, 777) == 503)
            response = submit(client, [factorial(0)] * 500)
            assert check_problem(response, 503)["type"] == "/problems/disk-low"
            assert 1 <= int(response.headers["Retry-After"]) <= 300
            assert client.get("/healthz").status == 200
            ledger.check(daemon.database)
            ballast.unlink()
            wait_until(lambda: ledger.submit(client, 1000) == 202)
            wait_drained(daemon)
        assert daemon.terminate() == 0
        ledger.check(daemon.database)
        assert integrity(daemon.database) == ["ok"]


@pytest.mark.root
@needs_root
@needs_strace
@pytest.mark.usefixtures("no_leak_checker")
class TestFailingDisk:
    @pytest.mark.parametrize(
        "what", ["fdatasync:error=EIO:when=1", "fdatasync:error=EIO:when=3", "pwrite64:error=EIO:when=9",
                 "pwrite64:error=EIO:when=60", "pwrite64:error=ENOSPC:when=40"])
    def test_a_failing_disk_leaves_no_part_of_a_batch(self, make_daemon, what):
        daemon = make_daemon()
        ledger = Ledger()
        with injected(daemon, what):
            with daemon.client() as client:
                try:
                    for _ in range(12):
                        ledger.submit(client, 200)
                except (OSError, http.client.HTTPException):
                    assert daemon.wait() == EXIT_STORE_DIED
        if daemon.is_running():
            ledger.check(daemon.database)
            daemon.kill9()
        daemon.restart()
        wait_drained(daemon)
        ledger.check(daemon.database)
        assert daemon.terminate() == 0
        assert integrity(daemon.database) == ["ok"]
