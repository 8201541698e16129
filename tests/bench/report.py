# SPDX-License-Identifier: MIT
"""The table for people, line by line.

"gen CPU" is the load generator's share of one core per thread, the largest of all rounds: for the figure,
and behind the stroke for its yardstick. Near 1 it would be the bottleneck itself.
"""

COLUMNS = (
    ("figure", 10), ("case", 24), ("yardstick", 15), ("rate of it", 11), ("rate", 11), ("unit", 9),
    ("ratio", 7), ("spread", 14), ("p50 ms", 8), ("p95 ms", 8), ("p99 ms", 8), ("gen CPU", 9), ("goal", 12),
)
LEFT = {"figure", "case", "yardstick", "unit", "goal"}


def _format(cells):
    return "  ".join(
        str(cell).ljust(width) if name in LEFT else str(cell).rjust(width)
        for (name, width), cell in zip(COLUMNS, cells)
    ).rstrip()


def header():
    return _format([name for name, _ in COLUMNS])


def number(value):
    """Three significant digits or more, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def goal_text(row):
    if row["goal"] is None:
        return ""
    sign = ">=" if row["ratio"] else "<="
    return f"{sign} {row['goal']:.2f} {'met' if row['met'] else 'MISSED'}"


def line(row):
    latency = row.get("latency_us")
    times = [f"{latency[name] / 1000:.2f}" for name in ("p50", "p95", "p99")] if latency else [""] * 3
    spread = row["ratio"] or row["value"]
    ratio = f"{row['ratio']['median']:.3f}" if row["ratio"] else ""
    shares = [row.get("generator_cpu"), row.get("yardstick_generator_cpu")]
    generator = "/".join(f"{share:.2f}" for share in shares if share is not None)
    level = number(row["yardstick_value"]["median"]) if row["ratio"] else ""
    return _format([
        row["figure"], row["case"], row["yardstick"] or "", level, number(row["value"]["median"]), row["unit"],
        ratio, f"{spread['min']:.3f}..{spread['max']:.3f}", *times, generator, goal_text(row),
    ])


def goals(rows):
    """How many goals are met, as a line; None when no row has one."""
    judged = [row for row in rows if row["met"] is not None]
    if not judged:
        return None
    missed = [f"{row['figure']} {row['case']}" for row in judged if not row["met"]]
    text = f"{len(judged) - len(missed)} of {len(judged)} goals met"
    return text + (f"; missed: {', '.join(missed)}" if missed else "")
