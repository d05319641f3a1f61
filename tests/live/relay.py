"""A TCP relay on loopback that notes the HTTP requests that go through it, and can cut them all off."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

# No body that we send holds anything like this: it is JSON, in which line ends are escaped.
REQUEST = re.compile(rb"(GET|POST) (/[^ ]*) HTTP/1\.1\r\n")


class Relay:
    """What has gone through, and the means to end it."""

    def __init__(self, url: str, target: tuple[str, int], below: str) -> None:
        self.url = url
        self.target = target
        self._below = below.encode()
        self._sent: list[bytearray] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def requests(self) -> list[tuple[str, str]]:
        """Method and target of every request, those of one connection together."""
        with self._lock:
            found = [match for sent in self._sent for match in REQUEST.findall(bytes(sent))]
        return [(method.decode(), target.decode()) for method, target in found]

    def count(self, method: str, path: str) -> int:
        """How often a path was asked for, whatever its prefix and query."""
        return sum(m == method and target.partition("?")[0].endswith(path) for m, target in self.requests())

    def cut(self) -> None:
        """End every connection, as a network does that goes down."""
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def serve(self, inside: socket.socket) -> None:
        """Relay one connection to its end."""
        sent = bytearray()
        with socket.create_connection(self.target) as outside:
            for sock in (inside, outside):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sent.append(sent)
                self._sockets |= {inside, outside}
            back = threading.Thread(target=_copy, args=(outside, inside, None))
            back.start()
            _copy(inside, outside, sent, self._below)
            back.join()
            with self._lock:
                self._sockets -= {inside, outside}


def _copy(source: socket.socket, target: socket.socket, record: bytearray | None, below: bytes = b"") -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if record is not None:
                record += data
            if below:
                # Our clients send the head of a request in one piece.
                data = REQUEST.sub(lambda match: match[0].replace(below, b"", 1), data)
            target.sendall(data)
    # Both directions: neither client nor server half-closes, and a relay must not keep half of a connection alive.
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 64


@contextmanager
def relay(url: str, *, below: str = "") -> Iterator[Relay]:
    """A relay to the server at a URL; at the end all its connections are cut and its threads joined.

    With ``below`` it is a proxy that serves the app below that path, of which the server knows nothing.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            passing.serve(self.request)

    with _Server(("127.0.0.1", 0), Handler) as server:
        passing = Relay(f"http://127.0.0.1:{server.server_address[1]}", (parts.hostname, parts.port), below)
        accepting = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        accepting.start()
        try:
            yield passing
        finally:
            server.shutdown()
            accepting.join()
            passing.cut()
