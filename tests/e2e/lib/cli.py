# SPDX-License-Identifier: MIT
"""The client as a process: with pipes, and on a terminal of its own."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

from .daemon import clean_environment, program_out
from .wait import PATIENCE_S, wait_until

CLIENT = program_out() / "taskq"

# Exit statuses, as taskq(1) has them.
OK, FAILED, USAGE, REJECTED, NOT_FOUND, BUSY, UNREACHABLE, REFUSED, NOT_ENDED, SERVICE, LOCAL = range(11)

# Everything that the client itself sends to a terminal; see src/cli/ink.c, screen.c, fullscreen.c.
OWN_SEQUENCES = re.compile(
    rb"\x1b\[(?:0|1|2|31|32|33|36)m|\x1b\[K|\x1b\[J|\x1b\[H|\x1b\[[0-9]+G|\x1b\[[0-9]+;1H|\x1b\[\?(?:1049|25|7)[hl]"
)


def url_of(service):
    """The URL of a daemon, an origin, or the text itself."""
    if isinstance(service, str):
        return service
    if hasattr(service, "address"):
        return "http://%s:%d" % service.address
    return service.url("")


def environment(service, more=None):
    return clean_environment({"TASKQ_URL": url_of(service), "TZ": "UTC", **(more or {})})


class Ended:
    """How a run of the client ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out  # bytes
        self.err = err.decode("utf-8")

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def lines(self):
        return self.text.splitlines()

    def __repr__(self):
        return f"<exit {self.code}\nout: {self.out[:2000]!r}\nerr: {self.err[:2000]}>"


def taskq(service, *words, stdin=b"", env=None, timeout=PATIENCE_S, expect=None, **more):
    """Run the client to its end, in pipes. `expect` is the exit status that it must have."""
    done = subprocess.run(
        [str(CLIENT), *map(str, words)],
        env=environment(service, env),
        input=stdin,
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        timeout=timeout,
        check=False,
        **more,
    )
    ended = Ended(done.returncode, done.stdout or b"", done.stderr)
    if expect is not None:
        assert ended.code == expect, ended
    return ended


def start(service, *words, env=None, **more):
    """Start the client with pipes; the caller ends it."""
    return subprocess.Popen(
        [str(CLIENT), *map(str, words)],
        env=environment(service, env),
        stdin=more.pop("stdin", subprocess.DEVNULL),
        stdout=more.pop("stdout", subprocess.PIPE),
        stderr=more.pop("stderr", subprocess.PIPE),
        **more,
    )


class Terminal:
    """The client on a terminal of its own, which it controls. A context manager."""

    def __init__(self, service, *words, columns=100, rows=30, env=None, stdout=None):
        settings = environment(service, {"TERM": "xterm-256color", **(env or {})})
        self.received = bytearray()
        self.code = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                if stdout is not None:
                    os.dup2(stdout, 1)
                os.execve(CLIENT, [str(CLIENT), *map(str, words)], settings)
            finally:
                os._exit(127)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                return
            if not piece:
                return
            self.received += piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.reader.join(10)
        os.close(self.fd)

    def press(self, keys):
        os.write(self.fd, keys)

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def flags(self):
        """Whether the terminal echoes, and whether it hands lines over and not keys."""
        local = termios.tcgetattr(self.fd)[3]
        return bool(local & termios.ECHO), bool(local & termios.ICANON)

    def until(self, what, behind=0):
        """Wait until these bytes were drawn behind that place; returns the place behind them."""
        wait_until(lambda: what in self.received[behind:], what=f"{what!r} in {bytes(self.received)[-2000:]!r}")
        return self.received.index(what, behind) + len(what)

    def stopped(self):
        """Wait until it was stopped by a signal."""
        pid, status = os.waitpid(self.pid, os.WUNTRACED)
        assert pid == self.pid and os.WIFSTOPPED(status), status

    def end(self, timeout=PATIENCE_S):
        """Wait for its end; the exit status, negative for a signal."""
        deadline = time.monotonic() + timeout

        def has_ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            return pid

        wait_until(has_ended, deadline - time.monotonic(), "the client ends")
        self.reader.join(10)
        return self.code

    @property
    def text(self):
        """What was drawn, without the client's own sequences."""
        return OWN_SEQUENCES.sub(b"", bytes(self.received)).decode("utf-8")


def check_harmless(received):
    """Nothing but the client's own sequences controls the terminal."""
    rest = OWN_SEQUENCES.sub(b"", bytes(received))
    found = re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]", rest)
    assert found is None, (found, rest)
    rest.decode("utf-8")
