"""The ways in which Gradio's servers take and run a job, one module each."""

# ruff: noqa: B027  # what some dialects only need is nothing by default
from __future__ import annotations

from abc import ABC, abstractmethod

from gradio_sansio.session.exchanges import Timer
from gradio_sansio.session.job import Job


class Transport(ABC):
    """What the session asks of every dialect. Dialects hear of the network as owners of exchanges."""

    @abstractmethod
    def submit(self, job: Job, now: float) -> None:
        """Take the job to the server."""

    @abstractmethod
    def withdraw(self, job: Job, now: float) -> None:
        """The job is about to end here: forget it, and let the server stop it, as far as that version can."""

    @property
    @abstractmethod
    def idle(self) -> bool:
        """Whether nothing is under way, nor to be expected."""

    def send(self, job: Job, data: bytes | None, now: float) -> None:
        """Take further input to a job that streams it (5.0 and later): arguments as JSON, or None at their end.

        Other dialects are never asked: the session refuses it where an endpoint doesn't stream its inputs.
        """

    def overflowed(self, job: Job) -> bool:
        """The application doesn't keep up with the job. Hold the server back, or say False where that would harm others.

        Where all there is comes in one answer, there is nothing to hold back.
        """
        return True

    def drained(self, job: Job, now: float) -> None:
        """The application has caught up."""

    def fire(self, timer: Timer, key: int, now: float) -> None:
        """A timer is due. Where its key is a function's, all transports hear of it, whichever has set it."""

    def close(self, now: float) -> None:
        """The session ends; its jobs have been withdrawn."""
