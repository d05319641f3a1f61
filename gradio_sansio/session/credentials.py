"""What each request carries by way of credentials, by the exact origin that it goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gradio_sansio.commands import Headers
from gradio_sansio.wire.http import header_fault
from gradio_sansio.wire.origin import Origin


class Credentials:
    """The token and the caller's own headers, each bound to the origins that may see them.

    The caller's headers go to the app and nobody else; the token also to the origins that ``allow_token`` names. Another scheme, port
    or subdomain is another origin.
    """

    def __init__(self, headers: Mapping[str, str], token: str | None) -> None:
        if not isinstance(headers, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
            raise TypeError(f"headers must be a mapping, not {type(headers).__name__}")
        self._own = tuple((name.lower(), value) for name, value in headers.items())
        for name, value in self._own:
            _check(name, value)
        self._token = token
        self._token_origins: set[Origin] = set()
        self._app: Origin | None = None
        self._cache: dict[Origin, Headers] = {}

    @property
    def has_token(self) -> bool:
        return self._token is not None

    def set_app(self, origin: Origin) -> None:
        """The app is at this origin; the caller's headers go there, and no longer to where it was thought to be."""
        self._app = origin
        self._cache.clear()

    def allow_token(self, origin: Origin) -> None:
        """The token may go to this origin: the caller named it, or the Hub did for this Space."""
        self._token_origins.add(origin)
        self._cache.clear()

    def headers_for(self, origin: Origin) -> Headers:
        found = self._cache.get(origin)
        if found is None:
            found = self._own if origin == self._app else ()
            if self._token is not None and origin in self._token_origins:
                # The second name leaves an app's own authorization alone; Spaces take both (gradio_client sends it always).
                taken = any(name == "authorization" for name, _ in found)
                name = "x-hf-authorization" if taken else "authorization"
                found += ((name, f"Bearer {self._token}"),)
            self._cache[origin] = found
        return found


def check_login(auth: object) -> None:
    """Refuse what is no user and password.

    Raises:
        TypeError: without what was given.
    """
    if auth is None:
        return
    if not isinstance(auth, (tuple, list)):
        raise TypeError(f"auth must be (user, password), not {type(auth).__name__}")
    parts = cast("Sequence[object]", auth)
    if len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise TypeError("auth must be (user, password): two strings")


def _check(name: str, value: object) -> None:
    # The value may be a secret, so no text repeats it.
    if not isinstance(value, str):
        raise ValueError(f"headers: the value of {name!r} must be a string")  # noqa: TRY004  # as for all its other faults
    fault = header_fault(name, value)
    if fault is not None:
        raise ValueError(f"headers: {fault}")
