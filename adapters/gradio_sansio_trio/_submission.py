"""A job as the caller holds it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import trio

from gradio_sansio import Inbox
from gradio_sansio.events import JobId
from gradio_sansio.frontend import AsyncSubmissionBase

if TYPE_CHECKING:
    from gradio_sansio_trio._app import App


class Submission(AsyncSubmissionBase):
    """A call under way. It goes on until it ends, whether or not anybody listens.

    As a context manager it is cancelled on leaving.
    """

    def __init__(self, app: App, job: JobId, inbox: Inbox) -> None:
        super().__init__(app, job, inbox)
        self._changed = trio.Event()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _change(self) -> None:
        await self._changed.wait()

    async def _checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    def _within(self, timeout: float | None) -> AbstractContextManager[object]:
        return trio.move_on_after(float("inf") if timeout is None else max(0.0, timeout))

    def _unhandled(self, error: Exception) -> None:
        # Trio has no handler of its own for what nobody awaits.
        sys.excepthook(type(error), error, error.__traceback__)
