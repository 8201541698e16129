# SPDX-License-Identifier: MIT
"""Bytes on raw sockets: framing, smuggling, pipelining, keep-alive, clients that go away."""

import json
import socket
import struct

import pytest

from lib.api import SUBMISSIONS
from lib.database import count_tasks
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, Closed, exchange, post_json, request, statuses
from lib.wait import wait_until

GOOD = b'{"type":"factorial","args":{"n":"3"}}'
LENGTH = str(len(GOOD))
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)


def post(headers, body=GOOD, version=b"HTTP/1.1", method=b"POST", target=SUBMISSIONS.encode()):
    """A submission with exactly these header lines after Host and Content-Type."""
    lines = [method + b" " + target + b" " + version, b"Host: 127.0.0.1", b"Content-Type: application/json"]
    lines += [line if isinstance(line, bytes) else line.encode("latin-1") for line in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(target=b"/healthz", headers=(b"Host: 127.0.0.1",), version=b"HTTP/1.1", method=b"GET"):
    return b"\r\n".join([method + b" " + target + b" " + version, *headers]) + b"\r\n\r\n"


SUCCESSOR = post_json(SUBMISSIONS, GOOD)

# What breaks the framing: the status, and the end of the connection.
FRAMING = [
    ("two different lengths", post(["Content-Length: " + LENGTH, "Content-Length: 1"]), 400),
    ("two different lengths, small first", post(["Content-Length: 1", "Content-Length: " + LENGTH]), 400),
    ("the same length twice", post(["Content-Length: " + LENGTH] * 2), 400),
    ("length in two spellings", post(["Content-Length: " + LENGTH, "content-length: " + LENGTH]), 400),
    ("length and chunked", post(["Content-Length: " + LENGTH, "Transfer-Encoding: chunked"], CHUNKED), 400),
    ("chunked and length", post(["Transfer-Encoding: chunked", "Content-Length: " + LENGTH], CHUNKED), 400),
    ("length 0 and chunked", post(["Content-Length: 0", "Transfer-Encoding: chunked"], CHUNKED), 400),
    ("coding gzip, chunked", post(["Transfer-Encoding: gzip, chunked"], CHUNKED), 501),
    ("coding chunked, gzip", post(["Transfer-Encoding: chunked, gzip"], CHUNKED), 501),
    ("coding chunked, chunked", post(["Transfer-Encoding: chunked, chunked"], CHUNKED), 501),
    ("coding identity", post(["Transfer-Encoding: identity"], CHUNKED), 501),
    ("coding xchunked", post(["Transfer-Encoding: xchunked"], CHUNKED), 501),
    ("coding gzip", post(["Transfer-Encoding: gzip"], CHUNKED), 501),
    ("empty coding", post(["Transfer-Encoding:"], CHUNKED), 501),
    ("coding with a vertical tab", post([b"Transfer-Encoding: \x0bchunked"], CHUNKED), 400),
    ("coding behind a nameless line", post([b": x", b"Transfer-Encoding: chunked"], CHUNKED), 400),
    ("length behind a nameless line", post([b": x", b"Content-Length: 1"]), 400),
    ("length behind a bare line feed", post([b"X: y\nContent-Length: 1"]), 400),
    ("length hidden by a NUL", post([b"X: y\x00\r\nContent-Length: 1"]), 400),
    ("folded coding", post([b"Transfer-Encoding:\r\n chunked"], CHUNKED), 400),
    ("chunked twice", post(["Transfer-Encoding: chunked"] * 2, CHUNKED), 501),
    ("chunked, then identity", post(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], CHUNKED), 501),
    ("identity, then chunked", post(["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], CHUNKED), 501),
    ("coding and an unknown one on GET", get(headers=(b"Host: 127.0.0.1", b"Transfer-Encoding: gzip")), 501),
    ("coding on 1.0", post(["Transfer-Encoding: chunked"], CHUNKED, b"HTTP/1.0"), 400),
    ("length 2^64-1", post(["Content-Length: 18446744073709551615"]), 413),
    ("length 2^64", post(["Content-Length: 18446744073709551616"]), 413),
    ("length of 30 digits", post(["Content-Length: " + "9" * 30]), 413),
    ("length +", post(["Content-Length: +" + LENGTH]), 400),
    ("length -1", post(["Content-Length: -1"]), 400),
    ("length hexadecimal", post(["Content-Length: 0x3"]), 400),
    ("length as a list", post([f"Content-Length: {LENGTH}, {LENGTH}"]), 400),
    ("length empty", post(["Content-Length:"]), 400),
    ("length a word", post(["Content-Length: many"]), 400),
    ("length with a fraction", post(["Content-Length: 3.0"]), 400),
    ("chunk size 2^64", post(["Transfer-Encoding: chunked"], b"10000000000000000\r\n" + GOOD), 413),
    ("chunk size of 40 digits", post(["Transfer-Encoding: chunked"], b"f" * 40 + b"\r\n" + GOOD), 413),
]

# What is malformed without leaving the end of the request in doubt.
MALFORMED = [
    ("1.1 without Host", get(headers=()), {400}),
    ("two Hosts", get(headers=(b"Host: 127.0.0.1", b"Host: 127.0.0.1")), {400}),
    ("two different Hosts", get(headers=(b"Host: 127.0.0.1", b"Host: evil.example")), {400}),
    ("empty header name", get(headers=(b"Host: 127.0.0.1", b": x")), {400}),
    ("empty header name first", get(headers=(b": x", b"Host: 127.0.0.1")), {400}),
    ("folded header", get(headers=(b"Host: 127.0.0.1", b"X: a\r\n b")), {400}),
    ("header folded with a tab", get(headers=(b"Host: 127.0.0.1", b"X: a\r\n\tb")), {400}),
    ("folded length", post(["Content-Length:\r\n " + LENGTH]), {400}),
    ("bare line feeds", b"GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", {400}),
    ("one bare line feed", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\nX: y\r\n\r\n", {400}),
    ("bare carriage return in a value", get(headers=(b"Host: 127.0.0.1", b"X: a\rb")), {400}),
    ("NUL in a value", get(headers=(b"Host: 127.0.0.1", b"X: a\x00b")), {400}),
    ("NUL in a name", get(headers=(b"Host: 127.0.0.1", b"X\x00: ab")), {400}),
    ("NUL in the target", get(b"/healthz\x00b"), {400}),
    ("control byte in a value", get(headers=(b"Host: 127.0.0.1", b"X: a\x01b")), {400}),
    ("space in a header name", get(headers=(b"Host: 127.0.0.1", b"Na me: x")), {400}),
    ("bracket in a header name", get(headers=(b"Host: 127.0.0.1", b"Na(me: x")), {400}),
    ("high byte in a header name", get(headers=(b"Host: 127.0.0.1", b"Na\xe9me: x")), {400}),
    ("control byte in a header name", get(headers=(b"Host: 127.0.0.1", b"Na\x01me: x")), {400}),
    ("space before the colon", get(headers=(b"Host: 127.0.0.1", b"Name : x")), {400}),
    ("space before the colon of a coding", post(["Transfer-Encoding : chunked", "Content-Length: " + LENGTH]), {400}),
    ("leading space at the first header", get(headers=(b" Host: 127.0.0.1",)), {400}),
    ("no colon", get(headers=(b"Host: 127.0.0.1", b"nonsense")), {400}),
    ("%00 in the path", get(b"/healthz%00b"), {400}),
    ("%00 at the start", get(b"/%00healthz"), {400}),
    ("%zz in the path", get(b"/healthz%zz"), {400}),
    ("cut escape", get(b"/healthz%2"), {400}),
    ("lone percent", get(b"/healthz%"), {400}),
    ("encoded dots and slash", get(b"/tasks/%2e%2e%2fhealthz"), {400}),
    ("encoded slash", get(b"/tasks%2fsubmissions"), {400}),
    ("asterisk", get(b"*"), {400, 404}),
    ("no slash", get(b"healthz"), {400, 404}),
    ("fragment", get(b"/healthz#f"), {400, 404}),
    ("space in the target", get(b"/health z"), {400, 404}),
    ("foreign scheme", get(b"ftp://127.0.0.1/healthz"), {400, 404}),
    ("no version, Host given", b"GET /healthz\r\nHost: 127.0.0.1\r\n\r\n", {400, 505}),
    ("version in lower case", get(version=b"http/1.1"), {400, 505}),
    ("version 2.0", get(version=b"HTTP/2.0"), {400, 505}),
    ("version 9", get(version=b"HTTP/9"), {400, 505}),
    ("version HTTP/1.", get(version=b"HTTP/1."), {400, 505}),
    ("TRACE", get(method=b"TRACE"), {405}),
    ("CONNECT to a path", get(method=b"CONNECT"), {405}),
    ("CONNECT to an authority", get(b"127.0.0.1:80", method=b"CONNECT"), {400, 404, 405}),
    ("unknown method", get(method=b"FOO"), {501}),
    ("method in lower case", get(method=b"get"), {501}),
    ("unknown expectation", post(["Expect: 200-ok", "Content-Length: " + LENGTH]), {417}),
    ("unknown expectation before a known one", post(["Expect: 200-ok", "Expect: 100-continue", "Content-Length: " + LENGTH]), {417}),
    ("unknown expectation after a known one", post(["Expect: 100-continue", "Expect: 200-ok", "Content-Length: " + LENGTH]), {417}),
    ("coding hidden by none", post(["Content-Encoding: gzip", "Content-Encoding: identity", "Content-Length: " + LENGTH]), {415}),
    ("coding after none", post(["Content-Encoding: identity", "Content-Encoding: gzip", "Content-Length: " + LENGTH]), {415}),
]

EXPECTING = ["Expect: 100-continue", "Content-Length: " + LENGTH]
JSON_TYPE = b"Content-Type: application/json\r\n"
# Bodies that are asked about, of requests that the header alone condemns.
UNWANTED_BODIES = [
    ("not JSON", post(EXPECTING, b"").replace(JSON_TYPE, b"Content-Type: text/plain\r\n"), 415),
    ("undeclared", post(EXPECTING, b"").replace(JSON_TYPE, b""), 415),
    ("one byte too large", post(["Expect: 100-continue", "Content-Length: 1048577"], b""), 413),
    ("of unknown length", post(["Expect: 100-continue", "Transfer-Encoding: chunked"], b"").replace(JSON_TYPE, b""), 415),
    ("for nothing", post(EXPECTING, b"").replace(b"/tasks/submissions", b"/nothing"), 404),
    ("by another method", post(EXPECTING, b"").replace(b"POST", b"PUT"), 405),
    ("for another host", post(EXPECTING, b"").replace(b"Host: 127.0.0.1", b"Host: evil.example"), 421),
]

# What is unusual and harmless.
TOLERATED = [
    ("blank line first", b"\r\n" + get(), {200, 400}),
    ("version 1.2", get(version=b"HTTP/1.2"), {200}),
    ("escaped letter", get(b"/%68ealthz"), {200, 400, 404}),
    ("OPTIONS *", get(b"*", method=b"OPTIONS"), {200, 204, 400, 404}),
    ("absolute form of a foreign host", get(b"http://evil.example/healthz"), {200, 400, 421}),
]

GARBAGE = [
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /healthz\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    b"\x00" * 4096,
    b"\xff" * 4096,
    b"garbage\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"GET\r\n\r\n",
    b"\r\n" * 2000,
    b" \r\n\r\n",
    b"A" * 100000,
    b"GET / HTTP/1.1\r\n" + b"a" * 100000,
    b"EHLO me\r\n",
]


@pytest.fixture(scope="module")
def daemon(make_module_daemon):
    """Short deadlines, so that what the server waits for ends soon."""
    return make_module_daemon(
        http_header_timeout_ms=8000, http_body_timeout_ms=8000, http_idle_timeout_ms=8000,
        fetch_allow=["127.0.0.0/8"],
    )


def named(cases):
    return [pytest.param(*case[1:], id=case[0].replace(" ", "-")) for case in cases]


def stored(daemon):
    return count_tasks(daemon.database)


def check_alive(daemon):
    with daemon.client() as client:
        assert client.get("/healthz").status == 200


@pytest.mark.parametrize("data, status", named(FRAMING))
def test_framing_error_closes_and_runs_no_successor(daemon, data, status):
    before = stored(daemon)
    received = exchange(daemon.address, data + SUCCESSOR)
    found = statuses(received)
    assert found and set(found) == {status}, received[:600]
    assert b"202 " not in received
    check_alive(daemon)
    assert stored(daemon) == before


@pytest.mark.parametrize("data, allowed", named(MALFORMED))
def test_malformed_request_gets_its_status(daemon, data, allowed):
    before = stored(daemon)
    with RawConnection(*daemon.address) as connection:
        connection.send(data)
        connection.shutdown_write()
        found = statuses(connection.read_to_close())
    assert found and found[0] in allowed, found
    assert stored(daemon) == before
    check_alive(daemon)


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PUT", b"DELETE", b"PATCH"])
def test_405_names_what_is_allowed_on_raw_sockets(daemon, method):
    with RawConnection(*daemon.address) as connection:
        connection.send(get(method=method))
        response = connection.read_response()
    assert response.status == 405 and "GET" in response.header("allow")


@pytest.mark.parametrize("data, allowed", named(TOLERATED))
def test_what_is_unusual_stays_harmless(daemon, data, allowed):
    with RawConnection(*daemon.address) as connection:
        connection.send(data)
        connection.shutdown_write()
        received = connection.read_to_close()
    assert received == b"" or statuses(received)[0] in allowed, received[:300]
    check_alive(daemon)


@pytest.mark.parametrize("data", GARBAGE, ids=[f"{i}-{d[:8]!r}" for i, d in enumerate(GARBAGE)])
def test_garbage_is_refused_or_dropped(daemon, data):
    with RawConnection(*daemon.address) as connection:
        connection.send(data)
        connection.shutdown_write()
        found = statuses(connection.read_to_close())
    assert not found or all(400 <= status <= 505 for status in found), found
    check_alive(daemon)


class TestSmuggling:
    """The successor rides in the body of a request that must be read as one."""

    def test_body_that_looks_like_a_request_is_a_body(self, daemon):
        before = stored(daemon)
        with RawConnection(*daemon.address) as connection:
            connection.send(post_json(SUBMISSIONS, SUCCESSOR))
            assert connection.read_response().status == 400
            connection.send(get())
            assert connection.read_response().status == 200
        assert stored(daemon) == before

    @pytest.mark.parametrize(
        "body",
        [b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n", b"-1\r\n" + GOOD, b"\r\n" + GOOD, b"0x3\r\nabc\r\n0\r\n\r\n",
         b"+3\r\nabc\r\n0\r\n\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b" 3\r\nabc\r\n0\r\n\r\n"],
    )
    def test_broken_chunk_runs_no_successor(self, daemon, body):
        before = stored(daemon)
        with RawConnection(*daemon.address) as connection:
            connection.send(post(["Transfer-Encoding: chunked"], body) + SUCCESSOR)
            connection.shutdown_write()
            received = connection.read_to_close()
        assert b" 202 " not in received, received[:400]
        assert stored(daemon) == before
        check_alive(daemon)

    def test_get_with_a_body_keeps_the_next_request_apart(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(request("GET", "/healthz", body=b"x" * 50) + get(b"/readyz"))
            assert connection.read_response().status in (200, 400)
            try:
                assert connection.read_response().status == 200
            except Closed as closed:
                assert closed.received == b""

    def test_refused_body_is_not_taken_for_a_request(self, daemon):
        """404, 405 and 415 answer a POST whose body holds a whole submission."""
        before = stored(daemon)
        for data in (
            request("POST", "/nothing", [("Content-Type", "application/json")], SUCCESSOR),
            request("POST", "/healthz", [("Content-Type", "application/json")], SUCCESSOR),
            request("POST", SUBMISSIONS, [("Content-Type", "text/plain")], SUCCESSOR),
            request("POST", SUBMISSIONS, [("Content-Type", "application/json")], SUCCESSOR, host="evil.example"),
            request("POST", SUBMISSIONS, [("Content-Type", "application/json"), ("Expect", "x")], SUCCESSOR),
            request("FOO", SUBMISSIONS, [("Content-Type", "application/json")], SUCCESSOR),
        ):
            with RawConnection(*daemon.address) as connection:
                connection.send(data)
                connection.shutdown_write()
                received = connection.read_to_close()
            assert len(statuses(received)) == 1 and b" 202 " not in received, received[:400]
        assert stored(daemon) == before


class TestPipelining:
    def test_two_gets(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(get() + get(b"/nothing") + get(b"/readyz"))
            assert [connection.read_response().status for _ in range(3)] == [200, 404, 200]

    def test_post_then_get(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(SUCCESSOR + get() + SUCCESSOR + get())
            assert [connection.read_response().status for _ in range(4)] == [202, 200, 202, 200]

    def test_a_hundred_submissions_in_one_piece(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(SUCCESSOR * 100)
            ids = [json.loads(connection.read_response().body)["id"] for _ in range(100)]
        assert len(set(ids)) == 100

    def test_split_at_every_byte(self, daemon):
        with RawConnection(*daemon.address) as connection:
            for byte in SUCCESSOR:
                connection.send(bytes([byte]))
            assert connection.read_response().status == 202

    def test_chunked_body_with_extensions_and_trailers(self, daemon):
        half = len(GOOD) // 2
        body = b"%x;name=value\r\n%s\r\n%X\r\n%s\r\n0;last\r\nX-Trailer: x\r\n\r\n" % (
            half, GOOD[:half], len(GOOD) - half, GOOD[half:])
        with RawConnection(*daemon.address) as connection:
            connection.send(post(["Transfer-Encoding: chunked"], body) + get())
            assert connection.read_response().status == 202
            assert connection.read_response().status == 200

    def test_100_continue(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(post(["Expect: 100-continue", "Content-Length: " + LENGTH], b""))
            assert connection.read_response().status == 100
            connection.send(GOOD)
            assert connection.read_response().status == 202

    @pytest.mark.parametrize("head, status", named(UNWANTED_BODIES))
    def test_nobody_is_asked_for_a_body_that_is_refused_already(self, daemon, head, status):
        """The answer stands (RFC 9110 section 10.1.1), so it is all that comes."""
        assert statuses(exchange(daemon.address, head)) == [status]

    def test_half_closed_client_gets_its_answer(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(SUCCESSOR)
            connection.shutdown_write()
            assert connection.read_response().status == 202


class TestKeepAlive:
    def test_thousand_mixed_requests_on_one_connection(self, daemon):
        kinds = [
            (get(), 200, False), (SUCCESSOR, 202, False), (get(b"/nothing"), 404, False),
            (get(method=b"PUT"), 405, False), (get(method=b"HEAD"), 200, True),
            (post_json(SUBMISSIONS, b"{"), 400, False), (get(method=b"OPTIONS"), 204, False),
            (request("POST", SUBMISSIONS, [("Content-Type", "text/plain")], GOOD), 415, False),
            (get(b"/tasks/x"), 404, False), (post(["Transfer-Encoding: chunked"], CHUNKED), 202, False),
        ]
        with RawConnection(*daemon.address) as connection:
            port = connection.sock.getsockname()[1]
            for number in range(1000):
                data, status, head = kinds[number % len(kinds)]
                connection.send(data)
                response = connection.read_response(head=head)
                assert response.status == status, (number, response)
                assert (response.header("connection") or "").lower() != "close", (number, response)
            assert connection.sock.getsockname()[1] == port

    def test_nothing_follows_the_header_of_an_answer_to_head(self, daemon, client):
        """Also where the length of the body is not known: quotes are escaped while the result is sent."""
        with ScriptedOrigin(ok_answer(b'"' * 300000)) as origin:
            task_id = client.fetch(origin.url())
            client.wait_final(task_id)
        with RawConnection(*daemon.address) as connection:
            connection.send(request("HEAD", f"/tasks/{task_id}"))
            response = connection.read_response(head=True)
            assert response.status == 200 and response.header("content-type") == "application/json"
            assert response.header("connection").lower() == "close"
            assert response.header("content-length") is None
            assert connection.read_to_close() == b""
        with RawConnection(*daemon.address) as connection:
            connection.send(request("HEAD", f"/tasks/{task_id}/result") + get())
            assert connection.read_response(head=True).header("content-length") == "300000"
            assert connection.read_response().status == 200

    def test_connection_close_is_honoured(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(get(headers=(b"Host: 127.0.0.1", b"Connection: close")))
            response = connection.read_response()
            assert response.status == 200 and response.header("connection").lower() == "close"
            assert connection.is_closed(30)

    def test_http_1_0_closes_by_itself(self, daemon):
        with RawConnection(*daemon.address) as connection:
            connection.send(get(version=b"HTTP/1.0"))
            assert connection.read_response().status == 200
            assert connection.is_closed(30)

    def test_http_1_0_without_host_is_served(self, daemon):
        assert statuses(exchange(daemon.address, get(headers=(), version=b"HTTP/1.0")))[0] in (200, 400, 421)

    def test_http_1_0_keep_alive_on_request(self, daemon):
        with RawConnection(*daemon.address) as connection:
            data = get(headers=(b"Host: 127.0.0.1", b"Connection: keep-alive"), version=b"HTTP/1.0")
            connection.send(data)
            assert connection.read_response().status == 200
            connection.send(data)
            assert connection.read_response().status == 200

    def test_http_1_0_post(self, daemon):
        data = post(["Content-Length: " + LENGTH], version=b"HTTP/1.0")
        assert statuses(exchange(daemon.address, data)) == [202]

    def test_absolute_form(self, daemon):
        target = b"http://127.0.0.1:%d/healthz" % daemon.address[1]
        with RawConnection(*daemon.address) as connection:
            connection.send(get(target))
            assert connection.read_response().status == 200
            connection.send(post(["Content-Length: " + LENGTH], target=b"http://127.0.0.1" + SUBMISSIONS.encode()))
            assert connection.read_response().status == 202


class TestBodiesTooLarge:
    def test_chunked_body_over_the_limit_is_413(self, make_daemon):
        daemon = make_daemon(http_body_max_bytes=1024)
        body = GOOD[:1] + b" " * (1025 - len(GOOD)) + GOOD[1:]
        for size, status in ((1024, 202), (1025, 413)):
            text = body if size == 1025 else body.replace(b" ", b"", 1)
            assert len(text) == size
            with RawConnection(*daemon.address) as connection:
                connection.send(post(["Transfer-Encoding: chunked"], b"%x\r\n%s\r\n0\r\n\r\n" % (size, text)))
                assert connection.read_response().status == status

    def test_endless_chunked_body_is_cut(self, daemon):
        chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
        with RawConnection(*daemon.address) as connection:
            connection.send(post(["Transfer-Encoding: chunked"], b""))
            sent = 0
            while sent < (256 << 20) and connection.send(chunk):
                sent += len(chunk)
            assert sent < (256 << 20), "256 MiB were taken"
            found = statuses(connection.read_to_close())
            assert found in ([], [413]), found
        check_alive(daemon)


class TestClientsThatGo:
    def test_aborted_uploads_leave_no_descriptor(self, daemon):
        check_alive(daemon)
        before = daemon.sockets()
        stages = [b"", b"P", b"POST " + SUBMISSIONS.encode(), post(["Content-Length: 1000"], b""),
                  post(["Content-Length: 1000"], GOOD), post(["Transfer-Encoding: chunked"], b"ff\r\nabc")]
        for number in range(120):
            connection = RawConnection(*daemon.address)
            connection.send(stages[number % len(stages)])
            if number % 2:  # a reset instead of a farewell
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        wait_until(lambda: daemon.sockets() <= before, what=f"{before} sockets again")
        check_alive(daemon)

    def test_clients_that_never_read_their_answer(self, daemon):
        check_alive(daemon)
        before = daemon.sockets()
        for _ in range(50):
            connection = RawConnection(*daemon.address)
            connection.send(SUCCESSOR * 20)
            connection.close()
        wait_until(lambda: daemon.sockets() <= before, what=f"{before} sockets again")
        check_alive(daemon)

    def test_cut_body_stores_nothing(self, make_daemon):
        daemon = make_daemon()  # the requests of clients that left may still run in the other one
        with RawConnection(*daemon.address) as connection:
            connection.send(post(["Content-Length: " + str(len(GOOD) + 1)]))
            connection.shutdown_write()
            assert b" 202 " not in connection.read_to_close()
        assert stored(daemon) == 0

    def test_thousand_threads_are_not_left_behind(self, daemon):
        check_alive(daemon)
        threads = daemon.threads()
        for _ in range(1000):
            with RawConnection(*daemon.address) as connection:
                connection.send(get(headers=(b"Host: 127.0.0.1", b"Connection: close")))
                assert connection.read_response().status == 200
        wait_until(lambda: daemon.threads() <= threads, what=f"{threads} threads again")
