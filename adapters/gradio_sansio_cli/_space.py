"""How a Space stands."""

from __future__ import annotations

from time import monotonic

from gradio_sansio import SpaceError, SpaceStatus
from gradio_sansio.session.space import NOT_FOUND
from gradio_sansio_progress import one_line
from gradio_sansio_sync import App
from gradio_sansio_system import Options, make_engine


def ask(source: str, options: Options) -> SpaceStatus:
    """Ask the Hub how a Space stands. That wakes nothing.

    Raises:
        ValueError: no Space.
        GradioError: the Hub doesn't say.
    """
    # What a callback would be told is the answer itself.
    options = {**options, "status_callback": None}
    try:
        App(make_engine(source, options, monotonic(), only_status=True), options).close()
    except SpaceError as error:
        if error.status is None or error.status.detail == NOT_FOUND:
            raise
        return error.status
    raise AssertionError("an app was opened")


def described(status: SpaceStatus) -> str:
    """In one line: the status, the Hub's word for it, and what it says beside that."""
    message = one_line(status.message)
    return f"{status.status} ({one_line(status.detail, 80)})" + (f": {message}" if message else "")
