"""What the targets share. A target is a module with ``one_input(data)``, which raises if its invariant is broken, and ``seeds()``."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from gradio_sansio.testing import Entry, read_transcript
from gradio_sansio.testing.frames import Close, Message, frame

TRANSCRIPTS = Path(__file__).parents[1] / "tests/core/data/transcripts"
SUBJECTS = ("gradio_sansio", "h11", "wsproto")
"""What coverage is collected of."""


def cuts(data: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The input whole, in two at a place that it names itself, and byte by byte; no piece is empty."""
    place = data[0] if data else 0
    two = [piece for piece in (data[:place], data[place:]) if piece]
    return [data] if data else [], two, [data[i : i + 1] for i in range(len(data))]


def same_however_cut(data: bytes, read: Callable[[list[bytes]], object]) -> None:
    whole, two, single = cuts(data)
    expected = read(whole)
    assert read(two) == expected
    assert read(single) == expected


def transcripts() -> Iterator[tuple[str, str, list[Entry]]]:
    """All that were recorded: version, name, entries."""
    for path in sorted(TRANSCRIPTS.glob("*/*.jsonl")):
        yield path.parent.name, path.stem, read_transcript(path.read_text(encoding="utf-8"))


def said(*, sockets: bool) -> Iterator[bytes]:
    """What servers said on each connection: all bytes of it, or all frames of a websocket."""
    for _, _, entries in transcripts():
        lines: dict[int, bytes] = {}
        for entry in entries:
            is_frame = isinstance(entry.what, (Message, Close))
            if entry.from_client or is_frame != sockets:
                continue
            if isinstance(entry.what, (Message, Close)):
                lines[entry.conn] = lines.get(entry.conn, b"") + frame(entry.what)
            elif isinstance(entry.what, bytes):
                lines[entry.conn] = lines.get(entry.conn, b"") + entry.what
        yield from lines.values()


def messages() -> Iterator[bytes]:
    """Each JSON text that a server said of a job."""
    for _, _, entries in transcripts():
        for entry in entries:
            if entry.from_client:
                continue
            if isinstance(entry.what, Message):
                yield entry.what.text.encode()
            elif isinstance(entry.what, bytes):
                for line in entry.what.split(b"\n"):
                    if line.startswith(b"data:"):
                        yield line[5:].strip()


def answers() -> Iterator[Any]:
    """Each config, description or answer of JSON."""
    for data in said(sockets=False):
        for part in data.split(b"\r\n\r\n")[1:]:
            try:
                yield json.loads(part)
            except ValueError:
                continue


def write_seeds(folder: Path, seeds: Iterable[bytes], most: int | None) -> int:
    """Write each seed once, its first ``most`` bytes; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    distinct = sorted({seed[:most] for seed in seeds})
    for number, seed in enumerate(distinct):
        (folder / f"seed-{number:04d}").write_bytes(seed)
    return len(distinct)


def fuzz(one_input: Callable[[bytes], None]) -> None:
    """Hand the target over to atheris, with the arguments of libFuzzer."""
    import atheris

    for function in [item for item in gc.get_objects() if isinstance(item, FunctionType)]:
        if function.__module__ and function.__module__.partition(".")[0] in SUBJECTS:
            atheris.instrument_func(function)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
