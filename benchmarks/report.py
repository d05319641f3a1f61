"""What a run found, as a page with plots and as a table for the README. All of it is made from the data of a run, which a file keeps.

python -m benchmarks.report

makes the pages anew from ``docs/benchmarks.json``.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
PLOTS: Final = "benchmarks"
"""The folder of the plots, below the page."""
NOTES: Final = Path(__file__).with_name("notes.md")
"""What a person makes of the figures."""
BEGIN: Final = "<!-- begin of what `make bench` writes -->\n"
END: Final = "<!-- end of what `make bench` writes -->\n"
LEAST: Final = 0.01
"""Parts of a profile below this are left out."""
SYNC: Final = "gradio-sansio, sync"
FLOOR: Final = "floor"
PEERS: Final = ("@gradio/client", "gradio_client")
THREAD: Final = "sketch, thread"
LOOP: Final = "sketch, asyncio"
INTRODUCTION: Final = """# Benchmarks

Written by `make bench`; figures and the machine are those of one run. All contenders take turns within each round (A B C C B A ...),
each in a process of its own, and every result is compared with what it must be. The floor is a bare socket that sends prepared bytes
and looks for the end of each answer; it decodes nothing. The sketches are h11 and msgspec, on a selector's thread or on asyncio's loop,
with next to nothing around them: what a client that is built on these can come to at best. A ratio is the median of the ratios within
a round. CPU is the contender's own, on all its threads; wall times are those of the server too, and of what else the machine did.
"""
Data = Mapping[str, Any]
"""What a run found; see ``benchmarks.__main__``."""


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
    rounds: int


def figures(samples: Mapping[str, Sequence[Mapping[str, float]]], units: int = 1) -> dict[str, Figures]:
    """The medians of a case."""
    floor = [sample["seconds"] for sample in samples.get(FLOOR, [])]
    found: dict[str, Figures] = {}
    for name, taken in samples.items():
        wall = [sample["seconds"] / units for sample in taken]
        ratios = [sample["seconds"] / least for sample, least in zip(taken, floor, strict=False)]
        found[name] = Figures(
            wall=statistics.median(wall),
            least=min(wall),
            most=max(wall),
            cpu=statistics.median(sample["cpu"] / units for sample in taken),
            ratio=statistics.median(ratios) if ratios else None,
            peak=max(sample["peak"] for sample in taken),
            rounds=len(taken),
        )
    return found


def case_figures(data: Data, name: str) -> dict[str, Figures]:
    """Those of one case of a run; none where it wasn't run."""
    case = data.get("cases", {}).get(name)
    return figures(case["samples"], case["units"]) if case else {}


def round_trips(case: Mapping[str, Any]) -> dict[str, float]:
    """Of a case over a link, by unit: the least, since a call may find its connection closed in the meantime."""
    samples = case["samples"].items()
    return {name: min(sample["turns"] for sample in taken) / case["units"] for name, taken in samples}


def import_figures(data: Data) -> dict[str, tuple[float, float, float]]:
    """CPU seconds of each contender: the bare interpreter, the client over it, and the client over its runtime."""
    found: dict[str, tuple[float, float, float]] = {}
    for name, times in data.get("import", {}).items():
        bare, runtime, client = (statistics.median(times[what]) for what in ("bare", "runtime", "client"))
        found[name] = bare, client - bare, client - max(bare, runtime)
    return found


def duration(seconds: float) -> str:
    """In the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= size:
            return f"{_short(seconds / size)} {unit}"
    return "0"


def _short(value: float) -> str:
    """Three digits, but a whole number as it is."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def ours(name: str) -> bool:
    """Whether that is a contender of this project."""
    return name.startswith("gradio-sansio")


# Sections.


def case_section(data: Data, name: str) -> str:
    """One case."""
    case = data["cases"][name]
    found = case_figures(data, name)
    head = [
        f"by {case['unit']}",
        "wall, median",
        "least to most",
        "to the floor",
        "CPU",
        "peak memory",
        "rounds",
    ]
    rows = [
        [
            contender,
            duration(one.wall),
            f"{duration(one.least)} to {duration(one.most)}",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            duration(one.cpu),
            f"{one.peak / 2**20:.0f} MiB",
            str(one.rounds),
        ]
        for contender, one in found.items()
    ]
    parts = [f"## {case['title']}\n", table(head, rows)]
    if case["link"] == "far":
        rows = [[contender, f"{trips:.1f}"] for contender, trips in round_trips(case).items()]
        parts.append(
            "Counted on the way: how often a client connected, or sent something after it was sent something.\n"
        )
        parts.append(table(["contender", "round trips by call"], rows))
    parts += [_failure(*failure) for failure in case["failures"].items()]
    if found:
        parts.append(f"![{case['title']}]({PLOTS}/{name}.svg)\n")
    return "\n".join(parts)


def told(reason: str) -> str:
    """The line of a contender's complaint that says what was wrong."""
    lines = reason.strip().splitlines()
    return next((line for line in reversed(lines) if "Error" in line), lines[-1]).strip()[:200]


def _failure(contender: str, reason: str) -> str:
    return f"{contender} failed: `{told(reason).replace('`', ' ')}`\n"


def import_section(data: Data) -> str:
    """Importing."""
    rows = [
        [name, duration(bare), duration(over), duration(alone)]
        for name, (bare, over, alone) in import_figures(data).items()
    ]
    head = ["CPU", "bare interpreter", "client over it", "client over its runtime"]
    return f"## Import\n\n{table(head, rows)}"


def connect_section(data: Data) -> str:
    """Opening an app."""
    cold, again = figures(data["connect"]["cold"]), figures(data["connect"]["again"])
    rows = [
        [
            name,
            duration(cold[name].wall),
            duration(one.wall),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            duration(one.cpu),
            str(one.rounds),
        ]
        for name, one in again.items()
    ]
    head = ["wall", "the first time in a process", "again", "to the floor", "CPU", "rounds"]
    parts = [
        "## Connecting\n",
        "The floor asks for the app's config and the description of its endpoints, one after the other.\n",
        table(head, rows),
        *(_failure(*failure) for failure in data["connect"]["failures"].items()),
    ]
    return "\n".join(parts)


def engine_section(data: Data) -> str:
    """The engine alone, and how its cost grows."""
    engine = data["engine"]
    value, token = engine["value"], engine["token"]
    jobs = [
        [f"{count:,}", f"{submit * 1e6:.0f} us", f"{told * 1e6:.1f} us", f"{held / 1024:.1f} KiB"]
        for count, submit, told, held in engine["jobs"]
    ]
    parts = [
        "## The engine alone\n",
        (
            f"Without sockets, in this process. A streamed value of 290 bytes takes {duration(value)} ({290 / value / 1e6:.0f} MB a"
            f" second), a token of a text that grows to 10,000 {duration(token)}.\n"
        ),
        table(["open jobs", "submit", "message, one in each read", "memory, by job"], jobs),
        table(
            ["one line of", *(f"{size / 1e6:g} MB" for size, *_ in engine["lines"])],
            [
                ["CPU by byte", *(f"{each * 1e9:.2f} ns" for _, each, _ in engine["lines"])],
                ["a buffer and msgspec alone", *(f"{each * 1e9:.2f} ns" for _, _, each in engine["lines"])],
            ],
        ),
        table(
            ["a stream of", *(f"{size:,} values" for size, _ in engine["streams"])],
            [["CPU by value", *(f"{each * 1e6:.1f} us" for _, each in engine["streams"])]],
        ),
        "Where the time of a streamed value goes (under a profiler, which makes small functions look larger than they are):\n",
        table(
            ["place", "part"], [[place, f"{part:.0%}"] for place, part in engine["profile"] if part >= LEAST]
        ),
    ]
    return "\n".join(parts)


# Targets.


class Target(NamedTuple):
    """What was aimed for, and what came of it."""

    text: str
    aim: str
    seen: float
    """In the unit of ``aim``."""
    met: bool
    limit: float | None = None
    """What the libraries take alone, where that was measured."""


def targets(data: Data) -> list[Target]:
    """Those that the run has figures for; of our contenders the slowest, unless it says otherwise."""
    found: list[Target] = []

    def at_most(
        text: str, seen: float | None, bound: float, unit: str = "", limit: float | None = None
    ) -> None:
        if seen is not None and not math.isnan(seen):
            found.append(Target(text, f"at most {bound:.3g}{unit}", seen, seen <= bound, limit))

    def at_least(text: str, seen: float | None, bound: float, unit: str = "") -> None:
        if seen is not None and not math.isnan(seen):
            found.append(Target(text, f"at least {bound:.3g}{unit}", seen, seen >= bound))

    def worst(case: Mapping[str, Figures], what: str, *, only: str = "", but: str = "") -> float | None:
        values = [
            getattr(one, what)
            for name, one in case.items()
            if ours(name) and (not only or name == only) and name != but
        ]
        return max((value for value in values if value is not None), default=None)

    def part(value: float | None, whole: float | None) -> float | None:
        return None if value is None or not whole else value / whole

    def scaled(value: float | None, by: float) -> float | None:
        return None if value is None else value * by

    def of(case: Mapping[str, Figures], name: str, what: str = "cpu") -> float | None:
        return getattr(case[name], what) if name in case else None

    def best_peer(case: Mapping[str, Figures]) -> float | None:
        return min((case[name].wall for name in PEERS if name in case), default=None)

    predict, replay, stream = (case_figures(data, name) for name in ("predict", "replay", "stream"))
    at_most("warm `predict`, sync: time, to the floor", worst(predict, "ratio", only=SYNC), 1.15)
    at_most("warm `predict`, async: time, to the floor", worst(predict, "ratio", but=SYNC), 1.25)
    thread, loop = of(predict, THREAD), of(predict, LOOP)
    at_most("warm `predict`, sync: CPU", scaled(of(predict, SYNC), 1e3), 0.6, " ms", scaled(thread, 1e3))
    seen = scaled(worst(predict, "cpu", but=SYNC), 1e3)
    at_most("warm `predict`, async: CPU", seen, 1.0, " ms", scaled(loop, 1e3))
    for peer, bound in (("@gradio/client", 1 / 5), ("gradio_client", 1 / 80)):
        least = of(predict, peer)
        seen, limit = part(of(predict, SYNC), least), part(thread, least)
        at_most(f"warm `predict`, sync: CPU, to that of {peer}", seen, bound, limit=limit)
    loop, least = of(replay, LOOP), of(replay, "@gradio/client")
    seen = worst(replay, "cpu")
    at_most("replayed stream: CPU by event", scaled(seen, 1e6), 10, " us", scaled(loop, 1e6))
    at_most(
        "replayed stream: CPU, to that of @gradio/client", part(seen, least), 1.0, limit=part(loop, least)
    )
    seen = scaled(worst(stream, "cpu"), 1e6)
    at_most("real stream: CPU by event", seen, 40, " us", scaled(of(stream, LOOP), 1e6))
    for count in (200, 1000):
        jobs = case_figures(data, f"jobs-{count}")
        slowest, floor = worst(jobs, "wall"), of(jobs, FLOOR, "wall")
        at_least(f"{count:,} at once: jobs a second, to the best peer's", part(best_peer(jobs), slowest), 1.0)
        at_least(f"{count:,} at once: jobs a second, to the floor's", part(floor, slowest), 0.95)
    if "connect" in data:
        again = figures(data["connect"]["again"])
        limit = of(again, LOOP, "ratio")
        at_most("connecting: time, to the floor's two requests", worst(again, "ratio"), 1.2, limit=limit)
    imports = import_figures(data)
    if SYNC in imports:
        limit = imports[THREAD][1] * 1e3 if THREAD in imports else None
        at_most("import, sync: CPU over the bare interpreter", imports[SYNC][1] * 1e3, 60, " ms", limit)
    over = [alone for name, (_, _, alone) in imports.items() if ours(name) and name != SYNC]
    limit = imports[LOOP][2] * 1e3 if LOOP in imports else None
    at_most("import, async: CPU over its runtime", scaled(max(over, default=None), 1e3), 40, " ms", limit)
    at_most("peak memory of `predict`", scaled(worst(predict, "peak"), 2**-20), 40, " MiB")
    at_most("peak memory of the replayed stream", scaled(worst(replay, "peak"), 2**-20), 40, " MiB")
    if big := case_figures(data, "big"):
        more = [one.peak - predict[name].peak for name, one in big.items() if ours(name) and name in predict]
        at_most(
            "a result of 10 MB: memory above that of `predict`",
            scaled(max(more, default=None), 1e-6),
            40,
            " MB",
        )
    if engine := data.get("engine"):
        at_most("memory by open job", max(held for *_, held in engine["jobs"]) / 1024, 4, " KiB")
        told = {count: each for count, _, each, _ in engine["jobs"]}
        at_most("cost of a message with 10,000 open jobs, to that with 10", told[10_000] / told[10], 1.2)
        (_, short, bare_short), *_, (_, long, bare_long) = engine["lines"]
        at_most(
            "cost by byte of the longest line, to that of the shortest",
            long / short,
            1.2,
            limit=bare_long / bare_short,
        )
    if files := case_figures(data, "files"):
        at_least("files: rate, to a bare socket's", part(of(files, FLOOR, "wall"), worst(files, "wall")), 0.8)
        more = [
            one.peak - predict[name].peak for name, one in files.items() if ours(name) and name in predict
        ]
        at_most("files: memory above that of `predict`", scaled(max(more, default=None), 2**-20), 8, " MiB")
    if far := data.get("cases", {}).get("far"):
        trips = [trips for name, trips in round_trips(far).items() if ours(name)]
        at_most("round trips of a warm call: 2, and a connection now and then", max(trips, default=None), 2.2)
    return found


def targets_section(data: Data) -> str:
    """All targets, met or not."""
    rows = [
        [
            one.text,
            one.aim,
            f"{one.seen:.3g}",
            "" if one.limit is None else f"{one.limit:.3g}",
            "met" if one.met else "**not met**",
        ]
        for one in targets(data)
    ]
    introduction = (
        "What was aimed for, for the slowest of this project's contenders where no other is named. Absolute figures are meant for a"
        " machine on which the floor takes 5 to 6.6 ms for a warm call, and 0.27 ms of CPU. The libraries alone are the sketch on"
        " asyncio's loop, and for plain calls the one on a thread: a target below what they take can't be met with them.\n"
    )
    return f"## Targets\n\n{introduction}\n{table(['', 'aim', 'seen', 'the libraries alone', ''], rows)}"


def summary(data: Data) -> str:
    """The table for the README: us, the peers and the floor, side by side."""
    predict, jobs, replay, stream = (
        case_figures(data, name) for name in ("predict", "jobs-200", "replay", "stream")
    )
    imports = import_figures(data)
    contenders = [SYNC, "gradio-sansio, asyncio", "gradio-sansio, trio", *PEERS[::-1], FLOOR]

    def row(text: str, cells: Mapping[str, str]) -> list[str]:
        return [text, *(cells.get(name, "") for name in contenders)]

    rows = [
        row("a warm call", {name: duration(one.wall) for name, one in predict.items()}),
        row("its CPU", {name: duration(one.cpu) for name, one in predict.items()}),
        row("200 calls at once, a second", {name: f"{1 / one.wall:.0f}" for name, one in jobs.items()}),
        row("CPU by streamed value", {name: duration(one.cpu) for name, one in stream.items()}),
        row("the same, replayed at full speed", {name: duration(one.cpu) for name, one in replay.items()}),
        row("peak memory after that", {name: f"{one.peak / 2**20:.0f} MiB" for name, one in replay.items()}),
        row("CPU of importing it", {name: duration(over) for name, (_, over, _) in imports.items()}),
    ]
    head = ["", *(name.removeprefix("gradio-sansio, ") for name in contenders)]
    return table(head, rows)


# The pages.


def page(data: Data) -> str:
    """All of ``docs/benchmarks.md``."""
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    parts = [INTRODUCTION, f"Versions: {versions}. Machine: {data['machine']}.\n", targets_section(data)]
    parts.append(NOTES.read_text(encoding="utf-8"))
    if "import" in data:
        parts.append(import_section(data))
    if "connect" in data:
        parts.append(connect_section(data))
    parts += [case_section(data, name) for name in data["cases"]]
    if "engine" in data:
        parts.append(engine_section(data))
    return "\n".join(parts)


def write(data: Data, docs: Path = DOCS, readme: Path = ROOT / "README.md") -> None:
    """The page, its plots, the data and the README's table."""
    (docs / PLOTS).mkdir(exist_ok=True)
    for name, case in data["cases"].items():
        if found := case_figures(data, name):
            (docs / PLOTS / f"{name}.svg").write_text(plot(case["unit"], found), encoding="utf-8")
    (docs / "benchmarks.md").write_text(page(data), encoding="utf-8")
    (docs / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and end:
        readme.write_text(f"{before}{BEGIN}{summary(data)}{END}{after}", encoding="utf-8")


def machine() -> str:
    """What the run is on, and how busy that is."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()},"
        f" load {load:.1f} before the run"
    )


def plot(unit: str, found: Mapping[str, Figures]) -> str:
    """Draw the CPU and the wall time of a case."""
    left, width, height = 190, 420, 18
    lines: list[str] = []
    y = 20
    for what, value in (
        ("wall", {name: one.wall for name, one in found.items()}),
        ("CPU", {name: one.cpu for name, one in found.items()}),
    ):
        lines.append(f'<text x="0" y="{y}" font-weight="bold">{what} by {escape(unit)}</text>')
        most = max(value.values())
        for name, seconds in value.items():
            y += height
            colour = "#888" if name == FLOOR else "#2a6" if ours(name) else "#c62"
            length = max(1.0, width * seconds / most)
            lines.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
            lines.append(f'<rect x="{left}" y="{y - 8}" width="{length:.1f}" height="14" fill="{colour}"/>')
            lines.append(f'<text x="{left + length + 6:.1f}" y="{y + 4}">{duration(seconds)}</text>')
        y += 2 * height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{y}"'
        ' font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    return "\n".join([head, *lines, "</svg>\n"])


if __name__ == "__main__":
    write(json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8")))
