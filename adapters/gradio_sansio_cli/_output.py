"""Results, on standard output: for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TextIO

import click
import msgspec

from gradio_sansio import Data, FileData
from gradio_sansio.files import shown_url
from gradio_sansio.session.shapes import is_list, is_mapping
from gradio_sansio_progress import clean
from gradio_sansio_progress._text import BIDI

# In JSON these stand in strings only, where each can be written as an escape.
_UNSAFE: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{BIDI}\u2028\u2029\ud800-\udfff]")


def prepare_streams() -> None:
    """No letter that the terminal's encoding lacks is a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A descriptor that is closed would be given to the first socket, for others to write into.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def emit(line: str) -> None:
    """Write a line, now: whoever reads may be waiting for it."""
    output = _stdout()
    output.write(line + "\n")
    output.flush()


def emit_json(value: Mapping[str, Any]) -> None:
    """Write an object in one line. In ASCII, so that it is the same in every locale and harmless in every terminal."""
    try:
        line = json.dumps(value, default=msgspec.to_builtins, allow_nan=False)
    except ValueError:
        line = json.dumps(_finite(msgspec.to_builtins(value)))
    emit(line)


def data_object(data: Data) -> dict[str, Any]:
    """A result as an object."""
    return {"data": data.data, "endpoint": data.endpoint, "fn_index": data.fn_index, "time": data.time}


def readable(value: Any, saved: Mapping[FileData, Path]) -> str:
    """A text as it is but for what could steer a terminal; anything else as JSON, with that escaped.

    A file is where it was saved, or else where it can be had.
    """

    def plain(part: Any) -> Any:
        if not isinstance(part, FileData):
            return msgspec.to_builtins(part)
        return str(saved[part]) if part in saved else _address(part)

    if isinstance(value, FileData):
        value = plain(value)
    if isinstance(value, str):
        return clean(value)
    text = json.dumps(value, ensure_ascii=False, default=plain)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def finish_streams() -> None:
    """Let go of what can't be written, or isn't wanted any more. Python would try again as it ends, and complain."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            try:
                stream.flush()
            except OSError:
                with suppress(OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _stdout() -> TextIO:
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]  # as in a process without one
        raise click.UsageError("there is no standard output to write the result to.")
    return sys.stdout


def _address(file: FileData) -> str:
    address = file.url or file.path or ""
    # The content of a file is no address, and one is no more than a line.
    return shown_url(address) if address[:5].lower() == "data:" else " ".join(address.splitlines())


def _finite(value: Any) -> Any:
    """NaN and infinities as null, since JSON has no word for them."""
    if is_mapping(value):
        return {key: _finite(part) for key, part in value.items()}
    if is_list(value):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and value - value != 0 else value
