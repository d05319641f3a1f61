"""``multipart/form-data`` (RFC 7578) for files: all of the body but their content, which is asked for piece by piece.

The body's length is known beforehand, so the sizes of the files must be. A file's name goes out as browsers write it: UTF-8 as it is,
and what would end the quoted text, or the header, percent-encoded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# Compiled when first needed, which is seldom.
_SPECIAL: Final = r'[\x00-\x1f"\x7f]'
_END: Final = b"\r\n"


class Multipart:
    """A body of files.

    ``pieces`` are, in order, the bytes that stand between the files, and the indices of the files.

    Args:
        files: the name and the size of each.
        boundary: a text that no file holds: random enough, letters and digits.
    """

    __slots__ = ("content_type", "length", "pieces")

    def __init__(self, files: Sequence[tuple[str, int]], boundary: str) -> None:
        self.content_type: str = f"multipart/form-data; boundary={boundary}"
        delimiter = f"--{boundary}".encode()
        self.pieces: list[bytes | int] = []
        self.length: int = 0
        before = b""
        for index, (name, size) in enumerate(files):
            self._add(before + delimiter + _END + part_header(name))
            self.pieces.append(index)
            self.length += size
            before = _END
        self._add(before + delimiter + b"--" + _END)

    def _add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.length += len(data)


def part_header(name: str) -> bytes:
    """What precedes the content of one file, the empty line included."""
    escaped = re.sub(_SPECIAL, lambda found: f"%{ord(found[0]):02X}", name)
    return (
        b'Content-Disposition: form-data; name="files"; filename="%b"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" % escaped.encode("utf-8", "replace")
    )
