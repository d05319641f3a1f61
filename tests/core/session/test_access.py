"""Calls that meet a Space which is not there: they wait for it, and are made as if for the first time."""

from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio import (
    AppError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    JobCancelled,
    Limits,
    QueueFull,
    RemoteProtocolError,
    SpaceError,
    ValidationError,
    handle_file,
)
from gradio_sansio.commands import StartExchange
from gradio_sansio.events import AppClosed, DataReceived, DownloadFinished, DownloadReceived
from gradio_sansio.session.access import Lobby
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.exchanges import Timer
from tests.core.session.drive import FUNCTIONS
from tests.core.session.hubworld import GONE, HOST, HTML, HUB, SPACE, World, after, answer

JOIN = f"POST {HOST}/queue/join"
STREAM = f"GET {HOST}/queue/data"
DIRECT = f"POST {HOST}/run/direct"
HTML_HEAD = (("content-type", "text/html"),)
DONE = (
    b'data: {"msg":"process_completed","event_id":"e","output":{"data":["done"],"is_generating":false},"success":true}\n\n'
    b'data: {"msg":"close_stream"}\n\n'
)


def served(world: World, request: StartExchange) -> Any:
    """A job is joined, or was refused by the Space's host."""
    if not world.stage_now.startswith("RUNNING"):
        return GONE if world.stage_now == "PAUSED" else HTML
    # The first that is taken is "e".
    world.joined += 1
    return answer({"event_id": "e" * world.joined})


def opened(**options: Any) -> World:
    """A Space that ran when it was opened, and sleeps now."""
    world = World(**options)
    assert world.opened
    world.routes |= {JOIN: served, STREAM: (200, {"content-type": "text/event-stream"}, DONE)}
    world.run(10)
    world.stage = after((14, "SLEEPING"), (17, "APP_STARTING"))
    return world


def test_a_call_wakes_the_space_and_is_made_once_it_runs() -> None:
    world = opened()
    job = world.submit()
    assert world.ended(job) is None
    later = world.submit("/count")
    # What is submitted meanwhile isn't tried.
    assert len(world.requests("POST", "/queue/join")) == 1
    world.run(30)
    assert world.job_error(job) is None
    assert world.told == ["sleeping", "starting", "running"]
    assert len(world.requests("POST", "/queue/join")) == 3
    assert world.ended(later) is None
    assert [e.data.value for e in world.events if isinstance(e, DataReceived)] == ["done"]
    assert len(world.woken) > 1


def test_direct_calls_wait_too() -> None:
    world = opened()
    world.routes[DIRECT] = lambda world, request: (
        answer({"data": ["direct"]}) if world.stage_now == "RUNNING" else HTML
    )
    job = world.submit("/direct")
    world.run(30)
    assert world.job_error(job) is None


@pytest.mark.parametrize("lost", [True, False])
def test_a_stream_for_each_job(lost: bool) -> None:
    world = World(routes={f"GET {HOST}/config": old_app})
    assert world.opened
    world.run(10)
    world.stage = after((14, "BUILDING"))

    def join(world: World, request: StartExchange) -> Any:
        if world.stage_now == "RUNNING":
            message = b'data: {"msg":"send_data","event_id":"e"}\n\n'
            return 200, {"content-type": "text/event-stream"}, message
        return ConnectError("refused", phase="connect", url=HOST) if lost else HTML

    world.routes |= {f"GET {HOST}/queue/join": join, f"POST {HOST}/queue/data": None}
    job = world.submit()
    world.run(30)
    assert world.ended(job) is None
    assert world.requests("POST", "/queue/data")
    assert world.told == ["building", "running"]


def old_app(world: World, request: StartExchange) -> Any:
    world.version = "4.0.2"
    return world.app(request)


def websocket_app(world: World, request: StartExchange) -> Any:
    world.version = "3.50.2"
    return world.app(request)


def test_websockets() -> None:
    world = World(routes={f"GET {HOST}/config": websocket_app})
    world.stage = after((5, "SLEEPING"))
    jobs = [world.submit(name) for name in ("/predict", "/story", "/story")]
    # The second of those that share a session waits for the first.
    assert len(world.sockets) == 2
    for socket in world.sockets:
        world.session.response_started(socket.exchange, 503, HTML_HEAD, HOST, world.now)
        world.session.exchange_ended(socket.exchange, world.now)
        world.settle()
    assert len(world.sockets) == 3
    world.run(20)
    assert all(world.ended(job) is None for job in jobs)
    assert len(world.sockets) == 5
    assert world.told == ["sleeping", "running"]


def test_no_connection_is_a_space_that_is_not_there() -> None:
    world = opened()
    world.routes[JOIN] = lambda world, request: (
        served(world, request)
        if world.stage_now == "RUNNING"
        else ConnectError("refused", phase="connect", url=HOST)
    )
    job = world.submit()
    world.run(30)
    assert world.job_error(job) is None


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (answer({"detail": "Queue is full."}, 503), QueueFull),
        (answer({"detail": "Not Found"}, 404), RemoteProtocolError),
        ((502, {"content-type": "text/html"}, b""), Disconnected),
        (answer({"error": "no"}, 500), AppError),
        (Disconnected("reset", phase="join", url=HOST), Disconnected),
    ],
)
def test_what_an_app_may_have_seen_is_not_made_again(refusal: Any, kind: type[Exception]) -> None:
    world = opened()
    world.routes[JOIN] = refusal
    job = world.submit()
    assert isinstance(world.job_error(job), kind)
    assert not world.statuses


def test_other_hosts_are_not_asked_about() -> None:
    world = World("https://app.example", routes={"GET https://app.example/config": World.app})
    assert world.opened
    world.routes["POST https://app.example/queue/join"] = HTML
    job = world.submit()
    assert isinstance(world.job_error(job), ConnectError)


def test_streaming_inputs_do_not_wait() -> None:
    world = opened()
    job = world.submit("/listen")
    assert isinstance(world.job_error(job), ConnectError)


def test_streaming_inputs_do_not_wait_for_a_space_that_is_being_woken_either() -> None:
    world = opened()
    waiting = world.submit()
    job = world.submit("/listen")
    assert isinstance(world.job_error(job), ConnectError)
    assert world.ended(waiting) is None


# Files go before a call, so they wait as it does.

UPLOAD = f"POST {HOST}/upload"
FILE = handle_file(b"12345", name="a.txt")


def with_files(**options: Any) -> World:
    """As ``opened``, of an app whose functions take files."""
    components = {"components": [{"id": 0, "type": "file"}, {"id": 1, "type": "state"}]}
    world = World(changes=components, **options)
    world.routes |= {JOIN: served, UPLOAD: stored, STREAM: (200, {"content-type": "text/event-stream"}, DONE)}
    world.run(10)
    world.stage = after((14, "SLEEPING"), (17, "APP_STARTING"))
    return world


def stored(world: World, request: StartExchange) -> Any:
    if not world.stage_now.startswith("RUNNING"):
        return HTML
    if request.exchange not in world.sent:
        return None
    world.stored += 1
    return answer([f"/tmp/{world.stored}/a.txt"])


def paths(world: World) -> list[Any]:
    return [body["data"][0]["path"] for body in world.bodies("/queue/join")]


def test_files_wait_for_a_space_that_sleeps() -> None:
    world = with_files()
    job = world.submit("/predict", FILE)
    assert world.ended(job) is None
    later = world.submit("/predict", FILE)
    # What is submitted meanwhile isn't tried.
    assert len(world.requests("POST", "/upload")) == 1
    assert not world.requests("POST", "/queue/join")
    world.run(30)
    assert world.job_error(job) is None
    assert world.told == ["sleeping", "starting", "running"]
    assert len(world.requests("POST", "/upload")) == 3
    assert paths(world) == ["/tmp/1/a.txt", "/tmp/2/a.txt"]
    assert world.ended(later) is None


@pytest.mark.parametrize("isolated", [False, True])
def test_files_go_once_more_where_the_space_slept_before_the_call(isolated: bool) -> None:
    world = with_files()
    world.stage = "RUNNING"

    def fall_asleep(world: World, request: StartExchange) -> Any:
        if world.joined == 0 and world.stage == "RUNNING":
            world.stage = after((14, "SLEEPING"))
        return served(world, request)

    world.routes[JOIN] = fall_asleep
    job = world.submit("/predict", FILE, isolated=isolated)
    assert paths(world) == ["/tmp/1/a.txt"]
    world.run(30)
    assert world.job_error(job) is None
    # The disk is another one.
    assert paths(world) == ["/tmp/1/a.txt", "/tmp/2/a.txt"]
    first, second = (body["session_hash"] for body in world.bodies("/queue/join"))
    assert (first == second) is not isolated


def test_files_that_arrive_while_the_space_is_woken_for_another_call() -> None:
    world = with_files()
    world.stage = "RUNNING"
    world.routes[UPLOAD] = None
    job = world.submit("/predict", FILE)
    world.stage = after((14, "SLEEPING"))
    other = world.submit("/predict", None)
    assert world.told == ["sleeping"]
    world.routes[UPLOAD] = lambda world, request: answer(["/tmp/old/a.txt"])
    world.settle()
    assert not paths_of_files(world)
    world.routes[UPLOAD] = stored
    world.run(30)
    assert world.job_error(other) is None
    assert world.ended(job) is None
    assert paths_of_files(world) == ["/tmp/1/a.txt"]


def paths_of_files(world: World) -> list[Any]:
    return [body["data"][0]["path"] for body in world.bodies("/queue/join") if body["data"][0]]


def test_files_on_their_way_to_an_app_that_is_started_anew() -> None:
    """They went to the old one, whatever the answer says, and so did the index of the function."""
    world = with_files()
    world.stage = "RUNNING"
    world.routes[UPLOAD] = None
    job = world.submit("/predict", FILE)
    listening = world.submit("/listen", FILE)
    [first, second] = world.requests("POST", "/upload")
    world.stage = after((14, "SLEEPING"))
    world.changes |= {"app_id": 7, "dependencies": [{"inputs": [], "outputs": []}, *_functions()]}
    world.submit("/predict", None)
    world.routes[UPLOAD] = lambda world, request: (
        None if request in (first, second) else stored(world, request)
    )
    world.run(30)
    assert {first.exchange, second.exchange} <= world.aborted
    error = world.job_error(listening)
    assert isinstance(error, ConnectError)
    assert error.phase == "upload"
    assert world.ended(job) is None
    assert paths_of_files(world) == ["/tmp/1/a.txt"]
    assert [body["fn_index"] for body in world.bodies("/queue/join")] == [0, 1, 1]


def test_files_that_the_app_takes_no_more_when_it_is_back() -> None:
    world = with_files()
    job = world.submit("/predict", FILE)
    world.changes |= {"app_id": 7, "max_file_size": 4}
    world.run(30)
    error = world.job_error(job)
    assert isinstance(error, ValidationError)
    assert "4 at most" in error.message
    assert len(world.requests("POST", "/upload")) == 1


def test_files_that_fail_otherwise_do_not_wait() -> None:
    world = with_files()
    world.routes[UPLOAD] = Disconnected("reset", phase="upload", url=HOST)
    job = world.submit("/predict", FILE)
    assert isinstance(world.job_error(job), Disconnected)
    assert not world.statuses


def test_downloads_from_an_app_that_was_started_anew() -> None:
    world = opened()
    first = f"GET {HOST}/file=/tmp/a"
    second = f"GET {HOST}/gradio_api/file=/tmp/b"
    world.routes |= {first: None, second: (200, {"content-type": "text/event-stream"}, b"new")}
    before = world.session.download("/tmp/a", world.now)
    world.settle()
    world.changes = {"app_id": 7, "api_prefix": "/gradio_api"}
    world.submit()
    world.run(30)
    # What was under way goes on as it can; what comes later is asked of the new one.
    after = world.session.download("/tmp/b", world.now)
    world.routes[first] = Disconnected("reset", phase="body", url=HOST)
    world.settle()
    assert after == before + 1
    told = [event for event in world.events if isinstance(event, DownloadReceived)]
    assert [(event.download, event.data) for event in told] == [(after, b"new")]
    [failed] = [event for event in world.events if isinstance(event, DownloadFinished)]
    assert failed.download == before
    assert isinstance(failed.error, Disconnected)


def test_cancelling_what_waits_with_its_files() -> None:
    world = with_files()
    job = world.submit("/predict", FILE)
    world.session.cancel(job, world.now)
    world.settle()
    assert isinstance(world.job_error(job), JobCancelled)
    world.run(30)
    assert len(world.requests("POST", "/upload")) == 1
    assert not world.requests("POST", "/queue/join")


# How it ends.


def test_a_space_that_was_paused_meanwhile() -> None:
    world = opened()
    world.stage = "PAUSED"
    jobs = [world.submit(), world.submit()]
    for job in jobs:
        error = world.job_error(job)
        assert isinstance(error, SpaceError)
        assert error.status is not None
        assert error.status.status == "paused"
    assert world.told == ["paused", "paused"]
    assert not any(isinstance(event, AppClosed) for event in world.events)
    # It is asked about anew each time, so it can be used again once it runs.
    world.stage = "RUNNING"
    job = world.submit()
    world.run(10)
    assert world.job_error(job) is None


def test_a_host_that_refuses_for_ever_though_the_hub_says_that_the_space_runs() -> None:
    world = opened()
    world.stage = "RUNNING"
    world.routes[JOIN] = HTML
    job = world.submit()
    world.run(60)
    assert isinstance(world.job_error(job), ConnectError)
    assert len(world.requests("POST", "/queue/join")) == 1 + Limits().reopens


@pytest.mark.parametrize("limits", [Limits(waking=20), None])
def test_the_wait_has_the_same_bounds_as_the_first(limits: Limits | None) -> None:
    world = opened(limits=limits, deadline=None if limits else 20.0)
    world.stage = "SLEEPING"
    job = world.submit()
    world.run(19.9)
    assert world.ended(job) is None
    world.run(0.2)
    assert isinstance(world.job_error(job), DeadlineExceeded)
    assert world.told == ["sleeping", "error"]
    assert world.session.deadline is None


def test_a_job_that_waits_can_be_cancelled_and_has_its_own_timeout() -> None:
    world = opened()
    world.stage = "SLEEPING"
    cancelled, timed = world.submit(), world.submit(timeout=5)
    world.session.cancel(cancelled, world.now)
    world.settle()
    assert isinstance(world.job_error(cancelled), JobCancelled)
    world.run(6)
    assert isinstance(world.job_error(timed), DeadlineExceeded)
    assert not world.session._access.lobby.jobs


def test_a_job_that_ended_before_it_was_refused() -> None:
    world = opened()
    world.routes[JOIN] = None
    job = world.submit()
    world.session.cancel(job, world.now)
    world.settle()
    world.routes[JOIN] = HTML
    world.settle()
    assert not world.statuses


def test_closing_while_calls_wait() -> None:
    world = opened()
    job = world.submit()
    world.session.close(world.now)
    world.settle()
    world.run(10)
    assert isinstance(world.job_error(job), JobCancelled)
    assert isinstance(world.events[-1], AppClosed)
    assert world.session.deadline is None


def test_refused_while_the_session_closes() -> None:
    world = opened()
    world.routes[JOIN] = None
    job = world.submit()
    world.session.close(world.now)
    world.settle()
    world.routes[JOIN] = HTML
    world.settle()
    assert isinstance(world.job_error(job), JobCancelled)
    assert isinstance(world.events[-1], AppClosed)


def test_an_app_that_was_restarted_meanwhile() -> None:
    world = opened()
    world.changes = {"app_id": 7, "dependencies": [{"inputs": [], "outputs": []}, *_functions()]}
    job, gone, changed, isolated = (
        world.submit("/predict"),
        world.submit("/count"),
        world.submit("/story"),
        world.submit("/predict", isolated=True),
    )
    world.run(30)
    assert world.job_error(job) is None
    assert isinstance(world.job_error(gone), EndpointNotFound)
    error = world.job_error(changed)
    assert isinstance(error, ValidationError)
    assert "changed" in error.message
    assert world.ended(isolated) is None
    bodies = world.bodies("/queue/join")
    assert [body["fn_index"] for body in bodies] == [0, 1, 1]
    assert bodies[0]["session_hash"] == bodies[1]["session_hash"] != bodies[2]["session_hash"]
    assert world.session.config["app_id"] == 7


def _functions() -> list[dict[str, Any]]:
    return [
        {"inputs": [0], "outputs": [0], **f, **({"inputs": [0]} if f["api_name"] == "story" else {})}
        for f in FUNCTIONS
        if f["api_name"] != "count"
    ]


def test_jobs_that_run_when_the_space_goes_end_as_disconnected() -> None:
    world = World()
    world.routes |= {JOIN: served, STREAM: None}
    running = world.submit()
    [stream] = [e for e, r in world.open.items() if r.url.startswith(f"{HOST}/queue/data")]
    world.stage = after((5, "SLEEPING"))
    del world.open[stream]
    world.session.exchange_failed(stream, Disconnected("reset", phase="stream", url=HOST), world.now)
    world.settle()
    error = world.job_error(running)
    assert isinstance(error, Disconnected)
    world.routes[STREAM] = (200, {"content-type": "text/event-stream"}, DONE.replace(b'"e"', b'"f"'))
    world.routes[JOIN] = lambda world, request: (
        answer({"event_id": "f"}) if world.stage_now == "RUNNING" else HTML
    )
    job = world.submit()
    world.run(20)
    assert world.job_error(job) is None
    assert world.told == ["sleeping", "running"]


def test_a_rest_that_an_earlier_app_of_websockets_took() -> None:
    world = World(routes={f"GET {HOST}/config": websocket_app, DIRECT: None})
    world.submit("/direct")
    world.submit("/predict")
    world.session._timers.arm(Timer.REST, 99, world.now + 1)
    world.run(2)
    assert len(world.sockets) == 1


def test_the_lobby_takes_jobs_as_any_dialect_does() -> None:
    lobby: Transport = Lobby()
    assert lobby.idle
    job: Any = object()
    assert lobby.overflowed(job)
    lobby.drained(job, 0.0)
    lobby.close(0.0)


def test_a_token_does_not_go_to_a_hub_in_the_clear() -> None:
    hub = "http://mirror.example"
    world = World(HOST, hub=hub, stage="BUILDING")
    [asked] = [r for _, r in world.asked if r.url.startswith(hub)]
    assert "authorization" not in dict(asked.headers)


def test_the_hub_is_asked_of_a_space_by_its_address() -> None:
    world = opened(source=HOST)
    job = world.submit()
    world.run(30)
    assert world.job_error(job) is None
    assert f"{HUB}/api/spaces/by-subdomain/user-name" in {r.url for _, r in world.asked}
    assert SPACE not in {r.url for _, r in world.asked}
