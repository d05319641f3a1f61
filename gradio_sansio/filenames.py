"""Names for files that a server named, as no file system misunderstands them.

A server's name is anything: a path, a device of Windows, a megabyte of text, a text that reads backwards. The rules of all systems hold on
each, since what is saved here may be unpacked there.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from gradio_sansio.files import shortened

DEFAULT: Final = "file"
_LIMIT: Final = 200
"""Bytes. File systems take 255; the rest is for a number, and for the suffix of what is not complete."""
# Windows refuses these in names; a colon would name a stream of another file.
_FORBIDDEN: Final = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
# Control and format characters (those that turn the direction of text among them), separators of lines and paragraphs, surrogates.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# With any suffix, and in any case; Windows takes superscript digits for digits there.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
)


def safe_name(name: str) -> str:
    """A name for a new file in a directory of the caller's, as like to ``name`` as can be."""
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2][: 16 * _LIMIT]
    name = "".join(char for char in name if unicodedata.category(char) not in _INVISIBLE)
    name = _trimmed(shortened(_trimmed(name.translate(_FORBIDDEN)), _LIMIT))
    if name.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        name = f"_{name}"
    return name or DEFAULT


def numbered(name: str, number: int) -> str:
    """Another name, for where the first is taken: ``cat (1).png``."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"


def _trimmed(name: str) -> str:
    """Windows drops dots and spaces at the end of names; a dot at the beginning hides a file elsewhere."""
    return name.strip(". ")
