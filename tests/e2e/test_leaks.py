# SPDX-License-Identifier: MIT
"""Descriptors, threads and memory end where they began, however much work went through."""

import contextlib
import os
import shutil
import subprocess
import tempfile

import pytest

from lib.daemon import PROGRAM, clean_environment
from lib.load import factorial_body, fetch_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin, ok_answer, start_ill_behaved
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

TASKS = int(os.environ.get("TASKQ_LEAK_TASKS", "5000"))
HOSTS = 1000
AT_REST_KIB = 64 * 1024


@pytest.fixture(scope="module")
def everywhere():
    """The ill-behaved origin on every address of the loopback."""
    origin = start_ill_behaved("0.0.0.0:0")
    yield origin
    origin.close()


def quiet(daemon):
    """Wait until no client is connected, then count."""
    return len(daemon.descriptors()), daemon.threads(), daemon.rss_kib()


def settle(daemon, descriptors, threads):
    wait_until(lambda: len(daemon.descriptors()) <= descriptors, what=f"{descriptors} descriptors: {daemon.descriptors()}")
    wait_until(lambda: daemon.threads() <= threads, what=f"{threads} threads")


def test_at_rest_it_is_small(make_daemon, sanitizer):
    daemon = make_daemon()
    daemon.wait_ready()
    if not sanitizer:
        assert daemon.rss_kib() < AT_REST_KIB


@pytest.mark.parametrize("given, in_force", (
    (None, "glibc.malloc.tcache_count=2"),
    ("glibc.malloc.trim_threshold=131072", "glibc.malloc.trim_threshold=131072:glibc.malloc.tcache_count=2"),
    ("glibc.malloc.tcache_count=5", "glibc.malloc.tcache_count=5"),
))
def test_malloc_keeps_little_for_each_thread(make_daemon, sanitizer, given, in_force):
    if sanitizer:
        pytest.skip("a sanitizer has an allocator of its own")
    daemon = make_daemon(env={"GLIBC_TUNABLES": given} if given else {})
    with open(f"/proc/{daemon.process.pid}/environ", "rb") as environment:
        # glibc 2.36 cuts the value at its colons while it reads it.
        assert f":GLIBC_TUNABLES={in_force}:".encode() in b":" + environment.read().replace(b"\0", b":")
    with open(f"/proc/{daemon.process.pid}/comm", encoding="utf-8") as name:
        assert name.read() == f"{PROGRAM.name[:15]}\n"


def test_a_program_that_glibc_does_not_let_be_tuned_starts_all_the_same(sanitizer):
    """With a set-user-ID bit or capabilities of its file the variable is taken away: it was executed for ever."""
    if sanitizer or os.geteuid() != 0:
        pytest.skip("takes root, and glibc's allocator")
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "taskqd")
        shutil.copyfile(PROGRAM, program)
        os.chmod(directory, 0o755)
        os.chown(program, 65534, 65534)
        os.chmod(program, 0o4755)
        run = subprocess.run([program, "--check-config"], env=clean_environment(), capture_output=True, text=True,
                             timeout=30, check=False)
    assert (run.returncode, run.stdout) == (0, "configuration ok\n"), run.stderr


def test_thousands_of_tasks_twice(make_daemon, sanitizer, record_property):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with ScriptedOrigin(ok_answer(b"small")) as origin:
        def lap(count):
            bodies = [factorial_body(n % 101 if n % 4 else 201) if n % 10 else fetch_body(origin.url()) for n in range(count)]
            ids = submit_many(daemon.address, bodies)
            wait_drained(daemon)
            with daemon.client() as client:
                for task_id in ids[::50]:
                    assert client.result(task_id)["status"] == "SUCCEEDED"

        lap(max(TASKS // 10, 100))  # caches, pools, arenas
        descriptors, threads, _ = quiet(daemon)
        lap(TASKS)
        settle(daemon, descriptors, threads)
        first = daemon.rss_kib()
        lap(TASKS)
        settle(daemon, descriptors, threads)
        second = daemon.rss_kib()
    record_property("figure", f"leaks: two laps of {TASKS} tasks, resident {first} KiB, then {second} KiB; "
                    f"{descriptors} descriptors, {threads} threads")
    if not sanitizer:
        assert second - first < 5 * 1024
        assert second < AT_REST_KIB


def test_requests_leave_no_memory_behind(make_daemon, sanitizer):
    daemon = make_daemon()
    with daemon.client() as client:
        client.wait_final(client.factorial(50))

    def lap():
        with RawConnection(*daemon.address) as connection:
            for _ in range(100):
                data = [request("GET", "/healthz"), request("GET", "/nothing"), request("GET", "/tasks/x"),
                        request("PUT", "/healthz"), request("POST", "/tasks/submissions", [("Content-Type", "application/json")], b"{")]
                connection.send(b"".join(data) * 10)
                for _ in range(50):
                    connection.read_response()

    lap()
    descriptors, threads, first = quiet(daemon)
    lap()
    settle(daemon, descriptors, threads)
    if not sanitizer:
        assert daemon.rss_kib() - first < 5 * 1024


@pytest.mark.parametrize("byte", [b"\x01", b"\xff", b"a"], ids=["escaped", "base64", "text"])
def test_large_results_are_not_held_in_memory(make_daemon, sanitizer, byte):
    """Eight clients read 16 MiB at once, six times that where every byte is escaped."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with ScriptedOrigin(ok_answer(byte * (16 << 20))) as origin, daemon.client() as client:
        task_id = client.fetch(origin.url())
        assert client.wait_final(task_id) == "SUCCEEDED"
    before = daemon.rss_kib()
    with contextlib.ExitStack() as stack:
        for path in [f"/tasks/{task_id}", f"/tasks/{task_id}/result"] * 4:
            connection = stack.enter_context(RawConnection(*daemon.address))
            connection.send(request("GET", path))
            wait_until(lambda: connection.has_input(1))
        # Every answer has begun and none has been taken: this is when it would be in memory.
        if not sanitizer:
            assert daemon.rss_kib() - before < 16 * 1024


def test_a_thousand_hosts_leave_no_descriptor(make_daemon, everywhere):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    with daemon.client() as client:
        client.wait_final(client.fetch(f"http://127.0.0.1:{everywhere.port}/ok"))
    before, threads, _ = quiet(daemon)
    urls = [f"http://127.0.{n // 250 + 1}.{n % 250 + 1}:{everywhere.port}/ok" for n in range(HOSTS)]
    ids = submit_many(daemon.address, [fetch_body(url) for url in urls])
    wait_drained(daemon)
    with daemon.client() as client:
        assert all(client.result(task_id)["result"] == "ok\n" for task_id in ids[::20])
    # A bounded cache of idle connections may stay for a while.
    wait_until(lambda: len(daemon.descriptors()) <= before + 40, what="descriptors back")
    settle(daemon, before + 40, threads)


@pytest.mark.parametrize("path", ["/short", "/reset", "/empty-reply", "/garbage", "/hang", "/status/500", "/redirect-loop"])
def test_failing_fetches_leave_no_descriptor(make_daemon, everywhere, path):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_total_timeout_ms=1500)
    before = len(daemon.descriptors())
    urls = [f"http://127.0.3.{n % 200 + 1}:{everywhere.port}{path}" for n in range(400)]
    submit_many(daemon.address, [fetch_body(url) for url in urls])
    wait_drained(daemon)
    wait_until(lambda: len(daemon.descriptors()) <= before + 40, what="descriptors back")


def test_no_spill_file_is_left(make_daemon, everywhere):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_max_bytes=1000000, fetch_total_timeout_ms=2000)
    paths = ["/bytes/500000", "/bytes/2000000", "/short", "/endless", "/drip/100/100", "/chunked/900000"] * 10
    submit_many(daemon.address, [fetch_body(everywhere.url(path)) for path in paths])
    wait_drained(daemon)
    names = os.listdir(daemon.data / "results")
    assert len(names) == 20 and not [name for name in names if name.startswith("tmp-")], names
