# SPDX-License-Identifier: MIT
"""Load shapes: which profile has how many users when.

Plain data that knows nothing of Locust; playback.py plays it. A step's length counts from the moment
its number of users changes.
"""

import math

# A step that starts more users per second than this would measure Locust's own starting of them.
RAMP_MAX_PER_S = 400
RAMP_MIN_PER_S = 20


class Stage:
    """`users` for `seconds`; its number counts from 1."""

    __slots__ = ("number", "users", "seconds")

    def __init__(self, number, users, seconds):
        self.number, self.users, self.seconds = number, users, seconds

    def __eq__(self, other):
        return (self.number, self.users, self.seconds) == (other.number, other.users, other.seconds)

    def __repr__(self):
        return f"Stage({self.number}, {self.users}, {self.seconds})"


class Plan:
    def __init__(self, levels):
        """`levels` is a list of (users, seconds)."""
        self.stages = [Stage(i, users, seconds) for i, (users, seconds) in enumerate(levels, 1)]

    def at(self, elapsed_s):
        """The stage that is on after that time; None past the end."""
        for stage in self.stages:
            if elapsed_s < stage.seconds:
                return stage
            elapsed_s -= stage.seconds
        return None

    @property
    def seconds(self):
        return sum(stage.seconds for stage in self.stages)


def staircase(first, increment, last):
    """first, first + increment, … up to last, which is always one of them."""
    if first < 1 or increment < 1 or last < first:
        raise ValueError(f"not a staircase: {first} to {last} by {increment}")
    levels = list(range(first, last + 1, increment))
    return levels if levels[-1] == last else levels + [last]


# Profile: (first, increment, last) of a staircase, or the levels themselves as (users, share of the
# step length). `step` and `surge` are those of the report; its own numbers of users are --first-users
# 20 --increment-users 20 --last-users 120.
STAIRCASES = {"step": (20, 40, 300), "beyond": (200, 200, 2000)}
LEVELS = {
    "surge": [(80, 1), (200, 1), (60, 1)],
    "spike": [(60, 1), (1000, 0.25), (60, 1)],
    "endurance": [(60, 1)],
    "factorial-only": [(300, 1)],
    "fetch-only": [(80, 1)],
}
PROFILES = sorted([*STAIRCASES, *LEVELS]) + ["manual"]
USER_CLASSES = {"factorial-only": "FactorialUser", "fetch-only": "FetchUser"}


def make_plan(profile, step_s, first=None, increment=None, last=None, levels=None):
    """The plan of a profile. None stands for the profile's own number; `levels` replaces its levels.

    With as many levels as the profile has, each keeps the profile's share of the step length.
    """
    if levels:
        if any(users < 1 for users in levels):
            raise ValueError(f"not numbers of users: {levels}")
        shares = [share for _, share in LEVELS.get(profile, [])]
        if len(shares) != len(levels):
            shares = [1] * len(levels)
        return Plan([(users, share * step_s) for users, share in zip(levels, shares)])
    if profile in STAIRCASES:
        own = STAIRCASES[profile]
        chosen = [mine if mine is not None else theirs for mine, theirs in zip((first, increment, last), own)]
        return Plan([(users, step_s) for users in staircase(*chosen)])
    if (first, increment, last) != (None, None, None):
        raise ValueError(f"{profile} has no steps from first to last; use --levels")
    return Plan([(users, share * step_s) for users, share in LEVELS[profile]])


def ramp_per_s(now, then, seconds):
    """How many users to start or stop per second so that a change takes about that long."""
    return min(RAMP_MAX_PER_S, max(RAMP_MIN_PER_S, math.ceil(abs(then - now) / seconds)))
