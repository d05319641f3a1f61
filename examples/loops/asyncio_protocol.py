"""Gradio apps on asyncio alone: an ``asyncio.Protocol`` for each connection, and no further package.

async with client("http://127.0.0.1:7860") as app:
    print((await app.predict("/predict", ["hello"])).value)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self, Unpack

from gradio_sansio.commands import Connect, PauseReading, ResumeReading, Send, ShutdownWrite, StartTls
from gradio_sansio_system import Options, make_ssl_context, reason_of
from gradio_sansio_system.loops import LoopApp


def client(source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``."""
    return App(source, options)


class App(LoopApp):
    """A connected app."""

    loop: asyncio.AbstractEventLoop
    _alarm: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        return await super().__aenter__()

    def now(self) -> float:
        return self.loop.time()

    def arm(self, deadline: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if deadline is None else self.loop.call_at(deadline, self.tick)

    def soon(self, action: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop may have ended without the app
            self.loop.call_soon_threadsafe(action)

    def spawn(self, run: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self.loop.create_task(run)

    def event(self) -> asyncio.Event:
        return asyncio.Event()

    async def wait(self, event: asyncio.Event, until: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await event.wait()

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    def unhandled(self, error: Exception) -> None:
        self.loop.call_exception_handler({"message": "a callback raised", "exception": error})

    def connect(self, action: Connect) -> None:
        self.connections[action.connection] = Connection(self, action)


class Connection(asyncio.Protocol):
    """One connection. What becomes of it is told to the engine, and ``pump`` does what follows."""

    def __init__(self, app: App, action: Connect) -> None:
        self._app = app
        self._id = action.connection
        self._transport: asyncio.Transport | None = None
        self._secured = False
        self._full = False
        self._task = app.spawn(self._open(action.host, action.port))

    async def _open(self, host: str, port: int) -> None:
        try:
            await self._app.loop.create_connection(lambda: self, host, port)
        except (OSError, ValueError) as error:
            if self._app.connections.pop(self._id, None):
                self._app.engine.connect_failed(self._id, reason_of(error), self._app.now())
                self._app.pump()

    async def _secure(self, transport: asyncio.Transport, server_name: str) -> None:
        context = self._app.ssl_context = self._app.ssl_context or make_ssl_context()
        self._secured = True
        try:
            secured = await self._app.loop.start_tls(transport, self, context, server_hostname=server_name)
            assert secured is not None
            self._transport = secured
        except OSError as error:
            self.connection_lost(error)
        else:
            self._app.engine.tls_started(self._id, self._app.now())
            self._app.pump()

    # What the engine asks.

    def perform(self, action: Send | StartTls | ShutdownWrite | PauseReading | ResumeReading) -> None:
        transport = self._transport
        assert transport is not None
        match action:
            case Send():
                transport.write(action.data)
                if not self._full:
                    self._app.engine.flushed(self._id, self._app.now())
            case StartTls():
                self._task = self._app.spawn(self._secure(transport, action.server_name))
            case ShutdownWrite():
                if transport.can_write_eof():
                    transport.write_eof()
            case PauseReading():
                transport.pause_reading()
            case ResumeReading():
                transport.resume_reading()

    def close(self) -> None:
        self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # With any byte unsent there are too many: the engine gives the next piece of a body when all has left.
        transport.set_write_buffer_limits(0)
        self._app.engine.connected(self._id, self._app.now())
        self._app.pump()

    def data_received(self, data: bytes) -> None:
        self._app.engine.received(self._id, data, self._app.now())
        self._app.pump()

    def eof_received(self) -> bool:
        self._app.engine.peer_closed(self._id, self._app.now())
        self._app.pump()
        # Something may be left to be written, but for TLS, which has no half-closed state here.
        return not self._secured

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._app.engine.flushed(self._id, self._app.now())
        self._app.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._app.connections.pop(self._id, None):
            reason = reason_of(exc) if exc is not None else "the peer ended the connection"
            self._app.engine.lost(self._id, reason, self._app.now())
            self._app.pump()
