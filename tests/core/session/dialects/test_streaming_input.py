"""Input that comes piece by piece while a function runs (5.0 and later), over the shared stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import (
    AppError,
    ConnectError,
    Disconnected,
    JobCancelled,
    LocalProtocolError,
    RemoteProtocolError,
    ValidationError,
)
from tests.core.session.drive import LISTEN, Drive
from tests.core.virtual import URL

if TYPE_CHECKING:
    from gradio_sansio.commands import ExchangeId, StartExchange
    from gradio_sansio.events import JobId

LAST = "5.49.1"
E = "e1"
PIECE, END = f"/stream/{E}", f"/stream/{E}/close"
LOST = ConnectError("refused", phase="connect", url=URL)


def body(*data: Any) -> dict[str, Any]:
    return {
        "data": list(data),
        "fn_index": LISTEN,
        "session_hash": "0000000000000001",
        "event_data": None,
        "trigger_id": None,
    }


def join_of(drive: Drive) -> StartExchange:
    return drive.requests("/queue/join")[-1]


def stream_of(drive: Drive) -> ExchangeId:
    return drive.requests("/queue/data", "GET")[-1].exchange


def running(drive: Drive, endpoint: str = "/listen") -> JobId:
    job = drive.submit(endpoint, "first")
    drive.answer({"event_id": E})
    drive.begin(stream_of(drive))
    drive.write(stream_of(drive), {"msg": "process_starts", "event_id": E}, streamed("one"))
    return job


def streamed(value: Any) -> dict[str, Any]:
    return {"msg": "process_streaming", "event_id": E, "output": {"data": [value]}, "success": True}


def completed(value: Any) -> dict[str, Any]:
    return {"msg": "process_completed", "event_id": E, "output": {"data": [value]}, "success": True}


def answer_all(drive: Drive, path: str) -> None:
    for request in drive.requests(path):
        if request.exchange not in drive.over:
            drive.answer({"msg": "success"}, to=request)


def test_pieces_and_their_end() -> None:
    drive = Drive(LAST)
    job = running(drive)
    assert drive.posts("/queue/join") == [body("first")]
    drive.send(job, "second")
    drive.write(stream_of(drive), streamed("two"))
    answer_all(drive, PIECE)
    drive.send(job, "third")
    answer_all(drive, PIECE)
    assert drive.posts(PIECE) == [body("second"), body("third")]
    drive.end(job)
    assert drive.posts(END) == [{}]
    drive.write(stream_of(drive), completed("two"))
    assert (drive.values(job), drive.error(job)) == (["one", "two"], None)
    answer_all(drive, END)
    drive.finish()


def test_a_job_of_which_no_more_input_follows() -> None:
    drive = Drive(LAST)
    job = drive.submit("/listen", "only", more=False)
    drive.answer({"event_id": E})
    assert len(drive.requests(END)) == 1
    drive.begin(stream_of(drive))
    drive.write(stream_of(drive), streamed("one"), completed("one"))
    assert drive.values(job) == ["one"]
    # Where none can follow, it means nothing.
    drive.submit("/predict", "hi", more=False)
    drive.finish()


def test_the_end_overtakes_no_piece() -> None:
    # They go over several connections.
    drive = Drive(LAST)
    job = running(drive)
    drive.send(job, "second")
    drive.send(job, "third")
    drive.end(job)
    first, second = drive.requests(PIECE)
    for request in (second, first):
        assert drive.posts(END) == []
        drive.answer({"msg": "success"}, to=request)
    assert drive.posts(END) == [{}]
    answer_all(drive, END)
    assert drive.posts(END) == [{}]
    drive.finish()


@pytest.mark.parametrize("refused", [False, True])
def test_the_end_waits_for_no_piece_that_did_not_arrive(refused: bool) -> None:
    drive = Drive(LAST)
    job = running(drive)
    drive.send(job, "second")
    drive.end(job)
    (piece,) = drive.requests(PIECE)
    if refused:
        drive.answer("Internal Server Error", status=500, to=piece)
    else:
        drive.fail(piece.exchange, LOST)
    assert drive.logged == [] if refused else ["input for a job did not arrive: refused"]
    assert drive.posts(END) == [{}]
    assert drive.ended(job) is None
    drive.finish()


def test_pieces_that_come_before_the_join_is_answered() -> None:
    # The server works on the latest only.
    drive = Drive(LAST)
    job = drive.submit("/listen", "first")
    for i in range(1000):
        drive.send(job, str(i))
    drive.end(job)
    assert len(drive.commands) == 1
    drive.answer({"event_id": E})
    assert drive.posts(PIECE) == [body("999")]
    assert drive.posts(END) == []
    answer_all(drive, PIECE)
    assert drive.posts(END) == [{}]
    drive.finish()


def test_an_end_that_comes_before_the_join_is_answered() -> None:
    drive = Drive(LAST)
    job = drive.submit("/listen", "first")
    drive.end(job)
    drive.answer({"event_id": E})
    assert drive.posts(PIECE) == []
    assert drive.posts(END) == [{}]
    drive.finish()


@pytest.mark.parametrize("how", ["refused", "cancelled", "ended early"])
def test_nothing_is_sent_to_a_job_that_ended_while_it_joined(how: str) -> None:
    drive = Drive(LAST)
    if how == "ended early":
        other = drive.submit("/predict")
        drive.answer({"event_id": "other"})
        drive.begin(stream_of(drive))
        assert drive.ended(other) is None
    job = drive.submit("/listen", "first")
    drive.send(job, "second")
    drive.end(job)
    if how == "refused":
        drive.answer({"detail": "no"}, status=500, to=join_of(drive))
        assert isinstance(drive.error(job), RemoteProtocolError)
    elif how == "cancelled":
        drive.cancel(job)
        drive.answer({"event_id": E}, to=join_of(drive))
    else:
        # Its end comes before its name; what comes after that is ignored.
        drive.write(stream_of(drive), completed("one"), completed("two"), streamed("three"))
        drive.answer({"event_id": E}, to=join_of(drive))
        assert drive.values(job) == ["one"]
    assert drive.requests(PIECE) == drive.requests(END) == []
    assert drive.session._jobs.keys() == ({1} if how == "ended early" else set())
    assert_forgotten(drive)
    drive.send(job, "late")
    drive.end(job)
    assert drive.requests(PIECE) == drive.requests(END) == []
    drive.finish()


@pytest.mark.parametrize("how", ["completes", "fails", "is cancelled", "is lost"])
def test_input_that_crosses_with_the_end_of_its_job(how: str) -> None:
    drive = Drive(LAST)
    job = running(drive)
    drive.send(job, "second")
    drive.end(job)
    stream = stream_of(drive)
    if how == "completes":
        drive.write(stream, completed("one"))
        assert drive.error(job) is None
    elif how == "fails":
        drive.write(stream, {**completed("one"), "output": {"error": "boom"}, "success": False})
        assert isinstance(drive.error(job), AppError)
    elif how == "is cancelled":
        drive.cancel(job)
        assert isinstance(drive.error(job), JobCancelled)
    else:
        drive.fail(stream, LOST)
        assert isinstance(drive.error(job), Disconnected)
    answer_all(drive, PIECE)
    assert drive.requests(END) == []
    assert_forgotten(drive)
    drive.finish()


def assert_forgotten(drive: Drive) -> None:
    for transport in drive.session._transports._shared.values():
        assert not transport._early_input  # type: ignore[attr-defined]
        assert not transport._ending_input  # type: ignore[attr-defined]
        assert not transport._feeding  # type: ignore[attr-defined]


def test_misuse() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict", "first")
    with pytest.raises(LocalProtocolError, match="/predict takes no input while it runs") as caught:
        drive.send(job, "more")
    assert caught.value.state == "no streaming input"
    with pytest.raises(LocalProtocolError, match="/predict takes no input while it runs"):
        drive.end(job)
    drive.cancel(job)
    # That merely races with the end.
    drive.send(job, "more")
    drive.end(job)
    listening = running(drive)
    before = len(drive.commands)
    with pytest.raises(ValidationError):
        drive.send(listening, "too", "much")
    with pytest.raises(ValidationError, match="no JSON form"):
        drive.send(listening, object())
    assert len(drive.commands) == before
    drive.finish()


def test_a_direct_call_takes_its_first_input_only() -> None:
    drive = Drive(LAST, changes={"enable_queue": False})
    job = drive.submit("/listen", "first")
    drive.send(job, "second")
    drive.end(job)
    assert len(drive.commands) == 1
    drive.answer({"data": ["one"]})
    assert drive.values(job) == ["one"]


def test_close_stream_twice() -> None:
    drive = Drive(LAST)
    job = running(drive)
    stream = stream_of(drive)
    drive.write(stream, {"msg": "close_stream"}, {"msg": "close_stream"}, completed("one"))
    drive.finish_stream(stream)
    assert drive.error(job) is None
    drive.finish()


def test_events_that_are_taken_in_time_hold_nothing_up() -> None:
    drive = Drive(LAST)
    job = running(drive)
    drive.session._jobs[job][0].outstanding = drive.session._limits.job_buffer
    before = len(drive.commands)
    drive.consumed(job, drive.session._limits.job_buffer)
    assert len(drive.commands) == before
    drive.finish()


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        (["two", "two"], ["one", "two"]),
        (["two", "three"], ["one", "two", "three"]),  # the first was under way when the last input came
    ],
)
def test_the_end_where_there_is_no_time_limit(after: list[str], seen: list[str]) -> None:
    # 5.x works on the last input once more, and waits for the next.
    drive = Drive(LAST)
    job = running(drive, "/listen_on")
    drive.end(job)
    answer_all(drive, END)
    drive.write(stream_of(drive), streamed(after[0]))
    assert drive.ended(job) is None
    assert drive.posts(END) == [{}, {}]
    drive.write(stream_of(drive), streamed(after[1]))
    assert (drive.values(job), drive.error(job)) == (seen, None)
    assert [asked["event_id"] for asked in drive.posts("/cancel")] == [E]
    answer_all(drive, END)
    drive.finish()


def test_an_end_without_a_time_limit_that_the_server_understands() -> None:
    drive = Drive("6.0.0")
    job = running(drive, "/listen_on")
    drive.end(job)
    drive.write(stream_of(drive), streamed("two"), completed("two"))
    assert (drive.values(job), drive.error(job)) == (["one", "two"], None)
    assert drive.posts(END) == [{}]
    answer_all(drive, END)
    drive.finish()


def test_an_end_without_a_time_limit_that_comes_by_itself() -> None:
    drive = Drive(LAST)
    job = running(drive, "/listen_on")
    drive.end(job)
    drive.write(stream_of(drive), streamed("two"), completed("two"))
    assert drive.error(job) is None
    answer_all(drive, END)
    assert drive.posts("/cancel") == []
    drive.finish()
