"""Invariant: whatever files are called and hold, and in whatever pieces they are asked for, the same body comes of them, as long as it was
said to be, in which another reader finds each file with its name and content; and a name from a server becomes one for a file: a single
part of a path, visible, not too long, which stays as it is when it is made harmless again."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from fuzz.harness import fuzz
from gradio_sansio import Content, handle_file
from gradio_sansio.filenames import numbered, safe_name
from gradio_sansio.files import upload_name
from tests.core.session.test_uploads import Uploading

MOST = 600


class Held:
    """A reader whose content is at hand."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]


class Quick(Uploading):
    def check_open(self) -> None:
        """Not after each byte: it looks at all that was sent so far."""


def files(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents, each after its length."""
    parts: list[bytes] = []
    while data:
        parts.append(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
    names = [part.decode("utf-8", "surrogateescape") for part in parts[::2]]
    return list(zip(names, parts[1::2], strict=False))


def sent(given: list[tuple[str, bytes]], size: int) -> tuple[list[tuple[str, bytes]], bytes]:
    """What another reader finds in the body that is asked for in pieces of that size; and the body."""
    drive = Quick()
    marks = [
        Content(name, len(content), Held(content)) if i % 2 else handle_file(content, name=name)
        for i, (name, content) in enumerate(given)
    ]
    drive.submit("/predict", marks)
    return drive.send_all(size), drive.body()


def one_input(data: bytes) -> None:
    given = files(data[1:])
    for name, _ in given:
        _check_name(safe_name(name))
    if given:
        found, body = sent(given, 1 << 20)
        assert found == [(_read_back(upload_name(name)), content) for name, content in given]
        for size in (1, 1 + data[0]):
            assert sent(given, size) == (found, body)


def _read_back(name: str) -> str:
    """What the other reader makes of a name as browsers write it: it undoes three of their escapes."""
    written = "".join(f"%{ord(char):02X}" if char < " " or char in '"\x7f' else char for char in name)
    return written.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def _check_name(name: str) -> None:
    assert name
    assert name == safe_name(name)
    assert not set(name) & set('/\\:*?"<>|')
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in name)
    assert name == name.strip(". ")
    assert len(numbered(name, 1000).encode()) <= 255
    assert name.partition(".")[0].upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9")


def seeds() -> Iterator[bytes]:
    def one(size: int, *given: tuple[str, bytes]) -> bytes:
        parts = [
            part for name, content in given for part in (name.encode("utf-8", "surrogateescape"), content)
        ]
        return bytes([size]) + b"".join(bytes([len(part)]) + part for part in parts)

    yield from (one(0), one(3, ("a.txt", b"12345")), one(7, ("", b""), ("b", b"\r\n--\r\n"), ("a", b"")))
    yield one(1, ('"; filename="x', b"1"), ("a\r\nX: y\r\n\r\n", b"2"), ("\0\x7f%22", b"3"))
    yield one(90, ("../../é.tar.gz", b"\0"), ("C:\\dir\\con.txt", b"--"), ("\udc80\u202e.exe", b"x" * 90))
    yield one(20, ("x" * 120 + "." + "y" * 120, b"--\r\n\r\n"), ("...", b"4"), ("nul ", b"5"), ("a;b", b"6"))


if __name__ == "__main__":
    fuzz(one_input)
