# SPDX-License-Identifier: MIT
"""Completed tasks are deleted beyond their bounds, with everything of theirs; others never are."""

import os
import random

from lib.api import SUBMISSIONS, check_problem
from lib.database import count_tasks, integrity, opened
from lib.faults import fill, needs_root
from lib.load import factorial_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

MAX = 40
MIB = 1 << 20


def kept(client):
    return client.get("/stats").json["kept"]


def sums(daemon):
    """What the completed tasks count for, by their rows and by the counters: of one moment."""
    with opened(daemon.database) as database:
        return database.execute("SELECT ifnull((SELECT sum(kept_bytes) FROM task_history), 0),"
                                " ifnull((SELECT sum(kept_bytes) FROM queue_stats), 0)").fetchone()


def check_sums(daemon):
    by_rows, by_counters = sums(daemon)
    assert by_rows == by_counters
    return by_rows


def test_beyond_the_bound_the_oldest_go(make_daemon):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], keep_tasks_max=MAX, result_inline_max_bytes=100)
    results = daemon.data / "results"
    with daemon.client() as client, ScriptedOrigin(ok_answer(b"held"), hold=True) as held, \
            ScriptedOrigin(ok_answer(b"L" * 5000)) as large:
        running = client.fetch(held.url())
        wait_until(lambda: client.status(running) == "RUNNING")
        far = client.submit("factorial", {"n": 5}, delay_ms=3600 * 1000)
        filed = client.fetch(large.url())
        assert client.result(filed)["result"] == "L" * 5000
        assert len([name for name in results.iterdir() if not name.name.startswith("tmp-")]) == 1
        ids = [client.factorial(n % 300) for n in range(300)]
        for task in ids:
            response = client.get(f"{SUBMISSIONS}/{task}")  # it is in memory, or gone already
            assert response.status in (200, 404)
        wait_until(lambda: (lambda tasks: tasks["QUEUED"] == tasks["RUNNING"] == 1)(client.get("/stats").json["tasks"]))
        wait_until(lambda: count_tasks(daemon.database) == MAX)
        for path in (f"{SUBMISSIONS}/{ids[0]}", f"/tasks/{ids[0]}", f"/tasks/{filed}", f"/tasks/{filed}/result"):
            check_problem(client.get(path), 404)
        check_problem(client.delete(f"/tasks/{ids[0]}"), 404)
        with opened(daemon.database) as database:
            kept = {name.rsplit("/")[-1] for name, in database.execute(
                "SELECT result_file FROM task_history WHERE result_file IS NOT NULL")}
        wait_until(lambda: {path.name for path in results.iterdir()} == kept)
        assert kept and not any(name.startswith(filed) for name in kept)
        assert client.status(ids[-1]) == "SUCCEEDED"
        # They are the oldest of all, and not completed.
        assert client.status(running) == "RUNNING" and client.status(far) == "QUEUED"
        held.release()
        assert client.result(running)["result"] == "held"
        assert sum(client.get("/stats").json["tasks"].values()) in (MAX, MAX + 1)
    daemon.kill9()
    daemon.restart()
    with daemon.client() as client:
        assert client.status(far) == "QUEUED"
        wait_until(lambda: sum(client.get("/stats").json["tasks"].values()) == MAX)
    assert daemon.terminate() == 0
    assert integrity(daemon.database) == ["ok"]
    with opened(daemon.database) as database:
        assert database.execute("SELECT sum(count) FROM queue_stats").fetchone()[0] == count_tasks(daemon.database)


def test_beyond_the_bytes_the_oldest_go(make_daemon):
    """Results in files and in rows; what ended last goes last, though it was submitted first."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], keep_max_mib=1, result_inline_max_bytes=20000)
    results = daemon.data / "results"
    with daemon.client() as client, ScriptedOrigin(ok_answer(b"first"), hold=True) as held, \
            ScriptedOrigin(lambda received: ok_answer(b"L" * int(received.split()[1][1:]))) as origin:
        first = client.fetch(held.url())
        wait_until(lambda: client.status(first) == "RUNNING")
        far = client.submit("factorial", {"n": 5}, delay_ms=3600 * 1000)
        assert kept(client) == {"bytes": 0, "bytes_max": MIB, "purged": 0, "purged_early": 0}
        ids = []
        for n in range(60):  # 60 times 10,000 in rows, and 60 times 60,000 in files
            pair = [client.fetch(origin.url(f"/{size}")) for size in (10000, 60000)]
            for task in pair:
                client.get(f"{SUBMISSIONS}/{task}?wait=60")
            ids += pair
            if n == 50:
                held.release()
                assert client.get(f"/tasks/{first}?wait=60").json["result"] == "first"
        wait_until(lambda: kept(client)["bytes"] <= MIB and kept(client)["purged"] > 60)
        last = kept(client)
        assert last["purged"] == last["purged_early"]
        assert check_sums(daemon) == last["bytes"] > MIB - 100000
        with opened(daemon.database) as database:
            kept_ids = {name for name, in database.execute("SELECT id FROM task_history")}
            files = {name.rsplit("/")[-1] for name, in database.execute(
                "SELECT result_file FROM task_history WHERE result_file IS NOT NULL")}
        # A run of the latest, and nothing else but what is not completed, or has not been for long.
        assert kept_ids == set(ids[-(len(kept_ids) - 2):]) | {first, far}
        wait_until(lambda: {path.name for path in results.iterdir()} == files)
        assert client.get(f"/tasks/{first}").json["result"] == "first" and client.status(far) == "QUEUED"
        for path in (f"{SUBMISSIONS}/{ids[0]}", f"/tasks/{ids[0]}", f"/tasks/{ids[0]}/attempts", f"/tasks/{ids[1]}/result"):
            check_problem(client.get(path), 404)
        assert client.get(f"/tasks/{ids[-1]}").json["result"] == "L" * 60000
    assert "history_cut" in daemon.stderr() and daemon.stderr().count("history_cut") == 1
    assert daemon.terminate() == 0
    # What is kept is taken up again, and a smaller bound holds from the start.
    daemon.settings["keep_max_mib"] = 1
    daemon.restart()
    with daemon.client() as client:
        assert kept(client)["bytes"] == last["bytes"]
        for task in list(kept_ids - {far})[:5]:
            assert client.status(task) == "SUCCEEDED"
    assert daemon.terminate() == 0
    assert integrity(daemon.database) == ["ok"]


def test_the_sum_is_true_after_kill_9_in_the_middle(make_daemon):
    """Submissions, ends and deletions under way at each kill."""
    daemon = make_daemon(keep_max_mib=1, recent_tasks=0)
    chance = random.Random(4711)
    purged = 0
    for _ in range(6):
        with daemon.client() as client:
            before = kept(client)["purged"]
            limit = before + chance.randrange(1, 400)
            while kept(client)["purged"] <= limit:
                submit_many(daemon.address, [factorial_body(chance.choice((100, 1500))) for _ in range(200)])
                check_sums(daemon)
            purged += kept(client)["purged"]
        daemon.kill9()
        check_sums(daemon)
        daemon.restart()
    assert purged > 0
    wait_drained(daemon)
    with daemon.client() as client:
        wait_until(lambda: kept(client)["bytes"] <= MIB)
        assert kept(client)["bytes"] == check_sums(daemon)
    assert daemon.terminate() == 0
    check_sums(daemon)
    assert integrity(daemon.database) == ["ok"]


@needs_root
def test_on_a_full_disk_nothing_is_half_deleted(make_daemon, small_disk):
    """A deletion needs room for the log: without any it waits, and goes on when there is some."""
    daemon = make_daemon(start=False, keep_max_mib=1, result_inline_max_bytes=100000, fetch_allow=["127.0.0.0/8"])
    daemon.data = small_disk / "data"
    with ScriptedOrigin(ok_answer(b"L" * 50000)) as origin:
        daemon.settings["keep_max_mib"] = 16
        daemon.start()
        with daemon.client() as client:
            ids = [client.fetch(origin.url()) for _ in range(100)]
            for task in ids:
                client.wait_final(task)
            assert kept(client)["bytes"] > 5000000
        assert daemon.terminate() == 0
        ballast = fill(small_disk, leave=48 * 1024)  # what a start takes
        daemon.settings["keep_max_mib"] = 1
        daemon.start()
        with daemon.client() as client:
            wait_until(lambda: "purge_failed" in daemon.stderr())
            check_sums(daemon)
            assert client.status(ids[-1]) == "SUCCEEDED"
            daemon.kill9()
        check_sums(daemon)
        ballast.unlink()
        daemon.start()
        with daemon.client() as client:
            wait_until(lambda: kept(client)["bytes"] <= MIB)
            assert check_sums(daemon) <= MIB
            check_problem(client.get(f"{SUBMISSIONS}/{ids[0]}"), 404)
            assert client.get(f"/tasks/{ids[-1]}").json["result"] == "L" * 50000
            # The database gives its pages back.
            wait_until(lambda: os.stat(daemon.database).st_size < 20 * MIB)
    assert daemon.terminate() == 0
    assert integrity(daemon.database) == ["ok"]


@needs_root
def test_by_default_old_results_make_room_for_new_ones(make_daemon, small_disk):
    """More than the disk holds goes through it, and nothing is refused for want of space."""
    daemon = make_daemon(start=False, fetch_allow=["127.0.0.0/8"])
    daemon.data = small_disk / "data"
    with ScriptedOrigin(ok_answer(b"L" * 1000000)) as origin:
        daemon.start()
        with daemon.client() as client:
            assert kept(client)["bytes_max"] == 16 * MIB
            for _ in range(45):
                task = client.fetch(origin.url())
                assert client.get(f"{SUBMISSIONS}/{task}?wait=60").json["status"] == "SUCCEEDED"
                if kept(client)["bytes"] > 23 * MIB:
                    wait_until(lambda: kept(client)["bytes"] <= 16 * MIB)
            assert kept(client)["purged_early"] >= 45 - 24
            assert client.get("/stats").json["admission"]["refused"]["disk_low"] == 0
            check_sums(daemon)
    assert daemon.terminate() == 0


def test_without_a_bound_everything_stays(make_daemon):
    daemon = make_daemon(keep_tasks_max=0, keep_succeeded_hours=0, keep_failed_hours=0)
    with daemon.client() as client:
        ids = [client.factorial(5) for _ in range(100)]
        last = client.submit("factorial", {"n": 300}, delay_ms=2500)  # ticks of the maintenance pass
        client.wait_final(last)
        assert all(client.status(task) == "SUCCEEDED" for task in ids)
