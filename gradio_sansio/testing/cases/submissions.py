"""What a submission tells, how it is listened to, cancelled, and held back."""
# ruff: noqa: TID251  # the cases run on real time and threads; nothing of the core imports them

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from itertools import pairwise

from gradio_sansio.errors import (
    AppError,
    DeadlineExceeded,
    Disconnected,
    GradioError,
    JobCancelled,
    LocalProtocolError,
)
from gradio_sansio.limits import Limits
from gradio_sansio.testing.cases.base import (
    STREAM,
    Server,
    asked,
    begun,
    case,
    raises,
    running,
)
from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.subjects import PATIENCE, AnySubmission, Subject
from gradio_sansio.values import Data, Log, Status

# What a submission tells.


@case()
async def orders_events(subject: Subject, server: Server) -> None:
    """``events()``: a status before each value, lines and progress in their places, and one terminal status, last."""
    async with subject.client(server.url) as app:
        events = [event async for event in app.submit("/count", [3]).events()]
        assert [event.value for event in events if isinstance(event, Data)] == [0, 1, 2]
        for before, event in pairwise(events):
            if isinstance(event, Data):
                assert isinstance(before, Status)
                assert before.stage == "generating"
        statuses = [event for event in events if isinstance(event, Status)]
        assert statuses[0].stage == "pending"
        assert any(status.stage == "pending" and status.position == 0 for status in statuses)
        assert [status.stage for status in statuses].count("complete") == 1
        last = events[-1]
        assert isinstance(last, Status)
        assert (last.stage, last.success, last.code) == ("complete", True, None)
        assert last.time is not None

        events = [event async for event in app.submit("/talk", ["x"]).events()]
        assert [event.message for event in events if isinstance(event, Log)] == ["info x"]
        bars = [event.progress_data for event in events if isinstance(event, Status) and event.progress_data]
        assert [(bar[0].index, bar[0].length, bar[0].desc) for bar in bars] == [(1, 2, "half")]


@case()
async def tells_its_status(subject: Subject, server: Server) -> None:
    """``status`` is there from the start, and ``done`` and ``cancelled`` go with it."""
    async with subject.client(server.url) as app:
        waiting = app.submit("/slow", [60])
        assert waiting.status.stage == "pending"
        assert not waiting.done
        waiting.cancel()
        submission = app.submit("/ticks", [3, 0.01])
        await submission.result()
        ended = submission.status
        assert ended.stage == "complete"
        assert submission.done
        assert not submission.cancelled


@case()
async def refuses_input_that_nobody_takes(subject: Subject, server: Server) -> None:
    """``send`` and ``end`` are for streaming inputs: they are misuse elsewhere, and nothing at all after the job's end."""
    async with subject.client(server.url) as app:
        async with app.submit("/slow", [60]) as submission:
            with raises(LocalProtocolError):
                await submission.send([1])
            with raises(LocalProtocolError):
                await submission.end()
        await submission.send([1])
        await submission.end()


@case()
async def takes_inputs_while_it_runs(subject: Subject, server: Server) -> None:
    """Each further input has its value; where there are no more, the job ends."""
    async with subject.client(server.url) as app:
        async with app.submit("/double", [1]) as submission:
            values: list[object] = []
            async for data in submission:
                values.append(data.value)
                if len(values) < 3:
                    await submission.send([10 * len(values)])
                else:
                    await submission.end()
            assert values == [2, 20, 40]
            assert (await submission.result()).value == 40
        # To predict is to give all input at once.
        assert (await app.predict("/double", [4])).value == 8
        async with app.submit("/double", [1]) as submission:
            async for _ in submission:
                break
        assert submission.cancelled
        await subject.until(lambda: running(server) == 0)


@case()
async def iterates(subject: Subject, server: Server) -> None:
    """Each yield once; a second iteration gets what comes from then on; ``result`` is there afterwards, again and again."""
    async with subject.client(server.url) as app:
        submission = app.submit("/ticks", [5, 0.02])
        values: list[int] = []
        async for data in submission:
            values.append(data.value)
            if len(values) == 2:
                break
        rest = [data.value async for data in submission]
        assert values == [0, 1]
        # Those that had come when the first iteration was left are not among them: few, or all on a machine that was held up.
        assert rest == list(range(5 - len(rest), 5))
        assert len(rest) <= 3
        assert [data async for data in submission] == []
        assert (await submission.result()).value == 4
        assert (await submission.result(timeout=0)).value == 4


@case()
async def iterates_twice_at_once(subject: Subject, server: Server) -> None:
    """Two iterations that begin together get the same."""
    async with subject.client(server.url) as app:
        submission = app.submit("/ticks", [10, 0.01])
        iterations = [aiter(submission), aiter(submission)]

        async def collect(iteration: AsyncIterator[Data]) -> list[int]:
            return [data.value async for data in iteration]

        found = await subject.together(*(lambda i=i: collect(i) for i in iterations))
        assert found[1] == list(range(10))[10 - len(found[1]) :]
        assert found[0] == list(range(10))


@case()
async def raises_from_iterations(subject: Subject, server: Server) -> None:
    """An iteration over data gives what came and then raises how the job failed; one over events tells it as a status."""
    async with subject.client(server.url) as app:
        values: list[int] = []
        with raises(AppError, "boom late"):
            async for data in app.submit("/fail_late", [3]):
                values.append(data.value)  # noqa: PERF401  # what came before the error counts
        assert values == [0, 1, 2]
        events = [event async for event in app.submit("/fail_late", [3]).events()]
        last = events[-1]
        assert isinstance(last, Status)
        assert (last.stage, last.success, last.message) == ("error", False, "boom late")


@case()
async def stops_waiting(subject: Subject, server: Server) -> None:
    """``result(timeout=)`` stops waiting with ``TimeoutError`` and leaves the job alone."""
    async with subject.client(server.url) as app:
        submission = app.submit("/slow", [0.5])
        for timeout in (0.05, 0, -1, math.nan):
            with raises(TimeoutError) as found:
                await submission.result(timeout=timeout)
            assert not isinstance(found[0], GradioError)
        assert not submission.done
        assert (await submission.result(timeout=math.inf)).value == "slept 0.5"


# Callbacks.


@case()
async def calls_back(subject: Subject, server: Server) -> None:
    """Several listeners get every event of their kinds, in order, those of one event in the order of registration."""
    async with subject.client(server.url) as app:
        seen: list[tuple[str, object]] = []
        submission = (
            app.submit("/count", [3])
            .on("data", lambda data: seen.append(("first", data.value)))
            .on("status", lambda status: seen.append(("status", status.stage)))
            .on("log", lambda log: seen.append(("log", log.message)))
            .on("data", lambda data: seen.append(("second", data.value)))
        )
        await submission.result()
        await subject.until(lambda: ("status", "complete") in seen)
        assert [value for name, value in seen if name == "first"] == [0, 1, 2]
        assert seen[-1] == ("status", "complete")
        second = [value for name, value in seen if name == "second"]
        assert second == [0, 1, 2][3 - len(second) :]


@case()
async def holds_what_came_before(subject: Subject, server: Server) -> None:
    """The first listener of a kind gets what came before it, even once the job has ended."""
    async with subject.client(server.url) as app:
        submission = app.submit("/talk", ["x"])
        await submission.result()
        data: list[object] = []
        logs: list[str] = []
        stages: list[str] = []
        submission.on("data", lambda item: data.append(item.value))
        submission.on("log", lambda item: logs.append(item.message))
        submission.on("status", lambda item: stages.append(item.stage))
        await subject.until(lambda: bool(data and logs and "complete" in stages))
        assert (data, logs) == (["x"], ["info x"])
        assert stages[0] == "pending"
        late: list[object] = []
        submission.on("data", late.append)
        await subject.sleep(0.02)
        assert late == []


@case()
async def lets_callbacks_end(subject: Subject, server: Server) -> None:
    """What is registered last of all is called, too: leaving waits for callbacks."""
    seen: list[object] = []
    async with subject.client(server.url) as app:
        submission = app.submit("/predict", ["held"])
        await submission.result()
        submission.on("data", lambda data: seen.append(data.value))
    assert seen == ["held"]


@case()
async def removes_listeners(subject: Subject, server: Server) -> None:
    """``off`` removes one listener, ``destroy`` all, and neither cancels anything. An unknown event is a ``ValueError``."""
    async with subject.client(server.url) as app:
        kept: list[int] = []
        removed: list[int] = []
        submission = app.submit("/ticks", [10, 0.02])

        def keep(data: Data) -> None:
            kept.append(data.value)

        def remove(data: Data) -> None:
            removed.append(data.value)

        submission.on("data", keep).on("data", remove)
        await subject.until(lambda: len(kept) >= 2)
        assert submission.off("data", remove).off("data", print) is submission
        before = len(removed)
        await subject.until(lambda: len(kept) >= 5)
        # A call that had begun may still be made.
        assert len(removed) <= before + 1
        submission.destroy()
        before = len(kept)
        assert (await submission.result()).value == 9
        await subject.sleep(0.02)
        assert len(kept) <= before + 1
        with raises(ValueError, "'data'", "'status'", "'log'"):
            submission.on("end", keep)
        with raises(ValueError, "'data'"):
            submission.off("/predict", keep)


@case()
async def removes_listeners_during_delivery(subject: Subject, server: Server) -> None:
    """A callback may remove itself, others, or add one, while it is being called."""
    async with subject.client(server.url) as app:
        seen: list[tuple[str, int]] = []
        submission = app.submit("/ticks", [5, 0.02])

        def once(data: Data) -> None:
            seen.append(("once", data.value))
            submission.off("data", once).off("data", victim).on("data", heir)

        def victim(data: Data) -> None:
            seen.append(("victim", data.value))

        def heir(data: Data) -> None:
            seen.append(("heir", data.value))

        submission.on("data", once).on("data", victim)
        await submission.result()
        await subject.until(lambda: ("heir", 4) in seen)
        assert [value for name, value in seen if name == "once"] == [0]
        assert not [value for name, value in seen if name == "victim"]


@case()
async def survives_callbacks_that_raise(subject: Subject, server: Server) -> None:
    """A callback that raises harms nobody; the runtime is told, in its own way."""
    async with subject.client(server.url) as app, subject.reported() as reported:
        seen: list[int] = []

        def bad(data: Data) -> None:
            raise KeyError(data.value)

        submission = (
            # Slow enough for the second listener to be there before the last value.
            app.submit("/ticks", [3, 0.2]).on("data", bad).on("data", lambda data: seen.append(data.value))
        )
        assert (await submission.result()).value == 2
        await subject.until(lambda: 2 in seen and len(reported) == 3)
        assert [repr(error) for error in reported] == ["KeyError(0)", "KeyError(1)", "KeyError(2)"]
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def calls_from_callbacks(subject: Subject, server: Server) -> None:
    """A callback may call the app: predict, submit, cancel, and close it."""
    async with subject.client(server.url) as app:
        seen: list[object] = []

        async def again(data: Data) -> None:
            seen.append((await app.predict("/add", [data.value, 100])).value)

        submission = app.submit("/count", [3]).on("data", subject.callback(again))
        await submission.result()
        await subject.until(lambda: len(seen) == 3)
        assert seen == [100, 101, 102]

        async def stop(_: Data) -> None:
            forever.cancel()

        forever = app.submit("/ticks", [10_000, 0.01])
        forever.on("data", subject.callback(stop))
        with raises(JobCancelled):
            await forever.result(timeout=PATIENCE)

        async def close(_: Data) -> None:
            await app.close()

        app.submit("/count", [1]).on("data", subject.callback(close))

        def closed() -> bool:
            try:
                app.submit("/predict", ["x"]).cancel()
            except LocalProtocolError:
                return True
            return False

        await subject.until(closed)


@case("tasks")
async def awaits_async_callbacks(subject: Subject, server: Server) -> None:
    """Async callbacks of one submission are awaited one after another."""
    async with subject.client(server.url) as app:
        running = 0
        seen: list[int] = []

        async def slow(data: Data) -> None:
            nonlocal running
            running += 1
            assert running == 1
            await subject.sleep(0.01)
            running -= 1
            seen.append(data.value)

        await app.submit("/ticks", [5, 0.1]).on("data", slow).on("data", slow).result()
        await subject.until(lambda: len(seen) >= 9)
        assert seen[:1] == [0]


# Cancelling.


def _was_cancelled(submission: AnySubmission) -> None:
    assert submission.done
    assert submission.cancelled
    status = submission.status
    assert (status.stage, status.queue, status.success, status.code) == (
        "complete",
        False,
        False,
        "cancelled",
    )


@case()
async def cancels_at_any_time(subject: Subject, server: Server) -> None:
    """Before anything was sent, in the queue, while it runs, twice: ended when ``cancel`` returns, and stopped on the server."""
    async with subject.client(server.url) as app:
        at_once = app.submit("/slow", [60])
        at_once.cancel()
        _was_cancelled(at_once)

        first = app.submit("/one_at_a_time", [60])
        await subject.until(begun(server, 2))
        queued = app.submit("/one_at_a_time", [60])
        await subject.until(lambda: queued.status.position is not None)
        queued.cancel()
        _was_cancelled(queued)
        first.cancel()
        first.cancel()
        _was_cancelled(first)

        for submission in (at_once, queued, first):
            with raises(JobCancelled):
                await submission.result()
            assert [data async for data in submission] == []
        await subject.until(lambda: running(server) == 0)
        assert (await app.predict("/one_at_a_time", [0])).value == "slept 0"


@case()
async def cancels_after_the_end(subject: Subject, server: Server) -> None:
    """A job that has ended stays as it ended."""
    async with subject.client(server.url) as app:
        submission = app.submit("/predict", ["hello"])
        await submission.result()
        submission.cancel()
        assert not submission.cancelled
        assert (await submission.result()).value == "hello"


@case()
async def gives_no_data_after_cancel(subject: Subject, server: Server) -> None:
    """Once ``cancel`` has returned, nothing comes but the end; whoever iterates meanwhile just ends."""
    async with subject.client(server.url) as app:
        seen: list[int] = []
        submission = app.submit("/ticks", [100_000, 0.001]).on("data", lambda data: seen.append(data.value))
        iteration = aiter(submission)

        async def iterate() -> int:
            return len([data async for data in iteration])

        async def cancel() -> int:
            await subject.until(lambda: len(seen) > 5)
            submission.cancel()
            _was_cancelled(submission)
            return len(seen)

        _, before = await subject.together(iterate, cancel)
        await subject.sleep(0.05)
        # A call that had begun may still be made.
        assert len(seen) <= before + 1
        await subject.until(lambda: running(server) == 0)


@case()
async def cancels_on_leaving(subject: Subject, server: Server) -> None:
    """Leaving the block of a submission cancels it, whatever leaves it."""
    async with subject.client(server.url) as app:
        async with app.submit("/ticks", [100_000, 0.001]) as submission:
            async for data in submission:
                if data.value == 3:
                    break
        _was_cancelled(submission)
        with raises(KeyError):
            async with app.submit("/slow", [60]) as submission:
                raise KeyError("mine")
        _was_cancelled(submission)
        async with app.submit("/predict", ["hello"]) as submission:
            await submission.result()
        assert not submission.cancelled
        await subject.until(lambda: running(server) == 0)


@case("tasks")
async def is_cancelled_with_its_scope(subject: Subject, server: Server) -> None:
    """Cancelling whoever awaits ``predict`` cancels the job on the server; whoever awaits a submission takes nothing from it."""
    async with subject.client(server.url) as app:
        await subject.cancelled_after(0.2, lambda: app.predict("/slow", [60]))
        await subject.until(lambda: running(server) == 0)

        submission = app.submit("/slow", [0.5])
        await subject.cancelled_after(0.1, submission.result)
        assert not submission.done
        assert (await submission.result()).value == "slept 0.5"

        async def enter() -> None:
            async with app.submit("/slow", [60]) as inner:
                await inner.result()

        await subject.cancelled_after(0.1, enter)
        await subject.until(lambda: running(server) == 0)
        assert (await app.predict("/predict", ["well"])).value == "well"


@case("tasks")
async def is_cancelled_as_a_whole(subject: Subject, server: Server) -> None:
    """Cancelling the block of an app closes it in order: its jobs are cancelled on the server."""

    async def use() -> None:
        async with subject.client(server.url) as app:
            app.submit("/slow", [60])
            await app.predict("/slow", [60])

    await subject.cancelled_after(0.3, use)
    await subject.until(lambda: running(server) == 0)


@case()
async def times_jobs_out(subject: Subject, server: Server) -> None:
    """Past ``timeout`` a job is cancelled, on the server too, and raises ``DeadlineExceeded``."""
    async with subject.client(server.url) as app:
        started = time.monotonic()
        with raises(DeadlineExceeded) as found:
            await app.predict("/slow", [60], timeout=0.2)
        assert found[0].limit == "timeout"
        assert isinstance(found[0], TimeoutError)
        submission = app.submit("/slow", [60], timeout=0.2)
        with raises(DeadlineExceeded):
            await submission.result()
        assert not submission.cancelled
        assert 0.4 <= time.monotonic() - started < PATIENCE
        await subject.until(lambda: running(server) == 0)
        with raises(ValueError):
            app.submit("/slow", [60], timeout=0)


# Sessions, and slow consumers.


@case()
async def isolates(subject: Subject, server: Server) -> None:
    """An isolated job has a session of its own: it outlives the others' stream."""
    async with subject.client(server.url) as app:
        isolated = app.submit("/slow", [0.5], isolated=True)
        shared = app.submit("/slow", [0.5])
        await subject.until(begun(server, 2))
        await subject.until(lambda: asked(server, STREAM) == 2)

        def cut(gradio: GradioServer) -> None:
            reader = gradio.sessions[app.session_hash].reader
            assert reader is not None
            reader.cut(Cut.RESET)

        sessions = server.call(lambda gradio: {job.session for job in gradio.jobs})
        assert len(sessions) == 2
        assert app.session_hash in sessions
        server.call(cut)
        with raises(Disconnected):
            await shared.result()
        assert (await isolated.result()).value == "slept 0.5"


@case()
async def keeps_the_newest(subject: Subject, server: Server) -> None:
    """With ``newest`` a slow consumer gets the newest value at each turn, and the last."""
    async with subject.client(server.url) as app:
        submission = app.submit("/ticks", [100, 0.003], newest=True)
        values: list[int] = []
        async for data in submission:
            values.append(data.value)
            await subject.sleep(0.05)
        assert values == sorted(set(values))
        assert values[-1] == 99
        assert len(values) < 50


@case()
async def holds_back_the_server(subject: Subject, server: Server) -> None:
    """A slow consumer holds the server back, with no more than ``Limits.job_buffer`` kept here, and loses nothing."""
    n, size = 1500, 32 * 1024
    async with subject.client(server.url, limits=Limits(job_buffer=256 * 1024)) as app:
        submission = app.submit("/blobs", [n, size])
        numbers: list[int] = []
        async for data in submission:
            if not numbers:
                # What the system's own buffers take is a few MiB.
                await subject.sleep(0.5)
                assert server.unsent > n * size // 2
            numbers.append(int(data.value.partition(" ")[0]))
        assert numbers == list(range(n))


@case()
async def goes_on_after_a_dropped_iteration(subject: Subject, server: Server) -> None:
    """Who stops iterating takes nothing more: the server isn't held back any longer, and the job comes to its end."""
    n, size = 600, 32 * 1024
    async with subject.client(server.url, limits=Limits(job_buffer=256 * 1024)) as app:
        submission = app.submit("/blobs", [n, size])
        iteration = aiter(submission)
        assert (await anext(iteration)).value.startswith("0 ")
        await subject.sleep(0.5)
        assert server.unsent > 0
        del iteration
        assert (await submission.result()).value.startswith(f"{n - 1} ")
