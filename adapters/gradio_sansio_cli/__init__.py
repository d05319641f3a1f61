"""The command line, ``gradio-sansio``, on the adapter of plain calls. Needs the extra ``cli``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of this process, and return its exit code."""
    if find_spec("click") is None or find_spec("tqdm") is None:
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]  # as in a process without one
            sys.stderr.write("gradio-sansio: the command line needs: pip install 'gradio-sansio[cli]'\n")
        return 2
    try:
        from gradio_sansio_cli._commands import run  # noqa: PLC0415  # needs what may be missing
    except KeyboardInterrupt:
        return 130
    return run(arguments)
