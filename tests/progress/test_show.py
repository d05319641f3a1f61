"""One call shows a job in every style of program."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio import AppError, JobCancelled
from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from gradio_sansio_progress import show
from tests.cli.app import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = [f"a step with quite a long description: {i} of 4 steps" for i in range(4)]


@pytest.fixture
def server() -> Iterator[Loopback[GradioServer]]:
    with Loopback(GradioServer(FUNCTIONS)) as running:
        yield running


def test_plain_calls(server: Loopback[GradioServer], capsys: pytest.CaptureFixture[str]) -> None:
    with gradio_sansio_sync.client(server.url) as app:
        assert show(app.submit("/steps", ["x"])).value == "done"
        with pytest.raises(AppError, match="boom"):
            show(app.submit("/fail_late", ["x"]))
        cancelled = app.submit("/slow", ["x"])
        cancelled.cancel()
        with pytest.raises(JobCancelled):
            show(cancelled)
    assert [line for line in capsys.readouterr().err.splitlines() if "step" in line] == STEPS


@pytest.mark.parametrize("runtime", ["asyncio", "trio through anyio", "trio"])
def test_with_await(server: Loopback[GradioServer], runtime: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = gradio_sansio_trio.client if runtime == "trio" else gradio_sansio_anyio.client

    async def main() -> None:
        async with client(server.url) as app:
            result = await show(app.submit("/steps", ["x"]))
            assert result.value == "done"
            with pytest.raises(AppError, match="boom"):
                await show(app.submit("/fail_late", ["x"]))
            slow = app.submit("/slow", ["x"])
            with anyio.move_on_after(0.2) if runtime != "trio" else trio.move_on_after(0.2):
                await show(slow)
            assert slow.cancelled

    if runtime == "asyncio":
        asyncio.run(main())
    else:
        trio.run(main)
    assert [line for line in capsys.readouterr().err.splitlines() if "step" in line] == STEPS


def test_an_interrupt_cancels(server: Loopback[GradioServer], monkeypatch: pytest.MonkeyPatch) -> None:
    with gradio_sansio_sync.client(server.url) as app:
        submission = app.submit("/slow", ["x"])

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(submission, "events", interrupt)
        with pytest.raises(KeyboardInterrupt):
            show(submission)
        assert submission.cancelled


def test_what_is_no_submission(server: Loopback[GradioServer]) -> None:
    with gradio_sansio_sync.client(server.url) as app:
        result = app.predict("/predict", ["x"])
    values: tuple[Any, ...] = (result, result.value, None)
    for wrong in values:
        with pytest.raises(TypeError, match=r"^show takes what app\.submit\(\.\.\.\) returns, .*, not \w+$"):
            show(wrong)
