"""Files as the application holds them: what it passes in, and what an app gives back.

Nothing here opens a file. ``handle_file`` marks one in a payload; an adapter looks at it and puts a ``Content`` in its place, from which it
reads when the engine asks (``NeedBody``). What an app returns is a ``FileData``, to be fetched with ``download``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, cast, runtime_checkable

from msgspec import Struct

from gradio_sansio.checks import check_text
from gradio_sansio.errors import ValidationError

# `C:/x` is a path.
# Compiled when first needed, which is seldom.
_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]+://|data:"
_SHOWN: Final = 300
_SCALARS: Final = (str, int, float, type(None))
_DEPTH: Final = 200
"""Of payloads that are looked through. JSON has a bound of its own; this is what the stack can bear, and a list may hold itself."""
_NAME_BYTES: Final = 200
"""What a name may have for an upload. File systems take 255 bytes, and servers add to it."""


@runtime_checkable
class PathLike(Protocol):
    """What ``os.PathLike`` is, which the core doesn't import."""

    def __fspath__(self) -> Any: ...


FileSource: TypeAlias = "str | PathLike | bytes | bytearray | memoryview | BinaryIO"


class InputFile(Struct, frozen=True, eq=False):
    """A file in a payload, as ``handle_file`` marks it. One that stands in several places is uploaded once."""

    source: FileSource
    name: str | None = None

    @property
    def url(self) -> str | None:
        """The source, if it is a URL of whatever scheme."""
        return self.source if isinstance(self.source, str) and is_url(self.source) else None

    def __repr__(self) -> str:
        source = self.source
        if isinstance(source, (bytes, bytearray, memoryview)):
            shown = f"<{len(source)} bytes>"
        else:
            shown = repr(shown_url(self.url)) if self.url else repr(source)
        return f"handle_file({shown})" if self.name is None else f"handle_file({shown}, name={self.name!r})"


def handle_file(source: FileSource, *, name: str | None = None) -> InputFile:
    """Mark a file in a payload, at any depth: ``app.predict("/image", [handle_file("cat.png")])``.

    Args:
        source: a path; an http or https URL, which the server fetches; bytes; or a file that was opened in binary mode, which is read from
            where it stands to its end. A path must stay as it is until it is uploaded, and an open file must be left alone.
        name: the name under which the app gets it; by default the source's own.

    Raises:
        TypeError, ValueError: the source is none of these, or was opened in text mode. What can be found out about the file itself is a
            ``ValidationError`` from ``submit`` and ``predict``, before anything is sent.
    """
    if not isinstance(source, (str, bytes, bytearray, memoryview, PathLike)):
        if not callable(getattr(source, "read", None)):
            raise TypeError(
                f"handle_file takes a path, a URL, bytes or a binary file, not {type(source).__name__}"
            )
        if hasattr(source, "encoding"):
            raise TypeError("handle_file takes a file that was opened in binary mode: open(path, 'rb')")
    if isinstance(source, str) and not source:
        raise ValueError("handle_file takes a path, a URL, bytes or a binary file, not an empty text")
    if name is not None:
        check_text("the name of a file", name)
    return InputFile(source, name)


class Reader(Protocol):
    """Where an adapter reads a file from."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset``; none at the end. Raises ``OSError`` or ``ValueError`` where the file can't be read,
        or isn't what it was.
        """
        ...


class Content(Struct, frozen=True, eq=False):
    """A file that an adapter has looked at, in place of its mark: ``size`` bytes, to be read from ``reader``."""

    name: str
    size: int
    reader: Reader
    fault: str | None = None
    """Why it can't be sent: the engine knows which parameter it is for."""

    def __repr__(self) -> str:
        return f"Content({self.name!r}, size={self.size})"


class FileData(Struct, frozen=True):
    """A file that an app returned, on its server or, with old versions, within the answer.

    ``app.download`` fetches it. As an argument of another call of the same app it need not be uploaded.
    """

    path: str | None = None
    """Where it is on the server; None where it came within the answer (Gradio 3)."""
    url: str | None = None
    """Where to get it: below the app's own address, unless the app says that it is elsewhere; or a ``data:`` URL."""
    orig_name: str | None = None
    """Its name, as the server says."""
    size: int | None = None
    """In bytes; servers don't always say."""
    mime_type: str | None = None

    def __repr__(self) -> str:
        # A server may write anything there, and as long as it likes.
        shown = {
            "path": self.path and self.path[:_SHOWN],
            "url": self.url and shown_url(self.url),
            "orig_name": self.orig_name and self.orig_name[:_SHOWN],
            "size": self.size,
            "mime_type": self.mime_type and self.mime_type[:_SHOWN],
        }
        return f"FileData({', '.join(f'{name}={value!r}' for name, value in shown.items() if value is not None)})"


def is_url(text: str) -> bool:
    """Whether a text is a URL, of whatever scheme, and no path."""
    return re.match(_SCHEME, text) is not None


def shown_url(url: str) -> str:
    """A URL without what may be secret or long: its query, its user information, the content of a data URL."""
    if url[:5].lower() == "data:":
        return f"{url[: min(url.find(',') + 1, 60)]}..."
    url, query, _ = url.partition("?")
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path[:_SHOWN]}{'?...' if query else ''}"


def upload_name(name: str) -> str:
    """The last part of a name, as a server's file system takes it: not empty, not too long, and text."""
    name = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = name.replace("\0", "").encode("utf-8", "replace").decode()
    return shortened(name, _NAME_BYTES) if name.strip(".") else "file"


def shortened(name: str, limit: int) -> str:
    """A file name of ``limit`` bytes at most. Its suffix stays, unless that is what is long."""
    if len(name.encode()) <= limit:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > limit // 4:
        stem, dot, suffix = name, "", ""
    room = limit - len(suffix.encode()) - len(dot)
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def replace_files(
    value: Any, kinds: type | tuple[type, ...], replace: Callable[[Any], Any], *, seen: int = 0
) -> Any:
    """The value with what is of ``kinds`` replaced, at any depth of lists, tuples and dicts.

    What holds none is returned itself, so a payload without files costs one look at each element.
    """
    if isinstance(value, kinds):
        return replace(value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    container = cast("dict[Any, Any] | list[Any] | tuple[Any, ...]", value)  # type: ignore[redundant-cast]  # not so to pyright
    if seen > _DEPTH:
        raise ValidationError("the payload is nested too deep", parameter=None, reason="is nested too deep")
    changes: dict[Any, Any] = {}
    for key, item in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(item, _SCALARS):
            continue
        new = replace_files(item, kinds, replace, seen=seen + 1)
        if new is not item:
            changes[key] = new
    if not changes:
        return container
    if isinstance(container, dict):
        return {**container, **changes}
    return [changes.get(i, item) for i, item in enumerate(container)]
