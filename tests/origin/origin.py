#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An ill-behaved HTTP origin for the unit and end-to-end tests.

Standard library only, one asyncio thread. What it does is chosen by the path of the request; see
README in this directory for the list. Every connection and request is counted, so that a test can
ask /stats (or a second, well-behaved connection can) what really arrived.

It prints `listening on http://HOST:PORT` once it accepts connections, and exits on SIGTERM, SIGINT
or, with --exit-with-stdin, when its standard input is closed (so that it never outlives a test).
"""
import argparse
import asyncio
import base64
import collections
import gzip
import json
import os
import signal
import socket
import ssl
import struct
import sys
import urllib.parse
import zlib

HEAD_MAX = 65536
STATS_PATHS_MAX = 10000
CHUNK = 16384


class Stats:
    """What arrived since the start or the latest reset."""

    def __init__(self):
        self.open = 0
        self.running = collections.Counter()
        self.reset()

    def reset(self):
        self.connections = 0
        self.open_max = self.open
        self.requests = 0
        self.running_max = sum(self.running.values())
        self.paths = {}

    def connected(self):
        self.connections += 1
        self.open += 1
        self.open_max = max(self.open_max, self.open)

    def begin(self, path, host):
        self.requests += 1
        self.running[path] += 1
        self.running_max = max(self.running_max, sum(self.running.values()))
        if path not in self.paths and len(self.paths) >= STATS_PATHS_MAX:
            return
        entry = self.paths.setdefault(path, {"requests": 0, "concurrent_max": 0, "hosts": {}})
        entry["requests"] += 1
        entry["concurrent_max"] = max(entry["concurrent_max"], self.running[path])
        if host in entry["hosts"] or len(entry["hosts"]) < STATS_PATHS_MAX:
            entry["hosts"][host] = entry["hosts"].get(host, 0) + 1

    def end(self, path):
        self.running[path] -= 1
        if self.running[path] <= 0:
            del self.running[path]

    def as_dict(self):
        return {
            "connections": self.connections,
            "open": self.open,
            "open_max": self.open_max,
            "requests": self.requests,
            "running": sum(self.running.values()),
            "running_max": self.running_max,
            "paths": self.paths,
        }


class Request:
    """One parsed request head."""

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        parts = urllib.parse.urlsplit(target)
        self.path = parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))

    def header(self, name, default=""):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return default


class Close(Exception):
    """The connection ends here, orderly."""


class Reset(Exception):
    """The connection ends here, with a RST."""


class Connection:
    """One client: reads requests and answers as their paths say."""

    def __init__(self, origin, reader, writer):
        self.origin = origin
        self.reader = reader
        self.writer = writer

    async def run(self):
        while True:
            request = await self.read_request()
            if request is None:
                return
            counted = not request.path.startswith("/stats")
            if counted:
                self.origin.stats.begin(request.path, request.header("host"))
            try:
                await self.answer(request)
            finally:
                if counted:
                    self.origin.stats.end(request.path)
            if request.version == "HTTP/1.0" or request.header("connection").lower() == "close":
                return

    async def read_request(self):
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3:
            return None
        headers = []
        for line in lines[1:]:
            if line:
                key, _, value = line.partition(":")
                headers.append((key, value.strip()))
        request = Request(words[0], words[1], words[2], headers)
        length = request.header("content-length")
        if length.isdigit():
            await self.reader.readexactly(min(int(length), 1 << 24))
        return request

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def head(self, status, headers=(), length=None, content_type="text/plain"):
        try:
            reason = REASONS[status]
        except KeyError:
            reason = "Status"
        lines = [f"HTTP/1.1 {status} {reason}"]
        if content_type is not None:
            lines.append(f"Content-Type: {content_type}")
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines.extend(f"{key}: {value}" for key, value in headers)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    async def reply(self, request, body, status=200, headers=(), content_type="text/plain"):
        head = self.head(status, headers, len(body), content_type)
        await self.send(head if request.method == "HEAD" else head + body)

    async def answer(self, request):
        words = request.path.strip("/").split("/")
        handler = getattr(self, "do_" + words[0].replace("-", "_"), None)
        if handler is None:
            await self.reply(request, b"no such path\n", 404)
            return
        try:
            await handler(request, *words[1:])
        except (TypeError, ValueError) as error:
            await self.reply(request, f"bad path: {error}\n".encode(), 400)

    # Well-behaved answers.

    async def do_ok(self, request):
        await self.reply(request, b"ok\n")

    async def do_bytes(self, request, count):
        """N bytes of a repeating pattern, with Content-Length."""
        await self.send(self.head(200, (), int(count), "application/octet-stream"))
        if request.method != "HEAD":
            async for piece in pattern(int(count)):
                await self.send(piece)

    async def do_chunked(self, request, count):
        """N bytes of the same pattern, chunked."""
        await self.send(self.head(200, [("Transfer-Encoding", "chunked")]))
        async for piece in pattern(int(count)):
            await self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        await self.send(b"0\r\n\r\n")

    async def do_until_close(self, request, count):
        """N bytes, ended by closing the connection."""
        await self.send(self.head(200, [("Connection", "close")]))
        async for piece in pattern(int(count)):
            await self.send(piece)
        raise Close

    async def do_status(self, request, status):
        """The status with a small body; ?retry-after=, ?body-bytes= add to it."""
        headers = []
        if "retry-after" in request.query:
            headers.append(("Retry-After", request.query["retry-after"]))
        body = b"status %d\n" % int(status)
        if "body-bytes" in request.query:
            body = b"s" * int(request.query["body-bytes"])
        if int(status) in (204, 304):
            await self.send(self.head(int(status), headers, None, None))
        else:
            await self.reply(request, body, int(status), headers)

    async def do_no_content(self, request):
        await self.send(self.head(204, (), None, None))

    async def do_empty(self, request):
        await self.reply(request, b"")

    async def do_binary(self, request):
        """All 256 byte values once, in order."""
        await self.reply(request, bytes(range(256)), content_type="application/octet-stream")

    async def do_nul(self, request):
        """Text with NUL bytes in it."""
        await self.reply(request, b"a\0b\0\0c")

    async def do_utf8(self, request):
        await self.reply(request, "Grüße, 世界 🎉\n".encode(), content_type="text/plain; charset=utf-8")

    async def do_content_type(self, request):
        """The Content-Type given as ?value=; without it none at all."""
        value = request.query.get("value")
        await self.reply(request, b"typed\n", content_type=value)

    async def do_gzip(self, request):
        """A small gzip-encoded body that says so."""
        await self.reply(request, gzip.compress(b"squeezed\n", mtime=0),
                         headers=[("Content-Encoding", "gzip")])

    async def do_echo(self, request):
        """What was asked, as JSON: method, target, headers in order."""
        told = {"method": request.method, "target": request.target, "version": request.version,
                "headers": request.headers,
                "peer": list(self.writer.get_extra_info("peername")[:2])}
        await self.reply(request, json.dumps(told).encode(), content_type="application/json")

    async def do_cookie(self, request):
        await self.reply(request, b"cookie\n", headers=[("Set-Cookie", "trace=1; Path=/")])

    async def do_stats(self, request, word=""):
        if word == "reset":
            self.origin.stats.reset()
        elif word:
            raise ValueError(word)
        body = json.dumps(self.origin.stats.as_dict()).encode()
        await self.reply(request, body, content_type="application/json")

    async def do_raw(self, request):
        """The bytes given as ?base64=, as they are, and the end."""
        await self.send(base64.b64decode(request.query["base64"]))
        raise Close

    # Redirects.

    async def do_redirect(self, request, count):
        """N hops within this origin, then /ok. Each hop has a body that must not be kept."""
        left = int(count)
        where = "/ok" if left <= 1 else f"/redirect/{left - 1}"
        status = int(request.query.get("status", "302"))
        await self.reply(request, b"LEAKED BODY OF A REDIRECT\n", status, [("Location", where)])

    async def do_redirect_to(self, request):
        """One hop to ?url=; ?status= other than 302."""
        status = int(request.query.get("status", "302"))
        await self.reply(request, b"LEAKED BODY OF A REDIRECT\n", status,
                         [("Location", request.query["url"])])

    async def do_redirect_loop(self, request):
        await self.reply(request, b"LEAKED BODY OF A REDIRECT\n", 302,
                         [("Location", "/redirect-loop")])

    async def do_redirect_empty(self, request):
        """A hop with a body, to an answer without one."""
        await self.reply(request, b"LEAKED BODY OF A REDIRECT\n", 302, [("Location", "/empty")])

    async def do_redirect_long(self, request, count):
        """A hop to /ok with a query of N bytes."""
        await self.reply(request, b"LEAKED BODY OF A REDIRECT\n", 302,
                         [("Location", "/ok?" + "l" * int(count))])

    # Slowness.

    async def do_slow(self, request, delay_ms):
        """The whole answer after a delay."""
        await self.wait(int(delay_ms))
        await self.reply(request, b"slow\n")

    async def do_drip(self, request, count, delay_ms):
        """N bytes, one at a time, a delay before each."""
        await self.send(self.head(200, (), int(count)))
        for _ in range(int(count)):
            await self.wait(int(delay_ms))
            await self.send(b".")

    async def do_hang(self, request):
        """Never an answer; ends when the client goes."""
        await self.wait(None)

    async def do_hang_body(self, request):
        """A header and half a body, then nothing."""
        await self.send(self.head(200, (), 20) + b"0123456789")
        await self.wait(None)

    async def do_endless(self, request):
        """A chunked body without end."""
        await self.send(self.head(200, [("Transfer-Encoding", "chunked")]))
        piece = b"%x\r\n%s\r\n" % (CHUNK, b"e" * CHUNK)
        while True:
            await self.send(piece)

    async def wait(self, delay_ms):
        """Sleep, but end with the connection when the client goes."""
        try:
            timeout = None if delay_ms is None else delay_ms / 1000
            data = await asyncio.wait_for(self.reader.read(1), timeout)
        except asyncio.TimeoutError:
            return
        if data == b"":
            raise Close
        raise Reset  # pipelined data: this origin does not do that

    # Lies and breakage.

    async def do_short(self, request):
        """Content-Length 100, ten bytes, and the end."""
        await self.send(self.head(200, (), 100) + b"0123456789")
        raise Close

    async def do_short_chunked(self, request):
        """A chunked body that ends in the middle of a chunk."""
        await self.send(self.head(200, [("Transfer-Encoding", "chunked")]) + b"64\r\n0123456789")
        raise Close

    async def do_bad_chunk(self, request):
        """A chunk size that is no number."""
        await self.send(self.head(200, [("Transfer-Encoding", "chunked")]) + b"zz\r\nab\r\n")
        raise Close

    async def do_reset(self, request):
        raise Reset

    async def do_ok_then_reset(self, request):
        """A connection kept open, and a RST when it is used again."""
        await self.reply(request, b"ok\n")
        await self.reader.read(1)
        raise Reset

    async def do_reset_body(self, request):
        """A RST in the middle of the body."""
        await self.send(self.head(200, (), 100) + b"0123456789")
        await asyncio.sleep(0.05)
        raise Reset

    async def do_empty_reply(self, request):
        raise Close

    async def do_garbage(self, request):
        await self.send(b"\x16\x03\x01 this is not HTTP \xff\xfe\x00\r\n\r\n")
        raise Close

    async def do_http09(self, request):
        """A body without a header."""
        await self.send(b"<html>HTTP/0.9 has no header</html>\n")
        raise Close

    async def do_bad_version(self, request):
        await self.send(b"HTTP/7.3 200 OK\r\nContent-Length: 2\r\n\r\nok")
        raise Close

    async def do_gzip_bomb(self, request):
        """200 MiB of zeros in some 200 KB of gzip, chunked."""
        await self.send(self.head(200, [("Content-Encoding", "gzip"),
                                        ("Transfer-Encoding", "chunked")]))
        squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = bytes(1 << 20)
        for turn in range(201):
            piece = squeeze.compress(zeros) if turn < 200 else squeeze.flush()
            if piece:
                await self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.sleep(0)
        await self.send(b"0\r\n\r\n")

    async def do_huge_header(self, request, count):
        """One header line with a value of N bytes."""
        await self.reply(request, b"huge header\n", headers=[("X-Huge", "h" * int(count))])

    async def do_many_headers(self, request, count):
        """N header lines of about 100 bytes."""
        headers = [(f"X-Many-{i}", "m" * 88) for i in range(int(count))]
        await self.reply(request, b"many headers\n", headers=headers)

    async def do_many_interim(self, request, count):
        """N interim answers (103) before the real one."""
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
        await self.send(interim * int(count))
        await self.reply(request, b"after interim\n")

    async def do_trailer(self, request):
        """A trailer section that tries to pass for a header."""
        await self.send(self.head(200, [("Transfer-Encoding", "chunked")]) +
                        b"5\r\nbody\n\r\n0\r\nContent-Type: text/forged\r\nX-Trailer: yes\r\n\r\n")


REASONS = {200: "OK", 204: "No Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
           304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
           400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}


async def pattern(count):
    """`count` bytes of the repeating pattern 0123456789abcdef, in pieces."""
    piece = b"0123456789abcdef" * (CHUNK // 16)
    while count > 0:
        size = min(count, CHUNK)
        yield piece[:size]
        count -= size


class Origin:
    """The listening side."""

    def __init__(self):
        self.stats = Stats()

    async def connected(self, reader, writer):
        self.stats.connected()
        try:
            await Connection(self, reader, writer).run()
        except Reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        except (Close, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass
        finally:
            self.stats.open -= 1
            writer.close()


def split_address(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def make_tls(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def serve(options):
    origin = Origin()
    host, port = options.listen
    tls = make_tls(options.tls_certificate, options.tls_key) if options.tls_certificate else None
    server = await asyncio.start_server(origin.connected, host, port, limit=HEAD_MAX, backlog=4096,
                                        ssl=tls)
    port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on {'https' if tls else 'http'}://{shown}:{port}", flush=True)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_stdin:
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(0, 4096) or stop.set())
    await stop.wait()
    # Not loop.run_until_complete(server.wait_closed()): clients that hang must not keep us.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", type=split_address, default=("127.0.0.1", 0),
                        metavar="HOST:PORT", help="port 0 picks a free one")
    parser.add_argument("--tls-certificate", metavar="FILE", help="serve https with this chain")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--exit-with-stdin", action="store_true",
                        help="exit when standard input is closed")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
