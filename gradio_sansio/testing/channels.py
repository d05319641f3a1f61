"""How servers before 4.9 talk to a job's client: over one event stream, or one websocket, for each job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.serving import ServerConnection, encode


class Channel(Protocol):
    """One job's own."""

    connection: ServerConnection

    def tell(self, message: Mapping[str, object]) -> None:
        """Say something to the client."""

    def end(self) -> None:
        """There is nothing more to say."""


class StreamChannel:
    """An event stream: 4.0 to 4.8."""

    def __init__(self, connection: ServerConnection, name: str) -> None:
        self.connection = connection
        connection.begin_stream(name)

    def tell(self, message: Mapping[str, object]) -> None:
        """One event."""
        self.connection.write(json.dumps(message).encode())

    def end(self) -> None:
        """The end of the answer; the connection stays."""
        self.connection.end_stream()


class SocketChannel:
    """A websocket: 3.x."""

    def __init__(self, connection: ServerConnection, key: str) -> None:
        self.connection = connection
        connection.begin_socket(key)

    def tell(self, message: Mapping[str, object]) -> None:
        """One text message."""
        self.connection.send_text(encode(message).decode())

    def end(self) -> None:
        """A close, which the client answers; then the connection ends."""
        self.connection.close_socket()
        self.connection.cut(Cut.END)
