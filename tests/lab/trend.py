# SPDX-License-Identifier: MIT
"""Whether a figure is flat over time: its slope, and how far the slope is from zero by chance.

Samples of one second hang together, so a plain regression over them believes its slope far too much.
The time is therefore cut into blocks, and the line goes through the blocks' means.
"""

import math
import statistics

BLOCKS = 12
# Student's t for 95 % two-sided and BLOCKS - 2 degrees of freedom and fewer.
_T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 10: 2.228}


def block_means(points, blocks=BLOCKS):
    """[(mean time, mean value)] of equal stretches of time; points are (time, value or None)."""
    known = [(at, value) for at, value in points if value is not None]
    if not known:
        return []
    begin, end = known[0][0], known[-1][0]
    width = (end - begin) / blocks
    groups = {}
    for at, value in known:
        groups.setdefault(min(blocks - 1, int((at - begin) / width)) if width > 0 else 0, []).append((at, value))
    return [tuple(statistics.fmean(column) for column in zip(*group)) for _, group in sorted(groups.items())]


def slope(points, blocks=BLOCKS):
    """(slope per unit of time, half width of its 95 % interval), or None with fewer than 4 blocks."""
    means = block_means(points, blocks)
    if len(means) < 4:
        return None
    middle_x = statistics.fmean(x for x, _ in means)
    middle_y = statistics.fmean(y for _, y in means)
    spread = sum((x - middle_x) ** 2 for x, _ in means)
    if spread == 0:
        return None
    rise = sum((x - middle_x) * (y - middle_y) for x, y in means) / spread
    rest = sum((y - middle_y - rise * (x - middle_x)) ** 2 for x, y in means)
    freedom = len(means) - 2
    return rise, _T95[min(freedom, 10)] * math.sqrt(rest / freedom / spread)


def is_flat(points, tolerance=0.0, blocks=BLOCKS):
    """Whether the slope is zero within noise, or its size below a tolerance; None when not known."""
    found = slope(points, blocks)
    if found is None:
        return None
    return abs(found[0]) <= max(found[1], tolerance)
