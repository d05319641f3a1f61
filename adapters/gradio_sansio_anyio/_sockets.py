"""An app's connections: sockets that don't block, and callbacks or tasks for when one can be read or written.

anyio's own streams take more turns of the loop: writing is a task's business there, and asyncio's transports are told to pause and to
resume for each read.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from socket import socket
from typing import TYPE_CHECKING

import anyio

from gradio_sansio.commands import Connect, ConnectionId
from gradio_sansio_system import reason_of
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.connections import Connections
from gradio_sansio_system.dial import dial
from gradio_sansio_system.readers import ReaderSockets, has_readers

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from gradio_sansio_anyio._app import App


class AppSockets(Connections):
    """What is the same however they are served: names are resolved in threads of anyio's."""

    _app: App
    _diallings: dict[ConnectionId, anyio.CancelScope]
    by_tasks: bool
    """Whether all that is done to them has to be done by tasks."""

    def dial(self, connection: Connection, action: Connect) -> None:
        """In a thread of anyio's."""
        if self.dialled_at_once(connection, action):
            return
        self._app.start(partial(self._dial_apart, connection, action))

    async def _dial_apart(self, connection: Connection, action: Connect) -> None:
        if connection.closed:
            return
        found: list[socket] = []

        def open_socket() -> None:
            found.append(dial(action.host, action.port, lambda: connection.closed))
            if connection.closed:
                _close_all(found)

        reason = ""
        with anyio.CancelScope(shield=True) as scope:
            self._diallings[connection.id] = scope
            try:
                # However many threads of the program's are busy.
                limiter = anyio.CapacityLimiter(1)
                await anyio.to_thread.run_sync(open_socket, abandon_on_cancel=True, limiter=limiter)
            except (OSError, ValueError) as error:
                reason = reason_of(error)
        self._diallings.pop(connection.id, None)
        if connection.closed:
            _close_all(found)
        else:
            self.dialled(connection, found.pop() if found else None, reason)

    def _close(self, connection: Connection | None) -> None:
        super()._close(connection)
        if connection is not None and connection.id in self._diallings:
            # The thread sees it, but the system's resolver of names may keep it for long.
            self._diallings.pop(connection.id).cancel()


class TaskSockets(AppSockets):
    """The tasks are shielded: the engine ends connections, and not whoever cancels the app's user."""

    by_tasks = True

    def __init__(self, app: App) -> None:
        super().__init__(app, app.ssl_context)
        self._app = app
        self._diallings = {}
        self._waiting: dict[ConnectionId, list[anyio.CancelScope]] = {}

    def watch(self, connection: Connection, wanted: int) -> None:
        """End the tasks that wait, and start others: that is rare."""
        sock = connection.sock
        assert sock is not None
        if connection.watched:
            # At once, since the socket may be closed next.
            anyio.notify_closing(sock)
            for scope in self._waiting.pop(connection.id):
                scope.cancel()
        if wanted:
            scopes = self._waiting[connection.id] = []
            for event in (EVENT_READ, EVENT_WRITE):
                if wanted & event:
                    scopes.append(anyio.CancelScope(shield=True))
                    self._app.start(partial(self._wait, connection, sock, event, scopes[-1]))

    async def _wait(self, connection: Connection, sock: socket, event: int, scope: anyio.CancelScope) -> None:
        wait = anyio.wait_readable if event == EVENT_READ else anyio.wait_writable
        with scope, suppress(anyio.ClosedResourceError):
            # What is served may end it.
            while not scope.cancel_called:
                await wait(sock)
                self.serve(connection, event)


class CallbackSockets(ReaderSockets, AppSockets):
    """Where there is a loop that has callbacks for it."""

    by_tasks = False

    def __init__(self, app: App, loop: AbstractEventLoop) -> None:
        super().__init__(app, app.ssl_context, loop)
        self._app = app
        self._diallings = {}

    def failed(self, error: Exception) -> None:
        async def fail() -> None:
            raise error

        self._app.start(fail)


def _close_all(found: list[socket]) -> None:
    # The thread and the task may both come here, and either may be the last.
    with suppress(IndexError):
        found.pop().close()


def make_sockets(app: App, loop: AbstractEventLoop | None) -> AppSockets:
    """As the runtime has it. Where there is no loop with readers, anyio has a thread for them, or trio its own way."""
    return TaskSockets(app) if loop is None or not has_readers(loop) else CallbackSockets(app, loop)
