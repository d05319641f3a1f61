"""How a session comes to its app: at a URL, or through the Hub; at first, and again when a Space that was called is not there.

Rules:

* A URL is opened as it is. A Space is found, woken and waited for (``waking``); before that, a copy of it is made if one is asked for
  (``duplicate``).
* A call that meets the page of a Space that sleeps, starts or is gone was not taken by the app: Spaces' hosts answer with HTML (503, 404),
  Gradio never does. Such a call waits while the Space is woken, and is then made as if for the first time. One that may have reached the
  app is never made again.
* What was opened anew may be another app: a call that waited is bound to the function of its name there, or fails if that has changed.
* The files of a call wait with it, and go once more where they had gone before: a Space's disk does not outlive it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gradio_sansio.commands import ExchangeCommand, Headers
from gradio_sansio.errors import ConnectError, DeadlineExceeded, GradioError
from gradio_sansio.events import Event, JobId
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description
from gradio_sansio.session.config import Config
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.duplicate import Duplicate
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.job import Job
from gradio_sansio.session.opening import Opening, OpeningOwner
from gradio_sansio.session.source import Source, Space, SpaceSource, may_take_token, subdomain_of
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url

if TYPE_CHECKING:
    from gradio_sansio.session.hub import Hub
    from gradio_sansio.session.waking import Waking

NEVER_TAKEN: Final = (404, 503)
"""What a Space's host answers in place of an app that isn't there."""


class Lobby(Transport):
    """Where calls wait for a Space to run. To the session it is a way of taking jobs to the server like any other."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Job] = {}

    def submit(self, job: Job, now: float) -> None:
        self.jobs[job.id] = job

    def withdraw(self, job: Job, now: float) -> None:
        del self.jobs[job.id]

    @property
    def idle(self) -> bool:
        return not self.jobs

    def empty(self) -> list[Job]:
        """Let them all go."""
        jobs = [*self.jobs.values()]
        self.jobs.clear()
        return jobs


class Access:
    """One session's way to its app."""

    def __init__(
        self,
        owner: OpeningOwner,
        source: Source,
        hub: Url,
        exchanges: Exchanges,
        credentials: Credentials,
        actions: list[ExchangeCommand | Event],
        timers: Timers[Timer],
        entropy: Callable[[int], bytes],
        limits: Limits,
        *,
        auth: tuple[str, str] | None,
        deadline: float | None,
        duplicate: Duplicate | None,
        only_status: bool,
    ) -> None:
        self._owner = owner
        self._exchanges = exchanges
        self._credentials = credentials
        self._actions = actions
        self._timers = timers
        self._entropy = entropy
        self._limits = limits
        self._auth = auth
        self._deadline = deadline
        self._duplicate = duplicate
        self._only_status = only_status
        self._hub_url = hub
        self._hub: Hub | None = None
        """Once it is to be asked."""
        self._base, self._space = _found(source)
        self._opening: Opening | None = None
        self._waking: Waking | None = None
        self._taken_back: dict[JobId, int] = {}
        """How often each call has met a Space that was not there."""
        self.lobby: Lobby = Lobby()

    def start(self, now: float) -> None:
        """Go there."""
        self._limit(now)
        if self._space is None:
            assert self._base is not None, "what is no Space has an address"
            self._credentials.set_app(self._base.origin)
            self._credentials.allow_token(self._base.origin)
            self._opening = Opening(
                self, self._base, self._exchanges, self._credentials, self._timers, self._limits, self._auth
            )
            self._opening.start(now)
            return
        from gradio_sansio.session.hub import Hub  # noqa: PLC0415  # only Spaces need it

        self._hub = Hub(self._hub_url, self._exchanges, self._timers, self._entropy, self._limits)
        if may_take_token(self._hub.url.origin):
            self._credentials.allow_token(self._hub.url.origin)
        if self._duplicate is None:
            self._wake(self._space, self._hub, now)
        else:
            from gradio_sansio.session.duplication import Duplication  # noqa: PLC0415  # few are copied

            space = self._space
            Duplication(self, space.name, space.path, self._duplicate, self._hub, self._actions).start(now)

    @property
    def busy(self) -> bool:
        """The Space that was open is not there at the moment."""
        return self._waking is not None and self._waking.busy

    def takes_back(self, job: Job, outcome: Response | GradioError, now: float) -> bool:
        """Whether a call that was refused has to wait in the lobby. The Space is asked for then."""
        if self._waking is None or job.ended or job.dependency.streaming:
            return False
        refused = isinstance(outcome, Response) and is_away(outcome.status, outcome.headers)
        times = self._taken_back.get(job.id, 0)
        if not (refused or isinstance(outcome, ConnectError)) or times >= self._limits.reopens:
            return False
        self._taken_back[job.id] = times + 1
        if not self._waking.busy:
            self._limit(now)
            self._waking.restart(now)
        return True

    def forget(self, job: Job) -> None:
        """The job has ended."""
        self._taken_back.pop(job.id, None)

    def stop(self) -> None:
        """The session closes."""
        if self._opening is not None:
            self._opening.stop()
        if self._hub is not None:
            self._hub.stop()
        if self._waking is not None:
            self._waking.stop()
        self._unlimit()

    def fire(self, kind: Timer, now: float) -> None:
        """A timer of this one's has come."""
        match kind:
            case Timer.HUB:
                assert self._hub is not None
                self._hub.again(now)
            case Timer.POLL:
                assert self._waking is not None
                self._waking.due(now)
            case Timer.CONFIG:
                opener = self._opening or self._waking
                assert opener is not None
                opener.read_config(now)
            case _:
                if kind is Timer.OPENING:
                    limit, text = "deadline", f"the app could not be opened within {self._deadline:g} s"
                else:
                    limit = "waking"
                    text = f"the Space did not run within {self._limits.waking:g} s (Limits.waking)"
                error = DeadlineExceeded(text, limit=limit)
                if self._waking is not None:
                    self._waking.expired(error, now)
                else:
                    self._exchanges.abort_all()
                    self.stop()
                    self.not_opened(error, now)

    # What those report that do it.

    def duplicated(self, space: str, now: float) -> None:
        assert self._hub is not None
        self._wake(Space(space, f"/spaces/{space}", None), self._hub, now)

    def opened(self, address: Address, config: Config, description: Description, now: float) -> None:
        self._unlimit()
        self._owner.opened(address, config, description, now)

    def not_opened(self, error: GradioError, now: float) -> None:
        self._unlimit()
        self._owner.not_opened(error, now)

    # The inside.

    def _wake(self, space: Space, hub: Hub, now: float) -> None:
        from gradio_sansio.session.waking import Waking  # noqa: PLC0415  # only Spaces need it

        self._waking = Waking(
            self,
            space,
            hub,
            self._exchanges,
            self._credentials,
            self._actions,
            self._timers,
            self._entropy,
            self._limits,
            self._auth,
            only_status=self._only_status,
        )
        self._waking.start(now)

    def _limit(self, now: float) -> None:
        if self._deadline is not None:
            self._timers.arm(Timer.OPENING, 0, now + self._deadline)
        if self._space is not None:
            self._timers.arm(Timer.WAKING, 0, now + self._limits.waking)

    def _unlimit(self) -> None:
        self._timers.disarm(Timer.OPENING, 0)
        self._timers.disarm(Timer.WAKING, 0)


def _found(source: Source) -> tuple[Url | None, Space | None]:
    """Where the source is, and which Space it is, as far as that can be told without asking."""
    if isinstance(source, SpaceSource):
        return None, Space(source.space_id, f"/spaces/{source.space_id}", None)
    subdomain = subdomain_of(source.base.origin)
    if subdomain is None:
        return source.base, None
    return source.base, Space(subdomain, f"/spaces/by-subdomain/{subdomain}", source.base)


def check_duplicate(duplicate: Duplicate | None, source: Source, token: str | None) -> None:
    """Refuse to copy what is no Space, or for nobody.

    Raises:
        ValueError: with the reason.
    """
    if duplicate is None:
        return
    if token is None:
        raise ValueError("duplicating a Space takes an hf_token: the copy belongs to its owner")
    if _found(source)[1] is None:
        raise ValueError(
            "only a Space can be duplicated: expected user/space-name or the address of its page"
        )


def check_space(source: Source) -> None:
    """Refuse to ask the Hub about what is no Space. Raises ``ValueError``."""
    if _found(source)[1] is None:
        raise ValueError("only a Space has a status: expected user/space-name or the address of its page")


def is_away(status: int, headers: Headers) -> bool:
    """Whether this is what a Space's host answers while there is no app behind it."""
    kind = next((value for name, value in headers if name == "content-type"), "")
    return status in NEVER_TAKEN and kind.partition(";")[0].strip().lower() == "text/html"
