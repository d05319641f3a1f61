"""What an app leaves in memory once it is closed: nothing, whatever has failed meanwhile."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import AppError, Engine, GradioError, RemoteProtocolError
from gradio_sansio.testing.cases.base import HTML, prepare, serve
from tests.adapters.subjects import SUBJECTS

if TYPE_CHECKING:
    from gradio_sansio.testing.conformance import Subject


def engines() -> int:
    """How many there are; those that only cycles hold are gone by then."""
    gc.collect()
    return sum(isinstance(thing, Engine) for thing in gc.get_objects())


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_a_closed_app_is_forgotten_though_its_jobs_failed(subject: Subject) -> None:
    before = engines()

    async def main() -> None:
        async with subject.client(server.url) as app:
            for endpoint in ("/fail", "/fail_late"):
                submission = app.submit(endpoint, [1])
                with pytest.raises(AppError):
                    async for _ in submission:
                        pass
                with pytest.raises(AppError):
                    await submission.result()

    with serve() as server:
        subject.run(main)
        assert engines() <= before


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_an_app_that_could_not_be_opened_is_forgotten(subject: Subject) -> None:
    before = engines()

    async def main() -> None:
        with pytest.raises(GradioError) as caught:
            async with subject.client(server.url):
                pass
        assert isinstance(caught.value, RemoteProtocolError)

    with serve() as server:
        prepare(server, {"/config": HTML, "/": HTML})
        subject.run(main)
        assert engines() <= before
