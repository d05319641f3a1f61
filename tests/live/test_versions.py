"""Older servers, one for each way in which jobs have been run: the same app, the same calls, the same answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradio_sansio import AppError, Data, JobCancelled
from tests.servers.environments import BuildError, known_versions

if TYPE_CHECKING:
    from tests.live.conftest import StartServer
    from tests.live.ways import Way
    from tests.servers.server import GradioServer

OLDER = known_versions()[:-1]


@pytest.fixture(scope="module", params=OLDER)
def older_server(request: pytest.FixtureRequest, start_server: StartServer) -> GradioServer:
    version: str = request.param
    try:
        return start_server(version)
    except BuildError as error:
        pytest.skip(f"{error} (or make servers, as .ci/run does)")


async def test_plain_calls(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        assert (await app.predict("/predict", ["hello, wörld ✓"])).value == "hello, wörld ✓"
        assert (await app.predict("/add", [1, 2])).value == 3
        assert (await app.predict("/defaults", {"name": "you"})).value == "hello you hello you (plain)"
        assert (await app.predict("/split", ["a bc"])).data == ["a", "bc", 4]
        assert (await app.predict("/direct", ["abc"])).value == "cba"
        assert (await app.predict("/json", [{"a": [1, None]}])).value == {"got": {"a": [1, None]}}
        assert len((await app.predict("/big", [1_000_000])).value) == 1_000_000


async def test_state_belongs_to_an_app(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        assert [(await app.predict("/counter", [2])).value for _ in range(3)] == [2, 4, 6]
    async with way.client(older_server.url) as app:
        assert (await app.predict("/counter", [2])).value == 2


async def test_values_come_one_by_one(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        assert [data.value async for data in app.submit("/count", [20, 0])] == list(range(20))
        words = [data.value async for data in app.submit("/chat", ["a b", 0])]
        assert words == ["You", "You said:", "You said: a", "You said: a b"]
        pairs = [data.data async for data in app.submit("/pair", [3])]
        items = [{"i": i, "square": i * i} for i in range(3)]
        assert pairs == [[items[: i + 1], sum(range(i + 1))] for i in range(3)]


async def test_failures(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        with pytest.raises(AppError, match=r"^boom$"):
            await app.predict("/fail", ["x"])
        with pytest.raises(AppError, match="doesn't show the text"):
            await app.predict("/crash", ["x"])
        submission = app.submit("/fail_late", [2])
        events = [event async for event in submission.events()]
        assert [event.value for event in events if isinstance(event, Data)] == [0, 1]
        with pytest.raises(AppError, match=r"^boom after yields$"):
            await submission.result()


async def test_a_cancelled_generator_gives_its_place_up(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        submission = app.submit("/count_forever", [1000, 0.05])
        async for data in submission:
            if data.value == 1:
                submission.cancel()
        with pytest.raises(JobCancelled):
            await submission.result()
        # The same function, one job at a time: this waits for the place.
        assert (await app.predict("/count_forever", [2, 0], timeout=20)).value == 1


async def test_jobs_at_once(way: Way, older_server: GradioServer) -> None:
    async with way.client(older_server.url) as app:
        jobs = [app.submit("/predict", [str(i)]) for i in range(20)]
        assert [(await job.result()).value for job in jobs] == [str(i) for i in range(20)]
