"""From a Space to its app: found by the Hub, woken if it sleeps, waited for while it is built.

Rules:

* The app is tried first, and the Hub is asked how the Space stands only if no app answers: for a Space that runs, opening costs no more
  than its name's look-up.
* What a stage means, and what to do about it, is the table in ``space``. The Hub is asked again after 1 s, then less and less often up to
  every 5 s. It is never asked without a bound: ``Limits.waking`` and the caller's own deadline end it.
* The application is told of each change once. ``running`` is the last, when the app is open, and is told only if something else was
  before it; nothing is told of a Space that runs already. Where it ends otherwise, the last status has ``load_status="error"``.
* The Hub may say that a Space runs a moment before its host agrees, so the app is tried a few times more then.
* Where only the status is wanted, the Hub is asked once and nothing else is done: neither the app nor the Space's host hears of it.
* An answer that only an app gives (a login is wanted, too many requests) ends it: the Space runs.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import structs

from gradio_sansio.commands import ExchangeCommand, ExchangeId, Redirects
from gradio_sansio.errors import (
    ConnectError,
    DeadlineExceeded,
    GradioError,
    RemoteProtocolError,
    SpaceError,
)
from gradio_sansio.events import Event, SpaceChanged
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description
from gradio_sansio.session.config import Config
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.hub import Hub, HubAnswer, Pauses, refusal, space_origin
from gradio_sansio.session.opening import Opening, OpeningOwner
from gradio_sansio.session.shapes import mapping
from gradio_sansio.session.source import Space, is_space_name
from gradio_sansio.session.space import (
    RUNNING,
    Next,
    SpaceStatus,
    SpaceStatusError,
    read_stage,
    unknown_status,
)
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url

TRIES: Final = 3
"""How often an app is tried that runs, according to the Hub."""
NO_STATUS: Final = "Could not get space status"
NO_APP: Final = "Could not load this space."


class WakingState(Enum):
    HOST = "GET the Space's host"
    APP = "opening the app"
    STATUS = "GET the Space's status"
    WAITING = "until the Hub is asked again"
    DISCUSSIONS = "HEAD its discussions"
    DONE = "open, or given up"


class WakingInput(Enum):
    FOUND = "the Hub names its host"
    OPENED = "the app is open"
    NO_APP = "no app answers"
    NOT_YET = "no app answers, though the Hub says that it runs"
    RUNS = "it runs"
    COMES = "it sleeps, is built or starts"
    BROKEN = "it has failed"
    DUE = "time"
    ANSWERED = "whether there are any"
    AGAIN = "it was gone when it was called"
    GIVEN_UP = "refused, paused, or out of time"


TRANSITIONS: Final[dict[WakingState, dict[WakingInput, WakingState]]] = {
    WakingState.HOST: {WakingInput.FOUND: WakingState.APP, WakingInput.GIVEN_UP: WakingState.DONE},
    WakingState.APP: {
        WakingInput.OPENED: WakingState.DONE,
        WakingInput.NO_APP: WakingState.STATUS,
        WakingInput.NOT_YET: WakingState.WAITING,
        WakingInput.GIVEN_UP: WakingState.DONE,
    },
    WakingState.STATUS: {
        WakingInput.RUNS: WakingState.APP,
        WakingInput.COMES: WakingState.WAITING,
        WakingInput.BROKEN: WakingState.DISCUSSIONS,
        WakingInput.GIVEN_UP: WakingState.DONE,
    },
    WakingState.WAITING: {WakingInput.DUE: WakingState.STATUS, WakingInput.GIVEN_UP: WakingState.DONE},
    WakingState.DISCUSSIONS: {
        WakingInput.ANSWERED: WakingState.DONE,
        WakingInput.GIVEN_UP: WakingState.DONE,
    },
    WakingState.DONE: {WakingInput.AGAIN: WakingState.STATUS},
}


class Waking:
    """One Space."""

    def __init__(
        self,
        owner: OpeningOwner,
        space: Space,
        hub: Hub,
        exchanges: Exchanges,
        credentials: Credentials,
        actions: list[ExchangeCommand | Event],
        timers: Timers[Timer],
        entropy: Callable[[int], bytes],
        limits: Limits,
        auth: tuple[str, str] | None,
        *,
        only_status: bool,
    ) -> None:
        self.state: WakingState = WakingState.HOST if space.base is None else WakingState.APP
        if only_status:
            self.state = WakingState.STATUS
        self._only_status = only_status
        self._owner = owner
        self._space = space
        self._base = space.base
        self._hub = hub
        self._exchanges = exchanges
        self._credentials = credentials
        self._actions = actions
        self._timers = timers
        self._pauses = Pauses(entropy)
        self._limits = limits
        self._auth = auth
        self._opening: Opening | None = None
        self._no_app: GradioError | None = None
        """Why the app could not be opened, the last time."""
        self._told: SpaceStatus | None = None
        self._failure: SpaceStatusError | None = None
        self._stage = RUNNING
        self._tries = 0
        self._call: ExchangeId | None = None
        """A request that wakes the Space."""

    @property
    def busy(self) -> bool:
        """Whether it is not known yet if the Space can be used."""
        return self.state is not WakingState.DONE

    def start(self, now: float) -> None:
        """Find the Space, and open its app."""
        if self._only_status:
            self._ask(now)
        elif self._base is None:
            self._hub.ask(self, "GET", f"{self._space.path}/host", now)
        else:
            self._found(self._base, now)

    def restart(self, now: float) -> None:
        """The Space was open, and did not take a call: ask how it stands, and open it again once it runs."""
        self._told = None
        self._tries = 0
        self._pauses.restart()
        self._step(WakingInput.AGAIN)
        self._ask(now)

    def read_config(self, now: float) -> None:
        """As ``Opening.read_config``, for the app that is being opened."""
        assert self._opening is not None
        self._opening.read_config(now)

    def stop(self) -> None:
        """Forget all that is under way. Nobody is told."""
        self._timers.disarm(Timer.POLL, 0)
        self._hub.stop()
        if self._opening is not None:
            self._opening.stop()
        if self._call is not None:
            self._exchanges.abort(self._call)
            self._call = None

    def expired(self, error: DeadlineExceeded, now: float) -> None:
        """It has taken too long."""
        told = self._told
        self.stop()
        if told is not None:
            stands = f"{self._space.name} stood at {told.detail} ({told.message.rstrip('.')}) then"
            error = DeadlineExceeded(f"{error.message}; {stands}", limit=error.limit)
        if self.state is not WakingState.APP or told is not None:
            self._tell(unknown_status(NO_APP if self.state is WakingState.APP else NO_STATUS))
        self._end(error, now)

    def due(self, now: float) -> None:
        """Time to ask the Hub again."""
        self._step(WakingInput.DUE)
        self._ask(now)

    # What comes back.

    def hub_answered(self, result: HubAnswer | GradioError, now: float) -> None:
        match self.state:
            case WakingState.HOST:
                self._host_answered(result, now)
            case WakingState.STATUS:
                self._status_answered(result, now)
            case _:
                self._discussions_answered(result, now)

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        # What a Space says while it wakes is a page for people.
        self._call = None

    def opened(self, address: Address, config: Config, description: Description, now: float) -> None:
        self._step(WakingInput.OPENED)
        self.stop()
        if self._told is not None:
            self._tell(read_stage(self._stage)[0])
        self._owner.opened(address, config, description, now)

    def not_opened(self, error: GradioError, now: float) -> None:
        self._no_app = error
        if not isinstance(error, (ConnectError, RemoteProtocolError, DeadlineExceeded)):
            if self._told is not None:
                self._tell(unknown_status(NO_APP))
            self._end(error, now)
        elif self._tries == 0:
            self._step(WakingInput.NO_APP)
            self._ask(now)
        elif self._tries < TRIES:
            self._step(WakingInput.NOT_YET)
            self._wait(now)
        else:
            self._tell(unknown_status(NO_APP))
            self._end(error, now)

    # The inside.

    def _host_answered(self, result: HubAnswer | GradioError, now: float) -> None:
        if isinstance(result, HubAnswer) and result.status == 200:
            try:
                base = space_origin(result, self._hub.url.origin)
            except ValueError as error:
                text = f"the Hub's answer to where {self._space.name} is can't be used: {error}"
                result = RemoteProtocolError(text, expected="a Space's address", seen=str(error))
            else:
                self._step(WakingInput.FOUND)
                self._found(base, now)
                return
        self._not_found(result, "looking the Space up", now)

    def _found(self, base: Url, now: float) -> None:
        self._base = base
        self._credentials.set_app(base.origin)
        self._credentials.allow_token(base.origin)
        self._open(now)

    def _open(self, now: float) -> None:
        assert self._base is not None
        self._opening = Opening(
            self, self._base, self._exchanges, self._credentials, self._timers, self._limits, self._auth
        )
        self._opening.start(now)

    def _ask(self, now: float) -> None:
        self._hub.ask(self, "GET", self._space.path, now)

    def _status_answered(self, result: HubAnswer | GradioError, now: float) -> None:
        stage = None
        if isinstance(result, HubAnswer) and result.status == 200:
            stage = mapping(result.value.get("runtime")).get("stage")
            if not isinstance(stage, str):
                text = f"the Hub doesn't say how {self._space.name} stands"
                result = RemoteProtocolError(text, expected="runtime.stage", seen="none")
        if not isinstance(stage, str):
            self._not_found(result, "asking how the Space stands", now)
            return
        status, following = read_stage(stage)
        self._stage = stage
        if self._only_status and following is not Next.ASK:
            self._tell(status)
            self._end(SpaceError(f"{self._space.name} was only asked how it stands", status=status), now)
            return
        match following:
            case Next.GO:
                self._step(WakingInput.RUNS)
                self._tries += 1
                self._open(now)
            case Next.WAKE | Next.WAIT:
                self._tries = 0
                self._tell(status)
                self._step(WakingInput.COMES)
                if following is Next.WAKE and self._call is None:
                    assert self._base is not None
                    url = Address(self._base).top("/config")
                    self._call = self._exchanges.request(
                        self, "GET", url, now, redirects=Redirects.SAME_ORIGIN
                    )
                self._wait(now)
            case Next.STOP:
                self._tell(status)
                self._end(self._space_error(status), now)
            case _:
                assert isinstance(status, SpaceStatusError)
                self._failure = status
                self._step(WakingInput.BROKEN)
                name = result.value.get("id") if isinstance(result, HubAnswer) else None
                path = self._space.path
                if self._space.base is not None and isinstance(name, str) and is_space_name(name):
                    path = f"/spaces/{name}"
                self._hub.ask(self, "HEAD", f"{path}/discussions", now)

    def _discussions_answered(self, result: HubAnswer | GradioError, now: float) -> None:
        assert self._failure is not None
        enabled = isinstance(result, HubAnswer) and 200 <= result.status < 300
        status = structs.replace(self._failure, discussions_enabled=enabled)
        self._tell(status)
        self._step(WakingInput.ANSWERED)
        self._end(self._space_error(status), now)

    def _space_error(self, status: SpaceStatus) -> SpaceError:
        advice = ""
        if isinstance(status, SpaceStatusError) and status.discussions_enabled:
            advice = " Its authors can be asked in the discussions on its page."
        text = f"{self._space.name} will not run as it is ({status.detail}): {status.message}{advice}"
        return SpaceError(text, status=status)

    def _not_found(self, result: HubAnswer | GradioError, doing: str, now: float) -> None:
        status = unknown_status(NO_STATUS)
        if isinstance(result, HubAnswer):
            token = self._credentials.has_token
            result = refusal(result, doing, self._space.name, token=token, status=status)
        self._tell(status)
        self._end(result, now)

    def _wait(self, now: float) -> None:
        self._timers.arm(Timer.POLL, 0, now + self._pauses.next())

    def _tell(self, status: SpaceStatus) -> None:
        if status != self._told:
            self._told = status
            self._actions.append(SpaceChanged(status))

    def _end(self, error: GradioError, now: float) -> None:
        self.stop()
        if self.state is not WakingState.DONE:
            self._step(WakingInput.GIVEN_UP)
        self._owner.not_opened(error, now)

    def _step(self, input: WakingInput) -> None:
        self.state = TRANSITIONS[self.state][input]
