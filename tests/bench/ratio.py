# SPDX-License-Identifier: MIT
"""Alternation and ratios: the machine's speed drifts, so each figure stands between two yardsticks.

A round is yardstick, figure, yardstick, figure, ..., yardstick. A figure's ratio is its rate over the
mean of the yardstick before and the one after it; over the rounds the median counts, and the least
and the largest are told.
"""

import statistics


def summary(values):
    """Median with its spread. Quartiles by linear interpolation, as numpy has them."""
    values = sorted(values)
    if len(values) > 1:
        q1, _, q3 = statistics.quantiles(values, n=4, method="inclusive")
    else:
        q1 = q3 = values[0]
    return {"median": statistics.median(values), "min": values[0], "max": values[-1], "q1": q1, "q3": q3,
            "rounds": len(values)}


def alternate(rounds, yardstick, figures):
    """Run figures against a yardstick; both are functions that return a dictionary with "per_s".

    `figures` maps a name to its function. Returns name to a list of rounds, each the figure's
    dictionary with "yardstick" and "ratio" added.
    """
    found = {name: [] for name in figures}
    for _ in range(rounds):
        before = yardstick()
        for name, figure in figures.items():
            value = figure()
            after = yardstick()
            level = (before["per_s"] + after["per_s"]) / 2
            shares = [each["cpu_share"] for each in (before, after) if "cpu_share" in each]
            found[name].append({**value, "yardstick": level, "ratio": value["per_s"] / level,
                                "yardstick_cpu_share": max(shares, default=None)})
            before = after
    return found


def row(figure, case, unit, yardstick, rounds, goal=None):
    """A line of the report: one figure in one case, from all of its rounds.

    `yardstick` names what the ratio is to. `goal` is the least ratio that is asked for, or None.
    """
    ratio = summary([each["ratio"] for each in rounds])
    found = {
        "figure": figure, "case": case, "unit": unit, "yardstick": yardstick,
        "ratio": ratio,
        "value": summary([each["per_s"] for each in rounds]),
        "yardstick_value": summary([each["yardstick"] for each in rounds]),
        "goal": goal,
        "met": None if goal is None else ratio["median"] >= goal,
        "rounds": rounds,
    }
    if all("p50_us" in each for each in rounds):
        found["latency_us"] = {
            name: statistics.median(each[f"{name}_us"] for each in rounds)
            for name in ("p50", "p95", "p99")
        }
    if all("cpu_share" in each for each in rounds):
        found["generator_cpu"] = max(each["cpu_share"] for each in rounds)
        found["yardstick_generator_cpu"] = max(
            (each["yardstick_cpu_share"] for each in rounds if each.get("yardstick_cpu_share") is not None), default=None)
    return found


def plain_row(figure, case, unit, values, goal_at_most=None, **more):
    """A line without a yardstick: a quantity of which less is better, such as a time."""
    value = summary(values)
    return {
        "figure": figure, "case": case, "unit": unit, "yardstick": None, "ratio": None, "value": value,
        "goal": goal_at_most, "met": None if goal_at_most is None else value["median"] <= goal_at_most,
        **more,
    }
