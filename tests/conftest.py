"""For all tests: Ctrl-C means to the programs they start what it means in a terminal, however the suite itself was started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # What a shell starts in the background ignores it, and so would all that is started from there.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
