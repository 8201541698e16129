# SPDX-License-Identifier: MIT
"""The soak's report: verdict, ledger, slopes, faults, plots with the faults drawn over them."""

import io
import time

import judge
from ledger import FINDINGS
from lab import machine, plots
from lab.report import Page
from matplotlib import pyplot
from schedule import KINDS, RESTARTS

WORDS = {
    "kill": "kill -9", "kill_in_start": "kill -9, and again in the start", "terminate": "SIGTERM", "stop": "SIGSTOP",
    "nginx_down": "nginx down", "origin_hangs": "origins hang", "origin_dies": "origins die", "full_disk": "disk full",
    "kill_on_full_disk": "kill -9, disk full", "stuck_reader": "stuck reader", "garbage": "garbage",
    "half_open": "half-open clients", "vanishing_clients": "vanishing clients",
}
FIGURES = {
    "rss_bytes": "memory (RSS)", "descriptors": "descriptors", "threads": "threads", "wal_bytes": "write-ahead log",
    "bytes_per_task": "database per task, % of usual", "files_per_task": "result files per task, % of usual",
}
PROMISES = (
    "acknowledged_but_missing", "acknowledged_twice", "row_twice", "more_rows_than_sent", "not_final", "wrong_arguments",
    "wrong_result", "result_missing", "status_changed", "too_many_attempts", "failure_unexplained", "rejected",
    "counters_disagree", "orphan_file", "database_damaged", "client_saw_wrong", "client_saw_lost", "client_saw_changed",
    "client_saw_unexpected",
)


def fault_chart(faults, began, minutes):
    """When which fault was on: one row for each kind."""
    kinds = [kind for kind in KINDS if any(fault["kind"] == kind for fault in faults)]
    with plots.matplotlib.rc_context(dict(plots._STYLE, **{"svg.hashsalt": "faults"})):
        figure, axes = pyplot.subplots(figsize=(15, 0.6 + 0.27 * max(1, len(kinds))), layout="constrained")
        try:
            for row, kind in enumerate(kinds):
                bars = [((fault["began"] - began) / 60, max((fault["ended"] - fault["began"]) / 60, minutes / 400))
                        for fault in faults if fault["kind"] == kind]
                axes.broken_barh(bars, (row - 0.36, 0.72), color=plots.COLOURS[1 if kind in RESTARTS else 0])
            axes.set_yticks(range(len(kinds)), [WORDS[kind] for kind in kinds])
            axes.set_ylim(len(kinds) - 0.4, -0.6)
            axes.set_xlim(0, minutes)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.set_title("Faults")
            axes.set_xlabel("minutes since start")
            text = io.StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        finally:
            pyplot.close(figure)
    svg = text.getvalue()
    return svg[svg.index("<svg"):]


def _number(value, unit=""):
    if value is None:
        return "–"
    if unit == "bytes":
        for size, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if abs(value) >= size:
                return f"{value / size:,.1f} {name}"
        return f"{value:,.1f} bytes"
    return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.1f}"


def add_ledger(page, audit, asked):
    page.heading("The ledger")
    page.table(("", "tasks"), [
        ("acknowledged (202)", f"{audit['acknowledged']:,}"),
        ("refused (503), nothing stored", f"{audit['refused']:,}"),
        ("unknown: the connection broke before an answer", f"{audit['unknown']:,}"),
        ("  of these, stored all the same", f"{audit['unknown_that_became_rows']:,}"),
        ("rows in the end", f"{audit['rows']:,}"),
        ("  SUCCEEDED, every result compared with the exact one", f"{audit['succeeded']:,}"),
        ("  FAILED, each explained by its origin", f"{audit['failed']:,}"),
        ("seen final by a client, the same in the end", f"{audit['finals_seen_by_clients']:,}"),
        ("asked for once more through the API", f"{asked:,}"),
    ])
    rows = [(FINDINGS[kind], f"{audit['findings'][kind]:,}", "; ".join(audit["examples"].get(kind, [])[:1])[:90]) for kind in PROMISES]
    page.table(("what must not be", "found", "for example"), rows, text_columns=(0, 2),
               classes={number: "bad" for number, kind in enumerate(PROMISES) if audit["findings"][kind]})
    if audit["failure_codes"]:
        page.paragraph("Failures by code: " + ", ".join(f"{code} {count:,}" for code, count in sorted(audit["failure_codes"].items())) + ".")


def add_slopes(page, summary):
    page.heading("Flatness")
    rows, classes = [], {}
    for slope in summary["slopes"]:
        if slope["verdict"] == "grows":
            classes[len(rows)] = "bad"
        unit = slope["unit"]
        interval = ("–" if slope["per_day"] is None else
                    f"{_number(slope['low_per_day'], unit)} to {_number(slope['high_per_day'], unit)}")
        rows.append((FIGURES[slope["figure"]], slope["over"], f"{slope['span_s'] / 60:.1f} min", _number(slope["per_day"], unit),
                     interval, _number(slope["bound_per_day"], unit), slope["verdict"]))
    page.table(("figure", "over", "span", "growth in 24 h", "99 % interval", "bound", "verdict"), rows,
               text_columns=(0, 1, 6), classes=classes)
    page.paragraph(
        f"Theil-Sen slopes between faults, without the first {judge.SETTLED_S:.0f} s of a process and {judge.SETTLE_S:.0f} s after a "
        "fault. A figure grows when the interval lies above zero and a day at this slope would add more than the bound. "
        f"Stretches under {judge.SEGMENT_MIN_S / 60:.0f} minutes are not judged; over restarts the medians of each process are, "
        f"without its first {judge.WARM_UP_S:.0f} s. What a task "
        "adds to database and files is taken over minutes, in percent of the median for the same mix of tasks.", note=True)
    readers = summary["log_after_readers"]
    if readers:
        page.table(("stuck reader", "log at most, while it read", "log at least, soon after", ""),
                   [(time.strftime("%H:%M:%S", time.gmtime(entry["ended"])), _number(entry["largest"], "bytes"),
                     _number(entry["after"], "bytes"), "small again" if entry["clean"] else "stays large") for entry in readers],
                   text_columns=(0, 3))


def add_plots(page, summary, samples, lines):
    began = summary["began"]
    faults = summary["faults"]

    def minutes(at):
        return (at - began) / 60

    samples = [sample for sample in judge.with_ratios(samples) if sample["t"] >= began]
    lines = [line for line in lines if line["t"] >= began - 2]
    marks = [(minutes(fault["began"]), "") for fault in faults]

    def of(member, scale=1.0):
        return [(minutes(sample["t"]), None if sample.get(member) is None else sample[member] / scale) for sample in samples]

    def rate(member):
        return [(minutes(at), value) for at, value in judge.rates(lines, member)]

    def counts(member):
        return [(minutes(line["t"]), line[member]) for line in lines]

    page.heading("Over time")
    page.figure(fault_chart(faults, began, summary["minutes"]), "orange: the service is restarted")
    page.paragraph("Dashed lines in the plots are the beginnings of faults.", note=True)
    for svg in (
        plots.lines({"acknowledged": rate("acknowledged"), "results read": rate("results")}, "Throughput", "per second", marks=marks),
        plots.lines({"refused (503)": rate("refused"), "unknown": rate("unknown"), "no connection": rate("unreached")},
                    "Not accepted", "per second", marks=marks),
        plots.lines({"median": counts("submit_p50_ms"), "99th percentile": counts("submit_p99_ms")}, "Durable submission", "ms",
                    marks=marks, y_log=True),
        plots.lines({"queued": of("queued"), "running": of("running")}, "Queue", "tasks", marks=marks),
        plots.lines({"RSS": of("rss_bytes", 1 << 20)}, "Memory", "MiB", marks=marks),
        plots.lines({"descriptors": of("descriptors"), "threads": of("threads")}, "Descriptors and threads", "", marks=marks),
        plots.lines({"log": of("wal_bytes", 1 << 20)}, "Write-ahead log", "MiB", marks=marks),
        plots.lines({"database": of("database_bytes", 1 << 20)}, "Database", "MiB", marks=marks),
        plots.lines({"bytes per task": of("bytes_per_task")}, "Database per finished task (follows the mix)", "bytes", marks=marks),
        plots.lines({"failed": rate("failed")}, "Failures that clients saw", "per second", marks=marks),
    ):
        page.figure(svg)


def add_faults(page, faults):
    page.heading("Faults, one by one")
    rows = []
    for fault in faults:
        back = "–" if fault["recovered_s"] is None else f"{fault['recovered_s']:.1f} s"
        rows.append((time.strftime("%H:%M:%S", time.gmtime(fault["began"])), WORDS[fault["kind"]],
                     f"{fault['ended'] - fault['began']:.1f} s", back, fault["detail"] or ""))
    page.table(("UTC", "fault", "lasted", "back at rate after", "remark"), rows, text_columns=(0, 1, 4))
    page.paragraph(f"Back at rate: the first second with {judge.RECOVERED:.0%} of the rate acknowledged after the fault's end, "
                   "unless the next fault came first. A restart is part of the fault's time.", note=True)


def write(summary, samples, lines, path):
    audit, rate = summary["books"]["audit"], summary["rate"]
    page = Page(f"Soak: {summary['minutes']:g} minutes, {len(summary['faults'])} faults",
                f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(summary['began']))}, seed {summary['seed']}, "
                f"{rate['rate']:,.0f} tasks a second, bound by {rate['binding']}")
    if summary["complaints"]:
        page.headline("Not clean: " + summary["complaints"][0], "bad")
        for complaint in summary["complaints"][1:]:
            page.paragraph(complaint)
    else:
        judged = [slope for slope in summary["slopes"] if slope["verdict"] != "not judged"]
        flat = (f"All {len(judged)} slopes that could be judged are zero within noise." if judged else
                "The run was too short to judge slopes.")
        page.headline(f"Clean: {audit['acknowledged']:,} tasks were acknowledged, none is lost, every result is right, "
                      f"no final status changed. {flat}", "good")
    add_plots(page, summary, samples, lines)
    add_ledger(page, audit, summary["books"]["asked_through_api"])
    add_slopes(page, summary)
    add_faults(page, summary["faults"])
    page.heading("The run")
    disk = summary["disk"] or "no file system of its own"
    pairs = [("Rate", f"{rate['rate']:,.1f} submissions a second, bound by {rate['binding']}; maximum found: "
              f"{_number(rate['maximum'])} cycles a second; the disk bears {rate['disk_bears']:,.0f} a second"),
             ("Connections", f"{summary['connections']} keep-alive"), ("Data", f"on {disk}, synchronous=FULL, WAL"),
             ("Settings", ", ".join(f"{name}={value}" for name, value in summary["settings"].items())),
             ("Left out", ", ".join(summary["left_out"]) or "nothing")]
    page.definitions(pairs + machine.rows(summary["machine"]))
    page.save(path)
