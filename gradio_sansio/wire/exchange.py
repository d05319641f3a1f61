"""One request and its answer, whatever connections it takes.

An exchange waits for a connection, sends, and receives. Before the first byte of an answer was reported it may be sent back to
waiting: by a redirect, or once because the connection it was given had died while idle. After that it goes forwards only, and
it ends once. A websocket begins as an exchange and is one until it closes.

What it is told, it tells upwards through `ExchangeReceiver`; which of its states allows what stands in `TRANSITIONS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from gradio_sansio.commands import PulledBody, Redirects
from gradio_sansio.symbol import Symbol

if TYPE_CHECKING:
    from gradio_sansio.commands import ExchangeId, Headers
    from gradio_sansio.errors import GradioError
    from gradio_sansio.wire.connection import Connection
    from gradio_sansio.wire.content import Decoder
    from gradio_sansio.wire.origin import Url
    from gradio_sansio.wire.websocket import WebSocket


class ExchangeReceiver(Protocol):
    """What the storey above is told. It takes note and returns: it must not call back into the wire from here."""

    def response_started(
        self, exchange: ExchangeId, status: int, headers: Headers, url: str, now: float
    ) -> None:
        """The answer's head. ``url`` is where it came from in the end, after redirects."""

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None:
        """A pulled body may send a piece: answer with ``SendBody``, now or later."""

    def body_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        """A piece of the answer's body, decoded. Never empty."""

    def exchange_ended(self, exchange: ExchangeId, now: float) -> None:
        """The answer is complete; nothing more is told of the exchange."""

    def exchange_failed(self, exchange: ExchangeId, error: GradioError, now: float) -> None:
        """There is no answer, or no more of it; nothing more is told of the exchange."""

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        """The server agreed to a websocket."""

    def message_received(self, exchange: ExchangeId, text: str | bytes, now: float) -> None:
        """One message of a websocket, whole."""

    def socket_closed(self, exchange: ExchangeId, code: int, reason: str, now: float) -> None:
        """The websocket is closed, with 1006 where no close frame came; nothing more is told of the exchange."""


class ExchangeState(Symbol):
    WAITING = "waiting"
    """For a connection."""
    SENDING = "sending"
    """The request is on its way, in part at least."""
    SENT = "sent"
    """All of the request was handed over; no final answer yet."""
    RECEIVING = "receiving"
    """The answer's head was reported."""
    OPEN = "open"
    """It is a websocket."""
    CLOSING = "closing"
    """A websocket that we asked to close."""
    DONE = "done"


class ExchangeInput(Symbol):
    ASSIGNED = "assigned"
    """A connection took it."""
    REQUEST_SENT = "request sent"
    RETURNED = "returned"
    """To be sent anew, elsewhere or over another connection."""
    RESPONDED = "responded"
    UPGRADED = "upgraded"
    CLOSED = "closed"
    """By us: a websocket's close frame went out."""
    FINISHED = "finished"
    """It ended, failed or was aborted."""


_S, _I = ExchangeState, ExchangeInput

TRANSITIONS: Final[dict[ExchangeState, dict[ExchangeInput, ExchangeState]]] = {
    _S.WAITING: {_I.ASSIGNED: _S.SENDING, _I.FINISHED: _S.DONE},
    _S.SENDING: {
        _I.REQUEST_SENT: _S.SENT,
        _I.RETURNED: _S.WAITING,
        # An answer may come before the request is through; the rest of the request is dropped then.
        _I.RESPONDED: _S.RECEIVING,
        _I.FINISHED: _S.DONE,
    },
    _S.SENT: {
        _I.RETURNED: _S.WAITING,
        _I.RESPONDED: _S.RECEIVING,
        _I.UPGRADED: _S.OPEN,
        _I.FINISHED: _S.DONE,
    },
    _S.RECEIVING: {_I.FINISHED: _S.DONE},
    _S.OPEN: {_I.CLOSED: _S.CLOSING, _I.FINISHED: _S.DONE},
    _S.CLOSING: {_I.FINISHED: _S.DONE},
    _S.DONE: {},
}


class Exchange:
    """One exchange: what was asked for, and how far it is."""

    __slots__ = (
        "asked",
        "body",
        "compressed",
        "connection",
        "decoder",
        "handshake",
        "headers",
        "id",
        "long_lived",
        "method",
        "paused",
        "redirected",
        "redirects",
        "retried",
        "socket",
        "state",
        "url",
    )

    def __init__(
        self,
        id: ExchangeId,
        method: str,
        url: Url,
        headers: Headers,
        *,
        body: bytes | PulledBody = b"",
        redirects: Redirects = Redirects.NONE,
        long_lived: bool = False,
        compressed: bool = False,
        socket: bool = False,
    ) -> None:
        self.id: ExchangeId = id
        self.method: str = method
        self.url: Url = url
        self.headers: Headers = headers
        self.body: bytes | PulledBody = body
        self.redirects: Redirects = redirects
        self.long_lived: bool = long_lived
        self.compressed: bool = compressed
        self.socket: bool = socket
        """It asks for a websocket."""
        self.handshake: WebSocket | None = None
        """The websocket that it becomes if the server agrees."""
        self.asked: bool = False
        """The storey above was asked for the next piece of a pulled body."""
        self.connection: Connection | None = None
        """Which serves it, or is being made for it alone."""
        self.decoder: Decoder | None = None
        self.paused: bool = False
        self.redirected: int = 0
        self.retried: bool = False
        self.state: ExchangeState = ExchangeState.WAITING

    def on(self, input: ExchangeInput) -> None:
        """Move on; a ``KeyError`` is a defect of the wire."""
        self.state = TRANSITIONS[self.state][input]
