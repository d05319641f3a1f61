"""Pages that are made of the code."""

from __future__ import annotations

import sys
from pathlib import Path


def write(page: Path, text: str) -> int:
    """Write the page, or with ``--check`` say whether it is up to date; the program's exit code."""
    if sys.argv[1:] == ["--check"]:
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            print(f"{page.name} is not what the code says: run python -m docs.{page.stem}")
            return 1
        return 0
    page.write_text(text, encoding="utf-8")
    return 0
