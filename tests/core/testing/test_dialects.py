"""The server in each of its versions, and an engine that speaks with it: the same app, the same events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AppError, Engine, JobCancelled, QueueFull
from gradio_sansio.events import AppOpened, DataReceived, JobFinished, JobId, LogReceived, StatusChanged
from gradio_sansio.testing import (
    Function,
    GradioServer,
    RandomPieces,
    Report,
    Request,
    Say,
    Sleep,
    VirtualNetwork,
    single_bytes,
    whole,
)
from gradio_sansio.testing.jobs import JobState
from tests.core.virtual import HOST, URL, entropy

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = [
    (3, 28, 3),
    (3, 50, 2),
    (4, 0, 2),
    (4, 8, 0),
    (4, 16, 0),
    (4, 20, 1),
    (4, 21, 0),
    (4, 44, 1),
    (6, 31, 0),
]
ALONE = VERSIONS[:4]


def echo(text: str) -> str:
    return text


def fail(text: str) -> str:
    raise RuntimeError(f"boom {text}")


def talk(text: str) -> Iterator[object]:
    yield Say(f"info {text}")
    yield Report(1, 2, "half")
    yield text[:1]
    yield text


def ticks(n: int) -> Iterator[object]:
    for i in range(n):
        yield i
        yield Sleep(1)


class Called:
    def __init__(self, version: tuple[int, int, int], chunking: Any = whole, **options: Any) -> None:
        functions = [
            Function("echo", echo),
            Function("fail", fail),
            Function("talk", talk),
            Function("ticks", ticks),
        ]
        functions.append(Function("direct", echo, queue=False))
        self.server = GradioServer(functions, version=version, **options)
        self.network = VirtualNetwork({HOST: self.server}, chunking=chunking)
        auth = options.get("auth")
        self.engine = self.network.attach(
            lambda now: Engine(URL, now=now, wall_clock=0.0, entropy=entropy(), auth=auth)
        )
        self.network.run_until(lambda: self.network.happened(AppOpened))

    def submit(self, endpoint: str, *payload: Any) -> JobId:
        job = self.engine.submit(endpoint, payload, now=self.network.now)
        self.network.pump()
        return job

    def cancel(self, job: JobId) -> None:
        self.engine.cancel(job, self.network.now)
        self.network.pump()

    def result(self, job: JobId) -> JobFinished:
        def found() -> list[JobFinished]:
            return [event for event in self.network.all_of(JobFinished) if event.job == job]

        self.network.run_until(found, within=60.0)
        return found()[0]

    def values(self, job: JobId) -> list[Any]:
        return [event.data.value for event in self.network.all_of(DataReceived) if event.job == job]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunking", [whole, single_bytes, RandomPieces(3)])
def test_calls(version: tuple[int, int, int], chunking: Any) -> None:
    called = Called(version, chunking, auth=("me", "mine"))
    assert called.result(called.submit("/echo", "ü✓🎈")).error is None
    assert called.values(JobId(1)) == ["ü✓🎈"]
    error = called.result(called.submit("/fail", "x")).error
    assert isinstance(error, AppError)
    assert error.message == "boom x"
    called.result(called.submit("/talk", "abc"))
    assert called.values(JobId(3)) == ["a", "abc"]
    assert [event.log.message for event in called.network.all_of(LogReceived)] == ["info abc"]
    bars = [e.status.progress_data for e in called.network.all_of(StatusChanged) if e.status.progress_data]
    assert [(bar[0].index, bar[0].desc) for bar in bars] == [(1, "half")]
    called.result(called.submit("/direct", "abc"))
    assert called.values(JobId(4)) == ["abc"]
    assert called.engine.config["version"] == ".".join(map(str, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_places_and_cancels(version: tuple[int, int, int]) -> None:
    called = Called(version)
    first = called.submit("/ticks", 100)
    called.network.run(2.5)
    second, third = called.submit("/ticks", 100), called.submit("/ticks", 2)
    called.network.run(0.5)
    assert [job.state for job in called.server.jobs] == [JobState.RUNNING, JobState.QUEUED, JobState.QUEUED]
    called.cancel(second)
    called.cancel(first)
    assert isinstance(called.result(first).error, JobCancelled)
    assert called.result(third).error is None
    assert called.values(third) == [0, 1]
    assert called.values(second) == []


@pytest.mark.parametrize("version", ALONE)
def test_a_full_queue(version: tuple[int, int, int]) -> None:
    called = Called(version, max_size=1)
    jobs = [called.submit("/ticks", 3) for _ in range(3)]
    ends = [type(called.result(job).error) for job in jobs]
    assert sorted(end.__name__ for end in ends) == ["NoneType", "NoneType", "QueueFull"]
    assert QueueFull in ends


@pytest.mark.parametrize("version", ALONE)
def test_who_leaves_before_the_data_makes_room(version: tuple[int, int, int]) -> None:
    called = Called(version)
    first = called.submit("/ticks", 3)
    called.network.run_until(lambda: called.server.jobs)
    called.cancel(first)
    second = called.submit("/ticks", 2)
    assert called.result(second).error is None
    assert called.values(second) == [0, 1]


def test_a_websocket_that_says_nothing_is_forgotten() -> None:
    called = Called((3, 50, 2))
    job = called.submit("/echo", "x")
    called.network.run_until(lambda: called.server.connections and called.server._sockets)
    called.cancel(job)
    called.network.run(5)
    assert not called.server._sockets
    assert not called.server.jobs


def test_data_for_nothing_is_refused() -> None:
    class Connection:
        status = 0

        def answer(self, answer: Any) -> None:
            self.status = answer.status

    connection: Any = Connection()
    server = GradioServer([Function("echo", echo)], version=(4, 8, 0))
    server.handle(connection, Request("POST", "/queue/data", {}, {}, b'{"event_id": "x", "data": []}'))
    assert connection.status == 500
