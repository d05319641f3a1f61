"""The Hub: how it is asked, and what its answers mean.

Rules:

* One question at a time. It follows redirects within the Hub only: a Space that was renamed is found, and no other host is asked.
* What the Hub can't answer now is asked again: after 429 once the time has passed that ``Retry-After`` names, and after a failure of
  its or of the network, or an answer that is none of its own, a few times in a row (``Limits.hub_failures``), with pauses that grow.
* A question that changes something is repeated after 429 only: whether another failure came before or after the change is not known.
  One with HEAD is never repeated: what it asks is not worth a wait.
* Every other answer is the asker's to judge; ``refusal`` says what it means to a user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

from gradio_sansio.commands import ExchangeId, Headers, Redirects
from gradio_sansio.errors import (
    AuthError,
    ConnectError,
    GradioError,
    RateLimited,
    RemoteProtocolError,
    SpaceError,
)
from gradio_sansio.limits import Limits
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.failures import retry_after
from gradio_sansio.session.jsontext import BadJson, decode, encode
from gradio_sansio.session.shapes import is_mapping
from gradio_sansio.session.space import SpaceStatus
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Origin, Url, is_address, is_loopback

_JSON: Final = (("content-type", "application/json"),)


class HubAnswer(Struct, frozen=True):
    """What the Hub said."""

    status: int
    headers: Headers
    value: Mapping[str, Any]
    """Its JSON object; empty where there is none."""


class HubCaller(Protocol):
    """Who asks the Hub."""

    def hub_answered(self, result: HubAnswer | GradioError, now: float) -> None: ...


class Pauses:
    """Pauses between questions: from 1 s up to 5 s, a little longer each, and never quite the same for two clients."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._base = 1.0

    def restart(self) -> None:
        self._base = 1.0

    def next(self) -> float:
        pause = self._base * (1 + int.from_bytes(self._entropy(2), "big") / 2**18)
        self._base = min(4.0, self._base * 1.5)
        return pause


class Hub:
    """The Hub, as one session asks it."""

    def __init__(
        self,
        url: Url,
        exchanges: Exchanges,
        timers: Timers[Timer],
        entropy: Callable[[int], bytes],
        limits: Limits,
    ) -> None:
        self.url: Url = url
        self._exchanges = exchanges
        self._timers = timers
        self._limits = limits
        self._pauses = Pauses(entropy)
        self._question: tuple[HubCaller, str, Url, bytes] | None = None
        self._exchange: ExchangeId | None = None
        self._failures = 0

    def ask(
        self,
        caller: HubCaller,
        method: str,
        path: str,
        now: float,
        *,
        body: Mapping[str, object] | None = None,
    ) -> None:
        """Ask for something below ``/api``. ``path`` has to be safe in a URL."""
        assert self._question is None, "one question at a time"
        url = Url(self.url.origin, f"{self.url.path.rstrip('/')}/api{path}")
        self._question = caller, method, url, b"" if body is None else encode(body)
        self._failures = 0
        self._pauses.restart()
        self._send(now)

    def stop(self) -> None:
        """Forget the question that is open, if there is one."""
        self._question = None
        self._timers.disarm(Timer.HUB, 0)
        if self._exchange is not None:
            self._exchanges.abort(self._exchange)
            self._exchange = None

    def again(self, now: float) -> None:
        """The pause before the same question is over."""
        self._send(now)

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        assert self._question is not None
        self._exchange = None
        caller, method, url, _ = self._question
        answer = self._read(result, method, url)
        if isinstance(answer, RateLimited) and method != "HEAD":
            pause = max(self._pauses.next(), answer.retry_after or 0.0)
            # What would outlast every wait is no reason to wait.
            if pause < self._limits.waking:
                self._timers.arm(Timer.HUB, 0, now + pause)
                return
        elif isinstance(answer, GradioError) and method == "GET":
            self._failures += 1
            if self._failures < self._limits.hub_failures:
                self._timers.arm(Timer.HUB, 0, now + self._pauses.next())
                return
        self._question = None
        caller.hub_answered(answer, now)

    def _send(self, now: float) -> None:
        assert self._question is not None
        _, method, url, body = self._question
        self._exchange = self._exchanges.request(
            self,
            method,
            url,
            now,
            headers=_JSON if body else (),
            body=body,
            redirects=Redirects.NONE if method == "POST" else Redirects.SAME_ORIGIN,
        )

    def _read(self, result: Response | GradioError, method: str, url: Url) -> HubAnswer | GradioError:
        """What came, as an answer or as the reason why it is none."""
        if isinstance(result, ConnectError):
            return ConnectError(
                f"the Hub can't be asked: {result.message}", phase=result.phase, url=result.url
            )
        if isinstance(result, GradioError):
            return result
        where = f"the Hub answered {result.status} to {url.redacted}"
        if result.status == 429:
            return RateLimited(f"{where}: too many requests", retry_after=retry_after(result.headers))
        if result.status >= 500:
            return ConnectError(f"{where}; it is not well at the moment", phase="hub", url=url.redacted)
        try:
            value = decode(result.body, depth=self._limits.json_depth)
        except BadJson:
            value = None
        if result.status == 200 and method == "GET" and not is_mapping(value):
            return RemoteProtocolError(
                f"{where} with something that is no JSON object; is {self.url.redacted} the Hub?",
                expected="a JSON object",
                seen="something else",
            )
        return HubAnswer(result.status, result.headers, value if is_mapping(value) else {})


def refusal(answer: HubAnswer, doing: str, space: str, *, token: bool, status: SpaceStatus) -> GradioError:
    """What an answer that is no success means.

    ``doing`` is what was asked for, ``token`` whether one was sent. To strangers the Hub doesn't tell a private Space from none.
    """
    said = answer.value.get("error")
    where = f"{doing}: the Hub answered {answer.status}" + (
        f" ({said[:300]})" if isinstance(said, str) and said.isprintable() else ""
    )
    if answer.status in (401, 403, 404) and not token:
        return AuthError(
            f"{where}; {space} is private, or there is no such Space",
            hint="hf_token",
            advice="pass hf_token= if it is private",
        )
    if answer.status == 401:
        return AuthError(
            f"{where}; it doesn't take the token", hint="hf_token", advice="pass a valid one as hf_token="
        )
    if answer.status == 403:
        return AuthError(
            f"{where}; the token has no right to this",
            hint="hf_token",
            advice="pass one that has as hf_token=",
        )
    if answer.status == 404:
        return SpaceError(
            f"{where}; there is no Space {space}, or the token's owner has no access to it", status=status
        )
    return RemoteProtocolError(where, expected="an answer as the Hub gives it", seen=f"HTTP {answer.status}")


def space_origin(answer: HubAnswer, hub: Origin) -> Url:
    """Where the Hub says that a Space is.

    The token goes there, so the answer is held to what a Space's address is: a name, over https. A Hub on this machine, as tests have
    it, may also name this machine, by address and over http; any other Hub may not.

    Raises:
        ValueError: it is nothing that would be believed.
    """
    host = answer.value.get("host")
    if not isinstance(host, str):
        raise ValueError("it names no host")  # noqa: TRY004  # as for its other faults
    url = Url.parse(host)
    here = is_loopback(url.origin.host)
    if here and not is_loopback(hub.host):
        raise ValueError("it names this machine")
    if url.origin.scheme != "https" and not here:
        raise ValueError(f"it names a host without https: {url.origin}")
    if is_address(url.origin.host) and not here:
        raise ValueError(f"it names an address in place of a host: {url.origin}")
    return Url(url.origin, url.path.rstrip("/"), "")
