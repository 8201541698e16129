# SPDX-License-Identifier: MIT
"""More than it can take: full queue, thousands of connections, clients that stall."""

import contextlib
import json
import os
import resource
import selectors
import shutil
import socket
import subprocess
import threading
import time

import pytest

from lib.api import BATCH, SUBMISSIONS, check_problem
from lib.load import wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import Closed, RawConnection, post_json, request
from lib.wait import wait_until

GOOD = b'{"type":"factorial","args":{"n":"3"}}'
USERS = int(os.environ.get("TASKQ_USERS", "2000"))


@contextlib.contextmanager
def connections(address, count, **more):
    opened = []
    try:
        for _ in range(count):
            opened.append(RawConnection(*address, **more))
        yield opened
    finally:
        for connection in opened:
            connection.close()


# The queue ------------------------------------------------------------------------------------------


def test_full_queue_refuses_with_retry_after_while_reads_work(make_daemon, held):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=10)
    with daemon.client() as client:
        accepted, refused = [], []
        for _ in range(200):
            response = client.post({"type": "http-fetch", "args": {"url": held.url()}})
            (accepted if response.status == 202 else refused).append(response)
        ids = [response.json["id"] for response in accepted]
        assert 10 <= len(ids) <= 11 and len(refused) == 200 - len(ids)
        for response in refused:
            check_problem(response, 503)
            assert 1 <= int(response.headers["Retry-After"]) <= 300
        assert client.get("/healthz").status == 200
        assert {client.status(task_id) for task_id in ids} <= {"QUEUED", "RUNNING"}
        assert client.opened == 1, "a refusal costs no connection"
        # The limit is per lane: the other one is not full.
        assert client.result(client.factorial(5))["result"] == 120
        held.release()
        assert all(client.result(task_id)["result"] == "held" for task_id in ids)
        assert client.post({"type": "http-fetch", "args": {"url": held.url()}}).status == 202


def test_queue_limit_is_exact_under_concurrent_submitters(make_daemon, held):
    """Many at once must not slip past the limit together."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=50)
    with daemon.client() as client:
        first = client.fetch(held.url())
        wait_until(lambda: held.running == 1)
    body = json.dumps({"type": "http-fetch", "args": {"url": held.url()}}).encode()
    with connections(daemon.address, 100) as many:
        for connection in many:
            connection.send(post_json(SUBMISSIONS, body) * 2)
        statuses = [connection.read_response().status for connection in many for _ in range(2)]
    assert set(statuses) == {202, 503}
    assert statuses.count(202) == 50
    held.release()
    wait_drained(daemon)


def test_what_would_wait_too_long_is_refused_once_the_pace_is_known(make_daemon):
    """The pace is known after five seconds at least; before, and after a restart, nothing is refused for it."""

    def slowly(_):
        time.sleep(0.005)
        return ok_answer(b"slow")

    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_wait_max_s=2)
    with ScriptedOrigin(slowly) as origin, daemon.client() as client:
        body = {"type": "http-fetch", "args": {"url": origin.url()}}
        for _ in range(3):
            assert client.post({"tasks": [body] * 1000}, BATCH).status == 202
        assert client.get("/stats").json["admission"]["wait_max_s"] == 2

        def lane():
            return client.get("/stats").json["lanes"]["io"]

        wait_until(lambda: lane()["wait_s"] is not None)
        response = client.post(body)
        assert check_problem(response, 503)["type"] == "/problems/wait-too-long"
        assert 1 <= int(response.headers["Retry-After"]) <= 300
        check_problem(client.post({"tasks": [body] * 2}, BATCH), 503)
        found = lane()
        # Of one moment, but for the rate: it was measured within the last second.
        assert found["wait_s"] > 2 and found["queued"] > 100
        assert client.get("/readyz").json["reason"] == "wait_too_long"
        admission = client.get("/stats").json["admission"]
        assert admission["state"] == "wait_too_long"
        assert admission["refused"]["wait_too_long"] == 2 and admission["refused"]["queue_full"] == 0
        assert len(str(client.result(client.factorial(1000))["result"])) == 2568, "the other lane goes on"
        client.close()
        daemon.kill9()
        daemon.restart()
    with daemon.client() as client:
        assert client.post(body).status == 202
        assert client.get("/stats").json["lanes"]["io"]["wait_s"] is None


# Connections -----------------------------------------------------------------------------------------


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * USERS + 500, reason="too few descriptors here")
def test_two_thousand_users_with_a_request_in_flight_each(make_daemon):
    """Every connection has sent a header and half a body before any of them sends the rest."""
    # However long that takes.
    daemon = make_daemon(http_header_timeout_ms=600000, http_body_timeout_ms=600000, http_idle_timeout_ms=600000)
    data = post_json(SUBMISSIONS, GOOD)
    with connections(daemon.address, USERS) as users:
        for _ in range(3):
            for user in users:
                user.send(data[:-10])
            wait_until(lambda: daemon.threads() > USERS, what="a thread for each")
            for user in users:
                user.send(data[-10:])
            answers = [user.read_response() for user in users]
            assert {answer.status for answer in answers} == {202}
            ids = [json.loads(answer.body)["id"] for answer in answers]
            for user, task_id in zip(users, ids):
                user.send(request("GET", f"{SUBMISSIONS}/{task_id}"))
            assert {user.read_response().status for user in users} == {200}
    wait_drained(daemon)
    with daemon.client() as client:
        assert client.result(ids[-1])["result"] == 6


def test_connections_beyond_the_limit_get_503_and_no_reset(make_daemon):
    daemon = make_daemon(http_connections_max=40)
    with connections(daemon.address, 40) as served:
        for connection in served:
            connection.send(request("GET", "/healthz"))
            assert connection.read_response().status == 200
        with connections(daemon.address, 15) as further:
            for connection in further:
                connection.send(post_json(SUBMISSIONS, GOOD))
            for connection in further:
                response = connection.read_response()
                assert response.status == 503, response
                assert int(response.header("retry-after")) >= 1
                assert response.header("connection").lower() == "close"
                assert connection.is_closed(30)
        for connection in served:  # those that are served stay served
            connection.send(post_json(SUBMISSIONS, GOOD))
            assert connection.read_response().status == 202
    with RawConnection(*daemon.address) as connection:
        def works():
            with RawConnection(*daemon.address) as fresh:
                fresh.send(post_json(SUBMISSIONS, GOOD))
                try:
                    return fresh.read_response().status == 202
                except Closed:
                    return False
        wait_until(works)
        assert connection.sock


def test_health_is_answered_beyond_the_limit_too(make_daemon):
    daemon = make_daemon(http_connections_max=20)
    with connections(daemon.address, 20) as served:
        for connection in served:
            connection.send(request("GET", "/healthz"))
            assert connection.read_response().status == 200
        with RawConnection(*daemon.address) as connection:
            connection.send(request("GET", "/healthz"))
            assert connection.read_response().status in (200, 503)


def test_connections_that_come_and_go_by_the_thousand(make_daemon):
    daemon = make_daemon(http_connections_max=100)
    failures = []

    def visit():
        for _ in range(300):
            try:
                with RawConnection(*daemon.address) as connection:
                    connection.send(request("GET", "/healthz", [("Connection", "close")]))
                    if connection.read_response().status != 200:
                        failures.append("status")
            except (OSError, Closed) as error:
                failures.append(error)

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


# Clients that stall -----------------------------------------------------------------------------------


class Dribblers:
    """Connections that each send one byte at a time, for ever, and note when they are cut off."""

    def __init__(self, address, count, start, byte):
        self.alive = selectors.DefaultSelector()
        self.count = count
        self.byte = byte
        self.received = []
        for _ in range(count):
            sock = socket.create_connection(address)
            sock.sendall(start)
            sock.setblocking(False)
            self.alive.register(sock, selectors.EVENT_READ)
        self.left = count
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _end(self, sock):
        self.alive.unregister(sock)
        sock.close()
        self.left -= 1

    def _run(self):
        while self.left and not self.stop.wait(0.1):
            for key, _ in self.alive.select(0):
                try:
                    piece = key.fileobj.recv(65536)
                except OSError:
                    piece = b""
                if piece:
                    self.received.append(piece)
                else:
                    self._end(key.fileobj)
            for key in list(self.alive.get_map().values()):
                with contextlib.suppress(BlockingIOError):
                    try:
                        key.fileobj.send(self.byte)
                    except (BrokenPipeError, ConnectionResetError):
                        self._end(key.fileobj)

    def close(self):
        self.stop.set()
        self.thread.join()
        for key in list(self.alive.get_map().values()):
            key.fileobj.close()


SHORT = {"http_header_timeout_ms": 1500, "http_body_timeout_ms": 1500, "http_idle_timeout_ms": 1500, "http_send_timeout_ms": 1500}
STALLS = {
    "silent from the start": (b"", b""),
    "header byte by byte": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"x"),
    "header line by line": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-a: b\r\n"),
    "request line byte by byte": (b"GET /", b"a"),
    "blank lines": (b"", b"\r\n"),
    "body byte by byte": (b"POST /tasks/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                          b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks byte by byte": (b"POST /tasks/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body that never starts": (b"POST /tasks/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                               b"Content-Length: 10\r\n\r\n", b""),
    "idle after a request": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b""),
    "second header byte by byte": (b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /healthz HTTP/1.1\r\nX: ", b"x"),
    "refused body that drags on": (b"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("start, byte", STALLS.values(), ids=[name.replace(" ", "-") for name in STALLS])
def test_stalled_clients_are_gone_by_their_deadline(make_daemon, start, byte):
    daemon = make_daemon(**SHORT)
    before = daemon.sockets()
    dribblers = Dribblers(daemon.address, 100, start, byte)
    try:
        with daemon.client() as client:
            while dribblers.left:  # others are served all the while
                assert client.get("/healthz").status == 200
                assert client.post(GOOD).status == 202
                if dribblers.stop.wait(0.02):
                    break
                if not dribblers.thread.is_alive():
                    break
        dribblers.thread.join(60)
        assert dribblers.left == 0, f"{dribblers.left} of 100 are still connected"
    finally:
        dribblers.close()
    wait_until(lambda: daemon.sockets() <= before)
    assert not [piece for piece in dribblers.received if b" 202 " in piece]


def test_slow_readers_are_gone_by_their_deadline(make_daemon):
    """They ask for 16 MiB and read nothing."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], **SHORT)
    with ScriptedOrigin(ok_answer(b"x" * (16 << 20))) as origin, daemon.client() as client:
        task_id = client.fetch(origin.url())
        client.wait_final(task_id)
    before = daemon.sockets()
    with connections(daemon.address, 20, receive_buffer=4096) as readers:
        for reader in readers:
            reader.send(request("GET", f"/tasks/{task_id}/result"))
        with daemon.client() as client:
            for _ in range(20):
                assert client.get("/healthz").status == 200
            wait_until(lambda: daemon.sockets() <= before + 2)


def test_a_patient_reader_gets_everything(make_daemon):
    """It reads all the time; the deadline is for those that do not."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
    content = os.urandom(8 << 20)
    with ScriptedOrigin(ok_answer(content)) as origin, daemon.client() as client:
        task_id = client.fetch(origin.url())
        client.wait_final(task_id)
    with RawConnection(*daemon.address, receive_buffer=8192) as reader:
        reader.send(request("GET", f"/tasks/{task_id}/result"))
        assert reader.read_response().body == content


@pytest.mark.parametrize("stall", ["", "POST /tasks/submissions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9"])
def test_stalled_clients_cost_no_cpu(make_daemon, sanitizer, stall):
    """CPU time of the process over two seconds in which nothing happens."""
    daemon = make_daemon()
    with connections(daemon.address, 200) as idle:
        for connection in idle:
            connection.send(stall.encode())
        with daemon.client() as client:
            assert client.get("/healthz").status == 200
        start = daemon.cpu_seconds()
        threading.Event().wait(2)
        spent = daemon.cpu_seconds() - start
    if not sanitizer:
        assert spent < 0.5, f"{spent:.2f} s of CPU in 2 s of nothing"


@pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed")
@pytest.mark.parametrize("mode", [["-H"], ["-B"], ["-X", "-w", "10", "-y", "20", "-z", "5", "-k", "1"]], ids=["H", "B", "X"])
def test_slowhttptest(make_daemon, tmp_path, mode):
    """The well-known tool, 200 connections for some seconds; others are served meanwhile."""
    daemon = make_daemon(**{name: 3000 for name in SHORT})
    before = daemon.sockets()
    url = f"http://127.0.0.1:{daemon.address[1]}/" + ("healthz" if mode[0] != "-B" else "tasks/submissions")
    attack = subprocess.Popen(
        ["slowhttptest", *mode, "-c", "200", "-r", "200", "-i", "1", "-l", "6", "-p", "3", "-u", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        with daemon.client() as client:
            while attack.poll() is None:
                assert client.get("/healthz").status == 200
                assert client.post(GOOD).status == 202
                threading.Event().wait(0.02)
    finally:
        attack.terminate()
        attack.wait()
    wait_until(lambda: daemon.sockets() <= before + 1)
