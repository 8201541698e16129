# SPDX-License-Identifier: MIT
"""The schedule of faults: repeatable, complete, within the run."""

import pytest

import faults
import schedule


def test_same_seed_same_faults_and_another_seed_others():
    assert schedule.make(7, 3600) == schedule.make(7, 3600)
    assert schedule.make(7, 3600) != schedule.make(8, 3600)


@pytest.mark.parametrize("total_s", (120, 300, 3600))
@pytest.mark.parametrize("seed", range(10))
def test_every_kind_occurs_and_all_end_within_the_run(seed, total_s):
    plan = schedule.make(seed, total_s)
    assert {fault.kind for fault in plan} == set(schedule.KINDS)
    assert all(0 < fault.at_s and fault.at_s + fault.seconds < total_s for fault in plan)
    ends = 0.0
    for fault in plan:
        assert fault.at_s >= ends
        ends = fault.at_s + (0 if fault.kind in schedule.BESIDE else fault.seconds)


@pytest.mark.parametrize("seed", range(10))
def test_a_long_run_has_stretches_in_which_levels_and_slopes_can_be_judged(seed):
    plan = schedule.make(seed, 3600)
    restarts = [fault.at_s for fault in plan if fault.kind in schedule.RESTARTS]
    assert sum(late - early > 300 for early, late in zip(restarts, restarts[1:])) >= 1
    assert len(restarts) >= 8 and restarts[-1] < 3600 - schedule.LASTING_S
    assert plan[-1].at_s > 3600 - schedule.LASTING_S and plan[-1].kind not in schedule.RESTARTS
    # One mix from there on, or the change would cut it.
    assert schedule.mixes(plan, 3600)[-1][0] <= 3600 - schedule.LASTING_S + 1


def test_kinds_can_be_left_out_and_every_kind_can_be_done():
    assert {fault.kind for fault in schedule.make(1, 600, ("kill", "garbage"))} == {"kill", "garbage"}
    assert set(faults.ALL) == set(schedule.KINDS)


def test_mix_changes():
    for total_s in (120, 3600):
        assert {percent for _, percent in schedule.mixes(schedule.make(1, total_s), total_s)} == set(schedule.FETCH_PERCENTS)
