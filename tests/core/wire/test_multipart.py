"""Bodies of files, read back by a parser that isn't ours."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import multipart
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.wire.multipart import Multipart, part_header

BOUNDARY = "0123456789abcdef"
contents = st.binary(max_size=300) | st.sampled_from(
    [b"\r\n", b"--" + BOUNDARY[:8].encode(), b"\r\n--", b"--"]
)


def body_of(files: list[tuple[str, bytes]]) -> tuple[Multipart, bytes]:
    body = Multipart([(name, len(content)) for name, content in files], BOUNDARY)
    return body, b"".join(piece if isinstance(piece, bytes) else files[piece][1] for piece in body.pieces)


def parsed(data: bytes) -> list[tuple[str, str | None, bytes]]:
    parts = multipart.MultipartParser(BytesIO(data), BOUNDARY, strict=True, headersize_limit=100_000)
    found: list[Any] = [(part.name, part.filename, part.raw) for part in parts]
    return found


@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), contents), max_size=5)
)
def test_another_parser_finds_the_same_files(files: list[tuple[str, bytes]]) -> None:
    body, data = body_of(files)
    assert body.length == len(data)
    assert [content for _, _, content in parsed(data)] == [content for _, content in files]
    assert {name for name, _, _ in parsed(data)} <= {"files"}


@given(st.lists(contents, min_size=1, max_size=4), st.data())
def test_it_is_the_same_in_pieces(files: list[bytes], data: st.DataObject) -> None:
    _, whole = body_of([("a.bin", content) for content in files])
    found: list[bytes] = []
    parser = multipart.PushMultipartParser(BOUNDARY)
    position = 0
    while position < len(whole):
        size = data.draw(st.integers(1, 50))
        for event in parser.parse(whole[position : position + size]):
            if isinstance(event, multipart.MultipartSegment):
                found.append(b"")
            elif event:
                found[-1] += event
        position += size
    assert found == files


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b#é✓.txt", "a b#é✓.txt"),
        ('quo"te', "quo%22te"),
        (
            "line\r\nContent-Type: text/html\r\n\r\n<script>",
            "line%0D%0AContent-Type: text/html%0D%0A%0D%0A<script>",
        ),
        ("nul\0\x7f\x1b", "nul%00%7F%1B"),
        ("50%", "50%"),
        ("lone \ud800", "lone ?"),
    ],
)
def test_a_name_stays_in_its_quotes(name: str, shown: str) -> None:
    header = part_header(name)
    assert header.count(b"\r\n") == 3
    assert header.startswith(f'Content-Disposition: form-data; name="files"; filename="{shown}"\r\n'.encode())
    assert header.endswith(b"\r\n\r\n")


@given(st.text())
def test_no_name_breaks_out(name: str) -> None:
    header = part_header(name)
    assert header.count(b'"') == 4
    assert header.count(b"\r") == header.count(b"\n") == 3
    ((_, found, content),) = parsed(body_of([(name, b"content")])[1])
    assert content == b"content"
    assert found is not None


def test_no_file_at_all() -> None:
    body = Multipart([], BOUNDARY)
    assert body.pieces == [b"--0123456789abcdef--\r\n"]
    assert body.content_type == "multipart/form-data; boundary=0123456789abcdef"
