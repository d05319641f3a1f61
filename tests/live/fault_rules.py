"""What a fault in a phase must lead to: rules, from which the whole matrix follows. `fault_proxy` has the phases and the faults."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    GradioError,
    RateLimited,
    RemoteProtocolError,
)
from tests.live.fault_proxy import EVENT_FAULTS, RETRY_AFTER, STATUSES, Fault, Phase
from tests.live.ways import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.live.pages import Told

NEWEST: Final = "6.31.0"


class Kind(Enum):
    """How servers of a version run jobs."""

    SHARED = "a join, then a stream for all jobs"
    EACH = "a stream for each job, and the arguments in a request of their own"
    SOCKET = "a websocket for each job"


KINDS: Final = {"3.50.2": Kind.SOCKET, "4.8.0": Kind.EACH, "4.44.1": Kind.SHARED, NEWEST: Kind.SHARED}
OPENING: Final = frozenset({Phase.CONNECT, Phase.CONFIG, Phase.LOGIN, Phase.INFO})
FILES: Final = frozenset({Phase.UPLOAD, Phase.DOWNLOAD})
MIDST: Final = frozenset({Phase.MESSAGES, Phase.COMPLETION})


class Cell(NamedTuple):
    """One test: a fault in a phase, for one way of calling a server."""

    version: str
    way: str
    phase: Phase
    fault: Fault

    def __str__(self) -> str:
        return f"{self.version}-{self.way}-{self.phase.value}-{self.fault.value}"

    @property
    def kind(self) -> Kind:
        return KINDS[self.version]

    @property
    def is_stream(self) -> bool:
        """The answer in this phase is an event stream or a websocket, or part of one."""
        begins = {Kind.SHARED: Phase.STREAM, Kind.EACH: Phase.JOIN, Kind.SOCKET: None}[self.kind]
        return self.phase in MIDST or self.phase is begins


@dataclass(frozen=True)
class Outcome:
    """How it must end: with one of these errors, or well if there are none."""

    errors: tuple[type[GradioError], ...] = ()
    limit: str | None = None
    """Which limit a ``DeadlineExceeded`` names."""
    retry_after: float | None = None
    cancelled: bool = False


WELL: Final = Outcome()
CANCELLED: Final = Outcome(cancelled=True)


def applies(cell: Cell) -> bool:
    """Whether there is such a thing as this fault in this phase."""
    phase, fault, kind = cell.phase, cell.fault, cell.kind
    if phase is Phase.LOGIN and cell.version != NEWEST:
        # The scenario is one of all versions elsewhere; nothing about it depends on the dialect.
        return False
    if fault is Fault.RESTART:
        return phase is not Phase.CONNECT and cell.version == NEWEST
    if fault is Fault.SESSION_LOST:
        # Others have no session that could outlive a connection.
        return kind is Kind.SHARED and phase in {Phase.STREAM, *MIDST}
    if kind is Kind.SOCKET and phase is Phase.STREAM and fault is not Fault.UNKNOWN:
        # There is no such request, and the first messages are questions that must be answered once.
        return False
    if kind is Kind.SOCKET and phase is Phase.CANCEL:
        # It is said by a close frame, in a connection that is there.
        return fault in (Fault.RESET, Fault.HALF_OPEN, Fault.USER_CANCEL, Fault.DEADLINE)
    if fault in EVENT_FAULTS:
        if fault is Fault.FOREIGN and kind is not Kind.SHARED:
            # Messages name no job.
            return False
        if kind is Kind.EACH and phase is Phase.STREAM:
            return fault is Fault.UNKNOWN
        return phase in {Phase.STREAM, *MIDST}
    if phase is Phase.DOWNLOAD and fault in {Fault.HTML, Fault.DEADLINE}:
        # A page is a file like any other. Downloads have no timeout of their own: callers cancel them.
        return False
    if phase is Phase.CONNECT:
        # Nothing has been asked, so there is no answer to be cut up or replaced.
        return fault not in {
            *STATUSES,
            Fault.WRONG_TYPE,
            Fault.WRONG_CHARSET,
            Fault.ONE_BYTE,
            Fault.SLOW_DRIP,
        }
    if fault in {*STATUSES, Fault.WRONG_TYPE, Fault.WRONG_CHARSET}:
        has_type = not (kind is Kind.SOCKET and phase is Phase.JOIN)
        return phase not in MIDST and (has_type or fault in STATUSES)
    return True


def expected(cell: Cell) -> Outcome:
    """What the API promises. The first rule that fits holds."""
    phase, fault, opening = cell.phase, cell.fault, cell.phase in OPENING
    # The caller's own wish comes before all else.
    if fault is Fault.USER_CANCEL:
        return CANCELLED
    if fault is Fault.DEADLINE:
        return Outcome((DeadlineExceeded,), limit="deadline" if opening else "timeout")
    # A cancelled job has ended here, whatever the server makes of it. An app that doesn't describe itself can be called.
    if phase is Phase.CANCEL:
        return CANCELLED
    if phase is Phase.INFO:
        return WELL
    # JSON and event streams are UTF-8 whatever is said of them, pieces mean nothing, and what is not known is passed over.
    if fault in {Fault.ONE_BYTE, Fault.WRONG_CHARSET, *EVENT_FAULTS}:
        return WELL
    # A page and a stream are told apart by their type; JSON speaks for itself.
    if fault is Fault.WRONG_TYPE:
        return Outcome((RemoteProtocolError,)) if cell.is_stream else WELL
    if fault is Fault.REFUSED:
        if phase in MIDST:
            # No connection was to be made.
            return WELL
        # Nothing was done; unless the server has the job already, when its outcome is unknown.
        return Outcome((Disconnected if phase is Phase.STREAM else ConnectError,))
    if fault in {Fault.RESET, Fault.TRUNCATED, Fault.RESTART, Fault.SESSION_LOST}:
        # A connection that breaks at once may have taken the request, or not.
        return Outcome((ConnectError, Disconnected) if phase is Phase.CONNECT else (Disconnected,))
    if fault is Fault.HALF_OPEN:
        if phase is Phase.CONNECT:
            return Outcome((ConnectError,))
        return Outcome((DeadlineExceeded,), limit=_silence(cell))
    if fault is Fault.SLOW_DRIP:
        # A request has a limit as a whole; streams and files have one for silence. A job whose arguments have arrived ends before that
        # is said.
        streams = cell.is_stream or phase is Phase.STREAM or phase in FILES
        return WELL if streams else Outcome((DeadlineExceeded,), limit="request")
    if fault in {Fault.TOO_MANY, Fault.TOO_MANY_FOR_NOW}:
        return Outcome((RateLimited,), retry_after=RETRY_AFTER if fault is Fault.TOO_MANY_FOR_NOW else None)
    if fault is Fault.GARBAGE:
        return Outcome((RemoteProtocolError,))
    if fault is Fault.HTML:
        if phase is Phase.LOGIN:
            # The app still wants a login after one that was none.
            return Outcome((AuthError,))
        # Nothing is read of the answer to arguments; without them the server gives the job up.
        unread = phase is Phase.STREAM and not cell.is_stream
        return Outcome((Disconnected if unread else RemoteProtocolError,))
    # What is left is a status of 500 or more. A server that refuses the stream of a job that it has taken leaves it open.
    if cell.is_stream:
        return Outcome((Disconnected,))
    if fault is Fault.INTERNAL_ERROR:
        return Outcome((RemoteProtocolError,))
    # A gateway without an answer says nothing of what became of a request to run a job; one that has no server did not pass it on.
    runs = phase is Phase.STREAM or (phase is Phase.JOIN and cell.kind is Kind.SHARED)
    gave_up = fault in {Fault.BAD_GATEWAY, Fault.GATEWAY_TIMEOUT}
    return Outcome((Disconnected if runs and gave_up else ConnectError,))


def _silence(cell: Cell) -> str:
    """The limit that silence goes past."""
    if cell.phase in FILES:
        return "idle"
    if not cell.is_stream:
        return "request"
    return "idle_direct" if cell.kind is Kind.EACH else "idle"


def all_cells(version: str, way: str) -> list[Cell]:
    """All there are, for one version and one way."""
    cells = [Cell(version, way, phase, fault) for phase in Phase for fault in Fault]
    return [cell for cell in cells if applies(cell)]


def covering_cells(version: str, way: str, seen: set[tuple[Phase, Fault]]) -> list[Cell]:
    """Some of them, in which each phase and each fault occurs; rather such pairs as are not in ``seen``, to which they are added."""
    left = all_cells(version, way)
    wanted: set[object] = {item for cell in left for item in (cell.phase, cell.fault)}
    chosen: list[Cell] = []
    while wanted:
        gains = [
            (len(wanted & {cell.phase, cell.fault}), (cell.phase, cell.fault) not in seen) for cell in left
        ]
        best = left.pop(gains.index(max(gains)))
        wanted -= {best.phase, best.fault}
        seen.add((best.phase, best.fault))
        chosen.append(best)
    return chosen


def matrix(*, whole: bool) -> list[Cell]:
    """What is run: everything for the first way and the newest version, and a covering part of the rest; or everything of all."""
    if whole:
        return [cell for version in KINDS for way in WAYS for cell in all_cells(version, way)]
    first, *others = WAYS
    seen: set[tuple[Phase, Fault]] = set()
    cells = all_cells(NEWEST, first)
    for version, way in [(NEWEST, way) for way in others] + [(v, first) for v in KINDS if v != NEWEST]:
        cells += covering_cells(version, way, seen)
    return cells


PAGE: Final = """# What goes wrong, and what comes of it

A proxy stands between each adapter and a real Gradio server and does one thing wrong, in one phase of a client's life. For every cell below
a test asserts that the call ended within its limits, with exactly one terminal status and the error given here, that it left no task,
thread, socket or temporary file, and that the app could be used afterwards. The outcomes are derived from rules
(`tests/live/fault_rules.py`), not copied from what came out.

`make faults` runs all that there is and writes this page; `make test` runs everything for one adapter and the newest Gradio, and for the
others enough to have each phase and each fault once.

## This run

{counts}

## Outcomes

For Gradio {newest}. "well" means that nobody notices; a dash, that there is no such thing.

{table}

* **info** is only the description of the API: an app can be called without it.
* **upload** and **download**: what befalls a connection does so in the midst of the file. A job whose files did not all arrive is never
  called; nothing is left of a file that did not come whole.
* **cancel**: the job has ended here the moment it is cancelled, whatever becomes of the word to the server.
* **ConnectError** means that nothing was done on the server, **Disconnected** that the outcome is unknown. No job is ever submitted twice.

## Where older servers differ

How jobs are run:

{kinds}

{differences}
"""


def page(told: Sequence[Told]) -> str:
    """What a run has shown, as a document."""
    results: dict[Cell, bool] = {}
    for name, fields, passed in told:
        if name == "cell":
            version, way, phase, fault = fields
            cell = Cell(version, way, Phase(phase), Fault(fault))
            results[cell] = passed and results.get(cell, True)
    versions = [version for version in KINDS if any(cell.version == version for cell in results)]

    def count(version: str, way: str) -> str:
        found = [passed for cell, passed in results.items() if (cell.version, cell.way) == (version, way)]
        return f"{sum(found)} of {len(found)} passed" if found else "-"

    counts = [["Gradio", *WAYS], *([version, *(count(version, way) for way in WAYS)] for version in versions)]
    total = f"{sum(results.values())} of {len(results)} cells passed."
    table = [
        ["", *(phase.value for phase in Phase)],
        *([fault.value, *(_told(Cell(NEWEST, "", phase, fault)) for phase in Phase)] for fault in Fault),
    ]
    others = [Cell(version, "", phase, fault) for version in KINDS for phase in Phase for fault in Fault]
    differences = [
        [cell.version, cell.phase.value, cell.fault.value, _told(cell)]
        for cell in others
        if applies(cell) and _told(cell) != _told(cell._replace(version=NEWEST))
    ]
    return PAGE.format(
        counts=f"{_table(counts)}\n\n{total}",
        newest=NEWEST,
        table=_table(table),
        kinds="\n".join(f"* {version}: {kind.value}." for version, kind in KINDS.items()),
        differences=_table([["Gradio", "phase", "fault", "outcome"], *differences]),
    )


def _told(cell: Cell) -> str:
    if not applies(cell):
        return "-"
    outcome = expected(cell)
    if outcome.cancelled:
        return "cancelled"
    names = " or ".join(error.__name__ for error in outcome.errors) or "well"
    return f"{names} (`{outcome.limit}`)" if outcome.limit else names


def _table(rows: list[list[str]]) -> str:
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rest))
