"""How a job stands, for a person: a bar, or lines where nothing can be drawn."""

from __future__ import annotations

import importlib
import math
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, TextIO, assert_never

from gradio_sansio import Data, Log, Progress, Status
from gradio_sansio.inbox import Value
from gradio_sansio_progress._text import clean, one_line

TAIL: Final = 1000
"""Characters of a text that still grows which are looked at, to show the end of it in one line."""


class Display:
    """Shows one job's events, which ``put`` is given in order. Nothing of it is left once it is closed but log lines.

        with Display() as display:
            for event in submission.events():
                display.put(event)

    A stream that can't be written to is no reason for a job to fail: then nothing is shown.

    Args:
        file: where to; by default standard error.
        values: show text while it grows, too.
    """

    def __init__(self, *, file: TextIO | None = None, values: bool = True) -> None:
        file = file or sys.stderr
        self._values = values
        self._yields = False
        self._view: _View | None = None
        if file is not None:  # pyright: ignore[reportUnnecessaryComparison]  # a process may have no standard error
            self._view = _Bar(file) if _can_draw(file) else _Lines(file)

    def put(self, event: Value) -> None:
        """Show an event of the job."""
        if self._view is None:
            return
        with suppress(OSError, ValueError):
            match event:
                case Log():
                    self.say(f"{one_line(event.level, 20)}: {one_line(event.message, 1000)}")
                case Status():
                    self._yields = event.stage == "generating"
                    self._show(self._view, event)
                case Data() if self._values and self._yields:
                    # Not a value that is the whole result: whoever shows that does so elsewhere.
                    text = next((value for value in event if isinstance(value, str)), None)
                    if text:
                        self._view.text(text)
                case Data():
                    pass
                case _:
                    assert_never(event)

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._view is not None:
            with suppress(OSError, ValueError):
                self._view.line(one_line(text, 1000))

    @contextmanager
    def aside(self) -> Generator[None]:
        """For as long as the block lasts nothing is drawn, so that something else can be printed."""
        if self._view is not None:
            with suppress(OSError, ValueError):
                self._view.hide()
        yield

    def close(self) -> None:
        """End the display."""
        if self._view is not None:
            with suppress(OSError, ValueError):
                self._view.close()
            self._view = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _show(self, view: _View, status: Status) -> None:
        if status.stage in ("complete", "error"):
            return
        if status.progress_data:
            texts = (one_line(bar.desc, 80) for bar in status.progress_data if bar.desc)
            # The outermost of nested bars is the one for the whole.
            _show_progress(view, " / ".join(texts) or "running", status.progress_data[0])
        elif status.stage == "pending" and status.position:
            wait = f", about {status.eta:.0f} s" if status.eta is not None else ""
            view.state(f"in the queue: {status.position} before it{wait}")
        elif status.stage == "pending" and status.position is None:
            view.state("sent")
        elif status.stage == "pending":
            # Servers say the same of both.
            view.state("next, or running")
        else:
            view.state("running")


def _show_progress(view: _View, text: str, bar: Progress) -> None:
    # Nothing keeps an app from sending numbers that make no sense.
    if bar.index is None or math.isnan(bar.index):
        done = bar.progress or 0.0
        view.progress(text, 0.0 if math.isnan(done) else min(max(done, 0.0), 1.0), 1.0, None)
        return
    unit = one_line(bar.unit or "steps", 20)
    if bar.length is None or not 0 < bar.length < math.inf:
        _, amount = _amounts(bar.index, bar.index, unit)
        view.state(f"{text}: {amount}")
    else:
        done = min(max(bar.index, 0.0), bar.length)
        view.progress(text, done, bar.length, _amounts(done, bar.length, unit))


def _amounts(done: float, total: float, unit: str) -> tuple[str, str]:
    """Both in words, the latter with the unit."""
    if unit == "bytes":
        for size, larger in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if total >= size:
                return f"{done / size:.1f}", f"{total / size:.1f} {larger}"
    return f"{done:.15g}", f"{total:.15g} {unit}"


class _View(ABC):
    """One way of showing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    @abstractmethod
    def state(self, text: str) -> None:
        """Where the job is."""

    @abstractmethod
    def progress(self, text: str, done: float, total: float, amounts: tuple[str, str] | None) -> None:
        """How far it is; and in words how much of how much, if that isn't just a part of the whole."""

    @abstractmethod
    def text(self, text: str) -> None:
        """What it has said so far, with escape sequences and all."""

    @abstractmethod
    def line(self, text: str) -> None:
        """A line that stays."""

    @abstractmethod
    def hide(self) -> None:
        """Make room for others."""

    @abstractmethod
    def close(self) -> None:
        """Nothing more comes."""


class _Lines(_View):
    """A line for each change, for files, pipes and terminals that can't go back. A bar's changes are tenths; text comes as it grows."""

    _state = ""
    _tenth: int = -1
    _said = ""
    _in_text = False

    def state(self, text: str) -> None:
        if text != self._state:
            self._state = text
            self.line(text)

    def progress(self, text: str, done: float, total: float, amounts: tuple[str, str] | None) -> None:
        tenth = int(done / total * 10)
        if tenth != self._tenth or self._state:
            self._tenth, self._state = tenth, ""
            self.line(f"{text}: {' of '.join(amounts)}" if amounts else f"{text}: {done:.0%}")

    def text(self, text: str) -> None:
        if self._in_text and text.startswith(self._said):
            more = text[len(self._said) :]
        else:
            self.hide()
            more = text
        self._said = text
        self._in_text = True
        self._file.write(clean(more))
        self._file.flush()

    def line(self, text: str) -> None:
        self.hide()
        self._file.write(text + "\n")
        self._file.flush()

    def hide(self) -> None:
        if self._in_text:
            self._in_text = False
            self._file.write("\n")
            self._file.flush()

    def close(self) -> None:
        self.hide()


class _Bar(_View):
    """A line that is drawn anew at each change, or a widget."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(file)
        # Nothing is drawn before there is something to say. The type has no stubs that all checkers know.
        self._bar: Any = None

    def state(self, text: str) -> None:
        self._draw(text)

    def progress(self, text: str, done: float, total: float, amounts: tuple[str, str] | None) -> None:
        self._draw(text, done, total, f" {'/'.join(amounts)}" if amounts else "")

    def text(self, text: str) -> None:
        tail = " ".join(clean(text[-TAIL:]).split())
        columns = os.get_terminal_size(self._file.fileno()).columns if self._file.isatty() else 80
        # Letters may be two columns wide.
        self._draw(tail[-max(1, columns - 1 if tail.isascii() else columns // 2) :])

    def line(self, text: str) -> None:
        if self._bar is None:
            self._file.write(text + "\n")
            self._file.flush()
        else:
            self._bar.write(text, file=self._file)

    def hide(self) -> None:
        if self._bar is not None:
            self._bar.clear()

    def close(self) -> None:
        if self._bar is not None:
            # A widget that isn't full would stay, as one that failed does.
            self._bar.total = None
            self._bar.close()

    def _draw(self, text: str, done: float = 0, total: float | None = None, count: str = "") -> None:
        if self._bar is not None and self._bar.total != total:
            # A new one counts the time anew, and a widget gets its length when it is made.
            self.close()
            self._bar = None
        if self._bar is None:
            form = "{desc}"
            if total is not None:
                # What may be cut off by the edge comes last.
                bar = "{bar:10}" if self._file.isatty() else "{bar}"
                # What it calls its unit is all that is shown of its numbers.
                form = f"{{percentage:3.0f}}%|{bar}|{{unit}} [{{elapsed}}<{{remaining}}] {{desc}}"
            self._bar = _bar_type()(
                desc=text,
                total=total,
                initial=done,
                unit=count,
                file=self._file,
                dynamic_ncols=True,
                leave=False,
                bar_format=form,
            )
            return
        self._bar.set_description_str(text, refresh=False)
        self._bar.unit = count
        self._bar.n = done
        self._bar.refresh()


def _can_draw(file: TextIO) -> bool:
    """Whether what was shown can be taken back."""
    if file.isatty():
        return os.environ.get("TERM") != "dumb"
    return any(base.__name__ == "tqdm_notebook" for base in _bar_type().__mro__)


_type: Any = None


def _bar_type() -> Any:
    """tqdm's bar for this place, without the thread and the lock between processes that a bar brings along."""
    global _type  # noqa: PLW0603  # made once, and only when something is to be shown
    if _type is None:
        # The one finds out whether this is a notebook that can show widgets, and loads asyncio.
        module = importlib.import_module("tqdm.auto" if "IPython" in sys.modules else "tqdm.std")
        _type = type("_Tqdm", (module.tqdm,), {"monitor_interval": 0})
        _type.set_lock(threading.RLock())
    return _type
