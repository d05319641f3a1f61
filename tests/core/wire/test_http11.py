from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import h11
import pytest

from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.http import END, Head, PeerGone, header_fault, method_fault
from gradio_sansio.wire.http11 import PIECE, Http11

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1000


def codec(method: str = "GET", *extra: tuple[str, str]) -> Http11:
    result = Http11("app.test:80", LIMIT)
    result.start(method, "/", [("host", "app.test"), *extra], b"")
    return result


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """The same bytes whole, one by one, and in random pieces."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for seed in range(5):
        choice = random.Random(seed)
        places = sorted({0, len(data), *(choice.randrange(len(data) + 1) for _ in range(4))})
        yield [data[a:b] for a, b in itertools.pairwise(places)]


def events(http: Http11, pieces: list[bytes], *, eof: bool) -> list[object]:
    """What comes of the pieces: status, body, END, or how it failed."""
    found: list[object] = []
    body = b""
    try:
        for piece in [*pieces, None]:
            if piece is not None:
                http.receive(piece)
            elif eof:
                http.receive_eof()
            while (event := http.next_event()) is not None:
                if isinstance(event, bytes):
                    body += event
                    continue
                if isinstance(event, Head):
                    found.append((event.status, event.headers))
                    continue
                found += [body, END]
                return found
    except (RemoteProtocolError, PeerGone) as error:
        found += [body, type(error)]
        return found
    return [*found, body]


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = (("transfer-encoding", "chunked"),)
CL2 = (("content-length", "2"),)

# (name, bytes, ends with EOF, events)
CASES: list[tuple[str, bytes, bool, list[object]]] = [
    ("length", HEAD + b"Content-Length: 2\r\n\r\nok", False, [(200, CL2), b"ok", END]),
    ("length, then the end", HEAD + b"Content-Length: 2\r\n\r\nok", True, [(200, CL2), b"ok", END]),
    ("no length", HEAD + b"A: b\r\n\r\nok", True, [(200, (("a", "b"),)), b"ok", END]),
    ("no length, no end", HEAD + b"A: b\r\n\r\nok", False, [(200, (("a", "b"),)), b"ok"]),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nok", True, [(200, ()), b"ok", END]),
    (
        "chunks",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n3;x=y\r\nay!\r\n0\r\nt: u\r\n\r\n",
        False,
        [(200, (("transfer-encoding", "chunked"),)), b"okay!", END],
    ),
    (
        "a chunk without an end",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nokay\r\n",
        False,
        [(200, CHUNKED), b"ok", RemoteProtocolError],
    ),
    (
        "a size that is none",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\nlong but no size at all, in no way\r\n",
        False,
        [(200, CHUNKED), b"ok", RemoteProtocolError],
    ),
    (
        "chunks cut short",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n5\r\nok",
        True,
        [(200, CHUNKED), b"okok", PeerGone],
    ),
    ("empty", b"HTTP/1.1 204 No Content\r\n\r\n", False, [(204, ()), b"", END]),
    ("not modified", b"HTTP/1.1 304 x\r\ncontent-length: 2\r\n\r\n", False, [(304, CL2), b"", END]),
    ("no reason", b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", False, [(200, CL2), b"ok", END]),
    (
        "1xx",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\na: b\r\n\r\n"
        + HEAD
        + b"content-length: 2\r\n\r\nok",
        False,
        [(200, CL2), b"ok", END],
    ),
    (
        "Latin-1",
        HEAD + b"a: \xe4\r\ncontent-length: 0\r\n\r\n",
        False,
        [(200, (("a", "ä"), ("content-length", "0"))), b"", END],
    ),
    (
        "a large head",
        HEAD + b"a: " + b"b" * (LIMIT - 24) + b"\r\n\r\n",
        False,
        [(200, (("a", "b" * (LIMIT - 24)),)), b""],
    ),
    ("a larger head", HEAD + b"a: " + b"b" * (LIMIT - 23) + b"\r\n\r\n", False, [b"", RemoteProtocolError]),
    (
        "a much larger head",
        HEAD + b"a: " + b"b" * LIMIT * 3 + b"\r\n\r\nok",
        False,
        [b"", RemoteProtocolError],
    ),
    (
        "many small 1xx heads",
        b"HTTP/1.1 103 x\r\n\r\n" * 100 + HEAD + b"content-length: 2\r\n\r\nok",
        False,
        [(200, CL2), b"ok", END],
    ),
    (
        "one large 1xx head",
        b"HTTP/1.1 103 x\r\na: " + b"b" * LIMIT + b"\r\n\r\n",
        False,
        [b"", RemoteProtocolError],
    ),
    # Garbage.
    ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n", False, [b"", RemoteProtocolError]),
    ("no HTTP, whole", b"hello\r\n\r\n", False, [b"", RemoteProtocolError]),
    ("HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", False, [b"", RemoteProtocolError]),
    ("TLS", b"\x15\x03\x01\x00\x02\x02\x46", False, [b"", RemoteProtocolError]),
    ("bad status", b"HTTP/1.1 OK\r\n\r\n", False, [b"", RemoteProtocolError]),
    ("bad header", HEAD + b"a b: c\r\n\r\n", False, [b"", RemoteProtocolError]),
    ("header without name", HEAD + b": c\r\n\r\n", False, [b"", RemoteProtocolError]),
    (
        "two lengths",
        HEAD + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        False,
        [b"", RemoteProtocolError],
    ),
    ("bad length", HEAD + b"content-length: -1\r\n\r\n", False, [b"", RemoteProtocolError]),
    ("bad coding", HEAD + b"transfer-encoding: gzip\r\n\r\n", False, [b"", RemoteProtocolError]),
    ("101 that nobody asked for", b"HTTP/1.1 101 x\r\nupgrade: y\r\n\r\n", False, [b"", RemoteProtocolError]),
    (
        "bad chunk",
        HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
        False,
        [(200, (("transfer-encoding", "chunked"),)), b"", RemoteProtocolError],
    ),
    (
        "bad end of chunk",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nokay",
        False,
        [(200, (("transfer-encoding", "chunked"),)), b"ok", RemoteProtocolError],
    ),
    # The end at every place.
    ("end before anything", b"", True, [b"", PeerGone]),
    ("end in the status line", b"HTTP/1.1 2", True, [b"", PeerGone]),
    ("end in a header", HEAD + b"content-le", True, [b"", PeerGone]),
    ("end after 1xx", b"HTTP/1.1 100 Continue\r\n\r\n", True, [b"", PeerGone]),
    ("end before the body", HEAD + b"content-length: 2\r\n\r\n", True, [(200, CL2), b"", PeerGone]),
    ("end in the body", HEAD + b"content-length: 2\r\n\r\no", True, [(200, CL2), b"o", PeerGone]),
    (
        "end in a chunk",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nok",
        True,
        [(200, (("transfer-encoding", "chunked"),)), b"ok", PeerGone],
    ),
    (
        "end between chunks",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        True,
        [(200, (("transfer-encoding", "chunked"),)), b"ok", PeerGone],
    ),
    (
        "end before the trailer's",
        HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        True,
        [(200, (("transfer-encoding", "chunked"),)), b"ok", PeerGone],
    ),
    ("garbage, then the end", b"hello", True, [b"", RemoteProtocolError]),
]


@pytest.mark.parametrize(("name", "data", "eof", "expected"), CASES, ids=[case[0] for case in CASES])
def test_answers_however_they_are_cut(name: str, data: bytes, eof: bool, expected: list[object]) -> None:
    for pieces in cuts(data):
        assert events(codec(), pieces, eof=eof) == expected, name


@pytest.mark.parametrize(
    ("name", "data", "eof", "expected"),
    [case for case in CASES if case[3][-1] is END and not case[2]],
    ids=[case[0] for case in CASES if case[3][-1] is END and not case[2]],
)
def test_what_follows_an_answer_is_not_taken_for_another(
    name: str, data: bytes, eof: bool, expected: list[object]
) -> None:
    for pieces in cuts(data):
        http = codec()
        assert events(http, pieces, eof=False) == expected, name
        assert http.recycle()
        http = codec()
        assert events(http, [*pieces[:-1], pieces[-1] + HEAD], eof=False) == expected
        assert not http.recycle()


def test_head_requests_have_no_body() -> None:
    http = codec("HEAD")
    assert events(http, [HEAD + b"content-length: 2\r\n\r\n"], eof=False) == [(200, CL2), b"", END]
    assert http.recycle()


@pytest.mark.parametrize(
    ("headers", "eof", "again"),
    [(b"", False, True), (b"", True, False), (b"connection: close\r\n", False, False)],
)
def test_recycling(headers: bytes, eof: bool, again: bool) -> None:
    http = codec()
    http.receive(HEAD + headers + b"content-length: 2\r\n\r\nok")
    if eof:
        http.receive_eof()
    while http.next_event() is not END:
        pass
    assert http.recycle() is again


def test_one_connection_serves_many_requests() -> None:
    http = Http11("app.test:80", LIMIT)
    for _ in range(3):
        assert http.start("GET", "/x", [("host", "a")], b"") == b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"
        assert http.request_sent
        # Each has the whole limit for its head.
        http.receive(HEAD + b"a: " + b"b" * 700 + b"\r\ncontent-length: 2\r\n\r\nok")
        assert isinstance(http.next_event(), Head)
        assert http.next_event() == b"ok"
        assert http.next_event() is END
        assert http.recycle()


def test_a_small_body_goes_with_its_head() -> None:
    http = Http11("app.test:80", LIMIT)
    data = http.start("POST", "/x", [("host", "a"), ("content-length", "2")], b"hi")
    assert data == b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"
    assert http.request_sent
    assert http.more() is None


def test_a_large_body_goes_in_pieces() -> None:
    body = bytes(range(256)) * (PIECE // 256) * 2 + b"end"
    http = Http11("app.test:80", LIMIT)
    sent = [http.start("POST", "/", [("host", "a"), ("content-length", str(len(body)))], body)]
    while not http.request_sent:
        piece = http.more()
        assert piece is not None
        assert len(piece) <= PIECE
        sent.append(piece)
    assert len(sent) == 3
    assert sent[0].endswith(body[:PIECE])
    assert b"".join(sent).endswith(b"\r\n\r\n" + body)
    assert http.more() is None


def test_a_pulled_body_of_known_length() -> None:
    http = Http11("app.test:80", LIMIT)
    http.start_pulled("POST", "/", [("host", "a"), ("content-length", "5")], 5)
    assert (http.remaining, http.most, http.request_sent) == (5, 5, False)
    assert not http.fits(6, False)
    assert not http.fits(0, False)
    assert not http.fits(4, True)
    assert http.fits(4, False)
    assert http.send_piece(b"1234", False) == b"1234"
    assert http.remaining == 1
    assert http.fits(1, True)
    assert http.send_piece(b"5", True) == b"5"
    assert http.request_sent


def test_a_pulled_body_of_unknown_length() -> None:
    http = Http11("app.test:80", LIMIT)
    http.start_pulled("POST", "/", [("host", "a"), ("transfer-encoding", "chunked")], None)
    assert (http.remaining, http.most) == (None, PIECE)
    assert http.fits(0, True)
    assert not http.fits(PIECE + 1, False)
    assert http.send_piece(b"1234", False) == b"4\r\n1234\r\n"
    assert http.send_piece(b"", True) == b"0\r\n\r\n"
    assert http.request_sent


def test_an_empty_pulled_body() -> None:
    http = Http11("app.test:80", LIMIT)
    http.start_pulled("POST", "/", [("host", "a"), ("content-length", "0")], 0)
    assert http.request_sent


def test_an_answer_may_come_before_the_request_is_through() -> None:
    http = Http11("app.test:80", LIMIT)
    http.start_pulled("POST", "/", [("host", "a"), ("content-length", "5")], 5)
    assert events(http, [HEAD + b"content-length: 2\r\n\r\nok"], eof=False) == [(200, CL2), b"ok", END]
    assert not http.recycle()


def test_an_upgrade() -> None:
    http = codec("GET", ("connection", "upgrade"), ("upgrade", "websocket"))
    http.receive(b"HTTP/1.1 101 x\r\nupgrade: websocket\r\n\r\n\x81\x00")
    event = http.next_event()
    assert isinstance(event, Head)
    assert event.status == 101
    assert http.surplus() == b"\x81\x00"


def test_a_refused_upgrade() -> None:
    http = codec("GET", ("connection", "upgrade"), ("upgrade", "websocket"))
    assert events(http, [HEAD + b"content-length: 2\r\n\r\nok"], eof=False) == [(200, CL2), b"ok", END]
    assert http.recycle()


def test_skipping() -> None:
    for data, eof, done in (
        (HEAD + b"content-length: 2\r\n\r\nok", False, True),
        (HEAD + b"content-length: 2\r\n\r\no", False, False),
        (HEAD + b"content-length: 2\r\n\r\no", True, False),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nx", False, False),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nx\r\n", False, False),
    ):
        http = codec()
        http.receive(data)
        if eof:
            http.receive_eof()
        assert isinstance(http.next_event(), Head)
        assert http.skip() is done


# (bytes, what the message says, what was seen)
TEXTS = [
    (
        b"SSH-2.0-OpenSSH_9.6p1 " + b"x" * 99,
        "app.test:80 is no HTTP server",
        "b'SSH-2.0-OpenSSH_9.6p1 xxxxxxxxxxxxxxxxxx'",
    ),
    (b"\x15\x03\x01\x00\x02\x02\x46", "use https://", "a TLS record"),
    (HEAD + b"set-cookie secret\r\n\r\n", "no valid HTTP: illegal header line", "illegal header line"),
    (HEAD + b"a: " + b"x" * LIMIT, r"Limits\.header", "a larger one"),
    (HEAD + b"transfer-encoding: chunked\r\n\r\nsecret\r\n", "body of an answer", "illegal chunk header"),
    (b"HTTP/1.1 secret\r\n\r\n", "no valid HTTP: illegal status line", "illegal status line"),
]


@pytest.mark.parametrize(("data", "text", "seen"), TEXTS)
def test_errors_say_what_was_seen_and_no_more(data: bytes, text: str, seen: str) -> None:
    http = codec()
    http.receive(data)
    if b"chunked" in data:
        assert isinstance(http.next_event(), Head)
    with pytest.raises(RemoteProtocolError, match=text) as caught:
        http.next_event()
    assert caught.value.seen == seen
    assert caught.value.expected
    assert "secret" not in str(caught.value) + caught.value.seen


def test_no_bytes_are_not_the_end() -> None:
    http = codec()
    http.receive(b"")
    assert http.next_event() is None
    http.receive(HEAD + b"content-length: 2\r\n\r\nok")
    assert isinstance(http.next_event(), Head)
    http.receive(b"")
    assert http.next_event() == b"ok"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-a", "b"),
        ("X-A", ""),
        ("a", " b\tc "),
        ("a", "ä"),
        ("!#$%&'*+-.^_`|~09azAZ", "b"),
        ("cookie", "a=b"),
    ],
)
def test_fields_that_may_be_sent(name: str, value: str) -> None:
    assert header_fault(name, value) is None
    h11.Request(
        method="GET", target="/", headers=[(b"host", b"a"), (name.encode(), value.strip().encode("latin-1"))]
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("", "b", "no name"),
        ("a b", "b", "no name"),
        ("a\r\nb", "b", "no name"),
        ("a:", "b", "no name"),
        ("ä", "b", "no name"),
        ("a\n", "b", "no name"),
        ("a", "secret\r\nb: c", "control characters"),
        ("a", "secret\n", "control characters"),
        ("a", "secret\r", "control characters"),
        ("a", "secret\x00", "control characters"),
        ("a", "secret\x7f", "control characters"),
        ("a", "secret€", "Latin-1"),
        ("Host", "secret", "set by the library"),
        ("Content-Length", "secret", "set by the library"),
        ("Sec-WebSocket-Key", "secret", "set by the library"),
    ],
)
def test_fields_that_may_not(name: str, value: str, reason: str) -> None:
    fault = header_fault(name, value)
    assert fault is not None
    assert reason in fault
    assert "secret" not in fault


def test_methods() -> None:
    assert method_fault("GET") is None
    for method in ("", "G T", "GET\r\n", "CONNECT"):
        assert method_fault(method) is not None


def test_reads_that_come_before_the_head_is_parsed() -> None:
    http = codec()
    for piece in (HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\no", b"k\r\n1\r\n", b"!\r\n0\r\n\r\n"):
        http.receive(piece)
    assert events(http, [], eof=False) == [(200, CHUNKED), b"ok!", END]


def test_a_stream_of_small_chunks_comes_as_one_piece() -> None:
    http = codec()
    http.receive(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    assert isinstance(http.next_event(), Head)
    http.receive(b"3\r\none\r\n0a\r\n, two, thr\r\n2\r")
    assert http.next_event() == b"one, two, thr"
    assert http.next_event() is None
    http.receive(b"\n")
    assert http.next_event() is None
    http.receive(b"ee\r\n0\r\n\r\n")
    assert http.next_event() == b"ee"
    assert http.next_event() is END
    assert http.recycle()


def test_any_size_of_chunk() -> None:
    body = bytes(range(256)) * 1000
    for size in (1, 15, 4096, len(body)):
        pieces = [body[i : i + size] for i in range(0, len(body), size)]
        data = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        for read in (1000, 65536, len(data)):
            http = codec()
            reads = [data[i : i + read] for i in range(0, len(data), read)]
            head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
            assert events(http, [head, *reads, b"0\r\n\r\n"], eof=False) == [(200, CHUNKED), body, END]
