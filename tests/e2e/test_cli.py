# SPDX-License-Identifier: MIT
"""taskq, the client, against the real service: every verb, its output in pipes, its exit statuses."""

import datetime
import json
import math
import os
import re
import signal
import subprocess
import uuid

import pytest

from lib import cli
from lib.api import UUID, loads
from lib.cli import taskq
from lib.fake_service import FakeService
from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.wait import wait_until

UNKNOWN = "018f3c4e-8a5b-7c1d-9e2f-0123456789ab"


@pytest.fixture
def origin():
    with ScriptedOrigin(ok_answer(b"content")) as scripted:
        yield scripted


def submit(daemon, *words, **more):
    ended = taskq(daemon, "submit", *words, expect=cli.OK, **more)
    assert UUID.match(ended.text.rstrip("\n")) and ended.out.count(b"\n") == 1, ended
    return ended.text.strip()


def listed(daemon, task_id):
    """The task as GET /tasks has it."""
    with daemon.client() as client:
        tasks = client.get("/tasks?limit=500").json["tasks"]
    return next(task for task in tasks if task["id"] == task_id)


def run_to_failure(daemon, origin_url, *words):
    """A task that is FAILED."""
    task_id = submit(daemon, "fetch", origin_url, "--attempts", "1", *words)
    taskq(daemon, "wait", task_id, expect=cli.FAILED)
    return task_id


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone"


# Submitting -----------------------------------------------------------------------------------------


class TestSubmit:
    def test_prints_the_id_alone(self, daemon, client):
        ended = taskq(daemon, "submit", "factorial", 50, expect=cli.OK)
        assert ended.err == ""
        assert client.result(ended.text.strip())["result"] == math.factorial(50)

    def test_with_wait_prints_exactly_the_digits(self, daemon):
        ended = taskq(daemon, "submit", "factorial", 1000, "--wait", expect=cli.OK)
        assert ended.out == str(math.factorial(1000)).encode() and ended.err == ""

    def test_with_wait_prints_exactly_the_bytes(self, daemon):
        content = bytes(range(256)) * 3 + b"\r\n\x1b[31m\0"
        with ScriptedOrigin(ok_answer(content, "application/octet-stream")) as scripted:
            assert taskq(daemon, "submit", "fetch", scripted.url(), "-w", expect=cli.OK).out == content

    def test_empty_content(self, daemon, tmp_path):
        with ScriptedOrigin(ok_answer(b"")) as scripted:
            assert taskq(daemon, "submit", "fetch", scripted.url(), "-w", expect=cli.OK).out == b""
            taskq(daemon, "submit", "fetch", scripted.url(), "-o", tmp_path / "f", expect=cli.OK)
        assert (tmp_path / "f").read_bytes() == b""

    def test_to_a_file(self, daemon, tmp_path):
        (tmp_path / "digits").write_text("what was there before")
        ended = taskq(daemon, "submit", "factorial", 3000, "-o", "digits", cwd=tmp_path, expect=cli.OK)
        assert ended.out == b"" and ended.err == ""
        assert os.listdir(tmp_path) == ["digits"]
        assert (tmp_path / "digits").read_text() == str(math.factorial(3000))

    def test_to_what_is_no_file(self, daemon, tmp_path):
        taskq(daemon, "submit", "factorial", 30, "-o", "/dev/null", expect=cli.OK)
        taskq(daemon, "submit", "factorial", 30, "-o", "-", expect=cli.OK)
        ended = taskq(daemon, "submit", "factorial", 30, "-o", tmp_path, expect=cli.LOCAL)
        assert "Is a directory" in ended.err
        ended = taskq(daemon, "submit", "factorial", 30, "-o", "/nowhere/at/all", expect=cli.LOCAL)
        assert "cannot open /nowhere/at/all" in ended.err

    def test_every_term_arrives(self, daemon, client):
        before = datetime.datetime.now(datetime.timezone.utc)
        task_id = submit(daemon, "factorial", 5, "-p", 2, "--delay", "1h", "--ttl", "2h30m",
            "--timeout", "5s", "--attempts", 7, "--backoff", "100ms", "--max-backoff", "1m")
        task = listed(daemon, task_id)
        assert task["priority"] == 2 and task["args"] == {"n": "5"}
        run_at = datetime.datetime.fromisoformat(task["run_at"].replace("Z", "+00:00"))
        expires_at = datetime.datetime.fromisoformat(task["expires_at"].replace("Z", "+00:00"))
        assert run_at >= before + datetime.timedelta(minutes=59)
        assert expires_at - run_at == datetime.timedelta(minutes=90)

    def test_times_are_those_of_the_zone(self, daemon):
        tomorrow = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)).date()
        task_id = submit(daemon, "factorial", 5, "--run-at", f"{tomorrow} 01:30", "--expires-at",
            f"{tomorrow} 09:30", env={"TZ": "Asia/Tokyo"})
        task = listed(daemon, task_id)
        day_before = tomorrow - datetime.timedelta(days=1)
        assert task["run_at"] == f"{day_before}T16:30:00.000Z"
        assert task["expires_at"] == f"{tomorrow}T00:30:00.000Z"

    def test_json(self, daemon):
        answer = json.loads(taskq(daemon, "submit", "factorial", 20, "--json", expect=cli.OK).text)
        assert UUID.match(answer["id"])
        ended = taskq(daemon, "submit", "factorial", 2000, "--json", "--wait", expect=cli.OK)
        answer = loads(ended.out)
        assert answer["status"] == "SUCCEEDED" and answer["result"] == math.factorial(2000)

    def test_a_key_makes_one_task(self, daemon):
        first = submit(daemon, "factorial", 700, "--idempotency-key", 'a "key" \\ of mine')
        assert submit(daemon, "factorial", 700, "-k", 'a "key" \\ of mine') == first
        ended = taskq(daemon, "submit", "factorial", 701, "-k", 'a "key" \\ of mine', expect=cli.REFUSED)
        assert "(status 422)" in ended.err and "Take another one" in ended.err
        assert submit(daemon, "factorial", 700) != first

    def test_arguments_of_a_fetch(self, daemon):
        with ScriptedOrigin(ok_answer(b"0123456789")) as scripted:
            taskq(daemon, "submit", "fetch", scripted.url(), "-H", "X-Of-The-Client: yes: it is", "-w", expect=cli.OK)
            assert b"\r\nX-Of-The-Client: yes: it is\r\n" in scripted.requests[0]
            taskq(daemon, "submit", "fetch", scripted.url(), "--max-bytes", 10, "-w", expect=cli.OK)
            ended = taskq(daemon, "submit", "fetch", scripted.url(), "--max-bytes", 9, "-w", expect=cli.FAILED)
            assert "(body_too_large)" in ended.err
            ended = taskq(daemon, "submit", "fetch", scripted.url(), "-H", "Host: b", "-H", "X-A:", "--max-bytes", "1G",
                expect=cli.REFUSED)
            told = [line.strip().split(":")[0] for line in ended.err.splitlines()]
            assert told.count("--header") == 2 and told.count("--max-bytes") == 1, ended
            scripted.answer = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            ended = taskq(daemon, "submit", "fetch", scripted.url(), "--max-redirects", 1, "-w", expect=cli.FAILED)
            assert "(too_many_redirects)" in ended.err

    def test_faults_are_told_by_what_was_written(self, daemon):
        ended = taskq(daemon, "submit", "factorial", "many", "--priority", 10, "--ttl", "1h",
            "--delay", "2h", "--backoff", "2h", expect=cli.REFUSED)
        assert ended.out == b""
        told = [line.strip() for line in ended.err.splitlines()]
        assert told[0].startswith("taskq: The submission has 4 faults.")
        assert any(line.startswith('the number: found "many", expected decimal digits') for line in told)
        for option in ("--priority: is 10", "--ttl: is 3600000", "--backoff: is 7200000"):
            assert any(line.startswith(option) for line in told), ended

    def test_a_url_that_is_refused(self, daemon):
        ended = taskq(daemon, "submit", "fetch", "gopher://a/", expect=cli.REFUSED)
        assert "the URL: " in ended.err

    def test_a_failure_is_told_with_what_to_do(self, daemon, origin):
        port = free_port()
        ended = taskq(daemon, "submit", "fetch", f"http://127.0.0.1:{port}/", "--attempts", 1, "--wait",
            expect=cli.FAILED)
        task_id = re.search("task ([0-9a-f-]{36}) failed: Connection refused \\(connect\\)", ended.err).group(1)
        assert f"taskq show {task_id}" in ended.err and f"taskq retry {task_id}" in ended.err
        assert ended.out == b""

    def test_a_failure_as_json(self, daemon):
        ended = taskq(daemon, "submit", "fetch", f"http://127.0.0.1:{free_port()}/", "--attempts", 1, "-wj",
            expect=cli.FAILED)
        answer = json.loads(ended.text)
        assert answer["status"] == "FAILED" and answer["result"]["code"] == "connect"

    def test_what_a_failed_fetch_brought(self, daemon):
        with ScriptedOrigin(NOT_FOUND) as scripted:
            ended = taskq(daemon, "submit", "fetch", scripted.url(), "--wait", expect=cli.FAILED)
            assert ended.out == b"" and "taskq result --even-failed" in ended.err
            ended = taskq(daemon, "submit", "fetch", scripted.url(), "--wait", "--even-failed", expect=cli.FAILED)
            assert ended.out == b"gone"
        ended = taskq(daemon, "submit", "fetch", f"http://127.0.0.1:{free_port()}/", "--attempts", 1,
            "--even-failed", expect=cli.FAILED)
        assert ended.out == b"" and "left no content" in ended.err

    def test_no_longer_than_for(self, daemon, held):
        ended = taskq(daemon, "submit", "fetch", held.url(), "--for", "100ms", expect=cli.NOT_ENDED)
        task_id = re.search("task ([0-9a-f-]{36}) is (QUEUED|RUNNING) after 100 ms", ended.err).group(1)
        assert f"taskq wait {task_id}" in ended.err
        held.release()
        assert taskq(daemon, "result", "--wait", task_id, expect=cli.OK).out == b"held"

    def test_interrupted(self, daemon, client, held):
        process = cli.start(daemon, "submit", "fetch", held.url(), "--wait")
        wait_until(lambda: client.get("/stats").json["http"]["waiting"] == 1, what="it waits")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
        task_id = re.search(rb"taskq wait ([0-9a-f-]{36})", err).group(1).decode()
        held.release()
        taskq(daemon, "wait", task_id, expect=cli.OK)


# Batches --------------------------------------------------------------------------------------------


def lines(count, first=0):
    return b"".join(b'{"type":"factorial","args":{"n":"%d"}}\n' % (n % 150) for n in range(first, first + count))


class TestBatch:
    def test_more_than_one_chunk_in_order(self, daemon, client, tmp_path):
        (tmp_path / "tasks").write_bytes(lines(2003))
        ended = taskq(daemon, "batch", tmp_path / "tasks", expect=cli.OK)
        ids = ended.lines
        assert len(ids) == 2003 == len(set(ids)) and ended.err == ""
        for n in (0, 999, 1000, 2002):
            assert client.result(ids[n])["result"] == math.factorial(n % 150)

    def test_from_standard_input_with_blank_lines_and_crlf(self, daemon):
        text = b"\n" + lines(2).replace(b"\n", b"\r\n") + b"   \n\t\n" + lines(1).rstrip(b"\n")
        assert len(taskq(daemon, "batch", "-", stdin=text, expect=cli.OK).lines) == 3
        assert taskq(daemon, "batch", "-", stdin=b"", expect=cli.OK).out == b""

    def test_ids_go_to_wait(self, daemon):
        ids = taskq(daemon, "batch", "-", stdin=lines(20), expect=cli.OK).out
        ended = taskq(daemon, "wait", "-", stdin=ids, expect=cli.OK)
        assert [line.split("\t") for line in ended.lines] == [[i, "SUCCEEDED"] for i in ids.decode().split()]

    def test_faults_are_told_by_line_and_end_it(self, daemon):
        text = lines(3) + b"\n" + b'{"type":"factorial","args":{"n":"x"},"priority":11}\n' + lines(2) + b'{"type":1}\n'
        ended = taskq(daemon, "batch", "-", stdin=text, expect=cli.REFUSED)
        assert ended.out == b""
        assert 'line 5: /args/n: found "x"' in ended.err and "line 5: /priority: is 11" in ended.err
        assert "line 8: /type: " in ended.err
        assert "0 tasks submitted, up to line 0" in ended.err and "tail -n +1 FILE" in ended.err

    def test_what_stands_before_the_chunk_with_the_fault_was_submitted(self, daemon):
        ended = taskq(daemon, "batch", "--chunk", 2, "-", stdin=lines(5) + b"[]\n" + lines(1), expect=cli.REFUSED)
        assert len(ended.lines) == 5
        assert "line 6 is no object" in ended.err and "tail -n +6 FILE" in ended.err

    def test_keep_going(self, daemon, client):
        bad = [b"nonsense", b'{"type":"factorial","args":{"n":"x"}}', b'{"type":"factorial","type":1}', b"7"]
        text = b"".join(lines(1, n) + bad[n % 4] + b"\n" for n in range(60))
        ended = taskq(daemon, "batch", "--keep-going", "-", stdin=text, expect=cli.REFUSED)
        ids = ended.lines
        assert len(ids) == 120 and ids[1::2] == ["-"] * 60
        for n in (0, 30, 59):
            assert client.result(ids[2 * n])["result"] == math.factorial(n)
        told = re.findall(r"^taskq: line (\d+)\b", ended.err, re.M)
        assert sorted(set(map(int, told))) == [2 * n + 2 for n in range(60)]
        assert "60 tasks submitted, lines refused: 60" in ended.err

    def test_a_fault_that_is_blamed_on_no_line_is_found(self, daemon):
        """Nesting that is too deep is told of the body as a whole."""
        deep = b'{"type":"factorial","args":' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}\n"
        ended = taskq(daemon, "batch", "-", stdin=lines(20) + deep + lines(5), expect=cli.REFUSED)
        assert "in line 21\n" in ended.err and len(ended.lines) <= 20
        ended = taskq(daemon, "batch", "--keep-going", "-", stdin=lines(20) + deep + lines(5), expect=cli.REFUSED)
        assert [n for n, line in enumerate(ended.lines) if line == "-"] == [20] and len(ended.lines) == 26

    def test_a_line_that_is_larger_than_the_service_takes(self, make_daemon):
        daemon = make_daemon(http_body_max_bytes=4096)
        large = b'{"type":"http-fetch","args":{"url":"http://example.com/' + b"x" * 5000 + b'"}}\n'
        ended = taskq(daemon, "batch", "-", stdin=lines(3) + large, expect=cli.REFUSED)
        assert "(status 413)" in ended.err and "in line 4\n" in ended.err
        ended = taskq(daemon, "batch", "--keep-going", "-", stdin=lines(3) + large + lines(1), expect=cli.REFUSED)
        assert ended.lines[3] == "-" and len(ended.lines) == 5

    def test_a_key_lets_it_be_run_again(self, daemon, tmp_path):
        (tmp_path / "tasks").write_bytes(lines(1500) + b"nonsense\n" + lines(3))
        words = ["batch", "--keep-going", "-k", f"again-{uuid.uuid4()}", tmp_path / "tasks"]
        first = taskq(daemon, *words, expect=cli.REFUSED)
        assert taskq(daemon, *words, expect=cli.REFUSED).out == first.out
        assert len(first.lines) == 1504

    def test_json(self, daemon):
        ended = taskq(daemon, "batch", "--json", "--keep-going", "-", stdin=b"\n" + lines(1) + b"x\n", expect=cli.REFUSED)
        records = [json.loads(line) for line in ended.lines]
        assert records[0]["line"] == 2 and UUID.match(records[0]["id"])
        assert records[1] == {"line": 3, "id": None}

    def test_a_service_that_takes_less_at_once(self, make_daemon):
        daemon = make_daemon(http_body_max_bytes=16384)
        ids = taskq(daemon, "batch", "-", stdin=lines(3000), expect=cli.OK).lines
        assert len(set(ids)) == 3000

    def test_a_queue_that_has_less_room_than_a_batch(self, make_daemon):
        """Divided until it fits, and as fast as the queue drains."""
        daemon = make_daemon(queue_max=40)
        text = b"".join(b'{"type":"factorial","args":{"n":"%d"}}\n' % (2000 + n) for n in range(150))
        ids = taskq(daemon, "batch", "-", stdin=text, expect=cli.OK).lines
        assert len(set(ids)) == 150

    def test_a_file_that_is_not_there(self, daemon):
        assert "cannot open /nowhere" in taskq(daemon, "batch", "/nowhere", expect=cli.LOCAL).err
        assert "Is a directory" in taskq(daemon, "batch", "/", expect=cli.LOCAL).err

    def test_a_line_that_is_too_long(self, daemon):
        ended = taskq(daemon, "batch", "-", stdin=lines(2) + b'{"a":"' + b"x" * 2000000 + b'"}\n', expect=cli.LOCAL)
        assert "line 3 has more than 1048544 bytes" in ended.err and len(ended.lines) == 2


# Asking ---------------------------------------------------------------------------------------------


class TestStatusAndWait:
    def test_status_tells_and_does_not_judge(self, daemon, held):
        running = submit(daemon, "fetch", held.url())
        wait_until(lambda: held.running == 1, what="the fetch runs")
        done = submit(daemon, "factorial", 5)
        failed = run_to_failure(daemon, f"http://127.0.0.1:{free_port()}/")
        ended = taskq(daemon, "status", running, done, failed, expect=cli.OK)
        assert ended.lines == [f"{running}\tRUNNING", f"{done}\tSUCCEEDED", f"{failed}\tFAILED"]
        answers = [json.loads(line) for line in taskq(daemon, "status", "-j", running, done, expect=cli.OK).lines]
        assert [answer["status"] for answer in answers] == ["RUNNING", "SUCCEEDED"]

    def test_ids_of_any_case(self, daemon):
        task_id = submit(daemon, "factorial", 5)
        assert taskq(daemon, "status", task_id.upper(), expect=cli.OK).lines == [f"{task_id}\tSUCCEEDED"]

    def test_the_first_that_is_not_fine_tells_and_the_others_are_told(self, daemon):
        done = submit(daemon, "factorial", 5)
        ended = taskq(daemon, "status", UNKNOWN, done, expect=cli.NOT_FOUND)
        assert ended.lines == [f"{done}\tSUCCEEDED"]
        assert f"There is no task with the id {UNKNOWN}" in ended.err and "taskq list" in ended.err
        rejected = submit(daemon, "factorial", 5, "--delay", "1h")
        taskq(daemon, "cancel", rejected, expect=cli.OK)
        failed = run_to_failure(daemon, f"http://127.0.0.1:{free_port()}/")
        assert taskq(daemon, "wait", done, rejected, failed).code == cli.REJECTED
        assert taskq(daemon, "wait", done, failed, rejected).code == cli.FAILED
        assert taskq(daemon, "wait", done, done).code == cli.OK

    def test_what_is_no_id_is_found_before_anything_is_asked(self, daemon):
        done = submit(daemon, "factorial", 5)
        for bad in ("nonsense", "", "../stats", done + "0", done[:-1], "018f3c4e8a5b7c1d9e2f0123456789ab"):
            ended = taskq(daemon, "status", done, bad, expect=cli.USAGE)
            assert ended.out == b"" and f"found '{bad}', expected the id of a task" in ended.err
        ended = taskq(daemon, "status", "-", stdin=f"{done}\nnonsense\n{done}\n".encode(), expect=cli.USAGE)
        assert ended.lines == [f"{done}\tSUCCEEDED"] and "line 2: found 'nonsense'" in ended.err

    def test_wait_ends_when_the_task_does(self, daemon, held):
        task_id = submit(daemon, "fetch", held.url())
        process = cli.start(daemon, "wait", task_id)
        wait_until(lambda: held.running == 1, what="the fetch runs")
        held.release()
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (cli.OK, f"{task_id}\tSUCCEEDED\n".encode(), b"")

    def test_wait_holds_one_request_and_does_not_poll(self, daemon, client, held):
        task_id = submit(daemon, "fetch", held.url())
        process = cli.start(daemon, "wait", task_id)
        wait_until(lambda: client.get("/stats").json["http"]["waiting"] == 1, what="it waits")
        before = client.get("/stats").json["http"]["requests"]
        held.release()
        process.communicate(timeout=60)
        # Its answer, and those to this question and the one before.
        assert client.get("/stats").json["http"]["requests"] - before <= 3

    def test_all_share_the_time_of_for(self, daemon, held):
        ids = [submit(daemon, "fetch", held.url(f"/{n}")) for n in range(3)]
        ended = taskq(daemon, "wait", "--for", "200ms", *ids, expect=cli.NOT_ENDED)
        assert ended.out == b"" and ended.err.count("after 200 ms") == 3

    def test_as_many_wait_as_may(self, make_daemon, held):
        """Who may not wait asks again and again."""
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"], http_waiting_max=1)
        ids = [submit(daemon, "fetch", held.url(f"/{n}")) for n in range(2)]
        processes = [cli.start(daemon, "wait", task_id) for task_id in ids]
        wait_until(lambda: held.running == 2, what="both run")
        with daemon.client() as client:
            wait_until(lambda: client.get("/stats").json["http"]["waiting"] == 1, what="one waits")
        held.release()
        for process in processes:
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (cli.OK, b"")


class TestResult:
    def test_of_each_end(self, daemon, held):
        done = submit(daemon, "factorial", 100)
        assert taskq(daemon, "result", done, expect=cli.OK).out == str(math.factorial(100)).encode()
        running = submit(daemon, "fetch", held.url())
        ended = taskq(daemon, "result", running, expect=cli.NOT_ENDED)
        assert "has no result yet" in ended.err and f"taskq result --wait {running}" in ended.err
        failed = run_to_failure(daemon, f"http://127.0.0.1:{free_port()}/")
        assert "Connection refused (connect)" in taskq(daemon, "result", failed, expect=cli.FAILED).err
        rejected = submit(daemon, "factorial", 5, "--delay", "1h")
        taskq(daemon, "cancel", rejected, expect=cli.OK)
        assert "was rejected" in taskq(daemon, "result", rejected, expect=cli.REJECTED).err
        taskq(daemon, "result", UNKNOWN, expect=cli.NOT_FOUND)

    def test_json_is_the_final_answer(self, daemon, client, origin, tmp_path):
        task_id = submit(daemon, "fetch", origin.url())
        client.wait_final(task_id)
        expected = client.get(f"/tasks/{task_id}").body
        assert taskq(daemon, "result", "--json", task_id, expect=cli.OK).out == expected
        taskq(daemon, "result", "--json", task_id, "-o", tmp_path / "f", expect=cli.OK)
        assert (tmp_path / "f").read_bytes() == expected


class TestListAndShow:
    @pytest.fixture(scope="class")
    def tasks(self, make_module_daemon):
        """A service with 30 tasks of four kinds of end."""
        daemon = make_module_daemon(fetch_allow=["127.0.0.0/8"])
        with ScriptedOrigin(NOT_FOUND) as scripted:
            ids = {
                "done": [submit(daemon, "factorial", n) for n in range(20)],
                "failed": [run_to_failure(daemon, scripted.url(f"/a/{n}?tab=1")) for n in range(5)],
                "later": [submit(daemon, "factorial", 9, "--delay", "1h") for _ in range(5)],
            }
        return daemon, ids

    def test_records(self, tasks):
        daemon, ids = tasks
        records = [line.split("\t") for line in taskq(daemon, "list", "--all", expect=cli.OK).lines]
        assert len(records) == 30 and all(len(record) == 7 for record in records)
        assert [record[0] for record in records] == sorted((i for l in ids.values() for i in l), reverse=True)
        record = next(record for record in records if record[0] == ids["failed"][0])
        assert record[1:3] == ["FAILED", "http-fetch"] and record[5] == "http_status"
        assert record[6].endswith("/a/0?tab=1")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record[3])
        record = next(record for record in records if record[0] == ids["later"][0])
        assert record[1] == "QUEUED" and record[4:] == ["-", "-", "9!"]

    def test_twenty_are_told_without_a_limit(self, tasks):
        daemon, _ = tasks
        assert len(taskq(daemon, "list", expect=cli.OK).lines) == 20
        assert len(taskq(daemon, "list", "-n", 3, expect=cli.OK).lines) == 3
        assert len(taskq(daemon, "list", "-n", 30, expect=cli.OK).lines) == 30

    def test_filters(self, tasks):
        daemon, ids = tasks
        assert len(taskq(daemon, "list", "-as", "FAILED", expect=cli.OK).lines) == 5
        assert len(taskq(daemon, "list", "-a", "--status", "FAILED,QUEUED", expect=cli.OK).lines) == 10
        assert len(taskq(daemon, "list", "-a", "--type", "fetch", expect=cli.OK).lines) == 5
        assert len(taskq(daemon, "list", "-a", "--type", "factorial", expect=cli.OK).lines) == 25
        assert taskq(daemon, "list", "--since", "1h", "--until", "30m", expect=cli.OK).out == b""
        assert len(taskq(daemon, "list", "-a", "--since", "1h", "--until", "now", expect=cli.OK).lines) == 30
        prefix = taskq(daemon, "list", "-n1", "-s", "FAILED", expect=cli.OK).lines[0].split("\t")[6][:-8]
        assert len(taskq(daemon, "list", "--url-prefix", prefix, expect=cli.OK).lines) == 5
        assert taskq(daemon, "list", "--url-prefix", prefix + "&limit=1", expect=cli.OK).out == b""

    def test_json(self, tasks):
        daemon, _ = tasks
        found = [json.loads(line) for line in taskq(daemon, "list", "-aj", expect=cli.OK).lines]
        with daemon.client() as client:
            assert found == client.get("/tasks?limit=500").json["tasks"]

    def test_faults(self, tasks):
        daemon, _ = tasks
        assert "status" in taskq(daemon, "list", "--status", "DONE", expect=cli.REFUSED).err
        assert "expected factorial or fetch" in taskq(daemon, "list", "--type", "x", expect=cli.USAGE).err
        taskq(daemon, "list", "-n", 0, expect=cli.USAGE)

    def test_show_tells_everything(self, tasks):
        daemon, ids = tasks
        text = taskq(daemon, "show", ids["failed"][0], expect=cli.OK).text
        for word in ("FAILED", "http-fetch", "/a/0?tab=1", "http_status: HTTP status 404", "status 404, text/html"):
            assert word in text, text
        text = taskq(daemon, "show", ids["later"][0], expect=cli.OK).text
        assert "not before" in text and "No attempt yet." in text and "9!" in text
        taskq(daemon, "show", UNKNOWN, expect=cli.NOT_FOUND)

    def test_show_tells_each_attempt(self, tasks):
        daemon, _ = tasks
        answers = [b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"] * 2 + [ok_answer(b"x")]
        with ScriptedOrigin(lambda _: answers.pop(0)) as scripted:
            task_id = submit(daemon, "fetch", scripted.url(), "--attempts", 3, "--backoff", "1ms")
            taskq(daemon, "wait", task_id, expect=cli.OK)
        text = taskq(daemon, "show", task_id, expect=cli.OK).text
        assert re.findall(r"^  (\d)  .* (failed|succeeded) ", text, re.M) == [
            ("1", "failed"), ("2", "failed"), ("3", "succeeded")]
        story = json.loads(taskq(daemon, "show", "-j", task_id, expect=cli.OK).text)
        assert story["task"]["priority"] == 5 and story["task"]["attempts"] == 3
        assert [attempt["outcome"] for attempt in story["attempts"]] == ["failed", "failed", "succeeded"]

    def test_show_finds_a_task_among_many_of_its_millisecond(self, tasks):
        daemon, _ = tasks
        ids = taskq(daemon, "batch", "-", stdin=lines(1000), expect=cli.OK).lines
        story = json.loads(taskq(daemon, "show", "-j", ids[0], expect=cli.OK).text)
        assert story["task"]["args"] == {"n": "0"}


class TestCancelAndRetry:
    def test_what_waits_is_rejected(self, daemon):
        task_id = submit(daemon, "factorial", 5, "--delay", "1h")
        for _ in range(2):
            assert taskq(daemon, "cancel", task_id, expect=cli.OK).lines == [f"{task_id}\tREJECTED"]

    def test_what_runs_is_told_to_end(self, daemon, held):
        task_id = submit(daemon, "fetch", held.url())
        wait_until(lambda: held.running == 1, what="the fetch runs")
        assert json.loads(taskq(daemon, "cancel", "-j", task_id, expect=cli.OK).text)["status"] in ("RUNNING", "FAILED")
        assert "cancelled" in taskq(daemon, "result", "-w", task_id, expect=cli.FAILED).err

    def test_what_has_ended_stays(self, daemon):
        task_id = submit(daemon, "factorial", 5)
        ended = taskq(daemon, "cancel", task_id, expect=cli.REFUSED)
        assert "(status 409)" in ended.err and f"taskq show {task_id}" in ended.err
        taskq(daemon, "cancel", UNKNOWN, expect=cli.NOT_FOUND)

    def test_from_a_list(self, daemon):
        ids = [submit(daemon, "factorial", 5, "--delay", "1h", "-p", 9) for _ in range(3)]
        records = taskq(daemon, "list", "--status", "QUEUED", "--all", expect=cli.OK).out
        out = taskq(daemon, "cancel", "-", stdin=records, expect=cli.OK).text
        assert all(f"{task_id}\tREJECTED" in out for task_id in ids)


class TestRetry:
    def test_runs_again_as_another_task(self, daemon, client):
        answers = [NOT_FOUND, ok_answer(b"here now")]
        with ScriptedOrigin(lambda _: answers.pop(0)) as scripted:
            old = run_to_failure(daemon, scripted.url())
            ended = taskq(daemon, "retry", old, "--wait", expect=cli.OK)
            assert ended.out == b"here now" and ended.err == ""
        new = taskq(daemon, "list", "-n1", expect=cli.OK).lines[0].split("\t")[0]
        assert client.get(f"/tasks/submissions/{new}").json["retry_of"] == old
        assert f"retry_of   {old}" in taskq(daemon, "show", new, expect=cli.OK).text
        assert client.status(old) == "FAILED"

    def test_to_a_file_and_as_json(self, daemon, tmp_path):
        old = submit(daemon, "factorial", 30, "--delay", "1h")
        taskq(daemon, "cancel", old, expect=cli.OK)
        # The time that was asked for lies ahead still, and is kept.
        new = json.loads(taskq(daemon, "retry", "-j", old, expect=cli.OK).text)["id"]
        assert UUID.match(new) and listed(daemon, new)["run_at"] == listed(daemon, old)["run_at"]
        ended = taskq(daemon, "retry", old, "-o", "f", "--for", "100ms", cwd=tmp_path, expect=cli.NOT_ENDED)
        assert "is QUEUED after 100 ms" in ended.err and os.listdir(tmp_path) == []

    def test_several_and_the_first_that_is_refused(self, daemon):
        failed = [run_to_failure(daemon, f"http://127.0.0.1:{free_port()}/") for _ in range(2)]
        done = submit(daemon, "factorial", 5)
        ended = taskq(daemon, "retry", failed[0], done, failed[1], expect=cli.REFUSED)
        assert len(ended.lines) == 2 and not set(ended.lines) & set(failed)
        assert "(status 409)" in ended.err and f"Its story: taskq show {done}" in ended.err
        taskq(daemon, "retry", UNKNOWN, expect=cli.NOT_FOUND)
        records = "".join(f"{task_id}\tFAILED\twhatever\n" for task_id in failed)
        assert len(taskq(daemon, "retry", "-", stdin=records.encode(), expect=cli.OK).lines) == 2

    def test_a_key_makes_one_task(self, daemon):
        failed = run_to_failure(daemon, f"http://127.0.0.1:{free_port()}/")
        first = taskq(daemon, "retry", failed, "-k", f"again {failed}", expect=cli.OK).out
        assert taskq(daemon, "retry", failed, "-k", f"again {failed}", expect=cli.OK).out == first

    def test_what_would_not_be_accepted_today(self, make_daemon):
        daemon = make_daemon()
        old = submit(daemon, "factorial", 5000, "--delay", "1h")
        taskq(daemon, "cancel", old, expect=cli.OK)
        daemon.terminate()
        daemon.settings["factorial_max_n"] = 100
        daemon.restart()
        ended = taskq(daemon, "retry", old, expect=cli.REFUSED)
        assert "(status 409)" in ended.err and "  the number: " in ended.err


# The rest -------------------------------------------------------------------------------------------


class TestFigures:
    def test_stats(self, daemon):
        text = taskq(daemon, "stats", expect=cli.OK).text
        assert text.startswith("taskqd ") and "accepts tasks" in text and "factorials" in text
        assert json.loads(taskq(daemon, "stats", "--json", expect=cli.OK).text)["tasks"]["FAILED"] >= 0

    def test_watch_in_a_pipe(self, daemon):
        ended = taskq(daemon, "watch", "-c", 2, "-i", "100ms", expect=cli.OK)
        assert ended.lines[0].split("\t")[0] == "time" and len(ended.lines) == 3
        assert all(len(line.split("\t")) == 7 for line in ended.lines)
        ended = taskq(daemon, "watch", "-c", 1, "-j", expect=cli.OK)
        assert set(json.loads(ended.text)) >= {"tasks", "lanes"}
        taskq(daemon, "watch", "-i", "10ms", expect=cli.USAGE)


class TestCommandLine:
    VERBS = "submit batch status wait result show list cancel retry watch stats help".split()

    def test_help(self, daemon):
        text = taskq(daemon, "help", expect=cli.OK).text
        assert text == taskq(daemon, "--help", expect=cli.OK).text
        for verb in self.VERBS:
            assert re.search(f"^  {verb}  ", text, re.M)
            told = taskq(daemon, "help", verb, expect=cli.OK).text
            assert told == taskq(daemon, verb, "--help", expect=cli.OK).text
            assert told.startswith(f"Usage: taskq {verb} ")
            assert max(map(len, told.splitlines() + text.splitlines())) <= 100
        assert "did you mean 'submit'" in taskq(daemon, "help", "submt", expect=cli.USAGE).err

    def test_version(self, daemon):
        assert re.fullmatch(r"taskq \d+\.\d+\.\d+\n", taskq(daemon, "--version", expect=cli.OK).text)
        assert taskq(daemon, "list", "-V", expect=cli.OK).text.startswith("taskq ")

    @pytest.mark.parametrize(
        "words, told",
        [
            ([], "Usage: taskq VERB"),
            (["--json"], "Usage: taskq VERB"),
            (["lst"], "did you mean 'list'"),
            (["frobnicate"], "there is no verb 'frobnicate'"),
            (["submit"], "submit: something is missing"),
            (["submit", "factorial"], "Usage: taskq submit"),
            (["submit", "factorial", "1", "2"], "found '2', which is too much"),
            (["submit", "fact", "1"], "there is no type of task 'fact'"),
            (["submit", "factorial", "1", "--prio", "2"], "there is no option '--prio'"),
            (["submit", "factorial", "1", "-p", "high"], "-p: found 'high', expected a whole number"),
            (["submit", "factorial", "1", "--delay", "soon"], "--delay: found 'soon', expected a duration"),
            (["submit", "factorial", "1", "-k", "a\nb"], "printable ASCII"),
            (["submit", "factorial", "1", "-H", "A: b"], "--header is for a fetch"),
            (["list", "--wait"], "--wait means nothing here"),
            (["--wait", "list"], "--wait means nothing here"),
            (["list", "x"], "found 'x', which is too much"),
            (["batch", "-", "--chunk", "1001"], "expected 1 to 1000"),
            (["batch", "-", "--chunk", "0"], "expected 1 to 1000"),
            (["batch", "-", "-k", "k" * 81], "at most 80"),
            (["--url", "ftp://a", "list"], "begins with 'ftp'"),
            (["--patience", "x", "list"], "--patience: found 'x'"),
            (["retry", UNKNOWN, UNKNOWN, "--wait"], "found several tasks"),
            (["retry", "-", "--wait"], "found several tasks"),
            (["retry", UNKNOWN, UNKNOWN, "-k", "key"], "found several tasks"),
        ],
    )
    def test_a_wrong_line_is_told_and_nothing_is_sent(self, words, told):
        ended = taskq("http://127.0.0.1:1", *words, expect=cli.USAGE)
        assert told in ended.err and ended.out == b""

    def test_the_url_is_taken_from_the_option_before_the_environment(self, daemon):
        url = cli.url_of(daemon)
        taskq("http://127.0.0.1:1", "--url", url, "stats", expect=cli.OK)
        taskq("http://127.0.0.1:1", "stats", "--url", url.replace("http://", ""), expect=cli.OK)
        taskq(daemon, "stats", "--url", "http://127.0.0.1:1", expect=cli.UNREACHABLE)

    def test_proxy_variables_are_not_read(self, daemon):
        taskq(daemon, "stats", env={"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"},
            expect=cli.OK)

    def test_an_output_that_cannot_be_written_is_told(self, daemon):
        submit(daemon, "factorial", 5)
        with open("/dev/full", "wb") as full:
            for words in (["list"], ["stats"], ["help"], ["submit", "factorial", "1"],
                ["submit", "factorial", "9", "--wait"], ["batch", "-"]):
                ended = taskq(daemon, *words, stdin=lines(1), stdout=full, expect=cli.LOCAL)
                assert "No space left on device" in ended.err, ended

    def test_a_reader_that_has_seen_enough(self, daemon):
        submit(daemon, "factorial", 5)
        script = f'"{cli.CLIENT}" list --all | head -n 1; echo "${{PIPESTATUS[0]}}"'
        out = subprocess.run(["bash", "-c", script], env=cli.environment(daemon), capture_output=True,
            timeout=60, check=True)
        assert out.stdout.split(b"\n")[1] in (b"0", b"141") and out.stderr == b""

    def test_closed_descriptors(self, daemon):
        for closed, status, said in ((">&-", cli.LOCAL, b"Bad file descriptor"), ("2>&-", 0, b""), ("<&-", 0, b"")):
            for verb in ("submit factorial 5 --wait", "submit factorial 5", "list"):
                done = subprocess.run(["bash", "-c", f'"{cli.CLIENT}" {verb} {closed}'], env=cli.environment(daemon),
                    capture_output=True, timeout=60, check=False)
                assert done.returncode == status and said in done.stderr and bool(done.stderr) == bool(said), done


class TestCompletion:

    @staticmethod
    def complete(daemon, *words):
        """What bash offers behind these words, the last of which is being written."""
        from lib.daemon import ROOT

        script = (
            f'PATH="{cli.CLIENT.parent}:$PATH"; . "{ROOT}/src/cli/completion.bash"; '
            'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _taskq; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", script, "bash", "taskq", *words], env=cli.environment(daemon),
            capture_output=True, timeout=60, check=True, text=True)
        assert done.stderr == "", done
        return done.stdout.split()

    def test_verbs_options_and_values(self, daemon):
        assert self.complete(daemon, "s") == ["submit", "status", "show", "stats"]
        assert self.complete(daemon, "help", "wa") == ["wait", "watch"]
        assert self.complete(daemon, "submit", "") == ["factorial", "fetch"]
        assert self.complete(daemon, "submit", "factorial", "5", "--max-b") == ["--max-backoff", "--max-bytes"]
        assert self.complete(daemon, "list", "--status", "RUNNING,F") == ["RUNNING,FAILED"]
        assert self.complete(daemon, "list", "--status", "=", "Q") == ["QUEUED"]
        assert self.complete(daemon, "list", "--type", "") == ["factorial", "fetch"]
        assert self.complete(daemon, "list", "--since", "") == []
        assert self.complete(daemon, "batch", "/etc/host") != []

    def test_every_verb_offers_exactly_the_options_it_takes(self, daemon):
        for verb in TestCommandLine.VERBS:
            told = taskq(daemon, "help", verb, expect=cli.OK).text
            expected = re.findall(r"^  (?:-.,|   ) (--[a-z-]+)", told, re.M)
            assert sorted(self.complete(daemon, verb, "--")) == sorted(expected), verb

    def test_ids_that_the_verb_is_for(self, daemon):
        later = submit(daemon, "factorial", 5, "--delay", "1h")
        done = submit(daemon, "factorial", 5)
        offered = self.complete(daemon, "cancel", "")
        assert later in offered and done not in offered
        assert done in self.complete(daemon, "show", done[:30])
        assert self.complete("http://127.0.0.1:1", "show", "") == []

    @pytest.mark.parametrize("hostile", [
        "$(touch pwned)", "$(touch${IFS}pwned)", "`touch${IFS}pwned`", "${x:=$(touch pwned)}", "*", "~",
        "018f3c4e-8a5b-7c1d-9e2f-0123456789ab$(touch${IFS}pwned)", "a\n$(touch${IFS}pwned)\t018f3c4e-8a5b-7c1d-9e2f-0123456789ab"])
    def test_what_is_no_id_never_reaches_the_shell(self, tmp_path, monkeypatch, hostile):
        """bash expands the words that it completes from: an id would be run as a command."""
        monkeypatch.chdir(tmp_path)
        good = "018f3c4e-8a5b-7c1d-9e2f-0123456789ff"
        tasks = [{"id": word, "status": "RUNNING", "type": "factorial", "args": {"n": "5"}} for word in (hostile, good)]
        with FakeService(lambda _: (200, {"tasks": tasks, "next_cursor": None}, {})) as fake:
            assert self.complete(fake, "show", "") == [good]
        assert list(tmp_path.iterdir()) == []
