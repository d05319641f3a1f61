"""The ways in which Gradio's servers take and run a job, one module each."""

from __future__ import annotations

from typing import Protocol

from gradio_sansio.session.job import Job


class Transport(Protocol):
    """What the session asks of every dialect. Dialects hear of the network as owners of exchanges."""

    def submit(self, job: Job, now: float) -> None:
        """Take the job to the server."""

    def send(self, job: Job, data: bytes | None, now: float) -> None:
        """Take further input to a job that streams it: arguments as JSON, or None at their end."""

    def withdraw(self, job: Job, now: float) -> None:
        """The job is about to end here: forget it, and let the server stop it, as far as that version can."""

    def overflowed(self, job: Job) -> bool:
        """The application doesn't keep up with the job. Hold the server back, or say False where that would harm others."""
        ...

    def close(self, now: float) -> None:
        """The session ends; its jobs have been withdrawn."""

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, nor to be expected."""
        ...

    def drained(self, job: Job, now: float) -> None:
        """The application has caught up."""
