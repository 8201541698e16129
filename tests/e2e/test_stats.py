# SPDX-License-Identifier: MIT
"""GET /stats: the shape of the answer, and figures that agree with what was done."""

import re
import signal

import pytest

from lib.api import check_problem
from lib.load import either_way, factorial_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

COUNT, SECONDS, SECONDS_OR_NULL, WORD = "count", "number", "number or null", "word"
LANE = {"queued": COUNT, "scheduled": COUNT, "deferred": COUNT, "running": COUNT, "slots": COUNT, "busy": COUNT,
        "oldest_wait_s": SECONDS, "drained_per_s": SECONDS, "wait_s": SECONDS_OR_NULL}
HISTOGRAM = {"count": COUNT, "sum": SECONDS, "buckets": None}
TYPE = {"submitted": COUNT, "answered": COUNT, "succeeded": COUNT, "failed": None, "rejected": None, "retried": None,
        "wait_ms": HISTOGRAM, "run_ms": HISTOGRAM}
SHAPE = {
    "version": WORD,
    "uptime_s": SECONDS,
    "tasks": dict.fromkeys(("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "REJECTED"), COUNT),
    "kept": dict.fromkeys(("bytes", "bytes_max", "purged", "purged_early"), COUNT),
    "lanes": {"cpu": LANE, "io": LANE},
    "hosts": dict.fromkeys(("known", "paused", "deferring", "pauses", "deferrals"), COUNT),
    "admission": {
        "state": WORD,
        "waiting_max": COUNT,
        "wait_max_s": COUNT,
        "scheduled_max": COUNT,
        "refused": dict.fromkeys(("queue_full", "wait_too_long", "host_full", "schedule_full", "disk_low", "draining", "store_busy"), COUNT),
    },
    "types": {"factorial": TYPE, "http-fetch": TYPE},
    "store": {
        "commits": COUNT,
        "commands": COUNT,
        "commit_failures": COUNT,
        "commit_ms": HISTOGRAM,
        "checkpoints": COUNT,
        "database_bytes": COUNT,
        "wal_bytes": COUNT,
        "result_files": COUNT,
        "result_file_bytes": COUNT,
        "disk_free_bytes": COUNT,
        "disk_free_min_bytes": COUNT,
    },
    "http": {"connections": COUNT, "connections_max": COUNT, "waiting": COUNT, "waiting_max": COUNT, "requests": COUNT},
    "process": {"rss_bytes": COUNT, "descriptors": COUNT, "threads": COUNT, "cpu_s": SECONDS},
}
COMMIT_BOUNDS_MS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, None]


def check_shape(value, shape, place=""):
    """Exactly these members, each of its type; counts and times are never negative."""
    if isinstance(shape, dict):
        assert list(value) == list(shape), place
        for name, inner in shape.items():
            check_shape(value[name], inner, f"{place}/{name}")
    elif shape == COUNT:
        assert type(value) is int and value >= 0, (place, value)
    elif shape == SECONDS:
        assert type(value) in (int, float) and value >= 0, (place, value)
    elif shape == SECONDS_OR_NULL:
        assert value is None or (type(value) in (int, float) and value >= 0), (place, value)
    elif shape == WORD:
        assert isinstance(value, str) and value, (place, value)


def check_histogram(histogram):
    """Cumulative, and with a sum that values in these buckets have at least."""
    buckets = histogram["buckets"]
    bounds = [bucket["le"] for bucket in buckets]
    assert bounds[-1] is None and bounds[:-1] == sorted(set(bounds[:-1]))
    counts = [bucket["count"] for bucket in buckets]
    assert counts == sorted(counts) and counts[-1] == histogram["count"]
    least = below = lower = 0
    for bucket in buckets:
        least += (bucket["count"] - below) * lower
        below, lower = bucket["count"], bucket["le"]
    # No upper limit here: a time that was added since the buckets were read is in the sum already.
    assert histogram["sum"] >= least - 1e-6, histogram


def check_sum_at_rest(histogram):
    """With nothing under way the sum is also at most what values in these buckets can have."""
    most = below = 0
    for bucket in histogram["buckets"]:
        if bucket["count"] > below:
            most += (bucket["count"] - below) * (bucket["le"] or float("inf"))
        below = bucket["count"]
    assert 0 < histogram["sum"] <= most + 1e-6, histogram


def stats_of(client):
    response = client.get("/stats")
    assert response.status == 200 and response.media_type == "application/json", response
    stats = response.json
    check_shape(stats, SHAPE)
    check_histogram(stats["store"]["commit_ms"])
    assert [bucket["le"] for bucket in stats["store"]["commit_ms"]["buckets"]] == COMMIT_BOUNDS_MS
    for figures in stats["types"].values():
        check_histogram(figures["wait_ms"])
        check_histogram(figures["run_ms"])
        for codes in figures["failed"], figures["rejected"], figures["retried"]:
            assert all(type(count) is int and count > 0 for count in codes.values()), codes
    assert stats["store"]["commits"] == stats["store"]["commit_ms"]["count"]
    for lane in "queued", "running":
        total = sum(stats["lanes"][name][lane] for name in stats["lanes"])
        assert total == stats["tasks"][lane.upper()], "one moment, not two"
    return stats


def counters(stats):
    """Everything that may only grow."""
    found = {f"refused/{name}": count for name, count in stats["admission"]["refused"].items()}
    found.update({f"le {bucket['le']}": bucket["count"] for bucket in stats["store"]["commit_ms"]["buckets"]})
    found.update({name: stats["store"][name] for name in ("commits", "commands", "checkpoints")})
    found.update(sum=stats["store"]["commit_ms"]["sum"], requests=stats["http"]["requests"],
                 cpu=stats["process"]["cpu_s"], uptime=stats["uptime_s"],
                 succeeded=stats["tasks"]["SUCCEEDED"], failed=stats["tasks"]["FAILED"])
    return found


# The answer --------------------------------------------------------------------------------------


class TestAnswer:
    def test_a_fresh_service_has_done_nothing(self, make_daemon):
        daemon = make_daemon(cpu_executors=3, fetch_in_flight_max=7, queue_max=11, http_connections_max=50)
        with daemon.client() as client:
            stats = stats_of(client)
            assert re.match(r"[0-9]+\.[0-9]+", stats["version"])
            assert set(stats["tasks"].values()) == {0}
            assert stats["lanes"]["cpu"]["slots"] == 3 and stats["lanes"]["io"]["slots"] == 7
            assert stats["admission"]["state"] == "none" and stats["admission"]["waiting_max"] == 11
            assert stats["admission"]["wait_max_s"] == 86400
            assert [stats["lanes"][name]["wait_s"] for name in ("cpu", "io")] == [0, 0]
            assert set(stats["admission"]["refused"].values()) == {0}
            assert stats["store"]["commits"] == 0 and stats["store"]["commit_ms"]["sum"] == 0
            assert stats["http"] == {"connections": 1, "connections_max": 50, "waiting": 0, "waiting_max": 25, "requests": 0}

    def test_head_is_get_without_the_body(self, client):
        got, head = client.get("/stats"), client.request("HEAD", "/stats")
        assert head.status == 200 and head.body == b""
        assert head.media_type == got.media_type and head.headers["Cache-Control"] == "no-store"
        assert int(head.headers["Content-Length"]) > 0

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_other_methods_are_405(self, client, method):
        response = client.request(method, "/stats")
        check_problem(response, 405)
        assert {word.strip() for word in response.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}

    def test_options_is_204(self, client):
        assert client.request("OPTIONS", "/stats").status == 204

    def test_a_query_parameter_is_400_and_another_media_type_406(self, client):
        check_problem(client.get("/stats?since=1"), 400)
        check_problem(client.get("/stats", Accept="text/html"), 406)
        check_problem(client.get("/stats/"), 404)


# The figures -------------------------------------------------------------------------------------


class TestFigures:
    def test_counts_are_those_of_what_was_done(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with ScriptedOrigin(b"not HTTP") as origin, daemon.client() as client:
            before = stats_of(client)
            ids = [client.factorial(n) for n in range(10)]
            failing = [client.fetch(origin.url()) for _ in range(2)]
            for task_id in ids:
                assert client.wait_final(task_id) == "SUCCEEDED"
            for task_id in failing:
                client.failure(task_id)
            after = stats_of(client)
        assert after["tasks"] == {"QUEUED": 0, "RUNNING": 0, "SUCCEEDED": 10, "FAILED": 2, "REJECTED": 0}
        # Each submission was acknowledged before the next was made, so none shared its commit
        # with another.
        assert after["store"]["commits"] >= before["store"]["commits"] + 12
        # The two failures may have come so close together that one command finished both.
        assert after["store"]["commands"] >= before["store"]["commands"] + 12 + 1
        assert after["store"]["commit_ms"]["sum"] > before["store"]["commit_ms"]["sum"]
        check_sum_at_rest(after["store"]["commit_ms"])
        assert after["http"]["requests"] >= before["http"]["requests"] + 1 + 12
        fetches = after["types"]["http-fetch"]
        assert (fetches["submitted"], fetches["failed"], fetches["retried"]) == (2, {"protocol": 2}, {})
        assert fetches["wait_ms"]["count"] == fetches["run_ms"]["count"] == 2
        factorials = after["types"]["factorial"]
        assert (factorials["submitted"], factorials["answered"], factorials["succeeded"]) == (10, 10, 10)
        assert factorials["run_ms"]["count"] == 0

    def test_what_is_acknowledged_is_in_the_next_answer(self, client):
        for _ in range(20):
            before = stats_of(client)
            client.factorial(3)
            after = stats_of(client)
            assert sum(after["tasks"].values()) == sum(before["tasks"].values()) + 1
            assert after["store"]["commits"] > before["store"]["commits"]

    def test_a_fetch_runs_while_its_origin_hangs_and_a_full_lane_refuses(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=2)
        with daemon.client() as client:
            first = client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            stats = stats_of(client)
            assert stats["tasks"]["RUNNING"] == 1 and stats["lanes"]["io"]["running"] == 1
            assert stats["lanes"]["io"]["busy"] == 1 and stats["lanes"]["cpu"]["busy"] == 0
            assert stats["lanes"]["cpu"]["running"] == 0
            assert stats["admission"]["state"] == "none"
            waiting = [client.fetch(held.url()) for _ in range(2)]
            for _ in range(5):
                check_problem(client.post({"type": "http-fetch", "args": {"url": held.url()}}), 503)
            stats = stats_of(client)
            assert stats["lanes"]["io"]["queued"] == 2 and stats["lanes"]["cpu"]["queued"] == 0
            assert stats["admission"]["state"] == "queue_full"
            assert stats["admission"]["refused"] == {"queue_full": 5, "wait_too_long": 0, "host_full": 0,
                                                      "schedule_full": 0, "disk_low": 0, "draining": 0,
                                                      "store_busy": 0}
            held.release()
            for task_id in [first, *waiting]:
                assert client.result(task_id)["result"] == "held"
            stats = stats_of(client)
            assert stats["tasks"]["SUCCEEDED"] == 3 and stats["tasks"]["RUNNING"] == 0
            assert stats["admission"]["state"] == "none"
            assert stats["admission"]["refused"]["queue_full"] == 5

    def test_figures_never_go_back_under_load(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            before = counters(stats_of(client))
            for _ in range(10):
                submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(200)])
                now = counters(stats_of(client))
                assert {name for name in now if now[name] < before[name]} == set()
                before = now
            wait_drained(daemon)
            stats = stats_of(client)
            assert stats["tasks"]["SUCCEEDED"] == 2000
            assert stats["store"]["commands"] >= 2000
            assert stats["store"]["commits"] <= stats["store"]["commands"], "submissions share commits"

    def test_sizes_are_those_of_the_files(self, make_daemon):
        daemon = make_daemon()
        wal = daemon.data / "taskq.db-wal"

        def agree():
            store = stats_of(client)["store"]
            return (store["database_bytes"], store["wal_bytes"]) == (daemon.database.stat().st_size, wal.stat().st_size)

        with daemon.client() as client:
            assert agree()
            client.wait_final(client.factorial(50))
            assert stats_of(client)["store"]["wal_bytes"] > 0
            # An idle service folds its log into the database and empties it.
            wait_until(lambda: stats_of(client)["store"]["wal_bytes"] == 0)
            wait_until(agree)
            assert stats_of(client)["store"]["checkpoints"] >= 1

    def test_connections_and_the_process_are_told(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            others = [RawConnection(*daemon.address) for _ in range(20)]
            try:
                for other in others:
                    other.send(request("GET", "/healthz"))
                    assert other.read_response().status == 200
                assert stats_of(client)["http"]["connections"] == 21

                def all_counted():
                    process = stats_of(client)["process"]
                    return process["threads"] == daemon.threads() and process["descriptors"] == len(daemon.descriptors())

                # What the kernel tells may be a second old.
                wait_until(all_counted)
                assert stats_of(client)["process"]["rss_bytes"] > 1 << 20
            finally:
                for other in others:
                    other.close()
            wait_until(lambda: stats_of(client)["http"]["connections"] == 1)

    def test_counters_begin_anew_and_tasks_stay(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            for _ in range(3):
                client.wait_final(client.factorial(5))
            assert stats_of(client)["store"]["commits"] > 0
        assert daemon.terminate() == 0
        daemon.restart()
        with daemon.client() as client:
            stats = stats_of(client)
            assert stats["tasks"]["SUCCEEDED"] == 3
            assert stats["store"]["commits"] == 0 and stats["http"]["requests"] == 0


# In trouble --------------------------------------------------------------------------------------


class TestTrouble:
    def test_it_is_answered_while_the_service_drains(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], drain_timeout_ms=60000)
        with daemon.client() as client:
            client.fetch(held.url())
            wait_until(lambda: held.running == 1)
            daemon.signal(signal.SIGTERM)
            wait_until(lambda: stats_of(client)["admission"]["state"] == "draining")
            check_problem(client.post({"type": "factorial", "args": {"n": "3"}}), 503)
            stats = stats_of(client)
            assert stats["admission"]["refused"]["draining"] == 1
            assert stats["lanes"]["io"]["running"] == 1
        held.release()
        assert daemon.wait() == 0

    def test_it_is_answered_beyond_the_connection_limit(self, make_daemon):
        daemon = make_daemon(http_connections_max=20)
        served = [RawConnection(*daemon.address) for _ in range(20)]
        try:
            for connection in served:
                connection.send(request("GET", "/healthz"))
                assert connection.read_response().status == 200
            with daemon.client() as client:
                assert stats_of(client)["http"]["connections_max"] == 20
        finally:
            for connection in served:
                connection.close()
