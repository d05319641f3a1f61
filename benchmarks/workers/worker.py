"""What every contender in Python is asked, how it is timed, and how its answers are checked.

A worker is a process that reads one request a line, ``{"do": "predict", "count": 20}``, does that, and answers with a line:
``{"seconds": ..., "cpu": ..., "peak": ...}``, what the process has used for it, on all its threads. Answers are checked after the clock
has stopped. ``official.mjs`` is the same for Node.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

TEXT: Final = "hello"
"""What ``/predict`` is called with, and returns."""


class Meter:
    """What a stretch of work takes of this process."""

    def __init__(self) -> None:
        self._cpu = time.process_time()
        self._seconds = time.perf_counter()

    def read(self) -> dict[str, float]:
        """Seconds since construction, and the peak of memory, in bytes, since the process began."""
        seconds = time.perf_counter() - self._seconds
        cpu = time.process_time() - self._cpu
        return {"seconds": seconds, "cpu": cpu, "peak": _peak()}


def _peak() -> int:
    # What `getrusage` says includes the process that this one was forked from.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def requests() -> Iterator[dict[str, Any]]:
    """One at a time, until standard input ends."""
    for line in sys.stdin:
        yield json.loads(line)


def source(request: dict[str, Any]) -> Path:
    """The file that is to go up."""
    return Path(request["folder"], f"{request['size']}.bin")


def answer(request: dict[str, Any], got: Any, figures: dict[str, float]) -> None:
    """Check what was returned, and say what it took."""
    if request["do"] == "file":
        assert filecmp.cmp(source(request), got, shallow=False), "another file came back"
        Path(got).unlink()
        got = None
    if request["do"] == "replay":
        count, last = got
        got = [count, hashlib.sha256(last.encode()).hexdigest()]
    expected = _expected(request)
    assert got == expected, f"{request} returned {str(got)[:200]}, not {str(expected)[:200]}"
    print(json.dumps(figures), flush=True)


def _expected(request: dict[str, Any]) -> Any:
    match request["do"]:
        case "predict" | "jobs" | "apps":
            return [TEXT] * request["count"]
        case "stream":
            return list(range(request["count"]))
        case "replay":
            # How many values, and the hash of the last.
            return request["expected"]
        case "big":
            return "x" * request["size"]
        case "up":
            return {"got": "y" * request["size"]}
        case _:
            return None
