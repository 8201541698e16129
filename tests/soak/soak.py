#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Soak and chaos: see README.md. To be started by scripts/soak."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(pathlib.Path(__file__).resolve().parent)]

import lab  # noqa: E402, F401  (makes the end-to-end library importable)
import catalogue  # noqa: E402
import judge  # noqa: E402
import page  # noqa: E402
import schedule  # noqa: E402
from chaos import Chaos  # noqa: E402
from closing import close_books  # noqa: E402
from disk import OwnDisk  # noqa: E402
from generator import Generator  # noqa: E402
from lab import machine  # noqa: E402
from lab.sampler import Sampler, read_jsonl  # noqa: E402
from lib.daemon import PROGRAM  # noqa: E402
from world import SETTINGS, started  # noqa: E402

GIB = 1 << 30
SHARE = 0.6            # of the maximum
CALIBRATION_S = 12
LEDGER_BYTES = 64      # a task's two records
DISK_SHARE = 0.5       # of what is free, for the data
DISK_MAX_BYTES = 64 * GIB
FIRST_GUESS_BYTES = 400  # a task, until it is measured


def options(words=None):
    parser = argparse.ArgumentParser(prog="scripts/soak", description="mixed load with faults; the ledger and slopes are checked")
    parser.add_argument("--minutes", type=float, required=True, help="how long load and faults last")
    parser.add_argument("--seed", type=int, help="of the schedule of faults; default: random, printed")
    parser.add_argument("--rate", type=float, help="submissions a second; default: 60 %% of the maximum, as far as the disk bears it")
    parser.add_argument("--from", dest="source", type=pathlib.Path, help="an earlier run, whose maximum is taken instead of measuring")
    parser.add_argument("--out", type=pathlib.Path, help="directory of the results; default build/soak/TIME")
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--only", help="kinds of faults, separated by commas: " + ", ".join(schedule.KINDS))
    parser.add_argument("--rare", type=int, default=1, help="factor for rare submissions: large results, bad origins")
    parser.add_argument("--generator", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--disk-mib", type=int, help="size of the file system for the data; default: half of what is free")
    parser.add_argument("--keep", action="store_true", help="keep ledger and database (up to 2 GiB) also when they are clean")
    chosen = parser.parse_args(words)
    if not 0 < chosen.minutes <= 7 * 24 * 60:
        parser.error("--minutes: above 0, and at most a week")
    if chosen.rate is not None and chosen.rate <= 0:
        parser.error("--rate: above 0")
    unknown = [kind for kind in (chosen.only or "").split(",") if kind and kind not in schedule.KINDS]
    if unknown:
        parser.error(f"--only: there is no kind {unknown[0]}")
    for name in ("connections", "rare", "disk_mib"):
        if getattr(chosen, name) is not None and getattr(chosen, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: 1 at least")
    if chosen.source is not None and not (chosen.source / "summary.json").is_file():
        parser.error(f"--from: {chosen.source / 'summary.json'} is not there")
    if chosen.out is not None and chosen.out.is_dir() and any(chosen.out.iterdir()):
        parser.error(f"--out: {chosen.out} is not empty")
    if chosen.seed is None:
        chosen.seed = random.SystemRandom().randrange(1 << 31)
    if chosen.out is None:
        chosen.out = ROOT / "build" / "soak" / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}"
    return chosen


def say(text):
    print(text, file=sys.stderr, flush=True)


def progress(text, last=[0.0]):  # noqa: B006  (remembers when it spoke)
    """One line that is overwritten on a terminal, and one a minute elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + text)
        sys.stderr.flush()
    elif time.monotonic() - last[0] >= 60:
        last[0] = time.monotonic()
        say(text)


def find_rate(chosen, world, generator, seconds):
    """The rate, what bounds it, and the maximum and bytes a task that it was found by."""
    maximum, bytes_per_task = None, FIRST_GUESS_BYTES
    if chosen.source is not None:
        earlier = json.loads((chosen.source / "summary.json").read_text())["rate"]
        maximum, bytes_per_task = earlier["maximum"], earlier["bytes_per_task"]
    elif chosen.rate is None:
        before = generator.last.get("results", 0)
        generator.command("rate", 0)
        generator.await_lines(3)
        first = generator.last
        last = generator.await_lines(CALIBRATION_S)
        generator.command("rate", 1)
        maximum = (last["results"] - first["results"]) / (last["t"] - first["t"])
        used = sum(path.stat().st_size for path in world.service.data.rglob("*") if path.is_file() and path.suffix != ".db-wal")
        bytes_per_task = max(used / max(1, last["results"] - before), FIRST_GUESS_BYTES / 2)
    free = os.statvfs(world.service.data)
    bears = 0.8 * free.f_bavail * free.f_frsize / bytes_per_task / seconds
    wanted = chosen.rate or SHARE * maximum
    binding = "the disk" if bears < wanted else "--rate" if chosen.rate else f"{SHARE:.0%} of the maximum"
    return {"rate": round(min(wanted, bears), 1), "binding": binding, "maximum": maximum and round(maximum, 1),
            "bytes_per_task": round(bytes_per_task, 1), "disk_bears": round(bears, 1)}


def watch(world, generator, chaos, until, died):
    """Until the time is up: progress, and whether the service lives."""
    while time.monotonic() < until:
        time.sleep(1)
        counts = generator.last
        if not generator.is_running():
            raise RuntimeError("the generator has ended")
        if not world.service.is_running() and world.restarting.acquire(blocking=False):
            with contextlib.ExitStack() as stack:
                stack.callback(world.restarting.release)
                if not world.service.is_running():
                    died.append({"t": time.time(), "code": world.service.daemon.process.returncode,
                                 "stderr": world.service.daemon.stderr()[-2000:]})
                    world.service.start()
        progress(f"{max(0, until - time.monotonic()) / 60:5.1f} min left   {counts.get('acknowledged', 0):,} acknowledged   "
                 f"{counts.get('refused', 0):,} refused   {counts.get('unknown', 0):,} unknown   "
                 f"{sum(counts.get(name, 0) for name in ('wrong', 'lost', 'changed', 'unexpected'))} breaches   "
                 f"{len(chaos.timeline)} faults   {chaos.now}")
    if sys.stderr.isatty():
        say("")


def kinds_of(chosen, disk):
    kinds = chosen.only.split(",") if chosen.only else list(schedule.KINDS)
    left_out = [kind for kind in kinds if kind in schedule.NEEDS_DISK and disk.kind is None]
    for kind in left_out:
        say(f"left out: {kind} (needs a file system of its own, which only root can mount)")
    return [kind for kind in kinds if kind not in left_out], left_out


def run(chosen):
    """The whole run; returns the summary."""
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    seconds = chosen.minutes * 60
    say(f"seed {chosen.seed}; results in {out}")
    size = chosen.disk_mib << 20 if chosen.disk_mib else min(DISK_MAX_BYTES, DISK_SHARE * machine.disk(out)["free_bytes"])
    with OwnDisk(out, size, memory_only=bool(chosen.disk_mib)) as disk, started(out, disk, chosen.seed, chosen.rare) as (world, items):
        kinds, left_out = kinds_of(chosen, disk)
        path = catalogue.write(items, out / "contents")
        described = machine.describe(world.service.data)
        with Generator(chosen.generator, out, world.service.address[1], chosen.connections, path, chosen.seed) as generator:
            generator.command("fetches", schedule.FETCH_PERCENTS[0])
            generator.await_lines(1)
            rate = find_rate(chosen, world, generator, seconds)
            say(f"{rate['rate']:,.0f} submissions a second, bound by {rate['binding']}"
                + (f" (maximum {rate['maximum']:,.0f} cycles a second, {rate['bytes_per_task']:.0f} bytes a task)" if rate["maximum"] else ""))
            with Sampler(world.service, out / "samples.jsonl"):
                plan = schedule.make(chosen.seed, seconds, kinds)
                chaos = Chaos(world, plan, schedule.mixes(plan, seconds), out / "faults.jsonl",
                              lambda percent: generator.command("fetches", percent))
                died, began = [], time.time()
                generator.command("rate", rate["rate"])
                chaos.start()
                try:
                    watch(world, generator, chaos, time.monotonic() + seconds, died)
                finally:
                    world.ending.set()
                    chaos.join()
                books = close_books(world, generator, items, out, say, chosen.keep)
        books["died_by_itself"] = died
    samples, lines = read_jsonl(out / "samples.jsonl"), read_jsonl(out / "gen.jsonl")
    summary = {
        "seed": chosen.seed, "minutes": chosen.minutes, "began": began, "rate": rate, "disk": disk.kind, "left_out": left_out,
        "connections": chosen.connections, "settings": SETTINGS, "program": PROGRAM.name, "machine": described,
        "faults": judge.recoveries(chaos.timeline, lines, rate["rate"]), "planned": len(plan), "fault_errors": chaos.errors,
        "books": books, "slopes": judge.slopes(samples, chaos.timeline, chaos.mixes_played), "mixes": chaos.mixes_played,
        "log_after_readers": judge.log_after_readers(samples, chaos.timeline), "counts": lines[-1] if lines else {},
    }
    summary["complaints"] = complaints(summary)
    (out / "summary.json").write_text(json.dumps(summary, indent="\t", default=list) + "\n")
    page.write(summary, samples, lines, out / "index.html")
    if not summary["complaints"] and not chosen.keep:
        (out / "ledger").unlink()
    return summary


def complaints(summary):
    """Every reason why this run is not clean, in words."""
    books, found = summary["books"], []
    for kind, count in books["audit"]["findings"].items():
        if count:
            found.append(f"{kind}: {count}, for example {books['audit']['examples'][kind][0]}")
    found += books["complaints"]
    found += [f"the service ended by itself with code {entry['code']}" for entry in books["died_by_itself"]]
    found += [f"fault {error.splitlines()[0]}" for error in summary["fault_errors"]]
    found += [f"{slope['figure']} grows in {slope['over']}: {slope['per_day']:,.1f} {slope['unit']} a day"
              for slope in summary["slopes"] if slope["verdict"] == "grows"]
    found += [f"the log stayed at {entry['after']} bytes after a stuck reader"
              for entry in summary["log_after_readers"] if not entry["clean"]]
    if not books["audit"]["acknowledged"]:
        found.append("nothing was acknowledged")
    return found


def ended(_number, _frame):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGHUP, ended)
    chosen = options()
    try:
        summary = run(chosen)
    except KeyboardInterrupt:
        say("\ninterrupted; everything was ended")
        return 130
    audit = summary["books"]["audit"]
    say(f"{audit['acknowledged']:,} acknowledged, {audit['rows']:,} rows, {len(summary['faults'])} faults; "
        f"report: {chosen.out / 'index.html'}")
    for complaint in summary["complaints"]:
        say(f"NOT CLEAN: {complaint}")
    print("clean" if not summary["complaints"] else f"not clean: {len(summary['complaints'])}")
    return 1 if summary["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
