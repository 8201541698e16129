# SPDX-License-Identifier: MIT
"""The options of scripts/load-test, and what they mean for Locust and the service."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from lab import ROOT
from lib.daemon import clean_environment
from stop_rules import Limits

# Name: (profile of shapes.py, further options of the locustfile, default minutes of a step, what it is).
PROFILES = {
    "step": ("step", {}, 1, "20 users, then 40 more per step, to 300"),
    "report": ("step", {"first_users": 20, "increment_users": 20, "last_users": 120}, 1,
               "the original report's steps: 20 to 120 users by 20"),
    "surge": ("surge", {}, 1, "80, then 200, then 60 users"),
    "spike": ("spike", {}, 1, "60 users, 1,000 for a quarter of a step, 60 again"),
    "endurance": ("endurance", {}, 120, "one long step; needs --users or --from"),
    "factorial-only": ("factorial-only", {}, 1, "300 users that submit factorials alone"),
    "fetch-only": ("fetch-only", {}, 1, "80 users that fetch alone"),
    "beyond": ("beyond", {}, 1, "200 to 2,000 users by 200"),
    "manual": ("manual", {}, 0, "users as you set them in Locust's interface; with --web only"),
}
# Stop rules end these; in the others the rules are noted, because what happens afterwards is the point.
STAIRCASES = ("step", "report", "beyond")
KINDS = {"report": "ReportUser", "factorial": "FactorialUser", "fetch": "FetchUser", "hasty": "HastyUser",
         "waiting": "WaitingUser"}
ENDURANCE_SHARE = 0.6

EPILOG = """
examples:
  scripts/load-test report                       the original report's steps, a minute each
  scripts/load-test report --step-minutes 10     ... as long as there
  scripts/load-test beyond --kind hasty          clients without a wait, to 2,000 users
  scripts/load-test endurance --from DIR         60 % of the maximum that the run in DIR found
  scripts/load-test step --web                   watch it in Locust's own interface

What follows `--` are further options of Locust's master and of tests/load/options.py.
Ctrl-C ends a run in order, with its report; a second one ends it at once.
"""


def make_parser():
    width = max(len(name) for name in PROFILES)
    profiles = "\n".join(f"  {name:<{width}}  {words}" for name, (_, _, _, words) in PROFILES.items())
    parser = argparse.ArgumentParser(
        prog="scripts/load-test", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Build and start the service, load it with Locust, and write a report.\n\nprofiles:\n" + profiles,
        epilog=EPILOG)
    parser.add_argument("profile", choices=PROFILES, metavar="PROFILE")
    add = parser.add_argument
    add("--step-minutes", type=positive, metavar="N", help="length of a step (default: 1; endurance: 120)")
    add("--users", type=user_list, metavar="N[,N...]", help="users of each step, instead of the profile's own")
    add("--first-users", type=int, metavar="N", help="steps: where they begin")
    add("--increment-users", type=int, metavar="N", help="steps: how many users more")
    add("--last-users", type=int, metavar="N", help="steps: where they end")
    add("--from", dest="earlier", metavar="DIR", help="endurance: the report directory that knows the maximum")
    add("--kind", type=kind_list, metavar="KIND[:WEIGHT],...",
        help=f"kinds of users: {', '.join(KINDS)} (default: that of the profile)")
    add("--workers", type=at_least_one, metavar="N", help="Locust workers (default: one per core)")
    add("--origin", choices=("nginx", "web", "both"), default="nginx",
        help="what is fetched: nginx's small page, or an origin with the web's latencies, sizes and failures")
    add("--fetch-file", metavar="NAME", default="small.html", help="file of nginx that is fetched, such as 64k.bin")
    add("--service", type=setting, action="append", default=[], metavar="NAME=VALUE",
        help="a setting of taskqd, such as queue-max=1000; repeatable")
    add("--web", action="store_true", help="serve Locust's interface while the run goes on, and print its address")
    add("--out", metavar="DIR", help="where everything goes (default: build/load/PROFILE-TIME)")
    group = parser.add_argument_group("stop rules")
    add = group.add_argument
    add("--on-rule", choices=("stop", "note"),
        help=f"what a rule does (default: stop in {', '.join(STAIRCASES)}; note in the others)")
    add("--failure-share", type=float, default=Limits.failure_share, metavar="SHARE",
        help="share of failures (default: %(default)s)")
    add("--load-limit", type=float, metavar="LOAD",
        help="load average; Locust is part of it (default: 4 per core; 0: none)")
    add("--growth-share", type=float, default=Limits.growth_share, metavar="SHARE",
        help="requests/s grow by at least this share of the growth of users (default: %(default)s; 0: off)")
    add("--slower-factor", type=float, default=Limits.slower_factor, metavar="N",
        help="median or 95th percentile above N times the first step's (default: %(default)s; 0: off), and ...")
    add("--slower-floor-ms", type=float, default=Limits.slower_floor_median_ms, metavar="MS",
        help="... median at least so much more (default: %(default)s; 95th percentile: 2.5 times it)")
    return parser


def at_least_one(word):
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("1 at least")
    return number


def positive(text):
    value = float(text)
    if not 0 < value < 100000:
        raise argparse.ArgumentTypeError(f"not a length of time: {text}")
    return value


def user_list(text):
    values = [int(word) for word in text.split(",")]
    if not values or min(values) < 1:
        raise argparse.ArgumentTypeError(f"not numbers of users: {text}")
    return values


def kind_list(text):
    found = []
    for word in text.split(","):
        name, _, weight = word.partition(":")
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"no kind of user: {name}; there are {', '.join(KINDS)}")
        found.append(f"{KINDS[name]}:{int(weight or 1)}")
    return ",".join(found)


def setting(text):
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"not NAME=VALUE: {text}")
    return name.replace("-", "_"), value


def refuse(text):
    """There is no run: say why, and end with the status that tells it from a run that failed."""
    print(f"scripts/load-test: {text}", file=sys.stderr)
    sys.exit(2)


def earlier_maximum(directory):
    """The number of users that an earlier run found as its maximum."""
    path = pathlib.Path(directory) / "summary.json"
    try:
        found = json.loads(path.read_text("utf-8")).get("maximum_users")
    except (OSError, ValueError) as error:
        refuse(f"{path}: {error}")
    if not found:
        refuse(f"{path} has no maximum_users: that run had no good step")
    return found


def parse(words):
    """The options, complete: every default that depends on another is filled in."""
    parser = make_parser()
    cut = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:cut])
    options.locust = words[cut + 1:]
    cores = len(os.sched_getaffinity(0))
    if options.profile == "manual" and not options.web:
        parser.error("manual needs --web: there is nobody to set the users otherwise")
    if options.earlier and (options.users or options.profile != "endurance"):
        parser.error("--from goes with endurance, and without --users")
    if options.profile == "endurance" and not options.users:
        if not options.earlier:
            parser.error(
                "endurance runs at 60 % of the maximum. Find it with `scripts/load-test beyond`, then give its "
                "report directory as --from DIR; or give the number itself as --users N")
        options.users = [max(1, round(earlier_maximum(options.earlier) * ENDURANCE_SHARE))]
    if options.step_minutes is None:
        options.step_minutes = PROFILES[options.profile][2] or 1
    options.workers = options.workers or cores
    options.load_limit = 4.0 * cores if options.load_limit is None else options.load_limit
    options.on_rule = options.on_rule or ("stop" if options.profile in STAIRCASES else "note")
    stamp = time.strftime("%Y%m%d-%H%M%S")
    options.out = pathlib.Path(options.out or ROOT / "build" / "load" / f"{options.profile}-{stamp}").absolute()
    return options


def limits_of(options):
    return Limits(
        failure_share=options.failure_share, load_average=options.load_limit, growth_share=options.growth_share,
        slower_factor=options.slower_factor, slower_floor_median_ms=options.slower_floor_ms,
        slower_floor_p95_ms=2.5 * options.slower_floor_ms)


def steps_from(options):
    """What shapes.make_plan takes beside the profile and the step's length."""
    own = dict(PROFILES[options.profile][1])
    for name in ("first_users", "increment_users", "last_users"):
        if getattr(options, name) is not None:
            own[name] = getattr(options, name)
    return {"levels": options.users} if options.users else own


def plan(options):
    """[(users, seconds)] of the run; empty for manual.

    In a process of its own: Locust replaces the standard library's sockets and threads on import.
    """
    profile = PROFILES[options.profile][0]
    if profile == "manual":
        return []
    own = steps_from(options)
    script = (
        "import json, sys; from shapes import make_plan\n"
        "profile, seconds, more = json.loads(sys.argv[1])\n"
        "try: plan = make_plan(profile, seconds, **more)\n"
        "except ValueError as error: sys.exit(str(error))\n"
        "print(json.dumps([(one.users, one.seconds) for one in plan.stages]))\n")
    more = {name.removesuffix("_users"): value for name, value in own.items()}
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps([profile, options.step_minutes * 60, more])],
        cwd=ROOT / "tests" / "load", env=clean_environment({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        refuse(f"{done.stderr.strip()[-1000:]}")
    return [tuple(each) for each in json.loads(done.stdout.splitlines()[-1])]


def locust_options(options, fetch_urls):
    """What the locustfile is told, for the master; workers hear it from there."""
    words = ["--profile", PROFILES[options.profile][0], "--step-minutes", f"{options.step_minutes:.6f}",
             "--fetch-urls", ",".join(fetch_urls)]
    own = steps_from(options)
    if "levels" in own:
        words += ["--levels", ",".join(map(str, own["levels"]))]
    else:
        for name, value in own.items():
            words += ["--" + name.replace("_", "-"), str(value)]
    if options.kind:
        words += ["--user-class", options.kind]
    if options.origin != "nginx":
        words.append("--expect-failures")
    return words + options.locust
