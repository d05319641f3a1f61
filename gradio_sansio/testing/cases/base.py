"""The cases of ``conformance``: what one is, and the app that they call."""
# ruff: noqa: TID251  # the cases run on real time and threads; nothing of the core imports them

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from gradio_sansio.testing.functions import Function, Render, Report, Say, Sleep
from gradio_sansio.testing.jobs import JobState
from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer
from gradio_sansio.testing.subjects import Need, Subject

E = TypeVar("E", bound=BaseException)
Server: TypeAlias = Loopback[GradioServer]

API: Final = "/gradio_api"
JOIN: Final = f"{API}/queue/join"
STREAM: Final = f"{API}/queue/data"
HTML: Final = Answer(200, "<html>Welcome</html>", {"content-type": "text/html"})


# The app that the cases call.


def _predict(text: str) -> str:
    return text


def _reverse(text: str) -> str:
    return text[::-1]


def _enclose(text: str) -> str:
    return f"<{text}>"


def _same(value: object) -> object:
    return value


def _add(a: float, b: float) -> float:
    return a + b


def _count(n: int) -> Iterator[object]:
    yield from range(n)


def _ticks(n: int, delay: float) -> Iterator[object]:
    for i in range(n):
        yield i
        yield Sleep(delay)


def _slow(seconds: float) -> Iterator[object]:
    yield Sleep(seconds)
    yield f"slept {seconds:g}"


def _fail(text: str) -> str:
    raise RuntimeError(f"boom {text}")


def _fail_late(n: int) -> Iterator[object]:
    yield from range(n)
    raise RuntimeError("boom late")


def _talk(text: str) -> Iterator[object]:
    yield Say(f"info {text}")
    yield Report(1, 2, "half")
    yield text


def _double(n: float) -> float:
    return 2 * n


def _split(text: str) -> tuple[str, str]:
    head, _, tail = text.partition(" ")
    return head, tail


def _blobs(n: int, size: int) -> Iterator[object]:
    for i in range(n):
        yield f"{i} ".ljust(size, "x")


def _greetings(names: str) -> Render:
    """A function for each name."""
    return Render(
        [Function(f"greet_{name}", partial("hello {}".format, name), inputs=()) for name in names.split()]
    )


MANY: Final = 1000
FUNCTIONS: Final = (
    Function("predict", _predict, concurrency=MANY),
    Function("add", _add, inputs=("number", "number"), outputs=("number",)),
    Function("count", _count, inputs=("number",), outputs=("number",)),
    Function("ticks", _ticks, inputs=("number", "number"), outputs=("number",), concurrency=MANY),
    Function("slow", _slow, inputs=("number",), concurrency=MANY),
    Function("one_at_a_time", _slow, inputs=("number",)),
    Function("fail", _fail),
    Function("fail_late", _fail_late, inputs=("number",), outputs=("number",)),
    Function("talk", _talk),
    Function("split", _split, outputs=("textbox", "textbox")),
    Function("blobs", _blobs, inputs=("number", "number")),
    Function("direct", _reverse, queue=False),
    Function("file", _same, inputs=("file",), outputs=("file",), concurrency=MANY),
    Function("double", _double, inputs=("number",), outputs=("number",), concurrency=MANY, streaming=True),
    Function("greetings", _greetings, outputs=()),
    Function(None, _enclose),
)
UNNAMED: Final = len(FUNCTIONS) - 1


def serve(functions: Sequence[Function] = FUNCTIONS, **options: Any) -> Server:
    """A server for a case, to be entered."""
    return Loopback(GradioServer(functions, **options))


def named(url: str) -> str:
    """The same, by a name: that is resolved first, to several addresses perhaps."""
    return url.replace("127.0.0.1", "localhost")


def prepare(server: Server, answers: Mapping[str, Answer]) -> None:
    """Have the next request to each path get that answer."""

    def prepare(gradio: GradioServer) -> None:
        gradio.answers.update({path: [answer] for path, answer in answers.items()})

    server.call(prepare)


def running(server: Server) -> int:
    """How many jobs haven't ended on the server."""
    return server.call(lambda gradio: sum(job.state is not JobState.ENDED for job in gradio.jobs))


def begun(server: Server, n: int = 1) -> Callable[[], bool]:
    """Whether that many jobs have begun to run, as a condition."""
    return lambda: server.call(
        lambda gradio: sum(job.state is not JobState.QUEUED for job in gradio.jobs) >= n
    )


def streams(server: Server) -> int:
    """How many event streams the server has open."""
    return server.call(lambda gradio: sum(link.stream is not None for link in gradio.connections))


def asked(server: Server, path: str) -> int:
    """How many requests came for a path."""
    return server.call(lambda gradio: sum(request.path == path for request in gradio.requests))


@contextmanager
def raises(kind: type[E], *fragments: str) -> Generator[list[E], None, None]:
    """The block must raise that error, with a text that holds all fragments; it is put into the list."""
    found: list[E] = []
    try:
        yield found
    except kind as error:
        missing = [fragment for fragment in fragments if fragment.lower() not in str(error).lower()]
        assert not missing, f"{missing} not in {str(error)!r}"  # noqa: PT017  # pytest is not at hand
        found.append(error)
        return
    raise AssertionError(f"{kind.__name__} was not raised")


# The cases.

CaseFunction: TypeAlias = Callable[[Any, Server], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Case:
    """One thing that an adapter must do; ``doc`` says which."""

    name: str
    doc: str
    function: CaseFunction
    needs: Need = "anything"

    def __str__(self) -> str:
        return self.name

    def run(self, subject: Subject) -> None:
        """Run it, against a server of its own."""
        with serve() as server:
            before = _threads()
            subject.run(lambda: self.function(subject, server))
            end = time.monotonic() + 2
            while (server.open or _threads() - before) and time.monotonic() < end:
                time.sleep(0.005)
            assert not _threads() - before, f"{_threads() - before} were left"
            assert not server.open, f"{server.open} connections were left open"


def _threads() -> set[threading.Thread]:
    # Trio keeps the threads in which it looks names up for a while, for the next run; anyio has one for all loops that know no readers.
    kept = ("Trio thread", "AnyIO socket selector")
    return {thread for thread in threading.enumerate() if not thread.name.startswith(kept)}


CASES: list[Case] = []
"""All there are. Not all apply to every subject: see ``cases_for``."""


def cases_for(subject: Subject) -> list[Case]:
    """Those that apply."""
    return [case for case in CASES if case.needs in subject.offers]


def case(needs: Need = "anything") -> Callable[[CaseFunction], CaseFunction]:
    """Make a function a case."""

    def register(function: CaseFunction) -> CaseFunction:
        doc = inspect.getdoc(function)
        assert doc is not None
        CASES.append(Case(function.__name__, doc, function, needs))
        return function

    return register
