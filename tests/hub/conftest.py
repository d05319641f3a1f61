"""A local Hub with a real Gradio server behind its Spaces, and every adapter. Nothing may be left after a test."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio.testing.conformance import AsyncioSubject, BlockingSubject, Subject, TrioSubject
from tests.hub.hub import LocalHub, Token
from tests.servers.environments import known_versions
from tests.servers.server import GradioServer

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "hf_me"
CLIENTS: dict[str, Subject] = {
    "sync": BlockingSubject(gradio_sansio_sync.client),
    "anyio-asyncio": AsyncioSubject(gradio_sansio_anyio.client),
    "anyio-trio": TrioSubject(gradio_sansio_anyio.client),
    "trio": TrioSubject(gradio_sansio_trio.client),
}
DUPLICATES: dict[str, Subject] = {
    "sync": BlockingSubject(gradio_sansio_sync.duplicate),
    "anyio-asyncio": AsyncioSubject(gradio_sansio_anyio.duplicate),
    "anyio-trio": TrioSubject(gradio_sansio_anyio.duplicate),
    "trio": TrioSubject(gradio_sansio_trio.duplicate),
}


@pytest.fixture(scope="module")
def backend() -> Iterator[GradioServer]:
    with GradioServer(known_versions()[-1]) as server:
        yield server


@pytest.fixture
def hub(backend: GradioServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "hf_endpoint"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    gc.collect()
    before = _threads()
    with LocalHub(backend.url) as hub:
        hub.tokens = {
            TOKEN: Token("me"),
            "hf_user": Token("user"),
            "hf_readonly": Token("me", write=False),
            "hf_expired": Token("me", expired=True),
        }
        yield hub
    gc.collect()
    end = time.monotonic() + 2
    while (left := _threads() - before) and time.monotonic() < end:
        time.sleep(0.01)
    assert not left


def _threads() -> set[threading.Thread]:
    # Trio keeps its threads for names a while, for the next run; a server that was restarted has another that reads its output.
    return {
        thread
        for thread in threading.enumerate()
        if not thread.name.startswith("Trio thread") and not thread.name.endswith("(_read)")
    }


@pytest.fixture(params=list(CLIENTS))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def subject(name: str) -> Subject:
    return CLIENTS[name]


@pytest.fixture
def duplicates(name: str) -> Subject:
    """As ``subject``, with the adapter's ``duplicate`` in place of its ``client``."""
    return DUPLICATES[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/hub" in item.path.as_posix():
            item.add_marker(pytest.mark.live)
