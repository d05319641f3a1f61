"""Cancelling at each checkpoint in turn, with a real server: no job goes on there, and the next one has the only slot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from tests.adapters.test_cancellation import MOST, Suspended
from tests.live.jobs import ENDLESS, SOON
from tests.live.ways import WAYS

if TYPE_CHECKING:
    from tests.servers.server import GradioServer


@pytest.mark.parametrize("name", [name for name in WAYS if name != "sync"])
def test_at_each_checkpoint(name: str, server: GradioServer) -> None:
    way = WAYS[name]

    async def use() -> None:
        async with way.client(server.url) as app:
            assert (await app.predict("/predict", ["x"])).value == "x"
            async with app.submit("/count_forever", ENDLESS) as submission:
                async for data in submission:
                    if data.value == 3:
                        break

    async def main() -> None:
        for n in range(1, MOST):
            with anyio.CancelScope() as scope:
                await Suspended(use(), n, scope.cancel)
            async with way.client(server.url) as app:
                assert (await app.predict("/count_forever", [2, 0], timeout=SOON)).value == 1
            if not scope.cancelled_caught:
                assert n > 5
                return
        pytest.fail("it was still not through")

    way.run(main)
