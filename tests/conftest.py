"""For all tests: Ctrl-C in the programs that they start, and which of them belong together when several workers share the suite."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable


def pytest_configure() -> None:
    # What a shell starts in the background ignores Ctrl-C, and so would all that is started from there.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Tests of one module that use the same real server go to one worker, so that it is started once; others go wherever there is room."""
    for item in items:
        parts = item.path.parts
        if "live" in parts or "hub" in parts:
            version = item.callspec.params.get("version", "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {version}"))
