"""What anyio does for tasks only, or by asking each time which runtime this is, or leaves to it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from gradio_sansio.frontend import ChangeEvent

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Runtime(NamedTuple):
    """The runtime's own calls."""

    now: Callable[[], float]
    """Its monotonic clock, in seconds."""
    soon: Callable[[Callable[[], None]], object]
    """Have something done between the steps of tasks, from anywhere: for finalizers."""
    event: Callable[[], ChangeEvent]
    checkpoint: Callable[[], Awaitable[None]]
    checkpoint_if_cancelled: Callable[[], Awaitable[None]]


def asyncio_loop() -> AbstractEventLoop | None:
    """The loop that runs, if it is one of asyncio's."""
    if "asyncio" in sys.modules:
        # A program on trio needs none of it.
        import asyncio  # noqa: PLC0415

        with suppress(RuntimeError):
            return asyncio.get_running_loop()
    return None


def current_runtime() -> Runtime:
    """That of the task that asks."""
    loop = asyncio_loop()
    return _of_trio() if loop is None else _of_asyncio(loop)


def _of_asyncio(loop: AbstractEventLoop) -> Runtime:
    from asyncio import Event  # noqa: PLC0415

    from anyio.lowlevel import checkpoint, checkpoint_if_cancelled  # noqa: PLC0415  # anyio loads it with its runtime

    return Runtime(loop.time, loop.call_soon_threadsafe, Event, checkpoint, checkpoint_if_cancelled)


def _of_trio() -> Runtime:
    from trio import Event, current_time  # noqa: PLC0415  # it need not be installed
    from trio.lowlevel import checkpoint, checkpoint_if_cancelled, current_trio_token  # noqa: PLC0415

    return Runtime(
        current_time, current_trio_token().run_sync_soon, Event, checkpoint, checkpoint_if_cancelled
    )
