"""One connection: a socket that doesn't block, with or without TLS, and what waits to be written to it."""

from __future__ import annotations

import os
from collections import deque
from selectors import EVENT_READ, EVENT_WRITE
from socket import SHUT_WR, SO_ERROR, SOL_SOCKET, socket
from typing import TYPE_CHECKING

from gradio_sansio.commands import ConnectionId
from gradio_sansio_system import READ_SIZE

if TYPE_CHECKING:
    from ssl import SSLContext, SSLSocket


class Connection:
    """All methods may raise ``OSError``: the connection is gone then."""

    def __init__(self, id: ConnectionId) -> None:
        self.id: ConnectionId = id
        self.sock: socket | None = None
        """None until it is connected."""
        self.closed: bool = False
        self.watched: int = 0
        """What the selector waits for."""
        self.paused: bool = False
        self.ended: bool = False
        """The peer sends no more."""
        self.finishing: bool = False
        """We send no more, once all is written."""
        self.handshaking: bool = False
        self.reported: bool = True
        """The engine knows of all that has been written."""
        self._unsent: deque[memoryview] = deque()
        self._tls: SSLSocket | None = None
        """The socket, once it speaks TLS."""
        self._later: tuple[type[OSError], ...] = (BlockingIOError, InterruptedError)
        self._endings: tuple[type[OSError], ...] = ()

    @property
    def wanted(self) -> int:
        """What the selector should wait for."""
        reads = self.handshaking or not (self.paused or self.ended)
        return (EVENT_READ if reads else 0) | (EVENT_WRITE if self._unsent else 0)

    @property
    def flushed(self) -> bool:
        """Nothing waits to be written."""
        return not self._unsent

    def start_tls(self, context: SSLContext, server_name: str) -> None:
        """Speak TLS from now on; the handshake is still to be done."""
        assert self.sock is not None
        # Python leaks the socket where the connection turns out to be lost in the midst of wrapping it.
        if code := self.sock.getsockopt(SOL_SOCKET, SO_ERROR):
            raise OSError(code, os.strerror(code))
        import ssl  # noqa: PLC0415  # 8 ms of CPU that plain http does without

        self._later += (ssl.SSLWantReadError, ssl.SSLWantWriteError)
        # Many servers end without TLS's own goodbye; HTTP knows by itself whether a body is whole.
        self._endings = (ssl.SSLEOFError,)
        self.handshaking = True
        self.sock = self._tls = context.wrap_socket(
            self.sock, server_hostname=server_name, do_handshake_on_connect=False
        )

    def shake_hands(self) -> bool:
        """Go on with the handshake; True once it is done."""
        assert self._tls is not None
        try:
            self._tls.do_handshake()
        except self._later:
            return False
        self.handshaking = False
        return True

    def send(self, data: bytes) -> None:
        """Write as much as goes now and keep the rest."""
        self._unsent.append(memoryview(data))
        self.reported = False
        self.flush()

    def flush(self) -> None:
        """Write as much as goes now."""
        assert self.sock is not None
        while self._unsent:
            piece = self._unsent[0]
            try:
                sent = self.sock.send(piece)
            except self._later:
                return
            if sent < len(piece):
                self._unsent[0] = piece[sent:]
            else:
                self._unsent.popleft()
        if self.finishing and self._tls is None:
            # TLS has no half-closed state that servers agree on.
            self.sock.shutdown(SHUT_WR)

    def receive(self) -> bytes | None:
        """What has come, which is nothing at the peer's end; None if nothing has come yet."""
        assert self.sock is not None
        try:
            return self.sock.recv(READ_SIZE)
        except self._later:
            return None
        except self._endings:
            return b""

    @property
    def buffered(self) -> bool:
        """TLS holds bytes that the selector doesn't know of."""
        return self._tls is not None and self._tls.pending() > 0

    def close(self) -> None:
        """Close the socket."""
        self.closed = True
        if self.sock is not None:
            self.sock.close()
