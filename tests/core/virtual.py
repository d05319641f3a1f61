"""An app in a virtual network, and an engine that calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradio_sansio import AppError, Engine, Limits
from gradio_sansio.events import (
    AppClosed,
    AppOpened,
    DataReceived,
    JobFinished,
    JobId,
    LogReceived,
    StatusChanged,
)
from gradio_sansio.testing import Function, GradioServer, Link, Report, Say, Sleep, VirtualNetwork, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from gradio_sansio.events import JobEvent
    from gradio_sansio.testing.jobs import ServerJob

HOST = ("app.test", 7860)
URL = "http://app.test:7860"


def echo(value: Any) -> Any:
    return value


def count(n: int, delay: float) -> Generator[object, None, None]:
    for i in range(n):
        yield Sleep(delay)
        yield i


def slow(seconds: float) -> Generator[object, None, str]:
    yield Sleep(seconds)
    return f"slept {seconds:g}"


def burst(n: int, size: int) -> Generator[object, None, None]:
    """Values of ``size`` letters, a tenth of a second between them."""
    for i in range(n):
        yield Sleep(0.1)
        yield f"{i:09d}".ljust(size, "x")


def words(n: int) -> Generator[object, None, None]:
    text = ""
    for i in range(n):
        yield Sleep(0.001)
        text += f"{i} "
        yield text


def reporting(n: int) -> Generator[object, None, str]:
    for i in range(n):
        yield Report(i + 1, n, f"step {i + 1}")
        yield Sleep(0.1)
    yield Say("done")
    return "done"


def failing(text: str) -> Any:
    raise ValueError(text)


def failing_late(n: int) -> Generator[object, None, None]:
    yield from range(n)
    raise ValueError("late")


def stubborn(n: int) -> Generator[object, None, None]:
    """What is stopped on its way and does not take long about it."""
    for i in range(n):
        yield Sleep(1.0)
        yield i


TWO = ("textbox", "number")
APP = (
    Function("predict", echo, concurrency=1000),
    Function("count", count, inputs=TWO, concurrency=1000),
    Function("slow", slow, inputs=("number",)),
    Function("burst", burst, inputs=TWO, concurrency=1000),
    Function("words", words),
    Function("reporting", reporting),
    Function("failing", failing),
    Function("failing_late", failing_late),
    Function("direct", echo, queue=False),
    Function("direct_count", count, queue=False, inputs=TWO),
    Function("direct_slow", slow, queue=False, inputs=("number",)),
    Function("direct_failing", failing, queue=False),
    Function("pairwise", stubborn, concurrency=2),
    Function("single", stubborn, concurrency=1),
    Function("file", echo, inputs=("file",), outputs=("file",)),
)


def entropy() -> Callable[[int], bytes]:
    """Bytes that are never the same twice, and the same in every run."""
    drawn = 0

    def draw(n: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return drawn.to_bytes(n, "big")

    return draw


class World:
    """One app, one engine, one network. The app is open unless ``opened`` says otherwise."""

    def __init__(
        self,
        functions: Iterable[Function] = APP,
        *,
        version: tuple[int, int, int] = (6, 31, 0),
        limits: Limits | None = None,
        chunking: Callable[[bytes], Iterable[bytes]] = whole,
        max_size: int | None = None,
        opened: bool = True,
        max_file_size: int | None = None,
        **options: Any,
    ) -> None:
        self.server = GradioServer(functions, version=version, max_size=max_size)
        self.server.max_file_size = max_file_size
        self.network = VirtualNetwork({HOST: self.server}, chunking=chunking)
        self.engine = self.network.attach(
            lambda now: Engine(
                URL, now=now, wall_clock=1_700_000_000.0, entropy=entropy(), limits=limits, **options
            )
        )
        self._ended: dict[JobId, JobFinished] = {}
        self._checked = 0
        """Events that have been looked at."""
        if opened:
            self.network.run_until(lambda: self.network.happened(AppOpened))

    @property
    def now(self) -> float:
        return self.network.now

    def submit(self, endpoint: str, *payload: Any, **options: Any) -> JobId:
        job = self.engine.submit(endpoint, list(payload), now=self.now, **options)
        self.network.pump()
        return job

    def cancel(self, job: JobId) -> None:
        self.engine.cancel(job, self.now)
        self.network.pump()

    def consumed(self, job: JobId, n: int) -> None:
        self.engine.consumed(job, n, self.now)
        self.network.pump()

    def close(self) -> None:
        self.engine.close(self.now)
        self.network.pump()

    def run(self, seconds: float) -> None:
        self.network.run(seconds)

    def until(self, condition: Callable[[], object], within: float = 3600.0) -> None:
        self.network.run_until(condition, within=within)

    def end(self, job: JobId, within: float = 3600.0) -> JobFinished:
        """Wait for a job's end."""
        self.until(lambda: self.ended(job), within)
        ended = self.ended(job)
        assert ended is not None
        return ended

    def ended(self, job: JobId) -> JobFinished | None:
        self.check_whole()
        return self._ended.get(job)

    def values(self, job: JobId) -> list[Any]:
        return [e.data.value for e in self.network.all_of(DataReceived) if e.job == job]

    def told(self, job: JobId) -> list[JobEvent]:
        """All events of a job."""
        kinds = (StatusChanged, DataReceived, LogReceived, JobFinished)
        return [e for e in self.network.events if isinstance(e, kinds) and e.job == job]

    def error(self, job: JobId, within: float = 3600.0) -> BaseException:
        error = self.end(job, within).error
        assert error is not None
        return error

    def there(self, job: JobId) -> ServerJob:
        """A job as the server has it; jobs come there in the order of their submission here."""
        return self.server.jobs[job - 1]

    def posts(self, path: str) -> list[Any]:
        """The bodies of the requests to a path."""
        return [r.json for r in self.server.requests if r.path.endswith(path) and r.method == "POST"]

    @property
    def streams(self) -> int:
        """How often an event stream was opened."""
        return sum(r.path.endswith("/queue/data") for r in self.server.requests)

    @property
    def stream_link(self) -> Link:
        """The connection of the event stream that was opened last."""
        links = [link for link in self.network.links.values() if b"/queue/data" in link.sent]
        return links[-1]

    def check_whole(self) -> None:
        """What must hold at any time: jobs end once, and say nothing afterwards."""
        events = self.network.events
        for event in events[self._checked :]:
            if isinstance(event, (StatusChanged, DataReceived, LogReceived, JobFinished)):
                assert event.job not in self._ended, f"{event} came after the end"
                if isinstance(event, JobFinished):
                    self._ended[event.job] = event
        self._checked = len(events)

    def finish(self) -> None:
        """Close, and see that nothing remains."""
        self.close()
        self.until(lambda: self.network.happened(AppClosed), within=10.0)
        self.check_whole()
        assert isinstance(self.network.events[-1], AppClosed)
        assert self.engine.deadline is None
        assert not self.network.open_links
        self.run(100.0)
        assert isinstance(self.network.events[-1], AppClosed)
        assert not self.engine._session._jobs


__all__ = ["APP", "HOST", "TWO", "URL", "AppError", "Function", "World", "count", "echo", "entropy", "slow"]
