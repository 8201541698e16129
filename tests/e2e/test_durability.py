# SPDX-License-Identifier: MIT
"""What was acknowledged stays: kill -9, SIGTERM, crashes while running, damaged files, two services."""

import contextlib
import http.client
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from lib.api import FINAL, SUBMISSIONS, check_failure, check_problem
from lib.daemon import PROGRAM, DidNotStart
from lib.database import count_tasks, history, integrity, opened
from lib.faults import needs_root
from lib.ledger import Ledger, check_counters, check_results_directory
from lib.load import either_way, factorial_body, submit_many, unfinished, wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

ROUNDS = int(os.environ.get("TASKQ_KILL_ROUNDS", "25"))
EXIT_FORCED = 3
EXIT_DATA = 78


@pytest.fixture(scope="module")
def large():
    """An origin whose content is above the threshold of files."""
    with ScriptedOrigin(ok_answer(b"L" * 150000)) as origin:
        yield origin


# Under load --------------------------------------------------------------------------------------


def test_kill_9_under_load_loses_nothing_and_doubles_nothing(make_daemon, large, record_property):
    seed = int(os.environ.get("TASKQ_SEED", random.randrange(1 << 32)))
    print(f"TASKQ_SEED={seed} TASKQ_KILL_ROUNDS={ROUNDS}")
    chance = random.Random(seed)
    daemon = make_daemon(start=False, fetch_allow=["127.0.0.0/8"], attempts_max=100)
    ledger = Ledger(large.url("/large"))
    slowest = 0.0
    for number in range(ROUNDS):
        began = time.monotonic()
        daemon.start()
        daemon.wait_ready()
        slowest = max(slowest, time.monotonic() - began)
        stop = threading.Event()
        threads = [
            threading.Thread(target=ledger.submitter, args=(daemon.address, seed * 1000 + number * 10 + i, stop))
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        # The one place where time passes on purpose: the moment of death is random.
        stop.wait(chance.uniform(0.02, 0.4))
        assert daemon.kill9() == -signal.SIGKILL
        stop.set()
        for thread in threads:
            thread.join()
    daemon.start()
    daemon.wait_ready()
    wait_drained(daemon)
    record_property(
        "figure", f"kill -9: {ROUNDS} rounds, seed {seed}, {len(ledger.acknowledged)} acknowledged of "
        f"{ledger.attempted}, slowest start until ready {slowest:.3f} s")
    assert len(ledger.acknowledged) > ROUNDS

    final = history(daemon.database)
    lost = [task_id for task_id in ledger.acknowledged if final.get(task_id) not in FINAL]
    assert not lost, f"{len(lost)} of {len(ledger.acknowledged)} acknowledged tasks are lost: {lost[:5]}"
    # A submission whose answer was cut off may be stored; nothing else may.
    assert len(ledger.acknowledged) <= len(final) <= ledger.attempted - ledger.refused

    factorials = {n: math.factorial(n) for n in range(300)}
    with daemon.client() as client:
        for task_id, n in ledger.acknowledged.items():
            response = client.get(f"/tasks/{task_id}")
            assert response.status == 200, response
            answer = response.json
            assert answer["id"] == task_id and answer["status"] == "SUCCEEDED", str(answer)[:300]
            assert answer["result"] == ("L" * 150000 if n is None else factorials[n]), task_id
    with opened(daemon.database) as database:
        # One ending and at most one content per task.
        assert database.execute(
            "SELECT count(*) FROM (SELECT seq FROM task_result GROUP BY seq HAVING count(*) > 1)").fetchone()[0] == 0
        assert database.execute(
            "SELECT count(*) FROM task_attempts WHERE outcome NOT IN ('succeeded', 'crashed')").fetchone()[0] == 0
        assert database.execute(
            "SELECT count(*) FROM (SELECT id FROM task_attempts WHERE outcome = 'succeeded' GROUP BY id"
            " HAVING count(*) > 1)").fetchone()[0] == 0
    assert daemon.terminate() == 0
    check_counters(daemon.database)
    check_results_directory(daemon)
    assert integrity(daemon.database) == ["ok"]


def test_kill_9_right_after_the_answer(make_daemon):
    """The smallest window: one submission, its 202, and the end."""
    daemon = make_daemon(start=False, attempts_max=100)
    accepted = {}
    for n in map(either_way, range(8)):
        daemon.start()
        with daemon.client() as client:
            accepted[n] = client.factorial(n)
        daemon.kill9()
    daemon.start()
    with daemon.client() as client:
        for n, task_id in accepted.items():
            assert client.result(task_id)["result"] == math.factorial(n)


def test_kill_9_during_start_is_harmless(make_daemon):
    daemon = make_daemon(attempts_max=100)
    ids = submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(500)])
    daemon.kill9()
    for number in range(10):
        daemon.spawn()
        threading.Event().wait(number * 0.004)
        daemon.kill9()
    daemon.start()
    wait_drained(daemon)
    final = history(daemon.database)
    assert all(final[task_id] == "SUCCEEDED" for task_id in ids)


def test_completed_results_survive_kill_9(make_daemon, large):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client:
        small, big = client.factorial(100), client.fetch(large.url())
        client.wait_final(small)
        client.wait_final(big)
        etag = client.raw_result(big).headers["ETag"]
    daemon.kill9()
    daemon.restart()
    with daemon.client() as client:
        assert client.get(f"/tasks/{small}").json["result"] == math.factorial(100)
        response = client.raw_result(big)
        assert response.body == b"L" * 150000 and response.headers["ETag"] == etag
    check_results_directory(daemon)


# Crashes while running ----------------------------------------------------------------------------


def test_attempts_are_counted_and_exhausted(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], attempts_max=3)
    with daemon.client() as client:
        task_id = client.fetch(held.url())
    for attempt in (1, 2, 3):
        with daemon.client() as client:
            wait_until(lambda: client.status(task_id) == "RUNNING")
            assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == attempt
            # RUNNING begins with the claim; the request is on its way a moment later.
            wait_until(lambda: len(held.requests) == attempt)
        daemon.kill9()
        daemon.restart()
    with daemon.client() as client:
        answer = client.result(task_id)
        assert answer["status"] == "FAILED"
        check_failure(answer["result"])
        assert answer["result"]["code"] == "attempts_exhausted"
        assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 3
    assert len(held.requests) == 3


def test_last_attempt_still_succeeds(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], attempts_max=2)
    with daemon.client() as client:
        task_id = client.fetch(held.url())
        wait_until(lambda: client.status(task_id) == "RUNNING")
    daemon.kill9()
    held.release()
    daemon.restart()
    with daemon.client() as client:
        assert client.result(task_id)["result"] == "held"
        assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 2


def test_neighbours_of_a_crash_are_run_again(make_daemon, held):
    """Many tasks run when the service dies; on their last attempt they run one by one."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], attempts_max=2)
    with daemon.client() as client:
        ids = [client.fetch(held.url()) for _ in range(8)]
        wait_until(lambda: held.running == 8)
    daemon.kill9()
    daemon.restart()
    with daemon.client() as client:
        wait_until(lambda: [client.status(task_id) for task_id in ids].count("RUNNING") == 1)
        other = client.factorial(500)
        assert client.wait_final(other) == "SUCCEEDED"
        held.release()
        assert all(client.result(task_id)["result"] == "held" for task_id in ids)


# The orderly end ----------------------------------------------------------------------------------


def draining(daemon, number=signal.SIGTERM):
    """Send the signal and wait until the daemon says that it is not ready."""
    daemon.signal(number)
    with daemon.client() as client:
        wait_until(lambda: client.get("/readyz").status == 503, what="draining")


class TestSigterm:
    @pytest.mark.parametrize("state", ["silent", "idle", "in a header", "in a body", "many idle"])
    def test_open_connections_do_not_keep_it(self, make_daemon, state):
        daemon = make_daemon()
        head = b"POST /tasks/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        with contextlib.ExitStack() as stack:
            for _ in range(500 if state == "many idle" else 5):
                connection = stack.enter_context(RawConnection(*daemon.address))
                if "idle" in state:
                    connection.send(request("GET", "/healthz"))
                    assert connection.read_response().status == 200
                elif state == "in a header":
                    connection.send(head)
                elif state == "in a body":
                    connection.send(head + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
            assert daemon.terminate() == 0

    def test_idle_service_exits_0_and_leaves_no_log_behind(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            client.wait_final(client.factorial(10))
        assert daemon.terminate() == 0
        wal = daemon.data / "taskq.db-wal"
        assert not wal.exists() or wal.stat().st_size == 0
        assert integrity(daemon.database) == ["ok"]

    def test_sigint_is_as_good(self, make_daemon):
        daemon = make_daemon()
        daemon.signal(signal.SIGINT)
        assert daemon.wait() == 0

    def test_running_tasks_finish_while_submissions_are_refused(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=60000)
        with daemon.client() as client:
            done, task_id = client.factorial(3), client.fetch(held.url())
            client.wait_final(done)
            wait_until(lambda: held.running == 1)
            draining(daemon)
            refused = client.post({"type": "factorial", "args": {"n": "3"}})
            check_problem(refused, 503)
            assert "Retry-After" in refused.headers
            assert refused.headers["Connection"].lower() == "close"
            assert client.get("/healthz").status == 200
            assert client.get(f"/tasks/{done}").json["result"] == 6
            assert client.status(task_id) == "RUNNING"
        held.release()
        assert daemon.wait() == 0
        assert history(daemon.database) == {done: "SUCCEEDED", task_id: "SUCCEEDED"}
        daemon.restart()
        with daemon.client() as client:
            assert client.result(task_id)["result"] == "held"
            assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 1
        assert len(held.requests) == 1

    def test_a_hangup_drains_and_another_does_not_hurry_it(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=60000,
                             wrapper=["env", "--default-signal=HUP"])
        with daemon.client() as client:
            task_id = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            draining(daemon, signal.SIGHUP)
            daemon.signal(signal.SIGHUP)
            assert client.get("/readyz").status == 503
        held.release()
        assert daemon.wait() == 0
        assert history(daemon.database) == {task_id: "SUCCEEDED"}

    def test_a_hangup_that_is_ignored_stays_so(self, make_daemon):
        daemon = make_daemon(wrapper=["env", "--ignore-signal=HUP"])
        daemon.signal(signal.SIGHUP)
        with daemon.client() as client:
            client.wait_final(client.factorial(10))
            assert client.get("/readyz").status == 200
        assert daemon.terminate() == 0

    def test_what_has_not_finished_goes_back_without_losing_an_attempt(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=300, attempts_max=1)
        with daemon.client() as client:
            task_id = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
        for _ in range(3):
            assert daemon.terminate() == 0
            assert history(daemon.database) == {task_id: "QUEUED"}
            daemon.restart()
            with daemon.client() as client:
                wait_until(lambda: client.status(task_id) == "RUNNING")
                assert client.get(f"{SUBMISSIONS}/{task_id}").json["attempts"] == 1
        held.release()
        with daemon.client() as client:
            assert client.result(task_id)["result"] == "held"

    def test_large_factorial_goes_back_too(self, make_daemon):
        daemon = make_daemon(drain_timeout_ms=0, factorial_max_n=100000000, cpu_memory_mib=4096, attempts_max=1)
        with daemon.client() as client:
            ids = [client.factorial(100000000) for _ in range(3)]
            wait_until(lambda: "RUNNING" in [client.status(task_id) for task_id in ids])
        assert daemon.terminate() == 0
        assert set(history(daemon.database).values()) == {"QUEUED"}

    def test_queue_waits_for_the_next_start(self, make_daemon):
        daemon = make_daemon(cpu_executors=1)
        ids = submit_many(daemon.address, [factorial_body(3000) for _ in range(400)])
        assert daemon.terminate() == 0
        words = set(history(daemon.database).values())
        assert words <= {"QUEUED", "SUCCEEDED"}
        daemon.restart()
        wait_drained(daemon)
        final = history(daemon.database)
        assert all(final[task_id] == "SUCCEEDED" for task_id in ids)

    def test_every_request_that_was_taken_is_answered(self, make_daemon):
        """Clients submit without pause while the service ends: what they were told is true."""
        daemon = make_daemon()
        ledger = Ledger("http://127.0.0.1:1/")
        stop = threading.Event()
        threads = [threading.Thread(target=ledger.submitter, args=(daemon.address, i, stop)) for i in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(ledger.acknowledged) > 100)
        assert daemon.terminate() == 0
        stop.set()
        for thread in threads:
            thread.join()
        stored = history(daemon.database)
        assert set(ledger.acknowledged) <= set(stored)

    def test_second_sigterm_exits_at_once(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=600000)
        with daemon.client() as client:
            task_id = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
        draining(daemon)

        def has_ended():
            daemon.signal(signal.SIGTERM)
            return not daemon.is_running()

        wait_until(has_ended, pause_s=0.05)
        assert daemon.wait() == EXIT_FORCED
        held.release()
        daemon.restart()
        with daemon.client() as client:
            assert client.result(task_id)["result"] == "held"

    def test_a_wish_that_comes_twice_is_one(self, make_daemon, held):
        """As timeout(1) sends it, to the process and to its group. Both are there when it looks."""
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], attempts_max=1)
        with daemon.client() as client:
            task_id = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                daemon.signal(number)
            held.release()
            assert daemon.wait() == 0
        daemon.restart()
        with daemon.client() as client:
            assert client.result(task_id)["result"] == "held"

    def test_sigpipe_and_sighup_do_not_end_it_by_surprise(self, make_daemon):
        daemon = make_daemon()
        daemon.signal(signal.SIGPIPE)
        with daemon.client() as client:
            assert client.result(client.factorial(4))["result"] == 24
        assert daemon.is_running()


# One service per data directory ---------------------------------------------------------------------


def test_second_service_on_one_data_directory_is_refused(make_daemon):
    first = make_daemon()
    with first.client() as client:
        task_id = client.factorial(6)
        second = make_daemon(start=False)
        second.data = first.data
        with pytest.raises(DidNotStart) as refused:
            second.start()
        assert refused.value.code not in (0, None) and refused.value.code > 0
        assert str(first.data) in refused.value.stderr or "taskq" in refused.value.stderr
        assert "another" in refused.value.stderr.lower() or "lock" in refused.value.stderr.lower()
        second.process = None  # the data belongs to the first
        assert client.result(task_id)["result"] == 720
    assert first.terminate() == 0


@needs_root
def test_what_root_writes_by_hand_is_the_directory_s_owner_s(make_daemon):
    """A service that root had started by hand left results that the service's own user could not read."""
    daemon = make_daemon(start=False)
    daemon.data.mkdir()
    os.chown(daemon.data, 65534, 65534)
    daemon.start()
    with daemon.client() as client:
        for n in (500, 60000):
            client.wait_final(client.factorial(n))
        paths = [daemon.data, *daemon.data.rglob("*")]
        assert any(path.parent.name == "results" for path in paths)
        for path in paths:
            assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534), path


def test_second_service_on_one_port_is_refused(make_daemon):
    first = make_daemon()
    second = make_daemon(start=False, listen=f"127.0.0.1:{first.address[1]}")
    with pytest.raises(DidNotStart) as refused:
        second.start()
    assert refused.value.code > 0
    assert "in use" in refused.value.stderr
    with first.client() as client:
        assert client.get("/healthz").status == 200


def test_lock_of_a_dead_service_does_not_keep_the_next_one_out(make_daemon):
    daemon = make_daemon()
    for _ in range(3):
        daemon.kill9()
        daemon.restart()


# Damage ---------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(make_daemon):
    """A daemon that has ended in order, with 300 completed tasks on disk."""
    daemon = make_daemon()
    submit_many(daemon.address, [factorial_body(n % 300) for n in range(300)])
    wait_drained(daemon)
    assert daemon.terminate() == 0
    return daemon


def refused_start(daemon):
    """The start must be refused for the data's sake, with one clear line and the file untouched."""
    before = daemon.database.read_bytes()
    with pytest.raises(DidNotStart) as refused:
        daemon.start()
    assert refused.value.code == EXIT_DATA, refused.value
    assert refused.value.stderr.strip().splitlines()[-1].startswith("taskqd: ")
    assert daemon.database.read_bytes() == before
    return refused.value.stderr


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


class TestDamage:
    def test_header_garbage(self, stopped):
        overwrite(stopped.database, 0, b"this is no database" * 5)
        refused_start(stopped)

    def test_text_file_instead(self, stopped):
        stopped.database.write_bytes(b"hello\n" * 1000)
        refused_start(stopped)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_truncated(self, stopped, share):
        size = stopped.database.stat().st_size
        os.truncate(stopped.database, int(size * share) // 4096 * 4096 + 100)
        refused_start(stopped)

    def test_schema_page(self, stopped):
        overwrite(stopped.database, 100, os.urandom(3996))
        refused_start(stopped)

    @pytest.mark.parametrize("table", ["task", "task_by_id", "task_ready", "task_held", "task_expiring", "task_running",
                                       "task_counter"])
    def test_root_page_of(self, stopped, table):
        with opened(stopped.database) as database:
            root = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
            size = database.execute("PRAGMA page_size").fetchone()[0]
        overwrite(stopped.database, (root - 1) * size, random.Random(root).randbytes(size))
        refused_start(stopped)

    def test_random_pages_never_give_a_wrong_answer(self, stopped):
        """Refused at the start, or every answer that is given is the right one."""
        with opened(stopped.database) as database:
            size = database.execute("PRAGMA page_size").fetchone()[0]
            expected = dict(database.execute("SELECT id, result FROM task_history").fetchall())
        pristine = stopped.database.read_bytes()
        chance = random.Random(7)
        for page in chance.sample(range(1, len(pristine) // size), 6):
            for suffix in ("-wal", "-shm"):
                stopped.database.with_name("taskq.db" + suffix).unlink(missing_ok=True)
            stopped.database.write_bytes(pristine)
            overwrite(stopped.database, page * size, chance.randbytes(size))
            try:
                stopped.start()
            except DidNotStart as refused:
                assert refused.code == EXIT_DATA, (page, refused)
                continue
            with stopped.client() as client:
                for task_id, digits in list(expected.items())[::7]:
                    try:
                        response = client.raw_result(task_id)
                    except (OSError, http.client.HTTPException):
                        break
                    assert response.status in (200, 500, 503), response
                    if response.status == 200:
                        assert response.body.decode() == digits
            if stopped.is_running():
                stopped.kill9()

    def test_newer_schema(self, stopped):
        with sqlite3.connect(stopped.database) as database:
            database.execute("PRAGMA user_version = 999")
        database.close()
        assert "newer" in refused_start(stopped) or "999" in refused_start(stopped)

    def test_database_of_another_program(self, make_daemon):
        daemon = make_daemon(start=False)
        daemon.data.mkdir()
        database = sqlite3.connect(daemon.database)
        database.execute("CREATE TABLE recipes (name TEXT)")
        database.commit()
        database.close()
        refused_start(daemon)

    @pytest.mark.parametrize("link", [os.symlink, os.link])
    def test_database_by_a_link(self, stopped, make_daemon, link):
        other = make_daemon(start=False)
        other.data.mkdir()
        link(stopped.database, other.database)
        assert "link" in refused_start(other)

    def test_data_directory_that_cannot_be_used(self, make_daemon):
        daemon = make_daemon(start=False)
        daemon.data.write_text("a file")
        with pytest.raises(DidNotStart) as refused:
            daemon.start()
        assert refused.value.code > 0 and str(daemon.data) in refused.value.stderr

    def test_lost_result_file_is_told_and_not_invented(self, make_daemon, large):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            task_id = client.fetch(large.url())
            client.wait_final(task_id)
        assert daemon.terminate() == 0
        shutil.rmtree(daemon.data / "results")
        try:
            daemon.restart()
        except DidNotStart as refused:
            assert refused.code == EXIT_DATA
            return
        with daemon.client() as client:
            assert client.status(task_id) == "SUCCEEDED"
            for response in client.get(f"/tasks/{task_id}"), client.raw_result(task_id):
                check_problem(response, 500)
            assert client.result(client.factorial(5))["result"] == 120


# What is on disk ------------------------------------------------------------------------------------


def test_views_tell_an_operator_what_happened(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client:
        number, fetch = client.factorial(5), client.fetch(held.url())
        client.wait_final(number)
        wait_until(lambda: client.status(fetch) == "RUNNING")
        with opened(daemon.database) as database:
            assert database.execute("SELECT version FROM interface_version").fetchone()[0] == 1
            rows = dict(database.execute("SELECT id, status FROM task_history").fetchall())
            assert rows == {number: "SUCCEEDED", fetch: "RUNNING"}
            kind, result = database.execute("SELECT type, result FROM task_history WHERE id = ?", (number,)).fetchone()
            assert (kind, result) == ("factorial", "120")
            assert database.execute("SELECT count(*) FROM task_attempts").fetchone()[0] == 2
        assert unfinished(daemon.database) == 1
        held.release()
        client.wait_final(fetch)
    check_counters(daemon.database)
    assert count_tasks(daemon.database) == 2


def test_data_is_not_for_other_users(make_daemon):
    daemon = make_daemon()
    assert daemon.data.stat().st_mode & 0o077 == 0


def test_closed_standard_descriptors_are_not_taken_for_others(make_daemon):
    daemon = make_daemon(start=False)
    command = 'exec "$0" "$@" 0<&- 2>&-'
    with subprocess.Popen(["/bin/sh", "-c", command, str(PROGRAM), "--listen", "127.0.0.1:0",
                           "--data-dir", str(daemon.data)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        standard = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in (0, 2)}
        process.terminate()
        assert process.wait(30) == 0
    assert standard == {"/dev/null"}
