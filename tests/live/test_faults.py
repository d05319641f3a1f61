"""The fault matrix: each thing that can go wrong, in each phase of a client's life, over real sockets and with real servers.

Whatever happens, a call ends within its limits, with one terminal status and the error that `fault_rules` derives; nothing is left of
it, and the app can be used afterwards. `FAULTS=all` runs every cell with every adapter and version.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest

from gradio_sansio import DeadlineExceeded, GradioError, JobCancelled, Limits, handle_file
from gradio_sansio.testing.subjects import BlockingSubject
from tests.live.fault_proxy import YIELDS, Fault, FaultProxy, Phase
from tests.live.fault_rules import FILES, KINDS, NEWEST, OPENING, Cell, Outcome, expected, matrix, page
from tests.live.jobs import ENDLESS, SOON, history, values
from tests.live.pages import Told
from tests.live.servers import each_version
from tests.live.ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tests.live.ways import App, Submission, Way
    from tests.servers.server import GradioServer

PATIENCE = (0.5, 2.0, 8.0)
"""Seconds for the limits that are to pass. Where one passes before the fault strikes, the machine is slow: the next is tried."""
NOTICE = 0.2
"""Seconds for a client to notice that its stream was reset: what it joins before is lost with that."""
SIZE = 600_000
"""Bytes of the files that go either way: several pieces."""
CELLS = matrix(whole=os.environ.get("FAULTS") == "all")


class TooSlowError(Exception):
    """A limit passed in a phase that nothing was done to."""


class Target(NamedTuple):
    """The servers of a version: one that is called, one that takes its place after a restart, and one that wants a login."""

    url: str
    spare: str
    login: str


version = each_version(list(KINDS))


@pytest.fixture(scope="module")
def target(version: str, request: pytest.FixtureRequest) -> Target:
    """Older ones are neither restarted nor logged in to here: one server is enough."""
    names = ("wide_server", "server", "auth_server") if version == NEWEST else ("wide_server",) * 3
    servers: list[GradioServer] = [request.getfixturevalue(name) for name in names]
    return Target(*[server.url for server in servers])


@pytest.fixture(autouse=True)
def no_file_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert not list(tmp_path.iterdir())
    # A file that was removed while it was open is still there.
    assert not [link for link in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(link)]


@pytest.mark.timeout(60, func_only=True)  # the servers are started for the first of them
@pytest.mark.parametrize(
    ("version", "cell"),
    [pytest.param(cell.version, cell, id=str(cell)) for cell in CELLS],
    indirect=["version"],
    scope="module",  # of the servers
)
def test_cell(cell: Cell, target: Target) -> None:
    for patience in PATIENCE:
        try:
            run(cell, target, patience)
        except TooSlowError:
            continue
        return
    pytest.fail(f"limits of {PATIENCE} s passed before the fault struck")


def run(cell: Cell, target: Target, patience: float) -> None:
    way = WAYS[cell.way]
    outcome = expected(cell)
    # Short only where one of them is to pass, so that a slow machine has nothing to do with the others.
    short = cell.fault in (Fault.HALF_OPEN, Fault.SLOW_DRIP)
    limits = (
        Limits(request=patience, idle=2 * patience, idle_direct=2 * patience, connect=patience, grace=0.3)
        if short
        else Limits(request=SOON, idle=SOON, idle_direct=SOON, connect=SOON, grace=0.5)
    )
    options: dict[str, Any] = {"limits": limits}
    url, spare = target.url, target.spare
    if cell.phase is Phase.LOGIN:
        options["auth"] = ("user", "secret")
        url = spare = target.login
    special = {Phase.CANCEL: cancelling, Phase.DOWNLOAD: downloading}
    scenario = opening if cell.phase in OPENING else special.get(cell.phase, job)
    with FaultProxy(url, spare) as proxy:

        async def main() -> None:
            try:
                await scenario(way, proxy, cell, outcome, options, patience)
            except DeadlineExceeded as error:
                raise TooSlowError from error
            await way.until(lambda: proxy.open == 0, "the end of every connection")

        way.run(main)


# Opening an app.


async def opening(
    way: Way, proxy: FaultProxy, cell: Cell, outcome: Outcome, options: dict[str, Any], patience: float
) -> None:
    further = {"deadline": patience} if cell.fault is Fault.DEADLINE else {}

    async def use() -> None:
        async with way.client(url, **options, **further) as app:
            proxy.heal()
            await usable(app)

    with ExitStack() as stack:
        if cell.phase is Phase.CONNECT and cell.fault in (Fault.HALF_OPEN, Fault.USER_CANCEL, Fault.DEADLINE):
            url = stack.enter_context(deaf())
            proxy.fired.set()
        else:
            url = proxy.url
            proxy.aim(cell.phase, cell.fault, pause=patience / 5)
        await goes_wrong(way, use, outcome, proxy)
    struck(proxy, cell)
    proxy.heal()
    async with way.client(proxy.url, **options) as app:
        await usable(app)


async def goes_wrong(
    way: Way, use: Callable[[], Coroutine[Any, Any, None]], outcome: Outcome, proxy: FaultProxy
) -> None:
    """Do it, and look at what becomes of it."""
    if outcome.cancelled:
        await cancelled(way, use, proxy)
    elif outcome.errors:
        with pytest.raises(GradioError) as caught:
            await use()
        check(caught.value, outcome, proxy)
    else:
        await use()


async def cancelled(way: Way, use: Callable[[], Coroutine[Any, Any, None]], proxy: FaultProxy) -> None:
    """Cancel, or interrupt, once the fault has struck."""
    if isinstance(way, BlockingSubject):
        main = threading.main_thread().ident
        assert main is not None

        def interrupt() -> None:
            proxy.fired.wait(SOON)
            time.sleep(0.05)
            signal.pthread_kill(main, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012  # it may strike in either
            thread.start()
            await use()
        thread.join()
        return

    async def cancel(scope: anyio.CancelScope) -> None:
        while not proxy.fired.is_set():  # noqa: ASYNC110  # a thread's
            await anyio.sleep(0.005)
        await anyio.sleep(0.02)
        scope.cancel()

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            group.start_soon(cancel, scope)
            await use()
        assert scope.cancelled_caught


@contextmanager
def deaf() -> Iterator[str]:
    """A URL at which connecting neither succeeds nor fails: what waits to be accepted is full (Linux drops the rest)."""
    with socket.socket() as listener, ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# Running a job.


async def job(
    way: Way, proxy: FaultProxy, cell: Cell, outcome: Outcome, options: dict[str, Any], patience: float
) -> None:
    with source() as path:
        async with way.client(proxy.url, **options) as app:
            await aim(way, proxy, cell, patience, leaving=0)
            timeout = patience if cell.fault is Fault.DEADLINE else None
            if cell.phase is Phase.UPLOAD:
                submission = app.submit("/files", [[handle_file(path)]], timeout=timeout)
            else:
                submission = app.submit("/count", [YIELDS, 0.01], timeout=timeout)
            if cell.fault is Fault.USER_CANCEL:
                await way.until(proxy.fired.is_set, "the fault")
                submission.cancel()
                submission.cancel()
            await ended(submission, cell, outcome, proxy)
            struck(proxy, cell)
            proxy.heal()
            await usable(app)


@contextmanager
def source() -> Iterator[Path]:
    """A file to be uploaded, alone in its folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.bin"
        path.write_bytes(bytes(SIZE))
        yield path


async def downloading(
    way: Way, proxy: FaultProxy, cell: Cell, outcome: Outcome, options: dict[str, Any], patience: float
) -> None:
    """A file comes back; if it doesn't come whole, nothing of it stays."""
    with source() as path:
        async with way.client(proxy.url, **options) as app:
            file = (await app.predict("/same", [handle_file(path)])).value
            path.unlink()
            await aim(way, proxy, cell, patience, leaving=0)

            async def fetch() -> None:
                saved = await app.download(file, path.parent)
                assert saved.read_bytes() == bytes(SIZE)
                saved.unlink()

            await goes_wrong(way, fetch, outcome, proxy)
            assert not list(path.parent.iterdir())
            struck(proxy, cell)
            proxy.heal()
            await usable(app)


async def cancelling(
    way: Way, proxy: FaultProxy, cell: Cell, outcome: Outcome, options: dict[str, Any], patience: float
) -> None:
    """A running job is cancelled, and the word of it goes astray."""
    async with way.client(proxy.url, **options) as app:
        timeout = patience if cell.fault is Fault.DEADLINE else None
        submission = app.submit("/count_forever", ENDLESS, timeout=timeout)
        if cell.fault is not Fault.DEADLINE:
            async for _ in submission:
                break
        await aim(way, proxy, cell, patience, leaving=1)
        if cell.fault is not Fault.DEADLINE:
            submission.cancel()
        await ended(submission, cell, outcome, proxy)
        given_up = time.monotonic() + 2 * options["limits"].request
        await way.until(lambda: proxy.fired.is_set() or time.monotonic() > given_up, "the fault")
        if not proxy.fired.is_set():
            raise TooSlowError
        if cell.fault is Fault.RESTART:
            await way.until(lambda: proxy.open == 0, "the end of every connection")
            await way.sleep(NOTICE)
        proxy.heal()
        await usable(app)


async def aim(way: Way, proxy: FaultProxy, cell: Cell, patience: float, *, leaving: int) -> None:
    proxy.aim(cell.phase, cell.fault, pause=patience / 5)
    if cell.fault is Fault.REFUSED and cell.phase in (Phase.JOIN, Phase.CANCEL, *FILES):
        await way.until(lambda: proxy.open == leaving, "the end of idle connections")


async def ended(submission: Submission, cell: Cell, outcome: Outcome, proxy: FaultProxy) -> None:
    """One terminal status, the right one; and the result raises the right error, again and again."""
    events = await history(submission)
    if outcome.cancelled:
        assert submission.cancelled
        assert (submission.status.stage, submission.status.code) == ("complete", "cancelled")
        with pytest.raises(JobCancelled):
            await submission.result()
        return
    assert not submission.cancelled
    if not outcome.errors:
        expected = [[SIZE]] if cell.phase is Phase.UPLOAD else list(range(YIELDS))
        assert (await submission.result()).value == expected[-1]
        got = values(events)
        if cell.fault is Fault.REORDERED:
            # Nothing on the wire says what was meant to come first.
            assert set(got) <= set(range(YIELDS))
        elif cell.fault is Fault.DUPLICATE:
            assert sorted(set(got)) == expected
            assert got == sorted(got)
        else:
            assert got == expected
        assert submission.status.success
        return
    for _ in range(2):
        with pytest.raises(GradioError) as caught:
            await submission.result()
        check(caught.value, outcome, proxy)
        assert submission.status.message == str(caught.value)
    assert submission.status.stage == "error"


def struck(proxy: FaultProxy, cell: Cell) -> None:
    """The test was one."""
    if cell.fault is Fault.DEADLINE and not proxy.fired.is_set():
        raise TooSlowError
    assert proxy.fired.is_set(), "the fault never struck"


def check(error: GradioError, outcome: Outcome, proxy: FaultProxy) -> None:
    if isinstance(error, DeadlineExceeded) and error.limit != outcome.limit and not proxy.fired.is_set():
        raise TooSlowError
    assert type(error) in outcome.errors, repr(error)
    if outcome.limit is not None:
        assert getattr(error, "limit", None) == outcome.limit
    assert getattr(error, "retry_after", None) == outcome.retry_after


async def usable(app: App) -> None:
    assert (await app.predict("/predict", ["well"])).value == "well"


def test_the_rules_speak_of_every_cell() -> None:
    """And what is run covers each phase, fault, adapter and version."""
    cells = matrix(whole=True)
    assert len(set(cells)) == len(cells)
    assert all(isinstance(expected(cell), Outcome) for cell in cells)
    run = matrix(whole=False)
    assert {cell.phase for cell in run} == set(Phase)
    for way in WAYS:
        assert {cell.fault for cell in run if cell.way == way} == set(Fault)
    for version in KINDS:
        wanted, found = ({cell.phase for cell in some if cell.version == version} for some in (cells, run))
        assert found == wanted


def test_the_page_is_what_the_rules_say() -> None:
    """But for the counts, which are those of a run: `make faults` makes it anew."""
    written = (Path(__file__).parents[2] / "docs" / "faults.md").read_text(encoding="utf-8")
    mark = "## Outcomes"
    assert written.partition(mark)[2] == page([]).partition(mark)[2]


def test_what_fails_once_it_is_over_has_failed() -> None:
    """Something was left behind, say: the report of its end comes after one of a cell that passed."""
    fields = (NEWEST, "sync", Phase.JOIN.value, Fault.RESET.value)
    written = page([Told("cell", fields, passed=True), Told("cell", fields, passed=False)])
    assert "| 6.31.0 | 0 of 1 passed |" in written
