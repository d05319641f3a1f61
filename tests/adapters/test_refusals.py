"""What adapters refuse before anything is sent, where it would go wrong in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import gradio_sansio_sync
from gradio_sansio.testing.cases.base import FUNCTIONS
from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Loopback[GradioServer]]:
    with Loopback(GradioServer(FUNCTIONS)) as running:
        yield running


async def never_awaited(value: Any) -> None:
    raise AssertionError


def test_async_callbacks_of_plain_calls(server: Loopback[GradioServer]) -> None:
    with pytest.raises(TypeError, match="status_callback of plain calls must be a plain function"):
        gradio_sansio_sync.client(server.url, status_callback=never_awaited)
    with gradio_sansio_sync.client(server.url) as app:
        job = app.submit("/predict", ["hi"])
        with pytest.raises(TypeError, match="a callback of plain calls must be a plain function"):
            job.on("data", never_awaited)
        assert job.result().value == "hi"


def test_times_and_flags_of_a_wrong_type(server: Loopback[GradioServer]) -> None:
    with gradio_sansio_sync.client(server.url) as app:
        job = app.submit("/predict", ["hi"])
        with pytest.raises(TypeError, match=r"^timeout must be a number, in seconds, not str$"):
            job.result(timeout="1")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"^isolated must be True or False, not 'yes'$"):
            app.submit("/predict", ["hi"], isolated="yes")  # type: ignore[arg-type]
        assert job.result(timeout=1000).value == "hi"
