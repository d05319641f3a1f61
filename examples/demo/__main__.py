"""`make demo`: a real Gradio app, called in three styles.

Without an argument it starts the app beside this file and takes the same tour through it with plain calls, under asyncio and
under trio. With one, a URL or the name of a Space, it calls that app instead: it lists the endpoints and tries the first three
that need no more than simple values. The exit code is 0 only when every call that should succeed did.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
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


def clean(text: object) -> str:
    """What a server says may hold control characters, and a terminal would obey them."""
    return "".join(letter for letter in str(text) if letter.isprintable())


class Report:
    """Prints what happens and counts what went wrong. On a terminal, one line at the bottom is rewritten as things change."""

    def __init__(self) -> None:
        self.failures = 0
        self._tty = sys.stdout.isatty()
        self._live = ""
        self._since = time.monotonic()

    def line(self, text: object = "") -> None:
        """Print a line that stays."""
        if self._tty and self._live:
            print("\r\x1b[K", end="")
        self._live = ""
        print(text, flush=True)

    def live(self, call: str, text: object) -> None:
        """Show how things stand now."""
        line = f"  {clean(call):8} {clean(text)}"
        if line == self._live:
            return
        self._live = line
        if self._tty:
            print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        else:
            print(line, flush=True)

    def style(self, name: str) -> None:
        """A new part begins."""
        self.line()
        self.line(name)
        self._since = time.monotonic()

    def done(self, call: str, text: object, *, ok: bool = True) -> None:
        """One call has ended; say how, and how long it took since the one before."""
        now = time.monotonic()
        self.failures += not ok
        remark = "" if ok else "  <- not as it should be"
        self.line(f"  {clean(call):8} {clean(text)}  ({now - self._since:.2f} s){remark}")
        self._since = now

    def result(self, call: str, got: object, wanted: object) -> None:
        """The value of a call whose right answer is known."""
        self.done(call, _shown(got), ok=got == wanted)

    def error(self, call: str, error: GradioError, *, ok: bool) -> None:
        """The error as a user gets it."""
        self.done(call, f"{type(error).__name__}: {error}", ok=ok)

    def connected(self, config: Mapping[str, Any]) -> None:
        self.done("connect", f"Gradio {config.get('version')}, protocol {config.get('protocol')}")

    def event(self, call: str, event: Data | Status | Log) -> None:
        """What a job tells while it waits and runs."""
        match event:
            case Status():
                self.live(call, describe(event))
            case Log():
                self.line(f"  {call:8} {clean(event.level)}: {clean(event.message)}")
            case Data():
                pass  # the caller shows the last one

    def endpoints(self, info: ApiInfo) -> None:
        for line in str(info).splitlines():
            self.line(f"  | {clean(line)}".rstrip())


def has_place(event: Data | Status | Log) -> bool:
    """The server has told a job its place in the queue."""
    return isinstance(event, Status) and event.position is not None


def describe(status: Status) -> str:
    """One line for how a job stands."""
    if status.stage == "pending" and status.position:
        return f"waits, {status.position} before it"
    if status.stage == "pending" and status.position == 0 and not status.progress_data:
        return "is next, or has begun"
    for bar in status.progress_data or ():
        if bar.index is not None and bar.length:
            filled = round(20 * bar.index / bar.length)
            return f"[{'#' * filled}{'.' * (20 - filled)}] {bar.index:g} of {bar.length:g} {bar.unit or ''}"
    return status.stage


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:200]}..."


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
        report.done(str(call), _shown(result.value))


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
