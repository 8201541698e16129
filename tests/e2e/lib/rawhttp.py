# SPDX-License-Identifier: MIT
"""A raw-socket HTTP/1.1 client that sends the bytes it is given and parses answers strictly.

Strictly: a malformed status line, header or chunk is an error of the server and raises Malformed. Every answer
is held against the description of the API, as far as it can be told what it answers.
"""

import collections
import re
import select
import socket

from . import description

REQUEST_LINE = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/[0-9]\.[0-9]\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [\t \x21-\x7e\x80-\xff]*\Z")
HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t \x21-\x7e\x80-\xff]*?)[\t ]*\Z")
TIMEOUT_S = 60.0


class Malformed(AssertionError):
    """The server sent something that is not HTTP/1.1."""


class Closed(Exception):
    """The server closed the connection before a whole response came; `.received` has the rest."""

    def __init__(self, received):
        super().__init__(f"closed after {received[:200]!r}")
        self.received = received


class RawResponse:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # list of (lower-case name, value), text
        self.body = body

    def header(self, name):
        """The value of a header that may occur once; None without it."""
        values = [value for key, value in self.headers if key == name.lower()]
        if len(values) > 1:
            raise Malformed(f"header {name} occurs {len(values)} times")
        return values[0] if values else None

    def __repr__(self):
        return f"<RawResponse {self.status} {self.headers} {self.body[:200]!r}>"


class RequestLog:
    """What was asked on a connection, for as long as the bytes are requests beyond doubt."""

    def __init__(self):
        self.pending = b""
        self.body_bytes = 0  # of a body that is still to come
        self.asked = collections.deque()  # (method, target) without an answer
        self.is_lost = False

    def _skip_body(self):
        skipped = min(self.body_bytes, len(self.pending))
        self.body_bytes -= skipped
        self.pending = self.pending[skipped:]

    def feed(self, data):
        self.pending += data
        self._skip_body()
        while not self.is_lost and self.body_bytes == 0 and b"\r\n\r\n" in self.pending:
            head, self.pending = self.pending.split(b"\r\n\r\n", 1)
            line, *fields = head.split(b"\r\n")
            match = REQUEST_LINE.match(line)
            self.asked.append((match.group(1).decode(), match.group(2).decode()) if match else (None, None))
            names = [field.split(b":")[0].lower() for field in fields]
            length = [field.split(b":")[1].strip() for field in fields if field.lower().startswith(b"content-length:")]
            self.is_lost = (
                not match or len(length) > 1 or not all(size.isdigit() for size in length)
                or b"transfer-encoding" in names or not all(HEADER_LINE.match(field) for field in fields)
            )
            self.body_bytes = int(length[0]) if length and not self.is_lost else 0
            self._skip_body()
        if self.is_lost:
            self.pending = b""

    def answered(self):
        return self.asked.popleft() if self.asked else (None, None)


class RawConnection:
    """One TCP connection. Use as a context manager."""

    def __init__(self, host, port, timeout=TIMEOUT_S, receive_buffer=None, source=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            if receive_buffer is not None:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.settimeout(timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source is not None:
                self.sock.bind((source, 0))
            self.sock.connect((host, port))
        except BaseException:
            self.sock.close()
            raise
        self.pending = bytearray()
        self.log = RequestLog()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        """Send everything; a peer that has gone is no error, the answer may be there already."""
        self.log.feed(data)
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def shutdown_write(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _more(self):
        try:
            piece = self.sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise Closed(bytes(self.pending))
        self.pending += piece

    def _line(self):
        while b"\r\n" not in self.pending:
            if len(self.pending) > 1 << 20:
                raise Malformed("a line of more than a MiB")
            self._more()
        end = self.pending.index(b"\r\n")
        line = bytes(self.pending[:end])
        del self.pending[:end + 2]
        return line

    def _exactly(self, size):
        while len(self.pending) < size:
            self._more()
        data = bytes(self.pending[:size])
        del self.pending[:size]
        return data

    def read_chunk(self):
        """The next piece of a chunked body, b"" at its end."""
        line = self._line().split(b";", 1)[0]
        if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", line):
            raise Malformed(f"chunk size {line!r}")
        size = int(line, 16)
        if size == 0:
            while self._line():
                pass
            return b""
        data = self._exactly(size)
        if self._exactly(2) != b"\r\n":
            raise Malformed("a chunk without its line end")
        return data

    def read_some(self):
        """What comes next of a body that ends with the connection, b"" at its end."""
        if not self.pending:
            try:
                self._more()
            except Closed:
                return b""
        data = bytes(self.pending)
        self.pending.clear()
        return data

    def _chunks(self):
        body = bytearray()
        while piece := self.read_chunk():
            body += piece
        return bytes(body)

    def read_head(self):
        """Read a response up to its body, which is left to be read."""
        response = self._read_head()
        self._check(response, None)
        return response

    def _check(self, response, body):
        if response.status >= 200:
            description.check(*self.log.answered(), response.status, response.headers, body)

    def _read_head(self):
        line = self._line()
        match = STATUS_LINE.match(line)
        if not match:
            raise Malformed(f"status line {line!r}")
        status = int(match.group(1))
        headers = []
        while True:
            line = self._line()
            if not line:
                break
            match = HEADER_LINE.match(line)
            if not match:
                raise Malformed(f"header line {line!r}")
            headers.append((match.group(1).decode("ascii").lower(), match.group(2).decode("latin-1")))
        response = RawResponse(status, headers, b"")
        if response.header("content-length") is not None and response.header("transfer-encoding") is not None:
            raise Malformed("both Content-Length and Transfer-Encoding")
        return response

    def read_response(self, head=False):
        """Read one response; head: it answers a HEAD request and has no body."""
        response = self._read_head()
        if not head and response.status >= 200 and response.status not in (204, 304):
            response.body = self._read_body(response)
        self._check(response, None if head else response.body)
        return response

    def _read_body(self, response):
        length = response.header("content-length")
        coding = response.header("transfer-encoding")
        if coding is not None:
            if coding.lower() != "chunked":
                raise Malformed(f"Transfer-Encoding {coding!r}")
            return self._chunks()
        if length is not None:
            if not re.fullmatch(r"[0-9]{1,15}", length):
                raise Malformed(f"Content-Length {length!r}")
            return self._exactly(int(length))
        return self.read_to_close()

    def read_to_close(self, limit=64 << 20):
        """Everything until the server closes (or resets) the connection."""
        while len(self.pending) <= limit:
            try:
                self._more()
            except Closed:
                break
        data = bytes(self.pending)
        self.pending.clear()
        return data

    def is_closed(self, timeout):
        """Whether the server ends the connection within the time; drops what it still sends."""
        self.sock.settimeout(timeout)
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except (ConnectionResetError, BrokenPipeError):
            return True
        except socket.timeout:
            return False
        finally:
            self.sock.settimeout(TIMEOUT_S)

    def has_input(self, timeout):
        """Whether bytes, or the end, can be read within the time."""
        return bool(self.pending) or bool(select.select([self.sock], [], [], timeout)[0])


def exchange(address, data, timeout=TIMEOUT_S):
    """Send bytes on a fresh connection and return everything until the server closes it."""
    with RawConnection(*address, timeout=timeout) as connection:
        connection.send(data)
        return connection.read_to_close()


def statuses(received):
    """The status codes of all status lines in received bytes (doubled heads count twice)."""
    return [int(code) for code in re.findall(rb"(?:^|\n)HTTP/1\.[01] ([0-9]{3}) ", received)]


def request(method, target, headers=(), body=None, version="HTTP/1.1", host="127.0.0.1"):
    """The bytes of a request; Host and Content-Length are added, headers are (name, value) pairs."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def post_json(target, body, headers=(), **more):
    """The bytes of a POST with a JSON body."""
    return request("POST", target, [("Content-Type", "application/json"), *headers], body, **more)
