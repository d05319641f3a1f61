"""Direct calls: one POST, one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradio_sansio import (
    AppError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    GradioError,
    JobCancelled,
    Limits,
    RateLimited,
    RemoteProtocolError,
)
from gradio_sansio.events import JobFinished, StatusChanged
from gradio_sansio.testing import Answer, Function
from tests.core.session.drive import Drive
from tests.core.virtual import World, echo

if TYPE_CHECKING:
    from gradio_sansio.events import JobId

RUN = "/gradio_api/run/direct"


def calls(world: World) -> list[str]:
    return [request.path for request in world.server.requests if "/run/" in request.path]


@pytest.mark.parametrize("version", [(4, 9, 0), (4, 44, 1), (6, 31, 0)])
def test_values_and_failures(version: tuple[int, int, int]) -> None:
    world = World(version=version)
    plain, failing, slow = (
        world.submit("/direct", "hi"),
        world.submit("/direct_failing", "no"),
        world.submit("/direct_slow", 30.0),
    )
    assert (world.end(plain).error, world.values(plain)) == (None, ["hi"])
    error = world.error(failing)
    assert isinstance(error, AppError)
    assert error.message == "no"
    assert world.end(slow).error is None
    assert world.values(slow) == ["slept 30"]
    assert not world.end(plain).status.queue
    assert calls(world) == [
        f"{world.server.prefix}/run/{name}" for name in ("direct", "direct_failing", "direct_slow")
    ]
    world.finish()


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("3.1.4", "/api/direct"),
        ("3.8.2", "/api/direct"),
        ("3.9.0", "/run/direct"),
        ("3.50.2", "/run/direct"),
        ("4.0.2", "/run/direct"),
        ("4.44.1", "/run/direct"),
        # One that doesn't say is taken for a late one.
        (None, "/run/direct"),
    ],
)
def test_the_route_of_each_version(version: str | None, path: str) -> None:
    drive = Drive(version or "3.50.2", changes={"version": version})
    job = drive.submit("/direct", "hi")
    (body,) = drive.posts(path)
    assert body["data"] == ["hi"]
    # There is but one answer, and nothing to hold up for its sake.
    record, transport = drive.session._jobs[job]
    assert transport.overflowed(record)
    transport.drained(record, 0.0)
    drive.answer({"data": ["ho"]})
    assert drive.values(job) == ["ho"]
    drive.finish()


def test_unnamed_functions_are_called_by_their_index() -> None:
    for version, path in (("3.8.0", "/api/predict"), ("4.8.0", "/run/predict")):
        drive = Drive(version, changes={"dependencies": [{"queue": False, "inputs": [0], "outputs": [0]}]})
        job = drive.submit(0, "hi")
        assert [body["fn_index"] for body in drive.posts(path)] == [0]
        drive.answer({"data": ["ho"]})
        assert drive.values(job) == ["ho"]


def test_a_generator_gives_its_first_value() -> None:
    world = World()
    job = world.submit("/direct_count", 3, 0.1)
    assert world.end(job).error is None
    assert world.values(job) == [0]
    assert len(calls(world)) == 1


def test_an_endpoint_without_a_name() -> None:
    world = World([Function(None, echo, queue=False)])
    job = world.engine.submit(0, ["hi"], now=world.now)
    world.network.pump()
    assert world.end(job).error is None
    assert calls(world) == ["/gradio_api/run/predict"]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(500, "Internal Server Error", {"content-type": "text/plain"}), RemoteProtocolError, "500"),
        (Answer(429, ""), RateLimited, "429"),
        (Answer(503, "<html>"), ConnectError, "503"),
        (Answer(200, "<html>"), RemoteProtocolError, "not JSON"),
        (Answer(200, []), RemoteProtocolError, "not an object"),
        (Answer(200, "[" * 200 + "]" * 200), RemoteProtocolError, "nested"),
    ],
)
def test_other_answers(answer: Answer, kind: type[GradioError], text: str) -> None:
    world = World()
    world.server.answers[RUN] = [answer]
    error = world.error(world.submit("/direct", "hi"))
    assert isinstance(error, kind)
    assert text in str(error)
    world.finish()


def test_cancel_drops_the_call() -> None:
    world = World()
    job = world.submit("/direct_slow", 30.0)
    world.run(1.0)
    world.cancel(job)
    assert isinstance(world.error(job), JobCancelled)
    assert not [link for link in world.network.open_links if b"/run/" in link.sent]
    world.run(60.0)
    assert isinstance(world.told(job)[-1], JobFinished)
    # There is nothing to tell the server.
    assert world.posts("/cancel") == []
    world.finish()


def test_a_call_that_breaks() -> None:
    world = World()
    job = world.submit("/direct_slow", 30.0)
    world.run(1.0)
    (link,) = [link for link in world.network.open_links if b"/run/" in link.sent]
    world.network.cut(link)
    assert isinstance(world.error(job), Disconnected)
    # A POST is not sent again.
    assert len(calls(world)) == 1


def test_silence() -> None:
    world = World()
    start = world.now
    error = world.error(world.submit("/direct_slow", 10_000.0))
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle_direct"
    assert world.now - start == pytest.approx(Limits().idle_direct)
    world.finish()


def test_two_limits_that_pass_at_once() -> None:
    world = World()
    job = world.submit("/direct_slow", 10_000.0, timeout=600.6)
    world.run(500.0)
    world.network.stall(100.9)
    world.run(1.0)
    error = world.error(job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle_direct"


def test_a_slow_application_holds_nothing_up() -> None:
    world = World(limits=Limits(job_buffer=100))
    job = world.submit("/direct", "x" * 1000)
    assert world.end(job).error is None
    world.consumed(job, 10**6)
    job = world.submit("/direct_slow", 1.0)
    world.consumed(job, sum(event.size for event in world.told(job) if isinstance(event, StatusChanged)))
    assert world.end(job).error is None


def test_isolated_calls_have_a_session_of_their_own() -> None:
    world = World()

    def session(job: JobId) -> str:
        world.end(job)
        return world.there(job).session

    shared = session(world.submit("/direct", "hi"))
    assert session(world.submit("/direct", "hi")) == shared == world.engine.session_hash
    alone = {session(world.submit("/direct", "hi", isolated=True)) for _ in range(3)}
    assert len(alone) == 3
    assert shared not in alone
    world.finish()


def test_close_drops_calls() -> None:
    world = World()
    job = world.submit("/direct_slow", 30.0)
    world.run(1.0)
    start = world.now
    world.finish()
    assert isinstance(world.error(job), JobCancelled)
    assert world.network.actions[-1][0] == start


def test_a_call_is_never_held_up() -> None:
    world = World()
    job = world.submit("/direct_slow", 1.0)
    record, transport = world.engine._session._jobs[job]
    assert transport.overflowed(record)
    assert world.end(job).error is None
