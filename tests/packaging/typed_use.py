"""A user's program in each of the three styles, for the type checkers to read against the installed wheel. It is never run."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio import AppError, Data, FileData, GradioError, Limits, Log, Status, handle_file

URL = "http://127.0.0.1:7860"


def on_status(status: Status) -> None:
    assert_type(status.position, int | None)
    assert_type(status.eta, float | None)


def plain() -> str | None:
    with gradio_sansio_sync.client(URL, headers={"x-request": "1"}, limits=Limits(idle=30.0)) as app:
        assert_type(app.predict("/add", [1, 2.5]), Data)
        assert_type(app.predict("/add", {"a": 1}, timeout=5), Data)
        for endpoint in app.view_api().named_endpoints.values():
            assert_type([parameter.has_default for parameter in endpoint.parameters], list[bool])
        submission = app.submit("/count", [3], newest=True).on("status", on_status)
        for data in submission:
            assert_type(data, Data)
        for event in app.submit("/count", [3]).events():
            assert_type(event, Data | Status | Log)
        file = app.predict("/image", [handle_file("cat.png", name="a.png")]).value
        assert_type(app.download(file, to="."), Path)
        assert_type(app.download(FileData(path="/tmp/a"), Path()), Path)
        submission.cancel()
        assert_type(submission.cancelled, bool)
        assert_type(submission.status, Status)
        try:
            submission.result(timeout=1)
        except AppError as error:
            assert_type(error.title, str | None)
        except GradioError as error:
            return str(error)
    return None


async def on_asyncio_or_trio() -> None:
    async with gradio_sansio_anyio.client(URL, auth=("user", "secret")) as app:
        assert_type(await app.predict("/add", [1, 2]), Data)
        assert_type(await app.download("/tmp/a", to="."), Path)
        async with app.submit("/count", [3]) as submission:
            async for data in submission:
                assert_type(data, Data)
        async for event in app.submit("/count", [3]).events():
            assert_type(event, Data | Status | Log)


async def on_trio() -> None:
    async with gradio_sansio_trio.client(URL, hf_token=None) as app:
        assert_type(await app.predict("/add", [1, 2]), Data)
        assert_type(await app.download(FileData(), Path()), Path)
        async with app.submit("/count", [3], isolated=True) as submission:
            async for data in submission:
                assert_type(data, Data)
        assert_type(await submission.result(), Data)
