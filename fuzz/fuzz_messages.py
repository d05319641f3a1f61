"""Invariant: a text is a message, an output or a JSON value, or is refused with ``BadJson``; nothing else raises. What is read is what the
standard decoder reads, or, where that reads nothing, is nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from fuzz.harness import fuzz, messages
from gradio_sansio.session.jsontext import BadJson, check_depth, decode
from gradio_sansio.session.messages import decode_message, decode_output, kind_of

DEPTH = 20


def same(one: Any, other: Any) -> bool:
    """Equal, a NaN to itself, and a number to one that was rounded."""
    if isinstance(one, float) or isinstance(other, float):
        if isinstance(one, (int, float)) and isinstance(other, (int, float)):
            if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
                return math.isnan(other)
            return one == other or float(one) == float(other)
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def deep(text: bytes) -> bool:
    """Whether brackets stand deeper than the limit, counted one by one."""
    depth, quoted, escaped = 0, False, False
    for byte in text:
        if quoted:
            quoted = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            depth += 1
            if depth > DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def one_input(data: bytes) -> None:
    try:
        value = decode(data, depth=DEPTH)
    except BadJson:
        try:
            # The standard decoder takes UTF-16 too, which no server of ours sends.
            json.loads(data.decode("utf-8-sig", "surrogatepass"))
        except (ValueError, RecursionError):
            pass
        else:
            assert deep(data), "refused for nothing"
    else:
        assert not deep(data)
        assert same(value, json.loads(data.decode("utf-8-sig", "surrogatepass")))
    for read in (decode_message, decode_output):
        try:
            message = read(data, depth=DEPTH)
        except BadJson as error:
            assert len(str(error)) < 200
        else:
            if read is decode_message:
                kind_of(message)  # type: ignore[arg-type]  # it is of that kind
    try:
        check_depth(data, DEPTH)
    except BadJson:
        assert deep(data) or data.count(b"[") + data.count(b"{") > DEPTH


def seeds() -> Iterator[bytes]:
    yield from messages()
    yield from (
        b'{"msg":"estimation","rank":1.5}',
        b"[NaN, -Infinity, 1e999]",
        b'"\\ud800"',
        b"\xef\xbb\xbf{}",
        b"[" * 30,
    )


if __name__ == "__main__":
    fuzz(one_input)
