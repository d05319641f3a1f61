"""What adapters derive from, with a runtime that is none: nothing here ever waits for anything but a change that was told."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import pytest

from gradio_sansio import ApiInfo, Data, Inbox, JobCancelled, Limits, LocalProtocolError, Status
from gradio_sansio.commands import Close, Connect, ConnectionId, ExchangeId, NeedBody, PauseReading, Send
from gradio_sansio.errors import AppError, ConnectError
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
    JobFinished,
    JobId,
    Logged,
    SpaceChanged,
    StatusChanged,
)
from gradio_sansio.frontend import AsyncAppBase, AsyncSubmissionBase, Driver, SubmissionBase, Values
from gradio_sansio.session.diff import Outputs
from gradio_sansio.session.space import SpaceStatus, read_stage
from gradio_sansio.values import Returns

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gradio_sansio.inbox import Callback, Reader, Value

JOB = JobId(1)
CONN = ConnectionId(1)
COMPLETE = Status(queue=True, stage="complete", success=True)
CANCELLED = Status(queue=False, stage="complete", code="cancelled", success=False)


def data(value: object) -> Data:
    return Data(Outputs([value]), Returns("/f", 0), datetime.fromtimestamp(0, UTC))


class FakeEngine:
    """Records what it is asked, and drains what a test puts in."""

    session_hash = "s"
    url = "http://127.0.0.1:1/"
    api_info = ApiInfo()

    def __init__(self) -> None:
        self.config = {"version": "6"}
        self.actions: list[object] = []
        self.asked: list[tuple[object, ...]] = []

    def drain(self) -> list[object]:
        actions, self.actions = self.actions, []
        return actions

    def submit(self, endpoint: object, payload: object, **options: object) -> JobId:
        self.asked.append(("submit", endpoint, payload, options))
        self.actions.append(StatusChanged(JOB, Status(queue=True, stage="pending"), 1))
        return JOB

    def cancel(self, job: JobId, now: float) -> None:
        self.asked.append(("cancel", job, now))
        self.actions.append(JobFinished(JOB, CANCELLED, None, JobCancelled("cancelled")))

    def send(self, job: JobId, payload: object, now: float) -> None:
        self.asked.append(("send", job, payload, now))

    def end(self, job: JobId, now: float) -> None:
        self.asked.append(("end", job, now))

    def consumed(self, job: JobId, n: int, now: float) -> None:
        self.asked.append(("consumed", job, n, now))

    def body_chunk(self, exchange: ExchangeId, data: bytes, last: bool, now: float) -> None:
        self.asked.append(("body_chunk", exchange, data, last, now))


class Event:
    """What happens while somebody waits for it is whatever is due next."""

    def __init__(self, app: App) -> None:
        self._app = app

    def set(self) -> None:
        self._app.changes += 1

    async def wait(self) -> None:
        self._app.upcoming.pop(0)()


class Connection:
    def __init__(self) -> None:
        self.performed: list[object] = []

    def perform(self, action: object) -> None:
        self.performed.append(action)

    def close(self) -> None:
        self.performed.append("closed")


class App(AsyncAppBase[AsyncSubmissionBase]):
    def __init__(self, status_callback: Callable[[SpaceStatus], object] | None = None) -> None:
        super().__init__(Limits(job_buffer=80), status_callback)
        self.heard: list[object] = []
        self.tasks: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.later: list[Callable[[], None]] = []
        self.clock = 7.0
        self.changes = 0
        self.upcoming: list[Callable[[], None]] = []
        """What happens while somebody waits."""
        self.reported: list[Exception] = []
        self.threads: list[bool] = []
        """For each function that was to run in a thread: whether it might be abandoned."""

    def now(self) -> float:
        return self.clock

    def event(self) -> Event:
        return Event(self)

    async def wait(self, event: Event, until: float) -> None:
        self.clock = until

    async def checkpoint(self) -> None:
        pass

    async def in_thread(self, function: Callable[[], Any], *, abandon: bool = False) -> Any:
        self.threads.append(abandon)
        return function()

    def unhandled(self, error: Exception) -> None:
        self.reported.append(error)

    def connect(self, action: Connect) -> None:
        self.connections[action.connection] = Connection()

    def told(self, event: AppOpened | AppClosed | Logged) -> None:
        self.heard.append(event)

    def start_callbacks(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.tasks.append(run)

    def soon(self, action: Callable[[], None]) -> None:
        self.later.append(action)

    def _make_submission(self, job: JobId, inbox: Inbox) -> AsyncSubmissionBase:
        return AsyncSubmissionBase(self, job, inbox)


def entered(callback: Callable[[SpaceStatus], object] | None = None) -> tuple[App, FakeEngine]:
    app, engine = App(callback), FakeEngine()
    app.engine = cast("Any", engine)
    return app, engine


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end what never suspends."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def bring(app: App, engine: FakeEngine, *actions: object) -> None:
    engine.actions += actions
    app.pump()


def test_an_app_that_was_not_entered_says_how_it_is_used() -> None:
    app = App()
    with pytest.raises(LocalProtocolError, match="async with client"):
        _ = app.config
    with pytest.raises(LocalProtocolError, match="async with client"):
        app.submit("/f")


def test_an_app_shows_what_the_engine_knows() -> None:
    app, engine = entered()
    assert app.config is engine.config
    assert app.session_hash == "s"
    assert run(app.view_api()) is engine.api_info


def test_an_app_is_shown_by_its_address() -> None:
    assert repr(App()) == "<App, not open>"
    app, _ = entered()
    assert app.url == "http://127.0.0.1:1/"
    assert repr(app) == "<App http://127.0.0.1:1/>"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status(queue=True, stage="pending", position=2, size=3), "<Submission pending, 2 before it>"),
        (Status(queue=True, stage="pending", position=0), "<Submission pending>"),
        (Status(queue=True, stage="generating"), "<Submission generating>"),
        (COMPLETE, "<Submission complete>"),
        (CANCELLED, "<Submission cancelled>"),
        (Status(queue=True, stage="error", success=False, message="\x1b!"), "<Submission error: '\\x1b!'>"),
        (Status(queue=True, stage="error", success=False), "<Submission error>"),
    ],
)
def test_a_submission_is_shown_by_how_it_stands(status: Status, shown: str) -> None:
    app, engine = entered()
    submission = app.submit("/f", [1])
    if status.success is None:
        bring(app, engine, StatusChanged(JOB, status, 1))
    else:
        error = JobCancelled("x") if status is CANCELLED else AppError("x")
        bring(app, engine, JobFinished(JOB, status, None, error))
    assert repr(submission) == shown


def test_every_action_goes_where_it_belongs() -> None:
    app, engine = entered()
    error = ConnectError("no", phase="connect", url="http://app")
    send, log = Send(CONN, b"x"), Logged("info", "so")
    bring(app, engine, Connect(CONN, "app", 80), send, PauseReading(CONN))
    connection = cast("Connection", app.connections[CONN])
    bring(app, engine, log, AppOpened(), AppFailed(error), Close(CONN), AppClosed())
    assert connection.performed == [send, PauseReading(CONN), "closed"]
    assert app.heard == [log, AppOpened(), AppClosed()]
    assert app.error is error
    assert not app.connections


def test_an_action_for_a_connection_that_was_lost_is_left_out() -> None:
    app, engine = entered()
    bring(app, engine, Send(CONN, b"x"), Close(CONN))
    assert not app.connections


class Letters:
    def read(self, offset: int, size: int) -> bytes:
        return b"abcdef"[offset : offset + size]


def test_files_are_read_in_threads_that_may_be_abandoned() -> None:
    app, engine = entered()
    bring(app, engine, NeedBody(ExchangeId(3), Letters(), 2, 3))
    assert engine.asked == []
    run(app.tasks.pop()())
    assert engine.asked == [("body_chunk", 3, b"cde", False, 7.0)]
    assert app.threads == [True]


def test_a_driver_without_tasks_reads_in_its_turn() -> None:
    app, engine = entered()
    posted: list[Callable[[], object]] = []
    app.post = posted.append
    Driver.feed(app, NeedBody(ExchangeId(3), Letters(), 6, 3))
    assert engine.asked == []
    posted.pop()()
    assert engine.asked == [("body_chunk", 3, b"", True, 7.0)]


def test_downloads_hear_of_what_comes() -> None:
    app, engine = entered()
    heard: list[object] = []
    id = DownloadId(1)
    app.downloads[id] = heard.append
    events = [DownloadStarted(id, "a", 3), DownloadReceived(id, b"abc"), DownloadFinished(id, None)]
    bring(app, engine, *events)
    assert heard == events
    assert not app.downloads


def test_pumping_from_within_is_put_off() -> None:
    app, engine = entered()
    order: list[object] = []

    class Talkative(App):
        def told(self, event: AppOpened | AppClosed | Logged) -> None:
            order.append(event)
            if isinstance(event, Logged):
                engine.actions.append(AppClosed())
                self.pump()
                order.append("back")

    app = Talkative()
    app.engine = cast("Any", engine)
    bring(app, engine, Logged("info", "x"), AppOpened())
    assert order == [Logged("info", "x"), "back", AppOpened(), AppClosed()]


def test_submit_passes_its_options_on() -> None:
    app, engine = entered()
    submission = app.submit("/f", [1], timeout=2.0, isolated=True, newest=True)
    assert engine.asked == [
        ("submit", "/f", [1], {"now": 7.0, "timeout": 2.0, "isolated": True, "newest": True})
    ]
    assert submission.job == JOB
    assert submission.status.stage == "pending"
    assert not submission.done


def test_a_result_is_waited_for_and_stays() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    end = JobFinished(JOB, COMPLETE, data(1), None)
    app.upcoming.append(lambda: bring(app, engine, DataReceived(JOB, data(1), 1), end))
    assert run(submission.result()).value == 1
    assert run(submission.result()).value == 1
    assert submission.done
    assert not submission.cancelled
    assert not app.jobs


def test_a_result_is_not_waited_for_past_its_timeout() -> None:
    app, _ = entered()
    submission = app.submit("/f")
    for timeout in (1.0, 0.0, -1.0):
        with pytest.raises(TimeoutError, match="goes on"):
            submission.result(timeout).send(None)
    assert not submission.done
    assert app.clock == 8.0


def test_a_time_to_wait_is_a_number() -> None:
    app, _ = entered()
    submission = app.submit("/f")
    with pytest.raises(TypeError, match=r"^timeout must be a number, in seconds, not str$"):
        submission.result("1").send(None)  # type: ignore[arg-type]
    for number in (Fraction(1, 2), Decimal("0.5")):
        with pytest.raises(TimeoutError, match="goes on"):
            submission.result(number).send(None)  # type: ignore[arg-type]


def test_predict_cancels_what_its_caller_gives_up() -> None:
    app, engine = entered()
    with pytest.raises(IndexError):
        app.predict("/f").send(None)
    assert ("cancel", JOB, 7.0) in engine.asked


def test_predict_returns_the_result() -> None:
    app, engine = entered()

    def submit(*_: object, **__: object) -> JobId:
        engine.actions.append(JobFinished(JOB, COMPLETE, data(3), None))
        return JOB

    engine.submit = submit  # type: ignore[method-assign]
    assert run(app.predict("/f")).value == 3


def test_cancel_is_said_once() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    submission.cancel()
    submission.cancel()
    assert engine.asked.count(("cancel", JOB, 7.0)) == 1
    assert submission.cancelled


def test_input_is_passed_on_until_the_end() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    del engine.asked[:]
    run(submission.send([1]))
    run(submission.end())
    sent = [("send", JOB, [1], 7.0), ("end", JOB, 7.0)]
    assert engine.asked == sent
    engine.actions.append(JobFinished(JOB, COMPLETE, None, None))
    app.pump()
    run(submission.send([2]))
    run(submission.end())
    assert engine.asked == sent


def test_leaving_the_block_cancels() -> None:
    app, engine = entered()

    async def block() -> None:
        async with app.submit("/f") as submission:
            assert not submission.done

    run(block())
    assert ("cancel", JOB, 7.0) in engine.asked


def test_iterations_give_values_and_end() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    app.upcoming += [
        lambda: bring(app, engine, DataReceived(JOB, data(1), 100)),
        lambda: bring(app, engine, JobFinished(JOB, COMPLETE, data(1), None)),
    ]

    async def values() -> list[object]:
        return [item.value async for item in submission]

    async def events() -> list[str]:
        return [type(item).__name__ async for item in submission.events()]

    assert run(values()) == [1]
    # What was taken is reported.
    assert ("consumed", JOB, 101, 7.0) in engine.asked
    assert run(events()) == ["Status", "Status"]


def test_an_iteration_of_a_failed_job_raises() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    bring(app, engine, JobFinished(JOB, COMPLETE, None, AppError("boom")))
    with pytest.raises(AppError, match="boom"):
        aiter(submission).__anext__().send(None)  # type: ignore[attr-defined]


def test_an_iteration_that_is_dropped_takes_no_more() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    iteration = aiter(submission)
    bring(app, engine, DataReceived(JOB, data(1), 100))
    assert not any(ask[0] == "consumed" for ask in engine.asked)
    del iteration
    gc.collect()
    for action in app.later:
        action()
    assert ("consumed", JOB, 101, 7.0) in engine.asked


def test_what_nobody_takes_counts_as_consumed_at_once() -> None:
    app, engine = entered()
    app.submit("/f")
    bring(app, engine, DataReceived(JOB, data(1), 100))
    assert ("consumed", JOB, 101, 7.0) in engine.asked


def test_callbacks_plain_and_async_run_in_order_and_alone() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    seen: list[object] = []

    async def later(item: Data) -> None:
        seen.append(("async", item.value))

    def fails(item: Data) -> None:
        raise ValueError(item.value)

    assert submission.on("data", lambda item: seen.append(item.value)) is submission
    submission.on("data", fails).on("data", later)
    assert len(app.tasks) == 1
    app.upcoming.append(
        lambda: bring(app, engine, DataReceived(JOB, data(1), 1), JobFinished(JOB, COMPLETE, data(1), None))
    )
    run(app.tasks[0]())
    assert seen == [1, ("async", 1)]
    assert [str(error) for error in app.reported] == ["1"]
    # A callback that comes after the end is called with what was held for it.
    submission.on("status", seen.append)
    assert len(app.tasks) == 2
    run(app.tasks[1]())
    assert seen[-1] == COMPLETE


def test_callbacks_can_be_removed() -> None:
    app, engine = entered()
    submission = app.submit("/f")
    seen: list[object] = []
    submission.on("data", seen.append).off("data", seen.append).on("data", seen.append).destroy()
    bring(app, engine, DataReceived(JOB, data(1), 1), JobFinished(JOB, COMPLETE, data(1), None))
    run(app.tasks[0]())
    assert not seen
    with pytest.raises(ValueError, match="'data', 'status', 'log'"):
        submission.on("dat", seen.append)


def status(stage: str) -> SpaceStatus:
    return read_stage(stage)[0]


def test_how_a_space_stands_is_told_in_order_and_before_the_app_is_open() -> None:
    told: list[SpaceStatus] = []

    async def callback(status: SpaceStatus) -> None:
        if not told:
            # More comes while the call is made.
            bring(app, engine, SpaceChanged(status=RUNS), AppOpened())
            assert not app.heard
        told.append(status)
        if status is SLEEPS:
            raise ValueError("the caller's own")

    SLEEPS, RUNS = status("SLEEPING"), status("RUNNING")  # noqa: N806
    app, engine = entered(callback)
    bring(app, engine, SpaceChanged(SLEEPS))
    assert not told
    [task] = app.tasks
    run(task())
    assert told == [SLEEPS, RUNS]
    assert [str(error) for error in app.reported] == ["the caller's own"]
    assert app.heard == [AppOpened()]
    bring(app, engine, SpaceChanged(SLEEPS))
    assert len(app.tasks) == 2
    run(app.tasks[1]())
    assert len(told) == 3
    assert app.heard == [AppOpened()]


def test_how_a_space_stands_when_nobody_asks() -> None:
    app, engine = entered()
    bring(app, engine, SpaceChanged(status("SLEEPING")), AppOpened())
    assert app.heard == [AppOpened()]
    assert not app.tasks


class Blocking(SubmissionBase):
    """A submission as one with threads would have it, as far as iterations go."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(inbox)
        self.later: list[Callable[[], None]] = []

    def cancel(self) -> None:
        raise AssertionError

    def _next(self, reader: Reader) -> Value | None:
        return reader.take()

    def _prepare_calls(self, callback: Callback) -> None:
        raise AssertionError

    def _notify(self) -> None:
        pass

    def _consumed(self, job: JobId, n: int) -> None:
        raise AssertionError

    def _soon(self, action: Callable[[], None]) -> None:
        self.later.append(action)


def test_a_blocking_iteration() -> None:
    submission = Blocking(Inbox(bound=8))
    values: Values[Data] = Values(submission._next, submission._drop, submission._reader("data"))
    submission._put([DataReceived(JOB, data(1), 100)])
    assert [item.value for item in values] == [1]
    submission._put([DataReceived(JOB, data(2), 100)])
    del values
    gc.collect()
    # The engine hasn't taken the job yet, so there is nobody to be told of what was let go.
    for action in submission.later:
        action()
    assert submission._inbox.freed() == 0
