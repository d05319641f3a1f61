"""Many open jobs in one engine: what one costs, and what a message of one costs, don't depend on how many there are.

Ten thousand with ``HYPOTHESIS_PROFILE=long``, since counting memory is slow; fewer in the everyday run.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from gradio_sansio import Limits
from tests.core import figures
from tests.core.hostile import Hostile

if TYPE_CHECKING:
    from types import FrameType

    from tests.core.hostile import Line

COUNTS = (1_000, 10_000) if settings.get_current_profile_name() == "long" else (300, 1_500)
CORE = (tracemalloc.Filter(inclusive=True, filename_pattern="*/gradio_sansio/*"),)


def open_jobs(peer: Hostile, count: int) -> None:
    """Submit so many more, and answer their joins."""
    for _ in range(count):
        peer.submit("/predict")
        busy = [line for line in peer.lines.values() if line.state != "gone" and not line.live]
        for line in busy:
            if line.state == "connecting":
                peer.connect(line)
            peer.right(line)
            peer.deliver(line)
        for line in [line for line in peer.lines.values() if line.state == "gone"]:
            del peer.lines[line.id]


def core_memory() -> int:
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(CORE)
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def calls_for(peer: Hostile, line: Line, key: str) -> int:
    """Calls of functions that a message takes, Python's and C's: a count that no busy machine changes."""
    text = json.dumps(
        {"msg": "process_generating", "event_id": key, "output": {"data": ["x"]}, "success": True}
    )
    data = f"data: {text}\n\n".encode()
    chunk = b"%x\r\n%b\r\n" % (len(data), data)
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        peer.engine.received(line.id, chunk, peer.now)
    finally:
        sys.setprofile(None)
    peer.settle()
    return calls


@pytest.mark.timeout(900)
def test_many_open_jobs() -> None:
    peer = Hostile(limits=Limits())
    open_jobs(peer, 100)
    line = next(line for line in peer.lines.values() if line.live)
    calls = {100: calls_for(peer, line, "k7")}
    memory: dict[int, float] = {}
    tracemalloc.start()
    before, made = core_memory(), 100
    for count in COUNTS:
        open_jobs(peer, count - made)
        memory[count] = (core_memory() - before) / (count - 100)
        made = count
        calls[count] = calls_for(peer, line, "k8" if count == COUNTS[0] else "k9")
    tracemalloc.stop()
    assert len(peer.engine._session._jobs) == COUNTS[-1]
    figures.note(
        "many jobs",
        f"{COUNTS[-1]:,} open jobs",
        bytes_a_job={str(count): round(size) for count, size in memory.items()},
        calls_a_message={str(count): number for count, number in calls.items()},
    )
    assert memory[COUNTS[1]] < 1.3 * memory[COUNTS[0]]
    assert memory[COUNTS[1]] < 16_000
    assert max(calls.values()) <= 1.1 * min(calls.values())
