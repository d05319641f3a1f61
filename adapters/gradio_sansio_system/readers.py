"""Connections that are served by callbacks of an asyncio loop."""

from __future__ import annotations

from abc import abstractmethod
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING

from gradio_sansio.frontend import Driver
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.connections import Connections

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from ssl import SSLContext


def has_readers(loop: AbstractEventLoop) -> bool:
    """Whether the loop tells when a socket can be read: Windows' own doesn't."""
    from asyncio import AbstractEventLoop  # noqa: PLC0415  # loaded by whoever has such a loop

    return type(loop).add_reader is not AbstractEventLoop.add_reader


class ReaderSockets(Connections):
    """The connections of one driver. A callback is there a turn of the loop earlier than a task."""

    def __init__(self, driver: Driver, ssl_context: SSLContext | None, loop: AbstractEventLoop) -> None:
        super().__init__(driver, ssl_context)
        self._loop = loop

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """A defect of ours, which is to end the app: the loop would but log it. The connections are closed."""

    def watch(self, connection: Connection, wanted: int) -> None:
        """Tell the loop."""
        sock, changed = connection.sock, connection.watched ^ wanted
        assert sock is not None
        for event, add, remove in (
            (EVENT_READ, self._loop.add_reader, self._loop.remove_reader),
            (EVENT_WRITE, self._loop.add_writer, self._loop.remove_writer),
        ):
            if changed & wanted & event:
                add(sock, self._served, connection, event)
            elif changed & event:
                remove(sock)

    def _served(self, connection: Connection, event: int) -> None:
        try:
            self.serve(connection, event)
        except Exception as error:  # noqa: BLE001  # whatever it is
            self.close()
            self.failed(error)
