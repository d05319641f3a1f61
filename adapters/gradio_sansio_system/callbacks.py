"""The thread that makes the calls of the user's functions."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

C = TypeVar("C")


def call(callback: Callable[[Any], object], value: object) -> None:
    """Call the user's function; what it raises goes where a thread's exceptions go."""
    try:
        callback(value)
    except BaseException:  # noqa: BLE001  # one that exits ends no other's calls
        kind, error, trace = sys.exc_info()
        assert kind is not None
        threading.excepthook(threading.ExceptHookArgs((kind, error, trace, threading.current_thread())))


def check_plain(name: str, callback: C) -> C:
    """The callback, if there is one. ``TypeError`` if it is an async function, since nothing would await that."""
    if callback is None:
        return callback
    from inspect import iscoroutinefunction  # noqa: PLC0415  # a tenth of all that there is to import

    if iscoroutinefunction(callback):
        raise TypeError(f"{name} of plain calls must be a plain function: nobody awaits an async one")
    return callback


class Callbacks:
    """Makes the calls of one app, on a thread that is started when the first callback is registered. Jobs take turns."""

    def __init__(self) -> None:
        self._due: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def schedule(self, make: Callable[[], object]) -> None:
        """There is a call to make; if it says True, there may be more."""
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="gradio-sansio callbacks", daemon=True)
                self._thread.start()
        self._due.put(make)

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something once the calls that are due have been made."""
        if self._thread is None:
            action()
        else:
            self._due.put(action)

    def _run(self) -> None:
        closing = False
        while not closing or not self._due.empty():
            make = self._due.get()
            if make is None:
                closing = True
            elif make():
                self._due.put(make)
            # Not to be held while there is nothing to do.
            del make

    def close(self) -> None:
        """Make the calls that are left, and end. From anywhere: it takes no lock."""
        self._closed = True
        self._due.put(None)

    def join(self, patience: float) -> None:
        """Wait for the end of the thread, which a running callback may hold up."""
        if self._thread is not None and self._thread is not threading.current_thread():
            # Ctrl-C as it was started: then it can't be waited for, but it has nothing left to do.
            with suppress(RuntimeError):
                self._thread.join(patience)
