"""JSON as servers send it: bounded in depth, lenient where Gradio is.

msgspec does the work. What it refuses goes once more through the standard decoder, because servers before 4.24 write NaN and
Infinity, and some values hold lone surrogates, huge numbers or a byte order mark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final, TypeVar, cast

import msgspec

T = TypeVar("T")

# Both kinds of brackets count alike: one with the wrong partner is the decoder's to refuse.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_OTHERS: Final = bytes(b for b in range(256) if b not in b'[]{}"')
STEP: Final = 32 * 1024
"""Bytes of brackets and quotes that are split at a time: each piece is an object meanwhile, of some forty times its size."""


class BadJson(Exception):
    """A text that is not JSON, or is nested too deep. The text of the exception says which, and quotes no content."""


def check_depth(data: bytes, limit: int) -> None:
    """Refuse what is nested deeper than ``limit``, before a recursive decoder sees it. Linear in ``data``.

    Raises:
        BadJson: too deep, or its brackets don't match.
    """
    if data.count(b"[") + data.count(b"{") <= limit:
        return
    brackets = _brackets(data, STEP)
    for _ in range(limit):
        if not brackets:
            return
        # Takes the innermost level off, at the speed of C.
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise BadJson(f"nested deeper than {limit} levels, or cut short")


def _brackets(data: bytes, step: int) -> bytes:
    """Those that stand outside strings, all made square. A string that is cut short goes to the end."""
    if b"\\" in data:
        # Pairs from the left first, so that what escapes a quote is left. Outside strings no decoder goes past a backslash.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side change nothing for what stands around them: most strings go here.
    marks = data.translate(_BRACKETS, _OTHERS).replace(b'""', b"")
    outside: list[bytes] = []
    within = 0
    for start in range(0, len(marks), step):
        pieces = marks[start : start + step].split(b'"')
        outside.append(b"".join(pieces[within::2]))
        within ^= (len(pieces) - 1) & 1
    return b"".join(outside)


def decode(data: bytes, *, depth: int) -> Any:
    """The value of a JSON text.

    Raises:
        BadJson: it isn't one.
    """
    check_depth(data, depth)
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decode_leniently(data)


def decode_leniently(data: bytes) -> Any:
    """The second try, with the standard decoder; ``check_depth`` comes first.

    Raises:
        BadJson: it can't read it either.
    """
    import json  # noqa: PLC0415  # 2 ms of CPU that most servers' texts do without

    try:
        return json.loads(data.decode("utf-8-sig", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        # A JSONDecodeError quotes nothing, but a UnicodeDecodeError holds the bytes.
        raise BadJson(f"not JSON: {type(error).__name__}") from None


def encode(value: object) -> bytes:
    """The JSON text of a request.

    Raises:
        TypeError, ValueError, RecursionError: the value has no JSON form.
    """
    text = msgspec.json.encode(value, enc_hook=_plain)
    # Numbers have no "n" in them, and to look for one letter takes next to no time.
    if b"n" in text and b"null" in text:
        _check_finite([value])
    return text


def _check_finite(values: Iterable[object]) -> None:
    """Refuse infinities, which msgspec writes as null. That is right for NaN alone, which stands for a value that is missing."""
    values = list(values)
    if not _SCALARS.issuperset(map(type, values)):
        for value in values:
            if isinstance(value, dict):
                _check_finite(cast("dict[str, object]", value).values())
            elif isinstance(value, (list, tuple)):
                _check_finite(cast("list[object]", value))
            elif hasattr(value, "tolist") or hasattr(value, "to_numpy"):
                _check_finite([_plain(value)])
        values = [value for value in values if type(value) is float]
    for infinity in (math.inf, -math.inf):
        if infinity in values:
            raise ValueError(f"the number {infinity}")


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_MISSING: Final = frozenset({"NaTType", "NAType"})
"""What pandas has in place of a value; neither compares as others do."""


def _plain(value: object) -> object:
    """What numpy and pandas have that JSON has too, by their own conversions; without importing either.

    Arrays, scalars and columns are lists and numbers, a point in time is its ISO text, and a table is what a Dataframe takes.
    """
    if type(value).__name__ in _MISSING:
        return None
    columns: Any = getattr(value, "columns", None)
    to_numpy: Any = getattr(value, "to_numpy", None)
    if columns is not None and callable(to_numpy):
        return {"headers": [str(column) for column in columns], "data": to_numpy()}
    for method in ("tolist", "isoformat"):
        if callable(convert := getattr(value, method, None)):
            return convert()
    hint = (
        "; a file is marked with handle_file"
        if hasattr(value, "read") or hasattr(value, "__fspath__")
        else ""
    )
    raise TypeError(f"a value of type {type(value).__name__}{hint}")
