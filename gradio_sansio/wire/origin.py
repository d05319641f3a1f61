"""Where requests go: URLs, checked once and compared by value.

A program's own URL and a server's `Location` pass the same door. What could be read in two ways is refused rather than guessed,
since the host that is checked must be the host that is connected to: user information (`http://good@evil`), backslashes, control
characters, spaces, percent signs in hosts, and numbers that only some resolvers take for addresses (`127.1`, `0x7f.0.0.1`).
What is written differently and means the same is made equal: letter case, a trailing dot, the default port, IDN, dot segments.

The errors are `ValueError`s. Their texts repeat a scheme, a host or a port, never a path, a query or user information.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Self
from urllib.parse import quote

from msgspec import Struct

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# RFC 3986, appendix B. `urllib.parse.urlsplit` cleans what we refuse, and differently from one Python version to the next.
_REFERENCE: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL
)
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f\\]")
# Underscores are no letters of host names, but names of containers have them.
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
_PORT: Final = re.compile(r"[0-9]{1,5}")
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


class Origin(Struct, frozen=True):
    """A scheme, a host and a port: what connections are made to and credentials belong to."""

    scheme: str
    host: str
    """A name in ASCII or an address, in lower case; IPv6 without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """Host and port as a ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def endpoint(self) -> str:
        """Host and port, with the port always written out."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Url(Struct, frozen=True):
    """A URL without its fragment. Equal ones name the same resource of the same origin."""

    origin: Origin
    path: str
    """Begins with a slash; holds no dot segments."""
    query: str = ""
    """Without the question mark."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an absolute http or https URL. Raises ``ValueError`` with the reason."""
        scheme, authority, path, query = _split(text)
        if scheme is None or authority is None:
            raise ValueError("a URL has to begin with http:// or https://")
        scheme = scheme.lower()
        if scheme not in _DEFAULT_PORTS:
            raise ValueError(f"the scheme of a URL has to be http or https, not {scheme}")
        return cls(_origin(scheme, authority), _remove_dot_segments(path) or "/", query or "")

    @property
    def target(self) -> str:
        """What the request line of a direct request names."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def redacted(self) -> str:
        """Fit to be shown and logged: a query may hold a token."""
        return f"{self.origin}{self.path}"

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    def join(self, reference: str) -> Url:
        """Resolve a reference, such as a ``Location`` header, against this URL (RFC 3986, section 5.2)."""
        scheme, authority, path, query = _split(reference)
        if scheme is not None:
            return Url.parse(reference)
        if authority is not None:
            return Url.parse(f"{self.origin.scheme}:{reference}")
        if not path:
            return Url(self.origin, self.path, self.query if query is None else query)
        if not path.startswith("/"):
            path = self.path[: self.path.rindex("/") + 1] + path
        return Url(self.origin, _remove_dot_segments(path), query or "")


def is_loopback(host: str) -> bool:
    """Whether a host, as ``Origin.host`` has it, is this machine for certain, without asking a resolver."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        if ":" not in host:
            return IPv4Address(host).is_loopback
        address = IPv6Address(host)
    except AddressValueError:
        return False
    # `is_loopback` looks through mapped addresses from Python 3.13 on only.
    return (address.ipv4_mapped or address).is_loopback


def is_address(host: str) -> bool:
    """Whether a host, as ``Origin.host`` has it, is an address rather than a name."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def parse_host(text: str) -> str:
    """Bring a host, IPv6 in brackets, into the form of ``Origin.host``. Raises ``ValueError``."""
    if text.startswith("["):
        address: IPv6Address | None = None
        with suppress(AddressValueError):
            address = IPv6Address(text[1:-1] if text.endswith("]") else text)
        if address is None or address.scope_id is not None:
            # A zone (`fe80::1%eth0`) means something on one machine only.
            raise ValueError(f"{text!r} is no IPv6 address")
        return str(address)
    host = text.lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise ValueError(f"{text!r} is no host name") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text!r} is no host name" if text else "the URL names no host")
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        # Resolvers read `127.1` and `0x7f.0.0.1` as addresses, we would as names.
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise ValueError(f"{text!r} is no IPv4 address") from None
    return host


def _split(text: str) -> tuple[str | None, str | None, str, str | None]:
    found = _FORBIDDEN.search(text)
    if found is not None:
        raise ValueError(f"a URL can't hold {found.group()!r}")
    match = _REFERENCE.fullmatch(text)
    assert match is not None, "the expression takes any text"
    scheme, authority, path, query = match.groups()
    return scheme, authority, _ascii(path), None if query is None else _ascii(query)


def _ascii(text: str) -> str:
    """Percent-encode what is not ASCII, and nothing else: the rest is taken to be encoded as it should be."""
    if text.isascii():
        return text
    # Lone surrogates have no UTF-8, and no meaning here.
    return _NON_ASCII.sub(lambda run: quote(run.group(), errors="replace"), text)


# Nearly every request of an app goes to the same place.
@lru_cache(maxsize=64)
def _origin(scheme: str, authority: str) -> Origin:
    if "@" in authority:
        raise ValueError("a URL can't hold a user name or password: pass them as auth, or as a header")
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host += bracket
        if rest and not rest.startswith(":"):
            raise ValueError(f"{authority!r} is no host and port")
        port = rest[1:]
    else:
        host, _, port = authority.partition(":")
    return Origin(scheme, parse_host(host), parse_port(port) if port else _DEFAULT_PORTS[scheme])


def parse_port(text: str) -> int:
    """Read a port number. Raises ``ValueError``."""
    if not _PORT.fullmatch(text) or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is no port number")
    return int(text)


def _remove_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4, for a path that is empty or begins with a slash."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
