"""What is put through the cases of ``conformance``: an adapter, and what the cases need of its runtime."""
# ruff: noqa: TID251, D102  # runtimes are what this is for, and nothing of the core imports it; `Subject` describes the methods

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, TypeAlias, TypeVar

from gradio_sansio.files import FileData
from gradio_sansio.session.api_info import ApiInfo
from gradio_sansio.values import Data, Log, Status

T = TypeVar("T")
Need: TypeAlias = Literal["anything", "tasks", "threads", "signals", "fork"]
"""What a case needs, and a subject offers: cancelling tasks, calls from threads, Ctrl-C, a second process."""

PATIENCE: Final = 30.0
"""Seconds that anything may take that is expected to happen, on a slow machine."""


class AnySubmission(Protocol):
    """A submission of an async adapter, or of a blocking one behind its shim."""

    @property
    def status(self) -> Status: ...
    @property
    def done(self) -> bool: ...
    @property
    def cancelled(self) -> bool: ...
    def on(self, event: str, callback: Callable[[Any], object], /) -> Self: ...
    def off(self, event: str, callback: Callable[[Any], object], /) -> Self: ...
    def destroy(self) -> None: ...
    def cancel(self) -> None: ...
    async def send(self, payload: Any) -> None: ...
    async def end(self) -> None: ...
    async def result(self, timeout: float | None = None) -> Data: ...
    def __aiter__(self) -> AsyncIterator[Data]: ...
    def events(self) -> AsyncIterator[Data | Status | Log]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class AnyApp(Protocol):
    """An app of an async adapter, or of a blocking one behind its shim."""

    @property
    def config(self) -> Mapping[str, Any]: ...
    @property
    def session_hash(self) -> str: ...
    async def predict(
        self, endpoint: str | int | None = None, payload: Any = (), *, timeout: float | None = None
    ) -> Data: ...
    def submit(
        self,
        endpoint: str | int | None = None,
        payload: Any = (),
        *,
        timeout: float | None = None,
        isolated: bool = False,
        newest: bool = False,
    ) -> AnySubmission: ...
    async def view_api(self) -> ApiInfo: ...
    async def download(self, file: FileData | str, to: Path) -> Path: ...
    async def close(self) -> None: ...


class Subject(ABC):
    """An adapter under test, and what the cases need of its runtime."""

    offers: frozenset[Need] = frozenset({"anything"})
    """Which cases apply."""

    @abstractmethod
    def client(self, source: str, **options: Any) -> AbstractAsyncContextManager[AnyApp]:
        """The adapter's ``client``."""

    @abstractmethod
    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a case. Nothing may be left afterwards."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Wait."""

    @abstractmethod
    async def together(self, *functions: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
        """Do several things at once; what they return, in their order. What one raises is raised."""

    @abstractmethod
    def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
        """What the runtime is told that nobody awaits, meanwhile."""

    def callback(self, function: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], object]:
        """An async function as a callback."""
        return function

    async def cancelled_after(
        self, seconds: float, function: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        """Call, and cancel the call after a while. For those that offer ``"tasks"``."""
        raise NotImplementedError

    async def until(self, condition: Callable[[], bool], what: str = "what was waited for") -> None:
        """Wait until a condition holds; it must in the end."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what} didn't happen within {PATIENCE} s"
            await self.sleep(0.005)


class AsyncioSubject(Subject):
    """An adapter for asyncio, given by its ``client``, and by what makes a loop if that isn't to be asyncio's own."""

    offers: frozenset[Need] = frozenset({"anything", "tasks"})

    def __init__(
        self,
        client: Callable[..., AbstractAsyncContextManager[AnyApp]],
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self._client = client
        self._loop_factory = loop_factory

    def client(self, source: str, **options: Any) -> AbstractAsyncContextManager[AnyApp]:
        return self._client(source, **options)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def checked() -> None:
            await main()
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks were left: {left}"

        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(checked())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def together(self, *functions: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
        return list(await asyncio.gather(*(function() for function in functions)))

    def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
        return _ReportedToLoop()

    async def cancelled_after(
        self, seconds: float, function: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await function()
                raise AssertionError("it ended before it was cancelled")


class _ReportedToLoop:
    def __init__(self) -> None:
        self._found: list[BaseException] = []

    async def __aenter__(self) -> list[BaseException]:
        loop = asyncio.get_running_loop()
        self._before = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: self._found.append(context["exception"]))
        return self._found

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        asyncio.get_running_loop().set_exception_handler(self._before)


class TrioSubject(Subject):
    """An adapter for trio, given by its ``client``."""

    offers: frozenset[Need] = frozenset({"anything", "tasks"})

    def __init__(self, client: Callable[..., AbstractAsyncContextManager[AnyApp]]) -> None:
        import trio  # noqa: PLC0415  # it need not be installed

        self._client = client
        self._trio = trio

    def client(self, source: str, **options: Any) -> AbstractAsyncContextManager[AnyApp]:
        return self._client(source, **options)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        trio = self._trio

        async def checked() -> None:
            before = trio.lowlevel.current_statistics().tasks_living
            await main()
            left = trio.lowlevel.current_statistics().tasks_living - before
            assert not left, f"{left} tasks were left"

        trio.run(checked)

    async def sleep(self, seconds: float) -> None:
        await self._trio.sleep(seconds)

    async def together(self, *functions: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
        results: dict[int, T] = {}

        async def run(place: int, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
            results[place] = await function()

        try:
            async with self._trio.open_nursery() as nursery:
                for place, function in enumerate(functions):
                    nursery.start_soon(run, place, function)
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        return [results[place] for place in range(len(functions))]

    def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
        return _Reported()

    async def cancelled_after(
        self, seconds: float, function: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        with self._trio.move_on_after(seconds):
            await function()
            raise AssertionError("it ended before it was cancelled")


class _Reported:
    """What goes to the hooks of ``sys`` and ``threading``."""

    async def __aenter__(self) -> list[BaseException]:
        found: list[BaseException] = []
        self._before = sys.excepthook, threading.excepthook
        sys.excepthook = lambda _, error, __: found.append(error)

        def threads(details: threading.ExceptHookArgs) -> None:
            assert details.exc_value is not None
            found.append(details.exc_value)

        threading.excepthook = threads
        return found

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        sys.excepthook, threading.excepthook = self._before


class Cancellable(Protocol):
    """A task of a loop's."""

    def cancel(self) -> object: ...


class LoopSubject(Subject):
    """An adapter for another loop whose coroutines are cancelled by an exception that is raised where they wait.

    Args:
        client: the adapter's.
        run: runs a coroutine on the loop, to its end, and raises what it raised.
        sleep: awaits that many seconds.
        start: starts a coroutine beside those that run.
    """

    offers: frozenset[Need] = frozenset({"anything", "tasks"})

    def __init__(
        self,
        client: Callable[..., AbstractAsyncContextManager[AnyApp]],
        *,
        run: Callable[[Coroutine[Any, Any, None]], object],
        sleep: Callable[[float], Awaitable[object]],
        start: Callable[[Coroutine[Any, Any, None]], Cancellable],
    ) -> None:
        self._client = client
        self._run = run
        self._sleep = sleep
        self._start = start

    def client(self, source: str, **options: Any) -> AbstractAsyncContextManager[AnyApp]:
        return self._client(source, **options)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._run(main())

    async def sleep(self, seconds: float) -> None:
        await self._sleep(seconds)

    async def together(self, *functions: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
        results: dict[int, T] = {}
        failures: list[BaseException] = []

        async def run(place: int, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
            try:
                results[place] = await function()
            except BaseException as error:  # noqa: BLE001  # it is raised below
                failures.append(error)

        for place, function in enumerate(functions):
            self._start(run(place, function))
        while len(results) + len(failures) < len(functions):
            await self._sleep(0.005)
        if failures:
            raise failures[0]
        return [results[place] for place in range(len(functions))]

    def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
        return _Reported()

    async def cancelled_after(
        self, seconds: float, function: Callable[[], Coroutine[Any, Any, object]]
    ) -> None:
        outcome: list[BaseException | None] = []

        async def run() -> None:
            try:
                await function()
            except BaseException as error:  # noqa: BLE001  # it is looked at below
                outcome.append(error)
            else:
                outcome.append(None)

        task = self._start(run())
        await self._sleep(seconds)
        assert not outcome, f"it ended before it was cancelled: {outcome}"
        task.cancel()
        while not outcome:
            await self._sleep(0.005)
        assert outcome[0] is not None, "it was cancelled, and returned all the same"


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError("a coroutine over blocking calls was suspended")


class BlockingSubject(Subject):
    """An adapter of blocking calls, given by its ``client``. Its cases run in the calling thread, which should be the main one."""

    offers: frozenset[Need] = frozenset({"anything", "threads"})
    if hasattr(os, "fork"):
        offers |= frozenset[Need]({"fork", "signals"})

    def __init__(self, client: Callable[..., Any]) -> None:
        self._client = client

    def client(self, source: str, **options: Any) -> AbstractAsyncContextManager[AnyApp]:
        return _BlockingClient(lambda: self._client(source, **options))

    def raw_client(self, source: str, **options: Any) -> Any:
        """The adapter's ``client`` without the shim."""
        return self._client(source, **options)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        drive(main())

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  # this is how the blocking side waits

    async def together(self, *functions: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
        results: dict[int, T] = {}
        failures: list[BaseException] = []

        def run(place: int, function: Callable[[], Coroutine[Any, Any, T]]) -> None:
            try:
                results[place] = drive(function())
            except BaseException as error:  # noqa: BLE001  # it is raised below
                failures.append(error)

        threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(functions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [results[place] for place in range(len(functions))]

    def reported(self) -> AbstractAsyncContextManager[list[BaseException]]:
        return _Reported()

    def callback(self, function: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], object]:
        return lambda value: drive(function(value))


class _BlockingClient:
    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    async def __aenter__(self) -> AnyApp:
        self._app = self._connect()
        self._app.__enter__()
        return _BlockingApp(self._app)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        swallows: bool | None = self._app.__exit__(kind, error, trace)
        return swallows


class _BlockingApp:
    def __init__(self, app: Any) -> None:
        self.raw = app

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.raw.config
        return config

    @property
    def session_hash(self) -> str:
        return str(self.raw.session_hash)

    async def predict(
        self, endpoint: str | int | None = None, payload: Any = (), *, timeout: float | None = None
    ) -> Data:
        data: Data = self.raw.predict(endpoint, payload, timeout=timeout)
        return data

    def submit(
        self,
        endpoint: str | int | None = None,
        payload: Any = (),
        *,
        timeout: float | None = None,
        isolated: bool = False,
        newest: bool = False,
    ) -> AnySubmission:
        return _BlockingSubmission(
            self.raw.submit(endpoint, payload, timeout=timeout, isolated=isolated, newest=newest)
        )

    async def view_api(self) -> ApiInfo:
        info: ApiInfo = self.raw.view_api()
        return info

    async def download(self, file: FileData | str, to: Path) -> Path:
        path: Path = self.raw.download(file, to)
        return path

    async def close(self) -> None:
        self.raw.close()


class _BlockingSubmission:
    def __init__(self, submission: Any) -> None:
        self._raw = submission

    @property
    def status(self) -> Status:
        status: Status = self._raw.status
        return status

    @property
    def done(self) -> bool:
        return bool(self._raw.done)

    @property
    def cancelled(self) -> bool:
        return bool(self._raw.cancelled)

    def on(self, event: str, callback: Callable[[Any], object], /) -> Self:
        assert self._raw.on(event, callback) is self._raw
        return self

    def off(self, event: str, callback: Callable[[Any], object], /) -> Self:
        assert self._raw.off(event, callback) is self._raw
        return self

    def destroy(self) -> None:
        self._raw.destroy()

    def cancel(self) -> None:
        self._raw.cancel()

    async def send(self, payload: Any) -> None:
        self._raw.send(payload)

    async def end(self) -> None:
        self._raw.end()

    async def result(self, timeout: float | None = None) -> Data:
        data: Data = self._raw.result(timeout)
        return data

    def __aiter__(self) -> AsyncIterator[Data]:
        return _BlockingIterator(iter(self._raw))

    def events(self) -> AsyncIterator[Data | Status | Log]:
        return _BlockingIterator(self._raw.events())

    async def __aenter__(self) -> Self:
        self._raw.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None:
        swallows: bool | None = self._raw.__exit__(kind, error, trace)
        return swallows


class _BlockingIterator(AsyncIterator[T]):
    def __init__(self, iterator: Iterator[T]) -> None:
        self._iterator = iterator

    async def __anext__(self) -> T:
        for value in self._iterator:
            return value
        raise StopAsyncIteration
