"""For all tests: Ctrl-C in the programs that they start, and which of them belong together when several workers share the suite."""

from __future__ import annotations

import re
import signal
from typing import Any, Final

import pytest

VERSION: Final = re.compile(r"\[(\d+\.\d+\.\d+)[-\]]")


def pytest_configure() -> None:
    # What a shell starts in the background ignores Ctrl-C, and so would all that is started from there.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def together(nodeid: str) -> str:
    """What a test has in common with those that one worker should run: in one module the real server, so that it is started once."""
    module, _, test = nodeid.partition("::")
    if module.startswith(("tests/live/", "tests/hub/")):
        version = VERSION.search(test)
        return module if version is None else f"{module} {version[1]}"
    return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getvalue("dist") != "loadscope":
        return None
    # --dist loadgroup of xdist 3.8 doesn't find its groups with pytest 9.
    from xdist.scheduler import LoadScopeScheduling

    scheduling: Any = LoadScopeScheduling(config, log)
    scheduling._split_scope = together
    return scheduling
