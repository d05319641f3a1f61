"""What the tests here look at in a job."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from gradio_sansio import Data, Log, Status

if TYPE_CHECKING:
    from tests.live.ways import App, Submission, Way

ENDLESS: Final = [10_000, 0.02]
"""Arguments of `/count` and `/count_forever` for a job that outlives every test, but soon sees that it was cancelled."""
PICTURE: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg=="
)
"""A PNG of four red points."""
SOON: Final = 10.0
"""Seconds that a job may take, on a slow and busy machine, when nothing is in its way. Far less than `ENDLESS`."""


async def history(submission: Submission) -> list[Data | Status | Log]:
    """All events of a job, to its end. There is exactly one terminal status, and it comes last."""
    events = [event async for event in submission.events()]
    terminal = [
        i
        for i, event in enumerate(events)
        if isinstance(event, Status) and event.stage in ("complete", "error")
    ]
    assert terminal == [len(events) - 1]
    assert submission.done
    assert submission.status == events[-1]
    return events


def statuses(events: list[Data | Status | Log]) -> list[Status]:
    return [event for event in events if isinstance(event, Status)]


def values(events: list[Data | Status | Log]) -> list[Any]:
    return [event.value for event in events if isinstance(event, Data)]


async def running(app: App, endpoint: str = "/count_forever") -> Submission:
    """An endless job whose first value has come, so it runs."""
    submission = app.submit(endpoint, ENDLESS)
    async for data in submission:
        assert data.value == 0
        break
    return submission


async def placed(way: Way, submission: Submission) -> None:
    """Wait until the server has told a job its place in the queue."""
    while submission.status.position is None:
        await way.sleep(0.005)


async def starts_at_once(app: App, endpoint: str = "/count_forever") -> None:
    """The endpoint has a free slot: a short job has it, and ends within `SOON`."""
    data = await app.predict(endpoint, [3, 0], timeout=SOON)
    assert data.value == 2
