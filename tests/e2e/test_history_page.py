# SPDX-License-Identifier: MIT
"""docs/history.md: every recipe, by the sqlite3 program, against a history that was made through the API."""

import json
import re
import shutil
import subprocess

import pytest

from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.pages import blocks
from lib.wait import wait_until

PAGE = "docs/history.md"
RECIPES = dict(blocks(PAGE, "sql"))
PLACEHOLDER = "0190a5c0-0000-7000-8000-000000000000"
URI = "file:taskq-data/taskq.db?mode=ro"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

pytestmark = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="the sqlite3 program is not installed")


class History:
    """Tasks of every kind and fate, and the ids by which they are told apart."""

    def __init__(self, daemon, quick, broken, held):
        self.daemon, self.quick, self.broken, self.held = daemon, quick, broken, held
        self.closed = f"127.0.0.1:{free_port()}"
        with daemon.client() as client:
            self.small = [client.factorial(5) for _ in range(3)]
            self.large = client.factorial(2000)
            self.quick_ids = [client.fetch(quick.url("/page")) for _ in range(3)]
            self.missing = [client.fetch(broken.url("/missing")) for _ in range(2)]
            self.refused = client.submit("http-fetch", {"url": f"http://{self.closed}/"}, retry={"max_attempts": 2, "backoff_ms": 0})
            for task_id in [*self.small, self.large, *self.quick_ids, *self.missing, self.refused]:
                client.wait_final(task_id)
            self.again = client.post({}, f"/tasks/{self.refused}/retry").json["id"]
            client.wait_final(self.again)
            self.later = client.submit("factorial", {"n": "6"}, delay_ms=86400000)
            self.cancelled = client.submit("factorial", {"n": "7"}, delay_ms=86400000)
            assert client.delete(f"/tasks/{self.cancelled}").status == 200
            self.crashed = client.fetch(held.url("/held"))
            wait_until(lambda: held.requests, what="the fetch has begun")
        daemon.kill9()
        daemon.restart()
        with daemon.client() as client:
            wait_until(lambda: len(held.requests) == 2, what="the fetch has begun again")
            self.waiting = client.fetch(held.url("/after"))
            assert client.status(self.waiting) == "QUEUED"

    def run(self, statement, *options):
        """As the page says, only with the path of this database."""
        uri = URI.replace("taskq-data", str(self.daemon.data))
        run = subprocess.run(["sqlite3", *options, uri, statement], capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0 and run.stderr == "", run
        return run.stdout

    def recipe(self, name, task_id=PLACEHOLDER):
        out = self.run(RECIPES[name].replace(PLACEHOLDER, task_id), "-json")
        return json.loads(out) if out.strip() else []


@pytest.fixture(scope="module")
def history(make_module_daemon):
    with ScriptedOrigin(ok_answer(b"x" * 500)) as quick, ScriptedOrigin(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone"
    ) as broken, ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
        daemon = make_module_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
        yield History(daemon, quick, broken, held)


def host(origin):
    return f"127.0.0.1:{origin.port}"


def where_everything_is(history, rows):
    found = {(row["type"], row["status"]): row["count"] for row in rows}
    assert found == {
        ("factorial", "SUCCEEDED"): 4, ("factorial", "REJECTED"): 1, ("factorial", "SCHEDULED"): 1, ("http-fetch", "SUCCEEDED"): 3,
        ("http-fetch", "FAILED"): 4, ("http-fetch", "RUNNING"): 1, ("http-fetch", "QUEUED"): 1,
    }


def the_latest_tasks(history, rows):
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True) and len(rows) == 15
    assert rows[0]["id"] == history.waiting and rows[0]["url"] == history.held.url("/after")


def why_did_this_task_fail(history, rows):
    assert [row["what"] for row in rows] == [
        "submitted", "attempt 1 began", "attempt 1 failed", "attempt 2 began", "attempt 2 failed", "FAILED"]
    assert rows[2]["detail"].startswith("connect: ") and all(TIME.fullmatch(row["at"]) for row in rows)


def why_tasks_failed(history, rows):
    assert {row["code"]: row["tasks"] for row in rows} == {"http_status": 2, "connect": 2}
    assert rows[0]["for_example"] and {row["latest"] for row in rows} == {max(history.missing), history.again}


def failures_by_hour(history, rows):
    assert sum(row["failed"] for row in rows) == 4
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d", row["hour"]) for row in rows)


def throughput_per_minute(history, rows):
    assert sum(row["ended"] for row in rows) == 12 and sum(row["succeeded"] for row in rows) == 7
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", row["minute"]) for row in rows)


def how_long_tasks_wait_and_run(history, rows):
    found = {row["type"]: row for row in rows}
    assert found["factorial"]["tasks"] == 4 and found["http-fetch"]["tasks"] == 7
    for row in rows:
        assert 0 <= row["wait_p50"] <= row["wait_p99"] and 0 <= row["run_p50"] <= row["run_p99"] <= row["run_max"]


def the_slowest_hosts(history, rows):
    assert {row["host"]: (row["fetches"], row["failed"]) for row in rows} == {
        host(history.quick): (3, 0), host(history.broken): (2, 2), history.closed: (2, 2)}
    assert [row["mean_ms"] for row in rows] == sorted((row["mean_ms"] for row in rows), reverse=True)


def where_the_time_of_fetches_goes(history, rows):
    assert {row["host"]: row["fetches"] for row in rows} == {host(history.quick): 3, host(history.broken): 2, history.closed: 2}
    assert all(row["total"] >= row["first_byte"] >= 0 for row in rows)


def what_hosts_answered(history, rows):
    assert {(row["host"], row["answer"]): row["times"] for row in rows} == {
        (host(history.quick), 200): 3, (host(history.broken), 404): 2, (history.closed, None): 2}


def the_biggest_results(history, rows):
    assert rows[0]["id"] == history.large and rows[0]["result_bytes"] == 5736
    assert [row["result_bytes"] for row in rows[1:4]] == [500] * 3 and rows[1]["of"] == history.quick.url("/page")


def what_runs(history, rows):
    assert [row["id"] for row in rows] == [history.crashed] and rows[0]["attempts"] == 2


def what_waits(history, rows):
    assert {(row["type"], row["waits_for"]): row["tasks"] for row in rows} == {("factorial", "time"): 1, ("http-fetch", "turn"): 1}
    assert all(row["oldest_s"] >= 0 for row in rows)
    assert [TIME.fullmatch(row["next_due"]) is not None for row in rows if row["waits_for"] == "time"] == [True]


def who_was_tried_more_than_once(history, rows):
    assert {row["id"]: row["attempts"] for row in rows} == {history.refused: 2, history.again: 2, history.crashed: 2}


def what_somebody_ran_again(history, rows):
    assert [row["id"] for row in rows] == [history.again, history.refused]


def what_is_asked_for_most(history, rows):
    assert {rows[0]["times"], rows[1]["times"]} == {3} and {rows[0]["of"], rows[1]["of"]} == {'{"n":"5"}', history.quick.url("/page")}


def what_the_service_went_down_with(history, rows):
    assert [(row["id"], row["attempt"]) for row in rows] == [(history.crashed, 1)]


def what_will_be_deleted_when(history, rows):
    assert sum(row["tasks"] for row in rows) == 12 and 2 <= len(rows) <= 4
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)


ASSERTED = {
    "Where everything is": where_everything_is,
    "The latest tasks": the_latest_tasks,
    "Why did this task fail: one task's story": why_did_this_task_fail,
    "Why tasks failed": why_tasks_failed,
    "Failures by hour": failures_by_hour,
    "Throughput per minute": throughput_per_minute,
    "How long tasks wait and run": how_long_tasks_wait_and_run,
    "The slowest hosts": the_slowest_hosts,
    "Where the time of fetches goes": where_the_time_of_fetches_goes,
    "What hosts answered": what_hosts_answered,
    "The biggest results": the_biggest_results,
    "What runs": what_runs,
    "What waits, for what, and for how long": what_waits,
    "Who was tried more than once": who_was_tried_more_than_once,
    "What somebody ran again, back to the first": what_somebody_ran_again,
    "What is asked for most": what_is_asked_for_most,
    "What the service went down with": what_the_service_went_down_with,
    "What will be deleted when": what_will_be_deleted_when,
}
OF_ONE_TASK = {"Why did this task fail: one task's story": "refused", "What somebody ran again, back to the first": "again"}


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(history, name):
    task_id = getattr(history, OF_ONE_TASK[name]) if name in OF_ONE_TASK else PLACEHOLDER
    ASSERTED[name](history, history.recipe(name, task_id))


def test_each_recipe_stands_once_and_is_asserted():
    assert [name for name, _ in blocks(PAGE, "sql")] == list(ASSERTED)


def test_the_commands_of_the_page_run(history, tmp_path):
    """Those for the shell, in a directory where the data are where the page has them."""
    (tmp_path / "taskq-data").symlink_to(history.daemon.data)
    commands = [block for _, block in blocks(PAGE, "sh")]
    assert len(commands) >= 3
    for command in commands:
        run = subprocess.run(["sh", "-euc", command], cwd=tmp_path, input="", capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0 and run.stderr == "", (command, run)
    with open(tmp_path / "tasks.csv", encoding="utf-8") as file:
        assert file.readline().strip() == "id,status,created_at,url" and len(file.readlines()) == 15
    copy = f"file:{tmp_path}/taskq-backup.db?immutable=1"
    count = subprocess.run(["sqlite3", copy, "SELECT count(*) FROM task_history"], capture_output=True, text=True, timeout=60, check=True)
    assert count.stdout == "15\n"


def test_who_looks_as_the_page_says_cannot_write(history):
    uri = URI.replace("taskq-data", str(history.daemon.data))
    run = subprocess.run(["sqlite3", uri, "DELETE FROM task_counter"], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode != 0 and "readonly" in run.stderr


def test_a_copy_of_the_file_alone_lacks_what_is_in_the_log(history, tmp_path):
    """Why the page says not to."""
    with history.daemon.client() as client:
        task_id = client.factorial(9)
    shutil.copy(history.daemon.database, tmp_path / "copy.db")
    statement = f"SELECT count(*) FROM task_history WHERE id = '{task_id}'"
    run = subprocess.run(["sqlite3", tmp_path / "copy.db", statement], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout != "1\n"
    assert history.run(statement) == "1\n"
