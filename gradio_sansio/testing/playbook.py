r"""A machine's inputs and the actions that they must lead to, as one readable table.

    conn = placeholder(int)
    (
        Playbook(engine.drain)
        .expect(Connect(conn, "127.0.0.1", 7860))
        .then(engine.connected, conn, now=0.1)
        .expect(Send(conn, b"GET /config HTTP/1.1\r\n..."))
        .then(engine.connect_failed, conn, "refused", now=0.1)
        .expect(AppFailed, AppClosed)
        .run()
    )

Rules:

* After each input all actions are drained, and must be those that are expected then: no more, no fewer, in order.
* An expected action is an instance, to be matched field by field, or a class, which any instance of it matches.
* A ``placeholder`` stands for one value of a type. It is bound by the first value that it is compared with, and equals only that
  value from then on. As an argument of an input it stands for the value it was bound to. A comparison that fails binds nothing.
* How bytes are cut into several ``Send`` in a row for one connection means nothing: they are joined before they are compared.
* A playbook that is dropped before it has run is an error: a test that checks nothing would pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Any, Final, Generic, ParamSpec, Self, TypeVar, cast

from msgspec import Struct

from gradio_sansio.commands import Send

P = ParamSpec("P")
T = TypeVar("T")

_UNBOUND: Final = object()
_COLUMN: Final = 64


class Placeholder(Generic[T]):
    """A value of a type, not known yet. Calling it gives the value, once bound.

    Made by ``placeholder``, so that type checkers let it stand where the value would.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._value: Any = _UNBOUND

    def __call__(self) -> T:
        """The value that it was bound to. ``AssertionError`` before that."""
        if self._value is _UNBOUND:
            raise AssertionError(f"{self!r} has not been bound yet")
        value: T = self._value
        return value

    @property
    def bound(self) -> bool:
        """Whether it stands for a value already."""
        return self._value is not _UNBOUND

    def accepts(self, value: object) -> bool:
        """Whether it may stand for this value."""
        if self._value is not _UNBOUND:
            return bool(self._value == value)
        return isinstance(value, self._kind) and not (self._kind is int and isinstance(value, bool))

    def bind(self, value: T) -> None:
        """Let it stand for a value, which it accepts."""
        self._value = value

    def forget(self) -> None:
        """Stand for no value again."""
        self._value = _UNBOUND

    def __repr__(self) -> str:
        return f"<{self._kind.__name__}>" if self._value is _UNBOUND else repr(self._value)


def placeholder(kind: type[T]) -> Any:
    """A new ``Placeholder`` for a value of this type, typed so that it may stand anywhere in an expected action."""
    return Placeholder(kind)


class _Step:
    """One input, and the actions that must follow it."""

    def __init__(self, title: str, perform: Callable[[], object]) -> None:
        self.title = title
        self.perform = perform
        self.expected: list[object] = []


class Playbook:
    """A table of inputs and expected actions for one machine. ``drain`` is the machine's own, or anything that gives its actions."""

    def __init__(self, drain: Callable[[], Sequence[object]]) -> None:
        self._drain = drain
        self._ran = False
        # What a machine does by itself, before any input, belongs to a first step without one.
        self._steps = [_Step("", lambda: None)]

    def then(self, input: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Self:
        """The next input, with its arguments; placeholders among them are replaced when it is performed."""

        def perform() -> None:
            input(*map(_resolved, args), **{name: _resolved(value) for name, value in kwargs.items()})  # type: ignore[arg-type]  # a placeholder stands for what the input takes

        given = [*map(_shown, args), *(f"{name}={_shown(value)}" for name, value in kwargs.items())]
        name = getattr(input, "__name__", repr(input))
        self._steps.append(_Step(f"{name}({', '.join(given)})", perform))
        return self

    def expect(self, *actions: object) -> Self:
        """The actions that follow the last input, in order: instances or classes."""
        self._steps[-1].expected += actions
        return self

    def run(self) -> None:
        """Perform all of it.

        Raises:
            AssertionError: something else came of an input than was expected. The text shows how far all went as written, then what was
                expected beside what came.
        """
        self._ran = True
        for index, step in enumerate(self._steps):
            step.perform()
            expected, seen = _joined(step.expected), _joined(self._drain())
            if not _match_all(expected, seen):
                raise AssertionError(self._report(index, expected, seen))

    def _report(self, failed: int, expected: list[object], seen: list[object]) -> str:
        lines = ["the playbook and the machine part ways", ""]
        for step in self._steps[:failed]:
            lines += [f"  >> {step.title}"] if step.title else []
            lines += [f"  << {_shown(action)}" for action in _joined(step.expected)]
        lines += ["  ---- asserted up to here ----"]
        title = self._steps[failed].title
        lines += [f"  >> {title}"] if title else []
        lines.append(f"     {'expected':<{_COLUMN}}   seen")
        agrees = True
        for i in range(max(len(expected), len(seen))):
            left = _shown(expected[i]) if i < len(expected) else ""
            right = _shown(seen[i]) if i < len(seen) else ""
            agrees = agrees and i < len(expected) and i < len(seen) and _match(expected[i], seen[i])
            mark = " " if agrees else "!"
            if len(left) <= _COLUMN:
                lines.append(f"  {mark}  {left:<{_COLUMN}}   {right}")
            else:
                # Too long for a column: one below the other.
                lines += [f"  {mark}  {left}", f"     {'':<{_COLUMN}}   {right}"]
        return "\n".join(lines)

    def __del__(self) -> None:
        if not self._ran:
            # Python prints it, and pytest makes it an error of the test.
            raise AssertionError("a playbook was written and never run: its last word must be .run()")


def _any(value: object) -> object:
    """The value, as what it may be in an expected action: a placeholder, whatever its field's type says."""
    return value


def _resolved(value: object) -> object:
    return cast("Placeholder[object]", value)() if isinstance(value, Placeholder) else value


def _shown(value: object) -> str:
    if isinstance(value, type):
        return f"any {value.__name__}"
    if isinstance(value, Send):
        # The class hides its bytes, which may be somebody's credentials; those of a test are not.
        return f"Send({_shown(value.connection)}, {shorten(repr(value.data), 200)})"
    if isinstance(value, bytes):
        return shorten(repr(value), 60)
    return repr(value)


def _joined(actions: Sequence[object]) -> list[object]:
    """The actions, with adjacent Sends to one connection as one."""
    result: list[object] = []
    for action in actions:
        last = result[-1] if result else None
        if (
            isinstance(action, Send)
            and isinstance(last, Send)
            and action.connection == last.connection
            and not isinstance(_any(action.data), Placeholder)
            and not isinstance(_any(last.data), Placeholder)
        ):
            result[-1] = Send(action.connection, last.data + action.data)
        else:
            result.append(action)
    return result


def _match_all(expected: list[object], seen: list[object]) -> bool:
    return len(expected) == len(seen) and all(map(_match, expected, seen))


def _match(expected: object, seen: object) -> bool:
    """Whether an action is the expected one. Binds placeholders if it is."""
    if isinstance(expected, type):
        return isinstance(seen, expected)
    found: list[tuple[Placeholder[Any], object]] = []
    if not _equal(expected, seen, found):
        return False
    new = [place for place, _ in found if not place.bound]
    for place, value in found:
        if not place.accepts(value):
            # It stands in two places of one action that differ.
            for unbound in new:
                unbound.forget()
            return False
        place.bind(value)
    return True


def _equal(expected: object, seen: object, found: list[tuple[Placeholder[Any], object]]) -> bool:
    if isinstance(expected, Placeholder):
        place = cast("Placeholder[Any]", expected)  # type: ignore[redundant-cast]  # not so to pyright
        found.append((place, seen))
        return place.accepts(seen)
    if type(expected) is not type(seen):
        return False
    if isinstance(expected, Struct):
        fields = expected.__struct_fields__
        return all(_equal(getattr(expected, field), getattr(seen, field), found) for field in fields)
    if isinstance(expected, (tuple, list)):
        ours, theirs = cast("Sequence[object]", expected), cast("Sequence[object]", seen)
        return len(ours) == len(theirs) and all(
            _equal(a, b, found) for a, b in zip(ours, theirs, strict=True)
        )
    return expected == seen
