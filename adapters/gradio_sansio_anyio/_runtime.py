"""The runtime's own calls: anyio asks each time which runtime this is, and does less in callbacks of asyncio's loop than in tasks."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gradio_sansio.frontend import ChangeEvent

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Runtime(NamedTuple):
    """That of one task."""

    loop: AbstractEventLoop | None
    """Of asyncio's kind; None on trio."""
    now: Callable[[], float]
    """Its monotonic clock, in seconds."""
    soon: Callable[[Callable[[], None]], object]
    """Have something done between the steps of tasks, from anywhere: for finalizers."""
    event: Callable[[], ChangeEvent]
    checkpoint: Callable[[], Awaitable[None]]
    checkpoint_if_cancelled: Callable[[], Awaitable[None]]

    @property
    def in_task(self) -> bool:
        """Whether this is a task's doing: anyio makes no tasks and no scopes in callbacks of a loop."""
        if self.loop is None:
            return True
        from asyncio import current_task  # noqa: PLC0415  # trio does without it

        return current_task(self.loop) is not None


def current_runtime() -> Runtime:
    """That of the task that asks. Trio may be a guest of an asyncio loop: its tasks are none of asyncio's."""
    if "asyncio" in sys.modules:
        import asyncio  # noqa: PLC0415  # trio does without it

        with suppress(RuntimeError):
            if asyncio.current_task() is not None:
                return _of_asyncio(asyncio.get_running_loop())
    return _of_trio()


def _of_asyncio(loop: AbstractEventLoop) -> Runtime:
    from asyncio import Event  # noqa: PLC0415  # trio does without it

    from anyio.lowlevel import checkpoint, checkpoint_if_cancelled  # noqa: PLC0415  # anyio loads it when it runs, too

    return Runtime(loop, loop.time, loop.call_soon_threadsafe, Event, checkpoint, checkpoint_if_cancelled)


def _of_trio() -> Runtime:
    from trio import Event, current_time  # noqa: PLC0415  # it need not be installed
    from trio.lowlevel import checkpoint, checkpoint_if_cancelled, current_trio_token  # noqa: PLC0415  # likewise

    soon = current_trio_token().run_sync_soon
    return Runtime(None, current_time, soon, Event, checkpoint, checkpoint_if_cancelled)
