from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import CLIENT, Connection
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from gradio_sansio.testing import Cut, Entry, Player, read_transcript, write_transcript
from gradio_sansio.testing.frames import Close, Frame, FrameReader, Message, accept_key, frame

UPGRADE = (
    b"GET /queue/join HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: theirs\r\nserver: x\r\n\r\n"
TEXTS = ["", "é✓🎈", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536]


def test_the_answer_to_a_key_is_that_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_messages_are_read_as_they_were_sent(text: str) -> None:
    client = Connection(CLIENT)
    client.receive_data(frame(Message(text)) + frame(Close(1001)))
    *parts, close = client.events()
    assert "".join(part.data for part in parts if isinstance(part, TextMessage)) == text
    assert close == CloseConnection(code=1001, reason="")
    data = Connection(CLIENT).send(TextMessage(data=text))
    reader = FrameReader()
    assert reader.feed(data[:-1]) == []
    assert reader.feed(data[-1:] + data) == [Message(text)] * 2


def test_a_length_in_pieces() -> None:
    for text in ("x" * 126, "x" * 65536):
        data, reader = Connection(CLIENT).send(TextMessage(data=text)), FrameReader()
        assert [reader.feed(data[i : i + 1]) for i in range(20)] == [[]] * 20
        assert reader.feed(data[20:]) == [Message(text)]


@given(st.lists(st.text(max_size=200), max_size=4), st.lists(st.integers(1, 50), min_size=1))
def test_pieces(texts: list[str], sizes: list[int]) -> None:
    client = Connection(CLIENT)
    data = b"".join(client.send(Ping()) + client.send(TextMessage(data=text)) for text in texts)
    data += client.send(Pong()) + client.send(CloseConnection(code=1000))
    reader, found = FrameReader(), list[Frame]()
    while data:
        for size in sizes:
            found += reader.feed(data[:size])
            data = data[size:]
    assert found == [*map(Message, texts), Close(1000)]


ENTRIES = [
    Entry(1, True, UPGRADE),
    Entry(1, False, SWITCHING),
    Entry(1, False, Message('{"msg":"send_hash"}')),
    Entry(1, True, Message('{"fn_index": 1, "session_hash": "é"}')),
    Entry(1, False, Message("done")),
    Entry(1, False, Close(1000)),
    Entry(1, True, Close(1000)),
    Entry(1, False, Cut.END),
]


def test_what_was_written_is_read() -> None:
    text = write_transcript(ENTRIES)
    assert read_transcript(text) == ENTRIES
    assert text.split("\n")[4:6] == [
        '{"conn": 1, "from": "server", "message": "done"}',
        '{"conn": 1, "from": "server", "code": 1000}',
    ]


def test_a_websocket_is_played() -> None:
    player = Player(ENTRIES)
    client, connection = Connection(CLIENT), player.accept(0.0)
    connection.received(UPGRADE, 0.0)
    accepted = SWITCHING.replace(b"theirs", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    assert connection.drain() == [accepted, frame(Message('{"msg":"send_hash"}'))]
    # What is like nothing that is waited for is noted, and nothing follows from it.
    for text in (
        json.dumps({"fn_index": 2, "session_hash": "x"}),
        json.dumps({"fn_index": 1}),
        json.dumps({"hash": "x"}),
    ):
        connection.received(client.send(TextMessage(data=text)), 0.0)
    assert connection.drain() == []
    assert [(r.method, r.path, r.json) for r in player.unmatched][1:] == [
        ("MESSAGE", "/queue/join", {"fn_index": 1}),
        ("MESSAGE", "/queue/join", {"hash": "x"}),
    ]
    connection.received(
        client.send(TextMessage(data=json.dumps({"session_hash": "x", "fn_index": 1, "more": 1}))), 0.0
    )
    assert connection.drain() == [frame(Message("done")), frame(Close(1000))]
    connection.received(client.send(TextMessage(data="{}")), 0.0)
    connection.received(client.send(CloseConnection(code=1005)), 0.0)
    assert connection.drain() == [Cut.END]
    connection.received(Connection(CLIENT).send(CloseConnection(code=1000)), 0.0)
    assert [r.method for r in player.unmatched] == ["MESSAGE"] * 4 + ["CLOSE"]
