# SPDX-License-Identifier: MIT
"""Load scenarios for taskqd: options, users, shapes and the recorder put together for Locust.

    locust -f tests/load/locustfile.py --headless --host http://127.0.0.1:18991 --profile step
        --fetch-urls http://127.0.0.1:8080/small.txt --run-dir DIRECTORY

SIGUSR1 to the master ends a profile early and in order: users end their tasks, results are written.
"""

import logging
import math
import signal
import sys
import time

import gevent
import locust.runners
from locust import events

# As a module: of a class in its own namespace Locust would make an instance at once.
import playback
import shapes
import users
from options import add_options, plan_of, settle_s
from recorder import Recorder
from users import FactorialUser, FetchUser, HastyUser, ReportUser, WaitingUser

# The recorder writes a line a second, so workers report once a second.
locust.runners.WORKER_REPORT_INTERVAL = 1.0
# Debian 12's package does not know its own version, and a master refuses a worker that names none.
if not locust.runners.__version__:
    locust.runners.__version__ = "2.12.1"
# A user that is stopped ends its task first; the poll limit bounds that.
DRAIN_MARGIN_S = 10

__all__ = ["FactorialUser", "FetchUser", "HastyUser", "ReportUser", "WaitingUser"]


@events.init_command_line_parser.add_listener
def _(parser):
    add_options(parser)


def choose_classes(environment):
    """Which users there are: by option, by the command line, by the profile."""
    options = environment.parsed_options
    if options.user_class:
        chosen = []
        for name, weight in options.user_class:
            if name not in users.CLASSES:
                sys.exit(f"there is no user class {name}; there are {', '.join(users.CLASSES)}")
            users.CLASSES[name].weight = weight
            chosen.append(users.CLASSES[name])
        environment.user_classes[:] = chosen
    elif not options.user_classes:
        environment.user_classes[:] = [users.CLASSES[shapes.USER_CLASSES.get(options.profile, "ReportUser")]]
    fetching = [one for one in environment.user_classes if one is not FactorialUser]
    if fetching and not options.fetch_urls:
        sys.exit("--fetch-urls is needed: users fetch from an origin that you name, not from a default")


def send_samples(environment):
    """On a worker: samples go with Locust's own reports."""

    @environment.events.report_to_master.add_listener
    def _(client_id, data):
        until = time.time()
        data["samples"] = {"until": until, "rows": users.samples.take()}


def describe_state(runner):
    clients = getattr(runner, "clients", None)
    if clients is None:
        return {"users": runner.user_count, "workers": 1, "worker_cpu_max": round(runner.current_cpu_usage)}
    alive = [one for one in clients.values() if one.state != locust.runners.STATE_MISSING]
    return {
        "users": runner.user_count,
        "workers": len(alive),
        "worker_cpu_max": round(max((one.cpu_usage for one in alive), default=0)),
    }


def collect_samples(environment, runner, recorder):
    """On the master, or where there is but one process: samples go to the recorder."""
    if isinstance(runner, locust.runners.MasterRunner):

        @environment.events.worker_report.add_listener
        def _(client_id, data):
            if "samples" in data:
                recorder.take(client_id, data["samples"]["until"], data["samples"]["rows"])

    def look():
        while True:
            if isinstance(runner, locust.runners.MasterRunner):
                for client in list(runner.clients.values()):
                    if client.state == locust.runners.STATE_MISSING:
                        recorder.lost(client.id)
            else:
                recorder.take("local", time.time(), users.samples.take())
            gevent.sleep(0.5)

    @environment.events.spawning_complete.add_listener
    def _(user_count):
        recorder.step_ramped()

    # Not `quitting`: the last reports of the workers come after that.
    @environment.events.quit.add_listener
    def _(exit_code):
        if not isinstance(runner, locust.runners.MasterRunner):
            recorder.take("local", time.time(), users.samples.take())
        recorder.close()

    gevent.spawn(look)
    gevent.spawn(recorder.run)


def play(environment, runner, plan, recorder):
    """Let the plan control the number of users."""
    options = environment.parsed_options

    def on_stage(stage):
        if stage is None:
            logging.info("the last step has ended; users end their tasks")
        else:
            logging.info("step %d: %d users for %g s", stage.number, stage.users, stage.seconds)
        if recorder is None:
            return
        if stage is None:
            recorder.step_ends()
        else:
            recorder.step_begins(stage.number, stage.users, settle_s(options, stage.seconds))

    shape = playback.ProfileShape(plan, options.ramp_seconds, environment.stop_timeout + DRAIN_MARGIN_S, on_stage)
    shape.runner = runner
    environment.shape_class = shape
    gevent.signal_handler(signal.SIGUSR1, shape.end_early)


@events.init.add_listener
def _(environment, runner, **_more):
    options = environment.parsed_options
    if environment.stop_timeout is None:
        environment.stop_timeout = math.ceil(options.poll_limit)
    if isinstance(runner, locust.runners.WorkerRunner):
        send_samples(environment)
        return
    choose_classes(environment)
    try:
        plan = plan_of(options)
    except ValueError as error:
        sys.exit(str(error))
    recorder = None
    if options.run_dir:
        recorder = Recorder(options.run_dir, lambda: describe_state(runner))
        collect_samples(environment, runner, recorder)
    if plan is not None:
        play(environment, runner, plan, recorder)
