# SPDX-License-Identifier: MIT
"""The stop rules: each at its limit and one past it, and noise that must not fire."""

import pytest

from stop_rules import Limits, Watch, after_step, answers_slower, failures_appear, last_good_step
from stop_rules import load_too_high, throughput_flat

LIMITS = Limits(load_average=8.0, load_seconds=3)


def step(number, users, rps, p50=2.0, p95=4.0, failures=0, seconds=60):
    return {
        "step": number, "users": users, "rps": rps, "requests": int(rps * seconds), "failures": failures,
        "p50": p50, "p95": p95, "began": 1000.0 + number * seconds, "ended": 1000.0 + (number + 1) * seconds,
    }


@pytest.mark.parametrize("requests, failures, fires", [
    (1000, 0, False), (100000, 2, False), (3000, 3, False), (2999, 3, True), (0, 3, True), (10000, 11, True),
])
def test_failures_fire_above_share_and_count(requests, failures, fires):
    fired = failures_appear(LIMITS, 2, 5.0, requests, failures)
    assert (fired is not None) == fires
    if fires:
        assert fired.rule == "failures" and fired.step == 2 and fired.figures["failures"] == failures


@pytest.mark.parametrize("loads, fires", [
    ([8.1, 8.1], False), ([8.0, 8.1, 8.1], False), ([8.1, 8.1, 8.1], True), ([9, 9, None, 9], False),
    ([1, 8.1, 8.2, 8.3], True),
])
def test_load_fires_only_when_it_stays_above(loads, fires):
    assert (load_too_high(LIMITS, 1, 0.0, loads) is not None) == fires


def test_no_load_limit_never_fires():
    assert load_too_high(Limits(load_seconds=1), 1, 0.0, [1000.0]) is None


def test_throughput_that_grows_with_users_is_good():
    assert throughput_flat(LIMITS, step(1, 20, 14.0), step(2, 40, 28.0)) is None


def test_throughput_at_half_the_growth_is_the_limit():
    assert throughput_flat(LIMITS, step(1, 100, 1000.0), step(2, 200, 1500.0)) is None
    assert throughput_flat(LIMITS, step(1, 100, 1000.0), step(2, 200, 1450.0)) is not None


def test_fall_of_the_original_service_fires():
    fired = throughput_flat(LIMITS, step(4, 80, 54.0), step(5, 100, 0.1))
    assert fired.rule == "requests/s no longer growing" and fired.step == 5


def test_shortfall_within_chance_does_not_fire():
    # 6 s of 70 requests/s are 420 requests, give or take 20; 3 % less than the limit is nothing.
    assert throughput_flat(LIMITS, step(1, 100, 70.0, seconds=6), step(2, 120, 75.0, seconds=6)) is None


def test_fewer_users_do_not_fire():
    assert throughput_flat(LIMITS, step(1, 200, 140.0), step(2, 60, 42.0)) is None


@pytest.mark.parametrize("p50, p95, fires", [
    (2.0, 4.0, False),
    (6.0, 4.0, False),  # three times, but 4 ms more only
    (12.0, 4.0, False),  # 10 ms more, not above the floor
    (12.1, 4.0, True),
    (2.0, 29.0, False),
    (2.0, 29.1, True),
    (None, None, False),
])
def test_slower_needs_factor_and_floor(p50, p95, fires):
    assert (answers_slower(LIMITS, step(1, 20, 14.0), step(2, 40, 28.0, p50, p95)) is not None) == fires


def test_slower_needs_the_factor_where_answers_are_slow_anyway():
    assert answers_slower(LIMITS, step(1, 20, 14.0, p50=30.0), step(2, 40, 28.0, p50=80.0)) is None


def test_first_step_is_judged_by_failures_alone():
    assert after_step(LIMITS, [step(1, 20, 14.0, p50=900.0, p95=900.0)]) is None
    assert after_step(LIMITS, [step(1, 20, 14.0, failures=10)]).rule == "failures"
    assert after_step(LIMITS, []) is None


def line(t, number, requests, failures):
    return {"t": t, "step": number, "requests": requests, "failures": failures}


def test_watch_counts_failures_per_step_and_notes_each_rule_once():
    watch = Watch(LIMITS)
    for second in range(5):
        watch.second(line(second, 1, 1000 * second, 2), 1.0)
    watch.second(line(6, 2, 5000, 3), 1.0)  # one in this step: with the two before it would be three
    assert watch.fired == []
    watch.second(line(7, 2, 5100, 5), 1.0)
    watch.second(line(8, 2, 5200, 50), 1.0)
    assert [(one.rule, one.step, one.at) for one in watch.fired] == [("failures", 2, 7)]


def test_watch_ignores_lines_outside_of_steps():
    watch = Watch(LIMITS)
    watch.second({"t": 1, "event": "worker lost", "text": ""}, 99.0)
    watch.second(line(2, None, 10, 10), 99.0)
    assert watch.fired == []


def test_last_good_step_is_the_one_before_the_rule_fired():
    steps = [step(1, 20, 14.0), step(2, 40, 28.0), step(3, 60, 20.0)]
    fired = after_step(LIMITS, steps)
    assert last_good_step(steps, [fired])["users"] == 40
    assert last_good_step(steps, [])["users"] == 60
    assert last_good_step(steps[:1], [failures_appear(LIMITS, 1, 0.0, 10, 10)]) is None
    assert last_good_step([], []) is None
