# SPDX-License-Identifier: MIT
"""Tasks that ended of late are answered from memory: byte for byte as the database answers."""

import random

import pytest

from lib.origins import free_port

# Of an answer's headers, those that differ from one request to the next.
CHANGING = {"date", "x-request-id"}


def exchanges(task_id):
    """Method, path and headers of every way to read a final task."""
    result = f"/tasks/{task_id}/result"
    return [
        ("GET", f"/tasks/submissions/{task_id}", {}),
        ("GET", f"/tasks/{task_id}", {}),
        ("GET", result, {}),
        ("HEAD", result, {}),
        ("GET", result, {"Range": "bytes=1-3"}),
    ]


def read(client, ids):
    """Name of a task and request to its whole answer."""
    answers = {}
    for name, task_id in ids.items():
        for method, path, headers in exchanges(task_id):
            response = client.request(method, path, headers=headers)
            kept = sorted(
                (header, value)
                for header, value in response.headers.items()
                if header.lower() not in CHANGING
            )
            answers[name, method, path, str(headers)] = (response.status, kept, response.body)
    return answers


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, answer in expected.items():
        assert found[key] == answer, key


@pytest.fixture(scope="module")
def files(nginx):
    """Name of a file to its content; sizes around what is kept in memory, and one in a file."""
    contents = {
        "recent-text.txt": "naïve café, 日本".encode(),
        "recent-void.txt": b"",
        "recent-binary": bytes(range(256)),
        "recent-1023.txt": b"x" * 1023,
        "recent-1024.txt": b"x" * 1024,
        "recent-1025.txt": b"x" * 1025,
        "recent-large": random.Random(20260101).randbytes(300000),
    }
    for name, content in contents.items():
        (nginx.root / name).write_bytes(content)
    return contents


def submit_all(client, nginx, files):
    """One task of every kind of end, all final; name to id."""
    ids = {f"factorial of {n}": client.factorial(n) for n in (0, 20, 450, 2000, 50000)}
    for name in files:
        ids[name] = client.fetch(nginx.url("/" + name))
    ids["no content"] = client.fetch(nginx.url("/empty"))
    ids["missing"] = client.fetch(nginx.url("/no-such-file"))
    ids["teapot"] = client.fetch(nginx.url("/teapot"))
    ids["refused"] = client.fetch(f"http://127.0.0.1:{free_port()}/")
    ids["denied"] = client.fetch("http://10.0.0.1/")
    words = {name: client.wait_final(task_id) for name, task_id in ids.items()}
    failed = {"missing", "teapot", "refused", "denied"}
    assert words == {name: "FAILED" if name in failed else "SUCCEEDED" for name in ids}
    return ids


@pytest.mark.parametrize("first", [{}, {"recent_tasks": 0}], ids=["from memory first", "from the database first"])
def test_memory_and_database_answer_alike_also_after_a_restart(make_daemon, nginx, files, first):
    """One data directory under both settings in turn, each answer taken twice."""
    daemon = make_daemon(fetch_allow=["127.0.0.0/8"], **first)
    with daemon.client() as client:
        ids = submit_all(client, nginx, files)
        expected = read(client, ids)
        assert_same(read(client, ids), expected)
        for name, content in files.items():
            assert expected[name, "GET", f"/tasks/{ids[name]}/result", "{}"][2] == content
    for settings in ({"recent_tasks": 0}, {}):
        assert daemon.terminate() == 0
        daemon.settings.pop("recent_tasks", None)
        daemon.settings.update(settings)
        daemon.restart()
        with daemon.client() as client:
            for _ in range(2):
                assert_same(read(client, ids), expected)
