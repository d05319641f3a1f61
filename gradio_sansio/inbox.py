"""What came for one submission and has not been taken: the part of a ``Submission`` that is the same for every runtime.

An adapter puts a job's events in and wakes whoever waits; iterators are *readers* here, and callbacks are *listeners*, whose calls the
adapter makes from wherever callbacks run there. Rules:

* Every reader and listener gets each event of its kinds once, in order. The first of a kind also gets what came before it; later ones
  get what comes from then on.
* What nobody has asked for yet is held up to a bound, and beyond it the newest of each kind only, so a job that nobody listens to costs
  little and holds nothing up.
* With ``newest``, data that waits gives way to newer data.
* After a cancel no data is given out any more.

``freed`` says how many bytes the engine may count as ``consumed``; it is to be asked after whatever lets go of events.

An inbox is not for use from several threads at once; the sync adapter holds a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, assert_never

from msgspec import Struct

from gradio_sansio.errors import JobCancelled, LocalProtocolError
from gradio_sansio.events import DataReceived, JobEvent, JobFinished, LogReceived, StatusChanged
from gradio_sansio.values import Data, Log, Status

Kind: TypeAlias = Literal["data", "status", "log"]
Value: TypeAlias = Data | Status | Log
Callback: TypeAlias = Callable[[Any], object]

KINDS: Final[tuple[Kind, ...]] = ("data", "status", "log")


class _Item(Struct):
    """One event, and how many are still to take it."""

    number: int
    kind: Kind
    value: Value
    size: int
    takers: int = 0


class Reader:
    """One consumer of some kinds of events, in order."""

    def __init__(self, inbox: Inbox, kinds: tuple[Kind, ...]) -> None:
        self._inbox = inbox
        self._items: deque[_Item] = deque()
        self.kinds = kinds

    def add(self, item: _Item) -> None:
        """An event has come."""
        if self._inbox.newest and item.kind == "data":
            self.drop_data()
        item.takers += 1
        self._items.append(item)

    def take(self) -> Value | None:
        """The next event, or None: nothing has come yet, or nothing comes any more."""
        if not self._items:
            return None
        item = self._items.popleft()
        self._inbox.let_go(item)
        return item.value

    @property
    def ready(self) -> bool:
        """``take`` has an answer: there is an event, or there will be none any more."""
        return bool(self._items) or self._inbox.done

    def end(self) -> None:
        """To be called when nothing comes any more: raise what the job failed with, if this is an iteration of its data.

        That of a cancelled job just ends. One over all events has seen the failure as a status.
        """
        if self.kinds == ("data",) and not self._inbox.cancelled:
            self._inbox.check()

    def drop_data(self) -> None:
        """Let go of the data that waits."""
        for item in self._items:
            if item.kind == "data":
                self._inbox.let_go(item)
        self._items = deque(item for item in self._items if item.kind != "data")

    def close(self) -> None:
        """Take no more."""
        self._inbox.remove(self)
        while self.take() is not None:
            pass

    @property
    def next_number(self) -> int | None:
        """The place of the next event in the order of all, for merging readers."""
        return self._items[0].number if self._items else None


class Delivery(Struct, frozen=True):
    """A call to be made."""

    callback: Callback
    value: Value


class Inbox:
    """The events of one job.

    Args:
        bound: bytes that may be held for whoever asks later (``Limits.job_buffer``).
        newest: whether waiting data gives way to newer data.
        keep: whether anything is held at all; not where the result alone is wanted.
    """

    def __init__(self, *, bound: int, newest: bool = False, keep: bool = True) -> None:
        self.newest = newest
        self._bound = bound
        self._keeps = keep
        self._freed = 0
        self._held: deque[_Item] = deque()
        self._held_size = 0
        self._over: dict[Kind, _Item] = {}
        self._claimed: set[Kind] = set()
        self._readers: list[Reader] = []
        self._listeners: list[tuple[Reader, Callback]] = []
        self._count = 0
        self._status: Status | None = None
        self._finished: JobFinished | None = None

    # How the job stands.

    @property
    def status(self) -> Status:
        """The latest status, delivered or not."""
        if self._status is None:
            raise LocalProtocolError("nothing has come for the job yet", state="new")
        return self._status

    @property
    def done(self) -> bool:
        """The job has ended, in whatever way."""
        return self._finished is not None

    @property
    def cancelled(self) -> bool:
        """It has ended by being cancelled."""
        return self._finished is not None and isinstance(self._finished.error, JobCancelled)

    def result(self) -> Data:
        """The job's last value.

        Raises:
            GradioError: how the job failed; ``JobCancelled`` if it was cancelled.
            LocalProtocolError: it has not ended.
        """
        finished = self._finished
        if finished is None:
            raise LocalProtocolError("the job has not ended", state="open")
        self.check()
        if finished.data is None:
            raise LocalProtocolError("the job ended without a value", state="ended")
        return finished.data

    def check(self) -> None:
        """Raise what the job failed with, if it has ended and failed."""
        if self._finished is not None and self._finished.error is not None:
            # One error may be raised many times, in several threads: each time with a traceback of its own.
            raise self._finished.error.with_traceback(None)

    # What comes.

    def put(self, event: JobEvent) -> None:
        """Take in the job's next event."""
        match event:
            case StatusChanged():
                self._status = event.status
                self._add("status", event.status, event.size)
            case DataReceived():
                self._add("data", event.data, event.size)
            case LogReceived():
                self._add("log", event.log, event.size)
            case JobFinished():
                self._finished = event
                self._status = event.status
                if self.cancelled:
                    self.drop_data()
                self._add("status", event.status, 0)
            case _:
                assert_never(event)

    def _add(self, kind: Kind, value: Value, size: int) -> None:
        self._count += 1
        item = _Item(self._count, kind, value, size)
        if kind in self._claimed:
            for reader in self._readers:
                if kind in reader.kinds:
                    reader.add(item)
        elif self._keeps:
            self._keep(item)
        if not item.takers:
            self._freed += size

    def _keep(self, item: _Item) -> None:
        if self.newest and item.kind == "data":
            self._over[item.kind] = item
        elif self._held_size + item.size <= self._bound and item.kind not in self._over:
            self._held.append(item)
            self._held_size += item.size
        else:
            self._over[item.kind] = item

    def drop_data(self) -> None:
        """Give no data out any more."""
        self._held = deque(item for item in self._held if item.kind != "data")
        self._over.pop("data", None)
        for reader in self._readers:
            reader.drop_data()

    def let_go(self, item: _Item) -> None:
        """One taker fewer for an event."""
        item.takers -= 1
        if item.takers == 0:
            self._freed += item.size

    def freed(self) -> int:
        """Bytes to be given to ``Engine.consumed``: 0 until there are enough of them to be worth a call."""
        if self._freed * 8 < self._bound:
            return 0
        freed, self._freed = self._freed, 0
        return freed

    # Who takes it.

    def reader(self, *kinds: Kind) -> Reader:
        """A new consumer of these kinds."""
        reader = Reader(self, kinds)
        self._claim(reader)
        self._readers.append(reader)
        return reader

    def _claim(self, reader: Reader) -> None:
        first: set[Kind] = {kind for kind in reader.kinds if kind not in self._claimed}
        self._claimed.update(first)
        found = [item for item in self._held if item.kind in first]
        found += (self._over.pop(kind) for kind in first if kind in self._over)
        self._held = deque(item for item in self._held if item.kind not in first)
        self._held_size = sum(item.size for item in self._held)
        for item in sorted(found, key=lambda item: item.number):
            # It was counted as taken when it came, being held within a bound of its own.
            item.size = 0
            reader.add(item)

    def remove(self, reader: Reader) -> None:
        """Forget a reader that takes no more."""
        if reader in self._readers:
            self._readers.remove(reader)

    def on(self, kind: str, callback: Callback) -> None:
        """Call back for each event of a kind.

        Raises:
            ValueError: there is no such kind; the text lists those that exist.
            TypeError: the callback can't be called.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, not {type(callback).__name__}")
        self._listeners.append((self.reader(_checked(kind)), callback))

    def off(self, kind: str, callback: Callback) -> None:
        """Undo ``on``; a callback that isn't there is none to remove.

        Raises:
            ValueError: as in ``on``.
        """
        kinds = (_checked(kind),)
        gone = [entry for entry in self._listeners if entry[0].kinds == kinds and entry[1] == callback]
        self._listeners = [entry for entry in self._listeners if entry not in gone]
        for reader, _ in gone:
            reader.close()

    def destroy(self) -> None:
        """Remove all listeners."""
        gone, self._listeners = self._listeners, []
        for reader, _ in gone:
            reader.close()

    @property
    def awaited(self) -> bool:
        """Whether what came may be news to anybody: whoever waits for the result alone need not be woken before the job's end."""
        return self.done or bool(self._readers)

    @property
    def listened(self) -> bool:
        """Whether there are listeners."""
        return bool(self._listeners)

    def delivery(self) -> Delivery | None:
        """The next call that is to be made, in the order in which events came, then in that of registration."""
        chosen: tuple[Reader, Callback] | None = None
        lowest = 0
        for entry in self._listeners:
            number = entry[0].next_number
            if number is not None and (chosen is None or number < lowest):
                chosen, lowest = entry, number
        if chosen is None:
            return None
        value = chosen[0].take()
        assert value is not None
        return Delivery(chosen[1], value)


def _checked(kind: str) -> Kind:
    for known in KINDS:
        if kind == known:
            return known
    raise ValueError(f"there is no event {repr(kind)[:80]}; there are {', '.join(map(repr, KINDS))}")
