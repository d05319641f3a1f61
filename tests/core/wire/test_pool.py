from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import structs

from gradio_sansio.commands import ConnectionId
from gradio_sansio.limits import Limits
from gradio_sansio.wire.origin import Origin
from gradio_sansio.wire.pool import Lane, Plan, Pool, plan

ORIGIN = Origin("http", "app.test", 7860)


def lane(waiting: list[str], busy: int = 0, limit: int = 2, since: int = 0) -> Lane[str]:
    return Lane({name: since + place for place, name in enumerate(waiting)}, busy, limit)


def ids(*numbers: int) -> list[ConnectionId]:
    return [ConnectionId(number) for number in numbers]


NOTHING: Lane[str] = lane([])

CASES = [
    ("nothing to do", [], 0, (NOTHING, NOTHING), Plan((), 0, ())),
    ("connect", [], 0, (lane(["a"]), NOTHING), Plan([], 1, [])),
    ("one is coming", [], 1, (lane(["a"]), NOTHING), Plan([], 0, [])),
    ("one of two is coming", [], 1, (lane(["a"]), lane(["b"])), Plan([], 1, [])),
    ("no more than the limit", [], 0, (lane(["a", "b", "c"]), NOTHING), Plan([], 2, [])),
    ("kinds are counted apart", [], 0, (lane(["a"], busy=2), lane(["b"])), Plan([], 1, [])),
    ("at the limit", [1], 0, (lane(["a"], busy=2), lane(["b"], busy=2)), Plan((), 0, ())),
    ("the one used last", [1, 2], 0, (lane(["a"]), NOTHING), Plan([("a", ConnectionId(2))], 0, [])),
    ("a stream takes one too", [1], 0, (NOTHING, lane(["a"])), Plan([("a", ConnectionId(1))], 0, [])),
    (
        "older ones first, whatever their kind",
        [1],
        0,
        (lane(["a"], since=5), lane(["b"], since=4)),
        Plan([("b", ConnectionId(1))], 1, []),
    ),
    ("too many idle ones", [1, 2, 3, 4], 0, (NOTHING, NOTHING), Plan([], 0, ids(1))),
    ("not if they serve", [1, 2, 3, 4], 0, (lane(["a"]), NOTHING), Plan([("a", ConnectionId(4))], 0, [])),
]


def test_cases() -> None:
    for name, idle, connecting, lanes, expected in CASES:
        found = plan(ids(*idle), connecting, lanes, 3)
        assert list(found.assignments) == list(expected.assignments), name
        assert found.connects == expected.connects, name
        assert list(found.closes) == list(expected.closes), name


lanes = st.builds(
    lambda arrivals, busy, limit: Lane({f"{n}": n for n in sorted(arrivals)}, min(busy, limit), limit),
    st.sets(st.integers(0, 40), max_size=10),
    st.integers(0, 6),
    st.integers(1, 6),
)


@settings(max_examples=300)
@given(st.lists(st.integers(1, 20), unique=True), st.integers(0, 8), lanes, lanes, st.integers(1, 6))
def test_a_plan_is_sound(
    idle: list[int], connecting: int, first: Lane[str], second: Lane[str], keep: int
) -> None:
    # The two kinds share one count of arrivals.
    second = structs.replace(
        second, waiting={f"s{name}": arrival * 2 + 1 for name, arrival in second.waiting.items()}
    )
    first = structs.replace(first, waiting={name: arrival * 2 for name, arrival in first.waiting.items()})
    found = plan(ids(*idle), connecting, (first, second), keep)
    served = [exchange for exchange, _ in found.assignments]
    used = [connection for _, connection in found.assignments]
    assert len(set(served)) == len(served)
    assert len({*used, *found.closes}) == len(used) + len(found.closes), (
        "none twice, and none closed that is used"
    )
    assert {*used, *found.closes} <= set(idle)
    waiting_at_end = 0
    for each in (first, second):
        mine = [name for name in each.waiting if name in served]
        assert mine == list(each.waiting)[: len(mine)], "first come, first served"
        assert each.busy + len(mine) <= each.limit
        waiting_at_end += min(len(each.waiting), each.limit - each.busy) - len(mine)
    arrivals = [{**first.waiting, **second.waiting}[name] for name in served]
    assert arrivals == sorted(arrivals)
    left = len(idle) - len(used) - len(found.closes)
    if waiting_at_end:
        assert left == 0, "an idle connection, and someone who could use it"
        assert not found.closes
        assert connecting + found.connects >= waiting_at_end, "someone waits, and nothing is on its way"
    assert found.connects <= max(0, waiting_at_end - connecting)
    assert left <= keep


class PoolMachine(RuleBasedStateMachine):
    """The books agree with a model, limits hold, and whoever may begin has a connection or one on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = Limits(connections=2, streams=3)
        self.pool: Pool[int] = Pool(self.limits)
        self.names = 0
        self.waiting: tuple[list[int], list[int]] = [], []
        self.busy: dict[int, tuple[int, bool]] = {}
        self.idle: list[int] = []
        self.connecting: list[int] = []
        self.arrivals: dict[int, int] = {}

    def decide(self) -> None:
        found = self.pool.decide(ORIGIN)
        for conn in found.closes:
            self.idle.remove(conn)
        for exchange, conn in found.assignments:
            long_lived = exchange in self.waiting[1]
            assert self.waiting[long_lived].pop(0) == exchange
            self.idle.remove(conn)
            self.busy[conn] = exchange, long_lived
        self.connecting += [self.pool.arrivals] * found.connects

    @rule(long_lived=st.booleans())
    def arrive(self, long_lived: bool) -> None:
        self.arrivals[self.names] = self.pool.arrivals
        self.pool.wait(ORIGIN, self.names, long_lived)
        self.waiting[long_lived].append(self.names)
        self.names += 1
        self.decide()

    @precondition(lambda self: any(self.waiting))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        exchange = data.draw(st.sampled_from(self.waiting[0] + self.waiting[1]))
        long_lived = exchange in self.waiting[1]
        self.waiting[long_lived].remove(exchange)
        self.pool.withdraw(ORIGIN, exchange, long_lived)
        self.decide()

    @precondition(lambda self: self.connecting)
    @rule()
    def ready(self) -> None:
        self.connecting.pop()
        self.names += 1
        self.idle.append(self.names)
        self.pool.connected(ORIGIN, ConnectionId(self.names))
        self.decide()

    @precondition(lambda self: self.connecting)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        since = self.connecting.pop(data.draw(st.integers(0, len(self.connecting) - 1)))
        working = bool(self.idle or self.busy)
        failed = self.pool.connect_failed(ORIGIN, since)
        older = {x for x in self.waiting[0] + self.waiting[1] if self.arrivals[x] < since}
        if working:
            assert len(failed) <= 1
            assert set(failed) <= older
        else:
            assert set(failed) == older
            assert failed == sorted(failed)
        for exchange in failed:
            long_lived = exchange in self.waiting[1]
            self.waiting[long_lived].remove(exchange)
            self.pool.withdraw(ORIGIN, exchange, long_lived)
        self.decide()

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), reusable=st.booleans())
    def end(self, data: st.DataObject, reusable: bool) -> None:
        conn = data.draw(st.sampled_from(sorted(self.busy)))
        _, long_lived = self.busy.pop(conn)
        if reusable:
            self.idle.append(conn)
            self.pool.released(ORIGIN, ConnectionId(conn), long_lived)
        else:
            self.pool.dropped(ORIGIN, long_lived)
        self.decide()

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        conn = data.draw(st.sampled_from(self.idle))
        self.idle.remove(conn)
        self.pool.idle_dropped(ORIGIN, ConnectionId(conn))
        self.decide()

    @invariant()
    def bounded(self) -> None:
        counts = [sum(1 for _, kind in self.busy.values() if kind is lane) for lane in (False, True)]
        assert counts[0] <= self.limits.connections
        assert counts[1] <= self.limits.streams
        total = len(self.busy) + len(self.idle) + len(self.connecting)
        assert total <= self.limits.connections + self.limits.streams
        assert len(self.idle) <= self.limits.connections

    @invariant()
    def alive(self) -> None:
        for long_lived, limit in enumerate((self.limits.connections, self.limits.streams)):
            busy = sum(1 for _, kind in self.busy.values() if kind == bool(long_lived))
            if self.waiting[long_lived] and busy < limit:
                assert self.connecting
                assert not self.idle

    @invariant()
    def tidy(self) -> None:
        used = any(self.waiting) or self.busy or self.idle or self.connecting
        assert len(self.pool) == bool(used)


TestPool = PoolMachine.TestCase


def test_origins_are_kept_apart() -> None:
    pool: Pool[str] = Pool(Limits())
    other = Origin("https", "app.test", 7860)
    pool.wait(ORIGIN, "a", False)
    pool.wait(other, "b", False)
    assert pool.decide(ORIGIN).connects == 1
    pool.connected(ORIGIN, ConnectionId(1))
    assert list(pool.decide(other).assignments) == []
    assert list(pool.decide(ORIGIN).assignments) == [("a", ConnectionId(1))]
    assert list(pool.decide(Origin("http", "x", 1)).assignments) == []


def test_a_thousand_waiting_cost_nothing() -> None:
    def cost(waiting: int) -> float:
        pool: Pool[int] = Pool(Limits())
        for exchange in range(waiting):
            pool.wait(ORIGIN, exchange, False)
        pool.decide(ORIGIN)
        pool.connected(ORIGIN, ConnectionId(1))
        start = time.perf_counter()
        for _ in range(500):
            pool.decide(ORIGIN)
            pool.released(ORIGIN, ConnectionId(1), False)
        return time.perf_counter() - start

    assert min(cost(10_000) for _ in range(3)) < 5 * min(cost(600) for _ in range(3))
