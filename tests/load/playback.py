# SPDX-License-Identifier: MIT
"""Plays a plan of shapes.py as a load shape of Locust."""

import time

from locust import LoadTestShape

from shapes import RAMP_MIN_PER_S, Plan, ramp_per_s


class ProfileShape(LoadTestShape):
    """Plays a plan, then lets every user end its task, then ends the run."""

    def __init__(self, plan, ramp_s, drain_s, on_stage):
        """`on_stage(stage)` is called when a stage begins, and with None when the last has ended."""
        super().__init__()
        self.plan, self.ramp_s, self.drain_s, self.on_stage = plan, ramp_s, drain_s, on_stage
        self.stage = None
        self.users = 0
        self.rate = RAMP_MIN_PER_S
        self.drain_until = None

    def end_early(self):
        """Go to the end of the plan: users end their tasks, results are written."""
        self.plan = Plan([])

    def _enter(self, stage):
        users = stage.users if stage else 0
        self.rate = ramp_per_s(self.users, users, self.ramp_s)
        self.stage, self.users = stage, users
        self.on_stage(stage)

    def tick(self):
        if self.drain_until is not None:
            if self.get_current_user_count() == 0 or time.monotonic() > self.drain_until:
                return None
            return 0, self.rate
        stage = self.plan.at(self.get_run_time())
        if stage is None:
            self._enter(None)
            self.drain_until = time.monotonic() + self.drain_s
            return 0, self.rate
        if self.stage is None or stage.number != self.stage.number:
            self._enter(stage)
        return self.users, self.rate
