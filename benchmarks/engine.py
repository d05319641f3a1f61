"""The engine alone, without sockets: what an event, a byte and a job cost it, and how that grows.

Every figure is CPU time of this process, for the whole engine: HTTP, events, JSON, edits, events to the application.
"""

from __future__ import annotations

import cProfile
import gc
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from benchmarks import replay
from benchmarks.report import table
from gradio_sansio import Engine
from gradio_sansio.commands import Connect, ConnectionId, Send
from gradio_sansio.events import DataReceived, JobFinished, JobId

READ: Final = 64 * 1024
"""Bytes that come at a time."""
ROUNDS: Final = 5
JOBS: Final = (10, 100, 1000, 10_000)
LINES: Final = (1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000)
STREAMS: Final = (5_000, 10_000, 20_000, 40_000)
LEAST: Final = 0.01
"""Parts of a profile below this are left out."""
TAKEN: Final = 2 * 1024 * 1024
"""Bytes of events after which the engine hears that they were taken, as an adapter tells it."""


class Bench:
    """An engine with an app behind it that answers at once, from what is prepared."""

    def __init__(self) -> None:
        self.engine = Engine("http://app", now=0.0, wall_clock=0.0, entropy=bytes)
        self.now = 0.0
        self.reader: ConnectionId | None = None
        """The connection of the event stream, once that was asked for."""
        self.joined = 0
        self.yields = 0
        self._taken = 0
        self.finished = 0
        self.last: object = None
        self._texts = {
            "/config": replay.whole(replay.json.dumps(replay.config()).encode()),
            f"{replay.PREFIX}/info": replay.whole(replay.json.dumps(replay.info()).encode()),
        }
        self.run()

    def submit(self, name: str) -> JobId:
        """Submit a job and have it joined; its event id is ``event_id(n)`` of the how many-eth it is."""
        job = self.engine.submit(name, ["hello"], now=self.now)
        self.run()
        return job

    def received(self, data: bytes) -> None:
        """Bytes of the event stream have come."""
        assert self.reader is not None
        self.engine.received(self.reader, data, self.now)
        self.run()

    def run(self) -> None:
        """Do what the engine asks, and look at every event."""
        engine = self.engine
        while actions := engine.drain():
            for action in actions:
                if isinstance(action, DataReceived):
                    self.yields += 1
                    self.last = action.data.value
                    self._taken += action.size
                    if self._taken > TAKEN:
                        engine.consumed(action.job, self._taken, self.now)
                        self._taken = 0
                elif isinstance(action, Send):
                    self._answer(action)
                elif isinstance(action, Connect):
                    engine.connected(action.connection, self.now)
                elif isinstance(action, JobFinished):
                    assert action.error is None, action.error
                    self.finished += 1

    def _answer(self, request: Send) -> None:
        path = request.data.split(b" ", 2)[1].partition(b"?")[0].decode()
        if path.endswith("/queue/data"):
            self.reader = request.connection
            answer = replay.HEAD
        elif path.endswith("/queue/join"):
            self.joined += 1
            answer = replay.whole(b'{"event_id":"%b"}' % event_id(self.joined))
        else:
            answer = self._texts[path]
        self.engine.received(request.connection, answer, self.now)


def event_id(number: int) -> bytes:
    """Of the job that was joined as the how many-eth."""
    return b"%032x" % number


def pieces(data: bytes, size: int = READ) -> Iterator[bytes]:
    """As they come from a socket."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def stream(kind: str, number: int) -> float:
    """Seconds for a stream of ``number`` values."""
    body = replay.stream(*replay.values(kind, number)).removeprefix(replay.HEAD)
    body = body.replace(replay.EVENT_ID, event_id(1))
    bench = Bench()
    bench.submit("/replay")
    begin = time.process_time()
    for piece in pieces(body):
        bench.received(piece)
    seconds = time.process_time() - begin
    assert bench.yields == number
    assert bench.finished == 1
    return seconds


def jobs(number: int) -> tuple[float, float]:
    """Seconds to submit and join so many jobs, and seconds for all their messages, one at a time."""
    bench = Bench()
    begin = time.process_time()
    for _ in range(number):
        bench.submit("/predict")
    submitted = time.process_time() - begin
    messages = [
        replay.chunk({**message, "event_id": event_id(i + 1).decode()})
        for message in (
            {"msg": "estimation", "rank": 0, "queue_size": 1, "rank_eta": 1.0},
            {"msg": "process_starts", "eta": 0.1},
            replay.message("process_generating", ["hello"]),
            replay.message("process_completed", ["hello"]),
        )
        for i in range(number)
    ]
    begin = time.process_time()
    for message in messages:
        bench.received(message)
    told = time.process_time() - begin
    assert bench.finished == number
    return submitted, told


def memory(number: int) -> float:
    """Bytes that each of so many open jobs holds."""
    bench = Bench()
    bench.submit("/predict")
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(number):
        bench.submit("/predict")
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / number


def line(size: int) -> float:
    """Seconds for one value of so many bytes, in pieces as they are read."""
    body = replay.stream([], "x" * size).removeprefix(replay.HEAD).replace(replay.EVENT_ID, event_id(1))
    bench = Bench()
    bench.submit("/predict")
    begin = time.process_time()
    for piece in pieces(body):
        bench.received(piece)
    seconds = time.process_time() - begin
    assert bench.last == "x" * size
    return seconds


def profile(number: int) -> list[tuple[str, float]]:
    """Where the time of a stream goes: by module, in parts of the whole, the largest first."""
    profiler = cProfile.Profile()
    profiler.enable()
    stream("values", number)
    profiler.disable()
    parts: defaultdict[str, float] = defaultdict(float)
    for entry in profiler.getstats():
        code = entry.code
        path = "" if isinstance(code, str) else code.co_filename
        if "benchmarks" in path or "json/" in path:
            continue
        _, package, module = path.rpartition("gradio_sansio/")
        if package:
            place = f"`{module.removesuffix('.py')}`"
        elif isinstance(code, str):
            place = "msgspec" if "msgspec" in code else "other functions in C"
        else:
            place = "h11" if "/h11/" in path else "the standard library"
        parts[place] += entry.inlinetime
    whole = sum(parts.values())
    return sorted(((place, time / whole) for place, time in parts.items()), key=lambda part: -part[1])


def section() -> tuple[str, dict[str, object]]:
    """All of it, as a text and as data."""
    values = min(stream("values", 20_000) for _ in range(ROUNDS)) / 20_000
    text = min(stream("text", 10_000) for _ in range(ROUNDS)) / 10_000
    longs = {size: min(stream("values", size) for _ in range(ROUNDS)) / size for size in STREAMS}
    lines = {size: min(line(size) for _ in range(ROUNDS)) / size for size in LINES}
    grown = {
        count: [
            min(column) / count
            for column in zip(*(jobs(count) for _ in range(max(3, 300 // count))), strict=True)
        ]
        for count in JOBS
    }
    held = {count: memory(count) for count in JOBS}
    parts = profile(20_000)
    rows = [
        [f"{count:,}", f"{submit * 1e6:.0f} us", f"{told / 4 * 1e6:.1f} us", f"{held[count] / 1024:.1f} KiB"]
        for count, (submit, told) in grown.items()
    ]
    summary = (
        f"A streamed value of 290 bytes takes {values * 1e6:.1f} us ({290 / values / 1e6:.0f} MB a second),"
        f" a token of a text that grows to 10,000 {text * 1e6:.1f} us.\n"
    )
    pages = [
        summary,
        table(["open jobs", "submit", "message, one in each read", "memory, by job"], rows),
        table(
            ["one line of", *(f"{size / 1e6:g} MB" for size in lines)],
            [["CPU by byte", *(f"{each * 1e9:.2f} ns" for each in lines.values())]],
        ),
        table(
            ["a stream of", *(f"{size:,} values" for size in longs)],
            [["CPU by value", *(f"{each * 1e6:.1f} us" for each in longs.values())]],
        ),
        "Where the time of a streamed value goes (under a profiler, which makes small functions look larger than they are):\n",
        table(["place", "part"], [[place, f"{part:.0%}"] for place, part in parts if part >= LEAST]),
    ]
    data: dict[str, object] = {
        "value": values,
        "token": text,
        "jobs": grown,
        "memory": held,
        "lines": lines,
        "streams": longs,
        "profile": dict(parts),
    }
    return "\n".join(pages), data
