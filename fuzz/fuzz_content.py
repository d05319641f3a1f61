"""Invariant: whatever bytes come as gzip, and however they are cut, they decode to the same body, as the standard library's decoder
has it, or to ``RemoteProtocolError``; never to more than the limit, and no piece is larger than a step."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from fuzz.harness import fuzz, same_however_cut
from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.content import STEP, Decoder, decoder

LIMIT = 200_000


def read(pieces: list[bytes]) -> bytes | None:
    body = bytearray()
    undo = Decoder(LIMIT, "the peer")
    try:
        for piece in pieces:
            for made in undo.decode(piece):
                assert 0 < len(made) <= STEP
                body += made
                assert len(body) <= LIMIT
        undo.finish()
    except RemoteProtocolError:
        return None
    return bytes(body)


def one_input(data: bytes) -> None:
    same_however_cut(data, read)
    found = read([data])
    try:
        expected: bytes | None = gzip.decompress(data) if len(data) < 2000 else None
    except (OSError, EOFError, zlib.error):
        expected = None
    if found is not None and expected is not None:
        assert found == expected
    try:
        decoder((("content-encoding", data.decode("latin-1")),), LIMIT, "the peer")
    except RemoteProtocolError as error:
        assert len(error.message) < 300


def seeds() -> Iterator[bytes]:
    yield from (
        b"",
        gzip.compress(b"hello", mtime=0),
        gzip.compress(b"x" * 300_000, mtime=0),
        b"gzip, identity",
    )
    yield gzip.compress(b"a", mtime=0) + gzip.compress(b"b" * 100_000, mtime=0)


if __name__ == "__main__":
    fuzz(one_input)
