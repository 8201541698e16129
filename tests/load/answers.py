# SPDX-License-Identifier: MIT
"""What the contract says about answers: each check returns what its caller needs, or raises Wrong."""

import hashlib
import json
import math
import re

FETCH, FACTORIAL = "http-fetch", "factorial"
FINAL = ("SUCCEEDED", "FAILED", "REJECTED")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

factorials = {}  # n to n!, as far as needed
contents = {}  # URL to digest of its content


class Wrong(Exception):
    """An answer that is not what the contract says."""


def factorial(n):
    if n not in factorials:
        factorials[n] = math.factorial(n)
    return factorials[n]


def parsed(answer):
    try:
        value = json.loads(answer.body)
    except ValueError:
        raise Wrong("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise Wrong("the answer is not a JSON object")
    return value


def check_submitted(answer):
    if answer.status != 202:
        raise Wrong(f"status {answer.status}, expected 202")
    task_id = parsed(answer).get("id")
    if not isinstance(task_id, str) or not UUID.match(task_id):
        raise Wrong("no id in the answer")
    return task_id


def check_status(answer, task_id):
    if answer.status != 200:
        raise Wrong(f"status {answer.status}, expected 200")
    value = parsed(answer)
    if value.get("id") != task_id:
        raise Wrong("the id of another task")
    if value.get("status") not in ("QUEUED", "RUNNING") + FINAL:
        raise Wrong("not a status word")
    return value["status"]


def check_result(answer, task_id, kind, argument):
    """The answer as a dict: its status is final, and what SUCCEEDED has the right result."""
    if answer.status != 200:
        raise Wrong(f"status {answer.status}, expected 200")
    value = parsed(answer)
    if value.get("id") != task_id:
        raise Wrong("the id of another task")
    word, result = value.get("status"), value.get("result")
    if word not in FINAL:
        raise Wrong("a result without a final status")
    if word != "SUCCEEDED":
        if not isinstance(result, dict) or not isinstance(result.get("message"), str):
            raise Wrong(f"{word} without its message")
    elif kind == FACTORIAL:
        if type(result) is not int or result != factorial(argument):
            raise Wrong("wrong factorial")
    else:
        if not isinstance(result, str):
            raise Wrong("the content is no string")
        digest = hashlib.blake2b(result.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if contents.setdefault(argument, digest) != digest:
            raise Wrong("content differs from the first of this URL")
    return value
