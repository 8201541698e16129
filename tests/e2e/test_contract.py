# SPDX-License-Identifier: MIT
"""The wire contract, field by field: first as existing clients use it, then what is added to it."""

import base64
import hashlib
import json
import math
import re
import uuid

import pytest

from lib.api import FIVE_MEMBERS, SUBMISSIONS, UUID, WORDS, check_failure, check_problem, loads
from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.rawhttp import RawConnection, exchange, post_json, request, statuses
from lib.wait import wait_until

RFC3339_MS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
FIFTY = 30414093201713378043612608166064768844377641568960512000000000000
BODY_MAX = 1048576


def unknown_id():
    return str(uuid.uuid4())


def refused_url():
    return f"http://127.0.0.1:{free_port()}/"


def padded(size):
    """A valid submission of exactly `size` bytes."""
    body = b'{"type":"factorial","args":{"n":"3"}}'
    return body[:1] + b" " * (size - len(body)) + body[1:]


@pytest.fixture(scope="module")
def finished(daemon):
    """The id of a completed factorial of 50."""
    with daemon.client() as client:
        task_id = client.factorial(50)
        assert client.wait_final(task_id) == "SUCCEEDED"
        return task_id


@pytest.fixture
def held():
    with ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
        yield origin


# Section 1 ------------------------------------------------------------------------------------


class TestSectionOne:
    def test_factorial_as_existing_clients_submit_and_read_it(self, client):
        accepted = client.post(b'{"type": "factorial", "args": {"n": "50"}}')
        assert accepted.status == 202
        assert accepted.media_type == "application/json"
        task_id = accepted.json["id"]
        assert UUID.match(task_id)
        client.wait_final(task_id)
        state = client.get(f"{SUBMISSIONS}/{task_id}")
        assert state.status == 200 and state.json["status"] == "SUCCEEDED"
        answer = client.get(f"/tasks/{task_id}")
        assert answer.status == 200 and answer.media_type == "application/json"
        assert answer.json["id"] == task_id
        assert answer.json["status"] == "SUCCEEDED"
        assert answer.json["result"] == FIFTY == math.factorial(50)

    def test_factorial_result_is_a_bare_integer_with_every_digit(self, client, finished):
        body = client.get(f"/tasks/{finished}").body
        match = re.search(rb'"result"\s*:\s*([^,}\s]+)\s*[,}]', body)
        assert match and match.group(1) == str(FIFTY).encode()

    def test_n_as_a_json_integer_means_the_same(self, client):
        task_id = client.submit("factorial", {"n": 50})
        assert client.result(task_id)["result"] == FIFTY

    @pytest.mark.parametrize("n", [0, 1, 2, 20, 21, 99, 100])
    def test_load_script_range(self, client, n):
        assert client.result(client.factorial(n))["result"] == math.factorial(n)

    def test_fetch_result_is_the_content_as_a_json_string(self, client):
        with ScriptedOrigin(ok_answer("héllo \u2028 \U0001f600\n\"\\".encode())) as origin:
            answer = client.result(client.fetch(origin.url()))
        assert answer["status"] == "SUCCEEDED"
        assert answer["result"] == "héllo \u2028 \U0001f600\n\"\\"
        assert "result_encoding" not in answer or answer["result_encoding"] != "base64"

    def test_one_url_fetched_many_times(self, client):
        with ScriptedOrigin(ok_answer(b"same")) as origin:
            ids = [client.fetch(origin.url("/same")) for _ in range(100)]
            assert len(set(ids)) == 100
            assert all(client.result(task_id)["result"] == "same" for task_id in ids)

    def test_failure_has_the_five_members(self, client):
        answer = client.result(client.fetch(refused_url()))
        assert answer["status"] == "FAILED"
        check_failure(answer["result"])
        assert set(FIVE_MEMBERS) <= set(answer["result"])
        assert "Connection refused" in answer["result"]["message"]
        assert answer["result"]["code"] == "connect"

    def test_status_is_one_of_five_words_while_polled(self, client):
        task_id = client.factorial(20000)
        seen = set()

        def poll():
            answer = client.get(f"{SUBMISSIONS}/{task_id}").json
            assert answer["id"] == task_id and answer["status"] in WORDS
            seen.add(answer["status"])
            return "SUCCEEDED" in seen

        wait_until(poll)
        assert seen <= {"QUEUED", "RUNNING", "SUCCEEDED"}

    def test_result_is_400_while_queued_or_running(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
        with daemon.client() as client:
            running = client.fetch(held.url("/1"))
            wait_until(lambda: client.status(running) == "RUNNING")
            queued = client.fetch(held.url("/2"))
            assert client.status(queued) == "QUEUED"
            for task_id in running, queued:
                check_problem(client.get(f"/tasks/{task_id}"), 400)
                check_problem(client.raw_result(task_id), 400)
            held.release()
            for task_id in running, queued:
                assert client.result(task_id)["result"] == "held"

    @pytest.mark.parametrize("path", ["/tasks/{}", SUBMISSIONS + "/{}", "/tasks/{}/result"])
    @pytest.mark.parametrize(
        "task_id",
        [
            "00000000-0000-0000-0000-000000000000",
            "018f0000-0000-7000-8000-000000000001",
            "x",
            "1",
            "-1",
            "null",
            "a" * 36,
            "a" * 2000,
            "018f0000-0000-7000-8000-0000000000010",
            "018f0000-0000-7000-8000-00000000001",
            "%7B018f0000-0000-7000-8000-000000000001%7D",
            "'%20OR%201=1--",
        ],
    )
    def test_unknown_or_malformed_id_is_404(self, client, path, task_id):
        check_problem(client.get(path.format(task_id)), 404)

    def test_503_when_the_queue_is_full_and_nothing_is_stored(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=2)
        with daemon.client() as client:
            accepted = [client.fetch(held.url())]
            wait_until(lambda: client.status(accepted[0]) == "RUNNING")
            answers = [client.post({"type": "http-fetch", "args": {"url": held.url()}}) for _ in range(8)]
            accepted += [answer.json["id"] for answer in answers if answer.status == 202]
            refused = [answer for answer in answers if answer.status != 202]
            assert len(accepted) == 3 and len(refused) == 6
            for answer in refused:
                check_problem(answer, 503)
                assert 1 <= int(answer.headers["Retry-After"]) <= 300
            held.release()
            assert all(client.result(task_id)["result"] == "held" for task_id in accepted)


# Bad submissions --------------------------------------------------------------------------------


class TestFaults:
    @pytest.mark.parametrize(
        "body, pointers",
        [
            ({"type": "nothing", "args": {}}, ["/type"]),
            ({"type": "", "args": {}}, ["/type"]),
            ({"type": "Factorial", "args": {"n": "1"}}, ["/type"]),
            ({"type": 5, "args": {"n": "1"}}, ["/type"]),
            ({"type": None, "args": {"n": "1"}}, ["/type"]),
            ({"args": {"n": "1"}}, ["/type"]),
            ({"type": "factorial"}, ["/args"]),
            ({"type": "factorial", "args": None}, ["/args"]),
            ({"type": "factorial", "args": []}, ["/args"]),
            ({"type": "factorial", "args": "n"}, ["/args"]),
            ({"type": "factorial", "args": {}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "x"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": ""}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "-1"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": -1}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": " 5"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "5 "}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "+5"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "5.0"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "1e1"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "0x10"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "٥"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "10000001"}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": 10000001}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "9" * 100}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": True}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": None}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": ["5"]}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": {"n": "5"}}}, ["/args/n"]),
            ({"type": "factorial", "args": {"n": "5", "m": 1}}, ["/args/m"]),
            ({"type": "factorial", "args": {"N": "5"}}, ["/args/N", "/args/n"]),
            ({"type": "factorial", "args": {"n": "5"}, "more": 1}, ["/more"]),
            ({"type": "factorial", "args": {"n": "5"}, "Type": "factorial"}, ["/Type"]),
            ({"type": "factorial", "args": {"n": "5"}, "id": "mine"}, ["/id"]),
            ({"type": "factorial", "args": {"n": "5", "a/b~c": 1}}, ["/args/a~1b~0c"]),
            (
                {"type": "factorial", "args": {"n": "x", "zz": 1, "yy": 2}, "more": 1},
                ["/args/n", "/args/zz", "/args/yy", "/more"],
            ),
            ({"more": 1}, ["/args", "/more", "/type"]),
            ({}, ["/args", "/type"]),
            ({"type": "http-fetch", "args": {}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": 5}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": ""}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "no url"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "/relative"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "file:///etc/passwd"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "ftp://127.0.0.1/x"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "gopher://127.0.0.1/x"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://user:pw@127.0.0.1/"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://127.0.0.1:0/"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://127.0.0.1:99999/"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://127.0.0.1/\r\nX: y"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://127.0.0.1:22/"}}, ["/args/url"]),
            ({"type": "http-fetch", "args": {"url": "http://127.0.0.1/" + "a" * 2100}}, ["/args/url"]),
            (
                {"type": "http-fetch", "args": {"url": "x", "n": "5"}, "more": 1},
                ["/args/n", "/args/url", "/more"],
            ),
        ],
    )
    def test_every_fault_is_named_with_its_pointer(self, client, body, pointers):
        check_problem(client.post(body), 400, pointers)

    @pytest.mark.parametrize(
        "body",
        [b"", b" ", b"{", b"nothing", b"[]", b"5", b'"x"', b"null", b"{}{}", b"\xff", b"type=factorial&n=5"],
    )
    def test_not_a_json_object_is_400(self, client, body):
        check_problem(client.post(body), 400)

    def test_a_refused_submission_does_not_cost_the_connection(self, client):
        for _ in range(20):
            assert client.post(b"{").status == 400
            assert client.post({"type": "factorial", "args": {"n": "3"}}).status == 202
        assert client.opened == 1

    def test_more_faults_than_the_answer_holds_are_still_one_answer(self, client):
        members = {f"member{i}": i for i in range(500)}
        problem = check_problem(client.post({"type": "factorial", "args": {"n": "x", **members}}), 400)
        assert len(problem["errors"]) >= 10


# Headers and statuses of section 2 ----------------------------------------------------------------


class TestStatuses:
    def test_202_carries_location_that_works(self, client):
        response = client.post({"type": "factorial", "args": {"n": "3"}})
        location = response.headers["Location"]
        assert location == f"{SUBMISSIONS}/{response.json['id']}"
        assert client.get(location).status == 200

    def test_status_answer_has_the_further_members(self, client, finished):
        answer = client.get(f"{SUBMISSIONS}/{finished}").json
        assert answer["type"] == "factorial"
        assert answer["attempts"] == 1
        for member in "created_at", "started_at", "finished_at":
            assert RFC3339_MS.match(answer[member]), answer
        assert answer["created_at"] <= answer["started_at"] <= answer["finished_at"]
        assert 0 <= answer.get("progress", 1) <= 1

    def test_status_answer_of_a_task_that_has_not_ended(self, daemon, client, held):
        task_id = client.fetch(held.url())
        wait_until(lambda: client.status(task_id) == "RUNNING")
        answer = client.get(f"{SUBMISSIONS}/{task_id}").json
        assert answer["type"] == "http-fetch" and answer["attempts"] == 1
        assert RFC3339_MS.match(answer["created_at"]) and RFC3339_MS.match(answer["started_at"])
        assert answer.get("finished_at") is None
        held.release()
        client.wait_final(task_id)

    @pytest.mark.parametrize(
        "path", ["/", "/tasks/", "/nothing", "/tasks/x/y/z", SUBMISSIONS + "/", "//tasks/submissions", "/TASKS/submissions", "/healthz/", "/tasks/submissions/x/y"]
    )
    def test_unknown_path_is_404(self, client, path):
        check_problem(client.get(path), 404)

    @pytest.mark.parametrize(
        "method, path, allowed",
        [
            ("GET", SUBMISSIONS, {"POST", "OPTIONS"}),
            ("PUT", SUBMISSIONS, {"POST", "OPTIONS"}),
            ("DELETE", SUBMISSIONS, {"POST", "OPTIONS"}),
            ("PATCH", SUBMISSIONS, {"POST", "OPTIONS"}),
            ("HEAD", SUBMISSIONS, {"POST", "OPTIONS"}),
            ("POST", SUBMISSIONS + "/{id}", {"GET", "HEAD", "OPTIONS"}),
            ("PUT", "/tasks/{id}", {"GET", "HEAD", "OPTIONS"}),
            ("DELETE", "/tasks/{id}/result", {"GET", "HEAD", "OPTIONS"}),
            ("POST", "/healthz", {"GET", "HEAD", "OPTIONS"}),
            ("TRACE", "/healthz", {"GET", "HEAD", "OPTIONS"}),
            ("POST", "/readyz", {"GET", "HEAD", "OPTIONS"}),
            ("POST", "/livez", {"GET", "HEAD", "OPTIONS"}),
        ],
    )
    def test_405_names_what_is_allowed(self, client, finished, method, path, allowed):
        response = client.request(method, path.format(id=finished))
        assert response.status == 405, response
        found = {word.strip() for word in response.headers["Allow"].split(",")}
        assert allowed <= found and method not in found, found
        if method != "HEAD":
            check_problem(response, 405)

    @pytest.mark.parametrize("path", [SUBMISSIONS, SUBMISSIONS + "/{id}", "/tasks/{id}", "/tasks/{id}/result", "/healthz", "/livez", "/readyz", "/stats", "/metrics"])
    def test_options_answers_204_with_allow(self, client, finished, path):
        response = client.request("OPTIONS", path.format(id=finished))
        assert response.status == 204 and response.body == b""
        allowed = {word.strip() for word in response.headers["Allow"].split(",")}
        assert "OPTIONS" in allowed
        assert ("POST" in allowed) == (path == SUBMISSIONS)
        assert ("HEAD" in allowed) == ("GET" in allowed)

    @pytest.mark.parametrize("path", [SUBMISSIONS + "/{id}", "/tasks/{id}", "/tasks/{id}/result", "/healthz", "/livez", "/livez?verbose", "/readyz", "/readyz?verbose"])
    def test_head_answers_as_get_without_the_body(self, client, finished, path):
        got = client.request("GET", path.format(id=finished))
        head = client.request("HEAD", path.format(id=finished))
        assert got.status == head.status == 200
        assert head.body == b"" and got.body
        assert head.headers["Content-Length"] == str(len(got.body))
        for name in "Content-Type", "ETag", "Cache-Control":
            assert head.headers.get(name) == got.headers.get(name)

    def test_head_of_an_unknown_id_is_404_without_body(self, client):
        response = client.request("HEAD", f"/tasks/{unknown_id()}")
        assert response.status == 404 and response.body == b""

    @pytest.mark.parametrize(
        "accept, status",
        [
            ("*/*", 200),
            ("application/json", 200),
            ("application/*", 200),
            ("text/html, application/json;q=0.1", 200),
            ("text/html, */*;q=0.1", 200),
            ("APPLICATION/JSON", 200),
            ("text/html", 406),
            ("application/xml", 406),
            ("application/json;q=0", 406),
            ("image/*", 406),
        ],
    )
    def test_accept(self, client, finished, accept, status):
        response = client.get(f"{SUBMISSIONS}/{finished}", Accept=accept)
        assert response.status == status, response
        if status == 406:
            check_problem(response, 406)

    def test_a_submission_that_accepts_no_json_is_not_stored(self, client):
        body = {"type": "factorial", "args": {"n": "3"}}
        check_problem(client.post(body, headers={"Accept": "text/html"}), 406)

    @pytest.mark.parametrize(
        "media_type, accepted",
        [
            ("application/json", True),
            ("Application/JSON", True),
            ("application/json; charset=utf-8", True),
            ("application/json;charset=UTF-8", True),
            ('application/json; charset="utf-8"', True),
            (None, False),
            ("", False),
            ("text/plain", False),
            ("text/json", False),
            ("application/x-www-form-urlencoded", False),
            ("multipart/form-data; boundary=x", False),
            ("application/jsonx", False),
            ("application/json-patch+json", False),
            ("text/plain; application/json", False),
            ("application/json; charset=iso-8859-1", False),
        ],
    )
    def test_only_declared_json_is_taken(self, daemon, media_type, accepted):
        headers = [] if media_type is None else [("Content-Type", media_type)]
        body = b'{"type":"factorial","args":{"n":"3"}}'
        with RawConnection(*daemon.address) as connection:
            connection.send(request("POST", SUBMISSIONS, headers, body))
            response = connection.read_response()
        assert response.status == (202 if accepted else 415), response
        if not accepted:
            assert response.header("content-type") == "application/problem+json"

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
    def test_encoded_body_is_refused(self, client, encoding):
        body = {"type": "factorial", "args": {"n": "3"}}
        assert client.post(body, headers={"Content-Encoding": encoding}).status in (400, 415)

    @pytest.mark.parametrize(
        "host, ours",
        [
            ("localhost", True),
            ("localhost:{port}", True),
            ("LocalHost", True),
            ("127.0.0.1", True),
            ("127.0.0.1:{port}", True),
            ("127.0.0.1:1", True),
            ("[::1]", True),
            ("[::1]:{port}", True),
            ("10.1.2.3", True),
            ("queue.example", True),
            ("QUEUE.Example:{port}", True),
            ("evil.example", False),
            ("localhost.evil.example", False),
            ("evil-localhost", False),
            ("xqueue.example", False),
            ("queue.example.evil", False),
            ("127.0.0.1.evil.example", False),
        ],
    )
    def test_only_our_own_host_names_are_answered(self, named_daemon, host, ours):
        with RawConnection(*named_daemon.address) as connection:
            connection.send(request("GET", "/healthz", host=host.format(port=named_daemon.address[1])))
            response = connection.read_response()
        assert response.status == (200 if ours else 421), response

    @pytest.mark.parametrize("host", ["", "a b", "localhost:x", "localhost:99999", "[::1", "user@localhost", "local/host", "127.0.0.1:"])
    def test_malformed_host_is_never_served_as_something_else(self, named_daemon, host):
        with RawConnection(*named_daemon.address) as connection:
            connection.send(request("GET", "/healthz", host=host))
            status = connection.read_response().status
        assert status in ((200, 400, 421) if host in ("127.0.0.1:", "localhost:99999") else (400, 421))

    def test_a_submission_under_a_foreign_host_is_not_stored(self, named_daemon):
        body = b'{"type":"factorial","args":{"n":"3"}}'
        with RawConnection(*named_daemon.address) as connection:
            connection.send(post_json(SUBMISSIONS, body, host="evil.example"))
            response = connection.read_response()
        assert response.status == 421
        assert response.header("content-type") == "application/problem+json"

    def test_body_of_exactly_the_limit_is_accepted_and_one_byte_more_is_413(self, client):
        assert client.post(padded(BODY_MAX)).status == 202
        check_problem(client.post(padded(BODY_MAX + 1)), 413)

    def test_body_limit_setting_on_both_sides(self, make_daemon):
        daemon = make_daemon(http_body_max_bytes=1024)
        with daemon.client() as client:
            assert client.post(padded(1024)).status == 202
            check_problem(client.post(padded(1025)), 413)

    @pytest.mark.parametrize("length", [BODY_MAX * 4, 10**10, 2**63 - 1, 2**63, 2**64 - 2])
    def test_too_large_body_is_refused_before_it_is_read(self, daemon, length):
        head = request("POST", SUBMISSIONS, [("Content-Type", "application/json"), ("Content-Length", length)])
        assert statuses(exchange(daemon.address, head))[0] == 413

    def test_expectation_of_a_too_large_body_gets_no_100(self, daemon):
        head = request(
            "POST", SUBMISSIONS,
            [("Content-Type", "application/json"), ("Content-Length", BODY_MAX * 4), ("Expect", "100-continue")],
        )
        assert statuses(exchange(daemon.address, head)) == [413]

    def test_long_target_is_414(self, daemon):
        assert statuses(exchange(daemon.address, request("GET", "/" + "a" * 65536)))[0] == 414

    def test_large_header_is_431(self, daemon):
        headers = [(f"X-{i}", "v" * 1000) for i in range(64)]
        assert statuses(exchange(daemon.address, request("GET", "/healthz", headers)))[0] == 431

    def test_unknown_expectation_is_417(self, daemon):
        body = b'{"type":"factorial","args":{"n":"3"}}'
        with RawConnection(*daemon.address) as connection:
            connection.send(post_json(SUBMISSIONS, body, [("Expect", "a-miracle")]))
            assert connection.read_response().status == 417

    @pytest.mark.parametrize("method", ["FOO", "get", "BREW", "PROPFIND2"])
    def test_unknown_method_is_501(self, daemon, method):
        with RawConnection(*daemon.address) as connection:
            connection.send(request(method, "/healthz"))
            assert connection.read_response().status == 501


@pytest.fixture(scope="module")
def named_daemon(make_module_daemon):
    return make_module_daemon(host_name=["queue.example"])


# Headers of every answer ------------------------------------------------------------------------


def some_answers(client, finished):
    yield client.get("/healthz")
    yield client.get("/readyz")
    yield client.get("/readyz?verbose")
    yield client.get("/stats")
    yield client.get("/metrics")
    yield client.get("/nothing")
    yield client.get(f"/tasks/{finished}")
    yield client.get(f"/tasks/{unknown_id()}")
    yield client.get(f"{SUBMISSIONS}/{finished}")
    yield client.raw_result(finished)
    yield client.post({"type": "factorial", "args": {"n": "3"}})
    yield client.post(b"{")
    yield client.post(padded(BODY_MAX + 1))
    yield client.request("PUT", SUBMISSIONS)
    yield client.request("OPTIONS", SUBMISSIONS)
    yield client.get(f"/tasks/{finished}", Accept="text/html")


class TestEveryAnswer:
    def test_security_headers(self, client, finished):
        for answer in some_answers(client, finished):
            assert answer.headers["X-Content-Type-Options"] == "nosniff", answer
            if answer.status != 204 and "/result" not in (answer.headers.get("Content-Disposition") or ""):
                assert "Cache-Control" in answer.headers, answer
            assert "Server" not in answer.headers
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]

    def test_request_id_is_on_every_answer_and_never_twice(self, client, finished):
        seen = [answer.headers["X-Request-Id"] for answer in some_answers(client, finished)]
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) for text in seen), seen
        assert len(set(seen)) == len(seen)

    @pytest.mark.parametrize("text", ["abc", "A_b-9", "x" * 64])
    def test_a_decent_request_id_comes_back(self, client, text):
        assert client.get("/healthz", X_Request_Id=text).headers["X-Request-Id"] == text

    @pytest.mark.parametrize("text", ["x" * 65, "a b", 'a"b', "a=b", "é", "a;b", ""])
    def test_an_indecent_request_id_is_replaced(self, daemon, text):
        with RawConnection(*daemon.address) as connection:
            connection.send(request("GET", "/healthz", [("X-Request-Id", text)]))
            found = connection.read_response().header("x-request-id")
        assert found != text and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", found)

    def test_every_json_answer_is_strict_json(self, client, finished):
        for answer in some_answers(client, finished):
            if answer.media_type in ("application/json", "application/problem+json"):
                loads(answer.body)


class TestHealth:
    @pytest.mark.parametrize("path, status", [("/livez", "ok"), ("/healthz", "ok"), ("/readyz", "ready")])
    def test_all_is_well(self, client, path, status):
        for query in "", "?verbose=false":
            response = client.get(path + query)
            assert response.status == 200 and response.json == {"status": status}
        for query in "?verbose", "?verbose=", "?verbose=true":
            response = client.get(path + query)
            assert response.status == 200 and response.headers["Content-Type"] == "text/plain; charset=utf-8"
            *checks, last = response.body.decode().splitlines()
            assert last == f"{path[1:]} check passed" and checks
            assert all(re.fullmatch(r"\[\+\][a-z_]+ ok(: .+)?", line) for line in checks), checks

    def test_every_check_of_readiness_has_a_line(self, client):
        lines = client.get("/readyz?verbose").body.decode().splitlines()
        assert [re.match(r"\[.\](\w+)", line).group(1) for line in lines[:-1]] == [
            "shutdown", "disk", "admission", "store", "committer", "fetch_engine"]

    @pytest.mark.parametrize("query", ["verbose=1", "verbose=yes", "verbose&verbose", "verbose&x", "Verbose", "exclude=disk"])
    def test_another_query_is_400(self, client, query):
        for path in "/livez", "/healthz", "/readyz":
            check_problem(client.get(f"{path}?{query}"), 400)

    def test_the_text_is_for_who_takes_it(self, client):
        check_problem(client.get("/readyz?verbose", Accept="application/json"), 406)
        check_problem(client.get("/readyz", Accept="text/plain"), 406)
        assert client.get("/readyz?verbose", Accept="text/*").status == 200

    def test_a_full_queue_is_told_check_by_check(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=1)
        with daemon.client() as client:
            ids = [client.fetch(held.url())]
            wait_until(lambda: client.status(ids[0]) == "RUNNING")
            ids.append(client.fetch(held.url()))
            response = wait_until(lambda: (lambda found: found.status == 503 and found)(client.get("/readyz?verbose")))
            lines = response.body.decode().splitlines()
            assert "[-]admission failed: queue_full: 0 wait in the cpu lane and 1 in the io lane, of 1 that may" in lines
            assert sum(line.startswith("[-]") for line in lines) == 1 and lines[-1] == "readyz check failed"
            assert response.headers["Retry-After"] == "1"
            assert client.get("/readyz").json == {"status": "not_ready", "reason": "queue_full"}
            assert client.get("/livez?verbose").status == 200
            held.release()
            for task_id in ids:
                client.wait_final(task_id)

    def test_readyz_is_503_while_the_queue_is_full_and_healthz_is_not(self, make_daemon, held):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1, queue_max=1)
        with daemon.client() as client:
            first = client.fetch(held.url())
            wait_until(lambda: client.status(first) == "RUNNING")
            second = client.fetch(held.url())
            wait_until(lambda: client.get("/readyz").status == 503)
            assert client.get("/healthz").status == 200
            held.release()
            client.wait_final(second)
            wait_until(lambda: client.get("/readyz").status == 200)


# The raw result ---------------------------------------------------------------------------------

BINARY = bytes(range(256)) * 8


class TestRawResult:
    @pytest.fixture(scope="class")
    def binary(self, daemon):
        """A completed fetch of 2,048 bytes that are not UTF-8."""
        with ScriptedOrigin(ok_answer(BINARY, "image/x-test")) as origin, daemon.client() as client:
            task_id = client.fetch(origin.url())
            assert client.wait_final(task_id) == "SUCCEEDED"
            return task_id

    def test_factorial_digits_are_text(self, client, finished):
        response = client.raw_result(finished)
        assert response.status == 200
        assert response.media_type == "text/plain"
        assert response.body == str(FIFTY).encode()

    def test_content_has_its_own_media_type_and_its_own_bytes(self, client, binary):
        response = client.raw_result(binary)
        assert response.status == 200
        assert response.headers["Content-Type"] == "image/x-test"
        assert response.body == BINARY
        assert response.headers["Content-Length"] == "2048"

    def test_a_browser_never_runs_it(self, client):
        page = b"<script>alert(1)</script>"
        with ScriptedOrigin(ok_answer(page, "text/html")) as origin:
            task_id = client.fetch(origin.url())
            client.wait_final(task_id)
        headers = client.raw_result(task_id).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]
        assert headers["Content-Disposition"].startswith("attachment")

    def test_head_has_the_length_and_no_body(self, client, binary):
        response = client.raw_result(binary, method="HEAD")
        assert response.status == 200 and response.body == b""
        assert response.headers["Content-Length"] == "2048"
        assert response.headers["ETag"]

    @pytest.mark.parametrize(
        "text, first, last",
        [("bytes=0-0", 0, 0), ("bytes=0-9", 0, 9), ("bytes=10-", 10, 2047), ("bytes=-5", 2043, 2047),
         ("bytes=2047-2047", 2047, 2047), ("bytes=2040-99999", 2040, 2047), ("bytes=-99999", 0, 2047),
         ("bytes=0-2047", 0, 2047)],
    )
    def test_range(self, client, binary, text, first, last):
        response = client.raw_result(binary, {"Range": text})
        assert response.status == 206, response
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/2048"
        assert response.body == BINARY[first:last + 1]
        assert response.headers["Content-Length"] == str(last + 1 - first)

    @pytest.mark.parametrize("text", ["bytes=2048-", "bytes=5000-6000", "bytes=-0"])
    def test_unsatisfiable_range_is_416_with_the_size(self, client, binary, text):
        response = client.raw_result(binary, {"Range": text})
        assert response.status == 416, response
        assert response.headers["Content-Range"] == "bytes */2048"

    @pytest.mark.parametrize("text", ["bytes", "bytes=", "bytes=x-y", "bytes=9-2", "lines=1-2", "bytes=--5", "bytes=1-2x", "bytes=+1-2", "bytes=99999999999999999999999-"])
    def test_malformed_or_foreign_range_is_ignored(self, client, binary, text):
        response = client.raw_result(binary, {"Range": text})
        assert response.status in ((200, 416) if "9999999" in text else (200,)), response
        if response.status == 200:
            assert response.body == BINARY

    def test_several_ranges_are_answered_without_harm(self, client, binary):
        response = client.raw_result(binary, {"Range": "bytes=0-1,4-5," + ",".join("1-2" for _ in range(500))})
        assert response.status in (200, 206, 416)

    @pytest.mark.parametrize("first, second", [("bytes=0-1", "bytes=4-5"), ("bytes=0-1", "bytes=0-1"), ("lines=1-2", "bytes=0-1")])
    def test_two_range_fields_are_as_a_malformed_one(self, daemon, binary, first, second):
        with RawConnection(*daemon.address) as connection:
            connection.send(request("GET", f"/tasks/{binary}/result", [("Range", first), ("Range", second)]))
            response = connection.read_response()
        assert response.status == 200 and response.body == BINARY

    def test_etag_and_conditional_requests(self, client, binary):
        etag = client.raw_result(binary).headers["ETag"]
        assert re.fullmatch(r'"[\x21\x23-\x7e]+"', etag)
        for text in etag, f"W/{etag}", f'"other", {etag}', "*":
            response = client.raw_result(binary, {"If-None-Match": text})
            assert response.status == 304 and response.body == b"", (text, response)
            assert response.headers["ETag"] == etag
            # The size of what is not sent again (RFC 9110 section 8.6).
            assert response.headers["Content-Length"] == str(len(BINARY))
        for text in '"other"', etag.strip('"'):
            assert client.raw_result(binary, {"If-None-Match": text}).status == 200

    def test_if_match(self, client, binary):
        """Who has another version is not given this one (RFC 9110 section 13.1.1)."""
        etag = client.raw_result(binary).headers["ETag"]
        for text in etag, f'"other", {etag}', "*":
            assert client.raw_result(binary, {"If-Match": text}).status == 200
            assert client.raw_result(binary, {"If-Match": text, "Range": "bytes=0-9"}).status == 206
        for text in '"other"', f"W/{etag}", etag.strip('"'), "":
            check_problem(client.raw_result(binary, {"If-Match": text, "Range": "bytes=0-9"}), 412)
            # It is looked at first (section 13.2.2).
            assert client.raw_result(binary, {"If-Match": text, "If-None-Match": etag}).status == 412

    def test_if_range(self, client, binary):
        etag = client.raw_result(binary).headers["ETag"]
        assert client.raw_result(binary, {"Range": "bytes=0-9", "If-Range": etag}).status == 206
        response = client.raw_result(binary, {"Range": "bytes=0-9", "If-Range": '"other"'})
        assert response.status == 200 and response.body == BINARY

    def test_etags_of_different_contents_differ(self, client, binary, finished):
        assert client.raw_result(binary).headers["ETag"] != client.raw_result(finished).headers["ETag"]

    def test_large_content_in_a_file_has_ranges_too(self, client):
        content = hashlib.sha256(b"seed").digest() * 40000
        with ScriptedOrigin(ok_answer(content, "application/octet-stream")) as origin:
            task_id = client.fetch(origin.url())
            client.wait_final(task_id)
        assert client.raw_result(task_id).body == content
        response = client.raw_result(task_id, {"Range": "bytes=1000000-1000099"})
        assert response.status == 206 and response.body == content[1000000:1000100]
        assert client.raw_result(task_id, method="HEAD").headers["Content-Length"] == str(len(content))

    def test_not_utf8_is_base64_in_the_answer(self, client, binary):
        answer = client.get(f"/tasks/{binary}").json
        assert answer["result_encoding"] == "base64"
        assert base64.b64decode(answer["result"], validate=True) == BINARY

    def test_failed_status_keeps_its_content(self, client):
        reply = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone"
        with ScriptedOrigin(reply) as origin:
            task_id = client.fetch(origin.url())
            answer = client.result(task_id)
        assert answer["status"] == "FAILED"
        check_failure(answer["result"])
        assert answer["result"]["code"] == "http_status"
        assert answer["response"]["status"] == 404
        response = client.raw_result(task_id)
        assert response.status == 200 and response.body == b"gone"

    def test_failure_without_content_has_no_raw_result(self, client):
        task_id = client.fetch(refused_url())
        client.wait_final(task_id)
        check_problem(client.raw_result(task_id), 404)


class TestResponseObject:
    def test_fetch_answer_tells_what_the_origin_said(self, client):
        with ScriptedOrigin(ok_answer(b"four", "text/x-test; charset=utf-8")) as origin:
            url = origin.url("/a?b=c")
            answer = client.result(client.fetch(url))
        told = answer["response"]
        assert told["status"] == 200
        assert told["url"] == url
        assert told["content_type"] == "text/x-test; charset=utf-8"
        assert told["bytes"] == 4
        assert isinstance(told["timing_ms"], dict) and told["timing_ms"]
        assert all(isinstance(value, (int, float)) and value >= 0 for value in told["timing_ms"].values())


def test_answers_to_problem_name_the_status_in_json_too(client):
    body = client.post({"type": "nothing"}).body
    assert json.loads(body)["status"] == 400
