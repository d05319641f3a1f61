"""How a Space stands."""

from __future__ import annotations

from time import monotonic
from typing import Final

from msgspec import structs

from gradio_sansio import SpaceError, SpaceStatus
from gradio_sansio.session.space import NOT_FOUND, Next, read_stage
from gradio_sansio_progress import one_line
from gradio_sansio_sync import App
from gradio_sansio_system import Options, make_engine

_ASLEEP: Final = "Space is asleep. A call wakes it."


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
        _, following = read_stage(error.status.detail)
        # What a connecting client tells of it is that it wakes it.
        return structs.replace(error.status, message=_ASLEEP) if following is Next.WAKE else error.status
    raise AssertionError("an app was opened")


def described(status: SpaceStatus) -> str:
    """In one line: the status, the Hub's word for it, and what it says beside that."""
    message = one_line(status.message)
    return f"{status.status} ({one_line(status.detail, 80)})" + (f": {message}" if message else "")
