from __future__ import annotations

import json
import math
import tracemalloc
from io import BytesIO
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.jsontext import (
    BadJson,
    _brackets,
    check_depth,
    decode,
    decode_leniently,
    encode,
)
from tests.core.strategies import JSON


def refused(data: bytes, limit: int) -> bool:
    try:
        check_depth(data, limit)
    except BadJson:
        return True
    return False


def depth_of(data: bytes) -> int | None:
    """The nesting of a text, a character at a time; None where brackets are left over. Strings may be cut short.

    Outside strings JSON has no backslashes; there, too, one is taken to escape a quote or another.
    """
    depth = deepest = 0
    within = escaped = False
    for byte in data:
        if escaped and byte in b'\\"':
            escaped = False
            continue
        escaped = byte == ord("\\")
        if within:
            within = byte != ord('"')
        elif byte == ord('"'):
            within = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
            if depth < 0:
                return None
    return None if depth else deepest


# Name, text, the least limit at which it passes.
DEPTHS: list[tuple[str, bytes, int]] = [
    ("empty", b"", 0),
    ("scalar", b"1", 0),
    ("list", b"[]", 1),
    ("object", b"{}", 1),
    ("list of lists", b"[[[]]]", 3),
    ("mixed", b'{"a": [{"b": [1]}]}', 4),
    ("wide", b"[[],[],{},[]]", 2),
    ("brackets in a string", b'["[[[[[{{{{{"]', 1),
    ("brackets in a key", b'{"[[{": 1}', 1),
    ("an escaped quote", b'["\\"[[[["]', 1),
    ("an escaped backslash before the quote", b'["\\\\", []]', 2),
    ("two of them", b'["\\\\\\\\", []]', 2),
    ("an escape before a bracket", b'["\\[[[["]', 1),
    ("a string over lines", b'["a\n[[["]', 1),
    ("strings side by side", b'["[" , "[" , []]', 2),
    ("not in ASCII", '["é[[\u2028", []]'.encode(), 2),
]


@pytest.mark.parametrize(("name", "data", "limit"), DEPTHS, ids=[name for name, _, _ in DEPTHS])
def test_depth(name: str, data: bytes, limit: int) -> None:
    assert depth_of(data) == limit
    check_depth(data, limit)
    if limit:
        with pytest.raises(BadJson, match=f"nested deeper than {limit - 1} levels"):
            check_depth(data, limit - 1)


# Name, text, whether a hundred levels are too few.
HOSTILE: list[tuple[str, bytes, bool]] = [
    ("a million lists", b"[" * 1_000_000, True),
    ("a million closed lists", b"[" * 1_000_000 + b"]" * 1_000_000, True),
    ("a million objects", b'{"a":' * 1_000_000, True),
    ("one level too many, alternating", b'[{"a":' * 50 + b"[]" + b"}]" * 50, True),
    ("just as deep as allowed, alternating", b'[{"a":' * 50 + b"1" + b"}]" * 50, False),
    ("after a string", b'["\\"",' + b"[" * 100 + b"]" * 101, True),
    ("closing brackets first", b"]" * 101 + b"[" * 101, True),
    ("wide, then deep", b"[" + b"[]," * 1_000_000 + b"[" * 100 + b"]" * 101, True),
    ("wide", b"[" + b"[{}]," * 1_000_000 + b"1]", False),
    # No JSON, but no decoder goes deep in them.
    ("a string cut short", b'"' + b"[" * 1_000, False),
    ("cut short after a backslash", b'"' + b"[" * 1_000 + b"\\", False),
    ("after a quote that is escaped outside", b'\\""' + b"[" * 1_000, False),
    ("wrong partners", b"[}" * 101, False),
]


@pytest.mark.parametrize(("name", "data", "deep"), HOSTILE, ids=[name for name, _, _ in HOSTILE])
def test_hostile(name: str, data: bytes, deep: bool) -> None:
    assert refused(data, 100) is deep


def test_decoding_looks_at_the_depth_first() -> None:
    with pytest.raises(BadJson, match=r"^nested deeper than 100 levels, or cut short$"):
        decode(b"[" * 1_000_000, depth=100)


@given(st.text(st.sampled_from(list('[]{}"\\a,')), max_size=40), st.integers(0, 5))
def test_depth_like_the_reference(text: str, limit: int) -> None:
    data = text.encode()
    opened = sum(byte in b"[{" for byte in data)
    deepest = depth_of(data)
    # With fewer opening brackets than the limit nothing can be deep, whatever else is wrong.
    assert refused(data, limit) == (opened > limit and (deepest is None or deepest > limit))


@given(JSON, st.integers(0, 4))
def test_depth_of_real_json(value: object, limit: int) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        deepest = depth_of(text.encode())
        assert deepest is not None
        assert refused(text.encode(), limit) == (deepest > limit)


# Name, what stands before two hundred brackets, whether these are in a string.
LINEAR: list[tuple[str, bytes, bool]] = [
    ("quotes", b'"' * 10_000_001, True),
    ("backslashes", b'"' + b"\\" * 10_000_000, True),
    ("escaped quotes", b'"' + b'\\"' * 5_000_000, True),
    ("quotes and backslashes in turn", b'"\\' * 5_000_000, True),
    ("short strings", b'"a",' * 2_500_000, False),
]


@pytest.mark.parametrize(("name", "before", "in_string"), LINEAR, ids=[name for name, _, _ in LINEAR])
def test_the_scan_of_strings_is_linear(name: str, before: bytes, in_string: bool) -> None:
    # Ten megabytes: were it quadratic, or did the expression keep a mark a byte to go back to, it would not end or take all memory.
    assert refused(before + b"[" * 200, 100) is not in_string


# Name, text, value.
VALUES: list[tuple[str, bytes, Any]] = [
    ("null", b"null", None),
    ("plain", b'{"a": [1, 2.5, true, "x"]}', {"a": [1, 2.5, True, "x"]}),
    ("white space", b" \r\n\t[1] \n", [1]),
    ("Infinity", b"[Infinity, -Infinity]", [math.inf, -math.inf]),
    ("a number past the range of floats", b"[1e999]", [math.inf]),
    ("an integer of 64 bits", b"16662209593962074948", 16662209593962074948),
    ("a larger one", b"123456789012345678901234567890", 123456789012345678901234567890),
    ("a lone surrogate, escaped", b'"\\ud800"', "\ud800"),
    ("a lone surrogate, raw", b'"\xed\xa0\x80"', "\ud800"),
    ("a pair of surrogates", b'"\\ud83d\\ude00"', "\U0001f600"),
    ("a BOM", b"\xef\xbb\xbf[1]", [1]),
    ("a key that comes twice", b'{"a": 1, "a": 2}', {"a": 2}),
    ("one that needs the second try", b'{"a": NaN, "a": 2}', {"a": 2}),
    ("U+2028", '"\u2028"'.encode(), "\u2028"),
    ("NUL in a string", b'"\\u0000"', "\x00"),
]


@pytest.mark.parametrize(("name", "data", "value"), VALUES, ids=[name for name, _, _ in VALUES])
def test_values(name: str, data: bytes, value: object) -> None:
    decoded = decode(data, depth=100)
    assert decoded == value
    assert type(decoded) is type(value)
    assert decode_leniently(data) == value


def test_nan() -> None:
    decoded = decode(b'{"loss": NaN, "more": [1]}', depth=100)
    assert math.isnan(decoded["loss"])
    assert decoded["more"] == [1]


def test_as_deep_as_allowed() -> None:
    decoded = decode(b"[" * 100 + b"]" * 100, depth=100)
    for _ in range(99):
        [decoded] = decoded
    assert decoded == []


# Name, text, what the error says.
NOT_JSON: list[tuple[str, bytes, str]] = [
    ("empty", b"", "JSONDecodeError"),
    ("a word", b"hello", "JSONDecodeError"),
    ("HTML", b"<!doctype html><p>hf_secret", "JSONDecodeError"),
    ("cut short", b'{"a": ', "JSONDecodeError"),
    ("two values", b"1 2", "JSONDecodeError"),
    ("single quotes", b"['hf_secret']", "JSONDecodeError"),
    ("not UTF-8", b'"\xff hf_secret"', "UnicodeDecodeError"),
    ("cut in a character", b'"\xe2\x80', "UnicodeDecodeError"),
    ("too many digits for Python", b"1" * 5_000, "ValueError"),
    ("two BOMs", b"\xef\xbb\xbf\xef\xbb\xbf1", "JSONDecodeError"),
]


@pytest.mark.parametrize(("name", "data", "kind"), NOT_JSON, ids=[name for name, _, _ in NOT_JSON])
def test_not_json(name: str, data: bytes, kind: str) -> None:
    with pytest.raises(BadJson) as caught:
        decode(data, depth=100)
    assert str(caught.value) == f"not JSON: {kind}"
    # Nothing of the content, not even by way of the error before it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_decoder_that_runs_out_of_stack() -> None:
    # `check_depth` comes first, but a bound that a caller chose may be more than the host's stack has.
    with pytest.raises(BadJson, match="RecursionError"):
        decode_leniently(b"[" * 200_000)


@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from(list('[]{}"\\:,0123NaI\ue000 ')), max_size=40).map(str.encode)
)
def test_any_bytes_give_a_value_or_bad_json(data: bytes) -> None:
    try:
        value = decode(data, depth=10)
    except BadJson:
        return
    again = json.loads(data.decode("utf-8-sig", "surrogatepass"))
    assert repr(value) == repr(again)


@given(JSON)
def test_there_and_back(value: object) -> None:
    assert decode(encode(value), depth=100) == value


class Array:
    """Behaves like a numpy array, or scalar, in the one respect that counts."""

    def __init__(self, plain: object) -> None:
        self.plain = plain

    def tolist(self) -> object:
        return self.plain


class Moment:
    """As pandas has them: not of `datetime`'s own encoding."""

    def isoformat(self) -> str:
        return "2026-11-24T00:00:00"


class NaTType(Moment):
    """The one that there isn't."""


class Table:
    """Behaves like a table of pandas or polars."""

    columns = ("a", 2)

    def to_numpy(self) -> Array:
        return Array([[1, Moment()], [3, NaTType()]])


class Odd:
    tolist = "not a method"
    columns = ("a",)


# Name, value, text.
ENCODED: list[tuple[str, object, bytes]] = [
    ("plain", {"data": [1, "é", None, True, 1.5]}, '{"data":[1,"é",null,true,1.5]}'.encode()),
    ("a tuple", (1, (2,)), b"[1,[2]]"),
    ("an array", [Array([[1, 2], [3, 4]])], b"[[[1,2],[3,4]]]"),
    ("an array of arrays", Array([Array(1.5)]), b"[1.5]"),
    ("a table", [Table()], b'[{"headers":["a","2"],"data":[[1,"2026-11-24T00:00:00"],[3,null]]}]'),
    ("NaN", [math.nan, Array([math.nan]), 1e308], b"[null,[null],1e308]"),
    ("null in a text, and of old", ["null", None, {"a": (None, 2.5)}], b'["null",null,{"a":[null,2.5]}]'),
]


@pytest.mark.parametrize(("name", "value", "text"), ENCODED, ids=[name for name, _, _ in ENCODED])
def test_encode(name: str, value: object, text: bytes) -> None:
    assert encode(value) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [(object(), "object"), (Odd(), "Odd"), ([lambda: 1], "function"), (1j, "complex")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_json_form(value: object, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^a value of type {kind}$"):
        encode(value)


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_infinities_have_no_json_form(number: float) -> None:
    for value in (
        number,
        [1.5, number],
        {"a": (0, number)},
        Array([[0.5, number]]),
        [Table(), Array(Array(number))],
    ):
        with pytest.raises(ValueError, match=rf"^the number {number}$"):
            encode(value)


def test_a_file_that_is_not_marked() -> None:
    for value in (PurePath("cat.png"), BytesIO(b"cat")):
        with pytest.raises(TypeError, match="a file is marked with handle_file"):
            encode([value])


def test_a_value_that_holds_itself() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(RecursionError):
        encode(value)


@given(st.text('"\\\\[]a', max_size=60).map(str.encode), st.integers(1, 20))
def test_strings_are_taken_out_alike_in_steps_of_any_size(data: bytes, step: int) -> None:
    assert _brackets(data, step) == _brackets(data, 100)


def test_counting_takes_little_memory() -> None:
    # Every second byte a string's: each piece in between is an object of its own for a while.
    data = b"[" * 200 + b'"",' * 1_000_000
    tracemalloc.start()
    with pytest.raises(BadJson):
        check_depth(data, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(data)
