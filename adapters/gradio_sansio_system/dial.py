"""Connecting: names to addresses, and the first address that answers."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
from collections.abc import Callable
from itertools import chain, zip_longest
from typing import Any, Final

STAGGER: Final = 0.25
"""Seconds after which the next address is tried too (RFC 8305, section 5). An abandoned attempt ends within that time."""
_LOOPBACK: Final = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
_UNDER_WAY: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


def dial(host: str, port: int, abandoned: Callable[[], bool]) -> socket.socket:
    """A connected socket that doesn't block, or ``OSError``. Blocks; without end only while the system resolves the name."""
    addresses = _interleaved(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    with selectors.DefaultSelector() as attempts:
        try:
            while (addresses or attempts.get_map()) and not abandoned():
                if addresses:
                    try:
                        attempts.register(_begin(*addresses.pop(0)), selectors.EVENT_WRITE)
                    except OSError as error:
                        failure = error
                        continue
                for key, _ in attempts.select(STAGGER):
                    attempts.unregister(key.fileobj)
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        return sock
                    sock.close()
                    failure = OSError(code, os.strerror(code))
            raise failure
        finally:
            for key in list(attempts.get_map().values()):
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.close()


def dial_loopback(host: str, port: int) -> socket.socket | None:
    """A connected socket that doesn't block, if that is to be had at once: Linux answers itself within the call, in a tenth of the time
    that it takes to start a thread. None where others have to be asked, or to be waited for. ``OSError`` where nobody listens.
    """
    if sys.platform != "linux" or host not in _LOOPBACK:
        return None
    sock = _begin(_LOOPBACK[host], (host, port))
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        sock.close()
        raise OSError(code, os.strerror(code))
    try:
        sock.getpeername()
    except OSError:
        # Not yet: the server's queue of connections may be full.
        sock.close()
        return None
    return sock


def _begin(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code not in _UNDER_WAY:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


def _interleaved(found: list[tuple[Any, ...]]) -> list[tuple[int, Any]]:
    """The addresses, in the system's order but with the families taking turns."""
    families: dict[int, list[tuple[int, Any]]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, address))
    return [item for item in chain.from_iterable(zip_longest(*families.values())) if item is not None]
