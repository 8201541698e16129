# SPDX-License-Identifier: MIT
"""GET /metrics: the format to the letter, and figures that agree with what was done."""

import contextlib
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import uuid

import pytest

from lib import preload
from lib.api import SUBMISSIONS, check_problem
from lib.faults import fill, needs_root
from lib.load import either_way, factorial_body, submit_many, wait_drained
from lib.metrics import CONTENT_TYPE, Metrics, check_growth, read, scrape
from lib.origins import ScriptedOrigin, ok_answer
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

PROMTOOL = shutil.which("promtool")
LOOPBACK = {"fetch_allow": ["127.0.0.0/8"]}
FACTORIAL, FETCH = {"type": "factorial"}, {"type": "http-fetch"}
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
LARGE = b"x" * 200_000  # beyond result-inline-max-bytes


def finished(metrics, outcome, code="none", **labels):
    return metrics.value("taskq_tasks_finished_total", outcome=outcome, code=code, **labels)


def tasks(metrics, **labels):
    """Tasks by state, those with none left out."""
    found = {}
    for (_, pairs), count in metrics["taskq_tasks"].samples.items():
        state = dict(pairs)["state"]
        if labels.items() <= dict(pairs).items() and count:
            found[state] = found.get(state, 0) + count
    return found


# The answer --------------------------------------------------------------------------------------


class TestAnswer:
    def test_a_fresh_service_has_done_nothing(self, make_daemon):
        daemon = make_daemon(cpu_executors=3, fetch_in_flight_max=7, queue_max=11, http_connections_max=50)
        with daemon.client() as client:
            metrics = scrape(client)
            assert tasks(metrics) == {}
            assert metrics.value("taskq_executors", lane="cpu") == 3 and metrics.value("taskq_executors", lane="io") == 7
            assert metrics.sum("taskq_executors_busy") == 0
            assert metrics.value("taskq_queue_waiting_tasks_limit") == 11
            assert metrics.value("taskq_http_connections_limit") == 50
            assert metrics.value("taskq_http_connections") == 1
            assert metrics.value("taskq_http_connections_accepted_total") == 1
            nothing = {key: value for key, value in metrics.counters().items() if value}
            assert {name for name, _ in nothing} <= {
                "taskq_http_connections_accepted_total", "process_cpu_seconds_total",
            }, nothing

    def test_every_sample_that_can_be_foretold_is_there_at_once(self, make_daemon):
        """The first failure of its kind is then seen to come: from 0 to 1, and not from nothing."""
        with make_daemon().client() as client:
            metrics = scrape(client)
        for type_word in "factorial", "http-fetch":
            assert finished(metrics, "failed", "timeout", type=type_word) == 0
            assert finished(metrics, "rejected", "expired", type=type_word) == 0
            assert metrics.value("taskq_task_retries_total", type=type_word, code="connect") == 0
        assert metrics.value("taskq_submissions_refused_total", reason="disk_low") == 0
        assert metrics.value("taskq_http_responses_total", method="GET", route="/tasks/{id}", status="5xx") == 0
        assert metrics.value("taskq_check_ok", check="disk") == 1

    @pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
    def test_promtool_has_no_complaint(self, client):
        client.wait_final(client.factorial(300))
        text = client.get("/metrics").body
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")

    def test_head_is_get_without_the_body(self, client):
        got, head = client.get("/metrics"), client.request("HEAD", "/metrics")
        assert head.status == 200 and head.body == b"" and got.body
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers["Cache-Control"] == "no-store"
        assert int(head.headers["Content-Length"]) > 10_000

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_405(self, client, method):
        response = client.request(method, "/metrics")
        check_problem(response, 405)
        assert {word.strip() for word in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}

    def test_options_is_204(self, client):
        assert client.request("OPTIONS", "/metrics").status == 204

    def test_a_query_is_400_and_another_path_404(self, client):
        check_problem(client.get("/metrics?name[]=up"), 400)
        check_problem(client.get("/metrics/"), 404)
        check_problem(client.get("/metric"), 404)

    @pytest.mark.parametrize("accept", [PROMETHEUS_2, "*/*", "text/*", "text/plain;version=1.0.0", "application/json;q=0.9,*/*;q=0.1"])
    def test_who_takes_plain_text_gets_it(self, client, accept):
        read(client.get("/metrics", Accept=accept))

    @pytest.mark.parametrize("accept", ["application/json", "application/openmetrics-text", "text/plain;q=0, application/*", "text/html"])
    def test_who_does_not_gets_406(self, client, accept):
        check_problem(client.get("/metrics", Accept=accept), 406)

    def test_a_foreign_host_gets_nothing(self, daemon, make_daemon):
        """A page whose name was re-bound to the service reads no figures."""
        named = make_daemon(host_name=["queue.example"])
        for where, host, status in (
            (daemon, "evil.example", 421), (daemon, "queue.example", 421), (named, "queue.example:18991", 200),
            (named, "queue.example.evil", 421), (daemon, "127.0.0.1", 200), (daemon, "x y", 400),
        ):
            with RawConnection(*where.address) as connection:
                connection.send(request("GET", "/metrics", host=host))
                response = connection.read_response()
                assert response.status == status, (host, response)
                assert (b"taskq_" in response.body) == (status == 200)


# What is counted of tasks ------------------------------------------------------------------------


class TestTasks:
    def test_factorials_that_are_answered_and_that_run(self, make_daemon):
        with make_daemon().client() as client:
            for n in 3, 4, 300, 301, 302:
                client.wait_final(client.factorial(n))
            metrics = scrape(client)
        assert tasks(metrics) == {"succeeded": 5}
        assert metrics.value("taskq_tasks_submitted_total", **FACTORIAL) == 5
        assert metrics.value("taskq_tasks_answered_total", **FACTORIAL) == 2
        assert finished(metrics, "succeeded", **FACTORIAL) == 5
        assert metrics.sum("taskq_tasks_finished_total") == 5
        assert metrics.value("taskq_task_wait_seconds_count", lane="cpu", **FACTORIAL) == 3
        assert metrics.value("taskq_task_run_seconds_count", lane="cpu", **FACTORIAL) == 3
        assert 0 < metrics.value("taskq_task_run_seconds_sum", lane="cpu", **FACTORIAL) < 60
        assert metrics.value("taskq_task_run_seconds_count", lane="io", **FETCH) == 0

    def test_ends_of_every_sort_go_by_their_code(self, make_daemon, held):
        daemon = make_daemon(fetch_in_flight_max=1, **LOOPBACK)
        nobody_listens = "http://127.0.0.1:2000/"
        at_once = {"max_attempts": 3, "backoff_ms": 0, "max_backoff_ms": 0}
        with ScriptedOrigin(b"not HTTP") as broken, daemon.client() as client:
            fine = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            expired = client.submit("http-fetch", {"url": held.url()}, ttl_ms=1)
            assert client.wait_final(expired) == "REJECTED"
            held.release()
            assert client.result(fine)["result"] == "held"
            assert client.failure(client.fetch(broken.url()))["code"] == "protocol"
            assert client.failure(client.submit("http-fetch", {"url": nobody_listens}, retry=at_once))["code"] == "connect"
            assert client.failure(client.fetch("http://10.0.0.1/"))["code"] == "destination_denied"
            cancelled = client.submit("factorial", {"n": "300"}, delay_ms=3600000)
            assert client.delete(f"/tasks/{cancelled}").status == 200
            metrics = scrape(client)
        ends = {
            tuple(dict(labels)[name] for name in ("type", "outcome", "code")): count
            for (_, labels), count in metrics["taskq_tasks_finished_total"].samples.items() if count
        }
        assert ends == {
            ("http-fetch", "succeeded", "none"): 1,
            ("http-fetch", "failed", "protocol"): 1,
            ("http-fetch", "failed", "connect"): 1,
            ("http-fetch", "failed", "destination_denied"): 1,
            ("http-fetch", "rejected", "expired"): 1,
            ("factorial", "rejected", "cancelled"): 1,
        }
        assert metrics.value("taskq_task_retries_total", code="connect", **FETCH) == 2
        assert metrics.sum("taskq_task_retries_total") == 2
        # Four fetches have run, one of them three times.
        assert metrics.value("taskq_task_run_seconds_count", lane="io", **FETCH) == 6
        assert metrics.value("taskq_task_wait_seconds_count", lane="io", **FETCH) == 6
        assert tasks(metrics) == {"succeeded": 1, "failed": 3, "rejected": 2}

    def test_a_full_lane_is_busy_waits_and_refuses(self, make_daemon, held):
        daemon = make_daemon(fetch_in_flight_max=1, queue_max=2, **LOOPBACK)
        with daemon.client() as client:
            first = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            metrics = scrape(client)
            assert metrics.value("taskq_executors_busy", lane="io") == 1
            assert metrics.value("taskq_executors_busy", lane="cpu") == 0
            assert tasks(metrics, **FETCH) == {"running": 1}
            assert metrics.value("taskq_queue_oldest_waiting_seconds", lane="io") == 0
            waiting = [client.fetch(held.url()) for _ in range(2)]
            for _ in range(5):
                check_problem(client.post({"type": "http-fetch", "args": {"url": held.url()}}), 503)
            scheduled = client.submit("http-fetch", {"url": held.url()}, delay_ms=3600000)
            metrics = scrape(client)
            assert tasks(metrics, **FETCH) == {"running": 1, "queued": 2, "scheduled": 1}
            assert metrics.value("taskq_queue_waiting_tasks", lane="io") == 2
            assert metrics.value("taskq_submissions_refused_total", reason="queue_full") == 5
            assert metrics.sum("taskq_submissions_refused_total") == 5
            assert metrics.value("taskq_tasks_submitted_total", **FETCH) == 4, "what is refused is not stored"
            assert metrics.value("taskq_check_ok", check="admission") == 0
            assert metrics.value("taskq_check_ok", check="disk") == 1
            client.delete(f"/tasks/{scheduled}")
            held.release()
            for task_id in [first, *waiting]:
                assert client.result(task_id)["result"] == "held"
            metrics = scrape(client)
            assert metrics.sum("taskq_executors_busy") == 0
            assert metrics.value("taskq_check_ok", check="admission") == 1
            assert metrics.value("taskq_queue_waiting_tasks", lane="io") == 0

    def test_tasks_that_wait_for_their_host_are_told_apart(self, make_daemon):
        busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n"
        daemon = make_daemon(queue_max=4, **LOOPBACK)
        with ScriptedOrigin(busy) as origin, daemon.client() as client:
            once = {"max_attempts": 1}
            assert client.failure(client.submit("http-fetch", {"url": origin.url()}, retry=once))["code"] == "http_status"
            wait_until(lambda: scrape(client).value("taskq_hosts_paused") == 1)
            waiting = [client.fetch(origin.url()) for _ in range(3)]
            metrics = wait_until(lambda: (lambda now: now.value("taskq_queue_deferred_tasks", lane="io") == 3 and now)(scrape(client)))
            assert tasks(metrics, **FETCH) == {"failed": 1, "deferred": 3}
            assert metrics.value("taskq_task_deferrals_total") == 3
            assert metrics.value("taskq_queue_waiting_tasks", lane="io") == 0
            assert metrics.value("taskq_queue_oldest_waiting_seconds", lane="io") == 0
            assert metrics.value("taskq_hosts") == metrics.value("taskq_hosts_deferring") == 1
            assert metrics.value("taskq_host_pauses_total") == 1
            assert metrics.value("taskq_task_wait_seconds_count", lane="io", **FETCH) == 1
            # A tenth of the queue's places, rounded down to none of these four, is for other hosts.
            waiting.append(client.fetch(origin.url()))
            check_problem(client.post({"type": "http-fetch", "args": {"url": origin.url()}}), 503)
            metrics = scrape(client)
            assert metrics.value("taskq_submissions_refused_total", reason="queue_full") == 1
            for task_id in waiting:
                assert client.delete(f"/tasks/{task_id}").status == 200
            assert tasks(scrape(client), **FETCH) == {"failed": 1, "rejected": 4}

    def test_the_oldest_grows_older_and_is_forgotten(self, make_daemon, held):
        daemon = make_daemon(fetch_in_flight_max=1, **LOOPBACK)
        with daemon.client() as client:
            ids = [client.fetch(held.url())]
            wait_until(lambda: held.running == 1)
            began = time.monotonic()
            ids.append(client.fetch(held.url()))

            def age():
                return scrape(client).value("taskq_queue_oldest_waiting_seconds", lane="io")

            first = wait_until(age)
            later = wait_until(lambda: (lambda now: now > first and now)(age()))
            assert later <= time.monotonic() - began
            assert scrape(client).value("taskq_queue_oldest_waiting_seconds", lane="cpu") == 0
            assert client.get("/stats").json["lanes"]["io"]["oldest_wait_s"] >= later
            held.release()
            for task_id in ids:
                client.wait_final(task_id)
            metrics = scrape(client)
            assert metrics.value("taskq_queue_oldest_waiting_seconds", lane="io") == 0
            assert metrics.value("taskq_task_wait_seconds_sum", lane="io", **FETCH) >= first

    def test_counters_begin_anew_and_what_was_interrupted_is_told(self, make_daemon, held):
        daemon = make_daemon(**LOOPBACK)
        with daemon.client() as client:
            client.wait_final(client.factorial(300))
            client.fetch(held.url())
            wait_until(lambda: held.running == 1)
        daemon.kill9()
        held.release()
        daemon.restart()
        with daemon.client() as client:
            wait_until(lambda: tasks(scrape(client), **FETCH) == {"succeeded": 1})
            metrics = scrape(client)
            assert metrics.value("taskq_task_interruptions_total", **FETCH) == 1
            assert metrics.value("taskq_task_interruptions_total", **FACTORIAL) == 0
            assert metrics.value("taskq_tasks_submitted_total", **FETCH) == 0
            assert finished(metrics, "succeeded", **FETCH) == 1
            assert finished(metrics, "succeeded", **FACTORIAL) == 0
            assert tasks(metrics, **FACTORIAL) == {"succeeded": 1}


# What is counted of the rest ---------------------------------------------------------------------


class TestService:
    def test_answers_go_by_route_and_never_by_path(self, make_daemon):
        with make_daemon().client() as client:
            done = client.factorial(3)
            assert client.status(done) == "SUCCEEDED"
            check_problem(client.get(f"/tasks/{uuid.uuid4()}/result"), 404)
            check_problem(client.get("/no/such/path?secret=1"), 404)
            check_problem(client.request("PUT", SUBMISSIONS), 405)
            check_problem(client.post(b"{"), 400)
            text = client.get("/metrics").body.decode()
            metrics = Metrics(text)
        assert done not in text and "secret" not in text and "no/such" not in text

        def count(method, route, status):
            return metrics.value("taskq_http_responses_total", method=method, route=route, status=status)

        assert count("POST", "/tasks/submissions", "2xx") == 1
        assert count("POST", "/tasks/submissions", "4xx") == 1
        assert count("GET", "/tasks/submissions/{id}", "2xx") == 1
        assert count("GET", "/tasks/{id}/result", "4xx") == 1
        assert count("other", "other", "4xx") == 2
        assert count("GET", "/metrics", "2xx") == 0, "an answer is counted when it is given"
        assert metrics.sum("taskq_http_responses_total") == 6
        assert metrics.sum("taskq_http_response_seconds_count") == 6
        routes = {dict(labels)["route"] for _, labels in metrics["taskq_http_responses_total"].samples}
        assert all(re.fullmatch(r"other|/|(/[a-z.]+|/\{(id|file)\})+", route) for route in routes), routes

    def test_a_request_that_waited_took_no_time(self, make_daemon, held):
        daemon = make_daemon(**LOOPBACK)
        labels = {"method": "GET", "route": "/tasks/submissions/{id}", "status": "2xx"}
        with daemon.client() as client, daemon.client() as other:
            task_id = client.fetch(held.url())
            waiter = threading.Thread(target=lambda: other.get(f"{SUBMISSIONS}/{task_id}?wait=60"))
            waiter.start()
            wait_until(lambda: scrape(client).value("taskq_http_waiting_requests") == 1)
            held.release()
            waiter.join()
            wait_until(lambda: scrape(client).value("taskq_http_responses_total", **labels) == 1)
            metrics = scrape(client)
            assert metrics.value("taskq_http_waiting_requests") == 0
            assert metrics.sum("taskq_http_response_seconds_count", **labels) == 0
            # One that found the task ended did not wait.
            assert other.get(f"{SUBMISSIONS}/{task_id}?wait=60").json["status"] == "SUCCEEDED"
            assert scrape(client).sum("taskq_http_response_seconds_count", **labels) == 1

    def test_connections_beyond_the_limit_are_refused_and_counted(self, make_daemon):
        daemon = make_daemon(http_connections_max=20)
        served = [RawConnection(*daemon.address) for _ in range(20)]
        try:
            for connection in served:
                connection.send(request("GET", "/livez"))
                assert connection.read_response().status == 200
            for _ in range(3):
                with daemon.client() as client:
                    check_problem(client.get("/tasks"), 503)
            with daemon.client() as client:
                metrics = scrape(client)
            assert metrics.value("taskq_http_connections_refused_total") == 3
            assert metrics.value("taskq_http_connections_accepted_total") == 24
            assert metrics.value("taskq_http_connections_limit") == 20
        finally:
            for connection in served:
                connection.close()

    def test_sizes_and_files_are_those_of_the_disk(self, make_daemon):
        daemon = make_daemon(keep_tasks_max=1000, keep_max_mib=2000, **LOOPBACK)

        def deleted(metrics):
            return metrics.sum("taskq_tasks_deleted_total"), metrics.value("taskq_tasks_deleted_early_total")

        def agree(client):
            metrics = scrape(client)
            files = [entry.stat().st_size for entry in (daemon.data / "results").iterdir()]
            found = (daemon.database.stat().st_size, daemon.data.joinpath("taskq.db-wal").stat().st_size, len(files), sum(files))
            return found == tuple(
                metrics.value(f"taskq_store_{name}") for name in ("database_bytes", "wal_bytes", "result_files", "result_file_bytes")
            )

        with ScriptedOrigin(ok_answer(LARGE)) as origin:
            with daemon.client() as client:
                for _ in range(3):
                    client.wait_final(client.fetch(origin.url()))
                client.wait_final(client.factorial(300))
                metrics = scrape(client)
                assert metrics.value("taskq_store_result_files") == 3
                assert metrics.value("taskq_store_result_file_bytes") == 3 * len(LARGE)
                assert metrics.value("taskq_store_kept_bytes") > 3 * len(LARGE)
                assert metrics.value("taskq_store_kept_bytes_limit") == 2000 << 20
                assert metrics.value("taskq_store_schema_version") == 2
                assert metrics.value("taskq_tasks_deleted_total", **FETCH) == 0
            daemon.kill9()
            daemon.restart()
            with daemon.client() as client:
                assert scrape(client).value("taskq_store_result_files") == 3
                # Retention takes them with their tasks.
                for _ in range(2):
                    client.post({"tasks": [{"type": "factorial", "args": {"n": "3"}}] * 1000}, SUBMISSIONS + "/batch")
                wait_until(lambda: deleted(scrape(client)) == (1004, 1004))
                metrics = scrape(client)
                assert metrics.value("taskq_store_result_files") == 0
                assert metrics.value("taskq_tasks_deleted_total", **FETCH) == 3
                assert metrics.value("taskq_tasks_submitted_total", **FACTORIAL) == 2000
                assert 1000 * 256 < metrics.value("taskq_store_kept_bytes") < 1000 * 300
                wait_until(lambda: agree(client))

    def test_commits_are_counted_with_what_they_hold(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            submit_many(daemon.address, [factorial_body(n % 50) for n in range(200)])
            metrics = scrape(client)
        count = metrics.value("taskq_store_commit_seconds_count")
        assert metrics.value("taskq_store_commit_commands_count") == count <= 200
        assert metrics.value("taskq_store_commit_commands_sum") >= 200
        assert metrics.value("taskq_store_commit_seconds_sum") > 0
        assert metrics.value("taskq_store_commit_failures_total") == 0
        assert metrics.value("taskq_disk_free_bytes") > metrics.value("taskq_disk_free_min_bytes") > 0

    def test_the_process_is_as_the_kernel_says(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            assert client.get("/livez").status == 200

            def agrees():
                metrics = scrape(client)
                return (
                    metrics.value("process_open_fds") == len(daemon.descriptors())
                    and metrics.value("process_threads") == daemon.threads()
                )

            wait_until(agrees)  # what it tells may be a second old
            metrics = scrape(client)
            limits = pathlib.Path(f"/proc/{daemon.pid}/limits").read_text()
            assert str(int(metrics.value("process_max_fds"))) == re.search(r"^Max open files\s+(\d+)", limits, re.M).group(1)
            assert metrics.value("process_resident_memory_bytes") > 1 << 20
            assert metrics.value("process_virtual_memory_bytes") > metrics.value("process_resident_memory_bytes")
            started = metrics.value("process_start_time_seconds")
            assert abs(started - daemon.database.stat().st_mtime) < 3600
            assert scrape(client).value("process_start_time_seconds") == started
            version = re.search(r'taskq_build_info\{version="([0-9.]+)",libmicrohttpd="[0-9.]+"\} 1\n', client.get("/metrics").body.decode())
            assert version.group(1) == client.get("/stats").json["version"]

    def test_both_ways_to_ask_tell_the_same(self, make_daemon):
        """What stands in /stats and /metrics comes from the same place."""
        daemon = make_daemon(**LOOPBACK)
        with ScriptedOrigin(b"not HTTP") as origin, daemon.client() as client:
            for n in 3, 300:
                client.wait_final(client.factorial(n))
            client.wait_final(client.fetch(origin.url()))
            metrics, stats = scrape(client), client.get("/stats").json
        assert tasks(metrics) == {word.lower(): count for word, count in stats["tasks"].items() if count}
        for type_word, figures in stats["types"].items():
            assert metrics.value("taskq_tasks_submitted_total", type=type_word) == figures["submitted"]
            assert metrics.value("taskq_tasks_answered_total", type=type_word) == figures["answered"]
            assert finished(metrics, "succeeded", type=type_word) == figures["succeeded"]
            assert metrics.sum("taskq_tasks_finished_total", type=type_word, outcome="failed") == sum(figures["failed"].values())
            for name in "wait", "run":
                assert metrics.sum(f"taskq_task_{name}_seconds_count", type=type_word) == figures[f"{name}_ms"]["count"]
                assert metrics.sum(f"taskq_task_{name}_seconds_sum", type=type_word) == pytest.approx(figures[f"{name}_ms"]["sum"] / 1000)
        assert stats["types"]["http-fetch"]["failed"] == {"protocol": 1}
        assert metrics.value("taskq_store_commit_seconds_count") == stats["store"]["commits"]
        assert metrics.value("taskq_store_commit_commands_sum") == stats["store"]["commands"]
        assert metrics.sum("taskq_http_responses_total") == stats["http"]["requests"] - 1


# Under load, and in trouble ----------------------------------------------------------------------


class TestTrouble:
    def test_no_counter_goes_back_under_load(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            before = scrape(client)
            for _ in range(5):
                submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(200)])
                after = scrape(client)
                check_growth(before, after)
                before = after
            wait_drained(daemon)
            metrics = scrape(client)
            assert metrics.value("taskq_tasks_submitted_total", **FACTORIAL) == 1000
            assert finished(metrics, "succeeded", **FACTORIAL) == 1000
            assert metrics.value("taskq_tasks_answered_total", **FACTORIAL) == 500
            assert metrics.value("taskq_task_run_seconds_count", lane="cpu", **FACTORIAL) == 500
            assert metrics.value("taskq_http_responses_total", method="POST", route="/tasks/submissions", status="2xx") == 1000

    def test_who_scrapes_without_pause_disturbs_nobody(self, make_daemon):
        """Each answer is whole and of one moment, while tasks come, run and end, and all of them do."""
        daemon = make_daemon()
        stop, errors, scrapes = threading.Event(), [], []

        def scraper():
            try:
                with daemon.client() as client:
                    before = scrape(client)
                    while not stop.is_set():
                        after = scrape(client)
                        check_growth(before, after)
                        there = sum(tasks(after, **FACTORIAL).values())
                        assert there == after.value("taskq_tasks_submitted_total", **FACTORIAL), "one moment, not two"
                        ended = after.sum("taskq_tasks", type="factorial", state="succeeded")
                        assert ended == after.sum("taskq_tasks_finished_total", **FACTORIAL), "one moment, not two"
                        before = after
                        scrapes.append(there)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=scraper) for _ in range(3)]
        for thread in threads:
            thread.start()
        ids = submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(1500)])
        wait_drained(daemon)
        stop.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(set(ids)) == 1500 and len(scrapes) > 3
        with daemon.client() as client:
            assert tasks(scrape(client)) == {"succeeded": 1500}
            assert scrape(client).value("taskq_store_commit_failures_total") == 0

    def test_many_who_scrape_at_once_get_whole_answers_while_no_flush_returns(self, make_daemon, tmp_path):
        """A disk that hangs holds up who submits, and nobody who asks how the service is."""
        hold = tmp_path / "hold"
        env = {"LD_PRELOAD": str(preload.library("hold_flush", tmp_path)), "TASKQ_HOLD_FLUSH": str(hold)}
        daemon = make_daemon(env=env)
        with RawConnection(*daemon.address) as submitter, contextlib.ExitStack() as stack:
            hold.touch()
            submitter.send(request("POST", SUBMISSIONS, [("Content-Type", "application/json")], factorial_body(300)))
            many = [stack.enter_context(RawConnection(*daemon.address)) for _ in range(32)]
            for place, connection in enumerate(many):
                connection.send(request("HEAD" if place % 4 == 0 else "GET", "/metrics"))
            for place, connection in enumerate(many):
                response = connection.read_response(head=place % 4 == 0)
                assert response.status == 200 and response.header("Content-Type") == CONTENT_TYPE
                if place % 4 != 0:
                    metrics = Metrics(response.body.decode())
                    assert metrics.value("taskq_tasks_submitted_total", **FACTORIAL) == 0, "what is not on disk is not stored"
            hold.unlink()
            assert submitter.read_response().status == 202
        with daemon.client() as client:
            assert scrape(client).value("taskq_tasks_submitted_total", **FACTORIAL) == 1

    def test_it_is_answered_while_the_service_drains(self, make_daemon, held):
        daemon = make_daemon(drain_timeout_ms=60000, **LOOPBACK)
        with daemon.client() as client:
            client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: scrape(client).value("taskq_check_ok", check="shutdown") == 0)
            check_problem(client.post({"type": "factorial", "args": {"n": "3"}}), 503)
            metrics = scrape(client)
            assert metrics.value("taskq_submissions_refused_total", reason="draining") == 1
            assert metrics.value("taskq_executors_busy", lane="io") == 1
        held.release()
        assert daemon.wait() == 0

    @needs_root
    def test_a_full_disk_is_told_and_forgotten(self, make_daemon, small_disk):
        daemon = make_daemon(start=False)
        daemon.data = small_disk / "data"
        daemon.start()

        def checks(client):
            metrics = scrape(client)
            return {dict(labels)["check"] for (_, labels), value in metrics["taskq_check_ok"].samples.items() if not value}

        with daemon.client() as client:
            assert checks(client) == set()
            before = scrape(client).value("taskq_disk_free_bytes")
            ballast = fill(small_disk)
            wait_until(lambda: client.post({"type": "factorial", "args": {"n": "300"}}).status == 503)
            wait_until(lambda: "disk" in checks(client))
            assert scrape(client).value("taskq_submissions_refused_total", reason="disk_low") >= 1
            # A commit may have met the full disk before anybody looked at it, which is once a second.
            metrics = wait_until(lambda: (lambda now: now.value("taskq_disk_free_bytes") < before and now)(scrape(client)))
            assert metrics.value("taskq_disk_free_bytes") < metrics.value("taskq_disk_free_min_bytes") < before
            ballast.unlink()
            # A commit that failed is remembered for some seconds longer, as the check "store".
            wait_until(lambda: checks(client) <= {"store"})
            wait_until(lambda: client.post({"type": "factorial", "args": {"n": "300"}}).status == 202)

    def test_a_type_that_only_the_database_knows_is_told_and_escaped(self, make_daemon):
        """Somebody's newer version had another kind; its tasks are there, and no line breaks by its name."""
        daemon = make_daemon()
        with daemon.client() as client:
            client.wait_final(client.factorial(3))
        assert daemon.terminate() == 0
        with sqlite3.connect(daemon.database) as database:
            database.execute(
                "INSERT INTO task_counter (type, lane, status, count) VALUES (?, 0, 'SUCCEEDED', 7)", ('o"d\\d\nx',)
            )
        database.close()
        daemon.restart()
        with daemon.client() as client:
            metrics = scrape(client)
            assert metrics.value("taskq_tasks", type='o"d\\d?x', state="succeeded") == 7
            assert metrics.value("taskq_tasks", state="succeeded", **FACTORIAL) == 1
