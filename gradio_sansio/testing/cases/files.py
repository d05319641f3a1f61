"""Files: up, down, refused, cancelled, lost."""
# ruff: noqa: TID251, ASYNC240, S108  # the cases run on real files, time and threads; nothing of the core imports them

from __future__ import annotations

import io
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from gradio_sansio.errors import AuthError, Disconnected, JobCancelled, RemoteProtocolError, ValidationError
from gradio_sansio.files import FileData, handle_file
from gradio_sansio.limits import Limits
from gradio_sansio.testing.cases.base import (
    API,
    Server,
    asked,
    case,
    prepare,
    raises,
)
from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer
from gradio_sansio.testing.subjects import PATIENCE, Subject
from gradio_sansio.values import Status

UPLOAD: Final = f"{API}/upload"
LARGE: Final = bytes(range(251)) * 9000
"""Some megabytes in which no part is like another."""


class Slow(io.BytesIO):
    """A file whose reading takes time."""

    def __init__(self, size: int) -> None:
        super().__init__(bytes(size))
        self.reads: int = 0

    def read(self, size: int | None = -1) -> bytes:
        """As ever, but late."""
        self.reads += 1
        time.sleep(0.02)
        return super().read(size)


class Gate(io.BytesIO):
    """A file whose reading waits."""

    def __init__(self, opened: threading.Event) -> None:
        super().__init__(bytes(1024 * 1024))
        self.opened: threading.Event = opened

    def read(self, size: int | None = -1) -> bytes:
        """As ever, once it may."""
        assert self.opened.wait(PATIENCE)
        return super().read(size)


class Pipe:
    """What can be read once, and nobody knows how long."""

    closed = False

    def seekable(self) -> bool:
        """It isn't."""
        return False

    def read(self, size: int = -1) -> bytes:
        """Nobody asks."""
        raise AssertionError("it must not be read")


def put(server: Server, path: str, content: bytes) -> str:
    """Let the server have a file."""
    server.call(lambda gradio: gradio.files.update({path: content}))
    return path


def held(server: Server) -> list[bytes]:
    """The files that the server has."""
    return server.call(lambda gradio: list(gradio.files.values()))


@case()
async def moves_files(subject: Subject, server: Server) -> None:
    """Paths, bytes and open files go up, at any depth and by name; what comes back comes down, byte for byte."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "grün #1.bin"
        path.write_bytes(LARGE)
        opened = io.BytesIO(b"skipped, sent")
        opened.seek(9)
        async with subject.client(server.url) as app:
            payload = [handle_file(path), {"deep": (handle_file(b"", name="empty"), handle_file(opened))}]
            (first, rest) = (await app.predict("/file", {"file 0": payload})).value
            assert held(server) == [LARGE, b"", b"sent"]
            assert isinstance(first, FileData)
            assert first.orig_name == "grün #1.bin"
            assert [file.orig_name for file in rest["deep"]] == ["empty", "file"]
            saved = [await app.download(first, directory) for _ in range(2)]
            assert [found.name for found in saved] == ["grün #1 (1).bin", "grün #1 (2).bin"]
            assert all(found.read_bytes() == LARGE for found in (path, *saved))
            again = (await app.predict("/file", [first])).value
            assert again == first
            assert asked(server, UPLOAD) == 1
            empty = await app.download(rest["deep"][0], directory)
            assert empty.read_bytes() == b""
            within = await app.download(FileData(url="data:image/png;base64,cG5n"), directory)
            assert (within.name, within.read_bytes()) == ("image.png", b"png")
        assert len(list(directory.iterdir())) == 5


@case()
async def refuses_files_before_anything_is_sent(subject: Subject, server: Server) -> None:
    """A file that isn't there, isn't one, is too large or can't be read is a ``ValidationError`` that names the parameter."""
    server.call(lambda gradio: setattr(gradio, "max_file_size", 1000))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        large = directory / "large"
        large.write_bytes(bytes(1001))
        closed = large.open("rb")
        closed.close()
        async with subject.client(server.url) as app:
            before = len(server.call(lambda gradio: gradio.requests))
            for file, reason in (
                (handle_file(directory / "missing"), "no such file"),
                (handle_file(str(directory)), "directory"),
                (handle_file(large), "1001 bytes, and the app takes files of 1000 at most"),
                (handle_file(bytes(1001)), "1001 bytes"),
                (handle_file(closed), "closed"),
                (handle_file(cast("BinaryIO", Pipe())), "its size can't be known"),
                (handle_file("ftp://files.test/a"), "http or https"),
                (handle_file("nul\0"), "null"),
            ):
                with raises(ValidationError, "p0", reason) as found:
                    await app.predict("/file", [[file]])
                assert found[0].parameter == "p0"
                with raises(ValidationError, reason):
                    app.submit("/file", {"file 0": file})
            assert len(server.call(lambda gradio: gradio.requests)) == before


@case()
async def tells_how_far_an_upload_is(subject: Subject, server: Server) -> None:
    """While files go up, the job is pending and its progress counts their bytes."""
    async with subject.client(server.url) as app:
        submission = app.submit("/file", [handle_file(LARGE, name="large.bin")])
        statuses = [event async for event in submission.events() if isinstance(event, Status)]
        bars = [(status.stage, bar) for status in statuses for bar in status.progress_data or ()]
        assert len(bars) > 3
        assert {stage for stage, _ in bars} == {"pending"}
        assert {(bar.length, bar.unit, bar.desc) for _, bar in bars} == {(len(LARGE), "bytes", "large.bin")}
        counts = [bar.index or 0 for _, bar in bars]
        assert counts == sorted(counts)
        assert counts[-1] == len(LARGE)


@case()
async def cancels_an_upload(subject: Subject, server: Server) -> None:
    """A job that is cancelled in the midst of its upload sends no more of it, and harms no other."""
    async with subject.client(server.url) as app:
        file = Slow(200 * 1024 * 1024)
        submission = app.submit("/file", [handle_file(file)])
        await subject.until(lambda: file.reads > 2, "some reading")
        assert submission.status.stage == "pending"
        submission.cancel()
        with raises(JobCancelled):
            await submission.result()
        reads = file.reads
        assert (await app.predict("/predict", ["well"])).value == "well"
        await subject.sleep(0.1)
        assert file.reads <= reads + 1
    assert asked(server, UPLOAD) == 0, "the upload went on to its end, though it was cancelled on its way"
    assert not held(server)


@case()
async def notices_that_a_file_changes(subject: Subject, server: Server) -> None:
    """A file that is another one, or gone, when it is read fails its job."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "changing"
        path.write_bytes(b"before")
        async with subject.client(server.url) as app:
            for change in (lambda: path.write_bytes(b"afterwards"), path.unlink):
                opened = threading.Event()
                submission = app.submit("/file", [[handle_file(Gate(opened)), handle_file(path)]])
                change()
                opened.set()
                with raises(ValidationError, "changing can't be uploaded"):
                    await submission.result()
            assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def tells_why_an_upload_is_refused(subject: Subject, server: Server) -> None:
    """A server that takes no files of that size (413), or none from this caller (401), says so."""
    async with subject.client(server.url) as app:
        for status, kind, text in ((413, ValidationError, "too large"), (401, AuthError, "401")):
            prepare(server, {UPLOAD: Answer(status, "no", {"content-type": "text/plain"})})
            with raises(kind, text):
                await app.predict("/file", [handle_file(LARGE)])
        prepare(server, {UPLOAD: Answer(200, ["/a", "/b"])})
        with raises(RemoteProtocolError, "a list of 1 paths"):
            await app.predict("/file", [handle_file(LARGE)])
        assert (await app.predict("/file", [handle_file(b"x", name="x")])).value.orig_name == "x"


@case()
async def leaves_nothing_of_a_download_that_fails(subject: Subject, server: Server) -> None:
    """Refused, lost, too large, not the app's, nowhere to put it: the directory stays as it was."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        put(server, "/tmp/large", bytes(3 * 1024 * 1024))
        prepare(server, {f"{API}/file=/no": Answer(403, {"detail": "no"})})
        async with subject.client(server.url, limits=Limits(download=1024 * 1024)) as app:
            for path, kind, text in (
                ("/missing", RemoteProtocolError, "no file at"),
                ("/no", AuthError, "gives out no such file"),
                ("/tmp/large", RemoteProtocolError, "Limits.download"),
                ("http://files.test/a", ValidationError, "only the app's own files"),
            ):
                with raises(kind, text):
                    await app.download(path, directory)
            with raises(NotADirectoryError):
                await app.download("/tmp/large", directory / "missing")
        assert not list(directory.iterdir())


@case()
async def leaves_nothing_of_a_download_that_is_lost(subject: Subject, server: Server) -> None:
    """A connection that breaks in the midst of a file is ``Disconnected``, and the part that came is gone."""
    with tempfile.TemporaryDirectory() as name:
        put(server, "/f", LARGE)
        server.call(lambda gradio: setattr(gradio, "pace", (20_000, 0.01)))
        async with subject.client(server.url) as app:

            async def fetch() -> None:
                with raises(Disconnected):
                    await app.download("/f", Path(name))

            async def cut() -> None:
                await subject.until(lambda: bool(list(Path(name).iterdir())), "a part of it")
                server.call(lost)

            def lost(gradio: GradioServer) -> None:
                gradio.pace = None
                for connection in list(gradio.connections):
                    connection.cut(Cut.RESET)

            await subject.together(fetch, cut)
            assert not list(Path(name).iterdir())
            assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def gives_downloads_harmless_names(subject: Subject, server: Server) -> None:
    """Whatever a server calls a file, it is a new one in the directory, which replaces nothing and follows no link."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "inner"
        directory.mkdir()
        target = Path(name) / "target"
        (directory / "link").symlink_to(target)
        put(server, "/f", b"content")
        async with subject.client(server.url) as app:
            names = ("../../x", "CON", "/etc/passwd", "y" * 1_000_000, "", "a\0\u202eb", "link")
            saved = [await app.download(FileData(path="/f", orig_name=text), directory) for text in names]
        assert [path.name for path in saved] == ["x", "_CON", "passwd", "y" * 200, "f", "ab", "link (1)"]
        assert all(path.parent == directory and path.read_bytes() == b"content" for path in saved)
        assert not target.exists()
        assert len(list(directory.iterdir())) == len(names) + 1
        assert len(list(Path(name).iterdir())) == 1


@case("tasks")
async def cancels_a_download(subject: Subject, server: Server) -> None:
    """A task that is cancelled in the midst of a download leaves no file and no connection."""
    with tempfile.TemporaryDirectory() as name:
        put(server, "/f", LARGE)
        server.call(lambda gradio: setattr(gradio, "pace", (20_000, 0.01)))
        async with subject.client(server.url) as app:
            await subject.cancelled_after(0.5, lambda: app.download("/f", Path(name)))
            assert not list(Path(name).iterdir())
            assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def closes_in_the_midst_of_transfers(subject: Subject, server: Server) -> None:
    """Closing the app ends uploads and downloads as cancelled."""
    with tempfile.TemporaryDirectory() as name:
        put(server, "/f", LARGE)
        server.call(lambda gradio: setattr(gradio, "pace", (20_000, 0.01)))
        async with subject.client(server.url) as app:
            file = Slow(200 * 1024 * 1024)
            submission = app.submit("/file", [handle_file(file)])

            async def fetch() -> None:
                with raises(JobCancelled):
                    await app.download("/f", Path(name))

            async def close() -> None:
                await subject.until(
                    lambda: file.reads > 1 and bool(list(Path(name).iterdir())), "both to begin"
                )
                await app.close()

            await subject.together(fetch, close)
            assert submission.cancelled
        assert not list(Path(name).iterdir())


@case("threads")
async def downloads_in_several_threads(subject: Any, server: Server) -> None:
    """Each thread writes its own file."""
    with tempfile.TemporaryDirectory() as name:
        put(server, "/f", LARGE)
        async with subject.client(server.url) as app:

            async def fetch() -> str:
                path: Path = await app.download("/f", Path(name))
                assert path.read_bytes() == LARGE
                return path.name

            assert len(set(await subject.together(*(fetch for _ in range(4))))) == 4
        assert {path.name for path in Path(name).iterdir()} == {"f", "f (1)", "f (2)", "f (3)"}
