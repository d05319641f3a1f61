"""The targets of `fuzz/` on their seeds and on random changes of them, so that they hold without a fuzzer, too."""

from __future__ import annotations

import importlib
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from fuzz.__main__ import TARGETS
from tests.core import figures

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = {"engine": 40, "machine": 40, "multipart": 40, "http11": 150, "sse": 150, "websocket": 150}
"""Inputs in an everyday run, for those of which one takes long."""
TIMES = 50 if settings.get_current_profile_name() == "long" else 1


def changed(choice: random.Random, seeds: list[bytes]) -> bytes:
    """A seed with a few bytes changed, left out, repeated, or put together with another."""
    data = bytearray(choice.choice(seeds))
    for _ in range(choice.randrange(1, 6)):
        if not data:
            break
        place, other = choice.randrange(len(data)), choice.randrange(len(data))
        match choice.randrange(4):
            case 0:
                data[place] = choice.randrange(256)
            case 1:
                del data[place : place + choice.randrange(1, 9)]
            case 2:
                data[place:place] = data[other : other + choice.randrange(1, 20)]
            case _:
                more = choice.choice(seeds)
                data[place:] = more[choice.randrange(len(more) + 1) :]
    return bytes(data)


@pytest.mark.timeout(60 * TIMES)
@pytest.mark.parametrize("name", TARGETS)
def test_the_invariant_holds(name: str) -> None:
    target: Any = importlib.import_module(f"fuzz.fuzz_{name}")
    one_input: Callable[[bytes], None] = target.one_input
    most: int | None = getattr(target, "MOST", None)
    seeds = sorted({seed[:most] for seed in target.seeds()})
    assert seeds
    choice = random.Random(name)
    count = SLOW.get(name, 500) * TIMES
    inputs = [choice.choice(seeds) for _ in range(count // 5)]
    inputs += [changed(choice, seeds) for _ in range(count - len(inputs))]
    for data in inputs:
        one_input(data)
    figures.note("fuzz without a fuzzer", name, inputs=len(inputs))


@pytest.mark.parametrize("name", TARGETS)
def test_the_first_lines_say_the_invariant(name: str) -> None:
    text = importlib.import_module(f"fuzz.fuzz_{name}").__doc__ or ""
    assert text.startswith("Invariant: ")
