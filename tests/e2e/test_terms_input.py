# SPDX-License-Identifier: MIT
"""The optional members of a submission: each on both sides of its limits, each fault with its pointer."""

import datetime

import pytest

from lib.api import BATCH, check_problem
from lib.database import count_tasks

DAY_MS = 86400000
DELAY_MAX_MS = 365 * DAY_MS
TTL_MAX_MS = 366 * DAY_MS
MARGIN_MS = 60000  # for limits that move with the clock of the service

# Members that are integers: how to say them, their pointer, the least and the most.
INTEGERS = {
    "priority": (lambda value: {"priority": value}, "/priority", 0, 9),
    "delay_ms": (lambda value: {"delay_ms": value}, "/delay_ms", 0, DELAY_MAX_MS),
    "ttl_ms": (lambda value: {"ttl_ms": value}, "/ttl_ms", 1, TTL_MAX_MS),
    "timeout_ms": (lambda value: {"timeout_ms": value}, "/timeout_ms", 1, DAY_MS),
    "max_attempts": (lambda value: {"retry": {"max_attempts": value}}, "/retry/max_attempts", 1, 100),
    "backoff_ms": (lambda value: {"retry": {"backoff_ms": value}}, "/retry/backoff_ms", 0, 3600000),
    "max_backoff_ms": (
        lambda value: {"retry": {"backoff_ms": 0, "max_backoff_ms": value}}, "/retry/max_backoff_ms", 0, DAY_MS,
    ),
}
PAIRS = [("run_at", "delay_ms"), ("expires_at", "ttl_ms")]


def submission(**terms):
    return {"type": "factorial", "args": {"n": "5"}, **terms}


def moment(from_now_ms=0, offset_hours=0, now=None):
    """A time as in RFC 3339, with milliseconds."""
    zone = datetime.timezone(datetime.timedelta(hours=offset_hours))
    when = (now or datetime.datetime.now(zone)) + datetime.timedelta(milliseconds=from_now_ms)
    return when.astimezone(zone).isoformat(timespec="milliseconds")


def accepted(client, **terms):
    response = client.post(submission(**terms))
    assert response.status == 202, (terms, response)
    return response.json["id"]


def refused(client, *pointers, **terms):
    """The details of the faults, by pointer; no other may be named."""
    problem = check_problem(client.post(submission(**terms)), 400, list(pointers))
    assert problem["type"] == "/problems/invalid-submission"
    return {error["pointer"]: error["detail"] for error in problem["errors"]}


@pytest.mark.parametrize("name", INTEGERS)
class TestIntegers:
    def test_the_least_and_the_most_are_accepted(self, client, name):
        make, _, least, most = INTEGERS[name]
        for value in (least, least + 1, most - 1, most):
            accepted(client, **make(value))

    def test_one_less_and_one_more_are_refused(self, client, name):
        make, pointer, least, most = INTEGERS[name]
        for value in (least - 1, most + 1, -(2**63), 2**63 - 1):
            detail = refused(client, pointer, **make(value))[pointer]
            assert detail == f"is {value}; expected {least} to {most}"

    @pytest.mark.parametrize("value", [5.0, 1e2, "5", "", True, False, None, [], [5], {}], ids=repr)
    def test_nothing_else_is_an_integer(self, client, name, value):
        make, pointer, least, most = INTEGERS[name]
        detail = refused(client, pointer, **make(value))[pointer]
        assert detail == f"is not an integer; expected {least} to {most}"

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**64 + 1, 10**1000], ids=["2^63", "-2^63-1", "2^64+1", "10^1000"])
    def test_more_than_64_bits_never_wrap(self, client, name, value):
        """Such a number is not read at all; its place is named."""
        make, pointer, _, _ = INTEGERS[name]
        problem = check_problem(client.post(submission(**make(value))), 400, [pointer])
        assert problem["type"] == "/problems/invalid-json"


class TestTimes:
    def test_a_start_is_at_most_365_days_ahead(self, client):
        accepted(client, run_at=moment(DELAY_MAX_MS))
        detail = refused(client, "/run_at", run_at=moment(DELAY_MAX_MS + MARGIN_MS))["/run_at"]
        assert "365 days" in detail
        refused(client, "/run_at", run_at="9999-12-31T23:59:59Z")

    def test_a_start_that_has_passed_means_at_once(self, client):
        for run_at in ("1970-01-01T00:00:00Z", moment(-1), moment()):
            task_id = accepted(client, run_at=run_at)
            assert client.result(task_id)["result"] == 120

    def test_a_task_expires_in_the_future(self, client):
        accepted(client, expires_at=moment(MARGIN_MS))
        accepted(client, expires_at="9999-12-31T23:59:59.999Z")
        for expires_at in ("1970-01-01T00:00:00Z", moment(-1), moment()):
            assert "now" in refused(client, "/expires_at", expires_at=expires_at)["/expires_at"]

    @pytest.mark.parametrize("offset_hours", [-11, 0, 14])
    def test_offsets_are_understood(self, client, offset_hours):
        accepted(client, expires_at=moment(MARGIN_MS, offset_hours))
        refused(client, "/expires_at", expires_at=moment(-MARGIN_MS, offset_hours))
        accepted(client, run_at=moment(DELAY_MAX_MS - MARGIN_MS, offset_hours))
        refused(client, "/run_at", run_at=moment(DELAY_MAX_MS + MARGIN_MS, offset_hours))

    @pytest.mark.parametrize(
        "text",
        [
            "2024-02-29T00:00:00Z", "2024-02-29t00:00:00z", "2024-02-29T00:00:00.1Z", "2024-02-29T00:00:00.123456789Z",
            "2024-02-29T00:00:00+23:59", "2024-02-29T00:00:00-00:00", "2016-12-31T23:59:60Z", "2000-02-29T23:59:59Z",
        ],
    )
    def test_right_spellings(self, client, text):
        accepted(client, run_at=text)
        assert "now" in refused(client, "/expires_at", expires_at=text)["/expires_at"]

    @pytest.mark.parametrize("name", ["run_at", "expires_at"])
    @pytest.mark.parametrize(
        "text",
        [
            "", "now", "2100-02-29T00:00:00Z", "2027-06-31T00:00:00Z", "2027-13-01T00:00:00Z", "2027-00-01T00:00:00Z",
            "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z", "2027-01-01T00:00:61Z", "2027-01-02T23:59:60Z",
            "2027-01-01T00:00:00", "2027-01-01 00:00:00Z", "2027-01-01", "2027-01-01T00:00Z", "2027-01-01T00:00:00.Z",
            "2027-01-01T00:00:00.1234567890Z", "2027-01-01T00:00:00+24:00", "2027-01-01T00:00:00+01:60",
            "2027-01-01T00:00:00+0100", "2027-01-01T00:00:00,5Z", " 2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z ",
            "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z", "-2027-01-01T00:00:00Z", "٢027-01-01T00:00:00Z",
        ],
    )
    def test_wrong_spellings(self, client, name, text):
        assert "RFC 3339" in refused(client, f"/{name}", **{name: text})[f"/{name}"]

    @pytest.mark.parametrize("name", ["run_at", "expires_at"])
    @pytest.mark.parametrize("value", [1798761600000, 1.5, True, None, [], {}], ids=repr)
    def test_only_strings_are_times(self, client, name, value):
        assert "is not a string" in refused(client, f"/{name}", **{name: value})[f"/{name}"]

    @pytest.mark.parametrize("at, relative", PAIRS)
    def test_a_moment_has_one_form(self, client, at, relative):
        accepted(client, **{at: moment(MARGIN_MS)})
        accepted(client, **{relative: MARGIN_MS})
        detail = refused(client, f"/{relative}", **{at: moment(MARGIN_MS), relative: MARGIN_MS})
        assert at in detail[f"/{relative}"]


class TestOrder:
    """A task may not expire before it may start, in whatever form the two are given."""

    def test_both_relative(self, client):
        accepted(client, delay_ms=1000, ttl_ms=1001)
        assert "more than 1000" in refused(client, "/ttl_ms", delay_ms=1000, ttl_ms=1000)["/ttl_ms"]
        accepted(client, delay_ms=0, ttl_ms=1)
        accepted(client, delay_ms=DELAY_MAX_MS, ttl_ms=TTL_MAX_MS)

    def test_both_as_times(self, client):
        now = datetime.datetime.now(datetime.timezone.utc)
        start = moment(MARGIN_MS, now=now)
        accepted(client, run_at=start, expires_at=moment(MARGIN_MS + 1, offset_hours=-5, now=now))
        refused(client, "/expires_at", run_at=start, expires_at=moment(MARGIN_MS, offset_hours=-5, now=now))
        accepted(client, run_at="2020-01-01T00:00:00Z", expires_at=moment(MARGIN_MS))

    def test_a_time_and_a_span(self, client):
        accepted(client, run_at=moment(MARGIN_MS), ttl_ms=2 * MARGIN_MS)
        refused(client, "/ttl_ms", run_at=moment(3 * MARGIN_MS), ttl_ms=MARGIN_MS)
        accepted(client, delay_ms=MARGIN_MS, expires_at=moment(3 * MARGIN_MS))
        refused(client, "/expires_at", delay_ms=3 * MARGIN_MS, expires_at=moment(MARGIN_MS))
        accepted(client, run_at="2020-01-01T00:00:00Z", ttl_ms=1)


class TestRetry:
    def test_nothing_of_it_is_needed(self, client):
        accepted(client, retry={})
        accepted(client, retry={"max_attempts": 5, "backoff_ms": 10, "max_backoff_ms": 10})

    def test_the_longest_pause_is_at_least_the_first(self, client):
        detail = refused(client, "/retry/max_backoff_ms", retry={"backoff_ms": 10, "max_backoff_ms": 9})
        assert detail["/retry/max_backoff_ms"] == "is 9; expected at least backoff_ms, which is 10"

    def test_it_is_held_to_the_settings_as_well(self, client):
        accepted(client, retry={"max_backoff_ms": 1000})
        refused(client, "/retry/max_backoff_ms", retry={"max_backoff_ms": 999})
        accepted(client, retry={"backoff_ms": 3600000})

    def test_other_settings_are_other_defaults(self, make_daemon):
        daemon = make_daemon(retry_backoff_ms=20, retry_backoff_max_ms=30)
        with daemon.client() as client:
            accepted(client, retry={"max_backoff_ms": 20})
            refused(client, "/retry/max_backoff_ms", retry={"max_backoff_ms": 19})

    @pytest.mark.parametrize("value", [None, True, 3, 1.5, "3", [], [3]], ids=repr)
    def test_it_is_an_object(self, client, value):
        assert "expected an object" in refused(client, "/retry", retry=value)["/retry"]

    def test_it_has_no_other_members(self, client):
        refused(client, "/retry/attempts", retry={"attempts": 3})
        refused(client, "/retry/a~1b~0c", "/retry/Max_attempts", retry={"a/b~c": 1, "Max_attempts": 1, "max_attempts": 1})


class TestTogether:
    def test_all_members(self, client):
        accepted(
            client, priority=0, delay_ms=1, ttl_ms=DAY_MS, timeout_ms=1000,
            retry={"max_attempts": 2, "backoff_ms": 1, "max_backoff_ms": 2},
        )

    def test_every_fault_is_named_and_nothing_stored(self, daemon, client):
        stored = count_tasks(daemon.database)
        refused(
            client, "/args/n", "/later", "/priority", "/run_at", "/delay_ms", "/expires_at", "/timeout_ms",
            "/retry/max_attempts", "/retry/backoff_ms", "/retry/max_backoff_ms", "/retry/x",
            args={"n": "x"}, later=1, priority=10, run_at="x", delay_ms=1, expires_at=moment(-1), timeout_ms=0,
            retry={"max_attempts": 0, "backoff_ms": -1, "max_backoff_ms": "1", "x": 1},
        )
        assert count_tasks(daemon.database) == stored

    def test_names_are_exact(self, client):
        refused(client, "/Priority", "/runAt", "/delay", Priority=1, runAt=moment(), delay=1)

    def test_a_name_may_stand_once(self, client):
        body = b'{"type":"factorial","args":{"n":"5"},"priority":1,"priority":1}'
        check_problem(client.post(body), 400, ["/priority"])
        body = b'{"type":"factorial","args":{"n":"5"},"retry":{"backoff_ms":1,"backoff_ms":1}}'
        check_problem(client.post(body), 400, ["/retry/backoff_ms"])

    def test_a_batch_names_the_index(self, daemon, client):
        stored = count_tasks(daemon.database)
        tasks = [
            submission(), submission(priority=9), submission(priority=10), submission(run_at="x"),
            submission(delay_ms=5, ttl_ms=5), submission(retry={"backoff_ms": -1}),
        ]
        pointers = ["/tasks/2/priority", "/tasks/3/run_at", "/tasks/4/ttl_ms", "/tasks/5/retry/backoff_ms"]
        check_problem(client.post({"tasks": tasks}, BATCH), 400, pointers)
        assert count_tasks(daemon.database) == stored

    def test_a_batch_of_a_thousand_with_all_members(self, client):
        task = submission(
            priority=9, run_at=moment(), expires_at=moment(DAY_MS), timeout_ms=1000,
            retry={"max_attempts": 2, "backoff_ms": 1, "max_backoff_ms": 2},
        )
        response = client.post({"tasks": [task] * 1000}, BATCH)
        assert response.status == 202 and len(response.json["ids"]) == 1000, response
