"""`make demo`: a real Gradio app, called in three styles.

Without an argument it starts the app beside this file and takes the same tour through it with plain calls, under asyncio and
under trio; then it wakes a Space that sleeps. With one, a URL or the name of a Space, it calls that app instead: it lists the
endpoints and tries the first three that need no more than simple values. The exit code is 0 only when every call that should succeed did.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import trio

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from examples.demo.report import Report, clean, shown
from examples.demo.space import wake
from gradio_sansio import AppError, Data, GradioError, Log, Status, ValidationError
from tests.servers.environments import BuildError, known_versions
from tests.servers.server import GradioServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradio_sansio import ApiInfo, Endpoint, Parameter

APP = Path(__file__).with_name("app.py")
TEXT = "a token stream arrives as a growing text"
REASON = "the app's own words"
STEPS = (2, 2, 4)  # of the three jobs that are sent one after another
LAST = 3  # the number at which the counting job is cancelled

TRIES = 3  # calls to an app that we know nothing of
PATIENCE = 120.0  # seconds for each of them
MADE_UP: Mapping[str, object] = {"textbox": "hello", "number": 3, "checkbox": True}


def has_place(event: Data | Status | Log) -> bool:
    """The server has told a job its place in the queue."""
    return isinstance(event, Status) and event.position is not None


# The tour, in plain calls.


def sync_tour(url: str, report: Report) -> None:
    with gradio_sansio_sync.client(url) as app:
        report.connected(app.config)
        report.endpoints(app.view_api())

        report.result("/echo", app.predict("/echo", ["hello"]).value, "hello")
        report.result("/add", app.predict("/add", {"b": 40}).value, 42)

        # Three jobs for a function that runs one at a time: two wait in the queue. Calls under way at the same time may overtake
        # each other, so each has its place before the next one is sent.
        jobs: list[gradio_sansio_sync.Submission] = []
        for count in STEPS:
            jobs.append(app.submit("/steps", {"count": count}))
            for event in jobs[-1].events():
                if has_place(event):
                    break
        report.event("/steps", jobs[-1].status)
        for event in jobs[-1].events():
            report.event("/steps", event)
        report.result("/steps", [job.result().value for job in jobs], [f"{n} steps done" for n in STEPS])

        said = None
        for data in app.submit("/tokens", [TEXT]):
            said = data.value
            report.live("/tokens", said)
        report.result("/tokens", said, TEXT)

        try:
            app.predict("/fail", [REASON])
        except AppError as error:
            report.error("/fail", error, ok=error.message == REASON)
        else:
            report.done("/fail", "there was no error", ok=False)

        counted: list[object] = []
        counting = app.submit("/count")
        for data in counting:
            counted.append(data.value)
            if data.value == LAST:
                counting.cancel()
        report.done("/count", f"cancelled after {counted}", ok=counting.cancelled and counted[-1] == LAST)


# The same with `await`. Both async packages offer the same calls, so one function serves them.


async def async_tour(client: Callable[[str], Any], url: str, report: Report) -> None:
    async with client(url) as app:
        report.connected(app.config)

        report.result("/echo", (await app.predict("/echo", ["hello"])).value, "hello")
        report.result("/add", (await app.predict("/add", {"b": 40})).value, 42)

        jobs: list[Any] = []
        for count in STEPS:
            jobs.append(app.submit("/steps", {"count": count}))
            async for event in jobs[-1].events():
                if has_place(event):
                    break
        report.event("/steps", jobs[-1].status)
        async for event in jobs[-1].events():
            report.event("/steps", event)
        results = [(await job.result()).value for job in jobs]
        report.result("/steps", results, [f"{n} steps done" for n in STEPS])

        said = None
        async for data in app.submit("/tokens", [TEXT]):
            said = data.value
            report.live("/tokens", said)
        report.result("/tokens", said, TEXT)

        try:
            await app.predict("/fail", [REASON])
        except AppError as error:
            report.error("/fail", error, ok=error.message == REASON)
        else:
            report.done("/fail", "there was no error", ok=False)

        counted: list[object] = []
        async with app.submit("/count") as counting:  # leaving the block cancels the job
            async for data in counting:
                counted.append(data.value)
                if data.value == LAST:
                    break
        report.done("/count", f"cancelled after {counted}", ok=counting.cancelled and counted[-1] == LAST)


def tour(report: Report) -> None:
    version = known_versions()[-1]
    report.line(f"Starting a Gradio {version} app on loopback ...")
    with GradioServer(version, app=APP) as server:
        report.style("gradio_sansio_sync: plain calls")
        sync_tour(server.url, report)
        report.style("gradio_sansio_anyio: asyncio")
        anyio.run(async_tour, gradio_sansio_anyio.client, server.url, report)
        report.style("gradio_sansio_trio: trio")
        trio.run(async_tour, gradio_sansio_trio.client, server.url, report)
        report.style("a Space that sleeps, at a Hub on loopback: asyncio")
        anyio.run(wake, server.url, report)


# An app that we know nothing of.


@dataclass(frozen=True)
class Call:
    endpoint: str | int
    payload: dict[str, object]
    """Made-up values for the parameters without a default."""

    def __str__(self) -> str:
        return f"{self.endpoint}({', '.join(f'{name}={value!r}' for name, value in self.payload.items())})"


def plan(info: ApiInfo) -> list[Call]:
    """The first calls that can be made with defaults and simple values."""
    calls: list[Call] = []
    endpoints: list[tuple[str | int, Endpoint]] = [
        *info.named_endpoints.items(),
        *info.unnamed_endpoints.items(),
    ]
    for name, endpoint in endpoints:
        payload = made_up(endpoint.parameters)
        if payload is not None:
            calls.append(Call(name, payload))
    return calls[:TRIES]


def made_up(parameters: tuple[Parameter, ...]) -> dict[str, object] | None:
    """A value for each parameter that has no default; None if one of them is not a simple one."""
    needed = [parameter for parameter in parameters if not parameter.has_default]
    if any(parameter.component.lower() not in MADE_UP for parameter in needed):
        return None
    return {parameter.name or parameter.label: MADE_UP[parameter.component.lower()] for parameter in needed}


def visit(source: str, report: Report) -> None:
    report.style(f"gradio_sansio_sync: {clean(source)}")
    with gradio_sansio_sync.client(source) as app:
        report.connected(app.config)
        info = app.view_api()
        report.endpoints(info)
        calls = plan(info)
        for call in calls:
            attempt(
                report, call, functools.partial(app.predict, call.endpoint, call.payload, timeout=PATIENCE)
            )
    if not calls:
        report.line("  No endpoint can be called with simple values.")
        return
    # The others show that they get there too; repeating everything would be a burden on the app.
    first = calls[0]
    report.style("gradio_sansio_anyio: asyncio")
    attempt(report, first, lambda: anyio.run(visit_once, gradio_sansio_anyio.client, source, first))
    report.style("gradio_sansio_trio: trio")
    attempt(report, first, lambda: trio.run(visit_once, gradio_sansio_trio.client, source, first))


async def visit_once(client: Callable[[str], Any], source: str, call: Call) -> Data:
    async with client(source) as app:
        result: Data = await app.predict(call.endpoint, call.payload, timeout=PATIENCE)
        return result


def attempt(report: Report, call: Call, run: Callable[[], Data]) -> None:
    """Make a call. An app may refuse what we made up; its own defaults should do, and so should the network."""
    report.live(str(call), "...")
    try:
        result = run()
    except (AppError, ValidationError) as error:
        report.error(str(call), error, ok=bool(call.payload))
    except GradioError as error:
        report.error(str(call), error, ok=False)
    else:
        report.done(str(call), shown(result.value))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo")
    parser.add_argument(
        "source", nargs="?", help="a URL or user/space; without it, an app of our own is started"
    )
    source: str | None = parser.parse_args().source
    report = Report()
    started = time.monotonic()
    try:
        if source:
            visit(source, report)
        else:
            tour(report)
    except KeyboardInterrupt:
        report.line("\nInterrupted.")
        return 130
    except (GradioError, BuildError, OSError, ValueError) as error:
        report.line(f"{type(error).__name__}: {clean(error)}")
        return 1
    report.line()
    verdict = f"{report.failures} not as they should be" if report.failures else "all as it should be"
    report.line(f"Done in {time.monotonic() - started:.1f} s: {verdict}.")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
