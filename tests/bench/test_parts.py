# SPDX-License-Identifier: MIT
"""The arithmetic and the layout: spreads, alternation, comparison, the table."""

import json

import pytest

from bench import compare, report
from bench.errors import BenchError
from bench.ratio import alternate, plain_row, row, summary


def rounds_of(*ratios):
    return [{"per_s": 1000 * each, "yardstick": 1000, "ratio": each, "cpu_share": 0.5} for each in ratios]


def run_with(*rows):
    return {"format": compare.FORMAT, "rows": list(rows)}


def test_a_summary_has_median_least_largest_and_quartiles():
    assert summary([5, 1, 2, 4, 3]) == {"median": 3, "min": 1, "max": 5, "q1": 2, "q3": 4, "rounds": 5}
    assert summary([7]) == {"median": 7, "min": 7, "max": 7, "q1": 7, "q3": 7, "rounds": 1}


def test_each_figure_stands_between_two_yardsticks():
    order = []
    levels = iter([100, 200, 400, 100, 100, 100])

    def yardstick():
        order.append("yardstick")
        return {"per_s": next(levels)}

    def figure(name):
        order.append(name)
        return {"per_s": 150}

    found = alternate(2, yardstick, {name: lambda name=name: figure(name) for name in ("a", "b")})
    assert order == ["yardstick", "a", "yardstick", "b", "yardstick"] * 2
    assert [each["ratio"] for each in found["a"]] == [1.0, 1.5]
    assert [each["yardstick"] for each in found["b"]] == [300, 100]


def test_a_goal_is_met_by_the_median_and_told_either_way():
    met = row("post", "32", "tasks/s", "hello-world", rounds_of(0.2, 0.3, 0.9), 0.3)
    missed = row("post", "32", "tasks/s", "hello-world", rounds_of(0.2, 0.29, 0.9), 0.3)
    assert met["met"] is True and ">= 0.30 met" in report.line(met)
    assert missed["met"] is False and ">= 0.30 MISSED" in report.line(missed)
    assert report.goals([met, missed]) == "1 of 2 goals met; missed: post 32"


def test_a_time_meets_its_goal_when_it_is_short():
    assert plain_row("startup", "x", "s", [1.9, 2.0, 2.5], 2.0)["met"] is True
    assert plain_row("startup", "x", "s", [2.1], 2.0)["met"] is False


def test_lines_have_the_columns_of_the_header():
    line = report.line(row("post", "32", "tasks/s", "hello-world", rounds_of(0.25, 0.5)))
    assert line[report.header().index("ratio") - 2:].split()[:2] == ["0.375", "0.250..0.500"]


def test_a_change_counts_only_outside_both_spreads():
    old = run_with(row("post", "32", "t", "h", rounds_of(0.30, 0.32, 0.34)),
                   row("status", "32", "t", "h", rounds_of(0.7, 0.8, 0.9)),
                   row("gone", "32", "t", "h", rounds_of(1)), plain_row("startup", "x", "s", [1.0, 1.1]))
    new = run_with(row("post", "32", "t", "h", rounds_of(0.35, 0.36, 0.40)),
                   row("status", "32", "t", "h", rounds_of(0.6, 0.65, 0.71)),
                   row("come", "32", "t", "h", rounds_of(1)), plain_row("startup", "x", "s", [0.5, 0.6]))
    found = {each["name"]: each for each in compare.compare(old, new)}
    assert sorted(found) == ["post 32", "startup x", "status 32"]
    assert found["post 32"]["outside"] and found["post 32"]["better"]
    assert abs(found["post 32"]["change"] - 0.125) < 1e-9
    assert not found["status 32"]["outside"]
    assert found["startup x"]["outside"] and found["startup x"]["better"]
    assert "yes, better" in compare.table(compare.compare(old, new))


def test_runs_under_other_conditions_are_told_apart():
    old, new = ({**run_with(), "settings": {"threads": threads}, "machine": {"cores": 2}} for threads in (1, 2))
    assert compare.differing(old, new) == ["note: the runs differ in threads: 1, 2"]
    assert compare.differing(old, old) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"format": 0, "rows": []})])
def test_what_is_not_a_run_is_not_compared(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(BenchError):
        compare.load(path)
