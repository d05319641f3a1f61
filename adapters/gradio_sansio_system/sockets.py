"""A driver's connections on a selector, for adapters without a runtime that has streams: one thread polls, others may post to it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from socket import socket, socketpair
from ssl import SSLContext
from time import monotonic
from typing import Final, Self

from gradio_sansio.commands import Close, Connect, ConnectionId, PauseReading, Send, ShutdownWrite, StartTls
from gradio_sansio.frontend import Driver, Operation
from gradio_sansio_system import make_ssl_context, reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.dial import STAGGER, dial

LONG: Final = 3600.0
"""Seconds. Some selectors refuse to wait much longer."""


class Sockets:
    """The connections of one driver, between entering and leaving. All but ``post`` is for the thread that polls."""

    _selector: DefaultSelector
    _waker: socket
    _woken: socket

    def __init__(self, driver: Driver, ssl_context: SSLContext | None) -> None:
        self.ended: bool = False
        """Nothing that is posted now will be done."""
        self._driver = driver
        self._ssl_context = ssl_context
        self._connections: dict[ConnectionId, Connection] = {}
        self._diallers: list[threading.Thread] = []
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
        ready = self._selector.select(self._patience())
        self._asleep = False
        for key, mask in ready:
            if key.data is None:
                self._woken.recv(64)
            else:
                self._serve(key.data, mask)
        while self._todo:
            self._todo.popleft()()
            driver.pump()
        deadline = driver.engine.deadline
        if deadline is not None and deadline <= (now := monotonic()):
            driver.engine.tick(max(now, deadline))
            driver.pump()

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._selector = resources.enter_context(DefaultSelector())
            self._waker, self._woken = map(resources.enter_context, socketpair())
            self._selector.register(self._woken, EVENT_READ)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Close every connection, and do what was posted until now."""
        for connection in list(self._connections.values()):
            self._close(connection)
        until = monotonic() + 2 * STAGGER
        for dialler in self._diallers:
            # They see that their connections are closed, but for one that the resolver of names holds up.
            dialler.join(max(0.0, until - monotonic()))
        self.ended = True
        while self._todo:
            self._todo.popleft()()
        self._resources.close()

    def connect(self, action: Connect) -> None:
        """Begin to open a connection."""
        connection = self._connections[action.connection] = Connection(action.connection)
        dialler = threading.Thread(target=self._dial, args=(connection, action), daemon=True)
        self._diallers = [thread for thread in self._diallers if thread.is_alive()]
        try:
            dialler.start()
        except RuntimeError as error:
            # There are too many, or the interpreter is about to exit.
            self._dialled(connection, None, reason_of(error))
        else:
            self._diallers.append(dialler)

    def operate(self, action: Operation) -> None:
        """Do something to a connection, if it is still there."""
        if isinstance(action, Close):
            self._close(self._connections.get(action.connection))
        else:
            self._attempt(action.connection, lambda connection: self._change(connection, action))

    def _patience(self) -> float:
        self._asleep = True
        if self._todo:
            return 0.0
        deadline = self._driver.engine.deadline
        return LONG if deadline is None else min(LONG, max(0.0, deadline - monotonic()))

    def _attempt(self, id: ConnectionId, operation: Callable[[Connection], None]) -> None:
        """Do something to a connection, if it is still there, and report what became of it."""
        connection = self._connections.get(id)
        if connection is None:
            return
        try:
            operation(connection)
        except (OSError, ValueError) as error:
            self._close(connection)
            self._driver.engine.lost(id, reason_of(error), monotonic())
            return
        if connection.closed:
            return
        if connection.flushed and not connection.reported:
            connection.reported = True
            self._driver.engine.flushed(id, monotonic())
        self._watch(connection)

    def _change(self, connection: Connection, action: Operation) -> None:
        if isinstance(action, Send):
            connection.send(action.data)
        elif isinstance(action, StartTls):
            self._ssl_context = self._ssl_context or make_ssl_context()
            self._unwatch(connection)
            connection.start_tls(self._ssl_context, action.server_name)
            self._shake_hands(connection)
        elif isinstance(action, ShutdownWrite):
            connection.finishing = True
            connection.flush()
        else:
            connection.paused = isinstance(action, PauseReading)

    def _dial(self, connection: Connection, action: Connect) -> None:
        """In a short-lived thread of its own, since the resolver of names can't be told to stop."""
        try:
            sock = dial(action.host, action.port, lambda: connection.closed)
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            self.post(lambda: self._dialled(connection, None, reason))
        else:
            self.post(lambda: self._dialled(connection, sock, ""))
            if self.ended:
                sock.close()

    def _dialled(self, connection: Connection, sock: socket | None, reason: str) -> None:
        if connection.closed:
            if sock is not None:
                sock.close()
        elif sock is None:
            self._close(connection)
            self._driver.engine.connect_failed(connection.id, reason, monotonic())
        else:
            connection.sock = sock
            self._watch(connection)
            self._driver.engine.connected(connection.id, monotonic())

    def _shake_hands(self, connection: Connection) -> None:
        # A peer that is near may have answered before the first attempt is over.
        if connection.shake_hands():
            self._driver.engine.tls_started(connection.id, monotonic())

    def _serve(self, connection: Connection, mask: int) -> None:
        """The socket is ready."""
        if mask & EVENT_WRITE:
            self._attempt(connection.id, Connection.flush)
            self._driver.pump()
        if mask & EVENT_READ:
            self._attempt(connection.id, self._read)
            self._driver.pump()

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
                engine.peer_closed(connection.id, monotonic())
                return
            engine.received(connection.id, data, monotonic())
            if not connection.buffered:
                return
            self._driver.pump()

    def _watch(self, connection: Connection) -> None:
        """Let the selector wait for what the connection waits for."""
        wanted = connection.wanted
        if wanted == connection.watched or connection.sock is None:
            return
        if not wanted:
            self._unwatch(connection)
        elif connection.watched:
            self._selector.modify(connection.sock, wanted, connection)
        else:
            self._selector.register(connection.sock, wanted, connection)
        connection.watched = wanted

    def _unwatch(self, connection: Connection) -> None:
        if connection.watched and connection.sock is not None:
            self._selector.unregister(connection.sock)
            connection.watched = 0

    def _close(self, connection: Connection | None) -> None:
        if connection is not None and not connection.closed:
            del self._connections[connection.id]
            self._unwatch(connection)
            connection.close()
