"""A submission, as far as its calls never wait, and an iteration over one that blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Generic, Self, TypeVar, cast

from gradio_sansio.events import (
    JobEvent,
    JobId,
)
from gradio_sansio.inbox import Callback, Inbox, Reader, Value
from gradio_sansio.values import Status

T = TypeVar("T", bound=Value)


class SubmissionBase(ABC):
    """A call under way. It goes on until it ends, whether or not anybody listens.

    As a context manager it is cancelled on leaving.
    """

    def __init__(self, inbox: Inbox, lock: AbstractContextManager[object] | None = None) -> None:
        self.job: JobId | None = None
        """None until the engine has taken it."""
        self._inbox = inbox
        self._lock: AbstractContextManager[object] = lock or nullcontext()
        """Guards the inbox, where there are threads."""

    def on(self, event: str, callback: Callback) -> Self:
        """Call back with each ``"data"``, ``"status"`` or ``"log"``. Returns the submission itself, for chaining.

        Callbacks run one after another, apart from the caller: in a task of their own, where they may be async functions, or with
        ``gradio_sansio_sync`` on a thread of their own, so that they may sleep and call ``predict``. What came before the first callback
        of its kind was held for it. ``ValueError`` for any other event.
        """
        self._prepare_calls(callback)
        with self._lock:
            self._inbox.on(event, callback)
            self._notify()
        return self

    def off(self, event: str, callback: Callback) -> Self:
        """Undo ``on``. ``ValueError`` for an event that there isn't."""
        with self._lock:
            self._inbox.off(event, callback)
        self._report()
        return self

    def destroy(self) -> None:
        """Remove all callbacks. The job goes on."""
        with self._lock:
            self._inbox.destroy()
        self._report()

    @abstractmethod
    def cancel(self) -> None:
        """End the job: here before this returns, and on the server as far as its version can. May be called at any time."""

    @property
    def status(self) -> Status:
        """How the job stands now."""
        return self._inbox.status

    @property
    def done(self) -> bool:
        """The job has ended, in whatever way."""
        return self._inbox.done

    @property
    def cancelled(self) -> bool:
        """The job has ended by being cancelled."""
        return self._inbox.cancelled

    def __repr__(self) -> str:
        status = self.status
        stage = "cancelled" if self.cancelled else status.stage
        more = f", {status.position} before it" if stage == "pending" and status.position else ""
        if stage == "error" and status.message:
            more = f": {status.message[:100]!r}"
        return f"<Submission {stage}{more}>"

    # For adapters.

    def _put(self, events: Iterable[JobEvent]) -> int:
        """Events have come. Returns the bytes that count as consumed."""
        with self._lock:
            for event in events:
                self._inbox.put(event)
            if self._inbox.awaited:
                self._notify()
            return self._inbox.freed()

    def _report(self) -> None:
        """Let the engine know what was taken."""
        with self._lock:
            freed = self._inbox.freed()
        if freed and self.job is not None:
            self._consumed(self.job, freed)

    def _take(self, reader: Reader) -> Value | None:
        """The reader's next event, which is at hand, or None at the end. To be called with the lock held."""
        value = reader.take()
        if value is None:
            reader.end()
        freed = self._inbox.freed()
        if freed and self.job is not None:
            self._consumed(self.job, freed)
        return value

    def _drop(self, reader: Reader) -> None:
        """An iteration was dropped; this may come in the midst of anything."""

        def drop() -> None:
            with self._lock:
                reader.close()
            self._report()

        self._soon(drop)

    def _reader(self, *kinds: Any) -> Reader:
        with self._lock:
            return self._inbox.reader(*kinds)

    @abstractmethod
    def _prepare_calls(self, callback: Callback) -> None:
        """A callback is about to be registered. ``LocalProtocolError`` or ``TypeError`` if it would never be called, or not rightly."""

    @abstractmethod
    def _notify(self) -> None:
        """Something has changed: wake whoever waits."""

    @abstractmethod
    def _consumed(self, job: JobId, n: int) -> None:
        """Tell the engine."""

    @abstractmethod
    def _soon(self, action: Callable[[], None]) -> None:
        """Have something done where the engine may be called, later; from anywhere, finalizers included."""


class Values(Generic[T]):
    """An iteration over a submission whose ``next`` blocks; one that is dropped takes no more."""

    def __init__(
        self, take: Callable[[Reader], Value | None], drop: Callable[[Reader], None], reader: Reader
    ) -> None:
        self._take = take
        self._drop = drop
        self._reader = reader

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        value = self._take(self._reader)
        if value is None:
            raise StopIteration
        return cast(T, value)

    def __del__(self) -> None:
        # An interrupt may have kept it from being one.
        with suppress(AttributeError):
            self._drop(self._reader)
