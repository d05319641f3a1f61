"""Files as the application holds them, and names that are safe."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio import Content, FileData, InputFile, ValidationError, handle_file
from gradio_sansio.filenames import numbered, safe_name
from gradio_sansio.files import replace_files, shortened, shown_url, upload_name


class Reader:
    def read(self, offset: int, size: int) -> bytes:
        raise AssertionError("nothing is read here")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    for wrong in (None, 7, ["a"], object()):
        with pytest.raises(TypeError, match="handle_file takes a path, a URL, bytes or a binary file"):
            handle_file(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not an empty text"):
        handle_file("")
    with pytest.raises(TypeError, match="opened in binary mode"):
        handle_file(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the name of a file must be a string, not int"):
        handle_file(b"", name=7)  # type: ignore[arg-type]
    path = tmp_path / "text"
    path.write_bytes(b"")
    with path.open("rb") as binary:
        assert handle_file(binary).source is binary
    with path.open(encoding="utf-8") as file, pytest.raises(TypeError, match="binary mode"):
        handle_file(file)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("https://app.test/a.png", "https://app.test/a.png"),
        ("HTTP://app.test/a.png", "HTTP://app.test/a.png"),
        ("ftp://app.test/a.png", "ftp://app.test/a.png"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("data:text/plain,hi", "data:text/plain,hi"),
        ("C:/pictures/a.png", None),
        ("C://pictures/a.png", None),
        ("pictures/a:b.png", None),
        (Path("https://app.test"), None),
        (b"https://app.test", None),
    ],
)
def test_a_url_is_no_path(source: Any, url: str | None) -> None:
    assert handle_file(source).url == url


def test_marks_say_what_they_mark_and_no_secret() -> None:
    assert repr(handle_file("cat.png")) == "handle_file('cat.png')"
    assert repr(handle_file(b"12345", name="a.bin")) == "handle_file(<5 bytes>, name='a.bin')"
    shown = repr(handle_file("https://user:secret@app.test/a.png?token=secret"))
    assert shown == "handle_file('https://app.test/a.png?...')"
    assert repr(Content("a.bin", 5, Reader())) == "Content('a.bin', size=5)"


def test_file_data_is_a_value() -> None:
    file = FileData(path="/tmp/a", url="https://app.test/file=/tmp/a", orig_name="a", size=3, mime_type="x/y")
    same = FileData(path="/tmp/a", url="https://app.test/file=/tmp/a", orig_name="a", size=3, mime_type="x/y")
    assert file == same
    assert len({file, same}) == 1
    assert file != FileData(path="/tmp/a")
    assert pickle.loads(pickle.dumps(file)) == file
    with pytest.raises(AttributeError):
        file.path = "/tmp/b"  # type: ignore[misc]
    assert repr(file) == (
        "FileData(path='/tmp/a', url='https://app.test/file=/tmp/a', orig_name='a', size=3, mime_type='x/y')"
    )


def test_what_is_shown_of_a_file_is_short_and_no_secret() -> None:
    within = FileData(url="data:image/png;base64," + "A" * 100_000, size=75_000)
    assert repr(within) == "FileData(url='data:image/png;base64,...', size=75000)"
    assert len(repr(FileData(url="data:" + "x" * 100_000))) < 100
    assert len(repr(FileData(path="/" + "x" * 100_000, orig_name="x" * 100_000))) < 1000
    elsewhere = FileData(url="https://user:secret@files.test/a/b?signature=secret")
    assert repr(elsewhere) == "FileData(url='https://files.test/a/b?...')"
    assert len(shown_url("https://a.test/" + "x" * 100_000)) < 400


# Payloads.


def test_files_are_replaced_at_any_depth() -> None:
    first, second = handle_file(b"1"), handle_file(b"2")
    payload = {"a": [1, (first, "x", None)], "b": {"c": second, "d": 1.5}, "e": first}
    found: list[InputFile] = []

    def replace(mark: InputFile) -> str:
        found.append(mark)
        return f"file {len(found)}"

    assert replace_files(payload, InputFile, replace) == {
        "a": [1, ["file 1", "x", None]],
        "b": {"c": "file 2", "d": 1.5},
        "e": "file 3",
    }
    assert found == [first, second, first]
    # What was passed is as it was.
    assert payload["e"] is first


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(json_values)
def test_without_files_a_payload_stays_the_same_object(payload: Any) -> None:
    assert replace_files(payload, InputFile, lambda _: "file") is payload


def test_a_payload_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValidationError, match="nested too deep"):
        replace_files(endless, InputFile, lambda _: "file")


# Names.


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b#é✓.txt", "a b#é✓.txt"),
        ("dir/sub/a.txt", "a.txt"),
        ("C:\\dir\\a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("dir/", "dir"),
        ("..", "file"),
        ("", "file"),
        ("a\0b", "ab"),
        ("lone \ud800", "lone ?"),
        ("x" * 300 + ".txt", "x" * 196 + ".txt"),
    ],
)
def test_names_for_uploads(name: str, expected: str) -> None:
    assert upload_name(name) == expected


@pytest.mark.parametrize(
    ("name", "limit", "expected"),
    [
        ("short.txt", 20, "short.txt"),
        ("abcdefghijkl.txt", 12, "abcdefgh.txt"),
        ("abcdefghijkl", 5, "abcde"),
        ("a.verylongsuffixindeed", 8, "a.verylo"),
        (".hidden", 4, ".hid"),
        ("ééééé.txt", 13, "éééé.txt"),
    ],
)
def test_long_names_keep_their_suffix(name: str, limit: int, expected: str) -> None:
    # A suffix stays where it is a quarter of what may be, at most.
    assert shortened(name, limit) == expected
    assert len(expected.encode()) <= limit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cat.png", "cat.png"),
        ("Größe ✓.txt", "Größe ✓.txt"),
        ("../../x", "x"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("\\\\server\\share\\x", "x"),
        ("C:\\Windows\\x.dll", "x.dll"),
        ("C:x", "C_x"),
        ("a.txt:stream", "a.txt_stream"),
        ("a/b/", "b"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("../", "file"),
        ("/", "file"),
        ("   ", "file"),
        ("...", "file"),
        (" . . ", "file"),
        (".bashrc", "bashrc"),
        ("..name", "name"),
        ("name.", "name"),
        ("name . .", "name"),
        ("name ", "name"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Aux .tar.gz", "_Aux .tar.gz"),
        ("nul.", "_nul"),
        ("COM1.log", "_COM1.log"),
        ("lpt\u00b2", "_lpt\u00b2"),
        ("CONIN$", "_CONIN$"),
        (".con", "_con"),
        (". .a", "a"),
        ("console.txt", "console.txt"),
        ("a\0b\x1b[31m\x7f\x9b.txt", "ab[31m.txt"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("\u2066a\u2069\u200f\ufeff.txt", "a.txt"),
        ("a\u2028b\u2029c", "abc"),
        ("\ud800x", "x"),
        ('<>:"|?*', "_______"),
        ("a\r\nb", "ab"),
        ("x" * 10_000_000, "x" * 200),
        ("é" * 500 + ".png", "é" * 98 + ".png"),
        ("x" * 199 + " yz", "x" * 199),
    ],
)
def test_names_that_servers_choose(name: str, expected: str) -> None:
    assert safe_name(name) == expected


@given(st.text(st.characters(), max_size=400))
def test_a_safe_name_is_one_everywhere(name: str) -> None:
    found = safe_name(name)
    assert found
    assert len(found.encode()) <= 201
    assert not set(found) & set('/\\\0<>:"|?*')
    assert found == found.strip(" ").rstrip(".")
    assert not found.startswith(".")
    assert not any(
        ord(char) < 32 or 0x202A <= ord(char) <= 0x202E or 0x2066 <= ord(char) <= 0x2069 for char in found
    )
    assert safe_name(found) == found


def test_numbers_go_before_the_suffix() -> None:
    assert numbered("cat.png", 1) == "cat (1).png"
    assert numbered("archive.tar.gz", 2) == "archive.tar (2).gz"
    assert numbered("README", 10) == "README (10)"
