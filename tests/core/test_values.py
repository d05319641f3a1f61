from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.diff import Outputs
from gradio_sansio.values import Data, Log, Progress, Returns, Status
from tests.core.strategies import JSON

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2025, 1, 1, tzinfo=UTC)


def data(
    *values: Any,
    hidden: tuple[int, ...] = (),
    endpoint: str | None = "/f",
    fn_index: int = 3,
    time: datetime = NOON,
) -> Data:
    return Data(Outputs(list(values)), Returns(endpoint, fn_index, frozenset(hidden)), time)


def test_what_is_not_known_is_not_shown() -> None:
    assert (
        repr(Status(queue=True, stage="pending", position=2))
        == "Status(queue=True, stage='pending', position=2)"
    )
    assert repr(Progress(index=1, length=3)) == "Progress(index=1, length=3)"
    assert repr(Log("x", "info")) == "Log(message='x', level='info')"


def test_it_behaves_as_its_data() -> None:
    result = data("a", [1], None)
    assert isinstance(result, Sequence)
    assert result.data == ["a", [1], None]
    assert result[0] == "a"
    assert result[-1] is None
    assert result[1:] == [[1], None]
    assert len(result) == 3
    assert list(result) == ["a", [1], None]
    first, *rest = result
    assert (first, rest) == ("a", [[1], None])
    assert [1] in result
    assert result.index("a") == 0
    assert list(reversed(result)) == [None, [1], "a"]
    with pytest.raises(IndexError):
        _ = result[3]


def test_what_it_knows() -> None:
    result = data("a", endpoint=None, fn_index=7)
    assert (result.endpoint, result.fn_index, result.time) == (None, 7, NOON)


# The outputs, the hidden ones, the data, the value.
VALUES: list[tuple[list[Any], tuple[int, ...], list[Any], Any]] = [
    (["a"], (), ["a"], "a"),
    ([None], (), [None], None),
    ([["a"]], (), [["a"]], ["a"]),
    (["a", "b"], (), ["a", "b"], ["a", "b"]),
    ([], (), [], []),
    (["a", None], (1,), ["a"], "a"),
    ([None, "a", None, "b"], (0, 2), ["a", "b"], ["a", "b"]),
    ([None], (0,), [], []),
    (["a"], (1,), ["a"], "a"),
]


@pytest.mark.parametrize(("outputs", "hidden", "visible", "value"), VALUES, ids=str)
def test_value(outputs: list[Any], hidden: tuple[int, ...], visible: list[Any], value: Any) -> None:
    result = data(*outputs, hidden=hidden)
    assert result.data == visible
    assert result.value == value
    assert len(result) == len(visible)


def test_the_data_is_made_once() -> None:
    result = data("a", None, hidden=(1,))
    assert result.data is result.data


def test_a_result_is_read_through_a_newer_yield() -> None:
    outputs = Outputs(["a"])
    following = outputs.edited([[["append", [], "b"]]])
    first = Data(outputs, Returns("/f", 3), NOON)
    following.edited([[["append", [], "c"]]])
    second = Data(following, Returns("/f", 3), NOON)
    assert (first.value, second.value) == ("a", "ab")


@given(st.lists(JSON, max_size=3), st.lists(JSON, max_size=3))
def test_equality(one: list[Any], other: list[Any]) -> None:
    assert (data(*one) == data(*other)) == (one == other)
    assert data(*one) == data(*one, time=MIDNIGHT)


def test_equality_of_other_endpoints_and_other_things() -> None:
    assert data("a") != data("a", endpoint="/g")
    assert data("a") != data("a", fn_index=4)
    assert data("a", None, hidden=(1,)) == data("a")
    assert data("a") != ["a"]
    assert data("a").__eq__(["a"]) is NotImplemented


def test_it_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(data("a"))


REPRS: list[tuple[Data, str]] = [
    (data("a", 1), "Data(['a', 1], endpoint='/f')"),
    (data("a", endpoint=None), "Data(['a'], endpoint=3)"),
    (data("x" * 196), "Data(['" + "x" * 196 + "'], endpoint='/f')"),
    (data("x" * 197), "Data(['" + "x" * 197 + "'..., endpoint='/f')"),
    (data("x" * 10_000), "Data(['" + "x" * 198 + "..., endpoint='/f')"),
]


@pytest.mark.parametrize(("result", "text"), REPRS, ids=lambda value: str(value)[:20])
def test_reprs_are_short(result: Data, text: str) -> None:
    assert repr(result) == text


@pytest.mark.parametrize("value", [Progress(), Status(queue=True, stage="pending"), Log("a", "info")])
def test_values_are_frozen_and_compare(value: Progress | Status | Log) -> None:
    first = value.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(value, first, None)
    assert value == type(value)(*(getattr(value, name) for name in value.__struct_fields__))


def test_what_is_not_said_is_none() -> None:
    status = Status(queue=True, stage="pending")
    assert {name for name in status.__struct_fields__ if getattr(status, name) is not None} == {
        "queue",
        "stage",
    }
    assert Progress() == Progress(progress=None, index=None, length=None, unit=None, desc=None)
    assert Log("a", "info") == Log(message="a", level="info", title=None, duration=None, time=None)
