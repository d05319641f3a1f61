"""An engine of each dialect against peers that may do anything, in any order. `hostile` has the invariants.

`test_engine_stateful` has the other half: a server that behaves, over a network that doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradio_sansio import LocalProtocolError
from tests.core import figures
from tests.core.hostile import ENDPOINTS, VERSIONS, Hostile, Line, frame, whole_answer

if TYPE_CHECKING:
    from collections.abc import Callable

PICK = st.integers(0, 30)
"""Which of those that are there: taken modulo their number."""
EDITS = st.sampled_from(
    [[["append", [], "x"]], [["replace", [], 1]], [["delete", [0], None]], [["append", [7], "x"]], [5], 5]
)
OUTPUTS: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        "x",
        {},
        {"data": None},
        {"data": []},
        {"data": ["v"]},
        {"data": "v"},
        {"error": None},
        {"error": "no"},
    ]
) | st.builds(lambda edits: {"data": [edits]}, EDITS)
KINDS = [
    "estimation",
    "process_starts",
    "progress",
    "log",
    "process_generating",
    "process_streaming",
    "process_completed",
    "heartbeat",
    "close_stream",
    "unexpected_error",
    "server_stopped",
    "send_hash",
    "send_data",
    "queue_full",
    "brand_new",
]
TEXTS = st.sampled_from(
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b'{"msg": 1}',
        b'{"msg": "x"',
        b"\xff\xfe",
        b'{"msg": NaN}',
        b"[" * 200,
        b"x" * 4000,
    ]
)
GARBAGE = st.sampled_from(
    [
        b"\r\n",
        b"\n\n",
        b"data: x\n\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 302 F\r\nlocation: /config\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nx: " + b"y" * 3000,
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"\x16\x03\x01",
        frame(8, b"\x03\xe8"),
        frame(9, b"p"),
        frame(2, b"{}"),
        b"\x01\x7f\xff",
    ]
) | st.binary(min_size=1, max_size=8)
ANSWERS = (
    (200, b"{}", "application/json"),
    (200, b'{"event_id": "k1"}', "application/json"),
    (200, b'{"event_id": 5}', "application/json"),
    (200, b'{"event_id": ""}', "application/json"),
    (200, b'{"event_id": "../a b\\r\\n?c#d"}', "application/json"),
    (200, b'{"event_id": "\\ud800"}', "application/json"),
    (200, b'"\\ud800"', "application/json"),
    (200, b'{"data": {}}', "application/json"),
    (200, b"<html>", "text/html"),
    (200, b"data: x\n\n", "text/event-stream"),
    (302, b"", "text/html"),
    (401, b"", "text/plain"),
    (422, b'{"detail": [{"loc": ["body"]}]}', "application/json"),
    (429, b"", "text/plain"),
    (500, b'{"error": "no"}', "application/json"),
    (503, b'{"detail": "Queue is full"}', "application/json"),
)


class HostileMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.h: Hostile | None = None
        self.steps = 0

    @property
    def peer(self) -> Hostile:
        assert self.h is not None
        return self.h

    @initialize(version=st.sampled_from(VERSIONS), opened=st.sampled_from([True] * 9 + [False]))
    def start(self, version: str, opened: bool) -> None:
        self.h = Hostile(version, opened=opened)

    def line(self, pick: int, wanted: Callable[[Line], object]) -> Line | None:
        """One of the connections that are like that."""
        lines = [line for line in self.peer.lines.values() if line.state != "gone" and wanted(line)]
        return lines[pick % len(lines)] if lines else None

    # What the application does.

    @precondition(lambda self: self.peer.opened and not self.peer.closed)
    @rule(
        endpoint=st.sampled_from(ENDPOINTS),
        isolated=st.booleans(),
        newest=st.booleans(),
        timeout=st.sampled_from([None, None, 0.5, 90.0]),
    )
    def submit(self, endpoint: str, isolated: bool, newest: bool, timeout: float | None) -> None:
        if endpoint == "/listen" and self.peer.version < "5":
            endpoint = "/predict"
        if self.peer.engine._session.state.value == "open":
            self.peer.submit(endpoint, isolated=isolated, newest=newest, timeout=timeout)

    @precondition(lambda self: self.peer.jobs)
    @rule(pick=PICK, what=st.sampled_from(["cancel", "consume", "consume", "send", "end"]))
    def act(self, pick: int, what: str) -> None:
        peer = self.peer
        job = peer.jobs[pick % len(peer.jobs)]
        if what == "cancel":
            peer.engine.cancel(job, peer.now)
        elif what == "consume":
            peer.consume(job)
        else:
            try:
                if what == "send":
                    peer.engine.send(job, ["more"], peer.now)
                else:
                    peer.engine.end(job, peer.now)
            except LocalProtocolError as error:
                assert "takes no input while it runs" in str(error)  # noqa: PT017 - others have no such input
        peer.settle()

    # What the network does.

    @rule(pick=PICK, refuse=st.sampled_from([False, False, False, True]))
    def connect(self, pick: int, refuse: bool) -> None:
        line = self.line(pick, lambda line: line.state == "connecting")
        if line is not None:
            (self.peer.refuse if refuse else self.peer.connect)(line)

    @rule(pick=PICK, most=st.sampled_from([None, None, 1, 7, 100]))
    def deliver(self, pick: int, most: int | None) -> None:
        line = self.line(pick, lambda line: line.coming and line.state == "open")
        if line is not None:
            self.peer.deliver(line, most)

    @rule(
        pick=PICK, how=st.sampled_from(["flushed", "late", "late", "end", "end", "lose", "close"]), sure=PICK
    )
    def happen(self, pick: int, how: str, sure: int) -> None:
        peer = self.peer
        if how == "close":
            if sure < 5:
                peer.engine.close(peer.now)
                peer.settle()
            return
        if how == "late":
            self.come_late(pick)
            return
        line = self.line(pick, lambda line: line.state == "open")
        if line is None:
            return
        if how == "flushed":
            peer.engine.flushed(line.id, peer.now)
            peer.settle()
        elif how == "lose":
            peer.lose(line)
        elif not line.ended:
            peer.end(line)

    def come_late(self, pick: int) -> None:
        """What is reported of a connection that is gone is ignored."""
        gone = [line for line in self.peer.lines.values() if line.state == "gone"]
        if gone:
            engine, conn, now = self.peer.engine, gone[pick % len(gone)].id, self.peer.now
            engine.received(conn, b"late", now)
            engine.peer_closed(conn, now)
            engine.lost(conn, "late", now)
            engine.connected(conn, now)
            engine.flushed(conn, now)
            assert engine.drain() == []

    @rule(late=st.sampled_from([-5.0, -0.01, 0.0, 0.0, 0.0, 0.9, 2.0, 70.0, 10_000.0]))
    def tick(self, late: float) -> None:
        deadline = self.peer.engine.deadline
        if deadline is not None:
            self.peer.tick(deadline + late)

    # What peers do.

    @rule(pick=PICK, chunked=st.booleans(), at_once=st.booleans())
    def answer(self, pick: int, chunked: bool, at_once: bool) -> None:
        line = self.line(pick, lambda line: line.request is not None and not line.live)
        if line is not None:
            self.peer.right(line, chunked=chunked)
            if at_once:
                self.peer.deliver(line)

    @rule(pick=PICK, answer=st.sampled_from(ANSWERS))
    def answer_wrongly(self, pick: int, answer: tuple[int, bytes, str]) -> None:
        line = self.line(pick, lambda line: line.request is not None and not line.live)
        if line is not None:
            status, body, kind = answer
            line.request = None
            line.coming += whole_answer(body, status, kind, "set-cookie: a=b", "location: /x")
            self.peer.tainted |= {"k1"} if b"k1" in body else set()

    @rule()
    def go_on(self) -> None:
        self.peer.go_on()

    @rule()
    def go_on_and_on(self) -> None:
        for _ in range(4):
            self.peer.go_on()

    @rule(pick=PICK, job=PICK, last=st.booleans(), at_once=st.booleans())
    def tell_value(self, pick: int, job: int, last: bool, at_once: bool) -> None:
        line = self.line(pick, lambda line: line.live)
        if line is None:
            return
        self.peer.ask(line)
        keys = [key for key in self.peer.keys_of(line) if key in self.peer.open_keys]
        if keys:
            self.peer.value(line, keys[job % len(keys)], last=last)
            if at_once:
                self.peer.deliver(line)

    @rule(pick=PICK, job=PICK, many=st.integers(1, 4))
    def tell_values(self, pick: int, job: int, many: int) -> None:
        self.peer.go_on()
        for i in range(many):
            self.tell_value(pick, job, last=False, at_once=i % 2 == 0)

    @rule(
        pick=PICK,
        key=st.none() | st.sampled_from(["strange", "k1", "k2", "k3", "\ud800", "../a b"]) | PICK,
        msg=st.sampled_from(KINDS),
        output=OUTPUTS,
        success=st.sampled_from([True, True, False, None]),
        at_once=st.booleans(),
        times=st.sampled_from([1, 1, 1, 12]),
    )
    def tell(
        self,
        pick: int,
        key: str | int | None,
        msg: str,
        output: Any,
        success: bool | None,
        at_once: bool,
        times: int,
    ) -> None:
        peer = self.peer
        line = self.line(pick, lambda line: line.live)
        if line is None:
            return
        if isinstance(key, int):
            keys = peer.keys_of(line)
            key = keys[key % len(keys)] if keys else None
        if msg in ("process_generating", "process_streaming", "process_completed"):
            peer.tainted |= {line.key or str(key)}
        fields = {"output": output} if output is not None else {}
        for _ in range(times):
            peer.message(line, key, msg, success=success, rank=1, progress_data=[{}], **fields)
        if at_once:
            peer.deliver(line)

    @rule(yields=st.integers(0, 2))
    def finish(self, yields: int) -> None:
        """The app does all that was asked of it."""
        peer = self.peer
        for _ in range(4):
            peer.go_on()
        for line in list(peer.lines.values()):
            if not line.live:
                continue
            peer.ask(line)
            for key in [key for key in peer.keys_of(line) if key in peer.open_keys]:
                for _ in range(yields):
                    peer.value(line, key)
                peer.value(line, key, last=True)
            peer.deliver(line)

    @rule(pick=PICK, text=TEXTS, data=GARBAGE, how=st.sampled_from(["end", "end", "nonsense", "garble"]))
    def break_off(self, pick: int, text: bytes, data: bytes, how: str) -> None:
        peer = self.peer
        line = self.line(pick, lambda line: line.live) or self.line(pick, lambda line: line.state == "open")
        if line is None:
            return
        if how == "end":
            peer.finish_stream(line)
        elif how == "nonsense":
            peer.say(line, text)
        else:
            line.garbled = True
            if line.live:
                peer.tainted.update(peer.keys_of(line))
            line.coming += data

    # What must hold.

    @invariant()
    def all_holds(self) -> None:
        self.steps += 1
        if self.h is not None:
            self.peer.check()

    def teardown(self) -> None:
        if self.h is None:
            return
        if self.peer.opened:
            self.peer.wait_for_all()
        self.peer.shut()
        figures.note(
            "property tests",
            "the engine against hostile peers",
            examples=1,
            steps=self.steps,
            jobs=len(self.peer.jobs),
            values=sum(map(len, self.peer.values.values())),
        )


TestHostile = HostileMachine.TestCase
if settings.get_current_profile_name() == "core":
    TestHostile.settings = settings(max_examples=60, stateful_step_count=60)
