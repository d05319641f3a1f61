"""Where an app's routes are."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode

from msgspec import Struct

from gradio_sansio.wire.origin import Url


class Address(Struct, frozen=True):
    """The base that the caller named, and the prefix of the API's routes below it.

    ``config.root`` has no part in this: behind proxies it is often wrong (4.44 loses the mount path), and a hostile app would name any
    host there.
    """

    base: Url
    prefix: str = ""

    def top(self, path: str) -> Url:
        """A route that has no prefix in any version: config, login, the page."""
        return Url(self.base.origin, self.base.path + path, "")

    def api(self, path: str, **query: str) -> Url:
        """A route of the API. ``path`` is quoted here, the query too."""
        return Url(
            self.base.origin, self.base.path + self.prefix + _quoted(path), urlencode(query) if query else ""
        )


# Nearly every request goes to one of a few routes.
@lru_cache(maxsize=64)
def _quoted(path: str) -> str:
    return quote(path, safe="/=")
