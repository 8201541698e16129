#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An origin that behaves like the web: latencies, sizes, failures, redirects and rate limits.

What a key of /web/KEY and /page/KEY is like is drawn once from the seed and the key, so it is the same
in every run: its latency and size from log-normal distributions that are given by median and 99th
percentile, and for /web whether it fails and how. One process, one thread; standard library only.
"""

import argparse
import asyncio
import collections
import functools
import hashlib
import json
import math
import random
import signal
import socket
import sys
import time

P99_SIGMAS = 2.3263  # of a normal distribution
SIZE_MIN = 1024
BLOCK_MORE = 65536
HEAD_MAX = 65536
DELAY_MAX_MS = 60000
REASONS = {200: "OK", 204: "No Content", 302: "Found", 404: "Not Found", 405: "Method Not Allowed",
           429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable", 504: "Gateway Timeout"}
RESET, HANG = "reset", "timeout"  # outcomes that are no status

Answer = collections.namedtuple("Answer", "status body headers delay_s outcome")
Character = collections.namedtuple("Character", "latency_s size offset outcome")


def answer(status, body=b"", headers="", delay_s=0.0):
    return Answer(status, body, headers, delay_s, str(status))


class LogNormal:
    def __init__(self, median, p99, least, most):
        self.mu, self.least, self.most = math.log(median), least, most
        self.sigma = math.log(p99 / median) / P99_SIGMAS

    def draw(self, dice):
        return min(self.most, max(self.least, dice.lognormvariate(self.mu, self.sigma)))


class Site:
    """What is served, apart from sockets."""

    def __init__(self, options):
        self.seed = options.seed
        self.rate_limit = options.rate_limit
        self.hang_s = options.timeout_ms / 1000
        self.latency = LogNormal(options.median_ms, options.p99_ms, 0.0, options.latency_max_ms)
        self.sizes = LogNormal(options.size_median, options.size_p99, SIZE_MIN, options.size_max)
        self.shares = [
            ("5xx", options.error_share), (RESET, options.reset_share), (HANG, options.timeout_share),
            ("429", options.limited_share), ("302", options.redirect_share),
        ]
        dice = random.Random(f"{self.seed} text")
        words = [" ".join(dice.choices("alpha beta gamma delta kappa sigma omega".split(), k=16)) for _ in range(512)]
        line = "\n".join(words).encode()
        size = options.size_max + BLOCK_MORE
        self.block = memoryview((line * (size // len(line) + 1))[:size])
        self.character = functools.lru_cache(maxsize=200000)(self._character)
        self.window = (0, collections.Counter())
        self.routes = {
            "web": self.web, "page": self.page, "fast": self.fast, "size": self.sized,
            "delay": self.delayed, "status": self.status, "limited": self.limited, "": self.front,
        }

    def _character(self, key):
        digest = hashlib.blake2b(f"{self.seed} {key}".encode(), digest_size=8).digest()
        dice = random.Random(int.from_bytes(digest, "big"))
        latency_s = self.latency.draw(dice) / 1000
        size = int(self.sizes.draw(dice))
        offset = dice.randrange(BLOCK_MORE)
        lot, outcome = dice.random(), "200"
        for name, share in self.shares:
            if lot < share:
                outcome = name if name != "5xx" else str(dice.choice((500, 502, 503, 504)))
                break
            lot -= share
        return Character(latency_s, size, offset, outcome)

    # Paths --------------------------------------------------------------------------------

    def page(self, key):
        """Latency and size of the key; always succeeds."""
        one = self.character(key)
        return answer(200, self.block[one.offset:one.offset + one.size], delay_s=one.latency_s)

    def web(self, key):
        """The same, but it may fail, lead elsewhere or refuse, each key in its own way every time."""
        one = self.character(key)
        if one.outcome == "200":
            return self.page(key)
        if one.outcome == RESET:
            return Answer(0, b"", "", one.latency_s, RESET)
        if one.outcome == HANG:
            return Answer(0, b"", "", self.hang_s, HANG)
        if one.outcome == "302":
            return answer(302, headers=f"Location: /page/{key}\r\n", delay_s=one.latency_s)
        more = "Retry-After: 1\r\n" if one.outcome in ("429", "503") else ""
        return answer(int(one.outcome), b"not today\n", more, one.latency_s)

    def front(self, _):
        return answer(200, b"<!doctype html><title>A page</title><p>like any other.\n")

    def fast(self, _):
        return answer(200, b"fast\n")

    def sized(self, text):
        size = int(text)
        if not 0 <= size <= len(self.block):
            return answer(404)
        return answer(200, self.block[:size])

    def delayed(self, text):
        return answer(200, b"late\n", delay_s=min(int(text), DELAY_MAX_MS) / 1000)

    def status(self, text):
        code = int(text)
        if not 200 <= code <= 599:
            return answer(404)
        return answer(code, b"" if code in (204, 304) else b"as asked\n")

    def limited(self, key):
        """Up to so many a second for each path, then 429."""
        second = int(time.monotonic())
        if self.window[0] != second:
            self.window = (second, collections.Counter())
        self.window[1][key] += 1
        if self.window[1][key] > self.rate_limit:
            return answer(429, b"too many\n", "Retry-After: 1\r\n")
        return answer(200, b"granted\n")

    def answer_to(self, target):
        """The route, for counting, and the answer."""
        first, _, rest = target.split("?", 1)[0].removeprefix("/").partition("/")
        route = self.routes.get(first)
        if route is None:
            return "(none)", answer(404, b"no such path\n")
        try:
            return "/" + first, route(rest)
        except ValueError:
            return "/" + first, answer(404, b"not a number\n")


class Counts:
    def __init__(self):
        self.connections = self.open = self.open_max = self.requests = 0
        self.by_path = collections.Counter()
        self.by_outcome = collections.Counter()

    def as_json(self):
        return json.dumps(vars(self)).encode()


class Connection(asyncio.Protocol):
    """One connection: requests are answered in order, one at a time."""

    def __init__(self, site, counts):
        self.site, self.counts = site, counts
        self.data = b""
        self.timer = None
        self.paused = False

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.counts.connections += 1
        self.counts.open += 1
        self.counts.open_max = max(self.counts.open_max, self.counts.open)

    def connection_lost(self, _):
        self.counts.open -= 1
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.advance()

    def data_received(self, data):
        self.data += data
        if len(self.data) > HEAD_MAX:
            self.transport.abort()
        else:
            self.advance()

    def advance(self):
        while self.timer is None and not self.paused and not self.transport.is_closing():
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head, self.data = self.data[:end + 2].decode("latin-1"), self.data[end + 4:]
            self.begin(head)

    def begin(self, head):
        line, _, fields = head.partition("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self.transport.abort()
            return
        method, target, version = words
        fields = fields.lower()
        keep = version == "HTTP/1.1" and "connection: close" not in fields
        if method not in ("GET", "HEAD") or "content-length" in fields or "transfer-encoding" in fields:
            self.send(answer(405, b"GET alone\n", "Allow: GET, HEAD\r\n"), method, False)
            return
        if target == "/counts":
            self.send(answer(200, self.counts.as_json()), method, keep, counted=False)
            return
        path, found = self.site.answer_to(target)
        self.counts.requests += 1
        self.counts.by_path[path] += 1
        if found.delay_s > 0:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(found.delay_s, self.send_late, found, method, keep)
        else:
            self.send(found, method, keep)

    def send_late(self, found, method, keep):
        self.timer = None
        self.send(found, method, keep)
        self.advance()

    def send(self, found, method, keep, counted=True):
        if counted:
            self.counts.by_outcome[found.outcome] += 1
        if found.outcome == RESET:
            # Closing with this set sends RST, not FIN.
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.transport.abort()
            return
        if found.outcome == HANG:
            self.transport.close()
            return
        length = "" if found.status in (204, 304) else f"Content-Length: {len(found.body)}\r\n"
        head = (
            f"HTTP/1.1 {found.status} {REASONS.get(found.status, 'Status')}\r\n"
            f"Content-Type: text/html; charset=utf-8\r\n{length}{found.headers}"
            f"{'' if keep else 'Connection: close' + chr(13) + chr(10)}\r\n"
        ).encode("latin-1")
        self.transport.write(head if method == "HEAD" else b"".join((head, found.body)))
        if not keep:
            self.transport.close()


def share(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"not a share: {text}")
    return value


def positive(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"not above zero: {text}")
    return value


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = functools.partial(parser.add_argument, metavar="N")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS:PORT", help="port 0 picks one")
    add("--seed", default="1", help="what the characters of keys are drawn from")
    add("--median-ms", type=positive, default=40.0, help="latency: median")
    add("--p99-ms", type=positive, default=600.0, help="latency: 99th percentile")
    add("--latency-max-ms", type=positive, default=10000.0, help="latency: never more")
    add("--size-median", type=positive, default=16384.0, help="bytes: median")
    add("--size-p99", type=positive, default=1048576.0, help="bytes: 99th percentile")
    add("--size-max", type=int, default=4194304, help="bytes: never more")
    add("--error-share", type=share, default=0.02, help="share of /web keys: 500, 502, 503 or 504")
    add("--reset-share", type=share, default=0.01, help="share of /web keys: connection reset")
    add("--timeout-share", type=share, default=0.005, help="share of /web keys: no answer, then the end")
    add("--limited-share", type=share, default=0.01, help="share of /web keys: 429")
    add("--redirect-share", type=share, default=0.1, help="share of /web keys: 302 to /page")
    add("--timeout-ms", type=positive, default=5000.0, help="how long no answer takes")
    add("--rate-limit", type=int, default=50, help="requests a second for each path below /limited")
    options = parser.parse_args(words)
    if options.p99_ms < options.median_ms or options.size_p99 < options.size_median:
        parser.error("a 99th percentile below the median")
    if options.size_max < SIZE_MIN:
        parser.error(f"--size-max is at least {SIZE_MIN}")
    return options


async def serve(options):
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    site, counts = Site(options), Counts()
    host, _, port = options.listen.rpartition(":")
    server = await loop.create_server(lambda: Connection(site, counts), host, int(port), backlog=4096)
    print("listening on http://%s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(parse(sys.argv[1:])))
