"""Invariant: those of `tests.core.hostile`, whatever an application asks and peers do, in any order. The input is read as hypothesis
reads it, so that coverage guides the same steps that the tests draw at random."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis.stateful import get_state_machine_test

from fuzz.harness import fuzz
from tests.core.test_engine_hostile import HostileMachine

_test = get_state_machine_test(
    HostileMachine, settings=settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
)
_read = _test.hypothesis.fuzz_one_input  # type: ignore[attr-defined]  # hypothesis gives it to each test


def one_input(data: bytes) -> None:
    _read(data)


def seeds() -> Iterator[bytes]:
    for number in range(32):
        # Any bytes are steps; more of them are more steps.
        yield bytes((i * (2 * number + 1) * 37 + number) % 256 for i in range(64 * (1 + number % 8)))


if __name__ == "__main__":
    fuzz(one_input)
