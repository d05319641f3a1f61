"""An app as the caller holds it."""

from __future__ import annotations

import atexit
import weakref
from functools import partial
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

from gradio_sansio import ApiInfo, Data, Engine, FileData, Inbox, Limits, Payload
from gradio_sansio.frontend import AppBase
from gradio_sansio_sync._loop import Loop
from gradio_sansio_sync._submission import Submission
from gradio_sansio_system import DuplicateOptions, Options, make_duplicate, make_engine
from gradio_sansio_system.callbacks import Callbacks

if TYPE_CHECKING:
    from pathlib import Path

    from gradio_sansio_system import StrPath


def client(source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app. To be closed after use: ``with client(...) as app``, or ``app.close()``.

    Args:
        source: the app's URL, or a Space: ``"user/space-name"`` or the address of its page.
        options: each by its name; ``Options`` lists them.

    Raises:
        TypeError, ValueError: an argument makes no sense.
        GradioError: the app can't be reached, or is none.
    """
    return App(make_engine(source, options, monotonic()), options)


def duplicate(source: str, **options: Unpack[DuplicateOptions]) -> App:
    """Connect to a copy of a Space, which is made if it isn't there. To be closed after use, as with ``client``.

    One that is there is used as it is; where the options differ from it, a warning is logged.

    Args:
        source: the original: ``"user/space-name"`` or the address of its page.
        options: each by its name; ``DuplicateOptions`` lists them. ``hf_token`` is needed: the copy belongs to its owner.

    Raises:
        TypeError, ValueError: an argument makes no sense.
        GradioError: says at which step, what has happened by then, and what to do.
    """
    return App(make_duplicate(source, options, monotonic()), options)


class App(AppBase[Submission]):
    """A connected app. All its methods may be called from several threads at once."""

    def __init__(self, engine: Engine, options: Options | DuplicateOptions) -> None:
        super().__init__(options.get("limits") or Limits())
        self.callbacks: Callbacks = Callbacks()
        self.loop: Loop = Loop(engine, options, self.callbacks)
        # Once nobody holds the app any more, as each open job does. That may be in the midst of anything, so it waits for nothing.
        self._abandoned = weakref.finalize(self, _abandon, self.loop, self.callbacks)
        self._abandoned.atexit = False
        _open.add(self)
        try:
            self.loop.start()
            self.loop.opened.wait()
            if self.loop.error is not None:
                raise self.loop.error
        except BaseException:
            self.close()
            raise

    def predict(
        self, endpoint: str | int | None = None, payload: Payload = (), *, timeout: float | None = None
    ) -> Data:
        """Call an endpoint and wait for its result: the last value of a generator.

        Args:
            endpoint: ``"/name"``, ``"name"`` or an index; by default ``/predict``, or the only one there is.
            payload: a list, a mapping by parameter name (defaults are filled in), or None for no arguments.
            timeout: seconds until the job is cancelled.

        Raises:
            EndpointNotFound, ValidationError: before anything is sent, where it can be known.
            DeadlineExceeded: past ``timeout``.
            GradioError: in other ways, as the job failed.
        """
        submission = Submission(self, Inbox(bound=self._limits.job_buffer, keep=False))
        try:
            # One wait, for the end: each hand-over between threads costs as much as some messages do.
            begin = partial(submission.begin, endpoint, payload, timeout=timeout, more=False)
            self.loop.do(begin, submission.refuse)
            return submission.result()
        except BaseException:
            # An interrupt, if the job hasn't ended.
            self.loop.post(submission.cancel_from_loop)
            raise

    def _begin(
        self, inbox: Inbox, endpoint: str | int | None, payload: Payload, **options: Any
    ) -> Submission:
        submission = Submission(self, inbox)
        try:
            self.loop.call(partial(submission.begin, endpoint, payload, **options))
        except BaseException:
            self.loop.post(submission.cancel_from_loop)
            raise
        return submission

    def download(self, file: FileData | str, to: StrPath) -> Path:
        """Save a file that the app returned, in a directory.

        Its name is the server's, made harmless, and numbered where it is taken. There is nothing in the directory under that name
        until the file is complete, and nothing at all if it never is.

        Args:
            file: what the app returned, or a URL of the app's, or a path on its server.
            to: the directory.

        Raises:
            ValidationError: it isn't the app's to give: only the app's own address is asked.
            Disconnected: it broke off.
            OSError: it can't be written.
            GradioError: the server doesn't give it.
        """
        from gradio_sansio_system.downloads import save  # noqa: PLC0415  # with the first file

        return save(self.loop, file, to)

    def view_api(self) -> ApiInfo:
        """The app's endpoints. ``str()`` of it is made for a terminal."""
        return self._usable.api_info

    @property
    def _usable(self) -> Engine:
        return self.loop.engine

    def close(self) -> None:
        """Cancel what runs, on the server too, and end every connection and thread. Takes ``Limits.grace`` at most."""
        until = monotonic() + self._limits.grace
        self.loop.close()
        self.loop.join()
        # It holds the engine, and so the errors of jobs, whose tracebacks hold this app: neither would ever go.
        self._abandoned.detach()
        self.callbacks.close()
        self.callbacks.join(max(0.0, until - monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _abandon(loop: Loop, callbacks: Callbacks) -> None:
    loop.close()
    callbacks.close()


_open: Final[weakref.WeakSet[App]] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for app in list(_open):
        app.close()
