"""What real servers said, played to an engine whole, byte by byte and in random pieces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AppError, Engine, JobCancelled
from gradio_sansio.events import AppOpened, DataReceived, JobFinished, JobId, StatusChanged
from gradio_sansio.testing import Player, RandomPieces, VirtualNetwork, read_transcript, single_bytes, whole
from tests.core.virtual import HOST, URL, entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradio_sansio.events import Event
    from gradio_sansio.testing import Entry

    Chunking = Callable[[bytes], Iterable[bytes]]

FOLDER = Path(__file__).parent / "data" / "transcripts"
# One socket, or one stream, for each job; and one stream for all.
SINGLE = ["3.28.3", "3.50.2", "4.0.2", "4.8.0"]
SHARED = ["4.16.0", "4.20.1", "4.21.0", "4.22.0", "4.44.1", "5.0.2", "5.49.1", "6.31.0"]
VERSIONS = [*SINGLE, *SHARED]
# The client that was recorded with these did not tell the server of a cancel at all.
SILENT = ["4.16.0", "4.20.1", "4.21.0", "4.22.0"]

# The calls that were recorded, the values that came of them, and what they raise.
CALLS: dict[str, tuple[list[tuple[str, list[Any]]], list[list[Any]], str | None]] = {
    "predict": ([("/predict", ["héllo ✓ 🎈"])], [["héllo ✓ 🎈"]], None),
    "count": ([("/count", [3, 0.1])], [[0, 1, 2]], None),
    "chat": (
        [("/chat", ["a b c", 0.05])],
        [["You", "You said:", "You said: a", "You said: a b", "You said: a b c"]],
        None,
    ),
    "progress": ([("/progress", [3, 0.2])], [["3 steps"]], None),
    "direct": ([("/direct", ["abc"])], [["cba"]], None),
    "fail": ([("/fail", ["x"])], [[]], "boom"),
    "fail_late": ([("/fail_late", [2])], [[0, 1]], "boom after yields"),
    "three_mixed": (
        [("/count", [3, 0.15]), ("/predict", ["hi"]), ("/chat", ["a b", 0.15])],
        [[0, 1, 2], ["hi"], ["You", "You said:", "You said: a", "You said: a b"]],
        None,
    ),
}


def recorded(version: str, name: str) -> list[Entry]:
    return read_transcript((FOLDER / version / f"{name}.jsonl").read_text(encoding="utf-8"))


class Played:
    """An engine that calls a recorded server."""

    def __init__(self, version: str, name: str, chunking: Chunking) -> None:
        self.player = Player(recorded(version, "config"), recorded(version, "info"), recorded(version, name))
        # The config has been told of by itself; pieces of what follows are what is looked at here.
        self.network = VirtualNetwork({HOST: self.player}, chunking=whole)
        self.engine = self.network.attach(lambda now: Engine(URL, now=now, wall_clock=0.0, entropy=entropy()))
        self.network.run_until(lambda: self.network.happened(AppOpened))
        self.network.chunking = chunking
        self.first = len(self.network.events)

    def submit(self, endpoint: str, payload: list[Any]) -> JobId:
        job = self.engine.submit(endpoint, payload, now=self.network.now)
        self.network.pump()
        return job

    def finished(self, job: JobId) -> JobFinished | None:
        return next((e for e in self.network.all_of(JobFinished) if e.job == job), None)

    def values(self, job: JobId) -> list[Any]:
        return [e.data.value for e in self.network.all_of(DataReceived) if e.job == job]

    @property
    def told(self) -> list[Event]:
        """What was told of jobs. Errors are compared by their text."""
        return [plain(event) for event in self.network.events[self.first :]]


def plain(event: Any) -> Any:
    return (
        (event.job, event.status, event.data, repr(event.error)) if isinstance(event, JobFinished) else event
    )


def play(version: str, name: str, chunking: Chunking) -> Played:
    played = Played(version, name, chunking)
    calls, values, error = CALLS[name]
    jobs = [played.submit(endpoint, payload) for endpoint, payload in calls]
    played.network.run_until(lambda: all(played.finished(job) for job in jobs), within=5.0)
    assert [played.values(job) for job in jobs] == values
    for job in jobs:
        finished = played.finished(job)
        assert finished is not None
        if error is None:
            assert finished.error is None
            assert finished.status.success is True
        else:
            assert isinstance(finished.error, AppError)
            assert finished.error.message == error
    assert played.player.unmatched == []
    return played


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (version, name)
        for version in VERSIONS
        for name in CALLS
        # With a socket or stream for each job nothing is mixed.
        if version in SHARED or name != "three_mixed"
    ],
)
def test_the_same_however_it_is_cut_up(version: str, name: str) -> None:
    first = play(version, name, whole).told
    assert play(version, name, single_bytes).told == first
    for seed in range(5):
        assert play(version, name, RandomPieces(seed)).told == first


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunking", [whole, single_bytes, RandomPieces(7)])
def test_pair(version: str, chunking: Chunking) -> None:
    played = Played(version, "pair", chunking)
    job = played.submit("/pair", [3])
    played.network.run_until(lambda: played.finished(job), within=5.0)
    squares = [{"i": i, "square": i * i} for i in range(3)]
    assert played.values(job) == [[squares[:1], 0], [squares[:2], 1], [squares, 3]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunking", [whole, single_bytes, RandomPieces(7)])
def test_progress_is_told(version: str, chunking: Chunking) -> None:
    played = play(version, "progress", chunking)
    bars = [e.status.progress_data[0] for e in played.network.all_of(StatusChanged) if e.status.progress_data]
    assert (bars[-1].index, bars[-1].length, bars[-1].desc, bars[-1].unit) == (2, 3, "step 2", "steps")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("chunking", [whole, single_bytes, RandomPieces(7)])
def test_cancel_generator(version: str, chunking: Chunking) -> None:
    played = Played(version, "cancel_generator", chunking)
    job = played.submit("/count_forever", [60, 0.2])
    played.network.run_until(lambda: len(played.values(job)) >= 3, within=5.0)
    played.engine.cancel(job, played.network.now)
    played.network.pump()
    played.network.run(30.0)
    finished = played.finished(job)
    assert finished is not None
    assert isinstance(finished.error, JobCancelled)
    assert played.values(job)[:3] == [0, 1, 2]
    assert played.network.events[-1] == finished
    assert [request.path for request in played.player.unmatched] == ["/reset"] * (version in SILENT)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_was_not_recorded_is_noted(version: str) -> None:
    played = Played(version, "direct", whole)
    job = played.submit("/predict", ["abc"])
    played.network.run_until(lambda: played.finished(job), within=5.0)
    (unmatched,) = played.player.unmatched
    assert unmatched.path.endswith("/queue/join")
    assert unmatched.method == ("POST" if version in SHARED else "GET")


@pytest.mark.parametrize("version", VERSIONS)
def test_config_and_info(version: str) -> None:
    played = Played(version, "config", whole)
    # One of them has a line's end in it.
    assert played.engine.config["version"].strip() == version
    named = played.engine.api_info.named_endpoints
    assert {"/predict", "/count", "/chat", "/pair", "/direct"} <= set(named)
    assert named["/count"].generator
    assert "/private" not in named
    assert [parameter.label for parameter in named["/count"].parameters] == ["n", "delay"]
