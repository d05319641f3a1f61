"""The machine's files: what is uploaded is looked at and read here, and what is downloaded is written.

A file that is uploaded is opened anew for each piece: none stays open, whatever becomes of the job, and any number of them can wait. That
it is still the file that was looked at is checked each time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from io import SEEK_END
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import get_ident
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, TypeVar

from gradio_sansio import Content, Engine, FileData, InputFile, LocalProtocolError
from gradio_sansio.events import (
    DownloadEvent,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
    JobId,
)
from gradio_sansio.filenames import numbered, safe_name
from gradio_sansio.files import PathLike, replace_files
from gradio_sansio.frontend import A, AsyncAppBase
from gradio_sansio.session.arguments import Payload
from gradio_sansio.transfers import fetch, raise_failure

StrPath: TypeAlias = "str | os.PathLike[str]"
T = TypeVar("T")
_ATTEMPTS: Final = 10_000
"""Numbers that are tried for a name that is taken."""
_PATIENCE: Final = 1.0
"""Seconds after which a download that is silent looks whether its app is still there."""


class FileEngine(Engine):
    """An engine whose payloads may name this machine's files."""

    def submit(self, endpoint: str | int | None = None, payload: Payload = (), **options: Any) -> JobId:
        """As ``Engine.submit``. Files are looked at, and not read before they are sent."""
        return super().submit(endpoint, look_at_files(payload, self.inline), **options)

    def send(self, job: JobId, payload: Payload, now: float) -> None:
        """As ``Engine.send``."""
        super().send(job, look_at_files(payload, self.inline), now)


# Up.


def look_at_files(payload: Any, inline: int) -> Any:
    """The payload with every file that was marked in it looked at. One of ``inline`` bytes at most is read at once, whole."""
    seen: dict[int, Content | InputFile] = {}

    def look(mark: InputFile) -> Content | InputFile:
        found = seen.get(id(mark))
        if found is None:
            found = seen[id(mark)] = _look(mark, inline)
        return found

    return replace_files(payload, InputFile, look)


def _look(mark: InputFile, inline: int) -> Content | InputFile:
    source = mark.source
    if mark.url is not None or isinstance(source, (bytes, bytearray, memoryview)):
        return mark
    reader: _PathReader | _ObjectReader
    name = mark.name
    try:
        if isinstance(source, (str, PathLike)):
            path = Path(os.fsdecode(source))
            name = path.name if name is None else name
            reader = _PathReader(path)
        else:
            name = _name_of(source) if name is None else name
            reader = _ObjectReader(source)
        if reader.size <= inline:
            return InputFile(reader.read(0, inline), name)
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        shown = repr(os.fspath(source)) if isinstance(source, (str, PathLike)) else repr(source)
        return Content(name or "file", 0, _Unreadable(), fault=f"{shown[:300]} can't be read: {why.lower()}")
    return Content(name, reader.size, reader)


def _name_of(file: BinaryIO) -> str:
    # That of a temporary file may be a number.
    name = getattr(file, "name", None)
    return Path(os.fsdecode(name)).name if isinstance(name, (str, bytes)) else "file"


class _Unreadable:
    def read(self, offset: int, size: int) -> bytes:
        raise OSError("it was refused before")


class _PathReader:
    """A file by its path."""

    def __init__(self, path: Path) -> None:
        # Where we are may be another place when it is read.
        self._path = path.absolute()
        with self._open() as file:
            self._identity = _identity(file)
            self.size: int = self._identity[0]

    def read(self, offset: int, size: int) -> bytes:
        with self._open() as file:
            if _identity(file) != self._identity:
                raise ValueError("it has changed since it was passed")
            file.seek(offset)
            return file.read(size)

    def _open(self) -> BinaryIO:
        file = open(self._path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115  # `Path.open` takes no opener
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise ValueError("it is no regular file")
        return file


def _open_at_once(path: str, flags: int) -> int:
    # Opening a pipe would wait for a writer. (Windows has none in its file system.)
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _identity(file: BinaryIO) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev


class _ObjectReader:
    """A file that the caller has opened, from where it stands."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        if file.closed:
            raise ValueError("it is closed")
        if not file.seekable():
            raise ValueError("its size can't be known: pass its content, handle_file(file.read())")
        self._start = file.tell()
        self.size: int = max(0, file.seek(0, SEEK_END) - self._start)
        file.seek(self._start)

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(self._start + offset)
        data: Any = self._file.read(size)
        if not isinstance(data, bytes):
            raise ValueError("it was not opened in binary mode")  # noqa: TRY004  # as for all its other faults
        return data


# Down.


class Saving:
    """A file on its way into a directory: under a name of its own until it is complete."""

    def __init__(self, directory: StrPath) -> None:
        if not isinstance(directory, (str, PathLike)):
            raise TypeError(f"to must be the path of a directory, not {type(directory).__name__}")
        self._directory = Path(directory)
        if not self._directory.is_dir():
            raise NotADirectoryError(f"{str(self._directory)!r} is no directory: make it before the download")
        self._name = ""
        self._temporary: Path | None = None
        self._file: BinaryIO | None = None

    def receive(self, events: Sequence[DownloadEvent]) -> int:
        """Write what has come. Returns how many bytes these were."""
        written = 0
        for event in events:
            if isinstance(event, DownloadStarted):
                self._name = safe_name(event.name)
                path = self._directory / f".{self._name}.{os.urandom(4).hex()}.part"
                # "x": it must not be there, not even as a link.
                self._file = path.open("xb", buffering=0)
                self._temporary = path
            elif isinstance(event, DownloadReceived):
                assert self._file is not None
                rest = memoryview(event.data)
                while rest:
                    rest = rest[self._file.write(rest) :]
                written += len(event.data)
        return written

    def finish(self) -> Path:
        """Give it its name, or the next that isn't taken."""
        assert self._file is not None
        assert self._temporary is not None
        self._file.close()
        for number in range(_ATTEMPTS):
            target = self._directory / (numbered(self._name, number) if number else self._name)
            try:
                # Taken exclusively first: renaming alone would replace what is there.
                target.open("xb").close()
            except FileExistsError:
                continue
            try:
                self._temporary.replace(target)
            except BaseException:
                target.unlink()
                raise
            self._temporary = None
            return target
        raise FileExistsError(f"{self._name!r} is taken, with {_ATTEMPTS} numbers")

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._file is not None:
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()


class AsyncApp(AsyncAppBase[A]):
    """An app of a runtime of tasks, on a machine that has files and threads."""

    _thread: int | None = None
    """That which entered it."""

    def enter(self, engine: Engine) -> None:
        """Drive an engine from now on, in this thread."""
        self.engine: Engine = engine
        self._thread = get_ident()

    def check(self) -> None:
        """Refuse other threads: to their loops nothing would ever come, and what they did would meet ours in the midst of its own."""
        if self._thread is not None and self._thread != get_ident():
            raise LocalProtocolError(
                "an app of an event loop can't be used by other threads: use gradio_sansio_sync, which any thread may, or have the loop's"
                " own do it (asyncio.run_coroutine_threadsafe, trio.from_thread.run)",
                state="entered",
            )

    def _end(self) -> None:
        """Have the engine close everything; ``AppClosed`` follows."""
        self.check()
        self._usable.close(self.now())
        self.pump()

    async def download(self, file: FileData | str, to: StrPath) -> Path:
        """Save a file that the app returned, in a directory.

        Its name is the server's, made harmless, and numbered where it is taken. There is nothing in the directory under that name
        until the file is complete, and nothing at all if it never is.

        Args:
            file: what the app returned, or a URL of the app's, or a path on its server.
            to: the directory.

        Raises:
            ValidationError: it isn't the app's to give: only the app's own address is asked.
            Disconnected: it broke off.
            OSError: it can't be written.
            GradioError: the server doesn't give it.
        """
        self.check()
        return await fetch(self, self._usable, file, Saving(to))


class Loop(Protocol):
    """A driver that has a thread of its own."""

    engine: Engine
    downloads: dict[DownloadId, Callable[[DownloadEvent], None]]
    post: Callable[[Callable[[], object]], None]

    @property
    def ended(self) -> bool:
        """It does nothing any more."""
        ...

    def call(self, action: Callable[[], T]) -> T:
        """Have something done there, and wait for it."""
        ...

    def now(self) -> float:
        """The clock of its engine."""
        ...


class BlockingDownloads:
    """``download`` for an app whose engine runs in another thread. The caller's own writes the file."""

    loop: Any  # a `Loop`

    def download(self, file: FileData | str, to: StrPath) -> Path:
        """As ``AsyncApp.download``."""
        return _save(self.loop, file, Saving(to))

    # For whoever asks for help here.
    download.__doc__ = AsyncApp[Any].download.__doc__


def _save(loop: Loop, file: FileData | str, saving: Saving) -> Path:
    came: SimpleQueue[DownloadEvent] = SimpleQueue()
    begun: list[DownloadId] = []

    def begin() -> None:
        id = loop.engine.download(file, loop.now())
        loop.downloads[id] = came.put
        begun.append(id)

    def taken(size: int) -> None:
        loop.engine.downloaded(begun[0], size, loop.now())

    def stop() -> None:
        for id in begun:
            if loop.downloads.pop(id, None) is not None:
                loop.engine.abort_download(id, loop.now())

    try:
        loop.call(begin)
        while True:
            event = _next(came, loop)
            raise_failure(event)
            if isinstance(event, DownloadFinished):
                return saving.finish()
            if written := saving.receive([event]):
                loop.post(partial(taken, written))
    except BaseException:
        # Also an interrupt, at whatever moment: what was posted before is done before.
        loop.post(stop)
        saving.discard()
        raise


def _next(came: SimpleQueue[DownloadEvent], loop: Loop) -> DownloadEvent:
    while True:
        try:
            return came.get(timeout=_PATIENCE)
        except Empty:
            # A thread that fails tells nobody.
            if loop.ended:
                raise LocalProtocolError("the app is closed", state="closed") from None
