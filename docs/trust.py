"""Writes `trust.md` from the figures that runs of the tests left: ``python -m docs.trust FIGURES...`` (see ``make trust``)."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("trust.md")
MOST = {"longest", "peak", "edges"}
"""Figures of which the largest counts, not the sum."""

HEAD = """\
# What was run, and what came of it

Made by `make trust` from the figures that the tests themselves put down; not written by hand. Everything counted here held:
a run that fails leaves no figure. {where}

"""


def main() -> None:
    sections: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sys.argv[1:]:
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            note: dict[str, Any] = json.loads(line)
            row = sections.setdefault(note.pop("section"), {}).setdefault(note.pop("name"), {})
            for name, value in note.items():
                old = row.get(name)
                if old is None or isinstance(value, (str, dict)):
                    row[name] = value
                else:
                    row[name] = max(old, value) if name in MOST else old + value
    system = f"{platform.system()} on {platform.machine()}, Python {platform.python_version()}"
    parts = [HEAD.format(where=f"The machine: {system}.")]
    parts += [WRITERS[name](sections[name]) for name in WRITERS if name in sections]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def table(title: str, text: str, heads: list[str], rows: list[list[str]]) -> str:
    lines = [f"## {title}", "", text, "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows), ""])


Rows = dict[str, dict[str, Any]]


def properties(rows: Rows) -> str:
    text = (
        "Anything that an application asks, a network does and a server says, in any order and in every dialect. After each step"
        " the invariants of `tests/core/hostile.py` hold; at the end each job has ended once, and after closing nothing remains."
    )
    cells = [
        [name, f"{row['examples']:,}", f"{row['steps']:,}", f"{row.get('jobs', 0):,}"]
        for name, row in rows.items()
    ]
    return table("Property tests", text, ["what", "examples", "steps", "jobs"], cells)


def cuts(rows: Rows) -> str:
    versions: dict[str, list[Any]] = {}
    for name, row in rows.items():
        of = versions.setdefault(name.partition(" ")[0], [0, 0, 0.0])
        of[0] += 1
        of[1] += row["points"]
        of[2] = max(of[2], row["longest"])
    text = (
        "Recorded answers of real servers, broken off after each byte in three ways: the peer ends its side, the connection is"
        " reset, nothing comes any more. Each job ended once, with what had come of it, and nothing remained. The last column is"
        " the longest wait of a job for its end after that, in virtual time; silence is what takes long."
    )
    cells = [
        [version, f"{n}", f"{points:,}", f"{longest:g}"] for version, (n, points, longest) in versions.items()
    ]
    cells.append(["all", f"{len(rows)}", f"{sum(row['points'] for row in rows.values()):,}", ""])
    return table(
        "Broken off after each byte", text, ["Gradio", "transcripts", "cut points", "seconds"], cells
    )


def fuzz(rows: Rows) -> str:
    text = "Guided by coverage (`fuzz/`), each target from the seeds made of the transcripts. No invariant was broken in these runs."
    cells = [
        [name, f"{row['executions']:,}", f"{row['seconds']:,}", f"{row['edges']:,}"]
        for name, row in sorted(rows.items())
    ]
    return table("Fuzzing", text, ["target", "executions", "seconds", "edges"], cells)


def hostile(rows: Rows) -> str:
    text = (
        "Servers that send without end. What was taken before the error, and the most memory that was in use at a time meanwhile"
        " (tracemalloc; the limits are the default ones)."
    )
    cells = [[name, f"{row['taken']:,}", f"{row['peak'] / 1024**2:.1f}"] for name, row in rows.items()]
    return table("Hostile servers", text, ["what", "bytes taken (of a drip: seconds)", "peak, MiB"], cells)


def diffs(rows: Rows) -> str:
    text = (
        "Edits that the servers' own code made of random JSON pairs (`gradio.utils.diff` of each version), undone: how many came out"
        " wrong with our rule, that a list `delete` pops the last element, and how many would with the edits read as written."
    )
    cells = [
        [name, f"{row['pairs']:,}", f"{row['wrong']:,}", f"{row['naive']:,}"] for name, row in rows.items()
    ]
    return table("Diffs", text, ["Gradio", "pairs", "wrong", "wrong if read by index"], cells)


def jobs(rows: Rows) -> str:
    text = "Open at a time in one engine. Calls are those of functions, Python's and C's, that one message of one job takes."
    cells = [
        [
            name,
            ", ".join(f"{size:,} ({int(count):,} jobs)" for count, size in row["bytes_a_job"].items()),
            ", ".join(f"{number} ({int(count):,} jobs)" for count, number in row["calls_a_message"].items()),
        ]
        for name, row in rows.items()
    ]
    return table("Many jobs", text, ["what", "bytes a job", "calls a message"], cells)


def mutants(rows: Rows) -> str:
    text = (
        "Faults planted in the core one at a time (`tests/mutations/`), and the test that found each first. Only those that were found"
        " are listed; `make mutants` fails while there is another."
    )
    cells = [
        [name, f"`{row['caught'].removeprefix('tests/core/').partition('[')[0]}`"]
        for name, row in rows.items()
    ]
    return table(f"{len(rows)} planted faults", text, ["fault", "found by"], cells)


WRITERS = {
    "property tests": properties,
    "cuts": cuts,
    "fuzz": fuzz,
    "hostile servers": hostile,
    "diffs": diffs,
    "many jobs": jobs,
    "mutants": mutants,
}

if __name__ == "__main__":
    main()
