# SPDX-License-Identifier: MIT
"""Options, figures and sentences of a run, from made-up figures."""

import json

import pytest

import load_options
import run_summary
from follow import Follower, clock, describe


def test_report_profile_is_the_original_one():
    options = load_options.parse(["report", "--step-minutes", "10"])
    assert load_options.plan(options) == [(users, 600) for users in (20, 40, 60, 80, 100, 120)]
    assert options.on_rule == "stop"


def test_surge_only_notes_rules_and_takes_levels():
    options = load_options.parse(["surge", "--users", "8,20,6"])
    assert load_options.plan(options) == [(8, 60), (20, 60), (6, 60)] and options.on_rule == "note"


def test_endurance_takes_sixty_percent_of_an_earlier_maximum(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps({"maximum_users": 1000}))
    options = load_options.parse(["endurance", "--from", str(tmp_path)])
    assert load_options.plan(options) == [(600, 7200)]


def test_what_follows_two_dashes_goes_to_locust():
    options = load_options.parse(["step", "--kind", "hasty:2,report", "--", "--task-wait", "1"])
    words = load_options.locust_options(options, ["http://127.0.0.1:1/"])
    assert words[-4:] == ["--user-class", "HastyUser:2,ReportUser:1", "--task-wait", "1"]


def test_only_settings_that_differ_are_told():
    printed = ("listen = 127.0.0.1:0    # command line\nqueue-max = 100000    # default (tasks)\n"
               "fetch-allow = 127.0.0.1/32    # command line\n")
    assert run_summary.settings_that_differ(printed) == {"listen": "127.0.0.1:0", "fetch-allow": "127.0.0.1/32"}


def test_follower_gives_whole_lines_once(tmp_path):
    path = tmp_path / "x.jsonl"
    follower = Follower(path)
    assert follower.new() == []
    path.write_text('{"a": 1}\n{"a"')
    assert follower.new() == [{"a": 1}]
    with open(path, "a", encoding="utf-8") as file:
        file.write(': 2}\n')
    assert follower.new() == [{"a": 2}] and follower.new() == []


def test_progress_line_lives_without_figures():
    assert describe(None, None, 3, 5, 180) == "0:05 of 3:00  starting"
    assert clock(3725) == "1:02:05"


def step(number, users, rps, p95=4.0):
    return {"step": number, "users": users, "rps": rps, "requests": 100, "p50": 1.0, "p95": p95,
            "start": 100.0 * number, "began": 100.0 * number + 5, "ended": 100.0 * number + 100}


def test_recovery_is_the_time_until_answers_are_as_before():
    steps = [step(1, 80, 56), step(2, 200, 140, 50.0), step(3, 60, 42)]
    seconds = [{"t": 300.0 + at, "p95": 50.0 if at < 12 else 5.0, "rps": 40} for at in range(60)]
    assert run_summary.recovery_s(seconds, steps) == 12.0
    assert run_summary.recovery_s(seconds[:12], steps) is None
    assert run_summary.recovery_s(seconds, [step(1, 20, 14), step(2, 40, 28), step(3, 60, 42)]) is None


@pytest.mark.parametrize("rps, expected", [((14, 28, 42), True), ((14, 28, 33), False), ((14, 28, 0), None)])
def test_proportional(rps, expected):
    assert run_summary.proportional([step(i, 20 * i, each) for i, each in enumerate(rps, 1)]) is expected


def test_acknowledged_counts_submissions_that_succeeded():
    line = {"by_name": {"submit factorial": {"requests": 10, "failures": 2}, "status": {"requests": 50, "failures": 0}}}
    assert run_summary.acknowledged(line) == 8 and run_summary.acknowledged(None) == 0


def summary(**more):
    return {"requests": 100, "failures": 0, "maximum_users": 40, "rules_fired": [], "recovery_s": None,
            "steps": [step(1, 20, 14.0), step(2, 40, 28.0)], **more}


def test_headline_follows_the_figures():
    assert "in proportion to users throughout" in run_summary.headline(summary())
    fired = [{"rule": "failures", "step": 2, "text": "9 failures"}]
    text = run_summary.headline(summary(rules_fired=fired, maximum_users=20, failures=9))
    assert text.startswith("Up to 20 users it was good") and "at 40 users" in text and "9 of 100 requests" in text
    assert "no figures" in run_summary.headline(summary(steps=[]))
