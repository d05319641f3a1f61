"""Fixtures for tests of programs that call Gradio apps: no Gradio is needed, and no network but this machine's own.

pytest finds them by itself wherever the package is installed. (Their functions are private since pytest's own types are not complete.)
"""
# ruff: noqa: TID251  # transcripts are files, and nothing of the core imports this
# ruff: noqa: PLC0415  # it is loaded in every run of pytest where the package is installed, so the rest is when it is asked for

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from gradio_sansio.testing.functions import Function
    from gradio_sansio.testing.loopback import Loopback
    from gradio_sansio.testing.server import GradioServer
    from gradio_sansio.testing.transcripts import Player


class StartServer(Protocol):
    """What ``gradio_server`` gives."""

    def __call__(
        self,
        *functions: Function | Callable[..., object],
        version: tuple[int, int, int] = ...,
        **options: Any,
    ) -> Loopback[GradioServer]:
        """Start a server of that version with these endpoints; the options are those of ``GradioServer``."""
        ...


class StartPlayer(Protocol):
    """What ``gradio_player`` gives."""

    def __call__(self, *transcripts: str | Path) -> Loopback[Player]:
        """Start a server that says again what is in these files."""
        ...


@pytest.fixture(name="gradio_server")
def _gradio_server() -> Iterator[StartServer]:
    """Start servers that last as long as the test: ``gradio_server(function).url`` is what your program connects to."""
    from gradio_sansio.testing.functions import Function, function
    from gradio_sansio.testing.loopback import Loopback
    from gradio_sansio.testing.server import GradioServer

    with ExitStack() as servers:

        def start(*functions: Function | Callable[..., object], **options: Any) -> Loopback[GradioServer]:
            made = [given if isinstance(given, Function) else function(given) for given in functions]
            return servers.enter_context(Loopback(GradioServer(made, **options)))

        yield start


@pytest.fixture(name="gradio_player")
def _gradio_player() -> Iterator[StartPlayer]:
    """Play transcripts: ``gradio_player("trace.jsonl").url``. The test fails if something was asked for that isn't in them."""
    from gradio_sansio.testing.loopback import Loopback
    from gradio_sansio.testing.transcripts import Player, read_transcript

    players: list[Player] = []
    with ExitStack() as servers:

        def start(*transcripts: str | Path) -> Loopback[Player]:
            texts = [Path(path).read_text(encoding="utf-8") for path in transcripts]
            players.append(Player(*map(read_transcript, texts)))
            return servers.enter_context(Loopback(players[-1]))

        yield start
    unmatched = [f"{request.method} {request.path}" for player in players for request in player.unmatched]
    if unmatched:
        pytest.fail(f"not in the transcript: {', '.join(unmatched)}", pytrace=False)
