"""How a Space stands, as the Hub tells it, and what is to be done about it.

The Hub's stages are those of its own library (``SpaceStage``, and ``SLEEPING``, which it sends beyond those). The messages are those of
Gradio's JavaScript client, so that programs can show the same texts.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeAlias

from msgspec import Struct

LoadStatus: TypeAlias = Literal["pending", "error", "complete", "generating"]


class SpaceStatusNormal(Struct, frozen=True):
    """A Space that runs, or may come to run."""

    status: Literal["sleeping", "running", "building", "error", "stopped", "starting", "paused"]
    detail: str
    """The Hub's stage, or ``NOT_FOUND``."""
    load_status: LoadStatus
    """``pending``: wait; ``complete``: it can be used; ``error``: it will not run."""
    message: str


class SpaceStatusError(Struct, frozen=True):
    """A Space that will not run as it is."""

    status: Literal["space_error"]
    detail: str
    """The Hub's stage."""
    load_status: LoadStatus
    message: str
    discussions_enabled: bool
    """Whether its authors can be asked there; False if that can't be learned."""


SpaceStatus: TypeAlias = SpaceStatusNormal | SpaceStatusError


class Next(Enum):
    """What a stage asks for."""

    GO = "go on: the app can be opened"
    WAKE = "ask the Space's own host for something, which wakes it, and wait"
    WAIT = "wait"
    STOP = "stop: its owner has to act"
    ASK = "stop, and see whether its authors can be asked"


NOT_FOUND: Final = "NOT_FOUND"
_ASLEEP: Final = "Space is asleep. Waking it up..."
_BROKEN: Final = "This space is experiencing an issue."
_PAUSED: Final = "This space has been paused by the author. If you would like to try this demo, consider duplicating the space."
RUNNING: Final = "RUNNING"

STAGES: Final[dict[str, tuple[SpaceStatus, Next]]] = {
    # A status call doesn't wake a Space; a request to its host does.
    "SLEEPING": (SpaceStatusNormal("sleeping", "SLEEPING", "pending", _ASLEEP), Next.WAKE),
    "STOPPED": (SpaceStatusNormal("stopped", "STOPPED", "pending", _ASLEEP), Next.WAKE),
    "BUILDING": (SpaceStatusNormal("building", "BUILDING", "pending", "Space is building..."), Next.WAIT),
    "APP_STARTING": (
        SpaceStatusNormal("starting", "APP_STARTING", "pending", "Space is starting..."),
        Next.WAIT,
    ),
    RUNNING: (SpaceStatusNormal("running", RUNNING, "complete", ""), Next.GO),
    # The version before the one that is being built or started serves meanwhile.
    "RUNNING_BUILDING": (SpaceStatusNormal("running", "RUNNING_BUILDING", "complete", ""), Next.GO),
    "RUNNING_APP_STARTING": (SpaceStatusNormal("running", "RUNNING_APP_STARTING", "complete", ""), Next.GO),
    "PAUSED": (SpaceStatusNormal("paused", "PAUSED", "error", _PAUSED), Next.STOP),
    **{
        stage: (SpaceStatusError("space_error", stage, "error", _BROKEN, False), Next.ASK)
        for stage in ("NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR", "DELETING")
    },
}
"""Each stage's status, and what it asks for."""


def read_stage(stage: str) -> tuple[SpaceStatus, Next]:
    """What a stage means. One that is not known is taken for a failure."""
    found = STAGES.get(stage)
    return found or (SpaceStatusError("space_error", stage[:80], "error", _BROKEN, False), Next.ASK)


def unknown_status(message: str) -> SpaceStatusNormal:
    """The end of a wait in which the Hub said nothing that would be of use."""
    return SpaceStatusNormal("error", NOT_FOUND, "error", message)
