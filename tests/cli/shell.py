"""The command line as a shell runs it: with pipes, or in a terminal of any width."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from gradio_sansio_progress._text import BIDI

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

COMMAND = (sys.executable, "-m", "gradio_sansio_cli")
PATIENCE = 60.0
HARMFUL = re.compile(f"[\x00-\x06\x07\x0b\x0c\x0e-\x1f\x7f-\x9f{BIDI}]")
# In a session of its own, whose terminal is standard input: so Ctrl-C is a signal to it.
LAUNCHER = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def environment(**variables: str | None) -> dict[str, str]:
    """Ours, without what changes how programs write or connect; None takes a variable away."""
    dropped = (
        "HF_",
        "PYTHONUTF8",
        "PYTHONIO",
        "PYTHONCO",
        "LC_",
        "LANG",
        "COV_",
        "NO_COLOR",
        "TERM",
        "COLUMNS",
        "GRADIO_SANSIO",
    )
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }
    given: dict[str, str | None] = {"LC_ALL": "C.UTF-8", "TERM": "xterm", **variables}
    return inherited | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[Any]:
        """The lines of ``--json``."""
        return [json.loads(line) for line in self.out.splitlines()]

    def check_error(self, code: int) -> str:
        """One line on standard error, after the progress, and nothing on standard output."""
        assert (self.code, self.out) == (code, ""), self
        *_, last = self.err.splitlines()
        assert last.startswith("gradio-sansio: ")
        assert "Traceback" not in self.err
        return last


def run(*arguments: str | bytes, **variables: str | None) -> Outcome:
    """Run a command to its end, through pipes."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(**variables),
        timeout=PATIENCE,
        check=False,
    )
    return Outcome(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def start(*arguments: str, **variables: str | None) -> subprocess.Popen[bytes]:
    """Begin to run a command, through pipes."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**variables),
    )


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, *arguments: str, columns: int = 80, variables: dict[str, str] | None = None) -> None:
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *COMMAND, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment(**variables or {}),
        )
        os.close(terminal)
        self._raw = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)

    @property
    def text(self) -> str:
        """Everything written so far, as it came."""
        return self._raw.decode(errors="replace")

    @property
    def frames(self) -> list[str]:
        """What stood in a line, at one time or another."""
        return [frame for frame in re.split("[\r\n]", self.text) if frame.strip()]

    @property
    def screen(self) -> list[str]:
        """The lines as they stand in the end. The only thing that moves back is a carriage return."""
        lines, column = [""], 0
        for piece in re.split("([\r\n])", self.text):
            if piece == "\n":
                lines.append("")
                column = 0
            elif piece == "\r":
                column = 0
            elif piece:
                old = lines[-1]
                lines[-1] = old[:column].ljust(column) + piece + old[column + len(piece) :] if old else piece
        return [line.rstrip() for line in lines if line.strip()]

    def type(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._master, text)

    def wait_for(self, condition: Callable[[str], object]) -> None:
        """Until what was written fulfils a condition."""
        end = time.monotonic() + PATIENCE
        while not condition(self.text):
            assert self._read(end), self.text

    def wait(self) -> int:
        """Until the end. Returns the exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        return self._process.wait(PATIENCE)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(self.text)
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed (EIO)
            return False
        self._raw += data
        return bool(data)


def check_harmless(text: str) -> None:
    """Nothing in it steers a terminal or turns its text around; newlines, tabs and carriage returns aside."""
    assert not HARMFUL.search(text), ascii(text)
