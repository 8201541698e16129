# SPDX-License-Identifier: MIT
"""What a submission may wish of its fetch beside the URL: header fields, bounds."""

import pytest

from lib.api import check_problem
from lib.origins import ScriptedOrigin, ok_answer


def submit(client, url, **wishes):
    answer = client.post({"type": "http-fetch", "args": {"url": url, **wishes}})
    assert answer.status == 202, answer
    return answer.json["id"]


def fields_of(request):
    """The header of a request as the origin got it: {name in lower case: value}."""
    lines = request.split(b"\r\n\r\n")[0].decode("ascii").split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def redirect(url):
    return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
def origin():
    with ScriptedOrigin(ok_answer(b"here")) as origin:
        yield origin


class TestHeaders:
    def test_they_are_sent_beside_ours_and_in_the_place_of_ours(self, client, origin):
        wished = {"X-Api-Key": "secret 1", "accept": "text/plain", "User-Agent": "somebody/1"}
        task_id = submit(client, origin.url(), headers=wished)
        assert client.wait_final(task_id) == "SUCCEEDED"
        got = fields_of(origin.requests[0])
        assert got == {"host": f"127.0.0.1:{origin.port}", "x-api-key": "secret 1", "accept": "text/plain",
                       "user-agent": "somebody/1"}

    def test_they_follow_to_the_same_origin_alone(self, client, origin):
        wished = {"X-Api-Key": "secret", "Authorization": "Bearer secret", "Cookie": "secret=1", "User-Agent": "somebody/1"}

        def lead_on(request):
            path = request.split(b" ")[1]
            return redirect({b"/": home.url("/again"), b"/again": origin.url("/away")}[path])

        with ScriptedOrigin(lead_on) as home:
            task_id = submit(client, home.url(), headers=wished)
            assert client.wait_final(task_id) == "SUCCEEDED"
        assert len(home.requests) == 2
        for request in home.requests:
            assert b"secret" in request and fields_of(request)["authorization"] == "Bearer secret"
        assert len(origin.requests) == 1
        away = origin.requests[0]
        assert b"secret" not in away and b"somebody" not in away
        assert fields_of(away)["user-agent"].startswith("taskqd/")

    def test_they_stay_away_when_a_redirect_leads_back(self, client, origin):
        def lead_on(request):
            return redirect(origin.url("/there")) if b" / " in request else ok_answer(b"back")

        with ScriptedOrigin(lead_on) as home:
            origin.answer = lambda _: redirect(home.url("/back"))
            task_id = submit(client, home.url(), headers={"X-Api-Key": "secret"})
            assert client.wait_final(task_id) == "SUCCEEDED"
            assert [b"secret" in request for request in home.requests] == [True, False]
        assert [b"secret" in request for request in origin.requests] == [False]

    def test_one_task_has_none_of_another(self, client, origin):
        for wished in ({"X-Mine": "1"}, {}, {"X-Yours": "2"}):
            assert client.wait_final(submit(client, origin.url(), headers=wished)) == "SUCCEEDED"
        assert [b"X-Mine" in request for request in origin.requests] == [True, False, False]
        assert [b"X-Yours" in request for request in origin.requests] == [False, False, True]

    def test_each_attempt_sends_them(self, make_daemon, origin):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], retry_backoff_ms=0)
        answers = [b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", ok_answer(b"now")]
        origin.answer = lambda _: answers.pop(0)
        with daemon.client() as client:
            task_id = submit(client, origin.url(), headers={"X-Api-Key": "secret"})
            assert client.wait_final(task_id) == "SUCCEEDED"
        assert [fields_of(request)["x-api-key"] for request in origin.requests] == ["secret", "secret"]

    @pytest.mark.parametrize("headers, pointer", (
        ({"Host": "internal.example"}, "/args/headers/Host"),
        ({"Transfer-Encoding": "chunked"}, "/args/headers/Transfer-Encoding"),
        ({"X": "a\r\nHost: internal.example"}, "/args/headers/X"),
        ({"X: a\r\nY": "b"}, "/args/headers/X: a??Y"),
        ({"X": 1}, "/args/headers/X"),
        ([], "/args/headers"),
        ({f"x{i}": "y" for i in range(33)}, "/args/headers"),
        ({"x": "y" * 4096}, "/args/headers"),
    ))
    def test_what_is_refused(self, client, origin, headers, pointer):
        answer = client.post({"type": "http-fetch", "args": {"url": origin.url(), "headers": headers}})
        check_problem(answer, 400, [pointer])
        assert origin.requests == []

    def test_the_most_that_is_taken(self, client, origin):
        wished = {f"x{i:02}": "y" * 125 for i in range(32)}
        assert sum(len(name) + len(value) for name, value in wished.items()) == 4096
        assert client.wait_final(submit(client, origin.url(), headers=wished)) == "SUCCEEDED"
        assert wished.items() <= fields_of(origin.requests[0]).items()


class TestBounds:
    @pytest.mark.parametrize("answer", (
        ok_answer(b"x" * 100),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100,
    ), ids=("length-known", "length-unknown"))
    def test_bytes_on_both_sides(self, client, origin, answer):
        origin.answer = answer
        assert client.wait_final(submit(client, origin.url(), max_bytes=100)) == "SUCCEEDED"
        failure = client.failure(submit(client, origin.url(), max_bytes=99))
        assert failure["code"] == "body_too_large" and "99 bytes" in failure["message"]

    def test_no_bytes_at_all(self, client, origin):
        assert client.failure(submit(client, origin.url(), max_bytes=0))["code"] == "body_too_large"
        origin.answer = ok_answer(b"")
        assert client.wait_final(submit(client, origin.url(), max_bytes=0)) == "SUCCEEDED"

    def test_redirects_on_both_sides(self, client, ill):
        assert client.wait_final(submit(client, ill.url("/redirect/2"), max_redirects=2)) == "SUCCEEDED"
        assert client.failure(submit(client, ill.url("/redirect/2"), max_redirects=1))["code"] == "too_many_redirects"
        assert client.failure(submit(client, ill.url("/redirect/1"), max_redirects=0))["code"] == "too_many_redirects"

    @pytest.mark.parametrize("name, most", (("max_bytes", 16777216), ("max_redirects", 5)))
    def test_no_more_than_the_service_allows(self, client, origin, name, most):
        assert client.wait_final(submit(client, origin.url(), **{name: most})) == "SUCCEEDED"
        for value in (most + 1, -1, "1", 1.0, None, True):
            check_problem(client.post({"type": "http-fetch", "args": {"url": origin.url(), name: value}}), 400,
                          [f"/args/{name}"])

    def test_what_a_restart_forbids_is_not_fetched(self, make_daemon, origin):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_max_bytes=1000)
        with daemon.client() as client:
            answer = client.post({"type": "http-fetch", "delay_ms": 500, "args": {"url": origin.url(), "max_bytes": 1000}})
            task_id = answer.json["id"]
        daemon.terminate()
        daemon.settings["fetch_max_bytes"] = 999
        daemon.start()
        with daemon.client() as client:
            assert client.failure(task_id)["code"] == "invalid_argument"
        assert origin.requests == []


def test_they_are_shown_with_the_task(client, origin):
    wishes = {"headers": {"X-A": "b"}, "max_bytes": 10, "max_redirects": 0}
    task_id = submit(client, origin.url(), **wishes)
    client.wait_final(task_id)
    shown = next(task for task in client.get("/tasks?limit=500").json["tasks"] if task["id"] == task_id)
    assert shown["args"] == {"url": origin.url(), **wishes}
    found = client.get(f"/tasks?type=http-fetch&url_prefix={origin.url()}").json["tasks"]
    assert task_id in [task["id"] for task in found]
