"""Apps and submissions for a runtime of tasks, in terms of a few hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast

from gradio_sansio.checks import check_number
from gradio_sansio.commands import (
    Close,
    ConnectionId,
    NeedBody,
    PauseReading,
    ResumeReading,
    Send,
    ShutdownWrite,
    StartTls,
)
from gradio_sansio.engine import Engine
from gradio_sansio.errors import LocalProtocolError
from gradio_sansio.events import (
    AppOpened,
    JobId,
)
from gradio_sansio.frontend.app import AppBase
from gradio_sansio.frontend.driver import Driver, Operation
from gradio_sansio.frontend.submission import SubmissionBase
from gradio_sansio.inbox import Callback, Inbox, Reader, Value
from gradio_sansio.limits import Limits
from gradio_sansio.session.api_info import ApiInfo
from gradio_sansio.session.arguments import Payload
from gradio_sansio.session.space import SpaceStatus
from gradio_sansio.transfers import give_piece, read_piece
from gradio_sansio.values import Data

TURN: Final = 256
"""How many values that are at hand a task takes before others have their turn: about what one read brings, so that reading doesn't get
far ahead."""
T = TypeVar("T", bound=Value)
R = TypeVar("R")


class AsyncSubmissionBase(SubmissionBase):
    """A submission in a runtime of tasks."""

    _calling_back = False

    def __init__(self, driver: AsyncAppBase[Any], job: JobId, inbox: Inbox) -> None:
        super().__init__(inbox)
        self.job: JobId | None = job
        self._driver = driver
        driver.jobs[job] = self._put
        self._turn = 0
        """For how many values that are at hand the task may go on before others have their turn."""
        self._changed: ChangeEvent | None = None
        """What those wait for that wait for something to come; made by the first of them."""

    def cancel(self) -> None:
        """End the job: here before this returns, and on the server as far as its version can. May be called at any time."""
        self._driver.check()
        if not self.done and self.job is not None:
            self._driver.engine.cancel(self.job, self._driver.now())
            self._driver.pump()

    async def send(self, payload: Payload) -> None:
        """Give the next piece of input to an endpoint that takes them while it runs (a streaming input: Gradio 5.0 and later).

        The server works on the latest piece only: those that come faster than it works are lost there. After the job's end nothing
        happens.

        Raises:
            ValidationError: the payload doesn't fit the endpoint.
            LocalProtocolError: the endpoint takes no such input.
        """
        self._driver.check()
        if not self.done and self.job is not None:
            self._driver.engine.send(self.job, payload, self._driver.now())
            self._driver.pump()
        await self._driver.checkpoint()

    async def end(self) -> None:
        """There is no more input for a streaming input: the job ends with its last result. As ``send`` otherwise."""
        self._driver.check()
        if not self.done and self.job is not None:
            self._driver.engine.end(self.job, self._driver.now())
            self._driver.pump()
        await self._driver.checkpoint()

    async def result(self, timeout: float | None = None) -> Data:
        """Wait for the job's end and return its last value.

        Past ``timeout`` seconds a ``TimeoutError`` says that it goes on; the job isn't touched.

        Raises:
            GradioError: how the job failed; ``JobCancelled`` if it was cancelled.
        """
        driver = self._driver
        until = None if timeout is None else driver.now() + check_number("timeout", timeout, ", in seconds")
        if self.done or timeout is not None:
            await driver.checkpoint()
        while not self.done and (until is None or driver.now() < until):
            await self._change(until)
        if not self.done:
            raise TimeoutError(f"the job hasn't ended within {timeout} s; it goes on")
        return self._inbox.result()

    def __aiter__(self) -> AsyncIterator[Data]:
        """Each value as it comes. Raises how the job failed; a cancelled one just ends."""
        return _AsyncValues[Data](self._next, self._drop, self._reader("data"))

    def events(self) -> AsyncIterator[Value]:
        """Every ``Data``, ``Status`` and ``Log`` in order; the last is the terminal status."""
        return _AsyncValues[Value](self._next, self._drop, self._reader("data", "status", "log"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    async def _next(self, reader: Reader) -> Value | None:
        """Wait for the reader's next event; None at the end.

        Every call can be cancelled. Others run at each while nothing is there yet, and at one in ``TURN`` of those that are at hand: to
        go around a runtime's loop takes as long as all else that is done for an event.
        """
        if reader.ready and self._turn:
            self._turn -= 1
            await self._driver.checkpoint_if_cancelled()
        else:
            self._turn = TURN
            if reader.ready:
                await self._driver.checkpoint()
            while not reader.ready:
                await self._change(None)
        return self._take(reader)

    async def _call_back(self) -> None:
        """Make the calls that are due, as they become due, until the job has ended."""
        while True:
            delivery = self._inbox.delivery()
            if delivery is None:
                if self.done:
                    self._calling_back = False
                    return
                await self._change(None)
                continue
            self._report()
            await self._driver.call(delivery.callback, delivery.value)

    def _prepare_calls(self, callback: Callback) -> None:
        self._driver.check()
        if not self._calling_back:
            self._driver.start_callbacks(self._call_back)
            self._calling_back = True

    async def _change(self, until: float | None) -> None:
        """Wait until something has come, or until that time."""
        self._driver.check()
        if self._changed is None:
            self._changed = self._driver.event()
        if until is None:
            await self._changed.wait()
        else:
            await self._driver.wait(self._changed, until)

    def _notify(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()

    def _consumed(self, job: JobId, n: int) -> None:
        self._driver.engine.consumed(job, n, self._driver.now())
        self._driver.pump()

    def _soon(self, action: Callable[[], None]) -> None:
        self._driver.soon(action)


class _AsyncValues(Generic[T]):
    """An iteration over a submission; one that is dropped takes no more."""

    def __init__(
        self,
        take: Callable[[Reader], Awaitable[Value | None]],
        drop: Callable[[Reader], None],
        reader: Reader,
    ) -> None:
        self._take = take
        self._drop = drop
        self._reader = reader

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        value = await self._take(self._reader)
        if value is None:
            raise StopAsyncIteration
        return cast(T, value)

    def __del__(self) -> None:
        self._drop(self._reader)


A = TypeVar("A", bound=AsyncSubmissionBase)


class ChangeEvent(Protocol):
    """What tasks wait for, as those of asyncio, anyio and trio."""

    def set(self) -> object:
        """It has happened, for good: whoever waits goes on."""

    async def wait(self) -> object:
        """Wait until it has happened."""


class AsyncConnection(Protocol):
    """One connection of an adapter, with tasks of its own."""

    def perform(self, action: Send | StartTls | ShutdownWrite | PauseReading | ResumeReading) -> None:
        """Do something to it."""

    def close(self) -> None:
        """End it and its tasks."""


class AsyncAppBase(AppBase[A], Driver):
    """A connected app, between entering and leaving ``async with``. To be used by tasks of the same run."""

    def __init__(
        self, limits: Limits, status_callback: Callable[[SpaceStatus], object] | None = None
    ) -> None:
        Driver.__init__(self)
        super().__init__(limits)
        self.connections: dict[ConnectionId, AsyncConnection] = {}
        self._status_callback = status_callback
        self._statuses: deque[SpaceStatus] = deque()
        self._telling = False
        """A task makes the calls for those statuses."""
        self._opened_event: AppOpened | None = None
        """What is to be told after them."""

    @property
    def _usable(self) -> Engine:
        if not hasattr(self, "engine"):
            raise LocalProtocolError("the app is used by: async with client(...) as app", state="new")
        return self.engine

    def check(self) -> None:
        """Refuse use from where the app can't be used, as far as an adapter can tell. ``LocalProtocolError`` there."""

    def operate(self, action: Operation) -> None:
        """Do something to a connection, unless it was lost while this was being listed."""
        connection = self.connections.get(action.connection)
        if connection is None:
            return
        if isinstance(action, Close):
            del self.connections[action.connection]
            connection.close()
        else:
            connection.perform(action)

    async def predict(
        self, endpoint: str | int | None = None, payload: Payload = (), *, timeout: float | None = None
    ) -> Data:
        """Call an endpoint and wait for its result: the last value of a generator.

        Args:
            endpoint: ``"/name"``, ``"name"`` or an index; by default ``/predict``, or the only one there is.
            payload: a list, a mapping by parameter name (defaults are filled in), or None for no arguments.
            timeout: seconds until the job is cancelled.

        Raises:
            EndpointNotFound, ValidationError: before anything is sent, where it can be known.
            DeadlineExceeded: past ``timeout``.
            GradioError: in other ways, as the job failed.
        """
        inbox = Inbox(bound=self._limits.job_buffer, keep=False)
        submission = self._begin(inbox, endpoint, payload, timeout=timeout, more=False)
        try:
            return await submission.result()
        except BaseException:
            # The caller was cancelled, if the job hasn't ended.
            submission.cancel()
            raise

    async def view_api(self) -> ApiInfo:
        """The app's endpoints. ``str()`` of it is made for a terminal."""
        return self._usable.api_info

    async def call(self, callback: Callable[[Any], object], value: object) -> None:
        """Call the user's function, which may be an async one."""
        try:
            outcome = callback(value)
            if isinstance(outcome, Awaitable):
                await outcome
        except Exception as error:  # noqa: BLE001  # the callback is the user's, and so is what it raises
            self.unhandled(error)

    def app_opened(self, event: AppOpened) -> None:
        """As for every driver."""
        if self._telling:
            self._opened_event = event
        else:
            self.told(event)

    def space_changed(self, status: SpaceStatus) -> None:
        """Let a task call the user's ``status_callback``, if there is one."""
        if self._status_callback is not None:
            self._statuses.append(status)
            if not self._telling:
                self._telling = True
                self.start_callbacks(self._tell)

    async def _tell(self) -> None:
        assert self._status_callback is not None
        while self._statuses:
            await self.call(self._status_callback, self._statuses.popleft())
        self._telling = False
        event, self._opened_event = self._opened_event, None
        if event is not None:
            self.told(event)

    def feed(self, action: NeedBody) -> None:
        """Read a piece of a file for the engine, and tell it; in a thread."""

        async def feed() -> None:
            piece = await self.in_thread(partial(read_piece, action), abandon=True)
            give_piece(self.engine, action, piece, self.now())
            self.pump()

        self.start_callbacks(feed)

    def _begin(self, inbox: Inbox, endpoint: str | int | None, payload: Payload, **options: Any) -> A:
        self.check()
        job = self._usable.submit(endpoint, payload, now=self.now(), **options)
        submission = self._make_submission(job, inbox)
        self.pump()
        return submission

    @abstractmethod
    def _make_submission(self, job: JobId, inbox: Inbox) -> A:
        """The runtime's own kind."""

    @abstractmethod
    async def in_thread(self, function: Callable[[], R], *, abandon: bool = False) -> R:
        """Do what blocks in a thread. It is waited for, also when cancelled, unless it may be abandoned."""

    @abstractmethod
    def start_callbacks(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task of the app, for a submission's callbacks or for reading. ``LocalProtocolError`` if the app is closed."""

    @abstractmethod
    def event(self) -> ChangeEvent:
        """A new one of the runtime's."""

    @abstractmethod
    async def wait(self, event: Any, until: float) -> None:
        """Wait for such an event, or until that time on the runtime's clock."""

    @abstractmethod
    async def checkpoint(self) -> None:
        """Let others run, and be cancelled."""

    async def checkpoint_if_cancelled(self) -> None:
        """Be cancelled. A runtime that has nothing faster for it than ``checkpoint`` may leave it at that."""
        await self.checkpoint()

    @abstractmethod
    def unhandled(self, error: Exception) -> None:
        """Tell of an exception that nobody awaits, the runtime's way."""

    @abstractmethod
    def soon(self, action: Callable[[], None]) -> None:
        """Have something done between the steps of tasks; for finalizers, which may run in the midst of anything, in any thread."""
