# SPDX-License-Identifier: MIT
"""`taskqd check` and `taskqd healthcheck`: what they say, when, and with which exit status."""

import os
import shutil
import socket
import subprocess
import threading

import pytest

from lib.daemon import PROGRAM, clean_environment, run_program
from lib.load import either_way, factorial_body, submit_many, wait_drained
from lib.origins import ScriptedOrigin, ok_answer
from lib.wait import wait_until

EXIT_FAILED = 1
EXIT_SETTINGS = 2
EXIT_DATA = 78
CHECKS = ["configuration", "database", "integrity", "counters", "contents", "results", "orphans"]


def check(daemon, *words):
    return run_program("check", "--data-dir", daemon.data, *words)


def verdicts(run):
    """Check to verdict, from the lines that begin with one; every other line is advice."""
    found = {}
    for line in run.stdout.splitlines():
        if line.startswith("       to do: "):
            continue
        verdict, name = line.split(":", 1)[0].split()
        assert name not in found
        found[name] = verdict
    return found


def assert_all_right(run):
    assert run.returncode == 0 and run.stderr == "", (run.stdout, run.stderr)
    assert verdicts(run) == {name: "ok" for name in CHECKS}, run.stdout


@pytest.fixture
def worked(make_daemon):
    """A daemon that has done something: results in rows and in files."""
    daemon = make_daemon(result_inline_max_bytes=500)
    submit_many(daemon.address, [factorial_body(either_way(n)) for n in range(60)])
    wait_drained(daemon)
    return daemon


class TestCheck:
    def test_while_it_runs_when_it_was_killed_and_when_it_has_stopped(self, worked):
        assert_all_right(check(worked))
        worked.kill9()
        assert_all_right(check(worked))
        worked.restart()
        assert worked.terminate() == 0
        assert_all_right(check(worked))
        worked.restart()
        with worked.client() as client:
            assert client.result(client.factorial(6))["result"] == 720

    def test_never_a_false_alarm_while_the_service_comes_and_goes(self, make_daemon):
        daemon = make_daemon(result_inline_max_bytes=0, keep_tasks_max=30, attempts_max=100)
        stop = threading.Event()
        complaints = []

        def look():
            while not stop.is_set():
                run = check(daemon)
                # 1 with "try again" is allowed: it was started and stopped again and again meanwhile.
                if run.returncode != 0 and "try again" not in run.stderr:
                    complaints.append((run.returncode, run.stdout, run.stderr))

        looker = threading.Thread(target=look)
        looker.start()
        try:
            for number in range(6):
                submit_many(daemon.address, [factorial_body(300 + n) for n in range(40)], connections=2)
                if number % 3 == 0:
                    daemon.kill9()
                else:
                    assert daemon.terminate() == 0
                daemon.start()
        finally:
            stop.set()
            looker.join()
        assert complaints == []

    def test_a_lost_result(self, worked):
        (worked.data / "results" / os.listdir(worked.data / "results")[0]).unlink()
        run = check(worked)
        assert run.returncode == EXIT_DATA
        assert verdicts(run) == {**{name: "ok" for name in CHECKS}, "results": "LOSS"}
        assert "to do: bring the files back from a backup" in run.stdout

    def test_damage(self, worked):
        assert worked.terminate() == 0
        with open(worked.database, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xa5" * 4096)
        run = check(worked)
        assert run.returncode == EXIT_DATA
        assert "DAMAGE" in verdicts(run).values() and "to do: " in run.stdout

    def test_an_orphan_is_only_noted_and_goes_with_the_next_start(self, worked):
        name = "019a0000-0000-7000-8000-000000000000-1"
        assert worked.terminate() == 0
        (worked.data / "results" / name).write_text("whose?")
        run = check(worked)
        assert run.returncode == 0 and verdicts(run)["orphans"] == "note" and name in run.stdout
        worked.restart()
        wait_until(lambda: not (worked.data / "results" / name).exists())
        assert_all_right(check(worked))

    def test_no_data(self, make_daemon, tmp_path):
        daemon = make_daemon(start=False)
        for make in (lambda: None, daemon.data.mkdir):
            make()
            run = check(daemon)
            assert run.returncode == EXIT_FAILED and str(daemon.data) in run.stderr
        assert os.listdir(daemon.data) == []

    def test_settings(self, worked, tmp_path):
        run = check(worked, "--listen", "192.0.2.1:80")
        assert run.returncode == EXIT_SETTINGS and run.stdout == "" and "allow-open-listen" in run.stderr
        file = tmp_path / "taskqd.conf"
        file.write_text(f"data-dir = {worked.data}\n")
        assert_all_right(run_program("check", "--config", file))
        assert_all_right(run_program("check", env={"TASKQD_CONFIG": str(file)}))
        file.write_text("data-dri = x\n")
        run = run_program("check", "--config", file)
        assert run.returncode == EXIT_SETTINGS and "data-dri" in run.stderr

    def test_the_output_that_cannot_be_written_is_a_failure(self, worked):
        with open("/dev/full", "w") as full:
            run = subprocess.run([PROGRAM, "check", "--data-dir", worked.data], stdout=full, stderr=subprocess.PIPE,
                                 env=clean_environment(), check=False)
        assert run.returncode == EXIT_FAILED

    @pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
    def test_somebody_who_may_not_look(self, worked):
        worked.directory.chmod(0o755)
        run = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM, "check", "--data-dir", worked.data],
            capture_output=True, text=True, check=False)
        assert run.returncode == EXIT_FAILED and "Permission denied" in run.stderr, run.stderr


class TestHealthcheck:
    @staticmethod
    def ask(listen):
        return run_program("healthcheck", "--listen", listen)

    def test_ready_and_not_there(self, make_daemon):
        daemon = make_daemon()
        run = self.ask(f"127.0.0.1:{daemon.address[1]}")
        assert run.returncode == 0 and run.stdout == "ready\n" and run.stderr == ""
        assert daemon.terminate() == 0
        run = self.ask(f"127.0.0.1:{daemon.address[1]}")
        assert run.returncode == EXIT_FAILED and run.stdout == "" and "Connection refused" in run.stderr

    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "[::1]:0"])
    def test_every_address_is_asked_on_this_machine(self, make_daemon, listen):
        daemon = make_daemon(listen=listen, allow_open_listen=True)
        assert self.ask(listen.rsplit(":", 1)[0] + f":{daemon.address[1]}").returncode == 0

    def test_not_ready(self, make_daemon):
        with ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
            daemon = make_daemon(fetch_allow=["127.0.0.0/8"])
            with daemon.client() as client:
                client.fetch(held.url())
                wait_until(lambda: held.running == 1)
            daemon.process.terminate()
            wait_until(lambda: self.ask(f"127.0.0.1:{daemon.address[1]}").returncode != 0)
            run = self.ask(f"127.0.0.1:{daemon.address[1]}")
            assert run.returncode == EXIT_FAILED and "not ready: 503" in run.stderr and "draining" in run.stderr
            held.release()
            assert daemon.wait() == 0

    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.", b"HTTP/1.1 ", b"220 smtp\r\n", b"HTTP/1.1 204 No\r\n\r\n", b"\0" * 10000])
    def test_something_else_listens_there(self, answer):
        with ScriptedOrigin(answer) as origin:
            run = self.ask(f"127.0.0.1:{origin.port}")
            assert run.returncode == EXIT_FAILED and run.stdout == "" and run.stderr.count("\n") == 1, run

    def test_nobody_can_be_asked(self):
        run = self.ask("127.0.0.1:0")
        assert run.returncode == EXIT_SETTINGS and "leaves the port to the system" in run.stderr

    def test_a_service_that_does_not_answer_is_not_waited_for(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            run = self.ask(f"127.0.0.1:{silent.getsockname()[1]}")
            assert run.returncode == EXIT_FAILED and "no answer within" in run.stderr
