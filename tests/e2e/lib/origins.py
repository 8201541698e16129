# SPDX-License-Identifier: MIT
"""Servers to fetch from: nginx, httpbin, the ill-behaved origin, and a listener that counts."""

import http.client
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import threading

from .daemon import ROOT, clean_environment
from .wait import wait_until

NGINX_CONFIG = """
daemon off;
master_process on;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
	access_log off;
	default_type application/octet-stream;
	types {{ text/html html; text/plain txt; image/png png; }}
	client_body_temp_path {directory}/body;
	proxy_temp_path {directory}/proxy;
	fastcgi_temp_path {directory}/fastcgi;
	uwsgi_temp_path {directory}/uwsgi;
	scgi_temp_path {directory}/scgi;
	keepalive_timeout 5s;
	server {{
		listen 127.0.0.1:{port} backlog=2048 reuseport;
		{more_listen}
		root {directory}/www;
		location = /moved {{ return 301 /small.txt; }}
		location = /teapot {{ return 418; }}
		location = /empty {{ return 204; }}
		location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
	}}
}}
"""


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago; whoever binds it retries with another when it is lost."""
    with socket.socket(socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def accepts(host, port):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def _end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Origin:
    """A server of ours: `url(path)` names a resource on it."""

    def __init__(self, host, port, process):
        self.host = host
        self.port = port
        self.process = process

    def url(self, path):
        return f"http://{self.host}:{self.port}{path}"

    def get(self, path):
        """What the origin says to a plain client: the reference for what a fetch must bring."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def close(self):
        _end(self.process)


def start_nginx(directory, any_loopback=False):
    """nginx in the foreground; any_loopback: it listens on every address of the machine."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    assert program, "nginx is not installed"
    directory = pathlib.Path(directory)
    os.chmod(directory, 0o755)  # the worker runs as another user
    (directory / "www").mkdir(exist_ok=True)
    for attempt in range(5):
        port = free_port()
        config = NGINX_CONFIG.format(directory=directory, port=port, more_listen="")
        if any_loopback:
            config = config.replace(f"listen 127.0.0.1:{port}", f"listen 0.0.0.0:{port}")
        if os.geteuid() == 0:
            config = "user root;\n" + config
        (directory / "nginx.conf").write_text(config)
        with open(directory / "nginx.out", "wb") as log:
            process = subprocess.Popen(
                [program, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-e",
                    str(directory / "error.log")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        wait_until(lambda: process.poll() is not None or accepts("127.0.0.1", port), 30, "nginx")
        if process.poll() is None:
            origin = Origin("127.0.0.1", port, process)
            origin.root = directory / "www"
            return origin
    raise AssertionError((directory / "nginx.out").read_text())


def start_httpbin(directory):
    """Debian's httpbin under gunicorn with threads."""
    directory = pathlib.Path(directory)
    for attempt in range(5):
        port = free_port()
        with open(directory / "httpbin.log", "wb") as log:
            process = subprocess.Popen(
                ["/usr/bin/python3", "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "16",
                    "--worker-tmp-dir", str(directory), "httpbin:app"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=clean_environment({"PYTHONDONTWRITEBYTECODE": "1"}),
            )
        origin = Origin("127.0.0.1", port, process)

        def answers():
            if process.poll() is not None:
                return True
            try:
                return origin.get("/status/200")[0] == 200
            except OSError:
                return False

        wait_until(answers, 60, "httpbin answers")
        if process.poll() is None:
            return origin
    raise AssertionError((directory / "httpbin.log").read_text())


def start_ill_behaved(listen="127.0.0.1:0"):
    """tests/origin/origin.py: slow, endless, short, broken answers on request."""
    process = subprocess.Popen(
        ["/usr/bin/python3", str(ROOT / "tests" / "origin" / "origin.py"), "--listen", listen],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=clean_environment({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}), text=True,
    )
    line = process.stdout.readline().strip()
    prefix = "listening on http://"
    if not line.startswith(prefix):
        _end(process)
        raise AssertionError(f"origin.py said {line!r}")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    host, port = line[len(prefix):].rsplit(":", 1)
    return Origin("127.0.0.1" if host == "0.0.0.0" else host, int(port), process)


class CountingListener:
    """Accepts on every address of this machine, both families, and counts: the proof of silence.

    Every connection is answered with a small 200, so that a fetch that should have been denied
    is seen as a success as well.
    """

    def __init__(self, port=0):
        self.sock = socket.socket(socket.AF_INET6)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("::", port))
        self.sock.listen(256)
        self.port = self.sock.getsockname()[1]
        self.peers = []  # the local address that each connection came to
        self.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret"
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.closing:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            self.peers.append(connection.getsockname()[0])
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            connection.settimeout(10)
            received = b""
            try:
                while b"\r\n\r\n" not in received:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    received += piece
                connection.sendall(self.reply)
            except OSError:
                pass

    @property
    def count(self):
        return len(self.peers)

    def redirect_to(self, url):
        self.reply = (
            f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ).encode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.thread.join(5)


class ScriptedOrigin:
    """Answers every request on a loopback port with bytes that the test sets, then closes.

    `answer` is bytes, or a function of the request's bytes that returns bytes, or yields pieces that are
    sent as they come. With `hold` set no answer is sent until release(): every fetch of it stays RUNNING.
    """

    def __init__(self, answer=b"", hold=False, host="127.0.0.1"):
        self.sock = socket.create_server((host, 0), backlog=1024)
        self.host = host
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        self.requests = []
        self.running = 0  # requests that are read and not answered yet
        self.running_peak = 0
        self.lock = threading.Lock()
        self.gate = threading.Event()
        if not hold:
            self.gate.set()
        self.closing = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def url(self, path="/"):
        return f"http://{self.host}:{self.port}{path}"

    def release(self):
        self.gate.set()

    def hold(self):
        self.gate.clear()

    def _serve(self):
        while not self.closing:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        try:
            with connection:
                connection.settimeout(60)
                received = b""
                while b"\r\n\r\n" not in received:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    received += piece
                answer = self._answer_to(received)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        except OSError:
            pass

    def _answer_to(self, received):
        with self.lock:
            self.requests.append(received)
            self.running += 1
            self.running_peak = max(self.running_peak, self.running)
        try:
            self.gate.wait(300)
            return self.answer(received) if callable(self.answer) else self.answer
        finally:
            with self.lock:
                self.running -= 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        self.gate.set()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.thread.join(5)


class FedOrigin(ScriptedOrigin):
    """Answers with a header at once, and then with what feed() is given, until the body is complete.

    feed(None) ends an answer early. One request at a time.
    """

    def __init__(self, size, head="HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"):
        self.pieces = queue.Queue()
        self.size = size
        self.head = head.format(size=size).encode()
        super().__init__(self._feed_on)

    def feed(self, *pieces):
        for piece in pieces:
            self.pieces.put(piece)

    def _feed_on(self, _):
        yield self.head
        left = self.size
        while left > 0 and (piece := self.pieces.get()) is not None:
            left -= len(piece)
            yield piece

    def __exit__(self, *_):
        self.feed(None)
        super().__exit__()


def ok_answer(body, media_type="text/plain", more=""):
    """A plain 200 with a length, for ScriptedOrigin."""
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n"
    ).encode() + body
