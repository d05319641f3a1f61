"""Files as adapters move them: what a piece of one is read with, and how a download is put down.

Reading and writing is blocking work. The adapters for tasks do it in threads: a disk, or a file system behind a network, may take any
time, and a loop that waits for it misses the heartbeats of every job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gradio_sansio.commands import NeedBody
from gradio_sansio.engine import Engine
from gradio_sansio.events import DownloadEvent, DownloadFinished
from gradio_sansio.files import FileData

if TYPE_CHECKING:
    from gradio_sansio.frontend import AsyncAppBase, ChangeEvent

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Receiver(Protocol[T_co]):
    """Where a download goes. Its methods block; all may raise ``OSError``, but ``discard``."""

    def receive(self, events: Sequence[DownloadEvent]) -> int:
        """Put down what has come. Returns how many bytes these were."""
        ...

    def finish(self) -> T_co:
        """It is complete."""
        ...

    def discard(self) -> None:
        """It won't be: leave nothing behind."""


def read_piece(action: NeedBody) -> bytes | str:
    """The piece that is asked for, or why there is none. Blocks."""
    try:
        return action.reader.read(action.offset, action.max_bytes)
    except Exception as error:  # noqa: BLE001  # the file may be an object of the user's
        return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def give_piece(engine: Engine, action: NeedBody, piece: bytes | str, now: float) -> None:
    """Tell the engine what ``read_piece`` came to."""
    if isinstance(piece, str):
        engine.body_failed(action.exchange, piece, now)
    else:
        engine.body_chunk(action.exchange, piece, not piece, now)


class _Arrivals:
    """What comes of a download, for the task that waits for it."""

    def __init__(self, make_event: Callable[[], ChangeEvent]) -> None:
        self._make_event = make_event
        self._changed = make_event()
        self._events: list[DownloadEvent] = []

    def put(self, event: DownloadEvent) -> None:
        self._events.append(event)
        self._changed.set()

    async def next(self) -> list[DownloadEvent]:
        """What has come since the last call; waits for something."""
        await self._changed.wait()
        self._changed = self._make_event()
        events, self._events = self._events, []
        return events


async def fetch(app: AsyncAppBase[Any], engine: Engine, file: FileData | str, receiver: Receiver[T]) -> T:
    """Let a receiver have a file. It is left with nothing if it doesn't get all."""
    arrivals = _Arrivals(app.event)
    try:
        id = engine.download(file, app.now())
        app.downloads[id] = arrivals.put
        try:
            app.pump()
            complete = False
            while not complete:
                events = await arrivals.next()
                raise_failure(events[-1])
                complete = isinstance(events[-1], DownloadFinished)
                written = await app.in_thread(partial(receiver.receive, events))
                engine.downloaded(id, written, app.now())
                app.pump()
            return await app.in_thread(receiver.finish)
        finally:
            if app.downloads.pop(id, None) is not None:
                engine.abort_download(id, app.now())
                app.pump()
    except BaseException:
        receiver.discard()
        raise


def raise_failure(event: DownloadEvent) -> None:
    """Raise what a download has failed with, if the event tells of that."""
    if isinstance(event, DownloadFinished) and event.error is not None:
        raise event.error
