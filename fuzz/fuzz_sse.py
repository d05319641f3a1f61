"""Invariant: whatever bytes come, and however they are cut, the decoder gives the same events or the same refusal, and the events are those
of a plain reading of the HTML standard. Nothing else raises."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz, said, same_however_cut
from gradio_sansio.session.sse import EventTooLong, SseDecoder

LIMIT = 1000


def decoded(pieces: list[bytes], limit: int = LIMIT) -> tuple[list[bytes], bool]:
    """The events, and whether something was refused after them."""
    decoder = SseDecoder(limit)
    events: list[bytes] = []
    for piece in pieces:
        try:
            events += decoder.feed(piece)
        except EventTooLong as error:
            return events + error.events, True
    return events, False


def reference(data: bytes) -> list[bytes]:
    """The data of all events, read in the slowest and plainest way."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[bytes] = []
    lines: list[bytes] = []
    # What follows the last end of a line is no line yet.
    for line in text.split(b"\n")[:-1]:
        name, _, value = line.partition(b":")
        if not line:
            if lines:
                events.append(b"\n".join(lines))
            lines = []
        elif name == b"data":
            lines.append(value.removeprefix(b" "))
    return events


def one_input(data: bytes) -> None:
    same_however_cut(data, decoded)
    assert decoded([data], 10**9) == (reference(data), False)


MOST = 600
"""Bytes of an input, which is read byte by byte too."""


def seeds() -> Iterator[bytes]:
    yield from (data.partition(b"\r\n\r\n")[2] for data in said(sockets=False) if b"data:" in data)
    yield from (b"data: a\r\n\r\n", b"\xef\xbb\xbfdata:a\rdata\r\r", b": c\nid\nevent: x\nretry: 1\ndata\n\n")


if __name__ == "__main__":
    fuzz(one_input)
