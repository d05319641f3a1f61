"""Invariant: whatever a server sets, the jar holds no more than its limits and gives cookies to the host that set them alone, a secure one
over https alone; what it gives can stand in a header. Nothing raises."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz
from gradio_sansio.limits import Limits
from gradio_sansio.wire.cookies import CookieJar, parse_date
from gradio_sansio.wire.origin import Url

LIMITS = Limits(cookies=3, cookie=40)
PLACES = [
    Url.parse(url)
    for url in ("https://a.b.test/x/y", "http://a.b.test/", "https://b.test/x", "https://c.test:8/")
]
"""Two of one host, and its parent's."""


def one_input(data: bytes) -> None:
    """Each line is a ``Set-Cookie``, the first byte of it a place and a time."""
    jar = CookieJar(LIMITS)
    setters: set[str] = set()
    wall = 1.7e9
    for line in data.split(b"\n"):
        place, wall = PLACES[line[0] % 4 if line else 0], wall + (line[0] if line else 0)
        jar.store(place, line[1:].decode("latin-1"), wall)
        setters.add(place.origin.host)
        assert len(jar) <= LIMITS.cookies
        parse_date(line[1:].decode("latin-1"))
    for place in PLACES:
        header = jar.header(place, wall, "own=1")
        assert header.startswith("own=1")
        assert not set(header) & set("\r\n\0")
        assert len(header) <= 6 + LIMITS.cookies * (LIMITS.cookie + 3)
        if place.origin.host not in setters:
            assert header == "own=1"
    secure = [cookie for cookie in jar._cookies.values() if cookie.secure]
    plain = jar.header(PLACES[1], wall)
    for cookie in secure:
        unsecured = [
            c
            for c in jar._cookies.values()
            if not c.secure and (c.name, c.value) == (cookie.name, cookie.value)
        ]
        assert unsecured or f"{cookie.name}={cookie.value}" not in plain.split("; ")


def seeds() -> Iterator[bytes]:
    yield b"\x00access-token-x=1; HttpOnly; Path=/; SameSite=none; Secure\n\x01access-token-unsecure-x=1; Path=/"
    yield b"\x00a=b; Domain=b.test; Max-Age=10\n\x02a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    yield b"\x00__Host-a=b; Secure; Path=/\n\x01__Secure-a=b\n\x03a=b; path=x; max-age=-1\n\x00c=\xe9"


if __name__ == "__main__":
    fuzz(one_input)
