"""Opening an app: its config, a login where it wants one, and the description of its API.

Where ``/config`` is of no use, the config is looked for in the app's page.

``/info`` is asked for as soon as it is known where that is, which the first bytes of a config tell. The config is read after that, while
the server works: a large one (150 kB) takes 2 to 4 ms here, and its ``/info`` 8 to 14 ms there.

The first redirect of /config from http to https on the same host moves the app's base there; no other does.
"""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import urlencode

from gradio_sansio.commands import ExchangeId, Redirects
from gradio_sansio.errors import AuthError, GradioError, RemoteProtocolError
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description
from gradio_sansio.session.config import Config, NotAConfig, parse_config, prefix_ahead
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.failures import refusal
from gradio_sansio.session.jsontext import BadJson, decode
from gradio_sansio.symbol import Symbol
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url


class OpeningState(Symbol):
    CONFIG = "GET /config"
    LOGIN = "POST /login"
    PAGE = "GET the page"
    AHEAD = "GET /info, with the config still to be read"
    INFO = "GET /info"
    DONE = "opened, or failed"


class OpeningInput(Symbol):
    OK = "the answer that was hoped for"
    PROMISING = "a config, by its first bytes"
    REFUSED = "401, with a login to try"
    OTHER = "another answer"
    FAILED = "no answer, or one that settles it"


TRANSITIONS: Final[dict[OpeningState, dict[OpeningInput, OpeningState]]] = {
    OpeningState.CONFIG: {
        OpeningInput.PROMISING: OpeningState.AHEAD,
        OpeningInput.OK: OpeningState.INFO,
        OpeningInput.REFUSED: OpeningState.LOGIN,
        OpeningInput.OTHER: OpeningState.PAGE,
        OpeningInput.FAILED: OpeningState.DONE,
    },
    OpeningState.LOGIN: {OpeningInput.OK: OpeningState.CONFIG, OpeningInput.FAILED: OpeningState.DONE},
    OpeningState.PAGE: {OpeningInput.OK: OpeningState.INFO, OpeningInput.FAILED: OpeningState.DONE},
    OpeningState.AHEAD: {OpeningInput.OK: OpeningState.INFO, OpeningInput.OTHER: OpeningState.PAGE},
    # A server that doesn't describe its API can still be called.
    OpeningState.INFO: {OpeningInput.OK: OpeningState.DONE, OpeningInput.OTHER: OpeningState.DONE},
    OpeningState.DONE: {},
}

HEAD_START: Final = 0.001
"""Seconds that the request is given to leave, before the config is read. In adapters whose tasks write, the timer may come first."""
_ASSIGNMENT: Final = b"window.gradio_config ="
_SCRIPT_END: Final = b"</script>"


class OpeningOwner(Protocol):
    """Who is told how it went."""

    def opened(self, address: Address, config: Config, description: Description, now: float) -> None: ...
    def not_opened(self, error: GradioError, now: float) -> None: ...


class Opening:
    """From a base URL to an app that can be called."""

    def __init__(
        self,
        owner: OpeningOwner,
        base: Url,
        exchanges: Exchanges,
        credentials: Credentials,
        timers: Timers[Timer],
        limits: Limits,
        auth: tuple[str, str] | None,
    ) -> None:
        self.state: OpeningState = OpeningState.CONFIG
        self._owner = owner
        self._address = Address(base)
        self._exchanges = exchanges
        self._credentials = credentials
        self._timers = timers
        self._limits = limits
        self._auth = auth
        self._unread = b""
        self._config: Config | None = None
        self._first_reason = ""
        self._exchange = ExchangeId(0)

    def start(self, now: float) -> None:
        redirects = Redirects.UPGRADE if self._address.base.origin.scheme == "http" else Redirects.SAME_ORIGIN
        self._get(self._address.top("/config"), now, redirects)

    def stop(self) -> None:
        """Forget what is under way. Nobody is told."""
        self._timers.disarm(Timer.CONFIG, 0)
        self._unread = b""
        self._exchanges.abort(self._exchange)

    def _get(self, url: Url, now: float, redirects: Redirects = Redirects.SAME_ORIGIN) -> None:
        self._exchange = self._exchanges.request(self, "GET", url, now, redirects=redirects)

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        if self.state is OpeningState.AHEAD:
            self.read_config(now)
            if self._exchange != exchange:
                # It was asked for in vain.
                return
        if isinstance(result, GradioError) and self.state is not OpeningState.INFO:
            self._fail(result, now)
            return
        match self.state:
            case OpeningState.CONFIG:
                assert isinstance(result, Response)
                self._config_answered(result, now)
            case OpeningState.LOGIN:
                assert isinstance(result, Response)
                self._login_answered(result, now)
            case OpeningState.PAGE:
                assert isinstance(result, Response)
                self._page_answered(result, now)
            case _:
                self._info_answered(result, now)

    def _config_answered(self, response: Response, now: float) -> None:
        self._rebase(Url.parse(response.url))
        if response.status == 401 and self._auth is not None:
            self._step(OpeningInput.REFUSED)
            username, password = self._auth
            body = urlencode({"username": username, "password": password}).encode()
            form = (("content-type", "application/x-www-form-urlencoded"),)
            # Never prefixed, in any version.
            self._exchange = self._exchanges.request(
                self, "POST", self._address.top("/login"), now, headers=form, body=body
            )
        elif response.status in (401, 403, 429):
            self._fail(self._refusal(response, "config"), now)
        elif response.status == 200 and (
            self._look_ahead(response.body, now) or self._take_config(response.body, now)
        ):
            pass
        else:
            if response.status != 200:
                self._first_reason = f"HTTP {response.status}"
                if response.status in (502, 503, 504):
                    self._fail(self._refusal(response, "config"), now)
                    return
            self._ask_page(now)

    def _look_ahead(self, body: bytes, now: float) -> bool:
        prefix = prefix_ahead(body)
        if prefix is None:
            return False
        self._step(OpeningInput.PROMISING)
        self._unread = body
        self._timers.arm(Timer.CONFIG, 0, now + HEAD_START)
        self._ask_info(prefix, now)
        return True

    def read_config(self, now: float) -> None:
        """Read what the config holds. It comes to ask for something else if that isn't what its first bytes promised."""
        self._timers.disarm(Timer.CONFIG, 0)
        body, self._unread = self._unread, b""
        exchange = self._exchange
        if not self._take_config(body, now):
            self._ask_page(now)
        if self._exchange != exchange:
            self._exchanges.abort(exchange)

    def _take_config(self, body: bytes, now: float) -> bool:
        try:
            self._config = parse_config(decode(body, depth=self._limits.json_depth))
        except (BadJson, NotAConfig) as error:
            self._first_reason = str(error)
            return False
        asked = self.state is OpeningState.AHEAD and self._config.prefix == self._address.prefix
        self._step(OpeningInput.OK)
        if not asked:
            self._ask_info(self._config.prefix, now)
        return True

    def _ask_info(self, prefix: str, now: float) -> None:
        self._address = Address(self._address.base, prefix)
        # 3.26 to 3.50 describe files as the pages send them only if asked so; later ones don't care.
        self._get(self._address.api("/info", serialize="False"), now)

    def _ask_page(self, now: float) -> None:
        self._step(OpeningInput.OTHER)
        self._get(self._address.top("/"), now)

    def _login_answered(self, response: Response, now: float) -> None:
        if response.status in (200, 302, 303, 307):
            # A redirect is how an app without a login answers.
            self._step(OpeningInput.OK)
            self._auth = None
            self.start(now)
            return
        # Servers answer 400 to a wrong password, and 422 to an empty one.
        error: GradioError = AuthError(
            f"the login at {response.url} was refused (HTTP {response.status})",
            hint="auth",
            advice="check auth=(user, password)",
        )
        if response.status not in (400, 401, 403, 422):
            error = self._refusal(response, "login")
        self._fail(error, now)

    def _page_answered(self, response: Response, now: float) -> None:
        start = response.body.find(_ASSIGNMENT)
        end = response.body.find(_SCRIPT_END, start)
        text = response.body[start + len(_ASSIGNMENT) : end].strip().removesuffix(b";")
        if response.status == 200 and 0 <= start < end and self._take_config(text, now):
            return
        base = self._address.base
        error = RemoteProtocolError(
            f"{base.redacted} is no Gradio app, or not at that path: its /config is of no use ({self._first_reason}),"
            " and its page holds no config either",
            expected="the config of a Gradio app",
            seen=self._first_reason,
        )
        self._fail(error, now)

    def _info_answered(self, result: Response | GradioError, now: float) -> None:
        assert self._config is not None
        text = result.body if isinstance(result, Response) and result.status == 200 else b""
        self._step(OpeningInput.OK if text else OpeningInput.OTHER)
        self._owner.opened(self._address, self._config, Description(text, self._limits.json_depth), now)

    def _rebase(self, final: Url) -> None:
        old, new = self._address.base.origin, final.origin
        # Checked again: a foreign HTTP stack may follow redirects anywhere, and the caller's headers go with the base.
        if (old.scheme, new.scheme) == ("http", "https") and new.host == old.host:
            self._address = Address(Url(new, self._address.base.path, ""))
            self._credentials.set_app(new)

    def _refusal(self, response: Response, phase: str) -> GradioError:
        return refusal(
            response.status,
            response.headers,
            response.body,
            phase=phase,
            url=response.url,
            depth=self._limits.json_depth,
        )

    def _fail(self, error: GradioError, now: float) -> None:
        self._step(OpeningInput.FAILED)
        self._owner.not_opened(error, now)

    def _step(self, input: OpeningInput) -> None:
        self.state = TRANSITIONS[self.state][input]
