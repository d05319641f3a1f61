"""Whatever a program asks and a peer does: no input raises, every exchange ends once, every connection is closed."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.commands import (
    Close,
    CloseSocket,
    Connect,
    NeedBody,
    PauseExchange,
    PulledBody,
    Redirects,
    ResumeExchange,
    SendBody,
    StartTls,
)
from gradio_sansio.limits import Limits
from tests.core.wire.harness import CHUNKED, GRANTED, OK, URL, Harness, frame, response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradio_sansio.commands import ConnectionId, ExchangeId

SAMPLES = [
    OK,
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    response("location: /b", "set-cookie: a=b", status=302),
    response("content-encoding: gzip", body=gzip.compress(b"x" * 999)),
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    GRANTED + frame(1, b"hello") + frame(9) + frame(8),
    frame(2, b"x"),
]


def mutated(choice: random.Random) -> Iterator[bytes]:
    for _ in range(choice.randrange(1, 5)):
        data = bytearray(choice.choice(SAMPLES))
        for _ in range(choice.randrange(3)):
            data[choice.randrange(len(data))] = choice.randrange(256)
        cut = choice.randrange(len(data) + 1)
        yield bytes(data[:cut])
        yield bytes(data[cut:])


@given(st.integers(0, 2**32))
def test_every_exchange_ends_once_and_every_connection_is_closed(seed: int) -> None:
    """Random commands, answers, losses and times: no input raises, nobody is forgotten."""
    choice = random.Random(seed)
    h = Harness(Limits(connections=2, streams=2, event=50, header=500, body=500))
    alive: set[ConnectionId] = set()
    stage: dict[ConnectionId, str] = {}
    unfinished: set[ExchangeId] = set()
    wanted: dict[ExchangeId, int] = {}
    sockets: set[ExchangeId] = set()

    def settle() -> None:
        for command in h.commands():
            if isinstance(command, Connect):
                stage[command.connection] = "opening"
                alive.add(command.connection)
                continue
            assert not isinstance(command, NeedBody), "that is of the session's"
            assert command.connection in alive
            if isinstance(command, Close):
                alive.discard(command.connection)
            elif isinstance(command, StartTls):
                stage[command.connection] = "tls"
        for event in h.events():
            exchange = event[1]
            assert exchange in unfinished
            if event[0] in ("ended", "failed", "closed"):
                unfinished.discard(exchange)
            elif event[0] == "wanted":
                wanted[exchange] = event[2]  # type: ignore[index, assignment]

    def start() -> None:
        kind = choice.randrange(4)
        url = choice.choice([URL, "https://app.test/"])
        if kind == 0:
            exchange = h.open_socket(url)
            sockets.add(exchange)
        elif kind == 1:
            exchange = h.start(url, "POST", body=PulledBody(choice.choice([None, 10])))
        else:
            redirects = choice.choice(list(Redirects))
            exchange = h.start(url, long_lived=bool(choice.randrange(2)), redirects=redirects)
        unfinished.add(exchange)

    def proceed(conn: ConnectionId) -> None:
        kind = choice.randrange(10)
        if stage[conn] == "opening":
            if kind == 0:
                alive.discard(conn)
                h.wire.connect_failed(conn, "refused", h.now)
            else:
                stage[conn] = "open"
                h.wire.connected(conn, h.now)
        elif stage[conn] == "tls":
            if kind == 0:
                alive.discard(conn)
                h.wire.lost(conn, "bad certificate", h.now)
            else:
                stage[conn] = "open"
                h.wire.tls_started(conn, h.now)
        elif kind == 0:
            alive.discard(conn)
            h.wire.lost(conn, "reset", h.now)
        elif kind == 1:
            h.wire.peer_closed(conn, h.now)
        elif kind < 4:
            h.wire.flushed(conn, h.now)
        else:
            for data in mutated(choice):
                h.received(conn, data)

    for _ in range(60):
        kind = choice.randrange(12)
        if kind < 3:
            start()
        elif kind == 3 and unfinished:
            exchange = choice.choice(sorted(unfinished))
            unfinished.discard(exchange)
            h.abort(exchange)
        elif kind == 4 and unfinished:
            exchange = choice.choice(sorted(unfinished))
            paused = choice.randrange(2)
            h.execute(PauseExchange(exchange) if paused else ResumeExchange(exchange))
        elif kind == 5 and wanted:
            exchange, most = wanted.popitem()
            h.execute(SendBody(exchange, bytes(min(most, 10)), last=True))
        elif kind == 6 and sockets & unfinished:
            h.execute(CloseSocket(choice.choice(sorted(sockets & unfinished))))
        elif kind == 7 and h.wire.deadline is not None:
            h.tick()
        elif alive:
            proceed(choice.choice(sorted(alive)))
        settle()

    for exchange in sorted(unfinished):
        h.execute(ResumeExchange(exchange))
    settle()
    for _ in range(1000):
        if not alive:
            break
        conn = min(alive)
        if stage[conn] == "open":
            alive.discard(conn)
            h.wire.lost(conn, "the end", h.now)
        else:
            proceed(conn)
        settle()
    assert not alive
    assert not unfinished
    assert h.wire.deadline is None
