"""What is measured: an operation, the server that it is for, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

NEWEST: Final = "6.31.0"
MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Case(NamedTuple):
    """One operation, done by all contenders in turn."""

    name: str
    title: str
    do: str
    details: Mapping[str, Any] = NOTHING
    units: int = 1
    """By what the figures are divided: calls, jobs or events in one operation."""
    unit: str = "call"
    rounds: int = 5
    """At most; fewer where they take long."""
    version: str = NEWEST
    """Of the real server; ``values`` or ``text`` for prepared bytes."""
    link: str = ""
    """``far`` for a round trip of 50 ms, ``tls`` for https."""
    floor: bool = True
    peers: bool = True
    sketches: bool = False
    """Whether the libraries alone take part."""
    fresh: bool = False
    """Each contender has a server of its own in each round: one that has done thousands of jobs takes up to three times as long."""
    warm: Mapping[str, Any] = NOTHING
    """In what the operation is smaller when it is done for the first time, which isn't counted."""


def _predict(name: str, title: str, **options: Any) -> Case:
    return Case(name, title, "predict", {"count": 10}, 10, **options)


def _jobs(count: int, rounds: int) -> Case:
    title = "1 job" if count == 1 else f"{count:,} jobs at once"
    return Case(
        f"jobs-{count}",
        title,
        "jobs",
        {"count": count},
        count,
        "job",
        rounds,
        fresh=count >= 200,
        warm={"count": 1},
    )


def _stream(name: str, title: str, **options: Any) -> Case:
    return Case(name, title, "stream", {"count": 2000}, 2000, "event", warm={"count": 20}, **options)


CASES: Final = (
    _predict("predict", "A warm call", rounds=15, sketches=True),
    _jobs(1, 15),
    _jobs(10, 9),
    _jobs(100, 5),
    _jobs(200, 2),
    _jobs(1000, 2),
    _stream("stream", "A stream of 2,000 small values", rounds=3, sketches=True),
    Case(
        "replay",
        "20,000 events of prepared bytes",
        "replay",
        NOTHING,
        20_000,
        "event",
        7,
        "values",
        sketches=True,
    ),
    Case("text", "A text of 10,000 tokens, by edits", "replay", NOTHING, 10_000, "event", 5, "text"),
    Case("big", "A result of 10 MB", "big", {"size": 10_000_000}, rounds=3),
    Case("up", "An argument of 1 MB", "up", {"size": 1_000_000}, rounds=3),
    Case(
        "apps",
        "50 apps at once, a call each",
        "apps",
        {"count": 50},
        50,
        "app",
        2,
        floor=False,
        warm={"count": 1},
    ),
    _predict("far", "A warm call over a link with 50 ms round trip", rounds=5, link="far"),
    _predict("tls", "A warm call through TLS", link="tls"),
    _predict("predict-4.44.1", "A warm call, Gradio 4.44.1", version="4.44.1"),
    _stream("stream-4.44.1", "A stream of 2,000 small values, Gradio 4.44.1", rounds=2, version="4.44.1"),
    _predict("predict-3.50.2", "A warm call, Gradio 3.50.2 (websocket)", version="3.50.2", floor=False),
    Case(
        "stream-3.50.2",
        "A stream of 500 small values, Gradio 3.50.2 (websocket)",
        "stream",
        {"count": 500},
        500,
        "event",
        2,
        "3.50.2",
        floor=False,
        warm={"count": 20},
    ),
    Case(
        "files",
        "A file of 1 GiB, up and down again",
        "file",
        {"size": GIB},
        GIB // MIB,
        "MiB",
        2,
        peers=False,
        warm={"size": MIB},
    ),
)
