"""What an app of a runtime of tasks needs of the machine: which thread this is, and files."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING

from gradio_sansio import Engine, FileData, LocalProtocolError
from gradio_sansio.frontend import A, AsyncAppBase
from gradio_sansio.transfers import fetch

if TYPE_CHECKING:
    from pathlib import Path

    from gradio_sansio_system import StrPath


class AsyncApp(AsyncAppBase[A]):
    """An app of a runtime of tasks, on a machine that has files and threads."""

    _thread: int | None = None
    """That which entered it."""
    _task: object = None
    """Likewise, where it matters."""

    def enter(self, make: Callable[[], Engine], task: object = None) -> None:
        """Drive an engine from now on, in this thread. ``LocalProtocolError`` the second time."""
        if self._thread is not None:
            raise LocalProtocolError("an app is entered once; connect anew for another", state="entered")
        self.engine: Engine = make()
        self._thread = get_ident()
        self._task = task

    def check(self) -> None:
        """Refuse other threads: to their loops nothing would ever come, and what they did would meet ours in the midst of its own."""
        if self._thread is not None and self._thread != get_ident():
            raise LocalProtocolError(
                "an app of an event loop can't be used by other threads: use gradio_sansio_sync, which any thread may, or have the loop's"
                " own do it (asyncio.run_coroutine_threadsafe, trio.from_thread.run)",
                state="entered",
            )

    def check_leaving(self, task: object) -> None:
        """Refuse to be left by another task than that which entered: its cancel scopes are not the app's."""
        if self._task is None or self._task != task:
            raise LocalProtocolError(
                "an app must be left in the task that entered it; across tasks or notebook cells, use gradio_sansio_sync",
                state="entered",
            )

    def _end(self) -> None:
        """Have the engine close everything; ``AppClosed`` follows."""
        self.check()
        self._usable.close(self.now())
        self.pump()

    async def download(self, file: FileData | str, to: StrPath) -> Path:
        """Save a file that the app returned, in a directory.

        Its name is the server's, made harmless, and numbered where it is taken. There is nothing in the directory under that name
        until the file is complete, and nothing at all if it never is.

        Args:
            file: what the app returned, or a URL of the app's, or a path on its server.
            to: the directory.

        Raises:
            ValidationError: it isn't the app's to give: only the app's own address is asked.
            Disconnected: it broke off.
            OSError: it can't be written.
            GradioError: the server doesn't give it.
        """
        from gradio_sansio_system.saving import Saving  # noqa: PLC0415  # with the first file

        self.check()
        return await fetch(self, self._usable, file, Saving(to))
