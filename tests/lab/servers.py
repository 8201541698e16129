# SPDX-License-Identifier: MIT
"""The servers of a run: the service, nginx, and the origin that behaves like the web.

Each is a context manager that ends what it started, by its process id, and keeps its port over a
stop and a start, so that clients and allow lists stay right.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import threading

from . import ROOT
from lib.daemon import Daemon, clean_environment
from lib.origins import accepts, free_port
from lib.wait import PATIENCE_S, wait_until

# Origins listen on this one address. The service always refuses its own port, so a run that allows
# the address opens the origins and nothing of the service.
ORIGIN_NETWORK = "127.0.0.1/32"

# Of the web-like origin: {0-999} is a random number, and each key has a character of its own.
WEB_PATHS = ("/web/{0-999}",)
SMALL_PAGE = (
    b"<!doctype html>\n<html lang=\"en\"><head><title>A small page</title></head>\n"
    b"<body><p>One small page that every user fetches, again and again.</p></body></html>\n"
)
FILE_SIZES = {"4k.bin": 4 << 10, "64k.bin": 64 << 10, "1m.bin": 1 << 20, "8m.bin": 8 << 20}

NGINX_CONFIG = """{user}daemon off;
worker_processes {workers};
pid "{directory}/nginx.pid";
error_log "{directory}/error.log";
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; multi_accept on; }}
http {{
	access_log off;
	default_type application/octet-stream;
	types {{ text/html html; text/plain txt; }}
	client_body_temp_path "{directory}/body";
	proxy_temp_path "{directory}/proxy";
	fastcgi_temp_path "{directory}/fastcgi";
	uwsgi_temp_path "{directory}/uwsgi";
	scgi_temp_path "{directory}/scgi";
	sendfile on;
	tcp_nodelay on;
	keepalive_timeout 60s;
	keepalive_requests 1000000;
	open_file_cache max=100 inactive=60s;
	server {{
		listen 127.0.0.1:{port} backlog=4096;
		root "{directory}/www";
		index small.html;
		location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
	}}
}}
"""


def raise_descriptor_limit():
    """Raise the soft limit on descriptors to the hard one, for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def end_process(process, patience_s=10):
    """SIGTERM, and SIGKILL after a while; returns the exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def children_of(pid):
    """Process ids of the children of a process; empty when it is gone."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


class Service:
    """The daemon on its own data directory and a port that stays the same over restarts.

    Settings are keywords with the names of src/conf/conf.def. The data directory is removed at the
    end; look into the database before that. Detached: in a session of its own, so that Ctrl-C on the
    terminal goes to the one who runs it alone.
    """

    def __init__(self, directory, detached=False, **settings):
        self.directory = pathlib.Path(directory)
        self.settings = settings
        # setsid of util-linux takes the program's place here, because a child of ours leads no group.
        self.daemon = Daemon(self.directory, wrapper=["setsid"] if detached else (), **settings)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.daemon.cleanup()
            raise

    def __exit__(self, *_):
        self.daemon.cleanup()

    def start(self):
        self.daemon.start()
        host, port = self.daemon.address
        self.daemon.settings["listen"] = f"{host}:{port}"
        self.daemon.wait_ready()
        return self

    def stop(self, timeout=PATIENCE_S):
        """SIGTERM, wait; returns the exit code. The data stays."""
        return self.daemon.terminate(timeout)

    def kill9(self):
        return self.daemon.kill9()

    def restart(self, timeout=PATIENCE_S):
        """Stop it in good order if it runs, and start it on the same data and port."""
        if self.daemon.is_running():
            self.stop(timeout)
        return self.start()

    def is_running(self):
        return self.daemon.is_running()

    @property
    def address(self):
        return self.daemon.address

    @property
    def url(self):
        return "http://%s:%d" % self.daemon.address

    @property
    def pid(self):
        """The process id of the running service, or None."""
        process = self.daemon.process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def data(self):
        return self.daemon.data

    @property
    def database(self):
        return self.daemon.database

    def client(self, **more):
        return self.daemon.client(**more)

    def logs(self):
        """The log files, one for each start, oldest first."""
        return [self.directory / f"stderr.{run}" for run in range(1, self.daemon.runs + 1)]


class _Origin:
    """What nginx and the web-like origin have in common."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.port = None
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def hostport(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.hostport}"

    @property
    def pids(self):
        """The process and its children; empty while it is stopped."""
        if self.process is None or self.process.poll() is not None:
            return []
        return [self.process.pid, *children_of(self.process.pid)]

    def stop(self):
        if self.process is not None:
            end_process(self.process)


class Nginx(_Origin):
    """nginx for speed: one small page at /small.html, and larger files by the names of FILE_SIZES."""

    def __init__(self, directory, workers=1):
        super().__init__(directory)
        self.workers = workers

    def start(self):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program is None:
            raise FileNotFoundError("nginx is not installed")
        self._write_files()
        # A free port can be lost to somebody else before nginx binds it; a port that is
        # already promised to others cannot be changed.
        for _ in range(1 if self.port else 5):
            port = self.port or free_port()
            if self._started(program, port):
                self.port = port
                return self
        raise RuntimeError(f"nginx: {(self.directory / 'nginx.out').read_text()[-2000:]}")

    def _write_files(self):
        root = self.directory / "www"
        root.mkdir(parents=True, exist_ok=True)
        os.chmod(self.directory, 0o755)
        (root / "small.html").write_bytes(SMALL_PAGE)
        for name, size in FILE_SIZES.items():
            if not (root / name).exists():
                (root / name).write_bytes((b"0123456789abcdef" * 64) * (size // 1024))

    def _started(self, program, port):
        descriptors = raise_descriptor_limit()
        config = self.directory / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(
            user="user root;\n" if os.geteuid() == 0 else "", workers=self.workers,
            directory=self.directory.resolve(), port=port, descriptors=descriptors,
            connections=max(512, min(16384, descriptors // 2)),
        ))
        error_log = self.directory.resolve() / "error.log"
        with open(self.directory / "nginx.out", "wb") as log:
            process = subprocess.Popen(
                [program, "-p", str(self.directory.resolve()), "-c", str(config.resolve()), "-e", str(error_log)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        self.process = process
        wait_until(lambda: process.poll() is not None or accepts("127.0.0.1", port), PATIENCE_S, "nginx accepts")
        return process.poll() is None


class WebOrigin(_Origin):
    """tests/load/web_origin.py: latencies, sizes, failures and rate limits like the web's.

    Options are keywords: rate_limit=50 is --rate-limit 50.
    """

    PROGRAM = ROOT / "tests" / "load" / "web_origin.py"
    FIRST_LINE = "listening on http://"

    def __init__(self, directory, **options):
        super().__init__(directory)
        self.options = options

    def start(self):
        raise_descriptor_limit()
        self.directory.mkdir(parents=True, exist_ok=True)
        words = [word for name, value in self.options.items()
                 for word in (f"--{name.replace('_', '-')}", str(value))]
        with open(self.directory / "web-origin.log", "ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", str(self.PROGRAM), "--listen", f"127.0.0.1:{self.port or 0}", *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                env=clean_environment({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}),
            )
        line = self.process.stdout.readline().strip()
        if not line.startswith(self.FIRST_LINE):
            end_process(self.process)
            raise RuntimeError(
                f"web_origin.py said {line!r}: {(self.directory / 'web-origin.log').read_text()[-2000:]}"
            )
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.port = int(line.rsplit(":", 1)[1].rstrip("/"))
        return self
