# SPDX-License-Identifier: MIT
"""The faults of a soak, each a function that brings one about and takes it back.

A fault gets the world and how long it lasts; it returns a remark or nothing. Whatever happens it
undoes what it did, so that the next one meets a whole world.
"""

import contextlib
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import threading
import time

from lib.daemon import DidNotStart

STUCK_READER = pathlib.Path(__file__).resolve().parent / "stuck_reader.py"
STRANGERS = 60  # connections of a burst
SUBMISSION = b'{"type":"factorial","args":{"n":"7"}}'


class World:
    """What a run has: servers, disk, the clock of the run, and what the ledger must know of faults."""

    def __init__(self, service, nginx, bad, disk, seed, web=None):
        self.service = service
        self.nginx = nginx
        self.bad = bad
        self.web = web
        self.disk = disk
        self.rng = random.Random(seed)
        self.ending = threading.Event()
        self.restarting = threading.Lock()
        self.outages = []  # (origin, began ms, ended ms)
        self.unknown = 0   # submissions of strangers, which are not in the ledger
        self.big_id = None  # a task with a large result
        self.exit_codes = []

    def pause(self, seconds):
        """Let a fault last; shorter when the run is being ended."""
        self.ending.wait(seconds)

    @contextlib.contextmanager
    def outage(self, *origins):
        began = time.time() * 1000
        try:
            yield
        finally:
            self.outages += [(origin, began, time.time() * 1000) for origin in origins]


# The service --------------------------------------------------------------------------------


def kill(world, _seconds):
    with world.restarting:
        world.service.kill9()
        world.service.start()


def kill_in_start(world, _seconds):
    """Killed once more while it starts: recovery must bear being cut short."""
    after_s = world.rng.uniform(0, 0.05)
    with world.restarting:
        world.service.kill9()
        world.service.daemon.spawn()
        world.pause(after_s)
        world.service.kill9()
        world.service.start()
    return f"again after {after_s * 1000:.0f} ms"


def terminate(world, _seconds):
    with world.restarting:
        code = world.service.stop()
        world.exit_codes.append(code)
        world.service.start()
    return f"exit code {code}"


def stop(world, seconds):
    """SIGSTOP: nothing moves, and every deadline of its clients and origins passes."""
    pid = world.service.pid
    with world.restarting, world.outage("nginx", "bad", "web"):
        os.kill(pid, signal.SIGSTOP)
        try:
            world.pause(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def stuck_reader(world, seconds):
    reader = subprocess.Popen(["/usr/bin/python3", str(STUCK_READER), str(world.service.database)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        if not reader.stdout.readline():
            return "did not get in: " + reader.stderr.read().decode()[-200:]
        world.pause(seconds)
        return None
    finally:
        reader.stdin.close()
        reader.wait(60)
        reader.stdout.close()
        reader.stderr.close()


# Origins ------------------------------------------------------------------------------------


def nginx_down(world, seconds):
    with world.outage("nginx"):
        world.nginx.stop()
        try:
            world.pause(seconds)
        finally:
            world.nginx.start()


def origin_hangs(world, seconds):
    """The kernel still accepts for it, and nobody answers."""
    pids = world.bad.pids + (world.web.pids if world.web else [])
    with world.outage("bad", "web"):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            world.pause(seconds)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


def origin_dies(world, seconds):
    origins = [origin for origin in (world.bad, world.web) if origin]
    with world.outage("bad", "web"):
        for origin in origins:
            origin.stop()
        try:
            world.pause(seconds)
        finally:
            for origin in origins:
                origin.start()


# The disk -----------------------------------------------------------------------------------


def full_disk(world, seconds):
    try:
        world.disk.fill()
        left = world.disk.free_bytes()
        world.pause(seconds)
    finally:
        world.disk.free()
    return f"{left} bytes were left"


def kill_on_full_disk(world, seconds):
    """It may refuse to start there, with words; with space again it must start."""
    said = None
    with world.restarting:
        try:
            world.disk.fill()
            world.pause(seconds)
            world.service.kill9()
            try:
                world.service.daemon.start()
            except DidNotStart as refused:
                said = f"refused to start with exit code {refused.code}"
                if not refused.code or refused.code < 0 or not refused.stderr.strip():
                    raise
        finally:
            world.disk.free()
        if world.service.is_running():
            world.service.daemon.wait_ready()
        else:
            world.service.start()
    return said or "started on the full disk"


# Strangers ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _strangers(world, count=STRANGERS):
    """Connections to the service, as many as it takes; none of them is an error."""
    sockets = []
    try:
        for _ in range(count):
            with contextlib.suppress(OSError):
                sockets.append(socket.create_connection(world.service.address, timeout=2))
        yield sockets
    finally:
        for connection in sockets:
            connection.close()


def _rounds(world, seconds, act):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not world.ending.is_set():
        with _strangers(world) as sockets:
            for connection in sockets:
                with contextlib.suppress(OSError):
                    act(connection)
        world.pause(0.25)


def garbage(world, seconds):
    def act(connection):
        connection.sendall(world.rng.choice((
            world.rng.randbytes(300), b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" + world.rng.randbytes(100),
            b"POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 40\r\n\r\n" + world.rng.randbytes(40),
            b"GET /tasks/" + b"%ff" * 60 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")))
        if world.rng.random() < 0.5:
            connection.shutdown(socket.SHUT_WR)

    _rounds(world, seconds, act)


def half_open(world, seconds):
    """Headers and bodies that never end."""
    beginnings = (b"", b"GET /healthz HTT", b"POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\n"
                  b"Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"type\":")
    with _strangers(world, 2 * STRANGERS) as sockets:
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.sendall(world.rng.choice(beginnings))
        world.pause(seconds)


def vanishing_clients(world, seconds):
    """Ask for something, then reset the connection without reading the answer."""
    def act(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if world.rng.random() < 0.1:
            world.unknown += 1
            connection.sendall(b"POST /tasks/submissions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                               b"\r\nContent-Length: %d\r\n\r\n%s" % (len(SUBMISSION), SUBMISSION))
        else:
            connection.sendall(b"GET /tasks/%s/result HTTP/1.1\r\nHost: localhost\r\n\r\n" % world.big_id.encode())

    _rounds(world, seconds, act)


ALL = {function.__name__: function for function in (
    kill, kill_in_start, terminate, stop, nginx_down, origin_hangs, origin_dies, full_disk, kill_on_full_disk,
    stuck_reader, garbage, half_open, vanishing_clients)}
