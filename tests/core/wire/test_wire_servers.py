"""The wire against the server's half of libraries that share nothing with it: websockets, and Python's own reader of HTTP."""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from gradio_sansio.commands import CloseSocket, Send, SendMessage
from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.limits import Limits
from gradio_sansio.wire.http import END, Head, PeerGone
from gradio_sansio.wire.http11 import Http11
from tests.core.strategies import pieces_of
from tests.core.wire.harness import Harness

if TYPE_CHECKING:
    import socket

TEXTS = st.text(max_size=200) | st.text("aé€😀", min_size=100, max_size=300)
STEPS = st.lists(
    st.tuples(st.just("text"), TEXTS, st.booleans())
    | st.tuples(st.just("bytes"), st.binary(max_size=200), st.booleans())
    | st.tuples(st.just("ping"), st.binary(max_size=20), st.booleans())
    | st.tuples(st.just("ours"), TEXTS, st.booleans()),
    max_size=12,
)


@given(st.data(), STEPS, st.booleans(), st.integers(1, 20))
def test_websockets(
    data: st.DataObject, steps: list[tuple[str, Any, bool]], we_close: bool, each: int
) -> None:
    h = Harness(Limits())
    exchange, conn = h.open_socket(), h.connect()
    server = ServerProtocol()
    pongs: list[bytes] = []
    heard: list[str] = []

    def exchange_bytes() -> None:
        while True:
            ours = b"".join(command.data for command in h.commands() if isinstance(command, Send))
            for start in range(0, len(ours), each):
                server.receive_data(ours[start : start + each])
            for event in server.events_received():
                if isinstance(event, Request):
                    server.send_response(server.accept(event))
                elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    heard.append(bytes(event.data).decode())
                elif isinstance(event, Frame) and event.opcode is Opcode.PONG:
                    pongs.append(bytes(event.data))
            theirs = b"".join(server.data_to_send())
            if not ours and not theirs:
                return
            for piece in data.draw(pieces_of(theirs)):
                if piece:
                    h.received(conn, piece)

    exchange_bytes()
    assert h.events() == [("opened", exchange)]
    for kind, what, whole in steps:
        if kind == "ours":
            h.execute(SendMessage(exchange, what))
        elif kind == "ping":
            server.send_ping(what)
        else:
            payload = what.encode() if kind == "text" else what
            send = server.send_text if kind == "text" else server.send_binary
            if whole:
                send(payload)
            else:
                middle = len(payload) // 2
                send(payload[:middle], fin=False)
                # A ping may come in between.
                server.send_ping(b"between")
                server.send_continuation(payload[middle:], fin=True)
        exchange_bytes()
    if we_close:
        h.execute(CloseSocket(exchange))
    else:
        server.send_close(1000, "done")
    exchange_bytes()
    *told, end = h.events()
    assert [message for _, _, message in cast("list[tuple[Any, ...]]", told)] == [
        what for kind, what, _ in steps if kind in ("text", "bytes")
    ]
    assert end[0] == "closed"
    assert heard == [what for kind, what, _ in steps if kind == "ours"]
    pings = [
        what if kind == "ping" else b"between"
        for kind, what, whole in steps
        if kind == "ping" or (kind in ("text", "bytes") and not whole)
    ]
    assert pongs == pings
    assert server.close_rcvd is not None
    assert server.close_rcvd.code == 1000


class _Socket:
    """As much of a socket as the standard library reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        del mode
        return io.BytesIO(self._data)


def ours(pieces: list[bytes]) -> tuple[int, bytes] | None:
    codec = Http11("the peer", 10_000)
    codec.start("GET", "/", [("host", "x")], b"")
    status, body = 0, bytearray()
    try:
        for piece in (*pieces, None):
            if piece is None:
                codec.receive_eof()
            else:
                codec.receive(piece)
            while (event := codec.next_event()) is not None:
                if event is END:
                    return status, bytes(body)
                if isinstance(event, Head):
                    status = event.status
                elif isinstance(event, bytes):
                    body += event
    except (RemoteProtocolError, PeerGone):
        return None
    raise AssertionError("an end is an end")


def theirs(data: bytes) -> tuple[int, bytes] | None:
    response = HTTPResponse(cast("socket.socket", _Socket(data)), method="GET")
    try:
        response.begin()
        return response.status, response.read()
    except (HTTPException, ValueError):
        return None


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    status = draw(st.sampled_from([200, 201, 204, 302, 304, 404, 500]))
    body = b"" if status in (204, 304) else draw(st.binary(max_size=300))
    fields = draw(
        st.lists(
            st.sampled_from([b"x-a: b", b"Server: uvicorn", b"set-cookie: a=b; Path=/", b"x:"]), max_size=4
        )
    )
    framing = "none" if status in (204, 304) else draw(st.sampled_from(["length", "chunked", "end"]))
    if framing == "length":
        fields.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        fields.append(b"Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in draw(pieces_of(body)) if p) + b"0\r\n\r\n"
    return b"\r\n".join((b"HTTP/1.1 %d X" % status, *fields, b"", body))


@given(st.data())
def test_http(data: st.DataObject) -> None:
    answer = data.draw(answers())
    expected = theirs(answer)
    assert expected is not None
    assert ours(data.draw(pieces_of(answer))) == expected


@given(st.data())
def test_http_that_is_cut_short(data: st.DataObject) -> None:
    answer = data.draw(answers())
    short = answer[: data.draw(st.integers(0, len(answer)))]
    found = ours([short])
    if found is not None:
        # Where we take an answer for whole, so do they.
        assert found == theirs(short)
