"""What the demo prints."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from gradio_sansio import Data, GradioError, Log, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradio_sansio import ApiInfo


def clean(text: object) -> str:
    """What a server says may hold control characters, and a terminal would obey them."""
    return "".join(letter for letter in str(text) if letter.isprintable())


class Report:
    """Prints what happens and counts what went wrong. On a terminal, one line at the bottom is rewritten as things change."""

    def __init__(self) -> None:
        self.failures = 0
        self._tty = sys.stdout.isatty()
        self._live = ""
        self._since = time.monotonic()

    def line(self, text: object = "") -> None:
        """Print a line that stays."""
        if self._tty and self._live:
            print("\r\x1b[K", end="")
        self._live = ""
        print(text, flush=True)

    def live(self, call: str, text: object) -> None:
        """Show how things stand now."""
        line = f"  {clean(call):8} {clean(text)}"
        if line == self._live:
            return
        self._live = line
        if self._tty:
            print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        else:
            print(line, flush=True)

    def style(self, name: str) -> None:
        """A new part begins."""
        self.line()
        self.line(name)
        self._since = time.monotonic()

    def done(self, call: str, text: object, *, ok: bool = True) -> None:
        """One call has ended; say how, and how long it took since the one before."""
        now = time.monotonic()
        self.failures += not ok
        remark = "" if ok else "  <- not as it should be"
        self.line(f"  {clean(call):8} {clean(text)}  ({now - self._since:.2f} s){remark}")
        self._since = now

    def result(self, call: str, got: object, wanted: object) -> None:
        """The value of a call whose right answer is known."""
        self.done(call, shown(got), ok=got == wanted)

    def error(self, call: str, error: GradioError, *, ok: bool) -> None:
        """The error as a user gets it."""
        self.done(call, f"{type(error).__name__}: {error}", ok=ok)

    def connected(self, config: Mapping[str, Any]) -> None:
        self.done("connect", f"Gradio {config.get('version')}, protocol {config.get('protocol')}")

    def event(self, call: str, event: Data | Status | Log) -> None:
        """What a job tells while it waits and runs."""
        match event:
            case Status():
                self.live(call, describe(event))
            case Log():
                self.line(f"  {call:8} {clean(event.level)}: {clean(event.message)}")
            case Data():
                pass  # the caller shows the last one

    def endpoints(self, info: ApiInfo) -> None:
        for line in str(info).splitlines():
            self.line(f"  | {clean(line)}".rstrip())


def describe(status: Status) -> str:
    """One line for how a job stands."""
    if status.stage == "pending" and status.position:
        return f"waits, {status.position} before it"
    if status.stage == "pending" and status.position == 0 and not status.progress_data:
        return "is next, or has begun"
    for bar in status.progress_data or ():
        if bar.index is not None and bar.length:
            filled = round(20 * bar.index / bar.length)
            return f"[{'#' * filled}{'.' * (20 - filled)}] {bar.index:g} of {bar.length:g} {bar.unit or ''}"
    return status.stage


def shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}..."
