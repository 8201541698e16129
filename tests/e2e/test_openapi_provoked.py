# SPDX-License-Identifier: MIT
"""Every status that the description of the API has for an operation, provoked once.

What each answer has to be is judged where it is heard (lib/description.py): here it is only made to come.
"""

import contextlib

import pytest

from lib import description
from lib.api import BATCH, SUBMISSIONS
from lib.events import Stream
from lib.faults import injected, needs_root, needs_strace
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

FEW = 16  # connections that are served at least
JSON = ("Content-Type", "application/json")
TASK = b'{"type":"factorial","args":{"n":"20"}}'
LATER = {"delay_ms": 86400000}
NOBODY = "01a20927-7445-7a50-bd09-b0707c5f897a"
POSTED = {SUBMISSIONS: TASK, BATCH: b'{"tasks":[' + TASK + b"]}", "/tasks/{id}/retry": b"{}"}


def ask(daemon, method, target, *headers, body=None, **more):
    """One exchange on a connection of its own; returns the status."""
    with RawConnection(*daemon.address) as connection:
        connection.send(request(method, target, headers, body, **more))
        return connection.read_response(head=method == "HEAD").status


def target_of(path, task_id=NOBODY):
    return path.replace("{id}", task_id)


def provoke_by_header(daemon, path, method):
    """What is refused before anybody looks at the task."""
    target = target_of(path)
    assert ask(daemon, method, target, ("Content-Length", "0"), ("Content-Length", "0")) == 400
    assert ask(daemon, method, target, ("Content-Length", "99999999")) == 413
    assert ask(daemon, method, target + "?x=" + "y" * 2100) == 414
    assert ask(daemon, method, target, ("Expect", "200-ok")) == 417
    assert ask(daemon, method, target, host="example.com") == 421
    assert ask(daemon, method, target, ("X-Large", "x" * 17000)) == 431
    assert ask(daemon, method, target, ("Transfer-Encoding", "gzip")) == 501
    assert ask(daemon, method, target, version="HTTP/2.0") == 505
    if method == "OPTIONS":
        assert ask(daemon, method, target) == 204
    elif path not in ("/tasks/{id}/result", "/", "/dashboard/{file}"):
        assert ask(daemon, method, target, ("Accept", "image/png")) == 406
    if method == "POST":
        assert ask(daemon, method, target, ("Content-Type", "text/plain"), body=TASK) == 415
    if "{id}" in path and method == "OPTIONS":
        assert ask(daemon, method, target_of(path, "no-id")) == 404
    elif "{id}" in path:
        assert ask(daemon, method, target, JSON, body=b"" if method == "POST" else None) == 404


def provoke_by_task(daemon, origin):
    """What depends on how far a task is."""
    with daemon.client() as client:
        done = client.factorial(20)
        waiting = client.submit("factorial", {"n": "20"}, **LATER)
        cancelled = client.submit("factorial", {"n": "20"}, **LATER)
        running = client.fetch(origin.url())
        client.wait_final(done)
        assert client.delete(f"/tasks/{cancelled}").status == 200
        assert client.delete(f"/tasks/{done}").status == 409
        wait_until(lambda: origin.requests, what="the fetch has begun")
        assert client.delete(f"/tasks/{running}").status == 202
        with Stream(daemon.address, done) as stream:
            over = {"Last-Event-ID": stream.next().id}
        for method in ("GET", "HEAD"):
            for target in (f"{SUBMISSIONS}/{done}", f"/tasks/{done}", f"/tasks/{done}/result", f"/tasks/{done}/attempts",
                           f"/tasks/{done}/submission", "/stats/history",
                           f"/tasks/{done}/events", "/tasks", "/stats", "/metrics", "/livez", "/healthz", "/readyz",
                           "/openapi.json"):
                assert client.request(method, target).status == 200, target
            for target in (f"/tasks/{waiting}", f"/tasks/{waiting}/result"):
                assert client.request(method, target).status == 400, target
            for target, status in ((f"/tasks/{done}", 200), (f"/tasks/{waiting}", 400), (f"/tasks/{NOBODY}", 404)):
                response = client.request(method, target, headers={"Prefer": "wait=0"})
                assert response.status == status and response.headers["Preference-Applied"] == "wait=0", response
            assert client.request(method, f"/tasks/{cancelled}/result").status == 404
            assert client.request(method, f"/tasks/{done}/result", headers={"Accept": "image/png"}).status == 406
            assert client.request(method, f"/tasks/{done}/result", headers={"If-None-Match": "*"}).status == 304
            assert client.request(method, f"/tasks/{done}/result", headers={"If-Match": '"other"'}).status == 412
            assert client.request(method, "/openapi.json", headers={"If-None-Match": "*"}).status == 304
            browser = {"Accept": "text/html"}
            assert client.request(method, "/", headers=browser).status == 200
            assert client.request(method, "/", headers={"If-None-Match": "*", **browser}).status == 304
            assert client.request(method, "/").status == 404
            for name in ("app.js", "style.css", "icon.svg"):
                assert client.request(method, f"/dashboard/{name}", headers={"Accept-Encoding": "gzip"}).status == 200
            assert client.request(method, "/dashboard/app.js", headers={"If-None-Match": "*"}).status == 304
            assert client.request(method, "/dashboard/nothing.js").status == 404
            assert client.request(method, f"/tasks/{done}/events", headers=over).status == 204
        assert client.get(f"/tasks/{done}/result", Range="bytes=0-1").status == 206
        assert client.get(f"/tasks/{done}/result", Range="bytes=99-").status == 416
        for path, body in POSTED.items():
            target, key = target_of(path, cancelled), {"Idempotency-Key": f"key of {path}"}
            assert client.post(body, target, key).status == 202
            assert client.post(body + b" ", target, key).status == 422
        assert client.post(b"", f"/tasks/{done}/retry").status == 409


def provoke_limits(make_daemon):
    """More connections than are served, and nothing accepted."""
    daemon = make_daemon(http_connections_max=FEW)
    with contextlib.ExitStack() as stack:
        for _ in range(FEW):
            assert stack.enter_context(daemon.client()).get("/healthz").status == 200
        for path, method, statuses in description.operations():
            if 503 in statuses and not (path == "/readyz" and method != "OPTIONS"):
                assert ask(daemon, method, target_of(path), JSON, body=POSTED.get(path)) == 503, (path, method)
    with make_daemon(disk_free_min_mib=1048576).client() as client:
        assert client.get("/readyz").status == client.request("HEAD", "/readyz").status == 503


def fill_database(client):
    """More than the service keeps in memory of its database (8 MiB), so that it has to read; returns the oldest id."""
    task = {"type": "http-fetch", "args": {"url": "http://127.0.0.1/" + "x" * 2000}, **LATER}
    return [client.post({"tasks": [task] * 450}, BATCH).json["ids"] for _ in range(12)][0][0]


def provoke_faults(make_daemon):
    """A disk that cannot be read."""
    daemon = make_daemon()
    with daemon.client() as client:
        oldest = fill_database(client)
    with injected(daemon, "pread64:error=EACCES"):
        for path, method, statuses in description.operations():
            if 500 in statuses:
                headers = [JSON, ("Idempotency-Key", "mine")] if method == "POST" else []
                assert ask(daemon, method, target_of(path, oldest), *headers, body=POSTED.get(path)) == 500, (path, method)
    assert daemon.is_running()


@contextlib.contextmanager
def collected():
    """The (path, method, status) of every answer that is heard meanwhile."""
    found, before = set(), set(description.seen)
    description.seen.clear()
    yield found
    found.update(description.seen)
    description.seen.update(before)


@pytest.fixture(scope="module")
def provoked(make_module_daemon):
    with collected() as found:
        daemon = make_module_daemon(fetch_allow=["127.0.0.0/8"])
        for path, method, _ in description.operations():
            provoke_by_header(daemon, path, method)
        with ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
            provoke_by_task(daemon, origin)
        provoke_limits(make_module_daemon)
    return found


@pytest.mark.parametrize("path, method, statuses", description.operations(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_status_is_provoked(provoked, path, method, statuses):
    missing = {status for status in statuses - {500} if (path, method, status) not in provoked}
    assert not missing, f"{method} {path}: never answered with {sorted(missing)}"


@needs_root
@needs_strace
def test_every_500_is_provoked(make_daemon):
    with collected() as found:
        provoke_faults(make_daemon)
    expected = {(path, method, 500) for path, method, statuses in description.operations() if 500 in statuses}
    assert expected and expected <= found


def test_all_other_requests(daemon):
    """What the description says of paths and methods that it does not have."""
    assert ask(daemon, "GET", "/nothing") == 404
    assert ask(daemon, "PUT", "/stats") == 405
    assert ask(daemon, "OPTIONS", "*") == 204
    with RawConnection(*daemon.address) as connection:
        connection.send(b"BREW /stats HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.read_response().status == 501
