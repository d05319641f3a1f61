"""A job: one call of one endpoint, from ``submit`` to its one terminal status.

Rules:

* Everything that a server says of a job passes through here, whatever dialect it came by; dialects move jobs, and this file
  tells the application.
* A job ends once. Whatever comes for an ended job is ignored.
* Servers skip steps (a cached result starts without waiting, 6.12 and later) and repeat them, so the table is generous: only an
  ended job refuses anything.
* Each yield comes as a status and then its data; the last data comes before the terminal status. A last value that equals the last
  yield, as servers repeat it, is not told twice.
* Before 6.27 a server knows the generators of a session by their addresses in memory. One that was stopped, or failed, leaves its last
  value behind there, and the next at that address begins with edits of it (seen live with 4.20.1 and 4.22.0). Such yields are told
  only where the edits say all; the end has the whole value in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import UNSET

from gradio_sansio.commands import ExchangeCommand
from gradio_sansio.errors import GradioError, JobCancelled, RemoteProtocolError, ValidationError
from gradio_sansio.events import DataReceived, Event, JobFinished, JobId, Logged, LogReceived, StatusChanged
from gradio_sansio.limits import Limits
from gradio_sansio.session.api_info import Endpoint
from gradio_sansio.session.config import Dependency, Dialect
from gradio_sansio.session.diff import DiffError, Outputs, are_edits, replaced
from gradio_sansio.session.failures import app_error, failed
from gradio_sansio.session.files import Parcel
from gradio_sansio.session.messages import (
    Estimation,
    LogSent,
    Malformed,
    Message,
    Output,
    ProcessCompleted,
    ProcessGenerating,
    ProcessStarts,
    ProcessStreaming,
    ProgressReported,
)
from gradio_sansio.session.shapes import count, mappings, number, text
from gradio_sansio.symbol import Symbol
from gradio_sansio.timers import WallClock
from gradio_sansio.values import Data, Log, Progress, Returns, Stage, Status


class JobState(Symbol):
    SUBMITTED = "submitted"
    """On its way to the server."""
    QUEUED = "queued"
    """The server has it and will run it."""
    RUNNING = "running"
    ENDED = "ended"


class JobInput(Symbol):
    ACCEPTED = "accepted"
    ESTIMATED = "estimation"
    STARTED = "process_starts"
    REPORTED = "progress or log"
    YIELDED = "process_generating"
    FINISHED = "process_completed, failure, cancel, timeout or loss"


TRANSITIONS: Final[dict[JobState, dict[JobInput, JobState]]] = {
    JobState.SUBMITTED: {
        JobInput.ACCEPTED: JobState.QUEUED,
        JobInput.ESTIMATED: JobState.QUEUED,
        JobInput.STARTED: JobState.RUNNING,
        JobInput.REPORTED: JobState.RUNNING,
        JobInput.YIELDED: JobState.RUNNING,
        JobInput.FINISHED: JobState.ENDED,
    },
    JobState.QUEUED: {
        JobInput.ACCEPTED: JobState.QUEUED,
        JobInput.ESTIMATED: JobState.QUEUED,
        JobInput.STARTED: JobState.RUNNING,
        JobInput.REPORTED: JobState.RUNNING,
        JobInput.YIELDED: JobState.RUNNING,
        JobInput.FINISHED: JobState.ENDED,
    },
    JobState.RUNNING: {
        JobInput.ACCEPTED: JobState.RUNNING,
        JobInput.ESTIMATED: JobState.RUNNING,
        JobInput.STARTED: JobState.RUNNING,
        JobInput.REPORTED: JobState.RUNNING,
        JobInput.YIELDED: JobState.RUNNING,
        JobInput.FINISHED: JobState.ENDED,
    },
    JobState.ENDED: {},
}

ADDRESSES: Final = (6, 27, 0)
"""Up to this version generators are known by their addresses."""
EVENT_SIZE: Final = 256
"""Bytes that an event counts beyond what came on the wire for it."""
MAX_BARS: Final = 100
"""Progress bars told of at a time; an app nests a few."""


class JobBoard:
    """What the jobs of a session share, and where they leave word for it."""

    def __init__(
        self,
        actions: list[ExchangeCommand | Event],
        clock: WallClock,
        version: tuple[int, int, int],
        limits: Limits,
    ) -> None:
        self.actions = actions
        self.clock = clock
        self.version = version
        self.outstanding = 0
        """Bytes of events that the application has not taken yet, of open jobs that want more than the newest value."""
        self.open = 0
        """How many jobs are open."""
        self._limits = limits
        self.finished: list[Job] = []
        """Those that ended since the session last looked."""
        self.full: list[Job] = []
        """Those that said more while they were over the bound."""
        self.rendered: list[object] = []
        """What results said of components and functions that came to be."""

    def log(self, level: Literal["debug", "info", "warning"], message: str) -> None:
        self.actions.append(Logged(level, message))

    @property
    def share(self) -> float:
        """Bytes that a job may have outstanding: its own bound, or less while all together have too much."""
        if self.outstanding <= self._limits.buffer:
            return self._limits.job_buffer
        return min(self._limits.job_buffer, self._limits.buffer / self.open)


class Job:
    """The record of one job, and its voice towards the application."""

    __slots__ = (
        "_board",
        "_last",
        "_outputs",
        "_position",
        "_rebased",
        "_returns",
        "_size",
        "_stage",
        "data",
        "dependency",
        "endpoint",
        "held_at",
        "id",
        "isolated",
        "newest",
        "outstanding",
        "parcel",
        "queued",
        "state",
        "succeeded",
        "timeout",
    )

    def __init__(
        self,
        id: JobId,
        endpoint: Endpoint,
        dependency: Dependency,
        data: bytes,
        board: JobBoard,
        *,
        parcel: Parcel | None = None,
        newest: bool,
        timeout: float | None,
        isolated: bool = False,
        files: Callable[[list[Any]], list[Any]] | None = None,
        now: float,
    ) -> None:
        self.id: JobId = id
        self.endpoint: Endpoint = endpoint
        self.dependency: Dependency = dependency
        self.data: bytes = data
        """The arguments as JSON."""
        self.parcel: Parcel | None = parcel
        """The same with the files that go before them, until the server has taken the job."""
        self.queued: bool = dependency.dialect is not Dialect.DIRECT
        self.newest: bool = newest
        """The application wants the newest value only, so it never holds anything up."""
        self.state: JobState = JobState.SUBMITTED
        self.outstanding: int = 0
        """Bytes of events that the application has not taken yet."""
        self.succeeded: bool = False
        """It has ended with a result."""
        self.held_at: float | None = None
        """The bound at which the server was held back for its sake."""
        self.timeout: float | None = timeout
        """Seconds that it may take, as the caller said."""
        self.isolated: bool = isolated
        """It gets a session of its own."""
        self._board = board
        self._returns = Returns(endpoint.name, endpoint.fn_index, dependency.hidden_outputs, files)
        self._stage: Stage = "pending"
        self._position: int | None = None
        self._size: int | None = None
        self._outputs: Outputs | None = None
        self._rebased = False
        """Edits came of outputs that are not known."""
        self._last: Data | None = None
        board.open += 1
        self._tell(Status(queue=self.queued, stage="pending", time=board.clock.at(now)), 0)

    @property
    def ended(self) -> bool:
        return self.state is JobState.ENDED

    @property
    def waits(self) -> bool:
        """The server said that others come first, and has not said yet that it began."""
        return self.state is JobState.QUEUED and self._position is not None

    @property
    def yielded(self) -> bool:
        """A value of it has come."""
        return self._outputs is not None

    def rebind(
        self,
        endpoint: Endpoint,
        dependency: Dependency,
        files: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        """The app is another one than when the job was submitted; nothing of it has been sent to any.

        Raises:
            ValidationError: the arguments were made for other inputs.
        """
        before, after = (
            [component.is_state for component in d.inputs] for d in (self.dependency, dependency)
        )
        if before != after:
            reason = "its inputs are no longer those that it was called with"
            where = endpoint.name or endpoint.fn_index
            raise ValidationError(
                f"the app was changed while {where} waited: {reason}", parameter=None, reason=reason
            )
        self.endpoint, self.dependency = endpoint, dependency
        self.queued = dependency.dialect is not Dialect.DIRECT
        self._returns = Returns(endpoint.name, endpoint.fn_index, dependency.hidden_outputs, files)

    def uploading(self, bar: Progress, now: float) -> None:
        """How far its files are, which go to the server before it does."""
        self._tell(self._status(now, progress_data=(bar,)), 0)

    # What the server says.

    def accepted(self) -> None:
        """The server has taken the job."""
        self.parcel = None
        self._step(JobInput.ACCEPTED)

    def estimation(self, message: Estimation, now: float) -> None:
        if self._step(JobInput.ESTIMATED) and self.state is JobState.QUEUED:
            self._position = count(message.rank)
            self._size = count(message.queue_size)
            self._tell(self._status(now, eta=number(message.rank_eta)), 0)

    def process_starts(self, message: ProcessStarts, now: float) -> None:
        if self._step(JobInput.STARTED):
            self._position = 0
            self._tell(self._status(now, eta=number(message.eta)), 0)

    def progress(self, message: ProgressReported, size: int, now: float) -> None:
        if self._step(JobInput.REPORTED):
            bars = _bars(message.progress_data)
            self._tell(self._status(now, progress_data=bars), size)

    def log(self, message: LogSent, size: int, now: float) -> None:
        if self._step(JobInput.REPORTED):
            log = Log(
                message=message.log if isinstance(message.log, str) else str(message.log),
                level=message.level if isinstance(message.level, str) else "info",
                title=text(message.title),
                duration=number(message.duration),
                time=self._board.clock.at(now),
            )
            self._board.actions.append(LogReceived(self.id, log, self._count_in(size)))

    def generating(
        self, output: Output, success: object, size: int, now: float, *, diffs: bool, stale: bool = False
    ) -> None:
        """One yield. With ``diffs``, all but the first carry edits; the first too if it is ``stale``: made from another job's last."""
        if not self._step(JobInput.YIELDED):
            return
        if failed(output, success):
            # Servers end such a job with a message of its own, but none promises to.
            self.fail(app_error(output, None, version=self._board.version), now)
            return
        if not isinstance(output.data, list):
            # Nothing was yielded that could be shown.
            return
        try:
            if diffs and self._outputs is not None:
                self._outputs = self._outputs.edited(output.data)
            elif diffs and (self._rebased or (stale and self._may_be_edits(output.data))):
                values = replaced(output.data, self._returns.hidden)
                self._rebased = values is None
                if values is None:
                    self._board.log(
                        "warning", "a yield is left out: the server made it from another job's last value"
                    )
                    return
                self._outputs = Outputs(values)
            else:
                self._outputs = Outputs(output.data)
        except DiffError as error:
            text = f"an edit of a streamed value doesn't fit: {error}"
            self.fail(RemoteProtocolError(text, expected="edits of the last value", seen=str(error)), now)
            return
        self._note(output)
        self._stage = "generating"
        self._tell(self._status(now, success=True, eta=number(output.average_duration)), 0)
        self._deliver(self._outputs, size, self._board.clock.at(now))

    def _may_be_edits(self, outputs: list[Any]) -> bool:
        return self._board.version < ADDRESSES and are_edits(outputs)

    def told(self, message: Message, size: int, now: float, *, diffs: bool, stale: bool = False) -> bool:
        """What a queue says of the job, in whatever dialect. False if it means nothing to a job."""
        match message:
            case ProcessGenerating():
                self.generating(message.output, message.success, size, now, diffs=diffs, stale=stale)
            case Estimation():
                self.estimation(message, now)
            case ProcessStarts():
                self.process_starts(message, now)
            case ProgressReported():
                self.progress(message, size, now)
            case LogSent():
                self.log(message, size, now)
            case ProcessStreaming():
                self.generating(message.output, message.success, size, now, diffs=False)
            case ProcessCompleted():
                self.completed(message, size, now)
            case Malformed():
                seen = f"{message.msg} in a shape of its own"
                text = f"the server's message is not understood: {seen}"
                self.fail(RemoteProtocolError(text, expected="a message as Gradio sends it", seen=seen), now)
            case _:
                return False
        return True

    def completed(self, message: ProcessCompleted, size: int, now: float) -> None:
        """The job's end, as the queue tells it."""
        self.answered(message.output, message.success, message.title, size, now)

    def answered(self, output: Output, success: object, title: object, size: int, now: float) -> None:
        """The job's end, with its whole output."""
        if self.state is JobState.ENDED:
            return
        if failed(output, success):
            self.fail(app_error(output, title, version=self._board.version), now)
        elif output.data is UNSET:
            # `output: {}` acknowledges a cancel (4.31 and later) that wasn't ours.
            self.cancelled(now, by="on the server")
        else:
            self._note(output)
            data = output.data or []
            if self._outputs is None or self._outputs.values != data:
                self._deliver(Outputs(data), size, self._board.clock.at(now))
            eta = number(output.average_duration)
            self._finish(self._status(now, stage="complete", success=True, eta=eta), None)

    # How else it ends.

    def fail(self, error: GradioError, now: float) -> None:
        """End as a failure."""
        self._finish(self._status(now, stage="error", success=False, message=error.message), error)

    def cancelled(self, now: float, *, by: str) -> None:
        """End as cancelled, ``by`` whom."""
        status = Status(
            queue=False, stage="complete", code="cancelled", success=False, time=self._board.clock.at(now)
        )
        self._finish(status, JobCancelled(f"the job was cancelled {by}"))

    def _finish(self, status: Status, error: GradioError | None) -> None:
        if self._step(JobInput.FINISHED):
            self.succeeded = error is None
            self._board.actions.append(JobFinished(self.id, status, self._last, error))
            self._board.finished.append(self)
            self._board.open -= 1
            self._count(-self.outstanding)
            self._outputs = self.parcel = None

    def _note(self, output: Output) -> None:
        # What is rendered in a session of its own can be called there only.
        if output.render_config is not None and not self.isolated:
            self._board.rendered.append(output.render_config)

    def _step(self, input: JobInput) -> bool:
        """Take one step of the table; False if the job has ended."""
        following = TRANSITIONS[self.state].get(input)
        if following is None:
            return False
        self.state = following
        return True

    def _deliver(self, outputs: Outputs, size: int, time: datetime) -> None:
        self._last = Data(outputs, self._returns, time)
        self._board.actions.append(DataReceived(self.id, self._last, self._count_in(size)))

    def _status(
        self,
        now: float,
        *,
        stage: Stage | None = None,
        success: bool | None = None,
        eta: float | None = None,
        message: str | None = None,
        progress_data: tuple[Progress, ...] | None = None,
    ) -> Status:
        return Status(
            queue=self.queued,
            stage=stage or self._stage,
            success=success,
            size=self._size,
            position=self._position,
            eta=eta,
            message=message,
            progress_data=progress_data,
            time=self._board.clock.at(now),
        )

    def _tell(self, status: Status, size: int) -> None:
        self._board.actions.append(StatusChanged(self.id, status, self._count_in(size)))

    def _count_in(self, size: int) -> int:
        """Count an event that came as ``size`` bytes; what it counts in all."""
        if self.outstanding > self._board.share:
            # Judged by what was there before: one value may be larger than the whole bound.
            self._board.full.append(self)
        size += EVENT_SIZE
        self.outstanding += size
        if not self.newest:
            self._board.outstanding += size
        return size

    def _count(self, n: int) -> None:
        self.outstanding += n
        if not self.newest:
            self._board.outstanding += n

    def taken(self, n: int) -> bool:
        """The application has taken ``n`` bytes; whether the server need not be held back any more."""
        self._count(-n)
        if self.held_at is None or self.outstanding > self.held_at / 2:
            return False
        self.held_at = None
        return True


def _bars(raw: object) -> tuple[Progress, ...]:
    return tuple(
        Progress(
            progress=number(item.get("progress")),
            index=number(item.get("index")),
            length=number(item.get("length")),
            unit=text(item.get("unit")),
            desc=text(item.get("desc")),
        )
        for item in mappings(raw)[:MAX_BARS]
    )
