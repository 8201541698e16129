# SPDX-License-Identifier: MIT
"""Server-sent events, as section 9.2 of the HTML Living Standard has clients read them."""

import contextlib
import re
import threading

from . import description
from .api import FINAL, WORDS, loads
from .rawhttp import Closed, RawConnection, request

MEDIA_TYPE = "text/event-stream"


class Event:
    def __init__(self, kind, event_id, data):
        self.kind = kind
        self.id = event_id
        self.data = loads(data)
        self.is_first = False  # of its stream

    @property
    def state(self):
        return self.data["status"], self.data["attempts"]

    @property
    def progress(self):
        return self.data.get("progress")

    def __repr__(self):
        return f"<{self.kind} {self.id} {self.data}>"


class Stream:
    """One response with events. Use as a context manager."""

    def __init__(self, address, task_id, headers=(), version="HTTP/1.1", **more):
        self.task_id = task_id
        self.connection = RawConnection(*address, **more)
        self.comments = 0
        self.retry_ms = None
        self.last_id = ""
        self.text = b""
        self.is_begun = False
        self.is_at_end = False
        try:
            self.connection.send(request("GET", f"/tasks/{task_id}/events", [("Accept", MEDIA_TYPE), *headers], version=version))
            self.response = self.connection.read_head()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def _read(self):
        if self.response.header("transfer-encoding") is None:
            return self.connection.read_some()
        return self.connection.read_chunk()

    def _line(self):
        """The next line without its end, or None at the end of the stream."""
        while True:
            found = re.search(rb"\r\n|\n|\r(?=.)", self.text, re.S)
            if found:
                line = self.text[:found.start()].decode("utf-8")
                self.text = self.text[found.end():]
                return line
            piece = self._read()
            if not piece:
                assert not self.text, f"cut in a line: {self.text!r}"
                return None
            self.text += piece

    def next(self):
        """The next event, or None when the stream has ended as it should; comments are counted."""
        assert self.response.status == 200 and self.response.header("content-type") == MEDIA_TYPE, self.response
        kind, data = "message", []
        while (line := self._line()) is not None:
            if line == "":
                if data:
                    event = Event(kind, self.last_id, "\n".join(data))
                    check(self.task_id, event)
                    event.is_first, self.is_begun = not self.is_begun, True
                    return event
                kind = "message"
            elif line.startswith(":"):
                self.comments += 1
            else:
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "event":
                    kind = value
                elif name == "data":
                    data.append(value)
                elif name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry_ms = int(value)
                else:
                    raise AssertionError(f"no line of an event: {line!r}")
        assert not data, "cut in an event"
        self.is_at_end = True
        return None

    def next_status(self):
        """The next event that is not progress."""
        while (event := self.next()) is not None and event.kind == "progress":
            pass
        return event

    def rest(self):
        """All events that are still to come."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events


def check(task_id, event):
    """What holds of every event by itself."""
    data = event.data
    assert data["id"] == task_id and data["status"] in WORDS, event
    assert event.kind in ("status", "progress"), event
    if event.kind == "progress":
        assert data["status"] == "RUNNING" and 0 <= data["progress"] <= 1, event
    assert (data["finished_at"] is not None) == (data["status"] in FINAL), event
    assert re.fullmatch(r"[A-Z]+(-[0-9]+){2,3}", event.id), event
    description.check_event(data)


def check_order(events):
    """That one event may follow the other. What a service that goes down hands back has one attempt less."""
    for before, after in zip(events, events[1:]):
        assert before.data["status"] not in FINAL, (before, after)
        assert before.id != after.id, (before, after)
        assert after.data["attempts"] >= before.data["attempts"] - 1, (before, after)
        if after.kind == "progress":
            assert before.state == after.state, (before, after)
            assert before.progress is None or before.progress < after.progress, (before, after)
        elif not after.is_first:
            assert before.state != after.state or before.data["started_at"] != after.data["started_at"], (before, after)


class EventSource:
    """Follows a task the way a browser does: it comes again whenever the stream has ended, until it is told 204.

    `address` is asked for anew each time, since a service that was started again may be elsewhere.
    """

    def __init__(self, address, task_id):
        self.address = address
        self.task_id = task_id
        self.events = []
        self.refusals = []
        self.connects = 0
        self.last_id = ""
        self.failure = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopped.is_set() and self._follow():
                self.stopped.wait(0.02)
        except BaseException as failure:
            self.failure = failure

    def _follow(self):
        headers = [("Last-Event-ID", self.last_id)] if self.last_id else []
        with contextlib.suppress(OSError, Closed):
            with Stream(self.address(), self.task_id, headers) as stream:
                self.connects += 1
                if stream.response.status != 200:
                    self.refusals.append(stream.response.status)
                    return False
                stream.last_id = self.last_id
                while (event := stream.next()) is not None:
                    self.events.append(event)
                    self.last_id = event.id
        return True

    def join(self, timeout=60):
        self.thread.join(timeout)
        if self.failure is not None:
            raise self.failure
        assert not self.thread.is_alive(), f"still follows {self.task_id}: {self.events[-1:]}"
