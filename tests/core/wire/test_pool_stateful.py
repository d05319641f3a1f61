"""The pool's books against a plain model of them, with anything asked of it in any order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gradio_sansio.commands import ConnectionId
from gradio_sansio.limits import Limits
from gradio_sansio.wire.origin import Origin
from gradio_sansio.wire.pool import Pool
from tests.core import figures

LIMITS = Limits(connections=2, streams=3)
MOST = (LIMITS.connections, LIMITS.streams)
ORIGINS = (Origin("http", "a", 80), Origin("https", "b", 443))
PICK = st.integers(0, 30)


class Book:
    """What there is of one origin."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, bool]] = []
        """Exchanges in the order in which they came, and whether they are long-lived."""
        self.busy: dict[ConnectionId, tuple[int, bool]] = {}
        self.idle: list[ConnectionId] = []
        self.connecting: list[int] = []
        """Each with the pool's arrivals when it was asked for."""


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pool: Pool[int] = Pool(LIMITS)
        self.books = {origin: Book() for origin in ORIGINS}
        self.exchanges = 0
        self.connections = 0
        self.steps = 0

    def teardown(self) -> None:
        figures.note("property tests", "the pool against a model", examples=1, steps=self.steps)

    def decide(self, origin: Origin) -> None:
        book = self.books[origin]
        decision = self.pool.decide(origin)
        for conn in decision.closes:
            book.idle.remove(conn)
        for exchange, conn in decision.assignments:
            item = next(item for item in book.waiting if item[0] == exchange)
            older = [other for other in book.waiting[: book.waiting.index(item)] if other[1] == item[1]]
            assert not older, "first come, first served"
            assert conn == book.idle[-1], "the one used last goes first"
            book.waiting.remove(item)
            book.idle.remove(conn)
            book.busy[conn] = item
        book.connecting += [self.pool.arrivals] * decision.connects
        again = self.pool.decide(origin)
        assert (len(again.assignments), again.connects, len(again.closes)) == (0, 0, 0), "it has decided"

    @rule(origin=st.sampled_from(ORIGINS), long_lived=st.booleans())
    def wait(self, origin: Origin, long_lived: bool) -> None:
        self.exchanges += 1
        self.pool.wait(origin, self.exchanges, long_lived)
        self.books[origin].waiting.append((self.exchanges, long_lived))
        self.decide(origin)

    @rule(origin=st.sampled_from(ORIGINS), pick=PICK)
    def withdraw(self, origin: Origin, pick: int) -> None:
        book = self.books[origin]
        if book.waiting:
            exchange, long_lived = book.waiting.pop(pick % len(book.waiting))
            self.pool.withdraw(origin, exchange, long_lived)
            self.decide(origin)

    @rule(origin=st.sampled_from(ORIGINS), pick=PICK)
    def connected(self, origin: Origin, pick: int) -> None:
        book = self.books[origin]
        if book.connecting:
            book.connecting.pop(pick % len(book.connecting))
            self.connections += 1
            book.idle.append(ConnectionId(self.connections))
            self.pool.connected(origin, ConnectionId(self.connections))
            self.decide(origin)

    @rule(origin=st.sampled_from(ORIGINS), pick=PICK)
    def connect_failed(self, origin: Origin, pick: int) -> None:
        book = self.books[origin]
        if not book.connecting:
            return
        since = book.connecting.pop(pick % len(book.connecting))
        working = bool(book.idle or book.busy)
        failed = self.pool.connect_failed(origin, since)
        assert len(failed) == len(set(failed))
        if working:
            assert len(failed) <= 1, "others may still be served"
        for exchange in failed:
            item = next(item for item in book.waiting if item[0] == exchange)
            book.waiting.remove(item)
            self.pool.withdraw(origin, *item)
        self.decide(origin)

    @precondition(lambda self: any(book.busy for book in self.books.values()))
    @rule(pick=PICK, reusable=st.booleans())
    def free(self, pick: int, reusable: bool) -> None:
        busy = [(origin, conn) for origin, book in self.books.items() for conn in book.busy]
        origin, conn = busy[pick % len(busy)]
        book = self.books[origin]
        _, long_lived = book.busy.pop(conn)
        if reusable:
            book.idle.append(conn)
            self.pool.released(origin, conn, long_lived)
        else:
            self.pool.dropped(origin, long_lived)
        self.decide(origin)

    @rule(origin=st.sampled_from(ORIGINS), pick=PICK)
    def idle_dropped(self, origin: Origin, pick: int) -> None:
        book = self.books[origin]
        if book.idle:
            self.pool.idle_dropped(origin, book.idle.pop(pick % len(book.idle)))
            self.decide(origin)

    @invariant()
    def limits_hold(self) -> None:
        self.steps += 1
        for book in self.books.values():
            for kind in (False, True):
                assert sum(long_lived == kind for _, long_lived in book.busy.values()) <= MOST[kind]
            assert len(book.idle) <= LIMITS.connections
            assert len(book.connecting) <= sum(MOST)

    @invariant()
    def whoever_may_start_is_helped(self) -> None:
        """An exchange waits for its limit, or for a connection that is being made; never while one is idle."""
        for book in self.books.values():
            ready = 0
            for kind in (False, True):
                free = MOST[kind] - sum(long_lived == kind for _, long_lived in book.busy.values())
                ready += min(free, sum(long_lived == kind for _, long_lived in book.waiting))
            assert len(book.connecting) >= ready
            assert not (ready and book.idle)

    @invariant()
    def nothing_is_kept_of_those_that_are_gone(self) -> None:
        used = [
            book for book in self.books.values() if book.waiting or book.busy or book.idle or book.connecting
        ]
        assert len(self.pool) == len(used)


TestPool = PoolMachine.TestCase
