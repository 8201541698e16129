# SPDX-License-Identifier: MIT
"""Factorials against Python's integers, and large ones by their residues: every digit, at the limits and past them."""

import math
import random
import re

import pytest

from lib.api import check_problem
from lib.bigint import assert_factorial, assert_same_integer, parse_decimal
from lib.daemon import SANITIZER
from lib.wait import wait_until

N_MAX = 10000000
N_LARGE = 100000
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


def result_in_json(client, task_id):
    """The digits as they stand in the JSON of the result, which no parser here has to take."""
    body = client.get(f"/tasks/{task_id}").body
    match = re.search(rb'"result"\s*:\s*([0-9]+)\s*[,}]', body)
    assert match, body[:200]
    return match.group(1)


def test_a_large_n_is_exact_in_both_forms(client):
    task_id = client.factorial(N_LARGE)
    assert client.wait_final(task_id, 300) == "SUCCEEDED"
    digits = result_in_json(client, task_id)
    assert len(digits) == 456574
    assert_same_integer(parse_decimal(digits.decode()), math.factorial(N_LARGE), f"{N_LARGE}! in JSON")
    raw = client.raw_result(task_id)
    assert raw.body == digits
    part = client.raw_result(task_id, {"Range": "bytes=456000-456573"})
    assert part.status == 206 and part.body == digits[456000:]


def test_a_million_is_exact_in_both_forms(client):
    task_id = client.factorial(1000000)
    assert client.wait_final(task_id, 300) == "SUCCEEDED"
    digits = client.raw_result(task_id).body
    assert_factorial(digits, 1000000)
    assert result_in_json(client, task_id) == digits


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
    daemon = make_daemon(factorial_max_n=N_MAX + 1)
    with daemon.client() as client:
        task_id = client.factorial(N_MAX + 1)
        client.delete(f"/tasks/{task_id}")
        check_problem(client.post({"type": "factorial", "args": {"n": N_MAX + 2}}), 400, ["/args/n"])


def test_a_task_accepted_under_a_higher_limit_still_ends(make_daemon):
    """Lowering the limits between two runs must not leave a task that can never end."""
    n = 1000000
    for lower in ({"factorial_max_n": 10}, {"cpu_memory_mib": 5}):
        daemon = make_daemon(cpu_executors=1)
        with daemon.client() as client:
            ids = [client.factorial(n) for _ in range(10)]
        daemon.kill9()
        daemon.settings.update(lower)
        daemon.restart()
        with daemon.client() as client:
            for task_id in ids:
                if client.wait_final(task_id, 120) == "FAILED":
                    assert client.failure(task_id)["code"] == "invalid_argument"
                else:
                    assert len(client.raw_result(task_id).body) == 5565709


def memory_mib(daemon, name):
    """VmRSS, or VmHWM: what it was at most."""
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


class TestMemory:
    """What a factorial takes is known beforehand: 13 MiB for 10^6, 46 for 3 * 10^6."""

    def test_what_takes_more_than_there_is_is_refused(self, make_daemon):
        daemon = make_daemon(cpu_memory_mib=20)
        with daemon.client() as client:
            problem = check_problem(client.post({"type": "factorial", "args": {"n": "3000000"}}), 400, ["/args/n"])
            assert "MiB of memory to compute" in problem["errors"][0]["detail"]
            assert "at most 20 MiB" in problem["errors"][0]["detail"]
            assert client.wait_final(client.factorial(1000000)) == "SUCCEEDED"
        assert "largest_factorials_refused" in daemon.stderr()

    def test_what_finds_no_memory_waits_and_what_takes_none_passes_it(self, make_daemon):
        daemon = make_daemon(cpu_memory_mib=50, cpu_executors=4)
        with daemon.client() as client:
            before = memory_mib(daemon, "VmRSS")
            large = [client.factorial(3000000) for _ in range(3)]
            small = [client.factorial(1000) for _ in range(20)]
            assert all(client.wait_final(task_id) == "SUCCEEDED" for task_id in small + large)
            assert len({client.raw_result(task_id).body for task_id in large}) == 1
            # Two at once would take 92; sanitizers have memory of their own.
            if not SANITIZER:
                assert memory_mib(daemon, "VmHWM") < before + 80

    def test_what_is_cancelled_gives_its_memory_back(self, make_daemon):
        daemon = make_daemon()
        with daemon.client() as client:
            client.result(client.factorial(300))
            before = memory_mib(daemon, "VmRSS")
            task_id = client.factorial(N_MAX)
            wait_until(lambda: memory_mib(daemon, "VmRSS") > before + 20)
            assert client.delete(f"/tasks/{task_id}").status == 202
            assert client.failure(task_id)["code"] == "cancelled"
            # What sanitizers know of memory that is gone they keep.
            wait_until(lambda: SANITIZER or memory_mib(daemon, "VmRSS") < before + 10)
