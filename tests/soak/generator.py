# SPDX-License-Identifier: MIT
"""soakgen as a process: its commands, its counts."""

import json
import pathlib
import subprocess
import threading

from lib.wait import wait_until

KEPT = 4000


class Generator:
    """Starts soakgen; `last` is its latest line of counts, all of them go to gen.jsonl."""

    def __init__(self, program, directory, port, connections, catalogue, seed):
        self.directory = pathlib.Path(directory)
        self.ledger = self.directory / "ledger"
        self.words = [str(program), str(port), str(connections), str(catalogue), str(self.ledger), str(seed)]
        self.last = {}
        self.lines = 0
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()
        return self

    def _collect(self):
        with open(self.directory / "gen.jsonl", "a", encoding="utf-8", buffering=1) as file:
            for line in self.process.stdout:
                file.write(line)
                self.last = json.loads(line)
                self.lines += 1

    def command(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def await_lines(self, count):
        """Wait for that many further lines, and return the latest."""
        want = self.lines + count
        wait_until(lambda: self.lines >= want or self.process.poll() is not None, count * 2 + 10, "the generator's counts")
        return self.last

    def is_running(self):
        return self.process.poll() is None

    def finish(self, patience_s):
        """No more submissions; wait until each task in flight has been followed to its end."""
        self.command("stop")
        self.await_lines(2)
        wait_until(lambda: self.last["in_flight"] == 0, patience_s, "every task that clients wait for has ended")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.thread.join(5)
