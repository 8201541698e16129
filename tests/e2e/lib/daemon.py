# SPDX-License-Identifier: MIT
"""The daemon as a process: start, watch, kill, restart on the same data; always cleaned up."""

import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import threading

from .api import Client
from .wait import PATIENCE_S, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ.get("TASKQD", ROOT / "build" / "taskqd")).resolve()
FIRST_LINE = re.compile(r"listening on http://(\[[0-9a-f:]+\]|[0-9.]+):([0-9]+)\Z")
ALARMS = (
    "AddressSanitizer",
    "LeakSanitizer",
    "ThreadSanitizer",
    "runtime error:",
    "Assertion `",
    "*** stack smashing",
    "*** buffer overflow",
)
PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _sanitizer():
    try:
        image = PROGRAM.read_bytes()
    except OSError:
        return ""
    for name, mark in (("address", b"__asan_init"), ("thread", b"__tsan_init")):
        if mark in image:
            return name
    return ""


SANITIZER = _sanitizer()


def program_out():
    """The directory that this build's other products lie in."""
    return PROGRAM.parent


def clean_environment(extra=None):
    """The caller's environment without anything that configures the daemon or its fetches."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TASKQ", "GLIBC_TUNABLES")) and name.lower() not in PROXY_VARIABLES
    }
    environment.update(LANG="C.UTF-8", LC_ALL="C.UTF-8")
    environment.setdefault("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=1")
    environment.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1:die_after_fork=0")
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    environment.update(extra or {})
    return environment


def flags(settings):
    """Keyword settings as options: queue_max=3 is --queue-max 3, a list repeats its option."""
    words = []
    for name, value in settings.items():
        option = "--" + name.replace("_", "-")
        for item in value if isinstance(value, (list, tuple)) else [value]:
            words += [option, {True: "yes", False: "no"}.get(item, str(item)) if isinstance(item, bool) else str(item)]
    return words


def run_program(*words, env=None, timeout=PATIENCE_S, cwd=None):
    """Run the program to its end; for --version, --check-config and refused starts."""
    return subprocess.run(
        [str(PROGRAM), *map(str, words)],
        env=clean_environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        check=False,
    )


def end_tracer(tracer):
    """End a strace, by force when it waits for a thread that has died under it."""
    tracer.terminate()
    try:
        tracer.wait(2)
    except subprocess.TimeoutExpired:
        tracer.kill()
        tracer.wait()
    tracer.stderr.close()


class DidNotStart(AssertionError):
    """The daemon ended, or went silent, before it said that it listens."""

    def __init__(self, code, stderr):
        super().__init__(f"not listening; exit code {code}; stderr:\n{stderr[-4000:]}")
        self.code = code
        self.stderr = stderr


class Daemon:
    """One daemon on one data directory. Each start() is a new process on the same data."""

    def __init__(self, directory, env=None, wrapper=(), words=(), pass_fds=(), **settings):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = self.directory / "data"
        self.settings = settings
        self.env = env or {}
        self.wrapper = list(wrapper)  # must exec the daemon in its own process
        self.words = list(words)
        self.pass_fds = tuple(pass_fds)
        self.process = None
        self.address = None
        self.stdout = []
        self.runs = 0
        self.expect_alarms = False

    # Life ---------------------------------------------------------------------------------

    def command(self):
        settings = {"listen": "127.0.0.1:0", "data_dir": self.data, **self.settings}
        return self.wrapper + [str(PROGRAM)] + flags(settings) + self.words

    def spawn(self):
        """Start the process without waiting for anything."""
        assert not self.is_running(), "already running"
        self.runs += 1
        self._lines = queue.Queue()
        self.stdout = []
        self.stderr_path = self.directory / f"stderr.{self.runs}"
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=clean_environment(self.env),
                cwd=self.directory,
                pass_fds=self.pass_fds,
            )
        threading.Thread(target=self._collect, args=(self.process, self._lines), daemon=True).start()
        return self

    def _collect(self, process, lines):
        with process.stdout:
            for line in process.stdout:
                text = line.decode("utf-8", "replace").rstrip("\n")
                self.stdout.append(text)
                lines.put(text)
        lines.put(None)

    def start(self, timeout=PATIENCE_S):
        """Start and wait for the first line on standard output, which tells the address."""
        self.spawn()
        return self.await_first_line(timeout)

    def await_first_line(self, timeout=PATIENCE_S):
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            self.kill9()
            raise DidNotStart(None, self.stderr()) from None
        if line is None:
            code = self.process.wait(timeout=timeout)
            raise DidNotStart(code, self.stderr())
        match = FIRST_LINE.match(line)
        assert match, f"first line on standard output: {line!r}"
        self.address = (match.group(1).strip("[]"), int(match.group(2)))
        return self

    def wait_ready(self, timeout=PATIENCE_S):
        with self.client() as client:
            wait_until(lambda: client.get("/readyz").status == 200, timeout, "ready")
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            os.kill(self.process.pid, number)

    def wait(self, timeout=PATIENCE_S):
        """The exit code, negative for a signal."""
        return self.process.wait(timeout=timeout)

    def kill9(self):
        self.signal(signal.SIGKILL)
        code = self.wait()
        self.check_alarms()
        return code

    def terminate(self, timeout=PATIENCE_S):
        """SIGTERM and the exit code."""
        self.signal(signal.SIGTERM)
        code = self.wait(timeout)
        self.check_alarms()
        return code

    def restart(self, timeout=PATIENCE_S):
        assert not self.is_running()
        return self.start(timeout)

    def cleanup(self):
        """End whatever still runs, and complain about sanitizer reports and crashes."""
        if self.process is None:
            return
        try:
            if self.is_running():
                self.signal(signal.SIGTERM)
                self.signal(signal.SIGCONT)
                try:
                    self.wait(30)
                except subprocess.TimeoutExpired:
                    self.signal(signal.SIGTERM)
                    try:
                        self.wait(5)
                    except subprocess.TimeoutExpired:
                        self.signal(signal.SIGKILL)
                        self.wait()
        finally:
            self.check_alarms()
            shutil.rmtree(self.data, ignore_errors=True)

    # Observation --------------------------------------------------------------------------

    def stderr(self):
        return self.stderr_path.read_text("utf-8", "replace") if self.runs else ""

    def check_alarms(self):
        text = self.stderr()
        if self.expect_alarms:
            return
        for alarm in ALARMS:
            assert alarm not in text, f"{alarm} in the log:\n{text[-8000:]}"
        code = self.process.poll()
        assert code not in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL), (
            f"died of signal {-code}:\n{text[-4000:]}"
        )

    @property
    def pid(self):
        return self.process.pid

    @property
    def database(self):
        return self.data / "taskq.db"

    def client(self, **more):
        return Client(self.address, **more)

    def descriptors(self):
        """Descriptor number to what it is."""
        found = {}
        for entry in os.scandir(f"/proc/{self.pid}/fd"):
            try:
                found[int(entry.name)] = os.readlink(entry.path)
            except FileNotFoundError:
                pass
        return found

    def sockets(self):
        return sum(1 for target in self.descriptors().values() if target.startswith("socket:"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def rss_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+([0-9]+) kB$", status, re.M).group(1))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
