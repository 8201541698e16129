# SPDX-License-Identifier: MIT
"""report.html and the plots of one run, from its files and its summary."""

import json

from lab import machine, plots
from lab.report import Page
from run_summary import headline, number

# What the original report measured, by users: requests/s, median and 95th percentile in ms. At 80 users
# and below it gives the times as ranges over all steps, above that none.
ORIGINAL = {20: 14, 40: 26, 60: 38, 80: 54, 100: 0.1, 120: 0}
ORIGINAL_TIMES = ("3–4", "6–8")
ORIGINAL_LAST_GOOD = 80
MIB = 1 << 20


class Timeline:
    """Points for plots: minutes since the run's start."""

    def __init__(self, read, steps):
        self.lines = [line for line in read["locust"] if "rps" in line]
        self.samples = read["service"]
        starts = [rows[0]["t"] for rows in (self.lines, self.samples) if rows]
        self.start = min(starts, default=0)
        self.marks = [(self.minutes(step.get("start", step["began"])), f"{step['users']:,} users") for step in steps]

    def minutes(self, t):
        return (t - self.start) / 60

    def locust(self, member, scale=1):
        return [(self.minutes(row["t"]), None if row.get(member) is None else row[member] * scale) for row in self.lines]

    def sampled(self, read, scale=1):
        """`read` is a member's name or a function of a sample."""
        get = read if callable(read) else lambda row: row.get(read)
        return [(self.minutes(row["t"]), None if get(row) is None else get(row) / scale) for row in self.samples]

    def rate(self, get, over=5):
        """Growth per second of a sum, over the last seconds."""
        found = []
        for at, row in enumerate(self.samples):
            before = self.samples[max(0, at - over)]
            now, then = get(row), get(before)
            known = None not in (now, then) and row["pid"] == before["pid"] and row["mono"] > before["mono"]
            found.append((self.minutes(row["t"]), (now - then) / (row["mono"] - before["mono"]) if known else None))
        return found


def has(points):
    return any(value is not None for _, value in points)


def running_mean(points, over=12):
    """The mean of the last values at each point: two rounds of a user that polls once and waits 5 s."""
    found = []
    for at in range(len(points)):
        known = [value for _, value in points[max(0, at + 1 - over):at + 1] if value is not None]
        found.append((points[at][0], sum(known) / len(known) if known else None))
    return found


def draw(line):
    """All plots of a run: name, SVG, caption."""
    names = sorted({name for row in line.samples for name in row.get("others_cpu_s", {})})
    cores = {"service": line.rate(lambda row: row["cpu_s"])}
    for name in names:
        cores[name] = line.rate(lambda row, name=name: row["others_cpu_s"].get(name))
    cores["machine"] = line.rate(lambda row: row["machine_busy_s"])
    lanes = sorted({name for row in line.samples for name in row.get("running_by_lane") or {}})
    depth = {"queued": line.sampled("queued")} if lanes else {
        "queued": line.sampled("queued"), "running": line.sampled("running")}
    for lane in lanes:
        depth[f"running, {lane}"] = line.sampled(lambda row, lane=lane: (row["running_by_lane"] or {}).get(lane))
    marks = {"marks": line.marks}
    rps = line.locust("rps")
    drawn = [
        ("throughput", {"each second": rps, "mean of 12 s": running_mean(rps)}, "Users and requests/s", "requests/s",
         {"second": {"users": line.locust("users")}, "second_unit": "users", "faint": ("each second",)},
         "Users, dashed, poll on whole seconds and wait 5 s, so requests come in waves."),
        ("percentiles", {"median": line.locust("p50"), "95th": line.locust("p95"), "99th": line.locust("p99"),
                         "99.9th": line.locust("p999")}, "Response times", "ms", {"y_log": True},
         "Of the last 10 s at each second, all requests; logarithmic."),
        ("failures", {"failures": line.locust("failures_per_s")}, "Failures", "per second", {},
         "Requests that failed and tasks that ended FAILED."),
        ("depth", depth, "Tasks queued and running", "tasks", {}, "As GET /stats tells them each second."),
        ("cpu", cores, "CPU", "cores", {}, "Busy cores over 5 s: who used the machine that all of them share."),
        ("load", {"load average": line.sampled("load1")}, "Load average, 1 minute", "", {},
         "Of the whole machine, Locust included."),
        ("memory", {"resident": line.sampled("rss_bytes", MIB)}, "Memory of the service", "MiB", {}, ""),
        ("descriptors", {"descriptors": line.sampled("descriptors"), "threads": line.sampled("threads")},
         "Descriptors and threads of the service", "", {}, "A thread serves one connection each."),
        ("commits", {"mean": line.sampled("commit_ms"), "slowest, upper bound": line.sampled("commit_ms_max")},
         "Commit time", "ms", {"y_log": True}, "Of the commits of each second; one commit takes all that waits."),
        ("database", {"database": line.sampled("database_bytes", MIB), "write-ahead log": line.sampled("wal_bytes", MIB)},
         "Sizes on disk", "MiB", {}, ""),
    ]
    return [(name, plots.lines(series, title, unit, **more, **marks), caption)
            for name, series, title, unit, more, caption in drawn]


def step_table(page, summary, with_original):
    header = ["Step", "Duration", "Users", "Requests/s", "Median, ms", "95th, ms", "Failures", "Load average"]
    if with_original:
        header += ["Original: requests/s", "Original: median, ms", "Original: 95th, ms"]
    rows, classes = [], {}
    bad = min((rule["step"] for rule in summary["rules_fired"]), default=None)
    for step in summary["steps"]:
        length = step["ended"] - step["began"]
        row = [step["step"], f"{length:.0f} s", f"{step['users']:,}", number(step["rps"]), number(step["p50"]),
               number(step["p95"]), f"{step['failures']:,}", number(step["load1"], 2)]
        if with_original:
            original = ORIGINAL.get(step["users"])
            times = ORIGINAL_TIMES if step["users"] <= ORIGINAL_LAST_GOOD else ("–",) * 2
            row += ["", "", ""] if original is None else [f"{original:g}", *times]
        if step["failures"] or (bad is not None and step["step"] >= bad):
            classes[len(rows)] = "bad"
        rows.append(row)
    page.table(header, rows, text_columns=(), classes=classes)
    page.paragraph(
        "A step's figures leave out the change of users at its beginning; its duration here is the rest. Load average is the "
        "mean of the 1-minute average over the step.", note=True)
    if with_original:
        page.paragraph(
            "The original service's figures are those of the performance test report that this project came out of. It gives "
            "median and 95th percentile as ranges over its steps up to 80 users and none above. Its machine, its disk and its durability are not "
            "known here: the columns show where that service fell, not how fast its machine was.", note=True)


def percentile_table(page, steps):
    page.heading("Response times")
    page.table(
        ["Users", "Requests", "Median", "95th", "99th", "99.9th", "Largest", "Requests/s per user"],
        [[f"{step['users']:,}", f"{step['requests']:,}", *(number(step[name]) for name in ("p50", "p95", "p99", "p999", "max")),
          number(step["rps"] / step["users"], 3) if step["users"] else ""] for step in steps],
        text_columns=())
    page.paragraph("Milliseconds, as the users saw them, from full histograms with steps of 0.1 ms.", note=True)


def name_table(page, summary):
    steps = summary["steps"]
    chosen = next((step for step in steps if step["users"] == summary["maximum_users"]), steps[-1])
    page.heading(f"By request, at {chosen['users']:,} users")
    page.table(
        ["Request", "Number", "Failures", "per second", "Median", "95th", "99th", "99.9th", "Largest"],
        [[name, f"{one['requests']:,}", f"{one['failures']:,}", number(one["rps"]),
          *(number(one.get(member)) for member in ("p50", "p95", "p99", "p999", "max"))]
         for name, one in sorted(chosen["by_name"].items(), key=lambda item: (item[0].startswith("task "), item[0]))])
    page.paragraph("“task …” is a whole task, from submitting to seeing that it ended; a user looks once a second, and those "
                   "times are not among the response times above.", note=True)


def cpu_table(page, steps):
    names = sorted({name for step in steps for name in step["others_cores"]})
    page.heading("Who used the machine")
    page.table(
        ["Users", "Machine busy", "Service, cores", *(f"{name}, cores" for name in names), "Busiest Locust worker",
         "Memory, MiB", "Queued at most", "Commit, ms"],
        [[f"{step['users']:,}", "" if step["machine_busy"] is None else f"{step['machine_busy']:.0%}",
          number(step["service_cores"], 2), *(number(step["others_cores"].get(name), 2) for name in names),
          "" if step["worker_cpu_max"] is None else f"{step['worker_cpu_max']:.0f} %",
          number(None if step["rss_bytes_max"] is None else step["rss_bytes_max"] / MIB),
          "" if step["queued_max"] is None else f"{step['queued_max']:,}", number(step["commit_ms"], 2)] for step in steps],
        text_columns=())
    page.paragraph("Locust, origin and service share the machine. Where a worker of Locust is above 90 % of its core, response "
                   "times are Locust's own as much as the service's.", note=True)


def rule_text(about, summary):
    if not summary["rules_fired"]:
        if summary["ended_by"]:
            return f"Ended before its end: {summary['ended_by']}. No stop rule fired until then."
        return "Stop rule: none; the profile ran to its end."
    texts = [f"“{rule['rule']}” in step {rule['step']}: {rule['text']}" for rule in summary["rules_fired"]]
    stopped = "The run was ended by it." if about["on_rule"] == "stop" and summary["ended_by"] else (
        "It fired at the end of the run." if about["on_rule"] == "stop" else "Rules were noted only; the run went on.")
    return f"Stop rule: {'; '.join(texts)}. {stopped}"


def ledger(page, summary):
    tasks = summary["tasks"]
    page.heading("Ledger")
    words = ", ".join(f"{count:,} {word}" for word, count in sorted(tasks["by_status"].items()))
    page.definitions([
        ("Acknowledged (202)", f"{tasks['acknowledged']:,}"),
        ("In the database afterwards", f"{tasks['in_database']:,}: {words or 'none'}"),
        ("Not final", f"{tasks['unfinished']:,}"),
        ("Lost", f"{tasks['lost']:,}"),
    ])


def flatness(page, summary):
    if not summary["trends"]:
        return
    page.heading("Flatness")
    page.table(
        ["Figure", "Slope per hour", "95 % interval", "Flat"],
        [[one["name"], f"{one['per_hour']:+.3f}", f"± {one['margin']:.3f}", "yes" if one["flat"] else "no"]
         for one in summary["trends"].values()], classes={
             at: "bad" for at, one in enumerate(summary["trends"].values()) if not one["flat"]})
    page.paragraph("Of the last nine tenths of the run, through means of twelve equal stretches. Flat: zero lies within the "
                   "interval, or the slope is below 1 per hour.", note=True)


def conditions(page, about):
    page.heading("What was run")
    durable, limits = about["durability"], about["limits"]
    flush = durable["flush_ms"]
    settings = ", ".join(f"{name} = {value}" for name, value in about["settings"].items())
    page.definitions([
        ("Command", "scripts/load-test " + " ".join(about["command"])),
        ("Version", about["version"] + (
            "; a program that TASKQD named, so the commit below need not be its own" if about["given_program"] else "")),
        ("Users", about["kind"] or "the profile's own kind"),
        ("Locust", f"1 master, {about['workers']} workers"),
        ("Fetched", ", ".join(about["fetch_urls"])),
        ("Durability", f"SQLite {durable['journal_mode'].upper()}, synchronous={durable['synchronous']}: a 202 is sent after its "
                       f"commit is flushed. A flushed 4 KiB write took {flush['p50']:g} ms in the median and {flush['p95']:g} ms "
                       f"in the 95th percentile on this disk before the run"),
        ("Settings other than default", settings or "none"),
        ("Stop rules", f"failures above {limits['failure_share']:.2%}; load average above {limits['load_average']:g} for "
                       f"{limits['load_seconds']} s; requests/s growing by less than {limits['growth_share']:.0%} of the growth of "
                       f"users; median or 95th percentile above {limits['slower_factor']:g} times the first step's and "
                       f"{limits['slower_floor_median_ms']:g} or {limits['slower_floor_p95_ms']:g} ms more"),
        *machine.rows(about["machine"]),
    ])


def write(out, about, read, summary):
    """report.html and plots/*.svg in the directory `out`."""
    steps = summary["steps"]
    page = Page(f"Load test: {about['profile']}",
                f"{about['machine']['time']} · {about['version']} · {summary['requests']:,} requests in "
                f"{summary['duration_s'] / 60:.1f} minutes")
    page.headline(headline(summary), "good" if summary["good"] and not summary["rules_fired"] else "bad")
    page.paragraph(rule_text(about, summary))
    for trouble in summary["troubles"]:
        page.paragraph(f"Trouble: {trouble}")
    if steps:
        page.heading("Steps")
        compares = about["profile"] in ("step", "report") and any(step["users"] in ORIGINAL for step in steps)
        step_table(page, summary, compares)
    page.heading("Over time")
    for name, svg, caption in draw(Timeline(read, steps)):
        plots.save(out / "plots" / f"{name}.svg", svg)
        page.figure(svg, caption)
    if steps:
        percentile_table(page, steps)
        name_table(page, summary)
        cpu_table(page, steps)
    flatness(page, summary)
    ledger(page, summary)
    conditions(page, about)
    return page.save(out / "report.html")


def main():
    """Make the report of a run's directory again: load_report.py DIR."""
    import pathlib
    import sys

    from lab.sampler import read_jsonl

    out = pathlib.Path(sys.argv[1])
    read = {name: read_jsonl(out / f"{name}.jsonl") for name in ("locust", "steps", "service")}
    load = lambda name: json.loads((out / name).read_text())  # noqa: E731
    print(write(out, load("run.json"), read, load("summary.json")))


if __name__ == "__main__":
    main()
