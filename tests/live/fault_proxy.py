"""A proxy on loopback, between a client and a real Gradio server, that does one thing wrong.

It knows which *phase* of a client's life a request belongs to, and reads the messages of event streams and websockets. A fault is aimed
at one phase; all else passes as the server sent it. A thread serves each connection, and nothing is left of them at the end.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import h11

from gradio_sansio.testing.frames import Message, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Phase(Enum):
    CONNECT = "connect"
    CONFIG = "config"
    LOGIN = "login"
    INFO = "info"
    UPLOAD = "upload"
    JOIN = "join"
    STREAM = "stream open"
    """With Gradio 4.0 to 4.8, where the join itself is the stream, the request that brings the arguments."""
    MESSAGES = "mid-stream"
    COMPLETION = "completion"
    DOWNLOAD = "download"
    CANCEL = "cancel"


class Fault(Enum):
    REFUSED = "refused"
    RESET = "reset"
    HALF_OPEN = "half-open"
    SLOW_DRIP = "slow drip"
    ONE_BYTE = "1-byte pieces"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    TOO_MANY = "429"
    TOO_MANY_FOR_NOW = "429 with Retry-After"
    INTERNAL_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    HTML = "HTML for JSON"
    WRONG_TYPE = "wrong type"
    WRONG_CHARSET = "wrong charset"
    DUPLICATE = "duplicate event"
    REORDERED = "reordered event"
    UNKNOWN = "unknown event"
    FOREIGN = "foreign id"
    RESTART = "server restart"
    SESSION_LOST = "session lost"
    USER_CANCEL = "user cancel"
    DEADLINE = "deadline"


STATUSES: Final = {
    Fault.TOO_MANY: 429,
    Fault.TOO_MANY_FOR_NOW: 429,
    Fault.INTERNAL_ERROR: 500,
    Fault.BAD_GATEWAY: 502,
    Fault.UNAVAILABLE: 503,
    Fault.GATEWAY_TIMEOUT: 504,
    Fault.HTML: 200,
}
EVENT_FAULTS: Final = frozenset({Fault.DUPLICATE, Fault.REORDERED, Fault.UNKNOWN, Fault.FOREIGN})
SILENT: Final = frozenset({Fault.HALF_OPEN, Fault.USER_CANCEL, Fault.DEADLINE})
BREAKING: Final = frozenset({Fault.RESET, Fault.RESTART, *SILENT})
"""What befalls a connection; one that carries a file in the midst of it."""
RETRY_AFTER: Final = 7
YIELDS: Final = 5
"""How often the generator yields that is called; its last value is what a completion overtakes."""
DRIPS: Final = 6
"""Bytes that drip before the rest flows."""
CUT_UP: Final = 4096
"""Bytes that are sent one by one before the rest follows in one piece."""

_JUNK: Final = b"\x00\x01\xfe\xff is not what was asked for\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)
_CLOSE_FRAME: Final = 0x88
_PHASES: Final = {
    "/config": Phase.CONFIG,
    "/login": Phase.LOGIN,
    "/info": Phase.INFO,
    "/upload": Phase.UPLOAD,
    "/queue/join": Phase.JOIN,
    "/queue/data": Phase.STREAM,
    "/cancel": Phase.CANCEL,
    "/reset": Phase.CANCEL,
}
_BEFORE: Final = {Phase.LOGIN: Phase.CONFIG, Phase.INFO: Phase.CONFIG, Phase.STREAM: Phase.JOIN}
"""What is answered last before a phase whose connections are to be refused."""


def phase_of(path: str) -> Phase | None:
    """What a request is for. Where a config is of no use, the page is asked for in its place."""
    if path == "/":
        return Phase.CONFIG
    if "/file=" in path:
        return Phase.DOWNLOAD
    return next((phase for end, phase in _PHASES.items() if path.endswith(end)), None)


class _Over(Exception):
    """A connection has come to its end."""


class _SessionLost(Exception):
    """The stream is to go on as that of a session that the server does not know."""


class _Link:
    """A client's connection."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.busy = False
        self.pace: Fault | None = None
        self.drips = DRIPS
        self.units = self.values = 0
        self.held: bytes | None = None


class _Events:
    """Cuts an event stream up, and frames its events as chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> Iterator[bytes]:
        *events, self._rest = (self._rest + data).split(b"\n\n")
        yield from events

    def message(self, unit: bytes) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(unit.removeprefix(b"data:"))
        return found

    def unit(self, message: dict[str, Any]) -> bytes:
        return b"data: %b" % json.dumps(message).encode()

    def sent(self, unit: bytes) -> bytes:
        return b"%x\r\n%b\n\n\r\n" % (len(unit) + 2, unit)


class _Frames:
    """Cuts what a server says on a websocket up into its frames, which are never masked."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while len(self._rest) >= 2:
            length = self._rest[1] & 0x7F
            start = 2 + {126: 2, 127: 8}.get(length, 0)
            end = start + (length if start == 2 else int.from_bytes(self._rest[2:start], "big"))
            if len(self._rest) < max(start, end):
                return
            unit, self._rest = self._rest[:end], self._rest[end:]
            yield unit

    def message(self, unit: bytes) -> dict[str, Any]:
        is_text = unit[0] & 0x0F == 1
        found: dict[str, Any] = json.loads(unit[unit.index(b"{") :]) if is_text else {}
        return found

    def unit(self, message: dict[str, Any]) -> bytes:
        return frame(Message(json.dumps(message)))

    def sent(self, unit: bytes) -> bytes:
        return unit


class FaultProxy:
    """Passes what comes to ``url`` on to ``target``. A server that is ``spare`` takes its place where it is to be started anew."""

    def __init__(self, target: str, spare: str) -> None:
        self.fired = threading.Event()
        """The fault has struck."""
        self.strikes = 0
        """How often."""
        self._target, self._spare = _address(target), _address(spare)
        # Keeps the port while nobody listens.
        self._holder = _bound(0)
        self._port: int = self._holder.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._listener: socket.socket | None = None
        self._phase: Phase | None = None
        self._fault: Fault | None = None
        self._pause = 0.0
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._refuse()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._holder.close()

    # What a test asks for.

    def aim(self, phase: Phase, fault: Fault, *, pause: float) -> None:
        """Go wrong in that phase from now on; ``pause`` is what lies between the bytes of a slow drip."""
        self.fired.clear()
        self._phase, self._fault, self._pause = phase, fault, pause
        if fault is Fault.REFUSED and phase not in {*_BEFORE, Phase.MESSAGES, Phase.COMPLETION}:
            self._refuse()

    def heal(self) -> None:
        """Pass everything on again, and first what was held back."""
        self._fault = None
        self._listen()

    def cut(self) -> None:
        """Reset every connection."""
        for link in tuple(self._links):
            with suppress(OSError):
                link.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                # Wakes its thread, which closes it.
                link.client.shutdown(socket.SHUT_RD)

    @property
    def open(self) -> int:
        """Connections that are there."""
        return len(self._links)

    @property
    def idle(self) -> int:
        """Those on which nothing is asked."""
        return sum(not link.busy for link in tuple(self._links))

    # Taking connections.

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = _bound(self._port)
            self._listener.listen(64)
            self._start(self._accept, self._listener)

    def _refuse(self) -> None:
        """Take no connection any more, and end those on which nothing is asked."""
        self.fired.set()
        listener, self._listener = self._listener, None
        if listener is not None:
            # Wakes its thread, which closes it.
            listener.shutdown(socket.SHUT_RDWR)
        for link in tuple(self._links):
            if not link.busy:
                with suppress(OSError):
                    link.client.shutdown(socket.SHUT_WR)

    def _start(self, function: Any, argument: object) -> None:
        thread = threading.Thread(target=function, args=(argument,), name="fault proxy", daemon=True)
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener, suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = _Link(client)
                self._links.add(link)
                self._start(self._serve, link)

    def _serve(self, link: _Link) -> None:
        with link.client, suppress(_Over, OSError, h11.RemoteProtocolError):
            self._strike(link, Phase.CONNECT)
            while True:
                self._exchange(link, *_request(link, self._sending))
                link.busy = False
        self._links.discard(link)

    # What goes wrong.

    def _aimed(self, phase: Phase | None) -> Fault | None:
        return self._fault if phase is self._phase else None

    def _strike(self, link: _Link, phase: Phase | None) -> Fault | None:
        """Do what the fault does to a connection; else return it, for it concerns the answer."""
        fault = self._aimed(phase)
        if fault is None:
            return None
        self.strikes += 1
        self.fired.set()
        if fault is Fault.RESTART:
            self._fault, self._target = None, self._spare
            self.cut()
            raise _Over
        if fault is Fault.RESET:
            link.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            raise _Over
        if fault in SILENT:
            while self._fault is fault:
                if select.select([link.client], [], [], 0.02)[0] and not link.client.recv(65536):
                    raise _Over
            return None
        if fault is Fault.GARBAGE:
            link.client.sendall(_JUNK)
            # Closing at once would be a reset where something is unread.
            while link.client.recv(65536):
                pass
            raise _Over
        if phase is Phase.CONNECT and fault is Fault.TRUNCATED:
            raise _Over
        return fault

    def _send(self, link: _Link, data: bytes) -> None:
        if link.pace is Fault.ONE_BYTE:
            for i in range(min(len(data), CUT_UP)):
                link.client.sendall(data[i : i + 1])
            data = data[CUT_UP:]
        while link.pace is Fault.SLOW_DRIP and data and link.drips:
            link.client.sendall(data[:1])
            data = data[1:]
            link.drips -= 1
            if self._closing.wait(self._pause):
                raise _Over
        link.client.sendall(data)

    # One request and its answer.

    def _sending(self, link: _Link, request: h11.Request) -> None:
        """The first bytes of a request's body have come."""
        phase = _phase_of(request)
        if phase is Phase.UPLOAD and self._aimed(phase) in BREAKING | {Fault.GARBAGE}:
            self._strike(link, phase)
            # What was lost while nothing was passed on is missing.
            raise _Over

    def _exchange(self, link: _Link, request: h11.Request, body: bytes) -> None:
        target = request.target.decode()
        phase = _phase_of(request)
        # Single events are another matter, and so is what strikes in the midst of a file.
        later = self._fault in EVENT_FAULTS or (phase is Phase.DOWNLOAD and self._fault in BREAKING)
        fault = None if later else self._strike(link, phase)
        link.pace = fault
        if fault in STATUSES:
            link.client.sendall(_page(fault))
            return
        if fault is Fault.SESSION_LOST:
            target = _of_no_session(target)
        while True:
            try:
                self._relay(link, phase, request, target, body)
            except _SessionLost:
                target = _of_no_session(target)
            else:
                return

    def _relay(
        self, link: _Link, phase: Phase | None, request: h11.Request, target: str, body: bytes
    ) -> None:
        with socket.create_connection(self._target) as server:
            answers = h11.Connection(h11.CLIENT)
            server.sendall(_passed_on(answers, request, target, body))
            head = _next(answers, server)
            assert isinstance(head, (h11.Response, h11.InformationalResponse))
            kind = dict(head.headers).get(b"content-type", b"")
            websocket = head.status_code == 101
            fields = [(name, value) for name, value in head.headers if websocket or name not in _FRAMING]
            if link.pace in (Fault.WRONG_TYPE, Fault.WRONG_CHARSET):
                wrong = (
                    b"text/plain"
                    if link.pace is Fault.WRONG_TYPE
                    else kind.partition(b";")[0] + b"; charset=utf-16"
                )
                fields = [(name, wrong if name == b"content-type" else value) for name, value in fields]
            refusing = (
                self._fault is Fault.REFUSED and self._phase in _BEFORE and _BEFORE[self._phase] is phase
            )
            if refusing:
                self._refuse()
            if websocket or kind.startswith(b"text/event-stream"):
                self._stream(link, answers, server, head.status_code, fields)
                return
            content = b""
            while isinstance(piece := _next(answers, server), h11.Data):
                content += piece.data
            fields.append((b"content-length", b"%d" % len(content)))
            if refusing:
                fields.append((b"connection", b"close"))
            answer = _head(head.status_code, fields) + content
            if link.pace is Fault.TRUNCATED:
                link.client.sendall(answer[: -(len(content) // 2 or 1)])
                raise _Over
            if phase is Phase.DOWNLOAD and self._aimed(phase) in BREAKING:
                half = len(answer) - len(content) // 2
                link.client.sendall(answer[:half])
                self._strike(link, phase)
                answer = answer[half:]
            self._send(link, answer)
            if refusing:
                raise _Over

    # Event streams and websockets.

    def _stream(
        self,
        link: _Link,
        answers: h11.Connection,
        server: socket.socket,
        status: int,
        fields: list[tuple[bytes, bytes]],
    ) -> None:
        websocket = status == 101
        if not websocket:
            fields.append((b"transfer-encoding", b"chunked"))
        if link.units == 0:
            head = _head(status, fields)
            if websocket and link.pace is Fault.TRUNCATED:
                link.client.sendall(head[:20])
                raise _Over
            self._send(link, head)
        if websocket:
            link.pace = None
        cutter = _Frames() if websocket else _Events()
        for data in self._received(link, answers, server):
            for unit in cutter.cut(data):
                for out in self._altered(link, cutter, unit):
                    self._send(link, cutter.sent(out))
        if websocket:
            raise _Over
        self._send(link, b"0\r\n\r\n")
        link.units = link.values = 0

    def _received(self, link: _Link, answers: h11.Connection, server: socket.socket) -> Iterator[bytes]:
        """What a server sends, to its end. What a client sends in the meantime is passed on."""
        websocket = answers.their_state is h11.SWITCHED_PROTOCOL
        if websocket:
            yield answers.trailing_data[0]
        while True:
            if not websocket:
                event = answers.next_event()
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                    continue
                if event is not h11.NEED_DATA:
                    return
            ready, _, _ = select.select([link.client, server], [], [])
            if link.client in ready:
                data = link.client.recv(65536)
                if not data:
                    raise _Over
                if websocket and data[0] == _CLOSE_FRAME:
                    self._strike(link, Phase.CANCEL)
                server.sendall(data)
            else:
                data = server.recv(65536)
                if not websocket:
                    answers.receive_data(data)
                elif data:
                    yield data
                else:
                    return

    def _altered(self, link: _Link, cutter: _Events | _Frames, unit: bytes) -> list[bytes]:
        """What is sent in place of a message."""
        if link.pace is Fault.TRUNCATED:
            # An answer that is cut off in its first event.
            link.client.sendall(cutter.sent(unit)[:10])
            raise _Over
        message = cutter.message(unit)
        kind = message.get("msg")
        link.units += 1
        link.values += kind == "process_generating"
        held, link.held = link.held, None
        if held is not None:
            return [unit, held]
        reorders = self._fault is Fault.REORDERED
        if kind == "process_completed" or (reorders and link.values == YIELDS):
            # What overtakes the last value is the completion.
            phase = Phase.COMPLETION
        elif kind == "process_generating" and link.values == 2:
            phase = Phase.MESSAGES
        else:
            phase = Phase.STREAM
        once = self._fault in EVENT_FAULTS
        if (phase is Phase.STREAM and not once) or (once and self.fired.is_set()):
            return [unit]
        fault = self._strike(link, phase)
        match fault:
            case Fault.TRUNCATED:
                whole = cutter.sent(unit)
                link.client.sendall(whole[: len(whole) // 2])
                raise _Over
            case Fault.REFUSED:
                self._refuse()
            case Fault.SESSION_LOST:
                raise _SessionLost
            case Fault.ONE_BYTE | Fault.SLOW_DRIP:
                link.pace = fault
            case Fault.REORDERED:
                link.held = unit
                return []
            case Fault.DUPLICATE:
                return [unit, unit]
            case Fault.UNKNOWN:
                news = {"msg": "news", "event_id": message.get("event_id"), "output": {"data": ["no"]}}
                return [cutter.unit(news), unit]
            case Fault.FOREIGN:
                end = {
                    "msg": "process_completed",
                    "event_id": "f" * 32,
                    "output": {"data": ["no"]},
                    "success": True,
                }
                return [cutter.unit(end), unit]
            case _:
                pass
        return [unit]


# Bytes.

_FRAMING: Final = frozenset({b"connection", b"content-length", b"transfer-encoding", b"keep-alive"})


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def _phase_of(request: h11.Request) -> Phase | None:
    return phase_of(request.target.decode().partition("?")[0])


def _request(link: _Link, sending: Callable[[_Link, h11.Request], None]) -> tuple[h11.Request, bytes]:
    """The next request of a client, which never sends one before the last was answered; ``sending`` is told when its body begins."""
    connection = h11.Connection(h11.SERVER)
    head, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = link.client.recv(65536)
            if not data:
                raise _Over
            link.busy = True
            connection.receive_data(data)
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            assert head is not None
            if not body:
                sending(link, head)
            body += event.data
        else:
            assert isinstance(event, h11.EndOfMessage)
            assert head is not None
            return head, body


def _passed_on(answers: h11.Connection, request: h11.Request, target: str, body: bytes) -> bytes:
    upgrade = any(name == b"upgrade" for name, _ in request.headers)
    fields = [(name, value) for name, value in request.headers if upgrade or name not in _FRAMING]
    if not upgrade:
        fields += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    head = h11.Request(method=request.method, target=target, headers=fields)
    parts = [
        answers.send(head),
        answers.send(h11.Data(data=body)) if body else b"",
        answers.send(h11.EndOfMessage()),
    ]
    return b"".join(part or b"" for part in parts)


def _next(answers: h11.Connection, server: socket.socket) -> object:
    """The next thing of a server's answer."""
    while (event := answers.next_event()) is h11.NEED_DATA:
        answers.receive_data(server.recv(65536))
    return event


def _head(status: int, fields: list[tuple[bytes, bytes]]) -> bytes:
    lines = [b"HTTP/1.1 %d Whatever" % status, *(b"%b: %b" % field for field in fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _page(fault: Fault | None) -> bytes:
    """What something that stands before an app would say."""
    assert fault is not None
    text = b"<html><body>This is not the app.</body></html>"
    fields = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    if fault is Fault.TOO_MANY_FOR_NOW:
        fields.append((b"retry-after", b"%d" % RETRY_AFTER))
    return _head(STATUSES[fault], fields) + text


def _of_no_session(target: str) -> str:
    return target.replace("session_hash=", "session_hash=no")
