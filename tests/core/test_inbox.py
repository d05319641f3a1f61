from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradio_sansio.errors import AppError, GradioError, JobCancelled, LocalProtocolError
from gradio_sansio.events import DataReceived, JobEvent, JobFinished, JobId, LogReceived, StatusChanged
from gradio_sansio.inbox import KINDS, Delivery, Inbox, Kind, Reader, Value
from gradio_sansio.session.diff import Outputs
from gradio_sansio.values import Data, Log, Returns, Status

JOB = JobId(1)
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def data(n: int) -> Data:
    return Data(Outputs([n]), Returns("/f", 0), NOON)


def status(n: int) -> Status:
    return Status(queue=True, stage="pending", position=n)


def log(n: int) -> Log:
    return Log(message=str(n), level="info")


VALUES: dict[Kind, Callable[[int], Value]] = {"data": data, "status": status, "log": log}


def event(kind: Kind, n: int, size: int = 1) -> JobEvent:
    if kind == "data":
        return DataReceived(JOB, data(n), size)
    if kind == "status":
        return StatusChanged(JOB, status(n), size)
    return LogReceived(JOB, log(n), size)


COMPLETE = Status(queue=True, stage="complete", success=True)
FAILED = Status(queue=True, stage="error", success=False)
CANCELLED = Status(queue=False, stage="complete", success=False, code="cancelled")


def finished(error: GradioError | None = None, value: Data | None = None) -> JobFinished:
    ends = CANCELLED if isinstance(error, JobCancelled) else FAILED if error else COMPLETE
    return JobFinished(JOB, ends, value, error)


def drain(reader: Reader) -> list[Value]:
    values: list[Value] = []
    while (taken := reader.take()) is not None:
        values.append(taken)
    return values


def deliveries(inbox: Inbox) -> list[tuple[Any, Value]]:
    calls: list[tuple[Any, Value]] = []
    while (delivery := inbox.delivery()) is not None:
        calls.append((delivery.callback, delivery.value))
    return calls


def free(inbox: Inbox) -> int:
    """The bytes that were let go of since this was asked last, however few."""
    freed, inbox._freed = inbox._freed, 0
    return freed


class Call:
    """A callback that can be told from others; equal to those of the same name, as bound methods are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, value: object) -> None:
        raise AssertionError("the inbox calls nobody itself")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


# How the job stands.


def test_before_anything_came() -> None:
    inbox = Inbox(bound=100)
    with pytest.raises(LocalProtocolError) as caught:
        _ = inbox.status
    assert caught.value.state == "new"
    assert not inbox.done
    assert not inbox.cancelled
    inbox.check()


def test_the_status_is_the_latest_whoever_took_it() -> None:
    inbox = Inbox(bound=8)
    reader = inbox.reader("status")
    inbox.put(event("status", 1))
    inbox.put(event("status", 2))
    inbox.put(event("log", 3))
    assert inbox.status == status(2)
    reader.take()
    assert inbox.status == status(2)
    inbox.put(finished(value=data(1)))
    assert inbox.status == COMPLETE


ENDS: list[tuple[str, GradioError | None]] = [
    ("done", None),
    ("failed", AppError("boom")),
    ("cancelled", JobCancelled("the job was cancelled by the caller")),
]


@pytest.mark.parametrize(("name", "error"), ENDS, ids=[name for name, _ in ENDS])
def test_the_end(name: str, error: GradioError | None) -> None:
    inbox = Inbox(bound=100)
    inbox.put(event("data", 1))
    with pytest.raises(LocalProtocolError, match="has not ended") as misuse:
        inbox.result()
    assert misuse.value.state == "open"
    inbox.put(finished(error, data(1)))
    assert inbox.done
    assert inbox.cancelled == (name == "cancelled")
    if error is None:
        inbox.check()
        assert inbox.result() == data(1)
        return
    for ask in (inbox.result, inbox.check):
        with pytest.raises(type(error)) as caught:
            ask()
        assert caught.value is error


def test_an_error_raised_again_has_no_old_traceback() -> None:
    inbox = Inbox(bound=8)
    inbox.put(finished(AppError("boom")))
    lengths: list[int] = []
    for _ in range(3):
        with pytest.raises(AppError) as caught:
            inbox.check()
        lengths.append(len(caught.traceback))
    assert lengths == [lengths[0]] * 3


def test_an_end_without_a_value() -> None:
    inbox = Inbox(bound=8)
    inbox.put(finished())
    with pytest.raises(LocalProtocolError, match="without a value") as caught:
        inbox.result()
    assert caught.value.state == "ended"


# Readers.


def test_an_iteration_of_data_ends_as_the_job_did() -> None:
    for name, error in ENDS:
        inbox = Inbox(bound=100)
        orders: list[tuple[Kind, ...]] = [("data",), KINDS, ("status",)]
        for kinds in orders:
            reader = inbox.reader(*kinds)
            assert not reader.ready
        readers = list(inbox._readers)
        inbox.put(finished(error))
        for reader in readers:
            drain(reader)
            assert reader.ready
            assert reader.take() is None
            if name == "failed" and reader.kinds == ("data",):
                with pytest.raises(AppError):
                    reader.end()
            else:
                reader.end()


def test_a_reader_is_ready_when_there_is_something_or_will_be_nothing() -> None:
    inbox = Inbox(bound=100)
    reader = inbox.reader("data")
    assert not reader.ready
    inbox.put(event("log", 1))
    assert not reader.ready
    inbox.put(event("data", 2))
    assert reader.ready
    assert reader.take() == data(2)
    assert reader.take() is None
    assert not reader.ready
    inbox.put(finished(value=data(1)))
    assert reader.ready


def test_the_order_over_several_kinds() -> None:
    inbox = Inbox(bound=100)
    kinds: list[Kind] = ["status", "log", "data", "status", "data", "log"]
    for n, kind in enumerate(kinds):
        inbox.put(event(kind, n))
    reader = inbox.reader("data", "status", "log")
    inbox.put(event("log", 6))
    assert drain(reader) == [*(VALUES[kind](n) for n, kind in enumerate(kinds)), log(6)]


def test_a_later_reader_gets_what_comes_from_then_on() -> None:
    inbox = Inbox(bound=100)
    inbox.put(event("data", 1))
    first = inbox.reader("data")
    inbox.put(event("data", 2))
    second = inbox.reader("data", "log")
    inbox.put(event("data", 3))
    assert drain(second) == [data(3)]
    assert drain(first) == [data(1), data(2), data(3)]


def test_a_later_reader_of_one_kind_may_be_the_first_of_another() -> None:
    inbox = Inbox(bound=100)
    inbox.put(event("log", 1))
    inbox.put(event("data", 2))
    assert drain(inbox.reader("data")) == [data(2)]
    assert drain(inbox.reader("data", "log")) == [log(1)]


def test_closing_frees_what_was_not_taken_and_stops_the_flow() -> None:
    inbox = Inbox(bound=100)
    reader = inbox.reader("data")
    inbox.put(event("data", 1, 10))
    inbox.put(event("data", 2, 5))
    assert free(inbox) == 0
    reader.close()
    assert free(inbox) == 15
    assert reader.take() is None
    reader.close()
    assert free(inbox) == 0
    # The kind has had its consumer: nothing is held for another one.
    inbox.put(event("data", 3, 7))
    assert free(inbox) == 7
    assert drain(inbox.reader("data")) == []


def test_bytes_are_free_once_all_have_taken() -> None:
    inbox = Inbox(bound=100)
    one, two = inbox.reader("data"), inbox.reader("data")
    inbox.put(event("data", 1, 10))
    assert one.take() == data(1)
    assert free(inbox) == 0
    assert two.take() == data(1)
    assert free(inbox) == 10


def test_bytes_are_told_once_there_is_an_eighth_of_the_bound() -> None:
    inbox = Inbox(bound=80)
    inbox.put(event("data", 1, 9))
    assert inbox.freed() == 0
    inbox.put(event("data", 2, 1))
    assert inbox.freed() == 10
    assert inbox.freed() == 0
    inbox.put(event("data", 3, 100))
    assert inbox.freed() == 100


# What is held.


def test_what_is_held_counts_as_taken_at_once_and_no_second_time() -> None:
    inbox = Inbox(bound=100)
    inbox.put(event("data", 1, 10))
    assert free(inbox) == 10
    reader = inbox.reader("data")
    assert reader.take() == data(1)
    assert free(inbox) == 0
    inbox.put(event("data", 2, 10))
    assert free(inbox) == 0
    reader.close()
    assert free(inbox) == 10


def test_where_the_result_alone_is_wanted_nothing_is_held() -> None:
    inbox = Inbox(bound=100, keep=False)
    inbox.put(event("data", 1, 10))
    inbox.put(event("status", 2, 10))
    assert free(inbox) == 20
    assert inbox.status == status(2)
    reader = inbox.reader("data", "status")
    inbox.put(event("data", 3, 10))
    inbox.put(finished(value=data(3)))
    assert drain(reader) == [data(3), COMPLETE]
    assert inbox.result() == data(3)


def test_held_up_to_the_bound_beyond_it_the_newest_of_each_kind() -> None:
    inbox = Inbox(bound=30)
    for n in range(1, 8):
        inbox.put(event("data", n, 10))
    inbox.put(event("log", 8, 1))
    inbox.put(event("log", 9, 1))
    inbox.put(event("status", 10, 0))
    assert drain(inbox.reader("data", "log")) == [data(1), data(2), data(3), data(7), log(9)]
    assert drain(inbox.reader("status")) == [status(10)]


def test_just_as_much_as_the_bound_is_held() -> None:
    inbox = Inbox(bound=20)
    for n, size in enumerate((10, 10, 1, 1)):
        inbox.put(event("data", n, size))
    assert drain(inbox.reader("data")) == [data(0), data(1), data(3)]


def test_once_over_the_bound_a_kind_stays_so() -> None:
    # Else a small event after a large one that was let go would be kept, and the one before it missing without a reason.
    inbox = Inbox(bound=20)
    for n, size in enumerate((10, 100, 1, 1)):
        inbox.put(event("data", n, size))
    assert drain(inbox.reader("data")) == [data(0), data(3)]


def test_room_is_made_when_a_kind_is_claimed() -> None:
    inbox = Inbox(bound=20)
    inbox.put(event("data", 1, 20))
    inbox.reader("data")
    for n in range(2, 5):
        inbox.put(event("log", n, 10))
    assert drain(inbox.reader("log")) == [log(2), log(3), log(4)]


def test_newest() -> None:
    inbox = Inbox(bound=100, newest=True)
    for n in range(3):
        inbox.put(event("data", n, 10))
        inbox.put(event("log", n, 10))
    reader = inbox.reader("data", "log")
    other = inbox.reader("data")
    assert free(inbox) == 60
    inbox.put(event("data", 3, 10))
    assert free(inbox) == 0
    inbox.put(event("data", 4, 20))
    assert free(inbox) == 10
    assert drain(reader) == [log(0), log(1), log(2), data(4)]
    assert free(inbox) == 0
    assert other.take() == data(4)
    assert free(inbox) == 20
    assert other.take() is None


def test_newest_gives_way_for_the_slow_reader_only() -> None:
    inbox = Inbox(bound=100, newest=True)
    fast, slow = inbox.reader("data"), inbox.reader("data")
    inbox.put(event("data", 1, 10))
    assert fast.take() == data(1)
    assert free(inbox) == 0
    inbox.put(event("data", 2, 10))
    assert free(inbox) == 10
    assert drain(fast) == [data(2)]
    assert drain(slow) == [data(2)]


# Cancelling.


def test_after_a_cancel_no_data_comes() -> None:
    inbox = Inbox(bound=15)
    inbox.put(event("log", 1, 1))
    inbox.put(event("data", 2, 10))
    inbox.put(event("data", 3, 10))
    assert free(inbox) == 21
    inbox.put(finished(JobCancelled("cancelled")))
    assert free(inbox) == 0
    assert drain(inbox.reader("data", "log", "status")) == [log(1), CANCELLED]


def test_a_cancel_frees_what_readers_and_listeners_had() -> None:
    inbox = Inbox(bound=8)
    reader = inbox.reader("data", "log")
    inbox.on("data", Call("a"))
    inbox.put(event("data", 1, 10))
    inbox.put(event("log", 2, 3))
    assert free(inbox) == 0
    inbox.put(finished(JobCancelled("cancelled")))
    assert free(inbox) == 10
    assert inbox.delivery() is None
    assert reader.take() == log(2)
    assert free(inbox) == 3
    assert reader.take() is None


def test_data_can_be_dropped_before_the_end_is_known() -> None:
    inbox = Inbox(bound=8)
    reader = inbox.reader("data")
    inbox.put(event("data", 1, 10))
    inbox.drop_data()
    assert free(inbox) == 10
    assert reader.take() is None


# Listeners.


def test_listeners_are_called_in_the_order_of_events_then_of_registration() -> None:
    inbox = Inbox(bound=100)
    a, b, c = Call("a"), Call("b"), Call("c")
    inbox.put(event("log", 1))
    inbox.put(event("data", 2))
    inbox.on("data", a)
    inbox.on("log", b)
    inbox.on("data", c)
    inbox.put(event("data", 3))
    inbox.put(event("log", 4))
    assert deliveries(inbox) == [(b, log(1)), (a, data(2)), (a, data(3)), (c, data(3)), (b, log(4))]


def test_a_delivery_counts_as_taken() -> None:
    inbox = Inbox(bound=100)
    inbox.on("data", Call("a"))
    inbox.on("data", Call("b"))
    inbox.put(event("data", 1, 10))
    assert inbox.delivery() == Delivery(Call("a"), data(1))
    assert free(inbox) == 0
    assert inbox.delivery() == Delivery(Call("b"), data(1))
    assert free(inbox) == 10
    assert inbox.delivery() is None


def test_whether_there_are_listeners() -> None:
    inbox = Inbox(bound=100)
    inbox.reader("data")
    assert not inbox.listened
    inbox.on("data", Call("a"))
    assert inbox.listened
    inbox.off("data", Call("a"))
    assert not inbox.listened


def test_the_terminal_status_goes_to_the_listeners_for_status() -> None:
    inbox = Inbox(bound=100)
    a = Call("a")
    inbox.on("status", a)
    inbox.put(finished(value=data(1)))
    assert deliveries(inbox) == [(a, COMPLETE)]


def test_off_between_two_calls() -> None:
    inbox = Inbox(bound=100)
    a, b = Call("a"), Call("b")
    inbox.on("data", a)
    inbox.on("data", b)
    inbox.put(event("data", 1, 10))
    inbox.put(event("data", 2, 5))
    assert inbox.delivery() == Delivery(a, data(1))
    # As a callback may do that takes itself off.
    inbox.off("data", Call("a"))
    inbox.off("data", a)  # isn't there any more
    assert free(inbox) == 0
    assert [call for call, _ in deliveries(inbox)] == [b, b]


def test_off_frees_what_nobody_else_waits_for_and_touches_no_other_kind() -> None:
    inbox = Inbox(bound=100)
    a = Call("a")
    inbox.on("data", a)
    inbox.on("log", a)
    inbox.put(event("data", 1, 10))
    inbox.put(event("log", 2, 3))
    inbox.off("status", a)
    assert free(inbox) == 0
    inbox.off("data", a)
    assert free(inbox) == 10
    assert deliveries(inbox) == [(a, log(2))]


def test_one_callback_registered_twice_is_called_twice_and_removed_at_once() -> None:
    inbox = Inbox(bound=100)
    a = Call("a")
    inbox.on("data", a)
    inbox.on("data", a)
    inbox.put(event("data", 1))
    assert deliveries(inbox) == [(a, data(1)), (a, data(1))]
    inbox.off("data", a)
    inbox.put(event("data", 2))
    assert deliveries(inbox) == []


def test_destroy_removes_listeners_and_leaves_readers() -> None:
    inbox = Inbox(bound=100)
    reader = inbox.reader("data")
    inbox.on("data", Call("a"))
    inbox.on("log", Call("b"))
    inbox.put(event("data", 1, 10))
    inbox.put(event("log", 2, 3))
    assert free(inbox) == 0
    inbox.destroy()
    assert free(inbox) == 3
    assert inbox.delivery() is None
    inbox.put(event("log", 3, 4))
    assert free(inbox) == 4
    assert reader.take() == data(1)
    assert free(inbox) == 10
    inbox.destroy()
    assert free(inbox) == 0


@pytest.mark.parametrize("kind", ["/predict", "", "Data", "x" * 1_000, None, 7])
def test_unknown_kinds(kind: Any) -> None:
    inbox = Inbox(bound=100)
    for misuse in (inbox.on, inbox.off):
        with pytest.raises(ValueError, match=r"there are 'data', 'status', 'log'$") as caught:
            misuse(kind, Call("a"))
        assert repr(kind)[:80] in str(caught.value)
        assert len(str(caught.value)) < 160
    inbox.put(event("data", 1))
    assert inbox.delivery() is None


@pytest.mark.parametrize("callback", [None, "print"])
def test_what_can_not_be_called_is_refused_at_once(callback: Any) -> None:
    inbox = Inbox(bound=100)
    with pytest.raises(TypeError, match=r"^a callback must be callable, not "):
        inbox.on("data", callback)
    assert not inbox.listened


# All of it, against a naive model.


class _Entry:
    """What came, in the model."""

    def __init__(self, number: int, kind: Kind, value: Value, size: int) -> None:
        self.number, self.kind, self.value, self.size = number, kind, value, size


class _Consumer:
    """A reader or a listener in the model: a list of what it is still to get."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self.kinds = kinds
        self.waiting: list[_Entry] = []
        self.got: list[int] = []


class InboxMachine(RuleBasedStateMachine):
    """What is open at a time, by the simplest bookkeeping: every event in one list, every consumer with its own."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.put_bytes = 0
        self.freed = 0
        self.ended = False
        self.unclaimed: list[_Entry] = []
        self.over: dict[Kind, _Entry] = {}
        self.claimed: set[Kind] = set()
        self.readers: list[tuple[Reader, _Consumer]] = []
        self.listeners: list[tuple[Call, _Consumer]] = []

    @initialize(
        bound=st.sampled_from([1, 5, 20, 1_000]),
        newest=st.booleans(),
        keep=st.sampled_from([True, True, False]),
    )
    def begin(self, bound: int, newest: bool, keep: bool) -> None:
        self.bound, self.newest, self.keep = bound, newest, keep
        self.inbox = Inbox(bound=bound, newest=newest, keep=keep)

    @property
    def consumers(self) -> list[_Consumer]:
        return [consumer for _, consumer in (*self.readers, *self.listeners)]

    def came(self, kind: Kind, value: Value, size: int) -> None:
        self.count += 1
        entry = _Entry(self.count, kind, value, size)
        if kind not in self.claimed:
            fits = sum(e.size for e in self.unclaimed) + size <= self.bound
            if not self.keep:
                return
            if kind in self.over or (self.newest and kind == "data") or not fits:
                self.over[kind] = entry
            else:
                self.unclaimed.append(entry)
            return
        for consumer in self.consumers:
            if kind in consumer.kinds:
                if self.newest and kind == "data":
                    consumer.waiting = [e for e in consumer.waiting if e.kind != "data"]
                consumer.waiting.append(entry)

    def claim(self, consumer: _Consumer) -> None:
        first = set(consumer.kinds) - self.claimed
        self.claimed |= first
        kept = [*self.unclaimed, *self.over.values()]
        consumer.waiting = sorted((e for e in kept if e.kind in first), key=lambda e: e.number)
        for entry in consumer.waiting:
            entry.size = 0
        self.unclaimed = [e for e in self.unclaimed if e.kind not in first]
        self.over = {kind: e for kind, e in self.over.items() if kind not in first}

    @precondition(lambda self: not self.ended)
    @rule(kind=st.sampled_from(KINDS), size=st.integers(0, 9))
    def put(self, kind: Kind, size: int) -> None:
        n = self.count + 1
        self.put_bytes += size
        self.inbox.put(event(kind, n, size))
        self.came(kind, VALUES[kind](n), size)

    @precondition(lambda self: not self.ended)
    @rule(how=st.sampled_from(ENDS))
    def finish(self, how: tuple[str, GradioError | None]) -> None:
        self.ended = True
        name, error = how
        if name == "cancelled":
            for consumer in self.consumers:
                consumer.waiting = [e for e in consumer.waiting if e.kind != "data"]
            self.unclaimed = [e for e in self.unclaimed if e.kind != "data"]
            self.over.pop("data", None)
        ending = finished(error)
        self.inbox.put(ending)
        self.came("status", ending.status, 0)

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True))
    def open_reader(self, kinds: list[Kind]) -> None:
        consumer = _Consumer(tuple(kinds))
        self.claim(consumer)
        self.readers.append((self.inbox.reader(*kinds), consumer))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        reader, consumer = data.draw(st.sampled_from(self.readers))
        taken = reader.take()
        if consumer.waiting:
            assert taken is not None
            self.is_next(consumer, taken)
        else:
            assert taken is None
        assert reader.ready == (bool(consumer.waiting) or self.ended)

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.readers) - 1))
        reader, _ = self.readers.pop(place)
        reader.close()

    @rule(kind=st.sampled_from(KINDS), name=st.sampled_from("ab"))
    def on(self, kind: Kind, name: str) -> None:
        consumer = _Consumer((kind,))
        self.claim(consumer)
        self.listeners.append((Call(name), consumer))
        self.inbox.on(kind, Call(name))

    @rule(kind=st.sampled_from(KINDS), name=st.sampled_from("ab"))
    def off(self, kind: Kind, name: str) -> None:
        self.listeners = [
            (call, consumer)
            for call, consumer in self.listeners
            if not (call.name == name and consumer.kinds == (kind,))
        ]
        self.inbox.off(kind, Call(name))

    @rule()
    def destroy(self) -> None:
        self.listeners = []
        self.inbox.destroy()

    @rule()
    def deliver(self) -> None:
        delivery = self.inbox.delivery()
        waiting = [
            (consumer.waiting[0].number, i)
            for i, (_, consumer) in enumerate(self.listeners)
            if consumer.waiting
        ]
        if not waiting:
            assert delivery is None
            return
        call, consumer = self.listeners[min(waiting)[1]]
        assert delivery is not None
        assert delivery.callback == call
        self.is_next(consumer, delivery.value)

    def is_next(self, consumer: _Consumer, value: Value) -> None:
        entry = consumer.waiting.pop(0)
        assert value == entry.value
        assert entry.number > max(consumer.got, default=0), "once, and in order"
        consumer.got.append(entry.number)

    @invariant()
    def bytes_are_counted_once(self) -> None:
        waited_for = {entry.number: entry.size for consumer in self.consumers for entry in consumer.waiting}
        told = self.inbox.freed()
        assert told == 0 or told * 8 >= self.bound
        self.freed += told
        # What is free and not worth telling yet is part of the sum.
        assert self.freed + self.inbox._freed + sum(waited_for.values()) == self.put_bytes
        assert self.inbox._freed * 8 < self.bound
        assert self.inbox.listened == bool(self.listeners)

    def teardown(self) -> None:
        if not hasattr(self, "inbox"):
            return
        for reader, _ in self.readers:
            reader.close()
        self.inbox.destroy()
        assert self.freed + self.inbox._freed == self.put_bytes


TestInboxMachine = InboxMachine.TestCase
