"""Recorded servers that break off after each byte: every job ends in time, once, with what had come of it.

The engine and all that is around it are copied at each byte and led to their end from there, so a transcript is played once, not
once a byte. The everyday run takes the small ones; ``HYPOTHESIS_PROFILE=long`` takes all that there are, each byte with each
ending.
"""

from __future__ import annotations

import copy
import copyreg
from enum import Enum
from heapq import heapify
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import settings
from wsproto.frame_protocol import FrameProtocol

from gradio_sansio import Engine, Limits
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    JobFinished,
    JobId,
    LogReceived,
    StatusChanged,
)
from gradio_sansio.testing import Player, VirtualNetwork, single_bytes, whole
from gradio_sansio.testing.network import LinkState, _Stage
from tests.core import figures
from tests.core.test_transcripts import CALLS, SHARED, VERSIONS, recorded
from tests.core.virtual import HOST, URL, entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.commands import ConnectionId
    from gradio_sansio.events import Event

LONG = settings.get_current_profile_name() == "long"
LIMITS = Limits()


class Ending(Enum):
    END = "the peer ends its side"
    RESET = "the connection is reset"
    SILENCE = "nothing comes any more"


def _rebuilt(state: dict[str, Any], over: bool) -> FrameProtocol:
    protocol = FrameProtocol.__new__(FrameProtocol)
    protocol.__dict__ = state
    protocol._parse_more = iter(()) if over else protocol._parse_more_gen()  # type: ignore[assignment]
    return protocol


def _taken_apart(protocol: FrameProtocol) -> tuple[Callable[..., FrameProtocol], tuple[Any, ...]]:
    # Its generator, which can't be copied, keeps nothing but whether it is over.
    state = {name: value for name, value in vars(protocol).items() if name != "_parse_more"}
    return _rebuilt, (state, getattr(protocol._parse_more, "gi_frame", None) is None)


copyreg.pickle(FrameProtocol, _taken_apart)


class WatchedEngine(Engine):
    """Tells of each piece that it was given."""

    watch: Callable[[ConnectionId], None] | None = None

    def received(self, conn: ConnectionId, data: bytes, now: float) -> None:
        super().received(conn, data, now)
        if self.watch is not None:
            self.watch(conn)


class Play:
    """A recorded server, and an engine that calls it."""

    def __init__(self, version: str, name: str) -> None:
        names = dict.fromkeys(("config", "info", name))
        self.network = VirtualNetwork(
            {HOST: Player(*(recorded(version, each) for each in names))}, chunking=whole
        )
        self.engine = WatchedEngine(
            URL, now=self.network.now, wall_clock=0.0, entropy=entropy(), limits=LIMITS
        )
        self.network.attach(lambda now: self.engine)
        self.jobs: list[JobId] = []

    def open(self) -> None:
        self.network.run_until(lambda: self.network.happened(AppOpened))

    def submit(self, name: str) -> None:
        for endpoint, payload in CALLS[name][0]:
            self.jobs.append(self.engine.submit(endpoint, payload, now=self.network.now))
        self.network.pump()

    def copy(self) -> Play:
        """All of it, but for what never changes."""
        session = self.engine._session
        fixed: list[Any] = [session._limits, session._credentials, *self.network.events]
        fixed += self.network.actions
        for connection in self.engine._wire._connections._connections.values():
            # h11's requests are frozen against copying, too.
            fixed += connection.http._requests.values()
        if session._app is not None:
            fixed += [
                session._app.config,
                session._app.endpoints,
                session._app.description,
                session._app.address,
            ]
        other = Play.__new__(Play)
        watch, self.engine.watch = self.engine.watch, None
        other.network = copy.deepcopy(self.network, {id(item): item for item in fixed})
        self.engine.watch = watch
        other.engine = cast("WatchedEngine", other.network.engine)
        other.jobs = self.jobs
        return other

    def break_off(self, conn: ConnectionId, how: Ending) -> None:
        """Nothing more comes over a connection."""
        network, link = self.network, self.network.links[conn]
        network.pump()
        if link.state is LinkState.GONE:
            return
        link.held.clear()
        link.arriving.clear()
        network._deliveries = [
            item for item in network._deliveries if not (item[2] == conn and item[3] is _Stage.TO_ENGINE)
        ]
        heapify(network._deliveries)
        peer, link.peer = link.peer, None
        assert peer is not None
        peer.closed(network.now)
        if how is Ending.END:
            self.engine.peer_closed(conn, network.now)
        elif how is Ending.RESET:
            network._lose(link, "connection reset")
        network.pump()

    def ended(self) -> bool:
        return all(self.finished(job) for job in self.jobs)

    def finished(self, job: JobId) -> JobFinished | None:
        return next((e for e in self.network.all_of(JobFinished) if e.job == job), None)

    def close(self) -> None:
        """Close, and see that nothing remains."""
        self.engine.close(self.network.now)
        self.network.pump()
        self.network.run_until(lambda: self.network.happened(AppClosed), within=LIMITS.grace)
        assert isinstance(self.network.events[-1], AppClosed)
        assert self.engine.deadline is None
        assert not self.network.open_links
        assert not self.engine._session._jobs

    def check_jobs(self, values: list[list[Any]]) -> None:
        """Each job ended once, told what was recorded and in order, and all of it if it went well."""
        kinds = (StatusChanged, DataReceived, LogReceived, JobFinished)
        for job, expected in zip(self.jobs, values, strict=True):
            told: list[Event] = [e for e in self.network.events if isinstance(e, kinds) and e.job == job]
            assert [isinstance(e, JobFinished) for e in told] == [False] * (len(told) - 1) + [True]
            finished = told[-1]
            assert isinstance(finished, JobFinished)
            got = [e.data.value for e in told if isinstance(e, DataReceived)]
            assert got == expected[: len(got)]
            if finished.error is None:
                assert finished.status.success is True
                assert got == expected


def at_each_byte(
    play: Play,
    over: Callable[[], object],
    visit: Callable[[Play, ConnectionId, Ending], None],
    *,
    every: int = 1,
) -> int:
    """Play on to the end, and lead a copy of it to each ending from each byte on; how many there were."""
    seen = count = 0

    def watch(conn: ConnectionId) -> None:
        nonlocal seen, count
        seen += 1
        if seen % every:
            return
        # All of them where there is time, else one after the other.
        for how in Ending if LONG else [list(Ending)[seen // every % 3]]:
            visit(play.copy(), conn, how)
            count += 1

    play.network.chunking = single_bytes
    play.engine.watch = watch
    play.network.run_until(over)
    return count


SMALL = [
    ("3.28.3", "direct"),
    ("3.50.2", "fail"),
    ("4.8.0", "fail"),
    ("4.16.0", "fail"),
    ("6.31.0", "predict"),
]
ALL = [
    (version, name) for version in VERSIONS for name in CALLS if version in SHARED or name != "three_mixed"
]


@pytest.mark.timeout(3600 if LONG else 60)
@pytest.mark.parametrize(("version", "name"), ALL if LONG else SMALL)
def test_broken_off_after_each_byte(version: str, name: str) -> None:
    play = Play(version, name)
    play.open()
    play.submit(name)
    # Neither a direct call nor the streams of 4.0 to 4.8 have a heartbeat to go by.
    limit = LIMITS.idle_direct if version in ("4.0.2", "4.8.0") or name == "direct" else LIMITS.idle
    longest = 0.0

    def visit(cut: Play, conn: ConnectionId, how: Ending) -> None:
        nonlocal longest
        began = cut.network.now
        cut.break_off(conn, how)
        cut.network.run_until(cut.ended, within=limit + 1.0)
        longest = max(longest, cut.network.now - began)
        cut.check_jobs(CALLS[name][1])
        cut.close()

    count = at_each_byte(play, play.ended, visit)
    assert count > 100
    figures.note("cuts", f"{version} {name}", points=count, longest=round(longest, 1))


@pytest.mark.timeout(3600 if LONG else 60)
@pytest.mark.parametrize("version", VERSIONS if LONG else ["3.28.3"])
def test_an_opening_that_is_broken_off_after_each_byte(version: str) -> None:
    play = Play(version, "config")
    longest = 0.0

    def visit(cut: Play, conn: ConnectionId, how: Ending) -> None:
        nonlocal longest
        began, network = cut.network.now, cut.network
        cut.break_off(conn, how)
        network.run_until(
            lambda: network.happened(AppOpened) or network.happened(AppFailed), within=LIMITS.request + 1.0
        )
        longest = max(longest, network.now - began)
        # A server that doesn't describe its API can be called all the same.
        assert len(network.all_of(AppOpened)) + len(network.all_of(AppFailed)) == 1
        if network.happened(AppOpened):
            cut.close()
        else:
            assert isinstance(network.events[-1], AppClosed)
            assert cut.engine.deadline is None
            assert not network.open_links

    count = at_each_byte(play, lambda: play.network.happened(AppOpened), visit, every=1 if LONG else 101)
    assert count > 100
    figures.note("cuts", f"{version} opening", points=count, longest=round(longest, 1))
