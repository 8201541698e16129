# SPDX-License-Identifier: MIT
"""GET /tasks/{id}/events: what is told, resumed, refused and ended, and clients and services that go away."""

import contextlib
import queue
import signal
import socket
import time

import pytest

from lib.api import SUBMISSIONS, check_problem, loads
from lib.events import MEDIA_TYPE, EventSource, Stream, check_order
from lib.origins import FedOrigin, ScriptedOrigin, ok_answer
from lib.rawhttp import Closed, RawConnection, request
from lib.wait import wait_until

UNKNOWN = "018f0000-0000-7000-8000-000000000000"
LOOPBACK = {"fetch_allow": ["127.0.0.0/8"], "fetch_total_timeout_ms": 600_000}


@pytest.fixture(scope="module")
def daemon(make_module_daemon):
    """Without heartbeats: nothing but news moves a stream on."""
    return make_module_daemon(http_heartbeat_ms=3600000, **LOOPBACK)


def events(task_id):
    return f"/tasks/{task_id}/events"


def waiting(client):
    return client.get("/stats").json["http"]["waiting"]


def await_waiting(client, count):
    wait_until(lambda: waiting(client) == count, what=f"{count} requests wait")


def await_running(client, task_id):
    wait_until(lambda: client.status(task_id) == "RUNNING")


def answer(status, more=""):
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: 1\r\n{more}Connection: close\r\n\r\nx".encode()


@contextlib.contextmanager
def streams(address, task_id, count, **more):
    """So many streams, of each of which the first event has been read."""
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(Stream(address, task_id, **more)) for _ in range(count)]
        for stream in many:
            assert stream.next() is not None
        yield many


def followed_from_the_queue(address, submit):
    """All events of a task that was submitted with a time in ms and was still QUEUED when the stream began."""
    for time_ms in (300, 3000, 30000):  # on a busy machine the first may be over by then
        with Stream(address, submit(time_ms)) as stream:
            seen = stream.rest()
        check_order(seen)
        if seen[0].state == ("QUEUED", 0):
            break
    return [event.state for event in seen if event.kind == "status"]


# What is told ---------------------------------------------------------------------------------------


def test_a_stream_begins_with_the_state_and_ends_with_the_task(daemon, client, held):
    task = client.fetch(held.url())
    await_running(client, task)
    with Stream(daemon.address, task) as stream:
        assert stream.response.header("cache-control") == "no-store"
        assert stream.response.header("x-content-type-options") == "nosniff"
        assert stream.response.header("x-accel-buffering") == "no"
        assert stream.response.header("transfer-encoding") == "chunked"
        first = stream.next()
        assert first.kind == "status" and first.data == client.get(f"{SUBMISSIONS}/{task}").json
        assert stream.retry_ms == 2000
        held.release()
        last = stream.next()
        assert last.kind == "status" and last.state == ("SUCCEEDED", 1) and last.progress == 1
        assert last.data == client.get(f"{SUBMISSIONS}/{task}").json
        assert stream.next() is None and stream.is_at_end
        check_order([first, last])
        # The response is over, and the connection is not.
        stream.connection.send(request("GET", "/healthz"))
        assert stream.connection.read_response().status == 200


def test_a_task_that_has_ended_is_told_at_once(daemon, client):
    for task in (client.factorial(5), client.factorial(300)):
        client.wait_final(task)
        with Stream(daemon.address, task) as stream:
            assert [event.state for event in stream.rest()] == [("SUCCEEDED", 1)]


def test_every_change_on_a_tasks_way_is_told(make_daemon, held):
    """It waits for a place, fails, waits for its second attempt, and succeeds."""
    daemon = make_daemon(fetch_in_flight_max=1, **LOOPBACK)
    replies = queue.Queue()
    with ScriptedOrigin(lambda _: replies.get()) as origin, daemon.client() as client:
        first = client.fetch(held.url())
        await_running(client, first)
        task = client.fetch(origin.url())
        with Stream(daemon.address, task) as stream:
            seen = [stream.next_status()]
            assert seen[0].state == ("QUEUED", 0) and seen[0].data["started_at"] is None
            held.release()
            seen.append(stream.next_status())
            replies.put(answer(503, "Retry-After: 2\r\n"))
            seen += [stream.next_status(), stream.next_status()]
            replies.put(answer(200))
            seen += stream.rest()
        check_order(seen)
        assert [event.state for event in seen] == [
            ("QUEUED", 0), ("RUNNING", 1), ("QUEUED", 1), ("RUNNING", 2), ("SUCCEEDED", 2)]


def test_a_scheduled_task_is_followed_through_its_time(daemon, client):
    seen = followed_from_the_queue(
        daemon.address, lambda time_ms: client.submit("factorial", {"n": "300"}, delay_ms=time_ms))
    assert seen[0] == ("QUEUED", 0) and seen[-1] == ("SUCCEEDED", 1)


def test_what_will_never_run_is_told(daemon, client):
    cancelled = client.submit("factorial", {"n": "300"}, delay_ms=3600000)
    with Stream(daemon.address, cancelled) as stream:
        assert stream.next().state == ("QUEUED", 0)
        assert client.delete(f"/tasks/{cancelled}").status == 200
        assert [event.state for event in stream.rest()] == [("REJECTED", 0)]


def test_a_task_that_expires_or_is_cancelled_while_it_runs(make_daemon, held):
    daemon = make_daemon(fetch_in_flight_max=1, **LOOPBACK)
    with daemon.client() as client:
        running = client.fetch(held.url())
        await_running(client, running)
        assert followed_from_the_queue(
            daemon.address, lambda time_ms: client.submit("http-fetch", {"url": held.url()}, ttl_ms=time_ms)
        ) == [("QUEUED", 0), ("REJECTED", 0)]
        with Stream(daemon.address, running) as stream:
            assert stream.next().state == ("RUNNING", 1)
            assert client.delete(f"/tasks/{running}").status == 202
            last = stream.rest()
            assert [event.state for event in last] == [("FAILED", 1)] and last[0].progress is None


def test_nothing_is_lost_where_nothing_is_kept_in_memory(make_daemon, held):
    daemon = make_daemon(recent_tasks=0, **LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        with streams(daemon.address, task, 5) as many:
            held.release()
            for stream in many:
                assert stream.rest()[-1].state == ("SUCCEEDED", 1)


# Progress -------------------------------------------------------------------------------------------


def test_progress_of_a_slow_origin_is_told_to_everybody_who_follows(daemon, client):
    with FedOrigin(1000) as origin:
        task = client.fetch(origin.url())
        await_running(client, task)
        with streams(daemon.address, task, 3) as many:
            for step in range(1, 8):
                origin.feed(b"x" * 125)
                for stream in many:
                    event = stream.next()
                    assert event.kind == "progress" and event.state == ("RUNNING", 1)
                    assert event.progress == step * 0.125
                if step == 4:  # a second in which nothing comes
                    assert client.get(f"{SUBMISSIONS}/{task}?wait=1").json["progress"] == 0.5
            origin.feed(b"x" * 125)
            for stream in many:
                rest = stream.rest()
                check_order(rest)
                assert rest[-1].state == ("SUCCEEDED", 1)


def test_progress_is_told_a_few_times_a_second_and_the_latest_is_not_lost(daemon, client):
    with FedOrigin(1000) as origin:
        task = client.fetch(origin.url())
        await_running(client, task)
        with Stream(daemon.address, task) as stream:
            seen = [stream.next()]
            began = time.monotonic()
            origin.feed(*[b"x"] * 999)
            while seen[-1].progress != 0.999:
                seen.append(stream.next())
            # Four a second, and one for each end of the time. More time only allows more of them.
            assert len(seen) - 1 <= (time.monotonic() - began) * 4 + 2
            check_order(seen)
            origin.feed(b"x")
            assert stream.rest()[-1].state == ("SUCCEEDED", 1)


def test_progress_of_another_attempt_is_told_anew(daemon, client):
    with FedOrigin(100) as origin:
        task = client.submit("http-fetch", {"url": origin.url()}, retry={"max_attempts": 2, "backoff_ms": 0})
        with Stream(daemon.address, task) as stream:
            origin.feed(b"x" * 70)
            seen = [stream.next()]
            while seen[-1].progress != 0.7:
                seen.append(stream.next())
            origin.feed(None, b"x" * 20)
            while (seen[-1].state, seen[-1].progress) != (("RUNNING", 2), 0.2):
                seen.append(stream.next())
            origin.feed(b"x" * 80)
            seen += stream.rest()
            check_order(seen)
            assert seen[-1].state == ("SUCCEEDED", 2)


def test_progress_of_a_factorial_is_told(make_daemon):
    daemon = make_daemon(factorial_max_n=100000000, cpu_memory_mib=4096)
    with daemon.client() as client:
        task = client.factorial(100000000)
        with Stream(daemon.address, task) as stream:
            seen = [stream.next()]
            while len(seen) < 4:
                seen.append(stream.next())
            assert client.delete(f"/tasks/{task}").status == 202
            seen += stream.rest()
        check_order(seen)
        assert {event.kind for event in seen[1:-1]} == {"progress"}
        assert seen[-1].state == ("FAILED", 1)


# Resuming -------------------------------------------------------------------------------------------


def test_who_has_seen_the_end_is_told_to_stop(daemon, client):
    task = client.factorial(5)
    with Stream(daemon.address, task) as stream:
        last = stream.rest()[-1]
    for method in ("GET", "HEAD"):
        again = client.request(method, events(task), headers={"Accept": MEDIA_TYPE, "Last-Event-ID": last.id})
        assert again.status == 204 and again.body == b"" and "Content-Type" not in again.headers
    other = client.factorial(300)
    client.wait_final(other)
    for seen in (last.id.replace("SUCCEEDED", "FAILED"), last.id + "0", "", "RUNNING-1-0", "x" * 3000, "\u00e9"):
        with Stream(daemon.address, task, [("Last-Event-ID", seen)]) as stream:
            assert [event.id for event in stream.rest()] == [last.id], seen
    with Stream(daemon.address, other, [("Last-Event-ID", last.id)]) as stream:
        assert len(stream.rest()) == 1, "the end of another task"
    twice = [("Last-Event-ID", last.id)] * 2
    with Stream(daemon.address, task, twice) as stream:
        assert len(stream.rest()) == 1, "nobody can say which one is meant"


def test_who_comes_again_is_not_told_twice(daemon, client):
    with FedOrigin(100) as origin:
        task = client.fetch(origin.url())
        await_running(client, task)
        with Stream(daemon.address, task) as stream:
            running = stream.next()
            origin.feed(b"x" * 50)
            half = stream.next()
            assert half.progress == 0.5
        with Stream(daemon.address, task, [("Last-Event-ID", half.id)]) as same, \
                Stream(daemon.address, task, [("Last-Event-ID", running.id)]) as behind:
            again = behind.next()
            assert again.kind == "status" and again.id == half.id and again.data == half.data
            origin.feed(b"x" * 25)
            assert same.next().progress == 0.75 and same.retry_ms == 2000
            assert behind.next().progress == 0.75
            origin.feed(b"x" * 25)
            assert same.rest()[-1].id == behind.rest()[-1].id


def test_kill_9_and_a_restart_interrupt_nothing_for_who_comes_again(make_daemon, held):
    daemon = make_daemon(**LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        await_running(client, task)
    source = EventSource(lambda: daemon.address, task)
    wait_until(lambda: source.events)
    daemon.kill9()
    with pytest.raises(ConnectionRefusedError):
        RawConnection(*daemon.address)
    daemon.restart()
    wait_until(lambda: source.events[-1].state == ("RUNNING", 2))
    held.release()
    source.join()
    check_order(source.events)
    assert source.events[-1].state == ("SUCCEEDED", 2)
    assert source.refusals == [204]
    assert source.connects >= 3


def test_followers_of_many_tasks_see_each_to_its_end_whatever_happens(make_daemon):
    """Tasks that succeed, fail, are tried again and cancelled, while the service is killed and terminated."""
    daemon = make_daemon(attempts_max=20, retry_backoff_ms=20, fetch_in_flight_max=4, drain_timeout_ms=100, **LOOPBACK)
    calls = {}

    def flaky(received):
        path = received.split(b" ", 2)[1]
        calls[path] = calls.get(path, 0) + 1
        time.sleep(0.02)
        return answer(200 if calls[path] % 3 == 0 else 503)

    with ScriptedOrigin(flaky) as origin:
        with daemon.client() as client:
            tasks = [client.fetch(origin.url(f"/{number}")) for number in range(30)]
            tasks += [client.submit("factorial", {"n": "20000"}, delay_ms=50 * number) for number in range(10)]
            sources = [EventSource(lambda: daemon.address, task) for task in tasks]
            wait_until(lambda: sum(len(source.events) for source in sources) > 60)
            for task in tasks[::7]:
                client.delete(f"/tasks/{task}")
        for end in (daemon.kill9, daemon.terminate, daemon.kill9):
            before = sum(len(source.events) for source in sources)
            wait_until(lambda: sum(len(source.events) for source in sources) > before + 5 or
                       not any(source.thread.is_alive() for source in sources))
            end()
            daemon.restart()
        for source in sources:
            source.join()
            check_order(source.events)
            assert source.refusals == [204]
        with daemon.client() as client:
            for source in sources:
                assert source.events[-1].data == client.get(f"{SUBMISSIONS}/{source.task_id}").json


# Refusals and other ways to ask -----------------------------------------------------------------------


def test_what_is_refused(daemon, client):
    task = client.factorial(5)
    accept = {"Accept": MEDIA_TYPE}
    problem = check_problem(client.request("GET", events(UNKNOWN), headers=accept), 404)
    assert problem["type"] == "/problems/no-such-task"
    check_problem(client.request("GET", events("nonsense"), headers=accept), 404)
    check_problem(client.get(events(task), Accept="application/json"), 406)
    check_problem(client.get(events(task), Accept="text/event-stream;q=0, */*"), 406)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused = client.request(method, events(task))
        check_problem(refused, 405)
        assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert client.request("OPTIONS", events(task)).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert check_problem(client.get(events(task) + "?wait=1"), 400)["type"] == "/problems/unknown-parameter"
    assert client.get(events(task) + "/", Accept=MEDIA_TYPE).status == 404


@pytest.mark.parametrize("accept", [None, "*/*", "text/*", "text/event-stream", "application/json, text/event-stream;q=0.1"])
def test_whoever_takes_events_gets_them(daemon, client, accept):
    task = client.factorial(5)
    headers = {} if accept is None else {"Accept": accept}
    response = client.request("GET", events(task), headers=headers)
    assert response.status == 200 and response.media_type == MEDIA_TYPE
    assert response.body.startswith(b"retry: 2000\nevent: status\nid: SUCCEEDED-1-")


def test_head_is_answered_at_once_and_takes_no_place(daemon, client, held):
    task = client.fetch(held.url())
    await_running(client, task)
    for version in ("HTTP/1.1", "HTTP/1.0"):
        with RawConnection(*daemon.address) as connection:
            connection.send(request("HEAD", events(task), version=version))
            response = connection.read_response(head=True)
            assert response.status == 200 and response.header("content-type") == MEDIA_TYPE
            assert response.header("content-length") is None
    assert waiting(client) == 0


def test_http_1_0_gets_the_events_without_chunks_until_the_connection_ends(daemon, client, held):
    task = client.fetch(held.url())
    await_running(client, task)
    for keep_alive in ([], [("Connection", "keep-alive")]):
        with Stream(daemon.address, task, keep_alive, version="HTTP/1.0") as stream:
            assert stream.response.header("transfer-encoding") is None
            assert stream.response.header("content-length") is None
            assert stream.next().state == ("RUNNING", 1)
    with Stream(daemon.address, task, version="HTTP/1.0") as stream:
        assert stream.next().state == ("RUNNING", 1)
        held.release()
        assert [event.state for event in stream.rest()] == [("SUCCEEDED", 1)]
        assert stream.connection.is_closed(60)


def test_as_many_follow_or_wait_as_may(make_daemon, held):
    daemon = make_daemon(http_waiting_max=4, **LOOPBACK)
    with daemon.client() as client:
        task, ended = client.fetch(held.url()), client.factorial(5)
        await_running(client, task)
        with streams(daemon.address, task, 3) as many, RawConnection(*daemon.address) as parked:
            parked.send(request("GET", f"{SUBMISSIONS}/{task}?wait=60"))
            await_waiting(client, 4)
            for path in (events(task), f"{SUBMISSIONS}/{task}?wait=1"):
                refused = client.get(path)
                assert check_problem(refused, 503)["type"] == "/problems/too-many-waiting"
                assert refused.headers["Retry-After"] == "1"
            assert client.opened == 1, "a refusal costs no connection"
            # Who has nothing to wait for is served.
            with Stream(daemon.address, ended) as stream:
                assert stream.rest()[-1].state == ("SUCCEEDED", 1)
            assert client.request("HEAD", events(task)).status == 200
            assert client.get(events(UNKNOWN)).status == 404
            many.pop().connection.close()
            await_waiting(client, 3)
            with streams(daemon.address, task, 1) as one:
                await_waiting(client, 4)
                held.release()
                assert loads(parked.read_response().body)["status"] == "SUCCEEDED"
                for stream in many + one:
                    assert stream.rest()[-1].state == ("SUCCEEDED", 1)
        await_waiting(client, 0)


# Clients and services that go away ----------------------------------------------------------------------


def test_a_stream_without_news_shows_that_it_lives(make_daemon, held):
    daemon = make_daemon(http_heartbeat_ms=100, **LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        await_running(client, task)
        with Stream(daemon.address, task) as stream:
            assert stream.next() is not None
            received = b""
            while len(received) < 9:
                received += stream.connection.read_chunk()
            assert received == b":\n\n" * 3
            held.release()
            assert stream.rest()[-1].state == ("SUCCEEDED", 1)


def test_clients_that_go_away_leave_nothing_behind(make_daemon, held):
    daemon = make_daemon(**LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        wait_until(lambda: held.running == 1, what="the fetch has its connection")
        before = len(daemon.descriptors()), daemon.threads()
        for _ in range(3):
            with streams(daemon.address, task, 100):
                await_waiting(client, 100)
            await_waiting(client, 0)
        wait_until(lambda: len(daemon.descriptors()) <= before[0] and daemon.threads() <= before[1],
                   what="descriptors and threads are as before")
        held.release()
        assert client.result(task)["result"] == "held"


def test_clients_that_reset_their_connections_are_noticed(make_daemon, held):
    daemon = make_daemon(http_heartbeat_ms=100, **LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        await_running(client, task)
        with streams(daemon.address, task, 20) as many:
            for stream in many:
                stream.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await_waiting(client, 0)


def test_who_shuts_its_sending_side_sees_the_stream_end(daemon, client, held):
    task = client.fetch(held.url())
    await_running(client, task)
    with streams(daemon.address, task, 1) as (stream,):
        stream.connection.shutdown_write()
        assert stream.next() is None
    await_waiting(client, 0)


def test_a_reader_that_stalls_is_cut_and_one_that_reads_is_not(make_daemon, held):
    """Those that stall have an answer before the stream that their side of the connection cannot hold."""
    daemon = make_daemon(http_heartbeat_ms=100, http_send_timeout_ms=1000, **LOOPBACK)
    with ScriptedOrigin(ok_answer(b"x" * 12000)) as origin, daemon.client() as client, contextlib.ExitStack() as stack:
        large = client.fetch(origin.url())
        client.wait_final(large)
        task = client.fetch(held.url())
        await_running(client, task)
        good = stack.enter_context(Stream(daemon.address, task))
        assert good.next().state == ("RUNNING", 1)
        bad = [stack.enter_context(RawConnection(*daemon.address, receive_buffer=1024)) for _ in range(10)]
        for connection in bad:
            connection.send(request("GET", f"/tasks/{large}/result") + request("GET", events(task)))
        await_waiting(client, 11)
        while waiting(client) > 1:  # the good one reads all the while
            assert good.connection.read_chunk() == b":\n\n"
        for connection in bad:
            assert len(connection.read_response().body) == 12000
            assert connection.read_head().status == 200
            with pytest.raises(Closed):
                while connection.read_chunk():  # what the kernel had for it, and no end
                    pass
        held.release()
        assert good.rest()[-1].state == ("SUCCEEDED", 1)


def test_a_draining_service_ends_its_streams_and_sends_new_ones_elsewhere(make_daemon, held):
    daemon = make_daemon(drain_timeout_ms=60000, **LOOPBACK)
    with daemon.client() as client:
        task = client.fetch(held.url())
        await_running(client, task)
        with streams(daemon.address, task, 10) as many:
            daemon.process.send_signal(signal.SIGTERM)
            for stream in many:
                assert stream.next() is None, "ended as it should, though the task has not"
            # The task has time to finish; meanwhile whoever comes is told to come again.
            with Stream(daemon.address, task, [("Last-Event-ID", many[0].last_id)]) as stream:
                assert stream.response.header("connection").lower() == "close"
                assert stream.next() is None and stream.retry_ms == 2000
            with Stream(daemon.address, task) as stream:
                assert [event.state for event in stream.rest()] == [("RUNNING", 1)]
                assert stream.connection.is_closed(60)
            held.release()
    assert daemon.process.wait(60) == 0
    daemon.restart()
    with Stream(daemon.address, task) as stream:
        assert stream.rest()[-1].state == ("SUCCEEDED", 1)


def test_what_a_client_sends_during_a_stream_is_answered_after_it(daemon, client, held):
    task = client.fetch(held.url())
    await_running(client, task)
    with Stream(daemon.address, task) as stream:
        assert stream.next() is not None
        stream.connection.send(request("GET", f"{SUBMISSIONS}/{task}"))
        held.release()
        assert stream.rest()[-1].state == ("SUCCEEDED", 1)
        assert loads(stream.connection.read_response().body)["status"] == "SUCCEEDED"
