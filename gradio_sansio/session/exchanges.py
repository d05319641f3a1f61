"""The session's HTTP: whose exchange is whose, and how long it may take.

A machine of the session asks for a *request*, whose whole answer it gets in one call, or for a *stream*, whose pieces it gets as
they come. Each exchange ends with one call to its owner, unless the owner aborted it; late reports of an ended one are ignored.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ExchangeCommand,
    ExchangeId,
    Headers,
    OpenSocket,
    PauseExchange,
    PulledBody,
    Redirects,
    ResumeExchange,
    SendBody,
    SendMessage,
    StartExchange,
)
from gradio_sansio.errors import DeadlineExceeded, GradioError, LocalProtocolError, RemoteProtocolError
from gradio_sansio.events import Event
from gradio_sansio.limits import Limits
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.symbol import Symbol
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url


class Timer(Symbol):
    """What the session waits for. Keys are exchange ids, job ids, function indices, or 0 where there is only one."""

    REQUEST = "a request's answer"
    IDLE = "anything on a stream"
    JOB = "a job's own timeout"
    KILL = "the rest of what the server had to say, before a job is killed"
    HELD = "a kill to have reached the server"
    SUSPECT = "a word of a job that a kill may have met"
    REST = "a generator of 3.x to be cleared away"
    OPENING = "the app, as a whole"
    CONFIG = "the app's description to be asked for, before its config is read"
    WAKING = "a Space, as a whole"
    POLL = "how a Space stands by now"
    HUB = "the Hub to be asked the same again"
    CLOSING = "the grace for closing"


class Response(Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: Headers
    url: str
    body: bytes


class Requester(Protocol):
    """Who asks for whole answers."""

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None: ...


class Uploader(Requester, Protocol):
    """Who sends a body piece by piece, and then gets a whole answer."""

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None: ...


class StreamReader(Protocol):
    """Who reads a stream."""

    def stream_started(self, exchange: ExchangeId, status: int, headers: Headers, now: float) -> None: ...
    def stream_received(self, exchange: ExchangeId, data: bytes, now: float) -> None: ...
    def stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None: ...


class SocketUser(Protocol):
    """Who speaks over a websocket."""

    def socket_opened(self, exchange: ExchangeId, now: float) -> None: ...
    def socket_received(self, exchange: ExchangeId, data: bytes, now: float) -> None: ...
    def socket_ended(self, exchange: ExchangeId, outcome: int | Response | GradioError, now: float) -> None:
        """With a close code, or the server's answer where it refused to open it, or what went wrong."""


class _Request:
    """A request under way, with what has come of its answer."""

    __slots__ = ("body", "headers", "limit", "limit_name", "owner", "seconds", "status", "uploader", "url")

    def __init__(
        self, owner: Requester, url: Url, limit_name: str, seconds: float, uploader: Uploader | None = None
    ) -> None:
        self.owner = owner
        self.uploader = uploader
        self.status = 0
        self.headers: Headers = ()
        self.url = url.redacted
        self.body = bytearray()
        self.limit_name = limit_name
        self.seconds = seconds


class _Refusal:
    """Who is told where a websocket isn't opened: an ordinary answer, or none, is the end of it then."""

    __slots__ = ("_user",)

    def __init__(self, user: SocketUser) -> None:
        self._user = user

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        self._user.socket_ended(exchange, result, now)


class Exchanges:
    """Starts exchanges and hands what comes of them to their owners."""

    def __init__(
        self,
        actions: list[ExchangeCommand | Event],
        timers: Timers[Timer],
        credentials: Credentials,
        limits: Limits,
    ) -> None:
        self._actions = actions
        self._timers = timers
        self._credentials = credentials
        self._limits = limits
        self._issued = 0
        self._requests: dict[ExchangeId, _Request] = {}
        self._streams: dict[ExchangeId, tuple[StreamReader, str]] = {}
        """Each with its limit for silence."""
        self._sockets: dict[ExchangeId, SocketUser] = {}

    @property
    def open(self) -> bool:
        """Whether any exchange is under way."""
        return bool(self._requests or self._streams or self._sockets)

    # What the machines ask for.

    def request(
        self,
        owner: Requester,
        method: str,
        url: Url,
        now: float,
        *,
        headers: Headers = (),
        body: bytes = b"",
        redirects: Redirects = Redirects.NONE,
        limit: str = "request",
    ) -> ExchangeId:
        """Ask for a whole answer, within the limit of ``Limits`` that is named."""
        seconds: float = getattr(self._limits, limit)
        exchange = self._start(
            method,
            url,
            headers,
            body=body,
            redirects=redirects,
            compressed=True,
            long_lived=limit != "request",
        )
        self._requests[exchange] = _Request(owner, url, limit, seconds)
        self._timers.arm(Timer.REQUEST, exchange, now + seconds)
        return exchange

    def upload(self, owner: Uploader, url: Url, now: float, *, content_type: str, length: int) -> ExchangeId:
        """POST a body that the owner sends piece by piece. ``Limits.idle`` begins anew with each of them."""
        exchange = self._start(
            "POST",
            url,
            (("content-type", content_type),),
            body=PulledBody(length),
            compressed=True,
            long_lived=True,
        )
        self._requests[exchange] = _Request(owner, url, "idle", self._limits.idle, owner)
        self._timers.arm(Timer.REQUEST, exchange, now + self._limits.idle)
        return exchange

    def send_body(self, exchange: ExchangeId, data: bytes, last: bool, now: float) -> None:
        """The next piece, after ``body_wanted``."""
        self._timers.arm(Timer.REQUEST, exchange, now + self._limits.idle)
        self._actions.append(SendBody(exchange, data, last))

    def stream(
        self,
        owner: StreamReader,
        url: Url,
        now: float,
        *,
        limit: str = "idle",
        accept: str = "text/event-stream",
        redirects: Redirects = Redirects.NONE,
    ) -> ExchangeId:
        """Open an event stream, or get what is too large to be held; the limit of ``Limits`` for its silence starts at once."""
        exchange = self._start("GET", url, (("accept", accept),), redirects=redirects, long_lived=True)
        self._streams[exchange] = owner, limit
        self._await(exchange, limit, now)
        return exchange

    def _await(self, exchange: ExchangeId, limit: str, now: float) -> None:
        """Let the limit for a stream's silence begin anew."""
        self._timers.arm(Timer.IDLE, exchange, now + getattr(self._limits, limit))

    def socket(self, user: SocketUser, url: Url, now: float) -> ExchangeId:
        """Open a websocket, within ``Limits.request``; how long it may be silent then is the lower storey's business."""
        exchange = self._issue()
        self._actions.append(OpenSocket(exchange, str(url), self._credentials.headers_for(url.origin)))
        self._sockets[exchange] = user
        self._requests[exchange] = _Request(_Refusal(user), url, "request", self._limits.request)
        self._timers.arm(Timer.REQUEST, exchange, now + self._limits.request)
        return exchange

    def send(self, exchange: ExchangeId, text: bytes) -> None:
        """Send a message over a websocket that is open."""
        self._actions.append(SendMessage(exchange, text.decode()))

    def close_socket(self, exchange: ExchangeId) -> None:
        """End a websocket in order; its user hears no more of it."""
        if self._requests.pop(exchange, None) is not None:
            self._timers.disarm(Timer.REQUEST, exchange)
        if self._sockets.pop(exchange, None) is not None:
            self._actions.append(CloseSocket(exchange))

    def _issue(self) -> ExchangeId:
        self._issued += 1
        return ExchangeId(self._issued)

    def _start(
        self,
        method: str,
        url: Url,
        headers: Headers,
        *,
        body: bytes | PulledBody = b"",
        redirects: Redirects = Redirects.NONE,
        compressed: bool = False,
        long_lived: bool = False,
    ) -> ExchangeId:
        exchange = self._issue()
        self._actions.append(
            StartExchange(
                exchange=exchange,
                method=method,
                url=str(url),
                headers=self._credentials.headers_for(url.origin) + headers,
                body=body,
                redirects=redirects,
                compressed=compressed,
                long_lived=long_lived,
            )
        )
        return exchange

    def abort(self, exchange: ExchangeId) -> None:
        """Drop an exchange, if it is still under way; its owner hears no more of it."""
        socket = self._sockets.pop(exchange, None)
        if self._requests.pop(exchange, None) is not None:
            self._timers.disarm(Timer.REQUEST, exchange)
        elif self._streams.pop(exchange, None) is not None:
            self._timers.disarm(Timer.IDLE, exchange)
        elif socket is None:
            return
        self._actions.append(AbortExchange(exchange))

    def abort_all(self) -> None:
        for exchange in (*self._requests, *self._streams, *self._sockets):
            self.abort(exchange)

    def pause(self, exchange: ExchangeId) -> None:
        """Hold a stream back; its silence means nothing meanwhile."""
        self._timers.disarm(Timer.IDLE, exchange)
        self._actions.append(PauseExchange(exchange))

    def resume(self, exchange: ExchangeId, now: float) -> None:
        if exchange in self._streams:
            self._await(exchange, self._streams[exchange][1], now)
        self._actions.append(ResumeExchange(exchange))

    # What the storey below reports.

    def response_started(
        self, exchange: ExchangeId, status: int, headers: Headers, url: str, now: float
    ) -> None:
        request = self._requests.get(exchange)
        if request is not None:
            request.status, request.headers, request.url = status, headers, url.partition("?")[0]
        elif (stream := self._streams.get(exchange)) is not None:
            reader, limit = stream
            self._await(exchange, limit, now)
            reader.stream_started(exchange, status, headers, now)
        else:
            self.check_issued(exchange)

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None:
        request = self._requests.get(exchange)
        if request is None or request.uploader is None:
            self.check_issued(exchange)
        else:
            self._timers.arm(Timer.REQUEST, exchange, now + request.seconds)
            request.uploader.body_wanted(exchange, max_bytes, now)

    def body_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        stream = self._streams.get(exchange)
        if stream is not None:
            reader, limit = stream
            if self._timers.armed(Timer.IDLE, exchange):
                self._await(exchange, limit, now)
            reader.stream_received(exchange, data, now)
        elif (request := self._requests.get(exchange)) is not None:
            request.body += data
            if len(request.body) > self._limits.body:
                self.abort(exchange)
                seen = f"more than {self._limits.body} bytes"
                error = RemoteProtocolError(
                    f"the answer from {request.url} is too long: {seen} (Limits.body)",
                    expected="a shorter answer",
                    seen=seen,
                )
                request.owner.answered(exchange, error, now)
        else:
            self.check_issued(exchange)

    def ended(self, exchange: ExchangeId, now: float) -> None:
        request = self._requests.pop(exchange, None)
        if request is not None:
            self._sockets.pop(exchange, None)
            self._timers.disarm(Timer.REQUEST, exchange)
            response = Response(request.status, request.headers, request.url, bytes(request.body))
            request.owner.answered(exchange, response, now)
        else:
            self._stream_ended(exchange, None, now)

    def failed(self, exchange: ExchangeId, error: GradioError, now: float) -> None:
        request = self._requests.pop(exchange, None)
        socket = self._sockets.pop(exchange, None)
        if request is not None:
            self._timers.disarm(Timer.REQUEST, exchange)
            request.owner.answered(exchange, error, now)
        elif socket is not None:
            socket.socket_ended(exchange, error, now)
        else:
            self._stream_ended(exchange, error, now)

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        socket = self._sockets.get(exchange)
        if socket is not None:
            del self._requests[exchange]
            self._timers.disarm(Timer.REQUEST, exchange)
            socket.socket_opened(exchange, now)
        else:
            self.check_issued(exchange)

    def socket_received(self, exchange: ExchangeId, text: str | bytes, now: float) -> None:
        socket = self._sockets.get(exchange)
        if socket is not None:
            socket.socket_received(exchange, text.encode() if isinstance(text, str) else text, now)
        else:
            self.check_issued(exchange)

    def socket_closed(self, exchange: ExchangeId, code: int, now: float) -> None:
        socket = self._sockets.pop(exchange, None)
        if socket is not None:
            if self._requests.pop(exchange, None) is not None:
                self._timers.disarm(Timer.REQUEST, exchange)
            socket.socket_ended(exchange, code, now)
        else:
            self.check_issued(exchange)

    def expired(self, exchange: ExchangeId, now: float) -> None:
        """The exchange's timer fired."""
        request = self._requests.get(exchange)
        stream = self._streams.get(exchange)
        self.abort(exchange)
        if request is not None:
            text = f"no answer from {request.url} within {request.seconds:g} s (Limits.{request.limit_name})"
            request.owner.answered(exchange, DeadlineExceeded(text, limit=request.limit_name), now)
        elif stream is not None:
            reader, limit = stream
            text = f"the server has been silent for {getattr(self._limits, limit):g} s (Limits.{limit})"
            reader.stream_ended(exchange, DeadlineExceeded(text, limit=limit), now)

    def _stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None:
        stream = self._streams.pop(exchange, None)
        if stream is None:
            self.check_issued(exchange)
            return
        self._timers.disarm(Timer.IDLE, exchange)
        stream[0].stream_ended(exchange, error, now)

    def check_issued(self, exchange: ExchangeId) -> None:
        """``LocalProtocolError`` for an exchange that there never was."""
        if not 0 < exchange <= self._issued:
            raise LocalProtocolError(
                f"there is no exchange {exchange}", state=f"{self._issued} exchanges begun"
            )
