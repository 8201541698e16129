# SPDX-License-Identifier: MIT
"""The command: which figures, how long, where to; or two runs to compare."""

import argparse
import json
import pathlib
import sys

from lab import machine
from lab.servers import raise_descriptor_limit

from . import compare, report
from .errors import BenchError
from .figures import FIGURES
from .programs import THREADS_MAX, set_threads
from .run import Options, Run


def numbers(most):
    """Numbers from 1 to `most` with commas between them."""
    def parse(text):
        found = tuple(int(word) for word in text.split(","))
        if min(found) < 1 or max(found) > most:
            raise argparse.ArgumentTypeError(f"expected numbers from 1 to {most} with commas between them")
        return found
    return parse


def between(least, most, kind):
    def parse(text):
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most}")
        return value
    return parse


def parser():
    figures = "\n".join(f"  {name:10} {what}" for name, (_, what) in FIGURES.items())
    made = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure the service beside yardsticks, alternating within one run.",
        epilog=f"figures:\n{figures}\n\nWithout a figure: all of them.",
    )
    made.add_argument("figures", nargs="*", metavar="FIGURE")
    made.add_argument("--seconds", type=between(0.05, 600, float), default=3, help="of each measurement (3)")
    made.add_argument("--rounds", type=between(1, 100, int), default=5, help="of each alternation (5)")
    made.add_argument("--connections", type=numbers(4000), default=Options.connections, help="1,32,256,1000")
    made.add_argument("--threads", type=between(1, THREADS_MAX, int), default=Options.threads,
                      help="of the load generator (one per core, at most 2)")
    made.add_argument("--history", type=numbers(50_000_000), default=Options.history,
                      help="finished tasks for growth, the most for startup (10000,1000000,10000000)")
    made.add_argument("--scheduled", type=between(1000, 50_000_000, int), default=Options.scheduled,
                      help="scheduled tasks, and finished ones, for schedules (1000000)")
    made.add_argument("--queued", type=between(1, 1_000_000, int), default=Options.queued, help="tasks for startup (100000)")
    made.add_argument("--waiting", type=between(1, 100_000, int), default=Options.waiting,
                      help="requests that wait, at most (as many as the service allows)")
    made.add_argument("--fetches", type=between(1, 1_000_000, int), default=Options.fetches, help="tasks for fetch (50000)")
    made.add_argument("--factorial-max", type=between(1_000, 10_000_000, int), default=Options.factorial_max,
                      help="the largest n for factorial (10000000)")
    made.add_argument("--json", type=pathlib.Path, help="where the run is written to (OUT/bench.json)")
    made.add_argument("--compare", nargs=2, metavar=("OLD.json", "NEW.json"), help="compare two runs; measures nothing")
    made.add_argument("--out", type=pathlib.Path, default=Options.out, help="for data and JSON (build/bench)")
    return made


def write(path, options, rows, error):
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in vars(options).items() if name != "out"}
    path.write_text(json.dumps({
        "format": compare.FORMAT, "machine": machine.describe(options.out), "settings": settings,
        "error": error, "rows": rows,
    }, indent=1) + "\n", "utf-8")


def run_figures(options, names):
    """Measure; returns the rows, and the reason why it ended early or None."""
    run = Run(options)
    functions = {}
    for name in names:
        functions.setdefault(FIGURES[name][0], []).append(name)
    try:
        for function, together in functions.items():
            function(run, together)
    except (BenchError, AssertionError, OSError) as error:
        return run.rows, f"{type(error).__name__}: {error}"
    return run.rows, None


def main():
    arguments = parser().parse_args()
    if arguments.compare:
        old, new = map(compare.load, arguments.compare)
        compared = compare.compare(old, new)
        print("\n".join([compare.table(compared), *compare.differing(old, new)]))
        return 0 if compared else 1
    names = arguments.figures or list(FIGURES)
    for name in names:
        if name not in FIGURES:
            raise BenchError(f"there is no figure '{name}'; --help names them")
    options = Options(seconds=arguments.seconds, rounds=arguments.rounds, connections=arguments.connections,
                      out=arguments.out, history=arguments.history, scheduled=arguments.scheduled, queued=arguments.queued,
                      fetches=arguments.fetches, waiting=arguments.waiting, factorial_max=arguments.factorial_max,
                      threads=arguments.threads)
    raise_descriptor_limit()
    set_threads(options.threads)
    rows, error = run_figures(options, list(dict.fromkeys(names)))
    path = arguments.json or options.out / "bench.json"
    write(path, options, rows, error)
    if report.goals(rows):
        print(report.goals(rows))
    print(f"written: {path}")
    if error:
        raise BenchError(error)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as fault:
        print(f"scripts/bench: {fault}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
