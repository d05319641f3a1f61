"""The engine alone, without sockets: what an event, a byte and a job cost it, and how that grows.

Every figure is CPU time of this process, for the whole engine: HTTP, events, JSON, edits, events to the application.
"""

from __future__ import annotations

import cProfile
import gc
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from benchmarks import replay
from gradio_sansio import Engine
from gradio_sansio.commands import Connect, ConnectionId, Send
from gradio_sansio.events import DataReceived, JobFinished, JobId

READ: Final = 64 * 1024
"""Bytes that come at a time."""
ROUNDS: Final = 3
MESSAGES: Final = 4
"""Of each job."""
JOBS: Final = (10, 100, 1000, 10_000)
LINES: Final = (1_000_000, 2_000_000, 4_000_000, 8_000_000, 16_000_000)
STREAMS: Final = (5_000, 10_000, 20_000, 40_000)
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


def bare_line(size: int) -> float:
    """The same with a buffer and a decoder alone: what the machine makes of so many bytes, in its caches and beyond."""
    text = replay.json.dumps(replay.message("process_completed", ["x" * size])).encode()
    begin = time.process_time()
    buffer = bytearray()
    for piece in pieces(text):
        buffer += piece
    value = msgspec.json.decode(bytes(buffer))
    seconds = time.process_time() - begin
    assert value["output"]["data"] == ["x" * size]
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


def measure() -> dict[str, object]:
    """All of it; seconds and bytes."""
    return {
        "value": least(lambda: stream("values", 20_000)) / 20_000,
        "token": least(lambda: stream("text", 10_000)) / 10_000,
        # How many, and by job: seconds to submit it, seconds by message, bytes that it holds.
        "jobs": [(count, *by_job(count), memory(count)) for count in JOBS],
        # By byte, and that with the libraries alone.
        "lines": [
            (size, least(partial(line, size)) / size, least(partial(bare_line, size)) / size)
            for size in LINES
        ],
        "streams": [(size, least(partial(stream, "values", size)) / size) for size in STREAMS],
        "profile": profile(20_000),
    }


def least(action: Callable[[], float]) -> float:
    """Of several tries: what it takes where nothing comes in between."""
    return min(action() for _ in range(ROUNDS))


def by_job(count: int) -> tuple[float, float]:
    """Seconds to submit a job, and for each of its messages, where so many are open."""
    tries = [jobs(count) for _ in range(max(ROUNDS, 300 // count))]
    return min(tried[0] for tried in tries) / count, min(tried[1] for tried in tries) / count / MESSAGES
