# SPDX-License-Identifier: MIT
"""The JSON client: one keep-alive connection, answers parsed without losing a digit.

Every answer is held against the description of the API.
"""

import http.client
import json
import re

from . import description
from .bigint import parse_decimal
from .wait import PATIENCE_S, wait_until

SUBMISSIONS = "/tasks/submissions"
BATCH = SUBMISSIONS + "/batch"
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
WORDS = ("QUEUED", "RUNNING") + FINAL
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
FIVE_MEMBERS = ("cause", "stackTrace", "message", "suppressed", "localizedMessage")


def _unique(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member in an answer")
    return members


def _refuse(word):
    raise ValueError(f"{word} in an answer")


def loads(text):
    """Strict JSON: no duplicate members, no NaN, integers of any length."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    return json.loads(
        text, parse_int=parse_decimal, parse_constant=_refuse, object_pairs_hook=_unique
    )


class Response:
    def __init__(self, raw):
        self.status = raw.status
        self.headers = raw.headers
        self.body = raw.read()

    @property
    def json(self):
        return loads(self.body)

    @property
    def media_type(self):
        return (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:300]!r}>"


class Client:
    """Speaks to one daemon over one connection, which is opened again when it was closed."""

    def __init__(self, address, timeout=PATIENCE_S):
        self.connection = http.client.HTTPConnection(*address, timeout=timeout)
        self.opened = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def request(self, method, path, body=None, headers=None):
        """One exchange. Never repeated: a repeated POST would be a second task."""
        if self.connection.sock is None:
            self.opened += 1
        try:
            self.connection.request(method, path, body=body, headers=headers or {})
            response = Response(self.connection.getresponse())
        except BaseException:
            self.connection.close()
            raise
        fields = [(name.lower(), value) for name, value in response.headers.items()]
        description.check(method, path, response.status, fields, response.body)
        return response

    def get(self, path, **headers):
        return self.request(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    def delete(self, path, **headers):
        return self.request("DELETE", path, headers=headers)

    def post(self, value, path=SUBMISSIONS, headers=None):
        """POST a JSON value, or bytes as they are."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.request(
            "POST", path, body=body, headers={"Content-Type": "application/json", **(headers or {})}
        )

    def submit(self, kind, args, **terms):
        """Submit and return the id; anything but 202 is an error here."""
        response = self.post({"type": kind, "args": args, **terms})
        assert response.status == 202, response
        task_id = response.json["id"]
        assert UUID.match(task_id), task_id
        return task_id

    def factorial(self, n):
        return self.submit("factorial", {"n": str(n)})

    def fetch(self, url):
        return self.submit("http-fetch", {"url": url})

    def status(self, task_id):
        """The status word, checked against the contract."""
        response = self.get(f"{SUBMISSIONS}/{task_id}")
        assert response.status == 200, response
        answer = response.json
        assert answer["id"] == task_id and answer["status"] in WORDS, answer
        return answer["status"]

    def wait_final(self, task_id, timeout=PATIENCE_S):
        return wait_until(
            lambda: (lambda word: word if word in FINAL else None)(self.status(task_id)),
            timeout,
            f"task {task_id} is final",
        )

    def result(self, task_id, timeout=PATIENCE_S):
        """Wait for the end and return the parsed result answer."""
        word = self.wait_final(task_id, timeout)
        response = self.get(f"/tasks/{task_id}")
        assert response.status == 200, response
        answer = response.json
        assert answer["id"] == task_id and answer["status"] == word, answer
        return answer

    def failure(self, task_id, timeout=PATIENCE_S):
        """Wait for the end, which must be FAILED, and return its result object."""
        answer = self.result(task_id, timeout)
        assert answer["status"] == "FAILED", str(answer)[:500]
        check_failure(answer["result"])
        return answer["result"]

    def raw_result(self, task_id, headers=None, method="GET"):
        return self.request(method, f"/tasks/{task_id}/result", headers=headers)


def check_failure(result):
    """The five members that existing clients read, and the code that we add."""
    assert isinstance(result, dict), result
    for member in FIVE_MEMBERS:
        assert member in result, (member, result)
    assert result["cause"] is None
    assert result["stackTrace"] == [] and result["suppressed"] == []
    assert isinstance(result["message"], str) and result["message"]
    assert result["localizedMessage"] == result["message"]
    assert re.fullmatch(r"[a-z][a-z_]*", result["code"]), result


def check_problem(response, status, pointers=None):
    """An RFC 9457 answer; `pointers` are the faults that it must name, no more and no fewer."""
    assert response.status == status, response
    assert response.media_type == "application/problem+json", response
    problem = response.json
    assert problem["status"] == status, problem
    assert isinstance(problem["type"], str) and problem["type"], problem
    assert isinstance(problem["title"], str) and problem["title"], problem
    assert isinstance(problem.get("detail", ""), str), problem
    if pointers is not None:
        found = sorted(error["pointer"] for error in problem["errors"])
        assert found == sorted(pointers), problem
        assert all(isinstance(error["detail"], str) and error["detail"] for error in problem["errors"])
    return problem
