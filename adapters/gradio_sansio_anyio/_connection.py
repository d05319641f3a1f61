"""One connection: a stream, the task that reads it, and what waits to be written to it."""

from __future__ import annotations

import ssl
from collections import deque
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from gradio_sansio.commands import Connect, PauseReading, ResumeReading, Send, ShutdownWrite, StartTls
from gradio_sansio_system import READ_SIZE, make_ssl_context, reason_of

if TYPE_CHECKING:
    from gradio_sansio_anyio._app import App


class Connection:
    """Its tasks are shielded: the app ends them, when the engine says so, and not whoever cancels the app's user."""

    def __init__(self, app: App, action: Connect) -> None:
        self._app = app
        self._id = action.connection
        self._host = action.host
        self._port = action.port
        self._scope = anyio.CancelScope(shield=True)
        self._stream: ByteStream | None = None
        self._tls: str | None = None
        self._unsent: deque[bytes] = deque()
        self._wanted = anyio.Event()
        """There is something to write, or to end."""
        self._idle = anyio.Event()
        self._idle.set()
        """Nothing is being written."""
        self._finishing = False
        self._readable = anyio.Event()
        self._readable.set()

    def close(self) -> None:
        self._scope.cancel()

    def perform(self, action: Send | StartTls | ShutdownWrite | PauseReading | ResumeReading) -> None:
        match action:
            case Send():
                self._unsent.append(action.data)
                self._write_soon()
            case StartTls():
                # For the reading task: it is the one that told the engine what led to this.
                self._tls = action.server_name
            case ShutdownWrite():
                self._finishing = True
                self._write_soon()
            case PauseReading():
                self._readable = anyio.Event()
            case ResumeReading():
                self._readable.set()

    async def run(self) -> None:
        """Connect, then read until the end."""
        engine = self._app.engine
        with self._scope:
            try:
                stream = await anyio.connect_tcp(self._host, self._port)
            except (OSError, ValueError) as error:
                self._app.connections.pop(self._id, None)
                engine.connect_failed(self._id, reason_of(error), anyio.current_time())
                self._app.pump()
                return
            self._stream = stream
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write)
                    engine.connected(self._id, anyio.current_time())
                    self._app.pump()
                    await self._read()
            finally:
                await anyio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        app = self._app
        assert self._stream is not None
        try:
            while True:
                if self._tls is not None:
                    # The peer's answer may be here before the writer knows that its question has left.
                    await self._idle.wait()
                    self._stream = await self._secured(self._stream, self._tls)
                    self._tls = None
                    app.engine.tls_started(self._id, anyio.current_time())
                    app.pump()
                    continue
                if not self._readable.is_set():
                    # Asked in vain, an event costs a turn of the loop.
                    await self._readable.wait()
                try:
                    data = await self._stream.receive(READ_SIZE)
                except anyio.EndOfStream:
                    break
                app.engine.received(self._id, data, anyio.current_time())
                app.pump()
        except (anyio.BrokenResourceError, anyio.BusyResourceError, OSError, ValueError) as error:
            self._account()
            self._lost(error)
        else:
            self._account()
            app.engine.peer_closed(self._id, anyio.current_time())
            app.pump()
            # There may be something left to be written; the engine closes when it is done.
            await anyio.sleep_forever()

    async def _secured(self, stream: ByteStream, server_name: str) -> ByteStream:
        context = self._app.ssl_context = self._app.ssl_context or make_ssl_context()
        # Many servers end without TLS's own goodbye; HTTP knows by itself whether a body is whole.
        try:
            return await TLSStream.wrap(
                stream,
                server_side=False,
                hostname=server_name,
                ssl_context=context,
                standard_compatible=False,
            )
        except anyio.EndOfStream:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "in the midst of the handshake") from None

    def _account(self) -> None:
        if not self._idle.is_set() and not self._unsent:
            # It may have arrived, though the writer hasn't been told: what is repeated must not be what the server has.
            self._app.engine.flushed(self._id, anyio.current_time())

    def _write_soon(self) -> None:
        if self._idle.is_set():
            self._idle = anyio.Event()
            self._wanted.set()

    async def _write(self) -> None:
        assert self._stream is not None
        try:
            while True:
                await self._wanted.wait()
                self._wanted = anyio.Event()
                while self._unsent:
                    data = b"".join(self._unsent)
                    self._unsent.clear()
                    await self._stream.send(data)
                    if not self._unsent:
                        self._app.engine.flushed(self._id, anyio.current_time())
                        self._app.pump()
                if self._finishing and isinstance(self._stream, SocketStream):
                    # TLS has no half-closed state that servers agree on.
                    await self._stream.send_eof()
                self._idle.set()
        except (anyio.BrokenResourceError, anyio.EndOfStream, OSError) as error:
            self._lost(error)
        finally:
            self._idle.set()

    def _lost(self, error: BaseException) -> None:
        self._app.connections.pop(self._id, None)
        self._app.engine.lost(self._id, reason_of(error.__cause__ or error), anyio.current_time())
        self._app.pump()
        self._scope.cancel()
