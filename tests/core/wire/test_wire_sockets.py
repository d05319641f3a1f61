"""Websockets through the whole wire."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gradio_sansio.commands import (
    Close,
    CloseSocket,
    Connect,
    PauseExchange,
    ResumeExchange,
    ResumeReading,
    Send,
    SendMessage,
)
from gradio_sansio.errors import DeadlineExceeded, LocalProtocolError, RemoteProtocolError
from gradio_sansio.limits import Limits
from tests.core.wire.harness import BASE, GRANTED, Harness, frame, response

if TYPE_CHECKING:
    from gradio_sansio.commands import ConnectionId, ExchangeId


def opened(h: Harness, surplus: bytes = b"") -> tuple[ExchangeId, ConnectionId]:
    exchange, conn = h.open_socket(), h.connect()
    h.commands()
    h.wire.flushed(conn, h.now)
    h.received(conn, GRANTED + surplus)
    assert h.events()[0] == ("opened", exchange)
    return exchange, conn


def sent_frame(h: Harness) -> tuple[int, bytes]:
    data = h.sent()
    size = data[1] & 0x7F
    key, payload = data[2:6], data[6:]
    assert len(payload) == size
    return data[0] & 0x0F, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def test_a_websocket() -> None:
    h = Harness()
    exchange, conn = h.open_socket(f"{BASE}/queue/join", (("x-a", "b"),)), h.connect()
    assert h.sent() == (
        b"GET /queue/join HTTP/1.1\r\nhost: app.test:7860\r\nx-a: b\r\nupgrade: websocket\r\n"
        b"connection: Upgrade\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    h.received(conn, GRANTED + frame(1, b"early"))
    assert h.events() == [("opened", exchange), ("message", exchange, "early")]
    h.execute(SendMessage(exchange, "hello"))
    assert sent_frame(h) == (1, b"hello")
    h.received(conn, frame(9, b"p"))
    assert sent_frame(h) == (10, b"p")
    h.received(conn, frame(2, b"bin"))
    assert h.events() == [("message", exchange, b"bin")]
    h.execute(CloseSocket(exchange))
    assert sent_frame(h) == (8, struct.pack("!H", 1000))
    h.received(conn, frame(1, b"late") + frame(8, struct.pack("!H", 1000)))
    assert h.events() == [("message", exchange, "late"), ("closed", exchange, 1000, "")]
    assert h.closed(conn)
    assert h.wire.deadline is None


@pytest.mark.parametrize("how", ["flushed", "peer_closed", "lost", "timeout"])
def test_the_server_closes(how: str) -> None:
    h = Harness(Limits(streams=1))
    exchange, conn = opened(h)
    h.open_socket()
    h.received(conn, frame(8, struct.pack("!H", 1008) + b"full"))
    assert h.events() == [("closed", exchange, 1008, "full")]
    answer, connect = h.commands()
    assert isinstance(answer, Send)
    assert isinstance(connect, Connect), "it counts no more"
    h.received(conn, b"more")
    if how == "flushed":
        h.wire.flushed(conn, h.now)
    elif how == "peer_closed":
        h.wire.peer_closed(conn, h.now)
    elif how == "lost":
        h.wire.lost(conn, "x", h.now)
    else:
        assert h.wire.deadline == h.now + 2
        h.tick()
    assert h.commands() == ([] if how == "lost" else [Close(conn)])
    assert h.events() == []


def test_a_close_frame_and_the_end_at_once() -> None:
    h = Harness()
    exchange, conn = opened(h)
    h.execute(PauseExchange(exchange))
    h.commands()
    h.received(conn, frame(1, b"x") + frame(8))
    assert h.events() == []
    h.wire.peer_closed(conn, h.now)
    assert h.events() == [("message", exchange, "x"), ("closed", exchange, 1005, "")]
    assert isinstance(h.commands()[0], Send)
    h.wire.flushed(conn, h.now)
    assert h.closed(conn)


def test_a_close_frame_and_a_break_at_once() -> None:
    h = Harness()
    exchange, conn = opened(h)
    h.execute(PauseExchange(exchange))
    h.commands()
    h.received(conn, frame(9) + frame(8))
    h.wire.lost(conn, "x", h.now)
    assert h.events() == [("closed", exchange, 1005, "")]
    assert h.commands() == []
    assert h.wire.deadline is None


def test_an_abrupt_end() -> None:
    for lost in (False, True):
        for paused in (False, True):
            h = Harness()
            exchange, conn = opened(h)
            if paused:
                h.execute(PauseExchange(exchange))
                h.commands()
            if lost:
                h.wire.lost(conn, "connection reset", h.now)
            else:
                h.wire.peer_closed(conn, h.now)
            assert h.events() == [("closed", exchange, 1006, "connection reset" if lost else "")]
            assert h.commands() == ([] if lost else [Close(conn)])
            assert h.wire.deadline is None


def test_a_broken_frame() -> None:
    h = Harness()
    _, conn = opened(h)
    h.received(conn, frame(1, b"\xff") + frame(1, b"late"))
    error = h.error()
    assert isinstance(error, RemoteProtocolError)
    assert sent_frame(h) == (8, struct.pack("!H", 1007))
    h.wire.flushed(conn, h.now)
    assert h.closed(conn)


def test_a_message_over_the_limit() -> None:
    h = Harness(Limits(event=10))
    _, conn = opened(h)
    h.received(conn, frame(1, b"x" * 11))
    error = h.error()
    assert isinstance(error, RemoteProtocolError)
    assert "Limits.event" in error.message
    assert sent_frame(h) == (8, struct.pack("!H", 1009))


def test_a_refused_websocket_is_an_answer() -> None:
    h = Harness()
    exchange, conn = h.open_socket(), h.connect()
    h.commands()
    h.received(conn, response(status=403)[:-1])
    assert h.events()[0] == ("response", exchange, 403, f"{BASE}/queue/join")
    h.execute(SendMessage(exchange, "x"))
    h.execute(CloseSocket(exchange))
    assert h.commands() == []
    h.received(conn, b"k")
    assert h.events()[-1] == ("ended", exchange)
    h.execute(SendMessage(exchange, "x"))
    h.execute(CloseSocket(exchange))
    h.start()
    assert h.sent().startswith(b"GET /config")


def test_a_bad_handshake() -> None:
    h = Harness()
    h.open_socket()
    conn = h.connect()
    h.commands()
    h.received(conn, GRANTED.replace(b"ICX", b"XCI"))
    assert isinstance(h.error(), RemoteProtocolError)
    assert h.closed(conn)


def test_granted_and_gone() -> None:
    h = Harness()
    exchange, conn = h.open_socket(), h.connect()
    h.commands()
    h.execute(PauseExchange(exchange))
    h.received(conn, GRANTED)
    h.commands()
    h.wire.peer_closed(conn, h.now)
    assert h.events() == [("opened", exchange), ("closed", exchange, 1006, "")]
    assert h.closed(conn)


def test_pings_and_silence() -> None:
    h = Harness()
    exchange, conn = opened(h)
    for _ in range(2):
        assert h.wire.deadline == h.now + 20
        h.tick()
        assert sent_frame(h) == (9, b"")
    h.received(conn, frame(10))
    for _ in range(2):
        h.tick()
        h.commands()
    h.execute(PauseExchange(exchange))
    h.commands()
    for _ in range(5):
        h.tick()
        assert sent_frame(h) == (9, b"")
    assert h.events() == []
    h.execute(ResumeExchange(exchange))
    for _ in range(3):
        h.tick()
    # The third ping and the limit are due at once.
    error = h.error()
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle"
    assert h.commands()[-1] == Close(conn)
    assert h.wire.deadline is None


def test_silence_while_the_program_was_held_up() -> None:
    h = Harness()
    _, conn = opened(h)
    for _ in range(2):
        h.now += 100
        h.wire.tick(h.now)
        h.commands()
        assert h.events() == []
        h.received(conn, frame(10))
    h.now += 100
    h.wire.tick(h.now)
    assert h.events() == []
    h.now += 100
    h.wire.tick(h.now)
    assert isinstance(h.error(), DeadlineExceeded)


def test_our_close_is_not_answered() -> None:
    h = Harness()
    exchange, conn = opened(h)
    h.execute(PauseExchange(exchange))
    h.commands()
    h.execute(CloseSocket(exchange, 4000))
    h.execute(CloseSocket(exchange))
    h.execute(SendMessage(exchange, "x"))
    assert [type(command) for command in h.commands()] == [Send, ResumeReading]
    assert h.wire.deadline == h.now + 2
    h.tick()
    assert h.events() == [("closed", exchange, 1006, "")]
    assert h.closed(conn)


def test_closed_before_it_was_open() -> None:
    h = Harness(Limits(streams=1))
    first, second = h.open_socket(), h.open_socket()
    conn = h.connect()
    h.commands()
    for exchange in (second, first):
        with pytest.raises(LocalProtocolError, match="not open yet"):
            h.execute(SendMessage(exchange, "x"))
        h.execute(CloseSocket(exchange))
        assert h.events() == [("closed", exchange, 1006, "")]
    assert h.closed(conn)


def test_misuse_of_websockets() -> None:
    h = Harness()
    exchange, _ = opened(h)
    with pytest.raises(LocalProtocolError, match="close frame"):
        h.execute(CloseSocket(exchange, 1006))
    with pytest.raises(LocalProtocolError, match="surrogates"):
        h.execute(SendMessage(exchange, "\ud800"))
    other = h.start()
    for command in (SendMessage(other, "x"), CloseSocket(other)):
        with pytest.raises(LocalProtocolError, match="no websocket"):
            h.execute(command)


def test_a_websocket_aborted() -> None:
    h = Harness()
    exchange, conn = opened(h)
    h.abort(exchange)
    assert h.closed(conn)
    assert h.events() == []
    assert h.wire.deadline is None


def test_wsproto_is_loaded_on_first_need() -> None:
    code = "import sys; from gradio_sansio.wire import wire; print('wsproto' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )
