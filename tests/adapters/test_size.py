"""Adapters are thin, and modules can be read in one sitting."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

import gradio_sansio
import gradio_sansio_sync

ADAPTERS = Path(gradio_sansio_sync.__file__).parents[1]
CORE = Path(gradio_sansio.__file__).parent


SKIPPED = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def lines_of_code(path: Path) -> int:
    """Lines with code on them: not those of docstrings and comments, nor blank ones."""
    text = path.read_text(encoding="utf-8")
    documentation: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            documentation.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SKIPPED:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - documentation)


@pytest.mark.parametrize("name", ["sync", "anyio", "trio"])
def test_adapters(name: str) -> None:
    size = sum(map(lines_of_code, (ADAPTERS / f"gradio_sansio_{name}").glob("*.py")))
    assert size <= 300


def test_modules_of_the_core() -> None:
    long = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in CORE.rglob("*.py")}
    assert {path: n for path, n in long.items() if n > 700} == {}
