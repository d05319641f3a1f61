from __future__ import annotations

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.sse import EventTooLong, SseDecoder
from tests.core.strategies import pieces_of, single_bytes

BOM = b"\xef\xbb\xbf"

# Name, stream, events. The first group is that of the examples in the HTML standard (9.2.6), the others are derived from its grammar.
TABLE: list[tuple[str, bytes, list[bytes]]] = [
    ("three lines", b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
    (
        "comment, id, no data",
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [b"first event", b"second event", b" third event"],
    ),
    ("empty data, and an end without a blank line", b"data\n\ndata\ndata\n\ndata:\n", [b"", b"\n"]),
    ("with and without a space", b"data:test\n\ndata: test\n\n", [b"test", b"test"]),
    ("nothing", b"", []),
    ("blank lines only", b"\n\n\n\r\n\r\r", []),
    ("LF", b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    ("CRLF", b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    ("CR", b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    ("LF then CRLF", b"data: a\n\r\ndata: b\n\r\n", [b"a", b"b"]),
    ("CR then LF is one end", b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
    ("LF then CR are two ends", b"data: a\n\rdata: b\n\r", [b"a", b"b"]),
    ("CR CR LF", b"data: a\r\r\ndata: b\r\r\n", [b"a", b"b"]),
    ("CR at the end of the stream", b"data: a\n\r", [b"a"]),
    ("BOM", BOM + b"data: a\n\n", [b"a"]),
    ("BOM before a blank line", BOM + b"\ndata: a\n\n", [b"a"]),
    ("only one BOM is taken off", BOM + BOM + b"data: a\n\ndata: b\n\n", [b"b"]),
    ("a BOM later on is part of a name", b"\n" + BOM + b"data: a\n\ndata: b\n\n", [b"b"]),
    ("a BOM in a value stays", b"data: " + BOM + b"\n\n", [BOM]),
    ("comments between data", b"data: a\n: ping\n:\ndata: b\n\n", [b"a\nb"]),
    ("comment that looks like data", b":data: a\n\n", []),
    ("field without a colon", b"data: a\nwhatever\n\n", [b"a"]),
    ("longer names are other fields", b"datax: a\ndata2\nxdata: b\n\n", []),
    ("names are in lower case", b"Data: a\nDATA: b\n\n", []),
    ("no space before the colon", b"data : a\n\n", []),
    ("no space before the name", b" data: a\n\n", []),
    ("one space is taken off", b"data:  a \n\n", [b" a "]),
    ("a tab isn't", b"data:\ta\n\n", [b"\ta"]),
    ("only a space", b"data: \n\n", [b""]),
    ("colons in the value", b"data: a:b: c\n\n", [b"a:b: c"]),
    ("event names don't matter", b"event: complete\ndata: [1]\nretry: 10\n\n", [b"[1]"]),
    ("an event name alone is no event", b"event: complete\n\ndata: a\n\n", [b"a"]),
    ("no dispatch at the end", b"data: a\n\ndata: b\n", [b"a"]),
    ("nor in a line", b"data: a\n\ndata: b", [b"a"]),
    (
        "other line separators are text",
        "data: a\u2028b\u2029c\u0085d\x0b\x0c\x1ce\n\n".encode(),
        ["a\u2028b\u2029c\u0085d\x0b\x0c\x1ce".encode()],
    ),
    ("not UTF-8", b"data: \xff\xfe\n\n", [b"\xff\xfe"]),
    ("NUL", b"data: \x00\n\n", [b"\x00"]),
]
NAMES = [name for name, _, _ in TABLE]

streams = st.lists(
    st.sampled_from(
        [
            b"data",
            b"data:",
            b"data: ",
            b":",
            b" ",
            b"\n",
            b"\n\n",
            b"\r",
            b"\r\n",
            b"\r\n\r\n",
            b"x",
            BOM,
            b"id: 1",
        ]
    ),
    max_size=30,
).map(b"".join)


def decode(pieces: list[bytes], limit: int = 1_000_000) -> list[bytes]:
    events, too_long = decode_to_the_limit(pieces, limit)
    assert not too_long
    return events


def decode_to_the_limit(pieces: list[bytes], limit: int) -> tuple[list[bytes], bool]:
    """The events, and whether one too long came after them."""
    decoder = SseDecoder(limit)
    events: list[bytes] = []
    for piece in pieces:
        try:
            events += decoder.feed(piece)
        except EventTooLong as error:
            return events + error.events, True
    return events, False


def reference(stream: bytes) -> list[bytes]:
    """The standard's algorithm, word for word, over the whole stream at once."""
    text = stream.decode("latin-1").removeprefix(BOM.decode("latin-1"))
    events: list[bytes] = []
    buffer = ""
    for line in re.split("\r\n|\n|\r", text)[:-1]:
        if line == "":
            if buffer:
                events.append(buffer.removesuffix("\n").encode("latin-1"))
            buffer = ""
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            if name == "data":
                buffer += value.removeprefix(" ") + "\n"
    return events


@pytest.mark.parametrize(("name", "stream", "events"), TABLE, ids=NAMES)
def test_table(name: str, stream: bytes, events: list[bytes]) -> None:
    assert decode([stream]) == events
    assert decode(single_bytes(stream)) == events
    assert reference(stream) == events


@pytest.mark.parametrize(("name", "stream", "events"), TABLE, ids=NAMES)
def test_table_cut_in_two(name: str, stream: bytes, events: list[bytes]) -> None:
    for place in range(len(stream) + 1):
        assert decode([stream[:place], b"", stream[place:]]) == events, place


@given(st.data())
def test_pieces_of_the_table(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(TABLE), max_size=4))
    stream = b"\n\n".join(stream for _, stream, _ in chosen)
    assert decode(data.draw(pieces_of(stream))) == reference(stream)


@given(st.data())
def test_same_as_the_reference(data: st.DataObject) -> None:
    stream = data.draw(streams)
    expected = reference(stream)
    assert decode([stream]) == expected
    assert decode(single_bytes(stream)) == expected
    assert decode(data.draw(pieces_of(stream))) == expected


@given(st.data())
def test_random_bytes(data: st.DataObject) -> None:
    stream = data.draw(st.binary(max_size=200))
    assert decode(data.draw(pieces_of(stream))) == reference(stream)


def test_events_come_with_the_piece_that_completes_them() -> None:
    decoder = SseDecoder(100)
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\ndata: b\n\ndata: ") == [b"a", b"b"]
    # A CR ends the line at once: waiting for a LF that may never come would hold the event back.
    assert decoder.feed(b"c\r\r") == [b"c"]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: d\n\n") == [b"d"]


# Name, stream, the limit at which it just fits.
LIMITS: list[tuple[str, bytes, int]] = [
    ("a line of data", b"data: 12345\n\n", 11),
    ("without a space", b"data:12345\n\n", 10),
    ("a comment", b": 123456789\n\n", 11),
    ("an unknown field", b"id: 1234567\n\n", 11),
    ("a line that doesn't end", b"data: 12345", 11),
    ("a comment that doesn't end", b": 123456789", 11),
    ("a line ended by CR", b"data: 12345\r", 11),
    ("several lines, each counted with its end", b"data: 12345\n" * 4 + b"\n", 24),
    ("lines without text", b"data\n" * 10, 10),
    ("a BOM counts", BOM + b"data: 1\n\n", 10),
]


@pytest.mark.parametrize(("name", "stream", "limit"), LIMITS, ids=[name for name, _, _ in LIMITS])
def test_limits(name: str, stream: bytes, limit: int) -> None:
    for pieces in ([stream], single_bytes(stream)):
        assert decode(pieces, limit) == reference(stream)
        assert decode_to_the_limit(pieces, limit - 1) == ([], True)


def test_what_is_over_counts_no_more() -> None:
    stream = b"data: 12345\n\n: 12345\nid: 1\n\n" * 50
    assert decode([stream], 11) == decode(single_bytes(stream), 11) == [b"12345"] * 50


@given(st.data(), st.integers(1, 12))
def test_the_limit_is_the_same_however_it_is_cut(data: st.DataObject, limit: int) -> None:
    stream = data.draw(streams)
    expected = decode_to_the_limit(single_bytes(stream), limit)
    assert decode_to_the_limit([stream], limit) == expected
    assert decode_to_the_limit(data.draw(pieces_of(stream)), limit) == expected
    whole = reference(stream)
    assert expected[0] == whole[: len(expected[0])]
    assert expected[1] or expected[0] == whole


def test_events_before_the_one_that_is_too_long_are_not_lost() -> None:
    stream = b"data: a\n\ndata: b\n\ndata: too long\n\ndata: c\n\n"
    for pieces in ([stream], single_bytes(stream)):
        assert decode_to_the_limit(pieces, 10) == ([b"a", b"b"], True)


def test_memory_is_bounded_for_the_smallest_pieces() -> None:
    size = 200_000
    decoder = SseDecoder(size + 10)
    tracemalloc.start()
    try:
        assert decoder.feed(b"data: ") == []
        for _ in range(size):
            assert decoder.feed(b"x") == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One growing buffer, not an object a piece (33 bytes at the least).
    assert peak < 4 * size
    assert decoder.feed(b"\n\n") == [b"x" * size]


def test_lines_that_say_nothing_leave_nothing_behind() -> None:
    decoder = SseDecoder(1_000)
    tracemalloc.start()
    try:
        for _ in range(20_000):
            assert decoder.feed(b": ping\nid: 1\r\n\n") == []
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 10_000
