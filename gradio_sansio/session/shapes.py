"""What untrusted JSON is taken for: a value of the shape that was hoped for, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    """An object of JSON, as decoders make it."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """An array of JSON."""
    return isinstance(value, list)


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one."""
    return value if is_mapping(value) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of an array, or none."""
    return [item for item in value if is_mapping(item)] if is_list(value) else []


def text(value: object) -> str | None:
    """The text, or None."""
    return value if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """A text that can be sent back, or None: a lone surrogate can't be."""
    try:
        return value if isinstance(value, str) and value.encode() else None
    except UnicodeEncodeError:
        return None


def number(value: object) -> float | None:
    """What a server means by a number, or None. It means by NaN that it doesn't know."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def count(value: object) -> int | None:
    """A whole number, or None. Some servers send counts as floats."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**53 else None
