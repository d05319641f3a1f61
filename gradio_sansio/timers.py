"""Every timer of one storey, as one table with one deadline.

A timer is named by a kind and a key, so re-arming one replaces it. Moving a timer to a later time, which happens with every
message of a stream, is a dictionary write: its old heap entry stays and is put right when it comes up.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from heapq import heappop, heappush
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Enum)


class Timers(Generic[Kind]):
    """Named timers of one storey."""

    def __init__(self) -> None:
        self._due: dict[tuple[Kind, int], float] = {}
        # (time, order of arming, name): the order breaks ties, since names don't compare.
        self._heap: list[tuple[float, int, tuple[Kind, int]]] = []
        self._queued: dict[tuple[Kind, int], float] = {}
        self._armed = 0

    def arm(self, kind: Kind, key: int, at: float) -> None:
        """Let the timer fire at ``at``, whatever it was set to before."""
        name = (kind, key)
        self._due[name] = at
        queued = self._queued.get(name)
        if queued is None or at < queued:
            self._queue(name, at)
            self._sweep()

    def disarm(self, kind: Kind, key: int) -> None:
        """Forget the timer, if it is armed."""
        self._due.pop((kind, key), None)
        self._sweep()

    def _sweep(self) -> None:
        # Long limits that are nearly always disarmed (every request has one) would fill the heap: sweep it in proportion.
        if len(self._heap) > 2 * len(self._due) + 64:
            self._heap.clear()
            self._queued.clear()
            for name, at in self._due.items():
                self._queue(name, at)

    def armed(self, kind: Kind, key: int) -> bool:
        """Whether the timer will fire."""
        return (kind, key) in self._due

    @property
    def deadline(self) -> float | None:
        """When the next timer fires, or None."""
        while self._heap:
            at, _, name = self._heap[0]
            due = self._due.get(name)
            if due == at:
                return at
            heappop(self._heap)
            if self._queued.get(name) == at:
                del self._queued[name]
                if due is not None:
                    self._queue(name, due)
        return None

    def pop_due(self, now: float) -> tuple[Kind, int, float] | None:
        """Take the earliest timer that is due at ``now``: its kind, its key and the time it was set to."""
        at = self.deadline
        if at is None or at > now:
            return None
        kind, key = name = heappop(self._heap)[2]
        del self._queued[name]
        del self._due[name]
        return kind, key, at

    def _queue(self, name: tuple[Kind, int], at: float) -> None:
        self._armed += 1
        self._queued[name] = at
        heappush(self._heap, (at, self._armed, name))


class WallClock:
    """The time of day, for what is told to people and for cookies' ends: an offset to the adapter's clock, given once."""

    def __init__(self, now: float, wall_clock: float) -> None:
        self._offset = wall_clock - now
        self._asked = now
        self._answer = datetime.fromtimestamp(wall_clock, UTC)

    def at(self, now: float) -> datetime:
        """The time of day (UTC) at ``now``."""
        if now != self._asked:
            # Everything that comes in one read is asked for at the same time.
            self._asked, self._answer = now, datetime.fromtimestamp(now + self._offset, UTC)
        return self._answer
