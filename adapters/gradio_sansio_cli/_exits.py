"""What the exit codes mean, and which error is which."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from gradio_sansio import (
    AppError,
    AuthError,
    EndpointNotFound,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    SpaceError,
    ValidationError,
)


class Exit(IntEnum):
    """The codes that a program may count on."""

    DONE = 0
    USAGE = 2
    """The command line is wrong, or a file can't be written."""
    APP = 3
    """The app's function failed."""
    REFUSED = 4
    """The endpoint or its arguments were refused; a file that can't be read is one."""
    LOST = 5
    """The app was not reached, the connection was lost, or a time limit passed."""
    AUTH = 6
    """A login or a token is wrong or missing."""
    BUSY = 7
    """The Space doesn't run, the queue is full, or a quota or rate is used up."""
    INTERRUPTED = 130


_CODES: Final[dict[type[GradioError], Exit]] = {
    AppError: Exit.APP,
    EndpointNotFound: Exit.REFUSED,
    ValidationError: Exit.REFUSED,
    LocalProtocolError: Exit.REFUSED,
    AuthError: Exit.AUTH,
    SpaceError: Exit.BUSY,
    QueueFull: Exit.BUSY,
    RateLimited: Exit.BUSY,
    QuotaExceeded: Exit.BUSY,
    JobCancelled: Exit.INTERRUPTED,
}


def code_of(error: GradioError) -> Exit:
    """An error's code; what isn't listed is one of the network."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), Exit.LOST)
