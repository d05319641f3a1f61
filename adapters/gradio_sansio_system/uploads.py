"""Files of this machine that are uploaded.

Each is opened anew for each piece: none stays open, whatever becomes of the job, and any number of them can wait. That it is still the file
that was looked at is checked each time.
"""

from __future__ import annotations

import os
import stat
from io import SEEK_END
from typing import TYPE_CHECKING, Any, BinaryIO

from gradio_sansio import Content, Engine, InputFile
from gradio_sansio.events import JobId
from gradio_sansio.files import PathLike, replace_files
from gradio_sansio.session.arguments import Payload

if TYPE_CHECKING:
    from pathlib import Path


class FileEngine(Engine):
    """An engine whose payloads may name this machine's files."""

    def submit(self, endpoint: str | int | None = None, payload: Payload = (), **options: Any) -> JobId:
        """As ``Engine.submit``. Files are looked at, and not read before they are sent."""
        return super().submit(endpoint, look_at_files(payload, self.inline), **options)

    def send(self, job: JobId, payload: Payload, now: float) -> None:
        """As ``Engine.send``."""
        super().send(job, look_at_files(payload, self.inline), now)


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
    from pathlib import Path  # noqa: PLC0415  # with the first file

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
    from pathlib import Path  # noqa: PLC0415  # as above

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
