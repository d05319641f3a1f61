"""Cancelling at every checkpoint there is, and interrupting between any two steps: nothing is left, nothing hangs."""

from __future__ import annotations

import asyncio
import contextvars
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.lowlevel
import pytest
import trio
import trustme

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio import JobCancelled, Limits, LocalProtocolError
from gradio_sansio.testing.cases.base import FUNCTIONS, named, raises, running, serve
from gradio_sansio.testing.loopback import Fault, Loopback
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.subjects import PATIENCE
from tests.adapters.subjects import SUBJECTS

if TYPE_CHECKING:
    from types import FrameType

    from gradio_sansio.testing.cases.base import Server

T = TypeVar("T")
MOST = 200
"""Checkpoints after which a call is thought to go on for ever."""

RUNTIMES = pytest.mark.parametrize(
    ("client", "backend"),
    [
        pytest.param(gradio_sansio_anyio.client, "asyncio", id="anyio-asyncio"),
        pytest.param(gradio_sansio_anyio.client, "trio", id="anyio-trio"),
        pytest.param(gradio_sansio_trio.client, "trio", id="trio"),
    ],
)


class Suspended(Generic[T]):
    """Awaits something, and calls ``then`` as it is suspended for the ``n``-th time."""

    def __init__(self, awaitable: Awaitable[T], n: int, then: Callable[[], object]) -> None:
        self._awaitable = awaitable
        self._left = n
        self._then = then

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._awaitable.__await__()
        send: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            try:
                value = send()
            except StopIteration as end:
                result: T = end.value
                return result
            self._left -= 1
            if self._left == 0:
                self._then()
            try:
                got = yield value
            except BaseException as error:  # noqa: BLE001  # it is for the one inside
                send = lambda error=error: steps.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                send = lambda got=got: steps.send(got)  # type: ignore[misc]  # noqa: E731


async def use(client: Any, server: Server) -> None:
    async with client(server.url) as app:
        assert (await app.predict("/slow", [0.01])).value == "slept 0.01"
        # Far enough apart not to come in one read, which would be fewer checkpoints.
        submission = app.submit("/ticks", [3, 0.02])
        assert [data.value async for data in submission] == [0, 1, 2]
        assert (await submission.result()).value == 2


async def nothing_runs(server: Server) -> None:
    end = time.monotonic() + 5
    while running(server) or server.open:
        assert time.monotonic() < end, f"{running(server)} jobs, {server.open} connections"
        await anyio.sleep(0.002)


@RUNTIMES
def test_a_whole_session(client: Any, backend: str) -> None:
    """Entering, calling, iterating, leaving."""

    async def main() -> None:
        for n in range(1, MOST):
            with anyio.CancelScope() as scope:
                await Suspended(use(client, server), n, scope.cancel)
            await nothing_runs(server)
            if not scope.cancelled_caught:
                assert n > 6
                return
        pytest.fail("it was still not through")

    with serve() as server:
        anyio.run(main, backend=backend)


@RUNTIMES
def test_a_session_with_all_that_there_is(client: Any, backend: str) -> None:
    """TLS, a login, a job with a session of its own, all its events, a callback that waits, and an app that is closed from within."""
    authority = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trusting)
    auth = ("user", "secret")

    async def use() -> None:
        async with client(server.url, auth=auth, ssl_context=trusting, limits=Limits(grace=0.5)) as app:
            assert await app.view_api()
            async with app.submit("/ticks", [2, 0.002], isolated=True) as submission:
                assert len([event async for event in submission.events()]) > 3
            called = anyio.Event()

            async def call(_: object) -> None:
                await anyio.lowlevel.checkpoint()
                called.set()

            app.submit("/ticks", [1000, 0.01]).on("data", call)
            await called.wait()
            await app.close()

    async def main() -> None:
        for n in range(1, MOST):
            with anyio.CancelScope() as scope:
                await Suspended(use(), n, scope.cancel)
            await nothing_runs(server)
            if not scope.cancelled_caught:
                assert n > 5
                return
        pytest.fail("it was still not through")

    with Loopback(GradioServer(FUNCTIONS, auth=auth), ssl_context=context) as server:
        anyio.run(main, backend=backend)


@RUNTIMES
def test_calls_of_an_app_that_goes_on(client: Any, backend: str) -> None:
    async def main() -> None:
        async with client(server.url) as app:

            async def call() -> None:
                await app.predict("/slow", [0.005])
                async with app.submit("/ticks", [3, 0.002]) as submission:
                    async for _ in submission:
                        pass
                    await submission.result(timeout=5)

            for n in range(1, MOST):
                with anyio.CancelScope() as scope:
                    await Suspended(call(), n, scope.cancel)
                end = time.monotonic() + 5
                while running(server):
                    assert time.monotonic() < end
                    await anyio.sleep(0.002)
                assert (await app.predict("/predict", ["well"])).value == "well"
                if not scope.cancelled_caught:
                    assert n > 5
                    return
            pytest.fail("it was still not through")

    with serve() as server:
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_cancels_of_asyncio_itself(times: int) -> None:
    """Those get through shields, and may come again while the app closes."""

    async def main() -> None:
        async def use() -> None:
            async with gradio_sansio_anyio.client(server.url, limits=Limits(grace=0.3)) as app:
                await app.predict("/slow", [60])

        task = asyncio.create_task(use())
        while not running(server):  # noqa: ASYNC110  # the server is in a thread
            await asyncio.sleep(0.002)
        server.fault = Fault.STALL
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with serve() as server:
        asyncio.run(main())


@RUNTIMES
def test_leaving_in_another_task(client: Any, backend: str) -> None:
    async def main() -> None:
        app = client(server.url)
        await app.__aenter__()

        async def leave() -> None:
            with raises(LocalProtocolError, "gradio_sansio_sync"):
                await app.__aexit__(None, None, None)

        async with anyio.create_task_group() as group:
            group.start_soon(leave)
        assert (await app.predict("/predict", ["x"])).value == "x"
        await app.__aexit__(None, None, None)

    with serve() as server:
        anyio.run(main, backend=backend)


@RUNTIMES
def test_cancelled_while_it_raises(client: Any, backend: str) -> None:
    """The block's own exception comes out alone, also where everything around it is being cancelled."""

    async def main() -> None:
        async def forever(_: object) -> None:
            await anyio.sleep_forever()

        with anyio.CancelScope() as scope, raises(KeyError, "mine"):
            async with client(server.url, limits=Limits(grace=0.2)) as app:
                app.submit("/ticks", [1000, 0.01]).on("data", forever)
                await anyio.sleep(0.05)
                scope.cancel()
                raise KeyError("mine")

    with serve() as server:
        anyio.run(main, backend=backend)


@RUNTIMES
def test_callbacks_that_go_on(client: Any, backend: str) -> None:
    """Leaving waits ``Limits.grace`` for them, and no longer."""

    async def main() -> None:
        async def forever(_: object) -> None:
            await anyio.sleep_forever()

        async with client(server.url, limits=Limits(grace=0.3)) as app:
            app.submit("/predict", ["x"]).on("data", forever)
            await app.predict("/predict", ["x"])
            started = time.monotonic()
        assert 0.2 < time.monotonic() - started < PATIENCE

    with serve() as server:
        anyio.run(main, backend=backend)


@RUNTIMES
def test_dropped_after_the_run(client: Any, backend: str) -> None:
    """What outlives its runtime is harmless: cancelling, dropping an iteration."""
    kept: list[Any] = []

    async def main() -> None:
        async with client(server.url) as app:
            submission = app.submit("/slow", [60])
            kept.extend((submission, aiter(submission), submission.events()))

    with serve() as server:
        anyio.run(main, backend=backend)
    kept[0].cancel()
    assert kept[0].cancelled
    kept.clear()


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
def test_log_handlers_that_misbehave(subject: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They are user code that runs in the midst of everything."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())
            raise ArithmeticError("mine")

    seen: list[str] = []
    logger = logging.getLogger("gradio_sansio")
    handler = Handler()
    logger.addHandler(handler)
    caplog.set_level(logging.DEBUG, logger="gradio_sansio")

    async def main() -> None:
        async with subject.client(server.url) as app:
            submission = app.submit("/slow", [0.2])
            await subject.until(lambda: submission.status.position == 0)
            await subject.sleep(0.05)
            server.call(lambda gradio: gradio.emit({"msg": "news", "event_id": None}))
            await submission.result()
            assert (await app.predict("/predict", ["x"])).value == "x"

    try:
        with serve() as server:
            subject.run(main)
    finally:
        logger.removeHandler(handler)
    assert seen


def test_interrupts_between_any_two_steps() -> None:
    """Ctrl-C at any instruction of the adapter in the caller's thread: no job is left, and the app goes on."""
    here = gradio_sansio_sync.__file__.removesuffix("__init__.py")
    left = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(here):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    with serve() as server, gradio_sansio_sync.client(server.url) as app:
        for n in range(1, 5000):
            left = n
            before = sys.gettrace()
            sys.settrace(trace)
            try:
                app.predict("/slow", [60 if n % 8 else 0.001], timeout=0.05 if left > 60 else None)
            except KeyboardInterrupt:
                pass
            except TimeoutError:
                # It was never interrupted: the call has fewer instructions.
                if left > 0:
                    break
            finally:
                sys.settrace(before)
            end = time.monotonic() + 5
            while running(server):
                assert time.monotonic() < end, f"a job is left after an interrupt at instruction {n}"
                time.sleep(0.0005)
        else:
            pytest.fail("it was still not through")
        assert app.predict("/predict", ["well"]).value == "well"


def test_an_interrupt_while_connecting() -> None:
    here = gradio_sansio_sync.__file__.removesuffix("__init__.py")
    left = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(here):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    with serve() as server:
        for n in range(1, 500):
            left = n
            before = sys.gettrace()
            sys.settrace(trace)
            app = None
            try:
                app = gradio_sansio_sync.client(server.url)
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(before)
            if app is not None:
                app.close()
                break
        else:
            pytest.fail("it was still not through")
        end = time.monotonic() + 5
        while any(thread.name.startswith("gradio-sansio") for thread in threading.enumerate()):
            assert time.monotonic() < end
            time.sleep(0.005)


def test_a_defect_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the I/O thread fail, nobody waits for it for ever."""
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    with serve() as server:
        app = gradio_sansio_sync.client(server.url)
        submission = app.submit("/slow", [60])

        def fail() -> None:
            raise RuntimeError("a defect")

        app.loop.post(fail)
        with raises(LocalProtocolError, "thread has failed"):
            submission.result(timeout=5)
        with raises(LocalProtocolError):
            app.predict("/predict", ["x"])
        app.close()
        assert len(told) == 1


def test_closing_from_everywhere_at_once() -> None:
    with serve() as server:
        app = gradio_sansio_sync.client(server.url)
        submissions = [app.submit("/slow", [60]) for _ in range(3)]
        threads = [threading.Thread(target=app.close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for submission in submissions:
            with raises(JobCancelled):
                submission.result(timeout=5)
            submission.cancel()
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def test_exit_of_the_interpreter_with_jobs_running() -> None:
    """Apps that were never closed are closed then."""
    import subprocess

    with serve() as server:
        program = (
            "import gradio_sansio_sync as g\n"
            f"app = g.client({server.url!r})\n"
            "app.submit('/slow', [60]).on('status', lambda status: print(status.stage, flush=True))\n"
            "while app.submit('/predict', ['x']).result() is None: pass\n"
        )
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split()[-1] == "complete"
        assert not running(server)


def test_uninterrupted_trio() -> None:
    """A scope that is cancelled before the app is entered."""

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with gradio_sansio_trio.client(server.url):
                pytest.fail("unreachable")

    with serve() as server:
        trio.run(main)


@RUNTIMES
def test_a_defect_of_ours_in_tasks(client: Any, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the app's block, and isn't left to a log that nobody reads."""

    async def main() -> None:
        async with client(server.url, limits=Limits(grace=0.3)) as app:

            def fails(*_: object) -> None:
                raise RuntimeError("a defect")

            monkeypatch.setattr(app.engine, "received", fails)
            await app.predict("/predict", ["x"])

    with serve() as server, pytest.raises(BaseExceptionGroup) as found:
        anyio.run(main, backend=backend)
    assert found.group_contains(RuntimeError, match="a defect")


@pytest.mark.parametrize("answers", [True, False])
def test_a_loop_that_ends_with_an_app_in_a_task(answers: bool) -> None:
    """``asyncio.run`` cancels all tasks, those of the app included: it still cancels its jobs, and closes within ``Limits.grace``."""

    async def main() -> None:
        async def background() -> None:
            async with gradio_sansio_anyio.client(named(server.url), limits=Limits(grace=0.5)) as app:
                submission = app.submit("/slow", [PATIENCE])
                await asyncio.sleep(0.1)
                opened.set()
                await submission.result()

        opened = asyncio.Event()
        tasks.append(asyncio.create_task(background()))
        await opened.wait()

    tasks: list[asyncio.Task[None]] = []
    with serve() as server:
        if not answers:
            server.call(lambda gradio: setattr(gradio, "cancel_delay", PATIENCE))
        started = time.monotonic()
        asyncio.run(main())
        assert time.monotonic() - started < PATIENCE
        assert tasks[0].cancelled()
        if answers:
            assert server.call(lambda gradio: [r.path for r in gradio.requests if "cancel" in r.path])


def test_trio_as_a_guest_of_asyncio() -> None:
    """Trio's tasks are none of asyncio's, though a loop of asyncio's runs them."""

    async def guest() -> Any:
        async with gradio_sansio_anyio.client(server.url) as app:
            return (await app.predict("/predict", ["hello"])).value

    async def host() -> Any:
        loop = asyncio.get_running_loop()
        outcome = loop.create_future()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=outcome.set_result
        )
        return (await outcome).unwrap()

    with serve() as server:
        assert asyncio.run(host()) == "hello"


@RUNTIMES
def test_the_context_of_callbacks(client: Any, backend: str) -> None:
    """It is that of who registered them: programs keep the number of a request there, or a trace."""

    async def main() -> None:
        async with client(server.url) as app:
            request.set("seventh")
            submission = app.submit("/predict", ["x"]).on("data", lambda _: seen.append(request.get()))
            await submission.result()

    request = contextvars.ContextVar("request", default="none")
    seen: list[str] = []
    with serve() as server:
        anyio.run(main, backend=backend)
    assert seen == ["seventh"]
