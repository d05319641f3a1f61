"""One event stream for each job: 4.0 to 4.8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import (
    AppError,
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    JobCancelled,
    Limits,
    QueueFull,
    RateLimited,
    RemoteProtocolError,
)
from gradio_sansio.commands import AbortExchange, PauseExchange, ResumeExchange
from gradio_sansio.events import StatusChanged
from gradio_sansio.session.dialects.job_stream import TRANSITIONS, CallInput, CallState, JobStreams
from tests.core.session.drive import COUNT, PREDICT, Drive
from tests.core.virtual import URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.commands import ExchangeId
    from gradio_sansio.errors import GradioError

FIRST, LAST = "4.0.2", "4.8.0"
SHARED = "0000000000000001"
E = "f6fd"
ESTIMATION = {"msg": "estimation", "rank": 0, "queue_size": 1, "rank_eta": None}
SEND_DATA = {"msg": "send_data", "event_id": E}
STARTS = {"msg": "process_starts"}
HEARTBEAT = {"msg": "heartbeat"}


def yields(*data: Any) -> dict[str, Any]:
    return {
        "msg": "process_generating",
        "output": {"data": list(data), "is_generating": True},
        "success": True,
    }


def completes(*data: Any) -> dict[str, Any]:
    return {"msg": "process_completed", "output": {"data": list(data)}, "success": True}


FAILS = {"msg": "process_completed", "output": {"error": "'boom'"}, "success": False}


def streams(drive: Drive) -> list[ExchangeId]:
    return [request.exchange for request in drive.requests("/queue/join", "GET")]


def lead(drive: Drive, state: CallState, stream: ExchangeId | None = None) -> ExchangeId:
    """Bring a job, the latest one unless said, up to a state; its stream."""
    stream = streams(drive)[-1] if stream is None else stream
    if state is not CallState.OPENING:
        drive.begin(stream)
        drive.write(stream, ESTIMATION)
    if state in (CallState.SENDING, CallState.RUNNING):
        drive.write(stream, SEND_DATA)
    if state is CallState.RUNNING:
        drive.answer()
        drive.write(stream, STARTS)
    return stream


def state_of(drive: Drive) -> CallState:
    ((_, transport),) = drive.session._jobs.values()
    assert isinstance(transport, JobStreams)
    (call,) = transport._calls.values()
    return call.state


# In order.


def test_the_whole_conversation() -> None:
    drive = Drive(FIRST)
    job = drive.submit("/predict", "hi")
    (start,) = drive.requests("/queue/join", "GET")
    assert start.url == f"{URL}/queue/join?fn_index={PREDICT}&session_hash={SHARED}"
    assert ("accept", "text/event-stream") in start.headers
    assert start.long_lived
    drive.begin(start.exchange)
    drive.write(start.exchange, {**ESTIMATION, "rank": 1, "queue_size": 2}, ESTIMATION)
    assert drive.posts("/queue/data") == []
    drive.write(start.exchange, SEND_DATA)
    assert drive.posts("/queue/data") == [
        {
            "event_id": E,
            "data": ["hi"],
            "fn_index": PREDICT,
            "session_hash": SHARED,
            "event_data": None,
            "trigger_id": None,
        }
    ]
    drive.answer()
    drive.write(start.exchange, STARTS, completes("ho"))
    assert drive.values(job) == ["ho"]
    assert drive.error(job) is None
    positions = [e.status.position for e in drive.told(job) if isinstance(e, StatusChanged)]
    assert positions == [None, 1, 0, 0]
    # The stream is not read any further.
    assert drive.of(AbortExchange) == [start.exchange]
    assert drive.requests("/reset") == []
    assert drive.session.deadline is None
    drive.finish()


def test_values_come_whole_and_the_last_one_is_not_told_twice() -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    stream = lead(drive, CallState.RUNNING)
    drive.write(stream, yields("0"), yields("01"), completes("01"))
    assert drive.values(job) == ["0", "01"]
    drive.finish()


def test_jobs_run_side_by_side() -> None:
    drive = Drive(LAST)
    jobs = [drive.submit("/count", str(i)) for i in range(3)]
    for i, stream in enumerate(streams(drive)):
        drive.begin(stream)
        drive.write(stream, {**SEND_DATA, "event_id": f"e{i}"})
    assert [(body["event_id"], body["data"]) for body in drive.posts("/queue/data")] == [
        (f"e{i}", [str(i)]) for i in range(3)
    ]
    for request in drive.requests("/queue/data"):
        drive.answer(to=request)
    for i, stream in reversed(list(enumerate(streams(drive)))):
        drive.write(stream, completes(f"done {i}"))
    assert [drive.values(job) for job in jobs] == [["done 0"], ["done 1"], ["done 2"]]
    drive.finish()


def test_the_answer_to_the_arguments_may_come_last() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    stream = lead(drive, CallState.SENDING)
    drive.write(stream, STARTS, completes("ho"))
    assert drive.values(job) == ["ho"]
    (post,) = drive.requests("/queue/data")
    assert set(drive.of(AbortExchange)) == {stream, post.exchange}
    drive.answer(to=post)
    drive.finish()


def test_a_failure() -> None:
    drive = Drive(FIRST)
    job = drive.submit("/count")
    drive.write(lead(drive, CallState.RUNNING), yields("0"), FAILS)
    error = drive.error(job)
    assert isinstance(error, AppError)
    assert (error.message, drive.values(job)) == ("boom", ["0"])
    assert drive.requests("/reset") == []
    drive.finish()


def test_a_full_queue() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    stream = lead(drive, CallState.WAITING)
    drive.write(stream, {"msg": "queue_full"})
    assert isinstance(drive.error(job), QueueFull)
    drive.finish()


def test_unknown_messages_are_told_and_ignored() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    stream = lead(drive, CallState.RUNNING)
    drive.write(stream, {"msg": "brand_new"}, HEARTBEAT, {"msg": "close_stream"})
    assert drive.logged == ["an unknown message: 'brand_new'", "an unknown message: CloseStream"]
    assert drive.ended(job) is None
    drive.finish()


# Ends without a result.


def test_a_stream_that_ends_without_a_result_is_lost() -> None:
    for state in (CallState.WAITING, CallState.SENDING, CallState.RUNNING):
        drive = Drive(LAST)
        job = drive.submit("/predict")
        drive.finish_stream(lead(drive, state))
        error = drive.error(job)
        assert isinstance(error, Disconnected)
        assert "without a result" in error.message
        # Nobody waits for what becomes of the arguments.
        assert len(drive.of(AbortExchange)) == (state is CallState.SENDING)
        drive.finish()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        # Nothing was done there yet.
        (CallState.OPENING, ConnectError),
        (CallState.WAITING, Disconnected),
        (CallState.SENDING, Disconnected),
        (CallState.RUNNING, Disconnected),
    ],
)
def test_a_lost_stream(state: CallState, kind: type[Exception]) -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    drive.fail(lead(drive, state), ConnectError("gone", phase="connect", url=URL))
    assert type(drive.error(job)) is kind
    drive.finish()


@pytest.mark.parametrize(
    ("status", "content_type", "kind"),
    [
        (200, "text/html", RemoteProtocolError),
        (401, "application/json", AuthError),
        (403, "text/html", AuthError),
        (404, "application/json", Disconnected),
        (429, "text/html", RateLimited),
        (500, "text/plain", Disconnected),
    ],
)
def test_a_stream_that_is_refused(status: int, content_type: str, kind: type[GradioError]) -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    (stream,) = streams(drive)
    drive.begin(stream, status, (("content-type", content_type),))
    assert type(drive.error(job)) is kind
    assert drive.of(AbortExchange) == [stream]
    drive.finish()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, RemoteProtocolError), (503, QueueFull), (401, AuthError), (404, RemoteProtocolError)],
)
def test_arguments_that_are_refused(status: int, kind: type[GradioError]) -> None:
    # 500 "Event not found" is the answer to those that come too late: after 5 s.
    drive = Drive(LAST)
    job = drive.submit("/predict")
    stream = lead(drive, CallState.SENDING)
    drive.answer({"detail": "Event not found"}, status=status)
    assert type(drive.error(job)) is kind
    assert drive.of(AbortExchange) == [stream]
    drive.finish()


def test_arguments_that_are_lost_on_the_way() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    lead(drive, CallState.SENDING)
    (post,) = drive.requests("/queue/data")
    drive.fail(post.exchange, ConnectError("refused", phase="connect", url=URL))
    assert isinstance(drive.error(job), Disconnected)
    drive.finish()


def test_arguments_that_are_never_taken() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    lead(drive, CallState.SENDING)
    drive.wait(Limits().request)
    error = drive.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "request"
    drive.finish()


@pytest.mark.parametrize("state", [CallState.OPENING, CallState.WAITING, CallState.RUNNING])
def test_silence_is_borne_for_long(state: CallState) -> None:
    # A heartbeat comes once at most.
    drive = Drive(LAST)
    job = drive.submit("/predict")
    stream = lead(drive, state)
    if state is CallState.RUNNING:
        drive.wait(15.0)
        drive.write(stream, HEARTBEAT)
    limit = Limits().idle_direct
    assert limit > Limits().idle
    drive.wait(limit - 0.1)
    assert drive.ended(job) is None
    drive.wait(0.1)
    error = drive.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle_direct"
    assert drive.of(AbortExchange) == [stream]
    drive.finish()


# What is not understood. 4.0 would let the function run on, so it is told to stop.

WRONG: list[tuple[str, Callable[[Drive, ExchangeId], None], str]] = [
    ("no JSON", lambda drive, stream: drive.write(stream, b"data: {\n\n"), "not JSON"),
    ("no message", lambda drive, stream: drive.write(stream, b"data: []\n\n"), "'msg'"),
    ("nested", lambda drive, stream: drive.write(stream, b"data: %b\n\n" % (b"[" * 200)), "nested"),
    ("too long", lambda drive, stream: drive.write(stream, b"data: %b" % (b"x" * 2000)), "Limits.event"),
    ("malformed", lambda drive, stream: drive.write(stream, {"msg": "process_completed", "output": 1}), "shape"),
    ("out of turn", lambda drive, stream: drive.write(stream, SEND_DATA), "out of turn"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "say", "text"), WRONG, ids=[name for name, _, _ in WRONG])
def test_what_is_not_understood_ends_the_job_here_and_there(
    name: str, say: Callable[[Drive, ExchangeId], None], text: str
) -> None:
    drive = Drive(FIRST, limits=Limits(event=1000))
    job, other = drive.submit("/count"), drive.submit("/count")
    stream = lead(drive, CallState.RUNNING, streams(drive)[0])
    say(drive, stream)
    error = drive.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert text in error.message
    assert drive.posts("/reset") == [{"event_id": E}]
    assert drive.of(AbortExchange) == [stream]
    assert drive.ended(other) is None
    drive.answer({"success": True})
    drive.finish()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (CallState.WAITING, {"msg": "send_data"}),
        (CallState.WAITING, {"msg": "send_data", "event_id": None}),
        (CallState.SENDING, SEND_DATA),
        (CallState.RUNNING, SEND_DATA),
    ],
)
def test_send_data_that_makes_no_sense(state: CallState, message: dict[str, Any]) -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    drive.write(lead(drive, state), message)
    error = drive.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert "out of turn" in error.message
    assert len(drive.posts("/queue/data")) == (state is not CallState.WAITING)
    drive.finish()


def test_what_came_before_an_event_that_is_too_long_is_told() -> None:
    drive = Drive(LAST, limits=Limits(event=1000))
    job = drive.submit("/count")
    stream = lead(drive, CallState.RUNNING)
    drive.write(stream, yields("0"), yields("01"), b"data: " + b"x" * 2000)
    assert drive.values(job) == ["0", "01"]
    assert isinstance(drive.error(job), RemoteProtocolError)
    # What comes after the end is not looked at.
    drive = Drive(LAST, limits=Limits(event=1000))
    job = drive.submit("/count")
    stream = lead(drive, CallState.RUNNING)
    drive.write(stream, completes("0"), b"data: {\n\n", b"data: " + b"x" * 2000)
    assert drive.error(job) is None
    drive.finish()


# Cancelling.


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(
    "state", [CallState.OPENING, CallState.WAITING, CallState.SENDING, CallState.RUNNING]
)
def test_cancel(state: CallState, isolated: bool) -> None:
    drive = Drive(FIRST)
    job = drive.submit("/count", isolated=isolated)
    stream = lead(drive, state)
    drive.cancel(job)
    assert isinstance(drive.error(job), JobCancelled)
    # 4.0.2 lets a generator run on when its stream is closed.
    known = state in (CallState.SENDING, CallState.RUNNING)
    assert drive.posts("/reset") == [{"event_id": E}] * known
    assert stream in drive.of(AbortExchange)
    resets = [request.exchange for request in drive.requests("/reset")]
    order = [c.exchange for c in drive.commands if isinstance(c, AbortExchange) or c.exchange in resets]
    assert order[: len(resets)] == resets
    # What was on its way comes still.
    drive.session.body_received(stream, b"data: {\n\n", drive.now)
    drive.session.exchange_ended(stream, drive.now)
    for exchange in resets:
        drive.answer({"success": False}, status=500, to=exchange)
    drive.cancel(job)
    assert drive.session.deadline is None
    after = drive.submit("/count")
    drive.write(lead(drive, CallState.RUNNING), completes("ho"))
    assert drive.values(after) == ["ho"]
    drive.finish()


def test_a_reset_that_is_not_answered_is_of_no_interest() -> None:
    drive = Drive(LAST)
    job = drive.submit("/count", timeout=5.0)
    lead(drive, CallState.RUNNING)
    drive.wait(5.0)
    assert isinstance(drive.error(job), DeadlineExceeded)
    (reset,) = drive.requests("/reset")
    drive.fail(reset.exchange, ConnectError("refused", phase="connect", url=URL))
    drive.finish()


# Slow applications.


def test_a_slow_application_holds_its_own_stream_back() -> None:
    drive = Drive(LAST, limits=Limits(job_buffer=10_000))
    job, other = drive.submit("/count"), drive.submit("/count")
    first, second = streams(drive)
    for stream in (first, second):
        lead(drive, CallState.RUNNING, stream)
    for i in range(4):
        drive.write(first, yields("x" * 4000 + str(i)))
    drive.write(second, completes("ho"))
    assert set(drive.of(PauseExchange)) == {first}
    assert drive.values(other) == ["ho"]
    # Its silence means nothing now.
    assert drive.session.deadline is None
    drive.wait(5000.0)
    assert drive.ended(job) is None
    drive.consumed(job)
    assert drive.of(ResumeExchange) == [first]
    assert drive.session.deadline == drive.now + Limits().idle_direct
    drive.write(first, completes("done"))
    assert drive.error(job) is None
    assert len(drive.values(job)) == 5
    drive.finish()


def test_streaming_input_is_not_for_these() -> None:
    drive = Drive(LAST)
    job = drive.submit("/listen")
    lead(drive, CallState.RUNNING)
    before = len(drive.commands)
    drive.send(job, "more")
    drive.end(job)
    assert len(drive.commands) == before


# Closing.


@pytest.mark.parametrize(
    "state", [CallState.OPENING, CallState.WAITING, CallState.SENDING, CallState.RUNNING]
)
def test_close(state: CallState) -> None:
    drive = Drive(LAST)
    shared, alone = drive.submit("/count"), drive.submit("/count", isolated=True)
    for stream in streams(drive):
        lead(drive, state, stream)
    drive.close()
    for job in (shared, alone):
        assert isinstance(drive.error(job), JobCancelled)
    assert len(drive.posts("/reset")) == (2 if state in (CallState.SENDING, CallState.RUNNING) else 0)
    drive.finish()


def test_isolated_sessions_are_let_go_of() -> None:
    drive = Drive(LAST)
    for _ in range(5):
        drive.submit("/predict", isolated=True)
        drive.write(lead(drive, CallState.RUNNING), completes("ho"))
    assert len(drive.session._transports._isolated) == 1
    names = {request.url.partition("session_hash=")[2] for request in drive.requests("/queue/join", "GET")}
    assert len(names) == 5
    drive.finish()


# The table.


def test_the_table_of_states() -> None:
    assert set(TRANSITIONS) == set(CallState)
    assert TRANSITIONS[CallState.ENDED] == {}
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached | {CallState.OPENING} == set(CallState)
    assert {input for row in TRANSITIONS.values() for input in row} == set(CallInput)


STEPS = [(state, input, following) for state, row in TRANSITIONS.items() for input, following in row.items()]


@pytest.mark.parametrize(("state", "input", "following"), STEPS)
def test_each_step(state: CallState, input: CallInput, following: CallState) -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    stream = lead(drive, state)
    assert state_of(drive) is state
    match input:
        case CallInput.STARTED:
            drive.begin(stream)
        case CallInput.SEND_DATA:
            drive.write(stream, SEND_DATA)
        case CallInput.TAKEN:
            drive.answer()
        case CallInput.FINISHED:
            drive.cancel(job)
    if following is CallState.ENDED:
        assert drive.ended(job) is not None
    else:
        assert state_of(drive) is following
    drive.finish()


def test_the_functions_index_is_the_one_that_was_asked_for() -> None:
    drive = Drive(LAST)
    drive.submit("/count")
    (start,) = drive.requests("/queue/join", "GET")
    assert f"fn_index={COUNT}&" in start.url
