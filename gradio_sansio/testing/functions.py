"""Functions of an app that a ``GradioServer`` serves, and the steps that they are made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gradio_sansio.session.shapes import is_list


@dataclass(frozen=True)
class Sleep:
    """A step of a function: time passes."""

    seconds: float


@dataclass(frozen=True)
class Report:
    """A step of a function: progress."""

    index: int
    length: int
    desc: str | None = None


@dataclass(frozen=True)
class Say:
    """A step of a function: a line for its user."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Function:
    """One endpoint.

    Args:
        name: its name, without a slash; None for an unnamed one.
        call: what it does; no async function, since nothing here awaits it.
        queue: whether it goes through the queue.
        concurrency: how many of it run at a time.
        inputs, outputs: the types of its components.
        names: what its parameters are called; ``p0``, ``p1`` and so on without them.
        defaults: of parameters that have one, by name.
        streaming: whether it takes further inputs while it runs (5.0 and later), each of which it is called with.
        timed: whether it has a time limit for them, without which servers before 6.0 don't end it.
    """

    name: str | None
    call: Callable[..., object]
    queue: bool = True
    concurrency: int = 1
    inputs: Sequence[str] = ("textbox",)
    outputs: Sequence[str] = ("textbox",)
    names: Sequence[str] = ()
    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    streaming: bool = False
    timed: bool = True

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.call) or inspect.isasyncgenfunction(self.call):
            name = getattr(self.call, "__name__", self.name)
            raise TypeError(f"{name} is async: write it with def, and yield Sleep(seconds) where it waits")

    @property
    def generator(self) -> bool:
        """Whether it may yield."""
        return inspect.isgeneratorfunction(self.call)


@dataclass(frozen=True)
class Render:
    """What a function may return or yield in place of its outputs: further endpoints, as ``@gr.render`` makes them (4.31 and later).

    The session that called it can call them from then on. Those that it rendered there before are gone.
    """

    functions: Sequence[Function]


def function(call: Callable[..., object], **options: Any) -> Function:
    """An endpoint that is called as the function is, with its parameters and their defaults; the options are those of ``Function``."""
    found = inspect.signature(call).parameters.values()
    given: dict[str, Any] = {
        "name": call.__name__,
        "inputs": ["textbox"] * len(found),
        "names": [parameter.name for parameter in found],
        "defaults": {p.name: p.default for p in found if p.default is not inspect.Parameter.empty},
    }
    return Function(call=call, **given | options)


Steps: TypeAlias = Generator[object, None, object]


def edits(old: Any, new: Any) -> list[list[Any]]:
    """The edits that turn one output into another, as far as servers go beyond replacing it: text and lists that grow."""
    if old == new:
        return []
    if isinstance(old, str) and isinstance(new, str) and new.startswith(old):
        return [["append", [], new[len(old) :]]]
    if is_list(old) and is_list(new) and new[: len(old)] == old:
        return [["add", [i], new[i]] for i in range(len(old), len(new))]
    return [["replace", [], new]]
