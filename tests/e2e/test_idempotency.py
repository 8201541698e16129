# SPDX-License-Identifier: MIT
"""Idempotency-Key: a submission that comes again makes no second task, whatever happens between."""

import contextlib
import datetime
import http.client
import json
import math
import os
import random
import re
import signal
import socket
import threading

import pytest

from lib.api import BATCH, SUBMISSIONS, check_problem
from lib.database import count_tasks, history, integrity, opened
from lib.faults import fill, needs_root
from lib.load import wait_drained
from lib.wait import wait_until

FIELD = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
ROUNDS = int(os.environ.get("TASKQ_KILL_ROUNDS", "25"))


def factorial(n, **terms):
    return {"type": "factorial", "args": {"n": str(n)}, **terms}


def fetch(url):
    return {"type": "http-fetch", "args": {"url": url}}


def post(client, key, body, path=SUBMISSIONS):
    return client.post(body, path, {FIELD: key})


def fresh(client, key, body, path=SUBMISSIONS):
    response = post(client, key, body, path)
    assert response.status == 202 and REPLAYED not in response.headers, response
    return response


def check_replayed(response, first):
    """The answer of the first time, byte for byte, and the field that tells it."""
    assert response.status == 202 and response.headers[REPLAYED] == "true", response
    assert response.body == first.body
    assert response.media_type == "application/json"
    assert response.headers.get("Location") == first.headers.get("Location")


def check_mismatch(response):
    assert check_problem(response, 422)["type"] == "/problems/idempotency-mismatch"
    assert REPLAYED not in response.headers and "Location" not in response.headers


def keys_kept(daemon):
    with opened(daemon.database) as database:
        return database.execute("SELECT count(*) FROM idempotency").fetchone()[0]


@pytest.fixture
def key(request):
    """A key that no other test of this module uses."""
    return re.sub("[^a-z0-9]+", "-", request.node.name)[:90] + f"-{random.randrange(1 << 32):08x}"


# One service ----------------------------------------------------------------------------------------


class TestReplay:
    @pytest.mark.parametrize("n", [5, 300])
    def test_the_same_again_is_the_same_task(self, daemon, client, key, n):
        """A task whose result is at hand, and one that starts with its submission."""
        first = fresh(client, key, factorial(n))
        before = count_tasks(daemon.database)
        check_replayed(post(client, key, factorial(n)), first)
        task_id = first.json["id"]
        assert client.result(task_id)["result"] == math.factorial(n)
        for _ in range(3):
            check_replayed(post(client, key, factorial(n)), first)
        assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 1
        assert count_tasks(daemon.database) == before

    def test_without_a_key_each_is_a_task_of_its_own(self, daemon, client):
        kept = keys_kept(daemon)
        assert client.factorial(5) != client.factorial(5)
        assert keys_kept(daemon) == kept

    def test_a_task_that_waits_or_was_cancelled(self, client, key):
        body = factorial(5, delay_ms=3600000)
        first = fresh(client, key, body)
        check_replayed(post(client, key, body), first)
        assert client.delete(f"/tasks/{first.json['id']}").status == 200
        check_replayed(post(client, key, body), first)
        assert client.status(first.json["id"]) == "REJECTED"

    def test_a_body_that_would_not_be_accepted_any_more(self, client, key):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1.5)
        body = factorial(300, expires_at=soon.isoformat())
        first = fresh(client, key, body)
        wait_until(lambda: client.post(body).status == 400)
        check_replayed(post(client, key, body), first)

    def test_something_else_with_the_key(self, daemon, client, key):
        body = json.dumps(factorial(5)).encode()
        first = fresh(client, key, body)
        before = count_tasks(daemon.database)
        for other in (factorial(6), body + b" ", b" " + body, b"", b"{", body[:-1]):
            check_mismatch(post(client, key, other))
        check_mismatch(post(client, key, body, BATCH))
        check_replayed(post(client, key, body), first)
        assert count_tasks(daemon.database) == before

    def test_a_batch(self, daemon, client, key):
        body = {"tasks": [factorial(n) for n in (3, 300, 4)]}
        first = fresh(client, key, body, BATCH)
        before = count_tasks(daemon.database)
        check_replayed(post(client, key, body, BATCH), first)
        check_mismatch(post(client, key, {"tasks": [factorial(3)]}, BATCH))
        check_mismatch(post(client, key, body))
        assert len(first.json["ids"]) == 3 and count_tasks(daemon.database) == before
        for task_id, n in zip(first.json["ids"], (3, 300, 4)):
            assert client.result(task_id)["result"] == math.factorial(n)

    def test_the_largest_batch(self, client, key):
        body = {"tasks": [factorial(n % 150) for n in range(1000)]}
        first = fresh(client, key, body, BATCH)
        check_replayed(post(client, key, body, BATCH), first)
        assert len(set(first.json["ids"])) == 1000

    def test_what_was_refused_leaves_the_key_free(self, client, key):
        check_problem(post(client, key, factorial("x")), 400)
        check_problem(post(client, key, {"tasks": [factorial(1), factorial("x")]}, BATCH), 400)
        first = fresh(client, key, factorial(7))
        check_replayed(post(client, key, factorial(7)), first)


class TestKeys:
    @pytest.mark.parametrize(
        "spellings",
        [
            ["{}", '"{}"', '  "{}" ', "\t{}\t"],
            ['"{} a"', "{} a"],
            ['"\\"{}\\\\"'],
            ['"{},;"'],
        ],
    )
    def test_quoted_and_bare_are_the_same_key(self, client, key, spellings):
        first = fresh(client, spellings[0].format(key), factorial(5))
        for spelling in spellings:
            check_replayed(post(client, spelling.format(key), factorial(5)), first)

    def test_keys_are_case_sensitive_and_differ_by_a_blank(self, client, key):
        ids = {fresh(client, spelling, factorial(5)).json["id"]
               for spelling in (key + "a", key + "A", f'"{key}a "', f'" {key}a"')}
        assert len(ids) == 4

    @pytest.mark.parametrize("quote", ["", '"'])
    def test_at_the_longest_and_one_past(self, daemon, client, quote):
        letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789-_.~", k=128))
        first = fresh(client, f"{quote}{letters}{quote}", factorial(5))
        check_replayed(post(client, f"{quote}{letters}{quote}", factorial(5)), first)
        before = count_tasks(daemon.database)
        problem = check_problem(post(client, f"{quote}{letters}x{quote}", factorial(5)), 400)
        assert problem["type"] == "/problems/invalid-field" and FIELD in problem["detail"]
        assert count_tasks(daemon.database) == before

    @pytest.mark.parametrize("one", ["a", "~"])
    def test_a_single_character(self, client, one):
        first = post(client, one, factorial(5))
        assert first.status == 202
        check_replayed(post(client, f'"{one}"', factorial(5)), first)

    @pytest.mark.parametrize(
        "value",
        ["", '""', '"', '"a', 'a"', 'a"b', "a,b", '"a", "b"', "a;b", '"a";b=1', "a\\b", '"\\a"', '"a\\"', "a\tb",
         "\u00e4", '"\u00e4"', '"a" b'],
    )
    @pytest.mark.parametrize("path", [SUBMISSIONS, BATCH])
    def test_what_is_no_key(self, daemon, client, value, path):
        before = count_tasks(daemon.database)
        body = factorial(5) if path == SUBMISSIONS else {"tasks": [factorial(5)]}
        problem = check_problem(post(client, value, body, path), 400)
        assert problem["type"] == "/problems/invalid-field" and FIELD in problem["detail"]
        assert count_tasks(daemon.database) == before

    @pytest.mark.parametrize("second", ["a", "b", ""])
    def test_two_fields(self, daemon, client, second):
        before = count_tasks(daemon.database)
        body = json.dumps(factorial(5)).encode()
        connection = client.connection
        connection.putrequest("POST", SUBMISSIONS)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))),
                            (FIELD, "a"), (FIELD, second)):
            connection.putheader(name, value)
        connection.endheaders(body)
        with contextlib.closing(connection.getresponse()) as response:
            assert response.status == 400
            problem = json.loads(response.read())
        assert problem["type"] == "/problems/invalid-field" and FIELD in problem["detail"]
        assert count_tasks(daemon.database) == before

    def test_elsewhere_it_means_nothing(self, client):
        task_id = client.factorial(5)
        assert client.request("GET", f"/tasks/{task_id}", headers={FIELD: ","}).status == 200


# Many at once ---------------------------------------------------------------------------------------


def at_once(daemon, count, work):
    """Run work(client, number) on so many connections at the same moment; returns what they return."""
    answers = [None] * count
    barrier = threading.Barrier(count)

    def run(number):
        with daemon.client() as client:
            client.get("/healthz")
            barrier.wait()
            answers[number] = work(client, number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


class TestAtOnce:
    @pytest.mark.parametrize("body, path", [
        (factorial(5), SUBMISSIONS),
        (factorial(300), SUBMISSIONS),
        (factorial(5, delay_ms=3600000), SUBMISSIONS),
        ({"tasks": [factorial(3), factorial(300)]}, BATCH),
    ], ids=["at hand", "starts", "held", "batch"])
    def test_fifty_duplicates_are_one(self, daemon, key, body, path):
        before = count_tasks(daemon.database)
        answers = at_once(daemon, 50, lambda client, _: post(client, key, body, path))
        assert [answer.status for answer in answers] == [202] * 50
        assert len({answer.body for answer in answers}) == 1
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1
        assert len({answer.headers.get("Location") for answer in answers}) == 1
        assert count_tasks(daemon.database) == before + len(body.get("tasks", [1]))

    def test_of_two_bodies_one_has_the_key(self, daemon, key):
        before = count_tasks(daemon.database)
        answers = at_once(daemon, 40, lambda client, number: post(client, key, factorial(300 + number % 2)))
        for side in (answers[0::2], answers[1::2]):
            assert len({answer.status for answer in side}) == 1
        assert {answers[0].status, answers[1].status} == {202, 422}
        assert count_tasks(daemon.database) == before + 1

    def test_places_are_not_used_up(self, make_daemon):
        """Duplicates past the commit give back their places and starts, and the service goes on."""
        daemon = make_daemon(queue_max=60, cpu_executors=1)
        for round_ in range(8):
            at_once(daemon, 20, lambda client, _: post(client, f"round {round_}", factorial(400)))
        assert count_tasks(daemon.database) == 8
        wait_drained(daemon)
        with daemon.client() as client:
            lane = client.get("/stats").json["lanes"]["cpu"]
            assert lane["queued"] == lane["running"] == lane["scheduled"] == 0
            assert client.result(client.factorial(401))["status"] == "SUCCEEDED"
        assert daemon.terminate() == 0


# When nothing new is accepted -----------------------------------------------------------------------


class TestRefusing:
    def start(self, make_daemon, held, **settings):
        """A daemon whose one place for fetches is taken and whose queue is full; with the first answers."""
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=2, **settings)
        with daemon.client() as client:
            running = fresh(client, "running", fetch(held.url()))
            wait_until(lambda: held.running == 1)
            body = {"tasks": [fetch(held.url())] * 2}
            batch = fresh(client, "batch", body, BATCH)
        return daemon, running, batch, body

    def test_a_full_queue(self, make_daemon, held):
        daemon, running, batch, body = self.start(make_daemon, held)
        with daemon.client() as client:
            problem = check_problem(post(client, "new", fetch(held.url())), 503)
            assert problem["type"] == "/problems/queue-full"
            check_replayed(post(client, "running", fetch(held.url())), running)
            check_replayed(post(client, "batch", body, BATCH), batch)
            check_mismatch(post(client, "batch", fetch(held.url())))
            held.release()
            wait_drained(daemon)
            fresh(client, "new", fetch(held.url()))

    def test_draining(self, make_daemon, held):
        daemon, running, batch, body = self.start(make_daemon, held)
        with daemon.client() as client:
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: b"draining" in client.get("/readyz").body)  # and not merely full
            problem = check_problem(post(client, "new", factorial(300)), 503)
            assert problem["type"] == "/problems/draining"
            check_replayed(post(client, "running", fetch(held.url())), running)
            check_replayed(post(client, "batch", body, BATCH), batch)
        held.release()
        assert daemon.wait() == 0
        assert count_tasks(daemon.database) == 3

    @pytest.mark.root
    @needs_root
    def test_a_full_disk(self, make_daemon, small_disk):
        daemon = make_daemon(start=False, disk_free_min_mib=16)
        daemon.data = small_disk / "data"
        daemon.start()
        with daemon.client() as client:
            first = fresh(client, "first", factorial(300))
            client.wait_final(first.json["id"])
            ballast = fill(small_disk, leave=(16 << 20) - (256 << 10))
            wait_until(lambda: client.post(factorial(5)).status == 503)
            problem = check_problem(post(client, "new", factorial(5)), 503)
            assert problem["type"] == "/problems/disk-low"
            check_replayed(post(client, "first", factorial(300)), first)
            check_mismatch(post(client, "first", factorial(301)))
            ballast.unlink()
            wait_until(lambda: post(client, "new", factorial(5)).status == 202)
            check_replayed(post(client, "first", factorial(300)), first)


# What outlives what ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["terminate", "kill9"])
def test_across_a_restart(make_daemon, how):
    daemon = make_daemon()
    body = {"tasks": [factorial(3), factorial(300)]}
    with daemon.client() as client:
        first = fresh(client, "one", factorial(300))
        batch = fresh(client, "many", body, BATCH)
    for _ in range(2):
        getattr(daemon, how)()
        daemon.restart()
        with daemon.client() as client:
            check_replayed(post(client, '"one"', factorial(300)), first)
            check_replayed(post(client, "many", body, BATCH), batch)
            check_mismatch(post(client, "one", factorial(301)))
            assert client.result(first.json["id"])["result"] == math.factorial(300)
    assert count_tasks(daemon.database) == 3
    assert integrity(daemon.database) == ["ok"]


def test_tasks_that_were_deleted_meanwhile(make_daemon):
    """The answer is that of the first time, and nothing is done twice: the ids are of tasks that were there."""
    daemon = make_daemon(keep_tasks_max=1)
    body = {"tasks": [factorial(3), factorial(4)]}
    with daemon.client() as client:
        first, batch = fresh(client, "one", factorial(5)), fresh(client, "many", body, BATCH)
        ids = [first.json["id"], *batch.json["ids"]]
        last = client.factorial(6)
        wait_until(lambda: count_tasks(daemon.database) == 1)
    for how in ("kill9", "terminate"):
        with daemon.client() as client:
            for _ in range(2):
                check_replayed(post(client, "one", factorial(5)), first)
                check_replayed(post(client, "many", body, BATCH), batch)
                check_mismatch(post(client, "one", factorial(7)))
            for task in ids:
                check_problem(client.get(f"{SUBMISSIONS}/{task}"), 404)
                check_problem(client.get(f"/tasks/{task}"), 404)
            assert client.status(last) == "SUCCEEDED"
        getattr(daemon, how)()
        daemon.restart()
    assert count_tasks(daemon.database) == 1


def test_an_answer_that_was_never_read(make_daemon):
    """The client is gone before the answer; when it comes back, it is told what was done."""
    daemon = make_daemon()
    body = json.dumps(factorial(300)).encode()
    with socket.create_connection(daemon.address) as connection:
        connection.sendall(b"POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Idempotency-Key: lost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    with daemon.client() as client:
        answer = post(client, "lost", body)
        assert answer.status == 202
        check_replayed(post(client, "lost", body), answer)
        assert client.result(answer.json["id"])["result"] == math.factorial(300)
    assert count_tasks(daemon.database) == 1


def test_kill_9_and_clients_that_try_again(make_daemon, record_property):
    """Every client sends each submission until it has an answer; none makes two tasks by it."""
    seed = int(os.environ.get("TASKQ_SEED", random.randrange(1 << 32)))
    print(f"TASKQ_SEED={seed} TASKQ_KILL_ROUNDS={ROUNDS}")
    chance = random.Random(seed)
    daemon = make_daemon(start=False, attempts_max=100)
    told = {}
    replays, wrong = [], []
    pending = [f"client {number}: 0" for number in range(4)]  # each client's own, until it is answered

    def body_of(key):
        """At hand, or to be run."""
        return factorial(5 + 295 * (sum(map(ord, key)) % 2))

    def work(number, stop):
        try:
            with daemon.client(timeout=30) as client:
                while not stop.is_set():
                    key = pending[number]
                    response = post(client, key, body_of(key))
                    if response.status != 202 or told.setdefault(key, response.body) != response.body:
                        wrong.append((key, response))
                        return
                    if REPLAYED in response.headers:
                        replays.append(key)
                    name, _, count = key.partition(": ")
                    pending[number] = f"{name}: {int(count) + 1}"
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed in the middle: to be sent again

    for _ in range(ROUNDS):
        daemon.start()
        daemon.wait_ready()
        stop = threading.Event()
        threads = [threading.Thread(target=work, args=(number, stop)) for number in range(4)]
        for thread in threads:
            thread.start()
        # The one place where time passes on purpose: the moment of death is random.
        stop.wait(chance.uniform(0.02, 0.2))
        assert daemon.kill9() == -signal.SIGKILL
        stop.set()
        for thread in threads:
            thread.join()
        assert not wrong
    daemon.start()
    daemon.wait_ready()
    with daemon.client() as client:
        for key in pending:
            response = post(client, key, body_of(key))
            assert response.status == 202
            told[key] = response.body
        for key in random.Random(seed).sample(sorted(told), min(50, len(told))):
            response = post(client, key, body_of(key))
            assert response.headers[REPLAYED] == "true" and response.body == told[key]
    wait_drained(daemon)
    record_property("figure", f"kill -9 and trying again: {ROUNDS} rounds, seed {seed}, {len(told)} submissions, "
                    f"{len(replays)} answered by a replay")
    ids = {json.loads(body)["id"] for body in told.values()}
    assert len(ids) == len(told) > ROUNDS / 2
    assert history(daemon.database) == {task_id: "SUCCEEDED" for task_id in ids}
    assert keys_kept(daemon) == len(told)
    assert daemon.terminate() == 0
    assert integrity(daemon.database) == ["ok"]


@pytest.mark.parametrize("value, good", [(0, False), (1, True), (8760, True), (8761, False)])
def test_the_setting_has_limits(make_daemon, value, good):
    daemon = make_daemon(start=False, idempotency_keep_hours=value)
    if good:
        daemon.start()
        with daemon.client() as client:
            first = fresh(client, "a", factorial(5))
            check_replayed(post(client, "a", factorial(5)), first)
        assert daemon.terminate() == 0
    else:
        with pytest.raises(AssertionError, match="idempotency-keep-hours"):
            daemon.start()
