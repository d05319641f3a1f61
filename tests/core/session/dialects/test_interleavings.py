"""Anything happening at any time to jobs that have a socket or a stream of their own.

The driver holds the session to the rules of exchanges; here it is seen that no job hangs and none leaves anything behind.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradio_sansio import ConnectError, Limits, LocalProtocolError
from gradio_sansio.commands import OpenSocket, StartExchange
from gradio_sansio.session.dialects.job_stream import JobStreams
from gradio_sansio.session.dialects.websocket import SocketState, WebSockets
from gradio_sansio.session.exchanges import Timer
from tests.core.session.drive import JSON, STREAM, Drive, Socket
from tests.core.virtual import URL

if TYPE_CHECKING:
    from gradio_sansio.commands import ExchangeId
    from gradio_sansio.events import JobId

VERSIONS = ["3.1.5", "3.4.0", "3.50.2", "4.0.2", "4.8.0"]
ENDPOINTS = ["/predict", "/count", "/story", "/story", "/tale", "/listen", "/direct"]
RESULT = {"data": ["x" * 3000, None], "render_config": {"render_id": 1}}
MESSAGES: dict[str, dict[str, Any]] = {
    "hash": {"msg": "send_hash"},
    "estimation": {"msg": "estimation", "rank": 0, "queue_size": 1},
    "data": {"msg": "send_data"},
    "data for e": {"msg": "send_data", "event_id": "e"},
    "start": {"msg": "process_starts"},
    "progress": {"msg": "progress", "progress_data": None},
    "log": {"msg": "log", "log": "look"},
    "yield": {"msg": "process_generating", "output": RESULT, "success": True},
    "result": {"msg": "process_completed", "output": RESULT, "success": True},
    "failure": {"msg": "process_completed", "output": {"error": None}, "success": False},
    "acknowledged": {"msg": "process_completed", "output": {}, "success": True},
    "malformed": {"msg": "process_completed", "output": 1},
    "full": {"msg": "queue_full"},
    "heartbeat": {"msg": "heartbeat"},
    "unknown": {"msg": "alive?"},
    "none": {},
}
# What brings jobs on comes more often.
SAID = [*MESSAGES, "data", "data for e", "data for e", "yield", "yield", "yield"]
GONE = ConnectError("gone", phase="connect", url=URL)


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[JobId] = []
        self.opened: set[ExchangeId] = set()

    @initialize(version=st.sampled_from(VERSIONS))
    def start(self, version: str) -> None:
        self.drive = Drive(version, limits=Limits(job_buffer=8_000))

    def pick(self, data: st.DataObject, kind: type[StartExchange | OpenSocket]) -> Any:
        commands = [
            c for c in self.drive.commands if isinstance(c, kind) and c.exchange not in self.drive.over
        ]
        return data.draw(st.sampled_from(commands)) if commands else None

    # What the application does.

    @rule(
        endpoint=st.sampled_from(ENDPOINTS),
        isolated=st.booleans(),
        newest=st.booleans(),
        timeout=st.sampled_from([None, None, 0.3, 5.0]),
    )
    def submit(self, endpoint: str, isolated: bool, newest: bool, timeout: float | None) -> None:
        self.jobs.append(self.drive.submit(endpoint, isolated=isolated, newest=newest, timeout=timeout))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "consume", "send", "end"]))
    def act(self, data: st.DataObject, what: str) -> None:
        job = data.draw(st.sampled_from(self.jobs))
        try:
            match what:
                case "cancel":
                    self.drive.cancel(job)
                case "consume":
                    self.drive.consumed(job)
                case "send":
                    self.drive.send(job, "more")
                case _:
                    self.drive.end(job)
        except LocalProtocolError as error:
            assert what in {"send", "end"}
            assert error.state == "no streaming input"  # noqa: PT017

    @rule(seconds=st.sampled_from([0.1, 0.4, 0.5, 10.0, 60.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.drive.wait(seconds)

    # What the server and the network do.

    @rule(data=st.data(), said=st.sampled_from(SAID), count=st.integers(1, 3))
    def speak(self, data: st.DataObject, said: str, count: int) -> None:
        message = MESSAGES[said]
        start = self.pick(data, OpenSocket)
        if start is not None:
            socket = Socket(self.drive, start.exchange, start.url)
            if start.exchange not in self.opened:
                self.opened.add(start.exchange)
                socket.open()
            for _ in range(count):
                # More may be on its way than is listened to.
                self.drive.session.message_received(start.exchange, json.dumps(message), self.drive.now)
                self.drive.pump()
            return
        start = self.pick(data, StartExchange)
        if start is None:
            return
        if start.method == "POST":
            self.drive.answer(RESULT, to=start)
            return
        if start.exchange not in self.opened:
            self.opened.add(start.exchange)
            self.drive.begin(start.exchange)
        self.drive.write(start.exchange, *[message] * count)

    @rule(data=st.data(), status=st.sampled_from([200, 403, 404, 500, 503]))
    def refuse(self, data: st.DataObject, status: int) -> None:
        start = self.pick(data, StartExchange) or self.pick(data, OpenSocket)
        if start is None or start.exchange in self.opened:
            return
        if isinstance(start, OpenSocket) or start.method == "POST":
            self.drive.answer({"detail": "no"}, status=status, to=start.exchange)
        else:
            self.opened.add(start.exchange)
            self.drive.begin(start.exchange, status, JSON if status == 200 else STREAM)

    @rule(data=st.data(), code=st.sampled_from([1000, 1001, 1006]))
    def close(self, data: st.DataObject, code: int) -> None:
        start = self.pick(data, OpenSocket)
        if start is not None:
            Socket(self.drive, start.exchange, start.url).close(code)
            return
        start = self.pick(data, StartExchange)
        if start is not None and start.exchange in self.opened:
            self.drive.finish_stream(start.exchange)

    @rule(data=st.data(), kind=st.sampled_from([StartExchange, OpenSocket]))
    def lose(self, data: st.DataObject, kind: type[StartExchange | OpenSocket]) -> None:
        start = self.pick(data, kind)
        if start is not None:
            self.drive.fail(start.exchange, GONE)

    @precondition(lambda self: self.drive.over)
    @rule(data=st.data())
    def report_late(self, data: st.DataObject) -> None:
        exchange = data.draw(st.sampled_from(sorted(self.drive.over)))
        session, now = self.drive.session, self.drive.now
        session.response_started(exchange, 200, STREAM, URL, now)
        session.body_received(exchange, b"data: {\n\n", now)
        session.socket_opened(exchange, now)
        session.message_received(exchange, "{", now)
        session.socket_closed(exchange, 1000, "", now)
        session.exchange_ended(exchange, now)
        session.exchange_failed(exchange, GONE, now)
        assert session.drain() == []

    # What must hold.

    @invariant()
    def every_open_job_waits_for_something_that_will_come(self) -> None:
        session = self.drive.session
        live = {
            c.exchange for c in self.drive.commands if isinstance(c, (StartExchange, OpenSocket))
        } - self.drive.over
        transports = {id(t): t for _, t in session._jobs.values()} | {
            id(t): t for t in session._transports._shared.values()
        }
        for transport in transports.values():
            if isinstance(transport, WebSockets):
                self.check_sockets(transport, live)
            elif isinstance(transport, JobStreams):
                assert set(transport._calls) == {j for j, (_, t) in session._jobs.items() if t is transport}
                owned = {e for c in transport._calls.values() for e in (c.stream, c.post) if e is not None}
                assert owned == set(transport._by_exchange) <= live

    def check_sockets(self, transport: WebSockets, live: set[ExchangeId]) -> None:
        session = self.drive.session
        assert set(transport._calls) == {j for j, (_, t) in session._jobs.items() if t is transport}
        assert set(transport._by_exchange) <= live
        in_line = [call for line in transport._lines.values() for call in line]
        for call in transport._calls.values():
            if call.state is SocketState.IN_LINE:
                assert call in in_line
            else:
                assert transport._by_exchange[call.exchange] is call  # type: ignore[index]
        for fn_index, line in transport._lines.items():
            begun = [call for call in line if call.state is not SocketState.IN_LINE]
            resting = session._timers.armed(Timer.REST, fn_index)
            # One has its turn, or the generator rests.
            assert begun == ([] if resting else [line[0]])

    def teardown(self) -> None:
        if hasattr(self, "drive"):
            self.drive.finish()
            assert all(self.drive.ended(job) is not None for job in self.jobs)
            for command in self.drive.commands:
                assert (
                    not isinstance(command, StartExchange) or "/reset" not in command.url or self.old_stream
                )

    @property
    def old_stream(self) -> bool:
        return self.drive.session.config.get("protocol") == "sse"


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=max(settings().max_examples, 400))
