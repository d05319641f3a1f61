from __future__ import annotations

import itertools
import random
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.wire.websocket import Notice, WebSocket

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 1000
# The key in RFC 6455, section 1.3, and the answer to it.
KEY = b"the sample nonce"
GRANTED = (
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
)


def make(limit: int = LIMIT) -> WebSocket:
    return WebSocket("app.test:80", limit, lambda n: KEY[:n])


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = False) -> bytes:
    """A frame as a server writes it."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([mask << 7 | size])
    elif size < 65536:
        head += bytes([mask << 7 | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask << 7 | 127]) + struct.pack("!Q", size)
    return head + (bytes(4) if mask else b"") + payload


def unmask(data: bytes) -> tuple[int, bytes]:
    """A client's one frame: its opcode and payload."""
    size = data[1] & 0x7F
    start = 2
    if size == 126:
        (size,) = struct.unpack_from("!H", data, 2)
        start = 4
    assert data[1] & 0x80, "a client masks"
    key = data[start : start + 4]
    payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[start + 4 :]))
    assert len(payload) == size
    return data[0] & 0x0F, payload


def cuts(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for seed in range(5):
        choice = random.Random(seed)
        places = sorted({0, len(data), *(choice.randrange(len(data) + 1) for _ in range(4))})
        yield [data[a:b] for a, b in itertools.pairwise(places)]


def outcome(item: str | bytes | Notice) -> object:
    """An item without what is drawn at random."""
    if not isinstance(item, Notice):
        return item
    answer = unmask(item.answer) if item.answer else None
    return answer, item.code, item.reason, None if item.error is None else item.error.seen


def run(socket: WebSocket, pieces: list[bytes]) -> list[object]:
    found: list[object] = []
    for piece in pieces:
        socket.receive(piece)
        found += [outcome(item) for item in socket.events()]
    return found


def close(code: int, reason: bytes = b"") -> bytes:
    return struct.pack("!H", code) + reason


TOO_LARGE = ((8, close(1009)), None, "", "a larger one")

CASES: list[tuple[str, bytes, list[object]]] = [
    ("text", frame(1, b"hello"), ["hello"]),
    ("empty text", frame(1), [""]),
    ("binary", frame(2, b"\x00\xff"), [b"\x00\xff"]),
    ("UTF-8", frame(1, "ä€😀".encode()), ["ä€😀"]),
    ("several", frame(1, b"a") + frame(2, b"b") + frame(1, b"c"), ["a", b"b", "c"]),
    ("fragments", frame(1, b"he", fin=False) + frame(0, b"l", fin=False) + frame(0, b"lo"), ["hello"]),
    ("an empty last one", frame(1, b"he", fin=False) + frame(0), ["he"]),
    ("a character across fragments", frame(1, b"\xe2\x82", fin=False) + frame(0, b"\xac"), ["€"]),
    (
        "a ping between fragments",
        frame(1, b"a", fin=False) + frame(9, b"p") + frame(0, b"b"),
        [((10, b"p"), None, "", None), "ab"],
    ),
    ("binary fragments", frame(2, b"a", fin=False) + frame(0, b"b"), [b"ab"]),
    ("ping", frame(9, b"x"), [((10, b"x"), None, "", None)]),
    ("pong", frame(10, b"x"), []),
    ("close", frame(8, close(1000, b"bye")), [((8, close(1000, b"bye")), 1000, "bye", None)]),
    ("close with a code of its own", frame(8, close(4321)), [((8, close(4321)), 4321, "", None)]),
    ("close without a code", frame(8), [((8, b""), 1005, "", None)]),
    (
        "nothing after a close",
        frame(8, close(1001)) + frame(1, b"late"),
        [((8, close(1001)), 1001, "", None)],
    ),
    ("the largest text", frame(1, b"x" * LIMIT), ["x" * LIMIT]),
    ("a larger one", frame(1, b"x" * (LIMIT + 1)), [TOO_LARGE]),
    ("bytes count, not characters", frame(1, "€".encode() * 334), [TOO_LARGE]),
    ("as many bytes as may be", frame(1, "€".encode() * 333), ["€" * 333]),
    ("larger in fragments", frame(2, b"x" * LIMIT, fin=False) + frame(0, b"x", fin=False), [TOO_LARGE]),
    ("larger, and cut off", frame(2, b"x" * 70_000)[: LIMIT + 11], [TOO_LARGE]),
    ("nothing after an error", frame(1, b"x" * LIMIT * 2) + frame(1, b"late"), [TOO_LARGE]),
    ("invalid UTF-8", frame(1, b"\xff"), [((8, close(1007)), None, "", "*")]),
    ("UTF-8 that stops", frame(1, b"\xe2\x82"), [((8, close(1007)), None, "", "*")]),
    ("a lone surrogate", frame(1, b"\xed\xa0\x80"), [((8, close(1007)), None, "", "*")]),
    (
        "invalid UTF-8 after some that is valid",
        frame(1, b"abc\xdd,"),
        [((8, close(1007)), None, "", "text that is not UTF-8")],
    ),
    ("an unknown opcode", frame(3), [((8, close(1002)), None, "", "*")]),
    ("reserved bits", frame(1, b"a", rsv=4), [((8, close(1002)), None, "", "*")]),
    ("a masked frame", frame(1, b"a", mask=True), [((8, close(1002)), None, "", "*")]),
    ("a fragmented ping", frame(9, fin=False), [((8, close(1002)), None, "", "*")]),
    ("a large ping", frame(9, b"x" * 126), [((8, close(1002)), None, "", "*")]),
    ("a rest without a start", frame(0, b"a"), [((8, close(1002)), None, "", "*")]),
    (
        "a start without a rest",
        frame(1, b"a", fin=False) + frame(1, b"b"),
        [((8, close(1002)), None, "", "*")],
    ),
    ("half a close code", frame(8, b"\x03"), [((8, close(1002)), None, "", "*")]),
    ("a reserved close code", frame(8, close(1006)), [((8, close(1002)), None, "", "*")]),
    ("a bad close reason", frame(8, close(1000, b"\xff")), [((8, close(1007)), None, "", "*")]),
]


@pytest.mark.parametrize(("name", "data", "expected"), CASES, ids=[case[0] for case in CASES])
def test_frames_however_they_are_cut(name: str, data: bytes, expected: list[object]) -> None:
    for pieces in cuts(data):
        found = run(make(), pieces)
        if expected and isinstance(expected[-1], tuple) and expected[-1][3] == "*":
            # What wsproto says is its own business.
            last = found[-1]
            assert isinstance(last, tuple)
            assert last[3]
            assert [*found[:-1], (*last[:3], "*")] == expected, name
        else:
            assert found == expected, name


def test_the_handshake() -> None:
    socket = make()
    assert socket.fields == (
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    socket.opened(GRANTED)
    socket.opened((("upgrade", "WebSocket"), ("connection", "keep-alive, upgrade"), GRANTED[2], ("x", "y")))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        GRANTED[1:],
        GRANTED[:1] + GRANTED[2:],
        GRANTED[:2],
        (("upgrade", "h2c"), *GRANTED[1:]),
        (*GRANTED[:2], ("sec-websocket-accept", "x")),
        (*GRANTED, GRANTED[2]),
        (*GRANTED, ("sec-websocket-extensions", "permessage-deflate")),
        (*GRANTED, ("sec-websocket-protocol", "x")),
    ],
)
def test_a_bad_answer_to_the_handshake(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(RemoteProtocolError, match="did not answer the websocket handshake"):
        make().opened(headers)


def test_sending() -> None:
    socket = make()
    assert unmask(socket.send_text("ä" * 100)) == (1, "ä".encode() * 100)
    assert unmask(socket.ping()) == (9, b"")
    assert unmask(socket.close(1000)) == (8, close(1000))
    assert socket.close(1000) == b""
    with pytest.raises(UnicodeEncodeError):
        make().send_text("\ud800")


def test_the_answer_to_our_close() -> None:
    socket = make()
    socket.close(1000)
    # What was on its way still counts, but a ping is not answered any more.
    data = frame(1, b"late") + frame(9) + frame(8, close(1000))
    assert run(socket, [data]) == ["late", (None, 1000, "", None)]


def test_an_error_after_our_close() -> None:
    socket = make()
    socket.close(1000)
    (found,) = run(socket, [frame(3)])
    assert isinstance(found, tuple)
    assert found[:3] == (None, None, "")


def test_how_it_breaks_off() -> None:
    assert WebSocket.broken_off("reset") == Notice(b"", 1006, "reset")


def test_codes_that_may_be_sent() -> None:
    good = [code for code in range(6000) if WebSocket.sendable(code)]
    assert good == [1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)]


@given(st.binary(max_size=300))
def test_no_bytes_are_an_unexpected_error(data: bytes) -> None:
    def anonymous(items: list[object]) -> list[object]:
        # In wsproto's words there is where in a piece it found the fault.
        return [(*item[:3], bool(item[3])) if isinstance(item, tuple) else item for item in items]

    whole = anonymous(run(make(50), [data]))
    assert anonymous(run(make(50), [data[i : i + 1] for i in range(len(data))])) == whole
