# SPDX-License-Identifier: MIT
"""Locust as processes: one master, one worker per core, each in a session of its own.

Of its own, because Ctrl-C goes to everything in the terminal's foreground: it is for the runner, which
then ends the others in order.
"""

import pathlib
import signal
import subprocess
import sys

from lab import ROOT
from lab.servers import end_process
from lib.daemon import clean_environment
from lib.origins import free_port

LOCUSTFILE = ROOT / "tests" / "load" / "locustfile.py"


class LocustRun:
    """Start, end in order (end_early), end at once (stop)."""

    def __init__(self, directory, host, run_dir, words, workers, web=None, autostart=True):
        """`web` is the port of Locust's interface, or None for headless."""
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.worker_count = workers
        master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(self.port),
                  "--host", host, "--run-dir", str(run_dir), *words]
        if web is None:
            master += ["--headless", "--expect-workers", str(workers), "--expect-workers-max-wait", "60"]
        else:
            master += ["--web-host", "127.0.0.1", "--web-port", str(web)]
            if autostart:
                master += ["--expect-workers", str(workers), "--autostart", "--autoquit", "5"]
        self.master_words = master
        self.master = None
        self.workers = []

    def _spawn(self, name, words):
        log = open(self.directory / f"{name}.log", "wb")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, start_new_session=True,
                env=clean_environment({"PYTHONDONTWRITEBYTECODE": "1"}))

    def __enter__(self):
        self.master = self._spawn("master", self.master_words)
        for number in range(self.worker_count):
            self.workers.append(self._spawn(
                f"worker-{number + 1}",
                ["--worker", "--master-host", "127.0.0.1", "--master-port", str(self.port)]))
        return self

    def __exit__(self, *_):
        self.stop()

    def end_early(self):
        """Ask the master to end the profile: users end their tasks, results are written."""
        if self.master.poll() is None:
            self.master.send_signal(signal.SIGUSR1)

    def stop(self):
        # The master first: it tells the workers, and writes what it has.
        for process in [self.master, *self.workers]:
            if process is not None:
                end_process(process)

    def ended(self):
        """The master's exit code, or None while it runs."""
        return self.master.poll()

    def workers_died(self):
        """Numbers of workers that ended otherwise than Locust ends them: 0, or 1 where requests failed."""
        return [number for number, process in enumerate(self.workers, 1) if process.poll() not in (None, 0, 1)]

    def pids(self):
        return [process.pid for process in [self.master, *self.workers] if process is not None and process.poll() is None]

    def master_log(self):
        return (self.directory / "master.log").read_text("utf-8", "replace")
