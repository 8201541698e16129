# SPDX-License-Identifier: MIT
"""What the soak submits: every item with its exact result, or with the failures that its origin makes."""

import json
import math
import pathlib
import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)

# What a fetch may end with while its origin is away or hangs.
OUTAGE_FAILURES = frozenset({"connect", "connection_lost", "timeout", "protocol"})
HANG_LIMIT_MS = 500  # of each attempt at what never answers
PAGE = ("a page that JSON does not have to escape; " * 8).encode()

# Path on the ill-behaved origin, weight among 100,000 fetches, failures that it makes; none: it succeeds. What asks
# to be left alone for a second is rare, because every fetch of this host waits for that, up to twenty times a task.
BAD_PATHS = (
    ("/slow/50", 400, ()),
    ("/slow/1500", 60, ()),
    ("/chunked/5000", 100, ()),
    ("/binary", 50, ()),
    ("/gzip", 50, ()),
    ("/redirect/2", 50, ()),
    ("/status/404", 100, ("http_status",)),
    ("/status/429?retry-after=1", 1, ("http_status",)),
    ("/status/503", 100, ("http_status",)),
    ("/reset", 50, ("connection_lost", "protocol", "connect")),
    ("/reset-body", 20, ("connection_lost", "protocol", "connect")),
    ("/short", 50, ("connection_lost", "protocol")),
    ("/empty-reply", 50, ("connection_lost", "protocol")),
    ("/hang", 1, ("timeout",)),
)
WEB_KEYS, WEB_WEIGHT = 20, 15
WEB_FAILURES = ("http_status", "connection_lost", "timeout", "protocol")
NGINX_PATHS = (("/page.txt", 98000), ("/64k.bin", 50), ("/1m.bin", 5))
FACTORIALS = tuple((n, 990) for n in range(101)) + ((1000, 100), (2500, 60), (5000, 20), (20000, 5))


def _factorial(n, weight):
    content = str(math.factorial(n)).encode()
    return {"type": "factorial", "args": {"n": str(n)}, "terms": {}, "weight": weight, "content": content, "origin": None,
            "raw": len(content) > 4000, "failures": frozenset(), "outage_failures": frozenset()}


def _fetch(url, weight, content, origin, raw=True, failures=()):
    terms = {"timeout_ms": HANG_LIMIT_MS} if url.endswith("/hang") else {}
    return {"type": "http-fetch", "args": {"url": url}, "terms": terms, "weight": weight, "content": content, "origin": origin,
            "raw": raw, "failures": frozenset(failures), "outage_failures": OUTAGE_FAILURES}


def make(nginx, bad, get, rare=1):
    """All items. get(url) -> (status, body) asks an origin directly; rare multiplies rare weights."""
    items = [_factorial(n, weight if n <= 100 else weight * rare) for n, weight in FACTORIALS]
    for path, weight in NGINX_PATHS:
        common = path == "/page.txt"
        status, content = get(nginx.url + path)
        assert status == 200, f"nginx answers {status} for {path}"
        items.append(_fetch(nginx.url + path, weight if common else weight * rare, content, "nginx", raw=not common))
    for path, weight, failures in BAD_PATHS:
        content = None
        if not failures:
            path_of_content = {"/redirect/2": "/ok"}.get(path, path)
            status, content = get(bad.url + path_of_content)
            assert status == 200, f"the ill-behaved origin answers {status} for {path_of_content}"
        if path == "/gzip":
            content = None  # decoded by the service; a plain client sees the coding
        items.append(_fetch(bad.url + path, weight * rare, content, "bad", failures=failures))
    return items


def web_items(web, get, rare=1):
    """The web-like origin: pages that it always has, others that fail in the ways of the web, one with a rate limit."""
    items = []
    for key in range(WEB_KEYS):
        status, content = get(f"{web.url}/page/{key}")
        assert status == 200, f"the web-like origin answers {status} for a page"
        items.append(_fetch(f"{web.url}/page/{key}", WEB_WEIGHT * rare, content, "web"))
        items.append(_fetch(f"{web.url}/web/{key}", WEB_WEIGHT * rare, None, "web", failures=WEB_FAILURES))
    items.append(_fetch(f"{web.url}/limited/soak", 5 * WEB_WEIGHT * rare, None, "web", failures=("http_status",)))
    return items


def write(items, directory):
    """The catalogue as soakgen reads it, and the contents beside it; returns its path."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, item in enumerate(items):
        content = "-"
        if item["content"] is not None:
            content = directory / f"content-{number}"
            content.write_bytes(item["content"])
        body = json.dumps({"type": item["type"], "args": item["args"], **item["terms"]}, separators=(",", ":"))
        group = 0 if item["type"] == "factorial" else 1
        lines.append(f"{group}\t{item['weight']}\t{int(item['raw'])}\t{content}\t{body}\n")
    path = directory / "catalogue"
    path.write_text("".join(lines), encoding="ascii")
    return path
