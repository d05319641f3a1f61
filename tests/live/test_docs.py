"""What docs/ shows does what it says, with a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import DOCS, ROOT, examples, run
from tests.live.jobs import PICTURE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.server import GradioServer

PAGES = {page.name: examples(page) for page in sorted(DOCS.glob("*.md"))}
ELSEWHERE = {
    "adapters.md": "tests/docs/test_docs.py",
    "testing.md": "tests/docs/test_docs.py",
    "recipes.md": "tests/examples/test_recipes.py",
}
"""Pages whose blocks aren't cells, and what runs them."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [name for name, found in PAGES.items() if found and name not in ELSEWHERE])
def test_examples(page: str, server: GradioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cat.png").write_bytes(PICTURE)
    (tmp_path / "notes.txt").write_text("a note", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in PAGES[page]:
        if example.reason is None and not example.of_spaces:
            run(example, names, server.url)


def test_no_block_is_overlooked() -> None:
    for page, found in PAGES.items():
        assert len(found) == (DOCS / page).read_text(encoding="utf-8").count("```python\n"), page


def test_what_is_not_run_has_a_reason() -> None:
    marked = [example for found in PAGES.values() for example in found if example.reason is not None]
    assert all(example.reason for example in marked)
    for page, test in ELSEWHERE.items():
        assert page in (ROOT / test).read_text(encoding="utf-8")
