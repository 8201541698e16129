# SPDX-License-Identifier: MIT
"""Two runs beside each other: which figures changed by more than the spread of both."""

import json
import pathlib

from .errors import require

FORMAT = 1


def load(path):
    """A run's JSON, as written by this program."""
    try:
        run = json.loads(pathlib.Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        require(False, f"{path}: {error}")
    require(isinstance(run, dict) and run.get("format") == FORMAT and isinstance(run.get("rows"), list),
            f"{path}: not a run of scripts/bench in format {FORMAT}")
    return run


def compare(old, new):
    """Rows that both runs have: name, both medians, the change, and whether it is outside both spreads."""
    before = {(row["figure"], row["case"]): row for row in old["rows"]}
    found = []
    for row in new["rows"]:
        other = before.get((row["figure"], row["case"]))
        if other is None or (other["ratio"] is None) != (row["ratio"] is None):
            continue
        was, now = (each["ratio"] or each["value"] for each in (other, row))
        found.append({
            "name": f"{row['figure']} {row['case']}",
            "what": "ratio" if row["ratio"] else row["unit"],
            "old": was, "new": now,
            "change": now["median"] / was["median"] - 1 if was["median"] else None,
            "outside": now["min"] > was["max"] or now["max"] < was["min"],
            "better": (now["median"] > was["median"]) == bool(row["ratio"]),
        })
    return found


def differing(old, new):
    """Settings and machine properties in which the runs differ, as lines: what a comparison must know."""
    lines = []
    for part, names in (("settings", ("threads", "seconds", "fetches", "queued")),
                        ("machine", ("cpu_model", "cores", "memory_bytes", "kernel"))):
        was, now = old.get(part) or {}, new.get(part) or {}
        lines += [f"note: the runs differ in {name}: {was.get(name)}, {now.get(name)}"
                  for name in names if was.get(name) != now.get(name)]
    return lines


def table(compared):
    lines = [f"{'figure':36}  {'what':6}  {'old':>7}  {'spread':15}  {'new':>7}  {'spread':15}  {'change':>8}  outside both spreads"]
    for row in compared:
        old, new = row["old"], row["new"]
        change = f"{row['change'] * 100:+.1f} %" if row["change"] is not None else ""
        verdict = f"yes, {'better' if row['better'] else 'worse'}" if row["outside"] else "no"
        lines.append(
            f"{row['name']:36}  {row['what']:6}  {old['median']:7.3f}  {old['min']:.3f}..{old['max']:<8.3f}"
            f"  {new['median']:7.3f}  {new['min']:.3f}..{new['max']:<8.3f}  {change:>8}  {verdict}"
        )
    return "\n".join(lines)
