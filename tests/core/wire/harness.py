"""A wire between a recorder above and a script below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradio_sansio.commands import (
    AbortExchange,
    Close,
    Connect,
    ConnectionId,
    ExchangeId,
    OpenSocket,
    PulledBody,
    Redirects,
    Send,
    StartExchange,
)
from gradio_sansio.limits import Limits
from gradio_sansio.wire.wire import Wire

if TYPE_CHECKING:
    from gradio_sansio.commands import Command, Headers, WireCommand
    from gradio_sansio.errors import GradioError
    from gradio_sansio.wire.proxy import ProxySettings

BASE = "http://app.test:7860"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
URL = f"{BASE}/config"
# For the key that comes of entropy that is all zero.
GRANTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n"
)
WALL = 1_700_000_000.0


def response(*lines: str, status: int = 200, body: bytes = b"ok") -> bytes:
    """An answer with these header lines."""
    head = [f"HTTP/1.1 {status} x", *lines, f"content-length: {len(body)}"]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """A short websocket frame as a server writes it."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, len(payload)]) + payload


class Recorder:
    """The storey above, which takes note."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def response_started(
        self, exchange: ExchangeId, status: int, headers: Headers, url: str, now: float
    ) -> None:
        del headers, now
        self.events.append(("response", exchange, status, url))

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None:
        del now
        self.events.append(("wanted", exchange, max_bytes))

    def body_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        del now
        assert data
        last = self.events[-1] if self.events else ()
        if last[:2] == ("body", exchange):
            # How a body is cut up says nothing.
            self.events[-1] = ("body", exchange, bytes(last[2]) + data)  # type: ignore[call-overload]
        else:
            self.events.append(("body", exchange, data))

    def exchange_ended(self, exchange: ExchangeId, now: float) -> None:
        del now
        self.events.append(("ended", exchange))

    def exchange_failed(self, exchange: ExchangeId, error: GradioError, now: float) -> None:
        del now
        self.events.append(("failed", exchange, error))

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        del now
        self.events.append(("opened", exchange))

    def message_received(self, exchange: ExchangeId, text: str | bytes, now: float) -> None:
        del now
        self.events.append(("message", exchange, text))

    def socket_closed(self, exchange: ExchangeId, code: int, reason: str, now: float) -> None:
        del now
        self.events.append(("closed", exchange, code, reason))


class Harness:
    """One wire, with what went up and down taken out piece by piece."""

    def __init__(self, limits: Limits | None = None, proxy: ProxySettings | None = None) -> None:
        self.upper = Recorder()
        self.actions: list[Command] = []
        self.now = 1000.0
        self.wire = Wire(
            self.upper,
            self.actions,
            limits=Limits() if limits is None else limits,
            entropy=bytes,
            now=self.now,
            wall_clock=WALL,
            proxy=proxy,
        )
        self._exchanges = 0

    def events(self) -> list[tuple[object, ...]]:
        """What went up since the last time."""
        result, self.upper.events = self.upper.events, []
        return result

    def commands(self) -> list[Command]:
        """What went down since the last time."""
        result = list(self.actions)
        self.actions.clear()
        return result

    def error(self) -> GradioError:
        """The error of the one failure that went up since the last time."""
        (event,) = self.events()
        assert event[0] == "failed"
        return event[2]  # type: ignore[return-value]

    def execute(self, command: WireCommand) -> None:
        self.wire.execute(command, self.now)

    def start(
        self,
        url: str = f"{BASE}/config",
        method: str = "GET",
        *,
        headers: Headers = (),
        body: bytes | PulledBody = b"",
        redirects: Redirects = Redirects.NONE,
        long_lived: bool = False,
        compressed: bool = False,
    ) -> ExchangeId:
        exchange = self._next()
        self.execute(
            StartExchange(
                exchange=exchange,
                method=method,
                url=url,
                headers=headers,
                body=body,
                redirects=redirects,
                long_lived=long_lived,
                compressed=compressed,
            )
        )
        return exchange

    def open_socket(self, url: str = f"{BASE}/queue/join", headers: Headers = ()) -> ExchangeId:
        exchange = self._next()
        self.execute(OpenSocket(exchange=exchange, url=url, headers=headers))
        return exchange

    def abort(self, exchange: ExchangeId) -> None:
        self.execute(AbortExchange(exchange=exchange))

    def connect(self) -> ConnectionId:
        """Let the one connection that was asked for be made."""
        (command,) = self.commands()
        assert isinstance(command, Connect)
        self.wire.connected(command.connection, self.now)
        return command.connection

    def sent(self) -> bytes:
        """What the one command since the last time sends."""
        (command,) = self.commands()
        assert isinstance(command, Send)
        return command.data

    def closed(self, conn: ConnectionId) -> bool:
        """Whether all that was asked for since the last time is to close this connection."""
        return self.commands() == [Close(conn)]

    def begun(self, *args: object, **kwargs: object) -> tuple[ExchangeId, ConnectionId]:
        """Start an exchange on a connection that was made for it, and let the request leave."""
        exchange = self.start(*args, **kwargs)  # type: ignore[arg-type]
        conn = self.connect()
        self.commands()
        self.wire.flushed(conn, self.now)
        return exchange, conn

    def rested(self) -> ConnectionId:
        """A connection that is idle after a first exchange."""
        _, conn = self.begun()
        self.wire.received(conn, OK, self.now)
        self.events()
        assert self.commands() == []
        return conn

    def received(self, conn: ConnectionId, data: bytes) -> None:
        self.wire.received(conn, data, self.now)

    def tick(self) -> None:
        """Let the time come to the deadline."""
        deadline = self.wire.deadline
        assert deadline is not None
        self.now = max(self.now, deadline)
        self.wire.tick(self.now)

    def _next(self) -> ExchangeId:
        exchange = ExchangeId(self._exchanges)
        self._exchanges += 1
        return exchange
