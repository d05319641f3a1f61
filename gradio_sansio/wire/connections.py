"""All connections of a wire: made when needed, lent to exchanges, kept while they may serve again, closed.

The pool decides and keeps the books, `Connection` knows how far each is; here decisions become commands. Every change that may let
a waiting exchange begin ends in `_assign`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gradio_sansio.commands import Close, ConnectionId, Send, StartTls
from gradio_sansio.errors import LocalProtocolError
from gradio_sansio.symbol import Symbol
from gradio_sansio.wire.connection import Connection, ConnectionInput, ConnectionState
from gradio_sansio.wire.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.commands import Command
    from gradio_sansio.errors import GradioError
    from gradio_sansio.limits import Limits
    from gradio_sansio.timers import Timers
    from gradio_sansio.wire.exchange import Exchange
    from gradio_sansio.wire.origin import Origin
    from gradio_sansio.wire.proxy import ProxySettings


class Timer(Symbol):
    """The timers of a connection."""

    CONNECT = "connect"
    KEEP_ALIVE = "keep alive"
    PING = "ping"
    SILENCE = "silence"
    """Nothing came over a websocket."""
    GRACE = "grace"
    """A websocket's close handshake, or its last bytes."""


class Sink(Protocol):
    """Where commands go: a list that may hold other things too."""

    def append(self, command: Command, /) -> None: ...


class Connections:
    """Lends connections to exchanges.

    ``begin`` is called with an exchange and the connection for it, ``fail`` with one for which there is none and why; that
    calls ``abandon`` in turn.
    """

    def __init__(
        self,
        actions: Sink,
        timers: Timers[Timer],
        *,
        limits: Limits,
        proxies: ProxySettings | None,
        begin: Callable[[Exchange, Connection, float], None],
        fail: Callable[[Exchange, GradioError, float], None],
    ) -> None:
        self._actions = actions
        self._timers = timers
        self._limits = limits
        self._proxies = proxies
        self._begin = begin
        self._fail = fail
        self._pool: Pool[Exchange] = Pool(limits)
        self._connections: dict[ConnectionId, Connection] = {}
        self._issued = 0

    def find(self, conn: ConnectionId) -> Connection | None:
        """The connection of that id; None if it is gone. Raises ``LocalProtocolError`` if there never was one."""
        connection = self._connections.get(conn)
        if connection is None and not 0 < conn <= self._issued:
            raise LocalProtocolError(f"there never was a connection {conn}", state="unknown")
        return connection

    def close(self) -> None:
        """Close them all, and forget who waits."""
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._pool = Pool(self._limits)

    # Lending.

    def wait(self, exchange: Exchange, now: float) -> None:
        """An exchange needs a connection."""
        origin = exchange.url.origin
        self._pool.wait(origin, exchange, exchange.long_lived)
        self._assign(origin, now)

    def abandon(self, exchange: Exchange, now: float) -> None:
        """An exchange needs nothing any more, whether it waits or has a connection."""
        if exchange.connection is None:
            self._pool.withdraw(exchange.url.origin, exchange, exchange.long_lived)
        else:
            self.free(exchange.connection, exchange, reusable=False, now=now)

    def free(self, connection: Connection, exchange: Exchange, *, reusable: bool, now: float) -> None:
        """An exchange is through with its connection. ``reusable``: its answer was read to the end."""
        exchange.connection = None
        if reusable and not connection.lost and connection.keep > 0 and connection.http.recycle():
            connection.release()
            self._timers.arm(Timer.KEEP_ALIVE, connection.id, now + connection.keep)
            self._pool.released(connection.origin, connection.id, exchange.long_lived)
        else:
            self._drop(connection)
            self._pool.dropped(connection.origin, exchange.long_lived)
        self._assign(connection.origin, now)

    def renew(self, connection: Connection, exchange: Exchange, now: float) -> None:
        """Replace the dead connection of an exchange by one that is made for it alone.

        The exchange keeps its place among those that are served, so no limit is passed.
        """
        self._drop(connection)
        self._connect(connection.origin, exchange, now)

    def linger(self, connection: Connection, exchange: Exchange, now: float) -> None:
        """An exchange is over, but its last bytes must still leave."""
        exchange.connection = None
        connection.linger()
        self._timers.disarm(Timer.PING, connection.id)
        self._timers.disarm(Timer.SILENCE, connection.id)
        self._timers.arm(Timer.GRACE, connection.id, now + self._limits.grace)
        self._pool.dropped(connection.origin, exchange.long_lived)
        self._assign(connection.origin, now)

    def drop_unused(self, connection: Connection) -> None:
        """Close a connection that is idle or lingers."""
        if connection.state is ConnectionState.IDLE:
            self._pool.idle_dropped(connection.origin, connection.id)
        self._drop(connection)

    def _assign(self, origin: Origin, now: float) -> None:
        plan = self._pool.decide(origin)
        for conn in plan.closes:
            self._drop(self._connections[conn])
        for exchange, conn in plan.assignments:
            self._timers.disarm(Timer.KEEP_ALIVE, conn)
            self._begin(exchange, self._connections[conn], now)
        for _ in range(plan.connects):
            self._connect(origin, None, now)

    def _drop(self, connection: Connection) -> None:
        del self._connections[connection.id]
        for timer in Timer:
            self._timers.disarm(timer, connection.id)
        connection.on(ConnectionInput.GONE)
        if not connection.lost:
            self._actions.append(Close(connection.id))

    # Making.

    def advance(self, connection: Connection, step: Send | StartTls | str | None, now: float) -> None:
        """Take the next step of making a connection: what its methods return."""
        if isinstance(step, str):
            self.not_made(connection, step, now)
        elif step is not None:
            self._actions.append(step)
        elif connection.state is ConnectionState.IDLE:
            self._ready(connection, now)

    def not_made(self, connection: Connection, reason: str, now: float) -> None:
        """A connection can't be made."""
        if connection.reserved is not None:
            failed = [connection.reserved]
        else:
            failed = self._pool.connect_failed(connection.origin, connection.since)
        # Each gets its own error, since each may be raised somewhere else.
        errors = [connection.not_made(reason, exchange.url.redacted) for exchange in failed]
        if connection.reserved is None:
            self._drop(connection)
        for exchange, error in zip(failed, errors, strict=True):
            self._fail(exchange, error, now)
        self._assign(connection.origin, now)

    def _connect(self, origin: Origin, reserved: Exchange | None, now: float) -> None:
        self._issued += 1
        conn = ConnectionId(self._issued)
        proxy = None if self._proxies is None else self._proxies.choose(origin)
        limit = self._limits.header
        connection = Connection(conn, origin, proxy, header_limit=limit, since=self._pool.arrivals)
        if reserved is not None:
            connection.reserved = reserved
            reserved.connection = connection
        self._connections[conn] = connection
        self._timers.arm(Timer.CONNECT, conn, now + self._limits.connect)
        self._actions.append(connection.open())

    def _ready(self, connection: Connection, now: float) -> None:
        self._timers.disarm(Timer.CONNECT, connection.id)
        if connection.reserved is not None:
            self._begin(connection.reserved, connection, now)
            return
        self._pool.connected(connection.origin, connection.id)
        self._assign(connection.origin, now)
        if connection.state is ConnectionState.IDLE:
            connection.rested = True
            self._timers.arm(Timer.KEEP_ALIVE, connection.id, now + self._limits.keep_alive)
