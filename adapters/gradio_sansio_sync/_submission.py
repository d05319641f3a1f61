"""A job as the caller holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gradio_sansio import Data, Inbox, LocalProtocolError, Payload
from gradio_sansio.checks import check_number
from gradio_sansio.events import JobId
from gradio_sansio.frontend import SubmissionBase, Values
from gradio_sansio.inbox import Callback, Reader, Value
from gradio_sansio_system.callbacks import call, check_plain

if TYPE_CHECKING:
    from gradio_sansio_sync._app import App


class Submission(SubmissionBase):
    """A call under way. It goes on until it ends, whether or not anybody listens.

    As a context manager it is cancelled on leaving.
    """

    def __init__(self, app: App, inbox: Inbox) -> None:
        # Entered itself, since an interrupt may strike within `Condition.__enter__`.
        lock = threading.RLock()
        super().__init__(inbox, lock)
        self._changed = threading.Condition(lock)
        self._app = app
        """Held so that it stays open for as long as there is something to do."""
        self._loop = app.loop
        self._scheduled = False
        self._refusal: BaseException | None = None

    def cancel(self) -> None:
        self._call(self._loop.engine.cancel)

    def send(self, payload: Payload) -> None:
        """Give the next piece of input to an endpoint that takes them while it runs (a streaming input: Gradio 5.0 and later).

        The server works on the latest piece only: those that come faster than it works are lost there. After the job's end nothing
        happens.

        Raises:
            ValidationError: the payload doesn't fit the endpoint.
            LocalProtocolError: the endpoint takes no such input.
        """
        self._call(lambda job, now: self._loop.engine.send(job, payload, now))

    def end(self) -> None:
        """There is no more input for a streaming input: the job ends with its last result. As ``send`` otherwise."""
        self._call(self._loop.engine.end)

    def _call(self, action: Callable[[JobId, float], None]) -> None:
        job = self.job
        if job is None or self.done:
            return
        try:
            self._loop.call(lambda: action(job, monotonic()))
        except LocalProtocolError:
            # The app may have been closed in the meantime, and the job with it.
            if not self.done:
                raise

    def result(self, timeout: float | None = None) -> Data:
        """Wait for the job's end and return its last value.

        Past ``timeout`` seconds a ``TimeoutError`` says that it goes on; the job isn't touched.

        Raises:
            GradioError: how the job failed; ``JobCancelled`` if it was cancelled.
        """
        self._loop.check()
        seconds = None
        if timeout is not None:
            # Python's locks refuse to wait for longer, and would never be done with waiting for nan.
            seconds = min(max(0.0, check_number("timeout", timeout, ", in seconds")), threading.TIMEOUT_MAX)
        with self._lock:
            if not self._changed.wait_for(lambda: self.done or self._refusal is not None, seconds):
                raise TimeoutError(f"the job hasn't ended within {timeout} s; it goes on")
            if self._refusal is not None:
                raise self._refusal
            return self._inbox.result()

    def __iter__(self) -> Iterator[Data]:
        """Each value as it comes. Raises how the job failed; a cancelled one just ends."""
        return Values[Data](self._next, self._drop, self._reader("data"))

    def events(self) -> Iterator[Value]:
        """Every ``Data``, ``Status`` and ``Log`` in order; the last is the terminal status."""
        return Values[Value](self._next, self._drop, self._reader("data", "status", "log"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    # For the app.

    def begin(self, endpoint: str | int | None, payload: Payload, **options: Any) -> None:
        """For the I/O thread. Whoever is interrupted while that does it, or after, has a submission to cancel."""
        self.job: JobId | None = self._loop.engine.submit(endpoint, payload, now=monotonic(), **options)
        self._loop.jobs[self.job] = self._put

    def cancel_from_loop(self) -> None:
        """As ``cancel``, for the I/O thread."""
        if self.job is not None:
            self._loop.engine.cancel(self.job, monotonic())

    def refuse(self, error: BaseException) -> None:
        """The engine never took it."""
        with self._lock:
            self._refusal = error
            self._changed.notify_all()

    # For the other threads.

    def _call_back(self) -> bool:
        """Make the next call that is due; False if there is none."""
        with self._lock:
            delivery = self._inbox.delivery()
            self._scheduled = delivery is not None
        self._report()
        if delivery is None:
            return False
        call(delivery.callback, delivery.value)
        return True

    def _next(self, reader: Reader) -> Value | None:
        """Wait for the reader's next event; None at the end."""
        with self._lock:
            if not reader.ready:
                self._loop.check()
                self._changed.wait_for(lambda: reader.ready)
            return self._take(reader)

    def _prepare_calls(self, callback: Callback) -> None:
        check_plain("a callback", callback)
        if self._loop.ended:
            raise LocalProtocolError("the app is closed: it makes no calls any more", state="closed")

    def _notify(self) -> None:
        self._changed.notify_all()
        if self._inbox.listened and not self._scheduled:
            self._scheduled = True
            self._app.callbacks.schedule(self._call_back)

    def _consumed(self, job: JobId, n: int) -> None:
        self._loop.post(lambda: self._loop.engine.consumed(job, n, monotonic()))

    def _soon(self, action: Callable[[], None]) -> None:
        self._loop.post(action)
