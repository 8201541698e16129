# SPDX-License-Identifier: MIT
"""taskq when things go wrong: a service that is away, busy, slow to die, or no taskqd at all."""

import hashlib
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from lib import cli
from lib.cli import taskq
from lib.daemon import Daemon
from lib.fake_service import FakeService, LossyProxy, problem
from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.wait import PATIENCE_S, wait_until

ID = "018f3c4e-8a5b-7c1d-9e2f-0123456789ab"
BUSY = ("/problems/queue-full", "The queue is full.")


def task(status="SUCCEEDED", task_id=ID, **more):
    return {"id": task_id, "status": status, "type": "factorial", "created_at": "2026-01-02T03:04:05.678Z",
        "started_at": None, "finished_at": None, "attempts": 0, **more}


def scripted(*answers):
    """A fake service that gives these answers in order, the last one again and again."""
    left = list(answers)

    def answer(request):
        given = left.pop(0) if len(left) > 1 else left[0]
        return given(request) if callable(given) else given

    return FakeService(answer)


def lines(count):
    return b"".join(b'{"type":"factorial","args":{"n":"%d"}}\n' % (n % 150) for n in range(count))


def count_tasks(daemon):
    with daemon.client() as client:
        return sum(client.get("/stats").json["tasks"].values())


# Away -----------------------------------------------------------------------------------------------


class TestAway:
    @pytest.mark.parametrize(
        "words",
        [["submit", "factorial", "5"], ["status", ID], ["wait", ID], ["result", ID], ["show", ID], ["list"],
            ["cancel", ID], ["retry", ID], ["stats"], ["watch"], ["batch", "-"]],
        ids=lambda words: words[0],
    )
    def test_every_verb_says_so_at_once(self, words):
        began = time.monotonic()
        ended = taskq(f"http://127.0.0.1:{free_port()}", *words, stdin=lines(1), expect=cli.UNREACHABLE)
        assert "cannot reach http://127.0.0.1:" in ended.err and "Connection refused" in ended.err
        assert "Is it running?" in ended.err and ended.out == b""
        assert time.monotonic() - began < 50  # the patience of a minute is not for this

    def test_a_name_that_does_not_exist(self):
        ended = taskq("http://nowhere.invalid:1", "list", expect=cli.UNREACHABLE)
        assert "cannot reach http://nowhere.invalid:1" in ended.err

    def test_credentials_are_sent_and_never_shown(self):
        with scripted((200, {"tasks": {}}, {}), None) as fake:
            url = "http://user:s3cret@127.0.0.1:%d" % fake.address[1]
            ended = taskq(url, "stats", expect=cli.OK)
            assert fake.requests[0].headers["Authorization"] == "Basic dXNlcjpzM2NyZXQ="
            assert "s3cret" not in ended.text + ended.err and "127.0.0.1" in ended.text
            ended = taskq(url, "--patience", "0", "retry", ID, expect=cli.UNREACHABLE)
            assert "s3cret" not in ended.err

    def test_a_path_of_a_proxy_in_front(self):
        with scripted((200, task(), {})) as fake:
            taskq("http://127.0.0.1:%d/queue/" % fake.address[1], "status", ID, expect=cli.OK)
            assert fake.requests[0].path == f"/queue/tasks/submissions/{ID}"

    def test_a_restart_while_it_waits(self, tmp_path):
        """The service dies and comes back, and with it the task, which runs again."""
        daemon = Daemon(tmp_path, fetch_allow=["127.0.0.0/8"], listen=f"127.0.0.1:{free_port()}").start()
        try:
            with ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
                task_id = taskq(daemon, "submit", "fetch", origin.url(), expect=cli.OK).text.strip()
                process = cli.start(daemon, "result", "--wait", task_id)
                with daemon.client() as client:
                    wait_until(lambda: client.get("/stats").json["http"]["waiting"] == 1, what="it waits")
                daemon.kill9()
                daemon.restart()
                origin.release()
                out, err = process.communicate(timeout=60)
                assert (process.returncode, out, err) == (cli.OK, b"held", b"")
        finally:
            daemon.cleanup()


    def test_a_service_that_says_nothing_is_waited_for_no_longer_than_for(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
            task_id = taskq(daemon, "submit", "fetch", origin.url(), expect=cli.OK).text.strip()
            daemon.signal(signal.SIGSTOP)
            ended = taskq(daemon, "--patience", "0", "wait", "--for", "100ms", task_id, expect=cli.UNREACHABLE)
            daemon.signal(signal.SIGCONT)
            assert "gave no complete answer" in ended.err

    def test_a_service_that_has_gone_is_waited_for_no_longer_than_for(self, make_daemon):
        daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
        with ScriptedOrigin(ok_answer(b"held"), hold=True) as origin:
            task_id = taskq(daemon, "submit", "fetch", origin.url(), expect=cli.OK).text.strip()
            process = cli.start(daemon, "--patience", "1h", "wait", "--for", "2s", task_id)
            with daemon.client() as client:
                wait_until(lambda: client.get("/stats").json["http"]["waiting"] == 1, what="it waits")
            daemon.kill9()
            _, err = process.communicate(timeout=60)
            assert process.returncode == cli.UNREACHABLE and b"Connection refused" in err


# No taskqd ------------------------------------------------------------------------------------------


class TestNoTaskqd:
    @pytest.mark.parametrize(
        "answer",
        [
            (200, b"<html>", {"Content-Type": "text/html"}),
            (200, b"<html>", {}),
            (200, [], {}),
            (200, b'{"id":1,"id":2}', {}),
            (200, {}, {}),
            (404, b"<html>", {"Content-Type": "text/html"}),
            (301, b"", {"Location": "http://127.0.0.1:1/"}),
            (204, b"", {}),
            (500, b"", {}),
            (404, {"type": "about:blank", "title": "Not Found", "status": 404}, {}),
        ],
        ids=["html", "no-json", "list", "twice", "empty", "html-404", "redirect", "none", "fault", "no-path"],
    )
    def test_an_answer_that_makes_no_sense(self, answer):
        with scripted(answer) as fake:
            ended = taskq(fake, "status", ID, expect=cli.SERVICE)
            assert ended.out == b"" and ended.err.startswith("taskq: ")
            assert len(fake.requests) == 1

    def test_an_answer_without_end_is_cut(self):
        def endless():
            while True:
                yield b" " * 65536

        with scripted((200, endless(), {"Connection": "close"})) as fake:
            ended = taskq(fake, "status", ID, expect=cli.SERVICE)
            assert "larger than expected" in ended.err

    def test_an_accepted_task_without_an_id(self):
        with scripted((202, {"id": "x"}, {})) as fake:
            assert "told no id" in taskq(fake, "submit", "factorial", "5", expect=cli.SERVICE).err

    def test_a_batch_with_other_ids_than_it_has_tasks(self):
        with scripted((202, {"ids": [ID]}, {})) as fake:
            assert "accepted 2 tasks and told 1" in taskq(fake, "batch", "-", stdin=lines(2), expect=cli.SERVICE).err
        with scripted((202, {"ids": [ID, "\x1b[2J"]}, {})) as fake:
            ended = taskq(fake, "batch", "-", stdin=lines(2), expect=cli.SERVICE)
            assert b"\x1b" not in ended.out


# Busy -----------------------------------------------------------------------------------------------


class TestBusy:
    def test_a_submission_is_sent_again_when_the_service_says_so(self):
        with scripted(problem(503, *BUSY, Retry_After="1"), (202, {"id": ID}, {})) as fake:
            began = time.monotonic()
            assert taskq(fake, "submit", "factorial", "5", expect=cli.OK).text == ID + "\n"
            assert time.monotonic() - began >= 1
            assert len(fake.requests) == 2
            first, second = fake.requests
            assert first.body == second.body
            assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]

    @pytest.mark.parametrize(
        "words", [["submit", "factorial", "5"], ["retry", ID], ["list"], ["cancel", ID], ["batch", "-"], ["wait", ID]],
        ids=lambda words: words[0])
    def test_without_patience_it_is_told(self, words):
        with scripted(problem(503, *BUSY, Retry_After="1")) as fake:
            ended = taskq(fake, "--patience", "0", *words, stdin=lines(1), expect=cli.BUSY)
            assert "The queue is full. (status 503)" in ended.err and "taskq stats" in ended.err
            assert len(fake.requests) == 1

    def test_a_pause_that_is_too_long_is_not_begun(self):
        with scripted(problem(503, *BUSY, Retry_After="300")) as fake:
            taskq(fake, "--patience", "2m", "list", expect=cli.BUSY)
            assert len(fake.requests) == 1

    def test_patience_ends(self):
        with scripted(problem(503, *BUSY)) as fake:
            taskq(fake, "--patience", "500ms", "list", expect=cli.BUSY)
            assert len(fake.requests) > 2

    def test_a_real_queue_that_is_full(self, make_daemon):
        daemon = make_daemon(queue_max=1, fetch_allow=["127.0.0.0/8"], fetch_in_flight_max=1)
        with ScriptedOrigin(ok_answer(b"x"), hold=True) as origin:
            taskq(daemon, "submit", "fetch", origin.url(), expect=cli.OK)
            wait_until(lambda: origin.running == 1, what="the first runs")
            taskq(daemon, "submit", "fetch", origin.url(), expect=cli.OK)
            ended = taskq(daemon, "--patience", "0", "submit", "fetch", origin.url(), expect=cli.BUSY)
            assert "Nothing was stored" in ended.err


# Lost -----------------------------------------------------------------------------------------------


class TestLostAnswers:
    def test_a_submission_makes_one_task(self, make_daemon):
        """The service accepts, the answer is lost, twice; the third try brings the same id."""
        daemon = make_daemon()
        with LossyProxy(daemon.address, cuts=[0, 20]) as proxy:
            ended = taskq(proxy_url(proxy), "submit", "factorial", "600", "--wait", expect=cli.OK)
            assert ended.out == str(math.factorial(600)).encode()
            assert proxy.requests.count(b"POST /tasks/submissions ") == 3
        assert count_tasks(daemon) == 1

    def test_an_answer_may_break_off_anywhere(self, make_daemon):
        """At every few bytes of the answer: one task, and its id is told."""
        daemon = make_daemon()
        cuts = range(0, 460, 46)
        for cut in cuts:
            with LossyProxy(daemon.address, cuts=[cut]) as proxy:
                ended = taskq(proxy_url(proxy), "submit", "factorial", "600", expect=cli.OK)
            taskq(daemon, "status", ended.text.strip(), expect=cli.OK)
        assert count_tasks(daemon) == len(cuts)

    def test_a_submission_that_is_given_up_tells_how_to_go_on(self, make_daemon):
        daemon = make_daemon()
        with LossyProxy(daemon.address, cuts=[0] * 1000) as proxy:
            ended = taskq(proxy_url(proxy), "--patience", "300ms", "submit", "factorial", "600", expect=cli.UNREACHABLE)
            assert "gave no complete answer" in ended.err
        key = re.search("--idempotency-key '([0-9a-f-]+)'", ended.err).group(1)
        taskq(daemon, "submit", "factorial", "600", "-k", key, expect=cli.OK)
        assert count_tasks(daemon) == 1

    def test_a_batch_makes_each_task_once(self, make_daemon):
        daemon = make_daemon()
        # The first chunk is answered, the answer to the second breaks off, and then that to the third.
        with LossyProxy(daemon.address, cuts=[45000, 200, 45000]) as proxy:
            ids = taskq(proxy_url(proxy), "batch", "-", stdin=lines(4000), expect=cli.OK).lines
            assert proxy.connections > 2
        assert len(set(ids)) == 4000 and count_tasks(daemon) == 4000

    def test_a_batch_that_is_given_up_can_be_run_again(self, make_daemon):
        daemon = make_daemon()
        with LossyProxy(daemon.address, cuts=[45000] + [0] * 1000) as proxy:
            ended = taskq(proxy_url(proxy), "--patience", "200ms", "batch", "-", stdin=lines(3000), expect=cli.UNREACHABLE)
        assert len(ended.lines) == 1000
        assert "Whether lines 1001 to 2000 were accepted is not known." in ended.err
        key = re.search("--idempotency-key ([0-9a-f-]+)", ended.err).group(1)
        again = taskq(daemon, "batch", "-k", key, "-", stdin=lines(3000), expect=cli.OK)
        assert again.lines[:1000] == ended.lines and count_tasks(daemon) == 3000

    def test_a_task_is_run_again_once(self, make_daemon):
        daemon = make_daemon()
        old = taskq(daemon, "submit", "factorial", "600", "--delay", "1h", expect=cli.OK).text.strip()
        taskq(daemon, "cancel", old, expect=cli.OK)
        with LossyProxy(daemon.address, cuts=[0, 20]) as proxy:
            new = taskq(proxy_url(proxy), "retry", old, expect=cli.OK).text.strip()
            assert proxy.requests.count(b"POST ") == 3
        taskq(daemon, "status", new, expect=cli.OK)
        assert count_tasks(daemon) == 2

    def test_a_run_again_that_is_given_up_tells_how_to_go_on(self, make_daemon):
        daemon = make_daemon()
        old = taskq(daemon, "submit", "factorial", "600", "--delay", "1h", expect=cli.OK).text.strip()
        taskq(daemon, "cancel", old, expect=cli.OK)
        with LossyProxy(daemon.address, cuts=[0] * 1000) as proxy:
            ended = taskq(proxy_url(proxy), "--patience", "300ms", "retry", old, expect=cli.UNREACHABLE)
        key = re.search("--idempotency-key '([0-9a-f-]+)'", ended.err).group(1)
        taskq(daemon, "retry", old, "-k", key, expect=cli.OK)
        assert count_tasks(daemon) == 2

    def test_a_cancel_is_sent_again(self):
        with scripted(None, (200, {"id": ID, "status": "REJECTED"}, {})) as fake:
            assert taskq(fake, "cancel", ID, expect=cli.OK).lines == [f"{ID}\tREJECTED"]


def proxy_url(proxy):
    return "http://%s:%d" % proxy.address


# Results that break off -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(make_module_daemon):
    """A service with a result of 213,237 bytes."""
    daemon = make_module_daemon()
    task_id = taskq(daemon, "submit", "factorial", 50000, expect=cli.OK).text.strip()
    taskq(daemon, "wait", task_id, expect=cli.OK)
    return daemon, task_id, taskq(daemon, "result", task_id, expect=cli.OK).out


def ranges(proxy):
    return re.findall(rb"Range: (bytes=[0-9]+-)\r\n", bytes(proxy.requests))


class TestWhatIsThereAlready:
    def test_links_stay_and_what_they_lead_to_is_written(self, digits, tmp_path):
        daemon, task_id, content = digits
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "target").write_text("old")
        (tmp_path / "link").symlink_to("there/target")
        (tmp_path / "nowhere").symlink_to("not/there")
        taskq(daemon, "result", task_id, "-o", "link", cwd=tmp_path, expect=cli.OK)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "target").read_bytes() == content
        assert "follow the link" in taskq(daemon, "result", task_id, "-o", "nowhere", cwd=tmp_path, expect=cli.LOCAL).err
        assert (tmp_path / "nowhere").is_symlink()
        assert sorted(found.name for found in tmp_path.rglob("*")) == ["link", "nowhere", "target", "there"]

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o4755])
    def test_a_file_that_is_replaced_leaves_its_mode(self, digits, tmp_path, mode):
        daemon, task_id, content = digits
        (tmp_path / "f").write_text("old")
        (tmp_path / "f").chmod(mode)
        taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)
        assert (tmp_path / "f").read_bytes() == content
        assert (tmp_path / "f").stat().st_mode & 0o7777 == mode & 0o777

    @pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "link", "out"])
    def test_standard_output_under_another_name_is_standard_output(self, digits, tmp_path, name):
        """As when it is redirected: what was written there before and is after stays."""
        daemon, task_id, content = digits
        (tmp_path / "link").symlink_to("/proc/self/fd/1")
        with open(tmp_path / "out", "wb") as out:
            out.write(b"before ")
            out.flush()
            with cli.start(daemon, "result", task_id, "-o", name, cwd=tmp_path, stdout=out) as process:
                assert process.wait(PATIENCE_S) == cli.OK
            out.seek(0, 2)
            out.write(b" after")
        assert (tmp_path / "out").read_bytes() == b"before " + content + b" after"
        assert (tmp_path / "link").is_symlink()


class TestBrokenDownloads:
    def test_goes_on_where_it_was(self, digits, tmp_path):
        daemon, task_id, expected = digits
        for target in ("-", "f"):
            with LossyProxy(daemon.address, cuts=[50000, 60000, 700]) as proxy:
                ended = taskq(proxy_url(proxy), "result", task_id, "-o", target, cwd=tmp_path, expect=cli.OK)
                assert len(ranges(proxy)) == 3 and b"If-Range: \"" in proxy.requests
            content = ended.out if target == "-" else (tmp_path / "f").read_bytes()
            assert content == expected and ended.err == ""
        assert os.listdir(tmp_path) == ["f"]

    def test_is_given_up_when_nothing_comes_any_more(self, digits, tmp_path):
        daemon, task_id, expected = digits
        with LossyProxy(daemon.address, cuts=[50000] + [0] * 1000) as proxy:
            ended = taskq(proxy_url(proxy), "--patience", "300ms", "result", task_id, "-o", "f", cwd=tmp_path,
                expect=cli.UNREACHABLE)
        part = f"f.{task_id}.part"
        assert os.listdir(tmp_path) == [part] and f"are kept in {part}" in ended.err
        kept = (tmp_path / part).read_bytes()
        assert 40000 < len(kept) < 50000 and expected.startswith(kept)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_the_same_command_goes_on_after_an_interruption(self, digits, tmp_path, number):
        daemon, task_id, expected = digits
        part = tmp_path / f"f.{task_id}.part"
        with LossyProxy(daemon.address, cuts=[90000], hold=True) as proxy:
            process = cli.start(proxy_url(proxy), "result", task_id, "-o", "f", cwd=tmp_path)
            proxy.is_held.wait(60)
            wait_until(lambda: part.exists() and part.stat().st_size > 80000, what="most of it has come")
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            assert process.returncode == -number
            if number != signal.SIGKILL:
                assert f"taskq result {task_id} -o f goes on from there".encode() in err
        kept = part.stat().st_size
        with LossyProxy(daemon.address) as proxy:
            taskq(proxy_url(proxy), "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)
            assert ranges(proxy) == [b"bytes=%d-" % kept]
        assert (tmp_path / "f").read_bytes() == expected and not part.exists()

    def test_a_part_that_is_complete_or_too_long(self, digits, tmp_path):
        daemon, task_id, expected = digits
        part = tmp_path / f"f.{task_id}.part"
        for content in (expected, expected + b"more", b""):
            part.write_bytes(content)
            taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)
            assert (tmp_path / "f").read_bytes() == expected
            assert os.listdir(tmp_path) == ["f"]
            os.unlink(tmp_path / "f")

    def test_two_at_once_do_not_write_the_same_file(self, digits, tmp_path):
        daemon, task_id, expected = digits
        with LossyProxy(daemon.address, cuts=[90000], hold=True) as proxy:
            process = cli.start(proxy_url(proxy), "result", task_id, "-o", "f", cwd=tmp_path)
            proxy.is_held.wait(60)
            wait_until(lambda: os.listdir(tmp_path), what="the part is there")
            ended = taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.LOCAL)
            assert "another taskq is writing" in ended.err
            process.kill()
            process.communicate()
        taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)

    def test_a_part_that_is_no_file(self, digits, tmp_path):
        daemon, task_id, _ = digits
        part = tmp_path / f"f.{task_id}.part"
        os.mkfifo(part)
        assert "no regular file" in taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.LOCAL).err
        part.unlink()
        part.symlink_to("/etc/hostname")
        assert "cannot open" in taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.LOCAL).err

    def test_json_begins_again_into_a_file_and_not_into_a_pipe(self, digits, tmp_path):
        daemon, task_id, _ = digits
        with LossyProxy(daemon.address, cuts=[50000]) as proxy:
            taskq(proxy_url(proxy), "result", "--json", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)
        with daemon.client() as client:
            assert (tmp_path / "f").read_bytes() == client.get(f"/tasks/{task_id}").body
        with LossyProxy(daemon.address, cuts=[50000]) as proxy:
            ended = taskq(proxy_url(proxy), "result", "--json", task_id, expect=cli.UNREACHABLE)
            assert len(ended.out) < 50000

    @pytest.mark.parametrize(
        "fields, told",
        [({"Content-Range": "bytes 5-14/15"}, "sent 'bytes 5-14/15'"), ({}, "sent ''"),
            ({"Content-Range": "bytes */15"}, "sent 'bytes */15'"),
            ({"Content-Range": "bytes 10-9/15"}, "sent 'bytes 10-9/15'")],
        ids=["other", "none", "unsatisfied", "backwards"],
    )
    def test_another_part_than_was_asked_for_is_refused(self, tmp_path, fields, told):
        (tmp_path / f"f.{ID}.part").write_bytes(b"0123456789")

        def answer(request):
            if "submissions" in request.path:
                return 200, task(), {}
            return 206, b"x" * 10, {"Content-Type": "text/plain", **fields}

        with FakeService(answer) as fake:
            ended = taskq(fake, "result", ID, "-o", "f", cwd=tmp_path, expect=cli.SERVICE)
            assert "asked for the content from byte 10 on" in ended.err and told in ended.err
        assert (tmp_path / f"f.{ID}.part").read_bytes() == b"0123456789"

    def test_a_service_that_knows_no_parts_sends_it_all(self, tmp_path):
        (tmp_path / f"f.{ID}.part").write_bytes(b"0123456789")

        def answer(request):
            if "submissions" in request.path:
                return 200, task(), {}
            return 200, b"whole", {"Content-Type": "text/plain"}

        with FakeService(answer) as fake:
            taskq(fake, "result", ID, "-o", "f", cwd=tmp_path, expect=cli.OK)
        assert (tmp_path / "f").read_bytes() == b"whole"

    def test_a_disk_that_is_full(self, digits, tmp_path):
        """The limit on file sizes stands for it: writing fails in the middle."""
        daemon, task_id, expected = digits
        script = f'trap "" XFSZ; ulimit -f 100; exec "{cli.CLIENT}" result {task_id} -o f'
        done = subprocess.run(["bash", "-c", script], env=cli.environment(daemon), cwd=tmp_path,
            capture_output=True, timeout=60, check=False)
        assert done.returncode == cli.LOCAL and b"File too large" in done.stderr and b"are kept in" in done.stderr
        taskq(daemon, "result", task_id, "-o", "f", cwd=tmp_path, expect=cli.OK)
        assert (tmp_path / "f").read_bytes() == expected


# Sizes ----------------------------------------------------------------------------------------------


def memory_of(service, *words, stdout):
    """The most memory that a run of the client took, in KiB, as far as looking at it tells.

    The kernel's own account of a child that has ended begins with the memory of its parent.
    """
    process = cli.start(service, *words, stdout=stdout)
    looks = []
    while process.poll() is None:
        try:
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except ProcessLookupError:
            break
        name = re.search(r"^Name:\s+(.*)$", text, re.M)
        peak = re.search(r"^VmHWM:\s+([0-9]+) kB$", text, re.M)
        if name.group(1) == "taskq" and peak:
            looks.append(int(peak.group(1)))
        time.sleep(0.005)
    _, err = process.communicate()
    assert process.returncode == cli.OK, err
    assert len(looks) > 10
    return max(looks)


class TestSizes:
    def test_a_result_of_64_mib_takes_little_memory(self, tmp_path, sanitizer):
        piece = b"0123456789abcdef" * 4096
        size = 64 << 20

        def answer(request):
            if "submissions" in request.path:
                return 200, task(), {}
            return 200, iter([piece] * (size // len(piece))), {"Content-Type": "text/plain", "Content-Length": str(size)}

        with FakeService(answer) as fake:
            target = tmp_path / "f"
            used = memory_of(fake, "result", ID, "-o", target, stdout=subprocess.DEVNULL)
        assert target.stat().st_size == size
        digest = hashlib.sha256()
        for _ in range(size // len(piece)):
            digest.update(piece)
        assert hashlib.file_digest(target.open("rb"), "sha256").digest() == digest.digest()
        assert sanitizer or used < 24 * 1024, used

    def test_a_batch_of_32_mib_takes_little_memory(self, tmp_path, sanitizer):
        line = b'{"type":"http-fetch","args":{"url":"http://example.com/' + b"x" * 950 + b'"}}\n'
        count = (32 << 20) // len(line)
        (tmp_path / "tasks").write_bytes(line * count)

        def answer(request):
            tasks = request.body.count(b'"type"')
            assert tasks <= 1000 and len(request.body) <= 1048576
            return 202, {"ids": [ID] * tasks}, {}

        with FakeService(answer) as fake, open(tmp_path / "ids", "wb") as ids:
            used = memory_of(fake, "batch", tmp_path / "tasks", stdout=ids)
        assert (tmp_path / "ids").read_bytes().count(b"\n") == count
        assert sanitizer or used < 24 * 1024, used


class TestRequests:
    """What goes out, to the byte where it matters."""

    def test_a_submission(self):
        with scripted((202, {"id": ID}, {})) as fake:
            taskq(fake, "submit", "fetch", "http://a/", "-H", "Accept: text/html", "--max-bytes", "1M",
                "--max-redirects", 0, "--timeout", "1.5s", "--attempts", 2, expect=cli.OK)
            request = fake.requests[0]
            assert json.loads(request.body) == {
                "type": "http-fetch",
                "args": {"url": "http://a/", "headers": {"Accept": "text/html"}, "max_bytes": 1048576, "max_redirects": 0},
                "timeout_ms": 1500,
                "retry": {"max_attempts": 2},
            }
            assert request.headers["Content-Type"] == "application/json"
            assert re.fullmatch('"[0-9a-f-]{36}"', request.headers["Idempotency-Key"])
            assert request.headers["User-Agent"].startswith("taskq/")

    def test_running_again(self):
        with scripted((202, {"id": ID}, {})) as fake:
            taskq(fake, "retry", ID, ID, expect=cli.OK)
            for request in fake.requests:
                assert (request.command, request.path, request.body) == ("POST", f"/tasks/{ID}/retry", b"{}")
                assert request.headers["Content-Type"] == "application/json"
            assert fake.requests[0].headers["Idempotency-Key"] != fake.requests[1].headers["Idempotency-Key"]
