# SPDX-License-Identifier: MIT
"""Fetches: from nginx, from httpbin, and from an origin that breaks every rule."""

import base64
import hashlib
import json
import random
import socket
import subprocess
import threading
import urllib.parse

import pytest

from lib.api import check_failure
from lib.daemon import ROOT, clean_environment
from lib.origins import Origin, ScriptedOrigin, free_port, ok_answer
from lib.wait import wait_until

PATTERN = b"0123456789abcdef"


def pattern(count):
    return (PATTERN * (count // 16 + 1))[:count]


def content(answer):
    """The bytes of a result answer."""
    if answer.get("result_encoding") == "base64":
        return base64.b64decode(answer["result"], validate=True)
    return answer["result"].encode("utf-8")


def fetch(client, url, timeout=120):
    """Fetch to the end; returns (id, answer)."""
    task_id = client.fetch(url)
    return task_id, client.result(task_id, timeout)


def fetch_bytes(client, url):
    """A fetch that must succeed: its bytes, equal in both forms."""
    task_id, answer = fetch(client, url)
    assert answer["status"] == "SUCCEEDED", str(answer)[:600]
    raw = client.raw_result(task_id)
    assert raw.status == 200
    assert hashlib.sha256(content(answer)).digest() == hashlib.sha256(raw.body).digest()
    assert answer["response"]["bytes"] == len(raw.body)
    return raw.body


def fetch_failure(client, url, code, timeout=120):
    """A fetch that must fail with this code: the whole answer."""
    _, answer = fetch(client, url, timeout)
    assert answer["status"] == "FAILED", str(answer)[:600]
    check_failure(answer["result"])
    assert answer["result"]["code"] == code, answer
    return answer


def scripted(client, reply):
    with ScriptedOrigin(reply) as origin:
        return fetch(client, origin.url())


class TestNginx:
    @pytest.mark.parametrize("size", [0, 1, 2, 1023, 16383, 16384, 16385, 102399, 102400, 102401, 1048576, 5000000])
    def test_sizes_are_byte_exact(self, client, nginx, size):
        body = random.Random(size).randbytes(size)
        (nginx.root / f"random-{size}").write_bytes(body)
        assert fetch_bytes(client, nginx.url(f"/random-{size}")) == body

    @pytest.mark.parametrize("size", [102399, 102400, 102401])
    def test_text_around_the_threshold_of_files(self, client, nginx, size):
        body = ("é" * (size // 2) + "x" * (size % 2)).encode()
        (nginx.root / f"text-{size}.txt").write_bytes(body)
        assert fetch_bytes(client, nginx.url(f"/text-{size}.txt")) == body

    def test_media_type_is_the_origins(self, client, nginx):
        (nginx.root / "page.html").write_text("<p>page</p>")
        task_id, answer = fetch(client, nginx.url("/page.html"))
        assert answer["response"]["content_type"] == "text/html"
        assert client.raw_result(task_id).headers["Content-Type"] == "text/html"

    def test_redirect_tells_the_final_url(self, client, nginx):
        (nginx.root / "small.txt").write_text("small")
        _, answer = fetch(client, nginx.url("/moved"))
        assert answer["result"] == "small"
        assert answer["response"]["url"] == nginx.url("/small.txt")

    def test_204_is_an_empty_success(self, client, nginx):
        assert fetch_bytes(client, nginx.url("/empty")) == b""

    def test_404_and_418(self, client, nginx):
        for path, status in (("/nothing-here", 404), ("/teapot", 418)):
            answer = fetch_failure(client, nginx.url(path), "http_status")
            assert answer["response"]["status"] == status

    def test_three_hundred_at_once(self, client, nginx):
        (nginx.root / "many.txt").write_text("many")
        ids = [client.fetch(nginx.url("/many.txt?") + str(number)) for number in range(300)]
        assert all(client.result(task_id)["result"] == "many" for task_id in ids)

    def test_a_host_name_is_resolved(self, make_daemon, nginx):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8", "::1/128"])
        (nginx.root / "small.txt").write_text("small")
        with daemon.client() as client:
            assert fetch_bytes(client, f"http://localhost:{nginx.port}/small.txt") == b"small"


class TestHttpbin:
    @pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 226, 299])
    def test_any_2xx_is_success(self, client, httpbin, status):
        _, answer = fetch(client, httpbin.url(f"/status/{status}"))
        assert answer["status"] == "SUCCEEDED" and answer["response"]["status"] == status

    @pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 405, 410, 429, 451, 500, 501, 502, 503, 504, 599])
    def test_any_other_is_http_status(self, client, httpbin, status):
        answer = fetch_failure(client, httpbin.url(f"/status/{status}"), "http_status")
        assert answer["response"]["status"] == status
        assert str(status) in answer["result"]["message"]

    @pytest.mark.parametrize("path", ["/html", "/robots.txt", "/xml", "/deny", "/get"])
    def test_pages_as_the_origin_wrote_them(self, client, httpbin, path):
        body = fetch_bytes(client, httpbin.url(path))
        assert body if path == "/get" else body == httpbin.get(path)[1]

    def test_random_bytes(self, client, httpbin):
        for size in (1, 1000, 100000):
            path = f"/bytes/{size}?seed={size}"
            assert fetch_bytes(client, httpbin.url(path)) == httpbin.get(path)[1]

    def test_chunked_stream(self, client, httpbin):
        path = "/stream-bytes/100000?seed=1&chunk_size=999"
        assert fetch_bytes(client, httpbin.url(path)) == httpbin.get(path)[1]

    @pytest.mark.parametrize("kind", ["relative-redirect", "absolute-redirect", "redirect"])
    def test_redirects_at_the_limit_and_one_over(self, client, httpbin, kind):
        _, answer = fetch(client, httpbin.url(f"/{kind}/5"))
        assert answer["status"] == "SUCCEEDED"
        assert answer["response"]["url"] == httpbin.url("/get")
        fetch_failure(client, httpbin.url(f"/{kind}/6"), "too_many_redirects")

    def test_what_we_send(self, client, httpbin):
        _, answer = fetch(client, httpbin.url("/headers"))
        headers = json.loads(answer["result"])["headers"]
        assert headers["User-Agent"].startswith("taskqd/")
        assert not {"Cookie", "Authorization", "Referer", "X-Request-Id"} & set(headers)

    def test_no_cookie_is_kept(self, client, httpbin):
        fetch(client, httpbin.url("/cookies/set?secret=1"))
        _, answer = fetch(client, httpbin.url("/cookies"))
        assert json.loads(answer["result"])["cookies"] == {}

    def test_delay(self, client, httpbin):
        _, answer = fetch(client, httpbin.url("/delay/1"))
        assert answer["status"] == "SUCCEEDED"

    def test_utf8_page(self, client, httpbin):
        assert fetch_bytes(client, httpbin.url("/encoding/utf8")) == httpbin.get("/encoding/utf8")[1]

    def test_image(self, client, httpbin):
        body = fetch_bytes(client, httpbin.url("/image/png"))
        assert body == httpbin.get("/image/png")[1] and body.startswith(b"\x89PNG")

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "brotli"])
    def test_unasked_content_coding_does_no_harm(self, client, httpbin, coding):
        _, answer = fetch(client, httpbin.url(f"/{coding}"))
        assert answer["status"] in ("SUCCEEDED", "FAILED")


class TestIllBehaved:
    @pytest.mark.parametrize("path", ["bytes", "chunked", "until-close"])
    @pytest.mark.parametrize("size", [0, 1, 16384, 200000])
    def test_three_framings(self, client, ill, path, size):
        assert fetch_bytes(client, ill.url(f"/{path}/{size}")) == pattern(size)

    @pytest.mark.parametrize(
        "path, body",
        [("/ok", b"ok\n"), ("/empty", b""), ("/no-content", b""), ("/binary", bytes(range(256))),
         ("/nul", b"a\0b\0\0c"), ("/trailer", b"body\n"), ("/many-interim/5", b"after interim\n")],
    )
    def test_odd_bodies_are_byte_exact(self, client, ill, path, body):
        assert fetch_bytes(client, ill.url(path)) == body

    @pytest.mark.parametrize(
        "path, code",
        [
            ("/short", "connection_lost"),
            ("/short-chunked", "connection_lost"),
            ("/reset", "connection_lost"),
            ("/reset-body", "connection_lost"),
            ("/empty-reply", "connection_lost"),
            ("/garbage", "protocol"),
            ("/http09", "protocol"),
            ("/bad-chunk", {"protocol", "connection_lost"}),
            ("/bad-version", "protocol"),
            ("/redirect-loop", "too_many_redirects"),
            ("/redirect/6", "too_many_redirects"),
            ("/huge-header/200000", {"headers_too_large", "protocol"}),
            ("/huge-header/400000", {"headers_too_large", "protocol"}),
            ("/many-headers/4000", "headers_too_large"),
            ("/many-interim/20000", {"headers_too_large", "protocol"}),
            ("/endless", "body_too_large"),
            ("/status/404", "http_status"),
            ("/status/503", "http_status"),
            ("/status/304", "http_status"),
            ("/status/600", {"http_status", "protocol"}),
        ],
    )
    def test_breakage_has_its_code(self, client, ill, path, code):
        _, answer = fetch(client, ill.url(path))
        assert answer["status"] == "FAILED", str(answer)[:500]
        check_failure(answer["result"])
        assert answer["result"]["code"] in ({code} if isinstance(code, str) else code), answer

    @pytest.mark.parametrize("fields, result", [
        pytest.param(b"Content-Length: 2\r\nContent-Length: 5\r\n", None, id="first-shorter"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 2\r\n", None, id="first-longer"),
        pytest.param(b"Content-Length: 0\r\nX: y\r\ncontent-length: 5\r\n", None, id="first-none"),
        pytest.param(b"Content-Length: 5\r\nContent-Length: 5\r\n", "01234", id="the-same"),
        pytest.param(b"Content-Length: 2\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n", "01234", id="chunked"),
    ])
    def test_two_lengths_are_none(self, client, fields, result):
        body = b"5\r\n01234\r\n0\r\n\r\n" if b"chunked" in fields else b"01234"
        with ScriptedOrigin(b"HTTP/1.1 200 OK\r\n" + fields + b"Connection: close\r\n\r\n" + body) as origin:
            task = client.fetch(origin.url())
            if result is None:
                assert client.failure(task)["code"] == "protocol"
            else:
                assert client.result(task)["result"] == result

    def test_redirects_at_the_limit(self, client, ill):
        _, answer = fetch(client, ill.url("/redirect/5"))
        assert answer["result"] == "ok\n"
        assert answer["response"]["url"] == ill.url("/ok")

    def test_bodies_of_redirects_are_not_kept(self, client, ill):
        assert fetch_bytes(client, ill.url("/redirect-empty")) == b""
        assert fetch_bytes(client, ill.url("/redirect/3")) == b"ok\n"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_every_redirect_status(self, client, ill, status):
        url = ill.url("/redirect-to?status=%d&url=%s" % (status, urllib.parse.quote(ill.url("/ok"), "")))
        assert fetch_bytes(client, url) == b"ok\n"

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "dict://127.0.0.1/", "javascript:alert(1)", "data:text/plain,x"])
    def test_redirect_to_another_scheme(self, client, ill, target):
        answer = fetch(client, ill.url("/redirect-to?url=" + urllib.parse.quote(target, "")))[1]
        assert answer["status"] == "FAILED"
        assert answer["result"]["code"] in ("unsupported_scheme", "protocol"), answer
        assert "root:" not in json.dumps(answer)

    def test_hop_limit_of_the_url_length_and_nonsense(self, client):
        for location in ("http://", "http:///", "//", "http://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "\x01"):
            reply = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
            _, answer = scripted(client, reply)
            assert answer["status"] == "FAILED", (location, answer)

    def test_redirect_without_location(self, client):
        _, answer = scripted(client, b"HTTP/1.1 302 Found\r\nContent-Length: 4\r\n\r\nbody")
        assert answer["status"] == "FAILED" and answer["result"]["code"] == "http_status", answer
        assert answer["response"]["status"] == 302

    def test_gzip_bomb_does_no_harm(self, daemon, client, ill, sanitizer):
        before = daemon.rss_kib()
        _, answer = fetch(client, ill.url("/gzip-bomb"))
        if answer["status"] == "FAILED":
            assert answer["result"]["code"] == "body_too_large", answer
        else:  # kept as it came, not decoded
            assert len(content(answer)) < 16 << 20
        if not sanitizer:
            assert daemon.rss_kib() - before < 65536

    @pytest.mark.parametrize("value", ["text/html; charset=iso-8859-1", "x" * 127, "x" * 1000, "", "a/b\x01", "text/html\u00e9"])
    def test_any_media_type_is_served_without_harm(self, client, ill, value):
        task_id, answer = fetch(client, ill.url("/content-type?value=" + urllib.parse.quote(value)))
        assert answer["status"] == "SUCCEEDED"
        raw = client.raw_result(task_id)
        assert raw.status == 200 and raw.body == b"typed\n"
        assert raw.headers["X-Content-Type-Options"] == "nosniff" and raw.headers["Content-Type"]

    def test_no_media_type(self, client, ill):
        task_id, _ = fetch(client, ill.url("/content-type"))
        assert client.raw_result(task_id).media_type == "application/octet-stream"

    def test_forged_trailer_is_no_header(self, client, ill):
        _, answer = fetch(client, ill.url("/trailer"))
        assert answer["response"]["content_type"] == "text/plain"

    def test_timing_has_phases(self, client, ill):
        _, answer = fetch(client, ill.url("/slow/100"))
        timing = answer["response"]["timing_ms"]
        assert len(timing) >= 3 and max(timing.values()) >= 90


class TestLimits:
    @pytest.fixture(scope="class")
    def small(self, make_module_daemon):
        return make_module_daemon(
            fetch_allow=["127.0.0.0/8"], fetch_max_bytes=100000, fetch_max_redirects=2,
            fetch_total_timeout_ms=1500, fetch_connect_timeout_ms=1000, fetch_per_host_max=3,
        )

    @pytest.mark.parametrize("path", ["bytes", "chunked", "until-close"])
    def test_body_limit_on_both_sides(self, small, ill, path):
        with small.client() as client:
            assert fetch_bytes(client, ill.url(f"/{path}/100000")) == pattern(100000)
            fetch_failure(client, ill.url(f"/{path}/100001"), "body_too_large")
            fetch_failure(client, ill.url(f"/{path}/10000000"), "body_too_large")

    def test_default_body_limit_on_both_sides(self, client, ill):
        assert fetch_bytes(client, ill.url("/bytes/16777216")) == pattern(16777216)
        fetch_failure(client, ill.url("/bytes/16777217"), "body_too_large")
        fetch_failure(client, ill.url("/chunked/16777217"), "body_too_large")

    def test_limit_zero_allows_only_empty_content(self, make_daemon, ill):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_max_bytes=0)
        with daemon.client() as client:
            assert fetch_bytes(client, ill.url("/empty")) == b""
            fetch_failure(client, ill.url("/bytes/1"), "body_too_large")

    @pytest.mark.parametrize("head, endless", [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;", b"x" * 65536, id="chunk-extension"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 4096 + b"\r\na\r\n", id="chunk-extensions"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"x" * 65535 + b"\r\n", id="redirect"),
    ])
    def test_what_is_no_content_is_bounded_too(self, client, head, endless):
        def answer(_):
            yield head
            while True:
                yield endless

        with ScriptedOrigin(answer) as origin:
            failure = client.failure(client.fetch(origin.url()))
            assert failure["code"] == "body_too_large" and "far more bytes" in failure["message"]

    def test_content_in_chunks_of_a_byte_is_taken(self, client):
        content = b"0123456789abcdef" * 20000  # 1.9 MB on the wire
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"
        with ScriptedOrigin(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) as origin:
            assert client.result(client.fetch(origin.url()))["result"] == content.decode()

    def test_redirect_limit_on_both_sides(self, small, ill):
        with small.client() as client:
            assert fetch_bytes(client, ill.url("/redirect/2")) == b"ok\n"
            fetch_failure(client, ill.url("/redirect/3"), "too_many_redirects")

    def test_no_redirects_at_all(self, make_daemon, ill):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_max_redirects=0)
        with daemon.client() as client:
            assert fetch_bytes(client, ill.url("/ok")) == b"ok\n"
            fetch_failure(client, ill.url("/redirect/1"), "too_many_redirects")

    @pytest.mark.parametrize("path", ["/hang", "/hang-body", "/drip/1000/100", "/slow/60000"])
    def test_total_timeout(self, small, ill, path):
        with small.client() as client:
            answer = fetch_failure(client, ill.url(path), "timeout")
        assert "time" in answer["result"]["message"].lower()

    def test_redirects_share_the_total_timeout(self, small):
        """Each hop alone is within the limit, together they are not."""
        with ScriptedOrigin() as origin:
            def hop(_):
                never.wait(0.9)
                return f"HTTP/1.1 302 Found\r\nLocation: {origin.url('/x')}\r\nContent-Length: 0\r\n\r\n".encode()

            never = threading.Event()
            origin.answer = hop
            with small.client() as client:
                fetch_failure(client, origin.url(), "timeout")

    def test_connect_timeout(self, small):
        """A listener whose backlog is full swallows the handshake."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fillers = []
            try:
                for _ in range(8):
                    filler = socket.socket()
                    filler.setblocking(False)
                    filler.connect_ex(address)
                    fillers.append(filler)
                with small.client() as client:
                    fetch_failure(client, f"http://127.0.0.1:{address[1]}/", "timeout")
            finally:
                for filler in fillers:
                    filler.close()

    def test_connection_refused(self, small):
        with small.client() as client:
            answer = fetch_failure(client, f"http://127.0.0.1:{free_port()}/", "connect")
        assert "Connection refused" in answer["result"]["message"]

    def test_name_that_does_not_resolve(self, small):
        with small.client() as client:
            fetch_failure(client, "http://nothing.invalid/", "dns")

    def test_tls_to_a_plain_port(self, small, nginx):
        with small.client() as client:
            fetch_failure(client, f"https://127.0.0.1:{nginx.port}/hello", "tls")

    def test_per_host_cap(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_per_host_max=3)
        with ScriptedOrigin(ok_answer(b"one host"), hold=True) as first, ScriptedOrigin(ok_answer(b"another")) as second:
            with daemon.client() as client:
                ids = [client.fetch(first.url(f"/{number}")) for number in range(12)]
                wait_until(lambda: first.running == 3)
                other = client.fetch(second.url())
                assert client.result(other)["result"] == "another"  # no wait behind the busy host
                assert first.running_peak == 3
                first.release()
                assert all(client.result(task_id)["result"] == "one host" for task_id in ids)
                assert first.running_peak <= 3

    def test_in_flight_cap(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=4, fetch_per_host_max=2)
        with ScriptedOrigin(ok_answer(b"x"), hold=True) as first, ScriptedOrigin(ok_answer(b"x"), hold=True) as second:
            with daemon.client() as client:
                ids = [client.fetch((first, second)[n % 2].url()) for n in range(10)]
                wait_until(lambda: first.running == second.running == 2)
                wait_until(lambda: sorted(client.status(task_id) for task_id in ids) == ["QUEUED"] * 6 + ["RUNNING"] * 4)
                first.release()
                second.release()
                assert all(client.result(task_id)["result"] == "x" for task_id in ids)
                assert first.running_peak + second.running_peak <= 8


class TestLanes:
    def test_hung_fetches_do_not_delay_factorials(self, make_daemon, ill):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=0)
        with daemon.client() as client:
            hung = [client.fetch(ill.url("/hang")) for _ in range(400)]
            wait_until(lambda: client.status(hung[0]) == "RUNNING")
            numbers = [client.factorial(n) for n in range(150, 250)]
            for task_id in numbers:
                assert client.wait_final(task_id) == "SUCCEEDED"
            assert {client.status(task_id) for task_id in hung} <= {"RUNNING", "QUEUED"}

    def test_large_factorials_do_not_delay_fetches_or_polls(self, make_daemon, ill):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=0)
        with daemon.client() as client:
            numbers = [client.factorial(200000) for _ in range(60)]
            fetches = [client.fetch(ill.url("/ok")) for _ in range(50)]
            for task_id in fetches:
                assert client.wait_final(task_id) == "SUCCEEDED"
            assert client.get("/healthz").status == 200
            assert client.status(numbers[-1]) in ("QUEUED", "RUNNING", "SUCCEEDED")

    def test_one_hung_host_does_not_delay_the_others(self, make_daemon, ill, nginx):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_per_host_max=8, drain_timeout_ms=0)
        with daemon.client() as client:
            hung = [client.fetch(ill.url("/hang")) for _ in range(100)]
            good = [client.fetch(nginx.url("/hello")) for _ in range(50)]
            assert all(client.result(task_id)["result"] == "hello\n" for task_id in good)
            assert {client.status(task_id) for task_id in hung} <= {"RUNNING", "QUEUED"}


def test_tls_with_an_unknown_authority_is_refused(make_daemon, tmp_path):
    """A certificate that nobody vouches for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("the openssl command is not there")
    process = subprocess.Popen(
        ["/usr/bin/python3", str(ROOT / "tests/origin/origin.py"), "--listen", "127.0.0.1:0",
         "--tls-certificate", certificate, "--tls-key", key],
        stdout=subprocess.PIPE, text=True, env=clean_environment())
    try:
        origin = Origin("127.0.0.1", int(process.stdout.readline().strip().rsplit(":", 1)[1]), process)
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with daemon.client() as client:
            answer = fetch_failure(client, f"https://127.0.0.1:{origin.port}/ok", "tls")
            assert "certificate" in answer["result"]["message"].lower()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
