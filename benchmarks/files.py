"""A large file up to a real server and down again: byte for byte the same, in constant memory.

    python -m benchmarks.files [--size MIB] [--adapter sync|anyio|trio]

Each adapter is measured in a process of its own, whose peak of memory is taken before and after. Ends with an error where the file that
comes back is another one, or where the peak grew by `ALLOWED` or more.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

ADAPTERS: Final = ("sync", "anyio", "trio")
ALLOWED: Final = 32.0
"""MiB by which a client may grow."""
MIB: Final = 1024 * 1024
PIECE: Final = bytes(range(251)) * 4177


def peak() -> float:
    """The most memory that this process has had, in MiB. (Linux counts it in KiB.)"""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_sync(url: str, path: Path, to: Path) -> dict[str, float]:
    """With plain calls."""
    from gradio_sansio_sync import client, handle_file

    with client(url) as app:
        app.download(app.predict("/same", [handle_file(b"warm", name="warm")]).value, to)
        before, started = peak(), time.perf_counter()
        file = app.predict("/same", [handle_file(path)]).value
        uploaded = time.perf_counter()
        app.download(file, to)
        downloaded = time.perf_counter()
    return {"up": uploaded - started, "down": downloaded - uploaded, "grown": peak() - before}


async def with_tasks(client: Any, url: str, path: Path, to: Path) -> dict[str, float]:
    """The same, awaited."""
    from gradio_sansio import handle_file

    async with client(url) as app:
        await app.download((await app.predict("/same", [handle_file(b"warm", name="warm")])).value, to)
        before, started = peak(), time.perf_counter()
        file = (await app.predict("/same", [handle_file(path)])).value
        uploaded = time.perf_counter()
        await app.download(file, to)
        downloaded = time.perf_counter()
    return {"up": uploaded - started, "down": downloaded - uploaded, "grown": peak() - before}


def by_anyio(url: str, path: Path, to: Path) -> dict[str, float]:
    """Under asyncio."""
    import asyncio

    from gradio_sansio_anyio import client

    return asyncio.run(with_tasks(client, url, path, to))


def by_trio(url: str, path: Path, to: Path) -> dict[str, float]:
    """Under trio."""
    import trio

    from gradio_sansio_trio import client

    return trio.run(partial(with_tasks, client, url, path, to))


def write_large(path: Path, size: int) -> None:
    """A file in which no piece is like its neighbours."""
    with path.open("wb") as file:
        for number in range(0, size, len(PIECE)):
            file.write((number.to_bytes(8, "big") + PIECE[8:])[: size - number])


def same(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes, which are not all read at once."""
    with one.open("rb") as first, other.open("rb") as second:
        while data := first.read(MIB):
            if data != second.read(MIB):
                return False
        return not second.read(1)


def measure(adapter: str, url: str, size: int) -> dict[str, float]:
    """Move a file of so many bytes: seconds `up` (with the call) and `down`, MiB by which the peak has `grown`."""
    with tempfile.TemporaryDirectory() as name:
        path, to = Path(name) / "large.bin", Path(name) / "back"
        to.mkdir()
        write_large(path, size)
        command = [sys.executable, "-m", "benchmarks.files", "--child", adapter, url, str(path), str(to)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1]
        )
        if not same(path, to / "large.bin"):
            raise SystemExit(f"{adapter}: the file that came back is another one")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--child"]:
        adapter, url, path, to = sys.argv[2:]
        run = {"sync": by_sync, "anyio": by_anyio, "trio": by_trio}[adapter]
        print(json.dumps(run(url, Path(path), Path(to))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--adapter", choices=ADAPTERS, action="append")
    args = parser.parse_args()

    from tests.servers.environments import known_versions
    from tests.servers.server import GradioServer

    with GradioServer(known_versions()[-1]) as server:
        print(f"{args.size} MiB to Gradio {server.version} on this machine and back")
        for adapter in args.adapter or ADAPTERS:
            found = measure(adapter, server.url, args.size * MIB)
            up, down, grown = found["up"], found["down"], found["grown"]
            print(f"{adapter:6} up {up:6.1f} s   down {down:6.1f} s   {grown:5.1f} MiB more memory")
            if grown >= ALLOWED:
                raise SystemExit(f"{adapter}: more than {ALLOWED:g} MiB")


if __name__ == "__main__":
    main()
