"""The README's programs do what it says. Only the app's address and, where it says so, the package are replaced."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gradio_sansio
from gradio_sansio import Data, FileData, Status
from gradio_sansio_sync import App, Submission, client
from tests.cli.shell import environment
from tests.live.jobs import PICTURE

if TYPE_CHECKING:
    from tests.servers.server import GradioServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLAIN, ASYNCIO, JOB, SHOW, FILES, *_ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHELL = {
    page: re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    for page in ("README.md", "docs/cli.md")
}
TRIO = ASYNCIO.replace("gradio_sansio_anyio", "gradio_sansio_trio").replace(
    "import asyncio\n", "import trio\n"
)
TRIO = TRIO.replace("asyncio.run(main())", "trio.run(main)")
ADDRESS = "http://127.0.0.1:7860"
SAID = ["hello", "You", "You said:", "You said: hello"]


def output(program: str, server: GradioServer) -> str:
    assert ADDRESS in program
    done = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, server.url)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}", "PYTHONUTF8": "1"},
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_the_first_call(server: GradioServer) -> None:
    lines = output(PLAIN, server).splitlines()
    assert lines[:2] == ["/predict(text)", "    text: str    Textbox"]
    assert lines[-len(SAID) :] == SAID


@pytest.mark.parametrize("program", [ASYNCIO, TRIO], ids=["asyncio", "trio"])
def test_the_first_call_with_await(program: str, server: GradioServer) -> None:
    assert output(program, server).splitlines() == SAID


def test_a_job_tells_how_it_stands_and_can_be_cancelled(
    server: GradioServer, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    with client(server.url) as app:
        program = JOB.replace("[60]", "[0.2]")
        assert program != JOB
        exec(compile(program, "README.md", "exec"), {"app": app}, names)
    submission = names["submission"]
    assert isinstance(submission, Submission)
    assert submission.cancelled
    # The callbacks run on a thread of their own; closing the app has waited for them.
    assert capsys.readouterr().out.splitlines()[-1] == "complete None None"


def test_a_progress_display(server: GradioServer, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    with client(server.url) as app:
        exec(compile(SHOW, "README.md", "exec"), {"app": app}, names)
    assert isinstance(names["result"], Data)
    assert names["result"].value == "hello"
    assert "running" in capsys.readouterr().err


@pytest.mark.parametrize("page", SHELL)
def test_from_a_shell(page: str, server: GradioServer, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "cat.png").write_bytes(PICTURE)
    # Without jq: what it is asked for is easily had.
    jq = f"{sys.executable} -c 'import json, sys; [print(json.dumps(json.loads(line)[\"data\"][NR])) for line in sys.stdin]'"
    (shell,) = SHELL[page]
    for example in shell.split("$ ")[1:]:
        command, _, expected = example.partition("\n")
        command = command.replace("gradio-sansio", f"{sys.executable} -m gradio_sansio_cli")
        command = re.sub(r"jq \.data\[(\d)\]", lambda asked: jq.replace("NR", asked[1]), command)
        done = subprocess.run(
            ["sh", "-c", command.replace(ADDRESS, server.url)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment(PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'adapters'}"),
            cwd=tmp_path,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, expected), done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "pictures" / "cat.png").read_bytes() == PICTURE


def test_files_go_up_and_down(server: GradioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "cat.png").write_bytes(PICTURE)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with client(server.url) as app:
        exec(compile(FILES, "README.md", "exec"), {"app": app}, names)
    assert names["path"] == Path("pictures/cat.png")
    assert names["path"].read_bytes() == PICTURE
    assert names["again"].value == names["picture"]


def test_what_the_table_names_is_there() -> None:
    table = README[README.index("| JavaScript | Python |") :].partition("\n\n")[0]
    named = {name for code in re.findall(r"`([^`]*)`", table) for name in re.findall(r"\w+", code)}
    offered = {
        App: "predict submit view_api config download close",
        Submission: "on off destroy cancel events result status done cancelled",
        Data: "data value endpoint fn_index time",
        Status: "stage queue position size eta progress_data success code message time",
        FileData: "path url orig_name size mime_type",
        gradio_sansio: "handle_file FileData Limits ApiInfo Data JobCancelled Status",
    }
    for owner, names in offered.items():
        for name in names.split():
            assert name in named
            assert hasattr(owner, name), name
