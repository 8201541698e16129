# SPDX-License-Identifier: MIT
"""scripts/load-test end to end in seconds: counts and conditions, no rates and no times."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from lab import ROOT
from lab.sampler import read_jsonl
from lib.daemon import PROGRAM
from lib.wait import wait_until

COMMAND = str(ROOT / "scripts" / "load-test")
# Short waits, so that a few users make enough requests in seconds.
FAST = ("--", "--task-wait", "0.5", "--poll-interval", "0.2", "--ramp-seconds", "0.5", "--settle-seconds", "0.5")
PATIENCE_S = 120
# Tests that share one run stay together where pytest spreads tests over processes.
same_run = pytest.mark.xdist_group("one run")


def environment():
    return dict(os.environ, TASKQD=str(PROGRAM))


def load_test(*words):
    return subprocess.run([COMMAND, *words], env=environment(), capture_output=True, text=True, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL, check=False)


def processes_of(directory):
    """Command lines that name the directory of a run: everything that it started does."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(directory) in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


def summary_of(out):
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run of two steps: where it lies, and what it said."""
    out = tmp_path_factory.mktemp("load") / "run"
    # Whether requests/s grow or answers get slower in seconds on a busy machine is chance.
    done = load_test("step", "--users", "4,8", "--step-minutes", "0.1", "--growth-share", "0", "--slower-factor", "0",
                     "--load-limit", "0", "--out", str(out), *FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    return out, done


@same_run
def test_run_has_no_failures_and_every_acknowledged_task_is_final(run):
    summary = summary_of(run[0])
    tasks = summary["tasks"]
    assert summary["good"] and summary["failures"] == 0 and summary["requests"] > 0, summary
    assert 0 < tasks["acknowledged"] <= tasks["in_database"] and tasks["lost"] == 0, tasks
    assert tasks["unfinished"] == 0 and set(tasks["by_status"]) == {"SUCCEEDED"}, tasks


@same_run
def test_run_knows_its_steps_and_that_no_rule_fired(run):
    summary = summary_of(run[0])
    assert [step["users"] for step in summary["steps"]] == [4, 8]
    assert all(step["requests"] for step in summary["steps"])
    assert summary["maximum_users"] == 8 and not summary["rules_fired"] and summary["ended_by"] is None


@same_run
def test_service_was_sampled_every_second(run):
    samples = read_jsonl(run[0] / "service.jsonl")
    assert len(samples) >= 10
    for member in ("rss_bytes", "descriptors", "threads", "cpu_s", "queued", "commits", "database_bytes", "wal_bytes"):
        assert any(sample[member] is not None for sample in samples), member


@same_run
def test_report_is_whole_and_asks_for_nothing(run):
    page = (run[0] / "report.html").read_text()
    assert page.count("<figure>") == page.count("<svg") == len(list((run[0] / "plots").glob("*.svg"))) == 10
    assert "no figures" not in page
    assert "none; the profile ran to its end" in page
    steps = re.search(r"<h2>Steps</h2>.*?<tbody>(.*?)</tbody>", page, re.S).group(1)
    assert re.findall(r"<tr><td>(\d+)</td><td>[^<]*</td><td>(\d+)</td>", steps) == [("1", "4"), ("2", "8")]
    for outside in ("<script", "<link", "<img", "@import", "src="):
        assert outside not in page, outside
    # Names of formats in the plots are no requests; anything that would be fetched is.
    assert not re.search(r'href="(?!#)', page.replace('xmlns:xlink="http://www.w3.org/1999/xlink"', ""))


@same_run
def test_nothing_is_left_running(run):
    assert processes_of(run[0]) == []


@same_run
def test_progress_is_told_and_outcome_is_last(run):
    lines = run[1].stdout.strip().splitlines()
    assert lines[-1] == f"report: {run[0] / 'report.html'}"
    assert "req/s" in run[1].stderr


def test_failures_end_the_run_and_the_rule_is_named(tmp_path):
    out = tmp_path / "run"
    done = load_test("step", "--users", "6,12", "--step-minutes", "1", "--out", str(out),
                     "--service", "fetch-allow=192.0.2.0/24", *FAST)
    summary = summary_of(out)
    assert done.returncode == 1, done.stdout + done.stderr
    assert summary["rules_fired"][0]["rule"] == "failures" and "failures" in summary["ended_by"]
    assert summary["rules_fired"][0]["step"] == 1 and summary["maximum_users"] is None
    assert "“failures” in step 1" in (out / "report.html").read_text()
    assert processes_of(out) == []


def test_interrupt_ends_in_order_with_a_report(tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen([COMMAND, "surge", "--users", "3,6,3", "--step-minutes", "1", "--out", str(out), *FAST],
                               env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: any(line.get("requests") for line in read_jsonl(out / "locust.jsonl")), PATIENCE_S, "requests")
        process.send_signal(signal.SIGINT)
        text = process.communicate(timeout=PATIENCE_S)[0].decode()
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, text
    assert summary_of(out)["ended_by"] == "Ctrl-C"
    assert (out / "report.html").exists() and processes_of(out) == []


@pytest.mark.parametrize("words, said", [
    (("endurance",), "--from DIR"),
    (("endurance", "--from", "/nonexistent"), "/nonexistent/summary.json"),
    (("manual",), "--web"),
    (("step", "--users", "0"), "users"),
    (("surge", "--first-users", "3"), "--levels"),
    (("step", "--fetch-file", "other", "--out", "{}"), "64k.bin"),
])
def test_what_cannot_be_run_is_refused_with_a_reason(tmp_path, words, said):
    done = load_test(*(word.format(tmp_path / "x") for word in words))
    assert done.returncode not in (0, 130) and said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
