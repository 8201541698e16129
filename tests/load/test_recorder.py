# SPDX-License-Identifier: MIT
"""Percentiles against a known sample, and the recorder's lines with a clock of the test's own."""

import json
import random

import pytest

import recorder
from histogram import Histogram
from recorder import LATE_S, Recorder
from samples import TASK, Seconds, aggregate


class Clock:
    """Stands in for the module `time`."""

    def __init__(self, now):
        self.now = now

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    one = Clock(1000.0)
    monkeypatch.setattr(recorder, "time", one)
    return one


def row(second, name, times, failures=0, kind="GET"):
    histogram = Histogram()
    for ms in times:
        histogram.add(ms)
    return [second, kind, name, failures, histogram.buckets]


def lines(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_percentiles_of_one_to_a_thousand_tenths():
    times = [tenth / 10 for tenth in range(1, 1001)]
    random.Random(1).shuffle(times)
    histogram = Histogram()
    for ms in times:
        histogram.add(ms)
    assert histogram.percentiles(0.5, 0.95, 0.99, 0.999, 1.0) == [50.0, 95.0, 99.0, 99.9, 100.0]
    assert histogram.max == 100.0 and histogram.count == 1000


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19, 20, 21, 100, 997])
def test_percentiles_are_the_nearest_rank_of_the_sorted_sample(size):
    dice = random.Random(size)
    times = sorted(round(dice.lognormvariate(1, 2), 1) for _ in range(size))
    histogram = Histogram()
    for ms in times:
        histogram.add(ms)
    for percent in (1, 50, 95, 99):
        rank = -(-size * percent // 100)
        assert histogram.percentiles(percent / 100) == [times[rank - 1]]


def test_empty_histogram_has_no_percentiles():
    assert Histogram().percentiles(0.5, 0.95) == [None, None] and Histogram().max is None


def test_merged_histograms_are_that_of_all_times():
    one, other, both = Histogram(), Histogram(), Histogram()
    for number in range(100):
        (one if number % 3 else other).add(number)
        both.add(number)
    one.merge(other)
    assert one.buckets == both.buckets and one.count == both.count


def test_tasks_are_no_requests_but_their_failures_count():
    seconds = Seconds()
    seconds.put([row(5, "status", [1, 2]), row(5, "task factorial", [1000], failures=1, kind=TASK)])
    total = aggregate(seconds.summed(5, 6))
    assert (total.times.count, total.failures, total.times.max) == (2, 1, 2.0)


def test_taken_rows_put_elsewhere_are_the_same():
    seconds, there = Seconds(), Seconds()
    seconds.add("GET", "status", 1.25, None)
    seconds.add("GET", "status", 1.25, "broken")
    rows = seconds.take()
    there.put(rows)
    assert seconds.take() == []
    assert sorted(there.take()) == sorted(rows) and rows[0][3] == 1


def test_step_counts_neither_its_ramp_nor_what_comes_after(tmp_path, clock):
    one = Recorder(tmp_path, lambda: {"users": 3})
    one.step_begins(1, 3, 2)
    clock.now = 1001.5
    one.step_ramped()  # so the step counts from 1003.5, in whole seconds from 1004
    clock.now = 1010.2
    one.take("w", 1010.2, [row(second, "status", [second - 1000]) for second in range(1000, 1011)])
    one.step_ends()
    one.write(1011.0)
    clock.now = 1012.0
    one.take("w", 1012.0, [row(1011, "status", [99])])
    one.close()
    (step,) = lines(tmp_path / "steps.jsonl")
    assert (step["began"], step["ended"], step["seconds"]) == (1004, 1010, 6)
    assert (step["requests"], step["rps"], step["max"]) == (6, 1.0, 9.0)
    assert step["by_name"]["status"]["p50"] == 6.0
    every = lines(tmp_path / "locust.jsonl")
    assert [line["t"] for line in every] == list(range(1001, 1014))
    assert every[-1]["requests"] == 12 and every[5]["step"] == 1 and every[-1]["step"] is None


def test_window_is_of_ten_seconds(tmp_path, clock):
    one = Recorder(tmp_path, lambda: {"users": 1})
    rows = [row(1000, "status", [500])] + [row(second, "status", [1]) for second in range(1001, 1015)]
    clock.now = 1015.0
    one.take("w", 1015.0, rows)
    one.write(1015.0)
    every = lines(tmp_path / "locust.jsonl")
    assert [line["p999"] for line in every] == [500.0] * 10 + [1.0] * 5
    assert every[0]["rps"] == 1 and every[-1]["requests"] == 15


def test_a_line_waits_for_the_slowest_worker_but_not_for_ever(tmp_path, clock):
    one = Recorder(tmp_path, lambda: {"users": 1})
    one.take("fast", 1003.0, [])
    one.take("slow", 1001.0, [])
    one.write(1003.0)
    assert len(lines(tmp_path / "locust.jsonl")) == 1
    one.write(1003.0 + LATE_S)
    assert len(lines(tmp_path / "locust.jsonl")) == 3


def test_a_lost_worker_is_told_and_not_waited_for(tmp_path, clock):
    one = Recorder(tmp_path, lambda: {"users": 1})
    one.take("stays", 1003.0, [])
    one.take("goes", 1000.0, [])
    one.lost("goes")
    one.lost("goes")
    one.write(1003.0)
    every = lines(tmp_path / "locust.jsonl")
    assert [line.get("event") for line in every] == ["worker lost", None, None, None]
    assert "goes" in every[0]["text"]


def test_step_that_ends_within_its_ramp_is_written_without_figures(tmp_path, clock):
    one = Recorder(tmp_path, lambda: {"users": 1})
    one.step_begins(1, 5, 30)
    clock.now = 1002.0
    one.close()
    (step,) = lines(tmp_path / "steps.jsonl")
    assert (step["seconds"], step["requests"], step["rps"], step["p50"]) == (0, 0, 0.0, None)
