"""Diffs: how streamed values grow (`sse_v2` and later, Gradio 4.17 to 6.x).

The first ``process_generating`` of a job carries its outputs, each later one carries edits of them, and ``process_completed``
carries them whole again. An edit is ``[action, path, value]``; a path is a list of keys and indices from the output down.

Two rules govern this module:

* Values are shared and never changed in place. An edit copies the containers along its path, once for all edits of one message.
* A list ``delete`` pops the last element, whatever its index says. Servers only ever delete the tail (their differ compares
  position by position) and send wrong indices for it: up to 5.29.0 those of the old list, later ones corrected twice, even
  negative. Popping was right in all of 20,000 random pairs on 4.44.1, 5.49.1 and 6.31.0, the plain reading was not.
"""

from __future__ import annotations

from typing import Any, Final, TypeGuard, cast

from gradio_sansio.session.shapes import is_list

SMALL: Final = 256
"""Characters of a text that is not worth taking back to edits: building it again would cost more than it weighs."""
CHAIN: Final = 64
"""How many messages of edits may stand between a buffered value and a whole one: bounds both memory and rebuilding."""


_ACTIONS: Final = ("replace", "append", "add", "delete")


class DiffError(Exception):
    """Edits that don't fit the value they are for."""


def apply_edits(value: Any, edits: object) -> Any:
    """Return ``value`` with the edits applied in order, each to the result of the one before.

    Raises:
        DiffError: an edit is malformed or names a place that isn't there. ``value`` is unchanged, as always.
    """
    if not is_list(edits):
        raise DiffError(f"edits must be a list, not {type(edits).__name__}")
    if len(edits) == 1 and is_list(edits[0]) and len(edits[0]) == 3 and edits[0][:2] == ["replace", []]:
        # A new value in place of the old, as small ones come.
        return edits[0][2]
    # Containers copied for this message, by identity: they may be changed in place. Held here, so that no identity is used again.
    owned: dict[int, Any] = {}
    for edit in edits:
        if not is_list(edit) or len(edit) != 3:
            raise _no_edit(edit)
        action, path, new = edit
        if not isinstance(action, str) or not is_list(path):
            raise _no_edit(edit)
        if path:
            value = _apply(value, action, path, new, owned)
        elif action == "replace":
            value = new
        elif action == "append":
            value = _concatenated(value, new)
        else:
            raise DiffError(f"{_brief(action)} needs a path")
    return value


def _no_edit(edit: object) -> DiffError:
    return DiffError(f"an edit must be [action, path, value], not {_brief(edit)}")


def are_edits(outputs: list[Any]) -> bool:
    """Whether what should be outputs could be edits of some."""
    return all(
        is_list(edits)
        and all(
            is_list(edit) and len(edit) == 3 and edit[0] in _ACTIONS and is_list(edit[1]) for edit in edits
        )
        for edits in outputs
    )


def replaced(outputs: list[Any], hidden: frozenset[int]) -> list[Any] | None:
    """What edits of unknown outputs make of them, or None if that depends on what they were. The hidden ones are always null.

    Raises:
        DiffError: as for ``apply_edits``.
    """
    if not are_edits(outputs):
        raise DiffError("they are no edits")
    values: list[Any] = []
    for i, edits in enumerate(outputs):
        if i not in hidden and not (edits and edits[0][:2] == ["replace", []]):
            return None
        values.append(apply_edits(None, edits))
    return values


def _apply(value: Any, action: str, path: list[Any], new: Any, owned: dict[int, Any]) -> Any:
    root = parent = _own(value, owned)
    for step in path[:-1]:
        key = _key(parent, step)
        child = _own(parent[key], owned)
        parent[key] = child
        parent = child
    last = path[-1]
    if action == "delete":
        if is_list(parent):
            if not parent:
                raise DiffError("nothing left to delete from a list")
            parent.pop()
        else:
            del parent[_key(parent, last)]
    elif action == "add":
        if is_list(parent):
            if not _is_index(last) or not 0 <= last <= len(parent):
                raise DiffError(f"no place {_brief(last)} in a list of {len(parent)}")
            parent.insert(last, new)
        else:
            parent[_text(last)] = new
    elif action == "replace":
        parent[_key(parent, last)] = new
    elif action == "append":
        key = _key(parent, last)
        parent[key] = _concatenated(parent[key], new)
    else:
        raise DiffError(f"unknown action {_brief(action)}")
    return root


def _own(value: Any, owned: dict[int, Any]) -> Any:
    """The container itself if this message made it, else a copy to change."""
    if id(value) in owned:
        return value
    if isinstance(value, (list, dict)):
        copied: Any = cast("Any", value).copy()
        owned[id(copied)] = copied
        return copied
    raise DiffError(f"a path leads through a {type(value).__name__}")


def _key(container: Any, step: object) -> Any:
    if is_list(container):
        if _is_index(step) and 0 <= step < len(container):
            return step
        raise DiffError(f"no element {_brief(step)} in a list of {len(container)}")
    key = _text(step)
    if key not in container:
        raise DiffError(f"no key {_brief(key)}")
    return key


def _is_index(step: object) -> TypeGuard[int]:
    # bool is an int to Python, but not an index to a server.
    return isinstance(step, int) and not isinstance(step, bool)


def _text(step: object) -> str:
    # A Python dict with integer keys is edited by integers, though JSON made strings of the keys.
    if isinstance(step, (str, int)):
        return step if isinstance(step, str) else str(step)
    raise DiffError(f"{_brief(step)} can't be a key")


def _concatenated(old: Any, new: Any) -> str:
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    raise DiffError(f"a {type(new).__name__} can't be appended to a {type(old).__name__}")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


class Outputs:
    """One yield of a job: its outputs, State slots included, whole or as edits of the yield before.

    A yield that waits in a buffer while newer ones arrive goes back to the edits that made it, so that a growing text of n
    pieces holds n pieces there and not n texts. Reading ``values`` builds it again, from the nearest whole one before it.
    The state is one tuple, swapped at once: a consumer's thread may read while the engine's thread shortens.
    """

    __slots__ = ("_depth", "_origin", "_state")

    def __init__(
        self, values: list[Any], origin: tuple[Outputs, list[Any]] | None = None, depth: int = 0
    ) -> None:
        self._origin = origin
        self._depth = depth
        self._state: tuple[list[Any], None, None] | tuple[None, Outputs, list[Any]] = (values, None, None)

    @property
    def values(self) -> list[Any]:
        """The outputs, to be read only: parts are shared with other yields."""
        values, base, edits = self._state
        if values is not None:
            return values
        chain: list[list[Any]] = []
        while values is None:
            assert base is not None
            assert edits is not None
            chain.append(edits)
            values, base, edits = base._state  # noqa: SLF001  # of its own class
        for edits in reversed(chain):
            values = _edited(values, edits)
        self._state = (values, None, None)
        return values

    def edited(self, edits: list[Any]) -> Outputs:
        """The next yield: each output with its edits applied. An output that wasn't there before starts from null.

        Raises:
            DiffError: the edits don't fit.
        """
        before = self.values
        values = _edited(before, edits)
        origin, self._origin = self._origin, None
        if origin is None or self._depth >= CHAIN or _small(before):
            self._depth = 0
        else:
            # The edits in place of the values, now that a newer yield holds those.
            self._state = (None, *origin)
        return Outputs(values, (self, edits), self._depth + 1)


def _small(values: list[Any]) -> bool:
    return len(values) == 1 and isinstance(values[0], str) and len(values[0]) <= SMALL


def _edited(values: list[Any], edits: list[Any]) -> list[Any]:
    if len(values) == len(edits) == 1:
        return [apply_edits(values[0], edits[0])]
    # After a hot reload of the app the number of outputs may change in mid-stream.
    return [apply_edits(values[i] if i < len(values) else None, edit) for i, edit in enumerate(edits)]
