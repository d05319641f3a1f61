"""The decoder against one that others wrote, and against what the platform tests of the web expect.

The vectors are written anew from the HTML standard (section 9.2.6), one or more for each of the `eventsource/format-*` tests that are about
the form of a stream, and named after them. Names, ids and retry times are read over here, so only the data is compared.
"""

from __future__ import annotations

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.sse import SseDecoder
from tests.core.strategies import pieces_of, single_bytes

BOM = b"\xef\xbb\xbf"
VECTORS: list[tuple[str, bytes, list[bytes]]] = [
    ("format-bom", BOM + b"data:1\n\n" + BOM + b"data:2\n\ndata:3\n\n", [b"1", b"3"]),
    ("format-bom-2", BOM + BOM + b"data:1\n\ndata:2\n\ndata:3\n\n", [b"2", b"3"]),
    (
        "format-comments",
        b"data:1\n:\0\n:\r\ndata:2\n:"
        + b"x" * 2000
        + b"\rdata:3\n:data:fail\r:"
        + b"x" * 2000
        + b"\ndata:4\n\n",
        [b"1\n2\n3\n4"],
    ),
    ("format-data-before-final-empty-line", b"retry:1000\ndata:test1\n\nid:test\ndata:test2", [b"test1"]),
    ("format-field-data", b"data:\n\ndata\ndata\n\ndata:test\n\n", [b"", b"\n", b"test"]),
    ("format-field-event", b"event:test\ndata:x\n\ndata:x\n\n", [b"x", b"x"]),
    ("format-field-event-empty", b"event: \ndata:data\n\n", [b"data"]),
    ("format-field-id", b"id: 1\ndata:hello\n\n", [b"hello"]),
    ("format-field-id-2", b"id: 1\ndata:1\n\ndata:2\n\nid:3\ndata:3\n\n", [b"1", b"2", b"3"]),
    ("format-field-id-3", b"id: 1\ndata:1\n\nid\ndata:2\n\n", [b"1", b"2"]),
    ("format-field-id-null", b"id: \0a\ndata:x\n\nid: a\0\ndata:y\n\n", [b"x", b"y"]),
    (
        "format-field-parsing",
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
        [b"\0\n 2\n1\n3\n\n4"],
    ),
    ("format-field-retry", b"retry:3000\ndata:x\n\n", [b"x"]),
    ("format-field-retry-bogus", b"retry:3000\nretry:1000x\ndata:x\n\n", [b"x"]),
    ("format-field-retry-empty", b"retry\ndata:test\n\n", [b"test"]),
    (
        "format-field-unknown",
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
        [b"test\n\ntest"],
    ),
    ("format-leading-space", b"data:\ttest\rdata: \ndata:test\n\n", [b"\ttest\n\ntest"]),
    ("format-newlines", b"data:test\r\ndata\ndata:test\r\n\r", [b"test\n\ntest"]),
    ("format-null-character", b"data:\0\n\n\n\n", [b"\0"]),
    ("format-utf-8", "data:ok…\n\n".encode(), ["ok…".encode()]),
]


def ours(pieces: list[bytes]) -> list[bytes]:
    decoder = SseDecoder(1_000_000)
    return [event for piece in pieces for event in decoder.feed(piece)]


def theirs(pieces: list[bytes]) -> list[bytes]:
    lines, decoder = SSELineDecoder(), SSEDecoder()
    events = [decoder.decode(line) for piece in pieces for line in lines.decode(piece.decode("latin-1"))]
    return [event.data.encode("latin-1") for event in events if event is not None]


@pytest.mark.parametrize(("name", "stream", "events"), VECTORS, ids=[name for name, _, _ in VECTORS])
def test_platform_vectors(name: str, stream: bytes, events: list[bytes]) -> None:
    assert ours([stream]) == events
    assert ours(single_bytes(stream)) == events
    for place in range(len(stream)):
        assert ours([stream[:place], stream[place:]]) == events


# It dispatches what has a name and no data, against the standard; so those fields are left out here.
FIELDS = [
    b"data",
    b"data:",
    b"data: ",
    b":",
    b": ping",
    b"datax:",
    b" data:",
    b"x",
    b"",
    b"\xe2\x80\xa8",
    b"  ",
]
ENDS = [b"\n", b"\r\n", b"\r"]
streams = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.sampled_from([b"", b"a", b": b", b" "]), st.sampled_from(ENDS)),
    max_size=20,
).map(lambda lines: b"".join(part for line in lines for part in line) + b"x\n")


@given(st.data())
def test_the_same_as_another_decoder(data: st.DataObject) -> None:
    stream = data.draw(streams)
    pieces = [piece for piece in data.draw(pieces_of(stream)) if piece]
    assert ours(pieces) == theirs(pieces)
