"""The machine's files: what the conformance cases don't reach."""

from __future__ import annotations

import io
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from gradio_sansio import Content, InputFile, handle_file
from gradio_sansio.events import DownloadId, DownloadReceived, DownloadStarted
from gradio_sansio.testing.cases.base import serve
from gradio_sansio.testing.conformance import BlockingSubject
from gradio_sansio_system.saving import Saving
from gradio_sansio_system.uploads import look_at_files
from tests.adapters.subjects import SUBJECTS

ID = DownloadId(1)


def looked_at(source: Any, *, name: str | None = None, inline: int = 0) -> Any:
    return look_at_files([handle_file(source, name=name)], inline)[0]


def fault(source: Any) -> str:
    found = looked_at(source)
    assert isinstance(found, Content)
    assert found.fault is not None
    return found.fault


# Looking.


def test_what_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    for source in (path, str(path), os.fspath(path)):
        found = looked_at(source)
        assert (found.name, found.size, found.fault) == ("a.bin", 10, None)
        assert found.reader.read(3, 4) == b"3456"
        assert found.reader.read(8, 100) == b"89"
        assert found.reader.read(10, 1) == b""
    assert looked_at(path, name="b.bin").name == "b.bin"
    with path.open("rb") as file:
        file.seek(4)
        found = looked_at(file)
        assert (found.name, found.size) == ("a.bin", 6)
        assert file.tell() == 4
        assert found.reader.read(1, 3) == b"567"
    for mark in (handle_file(b"1"), handle_file("https://files.test/a"), handle_file("data:,x")):
        assert look_at_files({"a": mark}, 100) == {"a": mark}


def test_open_files_without_a_name() -> None:
    assert looked_at(io.BytesIO(b"12")).name == "file"
    with tempfile.TemporaryFile() as file:
        assert looked_at(file).name == "file"
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(b"123")
        spooled.seek(0)
        assert looked_at(spooled).size == 3
        spooled.seek(0, io.SEEK_END)
        assert looked_at(spooled).source == b""


def test_a_path_is_what_it_was_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"here")
    monkeypatch.chdir(tmp_path)
    found = looked_at("a")
    monkeypatch.chdir("/")
    assert found.reader.read(0, 10) == b"here"


def test_small_files_are_read_at_once_where_they_may_go_within_the_arguments(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"png")
    found = looked_at(path, inline=3)
    assert isinstance(found, InputFile)
    assert (found.source, found.name) == (b"png", "a.png")
    assert isinstance(looked_at(path, inline=2), Content)


def test_what_cant_be_looked_at(tmp_path: Path) -> None:
    assert "no such file" in fault(tmp_path / "missing")
    assert "is a directory" in fault(tmp_path)
    assert "no regular file" in fault("/dev/zero")
    # Opening it would wait for a writer.
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in fault(tmp_path / "pipe")
    assert "null" in fault("a\0b")
    closed = io.BytesIO()
    closed.close()
    assert "it is closed" in fault(closed)
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert "its size can't be known" in fault(pipe)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_what_isnt_ours(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"")
    path.chmod(0)
    assert "permission denied" in fault(path)


def test_a_file_that_reads_text() -> None:
    class Texts(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return cast("bytes", "text")

    with pytest.raises(ValueError, match="not opened in binary mode"):
        looked_at(cast("BinaryIO", Texts(b"1234"))).reader.read(0, 4)


@pytest.mark.parametrize("change", ["longer", "rewritten", "replaced"])
def test_a_file_that_changes(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.utime(path, (1, 1))
    reader = looked_at(path).reader
    assert reader.read(0, 6) == b"before"
    if change == "longer":
        path.write_bytes(b"afterwards")
    elif change == "rewritten":
        path.write_bytes(b"behind")
    else:
        other = tmp_path / "b"
        other.write_bytes(b"beside")
        os.utime(other, (1, 1))
        other.replace(path)
    with pytest.raises(ValueError, match="it has changed"):
        reader.read(0, 6)


# Saving.


def saved(directory: Path, name: str, content: bytes) -> Path:
    saving = Saving(directory)
    assert saving.receive([DownloadStarted(ID, name, None), DownloadReceived(ID, content)]) == len(content)
    return saving.finish()


def test_names_that_are_taken(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"old")
    (tmp_path / "a (1).txt").mkdir()
    (tmp_path / "a (2).txt").symlink_to(tmp_path / "nowhere")
    assert saved(tmp_path, "a.txt", b"new") == tmp_path / "a (3).txt"
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert not (tmp_path / "nowhere").exists()
    assert len(list(tmp_path.iterdir())) == 5  # with that of the fixture


def test_there_is_nothing_under_its_name_before_it_is_complete(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.receive([DownloadStarted(ID, "a", 3), DownloadReceived(ID, b"12")])
    assert not (tmp_path / "a").exists()
    saving.receive([DownloadReceived(ID, b"3")])
    path = saving.finish()
    assert path.read_bytes() == b"123"
    # As any new file of this user's.
    path.with_name("other").write_bytes(b"")
    assert path.stat().st_mode == path.with_name("other").stat().st_mode
    saving.discard()
    assert path.exists()


def test_discarding(tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    saving = Saving(tmp_path)
    saving.discard()
    saving.receive([DownloadStarted(ID, "a", 3), DownloadReceived(ID, b"12")])
    saving.discard()
    saving.discard()
    assert set(tmp_path.iterdir()) == before


def test_a_name_that_cant_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(tmp_path.iterdir())

    def replace(self: Path, target: Path) -> Path:
        raise OSError("no")

    saving = Saving(tmp_path)
    saving.receive([DownloadStarted(ID, "a", 3), DownloadReceived(ID, b"12")])
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="no"):
        saving.finish()
    saving.discard()
    assert set(tmp_path.iterdir()) == before


def test_all_numbers_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradio_sansio_system.saving._ATTEMPTS", 2)
    for _ in range(2):
        saved(tmp_path, "a", b"")
    with pytest.raises(FileExistsError, match="is taken, with 2 numbers"):
        saved(tmp_path, "a", b"")
    (partial,) = tmp_path.glob(".a.*.part")
    partial.unlink()


def test_nowhere_to_save_it(tmp_path: Path) -> None:
    for wrong in (tmp_path / "missing", "/dev/null"):
        with pytest.raises(NotADirectoryError, match="make it before the download"):
            Saving(wrong)
    for nothing in (None, b"/tmp", 3):
        with pytest.raises(TypeError, match=r"^to must be the path of a directory, not "):
            Saving(nothing)  # type: ignore[arg-type]


# Interrupts.


def test_an_interrupt_leaves_nothing_of_a_download(tmp_path: Path) -> None:
    subject = SUBJECTS["sync"]
    assert isinstance(subject, BlockingSubject)
    before = set(tmp_path.iterdir())
    with serve() as server, subject.raw_client(server.url) as app:
        server.call(lambda gradio: gradio.files.update({"/f": bytes(3_000_000)}))
        server.call(lambda gradio: setattr(gradio, "pace", (20_000, 0.01)))
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            app.download("/f", tmp_path)
        timer.join()
        assert set(tmp_path.iterdir()) == before
        assert app.predict("/predict", ["well"]).value == "well"
        assert not app.loop.downloads
