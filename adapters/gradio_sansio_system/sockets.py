"""A driver's connections as plain sockets, for loops that tell when one can be read or written.

``Sockets`` works on any such loop; ``SelectorSockets`` is a loop of its own: one thread polls, others may post to it.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import socket, socketpair
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from gradio_sansio.commands import Close, Connect, ConnectionId, PauseReading, Send, ShutdownWrite, StartTls
from gradio_sansio.frontend import Driver, Operation
from gradio_sansio_system import make_ssl_context, reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.dial import STAGGER, dial

if TYPE_CHECKING:
    from ssl import SSLContext

LONG: Final = 3600.0
"""Seconds. Some selectors refuse to wait much longer."""


class Sockets(ABC):
    """The connections of one driver. All but ``post`` is for the loop's own thread.

    An adapter hands ``connect`` and ``operate`` what its driver is asked for, and calls ``serve`` as ``watch`` wants it.
    """

    def __init__(self, driver: Driver, ssl_context: SSLContext | None) -> None:
        self.ended: bool = False
        """Nothing that is posted now will be done."""
        self._driver = driver
        self._ssl_context = ssl_context
        self._connections: dict[ConnectionId, Connection] = {}
        self._diallers: list[threading.Thread] = []

    @abstractmethod
    def post(self, action: Callable[[], object]) -> None:
        """Have something done in the loop's thread. May be called from any thread."""

    @abstractmethod
    def watch(self, connection: Connection, wanted: int) -> None:
        """Have ``serve`` called when its socket is ready for these selector events, until told otherwise; 0 for none.

        ``connection.watched`` are those of before. Once its socket is to be closed, 0 is what is wanted last.
        """

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
        until = monotonic() + 2 * STAGGER
        for dialler in self._diallers:
            # They see that their connections are closed, but for one that the resolver of names holds up.
            dialler.join(max(0.0, until - monotonic()))

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

    def dial(self, connection: Connection, action: Connect) -> None:
        """Open its socket; ``dialled`` is called in the end. In a short-lived thread, since the resolver of names can't be told to stop."""
        dialler = threading.Thread(target=self._dial, args=(connection, action), daemon=True)
        self._diallers = [thread for thread in self._diallers if thread.is_alive()]
        try:
            dialler.start()
        except RuntimeError as error:
            # There are too many, or the interpreter is about to exit.
            self.dialled(connection, None, reason_of(error))
        else:
            self._diallers.append(dialler)

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

    def _dial(self, connection: Connection, action: Connect) -> None:
        try:
            sock = dial(action.host, action.port, lambda: connection.closed)
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            self.post(lambda: self.dialled(connection, None, reason))
        else:
            self.post(lambda: self.dialled(connection, sock, ""))
            if self.ended:
                sock.close()

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


class SelectorSockets(Sockets):
    """The connections of one driver, between entering and leaving. All but ``post`` is for the thread that polls."""

    _selector: DefaultSelector
    _waker: socket
    _woken: socket

    def __init__(self, driver: Driver, ssl_context: SSLContext | None) -> None:
        super().__init__(driver, ssl_context)
        self._todo: deque[Callable[[], object]] = deque()
        self._asleep = False

    def post(self, action: Callable[[], object]) -> None:
        """Have something done by the thread that polls, unless that has ended. From any thread, and from finalizers: it takes no lock."""
        self._todo.append(action)
        # The other side looks into the list after it has set this, so one of the two sees the other.
        if self._asleep:
            self._asleep = False
            with suppress(OSError):
                # It may have ended in the meantime.
                self._waker.send(b"\0")

    def poll(self) -> None:
        """Wait for what comes first, sockets, posts or the engine's deadline, and do all that is due then."""
        driver = self._driver
        deadline = driver.engine.deadline
        self._asleep = True
        patience = (
            0.0 if self._todo else LONG if deadline is None else min(LONG, max(0.0, deadline - monotonic()))
        )
        ready = self._selector.select(patience)
        self._asleep = False
        for key, mask in ready:
            if key.data is None:
                self._woken.recv(64)
            else:
                self.serve(key.data, mask)
        # What is posted by these waits for its turn: an upload posts for each of its pieces.
        for _ in range(len(self._todo)):
            self._todo.popleft()()
            driver.pump()
        # What came may have moved it, which makes this tick an early one at most.
        if deadline is not None and deadline <= (now := monotonic()):
            driver.engine.tick(max(now, deadline))
            driver.pump()

    def watch(self, connection: Connection, wanted: int) -> None:
        """Let the selector wait for it."""
        assert connection.sock is not None
        if not wanted:
            self._selector.unregister(connection.sock)
        elif connection.watched:
            self._selector.modify(connection.sock, wanted, connection)
        else:
            self._selector.register(connection.sock, wanted, connection)

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._selector = resources.enter_context(DefaultSelector())
            self._waker, self._woken = map(resources.enter_context, socketpair())
            self._selector.register(self._woken, EVENT_READ)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Close every connection, and do what was posted until now."""
        self.close()
        self.ended = True
        while self._todo:
            self._todo.popleft()()
        self._resources.close()
