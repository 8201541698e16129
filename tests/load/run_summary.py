# SPDX-License-Identifier: MIT
"""From what a run left (JSONL files, the database's counts) to summary.json: figures, no layout."""

import dataclasses
import os
import re
import sqlite3
import statistics

from lab import trend
from stop_rules import last_good_step

# Figures that an endless run must leave flat, with what counts as nothing per hour.
FLAT = {
    "rss_bytes": ("Memory, MiB", 1 << 20, 1.0),
    "descriptors": ("Descriptors", 1, 1.0),
    "threads": ("Threads", 1, 1.0),
    "wal_bytes": ("Write-ahead log, MiB", 1 << 20, 1.0),
    "queued": ("Tasks queued", 1, 1.0),
}
FLAT_FROM_S = 600
WARM_UP_SHARE = 0.1


def settings_that_differ(printed):
    """Settings of --print-config that are not the default, as name to value."""
    found = {}
    for line in printed.splitlines():
        match = re.match(r"([a-z][a-z0-9-]*) = (.*?)\s*(?:#\s*(.*))?$", line)
        if match and not (match.group(3) or "").startswith("default"):
            found[match.group(1)] = match.group(2)
    return found


def durability(database, flush):
    """How durable an answer was, with the flush time of the disk beside it."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    finally:
        connection.close()
    return {
        "journal_mode": journal,
        "synchronous": "FULL",  # the service sets it, reads it back, and does not start otherwise
        "filesystem_directory": os.path.dirname(str(database)),
        "flush_ms": flush,
    }


def _inside(rows, began, ended):
    return [row for row in rows if began <= row["t"] <= ended]


def _mean(values):
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _largest(values):
    return max((value for value in values if value is not None), default=None)


def rate(rows, read):
    """Growth per second of a sum between the first and the last row that have it."""
    known = [(row["t"], read(row)) for row in rows if read(row) is not None]
    if len(known) < 2 or known[-1][0] <= known[0][0]:
        return None
    return (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0])


def step_figures(step, samples, seconds):
    """A line of steps.jsonl with what the machine and the service did meanwhile."""
    rows = _inside(samples, step["began"], step["ended"])
    busy, idle = rate(rows, lambda row: row["machine_busy_s"]), rate(rows, lambda row: row["machine_idle_s"])
    names = sorted({name for row in rows for name in row["others_cpu_s"]})
    cores = {name: rate(rows, lambda row, name=name: row["others_cpu_s"].get(name)) for name in names}
    return dict(
        step,
        load1=_mean(row["load1"] for row in rows),
        load1_max=_largest(row["load1"] for row in rows),
        service_cores=rate(rows, lambda row: row["cpu_s"]),
        others_cores=cores,
        machine_busy=busy / (busy + idle) if busy is not None and idle is not None and busy + idle > 0 else None,
        worker_cpu_max=_largest(line.get("worker_cpu_max") for line in _inside(seconds, step["began"], step["ended"])),
        rss_bytes_max=_largest(row["rss_bytes"] for row in rows),
        queued_max=_largest(row["queued"] for row in rows),
        commit_ms=_mean(row["commit_ms"] for row in rows),
    )


def lowest_rps(seconds, steps, window=5):
    """The lowest mean of requests/s over any 5 s within the steps, ramps included; None without one."""
    if not steps:
        return None
    inside = [line["rps"] for line in seconds if steps[0]["began"] <= line["t"] <= steps[-1]["ended"]]
    means = [statistics.fmean(inside[at:at + window]) for at in range(len(inside) - window + 1)]
    return min(means, default=None)


def recovery_s(seconds, steps):
    """After a surge: seconds from the last change of users until answers are as in the first step.

    As in the first step: the 95th percentile of a second's 10 s window within 1.5 times it or 2 ms of it.
    None when there was no surge or no recovery.
    """
    if len(steps) < 3 or max(step["users"] for step in steps[1:-1]) <= steps[-1]["users"] or steps[0]["p95"] is None:
        return None
    limit = max(1.5 * steps[0]["p95"], steps[0]["p95"] + 2)
    began = steps[-1].get("start", steps[-1]["began"])
    for line in _inside(seconds, began, steps[-1]["ended"]):
        if line["p95"] is not None and line["p95"] <= limit and line["rps"] > 0:
            return round(line["t"] - began, 1)
    return None


def trends(samples, duration_s):
    """Slope per hour of what must be flat, after the warm-up; empty for a short run."""
    if duration_s < FLAT_FROM_S or not samples:
        return {}
    begin = samples[0]["t"] + WARM_UP_SHARE * duration_s
    found = {}
    for member, (name, scale, tolerance) in FLAT.items():
        points = [((row["t"] - begin) / 3600, None if row[member] is None else row[member] / scale)
                  for row in samples if row["t"] >= begin]
        slope = trend.slope(points)
        if slope is not None:
            found[member] = {"name": name, "per_hour": slope[0], "margin": slope[1],
                             "flat": trend.is_flat(points, tolerance)}
    return found


def acknowledged(last_line):
    """Submissions that were answered 202, by the users' count."""
    return sum(one["requests"] - one["failures"] for name, one in last_line["by_name"].items()
               if name.startswith("submit ")) if last_line else 0


def summarise(about, read, fired, tasks, ended_by, troubles):
    seconds = [line for line in read["locust"] if "rps" in line]
    events = [line for line in read["locust"] if "event" in line]
    last = seconds[-1] if seconds else None
    steps = [step_figures(step, read["service"], seconds) for step in read["steps"]]
    good_step = last_good_step(steps, fired)
    samples = read["service"]
    duration = samples[-1]["t"] - samples[0]["t"] if samples else 0
    tasks = dict(tasks, acknowledged=acknowledged(last))
    # A submission whose answer was lost may be stored all the same, so more than acknowledged is right.
    tasks["lost"] = max(0, tasks["acknowledged"] - tasks["in_database"])
    troubles = troubles + [f"{one['event']}: {one['text']}" for one in events]
    requests, failures = (last["requests"], last["failures"]) if last else (0, 0)
    return {
        "profile": about["profile"], "version": about["version"], "commit": about["machine"]["commit"],
        "began": about["machine"]["time"], "duration_s": round(duration, 1),
        "requests": requests, "failures": failures,
        "maximum_users": good_step["users"] if good_step else None,
        "maximum_rps": good_step["rps"] if good_step else None,
        "bend_found": bool(fired),
        "rules_fired": [dataclasses.asdict(one) for one in fired],
        "ended_by": ended_by,
        "steps": steps,
        "lowest_rps_5s": lowest_rps(seconds, steps),
        "recovery_s": recovery_s(seconds, steps),
        "tasks": tasks,
        "trends": trends(samples, duration),
        "samples": len(samples),
        "rss_bytes_max": _largest(row["rss_bytes"] for row in samples),
        "descriptors_max": _largest(row["descriptors"] for row in samples),
        "threads_max": _largest(row["threads"] for row in samples),
        "troubles": troubles,
        "good": bool(requests and not failures and not tasks["lost"] and not tasks["unfinished"] and not troubles),
    }


def number(value, digits=1):
    return "" if value is None else f"{value:,.{digits}f}"


def proportional(steps):
    """Whether requests/s per user is the same in every step, within a tenth; None with fewer than two."""
    each = [step["rps"] / step["users"] for step in steps if step["users"] and step["rps"]]
    if len(each) < 2 or len(each) < len(steps):
        return None
    return max(each) <= 1.1 * min(each)


def headline(summary):
    """The finding as one sentence, from the figures; a number stays on the line of its unit."""
    return _finding(summary).replace(" ms", "\u00a0ms").replace(" requests/s", "\u00a0requests/s")


def _finding(summary):
    steps = summary["steps"]
    if not steps or not summary["requests"]:
        return "No step came to its end, so there are no figures."
    failed = ("no request and no task failed" if not summary["failures"]
              else f"{summary['failures']:,} of {summary['requests']:,} requests or their tasks failed")
    best = next((step for step in steps if step["users"] == summary["maximum_users"]), None)
    if summary["rules_fired"]:
        rule = summary["rules_fired"][0]
        bend = next((step for step in steps if step["step"] == rule["step"]), None)
        users = f"{'at' if best else 'At'} {bend['users']:,} users" if bend else f"{'in' if best else 'In'} step {rule['step']}"
        upto = (f"Up to {best['users']:,} users it was good ({number(best['rps'])} requests/s, median {number(best['p50'])} ms, "
                f"95th percentile {number(best['p95'])} ms); ") if best else ""
        return f"{upto}{users} the rule “{rule['rule']}” fired: {rule['text']}; {failed}."
    top = max(steps, key=lambda step: step["users"])
    text = (f"{top['users']:,} users made {number(top['rps'])} requests/s with a median of {number(top['p50'])} ms and a "
            f"95th percentile of {number(top['p95'])} ms; {failed}")
    if summary["recovery_s"] is not None:
        return f"{text}; {summary['recovery_s']:.0f} s after the peak answers were as before it."
    if len(steps) > 1 and proportional(steps):
        return f"{text}, and requests/s grew in proportion to users throughout."
    return text + "."


def as_lines(summary):
    """The outcome for the terminal."""
    yield f"{'users':>7} {'requests/s':>11} {'median':>8} {'95th':>8} {'99.9th':>8} {'failures':>9} {'load':>6}"
    for step in summary["steps"]:
        yield (f"{step['users']:>7,} {number(step['rps']):>11} {number(step['p50']):>8} {number(step['p95']):>8} "
               f"{number(step['p999']):>8} {step['failures']:>9,} {number(step['load1'], 2):>6}")
    yield headline(summary)
    tasks = summary["tasks"]
    yield (f"tasks: {tasks['acknowledged']:,} acknowledged, {tasks['in_database']:,} in the database, "
           f"{tasks['unfinished']:,} unfinished, {tasks['lost']:,} lost")
    for trouble in summary["troubles"]:
        yield f"trouble: {trouble}"
