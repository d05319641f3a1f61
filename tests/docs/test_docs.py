"""What docs/ shows is run, as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def run_pytest(folder: Path, text: str, *arguments: str) -> str:
    """Run a file of tests as its reader would: in a process and a folder of its own, with the plugin found by itself."""
    (folder / "test_page.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'adapters'}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(300)
def test_testing(tmp_path: Path) -> None:
    text = "\n".join(programs("testing.md"))
    assert f"{text.count('def test_')} passed" in run_pytest(tmp_path, text)


@pytest.mark.timeout(300)
def test_three_lines_are_a_conformance_test(tmp_path: Path) -> None:
    lines = programs("adapters.md")[-2]
    assert len([line for line in lines.splitlines() if line]) == 3
    check_some_cases(tmp_path, lines)


def test_a_loop_with_callbacks_only_is_put_through_the_suite(tmp_path: Path) -> None:
    check_some_cases(tmp_path, programs("adapters.md")[-1])


def check_some_cases(folder: Path, text: str) -> None:
    """The whole suite is run by tests/adapters."""
    out = run_pytest(
        folder, text, "-k", "predicts or (iterates and not twice) or calls_back or orders_events"
    )
    assert "4 passed" in out


def test_an_adapter_in_a_page_is_the_one_that_is_tested() -> None:
    *parts, _, _ = programs("adapters.md")
    whole = "\n\n".join(parts)
    assert whole == (ROOT / "examples" / "loops" / "asyncio_protocol.py").read_text(encoding="utf-8")


def test_a_replay_fails_on_what_was_not_recorded(tmp_path: Path) -> None:
    text = """
import pytest
from gradio_sansio_sync import ConnectError, GradioError, client

def test_it(gradio_player, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    with pytest.raises(GradioError):
        client(gradio_player(path).url)
"""
    with pytest.raises(AssertionError, match="not in the transcript: GET /config"):
        run_pytest(tmp_path, text)
