#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""scripts/load-test: origin, service, sampler and Locust put together; stop rules; the report.

Needs a built service (TASKQD, or build/taskqd). Exit status: 0 when the run gave a report and nothing
failed, 1 when requests or tasks failed or a task was lost, 2 when there was no run, 130 on Ctrl-C.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lab import machine, servers  # noqa: E402
from lab.sampler import Sampler, read_jsonl  # noqa: E402
from lib.database import opened  # noqa: E402
from lib.daemon import DidNotStart, flags, run_program  # noqa: E402
from lib.origins import free_port  # noqa: E402

import load_options  # noqa: E402
import load_report  # noqa: E402
import run_summary  # noqa: E402
from follow import Follower, Progress, describe  # noqa: E402
from locust_run import LocustRun  # noqa: E402
from stop_rules import Watch  # noqa: E402

# After the last step users end their tasks, and the master waits for them; past this the run is ended.
DRAIN_S = 100
TASKS_END_S = 60
TICK_S = 0.5


class Interrupted(Exception):
    """A second Ctrl-C, or SIGTERM: end everything now."""


class Run:
    """One run, from the origin's start to the figures; the report is made from what it leaves."""

    def __init__(self, options, plan):
        self.options, self.plan = options, plan
        self.out = options.out
        self.progress = Progress()
        self.watch = Watch(load_options.limits_of(options))
        self.interrupts = 0
        self.ended_by = None
        self.troubles = []
        self.total_s = sum(seconds for _, seconds in plan)

    def on_signal(self, number, _frame):
        self.interrupts += 1
        if self.interrupts > 1 or number == signal.SIGTERM:
            raise Interrupted

    # Start --------------------------------------------------------------------------------

    def start_origins(self, stack):
        """Origins by name, and the URLs that users fetch."""
        origins, urls = {}, []
        if self.options.origin in ("nginx", "both"):
            nginx = stack.enter_context(servers.Nginx(self.out / "nginx"))
            origins["nginx"] = nginx
            if not (nginx.directory / "www" / self.options.fetch_file).is_file():
                load_options.refuse(f"nginx serves {', '.join(sorted(servers.FILE_SIZES))} and small.html, "
                                    f"not {self.options.fetch_file}")
            urls.append(f"{nginx.url}/{self.options.fetch_file}")
        if self.options.origin in ("web", "both"):
            web = stack.enter_context(servers.WebOrigin(self.out / "web-origin"))
            origins["web origin"] = web
            urls += [web.url + path for path in servers.WEB_PATHS]
        return origins, urls

    def run(self):
        settings = dict(self.options.service)
        settings.setdefault("fetch_allow", servers.ORIGIN_NETWORK)
        with contextlib.ExitStack() as stack:
            origins, urls = self.start_origins(stack)
            service = stack.enter_context(servers.Service(self.out / "service", detached=True, **settings))
            self.describe_run(service, urls, settings)
            web = free_port() if self.options.web else None
            locust = LocustRun(
                self.out / "locust", service.url, self.out, load_options.locust_options(self.options, urls),
                self.options.workers, web, bool(self.plan))
            others = {"Locust": locust.pids, **{name: (lambda one=one: one.pids) for name, one in origins.items()}}
            stack.enter_context(locust)
            if web is not None:
                self.progress.say(f"Locust's interface: http://127.0.0.1:{web}/")
            sampler = Sampler(service, self.out / "service.jsonl", others=others)
            with sampler:
                self.follow(locust, service, sampler)
                tasks = self.count_tasks(service)
            locust.stop()
            code = service.stop() if service.is_running() else service.daemon.process.returncode
            if code != 0:
                self.troubles.append(f"the service ended with status {code}")
            with open(self.out / "service.log", "wb") as log:
                for path in service.logs():
                    log.write(path.read_bytes())
        return tasks

    def describe_run(self, service, urls, settings):
        """What was run, as run.json: the report and later comparisons read it."""
        shown = run_program("--print-config", *flags(settings)).stdout
        run = {
            "profile": self.options.profile, "command": sys.argv[1:], "plan": self.plan,
            "step_minutes": self.options.step_minutes, "origin": self.options.origin, "fetch_urls": urls,
            "kind": self.options.kind, "workers": self.options.workers, "on_rule": self.options.on_rule,
            "limits": vars(self.watch.limits),
            "given_program": "TASKQD" in os.environ,
            "version": run_program("--version").stdout.strip(),
            "settings": run_summary.settings_that_differ(shown),
            "durability": run_summary.durability(service.database, machine.flush_ms(service.data)),
            "machine": machine.describe(service.data),
        }
        (self.out / "run.json").write_text(json.dumps(run, indent=1) + "\n")

    # While it goes on ---------------------------------------------------------------------

    def follow(self, locust, service, sampler):
        """Until the master has ended: progress, stop rules, Ctrl-C, things that die."""
        seconds, steps = Follower(self.out / "locust.jsonl"), Follower(self.out / "steps.jsonl")
        began = time.monotonic()
        ending_at = None
        line = None
        while locust.ended() is None:
            time.sleep(TICK_S)
            for each in seconds.new():
                if "rps" in each:
                    line = each
                    self.watch.second(each, (sampler.last or {}).get("load1"))
            for each in steps.new():
                self.watch.step(each)
            now = time.monotonic()
            self.progress.show(describe(line, sampler.last, len(self.plan), now - began, self.total_s))
            if ending_at is None:
                reason = self.reason_to_end(locust, service)
                if reason:
                    self.ended_by = reason
                    self.progress.say(f"Ending the run: {reason}. Users end their tasks ...")
                    locust.end_early()
                    ending_at = now
                    if "died" in reason:
                        self.troubles.append(reason)
            # Start-up is not part of the plan's time, so it gets as long as the end.
            limit = ending_at + DRAIN_S if ending_at else began + self.total_s + 2 * DRAIN_S if self.plan else None
            if limit is not None and now > limit:
                self.troubles.append("Locust did not end in time and was ended")
                break
        for each in steps.new():
            self.watch.step(each)
        self.progress.say("")
        if locust.ended() not in (0, 1, None):
            tail = "\n".join(locust.master_log().splitlines()[-8:])
            self.troubles.append(f"Locust's master ended with status {locust.ended()}: {tail}")

    def reason_to_end(self, locust, service):
        if self.interrupts:
            return "Ctrl-C"
        if not service.is_running():
            return "the service has died"
        if locust.workers_died():
            return f"worker {locust.workers_died()[0]} of Locust has died"
        if self.watch.fired and self.options.on_rule == "stop":
            fired = self.watch.fired[0]
            return f"stop rule '{fired.rule}' in step {fired.step}: {fired.text}"
        return None

    # Afterwards ---------------------------------------------------------------------------

    def count_tasks(self, service):
        """What the database says once every task has ended, or after TASKS_END_S."""
        deadline = time.monotonic() + TASKS_END_S
        while True:
            with opened(service.database) as database:
                by_status = dict(database.execute("SELECT status, count(*) FROM task_history GROUP BY status"))
            unfinished = by_status.get("QUEUED", 0) + by_status.get("RUNNING", 0)
            if not unfinished or not service.is_running() or time.monotonic() > deadline:
                return {"in_database": sum(by_status.values()), "by_status": by_status, "unfinished": unfinished}
            time.sleep(0.5)


def make_report(run, tasks):
    """summary.json, the plots and report.html; returns the summary."""
    read = {name: read_jsonl(run.out / f"{name}.jsonl") for name in ("locust", "steps", "service")}
    about = json.loads((run.out / "run.json").read_text())
    summary = run_summary.summarise(about, read, run.watch.fired, tasks, run.ended_by, run.troubles)
    (run.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    load_report.write(run.out, about, read, summary)
    return summary


def main():
    options = load_options.parse(sys.argv[1:])
    plan = load_options.plan(options)
    servers.raise_descriptor_limit()
    options.out.mkdir(parents=True, exist_ok=True)
    if any(options.out.iterdir()):
        load_options.refuse(f"{options.out} is not empty")
    run = Run(options, plan)
    signal.signal(signal.SIGINT, run.on_signal)
    signal.signal(signal.SIGTERM, run.on_signal)
    try:
        tasks = run.run()
    except Interrupted:
        run.progress.say("Ended at once; there is no report.")
        return 130
    except DidNotStart as error:
        load_options.refuse(f"the service did not start: {error}")
    shutil.rmtree(options.out / "nginx" / "www", ignore_errors=True)
    summary = make_report(run, tasks)
    for line in run_summary.as_lines(summary):
        print(line)
    print(f"report: {options.out / 'report.html'}")
    if run.interrupts:
        return 130
    return 0 if summary["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
