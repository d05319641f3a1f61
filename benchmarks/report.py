"""What a run found, as a JSON file and as a page with plots."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.cases import Case
from benchmarks.runner import ROUND_TRIP, Samples

DOCS: Final = Path(__file__).parents[1] / "docs"
PLOTS: Final = DOCS / "benchmarks"
INTRODUCTION: Final = """# Benchmarks

Written by `make bench`; figures and the machine are those of one run. All contenders take turns within each round (A B C A B C ...),
each in a process of its own, and every result is compared with what it must be. The floor is a bare socket that sends prepared bytes
and looks for the end of each answer; it decodes nothing. A ratio is the median of the ratios within a round. CPU is the contender's
own, on all its threads.
"""


class Figures(NamedTuple):
    """One contender in one case, each by unit of the case."""

    wall: float
    """Seconds: the median, the least and the most."""
    least: float
    most: float
    cpu: float
    ratio: float | None
    """Of the wall time to the floor's, round by round."""
    peak: float
    """Bytes, of the whole process."""


def figures(case: Case, samples: Samples) -> dict[str, Figures]:
    """The medians of a case."""
    floor = [sample["seconds"] for sample in samples.get("floor", [])]
    found: dict[str, Figures] = {}
    for name, taken in samples.items():
        wall = [sample["seconds"] / case.units for sample in taken]
        ratios = [sample["seconds"] / least for sample, least in zip(taken, floor, strict=False)]
        found[name] = Figures(
            wall=statistics.median(wall),
            least=min(wall),
            most=max(wall),
            cpu=statistics.median(sample["cpu"] / case.units for sample in taken),
            ratio=statistics.median(ratios) if ratios else None,
            peak=max(sample["peak"] for sample in taken),
        )
    return found


def duration(seconds: float) -> str:
    """In the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


class Report:
    """Collects what a run finds, and writes it."""

    def __init__(self, versions: Mapping[str, str]) -> None:
        self._versions = dict(versions)
        self._json: dict[str, Any] = {"versions": self._versions, "machine": machine(), "cases": {}}
        self._sections: list[str] = []
        self._medians: dict[str, dict[str, Figures]] = {}

    def case(self, case: Case, samples: Samples, failures: Mapping[str, str]) -> str:
        """Take in a case; its table, for the terminal."""
        found = self._medians[case.name] = figures(case, samples)
        self._json["cases"][case.name] = {
            "title": case.title,
            "unit": case.unit,
            "units": case.units,
            "samples": samples,
            "failures": dict(failures),
        }
        head = [f"by {case.unit}", "wall, median", "least to most", "to the floor", "CPU", "peak memory"]
        rows = [
            [
                name,
                duration(one.wall),
                f"{duration(one.least)} to {duration(one.most)}",
                "" if one.ratio is None else f"{one.ratio:.2f}",
                duration(one.cpu),
                f"{one.peak / 2**20:.0f} MiB",
            ]
            for name, one in found.items()
        ]
        rows += [[name, "failed", "", "", "", ""] for name in failures]
        text = f"## {case.title}\n\n{table(head, rows)}"
        if case.link == "far" and (near := self._medians.get("predict")):
            rows = [
                [name, f"{(one.wall - near[name].wall) / ROUND_TRIP:.1f}"]
                for name, one in found.items()
                if name in near
            ]
            text += "\n" + table(["contender", "round trips by call"], rows)
        self._sections.append(text + plot(case, found))
        return text

    def section(self, title: str, name: str, text: str, data: Any) -> str:
        """Take in something that is no case."""
        self._json[name] = data
        text = f"## {title}\n\n{text}"
        self._sections.append(text)
        return text

    def write(self) -> None:
        """The page and the file."""
        versions = ", ".join(f"{name} {version}" for name, version in self._versions.items())
        where = self._json["machine"]
        page = [INTRODUCTION, f"Versions: {versions}. Machine: {where}.\n", *self._sections]
        (DOCS / "benchmarks.md").write_text("\n".join(page), encoding="utf-8")
        (DOCS / "benchmarks.json").write_text(json.dumps(self._json, indent=1) + "\n", encoding="utf-8")


def machine() -> str:
    """What the run was on, and how busy it was."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()},"
        f" load {load:.1f} before the run"
    )


def plot(case: Case, found: Mapping[str, Figures]) -> str:
    """Draw the CPU and the wall time of a case; how the page shows it."""
    PLOTS.mkdir(exist_ok=True)
    left, width, height = 190, 420, 18
    lines: list[str] = []
    y = 20
    for what, value in (
        ("wall", {name: one.wall for name, one in found.items()}),
        ("CPU", {name: one.cpu for name, one in found.items()}),
    ):
        lines.append(f'<text x="0" y="{y}" font-weight="bold">{what} by {escape(case.unit)}</text>')
        most = max(value.values(), default=1.0)
        for name, seconds in value.items():
            y += height
            colour = "#888" if name == "floor" else "#2a6" if name.startswith("gradio-sansio") else "#c62"
            length = max(1.0, width * seconds / most)
            lines.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
            lines.append(f'<rect x="{left}" y="{y - 8}" width="{length:.1f}" height="14" fill="{colour}"/>')
            lines.append(f'<text x="{left + length + 6:.1f}" y="{y + 4}">{duration(seconds)}</text>')
        y += 2 * height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{y}"'
        ' font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    path = PLOTS / f"{case.name}.svg"
    path.write_text("\n".join([head, *lines, "</svg>\n"]), encoding="utf-8")
    return f"\n![{case.title}](benchmarks/{path.name})\n"
