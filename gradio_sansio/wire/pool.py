"""Which exchange gets which connection.

Rules:

- All decisions are `plan`'s, a pure function from who waits and which connections there are to what is to be done. `Pool` keeps
  the books that it reads; whoever performs a plan writes back what became of it.
- Short requests and long-lived exchanges (streams, websockets) are bounded apart, so that streams can't starve requests. Both
  draw on the same idle connections.
- First come, first served, within each kind and across both.
- Of the idle connections the one used last goes first: it is the least likely to have been closed by the server.
- A connection that is being made belongs to nobody. Whoever is first when it is ready gets it, and one that nobody needs any
  more becomes idle.
- A plan costs as much as what it decides, however many are waiting.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradio_sansio.commands import ConnectionId
    from gradio_sansio.limits import Limits
    from gradio_sansio.wire.origin import Origin


Waiter = TypeVar("Waiter")
"""What waits: an exchange. The pool only compares it."""


class Lane(Struct, Generic[Waiter], frozen=True):
    """One kind of exchange of one origin: who waits, since when, how many have a connection and how many may."""

    waiting: Mapping[Waiter, int]
    busy: int
    limit: int

    @property
    def ready(self) -> int:
        """How many could start now if there were connections for them."""
        return min(len(self.waiting), self.limit - self.busy)


class Plan(Struct, Generic[Waiter], frozen=True):
    """What to do for one origin."""

    assignments: Sequence[tuple[Waiter, ConnectionId]]
    connects: int
    """How many new connections to make."""
    closes: Sequence[ConnectionId]
    """Idle connections beyond what is worth keeping."""


def plan(
    idle: Sequence[ConnectionId], connecting: int, lanes: tuple[Lane[Waiter], Lane[Waiter]], keep: int
) -> Plan[Waiter]:
    """Decide for one origin. ``idle`` has the connection used last at its end; ``keep`` bounds how many stay idle."""
    first, second = lanes
    of_first, of_second = first.ready, second.ready
    ready = of_first + of_second
    assigned = min(ready, len(idle))
    # Either kind may supply all of them; the older ones do.
    candidates = [
        *islice(first.waiting.items(), min(assigned, of_first)),
        *islice(second.waiting.items(), min(assigned, of_second)),
    ]
    if len(candidates) > 1:
        candidates.sort(key=lambda candidate: candidate[1])
    return Plan(
        [
            (exchange, connection)
            for (exchange, _), connection in zip(candidates[:assigned], reversed(idle), strict=False)
        ],
        max(0, ready - assigned - connecting),
        idle[: max(0, len(idle) - assigned - keep)],
    )


class _Site(Generic[Waiter]):
    """The books of one origin."""

    __slots__ = ("busy", "connecting", "idle", "waiting")

    def __init__(self) -> None:
        # Each pair: short requests, long-lived ones. Not plain dicts, whose first item gets slow to reach as items are
        # taken from the front.
        self.waiting: tuple[OrderedDict[Waiter, int], OrderedDict[Waiter, int]] = (
            OrderedDict(),
            OrderedDict(),
        )
        self.busy = [0, 0]
        self.connecting = 0
        self.idle: list[ConnectionId] = []

    @property
    def empty(self) -> bool:
        return not (any(self.waiting) or any(self.busy) or self.connecting or self.idle)


class Pool(Generic[Waiter]):
    """The books of all origins. ``decide`` after every change; it enters its own decisions at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits.connections, limits.streams
        self._sites: dict[Origin, _Site[Waiter]] = {}
        self._arrivals = 0

    @property
    def arrivals(self) -> int:
        """Which place the next exchange that waits will have in time."""
        return self._arrivals

    def __len__(self) -> int:
        """How many origins there are books of."""
        return len(self._sites)

    def wait(self, origin: Origin, exchange: Waiter, long_lived: bool) -> None:
        """An exchange needs a connection."""
        site = self._sites.get(origin)
        if site is None:
            site = self._sites[origin] = _Site()
        site.waiting[long_lived][exchange] = self._arrivals
        self._arrivals += 1

    def withdraw(self, origin: Origin, exchange: Waiter, long_lived: bool) -> None:
        """An exchange waits no longer."""
        del self._sites[origin].waiting[long_lived][exchange]
        self._tidy(origin)

    def decide(self, origin: Origin) -> Plan[Waiter]:
        """Make a plan for one origin and take it as carried out."""
        site = self._sites.get(origin)
        if site is None:
            return Plan((), 0, ())
        limits = self._limits
        if not any(site.waiting) and len(site.idle) <= limits[0]:
            # As after most answers.
            return Plan((), 0, ())
        lanes = (
            Lane(site.waiting[0], site.busy[0], limits[0]),
            Lane(site.waiting[1], site.busy[1], limits[1]),
        )
        decision = plan(site.idle, site.connecting, lanes, limits[0])
        for exchange, _ in decision.assignments:
            long_lived = exchange in site.waiting[1]
            del site.waiting[long_lived][exchange]
            site.busy[long_lived] += 1
        if decision.assignments:
            del site.idle[-len(decision.assignments) :]
        del site.idle[: len(decision.closes)]
        site.connecting += decision.connects
        return decision

    def connected(self, origin: Origin, connection: ConnectionId) -> None:
        """A connection that was being made is ready."""
        site = self._sites[origin]
        site.connecting -= 1
        site.idle.append(connection)

    def connect_failed(self, origin: Origin, since: int) -> list[Waiter]:
        """A connection could not be made; ``since`` is what ``arrivals`` was when it was asked for.

        Returns the exchanges that fail with it, for the caller to withdraw. Where nothing else is known to work, that is all
        who waited then: trying once for each would take for ever. Otherwise it is the first in line, which would have got it.
        """
        site = self._sites[origin]
        site.connecting -= 1
        working = bool(site.idle) or any(site.busy)
        lines = [
            # A kind that is at its limit would not have got it.
            [] if working and busy >= limit else _older(waiting, since, most=1 if working else len(waiting))
            for waiting, busy, limit in zip(site.waiting, site.busy, self._limits, strict=True)
        ]
        failed = [exchange for exchange, _ in sorted(chain(*lines), key=lambda item: item[1])]
        self._tidy(origin)
        return failed[:1] if working else failed

    def released(self, origin: Origin, connection: ConnectionId, long_lived: bool) -> None:
        """An exchange is through with a connection, which can serve others."""
        site = self._sites[origin]
        site.busy[long_lived] -= 1
        site.idle.append(connection)

    def dropped(self, origin: Origin, long_lived: bool) -> None:
        """An exchange is through with a connection, which is gone."""
        self._sites[origin].busy[long_lived] -= 1
        self._tidy(origin)

    def idle_dropped(self, origin: Origin, connection: ConnectionId) -> None:
        """An idle connection is gone."""
        self._sites[origin].idle.remove(connection)
        self._tidy(origin)

    def _tidy(self, origin: Origin) -> None:
        if self._sites[origin].empty:
            del self._sites[origin]


def _older(waiting: Mapping[Waiter, int], since: int, most: int) -> list[tuple[Waiter, int]]:
    return list(islice(takewhile(lambda item: item[1] < since, waiting.items()), most))
