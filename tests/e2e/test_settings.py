# SPDX-License-Identifier: MIT
"""Where settings come from, which source wins, what is refused and how the program ends."""

import os
import re
import socket
import subprocess

import pytest

from lib.daemon import PROGRAM, DidNotStart, clean_environment, run_program
from lib.rawhttp import RawConnection, request

EXIT_SETTINGS = 2


def printed(*words, env=None):
    """--print-config as a dictionary of lists (a setting may be printed several times)."""
    run = run_program("--print-config", *words, env=env)
    assert run.returncode == 0, run.stderr
    found = {}
    for line in run.stdout.splitlines():
        text = line.split("#", 1)[0].strip()
        if text:
            name, value = text.split("=", 1)
            found.setdefault(name.strip(), []).append(value.strip())
    return found


def origin_line(name, *words, env=None):
    """The text that --print-config prints around a setting: its own line and the one above."""
    lines = run_program("--print-config", *words, env=env).stdout.splitlines()
    for number, line in enumerate(lines):
        if re.match(rf"#?\s*{name}\s*=", line):
            return " ".join(lines[max(0, number - 1):number + 1])
    raise AssertionError(f"{name} is not printed")


def refused(*words, env=None, code=EXIT_SETTINGS, cwd=None):
    run = run_program(*words, env=env, cwd=cwd)
    assert run.returncode == code, (words, run.returncode, run.stdout, run.stderr)
    assert run.stdout == ""
    assert run.stderr.startswith("taskqd: ") and run.stderr.count("\n") == 1, run.stderr
    return run.stderr


def test_version():
    run = run_program("--version")
    assert run.returncode == 0 and re.fullmatch(r"taskqd [0-9]+\.[0-9]+\.[0-9]+\n", run.stdout)


def test_help_names_every_setting():
    run = run_program("--help")
    assert run.returncode == 0 and run.stderr == ""
    for name in printed():
        assert f"--{name}" in run.stdout, name
    for name in ("listen", "data-dir", "fetch-allow", "fetch-deny", "queue-max", "factorial-max-n", "config"):
        assert f"--{name}" in run.stdout, name


def test_defaults():
    found = printed()
    assert found["listen"] == ["127.0.0.1:18991"]
    assert found["factorial-max-n"] == ["10000000"]
    assert found["fetch-max-bytes"] == ["16777216"]
    assert found["fetch-max-redirects"] == ["5"]
    assert found["fetch-connect-timeout-ms"] == ["10000"]
    assert found["fetch-total-timeout-ms"] == ["30000"]
    assert found["fetch-in-flight-max"] == ["256"]
    assert found["fetch-per-host-max"] == ["0"]
    assert found["attempts-max"] == ["3"]
    assert found["retry-backoff-ms"] == ["1000"]
    assert found["retry-backoff-max-ms"] == ["60000"]


def test_flag_beats_environment_beats_file_beats_default(tmp_path):
    file = tmp_path / "taskqd.conf"
    file.write_text("queue-max = 11\n")
    env = {"TASKQD_QUEUE_MAX": "22"}
    assert printed()["queue-max"] == ["100000"]
    assert printed("--config", file)["queue-max"] == ["11"]
    assert printed("--config", file, env=env)["queue-max"] == ["22"]
    assert printed("--config", file, "--queue-max", "33", env=env)["queue-max"] == ["33"]
    assert printed("--queue-max=44")["queue-max"] == ["44"]
    assert printed(env={"TASKQD_CONFIG": str(file)})["queue-max"] == ["11"]


def test_a_list_of_a_later_source_replaces_the_whole_list(tmp_path):
    file = tmp_path / "taskqd.conf"
    file.write_text("fetch-allow = 10.0.0.0/8\nfetch-allow = 10.1.0.0/16\n")
    assert printed("--config", file)["fetch-allow"] == ["10.0.0.0/8", "10.1.0.0/16"]
    found = printed("--config", file, "--fetch-allow", "127.0.0.0/8")
    assert found["fetch-allow"] == ["127.0.0.0/8"]


def test_print_config_says_where_each_value_comes_from(tmp_path):
    file = tmp_path / "taskqd.conf"
    file.write_text("queue-max = 11\n")
    env = {"TASKQD_ATTEMPTS_MAX": "7"}
    words = ("--config", file, "--factorial-max-n", "9")
    assert "file" in origin_line("queue-max", *words, env=env)
    assert "environment" in origin_line("attempts-max", *words, env=env)
    assert "command" in origin_line("factorial-max-n", *words, env=env)
    assert "default" in origin_line("listen", *words, env=env)


def test_what_print_config_prints_is_a_file_with_the_same_meaning(tmp_path):
    words = ("--queue-max", "77", "--fetch-allow", "10.0.0.0/8", "--fetch-allow", "::1/128",
             "--data-dir", "/var/lib/a dir", "--allow-open-listen", "yes", "--log-level", "debug",
             "--host-name", "queue.example")
    text = run_program("--print-config", *words).stdout
    file = tmp_path / "taskqd.conf"
    file.write_text(text)
    assert printed("--config", file) == printed(*words)
    again = run_program("--print-config", "--config", file).stdout
    second = tmp_path / "second.conf"
    second.write_text(again)
    assert printed("--config", second) == printed(*words)


def test_print_config_tells_what_the_settings_come_to():
    text = run_program("--print-config", "--cpu-memory-mib", "77", "--cpu-executors", "3", "--factorial-max-n", "1000000").stdout
    assert re.search(r"^# On this machine: \d+ connections, \d+ fetches, 3 factorials at once\.$", text, re.M), text
    assert "# Factorials are computed in at most 77 MiB, the largest in 14 MiB.\n" in text
    text = run_program("--print-config").stdout
    assert re.search(r"^# Factorials are computed in at most \d+ MiB, the largest in 140 MiB\.$", text, re.M), text


def test_check_config(tmp_path):
    file = tmp_path / "taskqd.conf"
    file.write_text("# a comment\n\nqueue-max = 5\n")
    run = run_program("--check-config", "--config", file)
    assert run.returncode == 0 and "ok" in run.stdout
    file.write_text("queue-max = 0\n")
    assert "taskqd.conf:1:" in refused("--check-config", "--config", "taskqd.conf", cwd=tmp_path)


def test_check_config_starts_nothing(tmp_path):
    directory = tmp_path / "data"
    assert run_program("--check-config", "--data-dir", directory).returncode == 0
    assert not directory.exists()


@pytest.mark.parametrize(
    "text, line",
    [
        ("queue-max = 5\nno-such-thing = 1\n", 2),
        ("queue-max = five\n", 1),
        ("queue-max = \n", 1),
        ("queue-max = 5 tasks\n", 1),
        ("queue-max = 0x10\n", 1),
        ("queue-max = 1e3\n", 1),
        ("queue-max = -1\n", 1),
        ("queue-max = 100000001\n", 1),
        ("queue-max = 99999999999999999999\n", 1),
        ("\n\n# x\nqueue-max\n", 4),
        ("queue_max = 5\n", 1),
        ("Queue-Max = 5\n", 1),
        ("queue-max = 5\nqueue-max = 6\n", 2),
        ("log-level = loud\n", 1),
        ("allow-open-listen = maybe\n", 1),
        ("allow-open-listen = true\n", 1),
        ("[section]\n", 1),
        ("data-dir = a\x01b\n", 1),
        ("data-dir = " + "x" * 5000 + "\n", 1),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path, text, line):
    file = tmp_path / "taskqd.conf"
    file.write_text(text)
    assert f"taskqd.conf:{line}:" in refused("--check-config", "--config", "taskqd.conf", cwd=tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "'none'" in refused("--check-config", "--config", "none", cwd=tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        ["--no-such-thing", "1"], ["--queue-max"], ["--queue-max", "x"], ["--queue-max", "0"],
        ["--queue-max", "100000001"], ["--queue-max="], ["-q", "1"], ["stray"], ["--"  + "x" * 5000],
        ["--factorial-max-n", "-1"], ["--factorial-max-n", "100000001"], ["--cpu-memory-mib", "-1"],
        ["--cpu-memory-mib", "16777217"], ["--queue", "5"], ["--log-level", "LOUD"], ["--listen", "x" * 64],
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_a_bad_command_line_is_refused(words):
    assert words[0].lstrip("-").split("=")[0][:20] in refused(*words)


@pytest.mark.parametrize("words", [["--factorial-max-n", "0"], ["--factorial-max-n", "100000000"],
                                   ["--cpu-memory-mib", "1"], ["--cpu-memory-mib", "16777216"]])
def test_a_setting_at_its_limit_is_accepted(words):
    assert run_program("--check-config", *words).returncode == 0


@pytest.mark.parametrize("name, value", [("TASKQD_NO_SUCH_THING", "1"), ("TASKQD_QUEUE_MAX", "x"), ("TASKQD_QUEUE_MAX", ""), ("TASKQD_queue_max", "5")])
def test_a_bad_environment_is_refused_with_its_place(name, value):
    assert name in refused("--check-config", env={name: value})


@pytest.mark.parametrize("name", ["fetch-allow", "fetch-deny"])
@pytest.mark.parametrize("value", ["127.0.0.1/33", "127.0.0.0/-1", "x", "10.0.0.0/8 ", "::1/129", "10.0.0", "10.0.0.1/8", "10.0.0.0/08", "1.2.3.4/", "/8"])
def test_a_bad_cidr_is_refused(make_daemon, name, value):
    """Nothing is guessed, host bits below the prefix included."""
    daemon = make_daemon(start=False, **{name.replace("-", "_"): [value]})
    with pytest.raises(DidNotStart) as error:
        daemon.start()
    assert error.value.code > 0 and name in error.value.stderr


@pytest.mark.parametrize("value", ["nonsense", "127.0.0.1", ":18991", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", "[::1]", "localhost.example:80", "127.1:0", "127.0.0.1:-1"])
def test_a_bad_listen_address_is_refused(make_daemon, value):
    daemon = make_daemon(start=False, listen=value)
    with pytest.raises(DidNotStart) as error:
        daemon.start()
    assert error.value.code == EXIT_SETTINGS and "listen" in error.value.stderr


@pytest.mark.parametrize("value", ["0.0.0.0:0", "[::]:0"])
def test_an_open_address_needs_consent(make_daemon, value):
    daemon = make_daemon(start=False, listen=value)
    with pytest.raises(DidNotStart) as error:
        daemon.start()
    assert error.value.code == EXIT_SETTINGS and "allow-open-listen" in error.value.stderr
    assert len(error.value.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("first, most", [(0, 0), (1000, 1000), (3600000, 86400000)])
def test_the_longest_pause_is_at_least_the_first(first, most):
    words = ("--check-config", "--retry-backoff-ms", str(first), "--retry-backoff-max-ms", str(most))
    assert run_program(*words).returncode == 0


@pytest.mark.parametrize("first, most", [(1, 0), (1000, 999), (3600000, 3599999)])
def test_a_longest_pause_below_the_first_is_refused(first, most):
    told = refused("--check-config", "--retry-backoff-ms", str(first), "--retry-backoff-max-ms", str(most))
    assert "retry-backoff-max-ms" in told and f" {first}" in told and f" {most}" in told


def test_an_open_address_with_consent_is_served(make_daemon):
    daemon = make_daemon(listen="0.0.0.0:0", allow_open_listen=True)
    with RawConnection("127.0.0.1", daemon.address[1]) as connection:
        connection.send(request("GET", "/healthz"))
        assert connection.read_response().status == 200


def test_ipv6_loopback_is_served(make_daemon):
    daemon = make_daemon(listen="[::1]:0")
    assert daemon.address[0] == "::1"
    with RawConnection("::1", daemon.address[1]) as connection:
        connection.send(request("GET", "/healthz", host=f"[::1]:{daemon.address[1]}"))
        assert connection.read_response().status == 200


def test_only_the_listening_address_is_served(make_daemon):
    daemon = make_daemon()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", daemon.address[1]), timeout=5).close()


def test_first_line_and_nothing_before_it(make_daemon):
    daemon = make_daemon()
    assert daemon.stdout[0] == f"listening on http://127.0.0.1:{daemon.address[1]}"
    assert daemon.terminate() == 0
    assert len(daemon.stdout) == 1, daemon.stdout


def test_data_directory_is_created(make_daemon):
    daemon = make_daemon()
    assert daemon.database.is_file()


def test_log_lines_are_key_value_with_a_level(make_daemon):
    daemon = make_daemon(log_level="debug")
    with daemon.client() as client:
        secret = "/healthz?password=hidden"
        client.request("GET", secret, headers={"X-Request-Id": "request-7", "Authorization": "Bearer hidden"})
        client.post({"type": "http-fetch", "args": {"url": "http://127.0.0.1:9/?token=hidden"}})
        client.post(b'{"hidden": "hidden"}')
    assert daemon.terminate() == 0
    text = daemon.stderr()
    assert "hidden" not in text
    for line in text.splitlines():
        assert re.search(r"(^| )level=(error|warn|info|debug)( |$)", line), line
        assert re.search(r"(^| )event=[a-z_]+( |$)", line), line


def test_log_level_hides_what_is_less_severe(make_daemon):
    daemon = make_daemon(log_level="error")
    assert daemon.terminate() == 0
    assert daemon.stderr() == ""


def test_unsafe_fetch_allow_is_told_at_the_start(make_daemon):
    daemon = make_daemon(fetch_allow=["127.0.0.0/8", "10.9.0.0/16"])
    assert "127.0.0.0/8" in daemon.stderr() and "10.9.0.0/16" in daemon.stderr()


def test_a_file_that_can_be_read_once_is_enough(tmp_path):
    """A pipe, as the shell's <(...) makes it: the service executes itself once, and must not read it before."""
    reader, writer = os.pipe()
    data = tmp_path / "from-the-pipe"
    os.write(writer, f"data-dir = {data}\nlisten = 127.0.0.1:0\n".encode())
    os.close(writer)
    process = subprocess.Popen([PROGRAM, "--config", f"/dev/fd/{reader}"], pass_fds=[reader], cwd=tmp_path,
                               env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    os.close(reader)
    try:
        line = process.stdout.readline()
        assert (data / "taskq.db").exists(), (line, process.stderr.read() if not line else "")
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert not (tmp_path / "taskq-data").exists()
    assert process.returncode == 0


@pytest.mark.parametrize("words", (["--print-config"], ["--help"], ["--version"], ["--check-config"]), ids="".join)
def test_an_answer_that_cannot_be_written_is_a_failure(words):
    """A configuration file on a full disk is empty or half of one, and nobody may take it for a whole one."""
    with open("/dev/full", "wb") as full:
        run = subprocess.run([PROGRAM, *words], env=clean_environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "taskqd: cannot write to standard output\n")


def test_a_data_directory_has_a_path_that_the_database_takes(tmp_path):
    """The longest one serves, relative or not; one that is longer is refused with the reason, and nothing is made."""
    def starts(data, cwd):
        process = subprocess.Popen([PROGRAM, "--data-dir", data, "--listen", "127.0.0.1:0"], cwd=cwd, env=clean_environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        process.terminate()
        return line, process.communicate(timeout=60)[1]

    parent = tmp_path.resolve()
    while len(str(parent)) < 480 - 202:
        parent /= "p" * min(200, 480 - 51 - len(str(parent)))
    parent.mkdir(parents=True, exist_ok=True)
    room = 480 - len(str(parent)) - 1
    for name in (str(parent / ("d" * room)), "d" * room):
        line, said = starts(name, parent)
        assert line.startswith("listening on "), said
    line, said = starts("d" * (room + 1), parent)
    assert line == "" and "found a data directory whose absolute path has 481 bytes, expected at most 480" in said
    assert [path.name for path in parent.iterdir()] == ["d" * room]
    assert "1 to 480 bytes" in refused("--data-dir", "d" * 481)
