"""The rules of the border (they stand at the top of ``engine``), a section each.

Each test was seen to fail with its rule broken; the comment above it says what was changed for that.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

import gradio_sansio
from gradio_sansio import (
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    Engine,
    GradioError,
    LocalProtocolError,
    RemoteProtocolError,
)
from gradio_sansio.commands import Close, Command, Connect, ConnectionId, Send, StartTls
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    Event,
    JobFinished,
    JobId,
    Logged,
    SpaceChanged,
    StatusChanged,
)
from gradio_sansio.testing import Cut, Function, GradioServer, Playbook, VirtualNetwork, placeholder
from tests.core.virtual import APP, HOST, URL, World, entropy

if TYPE_CHECKING:
    from collections.abc import Callable


def new_engine(source: str = URL, **options: Any) -> Engine:
    return Engine(source, **{"now": 0.0, "wall_clock": 1000.0, "entropy": entropy(), **options})


# An engine's life.


def test_one_call_as_a_table() -> None:
    engine = new_engine("http://app.test")
    conn = placeholder(int)
    config = b'{"version":"6.31.0","protocol":"sse_v3","dependencies":[{"api_name":"f","queue":false,"inputs":[],"outputs":[]}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
    (
        Playbook(engine.drain)
        .expect(Connect(conn, "app.test", 80))
        .then(engine.connected, conn, now=0.1)
        .expect(Send(conn, b"GET /config HTTP/1.1\r\nhost: app.test\r\naccept-encoding: gzip\r\n\r\n"))
        .then(engine.flushed, conn, now=0.1)
        .then(engine.received, conn, head % len(config) + config, now=0.2)
        .expect(
            Send(
                conn, b"GET /info?serialize=False HTTP/1.1\r\nhost: app.test\r\naccept-encoding: gzip\r\n\r\n"
            )
        )
        .then(engine.received, conn, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", now=0.3)
        .expect(AppOpened())
        .then(engine.submit, "/f", now=1.0)
        .expect(StatusChanged, Send(conn, placeholder(bytes)))
        .then(engine.received, conn, head % 14 + b'{"data": [[1]]', now=1.5)
        .expect(JobFinished)
        .then(engine.close, now=2.0)
        .expect(Close(conn), AppClosed())
        .run()
    )
    assert engine.deadline is None


def test_tls_comes_before_the_first_bytes() -> None:
    engine = new_engine("https://app.test")
    conn = placeholder(int)
    (
        Playbook(engine.drain)
        .expect(Connect(conn, "app.test", 443))
        .then(engine.connected, conn, now=0.1)
        .expect(StartTls(conn, "app.test"))
        .then(engine.tls_started, conn, now=0.2)
        .expect(Send(conn, placeholder(bytes)))
        .then(engine.lost, conn, "connection reset", now=0.3)
        .expect(AppFailed, AppClosed())
        .run()
    )


def test_a_space_by_name_is_looked_up_at_the_hub() -> None:
    engine = new_engine("user/name", hub="http://hub.test", deadline=10.0)
    [connect] = engine.drain()
    assert isinstance(connect, Connect)
    assert connect.host == "hub.test"


def test_how_a_space_stands_is_told_by_the_engine() -> None:
    network = VirtualNetwork({})
    network.attach(lambda now: new_engine("user/name", hub="http://hub.test"))
    network.run_until(lambda: network.happened(AppClosed))
    told, failed, closed = network.events
    assert isinstance(told, SpaceChanged)
    assert isinstance(failed, AppFailed)
    assert isinstance(failed.error, ConnectError)
    assert isinstance(closed, AppClosed)
    assert network.engine.deadline is None


# 1. Inputs raise nothing for what the peer did.

GARBAGE = [
    b"",
    b"\x00" * 100,
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xfe[]",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nlocation: ftp://elsewhere/\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops",
]


# Broken by letting `Wire._pull` pass `RemoteProtocolError` on.
@pytest.mark.parametrize("data", GARBAGE)
@pytest.mark.parametrize("end", ["peer_closed", "lost"])
def test_1_the_peer_can_make_no_input_raise(data: bytes, end: str) -> None:
    engine = new_engine()
    conn = ConnectionId(1)
    engine.connected(conn, 0.1)
    engine.received(conn, data, 0.2)
    if end == "lost":
        engine.lost(conn, "reset", 0.3)
    else:
        engine.peer_closed(conn, 0.3)
    # What it had to ask anew it asks in vain.
    for later in range(2, 8):
        for action in engine.drain():
            if isinstance(action, AppFailed):
                assert isinstance(action.error, GradioError)
                return
        engine.connect_failed(ConnectionId(later), "refused", 0.4)
    pytest.fail("the app never failed")


# Broken by raising in `Session.cancel` where the job is not found.
def test_1_what_merely_races_with_the_peer_is_no_misuse() -> None:
    world = World()
    job = world.submit("/predict", "hi")
    world.end(job)
    before = list(world.network.events)
    world.cancel(job)
    world.consumed(job, 1000)
    world.close()
    world.close()
    world.cancel(job)
    world.run(10.0)
    after = world.network.events[len(before) :]
    assert [type(event) for event in after] == [AppClosed]


# Broken by returning quietly from `Session._find`, `Connections.find`, `Session._opened_app` and from `submit` when closed.
def test_1_misuse_raises() -> None:
    engine = new_engine()
    calls: list[Callable[[], object]] = [
        lambda: engine.submit("/predict", now=0.0),
        lambda: engine.cancel(JobId(1), 0.0),
        lambda: engine.consumed(JobId(0), 1, 0.0),
        lambda: engine.connected(ConnectionId(99), 0.0),
        lambda: engine.received(ConnectionId(1), b"x", 0.0),
        lambda: engine.tls_started(ConnectionId(1), 0.0),
        lambda: engine.config,
        lambda: engine.api_info,
        lambda: engine.url,
    ]
    for call in calls:
        with pytest.raises(LocalProtocolError) as caught:
            call()
        assert caught.value.state
    world = World()
    assert world.engine.url.rstrip("/") == URL.rstrip("/")
    world.close()
    with pytest.raises(LocalProtocolError, match="closed"):
        world.submit("/predict", "hi")


# Broken by leaving the argument unchecked.
def test_1_a_wrong_timeout_raises() -> None:
    world = World()
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            world.submit("/predict", "hi", timeout=wrong)
        with pytest.raises(ValueError, match="deadline"):
            new_engine(deadline=wrong)


# 2. Draining changes nothing, and nothing is lost without it.


# Broken by arming a timer in `drain`, and by having `drain` forget all but the last action.
def test_2_a_drain_may_wait() -> None:
    def run(*, eager: bool) -> list[Command | Event]:
        engine = new_engine()
        server = GradioServer(APP)
        peer = server.accept(0.0)
        actions: list[Command | Event] = []
        conn = ConnectionId(1)
        now, sent = 0.0, 0

        def drained() -> None:
            nonlocal sent
            actions.extend(engine.drain())
            for action in actions[sent:]:
                if isinstance(action, Send):
                    peer.received(action.data, now)
            sent = len(actions)

        drained()
        engine.connected(conn, now)
        for _ in range(20):
            drained()
            for item in peer.drain():
                assert isinstance(item, bytes)
                for i in range(0, len(item), 10):
                    engine.received(conn, item[i : i + 10], now)
                    if eager:
                        before = engine.deadline
                        drained()
                        assert engine.drain() == []
                        assert engine.deadline == before
        inputs: list[Callable[[], object]] = [
            lambda: engine.submit("/predict", ["one"], now=now),
            lambda: engine.submit("/direct", ["two"], now=now),
            lambda: engine.cancel(JobId(1), now),
            lambda: engine.close(now),
        ]
        for act in inputs:
            act()
            if eager:
                drained()
        drained()
        return actions

    first, second = run(eager=True), run(eager=False)
    # Errors are compared by their text.
    assert list(map(repr, first)) == list(map(repr, second))
    assert AppOpened() in first
    assert sum(isinstance(action, JobFinished) for action in first) == 2


# Broken by an engine that begins at the first input only.
def test_2_it_is_to_be_drained_after_construction() -> None:
    assert new_engine().drain() == [Connect(ConnectionId(1), *HOST)]


# 3. Actions are frozen and complete.


# Broken by taking `frozen=True` from `Close`, and by giving out the list that `drain` keeps.
def test_3_actions_are_frozen() -> None:
    for kind in (*get_args(Command), *_members(Event)):
        assert issubclass(kind, msgspec.Struct)
        assert kind.__struct_config__.frozen, kind
    engine = new_engine()
    first = engine.drain()
    engine.connected(ConnectionId(1), 0.0)
    assert len(first) == 1


# Broken by letting `Data` hold the job's live `Outputs`.
def test_3_values_stay_what_they_were() -> None:
    world = World()
    job = world.submit("/words", 5)
    seen: list[tuple[Any, Any]] = []
    while world.ended(job) is None:
        world.network.step()
        new = world.told(job)[len(seen) :]
        seen += ((event, event.data.value if isinstance(event, DataReceived) else None) for event in new)
    values = [(event.data.value, value) for event, value in seen if isinstance(event, DataReceived)]
    assert len(values) == 5
    assert all(now == then for now, then in values)


def _members(union: Any) -> list[type]:
    members: list[type] = []
    for member in get_args(union):
        members += _members(member) if get_args(member) else [member]
    return members


# 4. Two closed unions, one list, causal order.


# Broken by appending commands to a list of their own that is drained last.
def test_4_all_actions_are_of_the_two_unions_in_causal_order() -> None:
    world = World()
    jobs = [world.submit("/count", 3, 0.1), world.submit("/direct", "hi"), world.submit("/failing", "no")]
    for job in jobs:
        world.end(job)
    world.finish()
    actions = [action for _, action in world.network.actions]
    kinds = (*_members(Command), *_members(Event))
    assert all(isinstance(action, kinds) for action in actions)
    assert not set(_members(Command)) & set(_members(Event))
    # A connection is asked for before it is used and closed after, a job is told of before it ends, and the end is the end.
    assert actions.index(Connect(ConnectionId(1), *HOST)) == 0
    opened = {a.connection: i for i, a in enumerate(actions) if isinstance(a, Connect)}
    for i, action in enumerate(actions):
        if isinstance(action, Send | Close):
            assert i > opened[action.connection]
    assert isinstance(actions[-1], AppClosed)
    first = world.told(jobs[0])
    assert [type(event) for event in first] == [
        *(StatusChanged,) * 3,
        *(StatusChanged, DataReceived) * 3,
        JobFinished,
    ]


# 5. Ids are never used twice, and what comes late is ignored.


# Broken by numbering connections by how many are open, and jobs by how many are.
def test_5_ids_are_never_used_twice() -> None:
    world = World()
    jobs: list[JobId] = []
    for _ in range(5):
        job = world.submit("/predict", "hi")
        world.end(job)
        jobs.append(job)
        world.run(10.0)
    conns = [action.connection for _, action in world.network.actions if isinstance(action, Connect)]
    assert len(conns) >= 5
    assert len(set(conns)) == len(conns)
    assert len(set(jobs)) == len(jobs)


# Broken by raising in `Connections.find` for every id that is not there.
def test_5_late_input_is_ignored() -> None:
    world = World()
    world.end(world.submit("/predict", "hi"))
    world.run(10.0)
    assert not world.network.open_links
    engine, now = world.engine, world.now
    for conn in world.network.links:
        engine.connected(conn, now)
        engine.connect_failed(conn, "late", now)
        engine.tls_started(conn, now)
        engine.received(conn, b"late", now)
        engine.flushed(conn, now)
        engine.peer_closed(conn, now)
        engine.lost(conn, "late", now)
    assert engine.drain() == []
    assert engine.deadline is None


# 6. Time.


# Broken by taking the clock as it is in `Engine._advance` and `Session._advance`.
def test_6_a_clock_that_goes_back_is_held() -> None:
    world = World()
    world.run(30.0)
    world.engine.tick(world.now)
    job = world.engine.submit("/predict", ["hi"], now=world.now - 500.0)
    assert world.engine.deadline == world.now + 15.0
    world.network.pump()
    status = world.told(job)[0]
    assert isinstance(status, StatusChanged)
    assert status.status.time is not None
    assert status.status.time.timestamp() == pytest.approx(1_700_000_000.0 + world.now - 1000.0)


# Broken by firing what is due within a second in `Timers.pop_due`.
def test_6_an_early_tick_does_nothing() -> None:
    engine = new_engine()
    engine.drain()
    deadline = engine.deadline
    assert deadline is not None
    for early in (0.0, deadline - 0.001):
        engine.tick(early)
        assert engine.drain() == []
        assert engine.deadline == deadline


# Broken by firing one timer a tick.
def test_6_a_late_tick_does_all_that_is_due_in_order() -> None:
    world = World()
    jobs = [world.submit("/slow", 1000.0, timeout=timeout) for timeout in (5.0, 2.0, 9.0, 3.0)]
    world.run(1.0)
    world.engine.tick(world.now + 20.0)
    world.network.pump()
    ended = [event.job for event in world.network.all_of(JobFinished)]
    assert ended == [jobs[1], jobs[3], jobs[0], jobs[2]]
    assert all(isinstance(event.error, DeadlineExceeded) for event in world.network.all_of(JobFinished))


# Broken by leaving `self._session.deadline` out of `Engine.deadline`, and then `self._wire.deadline`.
def test_6_there_is_one_deadline() -> None:
    engine = new_engine(deadline=7.0)
    engine.drain()
    assert engine.deadline == 7.0
    engine = new_engine(deadline=1000.0)
    engine.drain()
    assert engine.deadline == 15.0
    engine.connect_failed(ConnectionId(1), "refused", 1.0)
    assert [type(action) for action in engine.drain()] == [AppFailed, AppClosed]
    assert engine.deadline is None


# Broken by letting `Session._fire` expire at once, and by never forgetting that a timer was late.
def test_6_a_limit_of_silence_that_comes_late_waits_once() -> None:
    world = World()
    job = world.submit("/slow", 10_000.0)
    world.run(1.0)
    for _ in range(3):
        deadline = world.engine.deadline
        assert deadline is not None
        world.engine.tick(deadline + 5.0)
        again = world.engine.deadline
        assert again == pytest.approx(deadline + 6.0)
        # What came in the meantime is read.
        world.network.now = deadline + 5.0
        world.server.emit({"msg": "heartbeat"})
        world.run(0.5)
        assert world.ended(job) is None
    deadline = world.engine.deadline
    assert deadline is not None
    world.engine.tick(deadline + 5.0)
    world.engine.tick(deadline + 5.5)
    world.network.pump()
    assert world.ended(job) is None
    world.engine.tick(deadline + 6.0)
    world.network.pump()
    ended = world.ended(job)
    assert ended is not None
    assert isinstance(ended.error, DeadlineExceeded)


# 7. Entropy and the time of day are given.


# Broken by drawing the session's name with `secrets`.
def test_7_the_engine_is_a_function_of_its_input() -> None:
    def run() -> list[object]:
        world = World()
        for job in [
            world.submit("/count", 3, 0.1),
            world.submit("/words", 5, isolated=True),
            world.submit("/direct", "hi"),
        ]:
            world.end(job)
        world.finish()
        return [
            *world.network.actions,
            *(bytes(link.sent) for link in world.network.links.values()),
            world.engine.session_hash,
        ]

    assert run() == run()


# Broken by reading the clock in `WallClock.at`.
def test_7_the_time_of_day_is_an_offset() -> None:
    world = World()
    job = world.submit("/predict", "hi")
    data = world.end(job).data
    assert data is not None
    assert data.time.timestamp() == pytest.approx(1_700_000_000.0 + world.now - 1000.0)


# 8. Not re-entrant.


# Broken by a guard that lets everybody in.
def test_8_an_input_within_an_input_is_refused() -> None:
    world = World()
    caught: list[LocalProtocolError] = []

    class Sneaky(dict[str, Any]):
        def items(self) -> Any:
            with pytest.raises(LocalProtocolError) as error:
                world.engine.tick(world.now)
            caught.append(error.value)
            return super().items()

    world.engine.submit("/predict", Sneaky(p0=1), now=world.now)
    assert caught
    assert caught[0].state == "busy"
    # It is free again afterwards, whatever happened inside.
    with pytest.raises(GradioError):
        world.engine.submit("/nowhere", now=world.now)
    world.engine.tick(world.now)


# 9. Nothing waits inside.


# Broken by `import asyncio` in `engine`. What the core may load is tested in full in test_purity.py.
def test_9_nothing_waits_inside() -> None:
    before = "import sys; sys.path += PATHS; import gradio_sansio; "
    code = before + "print(sorted({'asyncio', 'threading', 'socket', 'selectors', 'ssl'} & set(sys.modules)))"
    paths = [str(Path(str(module.__file__)).parents[1]) for module in (gradio_sansio, msgspec)]
    # Without site, which may load anything.
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code.replace("PATHS", repr(paths))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "[]"


# 10. Unknown messages, fields and values.


# Broken by failing the job in `SharedStream._tell` for `Unknown`, and by `forbid_unknown_fields` in `ProcessStarts`.
def test_10_what_is_unknown_is_told_or_ignored() -> None:
    world = World()
    job = world.submit("/slow", 3.0)
    world.run(1.0)
    event_id = world.there(job).event_id
    world.server.emit({"msg": "from the future", "event_id": event_id, "x": 1})
    world.server.emit({"msg": "process_starts", "event_id": event_id, "eta": "soon", "new": {"a": [1]}})
    world.server.emit({"msg": "log", "event_id": event_id, "log": "hi", "level": "shout"})
    assert world.end(job).error is None
    assert [event.message for event in world.network.all_of(Logged)] == [
        "an unknown message: 'from the future'"
    ]


# 11. Bounds. (The rest of them are tested where they are kept.)


# Broken by leaving `max_incomplete_event_size` out of `Http11`.
def test_11_what_never_ends_is_cut_off() -> None:
    engine = new_engine()
    conn = ConnectionId(1)
    engine.connected(conn, 0.0)
    engine.received(conn, b"HTTP/1.1 200 OK\r\n", 0.0)
    for _ in range(100):
        engine.received(conn, b"x: " + b"y" * 1000 + b"\r\n", 0.0)
    failed = next(action for action in engine.drain() if isinstance(action, AppFailed))
    assert isinstance(failed.error, RemoteProtocolError)
    assert "Limits.header" in failed.error.message


# 12. No I/O: `conftest` watches all tests of the core for it, and what the package imports is tested beside it.


# 13. What an adapter can't know it is told, and what the engine can't know it hears.


# Broken by sending the next piece of a body without waiting for `flushed`.
def test_13_a_long_body_waits_for_each_piece_to_leave() -> None:
    world = World()
    payload = "x" * 1_000_000
    job = world.submit("/predict", payload)
    sent = [action.data for _, action in world.network.actions if isinstance(action, Send)]
    assert len(sent[-1]) < 300_000
    assert world.end(job).error is None
    assert world.values(job) == [payload]
    assert max(len(action.data) for _, action in world.network.actions if isinstance(action, Send)) < 300_000


# Broken by never calling `transport.drained`.
def test_13_what_was_taken_is_heard_of() -> None:
    world = World(limits=gradio_sansio.Limits(job_buffer=5_000))
    job = world.submit("/burst", 20, 1000)
    world.run(100.0)
    assert world.ended(job) is None
    for _ in range(20):
        world.consumed(
            job, sum(event.size for event in world.told(job) if not isinstance(event, JobFinished))
        )
        world.run(5.0)
    assert world.end(job).error is None
    numbers = [int(value.rstrip("x")) for value in world.values(job)]
    assert all(b == a + 1 for a, b in pairwise(numbers))


# Broken connections of all kinds, over the virtual network.


def test_a_connection_that_breaks_while_the_app_is_opened() -> None:
    world = World(opened=False)
    world.run(0.035)
    (link,) = world.network.open_links
    world.network.cut(link)
    world.run(1.0)
    failed = world.network.happened(AppFailed)
    assert failed is not None
    assert isinstance(failed.error, Disconnected)


def test_a_connection_that_ends_in_order_between_two_requests() -> None:
    world = World(opened=False)
    world.run(0.035)
    (link,) = world.network.open_links
    # The first answer is on its way; the second request meets a connection that is closed, and goes over another.
    world.network.cut(link, Cut.END)
    world.until(lambda: world.network.happened(AppOpened), within=1.0)
    assert len(world.network.links) == 2


def test_tls_that_fails() -> None:
    network = VirtualNetwork({("app.test", 443): GradioServer(APP)})
    network.tls_failure = "certificate has expired"
    network.attach(lambda now: new_engine("https://app.test", now=now))
    network.run(1.0)
    failed = network.happened(AppFailed)
    assert failed is not None
    assert isinstance(failed.error, ConnectError)
    assert "certificate has expired" in failed.error.message


def test_tls_that_works() -> None:
    network = VirtualNetwork({("app.test", 443): GradioServer(APP)})
    network.attach(lambda now: new_engine("https://app.test", now=now))
    network.run_until(lambda: network.happened(AppOpened))
    assert {link.server_name for link in network.links.values()} == {"app.test"}


def test_a_host_that_is_not_there() -> None:
    network = VirtualNetwork({})
    network.attach(lambda now: new_engine(now=now, deadline=60.0))
    network.run(100.0)
    failed = network.happened(AppFailed)
    assert failed is not None
    assert isinstance(failed.error, ConnectError)
    assert isinstance(network.events[-1], AppClosed)


# Streaming input, through both storeys.


def test_input_is_sent_to_a_job_that_takes_it() -> None:
    world = World(opened=False)
    world.server.functions.append(Function("double", lambda n: 2 * n, inputs=("number",), streaming=True))
    world.until(lambda: world.network.happened(AppOpened))
    job = world.submit("/double", 5.0)
    world.run(1.0)
    world.engine.send(job, [7.0], world.now)
    world.engine.end(job, world.now)
    world.network.pump()
    world.run(1.0)
    path = f"/stream/{world.there(job).event_id}"
    assert [body["data"] for body in world.posts(path)] == [[7.0]]
    assert world.posts(f"{path}/close") == [{}]
    assert world.end(job).error is None
    assert world.values(job) == [10.0, 14.0]
    world.finish()
