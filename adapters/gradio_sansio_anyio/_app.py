"""An app as the caller holds it, and its engine's driver."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import anyio

from gradio_sansio import Engine, Inbox, Limits, LocalProtocolError
from gradio_sansio.commands import Connect
from gradio_sansio.events import AppClosed, AppOpened, JobId, Logged
from gradio_sansio.frontend import ChangeEvent, Operation
from gradio_sansio_anyio._runtime import current_runtime
from gradio_sansio_anyio._sockets import make_sockets
from gradio_sansio_anyio._submission import Submission
from gradio_sansio_system import DuplicateOptions, Options, holds_only, log, make_duplicate, make_engine
from gradio_sansio_system.async_app import AsyncApp

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

NEVER: Final = float("inf")


def client(source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``.

    Args:
        source: the app's URL, or a Space: ``"user/space-name"`` or the address of its page.
        options: each by its name; ``Options`` lists them.

    Raises:
        TypeError, ValueError: on entering; an argument makes no sense.
        GradioError: on entering; the app can't be reached, or is none.
    """
    return App(partial(make_engine, source, options), options)


def duplicate(source: str, **options: Unpack[DuplicateOptions]) -> App:
    """Connect to a copy of a Space, which is made if it isn't there: ``async with duplicate(...) as app``.

    One that is there is used as it is; where the options differ from it, a warning is logged.

    Args:
        source: the original: ``"user/space-name"`` or the address of its page.
        options: each by its name; ``DuplicateOptions`` lists them. ``hf_token`` is needed: the copy belongs to its owner.

    Raises:
        TypeError, ValueError: on entering; an argument makes no sense.
        GradioError: on entering; says at which step, what has happened by then, and what to do.
    """
    return App(partial(make_duplicate, source, options), options)


class App(AsyncApp[Submission]):
    """A connected app, between entering and leaving ``async with``. To be used by tasks of the same run.

    Call ``predict``, ``submit``, ``download``, ``view_api`` and ``close``; all other methods carry out what the engine asks.
    """

    def __init__(self, make: Callable[[float], Engine], options: Options | DuplicateOptions) -> None:
        super().__init__(options.get("limits") or Limits(), options.get("status_callback"))
        self._make = make
        self.ssl_context: SSLContext | None = options.get("ssl_context")
        self._manager: TaskGroup | None = None
        self._undone: deque[Callable[[], object]] = deque()
        self._ending = False

    async def close(self) -> None:
        """Cancel what runs, on the server too, and end every connection. Takes ``Limits.grace`` at most."""
        self._end()
        with anyio.CancelScope(shield=True):
            await self._closed.wait()

    async def __aenter__(self) -> Self:
        runtime = current_runtime()
        self.enter(lambda: self._make(runtime.now()), anyio.get_current_task().id)
        self._runtime = runtime
        self._alarm = anyio.CancelScope(shield=True)
        self._opened = anyio.Event()
        self._closed = anyio.Event()
        self._sockets = make_sockets(self, runtime.loop)
        self._manager = anyio.create_task_group()
        self._group = await self._manager.__aenter__()
        self._group.start_soon(self._tick)
        try:
            self.pump()
            await self._opened.wait()
            if self.error is not None:
                raise self.error
        except BaseException:
            if not await self.__aexit__(*sys.exc_info()):
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.check_leaving(anyio.get_current_task().id)
        assert self._manager is not None
        until = self.now() + self._limits.grace
        raised = error
        try:
            await self.close()
        except BaseException as interrupt:  # noqa: BLE001  # asyncio's own cancel() gets through shields
            kind, raised, trace = type(interrupt), interrupt, interrupt.__traceback__
        self._group.cancel_scope.deadline = until
        try:
            if await self._manager.__aexit__(kind, raised, trace):
                return True
        except BaseExceptionGroup as group:
            # The group is ours, so its wrapping of what the block raised is nothing to show.
            if not holds_only(group, raised, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self._sockets.close()
        if raised is not None and raised is not error:
            raise raised
        return False

    # As a driver.

    def now(self) -> float:
        return self._runtime.now()

    def pump(self) -> None:
        super().pump()
        deadline = self.engine.deadline
        if deadline is not None and deadline < self._alarm.deadline:
            self._alarm.deadline = deadline

    def connect(self, action: Connect) -> None:
        self._sockets.connect(action)

    def operate(self, action: Operation) -> None:
        self._sockets.operate(action)

    def told(self, event: AppOpened | AppClosed | Logged) -> None:
        if isinstance(event, Logged):
            log(event)
            return
        self._opened.set()
        if isinstance(event, AppClosed):
            self._closed.set()
            self._alarm.cancel()

    def start_callbacks(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._closed.is_set():
            raise LocalProtocolError("the app is closed: it makes no calls any more", state="closed")
        self.start(run)

    def start(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task that ends before the app is left."""
        if self._runtime.in_task:
            self._group.start_soon(run)
        else:
            self._have_done(partial(self._group.start_soon, run))

    def _have_done(self, action: Callable[[], object]) -> None:
        """Have something done by a task."""
        self._undone.append(action)
        self._runtime.soon(lambda: self._alarm.cancel())  # noqa: PLW0108  # that which is set by then

    def event(self) -> ChangeEvent:
        return self._runtime.event()

    async def wait(self, event: ChangeEvent, until: float) -> None:
        with anyio.CancelScope(deadline=until):
            await event.wait()

    async def checkpoint(self) -> None:
        await self._runtime.checkpoint()

    async def checkpoint_if_cancelled(self) -> None:
        await self._runtime.checkpoint_if_cancelled()

    def unhandled(self, error: Exception) -> None:
        loop = self._runtime.loop
        if loop is None:
            # trio has no handler of its own.
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            loop.call_exception_handler({"message": "a callback raised", "exception": error})

    async def in_thread(self, function: Callable[[], Any], *, abandon: bool = False) -> Any:
        return await anyio.to_thread.run_sync(function, abandon_on_cancel=abandon)

    def soon(self, action: Callable[[], None]) -> None:
        if not self._closed.is_set():
            with suppress(RuntimeError):
                # The runtime may have ended without the app.
                if self._sockets.by_tasks:
                    self._have_done(action)
                else:
                    self._runtime.soon(action)

    def _make_submission(self, job: JobId, inbox: Inbox) -> Submission:
        return Submission(self, job, inbox)

    async def _tick(self) -> None:
        """Do what it takes a task for: keep the engine's deadlines, and what callbacks can't do."""
        while not self._closed.is_set():
            self._catch_up()
            deadline = self.engine.deadline
            until = NEVER if deadline is None else deadline
            try:
                with anyio.CancelScope(shield=True, deadline=until) as self._alarm:
                    await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                # Through the shield: asyncio's own, of a loop that is about to end. Closing takes deadlines, too.
                if self._ending:
                    raise
                self._ending = True
                self.engine.close(self.now())
                self.pump()
            now, deadline = self.now(), self.engine.deadline
            if deadline is not None and deadline <= now:
                self.engine.tick(now)
                self.pump()
        self._catch_up()

    def _catch_up(self) -> None:
        while self._undone:
            self._undone.popleft()()
