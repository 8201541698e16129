# SPDX-License-Identifier: MIT
"""The machine and the libraries that a figure was measured with, as a dictionary.

Everything is read from the running system; what a system does not tell is null.
"""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import time

from . import ROOT

PACKAGES = (
    "libmicrohttpd12", "libsqlite3-0", "libcurl4", "libssl3", "libjansson4", "python3-locust",
    "python3-gevent", "nginx-light", "nginx-core", "nginx",
)


def _text(path):
    try:
        return pathlib.Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _output(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _match(pattern, text):
    found = re.search(pattern, text or "", re.M)
    return found.group(1).strip() if found else None


def packages():
    """Versions of the Debian packages that matter, those that are installed."""
    found = {}
    for name in PACKAGES:
        version = _output("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", name)
        if version and version.startswith("installed "):
            found[name] = version.split(" ", 1)[1]
    return found


def cgroup_limits():
    """CPU cores and bytes of memory that the control group (v2) allows; null is no limit."""
    path = _match(r"^0::(.*)$", _text("/proc/self/cgroup"))
    limits = {"cpus": None, "memory_bytes": None}
    if path is None:
        return limits
    place = pathlib.Path("/sys/fs/cgroup" + path)
    # A limit anywhere above holds as well.
    while str(place).startswith("/sys/fs/cgroup"):
        words = (_text(place / "cpu.max") or "max").split()
        if len(words) == 2 and words[0] != "max":
            cpus = int(words[0]) / int(words[1])
            limits["cpus"] = min(cpus, limits["cpus"] or cpus)
        memory = _text(place / "memory.max") or "max"
        if memory.isdigit():
            limits["memory_bytes"] = min(int(memory), limits["memory_bytes"] or int(memory))
        place = place.parent
    return limits


def disk(directory):
    """The file system that holds a directory: type, device, options, sizes."""
    # findmnt needs a path that is there.
    place = pathlib.Path(directory).resolve()
    while not place.exists():
        place = place.parent
    line = _output("findmnt", "-n", "-r", "-o", "FSTYPE,SOURCE,OPTIONS", "-T", str(place))
    kind, source, options = (line.split(" ", 2) + [None] * 3)[:3] if line else (None, None, None)
    usage = shutil.disk_usage(place)
    name = os.path.basename(source) if source and source.startswith("/dev/") else None
    # A partition has no queue of its own; its disk lies one directory up.
    queue = next((found for found in (f"/sys/class/block/{name}/queue", f"/sys/class/block/{name}/../queue")
                  if name and os.path.isdir(found)), None)
    return {
        "filesystem": kind, "device": source, "options": options,
        "bytes": usage.total, "free_bytes": usage.free,
        "rotational": {"0": False, "1": True}.get(_text(f"{queue}/rotational")) if queue else None,
        "write_cache": _text(f"{queue}/write_cache") if queue else None,
    }


def flush_ms(directory, rounds=40):
    """Median and 95th percentile of the time that a written page of 4 KiB takes to the disk, in ms.

    It is what a durable answer waits for at least.
    """
    times = []
    path = pathlib.Path(directory) / f"flush-{os.getpid()}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for number in range(rounds):
            os.pwrite(descriptor, b"x" * 4096, 4096 * number)
            began = time.perf_counter()
            os.fdatasync(descriptor)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(descriptor)
        os.unlink(path)
    times.sort()
    return {"p50": round(times[len(times) // 2], 3), "p95": round(times[int(len(times) * 0.95)], 3)}


def commit():
    """The commit of the tree and whether it has changes; null outside of git."""
    name = _output("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    if name is None:
        return None
    changed = _output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")
    return {"name": name, "date": _output("git", "-C", str(ROOT), "log", "-1", "--format=%cI"),
            "changed": bool(changed)}


def describe(directory=None):
    """The machine now: `directory` is where the data of the run will lie."""
    cpuinfo, meminfo = _text("/proc/cpuinfo"), _text("/proc/meminfo")
    total = _match(r"^MemTotal:\s+([0-9]+) kB$", meminfo)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu_model": _match(r"^model name\s*:\s*(.*)$", cpuinfo),
        "cpu_mhz": _match(r"^cpu MHz\s*:\s*(.*)$", cpuinfo),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(total) * 1024 if total else None,
        "cgroup": cgroup_limits(),
        "virtualisation": _output("systemd-detect-virt"),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "distribution": _match(r'^PRETTY_NAME="?([^"]*)"?$', _text("/etc/os-release")),
        "compiler": (_output("cc", "--version") or "").split("\n")[0] or None,
        "python": platform.python_version(),
        "disk": disk(directory or ROOT),
        "packages": packages(),
        "commit": commit(),
        "load_at_start": list(os.getloadavg()),
    }


def _gib(size):
    return f"{size / (1 << 30):.1f} GiB" if size is not None else "unknown"


def rows(machine):
    """The description as (name, text) for a table in a report."""
    place, limits = machine["disk"], machine["cgroup"]
    limited = [text for value, text in (
        (limits["cpus"], f"{limits['cpus'] or 0:g} CPUs"),
        (limits["memory_bytes"], f"{_gib(limits['memory_bytes'])} of memory"),
    ) if value is not None]
    found = [
        ("Processor", f"{machine['cores']} cores, {machine['cpu_model'] or 'model not told'}, "
                      f"{machine['architecture']}"),
        ("Memory", _gib(machine["memory_bytes"])),
        ("Control group", ", ".join(limited) or "no limit"),
        ("System", f"{machine['distribution']}, Linux {machine['kernel']}"
                   + (f", {machine['virtualisation']}" if machine["virtualisation"] not in (None, "none") else "")),
        ("Disk", f"{place['filesystem']} on {place['device']}, {_gib(place['free_bytes'])} free"
                 + (f", {place['write_cache']} cache" if place["write_cache"] else "")),
        ("Compiler", machine["compiler"] or "none"),
        ("Packages", ", ".join(f"{name} {version}" for name, version in machine["packages"].items()) or "unknown"),
        ("Load average at start", " ".join(f"{value:.2f}" for value in machine["load_at_start"])),
    ]
    if machine["commit"]:
        found.insert(0, ("Commit", machine["commit"]["name"] + (" with changes" if machine["commit"]["changed"] else "")
                         + f" of {machine['commit']['date']}"))
    return found
