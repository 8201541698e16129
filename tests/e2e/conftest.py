# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end suites. Nothing outside a temporary directory is written."""

import os
import pathlib
import re
import resource
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

from lib import daemon as daemon_module  # noqa: E402
from lib import description  # noqa: E402
from lib import origins  # noqa: E402
from lib.daemon import Daemon  # noqa: E402

settings.register_profile(
    "e2e",
    database=None,
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("TASKQ_HYPOTHESIS_EXAMPLES", "150")),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("e2e")
description.is_on = True


def pytest_sessionstart(session):
    # What a shell without job control begins in the background ignores these, and so would every program under test.
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)


def pytest_report_header(config):
    return f"program: {daemon_module.PROGRAM} sanitizer: {daemon_module.SANITIZER or 'none'}"


def pytest_configure(config):
    if not daemon_module.PROGRAM.exists():
        pytest.exit(f"no program at {daemon_module.PROGRAM}: run make, or set TASKQD", returncode=4)


def pytest_terminal_summary(terminalreporter):
    """What tests measured, by record_property("figure", text); also when they passed."""
    figures = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == "figure" and report.when == "call"
    ]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.write_line(text)


def pytest_make_parametrize_id(val):
    """Short, printable names of test cases: values may be long, binary or many lines."""
    if isinstance(val, (str, bytes)):
        text = val.decode("latin-1") if isinstance(val, bytes) else val
        return re.sub(r"[^!-~]", lambda match: f"<{ord(match.group()):x}>", text)[:40] or "empty"
    if isinstance(val, set):
        val = sorted(val)
    if isinstance(val, (dict, list, tuple)):
        return re.sub(r"[^!-~]", "", repr(val))[:60]
    return None


@pytest.fixture(scope="session")
def sanitizer():
    """ "address", "thread" or "" for the build under test."""
    return daemon_module.SANITIZER


def _factory(directory_maker):
    made = []

    def make(start=True, **more):
        made.append(Daemon(directory_maker(), **more))
        return made[-1].start() if start else made[-1]

    yield make
    errors = []
    for daemon in made:
        try:
            daemon.cleanup()
        except BaseException as error:  # every daemon is ended before any complaint
            errors.append(error)
    if errors:
        raise errors[0]


@pytest.fixture
def make_daemon(tmp_path_factory):
    """make_daemon(queue_max=3, …) starts a daemon; start=False only prepares it."""
    yield from _factory(lambda: tmp_path_factory.mktemp("daemon"))


@pytest.fixture(scope="module")
def make_module_daemon(tmp_path_factory):
    yield from _factory(lambda: tmp_path_factory.mktemp("daemon"))


@pytest.fixture(scope="module")
def daemon(make_module_daemon):
    """One daemon with default settings for a whole module; loopback may be fetched."""
    return make_module_daemon(fetch_allow=["127.0.0.0/8"])


@pytest.fixture
def client(daemon):
    with daemon.client() as connection:
        yield connection


@pytest.fixture(scope="module")
def finished(daemon):
    """The id of a completed factorial of 50."""
    with daemon.client() as client:
        task_id = client.factorial(50)
        assert client.wait_final(task_id) == "SUCCEEDED"
        return task_id


@pytest.fixture
def held():
    """An origin that answers "held" once it is told to."""
    with origins.ScriptedOrigin(origins.ok_answer(b"held"), hold=True) as origin:
        yield origin


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    origin = origins.start_nginx(tmp_path_factory.mktemp("nginx"))
    yield origin
    origin.close()


@pytest.fixture(scope="session")
def httpbin(tmp_path_factory):
    origin = origins.start_httpbin(tmp_path_factory.mktemp("httpbin"))
    yield origin
    origin.close()


@pytest.fixture(scope="session")
def ill(tmp_path_factory):
    """The ill-behaved origin."""
    origin = origins.start_ill_behaved()
    yield origin
    origin.close()


@pytest.fixture
def listener():
    with origins.CountingListener() as counting:
        yield counting


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 MiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", directory], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield directory
    # Lazily: the daemon that lives there is ended by its own fixture, after or before this one.
    subprocess.run(["umount", "-l", directory], check=True)


@pytest.fixture
def no_leak_checker(monkeypatch):
    """It cannot run in a traced process; and a service that stops dead joins no thread."""
    monkeypatch.setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0")
    monkeypatch.setenv("TSAN_OPTIONS", "report_thread_leaks=0")
