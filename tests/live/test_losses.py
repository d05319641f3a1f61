"""The network or the server goes away in the middle of jobs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import ConnectError, Disconnected, RemoteProtocolError
from tests.live.jobs import SOON, history, running
from tests.live.relay import relay
from tests.live.ways import WAYS

if TYPE_CHECKING:
    from tests.live.ways import Way
    from tests.servers.server import GradioServer

PATIENCE = 30.0


async def test_the_connections_are_cut(way: Way, wide_server: GradioServer) -> None:
    with relay(wide_server.url) as passing:
        async with way.client(passing.url) as app:
            assert (await app.predict("/counter", [5])).value == 5
            job, other = await running(app), await running(app, "/count")
            started = time.monotonic()
            passing.cut()
            for submission in (job, other):
                with pytest.raises(Disconnected) as caught:
                    await submission.result(timeout=PATIENCE)
                assert caught.value.phase
                assert not submission.cancelled
                assert submission.status.stage == "error"
            assert time.monotonic() - started < SOON
            # The server itself was never gone, so it still has the session's State.
            assert (await app.predict("/counter", [1])).value == 6


async def test_nobody_is_there(way: Way, server: GradioServer) -> None:
    with relay(server.url) as passing:
        gone = passing.url
    with pytest.raises(ConnectError, match="refused") as caught:
        async with way.client(gone):
            pytest.fail("there is nothing to connect to")
    assert caught.value.url.startswith(gone)


async def test_not_an_app(way: Way, server: GradioServer) -> None:
    with pytest.raises(RemoteProtocolError, match="no Gradio app"):
        async with way.client(f"{server.url}/gradio_api"):
            pytest.fail("there is no app at that path")


class Ways:
    """All ways in step, each in a thread of its own: the server is killed and started again once for them all."""

    def __init__(self, server: GradioServer) -> None:
        self.server = server
        self.back = threading.Event()
        self.arrived = threading.Semaphore(0)

    async def scenario(self, way: Way) -> None:
        url = self.server.url
        async with way.client(url) as app:
            assert (await app.predict("/counter", [5])).value == 5
            submission = await running(app)
            self.arrived.release()
            with pytest.raises(Disconnected):
                await submission.result(timeout=PATIENCE)
            self.arrived.release()
            await history(app.submit("/predict", ["nobody hears this"]))
            with pytest.raises(ConnectError):
                await app.predict("/predict", ["nobody hears this"])
            self.arrived.release()
            while not self.back.is_set():
                await way.sleep(0.02)
            # A new life, without what the old one knew of this session.
            assert (await app.predict("/counter", [1])).value == 1
            assert [data.value async for data in app.submit("/count", [3])] == [0, 1, 2]

    def all_arrive(self) -> float:
        """Wait until every way has come to its next point; how long it took."""
        started = time.monotonic()
        for _ in WAYS:
            assert self.arrived.acquire(timeout=PATIENCE)
        return time.monotonic() - started


def test_the_server_is_killed_and_comes_back(wide_server: GradioServer) -> None:
    ways = Ways(wide_server)
    with ThreadPoolExecutor(len(WAYS)) as threads:
        futures = [threads.submit(way.run, partial(ways.scenario, way)) for way in WAYS.values()]
        try:
            ways.all_arrive()
            wide_server.stop(grace=0)
            assert ways.all_arrive() < 3 * SOON
            ways.all_arrive()
            wide_server.restart()
        finally:
            ways.back.set()
        for future in futures:
            future.result(PATIENCE)
