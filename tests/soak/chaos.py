# SPDX-License-Identifier: MIT
"""Plays a schedule of faults against a world, and writes down what happened when."""

import json
import threading
import time
import traceback

import faults
import schedule


class Chaos:
    """A thread that brings about the faults of a schedule; `timeline` has those that have
    ended, `mixes_played` when which share of fetches began."""

    def __init__(self, world, plan, mixes, path, set_mix):
        self.world = world
        self.plan = plan
        self.mixes = list(mixes)
        self.path = path
        self.set_mix = set_mix
        self.timeline = []
        self.mixes_played = []
        self.errors = []
        self.now = ""
        self._lock = threading.Lock()
        self._beside = []
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)

    def start(self):
        self.began = time.monotonic()
        self._thread.start()
        return self

    def _elapsed(self):
        return time.monotonic() - self.began

    def _wait_until(self, at_s):
        """Changes the mix on the way; False when the run is being ended."""
        while self.mixes and self.mixes[0][0] <= at_s:
            when, percent = self.mixes.pop(0)
            self.world.ending.wait(max(0.0, when - self._elapsed()))
            self.set_mix(percent)
            self.mixes_played.append((time.time(), percent))
        self.world.ending.wait(max(0.0, at_s - self._elapsed()))
        return not self.world.ending.is_set()

    def _run(self):
        for fault in self.plan:
            if not self._wait_until(fault.at_s):
                break
            if fault.kind in schedule.BESIDE:
                thread = threading.Thread(target=self._one, args=(fault,), daemon=True)
                thread.start()
                self._beside.append(thread)
            else:
                self.now = fault.kind
                self._one(fault)
                self.now = ""
        self._wait_until(max([at for at, _ in self.mixes], default=0.0))
        for thread in self._beside:
            thread.join()

    def _one(self, fault):
        began = time.time()
        try:
            detail = faults.ALL[fault.kind](self.world, fault.seconds)
        except Exception as error:  # pylint: disable=broad-except
            # Whatever a fault brought to light is a finding of the run, not the end of it.
            detail = f"{type(error).__name__}: {error}"
            self.errors.append(f"{fault.kind}: {detail}\n{traceback.format_exc()}")
        entry = {"kind": fault.kind, "began": round(began, 3), "ended": round(time.time(), 3),
                 "planned_s": fault.at_s, "detail": detail}
        with self._lock, open(self.path, "a", encoding="utf-8") as file:
            self.timeline.append(entry)
            file.write(json.dumps(entry) + "\n")

    def join(self):
        self._thread.join()

    def is_over(self):
        return not self._thread.is_alive()
