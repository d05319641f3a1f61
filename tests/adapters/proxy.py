"""A small HTTP proxy that sends everything to one server, wherever it was meant for."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class Proxy:
    """``heads`` are the first requests of its connections. With ``refusal``, that is its answer to CONNECT."""

    def __init__(self, port: int, refusal: bytes | None = None) -> None:
        self.heads: list[str] = []
        self._target = port
        self._refusal = refusal
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _start(self, function: object, *args: object) -> None:
        assert callable(function)
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (data := client.recv(65536)):
                    return
                head += data
            self.heads.append(head.decode("latin-1"))
            connects = head.startswith(b"CONNECT ")
            if connects and self._refusal is not None:
                client.sendall(self._refusal)
                client.shutdown(socket.SHUT_WR)
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(server)
            if connects:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                # The server takes a target in absolute form, too.
                server.sendall(head)
            self._start(self._pipe, client, server)
            self._pipe(server, client)

    def _pipe(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
