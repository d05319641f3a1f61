"""Large files go up and down in constant memory; `python -m benchmarks.files` does the same with 1 GiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.files import ADAPTERS, ALLOWED, MIB, measure

if TYPE_CHECKING:
    from tests.servers.server import GradioServer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_large_files(adapter: str, server: GradioServer) -> None:
    # Held as a whole in either direction, it would be more than is allowed. That it comes back the same is checked there.
    assert measure(adapter, server.url, 96 * MIB)["grown"] < ALLOWED
