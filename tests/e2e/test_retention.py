# SPDX-License-Identifier: MIT
"""Completed tasks are deleted beyond their bound, with everything of theirs; others never are."""

from lib.api import SUBMISSIONS, check_problem
from lib.database import count_tasks, integrity, opened
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

MAX = 40


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


def test_without_a_bound_everything_stays(make_daemon):
    daemon = make_daemon(keep_tasks_max=0, keep_succeeded_hours=0, keep_failed_hours=0)
    with daemon.client() as client:
        ids = [client.factorial(5) for _ in range(100)]
        last = client.submit("factorial", {"n": 300}, delay_ms=2500)  # ticks of the maintenance pass
        client.wait_final(last)
        assert all(client.status(task) == "SUCCEEDED" for task in ids)
