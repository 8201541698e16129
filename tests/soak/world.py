# SPDX-License-Identifier: MIT
"""The servers of a soak: the service with its settings, nginx, the ill-behaved and the web-like origin."""

import contextlib
import http.client
import urllib.parse

from faults import World
from lab.servers import ORIGIN_NETWORK, Nginx, Service, WebOrigin, _Origin
from lib.origins import start_ill_behaved

import catalogue

SETTINGS = {
    "fetch_allow": [ORIGIN_NETWORK],
    "queue_max": 20000,            # small enough to be reached while an origin hangs
    "attempts_max": 20,            # kills are frequent: no task may use up its attempts by them
    "retry_backoff_ms": 50,         # a task that fails for good has failed twenty times within some seconds
    "retry_backoff_max_ms": 1000,
    "fetch_total_timeout_ms": 20000,
    "drain_timeout_ms": 5000,
    "keep_max_mib": 1 << 30,        # the ledger is closed over all of it, on a disk of its size
    "log_level": "warn",
}
BIG_N = 20000


class BadOrigin(_Origin):
    """tests/origin/origin.py on a port that stays the same."""

    def start(self):
        origin = start_ill_behaved(f"127.0.0.1:{self.port or 0}")
        self.port, self.process = origin.port, origin.process
        return self


def ask(url):
    """(status, body) that an origin gives to a plain client."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request("GET", url[url.index(parts.netloc) + len(parts.netloc):])
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextlib.contextmanager
def started(directory, disk, seed, rare=1):
    """(World, items of the catalogue): everything runs inside, nothing afterwards."""
    with contextlib.ExitStack() as stack:
        nginx = stack.enter_context(Nginx(directory / "nginx"))
        (directory / "nginx" / "www" / "page.txt").write_bytes(catalogue.PAGE)
        bad = stack.enter_context(BadOrigin(directory / "bad-origin"))
        web = stack.enter_context(WebOrigin(directory / "web-origin")) if WebOrigin.PROGRAM.exists() else None
        items = catalogue.make(nginx, bad, ask, rare)
        if web is not None:
            items += catalogue.web_items(web, ask, rare)
        service = Service(directory / "service", **SETTINGS)
        service.daemon.data = disk.path / "data"
        stack.enter_context(service)
        world = World(service, nginx, bad, disk if disk.kind else None, seed, web)
        with service.client() as client:
            world.big_id = client.factorial(BIG_N)
            world.unknown += 1
            client.wait_final(world.big_id)
        yield world, items
