"""One app for the tests of the command line; each has a server of its own, since some of them break it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pytest

from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from tests.cli.app import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

Server: TypeAlias = Loopback[GradioServer]


@pytest.fixture
def server() -> Iterator[Server]:
    with Loopback(GradioServer(FUNCTIONS)) as running:
        yield running
