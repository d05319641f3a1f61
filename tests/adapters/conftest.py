"""For all tests of adapters: each runs for every adapter that it asks for, and nothing may be left afterwards."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.adapters.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradio_sansio.testing.conformance import Subject

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture(params=list(SUBJECTS.values()), ids=list(SUBJECTS))
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


def _threads() -> set[threading.Thread]:
    # Trio keeps its threads for names a while, for the next run.
    return {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")}


def _descriptors() -> int:
    return sum(1 for _ in DESCRIPTORS.iterdir()) if DESCRIPTORS.exists() else 0


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads, descriptors, temporary files; tasks are counted by the subjects."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    gc.collect()
    threads, descriptors = _threads(), _descriptors()
    yield
    gc.collect()
    end = time.monotonic() + 2
    while (_threads() - threads or _descriptors() > descriptors) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _threads() - threads
    assert _descriptors() <= descriptors
    assert not list(directory.iterdir())
