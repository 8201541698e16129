# SPDX-License-Identifier: MIT
"""When which fault happens: made from a seed, so that a run can be repeated.

Faults are dealt like cards: each kind once in a deck, in an order of the seed's, then the next deck.
A deck of a long run ends with a quiet stretch, in which a process lives long enough for its level to
be told; and its last deck restarts nothing, so that one process lives long enough for its slopes. A
short run deals one deck and makes everything shorter.
"""

import dataclasses
import random

# Kind: shortest and longest duration in seconds, in a run that is not short.
KINDS = {
    "kill": (0, 0),
    "kill_in_start": (0, 0),
    "terminate": (0, 0),
    "stop": (2, 8),
    "nginx_down": (4, 12),
    "origin_hangs": (5, 12),
    "origin_dies": (4, 12),
    "full_disk": (5, 10),
    "kill_on_full_disk": (2, 4),
    "stuck_reader": (60, 60),
    "garbage": (2, 5),
    "half_open": (5, 10),
    "vanishing_clients": (3, 6),
}
NEEDS_DISK = ("full_disk", "kill_on_full_disk")
BESIDE = ("stuck_reader",)  # the next fault does not wait for its end
RESTARTS = ("kill", "kill_in_start", "terminate", "kill_on_full_disk")

FETCH_PERCENTS = (83, 50, 17)  # 5 to 1, 1 to 1, 1 to 5: one after the other
GAP_S = (12.0, 40.0)
QUIET_S = 330.0
DECK_S = 480.0  # what a deck takes at full length without its quiet stretch
LONG_S = 2700.0    # a run of so long
LASTING_S = 1500.0 # ends with so long a stretch without a restart
RESERVE_S = 8.0  # a restart takes time that no duration tells


@dataclasses.dataclass(frozen=True)
class Fault:
    at_s: float
    kind: str
    seconds: float
    deck: int = 0


def _deal(rng, kinds, deck, at, until, scale):
    """One deck from `at` on; returns its faults and when the last has ended."""
    faults = []
    for kind in rng.sample(kinds, len(kinds)):
        low, high = KINDS[kind]
        seconds = round(max(1.0 if high else 0.0, rng.uniform(low, high) * scale), 2)
        ends = at + (0 if kind in BESIDE else seconds)
        if max(ends, at + seconds) > until:
            continue
        faults.append(Fault(round(at, 2), kind, seconds, deck))
        at = ends + rng.uniform(*GAP_S) * scale
    return faults, at


def make(seed, total_s, kinds=tuple(KINDS)):
    """The faults of a run of total_s seconds, in order of time."""
    rng = random.Random(seed)
    kinds = sorted(kinds)
    margin = min(30.0, total_s * 0.1)
    scale = min(1.0, (total_s - 2 * margin) / DECK_S)
    lasting_s = LASTING_S if total_s >= LONG_S else 0.0
    faults, at, deck = [], margin, 0
    while at < total_s - lasting_s - margin:
        dealt, at = _deal(rng, kinds, deck, at, total_s - lasting_s - margin, scale)
        if not dealt:
            break
        faults += dealt
        at += QUIET_S * scale
        deck += 1
    if lasting_s:
        harmless = [kind for kind in kinds if kind not in RESTARTS]
        faults += _deal(rng, harmless, deck, total_s - lasting_s, total_s - margin, 1.0)[0]
    return faults


def mixes(faults, total_s):
    """[(seconds, percent of fetches)]: another proportion after each deck, or each third of a short run."""
    starts = [0.0] + [late.at_s for early, late in zip(faults, faults[1:]) if late.deck != early.deck]
    if len(starts) < len(FETCH_PERCENTS):
        starts = [total_s * i / len(FETCH_PERCENTS) for i in range(len(FETCH_PERCENTS))]
    return [(at, FETCH_PERCENTS[i % len(FETCH_PERCENTS)]) for i, at in enumerate(starts)]
