# SPDX-License-Identifier: MIT
"""`taskqd backup` and `taskqd restore`: under load, across kills, on a full disk; and what they leave behind."""

import contextlib
import math
import os
import random
import signal
import subprocess
import threading

import pytest

from lib import preload
from lib.api import FINAL
from lib.daemon import PROGRAM, clean_environment, run_program
from lib.database import history, integrity
from lib.faults import fill, needs_root
from lib.ledger import Ledger, check_counters, check_results_directory
from lib.load import either_way, factorial_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

EXIT_FAILED = 1
EXIT_DATA = 78
LARGE = b"L" * 150000


@pytest.fixture(scope="module")
def large():
    """An origin whose content is above the threshold of files."""
    with ScriptedOrigin(ok_answer(LARGE)) as origin:
        yield origin


def backup(daemon, target, **more):
    return run_program("backup", target, "--data-dir", daemon.data, **more)


def restore(source, daemon):
    return run_program("restore", source, "--data-dir", daemon.data)


def check(directory):
    return run_program("check", "--data-dir", directory)


def assert_done(run):
    assert run.returncode == 0, (run.stdout, run.stderr)
    assert run.stderr == ""


def assert_failed(run, code, text):
    assert run.returncode == code, (run.stdout, run.stderr)
    assert text in run.stderr and run.stderr.startswith("taskqd: ") and run.stderr.count("\n") == 1, run.stderr


def names(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


# Under load --------------------------------------------------------------------------------------


@contextlib.contextmanager
def load(ledger, daemon, seed):
    """Four clients that submit as fast as they are answered, until the service or the block ends."""
    stop = threading.Event()
    threads = [threading.Thread(target=ledger.submitter, args=(daemon.address, seed + i, stop)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("meanwhile", ["nothing", "kill -9", "restart", "dead"])
def test_a_backup_under_full_load_restores_to_a_clean_ledger(make_daemon, large, tmp_path, meanwhile, record_property):
    seed = int(os.environ.get("TASKQ_SEED", random.randrange(1 << 32)))
    print(f"TASKQ_SEED={seed}")
    chance = random.Random(seed)
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], attempts_max=100, drain_timeout_ms=50)
    ledger = Ledger(large.url("/large"))
    rounds = []
    for number in range(2):
        with load(ledger, daemon, seed + 10 * number):
            told = len(ledger.acknowledged)
            wait_until(lambda: len(ledger.acknowledged) >= told + 200)
            if meanwhile == "dead":
                daemon.kill9()
            before = dict(ledger.acknowledged)
            target = tmp_path / f"backup-{number}"
            with subprocess.Popen(
                    [PROGRAM, "backup", target, "--data-dir", daemon.data], env=clean_environment(), text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                if meanwhile in ("kill -9", "restart"):
                    # The one place where time passes on purpose: the moment of the end is random.
                    threading.Event().wait(chance.uniform(0, 0.05))
                    assert daemon.kill9() == -signal.SIGKILL if meanwhile == "kill -9" else daemon.terminate() == 0
                    daemon.start()
                said, wrong = process.communicate(timeout=60)
            assert process.returncode == 0, (said, wrong)
        if meanwhile == "dead":
            daemon.start()
        rounds.append((before, target))
    attempted = ledger.attempted
    assert daemon.terminate() == 0

    for before, target in rounds:
        assert_done(check(target))
        other = make_daemon(start=False, fetch_allow=["127.0.0.0/8"], attempts_max=100)
        assert_done(restore(target, other))
        assert_done(check(other.data))
        other.start()
        wait_drained(other)
        final = history(other.database)
        lost = [task_id for task_id in before if final.get(task_id) not in FINAL]
        assert not lost, f"{len(lost)} of {len(before)} tasks that were acknowledged before are not in the backup"
        assert len(final) <= attempted
        with other.client() as client:
            for task_id in random.Random(seed).sample(sorted(before), 50):
                answer = client.get(f"/tasks/{task_id}").json
                n = before[task_id]
                assert answer["status"] == "SUCCEEDED"
                assert answer["result"] == (LARGE.decode() if n is None else math.factorial(n)), task_id
        assert other.terminate() == 0
        check_counters(other.database)
        check_results_directory(other)
        assert integrity(other.database) == ["ok"]
        assert_done(check(other.data))
    record_property("figure", f"backup under load, {meanwhile}: {[len(before) for before, _ in rounds]} tasks each")


def test_what_is_deleted_all_the_while_does_no_harm(make_daemon, tmp_path):
    """Every result is a file, and hardly any task is kept: files go while they are copied and looked at."""
    daemon = make_daemon(result_inline_max_bytes=0, keep_tasks_max=5, recent_tasks=0)
    stop = threading.Event()
    bodies = [factorial_body(3000 + n) for n in range(40)]

    def work():
        while not stop.is_set():
            submit_many(daemon.address, bodies, connections=2)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(8):
            assert_done(backup(daemon, tmp_path / str(number)))
            run = check(daemon.data)
            assert run.returncode == 0, run.stdout
            # An orphan is only noted, but there is none to note here.
            assert "note" not in run.stdout, run.stdout
    finally:
        stop.set()
        thread.join()
    for number in range(8):
        assert_done(check(tmp_path / str(number)))


# What it does to others ---------------------------------------------------------------------------


def test_neither_the_log_nor_the_database_is_touched(make_daemon, tmp_path):
    """Of a killed service: whoever opened it for writing would fold the log in and remove it."""
    daemon = make_daemon(attempts_max=100)
    submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(200)])
    daemon.kill9()
    seen = {name: (daemon.data / name).stat() for name in ("taskq.db", "taskq.db-wal")}
    assert seen["taskq.db-wal"].st_size > 0
    assert_done(backup(daemon, tmp_path / "backup"))
    assert_done(check(daemon.data))
    for name, before in seen.items():
        after = (daemon.data / name).stat()
        assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert len(history(tmp_path / "backup" / "taskq.db")) == 200
    daemon.start()
    wait_drained(daemon)


def test_a_stopped_service_finds_its_directory_as_it_was(make_daemon, tmp_path):
    daemon = make_daemon()
    submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(20)])
    wait_drained(daemon)
    assert daemon.terminate() == 0
    before = names(daemon.data)
    assert_done(backup(daemon, tmp_path / "backup"))
    assert names(daemon.data) == before == ["results", "taskq.db", "taskq.lock"]
    assert names(tmp_path / "backup") == ["results", "taskq.db"]


def test_the_backup_of_one_user_is_no_business_of_others(make_daemon, tmp_path):
    daemon = make_daemon(result_inline_max_bytes=0)
    with daemon.client() as client:
        client.wait_final(client.factorial(500))
    before = os.umask(0)
    try:
        assert_done(backup(daemon, tmp_path / "backup"))
    finally:
        os.umask(before)
    for path in [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


@needs_root
def test_root_restores_for_the_owner_of_the_directory(make_daemon, tmp_path):
    daemon = make_daemon(result_inline_max_bytes=0)
    with daemon.client() as client:
        client.wait_final(client.factorial(500))
    assert_done(backup(daemon, tmp_path / "backup"))
    other = make_daemon(start=False)
    other.data.mkdir()
    os.chown(other.data, 65534, 65534)
    assert_done(restore(tmp_path / "backup", other))
    for path in [other.data, *other.data.rglob("*")]:
        assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534), path


# When it fails ------------------------------------------------------------------------------------


class TestRefusals:
    def test_nothing_is_written_over(self, make_daemon, tmp_path):
        daemon = make_daemon()
        (tmp_path / "there").mkdir()
        (tmp_path / "file").write_text("mine")
        for name in ("there", "file"):
            assert_failed(backup(daemon, tmp_path / name), EXIT_FAILED, "exists")
        assert_done(backup(daemon, tmp_path / "backup"))
        assert_failed(backup(daemon, tmp_path / "backup"), EXIT_FAILED, "exists")
        assert_failed(restore(tmp_path / "backup", daemon), EXIT_FAILED, f"process {daemon.pid}")
        assert daemon.terminate() == 0
        assert_failed(restore(tmp_path / "backup", daemon), EXIT_FAILED, "move the data directory aside")
        assert (tmp_path / "file").read_text() == "mine" and names(tmp_path / "there") == []

    def test_among_the_data(self, make_daemon, tmp_path):
        daemon = make_daemon()
        (tmp_path / "link").symlink_to(daemon.data / "results")
        for place in (daemon.data / "backup", daemon.data / "results" / "backup", tmp_path / "link" / "backup"):
            assert_failed(backup(daemon, place), EXIT_FAILED, "in the data directory")
        assert names(daemon.data / "results") == []

    def test_where_there_is_nothing(self, make_daemon, tmp_path):
        daemon = make_daemon(start=False)
        assert_failed(backup(daemon, tmp_path / "backup"), EXIT_FAILED, str(daemon.data))
        assert_failed(restore(tmp_path / "nothing", daemon), EXIT_FAILED, "nothing")
        assert_failed(backup(daemon, tmp_path / "no" / "such"), EXIT_FAILED, str(daemon.data))
        assert not daemon.data.exists() and names(tmp_path) == []

    def test_usage(self):
        for words in (["backup"], ["restore"], ["backup", "--data-dir", "x"], ["back"], ["backup", "a", "b"], ["check", "x"]):
            run = run_program(*words)
            assert run.returncode == 2 and run.stdout == "" and run.stderr.startswith("taskqd: "), words

    def test_a_damaged_database_is_no_backup(self, make_daemon, tmp_path):
        daemon = make_daemon()
        submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(300)])
        wait_drained(daemon)
        assert daemon.terminate() == 0
        with open(daemon.database, "r+b") as file:
            file.seek(5 * 4096)
            file.write(b"\xa5" * 4096)
        assert_failed(backup(daemon, tmp_path / "backup"), EXIT_DATA, "damaged")
        assert names(tmp_path) == []

    def test_a_lost_result_does_not_keep_the_others_from_being_saved(self, make_daemon, tmp_path):
        daemon = make_daemon(result_inline_max_bytes=0)
        with daemon.client() as client:
            lost, kept = client.factorial(500), client.factorial(501)
            client.wait_final(lost), client.wait_final(kept)
        (daemon.data / "results" / f"{lost}-1").unlink()
        run = backup(daemon, tmp_path / "backup")
        assert run.returncode == EXIT_DATA and run.stderr == ""
        assert f"LOSS   results: 1 of 2 files are missing or have another size, the first: results/{lost}-1" in run.stdout
        assert names(tmp_path / "backup" / "results") == [f"{kept}-1"]

    @needs_root
    def test_a_full_disk(self, make_daemon, small_disk):
        daemon = make_daemon(result_inline_max_bytes=0)
        submit_many(daemon.address, [factorial_body(3000 + n) for n in range(50)])
        wait_drained(daemon)
        ballast = fill(small_disk, leave=200 << 10)
        run = backup(daemon, small_disk / "backup")
        assert_failed(run, EXIT_FAILED, "space")
        assert names(small_disk) == ["ballast"]
        ballast.unlink()
        assert_done(backup(daemon, small_disk / "backup"))
        assert_done(check(small_disk / "backup"))

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_it_without_a_trace(self, make_daemon, tmp_path, number):
        daemon = make_daemon()
        submit_many(daemon.address, [factorial_body(5)] * 10)
        hold, place = tmp_path / "hold", tmp_path / "place"
        place.mkdir()
        hold.touch()
        env = {"LD_PRELOAD": str(preload.library("hold_flush", tmp_path)), "TASKQ_HOLD_FLUSH": str(hold)}
        with subprocess.Popen(["env", "--default-signal=HUP", PROGRAM, "backup", place / "backup", "--data-dir", daemon.data],
                              env=clean_environment(env), text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            wait_until(lambda: names(place), what="it has begun to write")
            process.send_signal(number)
            hold.unlink()
            said, wrong = process.communicate(timeout=60)
        assert process.returncode == EXIT_FAILED and "cancelled" in wrong and said == ""
        assert names(place) == []

    def test_a_kill_leaves_a_name_that_says_so(self, make_daemon, tmp_path):
        daemon = make_daemon()
        submit_many(daemon.address, [factorial_body(5)] * 10)
        hold, place = tmp_path / "hold", tmp_path / "place"
        place.mkdir()
        hold.touch()
        env = {"LD_PRELOAD": str(preload.library("hold_flush", tmp_path)), "TASKQ_HOLD_FLUSH": str(hold)}
        with subprocess.Popen([PROGRAM, "backup", place / "backup", "--data-dir", daemon.data],
                              env=clean_environment(env)) as process:
            wait_until(lambda: names(place), what="it has begun to write")
            process.kill()
        assert all(name.startswith("backup.partial-") for name in names(place))
        # It is in nobody's way.
        assert_done(backup(daemon, place / "backup"))
        with daemon.client() as client:
            assert client.result(client.factorial(6))["result"] == 720
