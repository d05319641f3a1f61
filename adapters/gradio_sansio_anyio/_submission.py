"""A job as the caller holds it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from gradio_sansio import Inbox
from gradio_sansio.events import JobId
from gradio_sansio.frontend import AsyncSubmissionBase
from gradio_sansio_anyio._runtime import report_exception

if TYPE_CHECKING:
    from gradio_sansio_anyio._app import App


class Submission(AsyncSubmissionBase):
    """A call under way. It goes on until it ends, whether or not anybody listens.

    As a context manager it is cancelled on leaving.
    """

    def __init__(self, app: App, job: JobId, inbox: Inbox) -> None:
        super().__init__(app, job, inbox)
        self._changed = anyio.Event()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _change(self) -> None:
        await self._changed.wait()

    async def _checkpoint(self) -> None:
        await anyio.lowlevel.checkpoint()

    def _within(self, timeout: float | None) -> AbstractContextManager[object]:
        return anyio.move_on_after(timeout)

    def _unhandled(self, error: Exception) -> None:
        report_exception(error)
