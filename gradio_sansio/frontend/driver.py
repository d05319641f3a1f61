"""What carries out what an engine asks, whatever the runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from typing import TypeAlias, assert_never

from gradio_sansio.commands import (
    Close,
    Command,
    Connect,
    NeedBody,
    PauseReading,
    ResumeReading,
    Send,
    ShutdownWrite,
    StartTls,
)
from gradio_sansio.engine import Engine
from gradio_sansio.errors import GradioError
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    DownloadEvent,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
    JobEvent,
    JobFinished,
    JobId,
    Logged,
    LogReceived,
    SpaceChanged,
    StatusChanged,
)
from gradio_sansio.session.space import SpaceStatus
from gradio_sansio.transfers import give_piece, read_piece

Operation: TypeAlias = Send | StartTls | ShutdownWrite | PauseReading | ResumeReading | Close
"""What is to be done to a connection that was asked for before."""


class Driver(ABC):
    """Carries out what an engine asks, in order, and tells submissions what came for them."""

    engine: Engine
    error: GradioError | None = None
    """Why the app isn't open, if it never will be."""

    post: Callable[[Callable[[], object]], None]
    """Have something done later, where the engine may be called. For drivers without tasks."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Callable[[list[JobEvent]], int]] = {}
        """Who is told of each, and says how many bytes of it count as consumed."""
        self.downloads: dict[DownloadId, Callable[[DownloadEvent], None]] = {}
        """Who is told of each."""
        self._pumping = False

    def pump(self) -> None:
        """Do what the engine asks. Waits for nothing, and runs no user code but log handlers."""
        if self._pumping:
            # It was called by one of those; what it wants done comes after what is being done.
            return
        self._pumping = True
        try:
            while actions := self.engine.drain():
                # A read may bring hundreds of events for a job: it is woken once for all of them.
                told: defaultdict[JobId, list[JobEvent]] = defaultdict(list)
                for action in actions:
                    if isinstance(action, (DataReceived, StatusChanged, LogReceived, JobFinished)):
                        told[action.job].append(action)
                    else:
                        self._perform(action)
                for job, events in told.items():
                    self._put(job, events)
        finally:
            self._pumping = False

    def _put(self, job: JobId, events: list[JobEvent]) -> None:
        put = self.jobs[job]
        if isinstance(events[-1], JobFinished):
            del self.jobs[job]
        freed = put(events)
        if freed:
            self.engine.consumed(job, freed, self.now())

    def _perform(
        self,
        action: Command | AppOpened | AppClosed | AppFailed | Logged | SpaceChanged | DownloadEvent,
    ) -> None:
        match action:
            case Send() | StartTls() | ShutdownWrite() | PauseReading() | ResumeReading() | Close():
                self.operate(action)
            case Connect():
                self.connect(action)
            case NeedBody():
                self.feed(action)
            case DownloadStarted() | DownloadReceived():
                self.downloads[action.download](action)
            case DownloadFinished():
                self.downloads.pop(action.download)(action)
            case AppFailed():
                self.error = action.error
            case AppOpened():
                self.app_opened(action)
            case AppClosed() | Logged():
                self.told(action)
            case SpaceChanged():
                self.space_changed(action.status)
            case _:
                assert_never(action)

    def feed(self, action: NeedBody) -> None:
        """Read a piece of a file for the engine, and tell it. Here: when what else is due has had its turn."""
        self.post(lambda: give_piece(self.engine, action, read_piece(action), self.now()))

    @abstractmethod
    def now(self) -> float:
        """The runtime's monotonic clock."""

    @abstractmethod
    def connect(self, action: Connect) -> None:
        """Begin to open a connection."""

    @abstractmethod
    def operate(self, action: Operation) -> None:
        """Do something to a connection, unless it was lost while this was being listed."""

    @abstractmethod
    def app_opened(self, event: AppOpened) -> None:
        """The app is open. Whoever waits for that hears of it after the Space's last status."""

    @abstractmethod
    def space_changed(self, status: SpaceStatus) -> None:
        """Call the user's ``status_callback``, if there is one: later, since this is the pump."""

    @abstractmethod
    def told(self, event: AppOpened | AppClosed | Logged) -> None:
        """The app is open; everything has ended; something for the log."""
