"""A driver's connections as plain sockets, for loops that tell when one can be read or written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE
from socket import socket
from typing import TYPE_CHECKING

from gradio_sansio.commands import Close, Connect, ConnectionId, PauseReading, Send, ShutdownWrite, StartTls
from gradio_sansio.frontend import Driver, Operation
from gradio_sansio_system import make_ssl_context, reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.dial import dial_loopback

if TYPE_CHECKING:
    from ssl import SSLContext


class Connections(ABC):
    """The connections of one driver. All is for the loop's own thread.

    An adapter hands ``connect`` and ``operate`` what its driver is asked for, and calls ``serve`` as ``watch`` wants it.
    """

    def __init__(self, driver: Driver, ssl_context: SSLContext | None) -> None:
        self._driver = driver
        self._ssl_context = ssl_context
        self._connections: dict[ConnectionId, Connection] = {}

    @abstractmethod
    def watch(self, connection: Connection, wanted: int) -> None:
        """Have ``serve`` called when its socket is ready for these selector events, until told otherwise; 0 for none.

        ``connection.watched`` are those of before. Once its socket is to be closed, 0 is what is wanted last.
        """

    @abstractmethod
    def dial(self, connection: Connection, action: Connect) -> None:
        """Open its socket, with ``dialled`` in the end. It takes as long as a resolver of names and a network do."""

    def serve(self, connection: Connection, mask: int) -> None:
        """The socket is ready for these selector events."""
        if mask & EVENT_WRITE:
            self._attempt(connection.id, Connection.flush)
            self._driver.pump()
        if mask & EVENT_READ:
            self._attempt(connection.id, self._read)
            self._driver.pump()

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections.values()):
            self._close(connection)

    def connect(self, action: Connect) -> None:
        """Begin to open a connection."""
        connection = self._connections[action.connection] = Connection(action.connection)
        self.dial(connection, action)

    def operate(self, action: Operation) -> None:
        """Do something to a connection, if it is still there."""
        if isinstance(action, Close):
            self._close(self._connections.get(action.connection))
        else:
            self._attempt(action.connection, lambda connection: self._change(connection, action))

    def dialled_at_once(self, connection: Connection, action: Connect) -> bool:
        """Whether nothing had to be waited for: for ``dial`` to begin with. ``dialled`` was called then."""
        try:
            sock = dial_loopback(action.host, action.port)
        except OSError as error:
            self.dialled(connection, None, reason_of(error))
            return True
        if sock is not None:
            self.dialled(connection, sock, "")
        return sock is not None

    def dialled(self, connection: Connection, sock: socket | None, reason: str) -> None:
        """The socket that was dialled for, connected and not blocking, or why there is none."""
        if connection.closed:
            if sock is not None:
                sock.close()
        elif sock is None:
            self._close(connection)
            self._driver.engine.connect_failed(connection.id, reason, self._driver.now())
        else:
            connection.sock = sock
            self._watch(connection, connection.wanted)
            self._driver.engine.connected(connection.id, self._driver.now())
        self._driver.pump()

    def _attempt(self, id: ConnectionId, operation: Callable[[Connection], None]) -> None:
        """Do something to a connection, if it is still there, and report what became of it."""
        connection = self._connections.get(id)
        if connection is None:
            return
        try:
            operation(connection)
        except (OSError, ValueError) as error:
            self._close(connection)
            self._driver.engine.lost(id, reason_of(error), self._driver.now())
            return
        if connection.closed:
            return
        if connection.flushed and not connection.reported:
            connection.reported = True
            self._driver.engine.flushed(id, self._driver.now())
        self._watch(connection, connection.wanted)

    def _change(self, connection: Connection, action: Operation) -> None:
        if isinstance(action, Send):
            connection.send(action.data)
        elif isinstance(action, StartTls):
            self._ssl_context = self._ssl_context or make_ssl_context()
            self._watch(connection, 0)
            connection.start_tls(self._ssl_context, action.server_name)
            self._shake_hands(connection)
        elif isinstance(action, ShutdownWrite):
            connection.finishing = True
            connection.flush()
        else:
            connection.paused = isinstance(action, PauseReading)

    def _shake_hands(self, connection: Connection) -> None:
        # A peer that is near may have answered before the first attempt is over.
        if connection.shake_hands():
            self._driver.engine.tls_started(connection.id, self._driver.now())

    def _read(self, connection: Connection) -> None:
        engine = self._driver.engine
        if connection.handshaking:
            self._shake_hands(connection)
            self._driver.pump()
            if connection.handshaking:
                return
        while not connection.closed and (data := connection.receive()) is not None:
            if not data:
                connection.ended = True
                engine.peer_closed(connection.id, self._driver.now())
                return
            engine.received(connection.id, data, self._driver.now())
            if not connection.buffered:
                return
            self._driver.pump()

    def _watch(self, connection: Connection, wanted: int) -> None:
        """Let the loop wait for what the connection waits for."""
        if wanted != connection.watched and connection.sock is not None:
            self.watch(connection, wanted)
            connection.watched = wanted

    def _close(self, connection: Connection | None) -> None:
        if connection is not None and not connection.closed:
            del self._connections[connection.id]
            self._watch(connection, 0)
            connection.close()
