"""The two things that anyio leaves to the runtime underneath."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable


def scheduler() -> Callable[[Callable[[], None]], object]:
    """How to have something done between the steps of tasks, from anywhere: for finalizers."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        import trio  # noqa: PLC0415  # it need not be installed

        return trio.lowlevel.current_trio_token().run_sync_soon


def report_exception(error: Exception) -> None:
    """What nobody awaits goes to asyncio's handler; trio has none of its own."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        loop.call_exception_handler({"message": "a callback raised", "exception": error})
