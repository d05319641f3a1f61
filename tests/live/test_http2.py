"""A real Gradio server behind a front that speaks HTTP/2, called over httpx2."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from gradio_sansio import handle_file
from tests.live.jobs import PICTURE

http2 = pytest.importorskip("tests.adapters.http2")
httpx2_session = pytest.importorskip("examples.http.httpx2_session")

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.server import GradioServer


def test_calls_streams_and_files(server: GradioServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    versions: list[str] = []

    async def note(response: Any) -> None:
        versions.append(response.http_version)

    async def main() -> None:
        async with http2.http2_front(server.url, authority.issue_cert("127.0.0.1"), tmp_path) as url:
            http = {"event_hooks": {"response": [note]}}
            async with httpx2_session.client(url, http=http, ssl_context=trusting) as app:
                assert (await app.predict("/predict", ["hello"])).value == "hello"
                assert [data.value async for data in app.submit("/count", [5, 0])] == list(range(5))
                picture = (await app.predict("/image", [handle_file(PICTURE, name="cat.png")])).value
                path = await app.download(picture, to=tmp_path)
                assert (path.name, path.read_bytes()) == ("cat.png", PICTURE)
                submission = app.submit("/slow", [60])
                async for event in submission.events():
                    if event.position == 0:
                        submission.cancel()
                assert submission.status.code == "cancelled"

    asyncio.run(main())
    assert len(versions) > 8
    assert set(versions) == {"HTTP/2"}
