"""Ctrl-C at any moment of a program that uses the blocking adapter: afterwards no thread of ours is there, and no job runs."""

from __future__ import annotations

import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import gradio_sansio_sync
from gradio_sansio import Limits, frontend, inbox
from gradio_sansio.testing.cases.base import running, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from gradio_sansio.testing.cases.base import Server

OURS = tuple(
    str(module.__file__).removesuffix("__init__.py") for module in (gradio_sansio_sync, frontend, inbox)
)
MOST = 3000
PATIENCE = 10.0


def session(url: str) -> None:
    """Connect, call, listen, iterate, wait, leave."""
    seen: list[object] = []
    with gradio_sansio_sync.client(url, limits=Limits(grace=1)) as app:
        assert app.predict("/predict", ["x"]).value == "x"
        with app.submit("/ticks", [3, 0.001]).on("data", seen.append) as submission:
            # The listener had what came before the iteration.
            values = [data.value for data in submission]
            assert values == [0, 1, 2][3 - len(values) :]
            assert submission.result().value == 2
        with app.submit("/slow", [60]) as submission:
            for event in submission.events():
                if event:
                    break


@contextmanager
def interrupted_at(n: int) -> Iterator[None]:
    """Interrupt as the n-th function of ours is entered in this thread. If there are fewer, nothing happens.

    That is where Python handles signals, besides after calls and in loops; never between what a block returned and its lock's release.
    """
    left = n

    def trace(frame: FrameType, *_: object) -> None:
        nonlocal left
        if frame.f_code.co_filename.startswith(OURS) and not finalizes(frame):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def finalizes(frame: FrameType | None) -> bool:
    """Whatever is raised in a finalizer is dropped by Python."""
    while frame is not None:
        if frame.f_code.co_name in ("__del__", "_abandon"):
            return True
        frame = frame.f_back
    return False


def nothing_runs(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("gradio-sansio")]
        if not left and not server.open and not running(server):
            return
        assert time.monotonic() < end, f"{left}, {server.open} connections, {running(server)} jobs"
        time.sleep(0.002)


def test_at_any_function() -> None:
    """Of the adapter, or of what it uses of the core, in the caller's thread."""
    with serve() as server:
        for n in range(1, MOST):
            struck = False
            try:
                with interrupted_at(n):
                    session(server.url)
            except KeyboardInterrupt:
                struck = True
            nothing_runs(server)
            if not struck:
                assert n > 50
                return
        pytest.fail("it was still not through")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come in a finalizer
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such timers here")
def test_by_a_signal() -> None:
    """It comes when it comes: in waits, too."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    struck = 0
    try:
        with serve() as server:
            for moment in range(1, 60):
                try:
                    signal.setitimer(signal.ITIMER_REAL, moment / 1000)
                    session(server.url)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:
                    struck += 1
                nothing_runs(server)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert struck
