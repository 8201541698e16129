# SPDX-License-Identifier: MIT
"""One JSON line a second about the service, from /proc, the file system and GET /stats.

A sample costs a few reads and one small request on a connection that stays open. The service may
die and come back between two samples, or in the middle of one: what could not be read is null, and
sums over an interval are null when the process is not the one of the sample before.
"""

import http.client
import json
import os
import pathlib
import threading
import time

PERIOD_S = 1.0
STATS_TIMEOUT_S = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")

MEMBERS = (
    "t", "mono", "pid", "rss_bytes", "descriptors", "threads", "cpu_s", "load1", "queued", "running",
    "running_by_lane", "queued_by_lane", "succeeded", "failed", "rejected", "admission", "refused",
    "database_bytes", "wal_bytes", "result_files", "commits", "commit_ms", "commit_ms_max",
    "http_connections", "http_requests", "stats_ms", "machine_busy_s", "machine_idle_s", "others_cpu_s",
)


def _or_none(read):
    """The value, or None where the thing to be read has gone."""
    try:
        return read()
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None


def process_figures(pid):
    """Memory, descriptors, threads and CPU seconds of a process; members are None when it is gone."""
    if pid is None:
        return {"rss_bytes": None, "descriptors": None, "threads": None, "cpu_s": None}
    stat = _or_none(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rsplit(")", 1)[1].split())
    return {
        "rss_bytes": _or_none(lambda: int(stat[21]) * _PAGE),
        "descriptors": _or_none(lambda: len(os.listdir(f"/proc/{pid}/fd"))),
        "threads": _or_none(lambda: int(stat[17])),
        "cpu_s": _or_none(lambda: (int(stat[11]) + int(stat[12])) / _TICKS),
    }


def _cpu_of(pids):
    """CPU seconds of several processes; None when one of them is gone."""
    each = [process_figures(pid)["cpu_s"] for pid in pids]
    return None if not each or None in each else round(sum(each), 2)


def machine_figures():
    """CPU seconds that all cores together have been busy and idle since boot."""
    words = _or_none(lambda: pathlib.Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9])
    # user nice system idle iowait irq softirq steal
    return {
        "machine_busy_s": _or_none(lambda: sum(int(words[i]) for i in (0, 1, 2, 5, 6, 7)) / _TICKS),
        "machine_idle_s": _or_none(lambda: (int(words[3]) + int(words[4])) / _TICKS),
    }


def file_figures(database):
    """Sizes of the database and its log, and the number of results kept as files."""
    def results():
        return sum(1 for entry in os.scandir(database.parent) if entry.is_dir()
                   for inner in os.scandir(entry.path) if inner.is_file())

    return {
        "database_bytes": _or_none(lambda: os.stat(database).st_size),
        "wal_bytes": _or_none(lambda: os.stat(f"{database}-wal").st_size),
        "result_files": _or_none(results),
    }


def stats_figures(stats):
    """The members of a sample that GET /stats tells; None without it."""
    if stats is None:
        return dict.fromkeys((
            "queued", "running", "running_by_lane", "queued_by_lane", "succeeded", "failed", "rejected",
            "admission", "refused", "commits", "http_connections", "http_requests"))
    tasks, lanes = stats.get("tasks", {}), stats.get("lanes", {})
    admission = stats.get("admission", {})
    return {
        "queued": tasks.get("QUEUED"),
        "running": tasks.get("RUNNING"),
        "running_by_lane": {name: lane.get("running") for name, lane in lanes.items()} or None,
        "queued_by_lane": {name: lane.get("queued") for name, lane in lanes.items()} or None,
        "succeeded": tasks.get("SUCCEEDED"),
        "failed": tasks.get("FAILED"),
        "rejected": tasks.get("REJECTED"),
        "admission": admission.get("state"),
        "refused": _or_none(lambda: sum(admission["refused"].values())),
        "commits": stats.get("store", {}).get("commits"),
        "http_connections": stats.get("http", {}).get("connections"),
        "http_requests": stats.get("http", {}).get("requests"),
    }


def commit_times(before, after):
    """Mean and largest commit time in ms between two answers of /stats.

    The largest is known as the upper bound of the highest histogram bucket that grew; in the bucket
    without a bound it is the bound below. (None, None) without a commit or without two answers.
    """
    try:
        old, new = before["store"]["commit_ms"], after["store"]["commit_ms"]
        count = new["count"] - old["count"]
        if count <= 0:
            return None, None
        mean = (new["sum"] - old["sum"]) / count
        was = {str(bucket["le"]): bucket["count"] for bucket in old["buckets"]}
        largest, below_old, below_new, bound = None, 0, 0, 0.0
        for bucket in new["buckets"]:
            now_here = bucket["count"] - below_new
            was_here = was.get(str(bucket["le"]), 0) - below_old
            below_new, below_old = bucket["count"], was.get(str(bucket["le"]), 0)
            bound = _or_none(lambda b=bucket: float(b["le"])) or bound
            if now_here > was_here:
                largest = bound
        if below_new < new["count"] and new["count"] - below_new > old["count"] - below_old:
            largest = bound
        return round(mean, 4), largest if largest != float("inf") else None
    except (KeyError, TypeError, AttributeError):
        return None, None


class Sampler:
    """Samples `service` (an object with pid, address and database) into a JSONL file.

    `others` are names of what else runs, each with a function that returns its process ids; the sum
    of their CPU seconds stands in each sample, so that a report can tell who used the machine.
    """

    def __init__(self, service, path, period_s=PERIOD_S, others=None):
        self.others = others or {}
        self.service = service
        self.path = pathlib.Path(path)
        self.period_s = period_s
        self.samples = 0
        self.last = None
        self._ending = threading.Event()
        self._thread = None
        self._connection = None
        self._connected_to = None
        self._stats = None
        self._stats_pid = None
        self._no_stats_pid = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()
        return self

    def stop(self):
        """End sampling, after one more sample."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self):
        next_at = time.monotonic()
        with open(self.path, "a", encoding="utf-8", buffering=1) as file:
            while True:
                ending = self._ending.is_set()
                self.last = self.sample()
                file.write(json.dumps(self.last) + "\n")
                self.samples += 1
                if ending:
                    break
                next_at = max(next_at + self.period_s, time.monotonic())
                self._ending.wait(next_at - time.monotonic())
        self._disconnect()

    def sample(self):
        """One sample, now."""
        pid = self.service.pid
        sample = dict.fromkeys(MEMBERS)
        sample.update(t=round(time.time(), 3), mono=round(time.monotonic(), 3), pid=pid,
                      load1=_or_none(lambda: os.getloadavg()[0]))
        sample.update(process_figures(pid))
        sample.update(machine_figures())
        sample["others_cpu_s"] = {name: _cpu_of(pids()) for name, pids in self.others.items()}
        sample.update(file_figures(pathlib.Path(self.service.database)))
        stats = None if pid is None or pid == self._no_stats_pid else self._get_stats(pid, sample)
        sample.update(stats_figures(stats))
        if stats is not None and self._stats_pid == pid:
            sample["commit_ms"], sample["commit_ms_max"] = commit_times(self._stats, stats)
        self._stats, self._stats_pid = stats, pid
        return sample

    def _get_stats(self, pid, sample):
        """The answer of /stats, or None: no such endpoint, no service, no answer in time."""
        address = self.service.address
        began = time.monotonic()
        try:
            if self._connection is None or self._connected_to != (pid, address):
                self._disconnect()
                self._connection = http.client.HTTPConnection(*address, timeout=STATS_TIMEOUT_S)
                self._connected_to = (pid, address)
            self._connection.request("GET", "/stats")
            response = self._connection.getresponse()
            body = response.read()
            if response.status == 404:
                self._no_stats_pid = pid  # a build without it: not asked again
                return None
            stats = json.loads(body) if response.status == 200 else None
            sample["stats_ms"] = round((time.monotonic() - began) * 1000, 3)
            return stats if isinstance(stats, dict) else None
        except (OSError, http.client.HTTPException, ValueError, TypeError):
            self._disconnect()
            return None

    def _disconnect(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_jsonl(path):
    """The objects of a JSONL file; a torn last line (the writer was killed) is left out."""
    found = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
    except FileNotFoundError:
        pass
    return found
