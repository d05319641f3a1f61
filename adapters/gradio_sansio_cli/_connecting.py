"""How to reach an app, from the options that all commands share; and the one place where ``HF_TOKEN`` is read."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import click

from gradio_sansio import AuthError, SpaceStatus
from gradio_sansio.session.source import AppSource, Source, check_token, parse_hub, parse_source
from gradio_sansio_sync import App, client
from gradio_sansio_system import HUB, Options

PASSWORD = "GRADIO_SANSIO_PASSWORD"  # noqa: S105  # its name
SPACES = ".hf.space"
T = TypeVar("T")


class Connecting:
    """What was given for reaching an app."""

    def __init__(
        self,
        *,
        token: str | None,
        auth: str | None,
        header: tuple[str, ...],
        timeout: float | None,
        proxy: str | None,
        hub: str | None,
    ) -> None:
        self.token = token
        self.auth = auth
        self.header = header
        self.proxy = proxy
        self.hub: str = hub or os.environ.get("HF_ENDPOINT") or HUB
        self._until = None if timeout is None else monotonic() + timeout

    def left(self) -> float | None:
        """Seconds of ``--timeout`` that are left. It is for all steps together."""
        return None if self._until is None else max(0.001, self._until - monotonic())

    def options(self, source: str) -> Options:
        """The same, as ``client`` takes it.

        Raises:
            click.UsageError: the source or a header makes no sense.
            AuthError: the token or the login can't be used.
        """
        try:
            base = parse_hub(self.hub)
            parsed = parse_source(source, hub=base)
        except ValueError as error:
            raise click.UsageError(_sentence(error)) from None
        token = self.token or (_token_of_environment() if _is_space(parsed) else None)
        try:
            check_token(token, parsed, base)
        except ValueError as error:
            raise AuthError(str(error), hint="--token or HF_TOKEN") from None
        return Options(
            hf_token=token,
            auth=(self.auth, _password(self.auth)) if self.auth else None,
            headers=dict(map(_header, self.header)),
            status_callback=self.space_changed,
            deadline=self.left(),
            proxy=self.proxy,
            hub=self.hub,
        )

    def connect(self, source: str) -> App:
        """The app, to be used with ``with``."""
        options = self.options(source)
        return self.attempt(lambda: client(source, **options))

    def attempt(self, connect: Callable[[], T]) -> T:
        """Do what may find fault with an option."""
        try:
            return connect()
        except ValueError as error:
            raise click.UsageError(_sentence(error)) from None

    def space_changed(self, status: SpaceStatus) -> None:
        """A Space that is waited for stands differently."""


def seconds(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """A number of seconds that can be waited for."""
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise click.BadParameter("must be a number above 0.", context, parameter)
    return value


def _sentence(error: ValueError) -> str:
    text = str(error)
    return text if text.endswith("?") else f"{text}."


def _is_space(source: Source) -> bool:
    """Whether the Hub's token is for this app without being asked for: it is a Space by its name, or at the address that Spaces have."""
    if not isinstance(source, AppSource):
        return True
    origin = source.base.origin
    return origin.scheme == "https" and origin.port == 443 and origin.host.endswith(SPACES)


def _token_of_environment() -> str | None:
    return os.environ.get("HF_TOKEN", "").strip() or None


def _password(user: str) -> str:
    password = os.environ.get(PASSWORD)
    if password is not None:
        return password
    if not sys.stdin or not sys.stdin.isatty():
        raise AuthError(
            f"there is no terminal to ask for the password of {user}: set {PASSWORD}", hint=PASSWORD
        )
    asked: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return asked


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # Not repeated: it may be a secret.
        raise click.UsageError("a header is written as --header 'Name: value'.")
    return name.strip(), value.strip()
