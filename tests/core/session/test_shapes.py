from __future__ import annotations

import math

import pytest
from hypothesis import given

from gradio_sansio.session.shapes import (
    count,
    identifier,
    is_list,
    is_mapping,
    mapping,
    mappings,
    number,
    text,
)
from tests.core.strategies import JSON

# Value, as a number, as a count.
NUMBERS: list[tuple[object, float | None, int | None]] = [
    (1, 1.0, 1),
    (0, 0.0, 0),
    (-1.5, -1.5, -1),
    (2.0, 2.0, 2),
    (math.inf, math.inf, None),
    (-math.inf, -math.inf, None),
    (math.nan, None, None),
    (2**53 - 1, float(2**53 - 1), 2**53 - 1),
    (2**53, float(2**53), None),
    (-(2**53), -float(2**53), None),
    (10**400, None, None),
    (True, None, None),
    (None, None, None),
    ("1", None, None),
    ([1], None, None),
]


@pytest.mark.parametrize(("value", "expected", "whole"), NUMBERS, ids=lambda value: repr(value)[:20])
def test_numbers(value: object, expected: float | None, whole: int | None) -> None:
    found = number(value)
    assert found == expected
    assert type(found) is type(expected)
    counted = count(value)
    assert counted == whole
    assert type(counted) is type(whole)


@given(JSON)
def test_shapes(value: object) -> None:
    assert is_mapping(value) == isinstance(value, dict)
    assert mapping(value) == (value if isinstance(value, dict) else {})
    assert is_list(value) == isinstance(value, list)
    assert mappings(value) == (
        [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    )
    assert text(value) == (value if isinstance(value, str) else None)


def test_identifiers() -> None:
    assert identifier("a1") == "a1"
    for value in ("", "\ud800", 1, None, ["a"]):
        assert identifier(value) is None
