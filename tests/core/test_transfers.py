"""Files through the whole engine, and as adapters move them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio import (
    Content,
    Disconnected,
    FileData,
    GradioError,
    JobCancelled,
    Limits,
    LocalProtocolError,
    ValidationError,
    handle_file,
)
from gradio_sansio.commands import ExchangeId, NeedBody, PauseReading, ResumeReading
from gradio_sansio.events import (
    DownloadEvent,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
)
from gradio_sansio.testing import Answer, Cut
from gradio_sansio.transfers import fetch, give_piece, read_piece
from tests.core.session.drive import Drive
from tests.core.virtual import World

if TYPE_CHECKING:
    from gradio_sansio.frontend import AsyncAppBase

MiB = 1024 * 1024
PATTERN = bytes(range(251))


class Memory:
    """A file of an adapter's."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, size))
        return self.content[offset : offset + size]


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, offset: int, size: int) -> bytes:
        raise self.error


def content_of(world: World, download: DownloadId) -> bytes:
    return b"".join(e.data for e in world.network.all_of(DownloadReceived) if e.download == download)


def fetched(world: World, file: FileData | str) -> bytes:
    download = world.engine.download(file, world.now)
    world.network.pump()

    def finished() -> DownloadFinished | None:
        return next((e for e in world.network.all_of(DownloadFinished) if e.download == download), None)

    world.until(finished)
    end = finished()
    assert end is not None
    if end.error is not None:
        raise end.error
    return content_of(world, download)


@pytest.mark.parametrize("version", [(4, 9, 0), (4, 44, 1), (6, 31, 0)])
def test_up_and_down(version: tuple[int, int, int]) -> None:
    world = World(version=version)
    content = PATTERN * 5000
    source = Memory(content)
    job = world.submit("/file", Content('größe "1".bin', len(content), source))
    assert world.end(job).error is None
    (file,) = world.values(job)
    path = "/tmp/gradio/0/größe %221%22.bin"
    assert world.server.files == {path: content}
    assert isinstance(file, FileData) or version < (4, 21, 0)
    assert fetched(world, path) == content
    assert max(size for _, size in source.reads) <= 256 * 1024
    assert sum(size for _, size in source.reads) == len(content)
    world.finish()


def test_an_output_is_the_next_input() -> None:
    world = World()
    job = world.submit("/file", handle_file(b"content", name="a.txt"))
    world.end(job)
    (file,) = world.values(job)
    assert file == FileData(
        path="/tmp/gradio/0/a.txt",
        url="http://app.test:7860/gradio_api/file=/tmp/gradio/0/a.txt",
        orig_name="a.txt",
    )
    again = world.submit("/file", file)
    world.end(again)
    assert world.values(again) == [file]
    assert [r.path for r in world.server.requests].count("/gradio_api/upload") == 1
    world.finish()


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_however_the_network_cuts_it(content: bytes, size: int) -> None:
    world = World(chunking=lambda data: (data[i : i + size] for i in range(0, len(data), size)))
    job = world.submit("/file", [handle_file(content, name="a"), Content("b", len(content), Memory(content))])
    assert world.end(job).error is None
    assert list(world.server.files.values()) == [content, content]
    assert fetched(world, "/tmp/gradio/1/b") == content
    world.finish()


def test_a_refusal_in_the_midst() -> None:
    world = World(max_file_size=None)
    world.server.answers["/gradio_api/upload"] = [
        Answer(413, "Maximum file size exceeded.", {"content-type": "text/plain"})
    ]
    job = world.submit("/file", Content("a", 3 * MiB, Memory(bytes(3 * MiB))))
    error = world.error(job)
    assert isinstance(error, ValidationError)
    assert "too large" in error.message
    good = world.submit("/file", handle_file(b"x", name="a"))
    assert world.end(good).error is None
    world.finish()


def begun(world: World, content: bytes) -> DownloadId:
    """A download of a file from a server that takes its time."""
    world.server.files["/tmp/a"] = content
    world.server.pace = (20_000, 0.01)
    download = world.engine.download("/tmp/a", world.now)
    world.network.pump()
    world.until(lambda: world.network.happened(DownloadReceived))
    return download


@pytest.mark.parametrize("how", [Cut.END, Cut.RESET])
def test_a_connection_that_breaks(how: Cut) -> None:
    world = World()
    download = begun(world, bytes(MiB))
    for link in world.network.open_links:
        world.network.cut(link, how)
    world.until(lambda: world.network.happened(DownloadFinished))
    (end,) = world.network.all_of(DownloadFinished)
    assert end.download == download
    assert isinstance(end.error, Disconnected)
    world.finish()


def test_a_slow_writer_holds_the_peer_back() -> None:
    world = World(limits=Limits(download_buffer=64 * 1024))
    content = PATTERN * 4000
    download = begun(world, content)
    world.run(10.0)
    commands = [type(action) for _, action in world.network.actions]
    assert PauseReading in commands
    world.run(1000.0)
    assert not world.network.happened(DownloadFinished)
    world.engine.downloaded(download, len(content_of(world, download)), world.now)
    world.network.pump()
    for _ in range(100):
        world.run(1.0)
        world.engine.downloaded(download, MiB, world.now)
        world.network.pump()
    assert ResumeReading in [type(action) for _, action in world.network.actions]
    assert content_of(world, download) == content
    world.finish()


def test_aborting_ends_the_connection() -> None:
    world = World(limits=Limits(download_buffer=64 * 1024))
    download = begun(world, PATTERN * 4000)
    world.engine.abort_download(download, world.now)
    world.network.pump()
    world.run(100.0)
    assert not world.network.happened(DownloadFinished)
    assert not world.network.open_links
    world.finish()


def test_cancelling_an_upload_ends_its_connection() -> None:
    world = World()
    job = world.submit("/file", Content("a", 50 * MiB, Broken(OSError())))
    world.cancel(job)
    world.run(100.0)
    assert isinstance(world.error(job), JobCancelled)
    assert not world.network.open_links
    world.finish()


def test_how_much_of_a_file_should_be_at_hand() -> None:
    assert World().engine.inline == 0
    assert Drive("3.50.2", limits=Limits(inline=7)).session.inline == 7


# Reading.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (OSError("odd"), "odd"),
        (ValueError("it is closed"), "it is closed"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_what_cant_be_read_has_a_reason(error: Exception, reason: str) -> None:
    world = World()
    job = world.submit("/file", Content("a", 5, Broken(error)))
    found = world.error(job)
    assert isinstance(found, ValidationError)
    assert found.reason == f"a can't be uploaded: {reason}"
    world.finish()


def test_a_piece_is_read_where_it_is_asked_for() -> None:
    source = Memory(b"0123456789")
    assert read_piece(NeedBody(ExchangeId(1), source, 3, 4)) == b"3456"
    assert read_piece(NeedBody(ExchangeId(1), source, 10, 4)) == b""


def test_an_engine_refuses_pieces_that_it_did_not_ask_for() -> None:
    world = World()
    with pytest.raises(LocalProtocolError, match="there is no exchange 99"):
        give_piece(world.engine, NeedBody(ExchangeId(99), Memory(b""), 0, 1), b"x", world.now)
    with pytest.raises(LocalProtocolError, match="there is no exchange 99"):
        give_piece(world.engine, NeedBody(ExchangeId(99), Memory(b""), 0, 1), "gone", world.now)
    world.finish()


# Fetching, in tasks.


class Event:
    def __init__(self, app: App) -> None:
        self._app = app
        self.happened = False

    def set(self) -> None:
        self.happened = True

    async def wait(self) -> None:
        while not self.happened:
            self._app.upcoming.pop(0)()


class Engine:
    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def download(self, file: object, now: float) -> DownloadId:
        self.asked.append(("download", file))
        return DownloadId(1)

    def downloaded(self, download: DownloadId, n: int, now: float) -> None:
        self.asked.append(("downloaded", n))

    def abort_download(self, download: DownloadId, now: float) -> None:
        self.asked.append(("abort", download))


class App:
    """What `fetch` needs of one."""

    def __init__(self, *upcoming: Callable[[App], None]) -> None:
        self.engine = Engine()
        self.downloads: dict[DownloadId, Callable[[DownloadEvent], None]] = {}
        self.upcoming = [lambda act=act: act(self) for act in upcoming]
        self.pumps = 0

    def event(self) -> Event:
        return Event(self)

    def now(self) -> float:
        return 7.0

    def pump(self) -> None:
        self.pumps += 1

    async def in_thread(self, function: Callable[[], Any], *, abandon: bool = False) -> Any:
        assert not abandon, "a write that goes on by itself would write to what was discarded"
        return function()


class Receiver:
    def __init__(self, error: Exception | None = None) -> None:
        self.got: list[DownloadEvent] = []
        self.ended: list[str] = []
        self.error = error

    def receive(self, events: Sequence[DownloadEvent]) -> int:
        if self.error is not None:
            raise self.error
        self.got += events
        return sum(len(event.data) for event in events if isinstance(event, DownloadReceived))

    def finish(self) -> str:
        self.ended.append("finished")
        return "path"

    def discard(self) -> None:
        self.ended.append("discarded")


def comes(*events: DownloadEvent) -> Callable[[App], None]:
    def come(app: App) -> None:
        for event in events:
            if isinstance(event, DownloadFinished):
                app.downloads.pop(DownloadId(1))(event)
            else:
                app.downloads[DownloadId(1)](event)

    return come


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def fetching(app: App, receiver: Receiver, file: FileData | str = "/tmp/a") -> Coroutine[Any, Any, Any]:
    return fetch(cast("AsyncAppBase[Any]", app), cast("Any", app.engine), file, receiver)


STARTED = DownloadStarted(DownloadId(1), "a", 5)
FIRST, SECOND = DownloadReceived(DownloadId(1), b"123"), DownloadReceived(DownloadId(1), b"45")
DONE = DownloadFinished(DownloadId(1), None)


def test_fetching() -> None:
    app, receiver = App(comes(STARTED, FIRST), comes(SECOND), comes(DONE)), Receiver()
    assert run(fetching(app, receiver)) == "path"
    assert receiver.got == [STARTED, FIRST, SECOND, DONE]
    assert receiver.ended == ["finished"]
    assert app.engine.asked == [
        ("download", "/tmp/a"),
        ("downloaded", 3),
        ("downloaded", 2),
        ("downloaded", 0),
    ]
    assert app.pumps == 4
    assert not app.downloads


def test_a_failure_is_raised_and_nothing_is_left() -> None:
    error = GradioError("no")
    app = App(comes(STARTED, FIRST), comes(SECOND, DownloadFinished(DownloadId(1), error)))
    receiver = Receiver()
    with pytest.raises(GradioError, match=r"^no$"):
        run(fetching(app, receiver))
    assert receiver.ended == ["discarded"]
    assert ("abort", 1) not in app.engine.asked


def test_a_full_disk_ends_the_download() -> None:
    app, receiver = App(comes(STARTED, FIRST)), Receiver(OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        run(fetching(app, receiver))
    assert receiver.ended == ["discarded"]
    assert app.engine.asked[-1] == ("abort", 1)
    assert not app.downloads


def test_a_task_that_is_cancelled_ends_the_download() -> None:
    class Cancelled(BaseException):
        pass

    def cancel(app: App) -> None:
        raise Cancelled

    app, receiver = App(comes(STARTED), cancel), Receiver()
    with pytest.raises(Cancelled):
        run(fetching(app, receiver))
    assert receiver.ended == ["discarded"]
    assert app.engine.asked[-1] == ("abort", 1)
