"""Pages that a run writes of what its tests told: in their reports, for these come from all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.live.fault_rules import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Told(NamedTuple):
    """What a test told of itself, once for each part of it that failed, or once in all."""

    name: str
    fields: Sequence[Any]
    passed: bool


def tell(item: pytest.Item) -> None:
    """Let all reports of a test say what it tries: where its server doesn't start, there is but one."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return
    parameters = item.callspec.params
    # In plain types, for a report may come from a worker.
    if isinstance(cell := parameters.get("cell"), Cell):
        item.user_properties.append(("cell", (cell.version, cell.way, cell.phase.value, cell.fault.value)))
    elif item.path.name == "test_versions.py":
        scenario = item.originalname.removeprefix("test_").replace("_", " ")
        way = str(parameters.get("way", "all"))
        item.user_properties.append(("scenario", (str(parameters["version"]), scenario, way)))


class Page:
    """Writes a document at a run's end."""

    def __init__(self, path: Path, text: Callable[[Sequence[Told]], str]) -> None:
        self._path = path
        self._text = text
        self._told: list[Told] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or (report.when == "call" and report.passed):
            for name, fields in report.user_properties:
                told: Any = fields
                self._told.append(Told(name, told, report.passed))

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(self._text(self._told), encoding="utf-8")
