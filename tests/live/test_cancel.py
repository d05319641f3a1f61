"""Cancelling, by each of its ways. What counts is the server: is the slot free, and were the others left alone?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import DeadlineExceeded, JobCancelled
from tests.live.jobs import ENDLESS, SOON, history, placed, running, starts_at_once, statuses, values

if TYPE_CHECKING:
    from tests.live.ways import Submission, Way
    from tests.servers.server import GradioServer


async def assert_cancelled(submission: Submission) -> None:
    assert submission.done
    assert submission.cancelled
    status = submission.status
    assert (status.stage, status.queue, status.success, status.code) == (
        "complete",
        False,
        False,
        "cancelled",
    )
    with pytest.raises(JobCancelled):
        await submission.result()


async def test_while_running(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = await running(app)
        submission.cancel()
        await assert_cancelled(submission)
        submission.cancel()
        assert [data async for data in submission] == []
        await starts_at_once(app)
        await assert_cancelled(submission)


async def test_in_the_loop_over_its_values(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/count_forever", ENDLESS)
        seen = []
        async for data in submission:
            seen.append(data.value)
            if data.value == 3:
                submission.cancel()
        assert seen == [0, 1, 2, 3]
        await assert_cancelled(submission)
        await starts_at_once(app)


async def test_while_queued(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        first = await running(app)
        second = app.submit("/count_forever", ENDLESS)
        await placed(way, second)
        second.cancel()
        await assert_cancelled(second)
        assert values(await history(second)) == []
        # The one that ran runs on.
        seen = 0
        async for _ in first:
            seen += 1
            if seen == 10:
                break
        first.cancel()
        # If the queued one was still in the queue, it would run now, and for long.
        await starts_at_once(app)


async def test_at_once(way: Way, server: GradioServer) -> None:
    """The server hasn't answered yet, so there is nothing to name it by."""
    async with way.client(server.url) as app, way.client(server.url) as other:
        for endpoint in ("/count_forever", "/direct"):
            submission = app.submit(endpoint, ENDLESS if endpoint != "/direct" else ["x"])
            submission.cancel()
            await assert_cancelled(submission)
            assert [status.code for status in statuses(await history(submission))][-1] == "cancelled"
        # Not of the same session: a job of that would stand beside the cancelled one, which is stopped with more care then.
        await starts_at_once(other)


async def test_after_the_end(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/predict", ["hi"])
        assert (await submission.result()).value == "hi"
        submission.cancel()
        assert not submission.cancelled
        assert (await submission.result()).value == "hi"


async def test_beside_a_running_sibling(way: Way, wide_server: GradioServer) -> None:
    async with way.client(wide_server.url) as app:
        cancelled = await running(app)
        sibling = app.submit("/count_forever", [40, 0.02])
        seen = []
        async for data in sibling:
            seen.append(data.value)
            if data.value == 3:
                cancelled.cancel()
        assert seen == list(range(40))
        assert (await sibling.result()).value == 39
        await assert_cancelled(cancelled)
        # And the server is told to stop the cancelled one after all: four jobs find a place again.
        four = [await running(app) for _ in range(4)]
        for submission in four:
            submission.cancel()


async def test_beside_a_queued_sibling(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        first = await running(app)
        second = app.submit("/count_forever", [3, 0])
        await placed(way, second)
        first.cancel()
        assert values(await history(second)) == [0, 1, 2]


async def test_an_isolated_job_beside_its_sibling(way: Way, wide_server: GradioServer) -> None:
    async with way.client(wide_server.url) as app:
        isolated = app.submit("/count_forever", ENDLESS, isolated=True)
        sibling = app.submit("/count_forever", [20, 0.02])
        async for _ in isolated:
            break
        isolated.cancel()
        assert [data.value async for data in sibling] == list(range(20))


async def test_by_leaving_the_block(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app, way.client(server.url) as other:
        async with app.submit("/count_forever", ENDLESS) as submission:
            async for data in submission:
                if data.value == 2:
                    break
        await assert_cancelled(submission)
        await starts_at_once(app)
        with pytest.raises(RuntimeError, match="mine"):
            async with app.submit("/count_forever", ENDLESS) as submission:
                raise RuntimeError("mine")
        await assert_cancelled(submission)
        await starts_at_once(other)


async def test_by_timeout(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(DeadlineExceeded) as caught:
            await app.predict("/count_forever", ENDLESS, timeout=0.2)
        assert caught.value.limit == "timeout"
        await starts_at_once(app)

        submission = app.submit("/count_forever", ENDLESS, timeout=0.2)
        seen = values(await history(submission))
        assert seen == list(range(len(seen)))
        with pytest.raises(DeadlineExceeded):
            await submission.result()
        await starts_at_once(app)


async def test_by_closing_the_app(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as other:
        async with way.client(server.url) as app:
            jobs = [await running(app), app.submit("/count_forever", ENDLESS)]
            await placed(way, jobs[1])
            started = time.monotonic()
        assert time.monotonic() - started < SOON
        for submission in jobs:
            await assert_cancelled(submission)
        await starts_at_once(other)


async def test_by_an_exception_in_the_app_s_block(way: Way, server: GradioServer) -> None:
    jobs: list[Submission] = []
    with pytest.raises(RuntimeError, match="mine"):  # noqa: PT012  # it is all one block
        async with way.client(server.url) as app:
            jobs.append(await running(app))
            raise RuntimeError("mine")
    await assert_cancelled(jobs[0])
    async with way.client(server.url) as app:
        await starts_at_once(app)
