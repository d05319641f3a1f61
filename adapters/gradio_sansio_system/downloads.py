"""Downloads for callers that may wait: a thread of the driver's brings what comes, and the caller's own writes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from gradio_sansio import Engine, FileData, LocalProtocolError
from gradio_sansio.events import DownloadEvent, DownloadFinished, DownloadId
from gradio_sansio.transfers import raise_failure
from gradio_sansio_system.saving import Saving

if TYPE_CHECKING:
    from gradio_sansio_system import StrPath

T = TypeVar("T")
_PATIENCE: Final = 1.0
"""Seconds after which a download that is silent looks whether its app is still there."""


class Loop(Protocol):
    """A driver that has a thread of its own."""

    engine: Engine
    downloads: dict[DownloadId, Callable[[DownloadEvent], None]]
    post: Callable[[Callable[[], object]], None]

    @property
    def ended(self) -> bool:
        """It does nothing any more."""
        ...

    def call(self, action: Callable[[], T]) -> T:
        """Have something done there, and wait for it."""
        ...

    def now(self) -> float:
        """The clock of its engine."""
        ...


def save(loop: Loop, file: FileData | str, to: StrPath) -> Path:
    """As ``AsyncApp.download``."""
    saving = Saving(to)
    came: SimpleQueue[DownloadEvent] = SimpleQueue()
    begun: list[DownloadId] = []

    def begin() -> None:
        id = loop.engine.download(file, loop.now())
        loop.downloads[id] = came.put
        begun.append(id)

    def taken(size: int) -> None:
        loop.engine.downloaded(begun[0], size, loop.now())

    def stop() -> None:
        for id in begun:
            if loop.downloads.pop(id, None) is not None:
                loop.engine.abort_download(id, loop.now())

    try:
        loop.call(begin)
        while True:
            event = _next(came, loop)
            raise_failure(event)
            if isinstance(event, DownloadFinished):
                return saving.finish()
            if written := saving.receive([event]):
                loop.post(partial(taken, written))
    except BaseException:
        # Also an interrupt, at whatever moment: what was posted before is done before.
        loop.post(stop)
        saving.discard()
        raise


def _next(came: SimpleQueue[DownloadEvent], loop: Loop) -> DownloadEvent:
    while True:
        try:
            return came.get(timeout=_PATIENCE)
        except Empty:
            # A thread that fails tells nobody.
            if loop.ended:
                raise LocalProtocolError("the app is closed", state="closed") from None
