"""One connection, from the wish for it to its end.

Rules:

- Making it takes up to three steps: TCP, a tunnel through a proxy, TLS. It is open for requests after the last.
- It serves one exchange at a time. Between them it is idle, and whatever the peer then says ends it.
- A connection that became a websocket serves nothing else afterwards.
- It lingers when an answer to the peer's close frame must still leave and nobody waits for anything else.

Which of its states allows what stands in `TRANSITIONS`. It knows nothing of exchanges that wait: that is the pool's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gradio_sansio.commands import Connect, ConnectionId, Send, StartTls
from gradio_sansio.errors import ConnectError, Disconnected, RemoteProtocolError
from gradio_sansio.symbol import Symbol
from gradio_sansio.wire.http import Head

if TYPE_CHECKING:
    from gradio_sansio.wire.exchange import Exchange
    from gradio_sansio.wire.http11 import Http11
    from gradio_sansio.wire.origin import Origin
    from gradio_sansio.wire.proxy import Proxy
    from gradio_sansio.wire.websocket import WebSocket


class ConnectionState(Symbol):
    OPENING = "opening"
    """TCP is being set up."""
    TUNNELLING = "tunnelling"
    """A proxy was asked for a tunnel."""
    SECURING = "securing"
    """TLS is being set up."""
    IDLE = "idle"
    BUSY = "busy"
    """It serves an exchange, which may be a websocket."""
    LINGERING = "lingering"
    """Only last bytes are still to leave."""
    GONE = "gone"


class ConnectionInput(Symbol):
    TUNNEL = "tunnel"
    """TCP stands, and the proxy is asked for a tunnel."""
    SECURE = "secure"
    """TLS is to start."""
    READY = "ready"
    """Nothing is left to set up."""
    ASSIGNED = "assigned"
    RELEASED = "released"
    """Its exchange ended and left it fit for another."""
    LINGER = "linger"
    GONE = "gone"
    """Closed by us, or lost."""


_S, _I = ConnectionState, ConnectionInput

TRANSITIONS: Final[dict[ConnectionState, dict[ConnectionInput, ConnectionState]]] = {
    _S.OPENING: {_I.TUNNEL: _S.TUNNELLING, _I.SECURE: _S.SECURING, _I.READY: _S.IDLE, _I.GONE: _S.GONE},
    _S.TUNNELLING: {_I.SECURE: _S.SECURING, _I.GONE: _S.GONE},
    _S.SECURING: {_I.READY: _S.IDLE, _I.GONE: _S.GONE},
    _S.IDLE: {_I.ASSIGNED: _S.BUSY, _I.GONE: _S.GONE},
    _S.BUSY: {_I.RELEASED: _S.IDLE, _I.LINGER: _S.LINGERING, _I.GONE: _S.GONE},
    _S.LINGERING: {_I.GONE: _S.GONE},
    _S.GONE: {},
}


class Connection:
    """One connection: what it is for, how far it is, and what speaks over it."""

    __slots__ = (
        "_header_limit",
        "answered",
        "exchange",
        "flushed",
        "http",
        "id",
        "keep",
        "late",
        "lost",
        "origin",
        "proxy",
        "reserved",
        "rested",
        "since",
        "state",
        "websocket",
    )

    def __init__(
        self, id: ConnectionId, origin: Origin, proxy: Proxy | None, *, header_limit: int, since: int
    ) -> None:
        self.id: ConnectionId = id
        self.origin: Origin = origin
        self.proxy: Proxy | None = proxy
        self._header_limit = header_limit
        self.http: Http11 = self._codec(origin.endpoint)
        """What speaks over it, until it is a websocket."""
        self.since: int = since
        """Exchanges of an earlier arrival were waiting when it was asked for."""
        self.state: ConnectionState = ConnectionState.OPENING
        self.websocket: WebSocket | None = None
        self.exchange: Exchange | None = None
        """Which it serves."""
        self.reserved: Exchange | None = None
        """The one for which it is being made, where that is fixed."""
        self.keep: float = 0.0
        """For how long it may be idle."""
        self.rested: bool = False
        """It was idle once: the server may have closed it before the exchange that it serves began."""
        self.answered: bool = False
        """The peer has sent something in answer to the exchange."""
        self.flushed: bool = False
        """Something of the exchange has left for the peer."""
        self.late: bool = False
        """A limit of it passed while the program was held up, and was set anew."""
        self.lost: bool = False
        """It is gone already, so there is nothing to close."""

    def on(self, input: ConnectionInput) -> None:
        """Move on; a ``KeyError`` is a defect of the wire."""
        self.state = TRANSITIONS[self.state][input]

    # Making it. Each step says what to do next; None means that it is ready.

    def open(self) -> Connect:
        """The first step."""
        to = self.origin if self.proxy is None else self.proxy.origin
        return Connect(self.id, to.host, to.port)

    def connected(self) -> Send | StartTls | None:
        """TCP stands."""
        if self.origin.scheme == "http":
            self.on(ConnectionInput.READY)
            return None
        if self.proxy is None:
            return self._secure()
        self.on(ConnectionInput.TUNNEL)
        self.http = self._codec(f"the proxy {self.proxy.origin.endpoint}")
        target = self.origin.endpoint
        fields = [("host", target)]
        if self.proxy.authorization is not None:
            fields.append(("proxy-authorization", self.proxy.authorization))
        return Send(self.id, self.http.start("CONNECT", target, fields, b""))

    def tunnel_received(self, data: bytes) -> StartTls | str | None:
        """The proxy answers. Returns why there is no tunnel, if there is none; None while more has to come."""
        self.http.receive(data)
        try:
            event = self.http.next_event()
        except RemoteProtocolError as error:
            return error.message
        if event is None:
            return None
        assert isinstance(event, Head), "nothing can come before it"
        if not 200 <= event.status < 300:
            hint = ", so it wants http://user:password@host:port" if event.status == 407 else ""
            return f"it answered with status {event.status}{hint}"
        if self.http.surplus():
            return "it sent bytes before TLS began"
        self.http = self._codec(self.origin.endpoint)
        return self._secure()

    def tls_started(self) -> None:
        """TLS stands, and with it the connection."""
        self.on(ConnectionInput.READY)

    def not_made(self, reason: str, url: str) -> ConnectError:
        """The error for a request to ``url`` that this connection was to serve."""
        to = self.origin.endpoint
        if self.state is ConnectionState.SECURING:
            text = f"no TLS with {to}: {reason}; check its certificate, or use http:// in the URL if it speaks plain http"
            return ConnectError(text, phase="tls", url=url)
        if self.proxy is not None:
            text = f"no connection to {to} through the proxy {self.proxy.origin.endpoint}: {reason}"
            return ConnectError(f"{text}; check the proxy settings", phase="proxy", url=url)
        text = f"no connection to {to}: {reason}; check that the server is running and that the URL is right"
        return ConnectError(text, phase="connect", url=url)

    def _secure(self) -> StartTls:
        self.on(ConnectionInput.SECURE)
        return StartTls(self.id, self.origin.host)

    def _codec(self, peer: str) -> Http11:
        # With the first connection: h11 takes a fifth of what there is to import.
        from gradio_sansio.wire.http11 import Http11  # noqa: PLC0415

        return Http11(peer, self._header_limit)

    # Using it.

    def serve(self, exchange: Exchange) -> None:
        """Take an exchange."""
        self.on(ConnectionInput.ASSIGNED)
        self.exchange = exchange
        exchange.connection = self
        self.answered = self.flushed = False

    def release(self) -> None:
        """Be idle again."""
        self.on(ConnectionInput.RELEASED)
        self.exchange = None
        self.rested = True

    def linger(self) -> None:
        """Serve nothing any more, and let the last bytes leave."""
        self.on(ConnectionInput.LINGER)
        self.exchange = None

    @property
    def repeatable(self) -> bool:
        """Whether the exchange it serves may be sent anew, now that the connection is gone."""
        exchange = self.exchange
        assert exchange is not None, "the question makes no sense when idle"
        if self.answered or not self.rested or exchange.retried:
            return False
        # GET and HEAD change nothing on the server. Of others nothing may have arrived there.
        return not self.flushed or (exchange.method in ("GET", "HEAD") and isinstance(exchange.body, bytes))

    def broken_off(self, reason: str) -> Disconnected:
        """The error for the exchange it serves, now that the connection is gone."""
        exchange = self.exchange
        assert exchange is not None, "an idle connection fails nothing"
        when = "in the middle of its answer" if self.answered else "without an answer"
        detail = f" ({reason})" if reason else ""
        return Disconnected(
            f"{self.origin.endpoint} closed the connection {when}{detail}; what became of the request is unknown",
            phase="response" if self.answered else "request",
            url=exchange.url.redacted,
        )
