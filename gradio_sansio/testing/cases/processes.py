"""Threads, signals and processes: blocking adapters."""
# ruff: noqa: TID251  # the cases run on real time and threads; nothing of the core imports them

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable

from gradio_sansio.errors import (
    LocalProtocolError,
)
from gradio_sansio.testing.cases.base import (
    Server,
    case,
    raises,
    running,
)
from gradio_sansio.testing.loopback import Fault
from gradio_sansio.testing.subjects import PATIENCE, BlockingSubject

# Threads, signals and processes.


@case("threads")
async def is_used_from_several_threads(subject: BlockingSubject, server: Server) -> None:
    """One app from several threads at once."""
    async with subject.client(server.url) as app:

        async def use(k: int) -> None:
            for i in range(25):
                assert (await app.predict("/add", [k, i])).value == k + i
            assert [data.value async for data in app.submit("/count", [20])] == list(range(20))

        await subject.together(*(lambda k=k: use(k) for k in range(8)))


@case("threads")
async def closes_when_dropped(subject: BlockingSubject, server: Server) -> None:
    """An app that nobody holds any more closes itself; one of which a submission is held stays open for it."""
    before = threading.active_count()
    app = subject.raw_client(server.url)
    app.predict("/predict", ["x"])
    submission = app.submit("/count", [3])
    submission.on("data", repr)
    del app
    gc.collect()
    assert submission.result().value == 2
    del submission
    gc.collect()
    await subject.until(lambda: threading.active_count() == before, "the end of the app's threads")
    assert subject.raw_client(server.url).submit("/ticks", [3, 0.02]).result().value == 2
    gc.collect()
    await subject.until(lambda: threading.active_count() == before, "the end of the app's threads")


@case("signals")
async def is_interrupted(subject: BlockingSubject, server: Server) -> None:
    """Ctrl-C gets out of ``predict``, ``result``, an iteration and a connection at once; of a ``predict`` no job is left."""
    assert threading.current_thread() is threading.main_thread(), "signals go to the main thread"

    def interrupted(action: Callable[[], object]) -> None:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        started = time.monotonic()
        with raises(KeyboardInterrupt):
            action()
        timer.join()
        assert time.monotonic() - started < PATIENCE

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with subject.raw_client(server.url) as app:
            interrupted(lambda: app.predict("/slow", [60]))
            await subject.until(lambda: running(server) == 0)
            submission = app.submit("/slow", [60])
            interrupted(submission.result)
            interrupted(lambda: list(submission))
            assert not submission.done
            submission.cancel()
            assert app.predict("/predict", ["well"]).value == "well"
        server.fault = Fault.STALL
        interrupted(lambda: subject.raw_client(server.url))
    finally:
        signal.signal(signal.SIGINT, before)


@case("fork")
async def refuses_use_after_fork(subject: BlockingSubject, server: Server) -> None:
    """In a forked process an app is refused with ``LocalProtocolError``, and does its parent no harm."""
    with subject.raw_client(server.url) as app:
        submission = app.submit("/slow", [0.5])
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            said = 0
            for call in (
                lambda: app.predict("/predict", ["x"]),
                lambda: app.submit("/predict", ["x"]),
                submission.result,
                lambda: list(submission),
            ):
                try:
                    call()
                except LocalProtocolError as error:
                    said += "fork" in str(error)
            app.close()
            os._exit(0 if said == 4 else 1)
        _, status = os.waitpid(child, 0)  # noqa: ASYNC222  # this is the blocking side
        assert os.waitstatus_to_exitcode(status) == 0
        assert submission.result().value == "slept 0.5"
        assert app.predict("/predict", ["well"]).value == "well"
