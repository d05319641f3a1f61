"""A Space of one's own: the copy of another, made only if it isn't there.

Rules:

* A Space that has the copy's name is used as it is; where it differs from what was asked for, a warning says so. The same holds where
  somebody else makes it in the meantime (HTTP 409).
* The copy gets the hardware that was asked for, else the original's, else ``cpu-basic``.
* A failure says at which step, what has happened by then, and what to do. Doing it all again is always possible.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Final, Protocol

from gradio_sansio.commands import ExchangeCommand
from gradio_sansio.errors import GradioError, RemoteProtocolError, ValidationError
from gradio_sansio.events import Event, Logged
from gradio_sansio.session.duplicate import HARDWARE, Duplicate
from gradio_sansio.session.hub import Hub, HubAnswer, refusal
from gradio_sansio.session.shapes import mapping
from gradio_sansio.session.source import is_space_name
from gradio_sansio.session.space import unknown_status

DEFAULTHARDWARE: Final = "cpu-basic"


class DuplicationState(Enum):
    ORIGINAL = "GET the original's name"
    WHOAMI = "GET the token's owner"
    EXISTING = "GET the Space that has the copy's name"
    HARDWARE = "GET the original's hardware"
    MAKING = "POST the copy"
    SETTING = "POST its sleep time, secrets, variables"
    DONE = "it is there, or can't be"


class DuplicationInput(Enum):
    ANSWERED = "an answer"
    EXISTS = "it is there"
    MISSING = "it isn't there"
    CHOSEN = "it isn't there, and the hardware is given"
    MADE = "it was made"
    LAST = "nothing is left to be set"
    FAILED = "a refusal, or no answer"


_S, _I = DuplicationState, DuplicationInput
TRANSITIONS: Final[dict[DuplicationState, dict[DuplicationInput, DuplicationState]]] = {
    _S.ORIGINAL: {_I.ANSWERED: _S.WHOAMI, _I.FAILED: _S.DONE},
    _S.WHOAMI: {_I.ANSWERED: _S.EXISTING, _I.FAILED: _S.DONE},
    _S.EXISTING: {
        _I.EXISTS: _S.DONE,
        _I.MISSING: _S.HARDWARE,
        _I.CHOSEN: _S.MAKING,
        _I.FAILED: _S.DONE,
    },
    _S.HARDWARE: {_I.ANSWERED: _S.MAKING, _I.FAILED: _S.DONE},
    _S.MAKING: {_I.MADE: _S.SETTING, _I.EXISTS: _S.DONE, _I.FAILED: _S.DONE},
    _S.SETTING: {_I.ANSWERED: _S.SETTING, _I.LAST: _S.DONE, _I.FAILED: _S.DONE},
    _S.DONE: {},
}


class DuplicationOwner(Protocol):
    """Who is told how it went."""

    def duplicated(self, space: str, now: float) -> None: ...
    def not_opened(self, error: GradioError, now: float) -> None: ...


class Duplication:
    """The making of one copy."""

    def __init__(
        self,
        owner: DuplicationOwner,
        original: str,
        path: str,
        options: Duplicate,
        hub: Hub,
        actions: list[ExchangeCommand | Event],
    ) -> None:
        # An address at hf.space doesn't tell the name.
        self.state: DuplicationState = _S.WHOAMI if path == f"/spaces/{original}" else _S.ORIGINAL
        self._owner = owner
        self._original = original
        self._path = path
        self._options = options
        self._hub = hub
        self._actions = actions
        self._copy = ""
        self._hardware = options.hardware or DEFAULTHARDWARE
        self._settings: deque[tuple[str, str, dict[str, object]]] = deque()
        """What is to be set yet: in words, the route below the copy's, the body."""

    def start(self, now: float) -> None:
        if self.state is _S.ORIGINAL:
            self._hub.ask(self, "GET", self._path, now)
        else:
            self._hub.ask(self, "GET", "/whoami-v2", now)

    def hub_answered(self, result: HubAnswer | GradioError, now: float) -> None:
        if isinstance(result, GradioError):
            self._fail(result, now, refused=False)
            return
        match self.state:
            case _S.ORIGINAL:
                self._original_answered(result, now)
            case _S.WHOAMI:
                self._whoami_answered(result, now)
            case _S.EXISTING:
                self._existing_answered(result, now)
            case _S.HARDWARE:
                self._hardware_answered(result, now)
            case _S.MAKING:
                self._making_answered(result, now)
            case _:
                self._setting_answered(result, now)

    def _original_answered(self, answer: HubAnswer, now: float) -> None:
        name = answer.value.get("id")
        if answer.status != 200:
            self._refused(answer, now)
        elif not isinstance(name, str) or not is_space_name(name):
            self._strange("a Space's id", now)
        else:
            self._original = name
            self._step(_I.ANSWERED)
            self.start(now)

    def _whoami_answered(self, answer: HubAnswer, now: float) -> None:
        name = answer.value.get("name")
        if answer.status != 200:
            self._refused(answer, now)
        elif not isinstance(name, str) or not is_space_name(f"{name}/x"):
            self._strange("a user's name", now)
        else:
            copy = self._options.to or self._original.partition("/")[2]
            self._copy = copy if "/" in copy else f"{name}/{copy}"
            self._step(_I.ANSWERED)
            self._hub.ask(self, "GET", f"/spaces/{self._copy}", now)

    def _existing_answered(self, answer: HubAnswer, now: float) -> None:
        if answer.status == 200:
            self._use(answer.value, now)
        elif answer.status not in (401, 404):
            self._refused(answer, now)
        elif self._options.hardware is None:
            self._step(_I.MISSING)
            self._hub.ask(self, "GET", f"/spaces/{self._original}/runtime", now)
        else:
            self._step(_I.CHOSEN)
            self._make(now)

    def _hardware_answered(self, answer: HubAnswer, now: float) -> None:
        if answer.status != 200:
            self._refused(answer, now)
            return
        current = mapping(answer.value.get("hardware")).get("current")
        if isinstance(current, str) and re.fullmatch(HARDWARE, current):
            self._hardware = current
        self._step(_I.ANSWERED)
        self._make(now)

    def _make(self, now: float) -> None:
        body = {"repository": self._copy, "private": self._options.private, "hardware": self._hardware}
        self._hub.ask(self, "POST", f"/spaces/{self._original}/duplicate", now, body=body)

    def _making_answered(self, answer: HubAnswer, now: float) -> None:
        if answer.status == 409:
            self._use({}, now)
        elif not 200 <= answer.status < 300:
            self._refused(answer, now)
        else:
            options = self._options
            if options.timeout is not None:
                seconds = max(1, round(options.seconds))
                self._settings.append(("its sleep time", "sleeptime", {"seconds": seconds}))
            for kind, values in (("secret", options.secrets), ("variable", options.variables)):
                for key, value in (values or {}).items():
                    self._settings.append((f"the {kind} {key}", f"{kind}s", {"key": key, "value": value}))
            self._step(_I.MADE)
            self._set(now)

    def _set(self, now: float) -> None:
        if not self._settings:
            self._step(_I.LAST)
            self._owner.duplicated(self._copy, now)
            return
        _, route, body = self._settings[0]
        self._hub.ask(self, "POST", f"/spaces/{self._copy}/{route}", now, body=body)

    def _setting_answered(self, answer: HubAnswer, now: float) -> None:
        if not 200 <= answer.status < 300:
            self._refused(answer, now)
            return
        self._settings.popleft()
        self._step(_I.ANSWERED)
        self._set(now)

    def _use(self, found: Mapping[str, object], now: float) -> None:
        """There is one already, which stays as it is."""
        options = self._options
        runtime = mapping(found.get("runtime"))
        hardware = mapping(runtime.get("hardware"))
        differences: list[str] = []
        private = found.get("private")
        if isinstance(private, bool) and private is not options.private:
            differences.append(f"private={private}")
        current = hardware.get("requested") or hardware.get("current")
        if options.hardware is not None and isinstance(current, str) and current != options.hardware:
            differences.append(f"hardware={current[:64]!r}")
        sleep = runtime.get("gcTimeout")
        if (
            options.timeout is not None
            and isinstance(sleep, (int, float))
            and sleep != round(options.seconds)
        ):
            differences.append(f"timeout={sleep / 60:g}")
        for kind, values in (("secrets", options.secrets), ("variables", options.variables)):
            if values:
                differences.append(f"the {kind} that it has")
        if differences:
            text = f"{self._copy} is there already and used as it is, with {', '.join(differences)}"
            self._actions.append(Logged("warning", f"{text}; change that in its settings on the Hub"))
        self._step(_I.EXISTS)
        self._owner.duplicated(self._copy, now)

    # How it fails.

    def _refused(self, answer: HubAnswer, now: float) -> None:
        said = answer.value.get("error")
        reason = said[:300] if isinstance(said, str) and said.isprintable() else f"HTTP {answer.status}"
        if self.state is _S.MAKING and answer.status in (400, 402, 422):
            # What it refuses here is the hardware, or the name.
            parameter = "hardware" if "hardware" in reason.lower() or answer.status == 402 else None
            self._fail(
                ValidationError(f"the Hub refused it: {reason}", parameter=parameter, reason=reason), now
            )
            return
        status = unknown_status("Could not get space status")
        subject = self._original if self.state in (_S.ORIGINAL, _S.HARDWARE, _S.MAKING) else self._copy
        self._fail(refusal(answer, "asked", subject, token=True, status=status), now)

    def _strange(self, expected: str, now: float) -> None:
        text = f"the Hub's answer holds no {expected.removeprefix('a ')}"
        self._fail(RemoteProtocolError(text, expected=expected, seen="something else"), now)

    def _fail(self, error: GradioError, now: float, *, refused: bool = True) -> None:
        """Say where it failed, what has happened, and what to do. What was not refused may have been done."""
        doing = self.state.value
        after = "nothing was made"
        if self.state is _S.SETTING:
            doing = f"POST {self._settings[0][0]}"
            left = ", ".join(what for what, _, _ in self._settings)
            after = (
                f"{self._copy} was made, on {self._hardware}, but without {left}: set that in its settings on the Hub, or delete it;"
                " made again, it is used as it is"
            )
        elif self.state is _S.MAKING and not refused:
            after = f"if {self._copy} was made all the same, it is used as it is the next time"
        where = f"duplicating {self._original}{f' as {self._copy}' if self._copy else ''} ({doing})"
        error.message = f"{where}: {error.message}; {after}"
        error.args = (error.message,)
        self._step(_I.FAILED)
        self._owner.not_opened(error, now)

    def _step(self, input: DuplicationInput) -> None:
        self.state = TRANSITIONS[self.state][input]
