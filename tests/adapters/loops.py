"""The adapters in examples/loops, as far as what they run on is installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from examples.loops import asyncio_protocol, selector_loop
from gradio_sansio.testing.conformance import AsyncioSubject, LoopSubject, Subject
from gradio_sansio_system.tasks import Event, Pause, Task

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractAsyncContextManager

MISSING: dict[str, str] = {}
"""Why those that aren't there are not."""


class SelectorSubject(LoopSubject):
    """A loop of its own for each case."""

    def __init__(self) -> None:
        super().__init__(self._connect, run=self._run_new, sleep=self._pause, start=self._begin)

    def _connect(self, source: str, **options: Any) -> Any:
        return selector_loop.client(self._loop, source, **options)

    def _run_new(self, main: Coroutine[Any, Any, None]) -> None:
        self._loop = selector_loop.Loop()
        self._loop.run(main)

    async def _pause(self, seconds: float) -> None:
        await Pause(Event(), self._loop.now() + seconds)

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        return Task(self._loop, coroutine)


def qt_subject() -> Subject:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QCoreApplication

    from examples.loops import qt_loop

    application = QCoreApplication.instance() or QCoreApplication([])

    def run(main: Coroutine[Any, Any, None]) -> None:
        task = qt_loop.start(main)
        task.ended.waiting.append(application.quit)
        application.exec()
        return task.result

    async def sleep(seconds: float) -> None:
        await Pause(Event(), qt_loop.loop().now() + seconds)

    return LoopSubject(qt_loop.client, run=run, sleep=sleep, start=qt_loop.start)


def twisted_subject() -> Subject:
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred
    from twisted.internet.task import deferLater
    from twisted.logger import globalLogPublisher

    from examples.loops import twisted_reactor

    loop: Any = reactor

    def connect(source: str, **options: Any) -> Any:
        return twisted_reactor.client(loop, source, **options)

    def run(main: Coroutine[Any, Any, None]) -> None:
        outcome: list[Any] = []

        def begin() -> None:
            # A reactor stops once and for all; to crash leaves it as it was, as Twisted's own test runner does it.
            ended = Deferred.fromCoroutine(main).addBoth(outcome.append)
            # What was closed last takes one turn more.
            ended.addBoth(lambda _: deferLater(loop, 0, loop.crash))

        loop.callWhenRunning(begin)
        loop.run(installSignalHandlers=False)
        if loop.threadpool is not None:
            # The threads that look names up; that runner ends them in this way, too.
            loop._stopThreadPool()
        if outcome[0] is not None:
            outcome[0].raiseException()

    def start(coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(coroutine)

    class Reported:
        def __call__(self, event: Any) -> None:
            self.found.append(event["log_failure"].value)

        async def __aenter__(self) -> list[BaseException]:
            self.found: list[BaseException] = []
            globalLogPublisher.addObserver(self)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            return self.found

        async def __aexit__(self, *_: object) -> None:
            globalLogPublisher.removeObserver(self)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    class TwistedSubject(LoopSubject):
        def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
            return Reported()

    return TwistedSubject(connect, run=run, sleep=lambda s: deferLater(loop, s, lambda: None), start=start)


LOOPS: dict[str, Subject] = {
    "asyncio-protocol": AsyncioSubject(asyncio_protocol.client),
    "selectors": SelectorSubject(),
}
for name, make in {"qt": qt_subject, "twisted": twisted_subject}.items():
    try:
        LOOPS[name] = make()
    except ImportError as error:
        MISSING[name] = f"{error} (pip install 'gradio-sansio[examples]')"
