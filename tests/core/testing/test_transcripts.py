from __future__ import annotations

import pytest

from gradio_sansio.testing import Cut, Entry, Player, read_transcript, write_transcript

GET = b"GET /config HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def post(path: str, body: bytes) -> bytes:
    return b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(body), body)


ENTRIES = [
    Entry(1, True, GET),
    Entry(1, False, "héllo\u2028".encode()),
    Entry(2, False, b"\xff\x00"),
    Entry(2, False, Cut.END),
    Entry(1, True, Cut.RESET),
]


def test_what_was_written_is_read() -> None:
    text = write_transcript(ENTRIES)
    assert read_transcript(text) == ENTRIES
    assert text.split("\n")[2] == '{"conn": 2, "from": "server", "base64": "/wA="}'
    assert text.split("\n")[3] == '{"conn": 2, "from": "server", "end": "close"}'
    assert read_transcript("") == []


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"conn": 1, "from": "client"}', '{"text": 1}', "nonsense"])
def test_what_is_no_transcript(line: str) -> None:
    good = write_transcript(ENTRIES[:1])
    with pytest.raises(ValueError, match="line 2 is no entry"):
        read_transcript(good + line + "\n")


def test_an_answer_waits_for_all_requests_before_it() -> None:
    player = Player(
        [
            Entry(1, True, GET),
            Entry(1, False, b"one"),
            Entry(2, True, post("/join", b'{"fn_index":1}')),
            Entry(1, False, b"two"),
            Entry(2, False, b"three"),
            Entry(2, False, Cut.END),
            Entry(3, False, b"on a connection without a request"),
        ]
    )
    first, second = player.accept(0.0), player.accept(0.0)
    first.received(GET, 0.0)
    assert first.drain() == [b"one"]
    assert first.drain() == []
    second.received(post("/join", b'{"data":[],"fn_index":1}'), 0.0)
    assert first.drain() == [b"two"]
    assert second.drain() == [b"three", Cut.END]
    assert player.deadline is None
    player.tick(1.0)
    second.closed(1.0)


def test_requests_are_told_apart() -> None:
    player = Player(
        [Entry(1, True, post("/join", b'{"fn_index":1,"data":[]}')), Entry(1, False, b"one")],
        [Entry(1, True, post("/join", b'{"fn_index":2,"data":[]}')), Entry(1, False, b"two")],
        [Entry(1, True, post("/reset", b"{}")), Entry(1, False, b"three")],
    )
    for body, answer in (
        (b'{"fn_index":2,"data":[],"more":1}', b"two"),
        (b'{"fn_index":1,"data":[]}', b"one"),
    ):
        connection = player.accept(0.0)
        connection.received(post("/join", body), 0.0)
        assert connection.drain() == [answer]
    # Each was recorded once.
    connection = player.accept(0.0)
    for data in (
        post("/join", b'{"fn_index":2,"data":[]}'),
        post("/reset", b"[]")[:-2] + b"{}",
        GET,
        post("/reset", b"{}"),
    ):
        connection.received(data, 0.0)
    assert connection.drain()[1] == b"three"
    assert [request.path for request in player.unmatched] == ["/join", "/config", "/reset"]
    lacking = Player([Entry(1, True, post("/join", b'{"fn_index":1,"data":[]}'))])
    connection = lacking.accept(0.0)
    connection.received(post("/join", b'{"fn_index":1}'), 0.0)
    (answer_to_it,) = connection.drain()
    assert isinstance(answer_to_it, bytes)
    assert answer_to_it.startswith(b"HTTP/1.1 404")


def test_requests_in_pieces() -> None:
    request = post("/join", b'{"fn_index":1}')
    player = Player(
        [
            Entry(1, True, request[:50]),
            Entry(1, True, request[50:]),
            Entry(1, True, Cut.END),
            Entry(1, False, OK),
        ]
    )
    connection = player.accept(0.0)
    for i in range(len(request)):
        assert connection.drain() == []
        connection.received(request[i : i + 1], 0.0)
    assert connection.drain() == [OK]
