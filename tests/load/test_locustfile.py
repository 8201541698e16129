# SPDX-License-Identifier: MIT
"""Locust with two workers against the daemon: its counts are those of the database."""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from lab.servers import Nginx, Service, WebOrigin  # noqa: E402
from lib.origins import free_port  # noqa: E402

USERS = 10
PATIENCE_S = 120
FAST = ["--step-minutes", "0.1", "--task-wait", "0.5", "--poll-interval", "0.1", "--settle-seconds", "1"]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    with Nginx(tmp_path_factory.mktemp("nginx")) as one:
        yield one


def run_locust(directory, service, *words, workers=2):
    """A run to its end; returns the exit code, the lines of both files and the master's words."""
    port = free_port()
    base = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py")]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    master = subprocess.Popen(
        [*base, "--headless", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port),
         "--expect-workers", str(workers), "--expect-workers-max-wait", "30", "--host", service.url,
         "--run-dir", str(directory / "run"), *words],
        env=env, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    others = [
        subprocess.Popen(
            [*base, "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)], env=env, cwd=directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(directory / f"worker-{number}", "wb"))
        for number in range(workers)]
    try:
        said = master.communicate(timeout=PATIENCE_S)[0]
        for other in others:
            other.wait(30)
    finally:
        for process in [master, *others]:
            if process.poll() is None:
                process.kill()
                process.wait()
    said += "".join((directory / f"worker-{number}").read_text() for number in range(workers))
    steps, every = ([json.loads(line) for line in (directory / "run" / f"{name}.jsonl").read_text().splitlines()]
                    for name in ("steps", "locust"))
    return master.returncode, steps, every, said


def rows(service, where="1 = 1"):
    database = sqlite3.connect(f"file:{service.daemon.database}?mode=ro", uri=True, timeout=30)
    try:
        return database.execute(f"SELECT count(*) FROM task_history WHERE {where}").fetchone()[0]
    finally:
        database.close()


def submitted(line):
    return sum(one["requests"] for name, one in line["by_name"].items() if name.startswith("submit "))


def completed(line):
    return sum(one["requests"] for one in line["by_name"].values() if one["type"] == "TASK")


@pytest.mark.parametrize("kind", ["ReportUser", "HastyUser:2,WaitingUser:1", "FactorialUser", "FetchUser"])
def test_submissions_acknowledged_are_the_rows_of_the_database(tmp_path, nginx, kind):
    with Service(tmp_path / "service", fetch_allow="127.0.0.0/8") as service:
        code, steps, every, said = run_locust(
            tmp_path, service, "--profile", "endurance", "--levels", str(USERS), "--user-class", kind, *FAST,
            "--fetch-urls", nginx.url + "/small.html")
        last = every[-1]
        assert code == 0 and last["failures"] == 0, said[-4000:]
        assert "Uncaught exception" not in said and "Traceback" not in said, said[-4000:]
        assert submitted(last) == rows(service) > USERS
        assert completed(last) == rows(service, "status = 'SUCCEEDED'") == rows(service)
    (step,) = steps
    assert step["users"] == USERS and 0 < step["requests"] < last["requests"]
    assert max(line["users"] for line in every) == USERS and every[-1]["workers"] <= 2
    assert 0 < step["p50"] <= step["p95"] <= step["p99"] <= step["p999"] <= step["max"]
    assert step["requests"] == sum(one["requests"] for one in step["by_name"].values() if one["type"] != "TASK")


def test_a_task_that_failed_is_a_failure(tmp_path, nginx):
    with Service(tmp_path / "service", fetch_allow="127.0.0.0/8") as service:
        code, _, every, _ = run_locust(
            tmp_path, service, "--profile", "fetch-only", "--levels", "2", *FAST, "--fetch-urls", nginx.url + "/none")
        assert code == 1
        assert every[-1]["failures"] == rows(service, "status = 'FAILED'") == rows(service) > 0
        assert every[-1]["by_name"]["task http-fetch"]["failures"] == rows(service)


def test_a_failure_of_the_origin_may_be_expected(tmp_path):
    with WebOrigin(tmp_path / "origin", error_share=0.5, reset_share=0.2, timeout_share=0, median_ms=1, p99_ms=5) as web, \
            Service(tmp_path / "service", fetch_allow="127.0.0.0/8") as service:
        code, _, every, said = run_locust(
            tmp_path, service, "--profile", "fetch-only", "--levels", "4", *FAST, "--expect-failures",
            "--fetch-urls", web.url + "/web/{0-99}")
        assert code == 0 and every[-1]["failures"] == 0, said[-4000:]
        found = every[-1]["by_name"]["task http-fetch FAILED as expected"]["requests"]
        assert found == rows(service, "status = 'FAILED'") > 0


def test_fetching_users_need_urls(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless", "--host", "http://127.0.0.1:1",
         "--profile", "step"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode != 0 and "--fetch-urls" in done.stderr
