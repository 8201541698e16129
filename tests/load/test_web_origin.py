# SPDX-License-Identifier: MIT
"""The origin that behaves like the web, over real sockets on the loopback."""

import http.client
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

import web_origin

PROGRAM = pathlib.Path(__file__).resolve().parent / "web_origin.py"
LIMIT = 5


class Running:
    def __init__(self, *words):
        self.process = subprocess.Popen([sys.executable, str(PROGRAM), *words], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.address = ("127.0.0.1", int(line.rsplit(":", 1)[1]))

    def connect(self):
        return http.client.HTTPConnection(*self.address, timeout=30)

    def get(self, path, method="GET"):
        connection = self.connect()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def origin():
    one = Running("--seed", "7", "--median-ms", "1", "--p99-ms", "5", "--timeout-ms", "200", "--error-share", "0.2",
                  "--reset-share", "0.2", "--timeout-share", "0.05", "--redirect-share", "0.2",
                  "--rate-limit", str(LIMIT), "--size-max", "100000")
    yield one
    assert one.end() == 0


@pytest.fixture(scope="module")
def site():
    return web_origin.Site(web_origin.parse(["--seed", "7"]))


def outcome(origin, path):
    try:
        status, body, headers = origin.get(path)
    except (ConnectionResetError, http.client.RemoteDisconnected) as error:
        return type(error).__name__
    return status, len(body), headers.get("Location")


def test_paths(origin):
    assert origin.get("/fast")[:2] == (200, b"fast\n")
    assert origin.get("/")[0] == 200
    assert len(origin.get("/size/70000")[1]) == 70000
    assert origin.get("/status/418")[0] == 418
    assert origin.get("/status/204")[:2] == (204, b"")
    for unknown in ("/none", "/size/x", "/size/999999999", "/status/99", "/delay/x"):
        assert origin.get(unknown)[0] == 404, unknown


def test_head_has_the_length_and_no_body(origin):
    status, body, headers = origin.get("/size/70000", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "70000")


def test_other_methods_are_refused(origin):
    assert origin.get("/fast", "DELETE")[0] == 405


def test_delay_is_at_least_what_was_asked(origin):
    began = time.monotonic()
    assert origin.get("/delay/150")[1] == b"late\n"
    assert time.monotonic() - began >= 0.15


def test_pages_never_fail_and_keep_their_content(origin):
    for key in range(60):
        first = origin.get(f"/page/{key}")
        assert first[0] == 200 and 1024 <= len(first[1]) <= 100000
        assert origin.get(f"/page/{key}")[1] == first[1]


def test_each_web_key_has_its_own_fate_every_time(origin):
    fates = [outcome(origin, f"/web/{key}") for key in range(80)]
    assert fates == [outcome(origin, f"/web/{key}") for key in range(80)]
    kinds = {fate if isinstance(fate, str) else fate[0] for fate in fates}
    assert {200, 302, "ConnectionResetError", "RemoteDisconnected"} <= kinds
    assert kinds & {500, 502, 503, 504}
    assert all(fate[2] == f"/page/{key}" for key, fate in enumerate(fates) if fate[0] == 302)


def test_limited_path_refuses_beyond_its_rate(origin):
    connection = origin.connect()
    statuses = []
    for _ in range(4 * LIMIT):
        connection.request("GET", "/limited/a")
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        if response.status == 429:
            assert response.headers["Retry-After"] == "1"
    connection.close()
    # The requests may span the end of a second, so that one more share is granted.
    assert 429 in statuses and LIMIT <= statuses.count(200) <= 2 * LIMIT
    assert origin.get("/limited/b")[0] == 200


def test_pipelined_requests_are_answered_in_order(origin):
    with socket.create_connection(origin.address, timeout=30) as sock:
        sock.sendall(b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/delay/50", b"/fast"))
                     + b"GET /size/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := sock.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.index(b"late") < received.index(b"fast") < received.index(b"Content-Length: 3")


def test_counts_tell_what_was_served():
    one = Running()
    try:
        for path in ("/fast", "/fast", "/page/1", "/status/500", "/nothing", "/nowhere"):
            one.get(path)
        counts = json.loads(one.get("/counts")[1])
    finally:
        assert one.end() == 0
    assert counts["requests"] == 6 and counts["connections"] == 7 and counts["open"] >= 1
    assert counts["by_path"] == {"/fast": 2, "/page": 1, "/status": 1, "(none)": 2}
    assert counts["by_outcome"] == {"200": 3, "500": 1, "404": 2}


def test_latencies_have_the_median_and_the_tail_that_were_asked_for(site):
    drawn = sorted(site.character(str(key)).latency_s * 1000 for key in range(20000))
    assert 38 < drawn[10000] < 42  # the default median is 40 ms
    assert 510 < drawn[19800] < 700  # and the 99th percentile 600 ms


def test_shares_of_failures_are_those_that_were_asked_for(site):
    outcomes = [site.character(str(key)).outcome for key in range(20000)]
    assert 0.09 < outcomes.count("302") / 20000 < 0.11
    assert 0.007 < outcomes.count("reset") / 20000 < 0.013
    assert 0.8 < outcomes.count("200") / 20000 < 0.9


def test_another_seed_is_another_web(site):
    other = web_origin.Site(web_origin.parse(["--seed", "8"]))
    assert [site.character(str(key)) for key in range(9)] != [other.character(str(key)) for key in range(9)]
