"""What the core tells the application. ``commands`` is the counterpart towards the network.

Events are frozen and complete in themselves. For one job they come in this order: any number of ``StatusChanged``,
``DataReceived`` and ``LogReceived``, then one ``JobFinished`` and nothing more. A yield's status comes before its data.
"""

from __future__ import annotations

from typing import Literal, NewType, TypeAlias

from msgspec import Struct

from gradio_sansio.errors import GradioError
from gradio_sansio.session.space import SpaceStatus
from gradio_sansio.values import Data, Log, Status

JobId = NewType("JobId", int)
"""Names one job. Never reused within an engine."""


class AppOpened(Struct, frozen=True):
    """The app is known and can be called: ``config`` and ``api_info`` are there."""


class AppFailed(Struct, frozen=True):
    """The app could not be reached, or is none. Nothing more comes but ``AppClosed``."""

    error: GradioError


class SpaceChanged(Struct, frozen=True):
    """A Space that doesn't run yet, or no longer, stands differently.

    Each status comes once. ``running`` comes last, before ``AppOpened``; nothing comes for a Space that runs already.
    """

    status: SpaceStatus


class AppClosed(Struct, frozen=True):
    """Everything has ended: all jobs, all connections. The last event of an engine."""


class StatusChanged(Struct, frozen=True):
    """The job stands differently. Never a terminal status: that one comes with ``JobFinished``."""

    job: JobId
    status: Status
    size: int
    """Bytes that this event counts in the job's buffer, to be given to ``consumed`` once it is taken."""


class DataReceived(Struct, frozen=True):
    """The job yielded, or returned."""

    job: JobId
    data: Data
    size: int
    """As in ``StatusChanged``."""


class LogReceived(Struct, frozen=True):
    """The job's function wrote a line for its user."""

    job: JobId
    log: Log
    size: int
    """As in ``StatusChanged``."""


class JobFinished(Struct, frozen=True):
    """The job has ended, for good. ``error`` is what its result raises; if None, ``data`` is its result."""

    job: JobId
    status: Status
    data: Data | None
    """The last value that the job delivered, also where it failed later."""
    error: GradioError | None


DownloadId = NewType("DownloadId", int)
"""Names one download. Never reused within an engine."""


class DownloadStarted(Struct, frozen=True):
    """The server has the file, and sends it."""

    download: DownloadId
    name: str
    """What it is to be called: what the server says, so anything. ``safe_name`` makes it one for a file."""
    size: int | None
    """In bytes, if the server says so."""


class DownloadReceived(Struct, frozen=True):
    """A piece of the file. Once it is written, ``downloaded`` counts it as taken."""

    download: DownloadId
    data: bytes

    def __repr__(self) -> str:
        return f"DownloadReceived({self.download}, data=<{len(self.data)} bytes>)"


class DownloadFinished(Struct, frozen=True):
    """The file is complete, or, if there is an ``error``, won't be. Nothing more comes of it."""

    download: DownloadId
    error: GradioError | None


class Logged(Struct, frozen=True):
    """Something that a person who looks for a fault wants to know. The core has no logger, so adapters log it."""

    level: Literal["debug", "info", "warning"]
    message: str


JobEvent: TypeAlias = StatusChanged | DataReceived | LogReceived | JobFinished
DownloadEvent: TypeAlias = DownloadStarted | DownloadReceived | DownloadFinished
Event: TypeAlias = AppOpened | AppFailed | AppClosed | SpaceChanged | JobEvent | DownloadEvent | Logged
