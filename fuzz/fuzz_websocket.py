"""Invariant: whatever frames come, and however they are cut, a websocket gives the same messages and notices, no message beyond the limit,
and nothing after its end. Nothing raises."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz, said, same_however_cut
from gradio_sansio.wire.websocket import Notice, WebSocket

LIMIT = 300


def read(pieces: list[bytes]) -> list[object]:
    socket = WebSocket("the peer", LIMIT, bytes)
    heard: list[object] = []
    over = False
    for piece in pieces:
        socket.receive(piece)
        for event in socket.events():
            assert not over, "nothing comes after the end"
            if isinstance(event, Notice):
                # What is answered is masked by chance.
                over = event.code is not None or event.error is not None
                heard.append((event.code, event.reason, event.error and event.error.message))
            else:
                assert len(event if isinstance(event, bytes) else event.encode()) <= LIMIT
                heard.append(event)
    return heard


def one_input(data: bytes) -> None:
    same_however_cut(data, read)


MOST = 400
"""Bytes of an input, which is read byte by byte too."""


def seeds() -> Iterator[bytes]:
    yield from (data[:1000] for data in said(sockets=True))
    yield b"\x01\x03\xe2\x9c\x93\x89\x01p\x80\x01x\x88\x02\x03\xe8"
    yield b"\x82\x7e\x01\x2d" + bytes(301)
    yield b"\x88\x00"


if __name__ == "__main__":
    fuzz(one_input)
