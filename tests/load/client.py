# SPDX-License-Identifier: MIT
"""The HTTP client of the users: one keep-alive connection, one request at a time, never repeated.

Locust's two clients do not fit. The one over python-requests takes a millisecond of CPU per request,
which at a service that answers in one is what would be measured. The fast one over geventhttpclient
sends a request again, a POST too, when the connection ended before the answer, so that failures go
unseen and tasks are submitted twice; and it cuts times to whole milliseconds.
"""

import time
import urllib.parse

from gevent import select, socket

# A connection that was idle for longer is looked at before it is used: the server may have closed
# it, which is no failure of the request that comes next.
IDLE_CHECK_S = 2.0
HEAD_MAX_BYTES = 65536


class Broken(Exception):
    """No answer, or none that is HTTP. The text groups well: it has no ports and no ids."""


class Answer:
    __slots__ = ("status", "head", "body")

    def __init__(self, status, head, body):
        self.status = status
        self.head = head  # lower case, with the line ends
        self.body = body

    def header(self, name):
        start = self.head.find(b"\r\n" + name + b":")
        if start < 0:
            return None
        start += len(name) + 3
        return self.head[start:self.head.index(b"\r\n", start)].strip()


class Client:
    def __init__(self, url, timeout_s=70.0):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"not an http URL: {url!r}")
        self.address = (parts.hostname, parts.port or 80)
        self.timeout_s = timeout_s
        self.tail = f" HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        self.sock = None
        self.used = 0.0
        self.opened = 0

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def get(self, target):
        return self._exchange(f"GET {target}{self.tail}\r\n".encode())

    def post_json(self, target, body):
        head = f"POST {target}{self.tail}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._exchange(head.encode() + body)

    def _connect(self):
        self.sock = socket.create_connection(self.address, self.timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1

    def _exchange(self, request):
        try:
            if self.sock is not None and time.monotonic() - self.used > IDLE_CHECK_S:
                if select.select([self.sock], [], [], 0)[0]:
                    self.close()
            if self.sock is None:
                self._connect()
            self.sock.sendall(request)
            answer = self._read()
        except OSError as error:
            self.close()
            raise Broken(_words(error)) from None
        except (ValueError, IndexError):
            self.close()
            raise Broken("the answer is not HTTP") from None
        except BaseException:  # killed within the exchange: the rest of the answer may still come
            self.close()
            raise
        self.used = time.monotonic()
        if answer.header(b"connection") == b"close":
            self.close()
        return answer

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Broken("the connection ended within the answer")
        return piece

    def _read(self):
        data = self.sock.recv(65536)
        if not data:
            raise Broken("the connection ended without an answer")
        while True:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(data) > HEAD_MAX_BYTES:
                raise ValueError
            data += self._more()
        head, rest = data[:end + 2].lower(), data[end + 4:]
        if not head.startswith(b"http/1.1 "):
            raise ValueError
        answer = Answer(int(head[9:12]), head, b"")
        length = answer.header(b"content-length")
        if length is not None:
            answer.body = self._exactly(rest, int(length))
        elif answer.header(b"transfer-encoding") == b"chunked":
            answer.body = self._chunks(rest)
        elif answer.status != 204:
            raise ValueError
        return answer

    def _exactly(self, data, size):
        if len(data) > size:
            raise ValueError
        if len(data) < size:
            pieces, have = [data], len(data)
            while have < size:
                piece = self._more()
                pieces.append(piece)
                have += len(piece)
            data = b"".join(pieces)
            if have > size:
                raise ValueError
        return data

    def _chunks(self, data):
        body = []
        while True:
            while b"\r\n" not in data:
                data += self._more()
            line, data = data.split(b"\r\n", 1)
            size = int(line.split(b";")[0], 16)
            while len(data) < size + 2:
                data += self._more()
            if data[size:size + 2] != b"\r\n":
                raise ValueError
            if size == 0:
                return b"".join(body)
            body.append(data[:size])
            data = data[size + 2:]


def _words(error):
    """An OSError in words that are the same each time, so that Locust counts them as one."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or type(error).__name__
