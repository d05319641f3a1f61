"""One HTTP/1.1 connection as a codec: requests in, bytes out; bytes in, answers out. h11 stays behind this module.

Rules:

- A request's head and its body go out as one piece; a body over `PIECE` follows in pieces, each asked for with `more` when
  the one before has left. A pulled body is handed over in `send_piece`.
- Answers are pulled: `receive` only stores, `next_event` parses one event: a `Head`, `bytes` of a body, `END`, or None where
  more is needed. Not pulling is how a consumer that is paused is spared.
- Every answer of the 1xx class is skipped, except 101 to a request for an upgrade.
- How bytes are cut up on the way changes nothing, the limit on a head's size included.
- The chunks of an ordinary answer are unwrapped here, all that have come in one go: h11 takes 5 us for each, and a stream has one for
  each event. The first that is not plain, as the last one, goes to h11 with all that follows.
- `next_event` raises `RemoteProtocolError` where the peer's bytes are no HTTP, and `PeerGone` where they stop too early. After
  either the connection can only be closed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

import h11

from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.http import END, End, Head, PeerGone

if TYPE_CHECKING:
    from collections.abc import Hashable

PIECE: Final = 256 * 1024
"""How much of a request's body is handed to a connection at a time."""

ALIKE: Final = 4
"""How many heads of requests are kept."""
_SHOWN: Final = 40
_CHUNK: Final = re.compile(rb"\r\n(0*[1-9a-fA-F][0-9a-fA-F]{0,7})\r\n")
"""The end of a chunk and the beginning of the next; not of the last one, and without extensions."""
_LONGEST: Final = 20
_END_OF_REQUEST: Final = h11.EndOfMessage()


def _in_chunks(head: Head) -> bool:
    return head.status == 200 and ("transfer-encoding", "chunked") in head.headers


class Http11:
    """One connection, from its first request to its last. ``peer`` names the other side in errors."""

    __slots__ = (
        "_after_head",
        "_between",
        "_body",
        "_eof",
        "_eof_fed",
        "_fed",
        "_h11",
        "_limit",
        "_missing",
        "_ordinary",
        "_peer",
        "_remaining",
        "_requests",
        "_rest",
        "_start",
        "_unwraps",
    )

    def __init__(self, peer: str, header_limit: int) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=header_limit)
        self._peer = peer
        self._limit = header_limit
        # Heads that were sent: those of an app's calls are alike.
        self._requests: dict[Hashable, h11.Request] = {}
        # Of a body that was at hand: what has not been handed out.
        self._rest: memoryview | None = None
        self._remaining: int | None = 0
        self._eof = False
        self._eof_fed = False
        # Of the head that is awaited, or None after it: how many bytes came, and the first of them for an error to show.
        self._fed = 0
        self._start: bytes | None = b""
        # What came with the head, until that is parsed.
        self._after_head: bytes = b""
        self._ordinary: bool = False
        # Of an answer in chunks, while they are unwrapped here: what has been, the bytes missing of the last one, and what came between
        # two of them.
        self._unwraps: bool = False
        self._body: list[bytes] = []
        self._missing: int = 0
        self._between: bytes = b""

    @property
    def request_sent(self) -> bool:
        """Whether all of the request has been handed out."""
        return self._h11.our_state not in (h11.IDLE, h11.SEND_BODY)

    @property
    def remaining(self) -> int | None:
        """How many bytes a pulled body still owes; None if any number may follow."""
        return self._remaining

    @property
    def most(self) -> int:
        """How large a piece of a pulled body may be."""
        return PIECE if self._remaining is None else min(PIECE, self._remaining)

    def fits(self, size: int, last: bool) -> bool:
        """Whether a piece of a pulled body is one that ``send_piece`` can take."""
        if size > self.most or not (size or last):
            return False
        return not last or self._remaining is None or self._remaining == size

    def start(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        """Begin a request whose body is at hand. ``headers`` must hold its length."""
        parts = self._send_head(method, target, headers)
        if len(body) > PIECE:
            self._rest = memoryview(body)[PIECE:]
            body = body[:PIECE]
        if body:
            parts += self._send(h11.Data(data=body))
        if self._rest is None:
            parts += self._send(_END_OF_REQUEST)
        return b"".join(parts)

    def start_pulled(
        self, method: str, target: str, headers: list[tuple[str, str]], length: int | None
    ) -> bytes:
        """Begin a request whose body comes through ``send_piece``. ``headers`` must hold its framing."""
        self._remaining = length
        parts = self._send_head(method, target, headers)
        if length == 0:
            parts += self._send(_END_OF_REQUEST)
        return b"".join(parts)

    def more(self) -> bytes | None:
        """The next piece of a body that was at hand, or None when nothing is left of it."""
        rest = self._rest
        if rest is None:
            return None
        piece = bytes(rest[:PIECE])
        self._send(h11.Data(data=piece))
        if len(rest) > PIECE:
            self._rest = rest[PIECE:]
        else:
            self._rest = None
            self._send(_END_OF_REQUEST)
        return piece

    def send_piece(self, data: bytes, last: bool) -> bytes:
        """The bytes for a piece of a pulled body, which must fit what ``remaining`` says."""
        parts: list[bytes] = []
        if data:
            parts += self._send(h11.Data(data=data))
            if self._remaining is not None:
                self._remaining -= len(data)
        if last:
            parts += self._send(_END_OF_REQUEST)
        return b"".join(parts)

    def receive(self, data: bytes) -> None:
        """Store bytes from the peer; then call ``next_event`` until it returns None."""
        if self._unwraps:
            self._unwrap(data)
            return
        if self._start is not None:
            self._fed += len(data)
            if len(self._start) < _SHOWN:
                self._start += data[: _SHOWN - len(self._start)]
            if self._after_head:
                self._after_head += data
                return
            head = data.find(b"\r\n\r\n") + 4
            if 3 < head < len(data):
                data, self._after_head = data[:head], data[head:]
        if data:
            # To h11 an empty piece is the end.
            self._h11.receive_data(data)

    def _unwrap(self, data: bytes) -> None:
        """Take the bodies of the chunks."""
        body = self._body
        start = min(self._missing, len(data))
        if start:
            body.append(data[:start])
            self._missing -= start
        elif self._between:
            data = self._between + data
        while (match := _CHUNK.match(data, start)) is not None:
            begin = match.end()
            start = begin + int(match[1], 16)
            body.append(data[begin:start])
        if body and not body[-1]:
            body.pop()
        self._missing = max(self._missing, start - len(data))
        between = self._between = data[start:]
        if not between.startswith(b"\r\n"):
            if not b"\r\n".startswith(between):
                # h11 refuses an empty line in the place of a size.
                self._hand_over(b"\r\n" + between)
        elif between.count(b"\n") > 1 or len(between) > _LONGEST:
            self._hand_over(between[2:])

    def _hand_over(self, rest: bytes) -> None:
        self._unwraps = False
        self._between = b""
        self._h11.receive_data(rest)

    def receive_eof(self) -> None:
        """The peer will send nothing more; then call ``next_event`` as before."""
        self._eof = True

    def next_event(self) -> Head | bytes | Literal[End.END] | None:
        """Parse the next event. Call it again until it returns None or ``END``."""
        connection = self._h11
        if self._body:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body.clear()
            return body
        if self._unwraps and not self._eof:
            return None
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                if self._eof_fed:
                    raise PeerGone from None
                raise self._fault(error) from None
            if isinstance(event, h11.Data):
                # h11 cuts a `bytearray` from its buffer.
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                return END
            if isinstance(event, (h11.Response, h11.InformationalResponse)):
                after, self._after_head = self._after_head, b""
                kept = len(connection.trailing_data[0])
                left = kept + len(after)
                if self._fed - left > self._limit:
                    # h11 bounds a head that is incomplete; one that comes in a single read would pass.
                    raise self._too_large()
                head = None
                if event.status_code == 101 or isinstance(event, h11.Response):
                    self._start = None
                    headers = [
                        (name.decode("ascii").lower(), value.decode("latin-1"))
                        for name, value in event.headers.raw_items()
                    ]
                    head = Head(event.status_code, tuple(headers))
                    self._unwraps = self._ordinary and _in_chunks(head) and not kept
                if self._unwraps:
                    # As if a chunk had come before.
                    self._between = b"\r\n"
                    self._unwrap(after)
                elif after:
                    connection.receive_data(after)
                if head is not None:
                    return head
                self._fed = left
                continue
            if self._start is not None and not b"HTTP/".startswith(self._start[:5]):
                # h11 would wait for the end of a head that never comes.
                raise self._fault(None)
            if not self._eof:
                return None
            # Not before all else was parsed: what goes wrong from here on is the fault of the end.
            self._eof_fed = True
            connection.receive_data(b"")

    def skip(self) -> bool:
        """Drop the rest of an answer, as far as it has come; whether its end had."""
        try:
            while (event := self.next_event()) is not END:
                if event is None:
                    return False
        except (RemoteProtocolError, PeerGone):
            return False
        return True

    def recycle(self) -> bool:
        """After ``END``: whether the connection can take another request. It is ready for it then."""
        connection = self._h11
        if self._eof or connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return False
        if connection.trailing_data[0]:
            # Bytes that nobody asked for would pass for the next answer.
            return False
        connection.start_next_cycle()
        self._unwraps = False
        self._fed = 0
        self._start = b""
        return True

    def surplus(self) -> bytes:
        """After an upgrade or a tunnel was granted: the bytes that follow and are not HTTP."""
        return self._h11.trailing_data[0]

    def _send_head(self, method: str, target: str, headers: list[tuple[str, str]]) -> list[bytes]:
        self._ordinary = method not in ("HEAD", "CONNECT")
        key = method, target, tuple(headers)
        request = self._requests.get(key)
        if request is None:
            fields = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
            request = h11.Request(method=method, target=target, headers=fields)
            if len(self._requests) >= ALIKE:
                self._requests.clear()
            self._requests[key] = request
        return self._send(request)

    def _send(self, event: h11.Event) -> list[bytes]:
        parts = self._h11.send_with_data_passthrough(event)
        assert parts is not None, "only the end of a connection has no bytes"
        return parts

    def _fault(self, error: h11.RemoteProtocolError | None) -> RemoteProtocolError:
        start = self._start
        if start is None:
            # h11 quotes the line at fault after a colon; it may hold a cookie.
            reason = str(error).partition(":")[0]
            return RemoteProtocolError(
                f"the body of an answer from {self._peer} is no valid HTTP: {reason}",
                expected="a valid HTTP/1.1 body",
                seen=reason,
            )
        if error is not None and error.error_status_hint == 431:
            return self._too_large()
        if start.startswith((b"\x15\x03", b"\x16\x03")):
            return RemoteProtocolError(
                f"{self._peer} speaks TLS: use https:// in the URL",
                expected="an HTTP/1.1 answer",
                seen="a TLS record",
            )
        if not b"HTTP/".startswith(start[:5]):
            return RemoteProtocolError(
                f"{self._peer} is no HTTP server: its answer begins with {start!r}",
                expected="an HTTP/1.1 answer",
                seen=repr(start),
            )
        reason = str(error).partition(":")[0]
        return RemoteProtocolError(
            f"{self._peer} sent an answer that is no valid HTTP: {reason}",
            expected="a valid HTTP/1.1 header",
            seen=reason,
        )

    def _too_large(self) -> RemoteProtocolError:
        return RemoteProtocolError(
            f"{self._peer} sent a response header larger than {self._limit} bytes (Limits.header)",
            expected=f"a response header of at most {self._limit} bytes",
            seen="a larger one",
        )
