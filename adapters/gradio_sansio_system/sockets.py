"""Connections that are dialled in threads, for loops that may be woken by others.

``Sockets`` works on any such loop; ``SelectorSockets`` is a loop of its own: one thread polls, others may post to it.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from selectors import EVENT_READ, DefaultSelector
from socket import socket, socketpair
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from gradio_sansio.commands import Connect
from gradio_sansio.frontend import Driver
from gradio_sansio_system import reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.connections import Connections
from gradio_sansio_system.dial import STAGGER, dial

if TYPE_CHECKING:
    from ssl import SSLContext

LONG: Final = 3600.0
"""Seconds. Some selectors refuse to wait much longer."""


class Sockets(Connections):
    """The connections of one driver. All but ``post`` is for the loop's own thread."""

    def __init__(self, driver: Driver, ssl_context: SSLContext | None) -> None:
        super().__init__(driver, ssl_context)
        self.ended: bool = False
        """Nothing that is posted now will be done."""
        self._diallers: list[threading.Thread] = []

    @abstractmethod
    def post(self, action: Callable[[], object]) -> None:
        """Have something done in the loop's thread. May be called from any thread."""

    def close(self) -> None:
        """Close every connection."""
        super().close()
        until = monotonic() + 2 * STAGGER
        for dialler in self._diallers:
            # They see that their connections are closed, but for one that the resolver of names holds up.
            dialler.join(max(0.0, until - monotonic()))

    def dial(self, connection: Connection, action: Connect) -> None:
        """In a short-lived thread, since the resolver of names can't be told to stop."""
        if self.dialled_at_once(connection, action):
            return
        dialler = threading.Thread(target=self._dial, args=(connection, action), daemon=True)
        self._diallers = [thread for thread in self._diallers if thread.is_alive()]
        try:
            dialler.start()
        except RuntimeError as error:
            # There are too many, or the interpreter is about to exit.
            self.dialled(connection, None, reason_of(error))
        else:
            self._diallers.append(dialler)

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
        # Some of that may have asked for others.
        super().close()
        self._resources.close()
