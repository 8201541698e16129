# SPDX-License-Identifier: MIT
"""The load generator against servers whose answers are known: what it counts, and what it refuses."""

import datetime
import http.server
import threading
import time

import pytest

from bench.errors import BenchError
from bench.programs import Hello, loadgen, run_json

PATIENCE_S = 60
ID = "01a20927-7445-7a50-bd09-b0707c5f897a"


class Scripted:
    """Answers every request with what `answer(request line)` returns: status and body."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def respond(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = answer(self.requestline)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = respond

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def raw_loadgen(mode, port, *words):
    return run_json("loadgen", mode, "--port", port, *words, timeout=PATIENCE_S)


def ids_file(tmp_path, text=f"{ID} 5\n"):
    path = tmp_path / "ids"
    path.write_text(text)
    return path


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("words", [(), ("--new-connections",), ("--rate", 200)])
def test_every_mode_of_connecting_counts_answers_and_orders_percentiles(words, threads):
    with Hello() as hello:
        found = loadgen("get", hello.port, 4, 0.2, *words, threads=threads)
    assert found["threads"] == threads
    assert found["count"] > 0 and found["errors"] == 0
    assert 0 < found["p50_us"] <= found["p95_us"] <= found["p99_us"] <= found["p999_us"] <= found["max_us"]
    assert 0 < found["cpu_share"] <= 1.1


def test_large_bodies_are_counted_and_compared_to_the_byte():
    with Hello(3_000_000) as hello:
        assert loadgen("get", hello.port, 2, 0.2, "--bytes", 3_000_000)["count"] > 0
        with pytest.raises(BenchError, match="wrong answer"):
            loadgen("get", hello.port, 2, 0.2, "--bytes", 2_999_999)


def test_an_open_loop_charges_a_stall_to_everything_that_was_due():
    stalled = threading.Event()

    def answer(_):
        if not stalled.is_set():
            stalled.set()
            time.sleep(0.5)
        return 200, b"{}"

    with Scripted(answer) as server:
        found = raw_loadgen("get", server.port, "--connections", 1, "--seconds", 1, "--rate", 100)
    # Half of the table's hundred entries fell into the stall; a closed loop would have seen one.
    assert found["errors"] == 0 and found["p50_us"] < 500_000
    assert found["p95_us"] > 300_000


def test_a_cycle_submits_polls_and_reads():
    polls = {"left": 2}

    def answer(request):
        if request.startswith("POST"):
            return 202, f'{{"id":"{ID}"}}'.encode()
        if "/submissions/" in request and polls["left"] > 0:
            polls["left"] -= 1
            return 200, f'{{"id":"{ID}","status":"RUNNING"}}'.encode()
        return 200, f'{{"id":"{ID}","status":"SUCCEEDED","result":1}}'.encode()

    with Scripted(answer) as server:
        found = raw_loadgen("cycle", server.port, "--seconds", 0.3)
    assert found["errors"] == 0 and found["polls"] == 2
    assert found["count"] <= found["submitted"] <= found["count"] + 1


def finished_at(seconds_ago):
    when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_wait_counts_from_the_end_of_its_task(tmp_path):
    asked = []

    def answer(request):
        asked.append(request.split()[1])
        return 200, f'{{"id":"{ID}","status":"SUCCEEDED","finished_at":"{finished_at(2)}"}}'.encode()

    with Scripted(answer) as server:
        found = raw_loadgen("wait", server.port, "--connections", 5, "--threads", 2, "--ids", ids_file(tmp_path))
    assert (found["count"], found["errors"]) == (5, 0) and asked == [f"/tasks/submissions/{ID}?wait=30"] * 5
    assert 2_000_000 <= found["p50_us"] <= found["max_us"] < 20_000_000


@pytest.mark.parametrize("body", [
    '{"id":"%s","status":"RUNNING","finished_at":null}', '{"id":"%s","status":"SUCCEEDED"}',
    '{"id":"%s","status":"SUCCEEDED","finished_at":null}', '{"status":"SUCCEEDED","finished_at":"2026-01-01T00:00:00.000Z"}'])
def test_an_answer_without_the_end_of_its_task_is_an_error(tmp_path, body):
    with Scripted(lambda _: (200, (body % ID if "%s" in body else body).encode())) as server:
        found = raw_loadgen("wait", server.port, "--ids", ids_file(tmp_path))
    assert (found["count"], found["errors"]) == (0, 1) and found["first_error"].startswith("wrong answer; status 200")


def test_a_wait_without_an_answer_ends_with_its_time(tmp_path):
    done = threading.Event()

    def answer(_):
        done.wait(PATIENCE_S)
        return 200, b"{}"

    with Scripted(answer) as server:
        found = raw_loadgen("wait", server.port, "--connections", 2, "--seconds", 0.2, "--ids", ids_file(tmp_path))
        done.set()
    assert (found["count"], found["errors"]) == (0, 2) and found["first_error"].startswith("not answered")


@pytest.mark.parametrize("mode, status, body", [
    ("get", 500, b"{}"),
    ("post", 503, b"{}"),
    ("post", 200, f'{{"id":"{ID}"}}'.encode()),
    ("post", 202, b'{"id":"no-uuid"}'),
    ("post", 202, f'{{"id":"{ID.replace("7a50", "4a50")}"}}'.encode()),
    ("cycle", 202, b"{}"),
    ("status", 200, f'{{"id":"{ID}","status":"FAILED"}}'.encode()),
    ("status", 200, f'{{"id":"{ID[::-1]}","status":"SUCCEEDED"}}'.encode()),
    ("status", 404, b"{}"),
    ("content", 200, b"four"),
    ("result", 200, b"{}"),
])
def test_a_wrong_answer_is_an_error(tmp_path, mode, status, body):
    words = ("--ids", ids_file(tmp_path)) if mode in ("status", "content", "result") else ()
    with Scripted(lambda _: (status, body)) as server:
        found = raw_loadgen(mode, server.port, "--seconds", 0.1, *words)
        assert found["errors"] > 0 and found["count"] == 0
        assert found["first_error"].startswith(f"wrong answer; status {status}")
        with pytest.raises(BenchError, match="errors"):
            loadgen(mode, server.port, 1, 0.1, *words)


def test_a_server_that_is_gone_is_an_error():
    with Hello() as hello:
        port = hello.port
    with pytest.raises(BenchError):
        loadgen("get", port, 1, 0.1)


@pytest.mark.parametrize("words", [
    ("get",), ("none", "--port", 1), ("get", "--port", 1, "--connections", 0),
    ("get", "--port", 1, "--threads", 5), ("status", "--port", 1), ("wait", "--port", 1), ("get", "--port", 1, "--seconds", 0),
])
def test_faulty_options_are_refused(words):
    with pytest.raises(BenchError, match="usage"):
        run_json("loadgen", *words, timeout=PATIENCE_S)


def test_a_file_that_is_no_list_of_ids_is_refused(tmp_path):
    with pytest.raises(BenchError, match="list of ids"):
        raw_loadgen("status", 1, "--ids", ids_file(tmp_path, "abc\n"))
