"""Gradio apps on a loop of one's own: one thread, a ``selectors`` object, and nothing behind the scenes.

    loop = Loop()

    async def main():
        async with client(loop, "http://127.0.0.1:7860") as app:
            print((await app.predict("/predict", ["hello"])).value)

    loop.run(main())

A name is looked up in that thread too, which the system's resolver may hold up; addresses are not.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from heapq import heappop, heappush
from itertools import count
from selectors import EVENT_WRITE, DefaultSelector
from time import monotonic
from typing import Any, TypeVar, Unpack

from gradio_sansio.commands import Connect
from gradio_sansio.frontend import Operation
from gradio_sansio_system import Options, reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.sockets import Sockets
from gradio_sansio_system.tasks import Task, TaskApp

T = TypeVar("T")


class Timer:
    """A call to come."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.action: Callable[[], object] | None = action

    def cancel(self) -> None:
        self.action = None


class Loop:
    """An event loop: what is due now, what is due later, and sockets."""

    def __init__(self) -> None:
        self.selector = DefaultSelector()
        self._due: deque[Callable[[], object]] = deque()
        self._later: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def now(self) -> float:
        return monotonic()

    def call_soon(self, action: Callable[[], object]) -> None:
        self._due.append(action)

    def call_at(self, time: float, action: Callable[[], object]) -> Timer:
        timer = Timer(action)
        heappush(self._later, (time, next(self._numbers), timer))
        return timer

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a task to its end, and close the loop."""
        with ExitStack() as stack:
            stack.callback(self.selector.close)
            task = Task(self, main)
            while not task.ended.is_set:
                self._turn()
            return task.result

    def _turn(self) -> None:
        patience = max(0.0, self._later[0][0] - monotonic()) if self._later else None
        for key, mask in self.selector.select(0 if self._due else patience):
            key.data(mask)
        while self._later and self._later[0][0] <= monotonic():
            if (action := heappop(self._later)[2].action) is not None:
                action()
        for _ in range(len(self._due)):
            self._due.popleft()()


def client(loop: Loop, source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``, in a task of the loop."""
    return App(loop, source, options)


class App(TaskApp):
    """A connected app."""

    def __init__(self, loop: Loop, source: str, options: Options) -> None:
        super().__init__(loop, source, options)
        self._sockets = SelectedSockets(self, loop)

    def connect(self, action: Connect) -> None:
        self._sockets.connect(action)

    def operate(self, action: Operation) -> None:
        self._sockets.operate(action)


class SelectedSockets(Sockets):
    """The app's connections."""

    def __init__(self, app: App, loop: Loop) -> None:
        super().__init__(app, app.ssl_context)
        self._loop = loop
        self._selector = loop.selector

    def post(self, action: Callable[[], object]) -> None:
        self._loop.call_soon(action)

    def watch(self, connection: Connection, wanted: int) -> None:
        assert connection.sock is not None
        if connection.watched:
            self._selector.unregister(connection.sock)

        def ready(mask: int) -> None:
            self.serve(connection, mask)

        if wanted:
            self._selector.register(connection.sock, wanted, ready)

    def dial(self, connection: Connection, action: Connect) -> None:
        try:
            found = socket.getaddrinfo(action.host, action.port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            self.post(lambda: self.dialled(connection, None, reason))
        else:
            self._try([(family, address) for family, _, _, _, address in found], connection)

    def _try(self, addresses: list[tuple[int, Any]], connection: Connection) -> None:
        """Connect to the first address, and if that fails to the next."""
        family, address = addresses.pop(0)
        sock = socket.socket(family)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def outcome(code: int) -> None:
            if code and addresses and not connection.closed:
                sock.close()
                self._try(addresses, connection)
            elif code:
                sock.close()
                self.dialled(connection, None, os.strerror(code).lower())
            else:
                self.dialled(connection, sock, "")

        def ready(_: int) -> None:
            self._selector.unregister(sock)
            outcome(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            self._selector.register(sock, EVENT_WRITE, ready)
        else:
            self.post(lambda: outcome(code))
