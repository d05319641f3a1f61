from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import structs

from gradio_sansio.commands import ExchangeCommand
from gradio_sansio.errors import (
    AppError,
    DeadlineExceeded,
    GradioError,
    JobCancelled,
    QuotaExceeded,
    RemoteProtocolError,
)
from gradio_sansio.events import (
    DataReceived,
    Event,
    JobFinished,
    JobId,
    Logged,
    LogReceived,
    StatusChanged,
)
from gradio_sansio.limits import Limits
from gradio_sansio.session.api_info import Endpoint
from gradio_sansio.session.config import Component, Dependency, Dialect
from gradio_sansio.session.failures import HIDDEN
from gradio_sansio.session.job import EVENT_SIZE, MAX_BARS, TRANSITIONS, Job, JobBoard, JobInput, JobState
from gradio_sansio.session.messages import (
    Estimation,
    LogSent,
    Output,
    ProcessCompleted,
    ProcessStarts,
    ProgressReported,
)
from gradio_sansio.timers import WallClock
from gradio_sansio.values import Log, Progress, Status

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
TEXTBOX = Component(1, "textbox", "", {}, {}, False)
STATE = Component(2, "state", "", {}, {}, True)
DEPENDENCY = Dependency(
    fn_index=3,
    name="/f",
    inputs=(),
    outputs=(TEXTBOX, TEXTBOX),
    dialect=Dialect.SSE_V3,
    callable=True,
    documented=True,
    generator=True,
    cancellable=True,
)
ENDPOINT = Endpoint("/f", 3, (), (), True, True)


class Stage:
    """A job with what it told, and seconds that pass."""

    def __init__(
        self,
        dependency: Dependency = DEPENDENCY,
        *,
        version: tuple[int, int, int] = (6, 31, 0),
        buffer: int = 1_000_000,
    ) -> None:
        self.actions: list[ExchangeCommand | Event] = []
        self.now = 100.0
        self.board = JobBoard(
            self.actions, WallClock(self.now, NOON.timestamp()), version, Limits(job_buffer=buffer)
        )
        self.job = Job(
            JobId(7), ENDPOINT, dependency, b"[]", self.board, newest=False, timeout=None, now=self.now
        )

    def tell(self) -> list[ExchangeCommand | Event]:
        """What was told since this was asked last. A second passes."""
        told = self.actions.copy()
        self.actions.clear()
        self.now += 1
        return told

    def the_end(self) -> JobFinished:
        *_, last = self.tell()
        assert isinstance(last, JobFinished)
        return last


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(status: Status, size: int = 0) -> StatusChanged:
    return StatusChanged(JobId(7), status, size + EVENT_SIZE)


PENDING = Status(queue=True, stage="pending", time=NOON)

# For each input of the table, what makes it.
INPUTS: dict[JobInput, Callable[[Job], None]] = {
    JobInput.ACCEPTED: lambda job: job.accepted(),
    JobInput.ESTIMATED: lambda job: job.estimation(Estimation(rank=1), 101),
    JobInput.STARTED: lambda job: job.process_starts(ProcessStarts(), 101),
    JobInput.REPORTED: lambda job: job.progress(ProgressReported(progress_data=[]), 1, 101),
    JobInput.YIELDED: lambda job: job.generating(Output(data=["x"]), True, 1, 101, diffs=True),
    JobInput.FINISHED: lambda job: job.answered(Output(data=["y"]), True, None, 1, 101),
}
PATHS: dict[JobState, list[JobInput]] = {
    JobState.SUBMITTED: [],
    JobState.QUEUED: [JobInput.ACCEPTED],
    JobState.RUNNING: [JobInput.ACCEPTED, JobInput.STARTED],
    JobState.ENDED: [JobInput.ACCEPTED, JobInput.FINISHED],
}


def in_state(state: JobState) -> Stage:
    stage = Stage()
    for step in PATHS[state]:
        INPUTS[step](stage.job)
    assert stage.job.state is state
    stage.tell()
    return stage


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("step", JobInput)
def test_every_input_in_every_state(state: JobState, step: JobInput) -> None:
    stage = in_state(state)
    INPUTS[step](stage.job)
    assert stage.job.state is TRANSITIONS[state].get(step, state)
    assert stage.job.ended == (stage.job.state is JobState.ENDED)
    if state is JobState.ENDED:
        assert stage.tell() == []
        assert stage.board.finished == [stage.job]


def test_the_table() -> None:
    # Written out a second time in words: forwards only, and an end is for good.
    order = list(JobState)
    for state, row in TRANSITIONS.items():
        assert set(row) == (set() if state is JobState.ENDED else set(JobInput))
        for step, following in row.items():
            assert order.index(following) >= order.index(state)
            assert (following is JobState.ENDED) == (step is JobInput.FINISHED)
            if step not in (JobInput.ACCEPTED, JobInput.ESTIMATED, JobInput.FINISHED):
                assert following is JobState.RUNNING


# What is told of each message.


def test_a_new_job_is_pending() -> None:
    stage = Stage()
    assert stage.tell() == [told(PENDING)]
    assert stage.job.outstanding == EVENT_SIZE
    stage = Stage(structs.replace(DEPENDENCY, dialect=Dialect.DIRECT))
    assert stage.tell() == [told(structs.replace(PENDING, queue=False))]


def test_a_whole_life() -> None:
    stage = Stage()
    stage.tell()
    job = stage.job
    job.accepted()
    assert stage.tell() == []
    job.estimation(Estimation(rank=1, queue_size=2, rank_eta=9.5), stage.now)
    assert stage.tell() == [told(Status(True, "pending", position=1, size=2, eta=9.5, time=at(2)))]
    job.process_starts(ProcessStarts(eta=3.5), stage.now)
    assert stage.tell() == [told(Status(True, "pending", position=0, size=2, eta=3.5, time=at(3)))]
    job.progress(ProgressReported(progress_data=[{"index": 1, "length": 3, "unit": "steps"}]), 80, stage.now)
    bars = (Progress(index=1, length=3, unit="steps"),)
    assert stage.tell() == [
        told(Status(True, "pending", position=0, size=2, progress_data=bars, time=at(4)), 80)
    ]
    job.generating(Output(data=["a", 1], average_duration=0.5), True, 60, stage.now, diffs=True)
    status, data = stage.tell()
    generating = Status(True, "generating", success=True, position=0, size=2, eta=0.5, time=at(5))
    assert status == told(generating)
    assert isinstance(data, DataReceived)
    assert (data.job, data.size) == (JobId(7), 60 + EVENT_SIZE)
    assert (data.data.data, data.data.endpoint, data.data.fn_index, data.data.time) == (
        ["a", 1],
        "/f",
        3,
        at(5),
    )
    # Progress between two yields doesn't take the job back to pending.
    job.progress(ProgressReported(progress_data=[]), 10, stage.now)
    assert stage.tell() == [
        told(Status(True, "generating", position=0, size=2, progress_data=(), time=at(6)), 10)
    ]
    job.generating(Output(data=[[["append", [], "b"]], []]), True, 30, stage.now, diffs=True)
    _, data = stage.tell()
    assert isinstance(data, DataReceived)
    assert data.data.data == ["ab", 1]
    job.completed(
        ProcessCompleted(output=Output(data=["abc", 1], average_duration=0.7), success=True), 90, stage.now
    )
    data, end = stage.tell()
    assert isinstance(data, DataReceived)
    assert data.data.data == ["abc", 1]
    assert data.size == 90 + EVENT_SIZE
    complete = Status(True, "complete", success=True, position=0, size=2, eta=0.7, time=at(8))
    assert end == JobFinished(JobId(7), complete, data.data, None)
    assert stage.board.finished == [job]


def test_estimations_of_a_running_job_are_not_told() -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.estimation(Estimation(rank=4), stage.now)
    assert stage.tell() == []
    assert not stage.job.waits


def test_a_job_waits_from_its_first_estimation_until_it_starts() -> None:
    stage = in_state(JobState.QUEUED)
    assert not stage.job.waits
    stage.job.estimation(Estimation(rank=0), stage.now)
    assert stage.job.waits
    stage.job.process_starts(ProcessStarts(), stage.now)
    assert not stage.job.waits


# Name, rank, queue size, eta, what they become.
ESTIMATIONS: list[tuple[str, object, object, object, int | None, int | None, float | None]] = [
    ("absent", None, None, None, None, None, None),
    ("floats", 1.0, 2.0, 3, 1, 2, 3.0),
    ("texts", "1", "2", "3", None, None, None),
    ("truths", True, False, True, None, None, None),
    ("NaN", math.nan, math.nan, math.nan, None, None, None),
    ("infinite", math.inf, -math.inf, math.inf, None, None, math.inf),
    ("huge", 10**400, 2**53, 10**400, None, None, None),
    ("large", 2**53 - 1, 0, 0, 2**53 - 1, 0, 0.0),
]


@pytest.mark.parametrize(
    ("name", "rank", "queue_size", "eta", "position", "size", "seconds"),
    ESTIMATIONS,
    ids=[row[0] for row in ESTIMATIONS],
)
def test_odd_numbers(
    name: str,
    rank: object,
    queue_size: object,
    eta: object,
    position: int | None,
    size: int | None,
    seconds: float | None,
) -> None:
    stage = in_state(JobState.QUEUED)
    stage.job.estimation(Estimation(rank=rank, queue_size=queue_size, rank_eta=eta), stage.now)
    assert stage.tell() == [
        told(Status(True, "pending", position=position, size=size, eta=seconds, time=at(1)))
    ]


# Name, progress data, bars.
BARS: list[tuple[str, object, tuple[Progress, ...]]] = [
    ("a fraction", [{"progress": 0.5, "index": None, "length": None}], (Progress(progress=0.5),)),
    (
        "nested",
        [{"index": 1, "length": 3.0, "desc": "outer"}, {"index": 2, "unit": "it"}],
        (Progress(index=1.0, length=3.0, desc="outer"), Progress(index=2.0, unit="it")),
    ),
    ("null", None, ()),
    ("no list", {"progress": 1}, ()),
    ("items that are none", [None, "x", {"progress": "half", "unit": 1, "desc": []}], (Progress(),)),
    ("many", [{}] * (MAX_BARS + 1), (Progress(),) * MAX_BARS),
]


@pytest.mark.parametrize(("name", "data", "bars"), BARS, ids=[row[0] for row in BARS])
def test_progress(name: str, data: object, bars: tuple[Progress, ...]) -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.progress(ProgressReported(progress_data=data), 5, stage.now)
    [event] = stage.tell()
    assert isinstance(event, StatusChanged)
    assert event.status.progress_data == bars


LOGS: list[tuple[str, LogSent, Log]] = [
    (
        "of 6.x",
        LogSent(log="a warn", level="warning", duration=10, visible=True, title="Warning"),
        Log("a warn", "warning", title="Warning", duration=10.0, time=at(1)),
    ),
    ("of 3.50", LogSent(log="a note", level="info"), Log("a note", "info", time=at(1))),
    ("a level that we don't know", LogSent(log="x", level="fatal"), Log("x", "fatal", time=at(1))),
    ("odd", LogSent(log={"a": 1}, level=3, title=[], duration="long"), Log("{'a': 1}", "info", time=at(1))),
]


@pytest.mark.parametrize(("name", "message", "log"), LOGS, ids=[row[0] for row in LOGS])
def test_logs(name: str, message: LogSent, log: Log) -> None:
    stage = in_state(JobState.QUEUED)
    stage.job.log(message, 40, stage.now)
    assert stage.tell() == [LogReceived(JobId(7), log, 40 + EVENT_SIZE)]
    assert stage.job.state is JobState.RUNNING
    stage.job.cancelled(stage.now, by="by the caller")
    stage.tell()
    stage.job.log(message, 40, stage.now)
    assert stage.tell() == []


# Yields and the last value.


def values(events: list[ExchangeCommand | Event]) -> list[list[Any]]:
    return [event.data.data for event in events if isinstance(event, DataReceived)]


def test_without_diffs_each_yield_is_whole() -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.generating(Output(data=["a"]), None, 1, stage.now, diffs=False)
    stage.job.generating(Output(data=[[["append", [], "b"]]]), None, 1, stage.now, diffs=False)
    assert values(stage.tell()) == [["a"], [[["append", [], "b"]]]]


# Name, the yields, the last value as the server sends it, what is told of it.
LAST: list[tuple[str, list[list[Any]], list[Any] | None, list[list[Any]]]] = [
    ("no yield", [], ["a"], [["a"]]),
    ("the last yield again", [["a"], ["b"]], ["b"], []),
    ("an earlier one", [["a"], ["b"]], ["a"], [["a"]]),
    ("another", [["a"]], ["b"], [["b"]]),
    ("more outputs", [["a"]], ["a", "b"], [["a", "b"]]),
    ("null", [], None, [[]]),
    ("null after a yield", [["a"]], None, [[]]),
    ("nothing", [], [], [[]]),
]


@pytest.mark.parametrize(("name", "yields", "last", "expected"), LAST, ids=[row[0] for row in LAST])
@pytest.mark.parametrize("diffs", [False, True])
def test_the_last_value_is_told_once(
    name: str, yields: list[list[Any]], last: list[Any] | None, expected: list[list[Any]], diffs: bool
) -> None:
    stage = in_state(JobState.RUNNING)
    for i, value in enumerate(yields):
        data = [[["replace", [], item]] for item in value] if diffs and i else value
        stage.job.generating(Output(data=data), True, 1, stage.now, diffs=diffs)
    assert values(stage.tell()) == yields
    stage.job.completed(ProcessCompleted(output=Output(data=last), success=True), 1, stage.now)
    events = stage.tell()
    assert values(events) == expected
    end = events[-1]
    assert isinstance(end, JobFinished)
    assert end.data is not None
    assert end.data.data == (last or [])
    assert end.error is None


def test_state_is_left_out() -> None:
    stage = Stage(structs.replace(DEPENDENCY, outputs=(TEXTBOX, STATE, TEXTBOX)))
    stage.job.generating(Output(data=["a", None, "b"]), True, 1, stage.now, diffs=True)
    stage.job.generating(Output(data=[[], [], [["append", [], "c"]]]), True, 1, stage.now, diffs=True)
    stage.job.completed(ProcessCompleted(output=Output(data=["a", None, "d"])), 1, stage.now)
    assert values(stage.tell()) == [["a", "b"], ["a", "bc"], ["a", "d"]]


@pytest.mark.parametrize("output", [Output(), Output(data=None)])
def test_a_yield_of_nothing_is_not_told(output: Output) -> None:
    stage = in_state(JobState.QUEUED)
    stage.job.generating(output, True, 1, stage.now, diffs=True)
    assert stage.tell() == []
    assert stage.job.state is JobState.RUNNING


def test_an_edit_that_does_not_fit_fails_the_job() -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.generating(Output(data=["a"]), True, 1, stage.now, diffs=True)
    stage.tell()
    stage.job.generating(Output(data=[[["append", ["x"], "b"]]]), True, 1, stage.now, diffs=True)
    end = stage.the_end()
    assert isinstance(end.error, RemoteProtocolError)
    assert "an edit of a streamed value doesn't fit: " in end.error.message
    assert end.error.expected == "edits of the last value"
    assert end.error.seen == "a path leads through a str"
    assert end.data is not None
    assert end.data.data == ["a"]


def make_a_bad_edit(job: Job) -> None:
    job.generating(Output(data=["a"]), True, 1, 110, diffs=True)
    job.generating(Output(data=["?"]), True, 1, 110, diffs=True)


# How it ends. Each of these is one way; whatever comes after is ignored.

WAYS: dict[str, Callable[[Job], None]] = {
    "completed": lambda job: job.completed(ProcessCompleted(output=Output(data=["x"]), success=True), 1, 110),
    "answered": lambda job: job.answered(Output(data=["x"]), True, None, 1, 110),
    "app error": lambda job: job.completed(ProcessCompleted(output=Output(error="e"), success=False), 1, 110),
    "success is false": lambda job: job.completed(
        ProcessCompleted(output=Output(data=["x"]), success=False), 1, 110
    ),
    "a yield that fails": lambda job: job.generating(Output(error="e"), True, 1, 110, diffs=True),
    "a bad edit": make_a_bad_edit,
    "acknowledged cancel": lambda job: job.completed(ProcessCompleted(output=Output(), success=True), 1, 110),
    "cancelled": lambda job: job.cancelled(110, by="by the caller"),
    "failed": lambda job: job.fail(DeadlineExceeded("too long", limit="timeout"), 110),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.QUEUED, JobState.RUNNING])
def test_each_end_is_the_only_one(way: str, state: JobState) -> None:
    stage = in_state(state)
    WAYS[way](stage.job)
    events = stage.tell()
    assert isinstance(events[-1], JobFinished)
    assert sum(isinstance(event, JobFinished) for event in events) == 1
    assert events[-1].status.stage in ("complete", "error")
    assert events[-1].status.time == at(10)
    assert all(
        event.status.stage in ("pending", "generating")
        for event in events
        if isinstance(event, StatusChanged)
    )
    for again in (*WAYS.values(), *INPUTS.values()):
        again(stage.job)
    assert stage.tell() == []
    assert stage.board.finished == [stage.job]


def test_a_cancel_on_the_server() -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.generating(Output(data=["a"]), True, 1, stage.now, diffs=True)
    stage.tell()
    stage.job.completed(ProcessCompleted(output=Output(), success=True), 1, stage.now)
    [end] = stage.tell()
    assert isinstance(end, JobFinished)
    assert end.status == Status(False, "complete", code="cancelled", success=False, time=at(2))
    assert isinstance(end.error, JobCancelled)
    assert end.error.message == "the job was cancelled on the server"
    assert end.data is not None
    assert end.data.data == ["a"]


def test_a_failure_carries_the_last_value_and_where_the_job_stood() -> None:
    stage = in_state(JobState.QUEUED)
    stage.job.estimation(Estimation(rank=2, queue_size=5), stage.now)
    error = DeadlineExceeded("too long", limit="timeout")
    stage.tell()
    stage.job.fail(error, stage.now)
    status = Status(True, "error", success=False, position=2, size=5, message="too long", time=at(2))
    assert stage.tell() == [JobFinished(JobId(7), status, None, error)]


# Name, version, output, title beside it; error, text, title, duration.
ERRORS: list[
    tuple[str, tuple[int, int, int], Output, object, type[GradioError], str, str | None, float | None]
] = [
    ("plain", (6, 31, 0), Output(error="boom"), "Error", AppError, "boom", "Error", None),
    (
        "gr.Error",
        (6, 31, 0),
        Output(error="gr boom", duration=10, title="Oops"),
        "Error",
        AppError,
        "gr boom",
        "Oops",
        10.0,
    ),
    ("quoted, in 4.44", (4, 44, 1), Output(error="'gr boom'"), None, AppError, "gr boom", None, None),
    ("null", (5, 49, 1), Output(error=None), None, AppError, HIDDEN, None, None),
    ("None, in 3.50", (3, 50, 2), Output(error="None"), None, AppError, HIDDEN, None, None),
    ("a failure with data", (6, 31, 0), Output(data=[1]), None, AppError, HIDDEN, None, None),
    (
        "quota",
        (5, 49, 1),
        Output(error="You have exceeded your GPU quota."),
        "ZeroGPU quota exceeded",
        QuotaExceeded,
        "You have exceeded your GPU quota.",
        None,
        None,
    ),
]


@pytest.mark.parametrize(
    ("name", "version", "output", "beside", "kind", "text", "title", "duration"),
    ERRORS,
    ids=[row[0] for row in ERRORS],
)
def test_errors(
    name: str,
    version: tuple[int, int, int],
    output: Output,
    beside: object,
    kind: type[GradioError],
    text: str,
    title: str | None,
    duration: float | None,
) -> None:
    stage = Stage(version=version)
    stage.tell()
    stage.job.completed(ProcessCompleted(output=output, success=False, title=beside), 1, stage.now)
    [end] = stage.tell()
    assert isinstance(end, JobFinished)
    assert type(end.error) is kind
    assert isinstance(end.error, GradioError)
    assert end.status.message == text == end.error.message
    assert (end.status.stage, end.status.success) == ("error", False)
    if isinstance(end.error, AppError):
        assert (end.error.title, end.error.duration) == (title, duration)


def test_a_failing_yield_ends_the_job_with_its_error() -> None:
    stage = in_state(JobState.RUNNING)
    stage.job.generating(Output(error="boom", title="T"), None, 1, stage.now, diffs=True)
    end = stage.the_end()
    assert isinstance(end.error, AppError)
    assert (end.error.message, end.error.title) == ("boom", "T")


# What it counts.


def test_what_is_outstanding_is_the_sum_of_sizes() -> None:
    stage = Stage()
    stage.job.process_starts(ProcessStarts(), stage.now)
    stage.job.log(LogSent(log="x"), 11, stage.now)
    stage.job.progress(ProgressReported(), 13, stage.now)
    stage.job.generating(Output(data=["a"]), True, 17, stage.now, diffs=True)
    sizes = [
        event.size for event in stage.actions if isinstance(event, StatusChanged | DataReceived | LogReceived)
    ]
    assert sizes == [EVENT_SIZE, EVENT_SIZE, 11 + EVENT_SIZE, 13 + EVENT_SIZE, EVENT_SIZE, 17 + EVENT_SIZE]
    assert stage.job.outstanding == sum(sizes)


def test_a_job_is_full_when_more_comes_while_it_is_over_the_bound() -> None:
    stage = Stage(buffer=2 * EVENT_SIZE)
    stage.job.process_starts(ProcessStarts(), stage.now)
    assert stage.board.full == []
    # Just at the bound: room for one more, however large.
    stage.job.log(LogSent(log="x"), 10_000, stage.now)
    assert stage.board.full == []
    stage.job.log(LogSent(log="x"), 1, stage.now)
    assert stage.board.full == [stage.job]


class JobMachine(RuleBasedStateMachine):
    """Anything, in any order: one end, nothing after it, and a yield's status before its data."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()

    @rule(step=st.sampled_from(list(JobInput)))
    def step(self, step: JobInput) -> None:
        INPUTS[step](self.stage.job)

    @rule(way=st.sampled_from(sorted(WAYS)))
    def end(self, way: str) -> None:
        WAYS[way](self.stage.job)

    @invariant()
    def one_end(self) -> None:
        ends = [event for event in self.stage.actions if isinstance(event, JobFinished)]
        assert len(ends) == self.stage.job.ended == len(self.stage.board.finished)
        if ends:
            assert self.stage.actions[-1] is ends[0]
            given_out = [event.data for event in self.stage.actions if isinstance(event, DataReceived)]
            assert ends[0].data is (given_out[-1] if given_out else None)

    @invariant()
    def yields_are_announced(self) -> None:
        before: object = None
        for event, following in zip(self.stage.actions, [*self.stage.actions[1:], None], strict=True):
            if isinstance(event, DataReceived) and not isinstance(following, JobFinished):
                assert isinstance(before, StatusChanged)
                assert before.status.stage == "generating"
            before = event


TestJobMachine = JobMachine.TestCase


# Edits of what another job left behind.

STALE: list[tuple[str, list[list[Any]], list[list[Any]]]] = [
    # Name, what yields carry, and the values that come of them.
    ("values", [[1, "a"], [[["replace", [], 2]], [["append", [], "b"]]]], [[1, "a"], [2, "ab"]]),
    ("all replaced", [[[["replace", [], 1]], [["replace", [], "a"], ["append", [], "b"]]]], [[1, "ab"]]),
    (
        "known later",
        [
            [[["replace", [], 1]], []],
            [[["replace", [], 2]], [["append", [], "b"]]],
            [[["replace", [], 3]], [["replace", [], "c"]]],
            [[["replace", [], 4]], []],
        ],
        [[3, "c"], [4, "c"]],
    ),
    ("never known", [[[], []], [[["add", ["k"], 1]], [["delete", [0], None]]]], []),
    ("no edits after all", [[[["replace", []]], "a"]], [[[["replace", []]], "a"]]),
    ("an action that there isn't", [[[["move", [], 1]], []]], [[[["move", [], 1]], []]]),
    ("a path that is none", [[[["replace", "p", 1]], []]], [[[["replace", "p", 1]], []]]),
]


@pytest.mark.parametrize(("name", "yields", "values"), STALE, ids=[name for name, _, _ in STALE])
def test_yields_made_from_what_another_job_left(
    name: str, yields: list[list[Any]], values: list[list[Any]]
) -> None:
    stage = Stage(version=(4, 22, 0))
    for data in yields:
        stage.job.generating(Output(data=data), True, 1, 101, diffs=True, stale=True)
    told = stage.tell()
    assert [event.data.data for event in told if isinstance(event, DataReceived)] == values
    left_out = [event for event in told if isinstance(event, Logged)]
    assert len(left_out) == len(yields) - len(values)
    stage.job.answered(Output(data=[9, "whole"]), True, None, 1, 101)
    ended = stage.the_end()
    assert ended.data is not None
    assert ended.data.data == [9, "whole"]


@pytest.mark.parametrize(("version", "stale"), [((6, 27, 0), True), ((4, 22, 0), False)])
def test_a_first_yield_that_looks_like_edits_is_taken_at_its_word(
    version: tuple[int, int, int], stale: bool
) -> None:
    stage = Stage(version=version)
    data = [[["replace", [], 1]], []]
    stage.job.generating(Output(data=data), True, 1, 101, diffs=True, stale=stale)
    assert [event.data.data for event in stage.tell() if isinstance(event, DataReceived)] == [data]


def test_the_hidden_state_of_what_another_job_left_is_no_matter() -> None:
    stage = Stage(structs.replace(DEPENDENCY, outputs=(TEXTBOX, STATE)), version=(5, 49, 1))
    stage.job.generating(Output(data=[[["replace", [], 1]], []]), True, 1, 101, diffs=True, stale=True)
    assert [event.data.data for event in stage.tell() if isinstance(event, DataReceived)] == [[1]]


def test_what_follows_edits_of_unknown_outputs_must_be_edits() -> None:
    stage = Stage(version=(4, 22, 0))
    stage.job.generating(Output(data=[[], []]), True, 1, 101, diffs=True, stale=True)
    stage.job.generating(Output(data=[5, []]), True, 1, 101, diffs=True, stale=True)
    assert isinstance(stage.the_end().error, RemoteProtocolError)
