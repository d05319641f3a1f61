"""The demo's second scene: a Space that sleeps is woken, and called once it runs.

The Hub is the one of the tests, on loopback: it speaks HTTP and TLS, and the Space's host has the demo's app behind it.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

import anyio

from gradio_sansio_anyio import client
from tests.hub.hub import WOKEN, LocalHub

if TYPE_CHECKING:
    from examples.demo.report import Report
    from gradio_sansio import SpaceStatus
    from tests.hub.hub import Script

NAME = "demo/sleeper"
STAGES: Script = [("SLEEPING", WOKEN), ("SLEEPING", 2.0), ("APP_STARTING", 3.0)]
SPINNER = "|/-\\"


async def wake(backend: str, report: Report) -> None:
    """Go from a Space that sleeps to a value of its app."""
    told: list[SpaceStatus] = []
    report.live("space", "is looked up")
    with LocalHub(backend) as hub:
        hub.add(NAME, script=STAGES)
        async with anyio.create_task_group() as group:
            showing = anyio.CancelScope()
            group.start_soon(show, told, report, showing)
            async with client(
                NAME, hub=hub.url, ssl_context=hub.ssl_context(), status_callback=told.append, deadline=60
            ) as app:
                showing.cancel()
                ways = [status.status for status in told]
                report.done("space", " -> ".join(ways), ok=ways[:1] == ["sleeping"] and ways[-1] == "running")
                value = (await app.predict("/echo", ["hello"], timeout=30)).value
                report.result("/echo", value, "hello")


async def show(told: list[SpaceStatus], report: Report, showing: anyio.CancelScope) -> None:
    """Keep the line at the bottom up to date; on a terminal, it shows that time passes."""
    with showing:
        for turn in itertools.cycle(SPINNER):
            if told:
                mark = f"{turn} " if sys.stdout.isatty() else ""
                report.live("space", f"{mark}{told[-1].status}: {told[-1].message}")
            await anyio.sleep(0.1)
