"""Which redirects are followed, and what is left behind on the way.

A pure policy. A redirect that it does not follow is an ordinary answer, for the storey above to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gradio_sansio.commands import Redirects

if TYPE_CHECKING:
    from gradio_sansio.commands import Headers
    from gradio_sansio.wire.origin import Url

_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-hf-authorization"})


def target(policy: Redirects, method: str, url: Url, status: int, headers: Headers) -> Url | None:
    """Where to repeat the request, or None where the answer is not a redirect that ``policy`` follows.

    Only what changes nothing on the server is repeated: a POST would become a GET, or would be made twice.
    """
    if policy is Redirects.NONE or status not in _STATUSES or method not in ("GET", "HEAD"):
        return None
    locations = [value for name, value in headers if name == "location"]
    if len(locations) != 1:
        return None
    try:
        # Servers write UTF-8 where only ASCII is allowed.
        location = locations[0].encode("latin-1").decode("utf-8", "replace")
        new = url.join(location)
    except ValueError:
        return None
    return new if _allowed(policy, url, new) else None


def _allowed(policy: Redirects, old: Url, new: Url) -> bool:
    if new.origin == old.origin:
        return True
    upgrade = old.origin.scheme == "http" and new.origin.scheme == "https"
    # The port may change: http and https have each their own.
    return policy is Redirects.UPGRADE and upgrade and new.origin.host == old.origin.host


def carried(headers: Headers, old: Url, new: Url) -> Headers:
    """The request's headers for the new place: without credentials where it is another origin."""
    if new.origin == old.origin:
        return headers
    return tuple([field for field in headers if field[0].lower() not in _CREDENTIALS])
