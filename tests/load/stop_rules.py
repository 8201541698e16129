# SPDX-License-Identifier: MIT
"""When a run ends by itself: the report's own stop rules as pure functions of figures.

Rules look at what recorder.py writes (lines of steps.jsonl and locust.jsonl) and at the sampler's load
average. Each returns None or a Fired, which says which rule, when, and with which figures.
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the rules compare with. 0 switches a rule off where it says so."""

    failure_share: float = 0.001  # of requests
    failures_min: int = 3  # one lost packet ends no run
    load_average: float = 0.0  # 0: no limit
    load_seconds: int = 15  # that long above it
    growth_share: float = 0.5  # requests/s must grow by this share of the growth of users; 0: off
    slower_factor: float = 3.0  # against the first step; 0: off
    slower_floor_median_ms: float = 10.0  # and by at least so many ms, so that noise is no alarm
    slower_floor_p95_ms: float = 25.0


@dataclasses.dataclass(frozen=True)
class Fired:
    rule: str
    step: int
    at: float  # Unix seconds
    text: str
    figures: dict


def failures_appear(limits, step, at, requests, failures):
    """Failed requests and tasks within a step so far."""
    if failures < limits.failures_min or failures <= limits.failure_share * max(requests, 1):
        return None
    share = failures / max(requests, failures)
    return Fired(
        "failures", step, at,
        f"{failures} failures among {requests} requests ({share:.2%}; limit {limits.failure_share:.2%})",
        {"requests": requests, "failures": failures, "limit_share": limits.failure_share},
    )


def load_too_high(limits, step, at, loads):
    """`loads` are the load averages of the last seconds, the newest last; gaps are None."""
    recent = [load for load in loads[-limits.load_seconds:] if load is not None]
    if not limits.load_average or len(recent) < limits.load_seconds or min(recent) <= limits.load_average:
        return None
    return Fired(
        "load average", step, at,
        f"load average {recent[-1]:.2f}, above {limits.load_average:g} for {limits.load_seconds} s",
        {"load1": recent[-1], "limit": limits.load_average, "seconds": limits.load_seconds},
    )


def throughput_flat(limits, before, after):
    """Requests/s grew by less than a share of what the users grew by, and not by chance.

    In a step of few requests the count varies by its square root; a shortfall within three times that
    is no alarm.
    """
    if not limits.growth_share or not before["users"] or not before["rps"] or after["users"] <= before["users"]:
        return None
    seconds = after["ended"] - after["began"]
    if seconds <= 0:
        return None
    users_growth = after["users"] / before["users"] - 1
    growth = after["rps"] / before["rps"] - 1
    least = before["rps"] * (1 + limits.growth_share * users_growth)
    shortfall = (least - after["rps"]) * seconds
    if shortfall <= 0 or shortfall <= 3 * math.sqrt(least * seconds):
        return None
    return Fired(
        "requests/s no longer growing", after["step"], after["ended"],
        f"{after['users']} users ({users_growth:+.0%}) made {after['rps']:.1f} requests/s ({growth:+.0%}); "
        f"at least {limits.growth_share * users_growth:+.0%} was expected",
        {"users": [before["users"], after["users"]], "rps": [before["rps"], after["rps"]],
         "growth_share": limits.growth_share},
    )


def answers_slower(limits, first, step):
    """Median or 95th percentile above the first step's by the factor and by the floor."""
    if not limits.slower_factor:
        return None
    for member, word, floor in (
        ("p50", "median", limits.slower_floor_median_ms),
        ("p95", "95th percentile", limits.slower_floor_p95_ms),
    ):
        was, now = first.get(member), step.get(member)
        if was is None or now is None:
            continue
        if now > was * limits.slower_factor and now - was > floor:
            return Fired(
                "response time rising", step["step"], step["ended"],
                f"{word} {now:g} ms at {step['users']} users, {was:g} ms in the first step "
                f"(limit: {limits.slower_factor:g} times that and {floor:g} ms more)",
                {member: [was, now], "factor": limits.slower_factor, "floor_ms": floor},
            )
    return None


def after_step(limits, steps):
    """The rules that judge a whole step: the newest of `steps` against those before it."""
    if not steps:
        return None
    newest = steps[-1]
    fired = failures_appear(limits, newest["step"], newest["ended"], newest["requests"], newest["failures"])
    if fired is None and len(steps) > 1:
        fired = throughput_flat(limits, steps[-2], newest) or answers_slower(limits, steps[0], newest)
    return fired


class Watch:
    """Applies the rules while a run goes on; `fired` keeps the first time of each rule.

    A rule that judges a step knows it only when the step has ended; failures and load average are
    looked at every second.
    """

    def __init__(self, limits):
        self.limits = limits
        self.steps = []
        self.loads = []
        self.fired = []
        self._step = None
        self._base = (0, 0)
        self._last = (0, 0)

    def _note(self, fired):
        if fired is not None and fired.rule not in [one.rule for one in self.fired]:
            self.fired.append(fired)

    def second(self, line, load1):
        """A line of locust.jsonl, and the load average at that time."""
        if line.get("step") is None:
            return
        if line["step"] != self._step:
            self._step, self._base = line["step"], self._last
        self._last = (line["requests"], line["failures"])
        self.loads.append(load1)
        self._note(failures_appear(
            self.limits, self._step, line["t"], self._last[0] - self._base[0], self._last[1] - self._base[1]))
        self._note(load_too_high(self.limits, self._step, line["t"], self.loads))

    def step(self, line):
        """A line of steps.jsonl."""
        self.steps.append(line)
        self._note(after_step(self.limits, self.steps))


def last_good_step(steps, fired):
    """The last step before the first that a rule fired in; None when it was the very first."""
    bad = min((one.step for one in fired), default=None)
    good = [step for step in steps if (bad is None or step["step"] < bad) and step["requests"]]
    return good[-1] if good else None
