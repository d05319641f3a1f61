"""The I/O thread of one app, which owns the engine and its sockets."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TypeVar

from gradio_sansio import Engine, GradioError, LocalProtocolError, SpaceStatus, Status
from gradio_sansio.commands import Connect
from gradio_sansio.events import AppClosed, AppOpened, JobFinished, Logged
from gradio_sansio.frontend import Driver, Operation
from gradio_sansio_system import ConnectOptions, log
from gradio_sansio_system.callbacks import Callbacks, call, check_plain
from gradio_sansio_system.sockets import SelectorSockets

T = TypeVar("T")


class Loop(Driver):
    """Nothing but the I/O thread touches the engine; other threads ``post`` what is to be done there."""

    def __init__(self, engine: Engine, options: ConnectOptions, callbacks: Callbacks) -> None:
        super().__init__()
        self.engine = engine
        self._status_callback = check_plain("status_callback", options.get("status_callback"))
        self._callbacks = callbacks
        self.opened: threading.Event = threading.Event()
        """Set once the app is open, or never will be."""
        self._sockets = SelectorSockets(self, options.get("ssl_context"))
        self.post: Callable[[Callable[[], object]], None] = self._sockets.post
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="gradio-sansio", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def ended(self) -> bool:
        """The thread does nothing more, or is about to."""
        return self._sockets.ended

    def check(self) -> None:
        """Refuse to go on where the answer would never come."""
        if self._pid != os.getpid():
            raise LocalProtocolError(
                "an app can't be used after a fork: connect anew in the new process", state="forked"
            )
        if threading.current_thread() is self._thread:
            raise LocalProtocolError(
                "an app can't be called by what its own thread runs: log handlers and finalizers",
                state="busy",
            )

    def do(self, action: Callable[[], object], failed: Callable[[BaseException], None]) -> None:
        """Have something done by the I/O thread. ``failed`` is told what it raised, or ``LocalProtocolError`` if the thread has ended."""
        self.check()
        todo = [action]

        def run() -> None:
            try:
                todo.pop()()
            except BaseException as error:  # noqa: BLE001  # a payload's own methods may raise anything
                failed(error)

        self.post(run)
        if self.ended:
            self.join()
            # What was posted in time has been done by now.
            if todo:
                failed(LocalProtocolError("the app is closed", state="closed"))

    def call(self, action: Callable[[], T]) -> T:
        """Have something done as ``do`` does, and wait until it is, with all that follows from it at once. Raises what it raises."""
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            outcome.append(action())
            self.pump()
            done.set()

        def failed(error: BaseException) -> None:
            failure.append(error)
            done.set()

        self.do(run, failed)
        done.wait()
        if failure:
            raise failure[0]
        return outcome[0]

    def close(self) -> None:
        """Begin to end the app and the thread, which takes ``Limits.grace`` at most. From anywhere, as ``post``."""
        self.post(lambda: self.engine.close(monotonic()))

    def join(self) -> None:
        """Wait for the thread's end."""
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join()

    # As a driver, in the I/O thread.

    def now(self) -> float:
        return monotonic()

    def connect(self, action: Connect) -> None:
        self._sockets.connect(action)

    def operate(self, action: Operation) -> None:
        self._sockets.operate(action)

    def told(self, event: AppOpened | AppClosed | Logged) -> None:
        if isinstance(event, Logged):
            log(event)
            return
        self._closed = True
        self.opened.set()

    def app_opened(self, event: AppOpened) -> None:
        self._callbacks.afterwards(self.opened.set)

    def space_changed(self, status: SpaceStatus) -> None:
        if self._status_callback is not None:
            self._callbacks.schedule(partial(call, self._status_callback, status))

    def _run(self) -> None:
        try:
            with self._sockets:
                self.pump()
                while not self._closed:
                    self._sockets.poll()
        finally:
            if not self._closed:
                self._fail(LocalProtocolError("the app's thread has failed", state="failed"))

    def _fail(self, error: LocalProtocolError) -> None:
        """A defect of ours, which the thread's own exception tells: nobody shall wait for what never comes."""
        status = Status(queue=False, stage="error", success=False, message=error.message)
        for job, put in self.jobs.items():
            put([JobFinished(job, status, None, error)])
        self.jobs.clear()
        self.error: GradioError | None = error
        self.opened.set()
