"""Content codings of response bodies: gzip, decoded in steps of bounded size.

Only gzip is offered, so only gzip is taken. Others, and one on top of another, are the server's fault and not guessed at.
The bound on the whole stops bombs; a stream that lives for as long as jobs run has none, and is consumed as it comes.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from gradio_sansio.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradio_sansio.commands import Headers

STEP: Final = 64 * 1024
"""The largest piece that one step of decoding makes."""

_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS


def accepted(compressed: bool) -> str:
    """The ``Accept-Encoding`` to send. Saying nothing would mean that anything goes."""
    return "gzip" if compressed else "identity"


def decoder(headers: Headers, limit: int | None, peer: str) -> Decoder | None:
    """A decoder for a body with these headers, or None for one that comes as it is.

    ``limit`` bounds the decoded size, where it is not None. ``peer`` names the server in errors. Raises
    ``RemoteProtocolError`` for a coding that was not asked for.
    """
    values = [value for name, value in headers if name == "content-encoding"]
    if not values:
        return None
    codings = [coding for coding in (part.strip().lower() for part in ",".join(values).split(",")) if coding]
    if codings in ([], ["identity"]):
        return None
    if codings not in (["gzip"], ["x-gzip"]):
        seen = ", ".join(codings)[:40]
        raise RemoteProtocolError(
            f"{peer} sent a body with the content coding {seen!r}, which was not asked for",
            expected="a body as it is, or gzip",
            seen=seen,
        )
    return Decoder(limit, peer)


def without_coding(headers: Headers) -> Headers:
    """The headers of a body that was decoded: those that described its coded form are gone."""
    return tuple([field for field in headers if field[0] not in ("content-encoding", "content-length")])


class Decoder:
    """Undoes gzip. A body may hold several gzip members, and an empty body none."""

    __slots__ = ("_between", "_inflater", "_limit", "_made", "_peer")

    def __init__(self, limit: int | None, peer: str) -> None:
        self._limit = limit
        self._peer = peer
        self._made = 0
        self._inflater = zlib.decompressobj(_GZIP_ONLY)
        # No member is under way.
        self._between = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` adds, in pieces that are never empty. Raises ``RemoteProtocolError``."""
        full = False
        # A full piece may leave output behind although all input was taken.
        while data or full:
            self._between = False
            try:
                piece = self._inflater.decompress(data, STEP)
            except zlib.error:
                raise RemoteProtocolError(
                    f"{self._peer} sent a body that is no valid gzip",
                    expected="gzip, as the header said",
                    seen="other bytes",
                ) from None
            if piece:
                self._made += len(piece)
                if self._limit is not None and self._made > self._limit:
                    raise RemoteProtocolError(
                        f"{self._peer} sent a body of more than {self._limit} bytes after decompression (Limits.body)",
                        expected=f"a body of at most {self._limit} bytes",
                        seen="a larger one",
                    )
                yield piece
            if self._inflater.eof:
                data = self._inflater.unused_data
                full = False
                self._inflater = zlib.decompressobj(_GZIP_ONLY)
                self._between = True
            else:
                data = self._inflater.unconsumed_tail
                full = len(piece) == STEP

    def finish(self) -> None:
        """The body has ended. Raises ``RemoteProtocolError`` if it ended too early."""
        if not self._between:
            raise RemoteProtocolError(
                f"{self._peer} sent a gzip body that ends too early",
                expected="the end of the gzip data",
                seen="the end of the body",
            )
