"""What may stand between a contender and a server, for the whole of its traffic: a long way, or TLS."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self


class Link:
    """Forwards connections to a port of this machine, each byte ``delay`` seconds later, through TLS where there is a context."""

    def __init__(self, port: int, *, delay: float = 0.0, tls: ssl.SSLContext | None = None) -> None:
        self._target = port
        self._delay = delay
        self._tls = tls
        self.turns: int = 0
        """How often the client began to wait: it connected, or sent something after it was sent something."""
        self._asked = False
        self._ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.turns += 1
        self._asked = True
        # Setting up TCP takes a round trip too; the one to this machine is over already.
        await asyncio.sleep(2 * self._delay)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._asked = False
        with suppress(asyncio.CancelledError):
            # The link may end before its connections, and streams tell of tasks that were cancelled.
            await asyncio.gather(
                self._forward(reader, far_writer, asks=True), self._forward(far_reader, writer, asks=False)
            )

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asks: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                self.turns += asks and not self._asked
                self._asked = asks
                if self._delay:
                    self._loop.call_later(self._delay, writer.write, data)
                else:
                    writer.write(data)
        except OSError:
            pass
        self._loop.call_later(self._delay, writer.close)
