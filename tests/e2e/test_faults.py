# SPDX-License-Identifier: MIT
"""Faults from outside: no space, failing flushes, jumping clocks, few descriptors."""

import contextlib
import http.client
import math
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

import pytest

from lib.api import SUBMISSIONS, check_problem
from lib.daemon import DidNotStart
from lib.database import history, integrity
from lib.faults import EXIT_STORE_DIED, fill, injected, needs_root, needs_strace
from lib.load import either_way, factorial_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import Closed, RawConnection, request
from lib.wait import wait_until

FAKETIME = next((path for path in map(pathlib.Path, (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1")) if path.exists()), None)


# No space -----------------------------------------------------------------------------------------


def submit_until(client, status, limit=100000):
    """Submit until this status is answered; returns the ids that were acknowledged."""
    accepted = []
    for number in range(limit):
        response = client.post({"type": "factorial", "args": {"n": str(either_way(number))}})
        if response.status == status:
            return accepted, response
        assert response.status == 202, response
        accepted.append(response.json["id"])
    raise AssertionError(f"no {status} in {limit} submissions")


@pytest.mark.root
@needs_root
class TestFullDisk:
    def test_low_space_refuses_and_recovers_without_a_restart(self, make_daemon, small_disk):
        daemon = make_daemon(start=False)
        daemon.data = small_disk / "data"
        daemon.start()
        with daemon.client() as client:
            task_id = client.factorial(50)
            client.wait_final(task_id)
            ballast = fill(small_disk, leave=256 * 1024)
            accepted, refused = submit_until(client, 503)
            check_problem(refused, 503)
            assert 1 <= int(refused.headers["Retry-After"]) <= 300
            assert client.get("/healthz").status == 200
            wait_until(lambda: client.get("/readyz").status == 503)
            assert client.get(f"/tasks/{task_id}").json["result"] == math.factorial(50)
            ballast.unlink()
            wait_until(lambda: client.post({"type": "factorial", "args": {"n": "5"}}).status == 202)
            wait_until(lambda: client.get("/readyz").status == 200)
            for n in accepted:
                client.result(n)
        assert daemon.terminate() == 0
        assert integrity(daemon.database) == ["ok"]

    def test_no_space_at_all_loses_nothing_that_was_acknowledged(self, make_daemon, small_disk):
        """The floor is looked at once a second: before that SQLite itself meets the full disk, in the middle of the load."""
        daemon = make_daemon(start=False, disk_free_min_mib=0, fetch_allow=["127.0.0.0/8"], result_inline_max_bytes=1000)
        daemon.data = small_disk / "data"
        daemon.start()
        with daemon.client() as client, ScriptedOrigin(ok_answer(b"C" * 200000), hold=True) as origin:
            before = client.factorial(100)
            client.wait_final(before)
            running = [client.fetch(origin.url()) for _ in range(5)]
            wait_until(lambda: origin.running == 5)
            ballast = fill(small_disk)
            accepted, refused = submit_until(client, 503)
            check_problem(refused, 503)
            origin.release()  # five results that have no room
            for _ in range(20):
                assert client.get(f"/tasks/{before}").json["result"] == math.factorial(100)
                assert client.get("/healthz").status == 200
                check_problem(client.post({"type": "factorial", "args": {"n": "5"}}), 503)
            assert daemon.is_running()
            ballast.unlink()
            last = wait_until(lambda: (lambda r: r.json["id"] if r.status == 202 else None)(
                client.post({"type": "factorial", "args": {"n": "5"}})))
            assert client.result(last)["result"] == 120
            for task_id in accepted:
                assert client.result(task_id)["status"] == "SUCCEEDED"
            for task_id in running:
                answer = client.result(task_id)
                if answer["status"] == "FAILED":
                    assert answer["result"]["code"] == "storage", answer
                else:
                    assert answer["result"] == "C" * 200000
        assert daemon.terminate() == 0
        assert integrity(daemon.database) == ["ok"]
        assert not [name for name in os.listdir(daemon.data / "results") if name.startswith("tmp-")]

    def test_kill_9_on_a_full_disk(self, make_daemon, small_disk):
        daemon = make_daemon(start=False)
        daemon.data = small_disk / "data"
        daemon.start()
        ids = submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(300)])
        ballast = fill(small_disk)
        daemon.kill9()
        try:
            daemon.start()
        except DidNotStart as refused:
            assert refused.code > 0 and refused.stderr.strip()
            ballast.unlink()
            daemon.start()
        else:
            with daemon.client() as client:
                assert client.get("/healthz").status == 200
            ballast.unlink()
        daemon.wait_ready()
        wait_drained(daemon)
        final = history(daemon.database)
        assert all(final[task_id] == "SUCCEEDED" for task_id in ids)


# Failing flushes ------------------------------------------------------------------------------------


def submit_until_gone(daemon, limit=20000):
    """Submit until the daemon dies; returns the acknowledged ids and the other statuses."""
    accepted, others = [], []
    with daemon.client() as client:
        for number in range(limit):
            try:
                response = client.post({"type": "factorial", "args": {"n": str(either_way(number))}})
            except (OSError, http.client.HTTPException):
                return accepted, others
            if response.status == 202:
                assert not others, "an acknowledgement after a fault"
                accepted.append(response.json["id"])
            else:
                others.append(response.status)
    raise AssertionError("it lives on")


@pytest.mark.root
@needs_root
@needs_strace
@pytest.mark.usefixtures("no_leak_checker")
class TestFailingFlushes:
    @pytest.mark.parametrize("when", ["1+", "2+", "5+", "20+"])
    def test_failed_flush_stops_the_service_and_the_restart_tells_the_truth(self, make_daemon, when):
        daemon = make_daemon()
        with daemon.client() as client:
            first = client.factorial(30)
            client.wait_final(first)
        with injected(daemon, f"fdatasync,fsync:error=EIO:when={when}"):
            accepted, others = submit_until_gone(daemon)
            assert daemon.wait() == EXIT_STORE_DIED
        assert others == []  # nobody can tell, so nobody is told
        daemon.check_alarms()
        daemon.restart()
        wait_drained(daemon)
        final = history(daemon.database)
        assert all(final.get(task_id) == "SUCCEEDED" for task_id in [first, *accepted])
        # What was refused is not there: at most the one submission more whose connection ended without an answer.
        assert len(final) <= 1 + len(accepted) + 1
        with daemon.client() as client:
            assert client.get(f"/tasks/{first}").json["result"] == math.factorial(30)
        assert daemon.terminate() == 0
        assert integrity(daemon.database) == ["ok"]

    @pytest.mark.parametrize("when", [1, 3])
    def test_one_failed_flush_is_enough(self, make_daemon, when):
        """A flush that fails once and then works again must not be trusted."""
        daemon = make_daemon()
        with injected(daemon, f"fdatasync:error=EIO:when={when}"):
            accepted, _ = submit_until_gone(daemon)
            assert daemon.wait() == EXIT_STORE_DIED
        daemon.restart()
        wait_drained(daemon)
        final = history(daemon.database)
        assert all(final.get(task_id) == "SUCCEEDED" for task_id in accepted)

    def test_failed_write_of_the_log(self, make_daemon):
        """pwrite64 fails: either refused and nothing stored, or the service stops; never a lie."""
        daemon = make_daemon()
        with injected(daemon, "pwrite64:error=EIO:when=6"):
            accepted, statuses = [], []
            with daemon.client() as client:
                for number in range(50):
                    try:
                        response = client.post({"type": "factorial", "args": {"n": str(either_way(number))}})
                    except (OSError, http.client.HTTPException):
                        break
                    statuses.append(response.status)
                    if response.status == 202:
                        accepted.append(response.json["id"])
            if daemon.is_running():
                assert set(statuses) <= {202, 500, 503}
            else:
                assert daemon.wait() == EXIT_STORE_DIED
        if daemon.is_running():
            daemon.kill9()
        daemon.restart()
        wait_drained(daemon)
        final = history(daemon.database)
        assert all(final.get(task_id) == "SUCCEEDED" for task_id in accepted)
        if len(statuses) == 50:  # it lived on, so what it refused is not there
            assert len(final) == len(accepted)

    def test_slow_disk_delays_but_breaks_nothing(self, make_daemon):
        daemon = make_daemon()
        with injected(daemon, "fdatasync:delay_enter=100000"):
            with daemon.client() as client:
                ids = {n: client.factorial(n) for n in map(either_way, range(6))}
                for n, task_id in ids.items():
                    assert client.result(task_id)["result"] == math.factorial(n)
            assert daemon.is_running()


@pytest.mark.root
@needs_root
@needs_strace
@pytest.mark.usefixtures("no_leak_checker")
class TestFailingReads:
    def test_what_cannot_be_read_is_answered_500_and_everything_goes_on(self, make_daemon):
        """Nothing is cached by the readers of a service that has just started, so lists have to be read."""
        daemon = make_daemon()
        ids = submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(100)])
        wait_drained(daemon)
        assert daemon.terminate() == 0
        daemon.restart()
        with daemon.client() as client:
            with injected(daemon, "pread64:error=EIO"):
                check_problem(client.get("/tasks?limit=100"), 500)
                check_problem(client.get(f"/tasks/{ids[0]}"), 500)
                assert client.get("/healthz").status == 200
            assert daemon.is_running()
            assert len(client.get("/tasks?limit=100").json["tasks"]) == 100
            assert client.get(f"/tasks/{ids[0]}").json["status"] == "SUCCEEDED"
            assert client.result(client.factorial(30))["result"] == math.factorial(30)
        assert daemon.terminate() == 0
        assert integrity(daemon.database) == ["ok"]


# Clocks ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed")
def test_clock_jumps_break_nothing(make_daemon, tmp_path, sanitizer):
    if sanitizer:
        pytest.skip("libfaketime and a sanitizer's runtime exclude each other")
    offset = tmp_path / "offset"
    offset.write_text("+0")
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_total_timeout_ms=60000, env={
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1",
    })
    seen = []
    with daemon.client() as client, ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
        waiting = client.fetch(origin.url())
        wait_until(lambda: client.status(waiting) == "RUNNING")
        later = client.submit("factorial", {"n": 3}, delay_ms=1800 * 1000)
        lasting = client.submit("factorial", {"n": 3}, delay_ms=1800 * 1000, ttl_ms=2000 * 1000)
        for jump in ("+3600", "+0", "-3600", "+0", "-80000", "+80000"):
            offset.write_text(jump)
            wait_until(lambda: client.get("/readyz").status == 200)
            assert client.result(client.factorial(40))["result"] == math.factorial(40)
            task_id = client.factorial(400)
            assert client.result(task_id)["result"] == math.factorial(400)
            state = client.get(f"{SUBMISSIONS}/{task_id}").json
            assert state["attempts"] == 1
            seen.append(state["created_at"])
            soon = client.submit("factorial", {"n": 300}, delay_ms=30)  # nothing waits for the clock to be right
            assert client.result(soon)["result"] == math.factorial(300)
            # Nothing is due before its time, and nothing has expired.
            assert [client.status(task) for task in (later, lasting)] == ["QUEUED", "QUEUED"]
            assert client.status(waiting) == "RUNNING"  # no deadline is on the wall clock
            assert client.get(f"{SUBMISSIONS}/{waiting}").json["attempts"] == 1
        assert seen == sorted(seen), "the clock of tasks has jumped"
        wait_until(lambda: "event=clock_jumped" in daemon.stderr())
        origin.release()
        assert client.result(waiting)["result"] == "held"
        ids = [client.factorial(3) for _ in range(200)]
        assert len(set(ids)) == 200
    daemon.kill9()
    offset.write_text("-7200")
    daemon.restart()
    with daemon.client() as client:
        assert client.result(client.factorial(6))["result"] == 720
        assert client.get(f"/tasks/{waiting}").json["result"] == "held"


# Few descriptors --------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
class TestFewDescriptors:
    @pytest.mark.parametrize("limit", [16, 32, 64, 128, 200, 256, 512, 1024])
    def test_it_shrinks_with_a_warning_or_refuses(self, make_daemon, limit):
        daemon = make_daemon(start=False, wrapper=["prlimit", f"--nofile={limit}:{limit}"], fetch_allow=["127.0.0.0/8"])
        try:
            daemon.start()
        except DidNotStart as refused:
            assert refused.code > 0 and limit < 1024
            assert re.search("descriptor|open files|nofile", refused.stderr), refused.stderr
            return
        assert re.search(r"level=warn", daemon.stderr()), "it shrank in silence"
        with daemon.client() as client, ScriptedOrigin(ok_answer(b"x")) as origin:
            ids = [client.fetch(origin.url()) for _ in range(300)]
            ids += [client.factorial(5) for _ in range(100)]
            for task_id in ids:
                assert client.wait_final(task_id) == "SUCCEEDED", client.get(f"/tasks/{task_id}")

    def test_flood_at_the_limit_neither_spins_nor_ends_it(self, make_daemon, sanitizer):
        daemon = make_daemon(start=False, wrapper=["prlimit", "--nofile=256:256"], fetch_allow=["127.0.0.0/8"])
        try:
            daemon.start()
        except DidNotStart:
            pytest.skip("it refuses to start with 256 descriptors")
        flood = []
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    flood.append(RawConnection(*daemon.address, timeout=10))
            for connection in flood:
                connection.send(request("GET", "/healthz"))
            # The figure is CPU time of the process, so a busy machine does not change it.
            with contextlib.suppress(OSError, Closed):
                flood[-1].has_input(2)
            start, began = daemon.cpu_seconds(), time.monotonic()
            flood[0].has_input(0)
            threading.Event().wait(2)
            spent = (daemon.cpu_seconds() - start) / (time.monotonic() - began)
            if not sanitizer:
                assert spent < 0.5, f"{spent:.2f} of a core while nothing happens"
            assert daemon.stderr_path.stat().st_size < 1 << 20, "a flood of log lines"
        finally:
            for connection in flood:
                connection.close()
        with daemon.client() as client:
            wait_until(lambda: _healthy(client))
            assert client.result(client.factorial(5))["result"] == 120

    def test_stdin_stdout_and_stderr_closed(self, make_daemon):
        """Numbers 0 to 2 must not become the database."""
        daemon = make_daemon(start=False)
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" 0<&- 2>&-', "sh", *daemon.command()], stdout=subprocess.PIPE)
        try:
            line = process.stdout.readline().decode().strip()
            if not line.startswith("listening on "):
                assert process.wait(30) > 0
                return
            for number in (0, 2):
                with contextlib.suppress(FileNotFoundError):
                    assert "taskq" not in os.readlink(f"/proc/{process.pid}/fd/{number}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()


def _healthy(client):
    try:
        return client.get("/healthz").status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_core_limits_of_the_test_itself():
    """The suites that open thousands of sockets need them."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1024
