# SPDX-License-Identifier: MIT
"""A stand-in for systemd: keeps a socket open, passes it on, and hears what the service tells."""

import os
import socket
import sys

from .wait import PATIENCE_S

# Runs as the process that becomes the service, whose number LISTEN_PID has to name.
_PASS = """
import fcntl, os, sys
count = int(sys.argv[2])
spare = fcntl.fcntl(int(sys.argv[1]), fcntl.F_DUPFD_CLOEXEC, 3 + count)
for number in range(3, 3 + count):
    os.dup2(spare, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), WATCHDOG_PID=str(os.getpid()))
os.execv(sys.argv[3], sys.argv[3:])
"""


class Supervisor:
    """Holds the listening socket across the service's runs: options() go to make_daemon."""

    def __init__(self, directory, address=("127.0.0.1", 0), watchdog_ms=None, count=1):
        self.listening = socket.create_server(address, backlog=512)
        self.address = self.listening.getsockname()[:2]
        self.path = str(directory / "notify")
        self.heard = []
        self.count = count
        self.watchdog_ms = watchdog_ms
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path)
        self.notify.settimeout(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()
        self.notify.close()

    def options(self, **more):
        env = {"NOTIFY_SOCKET": self.path}
        if self.watchdog_ms is not None:
            env["WATCHDOG_USEC"] = str(self.watchdog_ms * 1000)
        return {
            "env": {**env, **more.pop("env", {})},
            "wrapper": [sys.executable, "-c", _PASS, str(self.listening.fileno()), str(self.count)],
            "pass_fds": [self.listening.fileno()],
            "listen": f"{self.address[0]}:{self.address[1]}",
            **more,
        }

    def hear(self):
        """The next message, as a dictionary of its assignments."""
        message = self.notify.recv(4096).decode()
        assert message.endswith("\n")
        found = dict(line.split("=", 1) for line in message.splitlines())
        self.heard.append(found)
        return found

    def await_message(self, name, value="1"):
        """Hear until a message has this assignment, and return it."""
        while True:
            message = self.hear()
            if message.get(name) == value:
                return message

    def await_status(self, text):
        while True:
            message = self.hear()
            if text in message.get("STATUS", ""):
                return message


def socket_activate():
    """The real thing, where there is one."""
    for directory in os.environ.get("PATH", "/usr/bin").split(os.pathsep):
        path = os.path.join(directory, "systemd-socket-activate")
        if os.access(path, os.X_OK):
            return path
    return None
