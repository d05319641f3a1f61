"""What of the matrix (versions x scenarios x ways) a server itself makes impossible, and the table that a run writes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.live.ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.live.pages import Told

FIRST: Final = "0"
LAST: Final = "999"


class Limit(NamedTuple):
    """A scenario that goes otherwise with some versions. The test of that scenario asserts what happens there instead."""

    scenario: str
    since: str
    until: str
    """Both are meant inclusively, of the versions that were tried."""
    reason: str


LIMITS: Final = (
    Limit("log lines", FIRST, "3.28.3", "`gr.Info` and `gr.Warning` came later: there is nothing to be told"),
    Limit("unnamed endpoints", "4.0.2", LAST, "every endpoint has a name, by default its function's"),
    Limit(
        "private endpoints",
        FIRST,
        "3.28.3",
        "the server calls what has `api_name=False` for anybody; it is refused here all the same",
    ),
    Limit("defaults", FIRST, "4.22.0", "`/info` has no defaults: those of the components' values are taken"),
    Limit("videos", "4.0.2", "4.8.0", "it wants ffprobe for any video; the app's error is told"),
    Limit("streaming inputs", FIRST, "4.44.1", "they came with 5.0: `send` and `end` are refused"),
    Limit(
        "streaming inputs without a time limit",
        "5.0.2",
        "5.0.2",
        "the server fails at the first value without telling; the job's own timeout ends it",
    ),
    Limit("rendered endpoints", FIRST, "4.22.0", "`gr.render` came with 4.31"),
)


def version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def limit(scenario: str, version: str) -> Limit | None:
    """How the server of a version limits a scenario, if it does."""
    found = [
        entry
        for entry in LIMITS
        if entry.scenario == scenario
        and version_tuple(entry.since) <= version_tuple(version) <= version_tuple(entry.until)
    ]
    return found[0] if found else None


class Outcome(NamedTuple):
    """How one cell of the matrix went in one way."""

    version: str
    scenario: str
    way: str
    passed: bool


class Stop(NamedTuple):
    """How soon a server stopped what was cancelled: seconds from the last cancel to the last step of any job."""

    version: str
    way: str
    beside: float
    """A hundred jobs of one function and one session, cancelled at random moments while others ran on to their end."""
    alone: float
    """Four endless jobs in sessions of their own (``isolated=True``)."""


PAGE = """# Versions

Every scenario below is run against a real server of each version, in a virtual environment of its own, through each way of calling it:
{ways}. One app, `tests/servers/app.py`, runs on all of them. `.ci/run` runs the whole matrix; `make versions` runs it and
writes this page.

| | meaning |
|---|---|
| ✓ | passed in every way |
| ✓ * | passed, with what this server makes of it instead (below) |
| ✗ | failed in at least one way |

{table}

## What a server itself does otherwise

{limits}

## How soon a cancelled job stops

The client ends it at once. The server is told in the way that its version understands, and no sooner than it can be without harm to
other jobs of the same function and session: these are seconds from the last cancel until no job of the function makes a step any more,
the slowest of the ways of calling. A generator takes a step each 20 ms here; four run at a time (before 4.0, four of the whole app).

| Gradio | 100 cancelled at random moments beside others | 4 with `isolated=True` |
|---|---|---|
{stops}

## Which dialect is spoken

| Gradio | protocol |
|---|---|
| 3.1.5 to 3.50.2 | websockets (`config.protocol` is absent) |
| 4.0 to 4.8 | `sse`: a stream for each job |
| 4.9 to 4.16 | `sse_v1`: one stream for a session |
| 4.17 to 4.20 | `sse_v2`: edits in place of values |
| 4.21 | `sse_v2.1` |
| 4.22 and later | `sse_v3`: the server says when it ends the stream; below `/gradio_api` from 5.0 on |

Any other `sse_` protocol is spoken to as `sse_v3`, which a line in the log says.
"""


def page(told: Sequence[Told]) -> str:
    """What a run has shown, as a document."""
    outcomes = [Outcome._make((*fields, passed)) for name, fields, passed in told if name == "scenario"]
    stops = [Stop(*fields) for name, fields, _ in told if name == "stop"]
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for outcome in outcomes:
        cells[outcome.version, outcome.scenario].append(outcome.passed)
    versions = sorted({version for version, _ in cells}, key=version_tuple)
    scenarios = sorted({scenario for _, scenario in cells})

    def cell(version: str, scenario: str) -> str:
        if not all(cells[version, scenario]):
            return "✗"
        return "✓ *" if limit(scenario, version) else "✓"

    rows = [["", *versions], ["---"] * (len(versions) + 1)]
    rows += [
        [scenario, *(cell(version, scenario) if (version, scenario) in cells else "" for version in versions)]
        for scenario in scenarios
    ]

    slowest: dict[str, tuple[float, float]] = {}
    for stop in stops:
        beside, alone = slowest.get(stop.version, (0.0, 0.0))
        slowest[stop.version] = max(beside, stop.beside), max(alone, stop.alone)

    def span(entry: Limit) -> str:
        if entry.since == FIRST:
            return f"up to {entry.until}"
        return f"from {entry.since} on" if entry.until == LAST else f"{entry.since} to {entry.until}"

    return PAGE.format(
        ways=", ".join(WAYS),
        stops="\n".join(
            f"| {version} | {beside:.1f} s | {alone:.1f} s |"
            for version, (beside, alone) in sorted(slowest.items(), key=lambda item: version_tuple(item[0]))
        ),
        table="\n".join(f"| {' | '.join(row)} |" for row in rows),
        limits="\n".join(f"- {entry.scenario}, {span(entry)}: {entry.reason}." for entry in LIMITS),
    )
