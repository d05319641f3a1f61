"""A peer that may do anything, for an engine of any dialect.

The peer is moved by hand: bytes are put on their way (``Line.coming``), delivered in any slices, cut off. What a server may say in
order it says through ``Hostile.right`` and ``Hostile.value``, and keeps books of it, so that what an app yielded can be told from
what was made up: value ``i`` of a job reads ``<key>|0|1|...|i``, where the key is one job's only. ``check`` holds the engine to its
invariants after any input.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from gradio_sansio import Engine, Limits
from gradio_sansio.commands import (
    Close,
    Connect,
    ConnectionId,
    NeedBody,
    PauseReading,
    ResumeReading,
    Send,
    ShutdownWrite,
    StartTls,
)
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    JobFinished,
    JobId,
    Logged,
    LogReceived,
    StatusChanged,
)
from gradio_sansio.session.dialects.direct import DirectCalls
from gradio_sansio.session.dialects.job_stream import JobStreams
from gradio_sansio.session.dialects.shared_stream import SharedStream
from gradio_sansio.session.dialects.websocket import SocketState, WebSockets
from gradio_sansio.session.exchanges import Timer
from gradio_sansio.session.session import SessionState
from gradio_sansio.testing.frames import FrameReader, Message, accept_key
from gradio_sansio.wire.connection import ConnectionState
from gradio_sansio.wire.connections import Timer as WireTimer
from tests.core.session.drive import config
from tests.core.virtual import URL, entropy

if TYPE_CHECKING:
    from gradio_sansio.commands import Command
    from gradio_sansio.events import Event
    from gradio_sansio.session.dialects import Transport
    from gradio_sansio.session.job import Job
    from gradio_sansio.values import Status

# Both handshakes of websockets; each kind of event stream; before and after each change of how jobs are stopped.
VERSIONS: Final = (
    "3.1.7",
    "3.4.0",
    "3.50.2",
    "4.0.2",
    "4.8.0",
    "4.16.0",
    "4.20.1",
    "4.21.0",
    "4.22.0",
    "4.44.1",
    "5.0.2",
    "5.49.1",
    "6.31.0",
)
LIMITS: Final = Limits(
    connections=2,
    streams=3,
    mailbox=8,
    tombstones=4,
    early=4_000,
    header=2_000,
    body=20_000,
    event=3_000,
    job_buffer=2_000,
    buffer=6_000,
    cookies=3,
)
"""Small ones, so that a short run comes to them."""
ENDPOINTS: Final = ("/predict", "/count", "/story", "/tale", "/direct", "/listen")


class Request:
    """A request as the peer read it."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        url = urlsplit(target)
        self.method = method
        self.path = url.path.removeprefix("/gradio_api")
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.headers = headers
        self.body = body

    @property
    def session(self) -> str:
        """The session that it is about."""
        if "session_hash" in self.query:
            return self.query["session_hash"]
        return str(json.loads(self.body).get("session_hash", "")) if self.body[:1] == b"{" else ""

    @property
    def is_stream(self) -> bool:
        """Whether its answer is an event stream."""
        return self.method == "GET" and self.path in ("/queue/data", "/queue/join") and not self.is_socket

    @property
    def is_socket(self) -> bool:
        return "upgrade" in self.headers


class Line:
    """One connection, from the peer's side."""

    def __init__(self, command: Connect) -> None:
        self.id = command.connection
        self.state = "connecting"
        self.coming = bytearray()
        """What is on its way to the engine."""
        self.request: Request | None = None
        """The latest, until it is answered in full."""
        self.key: str | None = None
        """The job that a stream or a socket of its own carries."""
        self.chunked: bool | None = None
        """How the body of a stream is framed, once it has begun; None before, and for sockets."""
        self.live = False
        """A stream or a socket is open on it."""
        self.asked = False
        """The app has asked for the arguments of the job that it carries."""
        self.garbled = False
        """Something was sent on it that no server sends."""
        self.ended = False
        """The peer has ended its side."""
        self.paused = False
        self._read = bytearray()
        self._frames: FrameReader | None = None

    def heard(self, data: bytes) -> tuple[list[Request], list[dict[str, Any]]]:
        """What the engine asks and says with these bytes."""
        if self._frames is not None:
            return [], [
                json.loads(item.text) for item in self._frames.feed(data) if isinstance(item, Message)
            ]
        self._read += data
        requests: list[Request] = []
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            first, *fields = bytes(self._read[:end]).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
            size = end + 4 + int(headers.get("content-length", "0"))
            if len(self._read) < size:
                break
            method, target, _ = first.split(" ", 2)
            requests.append(Request(method, target, headers, bytes(self._read[end + 4 : size])))
            del self._read[:size]
        return requests, []

    def upgrade(self) -> None:
        """From now on the engine sends frames."""
        self._frames = FrameReader()


def whole_answer(body: bytes, status: int = 200, kind: str = "application/json", *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *fields]
    return "\r\n".join((*head, "", "")).encode("latin-1") + body


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + payload


class Hostile:
    """An engine, and all that its peers do."""

    def __init__(self, version: str = "6.31.0", *, limits: Limits = LIMITS, opened: bool = True) -> None:
        self.version = version
        self.limits = limits
        self.now = 1000.0
        self.lines: dict[ConnectionId, Line] = {}
        self.jobs: list[JobId] = []
        self.finished: dict[JobId, JobFinished] = {}
        self.values: dict[JobId, list[Any]] = {}
        self.status: dict[JobId, Status] = {}
        self.sizes: Counter[JobId] = Counter()
        """What the application has been told and has not taken."""
        self.newest: set[JobId] = set()
        self.opened = self.failed = self.closed = False
        self.said: Counter[str] = Counter()
        """By key: how many values the app yielded."""
        self.sessions: dict[str, str] = {}
        """The session of each key."""
        self.tainted: set[str] = set()
        """Keys of which something was made up, or lost on the way: nothing is known of their values."""
        self.keys = 0
        self.engine = Engine(URL, now=self.now, wall_clock=1.7e9, entropy=entropy(), limits=limits)
        self.settle()
        if opened:
            self.open()

    def open(self) -> None:
        """Answer in order until the app is open."""
        while not self.opened:
            line = next(iter(self.lines.values()))
            if line.state == "connecting":
                self.connect(line)
            self.right(line)
            self.deliver(line)

    # What the engine asks for and tells.

    def settle(self) -> None:
        for action in self.engine.drain():
            self.take(action)

    def take(self, action: Command | Event) -> None:
        match action:
            case Connect():
                assert action.connection not in self.lines
                self.lines[action.connection] = Line(action)
            case Send():
                line = self.lines[action.connection]
                assert line.state == "open", f"bytes for a connection that is {line.state}"
                assert action.data
                self.hear(line, action.data)
            case Close():
                line = self.lines[action.connection]
                assert line.state != "gone", "closed twice"
                line.state = "gone"
            case PauseReading() | ResumeReading():
                line = self.lines[action.connection]
                assert line.state == "open"
                line.paused = isinstance(action, PauseReading)
            case StartTls() | ShutdownWrite():
                raise AssertionError("nothing here is https, and nothing is half-closed")
            case NeedBody():
                raise AssertionError("no payload here holds a file")
            case _:
                self.tell(action)

    def tell(self, event: Event) -> None:
        assert not self.closed, f"{event} after the end of all"
        match event:
            case AppOpened():
                assert not self.opened
                self.opened = True
            case AppFailed():
                assert not self.opened
                self.failed = True
            case AppClosed():
                self.closed = True
            case Logged():
                pass
            case JobFinished():
                assert event.job not in self.finished, "ended twice"
                self.finished[event.job] = event
                self.check_result(event)
            case StatusChanged() | DataReceived() | LogReceived():
                assert event.job not in self.finished, f"{event} after the job's end"
                self.sizes[event.job] += event.size
                if isinstance(event, StatusChanged):
                    self.status[event.job] = event.status
                elif isinstance(event, DataReceived):
                    self.values.setdefault(event.job, []).append(event.data.value)

    def hear(self, line: Line, data: bytes) -> None:
        requests, messages = line.heard(data)
        for request in requests:
            line.request, line.live, line.chunked = request, False, None
            line.key, line.asked = None, False
            if request.is_socket or (request.is_stream and request.path == "/queue/join"):
                line.key = self.new_key(request.session)
        assert all(isinstance(message, dict) for message in messages)

    def new_key(self, session: str) -> str:
        self.keys += 1
        key = f"k{self.keys}"
        self.sessions[key] = session
        return key

    # What the application does.

    def submit(self, endpoint: str, **options: Any) -> JobId:
        job = self.engine.submit(endpoint, ["hi"], now=self.now, **options)
        self.jobs.append(job)
        if options.get("newest"):
            self.newest.add(job)
        self.settle()
        return job

    def consume(self, job: JobId) -> None:
        self.engine.consumed(job, self.sizes.pop(job, 0), self.now)
        self.settle()

    # What peers do.

    def connect(self, line: Line) -> None:
        line.state = "open"
        self.engine.connected(line.id, self.now)
        self.settle()

    def refuse(self, line: Line) -> None:
        line.state = "gone"
        self.engine.connect_failed(line.id, "connection refused", self.now)
        self.settle()

    def right(self, line: Line, *, chunked: bool = True) -> None:
        """Put the answer that a server would give on its way."""
        request = line.request
        if request is None or line.live:
            return
        if request.is_socket:
            key = accept_key(request.headers["sec-websocket-key"])
            line.upgrade()
            line.live = True
            line.coming += (
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                f"sec-websocket-accept: {key}\r\n\r\n"
            ).encode()
            return
        if request.is_stream:
            line.chunked, line.live = chunked, True
            framing = b"transfer-encoding: chunked\r\n" if chunked else b""
            line.coming += b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + framing + b"\r\n"
            return
        line.request = None
        body: Any = {"success": True}
        if request.path == "/config":
            body = config(self.version)
        elif request.path == "/queue/join":
            body = {"event_id": self.new_key(request.session)}
        elif request.path.startswith(("/run", "/api")):
            body = {"data": ["done"]}
        line.coming += whole_answer(json.dumps(body).encode())

    def say(self, line: Line, text: bytes) -> None:
        """Put a message on its way, over a stream or a socket that is open."""
        if not line.live:
            return
        if line.chunked is None:
            line.coming += frame(1, text)
        else:
            event = b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
            line.coming += b"%x\r\n%b\r\n" % (len(event), event) if line.chunked else event

    def message(self, line: Line, key: str | None, msg: str, **fields: Any) -> None:
        name = {} if line.key is not None and msg != "send_data" else {"event_id": key}
        self.say(line, json.dumps({"msg": msg, **name, **fields}).encode())

    def keys_of(self, line: Line) -> list[str]:
        """The jobs of which a server would speak on this stream."""
        if line.key is not None:
            return [line.key]
        assert line.request is not None
        return [
            key
            for key, session in self.sessions.items()
            if session == line.request.session and key in self.open_keys
        ]

    @property
    def open_keys(self) -> set[str]:
        """Those of joins, which the app has not said the end of."""
        return {key for key in self.sessions if self.said[key] < 1_000}

    def value(self, line: Line, key: str, *, last: bool = False) -> None:
        """The app yields once more, or returns what it yielded last."""
        if line.garbled:
            self.tainted.add(key)
        count = self.said[key]
        if last:
            text = _text(key, max(count, 1))
            self.said[key] = 1_000 + max(count, 1)
            self.message(line, key, "process_completed", success=True, output={"data": [text]})
            return
        self.said[key] += 1
        data: list[Any] = [_text(key, count + 1)]
        if count and line.key is None and self.version >= "4.17":
            data = [[["append", [], f"|{count}"]]]
        self.message(line, key, "process_generating", success=True, output={"data": data})

    def ask(self, line: Line) -> None:
        """It is the turn of the job that a stream or a socket of its own carries: ask for what it is about, once."""
        if line.live and line.key is not None and not line.asked:
            line.asked = True
            if line.chunked is None and self.version >= "3.3":
                self.message(line, None, "send_hash")
            self.message(line, line.key, "send_data")

    def go_on(self) -> None:
        """All peers do what servers do, until nothing is to be done."""
        for line in list(self.lines.values()):
            if line.state == "connecting":
                self.connect(line)
            if line.state == "open" and not line.ended:
                self.engine.flushed(line.id, self.now)
                self.settle()
                self.right(line)
                self.ask(line)
                self.deliver(line)

    def deliver(self, line: Line, most: int | None = None) -> None:
        """Bring what is on its way, or the first bytes of it."""
        piece = bytes(line.coming[:most])
        del line.coming[: len(piece)]
        if piece and line.state == "open" and not line.ended:
            self.engine.received(line.id, piece, self.now)
            self.settle()

    def end(self, line: Line) -> None:
        """The peer ends its side in order, after all that it had to say."""
        self.deliver(line)
        if line.state == "open":
            line.ended, line.live = True, False
            self.engine.peer_closed(line.id, self.now)
            self.settle()

    def finish_stream(self, line: Line) -> None:
        """End a stream in order; the connection stays."""
        if line.live and line.chunked:
            line.coming += b"0\r\n\r\n"
            line.live = False

    def lose(self, line: Line) -> None:
        line.state = "gone"
        self.engine.lost(line.id, "connection reset", self.now)
        self.settle()

    def tick(self, now: float) -> None:
        self.now = max(self.now, now)
        self.engine.tick(now)
        self.settle()
        deadline = self.engine.deadline
        assert deadline is None or deadline > self.now, "what is due has been done"

    # What must hold.

    def check(self) -> None:
        """After any input."""
        session = self.engine._session
        assert set(session._jobs) == set(self.jobs) - set(self.finished)
        for job, transport in session._jobs.values():
            self.check_job(job, transport)
        self.check_values()
        self.check_exchanges()
        self.check_bounds()
        if self.closed:
            self.check_nothing_remains()

    def check_job(self, job: Job, transport: Transport) -> None:
        """An open job has something under way, or waits for a timer."""
        session = self.engine._session
        timers, exchanges = session._timers, session._exchanges
        if isinstance(transport, DirectCalls):
            assert timers.armed(Timer.REQUEST, transport._exchanges[job.id])
        elif isinstance(transport, JobStreams):
            stream = transport._calls[job.id].stream
            assert stream in exchanges._streams
            assert timers.armed(Timer.IDLE, stream) or self.paused(stream)
        elif isinstance(transport, WebSockets):
            call = transport._calls[job.id]
            if call.state is SocketState.IN_LINE:
                fn_index = job.endpoint.fn_index
                first = transport._lines[fn_index][0]
                assert first.state is not SocketState.IN_LINE or timers.armed(Timer.REST, fn_index)
                return
            assert call.exchange is not None
            assert call.exchange in exchanges._sockets
            if call.state is SocketState.OPENING:
                assert timers.armed(Timer.REQUEST, call.exchange)
            elif not self.paused(call.exchange):
                connection = self.engine._wire._exchanges[call.exchange].connection
                assert connection is not None
                assert self.engine._wire._timers.armed(WireTimer.SILENCE, connection.id)
        else:
            assert isinstance(transport, SharedStream)
            joining = [exchange for exchange, other in transport._joining.items() if other is job]
            if transport._admission.holds(job):
                others = [other for other in transport._joining.values() if other.endpoint is job.endpoint]
                assert others or timers.armed(Timer.HELD, job.endpoint.fn_index)
            elif joining:
                assert timers.armed(Timer.REQUEST, joining[0])
            else:
                assert job in transport._jobs.values()
                shared = transport._stream
                assert shared is not None
                assert shared in exchanges._streams
                assert timers.armed(Timer.IDLE, shared) or self.paused(shared)

    def paused(self, exchange: Any) -> bool:
        return self.engine._wire._exchanges[exchange].paused

    def check_exchanges(self) -> None:
        """The two storeys agree, and a session has one reader."""
        exchanges, wire = self.engine._session._exchanges, self.engine._wire
        above = {*exchanges._requests, *exchanges._streams, *exchanges._sockets}
        assert above <= set(wire._exchanges)
        # Below, a websocket lives on until the peer has answered the close frame.
        assert all(wire._exchanges[exchange].socket for exchange in set(wire._exchanges) - above)
        readers = Counter(
            str(exchange.url) for exchange in wire._exchanges.values() if "/queue/data?" in str(exchange.url)
        )
        assert all(count == 1 for count in readers.values()), readers
        here = {line.id for line in self.lines.values() if line.state != "gone"}
        assert set(wire._connections._connections) == here

    def check_bounds(self) -> None:
        """Whatever could grow is within its limit."""
        limits, session, wire = self.limits, self.engine._session, self.engine._wire
        assert len(wire._cookies) <= limits.cookies
        for timers in (session._timers, wire._timers):
            assert len(timers._heap) <= 2 * len(timers._due) + 64
        for site in wire._connections._pool._sites.values():
            assert site.busy[0] <= limits.connections
            assert site.busy[1] <= limits.streams
            assert len(site.idle) <= limits.connections
        for request in session._exchanges._requests.values():
            assert len(request.body) <= limits.body
        for transport in (*session._transports._shared.values(), *session._transports._isolated):
            if isinstance(transport, SharedStream):
                assert transport._mail_count <= limits.mailbox
                assert transport._mail_size <= limits.early
                assert transport._mail_count == sum(map(len, transport._mailbox.values()))
                assert len(transport.stopping._ended) <= limits.tombstones
                assert len(transport._decoder._cut) + transport._decoder._size <= 2 * limits.event
            elif isinstance(transport, JobStreams):
                for call in transport._calls.values():
                    assert len(call.decoder._cut) + call.decoder._size <= 2 * limits.event
        for exchange in wire._exchanges.values():
            if exchange.connection is not None and exchange.connection.websocket is not None:
                assert len(exchange.connection.websocket._buffer) <= limits.event
        open_jobs = [job for job, _ in session._jobs.values()]
        assert session._board.open == len(open_jobs)
        assert session._board.outstanding == sum(job.outstanding for job in open_jobs if not job.newest)
        for job in open_jobs:
            assert job.outstanding == self.sizes[job.id]

    def check_values(self) -> None:
        """The values of a job are those of one key, complete and in order."""
        for values in self.values.values():
            key = values[0].partition("|")[0] if isinstance(values[0], str) else ""
            if key in self.sessions and key not in self.tainted:
                assert values == [_text(key, i + 1) for i in range(len(values))]

    def check_result(self, finished: JobFinished) -> None:
        values = self.values.get(finished.job, [])
        if finished.status.success and values and isinstance(values[0], str):
            key = values[0].partition("|")[0]
            if key in self.sessions and key not in self.tainted:
                assert len(values) == self.said[key] - 1_000, "all that the app yielded"
        assert (finished.error is None) == (finished.status.success is True)

    def check_nothing_remains(self) -> None:
        assert set(self.finished) == set(self.jobs)
        assert self.engine.deadline is None
        assert all(line.state == "gone" for line in self.lines.values())
        assert not self.engine._wire._exchanges
        assert not self.engine._session._exchanges.open

    # How it ends.

    def wait_for_all(self) -> None:
        """No peer says a word any more: each job ends by itself, one after the other at the worst."""
        limit = self.now + 700.0 * (len(self.jobs) + 2)
        while set(self.jobs) - set(self.finished):
            for job in self.jobs:
                self.consume(job)
            for line in list(self.lines.values()):
                if line.state == "connecting":
                    self.connect(line)
            if set(self.jobs) <= set(self.finished):
                break
            deadline = self.engine.deadline
            assert deadline is not None, "a job is open, and nothing is waited for"
            assert deadline < limit
            self.tick(deadline)
            self.check()

    def shut(self) -> None:
        """Close, and see that nothing remains, whatever still comes."""
        self.engine.close(self.now)
        self.settle()
        for _ in range(100):
            if self.engine.deadline is None:
                break
            self.tick(self.engine.deadline)
        assert self.closed
        self.check()
        for line in self.lines.values():
            self.engine.received(line.id, b"late", self.now)
            self.engine.peer_closed(line.id, self.now)
            self.engine.lost(line.id, "late", self.now)
        self.engine.close(self.now)
        assert self.engine.drain() == []


def _text(key: str, count: int) -> str:
    return key + "".join(f"|{i}" for i in range(count))


__all__ = [
    "ENDPOINTS",
    "LIMITS",
    "VERSIONS",
    "ConnectionState",
    "Hostile",
    "Line",
    "SessionState",
    "frame",
    "struct",
]
