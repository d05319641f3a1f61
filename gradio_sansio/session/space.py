"""How a Space stands, as the Hub tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LoadStatus: TypeAlias = Literal["pending", "error", "complete", "generating"]


@dataclass(frozen=True)
class SpaceStatusNormal:
    """A Space that runs, or may come to run."""

    status: Literal["sleeping", "running", "building", "error", "stopped", "starting", "paused"]
    detail: str
    """The Hub's stage, or ``NOT_FOUND``."""
    load_status: LoadStatus
    """``pending``: wait; ``complete``: it can be used; ``error``: it will not run."""
    message: str


@dataclass(frozen=True)
class SpaceStatusError:
    """A Space that will not run as it is."""

    status: Literal["space_error"]
    detail: str
    """The Hub's stage."""
    load_status: LoadStatus
    message: str
    discussions_enabled: bool
    """Whether its authors can be asked there; False if that can't be learned."""


SpaceStatus: TypeAlias = SpaceStatusNormal | SpaceStatusError
