# SPDX-License-Identifier: MIT
"""Following a run: new lines of a growing JSONL file, and the progress line."""

import json
import pathlib
import sys
import time

PIPE_PERIOD_S = 10


class Follower:
    """Reads the whole lines that a JSONL file has gained since the last time."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.position = 0

    def new(self):
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.position)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.position += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]


def clock(seconds):
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def _ms(value):
    return "-" if value is None else f"{value:.1f}"


def describe(line, sample, steps_total, elapsed, total):
    """One line about now, from a line of locust.jsonl and a sample; either may be None."""
    words = [f"{clock(elapsed)}" + (f" of {clock(total)}" if total else "")]
    if line is None:
        return words[0] + "  starting"
    if line.get("step") is not None:
        words.append(f"step {line['step']}/{steps_total}" if steps_total else f"step {line['step']}")
    words.append(f"{line['users']} users  {line['rps']:.0f} req/s  p50 {_ms(line['p50'])}  p95 {_ms(line['p95'])} ms")
    words.append(f"failures {line['failures']}")
    if sample is not None:
        if sample["queued"] is not None:
            words.append(f"queued {sample['queued']}")
        if sample["rss_bytes"] is not None:
            words.append(f"rss {sample['rss_bytes'] / (1 << 20):.0f} MiB")
        if sample["load1"] is not None:
            words.append(f"load {sample['load1']:.1f}")
    return "  ".join(words)


class Progress:
    """One line that is updated on a terminal; a line every 10 s elsewhere."""

    def __init__(self, out=sys.stderr):
        self.out = out
        self.terminal = out.isatty()
        self.width = 0
        self.last = float("-inf")

    def show(self, text):
        if self.terminal:
            self.out.write("\r" + text.ljust(self.width))
            self.width = len(text)
        elif time.monotonic() - self.last >= PIPE_PERIOD_S:
            self.last = time.monotonic()
            self.out.write(text + "\n")
        self.out.flush()

    def say(self, text):
        """A line that stays."""
        if self.terminal and self.width:
            self.out.write("\r" + " " * self.width + "\r")
            self.width = 0
        self.out.write(text + "\n")
        self.out.flush()
