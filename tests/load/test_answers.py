# SPDX-License-Identifier: MIT
"""What counts as a right answer, and what as a fault."""

import json
import math

import pytest

import answers
from answers import FACTORIAL, FETCH, Wrong, check_result, check_status, check_submitted
from client import Answer

ID = "018f0000-0000-7000-8000-000000000000"
FAILURE = {"cause": None, "stackTrace": [], "message": "Connection refused", "suppressed": [], "code": "connect"}


def reply(status, value):
    return Answer(status, b"", value if isinstance(value, bytes) else json.dumps(value).encode())


def result(value, status="SUCCEEDED"):
    return reply(200, {"id": ID, "status": status, "result": value})


def test_right_answers():
    answers.contents.clear()
    assert check_submitted(reply(202, {"id": ID, "more": 1})) == ID
    assert check_status(reply(200, {"id": ID, "status": "QUEUED"}), ID) == "QUEUED"
    assert check_result(result(math.factorial(100)), ID, FACTORIAL, 100)["status"] == "SUCCEEDED"
    assert check_result(result(1), ID, FACTORIAL, 0)["result"] == 1
    assert check_result(result("content"), ID, FETCH, "http://o/1")["result"] == "content"
    assert check_result(result(FAILURE, "FAILED"), ID, FETCH, "http://o/2")["status"] == "FAILED"


@pytest.mark.parametrize("answer", [
    reply(503, {}), reply(200, {"id": ID}), reply(202, b"{"), reply(202, []), reply(202, {}), reply(202, {"id": 5}),
    reply(202, {"id": ID + "0"})])
def test_wrong_submissions(answer):
    with pytest.raises(Wrong):
        check_submitted(answer)


@pytest.mark.parametrize("answer", [
    reply(404, {}), reply(200, {"id": "other", "status": "QUEUED"}), reply(200, {"id": ID, "status": "DONE"})])
def test_wrong_statuses(answer):
    with pytest.raises(Wrong):
        check_status(answer, ID)


@pytest.mark.parametrize("answer", [
    reply(400, {}), result(119), result("120"), result(120.0), result(None), result(120, "RUNNING"),
    result("text", "FAILED"), result({}, "REJECTED"),
    reply(200, {"id": "other", "status": "SUCCEEDED", "result": 120})])
def test_wrong_factorials(answer):
    with pytest.raises(Wrong):
        check_result(answer, ID, FACTORIAL, 5)


def test_content_that_changes_is_wrong():
    answers.contents.clear()
    check_result(result("content"), ID, FETCH, "http://o/3")
    check_result(result("other"), ID, FETCH, "http://o/4")
    with pytest.raises(Wrong):
        check_result(result("other"), ID, FETCH, "http://o/3")
    with pytest.raises(Wrong):
        check_result(result(120), ID, FETCH, "http://o/5")
