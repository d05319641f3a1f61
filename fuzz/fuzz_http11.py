"""Invariant: whatever bytes come in answer to a request, and however they are cut, the codec gives the same head, the same body and
the same end, or ``RemoteProtocolError`` or ``PeerGone``; nothing else raises. What a body that was refused had given before may
depend on the cuts."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz, said, same_however_cut
from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.http import END, Head, PeerGone
from gradio_sansio.wire.http11 import Http11

LIMIT = 2000


def read(pieces: list[bytes]) -> tuple[Head | None, bytes, str]:
    """The head, the body, and how it ended; the connection ends after the last piece."""
    codec = Http11("the peer", LIMIT)
    codec.start("GET", "/", [("host", "x")], b"")
    head: Head | None = None
    body = bytearray()
    for piece in (*pieces, None):
        if piece is None:
            codec.receive_eof()
        else:
            codec.receive(piece)
        try:
            while (event := codec.next_event()) is not None:
                if event is END:
                    return head, bytes(body), "end"
                if isinstance(event, bytes):
                    assert event
                    body += event
                else:
                    assert isinstance(event, Head)
                    assert head is None, "one head an answer"
                    head = event
                    if head.status == 101:
                        return head, b"", "upgrade"
        except PeerGone:
            return head, b"", "gone"
        except RemoteProtocolError as error:
            assert len(error.message) < 500
            return head, b"", "refused"
    raise AssertionError("after the end of a connection there is an end")


def one_input(data: bytes) -> None:
    same_however_cut(data, read)


MOST = 300
"""Bytes of an input, which is read byte by byte too."""


def seeds() -> Iterator[bytes]:
    yield from (data[:500] for data in said(sockets=False))
    yield b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"
    yield b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    yield b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nt: 1\r\n\r\n"
    yield b"\x15\x03\x01\x00\x02\x02P"


if __name__ == "__main__":
    fuzz(one_input)
