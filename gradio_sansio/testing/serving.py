"""The HTTP side of a server without I/O: one connection, over h11's server half."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import h11

from gradio_sansio.testing.frames import Close, FrameReader, Message, accept_key, frame
from gradio_sansio.testing.network import Cut


@dataclass(frozen=True)
class Request:
    """A request, as the server got it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A whole answer. ``cut`` is what follows it on the connection."""

    status: int = 200
    body: object = None
    """Sent as JSON unless it is text or bytes."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut: Cut | None = None


class Site(Protocol):
    """What a connection serves."""

    now: float
    pace: tuple[int, float] | None
    """Bytes that a connection sends at a time, and the seconds between."""
    connections: list[ServerConnection]

    def handle(self, connection: ServerConnection, request: Request) -> None:
        """Act on a request and answer it, now or later."""

    def dropped(self, connection: ServerConnection, name: str) -> None:
        """A connection with the stream of the named session, or with a websocket, is gone."""

    def said(self, connection: ServerConnection, text: str) -> None:
        """A client has sent a message over a websocket."""


class ServerConnection:
    """One connection to the server: bytes in, bytes out."""

    def __init__(self, server: Site) -> None:
        self._server = server
        self._h11 = h11.Connection(h11.SERVER)
        self._out: deque[bytes | Cut] = deque()
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._gone = False
        self.stream: str | None = None
        """The session whose events it carries."""
        self._frames: FrameReader | None = None
        """Reads a websocket."""
        self.due: float | None = None
        """When a slow connection sends its next piece."""
        self._slow: deque[bytes | Cut] = deque()

    def received(self, data: bytes, now: float) -> None:
        """Bytes have come."""
        if self._gone:
            return
        self._server.now = max(self._server.now, now)
        if self._frames is not None:
            self._read(self._frames, data)
            return
        self._h11.receive_data(data)
        self._pull()

    def closed(self, now: float) -> None:
        """The client is gone."""
        self._server.now = max(self._server.now, now)
        self._leave()

    def drain(self) -> list[bytes | Cut]:
        """What is to be sent."""
        items = list(self._out)
        self._out.clear()
        return items

    def tick(self, now: float) -> None:
        """Time has passed."""
        while self._slow and self.due is not None and self.due <= now:
            self._out.append(self._slow.popleft())
            assert self._server.pace is not None
            self.due = self.due + self._server.pace[1] if self._slow else None

    def answer(self, answer: Answer) -> None:
        """Answer the request that was handed over last."""
        if self._gone:
            return
        body = answer.body
        content = (
            body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else encode(body)
        )
        headers = {"content-type": "application/json", **answer.headers, "content-length": str(len(content))}
        self._send(h11.Response(status_code=answer.status, headers=list(headers.items())))
        if content:
            self._send(h11.Data(data=content))
        self._send(h11.EndOfMessage())
        if answer.cut is not None:
            self.cut(answer.cut)
        self._next()

    def begin_stream(self, session: str) -> None:
        """Answer with an event stream, which goes on with ``write`` and ends with ``end_stream``."""
        self.stream = session
        headers = [("content-type", "text/event-stream; charset=utf-8"), ("transfer-encoding", "chunked")]
        self._send(h11.Response(status_code=200, headers=headers))

    def write(self, message: bytes) -> None:
        """One event of the stream."""
        self._send(h11.Data(data=b"data: %b\n\n" % message))

    def end_stream(self) -> None:
        """End the stream in order; the connection stays."""
        self.stream = None
        self._send(h11.EndOfMessage())
        self._next()

    def begin_socket(self, key: str) -> None:
        """Agree to a websocket."""
        self.stream = ""
        self._frames = FrameReader()
        fields = [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", accept_key(key)),
        ]
        self._send(h11.InformationalResponse(status_code=101, headers=fields))

    def send_text(self, text: str) -> None:
        """One message of a websocket."""
        self._put(frame(Message(text)))

    def close_socket(self) -> None:
        """Say that a websocket ends."""
        self.stream = None
        self._put(frame(Close(1000)))

    def _read(self, frames: FrameReader, data: bytes) -> None:
        for item in frames.feed(data):
            if isinstance(item, Message):
                self._server.said(self, item.text)
            else:
                self._put(frame(item))
                self.cut(Cut.END)

    def cut(self, how: Cut) -> None:
        """End the connection."""
        self._put(how)
        self._leave()

    def _leave(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._server.connections.remove(self)
        if self.stream is not None:
            self._server.dropped(self, self.stream)

    def _pull(self) -> None:
        while not self._gone:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                self._request = event
                self._body.clear()
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                head = self._request
                assert head is not None
                self._server.handle(self, parsed(head.method, head.target, head.headers, bytes(self._body)))
            else:
                return

    def _next(self) -> None:
        if self._gone:
            return
        if self._h11.our_state is h11.MUST_CLOSE:
            # As the client asked.
            self.cut(Cut.END)
        else:
            self._h11.start_next_cycle()

    def _send(self, event: h11.Event) -> None:
        if self._gone:
            return
        data = self._h11.send(event)
        if data:
            self._put(data)

    def _put(self, item: bytes | Cut) -> None:
        pace = self._server.pace
        if pace is None:
            self._out.append(item)
            return
        size, seconds = pace
        self._slow += (
            (item[i : i + size] for i in range(0, len(item), size)) if isinstance(item, bytes) else (item,)
        )
        if self.due is None:
            self.due = self._server.now + seconds


def uploaded(request: Request) -> list[tuple[str, bytes]]:
    """The files of a ``multipart/form-data`` body: name and content of each."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    files: list[tuple[str, bytes]] = []
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        files.append((head.partition(b'filename="')[2].partition(b'"')[0].decode(), content))
    return files


def parsed(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Request:
    """A request, in our terms."""
    url = urlsplit(target.decode())
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    fields = {name.decode(): value.decode("latin-1") for name, value in headers}
    return Request(method.decode(), url.path, query, fields, body)


def encode(value: object) -> bytes:
    """JSON as the servers write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
