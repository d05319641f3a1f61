"""What the core asks of the layer below it.

``Command`` is what ``Engine`` asks of a byte adapter: connections and their bytes. ``ExchangeCommand`` is what ``Session``
asks of whatever performs HTTP for it: the wire storey, or an adapter over a foreign HTTP stack. ``events`` is the counterpart
towards the application.

Commands are frozen and complete in themselves. An adapter performs them in the order in which ``drain`` lists them and reports
what came of it through the inputs that each docstring names.
"""

from __future__ import annotations

from enum import Enum
from typing import NewType, TypeAlias

from msgspec import Struct

from gradio_sansio.files import Reader

ConnectionId = NewType("ConnectionId", int)
"""Names one connection for the adapter. Never reused within an engine."""

ExchangeId = NewType("ExchangeId", int)
"""Names one HTTP exchange or one websocket. Never reused within a session."""

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Header fields in order; names of responses are lower case."""


# Connections: what `Engine` asks of a byte adapter.


class Connect(Struct, frozen=True):
    """Open a TCP connection. Answered by ``connected`` or ``connect_failed``; TCP_NODELAY is expected to be set."""

    connection: ConnectionId
    host: str
    """A name or an address; IPv6 without brackets."""
    port: int


class StartTls(Struct, frozen=True):
    """Shake hands as a TLS client on an open connection, verifying ``server_name``.

    Answered by ``tls_started``, or ``lost`` where the handshake failed. No ``Send`` comes in between.
    """

    connection: ConnectionId
    server_name: str


class Send(Struct, frozen=True):
    """Write these bytes after all that was to be sent before. ``flushed`` reports that everything written has left."""

    connection: ConnectionId
    data: bytes

    def __repr__(self) -> str:
        # The bytes may hold credentials.
        return f"Send(connection={self.connection}, data=<{len(self.data)} bytes>)"


class ShutdownWrite(Struct, frozen=True):
    """Nothing more will be sent: half-close once everything written has left. Reading goes on."""

    connection: ConnectionId


class Close(Struct, frozen=True):
    """Close now, with unsent bytes dropped. The connection is gone for the engine: nothing need be reported of it."""

    connection: ConnectionId


class PauseReading(Struct, frozen=True):
    """Stop reading from the connection until ``ResumeReading``: its consumer is slow. What was read already may be delivered."""

    connection: ConnectionId


class ResumeReading(Struct, frozen=True):
    """Read again."""

    connection: ConnectionId


# Exchanges: what `Session` asks of an HTTP stack.


class Redirects(Enum):
    """Which redirects of a GET are followed; those of other methods never are (a POST must not become a GET elsewhere)."""

    NONE = "none"
    SAME_ORIGIN = "same origin"
    UPGRADE = "same origin, or from http to https on the same host"


class PulledBody(Struct, frozen=True):
    """A request body that is asked for piece by piece with ``body_wanted``; ``length`` in bytes, or None for chunked."""

    length: int | None


class StartExchange(Struct, frozen=True, kw_only=True):
    """Perform one HTTP request.

    Answered by ``response_started``, ``body_received`` any number of times and ``exchange_ended``; or, at any point, by
    ``exchange_failed``. ``headers`` hold what Gradio needs; host, length, cookies and encodings belong to the layer below.
    """

    exchange: ExchangeId
    method: str
    url: str
    headers: Headers = ()
    body: bytes | PulledBody = b""
    redirects: Redirects = Redirects.NONE
    long_lived: bool = False
    """A stream that may stay open for as long as jobs run: it counts apart from short requests in the pool."""
    compressed: bool = False
    """Whether a compressed response is welcome. Not for streams, where an intermediary's compressor would hold events back."""

    def __repr__(self) -> str:
        # Header values, and queries, may hold credentials.
        names = ", ".join(name for name, _ in self.headers)
        return (
            f"StartExchange({self.exchange}, {self.method} {self.url.partition('?')[0]}, headers=({names}))"
        )


class SendBody(Struct, frozen=True):
    """The next piece of a pulled body, the answer to ``body_wanted``."""

    exchange: ExchangeId
    data: bytes
    last: bool

    def __repr__(self) -> str:
        return f"SendBody({self.exchange}, data=<{len(self.data)} bytes>, last={self.last})"


class AbortExchange(Struct, frozen=True):
    """Drop an exchange or a websocket, whatever its state. Nothing more is reported of it."""

    exchange: ExchangeId


class PauseExchange(Struct, frozen=True):
    """Hold back the response body, down to the peer. What was received already may be delivered."""

    exchange: ExchangeId


class ResumeExchange(Struct, frozen=True):
    """Let the response body flow again."""

    exchange: ExchangeId


class OpenSocket(Struct, frozen=True):
    """Open a websocket.

    Answered by ``socket_opened``; by an ordinary response where the server refused to upgrade; or by ``exchange_failed``.
    Then ``message_received`` any number of times, and ``socket_closed`` or ``exchange_failed`` once.
    """

    exchange: ExchangeId
    url: str
    """With the scheme http or https."""
    headers: Headers = ()

    def __repr__(self) -> str:
        return f"OpenSocket({self.exchange}, {self.url.partition('?')[0]})"


class SendMessage(Struct, frozen=True):
    """Send one text message on an open websocket."""

    exchange: ExchangeId
    text: str

    def __repr__(self) -> str:
        return f"SendMessage({self.exchange}, text=<{len(self.text)} characters>)"


class CloseSocket(Struct, frozen=True):
    """Close a websocket in order: close frame, answer, end. ``socket_closed`` follows within the grace limit."""

    exchange: ExchangeId
    code: int = 1000


class NeedBody(Struct, frozen=True):
    """Read a piece of a file that is being uploaded. Answered by ``body_chunk``, or ``body_failed`` where it can't be read."""

    exchange: ExchangeId
    reader: Reader
    """What the adapter put into the payload, as ``Content``."""
    offset: int
    """Where the piece begins, in bytes."""
    max_bytes: int
    """How long it may be. At least one byte is wanted, unless the file ends."""


WireCommand: TypeAlias = (
    StartExchange
    | SendBody
    | AbortExchange
    | PauseExchange
    | ResumeExchange
    | OpenSocket
    | SendMessage
    | CloseSocket
)
"""What the wire storey carries out."""

ExchangeCommand: TypeAlias = WireCommand | NeedBody

Command: TypeAlias = (
    Connect | StartTls | Send | ShutdownWrite | Close | PauseReading | ResumeReading | NeedBody
)
