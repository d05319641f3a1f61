"""Invariant: whatever bytes come, and however they are cut, the decoder gives the same events or the same refusal. Nothing else raises."""

from __future__ import annotations

import sys

from gradio_sansio.session.sse import EventTooLong, SseDecoder

LIMIT = 1000


def decoded(pieces: list[bytes]) -> list[bytes] | None:
    """The events, or None where they were refused."""
    decoder = SseDecoder(LIMIT)
    events: list[bytes] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
    except EventTooLong:
        return None
    return events


def one_input(data: bytes) -> None:
    """Decode it whole, in two and byte by byte."""
    cut = data[0] if data else 0
    whole = decoded([data])
    assert decoded([data[:cut], data[cut:]]) == whole
    assert decoded([data[i : i + 1] for i in range(len(data))]) == whole


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
