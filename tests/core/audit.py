"""A watch over the core: I/O that code of the package does, itself or through what it calls, is stopped and noted.

Only events with a frame of the package above them count, since pytest, hypothesis and coverage open files as they please. What Python
does for an ``import`` is its own: the package loads two of its dependencies on first need.
"""

from __future__ import annotations

import _thread
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE = "gradio_sansio"

_FORBIDDEN = frozenset(
    {"open", "time.sleep", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "pty.spawn"}
)
_FORBIDDEN_FAMILIES = (
    "socket.",
    "ssl.",
    "subprocess.",
    "_thread.start",
    "_posixsubprocess.",
    "http.",
    "urllib.",
)

_watchers: list[list[str]] = []


class ForbiddenIo(BaseException):
    """Not an ``Exception``, so that no handler of the package takes it for a failure of its own."""


def _hook(event: str, args: tuple[object, ...]) -> None:
    if not _watchers or not (event in _FORBIDDEN or event.startswith(_FORBIDDEN_FAMILIES)):
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return
        if module.partition(".")[0] == PACKAGE:
            what = f"{event}{args!r:.200} from {module}:{frame.f_lineno}"
            _watchers[-1].append(what)
            raise ForbiddenIo(what)
        frame = frame.f_back


def _audited(start: Callable[..., int]) -> Callable[..., int]:
    def start_new_thread(*args: Any, **kwargs: Any) -> int:
        sys.audit("_thread.start_new_thread", *args)
        return start(*args, **kwargs)

    return start_new_thread


# Python 3.11 starts threads without telling the hooks.
for _module, _name in ((_thread, "start_new_thread"), (threading, "_start_new_thread")):
    if hasattr(_module, _name):
        setattr(_module, _name, _audited(getattr(_module, _name)))

# A hook can't be taken out again: it stays, and does nothing while nobody watches.
sys.addaudithook(_hook)


@contextmanager
def watching() -> Iterator[list[str]]:
    """Stop the package's I/O meanwhile; the list tells what there was of it."""
    seen: list[str] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.pop()
