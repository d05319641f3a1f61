"""One websocket for each job: Gradio 3.1.5 to 3.50.2.

The server asks, the client answers: ``send_hash`` for the function and the session (from 3.6 on; up to 3.2 the client speaks first, in
between nobody asks), ``send_data`` for the arguments when the job's turn has come. Values come whole. The server closes with 1000
after the result; without a result that means that somebody cancelled the job there.

Rules:

* A job is cancelled by closing its socket. ``/reset`` is never sent: it restarts a generator whose socket is still open.
* Servers keep a generator under its session and function, not under its job, and clear it away only some time after its socket has closed.
  Two such jobs would draw from one generator, and one that follows a cancelled one too soon begins in its middle, again. So a generator
  without State gets a session of its own; those with State wait for each other, and for ``REST`` after one that was left half done.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gradio_sansio.commands import ExchangeId
from gradio_sansio.errors import Disconnected, GradioError, QueueFull
from gradio_sansio.events import JobId
from gradio_sansio.session.app import App, call_body, lost, not_understood
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.exchanges import Response, Timer
from gradio_sansio.session.job import Job
from gradio_sansio.session.jsontext import BadJson, encode
from gradio_sansio.session.messages import (
    Message,
    ProcessCompleted,
    QueueRefuses,
    SendData,
    SendHash,
    decode_message,
    kind_of,
)
from gradio_sansio.symbol import Symbol

REST: Final = 0.5
"""Seconds that 3.50.2 was seen to need for clearing a cancelled generator away."""
NORMAL: Final = 1000


class SocketState(Symbol):
    IN_LINE = "in line"
    """Another job of the same generator comes first."""
    OPENING = "opening"
    OPEN = "open"
    """In the queue, or about to be."""
    RUNNING = "running"
    """The arguments have been sent."""
    ENDED = "ended"


class SocketInput(Symbol):
    FREE = "the generator is free"
    OPENED = "websocket open"
    SEND_DATA = "send_data"
    FINISHED = "result, failure, cancel or loss"


TRANSITIONS: Final[dict[SocketState, dict[SocketInput, SocketState]]] = {
    SocketState.IN_LINE: {SocketInput.FREE: SocketState.OPENING, SocketInput.FINISHED: SocketState.ENDED},
    SocketState.OPENING: {SocketInput.OPENED: SocketState.OPEN, SocketInput.FINISHED: SocketState.ENDED},
    SocketState.OPEN: {SocketInput.SEND_DATA: SocketState.RUNNING, SocketInput.FINISHED: SocketState.ENDED},
    SocketState.RUNNING: {SocketInput.FINISHED: SocketState.ENDED},
    SocketState.ENDED: {},
}


class _Call:
    """One job and its websocket."""

    __slots__ = ("exchange", "job", "session_hash", "shares", "state")

    def __init__(self, job: Job, session_hash: str, shares: bool) -> None:
        self.job = job
        self.state: SocketState = SocketState.IN_LINE
        self.session_hash = session_hash
        self.shares = shares
        """It is a generator in the session of others."""
        self.exchange: ExchangeId | None = None

    def step(self, input: SocketInput) -> None:
        self.state = TRANSITIONS[self.state][input]


class WebSockets(Transport):
    """All such jobs of a session."""

    def __init__(self, app: App, session_hash: str, *, isolated: bool) -> None:
        self._app = app
        self._session_hash = session_hash
        self._isolated = isolated
        self._calls: dict[JobId, _Call] = {}
        self._by_exchange: dict[ExchangeId, _Call] = {}
        self._lines: dict[int, deque[_Call]] = {}
        """By function: the jobs of a shared generator, the one whose turn it is first; empty while it rests."""

    # What the session asks.

    def submit(self, job: Job, now: float) -> None:
        generator, stateful = job.dependency.generator, job.dependency.stateful
        own = generator and not stateful and not self._isolated
        session_hash = self._app.new_session_hash() if own else self._session_hash
        call = self._calls[job.id] = _Call(job, session_hash, generator and stateful and not self._isolated)
        if call.shares:
            line = self._lines.get(job.endpoint.fn_index)
            if line is not None:
                line.append(call)
                return
            self._lines[job.endpoint.fn_index] = deque((call,))
        self._open(call, now)

    def withdraw(self, job: Job, now: float) -> None:
        self._end(self._calls[job.id], now, rest=True)

    def fire(self, timer: Timer, key: int, now: float) -> None:
        # The time that a generator's clearing takes has passed.
        if timer is Timer.REST and key in self._lines:
            self._next(key, now)

    def close(self, now: float) -> None:
        """No more of this session: its jobs have been withdrawn."""
        for fn_index in self._lines:
            self._app.timers.disarm(Timer.REST, fn_index)
        self._lines.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, nor to be expected."""
        return not self._calls

    def overflowed(self, job: Job) -> bool:
        exchange = self._calls[job.id].exchange
        if exchange is not None:
            self._app.exchanges.pause(exchange)
        return True

    def drained(self, job: Job, now: float) -> None:
        exchange = self._calls[job.id].exchange
        if exchange is not None:
            self._app.exchanges.resume(exchange, now)

    # Taking turns.

    def _open(self, call: _Call, now: float) -> None:
        call.step(SocketInput.FREE)
        call.exchange = self._app.exchanges.socket(self, self._app.address.api("/queue/join"), now)
        self._by_exchange[call.exchange] = call

    def _end(self, call: _Call, now: float, *, rest: bool) -> None:
        """The job has ended here, or is about to."""
        began = call.state is SocketState.RUNNING
        waited = call.state is SocketState.IN_LINE
        call.step(SocketInput.FINISHED)
        del self._calls[call.job.id]
        if call.exchange is not None:
            del self._by_exchange[call.exchange]
            self._app.exchanges.close_socket(call.exchange)
        if call.shares:
            fn_index = call.job.endpoint.fn_index
            self._lines[fn_index].remove(call)
            if waited:
                return
            if began and rest:
                self._app.timers.arm(Timer.REST, fn_index, now + REST)
            else:
                self._next(fn_index, now)

    def _next(self, fn_index: int, now: float) -> None:
        line = self._lines[fn_index]
        if line:
            self._open(line[0], now)
        else:
            del self._lines[fn_index]

    # The socket.

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        call = self._by_exchange[exchange]
        call.step(SocketInput.OPENED)
        call.job.accepted()
        if (0, 0, 0) < self._app.config.version < (3, 3, 0):
            self._app.exchanges.send(exchange, encode({"hash": call.session_hash}))

    def socket_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        call = self._by_exchange[exchange]
        try:
            message = decode_message(data, depth=self._app.limits.json_depth)
        except BadJson as error:
            self._fail(call, not_understood("message", str(error)), now)
        else:
            self._told(call, exchange, message, len(data), now)

    def socket_ended(self, exchange: ExchangeId, outcome: int | Response | GradioError, now: float) -> None:
        call = self._by_exchange[exchange]
        opened = call.state is not SocketState.OPENING
        if not opened and not isinstance(outcome, int) and self._app.take_back(call.job, outcome, now):
            self._end(call, now, rest=False)
            return
        if isinstance(outcome, Response):
            error = self._app.refusal(outcome, "websocket")
        elif isinstance(outcome, GradioError):
            error = lost(outcome, "websocket") if opened else outcome
        elif outcome == NORMAL and opened:
            call.job.cancelled(now, by="on the server")
            self._end(call, now, rest=False)
            return
        else:
            url = self._app.address.api("/queue/join").redacted
            text = (
                f"the server closed the job's websocket ({outcome}) without a result; the outcome is unknown"
            )
            error = Disconnected(text, phase="websocket", url=url)
        self._fail(call, error, now)

    def _told(self, call: _Call, exchange: ExchangeId, message: Message, size: int, now: float) -> None:
        match message:
            case SendHash():
                body = {"fn_index": call.job.endpoint.fn_index, "session_hash": call.session_hash}
                self._app.exchanges.send(exchange, encode(body))
            case SendData():
                if call.state is not SocketState.OPEN:
                    self._fail(call, not_understood("message", "it asks for arguments out of turn"), now)
                    return
                call.step(SocketInput.SEND_DATA)
                self._app.exchanges.send(exchange, call_body(call.job, call.session_hash))
            case QueueRefuses():
                self._fail(call, QueueFull("the app takes no more jobs for now: its queue is full"), now)
            case _:
                if not call.job.told(message, size, now, diffs=False):
                    # `alive?` of 3.13 to 3.34 among them, which wants no answer.
                    self._app.log("debug", f"an unknown message: {kind_of(message)}")
                if call.job.ended:
                    # If it ended here on account of what it said, it goes on there.
                    self._end(call, now, rest=not isinstance(message, ProcessCompleted))

    def _fail(self, call: _Call, error: GradioError, now: float) -> None:
        call.job.fail(error, now)
        self._end(call, now, rest=True)
