"""Runs what a page of the documentation shows.

A page's blocks of Python run in order and share their names, as cells of a notebook do. One that uses `app` without making one gets a
connected app, of the page's kind where the block awaits. A block of `text` right after one is what that one prints; `...` in it
stands for anything. What can't be run has `<!-- not run: the reason -->` in the line above it.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ADDRESS = "http://127.0.0.1:7860"
SPACE = '"user/space-name"'
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]*) -->\n)?```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
AWAITING = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@dataclass(frozen=True)
class Example:
    page: Path
    line: int
    code: str
    output: str | None
    reason: str | None
    """Why it isn't run, if it isn't."""

    @property
    def of_spaces(self) -> bool:
        return SPACE in self.code


def examples(page: Path) -> list[Example]:
    text = page.read_text(encoding="utf-8")
    return [
        Example(
            page=page,
            line=text.count("\n", 0, found.start("code")),
            code=found["code"],
            output=found["output"],
            reason=found["reason"],
        )
        for found in BLOCK.finditer(text)
    ]


def run(example: Example, names: dict[str, Any], address: str) -> None:
    """Run it among these names; what it prints must be what the page says."""
    parsed = compile(
        example.code.replace(ADDRESS, address),
        str(example.page),
        "exec",
        flags=AWAITING | ast.PyCF_ONLY_AST | ast.PyCF_TYPE_COMMENTS,
    )
    ast.increment_lineno(parsed, example.line)
    code = compile(parsed, str(example.page), "exec", flags=AWAITING)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if code.co_flags & inspect.CO_COROUTINE:
            _run_awaiting(code, example.page.stem, names, address)
        elif _lacks_app(parsed):
            with gradio_sansio_sync.client(address) as names["app"]:
                exec(code, names)
        else:
            exec(code, names)
    if example.output is not None:
        said = printed.getvalue()
        fits = doctest.OutputChecker().check_output(example.output, said, doctest.ELLIPSIS)
        assert fits, (
            f"{example.page.name}, line {example.line}: it printed\n{said}\nand not\n{example.output}"
        )


def _run_awaiting(code: Any, kind: str, names: dict[str, Any], address: str) -> None:
    client: Any = gradio_sansio_trio.client if kind == "trio" else gradio_sansio_anyio.client

    async def main() -> None:
        async with client(address) as names["app"]:
            await eval(code, names)

    if kind == "trio":
        trio.run(main)
    else:
        asyncio.run(main())


def _lacks_app(tree: ast.AST) -> bool:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "app"]
    return bool(names) and all(isinstance(node.ctx, ast.Load) for node in names)
