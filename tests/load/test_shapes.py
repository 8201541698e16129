# SPDX-License-Identifier: MIT
"""Plans of the profiles, without Locust."""

import pytest

from shapes import LEVELS, RAMP_MAX_PER_S, RAMP_MIN_PER_S, STAIRCASES, Plan, make_plan, ramp_per_s, staircase


def users(plan):
    return [stage.users for stage in plan.stages]


def test_steps_are_those_of_the_report():
    plan = make_plan("step", 600, first=20, increment=20, last=120)
    assert users(plan) == [20, 40, 60, 80, 100, 120]
    assert plan.seconds == 6 * 600
    assert [stage.number for stage in plan.stages] == [1, 2, 3, 4, 5, 6]


def test_default_steps_add_40_from_20():
    assert users(make_plan("step", 60))[:4] == [20, 60, 100, 140]


def test_beyond_reaches_2000():
    assert users(make_plan("beyond", 60))[-1] == 2000


def test_last_level_is_always_reached():
    assert staircase(20, 40, 150) == [20, 60, 100, 140, 150]
    assert staircase(5, 1, 5) == [5]


@pytest.mark.parametrize("first, increment, last", [(0, 1, 5), (1, 0, 5), (6, 1, 5)])
def test_no_staircase(first, increment, last):
    with pytest.raises(ValueError):
        staircase(first, increment, last)


def test_surge_is_that_of_the_report():
    assert [(stage.users, stage.seconds) for stage in make_plan("surge", 60).stages] == [(80, 60), (200, 60), (60, 60)]


def test_spike_is_short_also_with_other_levels():
    assert [(one.users, one.seconds) for one in make_plan("spike", 60, levels=[1, 9, 2]).stages] == [
        (1, 60), (9, 15), (2, 60)]


def test_levels_replace_those_of_the_profile():
    assert [(one.users, one.seconds) for one in make_plan("surge", 60, levels=[3, 4]).stages] == [(3, 60), (4, 60)]
    with pytest.raises(ValueError):
        make_plan("step", 60, levels=[3, 0])


def test_steps_are_refused_where_there_are_none():
    with pytest.raises(ValueError):
        make_plan("endurance", 60, first=3)


def test_stage_at_each_boundary():
    plan = Plan([(5, 10), (7, 20)])
    assert [plan.at(second) and plan.at(second).users for second in (0, 9.99, 10, 29.99, 30, 99)] == [
        5, 5, 7, 7, None, None]


def test_every_profile_has_a_plan():
    for profile in [*STAIRCASES, *LEVELS]:
        assert make_plan(profile, 60).seconds > 0


def test_ramp_is_bounded():
    assert ramp_per_s(0, 10, 2) == RAMP_MIN_PER_S
    assert ramp_per_s(80, 200, 2) == 60
    assert ramp_per_s(200, 60, 2) == 70
    assert ramp_per_s(0, 2000, 2) == RAMP_MAX_PER_S
