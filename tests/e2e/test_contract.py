# SPDX-License-Identifier: MIT
"""The wire contract, field by field: submissions and their results, first as existing clients use them, then what is added."""

import base64
import hashlib
import json
import math
import re

import pytest

from lib.api import FIVE_MEMBERS, SUBMISSIONS, UUID, WORDS, check_failure, check_problem
from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.rawhttp import RawConnection, request
from lib.wait import wait_until

FIFTY = 30414093201713378043612608166064768844377641568960512000000000000


def refused_url():
    return f"http://127.0.0.1:{free_port()}/"


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
            wait_until(lambda: held.running == 1)
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
