"""What is measured: an operation, the server that it is for, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

NEWEST: Final = "6.31.0"
MIB: Final = 1024 * 1024


class Case(NamedTuple):
    """One operation, done by all contenders in turn."""

    name: str
    title: str
    do: str
    details: Mapping[str, Any] = MappingProxyType({})
    units: int = 1
    """By what the figures are divided: calls, jobs or events in one operation."""
    unit: str = "call"
    rounds: int = 5
    version: str = NEWEST
    """Of the real server; ``values`` or ``text`` for prepared bytes."""
    link: str = ""
    """``far`` for a round trip of 50 ms, ``tls`` for https."""
    floor: bool = True


def _predict(name: str, title: str, **options: Any) -> Case:
    return Case(name, title, "predict", {"count": 20}, 20, **options)


def _jobs(count: int, rounds: int) -> Case:
    return Case(f"jobs-{count}", f"{count} jobs at once", "jobs", {"count": count}, count, "job", rounds)


def _stream(name: str, title: str, **options: Any) -> Case:
    return Case(name, title, "stream", {"count": 2000}, 2000, "event", **options)


CASES: Final = (
    _predict("predict", "A warm call", rounds=15),
    _jobs(10, 7),
    _jobs(100, 3),
    _jobs(1000, 2),
    _stream("stream", "A stream of 2,000 small values", rounds=3),
    Case("replay", "20,000 events of prepared bytes", "replay", {}, 20_000, "event", 5, "values"),
    Case("text", "A text of 10,000 tokens, by edits", "replay", {}, 10_000, "event", 3, "text"),
    Case("big", "A result of 10 MB", "big", {"size": 10_000_000}, rounds=3),
    Case("up", "An argument of 1 MB", "up", {"size": 1_000_000}, rounds=3),
    Case("apps", "50 apps at once, a call each", "apps", {"count": 50}, 50, "app", 2, floor=False),
    _predict("predict-4.44.1", "A warm call, Gradio 4.44.1", version="4.44.1"),
    _stream("stream-4.44.1", "2,000 small values, Gradio 4.44.1", rounds=2, version="4.44.1"),
    _predict("predict-3.50.2", "A warm call, Gradio 3.50.2 (websocket)", version="3.50.2", floor=False),
    Case("far", "A warm call over 50 ms", "predict", {"count": 3}, 3, rounds=3, link="far"),
    _predict("tls", "A warm call through TLS", link="tls"),
)
"""The files' cases belong here once there are files: 1 GiB up and down, against a bare socket's rate."""
