# SPDX-License-Identifier: MIT
"""Factorials against Python's integers: every digit, at the limits and one past them."""

import math
import random
import re

import pytest

from lib.api import check_problem
from lib.bigint import assert_same_integer, parse_decimal

N_MAX = 100000
EDGES = [0, 1, 2, 3, 4, 5, 9, 10, 12, 13, 18, 19, 20, 21, 22, 25, 33, 34, 64, 65, 100, 127, 128, 170, 171,
         255, 256, 257, 999, 1000, 1557, 1558, 1559, 2047, 2048, 2049, 4095, 4096, 5000, 9999, 10000]


def test_edges(client):
    tasks = {n: client.factorial(n) for n in EDGES}
    for n, task_id in tasks.items():
        assert_same_integer(client.result(task_id)["result"], math.factorial(n), f"{n}!")


def test_every_n_up_to_300(client):
    tasks = {n: client.factorial(n) for n in range(301)}
    for n, task_id in tasks.items():
        assert_same_integer(client.result(task_id)["result"], math.factorial(n), f"{n}!")


def test_random_n(client):
    numbers = random.Random(20260101).sample(range(300, 12000), 25)
    tasks = {n: client.submit("factorial", {"n": n}) for n in numbers}
    for n, task_id in tasks.items():
        assert_same_integer(client.result(task_id)["result"], math.factorial(n), f"{n}!")


def test_string_and_integer_give_one_answer(client):
    first = client.result(client.submit("factorial", {"n": "777"}))["result"]
    second = client.result(client.submit("factorial", {"n": 777}))["result"]
    assert_same_integer(first, second, "777!")


def test_1559_has_more_digits_than_careless_parsers_take(client):
    task_id = client.factorial(1559)
    client.wait_final(task_id)
    digits = client.raw_result(task_id).body
    assert len(digits) == 4303 and digits.isdigit()


def test_largest_n_is_exact_in_both_forms(client):
    task_id = client.factorial(N_MAX)
    assert client.wait_final(task_id, 300) == "SUCCEEDED"
    expected = math.factorial(N_MAX)
    body = client.get(f"/tasks/{task_id}").body
    match = re.search(rb'"result"\s*:\s*([0-9]+)\s*[,}]', body)
    assert match, body[:200]
    assert len(match.group(1)) == 456574
    assert_same_integer(parse_decimal(match.group(1).decode()), expected, f"{N_MAX}! in JSON")
    raw = client.raw_result(task_id)
    assert raw.body == match.group(1)
    part = client.raw_result(task_id, {"Range": "bytes=456000-456573"})
    assert part.status == 206 and part.body == match.group(1)[456000:]


@pytest.mark.parametrize("n", [str(N_MAX + 1), N_MAX + 1, "4294967296", "18446744073709551616"])
def test_one_past_the_largest_is_400(client, n):
    problem = check_problem(client.post({"type": "factorial", "args": {"n": n}}), 400, ["/args/n"])
    assert str(N_MAX) in problem["errors"][0]["detail"]


@pytest.mark.parametrize("limit", [0, 1, 100, 20000])
def test_limit_setting_on_both_sides(make_daemon, limit):
    daemon = make_daemon(factorial_max_n=limit)
    with daemon.client() as client:
        assert_same_integer(
            client.result(client.factorial(limit))["result"], math.factorial(limit), f"{limit}!")
        check_problem(client.post({"type": "factorial", "args": {"n": str(limit + 1)}}), 400, ["/args/n"])


def test_a_raised_limit_is_honoured(make_daemon):
    daemon = make_daemon(factorial_max_n=120000)
    with daemon.client() as client:
        task_id = client.factorial(N_MAX + 1)
        assert client.wait_final(task_id, 300) == "SUCCEEDED"
        digits = client.raw_result(task_id).body.decode()
    assert_same_integer(parse_decimal(digits), math.factorial(N_MAX + 1), f"{N_MAX + 1}!")


def test_a_task_accepted_under_a_higher_limit_still_ends(make_daemon):
    """Lowering the limit between two runs must not leave a task that can never end."""
    daemon = make_daemon(factorial_max_n=100000, cpu_executors=1)
    with daemon.client() as client:
        ids = [client.factorial(60000) for _ in range(20)]
    daemon.kill9()
    daemon.settings["factorial_max_n"] = 10
    daemon.restart()
    with daemon.client() as client:
        for task_id in ids:
            answer = client.result(task_id, 120)
            if answer["status"] == "FAILED":
                assert answer["result"]["code"] == "invalid_argument"
            else:
                assert answer["result"] == math.factorial(60000)
