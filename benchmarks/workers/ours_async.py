"""gradio-sansio in a runtime of tasks: ``ours_async.py anyio|trio asyncio|trio``."""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import anyio
from worker import TEXT, Meter, answer, source

from gradio_sansio import handle_file

adapter, backend = sys.argv[1:]
client = import_module(f"gradio_sansio_{adapter}").client
opened: list[tuple[AsyncExitStack, Any]] = []


async def connect(url: str) -> None:
    """Open an app that stays open; what a program does with ``async with``."""
    stack = AsyncExitStack()
    opened.append((stack, await stack.enter_async_context(client(url))))


async def do(request: dict[str, Any]) -> Any:
    """Do what is asked for, in the way of the README."""
    if request["do"] == "connect":
        return await connect(request["url"])
    if request["do"] == "close":
        return await opened.pop()[0].aclose()
    if request["do"] == "apps":
        return await apps(request["url"], request["count"])
    app = opened[-1][1]
    match request["do"]:
        case "predict":
            return [(await app.predict("/predict", [TEXT])).value for _ in range(request["count"])]
        case "jobs":
            jobs = [app.submit("/predict", [TEXT]) for _ in range(request["count"])]
            return [(await job.result()).value for job in jobs]
        case "stream":
            return [data.value async for data in app.submit("/count", [request["count"], 0])]
        case "replay":
            count, last = 0, ""
            async for data in app.submit("/replay", [TEXT]):
                count += 1
                last = data.value
            return count, last
        case "big":
            return (await app.predict("/big", [request["size"]])).value
        case "up":
            return (await app.predict("/json", ["y" * request["size"]])).value
        case "file":
            file = (await app.predict("/same", [handle_file(source(request))])).value
            return await app.download(file, request["folder"])


async def apps(url: str, count: int) -> list[str]:
    """Many apps at once, each with a call."""
    values: list[str] = []

    async def one() -> None:
        async with client(url) as app:
            values.append((await app.predict("/predict", [TEXT])).value)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one)
    return values


async def main() -> None:
    """Serve requests; waiting for the next one leaves the runtime free to do what the client wants done."""
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        request = json.loads(line)
        meter = Meter()
        # Held by no name, since it would be counted during the next call.
        answer(request, await do(request), meter.read())
    while opened:
        await opened.pop()[0].aclose()


anyio.run(main, backend=backend)
