"""An app as the caller holds it, and its engine's driver."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from ssl import SSLContext
from types import TracebackType
from typing import Any, Final, Self, Unpack

import trio

from gradio_sansio import Engine, Inbox, Limits, LocalProtocolError
from gradio_sansio.commands import Connect
from gradio_sansio.events import AppClosed, AppOpened, JobId, Logged
from gradio_sansio_system import DuplicateOptions, Options, holds_only, log, make_duplicate, make_engine
from gradio_sansio_system.async_app import AsyncApp
from gradio_sansio_trio._connection import Connection
from gradio_sansio_trio._submission import Submission

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
        self._manager: AbstractAsyncContextManager[trio.Nursery] | None = None

    async def close(self) -> None:
        """Cancel what runs, on the server too, and end every connection. Takes ``Limits.grace`` at most."""
        self._end()
        with trio.CancelScope(shield=True):
            await self._closed.wait()

    async def __aenter__(self) -> Self:
        self.enter(lambda: self._make(self.now()), trio.lowlevel.current_task())
        self._alarm = trio.CancelScope(shield=True)
        self._opened = trio.Event()
        self._closed = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._manager = trio.open_nursery()
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
        self.check_leaving(trio.lowlevel.current_task())
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
            if not holds_only(group, raised, trio.Cancelled):
                raise
        if raised is not None and raised is not error:
            raise raised
        return False

    # As a driver.

    def now(self) -> float:
        return trio.current_time()

    @trio.lowlevel.enable_ki_protection
    def pump(self) -> None:
        super().pump()
        deadline = self.engine.deadline
        if deadline is not None and deadline < self._alarm.deadline:
            self._alarm.deadline = deadline

    def connect(self, action: Connect) -> None:
        connection = Connection(self, action)
        self.connections[action.connection] = connection
        self._group.start_soon(connection.run)

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
        self._group.start_soon(run)

    def event(self) -> trio.Event:
        return trio.Event()

    async def wait(self, event: trio.Event, until: float) -> None:
        with trio.CancelScope(deadline=until):
            await event.wait()

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    async def checkpoint_if_cancelled(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()

    def unhandled(self, error: Exception) -> None:
        # Trio has no handler of its own for what nobody awaits.
        sys.excepthook(type(error), error, error.__traceback__)

    async def in_thread(self, function: Callable[[], Any], *, abandon: bool = False) -> Any:
        return await trio.to_thread.run_sync(function, abandon_on_cancel=abandon)

    def soon(self, action: Callable[[], None]) -> None:
        if not self._closed.is_set():
            with suppress(RuntimeError):
                # The runtime may have ended without the app.
                self._token.run_sync_soon(action)

    def _make_submission(self, job: JobId, inbox: Inbox) -> Submission:
        return Submission(self, job, inbox)

    @trio.lowlevel.enable_ki_protection
    async def _tick(self) -> None:
        while not self._closed.is_set():
            deadline = self.engine.deadline
            until = NEVER if deadline is None else deadline
            with trio.CancelScope(shield=True, deadline=until) as self._alarm:
                await trio.sleep_forever()
            now, deadline = self.now(), self.engine.deadline
            if deadline is not None and deadline <= now:
                self.engine.tick(now)
                self.pump()
