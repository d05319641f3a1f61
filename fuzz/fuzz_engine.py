"""Invariant: whatever a server of any version says on the connection of a job, and however that is cut, the engine raises nothing,
tells the same, keeps every bound, ends the job once, and leaves nothing behind. No exception is accepted."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz, same_however_cut, transcripts
from gradio_sansio.testing.frames import Close, Message, frame
from tests.core.hostile import VERSIONS, Hostile


def told(version: str, endpoint: str, pieces: list[bytes]) -> list[object]:
    """What the application hears of a job whose connection brings these pieces, and then nothing more."""
    peer = Hostile(version)
    job = peer.submit(endpoint)
    for _ in range(3):
        peer.go_on()
    line = next(line for line in reversed(peer.lines.values()) if line.live or line.state == "open")
    for piece in pieces:
        if line.state != "open":
            break
        peer.engine.received(line.id, piece, peer.now)
        peer.settle()
        if len(pieces) <= 2:
            peer.check()
    heard: list[object] = [*peer.values.get(job, []), peer.sizes[job]]
    if job in peer.finished:
        heard.append(repr(peer.finished[job].error))
    peer.wait_for_all()
    peer.shut()
    return heard


def one_input(data: bytes) -> None:
    """The first byte chooses the version, and whether the call goes through the queue."""
    if not data:
        return
    version = VERSIONS[data[0] % len(VERSIONS)]
    endpoint = "/direct" if data[0] >= 0xF0 else "/count"
    same_however_cut(data[1:], lambda pieces: told(version, endpoint, pieces))


MOST = 500
"""Bytes of an input, which is read byte by byte too."""


def seeds() -> Iterator[bytes]:
    for version, name, entries in transcripts():
        if version not in VERSIONS or name not in ("predict", "fail", "count"):
            continue
        first = bytes((VERSIONS.index(version),))
        said: dict[int, bytes] = {}
        for entry in entries:
            if not entry.from_client and isinstance(entry.what, (Message, Close)):
                said[entry.conn] = said.get(entry.conn, b"") + frame(entry.what)
            elif not entry.from_client and isinstance(entry.what, bytes) and b"data:" in entry.what:
                body = entry.what.partition(b"\r\n\r\n")[2] if entry.what.startswith(b"HTTP") else entry.what
                said[entry.conn] = said.get(entry.conn, b"") + body
        yield from (first + data for data in said.values())
        yield from (first + data.replace(b'"event_id":"', b'"event_id":"k1","x":"') for data in said.values())
    yield b'\xf0HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"data":[1]}'


if __name__ == "__main__":
    fuzz(one_input)
