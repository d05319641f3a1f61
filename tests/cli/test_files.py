"""Files as arguments, in results, and on their way down."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import DeadlineExceeded
from gradio_sansio_cli._run import Run
from gradio_sansio_sync import client
from tests.cli.shell import check_harmless, run, start

if TYPE_CHECKING:
    from tests.cli.conftest import Server

PATH = "/tmp/gradio/x"
ADDRESS = f"/gradio_api/file={PATH}"
FILE = {"path": PATH, "size": 5, "mime_type": "image/png"}


def uploaded(server: Server) -> dict[str, bytes]:
    return server.call(lambda gradio: dict(gradio.files))


@pytest.fixture
def content(server: Server) -> bytes:
    """What the server has for the pictures that its functions return."""
    server.call(lambda gradio: gradio.files.update({PATH: b"hello"}))
    return b"hello"


# Up.


@pytest.mark.parametrize("named", ["", "p0="])
def test_a_file_is_uploaded(server: Server, tmp_path: Path, named: str) -> None:
    path = tmp_path / "a=b 1.txt"
    path.write_bytes(b"content")
    done = run("predict", server.url, "/file", f"{named}@{path}", "--json")
    assert done.code == 0
    ((name, content),) = uploaded(server).items()
    assert (Path(name).name, content) == ("a=b 1.txt", b"content")
    (found,) = done.objects[0]["data"]
    assert found["path"] == name
    assert found["orig_name"] == "a=b 1.txt"
    assert found["url"].startswith(f"{server.url}/gradio_api/file=/tmp/gradio/0/")
    assert found.keys() == {"path", "url", "orig_name", "size", "mime_type"}


def test_several_files(server: Server, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_text(path.name)
    (found,) = run("predict", server.url, "/file", *(f"p0=@{path}" for path in paths), "--json").objects
    assert [file["orig_name"] for file in found["data"][0]] == ["a", "b", "c"]
    assert sorted(uploaded(server).values()) == [b"a", b"b", b"c"]


def test_a_name_that_is_no_text(server: Server, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    with open(path, "wb") as file:  # noqa: PTH123  # a path of bytes
        file.write(b"content")
    assert run("predict", server.url, "/file", b"@" + path).code == 0
    assert list(uploaded(server).values()) == [b"content"]


def test_the_server_fetches_a_url(server: Server) -> None:
    assert (
        run("predict", server.url, "/file", "@https://files.test/a.png").out == "https://files.test/a.png\n"
    )
    assert not uploaded(server)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing", "no such file"),
        (".", "is a directory"),
        ("/dev/zero", "no regular file"),
        ("ftp://files.test/a", "http or https"),
        ("\x1b[31m\u202e", "no such file"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "submit"])
def test_a_file_that_can_not_be_read(server: Server, command: str, path: str, reason: str) -> None:
    done = run(command, server.url, "/file", f"@{path}")
    line = done.check_error(4)
    assert reason in line
    check_harmless(done.err)
    assert not server.call(lambda gradio: gradio.jobs)


# In results.


def test_a_file_is_shown_by_its_address(server: Server) -> None:
    assert run("predict", server.url, "/picture", "cat.png").out == f"{server.url}{ADDRESS}\n"
    (found,) = run("predict", server.url, "/picture", "cat.png", "--json").objects
    assert found["data"] == [{**FILE, "url": server.url + ADDRESS, "orig_name": "cat.png"}]
    assert "saved" not in found
    done = run("submit", server.url, "/pictures", "x")
    assert (
        done.out
        == f'["{server.url}{ADDRESS}", "{server.url}{ADDRESS}", {{"caption": "{server.url}{ADDRESS}"}}]\n' * 3
    )


def test_the_content_of_a_file_is_no_address(server: Server) -> None:
    assert run("predict", server.url, "/within", "x").out == "data:image/png;base64,...\n"
    (found,) = run("predict", server.url, "/within", "x", "--json").objects
    assert found["data"][0]["url"] == "data:image/png;base64,aGVsbG8="


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("endpoint", ["/evil_file", "/elsewhere"])
def test_what_a_server_calls_its_file_is_harmless(
    server: Server, endpoint: str, form: tuple[str, ...]
) -> None:
    done = run("predict", server.url, endpoint, "x", *form)
    assert done.code == 0
    assert len(done.out.splitlines()) == 1
    check_harmless(done.out + done.err)


# Down.


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_predict_downloads_its_files(
    server: Server, tmp_path: Path, content: bytes, form: tuple[str, ...]
) -> None:
    done = run("predict", server.url, "/pictures", "x", "--output", str(tmp_path), *form)
    assert done.code == 0
    paths = [str(tmp_path / "2.png"), str(tmp_path / "2.jpg")]
    if form:
        assert done.objects[0]["saved"] == paths
        assert done.objects[0]["data"][0][0]["orig_name"] == "2.png"
    else:
        assert done.out == f'["{paths[0]}", "{paths[0]}", {{"caption": "{paths[1]}"}}]\n'
    assert "downloading 2.png" in done.err.splitlines()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "2.png": content,
        "2.jpg": content,
    }


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_submit_downloads_the_files_of_the_last_value(
    server: Server, tmp_path: Path, content: bytes, form: tuple[str, ...]
) -> None:
    done = run("submit", server.url, "/pictures", "x", "--output", str(tmp_path), *form)
    assert done.code == 0
    paths = [str(tmp_path / "2.png"), str(tmp_path / "2.jpg")]
    assert len(done.out.splitlines()) == (4 if form else 5)
    if form:
        assert done.objects[-1] == {"saved": paths}
    else:
        assert done.out.splitlines()[-2:] == paths
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.jpg", "2.png"]


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_hostile_name_stays_in_the_directory(
    server: Server, tmp_path: Path, content: bytes, form: tuple[str, ...]
) -> None:
    done = run("predict", server.url, "/evil_file", "x", "--output", str(tmp_path), *form)
    assert done.code == 0
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == content
    check_harmless(path.name)
    check_harmless(done.out + done.err)
    assert (done.objects[0]["saved"] == [str(path)]) if form else (done.out == f"{path}\n")


@pytest.mark.parametrize("file", [PATH, "{url}" + ADDRESS, "data:image/png;base64,aGVsbG8="])
@pytest.mark.parametrize("option", ["--to", "--output"])
def test_download(server: Server, tmp_path: Path, content: bytes, file: str, option: str) -> None:
    done = run("download", server.url, file.format(url=server.url), option, str(tmp_path))
    assert done.code == 0
    (path,) = tmp_path.iterdir()
    assert (done.out, path.read_bytes()) == (f"{path}\n", content)
    assert done.err.startswith("downloading ")
    assert "aGVs" not in done.err
    (again,) = run("download", server.url, PATH, option, str(tmp_path), "--json", "-q").objects
    assert Path(*again["saved"]).read_bytes() == content
    assert again["saved"] != [str(path)]


def test_a_file_that_is_not_there(server: Server, tmp_path: Path) -> None:
    assert "has no file" in run("download", server.url, "/nope", "--to", str(tmp_path)).check_error(5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", ["https://files.test/a", "data:nonsense", "ftp://x", ""])
def test_a_file_that_is_not_the_apps(server: Server, tmp_path: Path, file: str) -> None:
    run("download", server.url, file, "--to", str(tmp_path)).check_error(4)
    assert not list(tmp_path.iterdir())


def test_a_result_whose_file_can_not_be_had(server: Server, tmp_path: Path) -> None:
    done = run("predict", server.url, "/elsewhere", "x", "--output", str(tmp_path))
    done.check_error(4)
    check_harmless(done.err)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_can_not_be_written(server: Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    run("download", server.url, PATH, "--to", str(tmp_path)).check_error(2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_download_that_is_interrupted_leaves_nothing(
    server: Server, tmp_path: Path, number: signal.Signals
) -> None:
    server.call(lambda gradio: gradio.files.update({PATH: bytes(1 << 20)}))
    server.call(lambda gradio: setattr(gradio, "pace", (1000, 0.01)))
    process = start("download", server.url, PATH, "--to", str(tmp_path))
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert not list(tmp_path.iterdir())


def test_a_download_that_takes_too_long(server: Server, tmp_path: Path) -> None:
    nothing = {"token": None, "auth": None, "header": (), "proxy": None, "hub": None}
    with client(server.url) as app:
        server.call(lambda gradio: gradio.files.update({PATH: bytes(1 << 20)}))
        server.call(lambda gradio: setattr(gradio, "pace", (1000, 0.2)))
        run = Run(as_json=False, quiet=True, verbose=False, timeout=0.5, **nothing)
        with pytest.raises(DeadlineExceeded) as caught:
            run.save(app, PATH, tmp_path)
    assert caught.value.limit == "timeout"
    assert not list(tmp_path.iterdir())
