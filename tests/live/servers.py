"""Fixtures for modules that try several versions of Gradio; `conftest.py` has those for the newest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.live.conftest import StartServer
    from tests.servers.server import GradioServer


def each_version(versions: Sequence[str]) -> Any:
    """A module's `version`, in place of the newest; those that aren't built are skipped."""

    @pytest.fixture(scope="module", params=versions)
    def version(request: pytest.FixtureRequest, built: frozenset[str]) -> str:
        found: str = request.param
        if found not in built:
            pytest.skip(f"no environment for Gradio {found} (make servers, as .ci/run does)")
        return found

    return version


def own_server(*arguments: str) -> Any:
    """A server of `tests/servers/app.py` for one module, with arguments of its own, for each `version`."""

    @pytest.fixture(scope="module")
    def server(version: str, start_server: StartServer) -> Iterator[GradioServer]:
        server = start_server(version, *arguments)
        yield server
        server.stop()

    return server
