"""One websocket over a connection that was upgraded: the handshake's fields, then frames through wsproto.

wsproto stays behind this module, which is loaded when the first websocket is opened: from Gradio 4.0 on there are none. The
handshake is ours, an ordinary HTTP exchange (wsproto draws its key itself), and offers no extension and no subprotocol.
wsproto masks what is sent with `os.urandom`; nothing in here depends on the masks.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from wsproto.connection import CLIENT, Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from gradio_sansio.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.commands import Headers

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_NOT_UTF8: Final = 1007
_TOO_BIG: Final = 1009
_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


class Notice(Struct, frozen=True):
    """What a frame asks for that is no message: a ping, the peer's close, or a breach of the protocol.

    ``answer`` is still to be sent, where it is not empty. After a code or an error nothing more comes.
    """

    answer: bytes
    code: int | None = None
    reason: str = ""
    error: RemoteProtocolError | None = None


class WebSocket:
    """One websocket, from its handshake. ``limit`` bounds a message in bytes, ``peer`` names the server in errors."""

    __slots__ = ("_accept", "_buffer", "_limit", "_over", "_peer", "_wsproto", "fields")

    def __init__(self, peer: str, limit: int, entropy: Callable[[int], bytes]) -> None:
        self._peer = peer
        self._limit = limit
        self._wsproto = Connection(CLIENT)
        self._over = False
        # A message of which a part has come. Text is kept as UTF-8: single characters, however they come, cost their bytes.
        self._buffer = bytearray()
        key = b64encode(entropy(16)).decode("ascii")
        # SHA-1 is what the RFC names; it guards against accidents, not attacks.
        digest = hashlib.sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()
        self._accept = b64encode(digest).decode("ascii")
        self.fields: Headers = (
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key),
        )
        """The header fields of the request that asks for it."""

    def opened(self, headers: Headers) -> None:
        """The server agreed, with these headers. Raises ``RemoteProtocolError`` where it means something else."""
        found: dict[str, list[str]] = {}
        for name, value in headers:
            found.setdefault(name, []).append(value)
        upgrade = [value.lower() for value in found.get("upgrade", [])]
        tokens = {
            token.strip().lower() for value in found.get("connection", []) for token in value.split(",")
        }
        if upgrade != ["websocket"] or "upgrade" not in tokens:
            expected, seen = "an upgrade to websocket", "an upgrade to something else"
        elif found.get("sec-websocket-accept") != [self._accept]:
            expected, seen = "the answer to our key", "another one or none"
        elif "sec-websocket-extensions" in found or "sec-websocket-protocol" in found:
            expected, seen = "a websocket without extensions and subprotocols", "some that were not asked for"
        else:
            return
        raise RemoteProtocolError(
            f"{self._peer} did not answer the websocket handshake as it should: expected {expected}, seen {seen}",
            expected=expected,
            seen=seen,
        )

    def receive(self, data: bytes) -> None:
        """Store bytes from the peer; then call ``events``."""
        if not self._over:
            self._wsproto.receive_data(data)

    def events(self) -> list[str | bytes | Notice]:
        """All that can be read from what was received, in order."""
        result: list[str | bytes | Notice] = []
        for event in self._wsproto.events():
            if isinstance(event, (TextMessage, BytesMessage)):
                message = self._message(event)
                if message is None:
                    continue
                result.append(message)
                if isinstance(message, Notice):
                    self._over = True
                    break
            elif isinstance(event, Ping):
                if self._wsproto.state is ConnectionState.OPEN:
                    result.append(Notice(bytes(self._wsproto.send(event.response()))))
            elif isinstance(event, CloseConnection):
                self._over = True
                result.append(self._closed(event))
        return result

    def send_text(self, text: str) -> bytes:
        """The bytes of a text message. Raises ``UnicodeEncodeError`` for lone surrogates."""
        return bytes(self._wsproto.send(TextMessage(data=text)))

    def ping(self) -> bytes:
        """The bytes of a ping."""
        return bytes(self._wsproto.send(Ping()))

    @staticmethod
    def sendable(code: int) -> bool:
        """Whether a close frame may hold this code (RFC 6455, section 7.4)."""
        return code in _CODES or 3000 <= code <= 4999

    def close(self, code: int) -> bytes:
        """The bytes of a close frame; none where one was sent before."""
        if self._wsproto.state is not ConnectionState.OPEN:
            return b""
        return bytes(self._wsproto.send(CloseConnection(code=code)))

    @staticmethod
    def broken_off(reason: str) -> Notice:
        """How it ends where no close frame came."""
        return Notice(b"", 1006, reason)

    def _message(self, event: TextMessage | BytesMessage) -> str | bytes | Notice | None:
        """What is complete with this piece of a message, if anything."""
        data = event.data
        buffer = self._buffer
        whole = event.message_finished and not buffer
        if isinstance(data, str):
            if whole and data.isascii() and len(data) <= self._limit:
                return data
            data = data.encode("utf-8")
        if len(buffer) + len(data) > self._limit:
            error = RemoteProtocolError(
                f"{self._peer} sent a message of more than {self._limit} bytes (Limits.event)",
                expected=f"a message of at most {self._limit} bytes",
                seen="a larger one",
            )
            return Notice(self.close(_TOO_BIG), error=error)
        buffer += data
        if not event.message_finished:
            return None
        message = buffer.decode("utf-8") if isinstance(event, TextMessage) else bytes(buffer)
        buffer.clear()
        return message

    def _closed(self, event: CloseConnection) -> Notice:
        reason = event.reason or ""
        code = int(event.code)
        state = self._wsproto.state
        if state is ConnectionState.REMOTE_CLOSING:
            return Notice(bytes(self._wsproto.send(event.response())), code, reason)
        if state is ConnectionState.CLOSED:
            # The answer to ours.
            return Notice(b"", code, reason)
        # What it can't parse wsproto reports as a close, but in a state that no close frame leaves behind.
        if code == _NOT_UTF8:
            # It says where in the piece that it had, which depends on how the frame was cut up.
            reason = "text that is not UTF-8"
        error = RemoteProtocolError(
            f"{self._peer} broke the websocket protocol: {reason}",
            expected="a valid websocket frame",
            seen=reason,
        )
        return Notice(self.close(code), error=error)
