# SPDX-License-Identifier: MIT
"""A service that answers what a test tells it to, and a proxy that loses answers."""

import http.server
import json
import socket
import threading
import types


class FakeService:
    """`answer` takes a request and returns (status, body, headers); body is bytes or JSON.

    A body that is an iterator of bytes is sent as it comes, of `length` bytes in the headers. An
    answer of None ends the connection without one.
    """

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer_it(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                # One handler serves all requests of a connection, so what came is kept apart.
                request = types.SimpleNamespace(
                    command=self.command, path=self.path, headers=self.headers, body=body)
                fake.requests.append(request)
                try:
                    fake.send(self, fake.answer(request))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = answer_it

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # clients that go are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = self.server.server_address
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @staticmethod
    def send(handler, answer):
        if answer is None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body, headers = answer
        media_type = "application/problem+json" if status >= 400 else "application/json"
        if not isinstance(body, bytes) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
        fields = {"Content-Type": media_type, **headers}
        if isinstance(body, bytes):
            fields.setdefault("Content-Length", str(len(body)))
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            handler.wfile.write(piece)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


def problem(status, kind, detail, errors=None, **headers):
    """An answer as the service has them when it refuses something."""
    body = {"type": kind, "title": "A title", "status": status, "detail": detail}
    if errors:
        body["errors"] = errors
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


class LossyProxy:
    """Relays connections to a service, and cuts the answers of some of them short.

    `cuts` are numbers of bytes: each connection takes the first one that is left, and ends when so
    many bytes of answers have passed (None: never). When there is none left, nothing is cut. With
    `hold` set the connection is not ended but kept, without another byte.
    """

    def __init__(self, address, cuts=(), hold=False):
        self.target = address
        self.cuts = list(cuts)
        self.hold = hold
        self.connections = 0
        self.requests = bytearray()  # all bytes that clients have sent
        self.kept = []
        self.is_held = threading.Event()
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self.sock.getsockname()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            cut = self.cuts.pop(0) if self.cuts else None
            server = socket.create_connection(self.target)
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server, cut), daemon=True).start()

    def _up(self, client, server):
        try:
            while piece := client.recv(65536):
                self.requests += piece
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _down(self, client, server, cut):
        passed = 0
        try:
            while piece := server.recv(65536):
                if cut is not None and passed + len(piece) > cut:
                    client.sendall(piece[: cut - passed])
                    if self.hold:
                        self.kept.append((client, server))
                        self.is_held.set()
                        return
                    break
                client.sendall(piece)
                passed += len(piece)
        except OSError:
            pass
        for end in (client, server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        for client, server in self.kept:
            client.close()
            server.close()
        self.thread.join(10)
