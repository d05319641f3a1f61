from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gradio_sansio.timers import Timers, WallClock


class Kind(Enum):
    A = "a"
    B = "b"


def drain(timers: Timers[Kind], now: float) -> list[tuple[Kind, int, float]]:
    fired: list[tuple[Kind, int, float]] = []
    while (timer := timers.pop_due(now)) is not None:
        fired.append(timer)
    return fired


def test_nothing() -> None:
    timers: Timers[Kind] = Timers()
    assert timers.deadline is None
    assert timers.pop_due(1e9) is None
    assert not timers.armed(Kind.A, 1)
    timers.disarm(Kind.A, 1)


def test_timers_fire_in_order_and_once() -> None:
    timers: Timers[Kind] = Timers()
    timers.arm(Kind.A, 1, 3.0)
    timers.arm(Kind.B, 1, 1.0)
    timers.arm(Kind.A, 2, 2.0)
    assert timers.deadline == 1.0
    assert timers.pop_due(0.999) is None
    assert timers.pop_due(1.0) == (Kind.B, 1, 1.0)
    assert not timers.armed(Kind.B, 1)
    assert timers.armed(Kind.A, 1)
    assert drain(timers, 10.0) == [(Kind.A, 2, 2.0), (Kind.A, 1, 3.0)]
    assert timers.deadline is None


def test_equal_times_fire_in_the_order_of_arming() -> None:
    timers: Timers[Kind] = Timers()
    for key in (3, 1, 2):
        timers.arm(Kind.B, key, 1.0)
        timers.arm(Kind.A, key, 1.0)
    assert [(kind, key) for kind, key, _ in drain(timers, 1.0)] == [
        (Kind.B, 3),
        (Kind.A, 3),
        (Kind.B, 1),
        (Kind.A, 1),
        (Kind.B, 2),
        (Kind.A, 2),
    ]


def test_arming_again_replaces() -> None:
    timers: Timers[Kind] = Timers()
    timers.arm(Kind.A, 1, 5.0)
    timers.arm(Kind.A, 1, 9.0)
    assert timers.deadline == 9.0
    assert timers.pop_due(5.0) is None
    timers.arm(Kind.A, 1, 2.0)
    assert timers.deadline == 2.0
    assert drain(timers, 100.0) == [(Kind.A, 1, 2.0)]


def test_disarming() -> None:
    timers: Timers[Kind] = Timers()
    timers.arm(Kind.A, 1, 1.0)
    timers.arm(Kind.A, 2, 2.0)
    timers.disarm(Kind.A, 1)
    assert not timers.armed(Kind.A, 1)
    assert timers.deadline == 2.0
    timers.arm(Kind.A, 1, 3.0)
    assert drain(timers, 10.0) == [(Kind.A, 2, 2.0), (Kind.A, 1, 3.0)]


def test_moving_to_later_costs_no_entry() -> None:
    timers: Timers[Kind] = Timers()
    for at in range(10_000):
        timers.arm(Kind.A, 1, float(at))
    assert len(timers._heap) == 1
    assert timers.deadline == 9_999.0


def test_the_heap_is_bounded_by_what_is_armed() -> None:
    timers: Timers[Kind] = Timers()
    for key in range(20):
        timers.arm(Kind.B, key, 1e6 + key)
    for key in range(10_000):
        timers.arm(Kind.A, key, 1e3 + key)
        timers.disarm(Kind.A, key)
        assert len(timers._heap) <= 2 * 20 + 64 + 1
        assert len(timers._queued) <= len(timers._heap)
    for at in range(10_000, 0, -1):
        timers.arm(Kind.A, 1, float(at))
        assert len(timers._heap) <= 2 * 21 + 64 + 1
    assert drain(timers, 1.0) == [(Kind.A, 1, 1.0)]
    assert [key for _, key, _ in drain(timers, 2e6)] == list(range(20))


class TimersMachine(RuleBasedStateMachine):
    """Against a dictionary that is searched."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: Timers[Kind] = Timers()
        self.model: dict[tuple[Kind, int], float] = {}

    @rule(kind=st.sampled_from(Kind), key=st.integers(0, 3), at=st.integers(0, 12))
    def arm(self, kind: Kind, key: int, at: int) -> None:
        self.timers.arm(kind, key, float(at))
        self.model[kind, key] = float(at)

    @rule(kind=st.sampled_from(Kind), key=st.integers(0, 3))
    def disarm(self, kind: Kind, key: int) -> None:
        self.timers.disarm(kind, key)
        self.model.pop((kind, key), None)

    @rule(now=st.integers(0, 12))
    def pop(self, now: int) -> None:
        fired = self.timers.pop_due(float(now))
        earliest = min(self.model.values(), default=None)
        if earliest is None or earliest > now:
            assert fired is None
            return
        assert fired is not None
        kind, key, at = fired
        assert at == earliest == self.model.pop((kind, key))

    @rule(key=st.integers(0, 3), count=st.integers(40, 80))
    def churn(self, key: int, count: int) -> None:
        for i in range(count):
            self.timers.arm(Kind.A, 100 + i, 50.0)
            self.timers.disarm(Kind.A, 100 + i)

    @invariant()
    def same(self) -> None:
        for kind in Kind:
            for key in range(4):
                assert self.timers.armed(kind, key) == ((kind, key) in self.model)
        assert len(self.timers._heap) <= 2 * len(self.model) + 65 + 8

    # A rule, not an invariant: reading the deadline tidies the heap, and what it tidies must not matter.
    @rule()
    def deadline(self) -> None:
        assert self.timers.deadline == min(self.model.values(), default=None)


TestTimersMachine = TimersMachine.TestCase


def test_the_wall_clock() -> None:
    noon = datetime(2025, 1, 1, 12, tzinfo=UTC)
    clock = WallClock(1_000.0, noon.timestamp())
    assert clock.at(1_000.0) == noon
    assert clock.at(1_060.5) == datetime(2025, 1, 1, 12, 1, 0, 500_000, UTC)
    assert clock.at(0.0).tzinfo is UTC
