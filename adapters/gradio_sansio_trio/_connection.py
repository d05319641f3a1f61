"""One connection: a stream, the task that reads it, and what waits to be written to it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from gradio_sansio.commands import Connect, PauseReading, ResumeReading, Send, ShutdownWrite, StartTls
from gradio_sansio_system import READ_SIZE, make_ssl_context, reason_of

if TYPE_CHECKING:
    from gradio_sansio_trio._app import App


class Connection:
    """Its tasks are shielded: the app ends them, when the engine says so, and not whoever cancels the app's user."""

    def __init__(self, app: App, action: Connect) -> None:
        self._app = app
        self._id = action.connection
        self._host = action.host
        self._port = action.port
        self._scope = trio.CancelScope(shield=True)
        self._stream: trio.SocketStream | trio.SSLStream[trio.SocketStream] | None = None
        self._tls: str | None = None
        self._unsent: deque[bytes] = deque()
        self._wanted = trio.Event()
        """There is something to write, or to end."""
        self._idle = trio.Event()
        self._idle.set()
        """Nothing is being written."""
        self._finishing = False
        self._readable = trio.Event()
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
                self._readable = trio.Event()
            case ResumeReading():
                self._readable.set()

    async def run(self) -> None:
        """Connect, then read until the end."""
        engine = self._app.engine
        with self._scope:
            try:
                stream = await trio.open_tcp_stream(self._host, self._port)
            except (OSError, ValueError) as error:
                self._app.connections.pop(self._id, None)
                engine.connect_failed(self._id, reason_of(error), trio.current_time())
                self._app.pump()
                return
            self._stream = stream
            try:
                async with trio.open_nursery() as tasks:
                    tasks.start_soon(self._write)
                    engine.connected(self._id, trio.current_time())
                    self._app.pump()
                    await self._read()
            finally:
                await trio.aclose_forcefully(self._stream)

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
                    app.engine.tls_started(self._id, trio.current_time())
                    app.pump()
                    continue
                if not self._readable.is_set():
                    # Asked in vain, an event costs a turn of the loop.
                    await self._readable.wait()
                data = await self._stream.receive_some(READ_SIZE)
                if not data:
                    break
                app.engine.received(self._id, bytes(data), trio.current_time())
                app.pump()
        except (trio.BrokenResourceError, OSError, ValueError) as error:
            self._account()
            self._lost(error)
        else:
            self._account()
            app.engine.peer_closed(self._id, trio.current_time())
            app.pump()
            # There may be something left to be written; the engine closes when it is done.
            await trio.sleep_forever()

    async def _secured(
        self, stream: trio.SocketStream | trio.SSLStream[trio.SocketStream], server_name: str
    ) -> trio.SSLStream[trio.SocketStream]:
        assert isinstance(stream, trio.SocketStream)
        context = self._app.ssl_context = self._app.ssl_context or make_ssl_context()
        # Many servers end without TLS's own goodbye; HTTP knows by itself whether a body is whole.
        secured = trio.SSLStream(stream, context, server_hostname=server_name, https_compatible=True)
        await secured.do_handshake()
        return secured

    def _account(self) -> None:
        if not self._idle.is_set() and not self._unsent:
            # It may have arrived, though the writer hasn't been told: what is repeated must not be what the server has.
            self._app.engine.flushed(self._id, trio.current_time())

    def _write_soon(self) -> None:
        if self._idle.is_set():
            self._idle = trio.Event()
            self._wanted.set()

    async def _write(self) -> None:
        assert self._stream is not None
        try:
            while True:
                await self._wanted.wait()
                self._wanted = trio.Event()
                while self._unsent:
                    data = b"".join(self._unsent)
                    self._unsent.clear()
                    await self._stream.send_all(data)
                    if not self._unsent:
                        self._app.engine.flushed(self._id, trio.current_time())
                        self._app.pump()
                if self._finishing and isinstance(self._stream, trio.SocketStream):
                    # TLS has no half-closed state that servers agree on.
                    await self._stream.send_eof()
                self._idle.set()
        except (trio.BrokenResourceError, OSError) as error:
            self._lost(error)
        finally:
            self._idle.set()

    def _lost(self, error: BaseException) -> None:
        self._app.connections.pop(self._id, None)
        self._app.engine.lost(self._id, reason_of(error.__cause__ or error), trio.current_time())
        self._app.pump()
        self._scope.cancel()
