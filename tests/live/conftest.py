"""Real Gradio servers for the tests in this folder: each is started once a module, when a test first asks for it: one that idles
takes a twentieth of a core.

A test that asks for `way` is an async function and runs once in each way of calling an app (see `ways.py`). Every test here is
marked `live`. The report of one that fails shows what the servers wrote.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

from tests.live import fault_rules, matrix
from tests.live.pages import Page, tell
from tests.live.servers import own_server
from tests.live.ways import WAYS, Way
from tests.servers.environments import BuildError, interpreter, known_versions
from tests.servers.server import GradioServer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent
STARTED = pytest.StashKey[list[GradioServer]]()
SHOWN = 40  # lines of each server's output in a report
SETTLE = 1.0  # seconds for what a test began to end after it
PAGES: Final = {"VERSIONS_PAGE": matrix.page, "FAULTS_PAGE": fault_rules.page}
"""What is written where a variable says."""


class StartServer(Protocol):
    def __call__(self, version: str, *args: str) -> GradioServer: ...


@pytest.fixture(scope="session", params=known_versions()[-1:])
def version(request: pytest.FixtureRequest) -> str:
    """The newest version of Gradio that there is a requirements file for; `test_versions.py` has the others."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def built() -> frozenset[str]:
    """The versions that can be started here: `make test` alone builds the newest only."""
    found: set[str] = set()
    for version in known_versions():
        with suppress(BuildError):
            interpreter(version)
            found.add(version)
    return frozenset(found)


@pytest.fixture(scope="session")
def start_server(request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """Start a server of its own for a test or a module that restarts it, or wants other arguments."""
    with ExitStack() as servers:

        def start(version: str, *args: str) -> GradioServer:
            server = GradioServer(version, *args)
            request.config.stash.setdefault(STARTED, []).append(server)
            return servers.enter_context(server)

        yield start


server = own_server()  # of tests/servers/app.py; it runs one job of an endpoint at a time
wide_server = own_server(
    "--concurrency", "4", "--show-error"
)  # four jobs at a time; it shows what its functions raise
auth_server = own_server("--auth", "user:secret")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    name: str = request.param
    return WAYS[name]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    way: Any = pyfuncitem.funcargs["way"]
    way.run(functools.partial(pyfuncitem.obj, **arguments))
    return True


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No thread and no socket outlives the test that made it. For tasks, `Way.run` sees to that."""
    before = _held()
    yield
    deadline = time.monotonic() + SETTLE
    while (left := _held() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left, f"left behind: {dict(left)}"


def _held() -> Counter[str]:
    # Threads are numbered in the order of their making; those that read a server's output change with its restarts.
    # Trio keeps its own for a while, for the next blocking work.
    held = Counter(
        re.sub(r"\d+", "", thread.name)
        for thread in threading.enumerate()
        if not thread.name.startswith("Trio thread")
    )
    for link in Path("/proc/self/fd").glob("*"):
        try:
            target = str(link.readlink())
        except OSError:  # the one that the listing itself was read through
            continue
        # Sockets have numbers of their own, but a server's restart replaces none of ours, so the kind is enough.
        held[target.partition(":")[0] if target.startswith("socket:") else ""] += 1
    del held[""]
    return held


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            tell(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for server in item.config.stash.get(STARTED, []):
            lines = server.output.splitlines()[-SHOWN:]
            report.sections.append((f"Gradio {server.version} at {server.url}", "\n".join(lines)))
    return report


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    for variable, text in PAGES.items():
        if path := os.environ.get(variable):
            config.pluginmanager.register(Page(Path(path), text))
