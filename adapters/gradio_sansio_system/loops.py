"""An app on any event loop whose tasks are cancelled once, by an exception: asyncio's manner, not anyio's or trio's.

``LoopApp`` has all but the loop's own calls; ``examples/loops`` shows them for several loops.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine
from ssl import SSLContext
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from gradio_sansio import Engine, Inbox, Limits, LocalProtocolError
from gradio_sansio.events import AppClosed, AppOpened, JobId, Logged
from gradio_sansio.frontend import AsyncSubmissionBase
from gradio_sansio_system import Options, log, make_engine
from gradio_sansio_system.async_app import AsyncApp

R = TypeVar("R")


class Cancellable(Protocol):
    """A task of the loop's."""

    def cancel(self) -> object:
        """Raise the loop's exception for it where it waits."""


class LoopApp(AsyncApp[AsyncSubmissionBase]):
    """A connected app, between entering and leaving ``async with``.

    An adapter adds the loop's calls (``now``, ``arm``, ``soon``, ``spawn``, ``event``, ``wait``, ``checkpoint``, ``unhandled``), and
    ``connect``, which puts an ``AsyncConnection`` into ``connections``. That one reports to ``engine`` what becomes of it, with ``pump``
    after each report.
    """

    def __init__(self, source: str, options: Options) -> None:
        super().__init__(options.get("limits") or Limits(), options.get("status_callback"))
        self._source = source
        self._options = options
        self.ssl_context: SSLContext | None = options.get("ssl_context")
        self._calls: set[Cancellable] = set()
        self._armed: float | None = None

    @abstractmethod
    def arm(self, deadline: float | None) -> None:
        """Have ``tick`` called at that time, and no more at the one that was set before."""

    @abstractmethod
    def spawn(self, run: Coroutine[Any, Any, None]) -> Cancellable:
        """Start a task."""

    def make_engine(self) -> Engine:
        """The engine, or what is driven like one."""
        return make_engine(self._source, self._options, self.now())

    def pump(self) -> None:
        """Do what the engine asks, and set the alarm anew."""
        super().pump()
        if self._armed != (deadline := self.engine.deadline):
            self._armed = deadline
            self.arm(deadline)

    def tick(self) -> None:
        """The time that was set has come. Where a loop is early, nothing happens but that it is set once more."""
        self._armed = None
        self.engine.tick(self.now())
        self.pump()

    async def __aenter__(self) -> Self:
        self.enter(self.make_engine)
        self._opened = self.event()
        self._closed = self.event()
        self._ended = False
        try:
            self.pump()
            await self._opened.wait()
            if self.error is not None:
                raise self.error
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        until = self.now() + self._limits.grace
        await self.close()
        while self._calls and self.now() < until:
            self._called = self.event()
            await self.wait(self._called, until)
        for task in self._calls:
            task.cancel()
        await self.checkpoint()

    async def close(self) -> None:
        """Cancel what runs, on the server too, and end every connection. Takes ``Limits.grace`` at most."""
        self._end()
        await self._closed.wait()

    def told(self, event: AppOpened | AppClosed | Logged) -> None:
        """The app is open; everything has ended; something for the log."""
        if isinstance(event, Logged):
            log(event)
            return
        self._opened.set()
        if isinstance(event, AppClosed):
            self._ended = True
            self._closed.set()

    def start_callbacks(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task for a submission's callbacks. ``LocalProtocolError`` if the app is closed."""
        if self._ended:
            raise LocalProtocolError("the app is closed: it makes no calls any more", state="closed")
        task: Cancellable

        async def call_back() -> None:
            await self.checkpoint()
            try:
                await run()
            finally:
                self._calls.discard(task)
                self._called.set()

        self._called = self.event()
        task = self.spawn(call_back())
        self._calls.add(task)

    async def in_thread(self, function: Callable[[], R], *, abandon: bool = False) -> R:
        """Read or write a piece of a file. Here at once, between two steps of tasks: not every loop can be woken by a thread. An
        adapter for one that can may do it there.
        """
        await self.checkpoint()
        return function()

    def _make_submission(self, job: JobId, inbox: Inbox) -> AsyncSubmissionBase:
        return AsyncSubmissionBase(self, job, inbox)
