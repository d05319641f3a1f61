"""Files through the command line, with a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.shell import run
from tests.live.jobs import PICTURE

if TYPE_CHECKING:
    from tests.servers.server import GradioServer


def test_there_and_back(server: GradioServer, tmp_path: Path) -> None:
    picture, directory = tmp_path / "cat.png", tmp_path / "down"
    picture.write_bytes(PICTURE)
    directory.mkdir()
    (found,) = run(
        "predict", server.url, "/image", f"@{picture}", "--json", "--output", str(directory)
    ).objects
    (file,) = found["data"]
    assert file["orig_name"] == "cat.png"
    assert found["saved"] == [str(directory / "cat.png")]
    address = run("predict", server.url, "/image", f"path=@{picture}").out.removesuffix("\n")
    assert address == file["url"]
    for name in (address, file["path"]):
        (found,) = run("download", server.url, name, "--to", str(directory), "--json").objects
        assert Path(*found["saved"]).read_bytes() == PICTURE
    assert len(list(directory.iterdir())) == 3


def test_several_files_for_one_parameter(server: GradioServer, tmp_path: Path) -> None:
    for name in ("a", "bb"):
        (tmp_path / name).write_text(name)
    files = [f"@{tmp_path / name}" for name in ("a", "bb")]
    assert run("predict", server.url, "/files", files[0]).out == "[1]\n"
    assert run("predict", server.url, "/files", *(f"uploads={file}" for file in files)).out == "[1, 2]\n"


def test_a_missing_file_and_one_that_is_not_given_out(server: GradioServer, tmp_path: Path) -> None:
    line = run("predict", server.url, "/image", f"@{tmp_path / 'missing'}").check_error(4)
    assert "no such file" in line
    # Gradio gives out no file of the machine's but those that it was told to.
    run("download", server.url, "/etc/hostname", "--to", str(tmp_path)).check_error(6)
    assert not list(tmp_path.iterdir())
