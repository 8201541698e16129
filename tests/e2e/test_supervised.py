# SPDX-License-Identifier: MIT
"""Under a supervisor that speaks systemd's protocol: a passed socket, what it is told, its watchdog."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from lib import preload
from lib.api import SUBMISSIONS, Client
from lib.daemon import FIRST_LINE, PROGRAM, ROOT, SANITIZER, DidNotStart, clean_environment
from lib.database import history
from lib.load import factorial_body
from lib.origins import ScriptedOrigin, free_port, ok_answer
from lib.rawhttp import RawConnection, post_json, request
from lib.supervisor import Supervisor, socket_activate
from lib.wait import wait_until

EXIT_SETTINGS = 2


@pytest.fixture
def supervisor(tmp_path):
    with Supervisor(tmp_path) as found:
        yield found


class TestNotify:
    def test_it_is_ready_when_it_listens_and_stops_when_it_drains(self, make_daemon, supervisor):
        daemon = make_daemon(**supervisor.options())
        address = f"{supervisor.address[0]}:{supervisor.address[1]}"
        assert supervisor.hear() == {"READY": "1", "STATUS": f"serving on http://{address}"}
        with daemon.client() as client:
            assert client.get("/readyz").status == 200
        assert daemon.terminate() == 0
        assert supervisor.hear() == {
            "STOPPING": "1", "EXTEND_TIMEOUT_USEC": "45000000", "STATUS": "draining, for 30000 ms at most"}

    def test_it_is_not_ready_when_it_cannot_start(self, make_daemon, supervisor):
        daemon = make_daemon(start=False, **supervisor.options())
        daemon.data.mkdir()
        (daemon.data / "taskq.db").touch()
        with pytest.raises(DidNotStart):
            daemon.start()
        supervisor.notify.setblocking(False)
        with pytest.raises(BlockingIOError):
            supervisor.hear()

    def test_without_a_supervisor_nothing_is_different(self, make_daemon, tmp_path):
        daemon = make_daemon(env={"NOTIFY_SOCKET": str(tmp_path / "nobody"), "LISTEN_PID": "1", "LISTEN_FDS": "1"})
        with daemon.client() as client:
            assert client.get("/readyz").status == 200
        assert daemon.terminate() == 0


class TestWatchdog:
    def test_it_is_pinged_while_the_service_lives(self, make_daemon, tmp_path):
        with Supervisor(tmp_path, watchdog_ms=300) as supervisor:
            daemon = make_daemon(**supervisor.options())
            supervisor.await_message("READY")
            assert supervisor.await_message("WATCHDOG")["STATUS"] == "0 tasks wait, 0 run"
            with daemon.client() as client:
                client.submit("factorial", {"n": 300}, delay_ms=600000)
            supervisor.await_status("1 tasks wait")

    def test_it_is_not_pinged_while_no_commit_comes_back(self, make_daemon, tmp_path):
        """The disk does not answer: every thread is there, health is well, and nothing is stored."""
        hold = tmp_path / "hold"
        env = {"LD_PRELOAD": str(preload.library("hold_flush", tmp_path)), "TASKQ_HOLD_FLUSH": str(hold)}
        with Supervisor(tmp_path, watchdog_ms=300) as supervisor:
            daemon = make_daemon(**supervisor.options(env=env))
            supervisor.await_message("WATCHDOG")
            hold.touch()
            with RawConnection(*daemon.address) as connection:
                connection.send(post_json(SUBMISSIONS, factorial_body(300)))
                told = supervisor.await_status("hangs")
                assert "WATCHDOG" not in told
                with daemon.client() as client:
                    assert client.get("/healthz").status == 200
                assert "WATCHDOG" not in supervisor.hear()
                hold.unlink()
                assert connection.read_response().status == 202
            supervisor.await_message("WATCHDOG")
            assert daemon.stderr().count("event=watchdog_withheld") == 1
            assert daemon.stderr().count("event=watchdog_resumed") == 1

    def test_it_is_pinged_while_the_service_drains(self, make_daemon, tmp_path):
        with Supervisor(tmp_path, watchdog_ms=300) as supervisor, \
                ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
            daemon = make_daemon(**supervisor.options(fetch_allow=["127.0.0.0/8"]))
            with daemon.client() as client:
                client.fetch(held.url())
                wait_until(lambda: held.running == 1)
            daemon.signal(signal.SIGTERM)
            supervisor.await_message("STOPPING")
            supervisor.await_message("WATCHDOG")
            held.release()
            assert daemon.wait() == 0


def allowed_calls(*terms):
    """Names of system calls that a SystemCallFilter= lets through: sets, and ~sets that take away."""
    sets, name = {}, None
    for line in subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        line = re.sub(r"\x1b\[[0-9;]*m", "", line)
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif line.startswith("    ") and not line.lstrip().startswith("#"):
            sets[name].append(line.strip())

    def calls(word):
        return set().union(*map(calls, sets[word])) if word.startswith("@") else {word}

    allowed = set()
    for term in terms:
        allowed = allowed - calls(term[1:]) if term.startswith("~") else allowed | calls(term)
    return allowed | calls("@default")


@pytest.mark.skipif(SANITIZER != "", reason="a sanitizer makes calls of its own")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_unit_lets_every_system_call_through(make_daemon, tmp_path):
    """The filter refuses by EPERM, which is noticed when it is too late: so before, and by name."""
    unit = (ROOT / "src" / "packaging" / "taskqd.service.in").read_text()
    terms = []
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        sign = "~" if words.startswith("~") else ""
        terms += [sign + word for word in words.lstrip("~").split()]
    assert terms[0] == "@system-service"
    daemon = make_daemon(wrapper=["strace", "-f", "-c", "-S", "name", "-o", str(tmp_path / "calls")],
                         fetch_allow=["127.0.0.0/8"], result_inline_max_bytes=1000, keep_tasks_max=3)
    with ScriptedOrigin(ok_answer(b"x" * 5000)) as origin, daemon.client() as client:
        client.wait_final(client.fetch(origin.url()))
        client.wait_final(client.fetch("http://name.invalid/"))
        for n in (5, 500, 5000):
            task = client.factorial(n)
            client.result(task)
            client.raw_result(task)
        client.get("/stats")
        wait_until(lambda: client.get(f"{SUBMISSIONS}/{task}").status == 200)
    with open(f"/proc/{daemon.pid}/task/{daemon.pid}/children") as file:  # of strace: the service
        os.kill(int(file.read()), signal.SIGTERM)
    assert daemon.wait() == 0
    made = {line.split()[-1] for line in (tmp_path / "calls").read_text().splitlines()
            if re.match(r"\s*[0-9.]+\s", line)} - {"total"}
    assert len(made) > 40, made
    # As root, which the service is not, SQLite gives what it makes to the owner of the database.
    assert made - allowed_calls(*terms) <= ({"fchown"} if os.geteuid() == 0 else set())


class TestPassedSocket:
    def test_it_is_served_on(self, make_daemon, supervisor):
        daemon = make_daemon(**supervisor.options())
        assert daemon.address == supervisor.address
        wait_until(lambda: "socket=passed" in daemon.stderr())
        with daemon.client() as client:
            assert client.result(client.factorial(20))["status"] == "SUCCEEDED"

    def test_who_connects_while_the_service_is_down_waits_and_is_served(self, make_daemon, supervisor):
        daemon = make_daemon(**supervisor.options())
        with daemon.client() as client:
            client.wait_final(client.factorial(5))
        for end in (daemon.terminate, daemon.kill9):
            end()
            waiting = [RawConnection(*supervisor.address) for _ in range(50)]
            for number, connection in enumerate(waiting):
                connection.send(request("GET", "/readyz") if number % 2 else
                                post_json(SUBMISSIONS, factorial_body(number)))
            daemon.restart()
            for number, connection in enumerate(waiting):
                assert connection.read_response().status == (200 if number % 2 else 202)
                connection.close()

    def test_who_connects_while_the_service_drains_is_served_by_the_next(self, make_daemon, supervisor):
        with ScriptedOrigin(ok_answer(b"held"), hold=True) as held:
            daemon = make_daemon(**supervisor.options(fetch_allow=["127.0.0.0/8"]))
            with daemon.client() as client:
                client.fetch(held.url())
                wait_until(lambda: held.running == 1)
            with RawConnection(*supervisor.address) as early, RawConnection(*supervisor.address) as late:
                def readiness(connection):
                    connection.send(request("GET", "/readyz"))
                    return connection.read_response().status

                assert readiness(early) == readiness(late) == 200
                daemon.signal(signal.SIGTERM)
                # Those that are connected are answered, once more.
                wait_until(lambda: readiness(early) == 503)
                late.send(post_json(SUBMISSIONS, factorial_body(9)))
                assert late.read_response().status == 503
                with RawConnection(*supervisor.address) as new:
                    new.send(post_json(SUBMISSIONS, factorial_body(9)))
                    held.release()
                    assert daemon.wait() == 0
                    daemon.restart()
                    assert new.read_response().status == 202

    def test_no_connection_is_refused_over_restarts_under_load(self, make_daemon, supervisor):
        daemon = make_daemon(**supervisor.options())
        stop = threading.Event()
        acknowledged, statuses, refused = [], set(), []

        def work():
            while not stop.is_set():
                connection = http.client.HTTPConnection(*supervisor.address, timeout=60)
                try:
                    connection.request("POST", SUBMISSIONS, factorial_body(300), {"Content-Type": "application/json"})
                    response = connection.getresponse()
                    body = response.read()
                    statuses.add(response.status)
                    if response.status == 202:
                        acknowledged.append(json.loads(body)["id"])
                except (OSError, http.client.HTTPException) as error:
                    refused.append(repr(error))
                finally:
                    connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(4):
                told = len(acknowledged)
                wait_until(lambda: len(acknowledged) > told + 50)
                assert daemon.terminate() == 0
                daemon.restart()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert refused == []
        # 503 is an answer: the service was draining.
        assert statuses <= {202, 503}
        found = history(daemon.database)
        assert all(task_id in found for task_id in acknowledged)

    def test_only_a_kill_costs_the_connections_that_it_meets(self, make_daemon, supervisor):
        daemon = make_daemon(**supervisor.options())
        for _ in range(3):
            assert daemon.kill9() == -signal.SIGKILL
            with socket.create_connection(supervisor.address, timeout=60) as early:
                daemon.restart()
                early.sendall(request("GET", "/readyz"))
                assert early.recv(12) == b"HTTP/1.1 200"

    @pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.0.0.2:0", "[::1]:0"])
    def test_another_address_than_listen_says_is_refused(self, make_daemon, supervisor, listen):
        daemon = make_daemon(start=False, **supervisor.options(listen=listen))
        with pytest.raises(DidNotStart) as refused:
            daemon.start()
        assert refused.value.code == EXIT_SETTINGS
        assert listen in refused.value.stderr and str(supervisor.address[1]) in refused.value.stderr

    def test_an_open_address_is_refused_as_ever(self, make_daemon, tmp_path):
        with Supervisor(tmp_path, address=("0.0.0.0", 0)) as supervisor:
            daemon = make_daemon(start=False, **supervisor.options())
            with pytest.raises(DidNotStart) as refused:
                daemon.start()
            assert refused.value.code == EXIT_SETTINGS and "allow-open-listen" in refused.value.stderr
            daemon.settings["allow_open_listen"] = True
            daemon.start()

    def test_two_sockets_are_refused(self, make_daemon, tmp_path):
        with Supervisor(tmp_path, count=2) as supervisor:
            daemon = make_daemon(start=False, **supervisor.options())
            with pytest.raises(DidNotStart) as refused:
                daemon.start()
            assert refused.value.code == EXIT_SETTINGS and "LISTEN_FDS '2'" in refused.value.stderr

    @pytest.mark.skipif(socket_activate() is None, reason="systemd-socket-activate is not installed")
    def test_by_systemds_own_tool(self, tmp_path):
        """It starts the service with the first connection, which waits for it."""
        port = free_port()
        with subprocess.Popen(
                [socket_activate(), "-l", f"127.0.0.1:{port}", PROGRAM, "--listen", f"127.0.0.1:{port}",
                 "--data-dir", tmp_path / "data"], env=clean_environment(), text=True, cwd=tmp_path,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                def connects():
                    try:
                        return socket.create_connection(("127.0.0.1", port), timeout=60)
                    except ConnectionRefusedError:
                        return None

                with wait_until(connects, what="systemd-socket-activate listens"):
                    assert FIRST_LINE.match(process.stdout.readline().rstrip("\n"))
                with Client(("127.0.0.1", port)) as client:
                    assert client.result(client.factorial(6))["result"] == 720
            finally:
                process.terminate()
            assert process.wait(60) == 0
