"""Which proxy a request goes through, if any.

Only proxies that are spoken to in plain HTTP are known: a request for http is handed to them whole, for https they open a tunnel.
`NO_PROXY` is read as Go reads it: `*`; a name, which covers its subdomains; a name after a dot, which covers those alone; an
address; a range of addresses (`10.0.0.0/8`); the first four with a port for that port alone.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from gradio_sansio.wire.origin import Origin, Url, is_loopback, parse_host, parse_port

# Compiled when first needed, which is seldom.
_SEPARATORS: Final = r"[,\s]+"


class Proxy(Struct, frozen=True):
    """One proxy."""

    origin: Origin
    authorization: str | None
    """What to send it as ``Proxy-Authorization``, and nobody else."""

    def __repr__(self) -> str:
        return f"Proxy({self.origin})"


class _Rule(Struct, frozen=True):
    """One entry of ``NO_PROXY``. None for a port means any."""

    name: str
    subdomains_only: bool
    network: IPv4Network | IPv6Network | None
    port: int | None


class ProxySettings(Struct, frozen=True):
    """Proxies as a program or its environment names them. Raises ``ValueError`` for one that can't be used.

    A proxy is ``http://[user:password@]host[:port]``; without a scheme, http is meant.
    """

    http: str | None = None
    """For requests to http URLs."""
    https: str | None = None
    """For requests to https URLs."""
    no_proxy: str = ""
    """Hosts to be reached directly."""
    from_environment: bool = False
    """Nobody asked for these here: this machine itself is reached directly, whatever they say."""

    def __post_init__(self) -> None:
        _entries(self.no_proxy)
        for text in (self.http, self.https):
            _proxy(text)

    def __repr__(self) -> str:
        # The URLs may hold passwords.
        http, https = _proxy(self.http), _proxy(self.https)
        return f"ProxySettings(http={http}, https={https}, no_proxy={self.no_proxy!r})"

    def choose(self, origin: Origin) -> Proxy | None:
        """The proxy for requests to an origin, or None for a direct connection."""
        proxy = _proxy(self.http if origin.scheme == "http" else self.https)
        if proxy is None or (self.from_environment and is_loopback(origin.host)):
            return None
        entries = _entries(self.no_proxy)
        rules = [rule for rule in map(_rule, entries) if rule is not None]
        return None if "*" in entries or any(_covers(rule, origin) for rule in rules) else proxy


def _proxy(text: str | None) -> Proxy | None:
    if not text:
        return None
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
        raise TypeError(f"a proxy has to be given as a string, not {type(text).__name__}")
    scheme, colon, rest = text.partition("://")
    if not colon:
        scheme, rest = "http", text
    if scheme.lower() != "http":
        raise ValueError(
            f"a proxy has to be given as http://host:port; {scheme}:// proxies are not supported"
        )
    userinfo, at, address = rest.rpartition("@")
    try:
        url = Url.parse(f"http://{address}")
    except ValueError as error:
        raise ValueError(f"the proxy can't be used: {error}") from None
    authorization = None
    if at:
        user, _, password = userinfo.partition(":")
        credentials = b2a_base64(unquote_to_bytes(user) + b":" + unquote_to_bytes(password), newline=False)
        authorization = f"Basic {credentials.decode('ascii')}"
    return Proxy(url.origin, authorization)


def _entries(no_proxy: str) -> list[str]:
    return [entry for entry in re.split(_SEPARATORS, no_proxy) if entry]


def _rule(entry: str) -> _Rule | None:
    """One entry, or None where it makes no sense: a line in an environment is no reason to fail."""
    try:
        return _Rule("", False, ip_network(entry, strict=False), None)
    except ValueError:
        pass
    host, port = entry, None
    bracket = host.rfind("]")
    name, colon, digits = host[bracket + 1 :].rpartition(":")
    try:
        if colon:
            host, port = host[: bracket + 1] + name, parse_port(digits)
        subdomains_only = host.startswith((".", "*."))
        name = parse_host(host.removeprefix("*").removeprefix("."))
    except ValueError:
        return None
    network = None
    if host.startswith("[") or name.rpartition(".")[2].isdigit():
        network = ip_network(name)
    return _Rule(name, subdomains_only, network, port)


def _covers(rule: _Rule, origin: Origin) -> bool:
    if rule.port is not None and rule.port != origin.port:
        return False
    if rule.network is not None:
        address = _address(origin.host)
        return address is not None and address in rule.network
    if origin.host.endswith("." + rule.name):
        return True
    return origin.host == rule.name and not rule.subdomains_only


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
