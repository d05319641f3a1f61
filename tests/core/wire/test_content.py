from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.content import STEP, Decoder, accepted, decoder, without_coding

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = b"".join(b"%d " % n for n in range(20_000))
CODED = gzip.compress(PLAIN)


def decode(pieces: Iterable[bytes], limit: int | None = None) -> bytes:
    gzip_decoder = Decoder(limit, "app.test:80")
    found: list[bytes] = []
    for piece in pieces:
        for part in gzip_decoder.decode(piece):
            assert 0 < len(part) <= STEP
            found.append(part)
    gzip_decoder.finish()
    return b"".join(found)


def test_what_is_offered() -> None:
    assert accepted(True) == "gzip"
    assert accepted(False) == "identity"


@pytest.mark.parametrize("size", [1, 7, 1000, len(CODED)])
def test_cut_up_in_any_way(size: int) -> None:
    assert decode(CODED[i : i + size] for i in range(0, len(CODED), size)) == PLAIN


def test_several_members() -> None:
    assert decode([CODED + CODED, gzip.compress(b""), CODED[:5], CODED[5:]]) == PLAIN * 3


def test_an_empty_body_is_empty() -> None:
    assert decode([]) == b""
    assert decode([b""]) == b""


def test_all_that_can_be_decoded_is() -> None:
    """A heartbeat that waits for the next byte to come is late."""
    compressor = zlib.compressobj(wbits=31)
    gzip_decoder = Decoder(None, "app.test:80")
    for size in (1, STEP - 1, STEP, STEP + 1, 10 * STEP):
        data = compressor.compress(b"x" * size) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert sum(map(len, gzip_decoder.decode(data))) == size


@pytest.mark.parametrize(
    "data", [b"no gzip", CODED[:-8] + bytes(8), CODED + b"garbage", CODED + bytes(4), b"\x1f\x8c"]
)
def test_other_bytes(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="is no valid gzip"):
        decode([data])


@pytest.mark.parametrize("length", [1, 5, 100, len(CODED) - 1])
def test_truncated(length: int) -> None:
    with pytest.raises(RemoteProtocolError, match="ends too early"):
        decode([CODED[:length]])


def test_the_limit_is_exact() -> None:
    assert decode([CODED], len(PLAIN)) == PLAIN
    with pytest.raises(RemoteProtocolError, match=r"more than .*Limits\.body"):
        decode([CODED], len(PLAIN) - 1)


def test_a_bomb_stays_small() -> None:
    bomb = gzip.compress(gzip.compress(bytes(200_000_000), 1), 9)
    bomb = gzip.decompress(bomb)  # about 1 MB that would be 200
    gzip_decoder = Decoder(1_000_000, "app.test:80")
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            for _ in gzip_decoder.decode(bomb):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(bomb) + 4 * STEP


CODINGS = [
    ((), None),
    ((("content-type", "gzip"),), None),
    ((("content-encoding", ""),), None),
    ((("content-encoding", "identity"),), None),
    ((("content-encoding", " Identity ,"),), None),
    ((("content-encoding", "gzip"),), Decoder),
    ((("content-encoding", " GZIP "),), Decoder),
    ((("content-encoding", "x-gzip"),), Decoder),
    ((("content-encoding", "br"),), "br"),
    ((("content-encoding", "deflate"),), "deflate"),
    ((("content-encoding", "gzip, gzip"),), "gzip, gzip"),
    ((("content-encoding", "gzip"), ("content-encoding", "gzip")), "gzip, gzip"),
    ((("content-encoding", "x" * 1000),), "x" * 40),
]


@pytest.mark.parametrize(("headers", "expected"), CODINGS)
def test_codings(headers: tuple[tuple[str, str], ...], expected: object) -> None:
    if isinstance(expected, str):
        with pytest.raises(RemoteProtocolError, match="not asked for") as caught:
            decoder(headers, None, "app.test:80")
        assert caught.value.seen == expected
    elif expected is None:
        assert decoder(headers, None, "app.test:80") is None
    else:
        assert isinstance(decoder(headers, None, "app.test:80"), Decoder)


def test_headers_of_a_decoded_body() -> None:
    headers = (("content-encoding", "gzip"), ("content-length", "5"), ("content-type", "text/plain"))
    assert without_coding(headers) == (("content-type", "text/plain"),)


@given(st.binary(max_size=200), st.integers(0, 2**32))
def test_no_bytes_are_an_unexpected_error(data: bytes, seed: int) -> None:
    cut = random.Random(seed)
    broken = bytearray(CODED)
    for _ in range(3):
        broken[cut.randrange(len(broken))] = cut.randrange(256)
    for candidate in (data, bytes(broken), CODED[: cut.randrange(len(CODED))] + data):
        try:
            decode([candidate], 1_000_000)
        except RemoteProtocolError:
            continue
