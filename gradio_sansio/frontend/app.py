"""A connected app, as far as its calls never wait."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from gradio_sansio.engine import Engine
from gradio_sansio.errors import LocalProtocolError
from gradio_sansio.frontend.submission import SubmissionBase
from gradio_sansio.inbox import Inbox
from gradio_sansio.limits import Limits
from gradio_sansio.session.arguments import Payload

S = TypeVar("S", bound=SubmissionBase)


class AppBase(ABC, Generic[S]):
    """A connected app."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def submit(
        self,
        endpoint: str | int | None = None,
        payload: Payload = (),
        *,
        timeout: float | None = None,
        isolated: bool = False,
        newest: bool = False,
    ) -> S:
        """Call an endpoint and return at once.

        Args:
            endpoint: as for ``predict``, and so are ``payload`` and ``timeout``.
            isolated: give the job a session of its own. Nothing that happens to other jobs' stream touches it, nor does its cancel
                touch them; but it doesn't see the state that the app keeps for this client, and can't call what was rendered for it.
            newest: where values come faster than they are taken, the newest one is enough.

        Raises:
            EndpointNotFound, ValidationError: nothing was sent.
        """
        inbox = Inbox(bound=self._limits.job_buffer, newest=newest)
        return self._begin(inbox, endpoint, payload, timeout=timeout, isolated=isolated, newest=newest)

    @property
    def url(self) -> str:
        """Where the app is: that of a Space is known to the Hub."""
        return self._usable.url

    @property
    def config(self) -> Mapping[str, Any]:
        """The app's own config, to be read only."""
        return self._usable.config

    @property
    def session_hash(self) -> str:
        """The name under which the app keeps this client's state."""
        return self._usable.session_hash

    def __repr__(self) -> str:
        try:
            return f"<App {self.url}>"
        except LocalProtocolError:
            return "<App, not open>"

    @property
    @abstractmethod
    def _usable(self) -> Engine:
        """The engine. ``LocalProtocolError`` where it can't be used."""

    @abstractmethod
    def _begin(self, inbox: Inbox, endpoint: str | int | None, payload: Payload, **options: Any) -> S:
        """Submit a job whose events go to ``inbox``; the options are those of ``Engine.submit``."""
