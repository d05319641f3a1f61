"""What a server keeps of its jobs and sessions."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any

from gradio_sansio.testing.channels import Channel
from gradio_sansio.testing.functions import Function, Steps
from gradio_sansio.testing.serving import ServerConnection


class JobState(Enum):
    """How far a job is, on the server."""

    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class ServerJob:
    """One event of the queue, or a direct call."""

    def __init__(self, event_id: str, session: str, index: int, function: Function, data: list[Any]) -> None:
        self.event_id = event_id
        self.session = session
        self.index = index
        self.function = function
        self.data = data
        self.state = JobState.QUEUED
        self.muted = False
        """Nobody hears of it any more."""
        self.acknowledged = False
        """It was cancelled while queued, by a version that runs it all the same."""
        self.killed = False
        """It was stopped on its way."""
        self.steps: Steps | None = None
        self.last: list[Any] | None = None
        self.yielded = False
        self.fed = False
        """Its inputs stream, and there are no more."""
        self.rendering: dict[str, Any] = {}
        """What its results say of the functions that it rendered."""
        self.resumes: float | None = None
        """When its sleep is over."""
        self.channel: Channel | None = None
        """What is said of it, before 4.9."""
        self.reply: ServerConnection | None = None
        """Where the answer to a direct call goes."""


class ServerSession:
    """What the server keeps for one session hash."""

    def __init__(self) -> None:
        self.mailbox: deque[bytes] = deque()
        self.pending: set[str] = set()
        self.reader: ServerConnection | None = None
        self.heard: float = 0.0
        """When its reader last got anything."""
