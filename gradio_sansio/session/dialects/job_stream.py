"""One event stream for each job: ``sse``, Gradio 4.0 to 4.8.

The stream is the job's place in the queue. When its turn comes the server asks for the arguments (``send_data``), which go to it in a POST
of their own, within 5 s; later it has forgotten the job. Messages name no job, values come whole, and the end of the stream is the end
of the job: without a result it was lost.

A heartbeat comes once in a stream's life at most, so silence tells little here: the limit for it is that of direct calls.
"""

from __future__ import annotations

from typing import Final

from gradio_sansio.commands import ExchangeId, Headers
from gradio_sansio.errors import Disconnected, GradioError, QueueFull
from gradio_sansio.events import JobId
from gradio_sansio.session.app import App, call_body, event_stream_fault, lost, not_understood, too_much
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.exchanges import Response
from gradio_sansio.session.job import Job
from gradio_sansio.session.jsontext import BadJson, encode
from gradio_sansio.session.messages import (
    Heartbeat,
    Message,
    ProcessCompleted,
    QueueRefuses,
    SendData,
    decode_message,
    kind_of,
)
from gradio_sansio.session.sse import EventTooLong, SseDecoder
from gradio_sansio.symbol import Symbol


class CallState(Symbol):
    OPENING = "opening"
    WAITING = "waiting"
    """In the queue."""
    SENDING = "sending"
    """It is its turn: the arguments are on their way."""
    RUNNING = "running"
    ENDED = "ended"


class CallInput(Symbol):
    STARTED = "response 200"
    SEND_DATA = "send_data"
    TAKEN = "arguments taken"
    FINISHED = "result, failure, cancel or loss"


TRANSITIONS: Final[dict[CallState, dict[CallInput, CallState]]] = {
    CallState.OPENING: {CallInput.STARTED: CallState.WAITING, CallInput.FINISHED: CallState.ENDED},
    CallState.WAITING: {CallInput.SEND_DATA: CallState.SENDING, CallInput.FINISHED: CallState.ENDED},
    CallState.SENDING: {CallInput.TAKEN: CallState.RUNNING, CallInput.FINISHED: CallState.ENDED},
    CallState.RUNNING: {CallInput.FINISHED: CallState.ENDED},
    CallState.ENDED: {},
}


class _Call:
    """One job and its stream."""

    __slots__ = ("decoder", "event_id", "job", "post", "state", "stream")

    def __init__(self, job: Job, stream: ExchangeId, limit: int) -> None:
        self.job = job
        self.state: CallState = CallState.OPENING
        self.stream = stream
        self.decoder = SseDecoder(limit)
        self.post: ExchangeId | None = None
        self.event_id: str | None = None
        """The server's name for the job, known when it asks for the arguments."""

    def step(self, input: CallInput) -> None:
        self.state = TRANSITIONS[self.state][input]


class JobStreams(Transport):
    """All such jobs of a session."""

    def __init__(self, app: App, session_hash: str) -> None:
        self._app = app
        self._session_hash = session_hash
        self._calls: dict[JobId, _Call] = {}
        self._by_exchange: dict[ExchangeId, _Call] = {}
        """By stream, and by the POST of its arguments."""

    # What the session asks.

    def submit(self, job: Job, now: float) -> None:
        url = self._app.address.api(
            "/queue/join", fn_index=str(job.endpoint.fn_index), session_hash=self._session_hash
        )
        stream = self._app.exchanges.stream(self, url, now, limit="idle_direct")
        call = self._calls[job.id] = _Call(job, stream, self._app.limits.event)
        self._by_exchange[stream] = call

    def withdraw(self, job: Job, now: float) -> None:
        call = self._calls[job.id]
        self._stop(call, now)
        self._forget(call)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, nor to be expected."""
        return not self._calls

    def overflowed(self, job: Job) -> bool:
        self._app.exchanges.pause(self._calls[job.id].stream)
        return True

    def drained(self, job: Job, now: float) -> None:
        self._app.exchanges.resume(self._calls[job.id].stream, now)

    def _stop(self, call: _Call, now: float) -> None:
        if call.event_id is not None:
            # 4.0 lets a generator run on when its stream is closed, and stops it at this. The answer is of no interest.
            self._app.post(self, "/reset", encode({"event_id": call.event_id}), now)

    def _forget(self, call: _Call) -> None:
        """The job has ended here."""
        call.step(CallInput.FINISHED)
        del self._calls[call.job.id]
        for exchange in (call.stream, call.post):
            if exchange is not None:
                del self._by_exchange[exchange]
                self._app.exchanges.abort(exchange)

    def _fail(self, call: _Call, error: GradioError, now: float) -> None:
        call.job.fail(error, now)
        self._forget(call)

    def _give_up(self, call: _Call, error: GradioError, now: float) -> None:
        """The job ends on account of what the server said, and may go on there."""
        self._stop(call, now)
        self._fail(call, error, now)

    # The stream.

    def stream_started(self, exchange: ExchangeId, status: int, headers: Headers, now: float) -> None:
        call = self._by_exchange[exchange]
        fault = event_stream_fault(status, headers, self._app.address.api("/queue/join").redacted)
        if fault is None:
            call.step(CallInput.STARTED)
            call.job.accepted()
        elif self._app.take_back(call.job, Response(status, headers, "", b""), now):
            self._forget(call)
        else:
            self._fail(call, fault, now)

    def stream_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        call = self._by_exchange[exchange]
        try:
            events, too_long = call.decoder.feed(data), False
        except EventTooLong as error:
            events, too_long = error.events, True
        try:
            for event in events:
                self._told(call, decode_message(event, depth=self._app.limits.json_depth), len(event), now)
                if call.state is CallState.ENDED:
                    return
        except BadJson as error:
            self._give_up(call, not_understood("message", str(error)), now)
            return
        if too_long:
            self._give_up(
                call, too_much(f"an event of more than {self._app.limits.event} bytes (Limits.event)"), now
            )

    def stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None:
        call = self._by_exchange[exchange]
        opening = call.state is CallState.OPENING
        if opening and error is not None and self._app.take_back(call.job, error, now):
            self._forget(call)
            return
        if error is None:
            text = "the server ended the job's event stream without a result; the outcome is unknown"
            error = Disconnected(text, phase="stream", url=self._app.address.api("/queue/join").redacted)
        elif not opening:
            error = lost(error, "stream")
        self._fail(call, error, now)

    def _told(self, call: _Call, message: Message, size: int, now: float) -> None:
        match message:
            case SendData():
                self._send(call, message, now)
            case QueueRefuses():
                self._fail(call, QueueFull("the app takes no more jobs for now: its queue is full"), now)
            case Heartbeat():
                pass
            case _:
                if not call.job.told(message, size, now, diffs=False):
                    self._app.log("debug", f"an unknown message: {kind_of(message)}")
                if call.job.ended:
                    if not isinstance(message, ProcessCompleted):
                        self._stop(call, now)
                    self._forget(call)

    def _send(self, call: _Call, message: SendData, now: float) -> None:
        if call.state is not CallState.WAITING or message.event_id is None:
            self._give_up(call, not_understood("message", "it asks for arguments out of turn"), now)
            return
        call.step(CallInput.SEND_DATA)
        call.event_id = message.event_id
        body = call_body(call.job, self._session_hash, event_id=message.event_id)
        call.post = self._app.post(self, "/queue/data", body, now)
        self._by_exchange[call.post] = call

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        call = self._by_exchange.pop(exchange, None)
        if call is None:
            # The answer to a reset.
            return
        call.post = None
        if isinstance(result, GradioError):
            self._fail(call, lost(result, "join"), now)
        elif result.status != 200:
            self._fail(call, self._app.refusal(result, "join"), now)
        else:
            call.step(CallInput.TAKEN)
