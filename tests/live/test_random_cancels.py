"""A hundred jobs of one function, cancelled at random moments: each ends once, none of the others is harmed, and the app stays usable.

How soon the server stops what was cancelled depends on its version; what is measured here stands in the page of versions.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import JobCancelled
from tests.live.jobs import history, values
from tests.live.matrix import Stop
from tests.live.servers import each_version, own_server
from tests.live.ways import WAYS
from tests.servers.environments import known_versions

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.ways import App, Submission, Way
    from tests.servers.server import GradioServer

pytestmark = pytest.mark.timeout(300)  # 4.0.2 takes nothing out of its queue: all hundred run to their end

JOBS = 100
AFTERWARDS = 50
LENGTH, DELAY = 40, 0.02
PATIENCE = 60.0


version = each_version(known_versions())
server = own_server("--concurrency", "4")  # in 3.x the number holds for the whole app


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, version: str) -> Way:
    """The newest version is tried in every way, the others in one each."""
    name: str = request.param
    turn = known_versions().index(version) % len(WAYS)
    if version != known_versions()[-1] and name != list(WAYS)[turn]:
        pytest.skip("another way's turn")
    return WAYS[name]


async def stopped_after(way: Way, app: App) -> float:
    """Seconds until no job of the function makes a step any more."""
    started = time.monotonic()
    while (await app.predict("/counting")).value:
        assert time.monotonic() - started < PATIENCE, "what was cancelled runs on"
        await way.sleep(0.05)
    return time.monotonic() - started


async def test_random_moments(
    way: Way, server: GradioServer, version: str, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(f"{version}{way}")
    async with way.client(server.url) as app, way.client(server.url) as observer:
        doomed: list[Submission] = []
        spared: list[Submission] = []
        for _ in range(JOBS):
            job = app.submit("/count_forever", [LENGTH, DELAY])
            (spared if chance.random() < 0.1 else doomed).append(job)
            if chance.random() < 0.3:
                await way.sleep(chance.random() * 0.05)
            for victim in chance.sample(doomed, min(len(doomed), 2)):
                if chance.random() < 0.4:
                    victim.cancel()
        for victim in chance.sample(doomed, len(doomed)):
            victim.cancel()
            if chance.random() < 0.2:
                await way.sleep(chance.random() * 0.1)
        for job in doomed:
            events = await history(job)
            if job.cancelled:
                with pytest.raises(JobCancelled):
                    await job.result()
            else:
                # It had ended before.
                assert values(events) == list(range(LENGTH))
        for job in spared:
            assert values(await history(job)) == list(range(LENGTH))
        beside = await stopped_after(way, observer)
        # Nothing stands in the way of what comes next.
        afterwards = [app.submit("/count_forever", [3, 0]) for _ in range(AFTERWARDS)]
        for job in afterwards:
            assert [data.value async for data in job] == [0, 1, 2]
        isolated = [app.submit("/count_forever", [10_000, DELAY], isolated=True) for _ in range(4)]
        for job in isolated:
            async for _ in job:
                break
        for job in isolated:
            job.cancel()
        alone = await stopped_after(way, observer)
    record_property("stop", tuple(Stop(version, str(way), beside, alone)))
