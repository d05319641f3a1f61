"""One websocket for each job, in all versions that have them."""

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
    RemoteProtocolError,
)
from gradio_sansio.commands import AbortExchange, PauseExchange, ResumeExchange
from gradio_sansio.events import AppClosed, LogReceived, StatusChanged
from gradio_sansio.session.dialects.websocket import REST, TRANSITIONS, SocketInput, SocketState, WebSockets
from gradio_sansio.session.failures import HIDDEN
from tests.core.session.drive import PREDICT, STORY, Drive
from tests.core.virtual import URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.events import JobId
    from tests.core.session.drive import Socket

LAST = "3.50.2"
SHARED = "0000000000000001"


def call(index: int, *data: Any, session: str = SHARED) -> dict[str, Any]:
    """The arguments, as they are sent."""
    return {
        "data": list(data),
        "fn_index": index,
        "session_hash": session,
        "event_data": None,
        "trigger_id": None,
    }


def sockets_of(drive: Drive) -> WebSockets:
    (transport,) = {transport for _, transport in drive.session._jobs.values()}
    assert isinstance(transport, WebSockets)
    return transport


# Conversations.


def test_the_whole_conversation_from_3_6_on() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict", "hi")
    (socket,) = drive.sockets
    assert socket.url == f"{URL}/queue/join"
    socket.open()
    assert socket.heard == []
    socket.say("send_hash")
    assert socket.heard == [{"fn_index": PREDICT, "session_hash": SHARED}]
    socket.say("estimation", rank=1, queue_size=2, rank_eta=0.5, queue_eta=1.0)
    socket.say("estimation", rank=0, queue_size=1, rank_eta=None)
    assert len(socket.heard) == 1
    socket.say("send_data")
    assert socket.heard[1:] == [call(PREDICT, "hi")]
    socket.say("process_starts")
    socket.say(
        "progress",
        progress_data=[{"index": 0, "length": 3, "unit": "steps", "progress": None, "desc": "a"}],
    )
    socket.say("log", log="look", level="info")
    socket.completes("ho")
    assert socket.closed
    told = drive.told(job)
    assert [(e.status.position, e.status.size) for e in told if isinstance(e, StatusChanged)] == [
        (None, None),
        (1, 2),
        (0, 1),
        (0, 1),
        (0, 1),
    ]
    assert [e.log.message for e in told if isinstance(e, LogReceived)] == ["look"]
    assert (drive.error(job), drive.values(job)) == (None, ["ho"])
    drive.finish()


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("3.1.5", [{"hash": SHARED}]),
        ("3.2", [{"hash": SHARED}]),
        ("3.3.0", []),
        ("3.5.9", []),
        ("3.6.0", []),
    ],
)
def test_who_speaks_first(version: str, first: list[Any]) -> None:
    drive = Drive(version)
    job = drive.submit("/predict", "hi")
    (socket,) = drive.sockets
    socket.open()
    assert socket.heard == first
    socket.say("estimation", rank=0, queue_size=1)
    socket.say("send_data")
    socket.say("process_starts")
    assert socket.heard == [*first, call(PREDICT, "hi")]
    socket.completes("ho")
    assert drive.values(job) == ["ho"]
    drive.finish()


def test_an_app_that_does_not_say_its_version_is_taken_for_a_late_one() -> None:
    drive = Drive(LAST, changes={"version": None})
    drive.submit("/predict", "hi")
    (socket,) = drive.sockets
    socket.open()
    assert socket.heard == []


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("version", ["3.0.0", "3.1.4"])
def test_what_is_too_old_is_refused(version: str, isolated: bool) -> None:
    drive = Drive(version)
    with pytest.raises(RemoteProtocolError, match=f"Gradio {version}") as caught:
        drive.session.submit("/predict", ["hi"], now=0.0, isolated=isolated)
    assert caught.value.expected == "Gradio 3.1.5 or later"
    assert drive.session.drain() == []
    # Functions outside the queue are called alike in all versions.
    job = drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"]})
    assert drive.values(job) == ["ho"]
    drive.finish()


def test_values_come_whole_and_the_last_one_is_not_told_twice() -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    (socket,) = drive.sockets
    socket.run()
    for text in ("0", "01", "012"):
        socket.yields(text)
    socket.completes("012")
    assert drive.values(job) == ["0", "01", "012"]
    assert drive.error(job) is None
    drive.finish()


@pytest.mark.parametrize("own_end", [False, True])
def test_whoever_closes_first_after_the_result(own_end: bool) -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    (socket,) = drive.sockets
    socket.run()
    socket.completes("ho")
    # Ours is on its way; theirs may have been so before.
    drive.session.socket_closed(socket.exchange, 1000 if own_end else 1006, "", 0.0)
    drive.session.message_received(socket.exchange, '{"msg":"process_completed"}', 0.0)
    drive.pump()
    assert drive.error(job) is None
    drive.finish()


@pytest.mark.parametrize(
    ("version", "output", "text"),
    [
        # `gr.Error` comes as Python's repr of its text.
        (LAST, {"error": "'boom'"}, "boom"),
        (LAST, {"error": '"it\'s \\\\ \\n"'}, "it's \\ \n"),
        # What `show_error=False` hides: at once, and after values.
        (LAST, {"error": None}, HIDDEN),
        (LAST, {"error": "None"}, HIDDEN),
        ("3.28.3", {"error": "plain"}, "plain"),
        ("3.1.5", {"error": "''"}, HIDDEN),
    ],
)
def test_failures(version: str, output: dict[str, Any], text: str) -> None:
    drive = Drive(version)
    job = drive.submit("/count")
    (socket,) = drive.sockets
    socket.run()
    socket.yields("0")
    socket.say("process_completed", output=output, success=False)
    error = drive.error(job)
    assert isinstance(error, AppError)
    assert error.message == text
    assert drive.values(job) == ["0"]
    assert socket.closed
    drive.finish()


def test_a_full_queue() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    (socket,) = drive.sockets
    socket.open()
    socket.say("send_hash")
    socket.say("queue_full")
    assert isinstance(drive.error(job), QueueFull)
    assert socket.closed
    drive.finish()


def test_jobs_that_share_nothing_run_side_by_side() -> None:
    drive = Drive(LAST)
    jobs = [
        drive.submit(endpoint) for endpoint in ("/predict", "/predict", "/count", "/count", "/story", "/tale")
    ]
    assert len(drive.sockets) == len(jobs)
    for socket in drive.sockets:
        socket.run()
    hashes = [socket.heard[0]["session_hash"] for socket in drive.sockets]
    # A generator without State has a session of its own, since servers keep generators by session.
    assert [name == SHARED for name in hashes] == [True, True, False, False, True, True]
    assert hashes[2] != hashes[3]
    assert [socket.heard[1]["session_hash"] for socket in drive.sockets] == hashes
    for socket in drive.sockets:
        socket.completes("ho")
    assert [drive.values(job) for job in jobs] == [["ho"]] * len(jobs)
    drive.finish()


# Ends without a result.


@pytest.mark.parametrize("state", [SocketState.OPEN, SocketState.RUNNING])
def test_closed_in_order_without_a_result_means_cancelled_there(state: SocketState) -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    (socket,) = drive.sockets
    lead(drive, state)
    socket.close(1000)
    error = drive.error(job)
    assert isinstance(error, JobCancelled)
    assert error.message == "the job was cancelled on the server"
    assert not socket.closed
    drive.finish()


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 4000])
@pytest.mark.parametrize("state", [SocketState.OPENING, SocketState.OPEN, SocketState.RUNNING])
def test_closed_otherwise_means_lost(state: SocketState, code: int) -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    lead(drive, state)
    drive.sockets[0].close(code)
    error = drive.error(job)
    assert isinstance(error, Disconnected)
    assert str(code) in error.message
    assert error.phase == "websocket"
    drive.finish()


def test_closed_in_order_before_it_is_open_means_lost() -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    drive.sockets[0].close(1000)
    assert isinstance(drive.error(job), Disconnected)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        # Nothing was done there yet.
        (SocketState.OPENING, ConnectError),
        (SocketState.OPEN, Disconnected),
        (SocketState.RUNNING, Disconnected),
    ],
)
def test_lost(state: SocketState, kind: type[Exception]) -> None:
    drive = Drive(LAST)
    job = drive.submit("/count")
    lead(drive, state)
    drive.fail(drive.sockets[0].exchange, ConnectError("gone", phase="connect", url=URL))
    assert type(drive.error(job)) is kind
    drive.finish()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, AuthError),
        (401, AuthError),
        (503, ConnectError),
        (404, RemoteProtocolError),
        (200, RemoteProtocolError),
    ],
)
def test_an_upgrade_that_is_refused(status: int, kind: type[Exception]) -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    drive.answer({}, status=status, to=drive.sockets[0].exchange)
    assert type(drive.error(job)) is kind
    drive.finish()


def test_a_socket_that_is_not_opened_in_time() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    drive.wait(Limits().request - 0.1)
    assert drive.ended(job) is None
    drive.wait(0.1)
    error = drive.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "request"
    assert drive.of(AbortExchange) == [drive.sockets[0].exchange]
    drive.finish()


def test_an_open_socket_has_no_limit_here() -> None:
    # How long it may be silent is the lower storey's business, which pings.
    drive = Drive(LAST)
    job = drive.submit("/predict")
    lead(drive, SocketState.OPEN)
    assert drive.session.deadline is None
    drive.wait(3600.0)
    assert drive.ended(job) is None
    silent = DeadlineExceeded("nothing came", limit="idle")
    drive.fail(drive.sockets[0].exchange, silent)
    assert drive.error(job) is silent


# What is not understood.


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff\xfe", b'{"msg":1}', b"[" * 200 + b"]" * 200])
@pytest.mark.parametrize("state", [SocketState.OPEN, SocketState.RUNNING])
def test_bad_json(state: SocketState, text: bytes) -> None:
    drive = Drive(LAST)
    job, other = drive.submit("/predict"), drive.submit("/predict")
    lead(drive, state)
    socket = drive.sockets[0]
    socket.say(text)
    assert isinstance(drive.error(job), RemoteProtocolError)
    assert socket.closed
    assert drive.ended(other) is None


def test_send_data_out_of_turn() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    (socket,) = drive.sockets
    socket.run()
    socket.say("send_data")
    error = drive.error(job)
    assert isinstance(error, RemoteProtocolError)
    assert "out of turn" in error.message
    assert socket.closed
    assert len(socket.heard) == 2


def test_a_message_in_a_shape_of_its_own() -> None:
    drive = Drive(LAST)
    job = drive.submit("/predict")
    (socket,) = drive.sockets
    socket.run()
    socket.say("process_completed", output="none")
    assert isinstance(drive.error(job), RemoteProtocolError)
    assert socket.closed


@pytest.mark.parametrize("message", ["alive?", "heartbeat", "brand_new", "close_stream", "server_stopped"])
def test_what_means_nothing_here_is_told_and_ignored(message: str) -> None:
    # `alive?` comes from 3.13 to 3.34 on Python 3.7, and wants no answer.
    drive = Drive("3.28.3")
    job = drive.submit("/predict")
    (socket,) = drive.sockets
    socket.open()
    socket.say(message)
    assert len(drive.logged) == 1
    assert "an unknown message" in drive.logged[0]
    assert socket.heard == []
    assert drive.ended(job) is None


# Cancelling.


def lead(drive: Drive, state: SocketState, socket: Socket | None = None) -> None:
    """Bring a job, the first one unless said, up to a state."""
    socket = socket or drive.sockets[0]
    if state is SocketState.OPEN:
        socket.open()
        socket.say("send_hash")
        socket.say("estimation", rank=0, queue_size=1)
    elif state is SocketState.RUNNING:
        socket.run()


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("endpoint", ["/predict", "/count", "/story"])
@pytest.mark.parametrize("state", [SocketState.OPENING, SocketState.OPEN, SocketState.RUNNING])
def test_cancel_closes_the_socket_and_nothing_else(state: SocketState, endpoint: str, isolated: bool) -> None:
    drive = Drive(LAST)
    job = drive.submit(endpoint, isolated=isolated)
    lead(drive, state)
    (socket,) = drive.sockets
    drive.cancel(job)
    assert isinstance(drive.error(job), JobCancelled)
    assert socket.closed
    # It would restart a generator (3.50.2).
    assert drive.requests("/reset") == []
    # What was on its way comes still.
    for late in ("send_hash", "send_data", "process_starts"):
        drive.session.message_received(socket.exchange, f'{{"msg":"{late}"}}', drive.now)
    drive.session.socket_opened(socket.exchange, drive.now)
    drive.session.socket_closed(socket.exchange, 1000, "", drive.now)
    drive.pump()
    drive.cancel(job)
    drive.wait(10.0)
    assert drive.session.deadline is None
    after = drive.submit(endpoint)
    drive.sockets[-1].run()
    drive.sockets[-1].completes("ho")
    assert drive.values(after) == ["ho"]
    drive.finish()


def test_a_timeout_cancels() -> None:
    drive = Drive(LAST)
    job, waiting = drive.submit("/story", timeout=5.0), drive.submit("/story", timeout=2.0)
    lead(drive, SocketState.RUNNING)
    drive.wait(2.0)
    assert isinstance(drive.error(waiting), DeadlineExceeded)
    assert drive.ended(job) is None
    drive.wait(3.0)
    assert isinstance(drive.error(job), DeadlineExceeded)
    assert drive.sockets[0].closed
    assert len(drive.sockets) == 1
    drive.finish()


# Generators with State take turns. 3.50.2 keeps one under its session and function and clears it away about half a second after its
# socket has closed: two jobs would draw from the same one, and one that comes too soon begins in the middle, again ("0", "0", "01").


def test_generators_with_state_wait_for_each_other() -> None:
    drive = Drive(LAST)
    jobs = [drive.submit("/story", f"job {i}") for i in range(3)]
    other = drive.submit("/tale")
    assert len(drive.sockets) == 2
    for i, job in enumerate(jobs):
        socket = [socket for n, socket in enumerate(drive.sockets) if n != 1][i]
        socket.run()
        assert socket.heard[1] == call(STORY, f"job {i}", None)
        socket.yields("a", None)
        assert [later for later in jobs[i + 1 :] if len(drive.told(later)) > 1] == []
        socket.completes("a", None)
        assert drive.values(job) == ["a"]
        # There was nothing to clear away.
        assert len(drive.sockets) == min(i + 3, 4)
    assert drive.ended(other) is None
    drive.finish()


# How a job ends, and whether its generator may go on there.
ENDS: list[tuple[str, Callable[[Drive, JobId, Socket], None], bool]] = [
    ("cancelled here", lambda drive, job, socket: drive.cancel(job), True),
    ("lost", lambda drive, job, socket: socket.close(1006), True),
    ("bad JSON", lambda drive, job, socket: socket.say(b"{"), True),
    ("out of turn", lambda drive, job, socket: socket.say("send_data"), True),
    ("malformed", lambda drive, job, socket: socket.say("process_generating", output=1), True),
    ("a yield that fails", lambda drive, job, socket: socket.say("process_generating", output={}, success=False), True),
    ("a result", lambda drive, job, socket: socket.completes("a", None), False),
    ("a failure", lambda drive, job, socket: socket.say("process_completed", output={"error": "x"}, success=False), False),
    ("cancelled there", lambda drive, job, socket: socket.close(1000), False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "end", "half_done"), ENDS, ids=[name for name, _, _ in ENDS])
def test_a_generator_that_was_left_half_done_is_given_time_to_go(
    name: str, end: Callable[[Drive, JobId, Socket], None], half_done: bool
) -> None:
    drive = Drive(LAST)
    job, following = drive.submit("/story"), drive.submit("/story")
    lead(drive, SocketState.RUNNING)
    end(drive, job, drive.sockets[0])
    assert drive.ended(job) is not None
    if half_done:
        assert len(drive.sockets) == 1
        drive.wait(REST - 0.01)
        assert len(drive.sockets) == 1
        drive.wait(0.01)
    assert len(drive.sockets) == 2
    drive.sockets[1].run()
    drive.sockets[1].completes("b", None)
    assert drive.values(following) == ["b"]
    drive.finish()


@pytest.mark.parametrize("state", [SocketState.OPENING, SocketState.OPEN])
def test_one_that_had_not_begun_leaves_nothing_to_clear_away(state: SocketState) -> None:
    drive = Drive(LAST)
    job, _ = drive.submit("/story"), drive.submit("/story")
    lead(drive, state)
    drive.cancel(job)
    assert len(drive.sockets) == 2
    drive.finish()


def test_one_that_comes_during_the_rest_waits_for_its_end() -> None:
    drive = Drive(LAST)
    job = drive.submit("/story")
    lead(drive, SocketState.RUNNING)
    drive.cancel(job)
    drive.wait(REST / 2)
    drive.submit("/story")
    gone = drive.submit("/story")
    drive.cancel(gone)
    assert len(drive.sockets) == 1
    drive.wait(REST / 2)
    assert len(drive.sockets) == 2
    # Nobody waits for anything any more.
    lead(drive, SocketState.RUNNING, drive.sockets[1])
    drive.sockets[1].completes("a", None)
    assert drive.session.deadline is None
    drive.submit("/story")
    assert len(drive.sockets) == 3
    drive.finish()


def test_a_rest_that_nobody_waits_for_passes() -> None:
    drive = Drive(LAST)
    job = drive.submit("/story")
    lead(drive, SocketState.RUNNING)
    drive.cancel(job)
    waiting = drive.submit("/story")
    drive.cancel(waiting)
    drive.wait(REST)
    assert drive.session.deadline is None
    drive.submit("/story")
    assert len(drive.sockets) == 2


def test_one_in_line_that_is_cancelled_leaves_the_line() -> None:
    drive = Drive(LAST)
    first, second, third = (drive.submit("/story", str(i)) for i in range(3))
    lead(drive, SocketState.RUNNING)
    drive.cancel(second)
    assert isinstance(drive.error(second), JobCancelled)
    drive.sockets[0].completes("a", None)
    lead(drive, SocketState.RUNNING, drive.sockets[1])
    assert drive.sockets[1].heard[1]["data"] == ["2", None]
    assert drive.values(first) == ["a"]
    assert drive.ended(third) is None
    drive.finish()


def test_isolated_generators_with_state_wait_for_nobody() -> None:
    drive = Drive(LAST)
    drive.submit("/story")
    alone = [drive.submit("/story", isolated=True) for _ in range(2)]
    assert len(drive.sockets) == 3
    for socket in drive.sockets:
        socket.run()
    assert len({socket.heard[0]["session_hash"] for socket in drive.sockets}) == 3
    # Their rest is nobody's, and no timer of it meets the line of the others.
    for job in alone:
        drive.cancel(job)
    drive.wait(10.0)
    drive.sockets[0].completes("a", None)
    assert len(drive.sockets) == 3
    drive.finish()


# Slow applications.


def test_a_slow_application_holds_its_own_socket_back() -> None:
    drive = Drive(LAST, limits=Limits(job_buffer=10_000))
    job, other = drive.submit("/count"), drive.submit("/count")
    for socket in drive.sockets:
        socket.run()
    first, second = drive.sockets
    for i in range(5):
        first.yields("x" * 4000 + str(i))
    second.completes("ho")
    assert set(drive.of(PauseExchange)) == {first.exchange}
    assert (drive.ended(job), drive.values(other)) == (None, ["ho"])
    drive.consumed(job)
    assert drive.of(ResumeExchange) == [first.exchange]
    first.completes("done")
    assert drive.error(job) is None
    assert len(drive.values(job)) == 6
    drive.finish()


def test_a_job_in_line_can_be_held_back_without_harm() -> None:
    # It has no socket, and nothing to hold back.
    drive = Drive(LAST)
    drive.submit("/story")
    waiting = drive.submit("/story")
    transport, record = sockets_of(drive), drive.session._jobs[waiting][0]
    assert transport.overflowed(record)
    transport.drained(record, 0.0)
    drive.pump()
    assert drive.of(PauseExchange) == drive.of(ResumeExchange) == []


def test_streaming_input_is_not_for_these() -> None:
    drive = Drive(LAST)
    job = drive.submit("/listen")
    lead(drive, SocketState.RUNNING)
    before = len(drive.commands)
    drive.send(job, "more")
    drive.end(job)
    assert len(drive.commands) == before


# Closing.


@pytest.mark.parametrize("state", [SocketState.OPENING, SocketState.OPEN, SocketState.RUNNING])
def test_close(state: SocketState) -> None:
    drive = Drive(LAST)
    jobs = [
        drive.submit("/story"),
        drive.submit("/story"),
        drive.submit("/predict"),
        drive.submit("/story", isolated=True),
    ]
    for socket in drive.sockets:
        lead(drive, state, socket)
    drive.close()
    for job in jobs:
        assert isinstance(drive.error(job), JobCancelled)
    # None is opened for the one that was in line, and no rest is waited for.
    assert len(drive.sockets) == 3
    assert all(socket.closed for socket in drive.sockets)
    assert isinstance(drive.events[-1], AppClosed)
    assert drive.session.deadline is None
    drive.finish()


def test_close_during_a_rest() -> None:
    drive = Drive(LAST)
    job = drive.submit("/story")
    lead(drive, SocketState.RUNNING)
    drive.cancel(job)
    drive.submit("/story")
    drive.finish()
    assert len(drive.sockets) == 1


# The table.


def test_the_table_of_states() -> None:
    assert set(TRANSITIONS) == set(SocketState)
    assert TRANSITIONS[SocketState.ENDED] == {}
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached | {SocketState.IN_LINE} == set(SocketState)
    assert {input for row in TRANSITIONS.values() for input in row} == set(SocketInput)


# What is in the table, and what a server may do besides: it is refused, or comes too late.
STEPS = [
    *((state, input, following) for state, row in TRANSITIONS.items() for input, following in row.items()),
    (SocketState.OPENING, SocketInput.SEND_DATA, SocketState.ENDED),
    (SocketState.RUNNING, SocketInput.SEND_DATA, SocketState.ENDED),
    *(
        (SocketState.ENDED, input, SocketState.ENDED)
        for input in SocketInput
        if input is not SocketInput.FREE
    ),
]


@pytest.mark.parametrize(("state", "input", "following"), STEPS)
def test_each_step(state: SocketState, input: SocketInput, following: SocketState) -> None:
    drive = Drive(LAST)
    before = drive.submit("/story")
    if state is SocketState.IN_LINE:
        job = drive.submit("/story")
    else:
        drive.cancel(before)
        job = drive.submit("/story")
        lead(drive, state, drive.sockets[-1])
    call = sockets_of(drive)._calls[job]
    if state is SocketState.ENDED:
        drive.cancel(job)
    assert call.state is state
    socket = drive.sockets[-1]
    match input:
        case SocketInput.FREE:
            drive.cancel(before)
        case SocketInput.OPENED:
            socket.open()
        case SocketInput.SEND_DATA:
            socket.say("send_data")
        case SocketInput.FINISHED:
            drive.cancel(job)
    assert call.state is following
    assert (drive.ended(job) is not None) == (following is SocketState.ENDED)
    drive.finish()
