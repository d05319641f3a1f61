"""The wire storey as one machine: exchanges and websockets from above, bytes from below.

Rules:

- An exchange waits until `Connections` lends it a connection, and ends once: answered, failed or aborted.
- What the peer does is never an exception here: codecs raise, and `_pull` turns it into `exchange_failed`.
- A request is repeated once, on a connection made for it, if the one it was given had been idle and died without a byte of an
  answer, and if it changes nothing on the server (GET, HEAD) or nothing of it had left. All other losses are reported.
- Limits that pass more than `_LATE` seconds after they were due are set anew once: the program was held up, not the peer.

The states of exchanges stand in `exchange`, those of connections in `connection`.
"""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING, Final, assert_never

from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ConnectionId,
    OpenSocket,
    PauseExchange,
    PauseReading,
    PulledBody,
    ResumeExchange,
    ResumeReading,
    Send,
    SendBody,
    SendMessage,
    StartExchange,
)
from gradio_sansio.errors import DeadlineExceeded, LocalProtocolError, RemoteProtocolError
from gradio_sansio.timers import Timers
from gradio_sansio.wire import content, redirects, request
from gradio_sansio.wire.connection import ConnectionState
from gradio_sansio.wire.connections import Connections, Timer
from gradio_sansio.wire.cookies import CookieJar
from gradio_sansio.wire.exchange import Exchange, ExchangeInput, ExchangeState
from gradio_sansio.wire.http import END, Head, PeerGone, header_fault, method_fault
from gradio_sansio.wire.origin import Url

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.commands import ExchangeId, Headers, WireCommand
    from gradio_sansio.errors import GradioError
    from gradio_sansio.limits import Limits
    from gradio_sansio.wire.connection import Connection
    from gradio_sansio.wire.connections import Sink
    from gradio_sansio.wire.exchange import ExchangeReceiver
    from gradio_sansio.wire.proxy import ProxySettings
    from gradio_sansio.wire.websocket import Notice, WebSocket

_LATE: Final = 1.0
"""Seconds after which a timer that fires says more about the program than about the peer."""
_KEEP_ALIVE: Final = re.compile(r"timeout=([0-9]{1,9})")


class Wire:
    """Performs exchanges for ``upper``, with what ``actions`` tells an adapter to do.

    ``now`` is the adapter's monotonic clock, ``wall_clock`` the seconds since 1970 at that moment. After any call, carry out what
    was appended to ``actions`` and read ``deadline``.
    """

    def __init__(
        self,
        upper: ExchangeReceiver,
        actions: Sink,
        *,
        limits: Limits,
        entropy: Callable[[int], bytes],
        now: float,
        wall_clock: float,
        proxy: ProxySettings | None = None,
    ) -> None:
        self._upper = upper
        self._actions = actions
        self._limits = limits
        self._entropy = entropy
        self._wall_offset = wall_clock - now
        self._exchanges: dict[ExchangeId, Exchange] = {}
        self._newest = -1
        self._cookies = CookieJar(limits)
        self._timers: Timers[Timer] = Timers()
        self._connections = Connections(
            actions, self._timers, limits=limits, proxies=proxy, begin=self._begin, fail=self._fail
        )
        self._closed = False

    @property
    def deadline(self) -> float | None:
        """When to call ``tick``, or None."""
        return self._timers.deadline

    # Commands from above.

    def execute(self, command: WireCommand, now: float) -> None:
        """Carry out a command. Raises ``LocalProtocolError`` where it makes no sense, or would send what HTTP forbids.

        One for an exchange that has ended is ignored, since the end may have been on its way up.
        """
        match command:
            case StartExchange():
                self._start(
                    Exchange(
                        command.exchange,
                        command.method,
                        _url(command.url),
                        command.headers,
                        body=command.body,
                        redirects=command.redirects,
                        long_lived=command.long_lived,
                        compressed=command.compressed,
                    ),
                    now,
                )
            case OpenSocket():
                url = _url(command.url)
                self._start(
                    Exchange(command.exchange, "GET", url, command.headers, long_lived=True, socket=True), now
                )
            case SendBody():
                self._send_body(command)
            case AbortExchange():
                if (exchange := self._get(command.exchange)) is not None:
                    self._end(exchange)
                    self._connections.abandon(exchange, now)
            case PauseExchange():
                if (exchange := self._get(command.exchange)) is not None:
                    self._pause(exchange)
            case ResumeExchange():
                if (exchange := self._get(command.exchange)) is not None:
                    self._resume(exchange, now)
            case SendMessage():
                self._send_message(command)
            case CloseSocket():
                self._close_socket(command, now)
            case _:
                assert_never(command)

    def close(self, now: float) -> None:
        """Close every connection, and forget every exchange without a word. Nothing can be started afterwards."""
        self._connections.close()
        self._exchanges.clear()
        self._closed = True

    # Facts from below.

    def connected(self, conn: ConnectionId, now: float) -> None:
        """The TCP connection stands."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        if connection.state is not ConnectionState.OPENING:
            raise _misuse("connected", connection)
        self._connections.advance(connection, connection.connected(), now)

    def connect_failed(self, conn: ConnectionId, reason: str, now: float) -> None:
        """There will be no TCP connection; ``reason`` in a few words ("connection refused")."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        if connection.state is not ConnectionState.OPENING:
            raise _misuse("connect_failed", connection)
        connection.lost = True
        self._connections.not_made(connection, reason, now)

    def tls_started(self, conn: ConnectionId, now: float) -> None:
        """TLS stands."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        if connection.state is not ConnectionState.SECURING:
            raise _misuse("tls_started", connection)
        connection.tls_started()
        self._connections.advance(connection, None, now)

    def received(self, conn: ConnectionId, data: bytes, now: float) -> None:
        """Bytes came. Any number of them, but none is not the end: that is ``peer_closed``."""
        connection = self._connections.find(conn)
        if connection is None or not data:
            return
        match connection.state:
            case ConnectionState.BUSY:
                connection.answered = True
                (connection.websocket or connection.http).receive(data)
                exchange = connection.exchange
                if exchange is not None and not exchange.paused:
                    self._pull(connection, exchange, now)
            case ConnectionState.IDLE:
                # Nobody asked. It would pass for the answer to the next request.
                self._connections.drop_unused(connection)
            case ConnectionState.TUNNELLING:
                self._connections.advance(connection, connection.tunnel_received(data), now)
            case ConnectionState.LINGERING:
                pass
            case _:
                raise _misuse("received", connection)

    def flushed(self, conn: ConnectionId, now: float) -> None:
        """All that was to be sent has left."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        if connection.state is ConnectionState.LINGERING:
            self._connections.drop_unused(connection)
            return
        connection.flushed = True
        exchange = connection.exchange
        if exchange is None or exchange.state is not ExchangeState.SENDING:
            return
        http = connection.http
        if not isinstance(exchange.body, PulledBody):
            piece = http.more()
            assert piece is not None, "otherwise all was sent"
            self._send(connection, piece)
            if http.request_sent:
                exchange.on(ExchangeInput.REQUEST_SENT)
        elif not exchange.asked:
            exchange.asked = True
            self._upper.body_wanted(exchange.id, http.most, now)

    def peer_closed(self, conn: ConnectionId, now: float) -> None:
        """The peer sends no more. What it sent before was ``received`` before."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        if connection.exchange is not None:
            # The end may be how an answer ends. A pause holds nothing back any more: nothing else will come.
            connection.http.receive_eof()
            self._pull(connection, connection.exchange, now)
            if connection.state is not ConnectionState.BUSY:
                return
        self._gone(connection, "", now)

    def lost(self, conn: ConnectionId, reason: str, now: float) -> None:
        """The connection broke; ``reason`` in a few words ("connection reset")."""
        connection = self._connections.find(conn)
        if connection is None:
            return
        connection.lost = True
        if connection.exchange is not None and connection.exchange.paused:
            # What came before may be all that was missing.
            self._pull(connection, connection.exchange, now)
            if connection.state is not ConnectionState.BUSY:
                return
        self._gone(connection, reason, now)

    def tick(self, now: float) -> None:
        """Time passed. Does nothing before ``deadline``."""
        while (due := self._timers.pop_due(now)) is not None:
            timer, key, at = due
            connection = self._connections.find(ConnectionId(key))
            assert connection is not None, "the timers of a connection end with it"
            held_up = now - at > _LATE and not connection.late
            match timer:
                case Timer.CONNECT if held_up:
                    connection.late = True
                    self._timers.arm(timer, key, now + self._limits.connect)
                case Timer.SILENCE if held_up:
                    connection.late = True
                    self._timers.arm(timer, key, now + self._limits.idle)
                case Timer.CONNECT:
                    reason = f"nothing came of it within {self._limits.connect:g} s (Limits.connect)"
                    self._connections.not_made(connection, reason, now)
                case Timer.KEEP_ALIVE:
                    self._connections.drop_unused(connection)
                case Timer.PING:
                    assert connection.websocket is not None
                    self._send(connection, connection.websocket.ping())
                    self._timers.arm(Timer.PING, key, now + self._limits.ping)
                case Timer.SILENCE:
                    assert connection.exchange is not None
                    text = f"nothing came from {connection.origin.endpoint} within {self._limits.idle:g} s"
                    self._fail(
                        connection.exchange, DeadlineExceeded(f"{text} (Limits.idle)", limit="idle"), now
                    )
                case Timer.GRACE:
                    self._gone(connection, "", now)
                case _:
                    assert_never(timer)

    # Requests.

    def _start(self, exchange: Exchange, now: float) -> None:
        if self._closed:
            raise LocalProtocolError("nothing can be started after close", state="closed")
        if exchange.id <= self._newest:
            raise LocalProtocolError(f"exchange {exchange.id} was started before", state="started")
        fault = method_fault(exchange.method)
        for name, value in exchange.headers:
            fault = fault or header_fault(name, value)
        if isinstance(exchange.body, PulledBody) and (exchange.body.length or 0) < 0:
            fault = "the length of a body can't be negative"
        if fault is not None:
            raise LocalProtocolError(fault, state="new")
        self._newest = exchange.id
        self._exchanges[exchange.id] = exchange
        self._connections.wait(exchange, now)

    def _begin(self, exchange: Exchange, connection: Connection, now: float) -> None:
        """Send an exchange over the connection that it was given."""
        exchange.on(ExchangeInput.ASSIGNED)
        connection.serve(exchange)
        url, http, proxy = exchange.url, connection.http, connection.proxy
        target, authorization = url.target, None
        if proxy is not None and url.origin.scheme == "http":
            target, authorization = str(url), proxy.authorization
        handshake: Headers = ()
        if exchange.socket:
            from gradio_sansio.wire.websocket import WebSocket  # noqa: PLC0415  # only Gradio 3 needs it

            exchange.handshake = WebSocket(url.origin.endpoint, self._limits.event, self._entropy)
            handshake = exchange.handshake.fields
        cookie = self._cookies.header(url, now + self._wall_offset, request.own_cookie(exchange.headers))
        fields = request.fields(exchange, cookie, authorization, handshake)
        if isinstance(exchange.body, PulledBody):
            data = http.start_pulled(exchange.method, target, fields, exchange.body.length)
        else:
            data = http.start(exchange.method, target, fields, exchange.body)
        self._send(connection, data)
        if http.request_sent:
            exchange.on(ExchangeInput.REQUEST_SENT)
        if exchange.paused:
            self._actions.append(PauseReading(connection.id))

    def _send_body(self, command: SendBody) -> None:
        exchange = self._get(command.exchange)
        if exchange is None or exchange.state is ExchangeState.RECEIVING:
            # The answer came before the request was through.
            return
        connection = exchange.connection
        if connection is None or not exchange.asked:
            raise LocalProtocolError("no piece of a body was asked for", state=exchange.state.value)
        http, size = connection.http, len(command.data)
        last = command.last or size == http.remaining
        if not http.fits(size, last):
            raise LocalProtocolError(
                f"a piece of {size} bytes (last: {command.last}) where up to {http.most} were asked for"
                f" and {http.remaining} are missing",
                state=exchange.state.value,
            )
        exchange.asked = False
        if last:
            exchange.on(ExchangeInput.REQUEST_SENT)
        self._send(connection, http.send_piece(command.data, last))

    # Answers.

    def _pull(self, connection: Connection, exchange: Exchange, now: float) -> None:
        """Pass on what can be read of an answer or a websocket."""
        if connection.websocket is not None:
            self._pull_frames(connection, connection.websocket, exchange, now)
            return
        id, http, upper = exchange.id, connection.http, self._upper
        try:
            while True:
                event = http.next_event()
                if isinstance(event, bytes):
                    if exchange.decoder is None:
                        upper.body_received(id, event, now)
                    else:
                        for piece in exchange.decoder.decode(event):
                            upper.body_received(id, piece, now)
                elif event is None:
                    return
                elif event is END:
                    break
                elif not self._head(connection, exchange, event, now):
                    return
            if exchange.decoder is not None:
                exchange.decoder.finish()
        except RemoteProtocolError as error:
            self._fail(exchange, error, now)
        except PeerGone:
            self._gone(connection, "", now)
        else:
            self._end(exchange)
            upper.exchange_ended(id, now)
            self._connections.free(connection, exchange, reusable=True, now=now)

    def _head(self, connection: Connection, exchange: Exchange, head: Head, now: float) -> bool:
        """Take note of an answer's head; False where nothing of the answer is to be read any more."""
        url, status, headers = exchange.url, head.status, head.headers
        # uvicorn closes after a function of the server raised, without saying so: the next request would be lost.
        connection.keep = 0.0 if status == 500 else self._limits.keep_alive
        for name, value in headers:
            if name == "set-cookie":
                self._cookies.store(url, value, now + self._wall_offset)
            elif name == "keep-alive":
                connection.keep = min(connection.keep, _keep_alive(value))
        if status == 101:
            self._upgrade(connection, exchange, headers, now)
            return False
        if exchange.redirected < self._limits.redirects and isinstance(exchange.body, bytes):
            new = redirects.target(exchange.redirects, exchange.method, url, status, headers)
            if new is not None:
                self._redirect(connection, exchange, new, now)
                return False
        if exchange.method != "HEAD" and status not in (204, 304):
            limit = None if exchange.long_lived else self._limits.body
            exchange.decoder = content.decoder(headers, limit, url.origin.endpoint)
            if exchange.decoder is not None:
                headers = content.without_coding(headers)
        exchange.on(ExchangeInput.RESPONDED)
        self._upper.response_started(exchange.id, status, headers, str(url), now)
        return True

    def _redirect(self, connection: Connection, exchange: Exchange, new: Url, now: float) -> None:
        exchange.headers = redirects.carried(exchange.headers, exchange.url, new)
        exchange.url = new
        exchange.redirected += 1
        exchange.on(ExchangeInput.RETURNED)
        self._connections.free(connection, exchange, reusable=connection.http.skip(), now=now)
        self._connections.wait(exchange, now)

    def _gone(self, connection: Connection, reason: str, now: float) -> None:
        """The peer closed the connection, or it broke, or it is not waited for any longer."""
        exchange = connection.exchange
        if exchange is None:
            if connection.state in (ConnectionState.IDLE, ConnectionState.LINGERING):
                self._connections.drop_unused(connection)
            else:
                self._connections.not_made(connection, reason or "the connection was closed", now)
        elif connection.websocket is not None:
            self._noticed(connection, exchange, connection.websocket.broken_off(reason), now)
        elif connection.repeatable:
            exchange.retried = True
            exchange.on(ExchangeInput.RETURNED)
            self._connections.renew(connection, exchange, now)
        else:
            self._fail(exchange, connection.broken_off(reason), now)

    def _fail(self, exchange: Exchange, error: GradioError, now: float) -> None:
        self._end(exchange)
        self._upper.exchange_failed(exchange.id, error, now)
        self._connections.abandon(exchange, now)

    # Pauses.

    def _pause(self, exchange: Exchange) -> None:
        if exchange.paused:
            return
        exchange.paused = True
        connection = exchange.connection
        if connection is not None and connection.exchange is exchange:
            self._actions.append(PauseReading(connection.id))
            self._timers.disarm(Timer.SILENCE, connection.id)

    def _resume(self, exchange: Exchange, now: float) -> None:
        if not exchange.paused:
            return
        exchange.paused = False
        connection = exchange.connection
        if connection is None or connection.exchange is not exchange:
            return
        self._actions.append(ResumeReading(connection.id))
        self._pull(connection, exchange, now)

    # Websockets.

    def _upgrade(self, connection: Connection, exchange: Exchange, headers: Headers, now: float) -> None:
        socket = exchange.handshake
        assert socket is not None, "h11 takes no upgrade that was not asked for"
        socket.opened(headers)
        connection.websocket = socket
        exchange.on(ExchangeInput.UPGRADED)
        self._upper.socket_opened(exchange.id, now)
        self._timers.arm(Timer.PING, connection.id, now + self._limits.ping)
        socket.receive(connection.http.surplus())
        self._pull_frames(connection, socket, exchange, now)

    def _pull_frames(self, connection: Connection, socket: WebSocket, exchange: Exchange, now: float) -> None:
        if exchange.state is ExchangeState.OPEN:
            connection.late = False
            self._timers.arm(Timer.SILENCE, connection.id, now + self._limits.idle)
        for item in socket.events():
            if isinstance(item, (str, bytes)):
                self._upper.message_received(exchange.id, item, now)
            else:
                self._noticed(connection, exchange, item, now)

    def _noticed(self, connection: Connection, exchange: Exchange, notice: Notice, now: float) -> None:
        """Do what a websocket's frame asks for, which may be its end."""
        over = notice.code is not None or notice.error is not None
        if over:
            self._end(exchange)
        if notice.error is not None:
            self._upper.exchange_failed(exchange.id, notice.error, now)
        elif notice.code is not None:
            self._upper.socket_closed(exchange.id, notice.code, notice.reason, now)
        if notice.answer and not connection.lost:
            self._send(connection, notice.answer)
            if over:
                self._connections.linger(connection, exchange, now)
        elif over:
            self._connections.abandon(exchange, now)

    def _send_message(self, command: SendMessage) -> None:
        exchange = self._get_socket(command.exchange)
        if exchange is None or exchange.state in (ExchangeState.CLOSING, ExchangeState.RECEIVING):
            # It was closed, or refused, and the program may not know yet.
            return
        connection = exchange.connection
        if connection is None or connection.websocket is None:
            raise LocalProtocolError("the websocket is not open yet", state=exchange.state.value)
        try:
            data = connection.websocket.send_text(command.text)
        except UnicodeEncodeError:
            raise LocalProtocolError("a message can't hold lone surrogates", state="open") from None
        self._send(connection, data)

    def _close_socket(self, command: CloseSocket, now: float) -> None:
        exchange = self._get_socket(command.exchange)
        if exchange is None or exchange.state in (ExchangeState.CLOSING, ExchangeState.RECEIVING):
            return
        connection = exchange.connection
        if connection is None or connection.websocket is None:
            self._end(exchange)
            # As browsers report a websocket that is closed before it is open.
            self._upper.socket_closed(exchange.id, 1006, "", now)
            self._connections.abandon(exchange, now)
            return
        if not connection.websocket.sendable(command.code):
            raise LocalProtocolError(f"{command.code} can't stand in a close frame", state="open")
        exchange.on(ExchangeInput.CLOSED)
        self._send(connection, connection.websocket.close(command.code))
        self._timers.disarm(Timer.PING, connection.id)
        self._timers.disarm(Timer.SILENCE, connection.id)
        self._timers.arm(Timer.GRACE, connection.id, now + self._limits.grace)
        # The answer has to be read.
        self._resume(exchange, now)

    # Books.

    def _send(self, connection: Connection, data: bytes) -> None:
        self._actions.append(Send(connection.id, data))

    def _end(self, exchange: Exchange) -> None:
        exchange.on(ExchangeInput.FINISHED)
        del self._exchanges[exchange.id]

    def _get(self, id: ExchangeId) -> Exchange | None:
        exchange = self._exchanges.get(id)
        if exchange is None and not 0 <= id <= self._newest:
            raise LocalProtocolError(f"there never was an exchange {id}", state="unknown")
        return exchange

    def _get_socket(self, id: ExchangeId) -> Exchange | None:
        exchange = self._get(id)
        if exchange is not None and not exchange.socket:
            raise LocalProtocolError(f"exchange {id} is no websocket", state=exchange.state.value)
        return exchange


def _url(text: str) -> Url:
    try:
        return Url.parse(text)
    except ValueError as error:
        raise LocalProtocolError(str(error), state="new") from None


def _misuse(input: str, connection: Connection) -> LocalProtocolError:
    state = connection.state.value
    return LocalProtocolError(
        f"{input} makes no sense for connection {connection.id}, which is {state}", state=state
    )


def _keep_alive(value: str) -> float:
    """For how long a ``Keep-Alive`` header lets a connection be idle, with a margin for a request to arrive."""
    match = _KEEP_ALIVE.search(value)
    return inf if match is None else int(match[1]) - 1.0
