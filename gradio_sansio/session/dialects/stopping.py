"""Stopping the jobs of a shared stream on the server, once they have ended here.

Rules, each of them measured on servers:

* From 4.31 on, ``/cancel`` with the function's index kills every *running* job of that session and function, and tells only the named
  one. With an index that is not in use it kills none, but takes the named job from the queue (6.14 and later); one that runs goes
  on. So the true index is used at once only where no other job of that function is open. Else the kill is owed: until none is, or until
  the job is known to run and no other. For it may end by itself at any moment, and the next in line, which starts in its place, would
  be met by the kill; the news of that is late by up to 50 ms, as the server looks for messages that often. But when a message comes,
  whatever it is about, all that were there before come with it. So a kill is done just after one (``BURST``), and what ends soon is left
  to do so (``HOLD``), as are functions that yield nothing. For the same reason a new job of the function is not joined while a kill is
  under way: over another connection it could overtake that. What starts in that time all the same, in the place of one that ended by
  itself, may have been met, of which no word comes: it is waited for no longer than for a stream (``Limits.idle``).
* Before 6.14 a job that is cancelled while queued runs all the same, and up to 5.45 its end then breaks the stream if it was
  acknowledged. So such a job is left alone until it starts, and stopped then.
* So it breaks if a job ends just before it is killed. The session's messages are still there then (4.44.1), and are read on.
* Before 4.31, ``/reset`` stops a generator that has yielded; from then on nothing more comes for it, and the server never ends the
  stream. Before its first yield it changes nothing, so it comes once more then.
* An ended job's id is remembered, to tell its late messages from early ones of others.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final, Protocol

from msgspec import UNSET

from gradio_sansio.commands import ExchangeId
from gradio_sansio.errors import GradioError
from gradio_sansio.events import JobId
from gradio_sansio.session.admission import Admission
from gradio_sansio.session.app import App
from gradio_sansio.session.exchanges import Response, Timer
from gradio_sansio.session.job import Job, JobState
from gradio_sansio.session.jsontext import encode
from gradio_sansio.session.messages import (
    Estimation,
    Message,
    ProcessCompleted,
    ProcessGenerating,
    UnexpectedError,
)

NO_FUNCTION: Final = -1
"""A function index that no app uses."""
HOLD: Final = 2.0
"""Seconds that a generator may go on in the place for which others wait, before it is killed for them."""
BURST: Final = 0.01
"""Seconds in which the messages that the server passes on at once arrive one after the other."""


class StreamOwner(Protocol):
    """The stream whose jobs are stopped."""

    def may_run(self, fn_index: int) -> bool:
        """Whether a job of the function runs, or may have started without our knowing yet."""
        ...

    def let_in(self, fn_index: int, now: float) -> None:
        """Join those that are due."""

    def read_on(self, now: float) -> None:
        """Have the stream open, though no job of ours needs it."""

    def drop_stream(self) -> None:
        """Nobody needs it any more."""


class _Ended:
    """What is remembered of a job that ended here before it did on the server."""

    __slots__ = ("fn_index", "stop_at_start")

    def __init__(self, fn_index: int, stop_at_start: bool) -> None:
        self.fn_index = fn_index
        self.stop_at_start = stop_at_start


class Stopping:
    """The jobs of one session that have ended here, and what the server is asked to do about them."""

    def __init__(
        self, app: App, session_hash: str, admission: Admission, stream: StreamOwner, *, isolated: bool
    ) -> None:
        self._app = app
        self._session_hash = session_hash
        self._admission = admission
        self._stream = stream
        self._isolated = isolated
        self._closing = False
        self.stale: bool = False
        """A job ended without a result: the server may have kept its last value (see ``job``)."""
        self._ended: OrderedDict[str, _Ended] = OrderedDict()
        self._untold: dict[str, int] = {}
        """Those that no stream has told of, with their functions: they may have started after the server decided to end it."""
        self._then_kill: dict[ExchangeId, tuple[str, int]] = {}
        """Requests to dequeue a job, with the job that is to be killed after the answer."""
        self._dequeuing: dict[ExchangeId, tuple[str, int]] = {}
        """Requests to dequeue a job, with it and its function."""
        self._owed: dict[int, dict[str, float]] = {}
        """By function: the event ids of those that are still to be killed, and from when on."""
        self._killing: dict[ExchangeId, int] = {}
        """Kills under way, with the function."""
        self._unconfirmed: dict[int, tuple[str, float]] = {}
        """Functions with a kill under way: the event id that the server names once it is done, and when that has surely come."""
        self._suspects: set[JobId] = set()
        """Jobs that the server may have killed with another."""

    # Which jobs have ended here.

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ended

    def bury(self, event_id: str, fn_index: int, *, stop_at_start: bool = False, whole: bool = False) -> None:
        """A job has ended here; ``whole``: with a result."""
        self.stale = self.stale or not whole
        self._admission.started(fn_index, event_id)
        self._ended[event_id] = _Ended(fn_index, stop_at_start)
        if len(self._ended) > self._app.limits.tombstones:
            self._untold.pop(self._ended.popitem(last=False)[0], None)

    def ended_twice(self, message: UnexpectedError) -> bool:
        """The server broke the stream over a job that ended by itself just before it was stopped: what it says is the job's id."""
        said = message.message
        return (
            (4, 31, 0) <= self._app.config.version < (5, 46, 0)
            and isinstance(said, str)
            and said.strip("'") in self._ended
        )

    # What the stream reports.

    def withdrawn(self, event_id: str, job: Job, now: float) -> None:
        """A job that the server has is about to end here."""
        fn_index = job.endpoint.fn_index
        self._suspects.discard(job.id)
        running = job.state is JobState.RUNNING
        unstoppable = self._app.config.version < (4, 31, 0) and not job.yielded
        self.bury(event_id, fn_index, stop_at_start=unstoppable or not running)
        if running:
            self.stop_running(event_id, fn_index, now)
        else:
            if not job.waits:
                self._untold[event_id] = fn_index
            self._stop_queued(event_id, fn_index, now)

    def joined(self, event_id: str, fn_index: int, now: float, *, read: bool) -> None:
        """The server took a job that was cancelled, or lost, in the meantime; ``read``: there is a stream."""
        self.bury(event_id, fn_index, stop_at_start=True)
        if read and not self._closing:
            self._untold[event_id] = fn_index
            self._stop_queued(event_id, fn_index, now)
        else:
            self._stop_untold(event_id, fn_index, now)

    @property
    def concerned(self) -> bool:
        """Whether it matters here what comes for a job that runs."""
        return bool(self._suspects or self._owed)

    def told(self, job: Job, waited: bool, now: float) -> None:
        """A message has come for a job that is open, or was until then; ``waited``: it was in the queue before."""
        if job.id in self._suspects:
            self.clear(job)
        elif waited and not job.waits and self._may_be_killed(job.endpoint.fn_index, now):
            # It began in the place of one that ended by itself meanwhile, so the kill may have met it, and that is silent.
            self._suspects.add(job.id)
            self._app.timers.arm(Timer.SUSPECT, job.id, now + self._app.limits.idle)

    def clear(self, job: Job) -> None:
        """No kill has met a job, or it is given up."""
        self._suspects.discard(job.id)
        self._app.timers.disarm(Timer.SUSPECT, job.id)

    def told_late(self, event_id: str, message: Message, now: float) -> None:
        """A message has come for a job that has ended here."""
        ended = self._ended[event_id]
        fn_index = ended.fn_index
        self._untold.pop(event_id, None)
        if isinstance(message, ProcessCompleted):
            # An acknowledgement (`output: {}`) says nothing: the job may have started before it was to be dequeued, and go on.
            if message.output.data is UNSET and message.output.error is UNSET:
                if self._unconfirmed.get(fn_index, ("",))[0] == event_id:
                    del self._unconfirmed[fn_index]
            else:
                ended.stop_at_start = False
                self._settle(event_id, fn_index)
        elif isinstance(message, Estimation):
            pass
        elif ended.stop_at_start and (
            self._app.config.version >= (4, 31, 0) or isinstance(message, ProcessGenerating)
        ):
            ended.stop_at_start = False
            self.stop_running(event_id, fn_index, now)

    def all_read(self, now: float) -> None:
        """All messages of one read have been passed on."""
        for fn_index, owed in self._owed.items():
            if now >= max(owed.values()) and not self._app.timers.armed(Timer.KILL, fn_index):
                self._app.timers.arm(Timer.KILL, fn_index, now + BURST)

    def stream_ended(self, now: float) -> None:
        """The stream has ended, and no job wants another."""
        while self._untold:
            self._stop_untold(*self._untold.popitem(), now)

    def lost(self) -> None:
        """The session is lost, on the server too."""
        self._owed.clear()
        self._unconfirmed.clear()
        self._suspects.clear()

    def close(self, now: float) -> None:
        """The session ends. Those that were cancelled while they waited may have started, and nobody will say so any more."""
        self._closing = True
        under_way = {fn_index for _, fn_index in self._dequeuing.values()}
        for event_id, ended in self._ended.items():
            if ended.stop_at_start and ended.fn_index not in under_way:
                self.stop_running(event_id, ended.fn_index, now)
                if self._app.config.version >= (4, 31, 0):
                    # That stops all that run of the function.
                    under_way.add(ended.fn_index)

    # Stopping.

    def _stop_untold(self, event_id: str, fn_index: int, now: float) -> None:
        """No stream would tell of its start."""
        if self._app.config.version >= (6, 14, 0):
            # First from the queue, then to be stopped if it has started: one request for both waits for what it kills, and in the
            # meantime the job may start in its place (6.31).
            self._ended[event_id].stop_at_start = False
            self._then_kill[self._cancel(event_id, NO_FUNCTION, now)] = (event_id, fn_index)
        elif self._closing:
            self._ended[event_id].stop_at_start = False
            self.stop_running(event_id, fn_index, now)
        else:
            # It can't be taken from the queue: read on, so that it is stopped when it starts.
            self._stream.read_on(now)

    def _stop_queued(self, event_id: str, fn_index: int, now: float) -> None:
        if self._app.config.version >= (6, 14, 0):
            self._dequeuing[self._cancel(event_id, NO_FUNCTION, now)] = (event_id, fn_index)

    def stop_running(self, event_id: str, fn_index: int, now: float) -> None:
        """Stop a job that has started, at once or as soon as that harms no other."""
        if self._app.config.version < (4, 31, 0):
            self._app.post(self, "/reset", encode({"event_id": event_id}), now)
        elif self._stream.may_run(fn_index) or self._admission.waiting(fn_index):
            self._owed.setdefault(fn_index, {}).setdefault(event_id, now + self._patience(fn_index))
        else:
            self._owed.pop(fn_index, None)
            self._kill(event_id, fn_index, now)
        if self._isolated:
            # Nobody else will want the stream, and some versions would never end it.
            self._stream.drop_stream()

    def pay(self, fn_index: int, now: float) -> None:
        """Do the kill that is owed, if that harms nobody any more.

        A job that waits counts too: the end of its sibling, of which we have just heard, may have let it start.
        """
        if fn_index in self._owed and not self._admission.waiting(fn_index):
            self.kill(fn_index, now)

    def kill(self, fn_index: int, now: float) -> None:
        """All that the server knew a moment ago is known: what is owed can be paid where other jobs only wait."""
        if fn_index in self._owed and not self._stream.may_run(fn_index):
            self._kill(next(reversed(self._owed.pop(fn_index))), fn_index, now)

    def _settle(self, event_id: str, fn_index: int) -> None:
        """A job has ended by itself, and is not to be killed any more."""
        owed = self._owed.get(fn_index, {})
        owed.pop(event_id, None)
        if not owed:
            self._owed.pop(fn_index, None)

    def _patience(self, fn_index: int) -> float:
        """Seconds that a job may go on in the place for which others wait, before it is killed for them."""
        dependency = self._app.config.dependencies.get(fn_index)
        # A function in a thread can't be stopped, so that a kill would only endanger the next in line.
        return HOLD if dependency is None or dependency.generator else math.inf

    def _kill(self, event_id: str, fn_index: int, now: float) -> None:
        """Stop all that runs of a function. The answer comes when it has ended, which may take long; the kill itself is done at once."""
        self._app.timers.disarm(Timer.KILL, fn_index)
        exchange = self._cancel(event_id, fn_index, now)
        if not self._isolated:
            self._killing[exchange] = fn_index
            self._admission.bar(fn_index)
            self._app.timers.arm(Timer.HELD, fn_index, now + self._app.limits.grace)
            self._unconfirmed[fn_index] = event_id, math.inf

    def _may_be_killed(self, fn_index: int, now: float) -> bool:
        """Whether a job of the function that has just started may have done so before a kill."""
        _, until = self._unconfirmed.get(fn_index, ("", 0.0))
        return now < until

    def release(self, fn_index: int, now: float) -> None:
        """A kill has been done: what was held back for it can be joined."""
        self._app.timers.disarm(Timer.HELD, fn_index)
        self._admission.unbar(fn_index)
        self._stream.let_in(fn_index, now)

    def _cancel(self, event_id: str, fn_index: int, now: float) -> ExchangeId:
        body = {"event_id": event_id, "session_hash": self._session_hash, "fn_index": fn_index}
        return self._app.post(self, "/cancel", encode(body), now)

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        """The answer to any of that: whatever it says, the job has ended here."""
        if exchange in self._killing:
            fn_index = self._killing.pop(exchange)
            if fn_index in self._unconfirmed:
                self._unconfirmed[fn_index] = self._unconfirmed[fn_index][0], now + self._app.limits.grace
            if fn_index not in self._killing.values():
                self.release(fn_index, now)
        if isinstance(result, GradioError):
            self._app.log("info", f"cancelling on the server failed: {result}")
        ended = self._then_kill.pop(exchange, None)
        dequeued = self._dequeuing.pop(exchange, None)
        if dequeued is not None and (self._closing or self._isolated):
            # It may have started before.
            ended = dequeued
        if ended is not None:
            self.stop_running(*ended, now)
