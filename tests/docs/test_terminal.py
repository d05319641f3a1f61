"""The recordings in docs/terminal.md are of commands and options that there are, and of every command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from gradio_sansio_cli._commands import group
from tests.cli.shell import check_harmless

PAGE = Path(__file__).parents[2] / "docs" / "terminal.md"
RECORDED = re.findall(r"^\$ (?:\w+=\S+ )*gradio-sansio (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("line", sorted(set(RECORDED)))
def test_recorded_commands_are_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    name, *arguments = shlex.split(line)
    command = group.commands[name]
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert {argument for argument in arguments if argument.startswith("-")} <= options
    with click.Context(group) as parent:
        assert command.make_context(name, arguments, parent=parent).params


def test_each_command_was_recorded() -> None:
    assert {line.split()[0] for line in RECORDED} == set(group.commands)


def test_nothing_steers_a_terminal() -> None:
    check_harmless(PAGE.read_text(encoding="utf-8"))
