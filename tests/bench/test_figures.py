# SPDX-License-Identifier: MIT
"""Every figure once, tiny: what it reports and that its checks bite. No rate is judged."""

import json
import os
import signal
import subprocess
import sys

import pytest

from bench import service as under_test
from bench.errors import BenchError
from bench.figures import FIGURES
from lib.database import integrity, opened
from lib.wait import wait_until

PATIENCE_S = 120
TINY = ("--seconds", "0.1", "--rounds", "1", "--connections", "2", "--history", "3000", "--queued", "20000",
        "--fetches", "300", "--scheduled", "3000", "--waiting", "20", "--factorial-max", "100000")
ROWS = {
    "post": 1, "status": 1, "content": 1, "cycle": 1, "connect": 1, "paced": 4, "scrape": 3, "fetch": 1, "factorial": 3,
    "giant": 12, "sizes": 4, "growth": 7, "schedules": 7, "startup": 4, "waiting": 7, "generator": 2,
}


def bench(*words, env=None):
    return subprocess.run([sys.executable, "-m", "bench", *map(str, words)], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, env={**os.environ, **(env or {})})


def run_of(path):
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """One run of all figures, each tiny: where its JSON is, and what it printed."""
    out = tmp_path_factory.mktemp("bench")
    done = bench(*TINY, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "bench.json", done.stdout


def test_every_figure_has_its_rows(whole_run):
    found = run_of(whole_run[0])
    counted = {name: sum(row["figure"] == name for row in found["rows"]) for name in FIGURES}
    assert counted == ROWS and found["error"] is None
    assert found["machine"]["cores"] >= 1 and found["settings"]["rounds"] == 1
    for row in found["rows"]:
        assert row["value"]["median"] > 0 and row["value"]["rounds"] == 1, row
        assert row["value"]["min"] <= row["value"]["median"] <= row["value"]["max"], row
        assert row["met"] is None or isinstance(row["met"], bool)
        if row["ratio"]:
            assert row["ratio"]["median"] > 0 and row["yardstick_value"]["median"] > 0, row
        if "latency_us" in row:
            assert row["latency_us"]["p50"] <= row["latency_us"]["p95"] <= row["latency_us"]["p99"], row


def test_the_table_has_a_line_for_each_row(whole_run):
    lines = whole_run[1].splitlines()
    assert lines[0].split()[:2] == ["figure", "case"]
    assert len(lines) == 1 + sum(ROWS.values()) + 2  # the goals, and where it is written
    assert "goals met" in lines[-2]


def test_what_was_submitted_was_executed(whole_run):
    for row in run_of(whole_run[0])["rows"]:
        if row["figure"] in ("post", "cycle"):
            for each in row["rounds"]:
                assert each["submitted"] >= each["count"] > 0 and each["executed_per_s"] > 0


def test_nothing_is_left_behind(whole_run):
    assert [path.name for path in whole_run[0].parent.iterdir()] == ["bench.json"]


def test_a_run_compares_with_itself_without_change(whole_run):
    done = bench("--compare", whole_run[0], whole_run[0])
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 1 + sum(ROWS.values()), done.stdout + done.stderr
    assert all(line.endswith("  no") and "+0.0 %" in line for line in lines[1:]), done.stdout


def test_compare_tells_a_change(whole_run, tmp_path):
    changed = run_of(whole_run[0])
    for row in changed["rows"]:
        for part in filter(None, (row["ratio"], row["value"])):
            for name in ("median", "min", "max"):
                part[name] /= 2
    path = tmp_path / "half.json"
    path.write_text(json.dumps(changed))
    lines = bench("--compare", whole_run[0], path).stdout.splitlines()[1:]
    assert all("-50.0 %" in line for line in lines)
    assert {line.rsplit("  ", 1)[1] for line in lines} == {"yes, worse", "yes, better"}  # times halve, too


def test_a_wrong_count_ends_the_run_with_its_reason(tmp_path):
    """What the generator saw, a refusal, must come out."""
    with under_test.running(tmp_path, drain_timeout_ms=60_000, factorial_max_n=100_000_000,
                            cpu_memory_mib=4096) as service:
        with service.client() as client:
            long_one = client.factorial(100_000_000)
            wait_until(lambda: client.status(long_one) == "RUNNING")
            service.daemon.signal(signal.SIGTERM)  # it drains as long as that runs, and refuses
            wait_until(lambda: client.get("/readyz").status == 503)
            with pytest.raises(BenchError, match="status 503"):
                under_test.submitting(service, "post", 64, 1)
            assert client.delete(f"/tasks/{long_one}").status == 202


def test_a_program_that_cannot_start_ends_the_run(tmp_path):
    done = bench("post", *TINY, "--out", tmp_path, env={"TASKQD": "/bin/false"})
    assert done.returncode == 1 and "scripts/bench: " in done.stderr
    assert run_of(tmp_path / "bench.json")["error"]


@pytest.mark.parametrize("words", [("nothing",), ("--rounds", "0"), ("--connections", "0"), ("--seconds", "x")])
def test_faulty_arguments_are_refused(words):
    assert bench(*words).returncode in (1, 2)


def test_a_filled_database_is_one_that_the_service_would_have_left(tmp_path):
    with under_test.filled(tmp_path / "filled", 10_000, 500) as (service, ids):
        with opened(service.database) as database:
            counted = database.execute(
                "SELECT type, status, count(*) FROM task_history GROUP BY type, status ORDER BY type").fetchall()
            stated = database.execute(
                "SELECT type, status, count FROM queue_stats WHERE count > 0 ORDER BY type").fetchall()
        assert counted == stated == [("factorial", "SUCCEEDED", 1666), ("http-fetch", "SUCCEEDED", 8334)]
        assert integrity(service.database) == ["ok"]
        drawn = [line.split() for line in ids.read_text().splitlines()]
        assert len({task_id for task_id, _ in drawn}) == 500
        with service.client() as client:
            for task_id, size in drawn[::50]:
                answer = client.result(task_id)
                assert answer["status"] == "SUCCEEDED"
                assert len(client.raw_result(task_id).body) == int(size)
            before = under_test.counts(service)
            assert client.result(client.factorial(5))["result"] == 120
        assert under_test.counts(service)["SUCCEEDED"] == before["SUCCEEDED"] + 1


def test_scheduled_tasks_of_a_filled_database_stand_in_nobodys_way(tmp_path):
    with under_test.filled(tmp_path / "filled", 3000, 100, 2000) as (service, _):
        with opened(service.database) as database:
            held, least, expiring, priorities = database.execute(
                "SELECT count(*), min(held_until), count(expires_at), count(DISTINCT priority) FROM task_history"
                " WHERE status = 'QUEUED'").fetchone()
        assert (held, expiring, priorities) == (2000, 1000, 10) and least > "2027"
        assert integrity(service.database) == ["ok"]
        with service.client() as client:
            assert len(str(client.result(client.factorial(300))["result"])) == 615
            lanes = client.get("/stats").json["lanes"]
        assert lanes["cpu"]["scheduled"] + lanes["io"]["scheduled"] == 2000


def test_queued_tasks_of_a_filled_database_run_to_their_end(tmp_path):
    under_test.fill(tmp_path, 100, queued_factorials=250)
    with under_test.running(tmp_path) as service:
        under_test.wait_drained(service, PATIENCE_S)
        assert under_test.counts(service)["SUCCEEDED"] == 350
