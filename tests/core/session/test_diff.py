from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.diff import CHAIN, SMALL, DiffError, Outputs, apply_edits
from tests.core.strategies import JSON

Edit = list[Any]

# How servers number what they delete from the end of a list: by the old list (up to 5.29.0), by how it is then (later), and wrong.
NUMBERINGS = {
    "of the old list": lambda first, nth: first + nth,
    "as it is then": lambda first, nth: first,
    "corrected twice": lambda first, nth: first - nth,
    "negative": lambda first, nth: -1 - nth,
}


def differences(old: Any, new: Any, numbering: str, path: list[Any] | None = None) -> list[Edit]:
    """A differ of our own, after what Gradio documents: lists by position, from the front; a text that grew by what was added."""
    path = path or []
    if old == new:
        return []
    if type(old) is not type(new):
        return [["replace", path, new]]
    if isinstance(old, str) and new.startswith(old):
        return [["append", path, new[len(old) :]]]
    edits: list[Edit] = []
    if isinstance(old, list):
        shared = min(len(old), len(new))
        for i in range(shared):
            edits += differences(old[i], new[i], numbering, [*path, i])
        for nth in range(len(old) - shared):
            edits.append(["delete", [*path, NUMBERINGS[numbering](shared, nth)], None])
        for i in range(shared, len(new)):
            edits.append(["add", [*path, i], new[i]])
        return edits
    if isinstance(old, dict):
        for key in old:
            if key in new:
                edits += differences(old[key], new[key], numbering, [*path, key])
            else:
                edits.append(["delete", [*path, key], None])
        return edits + [["add", [*path, key], new[key]] for key in new if key not in old]
    return [["replace", path, new]]


# Name, value, edits, result. The first are from real servers.
TABLE: list[tuple[str, Any, list[Edit], Any]] = [
    ("no change", ["a"], [], ["a"]),
    ("a text grows", "0", [["append", [], "1"]], "01"),
    (
        "a chat of 4.44",
        [{"content": "q"}, {"content": "a"}],
        [["append", [1, "content"], "nswer"]],
        [{"content": "q"}, {"content": "answer"}],
    ),
    (
        "a chat of 6.x",
        [{"content": [{"text": "q"}]}],
        [["add", [1], {"content": [{"text": ""}]}], ["append", [1, "content", 0, "text"], "a"]],
        [{"content": [{"text": "q"}]}, {"content": [{"text": "a"}]}],
    ),
    ("a shorter list of 4.44", ["a", "b", "c"], [["delete", [1], None], ["delete", [2], None]], ["a"]),
    ("a shorter list of 6.31", ["a", "b", "c"], [["delete", [1], None], ["delete", [1], None]], ["a"]),
    (
        "a smaller table of 6.31, with negative places",
        {"data": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]},
        [["delete", ["data", 1, -1], None], ["delete", ["data", 0, 2], None], ["delete", ["data", -2], None]],
        {"data": [[1, 2], [4, 5]]},
    ),
    ("replace all", {"a": 1}, [["replace", [], [2]]], [2]),
    ("replace null", None, [["replace", [], "x"]], "x"),
    ("replace an element", [1, 2], [["replace", [1], 3]], [1, 3]),
    ("replace in a dict", {"a": 1}, [["replace", ["a"], None]], {"a": None}),
    ("insert", [1, 2], [["add", [0], 0], ["add", [3], 3]], [0, 1, 2, 3]),
    ("into an empty list", [], [["add", [0], "x"]], ["x"]),
    ("a new key", {}, [["add", ["a"], 1]], {"a": 1}),
    ("an old key", {"a": 1}, [["add", ["a"], 2]], {"a": 2}),
    ("delete a key", {"a": 1, "b": 2}, [["delete", ["a"], None]], {"b": 2}),
    ("an integer for a key", {"1": {"2": "x"}}, [["append", [1, 2], "y"]], {"1": {"2": "xy"}}),
    ("an integer for a new key", {}, [["add", [7], "x"]], {"7": "x"}),
    ("an integer for a key that goes", {"7": 1}, [["delete", [7], None]], {}),
    (
        "each to the result before",
        "",
        [["append", [], "a"], ["replace", [], ["b"]], ["add", [1], "c"]],
        ["b", "c"],
    ),
    ("delete then add", [1, 2], [["delete", [1], None], ["add", [1], 9]], [1, 9]),
    ("delete a text place", [1, 2], [["delete", ["whatever"], None]], [1]),
    ("a tuple is read as well", "a", [["append", [], "b"]], "ab"),
]


@pytest.mark.parametrize(("name", "value", "edits", "result"), TABLE, ids=[name for name, _, _, _ in TABLE])
def test_table(name: str, value: Any, edits: list[Edit], result: Any) -> None:
    before, edits_before = copy.deepcopy(value), copy.deepcopy(edits)
    assert apply_edits(value, edits) == result
    # Once more to the same value with the same edits, which may both be shared by now.
    assert apply_edits(value, edits) == result
    assert value == before
    assert edits == edits_before


# Name, value, edits, what the error says.
BAD: list[tuple[str, Any, Any, str]] = [
    ("no list", "a", "append", "edits must be a list, not str"),
    ("null", "a", None, "edits must be a list, not NoneType"),
    ("an object", "a", {"0": []}, "edits must be a list, not dict"),
    ("an edit that is none", "a", ["append"], "an edit must be [action, path, value], not 'append'"),
    ("too short", "a", [["append", []]], "an edit must be [action, path, value], not ['append', []]"),
    ("too long", "a", [["append", [], "b", 1]], "an edit must be"),
    ("an action that is no text", "a", [[1, [], "b"]], "an edit must be"),
    ("a path that is no list", "a", [["append", "", "b"]], "an edit must be"),
    ("a long one", "a", ["x" * 100], "not '" + "x" * 59 + "..."),
    ("unknown action", [1], [["move", [0], 1]], "unknown action 'move'"),
    ("unknown action without a path", [1], [["move", [], 1]], "'move' needs a path"),
    ("a long action", [1], [["move" * 100, [], 1]], "'" + ("move" * 100)[:59] + "... needs a path"),
    ("delete without a path", [1], [["delete", [], None]], "'delete' needs a path"),
    ("add without a path", [1], [["add", [], 1]], "'add' needs a path"),
    ("delete from an empty list", [], [["delete", [0], None]], "nothing left to delete from a list"),
    ("delete an unknown key", {"a": 1}, [["delete", ["b"], None]], "no key 'b'"),
    ("replace an unknown key", {"a": 1}, [["replace", ["b"], None]], "no key 'b'"),
    ("replace past the end", [1], [["replace", [1], 2]], "no element 1 in a list of 1"),
    ("a negative place", [1], [["replace", [-1], 2]], "no element -1 in a list of 1"),
    ("true is no place", [1, 2], [["replace", [True], 2]], "no element True in a list of 2"),
    ("nor is it in an insertion", [1, 2], [["add", [True], 2]], "no place True in a list of 2"),
    ("a text is no place", [1], [["replace", ["0"], 2]], "no element '0' in a list of 1"),
    ("insert past the end", [1], [["add", [2], 2]], "no place 2 in a list of 1"),
    ("insert before the start", [1], [["add", [-1], 2]], "no place -1 in a list of 1"),
    ("insert at a text", [1], [["add", ["0"], 2]], "no place '0' in a list of 1"),
    ("a list as a key", {"a": 1}, [["add", [["a"]], 2]], "['a'] can't be a key"),
    ("null as a key", {"a": 1}, [["replace", [None], 2]], "None can't be a key"),
    ("through a text", "abc", [["replace", [0], "x"]], "a path leads through a str"),
    ("through a number", {"a": 1}, [["replace", ["a", "b"], "x"]], "a path leads through a int"),
    ("through null", None, [["add", ["a"], "x"]], "a path leads through a NoneType"),
    ("through a missing key", {}, [["replace", ["a", "b"], "x"]], "no key 'a'"),
    ("append to a number", [1], [["append", [0], "x"]], "a str can't be appended to a int"),
    ("append a number", ["x"], [["append", [0], 1]], "a int can't be appended to a str"),
    ("append to a list", [], [["append", [], [1]]], "a list can't be appended to a list"),
    ("append to a missing element", [], [["append", [0], "x"]], "no element 0 in a list of 0"),
]


@pytest.mark.parametrize(("name", "value", "edits", "text"), BAD, ids=[name for name, _, _, _ in BAD])
def test_bad_edits(name: str, value: Any, edits: Any, text: str) -> None:
    before = copy.deepcopy(value)
    with pytest.raises(DiffError) as caught:
        apply_edits(value, edits)
    assert text in str(caught.value)
    assert value == before


def test_a_bad_edit_after_good_ones_changes_nothing() -> None:
    value = {"a": [1, {"b": "x"}]}
    with pytest.raises(DiffError):
        apply_edits(
            value, [["append", ["a", 1, "b"], "y"], ["delete", ["a", 0], None], ["delete", ["z"], None]]
        )
    assert value == {"a": [1, {"b": "x"}]}


@given(JSON, JSON, st.sampled_from(sorted(NUMBERINGS)))
def test_what_the_differ_writes_is_undone(old: Any, new: Any, numbering: str) -> None:
    before = repr(old)
    edits = differences(old, new, numbering)
    written = repr(edits)
    assert apply_edits(old, edits) == new
    assert repr(old) == before
    assert repr(edits) == written


@given(
    JSON,
    st.lists(
        st.tuples(
            st.sampled_from(["add", "append", "delete", "replace", "?"]), st.lists(JSON, max_size=3), JSON
        )
    ),
)
def test_any_edits_end_in_a_value_or_an_error(value: Any, edits: list[tuple[str, list[Any], Any]]) -> None:
    before = repr(value)
    try:
        apply_edits(value, [list(edit) for edit in edits])
    except DiffError as error:
        told = str(error)
    else:
        told = ""
    assert len(told) < 200
    assert repr(value) == before


def test_what_an_edit_does_not_touch_is_shared() -> None:
    old = {"a": [[1], [2]], "b": [[3]]}
    new = apply_edits(old, [["add", ["a", 1, 1], 9]])
    assert new == {"a": [[1], [2, 9]], "b": [[3]]}
    assert new["b"] is old["b"]
    assert new["a"][0] is old["a"][0]
    assert new["a"] is not old["a"]
    assert new["a"][1] is not old["a"][1]


def test_no_edit_shares_all() -> None:
    old = [[1], [2]]
    assert apply_edits(old, []) is old


class CountedList(list[Any]):
    copies = 0

    def copy(self) -> CountedList:
        self.copies += 1
        return CountedList(super().copy())


def test_one_copy_a_message() -> None:
    inner = CountedList("abc")
    outer = CountedList([inner])
    new = apply_edits(outer, [["append", [0, 1], "x"] for _ in range(100)])
    assert new == [["a", "b" + "x" * 100, "c"]]
    assert (outer.copies, inner.copies) == (1, 1)
    assert (new.copies, new[0].copies) == (0, 0)


def test_a_value_that_an_edit_brought_is_not_changed_by_the_next() -> None:
    brought = ["x"]
    edits = [["replace", [], {"a": brought}], ["add", ["a", 1], "y"]]
    assert apply_edits(None, edits) == {"a": ["x", "y"]}
    assert brought == ["x"]


# Outputs.


def depth_of(outputs: Outputs) -> int:
    """How many messages of edits stand between a yield and a whole one."""
    depth = 0
    while (base := outputs._state[1]) is not None:
        outputs = base
        depth += 1
    return depth


def is_whole(outputs: Outputs) -> bool:
    return outputs._state[0] is not None


def test_the_first_yield_is_whole() -> None:
    values = ["a", 1]
    assert Outputs(values).values is values


def test_a_yield_is_edited_output_by_output() -> None:
    first = Outputs(["a", [1], None])
    second = first.edited([[["append", [], "b"]], [], [["replace", [], 0]]])
    assert second.values == ["ab", [1], 0]
    assert first.values == ["a", [1], None]
    assert second.values[1] is first.values[1]


def test_the_number_of_outputs_may_change() -> None:
    first = Outputs(["a"])
    assert first.edited([[], [["replace", [], "new"]]]).values == ["a", "new"]
    assert first.edited([]).values == []


def test_edits_that_do_not_fit_leave_the_yield_as_it_was() -> None:
    first = Outputs(["a"])
    second = first.edited([[["append", [], "b"]]])
    with pytest.raises(DiffError):
        second.edited([[["append", [0], "c"]]])
    assert is_whole(second)
    assert second.values == ["ab"]
    assert second.edited([[["append", [], "c"]]]).values == ["abc"]


def test_a_yield_goes_back_to_its_edits_when_a_newer_one_comes() -> None:
    long = "a" * SMALL
    first = Outputs([long])
    second = first.edited([[["append", [], "b"]]])
    assert is_whole(second)
    third = second.edited([[["append", [], "c"]]])
    assert not is_whole(second)
    assert is_whole(third)
    assert second.values == [long + "b"]
    # Who reads it once reads it again: what the application holds must not be built anew each time.
    assert second.values is second.values


def test_a_small_text_stays_whole() -> None:
    first = Outputs(["a"])
    second = first.edited([[["append", [], "b"]]])
    second.edited([[["append", [], "c"]]])
    assert is_whole(second)


def test_a_long_stream_in_a_buffer_holds_edits() -> None:
    start = "." * SMALL
    current = Outputs([start])
    kept = [current]
    for i in range(10 * CHAIN):
        current = current.edited([[["append", [], chr(97 + i % 26)]]])
        kept.append(current)
    assert sum(map(is_whole, kept)) <= 12
    assert max(map(depth_of, kept)) == CHAIN - 1
    text = "".join(chr(97 + i % 26) for i in range(10 * CHAIN))
    assert [outputs.values for outputs in reversed(kept)] == [
        [start + text[:n]] for n in range(len(text), -1, -1)
    ]


def test_a_long_stream_that_is_dropped_keeps_a_short_tail_alive() -> None:
    current = Outputs([0])
    for i in range(5 * CHAIN):
        current = current.edited([[["replace", [], i + 1]]])
    alive = 0
    node: Outputs | None = current._origin[0] if current._origin else None
    while node is not None:
        alive += 1
        node = node._state[1]
    assert 0 < alive <= CHAIN
    assert current.values == [5 * CHAIN]


@given(st.data())
def test_rebuilt_yields_equal_eager_ones(data: st.DataObject) -> None:
    numbering = data.draw(st.sampled_from(sorted(NUMBERINGS)))
    eager: list[list[Any]] = [data.draw(st.lists(JSON, min_size=1, max_size=2))]
    current = Outputs(eager[0])
    kept: dict[int, Outputs] = {0: current}
    for _ in range(data.draw(st.integers(0, 12))):
        step = data.draw(st.sampled_from(["yield", "yield", "yield", "read", "drop"]))
        if step == "yield":
            old = eager[-1]
            new = [data.draw(JSON) for _ in old]
            current = current.edited([differences(a, b, numbering) for a, b in zip(old, new, strict=True)])
            kept[len(eager)] = current
            eager.append(new)
        elif kept:
            place = data.draw(st.sampled_from(sorted(kept)))
            if step == "read":
                assert kept[place].values == eager[place]
            else:
                del kept[place]
    for place in data.draw(st.permutations(sorted(kept))):
        assert kept[place].values == eager[place]


@given(st.integers(1, 4 * CHAIN), st.lists(st.integers(0, 4 * CHAIN), max_size=20))
def test_long_chains_read_in_any_order(length: int, reads: list[int]) -> None:
    current = Outputs([0])
    kept = [current]
    for i in range(1, length):
        current = current.edited([[["replace", [], i]]])
        kept.append(current)
        if i in reads:
            assert kept[i // 2].values == [i // 2]
    for place in reads:
        assert kept[place % length].values == [place % length]
    assert all(depth_of(outputs) < CHAIN for outputs in kept)
    assert all(outputs.values == [i] for i, outputs in enumerate(kept))
