"""Invariant: edits give the value that a plain reading of them gives, or ``DiffError``; what they are applied to stays as it was, and so do
they. A yield that was shortened reads the same as before."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from fuzz.harness import fuzz, messages
from gradio_sansio.session.diff import DiffError, Outputs, apply_edits
from gradio_sansio.session.jsontext import BadJson, decode


class Misfit(Exception):
    pass


def plainly(value: Any, edits: Any) -> Any:
    """The edits applied to a copy, in the plainest way. Raises ``Misfit`` where they don't fit."""
    value = [copy.deepcopy(value)]
    if not isinstance(edits, list):
        raise Misfit
    for edit in edits:
        if not isinstance(edit, list) or len(edit) != 3 or not isinstance(edit[1], list):
            raise Misfit
        action, path, new = edit
        parent, last = value, 0
        for step in path:
            parent = parent[_place(parent, last)]
            if not isinstance(parent, (list, dict)):
                raise Misfit
            last = step
        new = copy.deepcopy(new)
        if action == "delete" and path and isinstance(parent, list):
            if not parent:
                raise Misfit
            parent.pop()
        elif action == "delete" and path:
            del parent[_place(parent, last)]
        elif action == "add" and path and isinstance(parent, list):
            if not _is_int(last) or not 0 <= last <= len(parent):
                raise Misfit
            parent[last:last] = [new]
        elif action == "add" and path:
            parent[_text(last)] = new
        elif action == "replace":
            parent[_place(parent, last)] = new
        elif action == "append":
            place = _place(parent, last)
            if not isinstance(parent[place], str) or not isinstance(new, str):
                raise Misfit
            parent[place] += new
        else:
            raise Misfit
    return value[0]


def _is_int(step: Any) -> bool:
    return isinstance(step, int) and not isinstance(step, bool)


def _text(step: Any) -> str:
    if isinstance(step, (str, int)):
        return str(step)
    raise Misfit


def _place(parent: Any, step: Any) -> Any:
    if isinstance(parent, list):
        if _is_int(step) and 0 <= step < len(parent):
            return step
        raise Misfit
    if _text(step) in parent:
        return _text(step)
    raise Misfit


def one_input(data: bytes) -> None:
    """The input is JSON: a value, and edits of it, message by message."""
    try:
        value, *batches = decode(data, depth=50)
    except (BadJson, TypeError, ValueError):
        return
    outputs: Outputs | None = Outputs([value])
    first, before = outputs, copy.deepcopy(value)
    for edits in batches:
        written = json.dumps(edits)
        try:
            expected = plainly(value, edits)
        except (Misfit, RecursionError):
            expected = DiffError
        try:
            result = apply_edits(value, edits)
        except DiffError as error:
            assert expected is DiffError, str(error)
            assert len(str(error)) < 200
            break
        assert expected is not DiffError, "taken where it doesn't fit"
        assert json.dumps(result) == json.dumps(expected)
        assert json.dumps(edits) == written
        assert outputs is not None
        outputs = outputs.edited([edits])
        assert json.dumps(outputs.values) == json.dumps([expected])
        value = result
    assert first is not None
    assert json.dumps(first.values) == json.dumps([before])


def seeds() -> Iterator[bytes]:
    last: Any = None
    for message in messages():
        try:
            data = (json.loads(message).get("output") or {}).get("data")
        except ValueError:
            continue
        if isinstance(data, list) and data:
            yield json.dumps([last, data[0]]).encode()
            last = data[0]
    yield b'[{"a":["x",[1,2]]},[["append",["a",0],"y"],["delete",["a",1,9],null],["add",["b"],1]],[["replace",[],5]]]'
    yield b'[[1,2],[["add",[2],3],["add",[0],0]],[["delete",[-1],null],["delete",[7],null]],[["replace",[true],1]]]'


if __name__ == "__main__":
    fuzz(one_input)
