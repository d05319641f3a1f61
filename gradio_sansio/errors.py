"""What can go wrong, as one tree.

``LocalProtocolError`` is the only one that an engine's inputs raise on account of the program; all that the peer or the network
did comes out in events, and adapters raise it to the user. Every error carries what a program needs as attributes. Texts never
hold a token, a cookie, a query or a URL's user information.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.session.space import SpaceStatus


class GradioError(Exception):
    """The root of the tree."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(
        self,
    ) -> tuple[Callable[..., GradioError], tuple[type[GradioError], str, dict[str, object]]]:
        # The default calls the class with `args` alone, and the keywords are missing then.
        return _rebuild, (type(self), self.message, self.__dict__)


def _rebuild(kind: type[GradioError], message: str, attributes: dict[str, object]) -> GradioError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(attributes)
    return error


class LocalProtocolError(GradioError):
    """The engine or an adapter was misused: a defect of the calling program.

    ``state`` is the state in which the call made no sense.
    """

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message)
        self.state = state


class RemoteProtocolError(GradioError):
    """The peer broke the protocol, is no Gradio app, or went past a limit.

    ``expected`` and ``seen`` say what was waited for and what came instead.
    """

    def __init__(self, message: str, *, expected: str, seen: str) -> None:
        super().__init__(message)
        self.expected = expected
        self.seen = seen


class ConnectError(GradioError):
    """There is no connection to the server: nothing was done there.

    ``phase`` is what was going on (``"connect"``, ``"config"``, ``"join"`` ...), ``url`` where, without secrets.
    """

    def __init__(self, message: str, *, phase: str, url: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.url = url


class Disconnected(GradioError):
    """The connection was lost in the middle of a job. The outcome is unknown: the server may or may not have finished it.

    Jobs are never submitted again on their own. ``phase`` and ``url`` as in ``ConnectError``.
    """

    def __init__(self, message: str, *, phase: str, url: str) -> None:
        super().__init__(message)
        self.phase = phase
        self.url = url


class DeadlineExceeded(GradioError, TimeoutError):
    """A time limit passed. A job that it ended was cancelled on the server.

    ``limit`` names it: an attribute of ``Limits``, or ``"timeout"`` and ``"deadline"`` for the caller's own.
    """

    def __init__(self, message: str, *, limit: str) -> None:
        super().__init__(message)
        self.limit = limit


class AppError(GradioError):
    """The app's function raised.

    ``message`` is the app's own text. ``title`` (Gradio 5.2 and later) and ``duration`` (4.37 and later; seconds that a page
    would show it) are None where the server sends none. An app without ``show_error=True`` hides the text of all exceptions
    but ``gr.Error``.
    """

    def __init__(self, message: str, *, title: str | None = None, duration: float | None = None) -> None:
        super().__init__(message)
        self.title = title
        self.duration = duration


class ValidationError(GradioError):
    """Arguments were refused, here or by the server.

    ``parameter`` names the one at fault where there is just one; ``reason`` says what is wrong with it.
    """

    def __init__(self, message: str, *, parameter: str | None, reason: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.reason = reason


class _Refused(GradioError):
    """The server would not take the request now. ``retry_after`` in seconds, where it said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(_Refused):
    """The app's queue takes no more jobs (HTTP 503 to a join from Gradio 4.9 on, the message ``queue_full`` before)."""


class RateLimited(_Refused):
    """HTTP 429."""


class QuotaExceeded(_Refused):
    """The caller's share of shared hardware (ZeroGPU) is used up."""


class AuthError(GradioError):
    """HTTP 401 or 403, a login refused, or a private Space without a token.

    ``hint`` names what to pass. ``advice`` says so in a sentence, in terms of the arguments of ``client``; it ends the text,
    whose beginning may quote the server.
    """

    def __init__(self, message: str, *, hint: str, advice: str = "") -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.hint = hint
        self.advice = advice


class EndpointNotFound(GradioError):
    """There is no such endpoint, or it can't be called. ``available`` lists those that can."""

    def __init__(self, message: str, *, available: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.available = available


class SpaceError(GradioError):
    """A Space that will not run: paused, failed or gone. ``status`` is the last that the Hub told, if any."""

    def __init__(self, message: str, *, status: SpaceStatus | None = None) -> None:
        super().__init__(message)
        self.status = status


class JobCancelled(GradioError):
    """The result of a cancelled job was asked for."""
