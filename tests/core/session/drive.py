"""A session that is driven by hand: the test performs its exchanges, which are held to the rules meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gradio_sansio import Limits, Session
from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ExchangeId,
    OpenSocket,
    SendMessage,
    StartExchange,
)
from gradio_sansio.events import (
    AppClosed,
    AppOpened,
    DataReceived,
    JobFinished,
    JobId,
    Logged,
    LogReceived,
    StatusChanged,
)
from gradio_sansio.session.session import SessionState
from tests.core.virtual import URL, entropy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradio_sansio.commands import ExchangeCommand
    from gradio_sansio.errors import GradioError
    from gradio_sansio.events import Event

PREDICT, COUNT, STORY, TALE, DIRECT, LISTEN, LISTEN_ON = range(7)
TEXT, STATE = 0, 1
GENERATOR = {"types": {"generator": True}}
STATEFUL = {"inputs": [TEXT, STATE], "outputs": [TEXT, STATE]}
FUNCTIONS: list[dict[str, Any]] = [
    {"api_name": "predict"},
    {"api_name": "count", **GENERATOR},
    {"api_name": "story", **GENERATOR, **STATEFUL},
    {"api_name": "tale", **GENERATOR, **STATEFUL},
    {"api_name": "direct", "queue": False},
    {"api_name": "listen", "connection": "stream", "time_limit": 30},
    {"api_name": "listen_on", "connection": "stream", "time_limit": None},
]
PROTOCOLS = {
    (4, 0, 0): None,
    (4, 9, 0): "sse",
    (4, 17, 0): "sse_v1",
    (4, 21, 0): "sse_v2",
    (4, 22, 0): "sse_v2.1",
    (9, 0, 0): "sse_v3",
}
STREAM = (("content-type", "text/event-stream; charset=utf-8"),)
JSON = (("content-type", "application/json"),)


def config(version: str) -> dict[str, Any]:
    """An app with one function of each kind."""
    numbers = tuple(map(int, version.split(".")))
    protocol = next(protocol for end, protocol in PROTOCOLS.items() if numbers < end)
    return {
        "version": version,
        **({} if protocol is None else {"protocol": protocol}),
        "components": [{"id": TEXT, "type": "textbox"}, {"id": STATE, "type": "state"}],
        "dependencies": [{"inputs": [TEXT], "outputs": [TEXT], **function} for function in FUNCTIONS],
    }


class Drive:
    """A session of an app of that version, open, at time 0."""

    def __init__(
        self, version: str, *, limits: Limits | None = None, changes: Mapping[str, Any] | None = None
    ) -> None:
        self.now = 0.0
        self.session = Session(URL, now=0.0, wall_clock=1000.0, entropy=entropy(), limits=limits)
        self.commands: list[ExchangeCommand] = []
        self.events: list[Event] = []
        self.over: set[ExchangeId] = set()
        """Exchanges that have ended, one way or the other."""
        self.pump()
        self.answer({**config(version), **(changes or {})})
        self.answer({}, status=404)
        assert self.happened(AppOpened)
        self.commands.clear()

    def pump(self) -> None:
        """Take what the session asks for, and hold it to the rules."""
        for action in self.session.drain():
            exchange = getattr(action, "exchange", None)
            if exchange is None:
                self.take(action)  # type: ignore[arg-type]
            else:
                assert exchange not in self.over, f"{action} for an exchange that has ended"
                self.commands.append(action)  # type: ignore[arg-type]
                if isinstance(action, (AbortExchange, CloseSocket)):
                    self.over.add(exchange)
        if self.session.state is SessionState.CLOSED:
            assert self.session.deadline is None
        self.check_open()

    def take(self, event: Event) -> None:
        if isinstance(event, (StatusChanged, DataReceived, LogReceived, JobFinished)):
            assert self.ended(event.job) is None, f"{event} after its job's end"
        self.events.append(event)

    def check_open(self) -> None:
        """Whoever is open waits for something that will come, or for its turn."""
        started = {c.exchange for c in self.commands if isinstance(c, (StartExchange, OpenSocket))}
        if self.session._jobs:
            assert started - self.over or self.session.deadline is not None
        elif not started - self.over:
            assert not self.session._exchanges.open

    def happened(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self.events)

    # What the application does.

    def submit(self, endpoint: str | int, *payload: Any, **options: Any) -> JobId:
        job = self.session.submit(endpoint, list(payload or ("hi",)), now=self.now, **options)
        self.pump()
        return job

    def cancel(self, job: JobId) -> None:
        self.session.cancel(job, self.now)
        self.pump()

    def send(self, job: JobId, *payload: Any) -> None:
        self.session.send(job, list(payload), self.now)
        self.pump()

    def end(self, job: JobId) -> None:
        self.session.end(job, self.now)
        self.pump()

    def consumed(self, job: JobId, n: int | None = None) -> None:
        """That many bytes of events have been taken, or all of them."""
        held = sum(e.size for e in self.told(job) if not isinstance(e, JobFinished))
        self.session.consumed(job, held if n is None else n, self.now)
        self.pump()

    def wait(self, seconds: float) -> None:
        """Time passes, as a punctual driver sees it."""
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.session.tick(self.now)
            self.pump()
        self.now = end

    def close(self) -> None:
        self.session.close(self.now)
        self.pump()

    def finish(self) -> None:
        """Close, and see that nothing remains."""
        self.close()
        self.wait(10.0)
        assert isinstance(self.events[-1], AppClosed)
        assert self.session.deadline is None
        assert not self.session._jobs
        count = len(self.events), len(self.commands)
        self.wait(1000.0)
        assert (len(self.events), len(self.commands)) == count

    # What came of it.

    def told(self, job: JobId) -> list[StatusChanged | DataReceived | LogReceived | JobFinished]:
        kinds = (StatusChanged, DataReceived, LogReceived, JobFinished)
        return [e for e in self.events if isinstance(e, kinds) and e.job == job]

    def ended(self, job: JobId) -> JobFinished | None:
        return next((e for e in self.events if isinstance(e, JobFinished) and e.job == job), None)

    def error(self, job: JobId) -> GradioError | None:
        ended = self.ended(job)
        assert ended is not None, "the job is open"
        return ended.error

    def values(self, job: JobId) -> list[Any]:
        return [e.data.value for e in self.events if isinstance(e, DataReceived) and e.job == job]

    @property
    def logged(self) -> list[str]:
        return [e.message for e in self.events if isinstance(e, Logged)]

    # What it asked for.

    @property
    def sockets(self) -> list[Socket]:
        """All websockets that were asked for."""
        return [Socket(self, c.exchange, c.url) for c in self.commands if isinstance(c, OpenSocket)]

    def requests(self, path: str, method: str = "POST") -> list[StartExchange]:
        """The requests to a path, without its query."""
        return [
            c
            for c in self.commands
            if isinstance(c, StartExchange)
            and c.method == method
            and c.url.removeprefix(URL).partition("?")[0] == path
        ]

    def posts(self, path: str) -> list[Any]:
        """What was posted to a path."""
        return [json.loads(bytes(request.body)) for request in self.requests(path)]  # type: ignore[arg-type]

    def of(self, kind: type[ExchangeCommand]) -> list[ExchangeId]:
        """The exchanges for which there was a command of a kind."""
        return [c.exchange for c in self.commands if isinstance(c, kind)]

    # What the server does.

    def answer(
        self, value: object = None, *, status: int = 200, to: StartExchange | ExchangeId | None = None
    ) -> None:
        """Answer a request, or else the last one."""
        if to is None:
            to = next(c for c in reversed(self.commands) if isinstance(c, StartExchange))
        exchange = to if isinstance(to, int) else to.exchange
        self.over.add(exchange)
        self.session.response_started(exchange, status, JSON, URL, self.now)
        self.session.body_received(exchange, json.dumps(value).encode(), self.now)
        self.session.exchange_ended(exchange, self.now)
        self.pump()

    def fail(self, exchange: ExchangeId, error: GradioError) -> None:
        self.over.add(exchange)
        self.session.exchange_failed(exchange, error, self.now)
        self.pump()

    def begin(self, exchange: ExchangeId, status: int = 200, headers: Any = STREAM) -> None:
        """The head of a stream's answer."""
        self.session.response_started(exchange, status, headers, URL, self.now)
        self.pump()

    def write(self, exchange: ExchangeId, *messages: dict[str, Any] | bytes) -> None:
        """Events of a stream, or bytes in place of them, in one piece."""
        text = b"".join(
            m if isinstance(m, bytes) else b"data: %b\n\n" % json.dumps(m).encode() for m in messages
        )
        self.session.body_received(exchange, text, self.now)
        self.pump()

    def finish_stream(self, exchange: ExchangeId) -> None:
        self.over.add(exchange)
        self.session.exchange_ended(exchange, self.now)
        self.pump()


class Socket:
    """One websocket, as the server sees it."""

    def __init__(self, drive: Drive, exchange: ExchangeId, url: str) -> None:
        self._drive = drive
        self.exchange = exchange
        self.url = url

    def open(self) -> None:
        self._drive.session.socket_opened(self.exchange, self._drive.now)
        self._drive.pump()

    def say(self, msg: str | bytes | None = None, **fields: Any) -> None:
        text = msg if isinstance(msg, bytes) else json.dumps({"msg": msg, **fields})
        self._drive.session.message_received(self.exchange, text, self._drive.now)
        self._drive.pump()

    def yields(self, *data: Any) -> None:
        self.say("process_generating", output={"data": list(data), "is_generating": True}, success=True)

    def completes(self, *data: Any) -> None:
        self.say("process_completed", output={"data": list(data), "is_generating": False}, success=True)

    def close(self, code: int = 1000) -> None:
        self._drive.over.add(self.exchange)
        self._drive.session.socket_closed(self.exchange, code, "", self._drive.now)
        self._drive.pump()

    @property
    def heard(self) -> list[Any]:
        """What the client said."""
        return [
            json.loads(c.text)
            for c in self._drive.commands
            if isinstance(c, SendMessage) and c.exchange == self.exchange
        ]

    @property
    def closed(self) -> bool:
        """The client closed it."""
        return self.exchange in self._drive.of(CloseSocket)

    def run(self, session_hash: bool = True) -> None:
        """Up to the start of the function."""
        self.open()
        if session_hash:
            self.say("send_hash")
        self.say("estimation", rank=0, queue_size=1)
        self.say("send_data")
        self.say("process_starts")
