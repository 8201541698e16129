# SPDX-License-Identifier: MIT
"""The wire contract as HTTP: statuses, methods, fields and limits, what is on every answer, and the service's health."""

import re
import uuid

import pytest

from lib.api import SUBMISSIONS, check_problem, loads
from lib.rawhttp import RawConnection, exchange, post_json, request, statuses
from lib.wait import wait_until

RFC3339_MS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z")
BODY_MAX = 1048576


def unknown_id():
    return str(uuid.uuid4())


def padded(size):
    """A valid submission of exactly `size` bytes."""
    body = b'{"type":"factorial","args":{"n":"3"}}'
    return body[:1] + b" " * (size - len(body)) + body[1:]


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
            wait_until(lambda: held.running == 1)
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
            wait_until(lambda: held.running == 1)
            second = client.fetch(held.url())
            wait_until(lambda: client.get("/readyz").status == 503)
            assert client.get("/healthz").status == 200
            held.release()
            client.wait_final(second)
            wait_until(lambda: client.get("/readyz").status == 200)
