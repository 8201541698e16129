# SPDX-License-Identifier: MIT
"""taskq on a terminal: progress, tables, the live view, and that strangers' texts control nothing."""

import os
import re
import signal
import urllib.parse

import pytest

from lib import cli
from lib.cli import Terminal, check_harmless, taskq
from lib.fake_service import FakeService, problem
from lib.origins import FedOrigin, ScriptedOrigin, ok_answer
from lib.wait import wait_until

ID = "018f3c4e-8a5b-7c1d-9e2f-0123456789ab"

# What a terminal would obey: title, cursor, a question that it answers, clearing, in C0 and in C1.
HOSTILE = "\x1b]0;PWNED\x07\x1b[2J\x1b[6n\x9b31m\x9d0;PWNED\x9c\r\x08\x7f\x0e\u202egnp\u2028"
SHOWN = "^[]0;PWNED^G^[[2J^[[6n"


def task(status="SUCCEEDED", **more):
    return {"id": ID, "status": status, "type": "factorial", "created_at": "2026-01-02T03:04:05.678Z",
        "started_at": "2026-01-02T03:04:05.700Z", "finished_at": None, "attempts": 1, **more}


def submit(daemon, *words):
    return taskq(daemon, "submit", *words, expect=cli.OK).text.strip()


def visible(terminal):
    """What was drawn, without carriage returns."""
    return terminal.text.replace("\r", "")


# Progress -------------------------------------------------------------------------------------------


class TestProgress:
    def test_of_a_task_that_waits_runs_and_ends(self, daemon, held):
        task_id = submit(daemon, "fetch", held.url())
        with Terminal(daemon, "wait", task_id) as terminal:
            terminal.until(b"RUNNING")
            terminal.until("\u2588".encode())
            held.release()
            assert terminal.end() == cli.OK
            # The line is taken away before the last word.
            last = bytes(terminal.received).rsplit(b"\r\x1b[K", 1)[1]
            assert re.sub(rb"\x1b\[[0-9]*m", b"", last).startswith(f"{task_id}  SUCCEEDED  http-fetch, took ".encode())

    def test_a_share_makes_a_bar_and_an_estimate(self):
        answers = [task("QUEUED", attempts=0), task("RUNNING")]
        answers += [task("RUNNING", progress=share) for share in (0.25, 0.75)]
        answers += [task()]

        def answer(request):
            # On a terminal it asks at once, and then every second.
            assert request.path.endswith("?wait=1") == (len(fake.requests) > 1)
            return 200, answers.pop(0) if len(answers) > 1 else answers[0], {}

        with FakeService(answer) as fake, Terminal(fake, "wait", ID) as terminal:
            place = terminal.until(b"QUEUED")
            place = terminal.until(b"RUNNING", place)
            place = terminal.until(b"25 %", place)
            terminal.until(b" s left", terminal.until(b"75 %", place))
            assert terminal.end() == cli.OK

    def test_a_share_of_the_service(self, daemon):
        """Half of what the origin has announced has come."""
        with ScriptedOrigin(b"") as gate:
            gate.hold()

            def content():
                yield b"x" * 50000
                gate.gate.wait(60)
                yield b"x" * 50000

            with FakeService(lambda _: (200, content(), {"Content-Length": "100000"})) as origin:
                with Terminal(daemon, "submit", "fetch", "http://127.0.0.1:%d/" % origin.address[1], "-o", "/dev/null") as terminal:
                    terminal.until(b"50 %")
                    gate.release()
                    assert terminal.end() == cli.OK

    def test_goes_to_standard_error_and_the_result_to_the_pipe(self, daemon, held, tmp_path):
        with open(tmp_path / "out", "wb") as out:
            with Terminal(daemon, "submit", "fetch", held.url(), "--wait", stdout=out.fileno()) as terminal:
                terminal.until(b"RUNNING")
                held.release()
                assert terminal.end() == cli.OK
        assert (tmp_path / "out").read_bytes() == b"held"

    @pytest.mark.parametrize("words, env", [(["--quiet"], {}), ([], {"TERM": "dumb"})], ids=["quiet", "dumb"])
    def test_none_where_it_is_not_wanted(self, daemon, held, words, env):
        task_id = submit(daemon, "fetch", held.url())
        with Terminal(daemon, "wait", task_id, *words, env=env) as terminal:
            wait_until(lambda: held.running == 1, what="the fetch runs")
            held.release()
            assert terminal.end() == cli.OK
            assert b"RUNNING" not in terminal.received and b"\x1b[K" not in terminal.received

    def test_of_a_download(self, tmp_path):
        """Half of it comes, and the rest when the bar was seen."""
        with ScriptedOrigin(b"") as gate:
            gate.hold()

            def content():
                yield b"x" * 500000
                gate.gate.wait(60)
                yield b"x" * 500000

            def answer(request):
                if "submissions" in request.path:
                    return 200, task(), {}
                return 200, content(), {"Content-Type": "text/plain", "Content-Length": "1000000"}

            with FakeService(answer) as fake, Terminal(fake, "result", ID, "-o", tmp_path / "f") as terminal:
                terminal.until(b"488.3 KiB of 976.6 KiB")
                gate.release()
                assert terminal.end() == cli.OK
        assert (tmp_path / "f").stat().st_size == 1000000
        assert f"976.6 KiB in {tmp_path}/f" in visible(terminal)

    def test_of_waiting_for_a_service_that_is_busy(self):
        answers = [problem(503, "/problems/queue-full", "The queue is full.", Retry_After="1"), (202, {"id": ID}, {})]
        with FakeService(lambda _: answers.pop(0)) as fake:
            with Terminal(fake, "submit", "factorial", "5") as terminal:
                terminal.until(b"the service is busy, next try in 1 s")
                assert terminal.end() == cli.OK
                assert ID in visible(terminal)

    def test_interrupted(self, daemon, held):
        with Terminal(daemon, "submit", "fetch", held.url(), "--wait") as terminal:
            terminal.until(b"RUNNING")
            terminal.press(b"\x03")
            assert terminal.end() == -signal.SIGINT
            assert "The task goes on. Wait for it: taskq wait " in visible(terminal)
            assert "End it: taskq cancel " in visible(terminal)

    def test_in_a_terminal_of_any_width(self, daemon, held):
        task_id = submit(daemon, "fetch", held.url())
        for columns in (5, 40, 200):
            with Terminal(daemon, "wait", task_id, columns=columns) as terminal:
                terminal.until(b"RUN")
                terminal.press(b"\x03")
                terminal.end()
                # The terminal itself shows the key that was pressed.
                text = terminal.text.replace("^C", "")
                drawn = [line for line in re.split("\r|\n", text) if line.startswith("RUN")]
                assert drawn and all(len(line) < columns for line in drawn), (columns, drawn)


# Tables ---------------------------------------------------------------------------------------------


class TestTables:
    def test_list_fits_the_terminal(self, daemon):
        submit(daemon, "factorial", 12345)
        with ScriptedOrigin(ok_answer(b"x")) as origin:
            taskq(daemon, "submit", "fetch", origin.url("/" + "long/" * 60), "-w", expect=cli.OK)
        for columns in (80, 100, 150):
            with Terminal(daemon, "list", columns=columns) as terminal:
                assert terminal.end() == cli.OK
                rows = visible(terminal).splitlines()
                assert rows[0].startswith("TASK") and max(map(len, rows)) <= columns
                assert any("12345!" in row for row in rows) and any("\u2026" in row for row in rows)

    def test_list_shows_how_far_what_runs_is(self, daemon):
        with FedOrigin(100) as origin:
            task_id = submit(daemon, "fetch", origin.url("/of/a/known/length"))
            origin.feed(b"x" * 44)

            def row():
                with Terminal(daemon, "list", columns=150) as terminal:
                    assert terminal.end() == cli.OK
                    return next(row for row in visible(terminal).splitlines() if row.startswith(task_id))

            wait_until(lambda: " 44 %  " in row())
            origin.feed(b"x" * 56)
            taskq(daemon, "wait", task_id, expect=cli.OK)
            assert "%" not in row()

    def test_colours_by_status_and_none_where_they_are_not_wanted(self, daemon):
        done = submit(daemon, "factorial", 5)
        with Terminal(daemon, "status", done) as terminal:
            assert terminal.end() == cli.OK
            assert b"\x1b[32mSUCCEEDED\x1b[0m" in terminal.received
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            with Terminal(daemon, "status", done, env=env) as terminal:
                assert terminal.end() == cli.OK
                assert b"\x1b" not in terminal.received and b"SUCCEEDED" in terminal.received

    def test_a_terminal_without_utf8_gets_ascii(self, daemon):
        with ScriptedOrigin(ok_answer("gr\u00fc\u00df".encode())) as origin:
            task_id = submit(daemon, "fetch", origin.url("/" + "long/" * 60))
            taskq(daemon, "wait", task_id, expect=cli.OK)
        for words in (["list"], ["show", task_id], ["stats"], ["result", task_id], ["watch", "-c1"]):
            with Terminal(daemon, *words, env={"LC_ALL": "C"}) as terminal:
                assert terminal.end() == cli.OK
                assert terminal.received.isascii() and len(terminal.received) > 5

    def test_hints_tell_what_to_do_next(self, daemon):
        with Terminal(daemon, "submit", "factorial", "5") as terminal:
            assert terminal.end() == cli.OK
            assert "taskq result --wait " in visible(terminal)
        with Terminal(daemon, "--quiet", "submit", "factorial", "5") as terminal:
            assert terminal.end() == cli.OK
            assert len(visible(terminal).splitlines()) == 1

    def test_results_end_their_line(self, daemon):
        with Terminal(daemon, "--quiet", "submit", "factorial", "20", "--wait") as terminal:
            assert terminal.end() == cli.OK
            assert visible(terminal) == "2432902008176640000\n"


# Strangers' texts -----------------------------------------------------------------------------------


class TestHostileTexts:
    def test_a_result(self, daemon):
        with ScriptedOrigin(ok_answer(("<" + HOSTILE + ">\r\nnext\n").encode())) as origin:
            task_id = submit(daemon, "fetch", origin.url())
            taskq(daemon, "wait", task_id, expect=cli.OK)
        for words in (["result", task_id], ["result", "--json", task_id]):
            with Terminal(daemon, *words) as terminal:
                assert terminal.end() == cli.OK
                check_harmless(terminal.received)
        assert taskq(daemon, "result", task_id).out.decode() == "<" + HOSTILE + ">\r\nnext\n"
        with Terminal(daemon, "result", task_id) as terminal:
            assert terminal.end() == cli.OK
            assert SHOWN in visible(terminal) and visible(terminal).endswith("\nnext\n")

    @pytest.mark.parametrize("name", ["/dev/tty", "/dev/stdout", "/dev/fd/1"])
    def test_a_result_for_a_terminal_by_name(self, daemon, name):
        with ScriptedOrigin(ok_answer(("<" + HOSTILE + ">\r\nnext\n").encode())) as origin:
            task_id = submit(daemon, "fetch", origin.url())
            taskq(daemon, "wait", task_id, expect=cli.OK)
        with Terminal(daemon, "result", task_id, "-o", name) as terminal:
            assert terminal.end() == cli.OK
            check_harmless(terminal.received)
            assert SHOWN in visible(terminal)

    def test_a_result_in_pieces_of_every_size(self):
        """A sequence that comes in two pieces is none either."""
        for cut in range(1, 12):
            data = ("text " + HOSTILE).encode()

            def answer(request, data=data, cut=cut):
                if "submissions" in request.path:
                    return 200, task(), {}
                return 200, iter([data[: 5 + cut], data[5 + cut :]]), {
                    "Content-Type": "text/plain", "Content-Length": str(len(data))}

            with FakeService(answer) as fake, Terminal(fake, "result", ID) as terminal:
                assert terminal.end() == cli.OK
                check_harmless(terminal.received)

    @pytest.mark.parametrize("data", [b"\0text", b"\x89PNG\r\n\x1a\n", b"\xff\xfe", b"a\xc0\x80"], ids=["nul", "png", "bytes", "overlong"])
    def test_what_is_no_text_is_not_shown(self, daemon, data, tmp_path):
        with ScriptedOrigin(ok_answer(data)) as origin:
            task_id = submit(daemon, "fetch", origin.url())
            taskq(daemon, "wait", task_id, expect=cli.OK)
        with Terminal(daemon, "result", task_id) as terminal:
            assert terminal.end() == cli.LOCAL
            check_harmless(terminal.received)
            assert f"taskq result {task_id} -o FILE" in visible(terminal)
        with Terminal(daemon, "result", task_id, "-o", tmp_path / "f") as terminal:
            assert terminal.end() == cli.OK
        assert (tmp_path / "f").read_bytes() == data

    def test_every_text_of_the_service(self):
        """Whatever a member is, in every verb that shows it."""
        hostile_task = {
            "id": ID, "status": HOSTILE, "type": HOSTILE, "created_at": HOSTILE, "started_at": HOSTILE,
            "finished_at": None, "attempts": 1, "code": HOSTILE, "args": {"url": HOSTILE, HOSTILE: HOSTILE},
            "priority": HOSTILE, "run_at": HOSTILE, "node": HOSTILE, HOSTILE: HOSTILE,
        }
        attempt = {
            "attempt": 1, "started_at": "2026-01-02T03:04:05.678Z", "ended_at": None, "outcome": HOSTILE,
            "code": HOSTILE, "message": HOSTILE, "node": HOSTILE,
            "response": {"status": 200, "url": HOSTILE, "content_type": HOSTILE, "bytes": 5, "timing_ms": {"dns": 1.5}},
        }
        failure = {"cause": None, "stackTrace": [], "message": HOSTILE, "suppressed": [], "localizedMessage": HOSTILE, "code": HOSTILE}
        stats = {"version": HOSTILE, "uptime_s": 5, "tasks": {"QUEUED": 1},
            "admission": {"state": HOSTILE, "refused": {HOSTILE: 3}}, "lanes": {}}
        is_failed = []

        def answer(request):
            path = urllib.parse.urlsplit(request.path).path
            if path == "/stats":
                return 200, stats, {}
            if path == "/tasks":
                return 200, {"tasks": [hostile_task] * 3, "next_cursor": None}, {}
            if path.endswith("/attempts"):
                return 200, {"id": ID, "attempts": [attempt]}, {}
            if path.startswith("/tasks/submissions/") and is_failed:
                return 200, task("FAILED"), {}
            if path.startswith("/tasks/submissions/"):
                return 200, {**hostile_task, "created_at": "2026-01-02T03:04:05.678Z"}, {}
            if request.command == "DELETE":
                return 200, hostile_task, {}
            return 200, {"id": ID, "status": "FAILED", "result": failure}, {}

        with FakeService(answer) as fake:
            runs = [["list"], ["list", "--json"], ["show", ID], ["show", "-j", ID], ["status", ID], ["status", "-j", ID],
                ["cancel", ID], ["cancel", "-j", ID], ["stats"], ["stats", "-j"], ["watch", "-c2", "-i", "100ms"],
                ["result", ID]]
            for words in runs:
                with Terminal(fake, *words, columns=200) as terminal:
                    terminal.end()
                    check_harmless(terminal.received)
                    assert "PWNED" in terminal.text or words == ["result", ID], words
            is_failed.append(True)
            for words in (["result", ID], ["wait", ID]):
                with Terminal(fake, *words, columns=200) as terminal:
                    assert terminal.end() == cli.FAILED
                    check_harmless(terminal.received)
            # In a pipe, too, a text cannot end its line or become another field.
            for words in (["list"], ["status", ID], ["cancel", ID]):
                ended = taskq(fake, *words, expect=cli.OK)
                assert b"\x1b" not in ended.out and b"\r" not in ended.out
                assert len(ended.lines) == (3 if words == ["list"] else 1)

    def test_every_text_of_a_problem(self):
        body = problem(400, HOSTILE, HOSTILE, errors=[{"pointer": HOSTILE, "detail": HOSTILE},
            {"pointer": "/tasks/0/" + HOSTILE, "detail": HOSTILE}])
        with FakeService(lambda _: body) as fake:
            for words in (["submit", "factorial", "5"], ["list"], ["cancel", ID], ["retry", ID]):
                with Terminal(fake, *words) as terminal:
                    assert terminal.end() == cli.REFUSED
                    check_harmless(terminal.received)
                    assert SHOWN in terminal.text
            ended = taskq(fake, "batch", "-", stdin=b"{}\n", expect=cli.REFUSED)
            check_harmless(ended.err.encode())
            assert SHOWN in ended.err

    def test_fields_of_an_answer(self, tmp_path):
        def answer(request):
            if "submissions" in request.path:
                return 200, task(), {}
            return 206, b"x", {"Content-Range": "bytes \x1b]0;PWNED\x07", "Content-Type": "\x1b[2J"}

        (tmp_path / f"f.{ID}.part").write_bytes(b"part")
        with FakeService(answer) as fake, Terminal(fake, "result", ID, "-o", tmp_path / "f") as terminal:
            assert terminal.end() == cli.SERVICE
            check_harmless(terminal.received)

    def test_what_the_user_himself_has_written(self, daemon):
        for words in (["status", HOSTILE], ["frobnicate" + HOSTILE], ["list", "--" + HOSTILE], ["help", HOSTILE],
            ["submit", "factorial", HOSTILE], ["submit", "fetch", HOSTILE], ["list", "--since", HOSTILE],
            ["batch", "/" + HOSTILE], ["list", "--url", HOSTILE], ["submit", "factorial", "5", "-o", "/x/" + HOSTILE]):
            with Terminal(daemon, *words) as terminal:
                assert terminal.end() in (cli.USAGE, cli.REFUSED, cli.LOCAL)
                check_harmless(terminal.received)


# The live view --------------------------------------------------------------------------------------


class TestWatch:
    def test_a_terminal_that_cannot_gets_lines(self, daemon):
        with Terminal(daemon, "watch", "-c", "2", "-i", "100ms", env={"TERM": "dumb"}) as terminal:
            assert terminal.end() == cli.OK
            assert b"\x1b" not in terminal.received and len(visible(terminal).splitlines()) == 3

    def test_shows_what_goes_on_and_gives_the_terminal_back(self, daemon, held):
        submit(daemon, "fetch", held.url("/of-the-view"))
        wait_until(lambda: held.running >= 1, what="the fetch runs")
        with Terminal(daemon, "watch", "-i", "100ms", columns=120, rows=30) as terminal:
            terminal.until(b"/of-the-view")
            terminal.until(b"space pause")
            assert bytes(terminal.received).startswith(b"\x1b[?1049h\x1b[?25l\x1b[?7l")
            assert terminal.flags() == (False, False)
            text = visible(terminal)
            for word in ("taskqd ", "accepts tasks", "QUEUED", "factorials", "fetches", "ended", "q quit"):
                assert word in text
            held.release()
            terminal.until(b"SUCCEEDED", terminal.until(b"SUCCEEDED"))
            terminal.press(b"q")
            assert terminal.end() == cli.OK
            assert bytes(terminal.received).endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l")
            assert terminal.flags() == (True, True)
            check_harmless(terminal.received)

    def test_keys_choose_what_is_listed(self):
        asked = []

        def answer(request):
            if request.path == "/stats":
                return 200, {"tasks": {"RUNNING": 1}}, {}
            asked.append(request.path)
            return 200, {"tasks": [], "next_cursor": None}, {}

        with FakeService(answer) as fake, Terminal(fake, "watch", "-i", "1h") as terminal:
            terminal.until(b"q quit")
            for key, status in ((b"r", "RUNNING"), (b"w", "QUEUED"), (b"f", "FAILED,REJECTED")):
                terminal.press(key)
                wait_until(lambda status=status: asked and asked[-1].endswith(f"&status={status}"), what=status)
            terminal.press(b"a")
            wait_until(lambda: "status" not in asked[-1], what="all")
            count = len(asked)
            terminal.press(b"x\x1b[A")
            terminal.press(b" ")
            terminal.until(b"paused")
            terminal.press(b"q")
            assert terminal.end() == cli.OK
            assert len(asked) == count

    def test_a_service_that_goes_and_comes(self):
        is_away = []

        def answer(request):
            if is_away:
                return None
            if request.path == "/stats":
                return 200, {"version": "1", "tasks": {"RUNNING": 1}, "admission": {"state": "none"}}, {}
            return 200, {"tasks": [], "next_cursor": None}, {}

        with FakeService(answer) as fake, Terminal(fake, "watch", "-i", "100ms") as terminal:
            terminal.until(b"accepts tasks")
            is_away.append(True)
            place = terminal.until(b"gave no complete answer")
            is_away.clear()
            terminal.until(b"accepts tasks", place)
            terminal.press(b"\x03")
            assert terminal.end() == -signal.SIGINT
            # And no colour is left behind: the terminal has dropped what it was about to show.
            assert bytes(terminal.received).endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[0m")
            assert terminal.flags() == (True, True)

    def test_another_size_and_put_aside(self, daemon):
        with Terminal(daemon, "watch", "-i", "1h", columns=120, rows=30) as terminal:
            terminal.until(b"\x1b[30;1H")
            terminal.resize(60, 10)
            place = terminal.until(b"\x1b[10;1H")
            terminal.press(b"\x1a")
            terminal.stopped()
            terminal.until(b"\x1b[?1049l", place)
            assert terminal.flags() == (True, True)
            place = len(terminal.received)
            os.kill(terminal.pid, signal.SIGCONT)
            terminal.until(b"\x1b[10;1H", terminal.until(b"\x1b[?1049h", place))
            assert terminal.flags() == (False, False)
            terminal.press(b"q")
            assert terminal.end() == cli.OK

    def test_never_higher_or_wider_than_the_terminal(self, daemon):
        for columns, rows in ((200, 60), (80, 24), (40, 10), (20, 5), (5, 2), (1, 1)):
            with Terminal(daemon, "watch", "-c", "1", columns=columns, rows=rows) as terminal:
                assert terminal.end() == cli.OK
                frame = bytes(terminal.received).split(b"\x1b[H", 1)[1].split(b"\x1b[J", 1)[0]
                assert frame.count(b"\n") < rows
