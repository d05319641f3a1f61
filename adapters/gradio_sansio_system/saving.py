"""Files that are downloaded to this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from gradio_sansio.events import DownloadEvent, DownloadReceived, DownloadStarted
from gradio_sansio.filenames import numbered, safe_name
from gradio_sansio.files import PathLike

if TYPE_CHECKING:
    from gradio_sansio_system import StrPath

_ATTEMPTS: Final = 10_000
"""Numbers that are tried for a name that is taken."""


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
