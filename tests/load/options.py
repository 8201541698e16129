# SPDX-License-Identifier: MIT
"""The options that the scenarios add to Locust's own."""

from shapes import PROFILES, make_plan


def number_list(text):
    return [int(word) for word in text.split(",") if word]


def text_list(text):
    return [word for word in text.split(",") if word]


def class_weights(text):
    """ReportUser:3,HastyUser:1 as a list of (name, weight)."""
    found = []
    for word in text_list(text):
        name, _, weight = word.partition(":")
        found.append((name, int(weight or 1)))
    return found


def add_options(parser):
    def add(flag, **more):
        # Locust shows the options of a scenario in its web interface as text; lists would suffer.
        parser.add_argument(
            flag, include_in_web_ui=False, env_var="TASKQ_LOAD_" + flag[2:].upper().replace("-", "_"), **more
        )

    add("--profile", choices=PROFILES, default="manual", help="load shape; manual: Locust's own --users")
    add("--step-minutes", type=float, default=1.0, help="length of a step")
    add("--first-users", type=int, help="users of the first step")
    add("--increment-users", type=int, help="users more per step")
    add("--last-users", type=int, help="users of the last step")
    add("--levels", type=number_list, help="users of each step, separated by commas")
    add("--ramp-seconds", type=float, default=2.0, help="about how long a change of users takes")
    add("--settle-seconds", type=float,
        help="time after a ramp that a step leaves out; default: the task wait, at most a quarter of a step")
    add("--user-class", type=class_weights, help="NAME[:WEIGHT],...; default: that of the profile")
    add("--fetch-urls", type=text_list, default=[],
        help="what http-fetch fetches, separated by commas; {0-99} is a random number. Each must give "
        "the same content every time")
    add("--expect-failures", action="store_true",
        help="a fetch that FAILED through its origin is no failure but counted by its own name")
    add("--factorial-max", type=int, default=100, help="n is 0 to this")
    add("--task-wait", type=float, default=5.0, help="seconds between a user's tasks")
    add("--poll-interval", type=float, default=1.0, help="seconds between polls of the status")
    add("--poll-limit", type=float, default=60.0, help="seconds after which a task that has not ended failed")
    add("--hasty-poll-ms", type=int, default=50, help="HastyUser: milliseconds between polls")
    add("--wait-seconds", type=int, default=30, help="WaitingUser: the value of ?wait=")
    add("--run-dir", help="directory of locust.jsonl and steps.jsonl; without it they are not written")


def plan_of(options):
    """The plan that the options ask for; None for manual."""
    if options.profile == "manual":
        return None
    return make_plan(
        options.profile, options.step_minutes * 60,
        options.first_users, options.increment_users, options.last_users, options.levels,
    )


def settle_s(options, stage_s):
    if options.settle_seconds is not None:
        return options.settle_seconds
    return min(options.task_wait, stage_s / 4)

