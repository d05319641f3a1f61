"""One event stream for all jobs of a session: ``sse_v1`` to ``sse_v3``, Gradio 4.9 to 6.x.

A job is joined with a POST, which answers with its event id. What becomes of all jobs comes over one GET.

Rules, each of them measured on servers:

* There is one reader of a session at a time: a second one steals messages.
* The stream is opened once a join has been answered: before, the session may not exist (HTTP 200 and "404: Session not found.").
* A message may come before the answer to its job's join: it waits in a mailbox while any join is under way.
* A stream that ends in order while jobs are open is opened again: a join may cross with the server's decision to end it. But the server
  decides so when it has no job of the session left, so one that was joined before the stream was opened is lost then (a server that
  was started anew, or another one behind the same address, knows only the later ones).
* A stream that is lost takes the session's events with it, on the server too. There is no resuming: the jobs end as
  ``Disconnected``, those whose join is under way as well, and nothing is submitted again.
* A stream is never closed by us while it may be wanted again soon: the server takes that for a disconnect and clears the session's
  queue, with a delay, so that it may hit the next job. A stream that the server forgets to end stays open.

How jobs are stopped on the server is the business of ``stopping``.
"""

from __future__ import annotations

from typing import Final

from gradio_sansio.commands import ExchangeId, Headers
from gradio_sansio.errors import Disconnected, GradioError
from gradio_sansio.events import JobId
from gradio_sansio.session.admission import Admission
from gradio_sansio.session.app import App, call_body, event_stream_fault, lost, not_understood, too_much
from gradio_sansio.session.config import Dialect
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.dialects.stopping import Stopping
from gradio_sansio.session.exchanges import Response, Timer
from gradio_sansio.session.job import Job, JobState
from gradio_sansio.session.jsontext import BadJson, decode
from gradio_sansio.session.messages import (
    CloseStream,
    Heartbeat,
    Message,
    ProcessCompleted,
    ProcessGenerating,
    ProcessStreaming,
    ServerStopped,
    UnexpectedError,
    decode_message,
    kind_of,
)
from gradio_sansio.session.shapes import identifier, mapping
from gradio_sansio.session.sse import EventTooLong, SseDecoder
from gradio_sansio.symbol import Symbol


class StreamState(Symbol):
    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    ENDING = "ending"
    """The server has said that it ends the stream."""


class StreamInput(Symbol):
    WANTED = "jobs are open"
    STARTED = "response 200"
    CLOSE_STREAM = "close_stream"
    ENDED = "end of stream, or loss"


TRANSITIONS: Final[dict[StreamState, dict[StreamInput, StreamState]]] = {
    StreamState.CLOSED: {StreamInput.WANTED: StreamState.OPENING},
    StreamState.OPENING: {StreamInput.STARTED: StreamState.OPEN, StreamInput.ENDED: StreamState.CLOSED},
    StreamState.OPEN: {StreamInput.CLOSE_STREAM: StreamState.ENDING, StreamInput.ENDED: StreamState.CLOSED},
    StreamState.ENDING: {StreamInput.ENDED: StreamState.CLOSED},
}


class SharedStream(Transport):
    """One session: its joins, its stream and its jobs."""

    def __init__(self, app: App, session_hash: str, *, isolated: bool = False) -> None:
        self._app = app
        self._session_hash = session_hash
        self._isolated = isolated
        self._diffs = app.config.dialect is not Dialect.SSE_V1
        self._state = StreamState.CLOSED
        self._stream: ExchangeId | None = None
        self._decoder = SseDecoder(app.limits.event)
        self._paused = False
        self._fruitless = 0
        """How often in a row the stream ended without a message."""
        self._read_for: set[str] = set()
        """The jobs that were open when the stream was opened."""
        self._joining: dict[ExchangeId, Job] = {}
        self._jobs: dict[str, Job] = {}
        self._event_ids: dict[JobId, str] = {}
        self._early_input: dict[JobId, bytes] = {}
        """The latest input for jobs whose join has not been answered yet."""
        self._ending_input: set[JobId] = set()
        """Those that get no more, once what is under way for them has arrived."""
        self._feeding: dict[ExchangeId, JobId] = {}
        """Input under way, or word that there is no more."""
        self._unheard: dict[JobId, tuple[ProcessStreaming, int] | None] = {}
        """Those whose server goes on after that word, with the value that came since and its size."""
        self._admission = Admission()
        """Those that are not joined yet."""
        self.stopping: Stopping = Stopping(app, session_hash, self._admission, self, isolated=isolated)
        """What becomes of jobs that have ended here."""
        self._mailbox: dict[str, list[tuple[Message, int]]] = {}
        self._mail_count = 0
        self._mail_size = 0

    # What the session asks.

    def submit(self, job: Job, now: float) -> None:
        self._admission.hold(job)
        self.let_in(job.endpoint.fn_index, now)

    def let_in(self, fn_index: int, now: float) -> None:
        """Join those that are due."""
        for job in self._admission.due(fn_index):
            self._join(job, now)

    def _join(self, job: Job, now: float) -> None:
        if self._paused:
            # Somebody else needs the stream now; whoever can't keep up ends instead of holding it.
            self._resume(now)
        self._joining[self._app.post(self, "/queue/join", call_body(job, self._session_hash), now)] = job

    def send(self, job: Job, data: bytes | None, now: float) -> None:
        event_id = self._event_ids.get(job.id)
        if data is None:
            self._ending_input.add(job.id)
            self._end_input(job.id, now)
        elif event_id is None:
            # The server works on the latest only, so it alone is kept.
            self._early_input[job.id] = data
        else:
            body = call_body(job, self._session_hash, data=data)
            self._feeding[self._app.post(self, f"/stream/{event_id}", body, now)] = job.id

    def _end_input(self, id: JobId, now: float) -> None:
        """Say that there is no more, once nothing is under way that this could overtake."""
        event_id = self._event_ids.get(id)
        if event_id is not None and id in self._ending_input and id not in self._feeding.values():
            self._ending_input.remove(id)
            self._close_input(event_id, id, now)
            if self._app.config.version < (6, 0, 0) and not self._jobs[event_id].dependency.timed:
                self._unheard[id] = None

    def _close_input(self, event_id: str, id: JobId, now: float) -> None:
        self._feeding[self._app.post(self, f"/stream/{event_id}/close", b"{}", now)] = id

    def _unending(
        self, event_id: str, job: Job, message: ProcessStreaming, size: int, now: float
    ) -> Message | None:
        """A value after the last input, from a server that doesn't end (5.x, endpoints without a time limit) but works on that input again.

        The first may still be of the input before the last one: it is kept, and asked for another, which can't be.
        """
        before = self._unheard[job.id]
        if before is None:
            self._unheard[job.id] = message, size
            self._close_input(event_id, job.id, now)
            return None
        value, size = before
        if value.output.data != message.output.data:
            job.told(value, size, now, diffs=False)
        return ProcessCompleted(message.output, event_id, message.success)

    def withdraw(self, job: Job, now: float) -> None:
        event_id = self._forget(job)
        if event_id is None:
            self._admission.withdraw(job)
            # Else the server's answer to the join will name the job that is to be stopped.
            return
        del self._jobs[event_id]
        self.stopping.withdrawn(event_id, job, now)
        if self._isolated:
            self.drop_stream()
        elif self._paused:
            self._resume(now)
        self.stopping.pay(job.endpoint.fn_index, now)

    def _forget(self, job: Job) -> str | None:
        self._unheard.pop(job.id, None)
        return self._event_ids.pop(job.id, None)

    def close(self, now: float) -> None:
        """No more of this session: its jobs have been withdrawn. Joins under way are still stopped as they are answered."""
        self.drop_stream()
        self.stopping.close(now)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, nor to be expected."""
        return not (self._joining or self._jobs) and self._admission.idle and self._stream is None

    def overflowed(self, job: Job) -> bool:
        if len(self._jobs) + sum(not other.ended for other in self._joining.values()) > 1:
            return False
        if not self._paused and self._stream is not None:
            self._paused = True
            self._app.exchanges.pause(self._stream)
        return True

    def drained(self, job: Job, now: float) -> None:
        if self._paused:
            self._resume(now)

    def _resume(self, now: float) -> None:
        assert self._stream is not None, "a pause ends with its stream"
        self._paused = False
        self._app.exchanges.resume(self._stream, now)

    # Joining.

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        if exchange in self._feeding:
            self._fed(self._feeding.pop(exchange), result, now)
            return
        job = self._joining.pop(exchange)
        event_id = self._joined(job, result, now)
        early_input = self._early_input.pop(job.id, None)
        self._admission.answered(job.endpoint.fn_index)
        if event_id is not None:
            self._register(event_id, job, now)
        if job.ended:
            self._ending_input.discard(job.id)
        else:
            if early_input is not None:
                self.send(job, early_input, now)
            self._end_input(job.id, now)
        # It may have been the one that a kill waited for.
        self.stopping.pay(job.endpoint.fn_index, now)
        self.let_in(job.endpoint.fn_index, now)
        if not self._joining:
            # What nobody asked for by now is for nobody.
            self._empty_mailbox()

    def _fed(self, id: JobId, result: Response | GradioError, now: float) -> None:
        """Input has arrived, or not; the server minds it no more than the job's end, which it may have crossed with."""
        if isinstance(result, GradioError):
            self._app.log("info", f"input for a job did not arrive: {result}")
        if id in self._event_ids:
            self._end_input(id, now)
        else:
            self._ending_input.discard(id)

    def _joined(self, job: Job, result: Response | GradioError, now: float) -> str | None:
        """The event id that the answer to a join gives, or None: the job has failed then."""
        if self._app.take_back(job, result, now):
            return None
        if isinstance(result, GradioError):
            job.fail(result, now)
            return None
        if result.status != 200:
            job.fail(self._app.refusal(result, "join"), now)
            return None
        try:
            value = decode(result.body, depth=self._app.limits.json_depth)
        except BadJson as error:
            job.fail(not_understood("answer to join", str(error)), now)
            return None
        event_id = identifier(mapping(value).get("event_id"))
        if event_id is None or event_id in self._jobs or event_id in self.stopping:
            job.fail(not_understood("answer to join", "it has no event id of its own"), now)
            return None
        return event_id

    def _register(self, event_id: str, job: Job, now: float) -> None:
        mail = self._mailbox.pop(event_id, ())
        self._mail_count -= len(mail)
        self._mail_size -= sum(size for _, size in mail)
        if job.ended:
            self.stopping.joined(
                event_id, job.endpoint.fn_index, now, read=self._state is not StreamState.CLOSED
            )
            for message, _ in mail:
                self.stopping.told_late(event_id, message, now)
            return
        job.accepted()
        self._jobs[event_id] = job
        self._event_ids[job.id] = event_id
        for message, size in mail:
            if job.ended:
                break
            self._tell(event_id, job, message, size, now)
        if event_id in self._jobs and self._state is StreamState.CLOSED:
            self._open(now)

    # The stream.

    def read_on(self, now: float) -> None:
        """Have it open, though no job needs it."""
        if self._state is StreamState.CLOSED:
            self._open(now)

    def _open(self, now: float) -> None:
        self._step(StreamInput.WANTED)
        self._read_for = set(self._jobs)
        self._decoder = SseDecoder(self._app.limits.event)
        url = self._app.address.api("/queue/data", session_hash=self._session_hash)
        self._stream = self._app.exchanges.stream(self, url, now)

    def stream_started(self, exchange: ExchangeId, status: int, headers: Headers, now: float) -> None:
        fault = event_stream_fault(status, headers, self._app.address.api("/queue/data").redacted)
        if fault is None:
            self._step(StreamInput.STARTED)
        else:
            self._lose(fault, now)

    def stream_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        try:
            events, too_long = self._decoder.feed(data), False
        except EventTooLong as error:
            events, too_long = error.events, True
        try:
            for event in events:
                self._deliver(decode_message(event, depth=self._app.limits.json_depth), len(event), now)
                if self._stream != exchange:
                    # That message was the session's end.
                    return
        except BadJson as error:
            self._lose(not_understood("message", str(error)), now)
            return
        self.stopping.all_read(now)
        if too_long:
            self._lose(too_much(f"an event of more than {self._app.limits.event} bytes (Limits.event)"), now)

    def stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None:
        decided = self._state is StreamState.ENDING or self._app.config.dialect is not Dialect.SSE_V3
        self._stream = None
        self._paused = False
        self._step(StreamInput.ENDED)
        if error is not None:
            self._lose(lost(error, "stream"), now)
            return
        if decided:
            self._fail_forgotten(now)
        if self._jobs:
            self._fruitless += 1
            if self._fruitless > self._app.limits.reopens:
                text = "the event stream ended again and again without a word about the jobs that are open"
                self._lose(self._disconnected(text), now)
            else:
                self._open(now)
        if not self._jobs:
            self.stopping.stream_ended(now)

    def _fail_forgotten(self, now: float) -> None:
        """The server has no job left. Those it had before the stream was opened, and said no end of, it has forgotten."""
        for event_id in self._read_for & self._jobs.keys():
            job = self._jobs.pop(event_id)
            self._forget(job)
            self.stopping.bury(event_id, job.endpoint.fn_index)
            job.fail(self._disconnected("the server ended the event stream and has forgotten the job"), now)
            self.stopping.pay(job.endpoint.fn_index, now)

    def _lose(self, error: GradioError, now: float) -> None:
        """The session's jobs are lost, all of them."""
        self.drop_stream()
        jobs = [*self._jobs.values(), *self._joining.values()]
        for event_id, job in self._jobs.items():
            self.stopping.bury(event_id, job.endpoint.fn_index)
        self._jobs.clear()
        self._event_ids.clear()
        self._unheard.clear()
        self.stopping.lost()
        self._empty_mailbox()
        self._fruitless = 0
        for job in jobs:
            job.fail(error, now)

    def drop_stream(self) -> None:
        """Nobody needs it any more."""
        if self._stream is not None:
            self._app.exchanges.abort(self._stream)
            self._stream = None
            self._paused = False
            self._step(StreamInput.ENDED)

    def _disconnected(self, text: str) -> Disconnected:
        url = self._app.address.api("/queue/data").redacted
        return Disconnected(f"{text}; the outcome is unknown", phase="stream", url=url)

    def _step(self, input: StreamInput) -> None:
        self._state = TRANSITIONS[self._state][input]

    # Messages.

    def _deliver(self, message: Message, size: int, now: float) -> None:
        self._fruitless = 0
        event_id = message.event_id
        job = None if event_id is None else self._jobs.get(event_id)
        if event_id is not None and job is not None and not isinstance(message, ServerStopped):
            self._tell(event_id, job, message, size, now)
            return
        match message:
            case Heartbeat():
                return
            case CloseStream():
                if self._state is StreamState.OPEN:
                    self._step(StreamInput.CLOSE_STREAM)
                return
            case UnexpectedError(event_id=None) if self.stopping.ended_twice(message):
                self.drop_stream()
                if self._jobs:
                    self._open(now)
                return
            case UnexpectedError(event_id=None) | ServerStopped():
                # 4.44 repeats it some twenty times a second until its reader goes away.
                said = message.message if isinstance(message, UnexpectedError) else "Server stopped."
                self._lose(self._disconnected(f"the server gave the session up ({str(said)[:200]})"), now)
                return
            case _:
                pass
        if event_id is None:
            self._app.log("debug", f"a message for no job: {kind_of(message)}")
        elif event_id in self.stopping:
            self.stopping.told_late(event_id, message, now)
        elif self._joining:
            self._keep(event_id, message, size, now)
        else:
            self._app.log("debug", f"a message for an unknown job: {kind_of(message)}")

    def _tell(self, event_id: str, job: Job, message: Message, size: int, now: float) -> None:
        if (
            type(message) is ProcessGenerating
            and job.state is JobState.RUNNING
            and not self.stopping.concerned
        ):
            # One more value, as most messages are: nothing follows from it, unless the job fails over it.
            job.generating(
                message.output, message.success, size, now, diffs=self._diffs, stale=self.stopping.stale
            )
            if not job.ended:
                return
        waited = job.waits
        told: Message | None = message
        if job.id in self._unheard and isinstance(message, ProcessStreaming):
            told = self._unending(event_id, job, message, size, now)
        if told is None:
            pass
        elif isinstance(message, UnexpectedError):
            job.fail(self._disconnected(f"the server gave the job up ({str(message.message)[:200]})"), now)
        elif not job.told(told, size, now, diffs=self._diffs, stale=self.stopping.stale):
            self._app.log("debug", f"an unknown message: {kind_of(message)}")
        self.stopping.told(job, waited, now)
        if job.ended:
            fn_index = job.endpoint.fn_index
            del self._jobs[event_id]
            self._forget(job)
            self.stopping.bury(event_id, fn_index, whole=job.succeeded)
            if not isinstance(message, (ProcessCompleted, UnexpectedError)):
                # It ended here on account of what it said, and goes on there.
                self.stopping.stop_running(event_id, fn_index, now)
        elif job.waits:
            self._admission.waits(job.endpoint.fn_index, event_id)
        elif waited:
            self._admission.started(job.endpoint.fn_index, event_id)
            self.let_in(job.endpoint.fn_index, now)
        self.stopping.pay(job.endpoint.fn_index, now)

    def _keep(self, event_id: str, message: Message, size: int, now: float) -> None:
        """Put a message aside until the join that it belongs to is answered."""
        self._mailbox.setdefault(event_id, []).append((message, size))
        self._mail_count += 1
        self._mail_size += size
        if self._mail_count > self._app.limits.mailbox or self._mail_size > self._app.limits.early:
            self._lose(
                too_much("too many messages for jobs that are unknown (Limits.mailbox, Limits.early)"), now
            )

    def _empty_mailbox(self) -> None:
        self._mailbox.clear()
        self._mail_count = self._mail_size = 0

    # What `Stopping` asks.

    def may_run(self, fn_index: int) -> bool:
        """Whether a job of the function runs, or may have started without our knowing yet."""
        return any(
            job.endpoint.fn_index == fn_index and not job.ended and not job.waits
            for jobs in (self._jobs, self._joining)
            for job in jobs.values()
        )

    def fire(self, timer: Timer, key: int, now: float) -> None:
        match timer:
            case Timer.KILL:
                self.stopping.kill(key, now)
            case Timer.HELD:
                self.stopping.release(key, now)
            case Timer.SUSPECT:
                self._suspected(self._event_ids[JobId(key)], now)
            case _:
                pass  # another dialect's

    def _suspected(self, event_id: str, now: float) -> None:
        """A job that a kill may have met has said nothing for long."""
        job = self._jobs.pop(event_id)
        self._forget(job)
        self.stopping.bury(event_id, job.endpoint.fn_index)
        self.stopping.clear(job)
        text = "the server may have stopped the job together with another of its function that was cancelled"
        job.fail(self._disconnected(text), now)
