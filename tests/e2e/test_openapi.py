# SPDX-License-Identifier: MIT
"""The description of the API: served as it is, true to the source, and able to find fault."""

import contextlib
import re

import pytest

from lib import description
from lib.daemon import ROOT
from lib.description import Undescribed

DESCRIPTION = ROOT / "docs" / "openapi.json"
ID = "01a20927-7445-7a50-bd09-b0707c5f897a"
FEW = 16  # connections that are served at least
EVERY_ANSWER = [("x-request-id", "abc"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
JSON = [*EVERY_ANSWER, ("content-type", "application/json")]


def source(path):
    return (ROOT / path).read_text("utf-8")


def every_object(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_object(child)


class TestServed:
    def test_it_is_the_file_byte_for_byte(self, client):
        response = client.get("/openapi.json")
        assert response.status == 200 and response.body == DESCRIPTION.read_bytes()
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Cache-Control"] == "no-cache"
        assert re.fullmatch(r'"[0-9a-f]{32}"', response.headers["ETag"])

    def test_who_has_it_is_told_so(self, client):
        etag = client.get("/openapi.json").headers["ETag"]
        for value in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            response = client.get("/openapi.json", If_None_Match=value)
            assert response.status == 304 and response.body == b"" and response.headers["ETag"] == etag
        assert client.get("/openapi.json", If_None_Match='"other"').status == 200

    def test_head_has_its_size_and_no_body(self, client):
        response = client.request("HEAD", "/openapi.json")
        assert response.status == 200 and response.body == b""
        assert int(response.headers["Content-Length"]) == DESCRIPTION.stat().st_size
        assert client.request("HEAD", "/openapi.json", headers={"If-None-Match": response.headers["ETag"]}).status == 304

    def test_it_is_there_beyond_the_connection_limit(self, make_daemon):
        daemon = make_daemon(http_connections_max=FEW)
        with contextlib.ExitStack() as stack:
            for _ in range(FEW):
                assert stack.enter_context(daemon.client()).get("/healthz").status == 200
            with daemon.client() as further:
                assert further.get("/tasks").status == 503
                assert further.get("/openapi.json").status == 200


class TestTrueToTheSource:
    def test_paths_and_methods_are_the_routes(self):
        routes = set(re.findall(r'\{ METHOD_([A-Z]+), "([^"]+)"', source("src/http/http_routes.c")))
        expected = routes | {("HEAD", path) for method, path in routes if method == "GET"} | {("OPTIONS", path) for _, path in routes}
        assert {(method, path) for path, method, _ in description.operations()} == expected

    def test_problems_are_those_of_the_table(self):
        table = re.findall(r'^PROBLEM\([A-Z_]+, ([0-9]+), "([^"]+)", "([^"]+)"\)', source("src/http/problem.def"), re.M)
        found = set()
        for response in description.document()["components"]["responses"].values():
            content = response.get("content", {}).get("application/problem+json", {})
            for example in content.get("examples", {}).values():
                value = example["value"]
                found.add((str(value["status"]), value["type"], value["title"]))
                assert value["type"] in content["schema"]["allOf"][1]["properties"]["type"]["enum"], value
        assert found == set(table)

    def test_each_type_of_a_response_has_an_example(self):
        for name, response in description.document()["components"]["responses"].items():
            content = response.get("content", {}).get("application/problem+json")
            if content:
                types = {example["value"]["type"] for example in content["examples"].values()}
                assert types == set(content["schema"]["allOf"][1]["properties"]["type"]["enum"]), name

    def test_every_answer_with_a_body_has_an_example(self):
        for name, response in description.document()["components"]["responses"].items():
            for media_type, content in response.get("content", {}).items():
                assert media_type == "*/*" or "example" in content or content.get("examples"), (name, media_type)

    def test_failure_codes_are_those_of_the_table(self):
        words = re.findall(r'^FAILURE\([A-Z_]+, "([a-z_]+)"', source("src/task/failure.def"), re.M)
        code = description.document()["components"]["schemas"]["FailureCode"]
        assert code["enum"] == words
        assert re.findall(r"^- `([a-z_]+)`: ", code["description"], re.M) == words

    def test_limits_are_those_of_the_settings(self):
        """The largest value that is accepted by default, or the value that stands for a missing one."""
        defaults = dict(re.findall(r'CONF_INT\([a-z_]+, "([a-z-]+)", [0-9]+, [0-9]+, ([0-9]+),', source("src/conf/conf.def")))
        limited = [(node["x-setting"], node["maximum"]) for node in every_object(description.document()) if "x-setting" in node]
        standing = [
            (node["x-default-setting"], node["default"])
            for node in every_object(description.document())
            if "x-default-setting" in node
        ]
        assert len(limited) == 3 and len(standing) == 3
        assert [(name, int(defaults[name])) for name, _ in limited + standing] == limited + standing

    def test_settings_that_are_named_exist(self):
        names = set(re.findall(r'CONF_[A-Z]+\([a-z_]+, "([a-z-]+)"', source("src/conf/conf.def")))
        texts = [node.get("description", "") for node in every_object(description.document())]
        named = {name for text in texts if isinstance(text, str) for name in re.findall(r"settings? `([a-z-]+)`", text)}
        assert named and named <= names

    def test_fixed_limits_are_those_of_the_code(self):
        terms = source("src/http/submission_terms.h")
        schemas = description.document()["components"]["schemas"]
        number = lambda text, name: int(re.search(rf"{name}\s+(?:INT64_C\()?\(?(?:size_t\))?([0-9]+)", text).group(1))
        assert schemas["Batch"]["properties"]["tasks"]["maxItems"] == number(source("src/http/submission_batch.h"), "SUBMISSION_BATCH_MAX")
        assert schemas["Term_delay_ms"]["maximum"] == number(terms, "SUBMISSION_DELAY_MAX_MS") * 86400000
        assert schemas["Term_ttl_ms"]["maximum"] == number(terms, "SUBMISSION_TTL_MAX_MS") * 86400000
        assert schemas["Term_retry"]["properties"]["max_attempts"]["maximum"] == number(terms, "SUBMISSION_ATTEMPTS_MAX")
        assert schemas["Term_retry"]["properties"]["backoff_ms"]["maximum"] == number(terms, "SUBMISSION_BACKOFF_MAX_MS")
        assert schemas["FetchArgs"]["properties"]["headers"]["maxProperties"] == number(
            source("src/kinds/fetch/fetch_headers.h").replace("=", ""), "FETCH_HEADERS_MAX")
        assert schemas["FetchArgs"]["properties"]["url"]["maxLength"] == number(source("src/kinds/fetch/url_policy.h"), "URL_MAX_BYTES")
        parameters = description.document()["components"]["parameters"]
        assert parameters["limit"]["schema"]["maximum"] == number(source("src/http/list_query.h"), "LIST_LIMIT_MAX")
        assert parameters["url_prefix"]["schema"]["maxLength"] == number(source("src/http/list_query.h"), "LIST_URL_PREFIX_MAX")
        assert parameters["wait"]["schema"]["maximum"] == number(source("src/http/http_wait.h"), "HTTP_WAIT_MAX_S")

    def test_version_is_that_of_the_build(self):
        version = re.search(r"^VERSION\s*:=\s*(\S+)", source("Makefile"), re.M).group(1)
        assert description.document()["info"]["version"] == version

    def test_operations_have_ids_of_their_own(self):
        ids = [node["operationId"] for item in description.document()["paths"].values() for node in item.values() if "operationId" in node]
        assert len(ids) == len(set(ids)) == len(description.operations())


class TestRequestsOfTheExamples:
    """What the description shows as a request is accepted, and what its schema refuses is refused."""

    @pytest.mark.parametrize("path", ["/tasks/submissions", "/tasks/submissions/batch"])
    def test_examples_are_accepted(self, client, path):
        media = description.document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for example in media["examples"].values():
            assert client.post(example["value"], path).status == 202, example

    @pytest.mark.parametrize("body", [
        {"type": "factorial", "args": {"n": "01"}},
        {"type": "factorial", "args": {"n": 10000001}},
        {"type": "factorial", "args": {"n": -1}},
        {"type": "factorial", "args": {"n": "5", "m": 1}},
        {"type": "factorial", "args": {"url": "http://example.com/"}},
        {"type": "http-fetch", "args": {"url": "ftp://example.com/"}},
        {"type": "http-fetch", "args": {"url": "http://example.com/", "max_bytes": 16777217}},
        {"type": "http-fetch", "args": {"url": "http://example.com/", "max_redirects": 6}},
        {"type": "http-fetch", "args": {"url": "http://example.com/", "headers": {"A": ""}}},
        {"type": "factorial", "args": {"n": "5"}, "priority": 10},
        {"type": "factorial", "args": {"n": "5"}, "delay_ms": 31536000001},
        {"type": "factorial", "args": {"n": "5"}, "ttl_ms": 0},
        {"type": "factorial", "args": {"n": "5"}, "timeout_ms": 86400001},
        {"type": "factorial", "args": {"n": "5"}, "retry": {"max_attempts": 101}},
        {"type": "factorial", "args": {"n": "5"}, "retry": {"more": 1}},
        {"type": "factorial", "args": {"n": "5"}, "more": 1},
        {"type": "sleep", "args": {}},
        {"args": {"n": "5"}},
        [],
    ])
    def test_what_the_schema_refuses_is_refused(self, client, body):
        assert not description.schema("Submission").is_valid(body)
        assert client.post(body).status == 400


class TestJudge:
    """It must not pass what is not described."""

    GOOD = b'{"status":"ok"}'

    def test_it_is_on(self):
        assert description.is_on

    def test_what_is_described_passes(self):
        description.check("GET", "/healthz", 200, JSON, self.GOOD)
        description.check("GET", "http://127.0.0.1/%68ealthz?", 200, JSON, self.GOOD)

    @pytest.mark.parametrize("method, target, status, fields, body", [
        ("GET", "/healthz", 201, JSON, GOOD),
        ("PUT", "/healthz", 200, JSON, GOOD),
        ("GET", "/health", 200, JSON, GOOD),
        ("GET", "/healthz", 200, [*JSON, ("x-more", "1")], GOOD),
        ("GET", "/healthz", 200, JSON[1:], GOOD),
        ("GET", "/healthz", 200, [*JSON[:1], ("cache-control", "no-cache"), *JSON[2:]], GOOD),
        ("GET", "/healthz", 200, [*EVERY_ANSWER, ("content-type", "text/csv")], GOOD),
        ("GET", "/healthz", 200, EVERY_ANSWER, GOOD),
        ("GET", "/healthz", 200, JSON, b'{"status":"ok","more":1}'),
        ("GET", "/healthz", 200, JSON, b'{"status":"fine"}'),
        ("GET", "/healthz", 200, JSON, b"{}"),
        ("GET", "/healthz", 200, JSON, b""),
        ("OPTIONS", "/healthz", 204, EVERY_ANSWER, b""),
        ("GET", f"/tasks/{ID}", 400, [*EVERY_ANSWER, ("content-type", "application/problem+json")],
         b'{"type":"/problems/queue-full","title":"t","status":400,"detail":"d"}'),
        ("GET", f"/tasks/{ID}", 400, [*EVERY_ANSWER, ("content-type", "application/problem+json")],
         b'{"type":"/problems/not-completed","title":"t","status":404,"detail":"d"}'),
        ("GET", f"/tasks/{ID}", 200, JSON, b'{"id":"%s","status":"RUNNING","type":"factorial","result":1}' % ID.encode()),
        (None, None, 299, JSON, GOOD),
        (None, None, 200, JSON, b'{"status":"fine"}'),
    ])
    def test_what_is_not_fails(self, method, target, status, fields, body):
        with pytest.raises(Undescribed):
            description.check(method, target, status, fields, body)
