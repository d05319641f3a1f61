"""Functions that appear while an app is used, as ``@gr.render`` makes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from gradio_sansio.testing.description import described
from gradio_sansio.testing.functions import Function


class Rendered:
    """What one session has beyond its app: the functions that were rendered in it."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._made: dict[int, dict[int, Function]] = {}
        """By the index of what rendered them, by their own."""
        self._indices = count(len(functions))
        self._ids = count(sum(len(function.inputs) + len(function.outputs) for function in functions))

    def find(self, index: int) -> Function | None:
        """The function of that index, unless it is gone."""
        return next((made[index] for made in self._made.values() if index in made), None)

    def render(self, maker: int, functions: Iterable[Function]) -> dict[str, Any]:
        """Put functions in the place of those that the same one rendered before. Returns what the client is told of it."""
        made = {next(self._indices): function for function in functions}
        self._made[maker] = made
        return {"render_id": maker, **described(made.items(), self._ids, rendered_in=maker)}
