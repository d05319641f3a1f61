"""What the caller may name as an app: a URL, a Space, or a Space's page.

Names are read here and checked; nothing is asked of anybody. A token goes to the origins that this module allows and no other.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from msgspec import Struct

from gradio_sansio.checks import check_text
from gradio_sansio.wire.origin import Origin, Url, is_loopback

HUB: Final = "https://huggingface.co"
SPACES: Final = ".hf.space"
"""What the host of a Space's own address ends with."""

# Compiled when first needed, which is seldom.
_NAME: Final = r"[A-Za-z0-9_.-]{1,96}/[A-Za-z0-9_.-]{1,96}"
_SHOWABLE: Final = r"[\w .:/-]{1,80}"
_HOST_AND_PORT: Final = r"[A-Za-z0-9.-]{1,60}:[0-9]{1,5}/?"
_EXPECTED: Final = (
    "expected a URL (http:// or https://), a Space's name (user/space-name) or the address of a Space's page"
)


class AppSource(Struct, frozen=True):
    """An app at a URL: scheme, host and the path below which it is mounted."""

    base: Url


class SpaceSource(Struct, frozen=True):
    """A Space by its name on the Hub, ``user/space-name``."""

    space_id: str


Source: TypeAlias = AppSource | SpaceSource


class Space(Struct, frozen=True):
    """A Space, as the caller named it."""

    name: str
    """``user/space-name``, or the first part of an address at ``hf.space``."""
    path: str
    """Where the Hub tells of it, below ``/api``."""
    base: Url | None
    """Its address, where the caller gave that."""


def parse_source(source: object, *, hub: Url) -> Source:
    """Read what the caller named.

    Raises:
        TypeError: not a string.
        ValueError: none of the forms that are understood; the text says which those are.
    """
    if not isinstance(source, str):
        raise TypeError(f"source must be a string, not {type(source).__name__}: {_EXPECTED}")
    text = source.strip()
    if text.lower().startswith(("http://", "https://")):
        url = Url.parse(text)
        page = _space_page(url, hub)
        if page is not None:
            return SpaceSource(page)
        # The query and the fragment belong to the page that the address was copied from.
        return AppSource(Url(url.origin, url.path.rstrip("/"), ""))
    if is_space_name(text):
        return SpaceSource(text)
    if not text:
        raise ValueError(f"source is empty: {_EXPECTED}")
    # A token that took the wrong place, or a password in something like a URL, isn't repeated.
    shown = repr(text) if re.fullmatch(_SHOWABLE, text) and "hf_" not in text else "that source"
    meant = f"; did you mean http://{text}?" if re.fullmatch(_HOST_AND_PORT, text) else ""
    raise ValueError(f"{shown} names no app: {_EXPECTED}{meant}")


def is_space_name(text: str) -> bool:
    """Whether this may be a Space's name: of letters, digits, ``_``, ``-`` and dots, and not of dots alone."""
    return bool(re.fullmatch(_NAME, text)) and not any(part.strip(".") == "" for part in text.split("/"))


def parse_hub(hub: str) -> Url:
    """The Hub's address.

    Raises:
        TypeError, ValueError: not a URL.
    """
    text = check_text("hub", hub)
    try:
        url = Url.parse(text)
    except ValueError as error:
        raise ValueError(f"hub: {error}") from None
    return Url(url.origin, url.path.rstrip("/"), "")


def check_token(token: str | None, source: Source, hub: Url) -> None:
    """Refuse a token that can't be one, or that would travel in the clear.

    Raises:
        TypeError, ValueError: with the reason, without the token.
    """
    if token is None:
        return
    check_text("hf_token", token)
    if not token.startswith("hf_") or not token.isascii() or not token.isprintable():
        raise ValueError("hf_token must be an access token of the Hub, which begins with 'hf_'")
    origin = source.base.origin if isinstance(source, AppSource) else hub.origin
    if not may_take_token(origin):
        raise ValueError(f"hf_token is not sent over plain http: use https:// for {origin.host}")


def may_take_token(origin: Origin) -> bool:
    """Whether a token would not travel in the clear."""
    return origin.scheme == "https" or is_loopback(origin.host)


def _space_page(url: Url, hub: Url) -> str | None:
    """The name of the Space whose page on the Hub this is, if it is one."""
    # Not the scheme: http://huggingface.co is the Hub as well. But the port: another one on the same machine is somebody else.
    if url.origin.authority == hub.origin.authority:
        path = url.path.removeprefix(hub.path)
    elif url.origin.authority == Url.parse(HUB).origin.authority:
        # Whoever uses a mirror copies addresses from the original.
        path = url.path
    else:
        return None
    parts = path.strip("/").split("/")
    if len(parts) >= 3 and parts[0] == "spaces" and is_space_name("/".join(parts[1:3])):
        return "/".join(parts[1:3])
    raise ValueError(f"{url.redacted} is no Space's page: {_EXPECTED}")


def subdomain_of(origin: Origin) -> str | None:
    """The first part of a Space's own address, by which the Hub finds the Space; None for another host's."""
    name = origin.host.removesuffix(SPACES)
    default_port = "." not in name and ":" not in origin.authority
    return name if name != origin.host and default_port else None
