"""Who is compared, and how each is run: a worker process that does what it is asked and says what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from tempfile import TemporaryFile
from threading import Timer
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from benchmarks.environments import NODE, WORKERS, python

INHERITED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
"""What a contender sees of the environment: no proxy, no token, and no setting of Python's."""
PATIENCE: Final = 90.0
"""Seconds that one request may take."""


class Contender(NamedTuple):
    """One client, and what importing it means."""

    name: str
    command: tuple[str, ...]
    imports: str = ""
    """What a program that uses it imports; for the floor, nothing."""
    runtime: str = ""
    """What it would import for its runtime alone."""

    @property
    def ours(self) -> bool:
        return self.name.startswith("gradio-sansio")


def _ours(name: str, where: str, worker: str, *arguments: str, imports: str, runtime: str = "") -> Contender:
    command = (python(where), str(WORKERS / worker), *arguments)
    return Contender(f"gradio-sansio, {name}", command, imports, runtime)


FLOOR: Final = Contender("floor", (sys.executable, str(WORKERS / "floor.py")))
OURS: Final = (
    _ours("sync", "plain", "ours_sync.py", imports="gradio_sansio_sync"),
    _ours(
        "asyncio",
        "tasks",
        "ours_async.py",
        "anyio",
        "asyncio",
        imports="gradio_sansio_anyio",
        runtime="anyio, asyncio",
    ),
    _ours(
        "anyio on trio",
        "tasks",
        "ours_async.py",
        "anyio",
        "trio",
        imports="gradio_sansio_anyio, trio",
        runtime="anyio, trio",
    ),
    _ours("trio", "tasks", "ours_async.py", "trio", "trio", imports="gradio_sansio_trio", runtime="trio"),
)
SKETCHES: Final = tuple(
    Contender(f"sketch, {kind}", (python(where), str(WORKERS / "sketch.py"), kind), imports, runtime)
    for kind, where, imports, runtime in (
        ("thread", "plain", "h11, msgspec, selectors, socket, threading, urllib.parse", ""),
        ("asyncio", "tasks", "h11, msgspec, urllib.parse, asyncio", "asyncio"),
    )
)
PEERS: Final = {
    "@gradio/client": Contender("@gradio/client", ("node", str(NODE / "official.mjs"))),
    "gradio_client": Contender(
        "gradio_client", (python("gradio_client"), str(WORKERS / "official.py")), "gradio_client"
    ),
}


def environment() -> dict[str, str]:
    """For the processes of contenders."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


class Worker:
    """A contender's process, between entering and leaving."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender

    def __enter__(self) -> Self:
        self._complaints = TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            self.contender.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env=environment(),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def ask(self, do: str, **details: Any) -> dict[str, float]:
        """Have something done; what it took. ``RuntimeError`` where it failed, or where a result was wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            self._process.wait()
            self._complaints.seek(0)
            reason = self._complaints.read().strip()[-2000:] or f"no answer within {PATIENCE:g} s"
            raise RuntimeError(f"{self.contender.name} failed at {do} {details}:\n{reason}")
        figures: dict[str, float] = json.loads(line)
        return figures
