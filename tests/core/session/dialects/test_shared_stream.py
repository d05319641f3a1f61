"""The shared event stream, against a server that behaves as the real ones do, and as they should not."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import (
    AppError,
    AuthError,
    DeadlineExceeded,
    Disconnected,
    GradioError,
    JobCancelled,
    Limits,
    QueueFull,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.commands import PauseReading, ResumeReading
from gradio_sansio.events import AppOpened, DataReceived, JobFinished, Logged, LogReceived, StatusChanged
from gradio_sansio.session.dialects.stopping import NO_FUNCTION
from gradio_sansio.session.exchanges import Timer
from gradio_sansio.testing import Answer, Cut
from gradio_sansio.testing.jobs import JobState
from tests.core.session.drive import PREDICT, Drive
from tests.core.virtual import World

if TYPE_CHECKING:
    from gradio_sansio.events import JobId

OLD, FOUR, FIVE, SIX = (4, 22, 0), (4, 44, 1), (5, 49, 1), (6, 31, 0)
VERSIONS = (OLD, FOUR, FIVE, SIX)
COUNT, SLOW, PAIRWISE, SINGLE = 1, 2, 12, 13
JOIN, DATA = "/gradio_api/queue/join", "/gradio_api/queue/data"


def cancels(world: World) -> list[tuple[str, int]]:
    """The requests that stop a job: its event id, and the function's index."""
    return [(body["event_id"], body["fn_index"]) for body in world.posts("/cancel")]


def resets(world: World) -> list[str]:
    return [body["event_id"] for body in world.posts("/reset")]


def logged(world: World) -> list[str]:
    return [event.message for event in world.network.all_of(Logged)]


# Jobs, in order.


@pytest.mark.parametrize("version", [(4, 16, 0), (4, 20, 1), (4, 21, 0), *VERSIONS])
def test_one_job_of_each_kind(version: tuple[int, int, int]) -> None:
    world = World(version=version)
    plain, counting, reporting = (
        world.submit("/predict", "hi"),
        world.submit("/count", 3, 0.1),
        world.submit("/reporting", 2),
    )
    failing, late = world.submit("/failing", "no"), world.submit("/failing_late", 2)
    assert (world.end(plain).error, world.values(plain)) == (None, ["hi"])
    assert (world.end(counting).error, world.values(counting)) == (None, [0, 1, 2])
    assert (world.end(reporting).error, world.values(reporting)) == (None, ["done"])
    bars = [
        e.status.progress_data
        for e in world.told(reporting)
        if isinstance(e, StatusChanged) and e.status.progress_data
    ]
    assert [[(bar.index, bar.length, bar.desc) for bar in bar_list] for bar_list in bars] == [
        [(1, 2, "step 1")],
        [(2, 2, "step 2")],
    ]
    assert [e.log.message for e in world.told(reporting) if isinstance(e, LogReceived)] == ["done"]
    error = world.error(failing)
    assert isinstance(error, AppError)
    assert error.message == "no"
    error = world.error(late)
    assert isinstance(error, AppError)
    assert (error.message, world.values(late)) == ("late", [0, 1])
    assert world.end(late).data is not None
    # The server has ended the stream, and it stays closed.
    world.run(60.0)
    assert world.streams == 1
    assert not world.network.open_links
    world.finish()


def test_200_jobs_at_once_on_one_stream() -> None:
    world = World()
    jobs = [world.submit("/count", 5, 0.5) for _ in range(200)]
    for job in jobs:
        assert world.end(job).error is None
        assert world.values(job) == [0, 1, 2, 3, 4]
    assert world.streams == 1
    assert len(world.network.links) <= 1 + Limits().connections
    world.finish()


def test_2000_yields_complete_and_in_order() -> None:
    world = World()
    job = world.submit("/words", 2000)
    assert world.end(job).error is None
    lengths = [len(value.split()) for value in world.values(job)]
    assert lengths == list(range(1, 2001))
    world.finish()


def test_a_stream_is_opened_only_once_a_join_was_answered() -> None:
    world = World()
    world.server.join_delay = 5.0
    job = world.submit("/predict", "hi")
    world.run(4.0)
    assert world.streams == 0
    world.end(job)
    assert world.streams == 1


def test_messages_before_the_answer_to_the_join_are_kept() -> None:
    world = World()
    first = world.submit("/slow", 10.0)
    world.run(1.0)
    world.server.join_delay = 5.0
    second, third = world.submit("/count", 3, 0.1), world.submit("/failing", "no")
    world.run(4.0)
    assert len(world.told(second)) == 1
    assert world.values(second) == []
    assert world.end(second).error is None
    assert world.values(second) == [0, 1, 2]
    assert isinstance(world.error(third), AppError)
    assert world.end(first).error is None
    assert world.streams == 1
    world.finish()


def test_close_stream_that_crosses_with_a_join_leads_to_another_stream() -> None:
    world = World()
    first = world.submit("/slow", 1.0)
    # The server ends the stream after the first job, and gets the second one while the news is on its way.
    world.until(lambda: world.there(first).state is JobState.ENDED if world.server.jobs else False)
    second = world.submit("/slow", 1.0)
    assert world.end(second).error is None
    assert world.end(first).error is None
    assert world.streams == 2
    world.finish()


@pytest.mark.parametrize("version", [(4, 16, 0), *VERSIONS])
def test_a_job_that_the_server_has_forgotten_is_lost_with_the_stream(version: tuple[int, int, int]) -> None:
    world = World(version=version)
    first = world.submit("/predict", "hi")
    world.until(lambda: world.posts("/queue/join"))
    world.server.forget()
    # The second join makes the session anew, so the stream is good, and says nothing of the first.
    second = world.submit("/count", 3, 1.0)
    third = world.submit("/count", 3, 1.0)
    error = world.error(first, within=10.0)
    assert isinstance(error, Disconnected)
    assert "forgotten" in error.message
    for job in (second, third):
        assert world.end(job).error is None
        assert world.values(job) == [0, 1, 2]
    world.finish()


def test_a_stream_that_ends_without_close_stream_is_opened_again() -> None:
    world = World()
    job = world.submit("/count", 5, 1.0)
    for _ in range(4):
        world.run(1.0)
        world.server.end_streams()
    assert world.end(job).error is None
    assert world.values(job) == [0, 1, 2, 3, 4]
    assert world.streams == 5


def test_a_stream_that_ends_again_and_again_fails_its_jobs() -> None:
    world = World()
    job = world.submit("/slow", 1000.0)
    world.run(1.0)
    for _ in range(Limits().reopens + 1):
        assert world.ended(job) is None
        world.server.end_streams()
        world.run(0.2)
    error = world.error(job)
    assert isinstance(error, Disconnected)
    assert "again and again" in error.message
    assert world.streams == 1 + Limits().reopens
    world.finish()


# Losses.


@pytest.mark.parametrize("how", list(Cut))
def test_a_lost_stream_disconnects_all_and_the_next_call_works(how: Cut) -> None:
    world = World()
    running, queued, counting = (
        world.submit("/slow", 100.0),
        world.submit("/slow", 1.0),
        world.submit("/count", 50, 1.0),
    )
    world.run(2.5)
    world.server.join_delay = 5.0
    joining = world.submit("/count", 50, 1.0)
    world.run(0.5)
    world.network.cut(world.stream_link, how)
    for job in (running, queued, counting, joining):
        error = world.error(job, within=1.0)
        assert isinstance(error, Disconnected)
        assert error.phase == "response"
    assert world.values(counting) == [0, 1]
    world.server.join_delay = 0.0
    world.run(10.0)
    after = world.submit("/predict", "hi")
    assert world.end(after).error is None
    assert world.values(after) == ["hi"]
    # The server doesn't end the stream of such a session any more, and we don't drop it.
    world.run(300.0)
    again = world.submit("/predict", "hi")
    assert world.end(again).error is None
    world.finish()


def test_a_job_whose_join_was_under_way_when_the_stream_was_lost_is_stopped() -> None:
    world = World()
    world.submit("/slow", 100.0)
    world.run(1.0)
    world.server.join_delay = 2.0
    joining = world.submit("/pairwise", 50)
    world.run(0.5)
    world.network.cut(world.stream_link)
    assert isinstance(world.error(joining, within=1.0), Disconnected)
    world.run(5.0)
    event_id = world.there(joining).event_id
    assert cancels(world) == [(event_id, -1), (event_id, PAIRWISE)]
    assert world.there(joining).state is JobState.ENDED


def test_a_session_that_the_server_does_not_know() -> None:
    for version in VERSIONS:
        world = World(version=version)
        world.server.join_delay = 1.0
        job = world.submit("/slow", 5.0)
        world.run(0.5)
        world.server.forget()
        world.server.join_delay = 0.0
        error = world.error(job, within=5.0)
        assert isinstance(error, Disconnected)
        assert "404" in error.message
        after = world.submit("/predict", "hi")
        assert world.end(after).error is None
        world.finish()


def test_a_server_that_stops_is_left_at_once() -> None:
    world = World()
    jobs = [world.submit("/slow", 100.0), world.submit("/count", 50, 1.0)]
    world.run(2.0)
    world.server.stop()
    for job in jobs:
        error = world.error(job, within=1.0)
        assert isinstance(error, Disconnected)
        assert "Server stopped unexpectedly." in error.message
    world.run(5.0)
    assert not world.network.open_links
    world.finish()


def test_the_word_for_it_in_4_9() -> None:
    world = World(version=(4, 9, 0))
    job = world.submit("/slow", 100.0)
    world.run(1.0)
    world.server.emit({"msg": "server_stopped", "success": False})
    assert isinstance(world.error(job, within=1.0), Disconnected)


def test_an_unexpected_error_of_one_job_is_its_own() -> None:
    world = World()
    one, other = world.submit("/slow", 100.0), world.submit("/count", 5, 1.0)
    world.run(1.5)
    world.server.emit(
        {"msg": "unexpected_error", "event_id": world.there(one).event_id, "message": "oh", "success": False}
    )
    assert isinstance(world.error(one, within=1.0), Disconnected)
    assert world.end(other).error is None
    assert cancels(world) == []


def test_silence_ends_the_jobs_after_the_idle_limit() -> None:
    world = World()
    jobs = [world.submit("/slow", 1000.0), world.submit("/count", 1000, 1000.0)]
    world.run(1.0)
    world.server.silent = True
    start = world.now
    for job in jobs:
        error = world.error(job)
        assert isinstance(error, DeadlineExceeded)
        assert error.limit == "idle"
    assert Limits().idle - 2.0 <= world.now - start <= Limits().idle
    world.server.silent = False
    assert world.end(world.submit("/predict", "hi")).error is None


def test_heartbeats_keep_a_job_alive() -> None:
    world = World()
    job = world.submit("/slow", 3600.0)
    assert world.end(job, within=4000.0).error is None
    assert world.streams == 1


def test_a_blocked_loop_kills_no_healthy_job() -> None:
    world = World()
    job = world.submit("/slow", 1000.0)
    world.run(1.0)
    # More than once: each time what came meanwhile is read first.
    for _ in range(3):
        world.network.stall(100.0)
        world.run(20.0)
        assert world.ended(job) is None
    world.network.stall(100.0)
    world.server.silent = True
    world.run(0.5)
    assert world.ended(job) is None
    assert isinstance(world.error(job, within=1.0), DeadlineExceeded)


# Joins that are refused.


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(503, {"detail": "Queue is full. Max size is 3 and size is 3."}), QueueFull, "Queue is full"),
        (Answer(503, "<html>down</html>", {"content-type": "text/html"}), GradioError, "503"),
        (Answer(429, "slow down", {"retry-after": "7"}), RateLimited, "429"),
        (Answer(422, {"detail": [{"is_valid": False, "message": "must be positive", "parameter_name": "n"}]}), ValidationError, "positive"),
        (Answer(401, {"detail": "Not authenticated"}), AuthError, "401"),
        (Answer(500, "Internal Server Error"), RemoteProtocolError, "500"),
        (Answer(200, "<html>hello</html>"), RemoteProtocolError, "not JSON"),
        (Answer(200, {"event_id": 7}), RemoteProtocolError, "no event id"),
        (Answer(200, []), RemoteProtocolError, "no event id"),
        (Answer(200, '{"event_id": "\\ud800"}'), RemoteProtocolError, "no event id"),
        (Answer(200, "[" * 200 + "]" * 200), RemoteProtocolError, "nested"),
    ],
)  # fmt: skip
def test_a_join_that_is_refused_fails_its_job_alone(
    answer: Answer, kind: type[GradioError], text: str
) -> None:
    world = World()
    other = world.submit("/count", 3, 1.0)
    world.run(1.5)
    world.server.answers[JOIN] = [answer]
    error = world.error(world.submit("/predict", "hi"))
    assert isinstance(error, kind)
    assert text in str(error)
    assert world.end(other).error is None
    world.finish()


def test_an_event_id_that_was_given_before_is_refused() -> None:
    world = World()
    first = world.submit("/predict", "hi")
    world.end(first)
    second = world.submit("/slow", 5.0)
    world.run(1.0)
    for taken in (first, second):
        world.server.answers[JOIN] = [Answer(200, {"event_id": world.there(taken).event_id})]
        # The server has no such job: it only says so.
        error = world.error(world.submit("/predict", "hi"), within=1.0)
        assert isinstance(error, RemoteProtocolError)
    assert world.end(second).error is None


def test_a_join_that_is_never_answered_ends() -> None:
    world = World()
    world.server.join_delay = 1000.0
    error = world.error(world.submit("/predict", "hi"))
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "request"


def test_a_full_queue() -> None:
    world = World(max_size=1)
    running, queued = world.submit("/slow", 2.0), world.submit("/slow", 1.0)
    world.run(1.0)
    assert isinstance(world.error(world.submit("/slow", 1.0), within=1.0), QueueFull)
    assert world.end(queued).error is None
    assert world.end(running).error is None


def test_a_queue_is_told_of() -> None:
    world = World()
    world.submit("/slow", 2.0)
    queued = world.submit("/slow", 1.0)
    world.end(queued)
    told = [
        (e.status.stage, e.status.position, e.status.size)
        for e in world.told(queued)
        if isinstance(e, StatusChanged)
    ]
    assert told == [("pending", None, None), ("pending", 0, 1), ("pending", 0, 1)]


# Streams that are refused.


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(200, "<html>hello</html>", {"content-type": "text/html"}), RemoteProtocolError, "text/html"),
        (Answer(404, {"detail": "Not Found"}), Disconnected, "404"),
        (Answer(503, "<html>down</html>"), Disconnected, "503"),
        (Answer(401, {"detail": "Not authenticated"}), AuthError, "401"),
        (Answer(429, ""), RateLimited, "429"),
    ],
)
def test_a_stream_that_is_refused_fails_all_jobs(answer: Answer, kind: type[GradioError], text: str) -> None:
    world = World()
    world.server.answers[DATA] = [answer]
    jobs = [world.submit("/slow", 10.0), world.submit("/slow", 10.0)]
    for job in jobs:
        error = world.error(job)
        assert isinstance(error, kind)
        assert text in str(error)
    assert world.end(world.submit("/predict", "hi")).error is None
    world.finish()


# Messages.


def emit_for(world: World, job: JobId, **fields: Any) -> None:
    world.server.emit({"event_id": world.there(job).event_id, **fields})


def test_unknown_messages_are_told_and_ignored() -> None:
    world = World()
    job = world.submit("/slow", 5.0)
    world.run(1.0)
    emit_for(world, job, msg="brand_new", much=[1, 2])
    world.server.emit({"msg": "brand_new", "event_id": None})
    world.server.emit({"msg": "process_starts", "event_id": "nobody's"})
    assert world.end(job).error is None
    assert logged(world) == [
        "an unknown message: 'brand_new'",
        "a message for no job: 'brand_new'",
        "a message for an unknown job: ProcessStarts",
    ]


def test_a_known_message_in_a_shape_of_its_own_fails_its_job_alone() -> None:
    world = World()
    bad, good = world.submit("/pairwise", 10), world.submit("/slow", 5.0)
    world.run(1.5)
    emit_for(world, bad, msg="process_completed", output="none")
    error = world.error(bad, within=1.0)
    assert isinstance(error, RemoteProtocolError)
    assert "process_completed" in error.message
    assert world.end(good).error is None
    # The server may think otherwise of it.
    assert cancels(world) == [(world.there(bad).event_id, PAIRWISE)]
    assert world.there(bad).state is JobState.ENDED
    world.finish()


def test_an_edit_that_does_not_fit_fails_its_job_alone() -> None:
    world = World()
    bad, good = world.submit("/count", 10, 1.0), world.submit("/slow", 5.0)
    world.run(1.5)
    emit_for(world, bad, msg="process_generating", output={"data": [[["append", ["x"], 1]]]}, success=True)
    assert isinstance(world.error(bad, within=1.0), RemoteProtocolError)
    assert world.end(good).error is None


def test_a_result_of_streaming_inputs_is_no_edit() -> None:
    world = World()
    job = world.submit("/count", 3, 1.0)
    world.run(1.5)
    emit_for(world, job, msg="process_streaming", output={"data": [[["append", [], "x"]]]}, success=True)
    world.run(0.1)
    assert world.values(job) == [0, [["append", [], "x"]]]


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"msg": 1}', b"\xff\xfe", b"[" * 200])
def test_bad_json_ends_the_session(text: bytes) -> None:
    world = World()
    jobs = [world.submit("/slow", 50.0), world.submit("/count", 5, 1.0)]
    world.run(1.5)
    world.server.emit(text)
    for job in jobs:
        assert isinstance(world.error(job, within=1.0), RemoteProtocolError)
    assert not [link for link in world.network.open_links if b"queue/data" in link.sent]
    assert world.end(world.submit("/predict", "hi")).error is None


def test_an_event_that_is_too_long_ends_the_session() -> None:
    world = World(limits=Limits(event=10_000))
    good = world.submit("/count", 2, 0.1)
    world.end(good)
    job, other = world.submit("/slow", 50.0), world.submit("/count", 5, 1.0)
    world.run(1.5)
    emit_for(world, other, msg="log", log="before it", level="info")
    world.server.emit(json.dumps({"msg": "log", "log": "x" * 20_000}).encode())
    for lost in (job, other):
        error = world.error(lost, within=1.0)
        assert isinstance(error, RemoteProtocolError)
        assert "Limits.event" in error.message
    assert isinstance(world.told(other)[-2], LogReceived)


def test_what_came_before_an_event_that_is_too_long_is_told_however_it_is_cut_up() -> None:
    def told(pieces: list[bytes]) -> list[object]:
        world = World(limits=Limits(event=1000))
        job = world.submit("/slow", 50.0)
        world.run(1.0)
        event_id = world.there(job).event_id.encode()
        line = b'data: {"msg":"log","event_id":"%b","log":"before it"}\n\n' % event_id
        text = line + b"data: " + b"x" * 2000
        data = b"%x\r\n%b\r\n" % (len(text), text)
        link = world.stream_link
        for piece in pieces or [data]:
            world.engine.received(link.id, data if piece == b"*" else piece, world.now)
        if pieces == [b""]:
            for i in range(len(data)):
                world.engine.received(link.id, data[i : i + 1], world.now)
        world.network.pump()
        return [type(event) for event in world.told(job)]

    # An empty piece is no piece.
    assert told([b""]) == told([b"*"])
    assert told([b"*"])[-2:] == [LogReceived, JobFinished]


@pytest.mark.parametrize("limits", [Limits(mailbox=20), Limits(early=1000)])
def test_too_many_messages_for_nobody_end_the_session(limits: Limits) -> None:
    world = World(limits=limits)
    first = world.submit("/slow", 50.0)
    world.run(1.0)
    world.server.join_delay = 10.0
    second = world.submit("/count", 50, 0.1)
    for job in (first, second):
        error = world.error(job, within=8.0)
        assert isinstance(error, RemoteProtocolError)
        assert "Limits.mailbox" in error.message
    world.server.join_delay = 0.0
    world.run(10.0)
    assert world.end(world.submit("/predict", "hi")).error is None
    world.finish()


def test_what_comes_after_the_end_of_an_early_job_is_ignored() -> None:
    world = World()
    world.submit("/slow", 50.0)
    world.run(1.0)
    world.server.join_delay = 1.0
    job = world.submit("/predict", "hi")
    world.run(0.5)
    emit_for(world, job, msg="process_completed", output={"data": ["again"]}, success=True)
    assert world.end(job).error is None
    assert world.values(job) == ["hi"]
    world.check_whole()


def test_close_stream_twice() -> None:
    world = World()
    job = world.submit("/slow", 1.0)
    world.run(0.5)
    for _ in range(2):
        world.server.emit({"msg": "close_stream", "event_id": None})
    assert world.end(job).error is None
    world.finish()


def test_what_nobody_asked_for_is_forgotten_with_the_last_join() -> None:
    world = World(limits=Limits(mailbox=20))
    job = world.submit("/slow", 50.0)
    world.run(1.0)
    for i in range(5):
        world.server.join_delay = 1.0
        joining = world.submit("/predict", "hi")
        world.run(0.5)
        for _ in range(8):
            world.server.emit({"msg": "log", "event_id": f"nobody's {i}"})
        assert world.end(joining).error is None
    assert world.ended(job) is None


# Cancelling.


def test_cancel_while_joining() -> None:
    for version in VERSIONS:
        world = World(version=version)
        other = world.submit("/slow", 20.0)
        world.run(1.0)
        world.server.join_delay = 2.0
        job = world.submit("/single", 50)
        world.run(1.0)
        world.cancel(job)
        assert isinstance(world.error(job), JobCancelled)
        world.run(5.0)
        # Its first messages lay in the mailbox, so it is known to run.
        assert world.there(job).state is JobState.ENDED
        event_id = world.there(job).event_id
        if version == OLD:
            assert resets(world) == [event_id]
        else:
            assert cancels(world)[-1] == (event_id, SINGLE)
        assert world.values(job) == []
        assert world.end(other).error is None
        world.finish()


def test_cancel_of_the_only_job_while_joining() -> None:
    for version in VERSIONS:
        world = World(version=version)
        world.server.join_delay = 2.0
        job = world.submit("/single", 50)
        world.run(1.0)
        world.cancel(job)
        world.run(10.0)
        assert world.there(job).state is JobState.ENDED
        world.server.join_delay = 0.0
        after = world.submit("/single", 2)
        assert world.end(after, within=10.0).error is None
        assert world.values(after) == [0, 1]
        world.finish()


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("version", [OLD, FOUR, FIVE, SIX])
def test_cancel_of_a_job_that_started_as_the_stream_ended(
    version: tuple[int, int, int], answered: bool
) -> None:
    """The server took it after it had decided to end the stream, so that nothing there tells of its start."""
    drive = Drive(".".join(map(str, version)))
    drive.submit("/predict", "x")
    drive.answer({"event_id": "1"})
    stream = drive.requests("/queue/data", "GET")[-1].exchange
    drive.begin(stream)
    done = {"msg": "process_completed", "event_id": "1", "output": {"data": ["x"]}, "success": True}
    drive.write(stream, done)
    job = drive.submit("/predict", "x")
    join = drive.requests("/queue/join")[-1]
    if answered:
        drive.answer({"event_id": "2"}, to=join)
        drive.cancel(job)
    else:
        drive.cancel(job)
        drive.answer({"event_id": "2"}, to=join)
    drive.write(stream, {"msg": "close_stream"})
    drive.finish_stream(stream)
    if version == SIX:
        while waiting := [
            request for request in drive.requests("/cancel") if request.exchange not in drive.over
        ]:
            drive.answer({"success": True}, to=waiting[0])
        asked = [(post["event_id"], post["fn_index"]) for post in drive.posts("/cancel")]
        assert asked == [("2", NO_FUNCTION), ("2", NO_FUNCTION), ("2", PREDICT)]
    else:
        # It can't be taken from the queue, so its start is waited for.
        again = drive.requests("/queue/data", "GET")[-1].exchange
        assert again != stream
        drive.begin(again)
        drive.write(again, {"msg": "process_generating", "event_id": "2", "output": {"data": ["x"]}})
        assert [post["event_id"] for post in drive.posts("/reset" if version == OLD else "/cancel")] == ["2"]


def test_two_cancels_of_jobs_that_started_as_the_stream_ended() -> None:
    drive = Drive("5.49.1")
    drive.submit("/predict", "x")
    drive.answer({"event_id": "1"})
    stream = drive.requests("/queue/data", "GET")[-1].exchange
    drive.begin(stream)
    for event_id in ("2", "3"):
        job = drive.submit("/predict", "x")
        drive.answer({"event_id": event_id}, to=drive.requests("/queue/join")[-1])
        drive.cancel(job)
    drive.write(stream, {"msg": "process_completed", "event_id": "1", "output": {"data": ["x"]}})
    drive.finish_stream(stream)
    # One stream for both.
    assert len(drive.requests("/queue/data", "GET")) == 2


def test_cancel_while_queued() -> None:
    for version in VERSIONS:
        world = World(version=version)
        running = world.submit("/single", 5)
        world.run(0.5)
        queued, third = world.submit("/single", 50), world.submit("/single", 2)
        world.run(0.5)
        world.cancel(queued)
        world.cancel(queued)
        assert isinstance(world.error(queued), JobCancelled)
        world.run(1.0)
        if version >= (6, 14, 0):
            assert cancels(world) == [(world.there(queued).event_id, NO_FUNCTION)]
            assert world.there(queued).state is JobState.ENDED
        else:
            assert cancels(world) == []
        assert world.end(running).error is None
        assert world.values(running) == [0, 1, 2, 3, 4]
        # Where it could not be taken from the queue it is stopped when it starts.
        assert world.end(third, within=40.0).error is None
        assert world.values(third) == [0, 1]
        assert world.there(queued).state is JobState.ENDED
        assert world.values(queued) == []
        world.finish()


def test_cancel_while_running() -> None:
    for version in VERSIONS:
        world = World(version=version)
        job = world.submit("/single", 50)
        queued = world.submit("/single", 2)
        world.run(2.5)
        world.cancel(job)
        assert isinstance(world.error(job), JobCancelled)
        world.run(3.0)
        event_id = world.there(job).event_id
        assert world.there(job).state is JobState.ENDED
        if version == OLD:
            assert resets(world) == [event_id]
        else:
            # The kill is held until more is heard, since another job waits.
            assert cancels(world) == [(event_id, SINGLE)]
        assert world.values(job) == [0, 1]
        assert world.end(queued).error is None
        world.finish()


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_cancel_at_the_last_value_spares_the_next_in_line(version: tuple[int, int, int]) -> None:
    world = World(version=version)
    job, queued = world.submit("/single", 3), world.submit("/single", 3)
    world.until(lambda: len(world.values(job)) == 3)
    world.cancel(job)
    assert world.end(queued, within=100.0).error is None


def test_cancel_with_a_sibling_that_runs() -> None:
    for version in VERSIONS:
        world = World(version=version)
        job, sibling = world.submit("/pairwise", 50), world.submit("/pairwise", 5)
        world.run(2.5)
        world.cancel(job)
        world.run(0.5)
        if version == OLD:
            assert world.there(job).state is JobState.ENDED
        else:
            assert cancels(world) == []
            # It runs on for now: the kill is owed.
            assert world.there(job).state is JobState.RUNNING
        assert world.end(sibling).error is None
        assert world.values(sibling) == [0, 1, 2, 3, 4]
        world.run(0.5)
        assert world.there(job).state is JobState.ENDED
        if version != OLD:
            assert cancels(world) == [(world.there(job).event_id, PAIRWISE)]
        world.finish()


def test_a_kill_that_is_owed_does_not_meet_the_next_in_line() -> None:
    # At the end of the sibling the queued job starts, before anybody here can know.
    for version in VERSIONS:
        world = World(version=version)
        job, sibling, queued = (
            world.submit("/pairwise", 50),
            world.submit("/pairwise", 5),
            world.submit("/pairwise", 4),
        )
        world.run(2.5)
        world.cancel(job)
        assert world.end(sibling).error is None
        assert world.end(queued, within=20.0).error is None
        assert world.values(queued) == [0, 1, 2, 3]
        world.run(0.5)
        assert world.there(job).state is JobState.ENDED
        world.finish()


def test_a_kill_that_is_owed_is_done_once_the_others_are_known_to_wait() -> None:
    # The join of the second is under way when the first is cancelled, so it might run; but it waits for the place of the first.
    for version in VERSIONS[1:]:
        world = World(version=version)
        job = world.submit("/single", 500)
        world.run(1.5)
        waiting = world.submit("/single", 3)
        world.cancel(job)
        world.run(1.9)
        assert cancels(world) == []
        world.run(1.2)
        assert cancels(world) == [(world.there(job).event_id, SINGLE)]
        assert world.end(waiting, within=5.0).error is None
        assert world.values(job) == [0]
        assert world.values(waiting) == [0, 1, 2]
        world.finish()


def test_a_kill_waits_for_a_message() -> None:
    """With which comes all that there was before: the end of the job itself, too."""
    world = World()
    job = world.submit("/single", 500)
    world.run(1.5)
    waiting = world.submit("/single", 3)
    world.run(0.1)
    world.cancel(job)
    # It yields every second, at last before it has had some time to end.
    world.run(2.3)
    assert cancels(world) == []
    world.run(0.2)
    assert cancels(world) == [(world.there(job).event_id, SINGLE)]
    assert world.end(waiting, within=5.0).error is None
    assert world.values(job) == [0]
    world.finish()


def test_a_job_that_yields_nothing_is_left_to_end_where_others_wait() -> None:
    world = World(opened=False)
    config = world.server.config()
    for dependency in config["dependencies"]:
        dependency["types"]["generator"] = False
    world.server.answers["/config"] = [Answer(body=config)]
    world.until(lambda: world.network.happened(AppOpened))
    job, waiting = world.submit("/slow", 50.0), world.submit("/slow", 1.0)
    world.run(1.0)
    world.cancel(job)
    world.run(45.0)
    assert cancels(world) == []
    assert world.end(waiting).error is None
    assert world.there(job).state is JobState.ENDED
    world.finish()


def test_a_job_that_ends_by_itself_while_another_is_owed_a_kill_leaves_that_owed() -> None:
    world = World()
    job, other = world.submit("/pairwise", 500), world.submit("/pairwise", 500)
    world.run(1.5)
    waiting = world.submit("/pairwise", 2)
    world.run(0.1)
    world.cancel(job)
    world.cancel(other)
    assert cancels(world) == []
    emit_for(world, other, msg="process_completed", output={"data": [7]}, success=True)
    world.run(4.0)
    assert cancels(world) == [(world.there(job).event_id, PAIRWISE)]
    assert world.end(waiting).error is None


def test_a_kill_that_is_owed_is_thought_of_when_the_job_is_heard_of() -> None:
    world = World()
    job, sibling = world.submit("/pairwise", 500), world.submit("/pairwise", 500)
    world.run(2.5)
    world.submit("/pairwise", 500)
    world.cancel(job)
    world.submit("/direct", "x")
    world.run(1.0)
    emit_for(world, job, msg="estimation", rank=0)
    emit_for(world, job, msg="heartbeat")
    world.run(1.0)
    assert cancels(world) == []
    # The server has given the sibling up, and the third waits for the place of the first.
    emit_for(world, sibling, msg="process_completed", output={"data": [1]}, success=True)
    for _ in range(2):
        # It talks on until it is stopped.
        emit_for(world, job, msg="process_generating", output={"data": [7]}, success=True)
    world.run(1.0)
    assert cancels(world) == [(world.there(job).event_id, PAIRWISE)]
    world.finish()


def test_a_job_that_ends_by_itself_is_not_killed() -> None:
    world = World()
    job = world.submit("/single", 500)
    world.run(1.5)
    world.submit("/single", 3)
    world.run(0.1)
    world.cancel(job)
    world.run(0.2)
    # Its last value, and its end right behind it.
    emit_for(world, job, msg="process_generating", output={"data": [7]}, success=True)
    emit_for(world, job, msg="process_completed", output={"data": [7]}, success=True)
    world.run(2.0)
    assert cancels(world) == []


def test_one_kill_is_enough() -> None:
    # A second one would meet the job that the first has made room for.
    world = World()
    job, sibling, queued = (
        world.submit("/pairwise", 50),
        world.submit("/pairwise", 50),
        world.submit("/pairwise", 4),
    )
    world.run(2.5)
    world.cancel(job)
    world.cancel(sibling)
    assert world.end(queued, within=20.0).error is None
    world.run(1.0)
    assert [index for _, index in cancels(world)] == [PAIRWISE]
    assert {world.there(job).state, world.there(sibling).state} == {JobState.ENDED}
    world.finish()


def test_old_messages_of_a_cancelled_job_kill_nobody() -> None:
    for version in VERSIONS:
        world = World(version=version)
        world.server.join_delay = 2.0
        job = world.submit("/single", 3)
        world.run(1.0)
        world.cancel(job)
        world.run(10.0)
        world.server.join_delay = 0.0
        after = world.submit("/single", 5)
        assert world.end(after, within=40.0).error is None
        assert world.values(after) == [0, 1, 2, 3, 4]
        if version == SIX:
            event_id = world.there(job).event_id
            assert cancels(world) == [(event_id, -1), (event_id, SINGLE)]
        world.finish()


def test_a_short_job_is_not_stopped_at_its_start_at_the_cost_of_the_next() -> None:
    # It is through before the kill could arrive, and the next one in its place.
    for version in VERSIONS:
        world = World(version=version)
        running, short, following = (
            world.submit("/slow", 2.0),
            world.submit("/slow", 0.005),
            world.submit("/slow", 1.0),
        )
        world.run(1.0)
        world.cancel(short)
        assert world.end(running).error is None
        assert world.end(following, within=40.0).error is None
        world.finish()


def test_a_kill_that_is_owed_waits_for_a_join_too() -> None:
    world = World()
    job = world.submit("/pairwise", 50)
    world.run(1.5)
    world.server.join_delay = 2.0
    joining = world.submit("/pairwise", 3)
    world.run(0.5)
    world.cancel(job)
    world.run(0.5)
    assert cancels(world) == []
    world.cancel(joining)
    world.run(10.0)
    assert {world.there(job).state, world.there(joining).state} == {JobState.ENDED}


def test_a_kill_that_is_owed_is_done_when_the_join_it_waited_for_is_refused() -> None:
    world = World()
    job = world.submit("/slow", 50.0)
    world.run(1.5)
    world.server.answers[JOIN] = [Answer(503, {"detail": "Queue is full."})]
    joining = world.submit("/slow", 3.0)
    world.cancel(job)
    assert isinstance(world.error(joining), QueueFull)
    world.run(1.0)
    assert cancels(world) == [(world.there(job).event_id, SLOW)]
    assert world.there(job).state is JobState.ENDED
    world.finish()


def test_a_kill_that_is_owed_is_done_even_where_the_job_is_forgotten() -> None:
    world = World(limits=Limits(tombstones=1))
    job, sibling = world.submit("/pairwise", 50), world.submit("/pairwise", 4)
    world.run(2.5)
    world.cancel(job)
    assert world.end(world.submit("/predict", "hi")).error is None
    assert world.end(sibling, within=20.0).error is None
    world.run(1.0)
    assert cancels(world)[-1] == (world.there(job).event_id, PAIRWISE)
    assert world.there(job).state is JobState.ENDED
    world.finish()


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_a_job_that_follows_a_kill_is_joined_once_that_was_answered(version: tuple[int, int, int]) -> None:
    """Over a connection of its own its join could be there first, and the kill would meet it as well."""
    world = World(version=version)
    world.server.cancel_delay = 1.0
    job = world.submit("/pairwise", 50)
    world.run(1.5)
    joins = len(world.posts("/join"))
    world.cancel(job)
    again, other = world.submit("/pairwise", 3), world.submit("/predict", "hi")
    assert world.end(other).error is None
    assert len(world.posts("/join")) == joins + 1
    given_up = world.submit("/pairwise", 3)
    world.cancel(given_up)
    assert world.end(again).error is None
    assert world.values(again) == [0, 1, 2]
    assert len(world.posts("/join")) == joins + 2
    assert cancels(world) == [(world.there(job).event_id, PAIRWISE)]
    world.finish()


def test_a_kill_that_is_not_answered_holds_nobody_back_for_long() -> None:
    world = World()
    world.server.cancel_delay = 50.0
    job = world.submit("/pairwise", 50)
    world.run(1.5)
    world.cancel(job)
    again = world.submit("/pairwise", 2)
    world.run(Limits().grace + 2.0)
    assert world.there(job).killed
    assert world.end(again).error is None
    # Nor does it hold anybody back that its answer is late, while another kill is under way.
    later = world.submit("/pairwise", 50)
    world.run(1.5)
    world.cancel(later)
    world.run(48.0)
    last = world.submit("/pairwise", 2)
    assert world.end(last).error is None
    world.finish()


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("alive", [False, True])
def test_a_job_that_a_kill_may_have_met_is_not_waited_for_in_silence(alive: bool, named: bool) -> None:
    """A cancelled one ends by itself as the kill is on its way, the named one or another, and the next starts in its place."""
    world = World()
    job = world.submit("/single", 500)
    world.run(1.5)
    event_id = world.there(job).event_id
    waiting = world.submit("/single", 500)
    world.run(0.1)
    world.server.answers["/gradio_api/cancel"] = [Answer(body={"success": True}) for _ in range(3)]
    world.cancel(job)
    world.until(lambda: bool(cancels(world)))
    assert cancels(world) == [(event_id, SINGLE)]
    world.there(job).muted = True
    if named:
        emit_for(world, job, msg="process_completed", output={"data": [7]}, success=True)
    emit_for(world, waiting, msg="process_starts")
    emit_for(world, job, msg="process_completed", output={}, success=True)
    world.run(30.0)
    assert world.values(waiting) == []
    if alive:
        emit_for(world, waiting, msg="process_generating", output={"data": [0]}, success=True)
        world.run(300.0)
        assert world.values(waiting) == [0]
    else:
        world.run(Limits().idle)
        error = world.error(waiting)
        assert isinstance(error, Disconnected)
        assert "cancelled" in str(error)


@pytest.mark.parametrize("said", [True, False])
def test_a_job_that_starts_after_a_kill_may_be_silent(said: bool) -> None:
    """The server says that it has killed, or has had the time to."""
    world = World()
    job = world.submit("/single", 500)
    world.run(1.5)
    waiting = world.submit("/single", 500)
    world.run(0.1)
    world.server.answers["/gradio_api/cancel"] = [Answer(body={"success": True})]
    world.cancel(job)
    world.until(lambda: bool(cancels(world)))
    world.there(job).muted = True
    if said:
        emit_for(world, job, msg="process_completed", output={}, success=True)
    else:
        world.run(Limits().grace + 0.1)
    emit_for(world, waiting, msg="process_starts")
    world.run(300.0)
    assert world.ended(waiting) is None


@pytest.mark.parametrize("version", [FOUR, FIVE])
def test_a_job_that_ends_as_it_is_cancelled_costs_the_others_nothing(version: tuple[int, int, int]) -> None:
    """Up to 5.45 the server breaks the stream over the kill of a job that has ended; what it has to say stays there (4.44.1)."""
    world = World(version=version)
    job, other = world.submit("/single", 2), world.submit("/count", 20, 0.5)
    world.until(lambda: world.values(job) == [0])
    ended = world.there(job)
    world.until(lambda: ended.state is JobState.ENDED)
    world.cancel(job)
    assert isinstance(world.error(job), JobCancelled)
    assert world.end(other).error is None
    assert world.values(other) == list(range(20))
    assert cancels(world) == [(ended.event_id, SINGLE)]
    assert world.streams == (2 if version < (5, 46, 0) else 1)
    world.finish()


def test_a_stream_that_broke_over_the_last_job_is_not_opened_again() -> None:
    world = World(version=FOUR)
    job = world.submit("/single", 50)
    world.run(1.5)
    world.cancel(job)
    world.server.emit(
        {"msg": "unexpected_error", "event_id": None, "message": repr(world.there(job).event_id)}
    )
    world.run(5.0)
    assert world.streams == 1
    world.finish()


def test_an_unexpected_error_that_names_no_job_of_ours_ends_the_session() -> None:
    world = World(version=FOUR)
    job = world.submit("/count", 20, 0.5)
    world.run(1.0)
    world.server.emit(
        {"msg": "unexpected_error", "event_id": None, "message": "'elsewhere'", "success": False}
    )
    assert isinstance(world.error(job), Disconnected)


def test_a_generator_is_stopped_at_its_first_yield_where_it_can_not_be_before() -> None:
    """Before 4.31 a reset means nothing until there is something to be stopped (4.16.0)."""
    world = World(version=OLD)
    job = world.submit("/single", 50)
    world.run(0.5)
    emit_for(world, job, msg="process_starts")
    world.cancel(job)
    world.run(0.1)
    emit_for(world, job, msg="progress", progress_data=[])
    assert len(resets(world)) == 1
    emit_for(world, job, msg="process_generating", output={"data": [0]}, success=True)
    emit_for(world, job, msg="process_generating", output={"data": [0]}, success=True)
    world.run(0.1)
    assert resets(world) == [world.there(job).event_id] * 2


def test_cancel_after_the_end_does_nothing() -> None:
    world = World()
    job = world.submit("/predict", "hi")
    end = world.end(job)
    world.cancel(job)
    world.run(1.0)
    assert world.ended(job) == end
    assert cancels(world) == []


def test_cancel_that_the_server_refuses_is_told_to_nobody_but_the_log() -> None:
    world = World()
    job = world.submit("/single", 50)
    world.run(1.5)
    path = "/gradio_api/cancel"
    world.server.answers[path] = [Answer(200, "", cut=Cut.RESET), Answer(500, "")]
    world.server.answers[path][0] = Answer(200, "x" * 100, cut=None)
    world.cancel(job)
    world.run(1.0)
    assert isinstance(world.error(job), JobCancelled)
    assert logged(world) == []
    other = world.submit("/single", 50)
    world.run(1.5)
    world.server.silent = True
    world.network.hosts.clear()
    for link in world.network.open_links:
        if link is not world.stream_link:
            world.network.cut(link)
    world.run(0.1)
    world.cancel(other)
    world.run(5.0)
    assert any(text.startswith("cancelling on the server failed: ") for text in logged(world))


def test_cancelled_by_somebody_else() -> None:
    world = World()
    job = world.submit("/single", 50)
    world.run(1.5)
    emit_for(world, job, msg="process_completed", output={}, success=True)
    error = world.error(job)
    assert isinstance(error, JobCancelled)
    assert "on the server" in error.message


def test_a_queued_job_that_completes_at_once_needs_no_stop() -> None:
    # Before 6.14 it is left in the queue, and may be through before it is heard of.
    world = World(version=FOUR)
    world.submit("/slow", 5.0)
    world.run(1.0)
    queued = world.submit("/slow", 1.0)
    world.run(0.5)
    world.cancel(queued)
    emit_for(world, queued, msg="estimation", rank=0)
    emit_for(world, queued, msg="process_completed", output={"data": ["x"]}, success=True)
    emit_for(world, queued, msg="process_starts")
    world.run(1.0)
    assert cancels(world) == []


def test_tombstones_are_bounded() -> None:
    world = World(limits=Limits(tombstones=3))
    jobs = [world.submit("/predict", i) for i in range(10)]
    for job in jobs:
        world.end(job)
    stream = next(iter(world.engine._session._transports._shared.values()))
    assert len(stream.stopping._ended) == 3  # type: ignore[attr-defined]


def test_a_timeout_cancels() -> None:
    for version in VERSIONS:
        world = World(version=version)
        job = world.submit("/single", 50, timeout=2.5)
        other = world.submit("/count", 5, 1.0, timeout=100.0)
        error = world.error(job)
        assert isinstance(error, DeadlineExceeded)
        assert error.limit == "timeout"
        assert world.values(job) == [0, 1]
        assert world.end(other).error is None
        assert world.there(job).state is JobState.ENDED
        world.finish()


# Sessions of their own.


def test_isolated_jobs_touch_nobody() -> None:
    for version in VERSIONS:
        world = World(version=version)
        shared, alone, third = (
            world.submit("/pairwise", 5),
            world.submit("/pairwise", 50, isolated=True),
            world.submit("/count", 5, 1.0),
        )
        world.run(2.5)
        assert len({job.session for job in world.server.jobs}) == 2
        assert world.streams == 2
        world.cancel(alone)
        world.run(0.5)
        assert world.there(alone).state is JobState.ENDED
        assert world.end(shared).error is None
        assert world.end(third).error is None
        world.finish()


def test_an_isolated_job_that_is_lost_costs_itself_alone() -> None:
    world = World()
    shared = world.submit("/count", 5, 1.0)
    world.run(1.0)
    alone = world.submit("/count", 50, 1.0, isolated=True)
    world.run(1.0)
    world.network.cut(world.stream_link)
    assert isinstance(world.error(alone, within=1.0), Disconnected)
    assert world.end(shared).error is None
    # A finished one leaves nothing.
    assert world.end(world.submit("/predict", "hi", isolated=True)).error is None
    world.run(1.0)
    assert len(world.engine._session._transports._isolated) == 1
    world.finish()


def test_isolated_streams_end_with_their_jobs_in_all_versions() -> None:
    for version in VERSIONS:
        for joining in (False, True):
            world = World(version=version)
            world.server.join_delay = 2.0 if joining else 0.0
            job = world.submit("/single", 50, isolated=True)
            world.run(1.5)
            world.cancel(job)
            world.run(30.0)
            assert world.there(job).state is JobState.ENDED
            assert not world.network.open_links
            assert world.engine.deadline is None
            world.finish()


def test_an_isolated_job_that_fails_here_leaves_no_stream() -> None:
    for version in VERSIONS:
        world = World(version=version)
        job = world.submit("/single", 50, isolated=True)
        world.run(1.5)
        emit_for(world, job, msg="process_generating", output="none")
        assert isinstance(world.error(job, within=1.0), RemoteProtocolError)
        world.run(30.0)
        assert world.there(job).state is JobState.ENDED
        assert not world.network.open_links


# Closing.


def test_close_with_jobs_in_all_states() -> None:
    for version in VERSIONS:
        world = World(version=version)
        running, queued, isolated = (
            world.submit("/single", 50),
            world.submit("/single", 50),
            world.submit("/count", 50, 1.0, isolated=True),
        )
        world.run(1.5)
        world.server.join_delay = 1.0
        joining = world.submit("/pairwise", 50)
        world.run(0.5)
        start = world.now
        world.finish()
        for job in (running, queued, isolated, joining):
            assert isinstance(world.error(job), JobCancelled)
        assert world.now - start >= 0
        assert {world.there(job).state for job in (running, queued, joining)} == {JobState.ENDED}


@pytest.mark.parametrize("version", VERSIONS)
def test_close_soon_after_a_cancel_that_crosses_with_the_jobs_start(version: tuple[int, int, int]) -> None:
    """Nobody reads any more when the server says that it has started."""
    for milliseconds in range(0, 400, 10):
        world = World(version=version)
        job = world.submit("/single", 50)
        world.run(milliseconds / 1000)
        world.cancel(job)
        world.close()
        world.run(Limits().grace)
        states = {job.state for job in world.server.jobs}
        assert JobState.QUEUED not in states
        assert JobState.RUNNING not in states, milliseconds


def test_an_isolated_job_whose_cancel_crosses_with_its_start() -> None:
    for milliseconds in range(0, 400, 10):
        world = World()
        job = world.submit("/single", 50, isolated=True)
        world.run(milliseconds / 1000)
        world.cancel(job)
        world.run(1.0)
        assert {job.state for job in world.server.jobs} <= {JobState.ENDED}, milliseconds
        world.finish()


def test_close_waits_for_no_longer_than_the_grace() -> None:
    world = World()
    world.server.join_delay = 1000.0
    world.submit("/single", 50)
    world.run(0.5)
    start = world.now
    world.close()
    world.until(lambda: world.engine._session.state.value == "closed")
    assert world.now - start == pytest.approx(Limits().grace)
    world.finish()


def test_close_after_the_stream_was_lost() -> None:
    world = World()
    world.submit("/slow", 100.0)
    world.run(1.0)
    world.server.join_delay = 1.0
    world.submit("/slow", 100.0)
    world.network.cut(world.stream_link)
    world.run(0.2)
    world.finish()


# Slow applications.

SMALL = Limits(job_buffer=20_000)


def sizes(world: World, job: JobId) -> int:
    return sum(e.size for e in world.told(job) if not isinstance(e, JobFinished))


def pauses(world: World) -> list[type]:
    return [
        type(action)
        for _, action in world.network.actions
        if isinstance(action, PauseReading | ResumeReading)
    ]


def test_the_only_job_is_held_up_until_its_events_are_taken() -> None:
    world = World(limits=SMALL)
    job = world.submit("/burst", 100, 1000)
    world.run(300.0)
    assert pauses(world) == [PauseReading]
    held = sizes(world, job)
    assert held <= SMALL.job_buffer + 5000
    assert world.ended(job) is None
    # Half of it must be taken before the stream goes on.
    world.consumed(job, held - SMALL.job_buffer // 2 - 1)
    assert pauses(world) == [PauseReading]
    world.consumed(job, 1)
    world.run(300.0)
    assert pauses(world) == [PauseReading, ResumeReading, PauseReading]
    while world.ended(job) is None:
        world.consumed(job, sizes(world, job))
        world.run(20.0)
    assert world.end(job).error is None
    assert [int(value.rstrip("x")) for value in world.values(job)] == list(range(100))
    world.consumed(job, 10**6)
    world.finish()


def test_one_value_may_be_larger_than_the_bound() -> None:
    world = World(limits=SMALL)
    job = world.submit("/predict", "x" * 100_000)
    assert world.end(job).error is None
    assert pauses(world) == []


def test_events_that_are_taken_in_time_hold_nothing_up() -> None:
    world = World(limits=SMALL)
    job = world.submit("/burst", 30, 1000)
    taken = 0
    while world.ended(job) is None:
        world.run(1.0)
        held = sizes(world, job) - taken
        assert held > SMALL.job_buffer // 2 or world.ended(job)
        world.consumed(job, held)
        taken += held
    assert pauses(world) == []


def test_with_others_open_a_job_over_its_bound_ends() -> None:
    world = World(limits=SMALL)
    full, other = world.submit("/burst", 1000, 1000), world.submit("/count", 20, 1.0)
    error = world.error(full)
    assert isinstance(error, RemoteProtocolError)
    assert "Limits.job_buffer" in error.message
    assert sizes(world, full) <= SMALL.job_buffer + 5000
    assert pauses(world) == []
    assert world.end(other).error is None
    assert world.there(full).state is JobState.ENDED


def test_a_submission_ends_the_pause() -> None:
    world = World(limits=SMALL)
    full = world.submit("/burst", 1000, 1000)
    world.run(100.0)
    other = world.submit("/predict", "hi")
    assert world.end(other, within=2.0).error is None
    assert pauses(world)[:2] == [PauseReading, ResumeReading]
    assert isinstance(world.error(full), RemoteProtocolError)


def test_a_pause_that_a_submission_ended_is_not_ended_again() -> None:
    world = World(limits=SMALL)
    full = world.submit("/burst", 100, 1000)
    world.until(lambda: pauses(world))
    other = world.submit("/predict", "hi")
    assert world.end(other, within=0.1).error is None
    world.consumed(full, sizes(world, full))
    assert pauses(world) == [PauseReading, ResumeReading]
    while world.ended(full) is None:
        world.run(0.1)
        world.consumed(full, 2000)
    assert world.end(full).error is None
    assert len(world.values(full)) == 100


ALL_TOGETHER = Limits(job_buffer=1_000_000, buffer=20_000)


def test_all_jobs_together_have_a_bound() -> None:
    world = World(limits=ALL_TOGETHER)
    large = [world.submit("/burst", 100, 1000) for _ in range(4)]
    small = world.submit("/count", 10, 1.0)
    most = 0
    while not all(world.ended(job) for job in large):
        world.run(0.05)
        most = max(most, world.engine._session._board.outstanding)
    assert ALL_TOGETHER.buffer < most < 1.5 * ALL_TOGETHER.buffer
    errors = [world.error(job) for job in large]
    assert all(isinstance(error, RemoteProtocolError) for error in errors)
    assert all("Limits.buffer" in str(error) for error in errors)
    # Those that hold less than their share go on.
    assert world.end(small).error is None
    world.finish()


def test_what_is_taken_makes_room_for_others() -> None:
    world = World(limits=ALL_TOGETHER)
    jobs = [world.submit("/burst", 60, 1000) for _ in range(4)]
    taken = dict.fromkeys(jobs, 0)
    while not all(world.ended(job) for job in jobs):
        world.run(0.1)
        for job in jobs:
            world.consumed(job, sizes(world, job) - taken[job])
            taken[job] = sizes(world, job)
    assert all(world.end(job).error is None for job in jobs)
    assert world.engine._session._board.outstanding == 0


def test_the_only_job_is_held_up_at_the_bound_of_all() -> None:
    world = World(limits=ALL_TOGETHER)
    job = world.submit("/burst", 100, 1000)
    world.run(300.0)
    assert pauses(world) == [PauseReading]
    held = sizes(world, job)
    assert held <= ALL_TOGETHER.buffer + 5000
    world.consumed(job, held)
    world.run(1.0)
    assert pauses(world)[:2] == [PauseReading, ResumeReading]
    while world.ended(job) is None:
        world.run(5.0)
        world.consumed(job, sizes(world, job))
    assert world.end(job).error is None


def test_a_cancelled_join_is_no_reason_to_end_a_slow_job() -> None:
    world = World(limits=SMALL)
    full = world.submit("/burst", 1000, 1000)
    world.run(1.0)
    world.server.join_delay = 50.0
    world.cancel(world.submit("/predict", "hi"))
    world.run(20.0)
    assert world.ended(full) is None
    assert pauses(world) == [PauseReading]


def test_a_cancel_ends_the_pause() -> None:
    world = World(limits=SMALL)
    full = world.submit("/burst", 1000, 1000)
    world.run(100.0)
    world.cancel(full)
    assert pauses(world) == [PauseReading, ResumeReading]
    assert world.end(world.submit("/predict", "hi")).error is None
    world.finish()


def test_newest_is_never_a_reason_to_pause_or_to_end() -> None:
    world = World(limits=SMALL)
    job = world.submit("/burst", 200, 1000, newest=True)
    other = world.submit("/count", 3, 0.1)
    assert world.end(other).error is None
    assert world.end(job).error is None
    assert len(world.values(job)) == 200
    assert pauses(world) == []


@pytest.mark.parametrize("how", list(Cut))
def test_a_stream_that_is_lost_during_a_pause(how: Cut) -> None:
    world = World(limits=SMALL)
    job = world.submit("/burst", 1000, 1000)
    world.run(100.0)
    world.server.cut_streams(how)
    world.run(1.0)
    world.consumed(job, sizes(world, job))
    while world.ended(job) is None:
        world.run(10.0)
        world.consumed(job, sizes(world, job))
    assert isinstance(world.error(job), Disconnected)
    numbers = [int(value.rstrip("x")) for value in world.values(job)]
    assert all(b == a + 1 for a, b in pairwise(numbers))
    assert world.end(world.submit("/predict", "hi")).error is None


def test_a_pause_during_a_close() -> None:
    world = World(limits=SMALL)
    world.submit("/burst", 1000, 1000)
    world.run(100.0)
    world.finish()


# What another dialect left behind, as a Space does that is started anew with another Gradio.


def test_a_timer_of_another_dialect_changes_nothing() -> None:
    world = World()
    job = world.submit("/count", 3, 0.1)
    world.run(0.15)
    for transport in world.engine._session._transports.shared:
        transport.fire(Timer.REST, COUNT, world.now)
    assert world.engine.drain() == []
    assert world.end(job).error is None
    assert world.values(job) == [0, 1, 2]


# The same, however the bytes come.


def test_slow_pieces() -> None:
    world = World()
    world.server.pace = (7, 0.01)
    job = world.submit("/count", 3, 0.1)
    assert world.end(job).error is None
    assert world.values(job) == [0, 1, 2]
    assert [e.data.value for e in world.network.all_of(DataReceived)] == [0, 1, 2]
