"""Gradio apps on Twisted: a ``Protocol`` for each connection, Deferreds wherever one waits.

    async def main(reactor):
        async with client(reactor, "http://127.0.0.1:7860") as app:
            print((await app.predict("/predict", ["hello"])).value)

    task.react(lambda reactor: ensureDeferred(main(reactor)))

Certificates are Twisted's own affair (``SSL_CERT_FILE`` is honoured), so the option ``ssl_context`` is refused.
"""
# pyright: basic, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# Twisted is typed in part only.

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Unpack

from OpenSSL.SSL import Error as TlsError
from service_identity import VerificationError
from twisted.internet import error as net
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TimedOut
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gradio_sansio.commands import Connect, PauseReading, ResumeReading, Send, ShutdownWrite, StartTls
from gradio_sansio_system import Options, reason_of
from gradio_sansio_system.loops import LoopApp

log = Logger("gradio_sansio")


def client(reactor: Any, source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``."""
    if options.get("ssl_context") is not None:
        raise ValueError("Twisted makes TLS itself: ssl_context can't be used here, set SSL_CERT_FILE")
    return App(reactor, source, options)


class Event:
    """Something that happens once. Whoever waits goes on from the reactor, never from within ``set``."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: list[Deferred[None]] | None = []

    def set(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for deferred in waiting:
            self._reactor.callLater(0, deferred.callback, None)

    async def wait(self, until: float | None = None) -> None:
        if self._waiting is None:
            return
        deferred: Deferred[None] = Deferred()
        self._waiting.append(deferred)
        if until is not None:
            deferred.addTimeout(max(0.0, until - self._reactor.seconds()), self._reactor)
        with suppress(TimedOut):
            await deferred


class App(LoopApp):
    """A connected app."""

    _alarm: Any = None

    def __init__(self, reactor: Any, source: str, options: Options) -> None:
        super().__init__(source, options)
        self.reactor = reactor

    def now(self) -> float:
        return float(self.reactor.seconds())

    def arm(self, deadline: float | None) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        if deadline is not None:
            self._alarm = self.reactor.callLater(max(0.0, deadline - self.now()), self.tick)

    def soon(self, action: Callable[[], None]) -> None:
        self.reactor.callFromThread(action)

    def spawn(self, run: Coroutine[Any, Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(run).addErrback(_was_cancelled)

    def event(self) -> Event:
        return Event(self.reactor)

    async def wait(self, event: Event, until: float) -> None:
        await event.wait(until)

    async def checkpoint(self) -> None:
        turn = Event(self.reactor)
        self.reactor.callLater(0, turn.set)
        await turn.wait()

    def unhandled(self, error: Exception) -> None:
        log.failure("a callback raised", Failure(error))

    def connect(self, action: Connect) -> None:
        self.connections[action.connection] = Connection(self, action)


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class Connection(Protocol):
    """One connection. What becomes of it is told to the engine, and ``pump`` does what follows."""

    def __init__(self, app: App, action: Connect) -> None:
        self._app = app
        self._id = action.connection
        self._full = False
        endpoint = HostnameEndpoint(app.reactor, action.host, action.port)
        self._attempt = connectProtocol(endpoint, self)
        self._attempt.addErrback(lambda failure: self._gone(app.engine.connect_failed, failure))

    def _tell(self, fact: Callable[..., None], *details: Any) -> None:
        fact(self._id, *details, self._app.now())
        self._app.pump()

    def _gone(self, fact: Callable[..., None], failure: Failure) -> None:
        if self._app.connections.pop(self._id, None):
            self._tell(fact, _reason(failure.value))

    # What the engine asks.

    def perform(self, action: Send | StartTls | ShutdownWrite | PauseReading | ResumeReading) -> None:
        transport: Any = self.transport
        match action:
            case Send():
                transport.write(action.data)
                if not self._full:
                    self._app.engine.flushed(self._id, self._app.now())
            case StartTls():
                transport.startTLS(optionsForClientTLS(action.server_name))
            case ShutdownWrite():
                transport.loseWriteConnection()
            case PauseReading():
                transport.pauseProducing()
            case ResumeReading():
                transport.resumeProducing()

    def close(self) -> None:
        self._attempt.cancel()
        if self.transport is not None:
            self.transport.abortConnection()

    # What Twisted tells.

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._tell(self._app.engine.connected)

    def handshakeCompleted(self) -> None:
        self._tell(self._app.engine.tls_started)

    def dataReceived(self, data: bytes) -> None:
        self._tell(self._app.engine.received, data)

    def readConnectionLost(self) -> None:
        self._tell(self._app.engine.peer_closed)

    def writeConnectionLost(self) -> None:
        """As it was asked for."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone(self._app.engine.lost, reason)

    # As what writes to the connection.

    def pauseProducing(self) -> None:
        self._full = True

    def resumeProducing(self) -> None:
        self._full = False
        self._tell(self._app.engine.flushed)

    def stopProducing(self) -> None:
        """The connection is about to be lost; that is told by itself."""


def _was_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)


def _reason(error: BaseException | None) -> str:
    """In the words of the other adapters. Twisted says no more of a connection that broke than that it did."""
    if isinstance(error, net.ConnectError) and error.osError:
        return os.strerror(error.osError).lower()
    if isinstance(error, net.ConnectionLost):
        return "connection reset by peer"
    if isinstance(error, VerificationError):
        return "certificate refused: it is another host's"
    if isinstance(error, TlsError) and error.args and error.args[0]:
        reasons = ", ".join(reason for _, _, reason in error.args[0])
        return ("certificate refused: " if "certificate verify" in reasons else "TLS failed: ") + reasons
    return reason_of(error) if error is not None else "the connection was lost"
