"""Jobs while they wait and run: streams of values, statuses and log lines, and many jobs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AppError, Data, Log, Status
from tests.live.jobs import history, placed, running, statuses, values
from tests.live.relay import relay

if TYPE_CHECKING:
    from tests.live.ways import Way
    from tests.servers.server import GradioServer

LONG = 2000
MANY = 200


async def test_two_thousand_values_come_complete_and_in_order(way: Way, wide_server: GradioServer) -> None:
    async with way.client(wide_server.url) as app:
        submission = app.submit("/count", [LONG, 0])
        assert [data.value async for data in submission] == list(range(LONG))
        assert (await submission.result()).value == LONG - 1


async def test_growing_json_is_what_the_app_computed_at_each_step(
    way: Way, wide_server: GradioServer
) -> None:
    async with way.client(wide_server.url) as app:
        steps = [data.data async for data in app.submit("/pair", [60])]
    expected = []
    items: list[dict[str, int]] = []
    for i in range(60):
        items = [*items, {"i": i, "square": i * i}]
        expected.append([items, sum(item["i"] for item in items)])
    assert steps == expected


async def test_progress(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        events = await history(app.submit("/progress", [3, 0.2]))
    bars = [bar for status in statuses(events) for bar in status.progress_data or ()]
    steps = [bar.index for bar in bars if bar.index]
    # The server looks for news some ten times a second, and not any more once the function has ended.
    assert steps in ([1, 2], [1, 2, 3])
    assert [(bar.length, bar.unit, bar.desc) for bar in bars if bar.index] == [
        (3, "steps", f"step {index:g}") for index in steps
    ]
    assert values(events) == ["3 steps"]


async def test_log_lines_come_before_the_value(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        events = await history(app.submit("/log", ["x"]))
    told = [event for event in events if not isinstance(event, Status)]
    assert [type(event) for event in told] == [Log, Log, Data]
    assert [(line.level, line.message) for line in told if isinstance(line, Log)] == [
        ("info", "info x"),
        ("warning", "warning x"),
    ]


async def test_a_failure_at_once(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/fail", ["x"])
        events = await history(submission)
        assert values(events) == []
        assert (submission.status.stage, submission.status.message) == ("error", "boom")
        assert submission.status.success is False
        with pytest.raises(AppError, match="boom"):
            await submission.result()


async def test_a_failure_half_way_comes_after_the_values(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/fail_late", [3])
        seen = []
        with pytest.raises(AppError, match="boom after yields"):  # noqa: PT012  # that a loop raises is what is shown
            async for data in submission:
                seen.append(data.value)  # noqa: PERF401
        assert seen == [0, 1, 2]
        with pytest.raises(AppError, match="boom after yields"):
            await submission.result()
        assert values(await history(app.submit("/fail_late", [2]))) == [0, 1]


async def test_a_direct_call_has_no_place_in_a_queue(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        events = await history(app.submit("/direct", ["abc"]))
    assert values(events) == ["cba"]
    assert not any(status.queue for status in statuses(events))


async def test_places_in_the_queue(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        first = await running(app)
        waiting = [app.submit("/count_forever", [2, 0]) for _ in range(3)]
        for submission in waiting:
            await placed(way, submission)
        # Those that were sent at the same time may have come in any order.
        assert sorted(submission.status.position or 0 for submission in waiting) == [0, 1, 2]
        assert {submission.status.stage for submission in waiting} == {"pending"}
        first.cancel()
        for submission in waiting:
            events = await history(submission)
            assert values(events) == [0, 1]
            places = [status.position for status in statuses(events) if status.position is not None]
            assert places == sorted(places, reverse=True)
            assert places[-1] == 0


async def test_many_jobs_share_one_stream(way: Way, wide_server: GradioServer) -> None:
    with relay(wide_server.url) as passing:
        async with way.client(passing.url) as app:
            # This one keeps the stream open; between two short jobs the server would be right to end it.
            lasting = await running(app)
            jobs = [app.submit("/predict", [f"job {i}"]) for i in range(MANY)]
            for i, job in enumerate(jobs):
                assert values(await history(job)) == [f"job {i}"]
            assert not lasting.done
        assert passing.count("GET", "/queue/data") == 1
        assert passing.count("POST", "/queue/join") == MANY + 1


async def test_callbacks_get_everything_in_order(way: Way, server: GradioServer) -> None:
    got: dict[str, list[Any]] = {"data": [], "status": [], "log": []}
    async with way.client(server.url) as app:
        submission = app.submit("/count", [20, 0])
        for event, seen in got.items():
            submission = submission.on(event, seen.append)
        await submission.result()
        while not got["status"] or got["status"][-1].stage != "complete":
            await way.sleep(0.005)
        assert [data.value for data in got["data"]] == list(range(20))
        assert got["log"] == []

        logging = app.submit("/log", ["x"])
        await logging.result()
        # All is over, and yet nothing was lost.
        lines: list[Log] = []
        logging.on("log", lines.append)
        while len(lines) < 2:
            await way.sleep(0.005)
        with pytest.raises(ValueError, match=r"data.*status.*log"):
            logging.off("/log", lines.append)


async def test_the_result_can_be_waited_for_in_steps(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/slow", [0.3])
        with pytest.raises(TimeoutError):
            await submission.result(timeout=0.05)
        assert not submission.done
        assert (await submission.result(timeout=10)).value == "slept 0.3"


async def test_the_newest_value_is_enough_for_a_slow_reader(way: Way, wide_server: GradioServer) -> None:
    async with way.client(wide_server.url) as app:
        submission = app.submit("/count", [300, 0], newest=True)
        seen = []
        async for data in submission:
            seen.append(data.value)
            await way.sleep(0.05)
        assert seen == sorted(set(seen))
        assert seen[-1] == 299
        assert len(seen) < 100
