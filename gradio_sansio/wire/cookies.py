"""The cookies of one app, after RFC 6265 and its revision (6265bis), stricter where that costs nothing.

- A cookie goes back to the host that set it and to no other. `Domain` never widens that; one that is not the host itself or a
  parent of it makes the cookie void.
- A `Secure` cookie is neither taken nor sent over plain http. Gradio counts on that: it sets `access-token-...` with `Secure`
  and `access-token-unsecure-...` without it, and means the second for http.
- Cookies are kept in the order in which they were first set; beyond `Limits.cookies` the oldest go.

Time is the wall clock, in seconds since 1970, and always an argument.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gradio_sansio.wire.origin import parse_host

if TYPE_CHECKING:
    from gradio_sansio.limits import Limits
    from gradio_sansio.wire.origin import Url

# Compiled when first needed, which is seldom.
_CONTROL: Final = r"[\x00-\x08\x0a-\x1f\x7f]"
_ATTRIBUTE_LIMIT: Final = 1024  # RFC 6265bis, section 5.6
_SECONDS: Final = r"-?[0-9]+"
_TEN_YEARS: Final = 10 * 365 * 86_400

# RFC 6265, section 5.1.1.
_DELIMITER: Final = r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+"
_TIME: Final = r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])"
_DAY: Final = r"([0-9]{1,2})(?![0-9])"
_YEAR: Final = r"([0-9]{2,4})(?![0-9])"
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class _Cookie(Struct, frozen=True):
    host: str
    path: str
    name: str
    value: str
    secure: bool
    expires: float | None


class CookieJar:
    """The cookies of one app. Not shared: each app has its own."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.cookies
        self._largest = limits.cookie
        # By host, path and name; oldest first.
        self._cookies: dict[tuple[str, str, str], _Cookie] = {}

    def __len__(self) -> int:
        return len(self._cookies)

    def store(self, url: Url, set_cookie: str, wall: float) -> None:
        """Take note of one ``Set-Cookie`` header of an answer from ``url``; a bad one changes nothing."""
        cookie = self._parse(url, set_cookie, wall)
        if cookie is None:
            return
        key = (cookie.host, cookie.path, cookie.name)
        if cookie.expires is not None and cookie.expires <= wall:
            self._cookies.pop(key, None)
            return
        if key not in self._cookies and len(self._cookies) >= self._most:
            self._forget_expired(wall)
            while len(self._cookies) >= self._most:
                del self._cookies[next(iter(self._cookies))]
        self._cookies[key] = cookie

    def header(self, url: Url, wall: float, own: str = "") -> str:
        """The value of the ``Cookie`` header for a request, or "".

        ``own`` is one that the program set itself: it comes first, and its names win.
        """
        if not self._cookies:
            return own
        taken = {part.partition("=")[0].strip() for part in own.split(";")}
        found = [
            cookie
            for cookie in self._cookies.values()
            if cookie.host == url.origin.host
            and (not cookie.secure or url.origin.scheme == "https")
            and (cookie.expires is None or cookie.expires > wall)
            and cookie.name not in taken
            and _path_matches(url.path, cookie.path)
        ]
        # Longer paths first, then older cookies; sorting is stable.
        found.sort(key=lambda cookie: -len(cookie.path))
        pairs = [f"{cookie.name}={cookie.value}" for cookie in found]
        return "; ".join([own, *pairs] if own else pairs)

    def _forget_expired(self, wall: float) -> None:
        expired = [key for key, c in self._cookies.items() if c.expires is not None and c.expires <= wall]
        for key in expired:
            del self._cookies[key]

    def _parse(self, url: Url, set_cookie: str, wall: float) -> _Cookie | None:
        pair, *attributes = set_cookie.split(";")
        name, equals, value = pair.partition("=")
        name = name.strip(" \t")
        value = value.strip(" \t")
        if (
            not equals
            or not name
            or len(name) + len(value) > self._largest
            or re.search(_CONTROL, set_cookie)
        ):
            return None
        host, https = url.origin.host, url.origin.scheme == "https"
        path = _default_path(url.path)
        root = domain = secure = False
        max_age: float | None = None
        expires: float | None = None
        for attribute in attributes:
            key, _, text = attribute.partition("=")
            text = text.strip(" \t")
            if len(text) > _ATTRIBUTE_LIMIT:
                continue
            match key.strip(" \t").lower():
                case "secure":
                    secure = True
                case "path":
                    root = text == "/"
                    path = text if text.startswith("/") else _default_path(url.path)
                case "domain" if text:
                    domain = True
                    if not _domain_matches(host, text):
                        return None
                case "max-age" if re.fullmatch(_SECONDS, text):
                    max_age = wall + max(0, min(int(text), _TEN_YEARS))
                case "expires":
                    expires = parse_date(text)
                case _:
                    pass
        if secure and not https:
            return None
        prefix = name.lower()
        if prefix.startswith("__secure-") and not secure:
            return None
        if prefix.startswith("__host-") and not (secure and root and not domain):
            return None
        if not https and self._shadows_secure(host, path, name):
            return None
        return _Cookie(host, path, name, value, secure, expires if max_age is None else max_age)

    def _shadows_secure(self, host: str, path: str, name: str) -> bool:
        """Whether plain http would overlay a secure cookie (RFC 6265bis, section 5.7, step 16)."""
        return any(
            c.secure and c.host == host and c.name == name and _path_matches(path, c.path)
            for c in self._cookies.values()
        )


def _domain_matches(host: str, domain: str) -> bool:
    try:
        parent = parse_host(domain.removeprefix("."))
    except ValueError:
        return False
    # An address has no parents: what an IPv4 address ends in is neither a name nor an address.
    return host == parent or host.endswith("." + parent)


def _default_path(path: str) -> str:
    return path[: path.rindex("/")] or "/"


def _path_matches(path: str, prefix: str) -> bool:
    return path == prefix or (path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix)] == "/"))


def parse_date(text: str) -> float | None:
    """Seconds since 1970 of a date as cookies have it (RFC 6265, section 5.1.1), or None."""
    time: tuple[int, int, int] | None = None
    day: int | None = None
    month: int | None = None
    year: int | None = None
    for token in re.split(_DELIMITER, text):
        if time is None and (match := re.match(_TIME, token)):
            time = (int(match[1]), int(match[2]), int(match[3]))
        elif day is None and (match := re.match(_DAY, token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := re.match(_YEAR, token)):
            year = int(match[1])
    if time is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = _MONTH_DAYS[month - 1] - (month == 2 and not leap)
    hour, minute, second = time
    if not 1 <= day <= days or year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    return float(_day_number(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)


def _day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar (`calendar.timegm` would load `time`)."""
    if month <= 2:
        # Counted from March, a leap day comes last.
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469
