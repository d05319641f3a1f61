"""Random work with random faults, for a while: `make soak MINUTES=30`.

Every adapter works at the same time, against a real Gradio server and against the loopback machine, each behind a proxy of its own that
goes wrong now and then. At the end everything must be as it was: threads, descriptors, temporary files, tasks; and neither memory nor
Python's objects may have grown from the second quarter to the last. A call that doesn't end within `PATIENCE` is one that hangs.

Of each quarter the least reading counts, since how much is under way changes all the time. Memory is read after what is free was given
back to the system: glibc has an arena for each thread and keeps what was freed there, some 20 MiB that nobody uses. Blocks of Python's
allocator show leaks that are too small for that: some 200,000 are in use, and a job that is kept holds dozens.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import gc
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gradio_sansio import FileData, GradioError, JobCancelled, Limits, handle_file
from gradio_sansio.testing.cases.base import Server, serve
from gradio_sansio.testing.server import GradioServer as Machine
from tests.live.fault_proxy import Fault, FaultProxy, Phase
from tests.live.fault_rules import NEWEST, OPENING, Cell, applies
from tests.live.ways import WAYS
from tests.servers.server import GradioServer

if TYPE_CHECKING:
    from tests.live.ways import App, Way

PATIENCE: Final = 60.0
LIMITS: Final = Limits(request=3, idle=3, idle_direct=3, connect=3, grace=1)
GROWTH: Final = 8.0
"""MiB that the process may grow by in half of the time: freed memory comes in pieces, some of which can't be given back."""
MORE: Final = 1.1
"""How many blocks there may be in the last quarter for each one of the second."""
FAULTS: Final = [
    (phase, fault)
    for phase in Phase
    for fault in Fault
    if phase not in {Phase.CONNECT, Phase.LOGIN}
    and fault not in {Fault.REFUSED, Fault.USER_CANCEL, Fault.DEADLINE}
    and applies(Cell(NEWEST, "", phase, fault))
]


class Worker:
    """One adapter with one server, until the time is up."""

    def __init__(
        self, name: str, way: Way, proxy: FaultProxy, until: float, seed: int, machine: Server | None
    ) -> None:
        self.name = name
        self.outcomes: Counter[str] = Counter()
        self.values = self.apps = 0
        self.failure: BaseException | None = None
        self.since = time.monotonic()
        """When the last thing was done."""
        self._way, self._proxy, self._until = way, proxy, until
        self._machine = machine
        self._random = random.Random(seed)

    def run(self) -> None:
        try:
            while time.monotonic() < self._until:
                self._proxy.heal()
                self.apps += 1
                if self._random.random() < 0.1:
                    self._aim(lambda phase: phase in OPENING)
                self._way.run(self._session)
                if self._machine is not None:
                    self._machine.call(_forget)
        except BaseException as error:  # noqa: BLE001  # it is reported
            self.failure = error

    def _aim(self, wanted: Any) -> None:
        phase, fault = self._random.choice([pair for pair in FAULTS if wanted(pair[0])])
        self._proxy.aim(phase, fault, pause=0.1)

    async def _session(self) -> None:
        """One app, with some rounds of some jobs each."""
        try:
            async with self._way.client(self._proxy.url, limits=LIMITS) as app:
                for _ in range(self._random.randint(1, 20)):
                    if time.monotonic() > self._until:
                        return
                    self._proxy.heal()
                    if self._random.random() < 0.4:
                        self._aim(lambda phase: phase not in OPENING)
                    jobs = [functools.partial(self._job, app) for _ in range(self._random.randint(1, 4))]
                    await self._way.together(*jobs)
        except GradioError as error:
            self.outcomes[f"not opened: {type(error).__name__}"] += 1
        self.since = time.monotonic()

    async def _job(self, app: App) -> None:
        choice = self._random
        endpoint, payload = choice.choice(
            [
                ("/predict", ["x" * choice.choice([1, 1000, 100_000])]),
                ("/count", [choice.randint(1, 30)] if self._machine else [choice.randint(1, 30), 0.002]),
                ("/ticks", [20, 0.005]) if self._machine else ("/chat", ["one two three", 0.005]),
                ("/fail", ["x"]),
                ("/direct", ["abc"]),
                (
                    "/file" if self._machine else "/same",
                    [handle_file(b"x" * choice.choice([1, 300_000]), name="x")],
                ),
            ]
        )
        timeout = choice.choice([None, None, 0.05, 2.0])
        submission = app.submit(endpoint, payload, timeout=timeout, isolated=choice.random() < 0.2)
        try:
            stop = choice.choice([None, None, None, 1, 3])
            async for _ in submission:
                self.values += 1
                if stop is not None:
                    stop -= 1
                    if stop == 0:
                        submission.cancel()
            data = await submission.result(timeout=PATIENCE)
            if isinstance(data.value, FileData):
                with tempfile.TemporaryDirectory() as folder:
                    saved = await app.download(data.value, Path(folder))
                    assert set(saved.read_bytes()) == {ord("x")}
            outcome = "result"
        except JobCancelled:
            outcome = "cancelled"
        except GradioError as error:
            outcome = type(error).__name__
        assert submission.done
        self.outcomes[outcome] += 1
        self.since = time.monotonic()


class Held:
    """What the process holds."""

    def __init__(self, temporary: Path) -> None:
        gc.collect()
        names = [thread.name for thread in threading.enumerate()]
        # Trio keeps the threads in which it looks names up for a while.
        self.threads = sum(not name.startswith("Trio thread") for name in names)
        self.descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        self.files = sum(1 for _ in temporary.iterdir())

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.descriptors} descriptors, {self.files} temporary files"


class Reading(NamedTuple):
    """What was in use at a moment."""

    memory: float
    """MiB that are resident."""
    blocks: int
    """Of Python's allocator."""


def read() -> Reading:
    gc.collect()
    with suppress(AttributeError):  # a C library of another kind
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Reading(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, sys.getallocatedblocks())


def least(readings: list[Reading]) -> Reading:
    return Reading(min(r.memory for r in readings), min(r.blocks for r in readings))


def growth(readings: list[Reading]) -> tuple[str, list[str]]:
    """What became of the memory, and what is wrong with that."""
    quarter = len(readings) // 4
    if not quarter:
        return "memory: not measured", []
    second, last = least(readings[quarter : 2 * quarter]), least(readings[-quarter:])
    faults: list[str] = []
    if last.memory - second.memory > GROWTH:
        faults.append(f"memory grew by {last.memory - second.memory:.1f} MiB")
    if last.blocks > second.blocks * MORE:
        faults.append(f"{last.blocks - second.blocks} blocks more are in use")
    told = [f"{r.memory:.1f} MiB and {r.blocks} blocks" for r in (second, last)]
    return f"memory: {told[0]} in the second quarter, {told[1]} in the last", faults


def work(seconds: float, seed: int, stack: ExitStack) -> tuple[list[Worker], list[Reading]]:
    """Have all work, and look at the memory from time to time."""
    real = stack.enter_context(GradioServer(NEWEST, "--concurrency", "4"))
    until = time.monotonic() + seconds
    workers: list[Worker] = []
    for i, (name, way) in enumerate(WAYS.items()):
        for machine in (None, stack.enter_context(serve())):
            url = (machine or real).url
            proxy = stack.enter_context(FaultProxy(url, url))
            kind = "machine" if machine else "Gradio"
            workers.append(Worker(f"{name}, {kind}", way, proxy, until, seed + i, machine))
    threads = [threading.Thread(target=worker.run, name=worker.name, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    readings: list[Reading] = []
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        if time.monotonic() < until:
            readings.append(read())
        for worker, thread in zip(workers, threads, strict=True):
            if thread.is_alive() and time.monotonic() - worker.since > PATIENCE:
                raise SystemExit(f"{worker.name} hangs; seed {seed}")
    return workers, readings


def _forget(machine: Machine) -> None:
    """The machine keeps all that was asked of it, in this process. Nobody uses it at the moment."""
    machine.forget()
    machine.requests.clear()
    machine.jobs.clear()
    machine.files.clear()


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        temporary = Path(directory)
        with ExitStack() as stack:
            before = Held(temporary)
            tempfile.tempdir = directory
            workers, readings = work(args.minutes * 60, args.seed, stack)
        tempfile.tempdir = None
        end = time.monotonic() + 5
        while (after := Held(temporary)).threads > before.threads and time.monotonic() < end:
            time.sleep(0.05)
    outcomes: Counter[str] = Counter()
    for worker in workers:
        outcomes += worker.outcomes
        print(
            f"{worker.name}: {worker.apps} apps, {sum(worker.outcomes.values())} outcomes, {worker.values} values"
        )
    told, grown = growth(readings)
    print(f"\n{args.minutes:g} minutes, seed {args.seed}")
    print("\n".join(f"{n:8} {outcome}" for outcome, n in outcomes.most_common()))
    print(told)
    print(f"before: {before}\nafter:  {after}")
    faults = [f"{worker.name}: {worker.failure!r}" for worker in workers if worker.failure is not None]
    faults += grown
    held = ("threads", "descriptors", "files")
    faults += [f"{name} are left" for name in held if getattr(after, name) > getattr(before, name)]
    print("\n".join(faults) or "nothing is left, nothing hung")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
