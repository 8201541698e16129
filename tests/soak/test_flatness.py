# SPDX-License-Identifier: MIT
"""The verdict on slopes: leaks are found, noise is not."""

import math
import random

import pytest

import flatness
import judge
from flatness import Bound

DESCRIPTORS = Bound("descriptors", 24.0, "descriptors")


def noisy(seconds, per_s, level=100.0, spread=5.0, seed=1):
    rng = random.Random(seed)
    return [(float(at), level + per_s * at + rng.gauss(0, spread)) for at in range(seconds)]


@pytest.mark.parametrize("seed", range(20))
def test_one_descriptor_a_minute_is_found(seed):
    assert flatness.judge_stretch(noisy(1800, 1 / 60, seed=seed), DESCRIPTORS, 240)["verdict"] == "grows"


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_no_leak(seed):
    assert flatness.judge_stretch(noisy(1800, 0.0, seed=seed), DESCRIPTORS, 240)["verdict"] == "flat"


def test_wild_samples_do_not_move_the_slope():
    points = noisy(1200, 0.0, spread=1.0)
    for at in range(0, 1200, 97):
        points[at] = (points[at][0], 1e6)
    assert flatness.judge_stretch(points, DESCRIPTORS, 240)["verdict"] == "flat"


def test_falling_is_no_leak():
    assert flatness.judge_stretch(noisy(1200, -0.1), DESCRIPTORS, 240)["verdict"] == "flat"


def test_growth_below_the_bound_is_flat_although_it_is_certain():
    points = [(float(at), 100 + at * 10 / 86400) for at in range(1200)]
    found = flatness.judge_stretch(points, DESCRIPTORS, 240)
    assert found["verdict"] == "flat" and found["per_day"] == pytest.approx(10, rel=0.01)


def test_too_little_is_not_judged():
    assert flatness.judge_stretch(noisy(100, 1.0), DESCRIPTORS, 240)["verdict"] == "not judged"
    assert flatness.judge_stretch([], DESCRIPTORS, 240)["verdict"] == "not judged"
    assert flatness.judge_stretch([(float(at), None) for at in range(900)], DESCRIPTORS, 240)["verdict"] == "not judged"
    assert flatness.judge_levels([(0, 1), (300, 2)], DESCRIPTORS)["verdict"] == "not judged"


def test_levels_that_rise_from_process_to_process_are_found():
    rising = [(300.0 * number, 100.0 + 5 * number) for number in range(8)]
    level = [(300.0 * number, 100.0 + (number % 2)) for number in range(8)]
    assert flatness.judge_levels(rising, DESCRIPTORS)["verdict"] == "grows"
    assert flatness.judge_levels(level, DESCRIPTORS)["verdict"] == "flat"


def test_interval_holds_the_true_slope():
    slope = flatness.theil_sen(flatness.binned(noisy(1800, 0.01, spread=2.0)))
    assert slope.low < 0.01 < slope.high and slope.low < slope.per_s < slope.high


def test_segments_leave_out_restarts_warm_up_and_faults():
    samples = [{"t": float(at), "pid": 1 if at < 100 else None if at < 110 else 2} for at in range(300)]
    first, second = flatness.segments(samples, [(50.0, 60.0), (200.0, 201.0)], warm_up_s=20, settle_s=10)
    assert [sample["t"] for sample in first] == [*range(20, 50), *range(71, 100)]
    assert [sample["t"] for sample in second] == [*range(130, 200), *range(212, 300)]


def test_log_that_stays_large_after_a_reader_is_told():
    timeline = [{"kind": "stuck_reader", "began": 10.0, "ended": 20.0}]
    for after, clean in ((1 << 20, True), (1 << 30, False)):
        samples = [{"t": float(at), "wal_bytes": (1 << 30) if at <= 20 else after} for at in range(60)]
        found, = judge.log_after_readers(samples, timeline)
        assert found["clean"] is clean and found["largest"] == 1 << 30


def test_recovery_is_the_first_second_at_rate():
    lines = [{"t": float(at), "acknowledged": 100 * at if at < 10 else 1000 if at < 15 else 1000 + 100 * (at - 15)}
             for at in range(30)]
    fault, = judge.recoveries([{"kind": "kill", "began": 10.0, "ended": 12.0}], lines, 100)
    assert fault["recovered_s"] == pytest.approx(3.0)


def mixed_run(more_per_s=0.0):
    """An hour whose mix changes each ten minutes; a task adds 1,000 or 400 bytes, and more later if told."""
    samples, mixes, finished, size = [], [], 0, 0.0
    for at in range(3600):
        percent = (83, 17)[at // 600 % 2]
        if at % 600 == 0:
            mixes.append((float(at), percent))
        finished += 1000
        size += 1000 * ({83: 1000, 17: 400}[percent] + more_per_s * at + random.Random(at).gauss(0, 50))
        samples.append({"t": float(at), "pid": 1, "succeeded": finished, "failed": 0, "database_bytes": size,
                        "result_files": 0, "rss_bytes": 1 << 25, "descriptors": 100, "threads": 50, "wal_bytes": 0})
    return samples, mixes


def verdict_of(found, figure):
    return {slope["verdict"] for slope in found if slope["figure"] == figure}


def test_another_mix_is_no_growth_per_task_and_growth_is():
    found = judge.slopes(mixed_run()[0], [], mixed_run()[1])
    assert verdict_of(found, "bytes_per_task") == {"flat"}
    found = judge.slopes(mixed_run(0.05)[0], [], mixed_run(0.05)[1])
    assert verdict_of(found, "bytes_per_task") == {"grows"}
    assert verdict_of(found, "rss_bytes") <= {"flat", "not judged"}


def test_a_process_that_settles_does_not_grow_and_one_that_leaks_does():
    def run(leak_per_day):
        noise = random.Random(1)
        return [{"t": float(at), "pid": 1, "rss_bytes": 60e6 + 1.5e6 * (1 - math.exp(-at / 100)) +
                 leak_per_day * at / flatness.DAY_S + noise.gauss(0, 30e3)} for at in range(1500)]

    for leak, expected in ((0, "flat"), (200 * judge.MIB, "grows")):
        memory = [slope for slope in judge.slopes(run(leak), []) if slope["figure"] == "rss_bytes"]
        assert [slope["verdict"] for slope in memory if slope["over"].startswith("process")] == [expected]


def test_segments_are_cut_where_the_mix_changes():
    samples = [{"t": float(at), "pid": 1} for at in range(100)]
    first, second = flatness.segments(samples, [], warm_up_s=0, settle_s=5, cuts=[50.0])
    assert first[-1]["t"] == 49.0 and second[0]["t"] == 56.0
