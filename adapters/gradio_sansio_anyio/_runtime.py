"""What anyio leaves to the runtime underneath, or does for tasks only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


def asyncio_loop() -> AbstractEventLoop | None:
    """The loop that runs, if it is one of asyncio's."""
    if "asyncio" not in sys.modules:
        # A program on trio needs none of it.
        return None
    import asyncio  # noqa: PLC0415

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def in_task() -> bool:
    """Whether this is a task's doing. anyio doesn't work in the callbacks of asyncio's loop; trio has none."""
    if asyncio_loop() is None:
        return True
    import asyncio  # noqa: PLC0415

    return asyncio.current_task() is not None


class Runtime(NamedTuple):
    """What is the same on all."""

    now: Callable[[], float]
    """Its monotonic clock, in seconds. Works in callbacks of the loop, too."""
    soon: Callable[[Callable[[], None]], object]
    """Have something done between the steps of tasks, from anywhere: for finalizers."""


def current_runtime() -> Runtime:
    """That of the task that asks."""
    loop = asyncio_loop()
    if loop is not None:
        return Runtime(loop.time, loop.call_soon_threadsafe)
    import trio  # noqa: PLC0415  # it need not be installed

    return Runtime(trio.current_time, trio.lowlevel.current_trio_token().run_sync_soon)


def report_exception(error: Exception) -> None:
    """What nobody awaits goes to asyncio's handler; trio has none of its own."""
    loop = asyncio_loop()
    if loop is None:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        loop.call_exception_handler({"message": "a callback raised", "exception": error})
