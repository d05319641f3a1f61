from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradio_sansio.commands import Close, Connect, ConnectionId, ExchangeId, StartTls
from gradio_sansio.errors import LocalProtocolError
from gradio_sansio.limits import Limits
from gradio_sansio.timers import Timers
from gradio_sansio.wire.connections import Connections, Timer
from gradio_sansio.wire.exchange import Exchange
from gradio_sansio.wire.origin import Url
from tests.core.wire.harness import OK

if TYPE_CHECKING:
    from gradio_sansio.commands import Command
    from gradio_sansio.errors import GradioError
    from gradio_sansio.wire.connection import Connection


class Lending:
    """Connections, and what they say."""

    def __init__(self, url: str = "http://app.test/", limits: Limits | None = None) -> None:
        self.actions: list[Command] = []
        self.timers: Timers[Timer] = Timers()
        self.begun: list[tuple[Exchange, Connection]] = []
        self.failed: list[Exchange] = []
        self.url = Url.parse(url)
        self.connections = Connections(
            self.actions,
            self.timers,
            limits=Limits() if limits is None else limits,
            proxies=None,
            begin=self.begin,
            fail=self.fail,
        )

    def begin(self, exchange: Exchange, connection: Connection, now: float) -> None:
        del now
        connection.serve(exchange)
        self.begun.append((exchange, connection))

    def fail(self, exchange: Exchange, error: GradioError, now: float) -> None:
        del error
        self.failed.append(exchange)
        self.connections.abandon(exchange, now)

    def wait(self, *, long_lived: bool = False) -> Exchange:
        exchange = Exchange(ExchangeId(0), "GET", self.url, (), long_lived=long_lived)
        self.connections.wait(exchange, 0.0)
        return exchange

    def connect(self) -> Connection:
        command = self.actions.pop()
        assert isinstance(command, Connect)
        connection = self.connections.find(command.connection)
        assert connection is not None
        self.connections.advance(connection, connection.connected(), 0.0)
        return connection


def test_lent_and_returned() -> None:
    lending = Lending()
    exchange = lending.wait()
    connection = lending.connect()
    assert lending.begun == [(exchange, connection)]
    assert lending.timers.deadline is None
    lending.connections.free(connection, exchange, reusable=False, now=0.0)
    assert exchange.connection is None
    assert lending.actions == [Close(connection.id)]
    assert lending.connections.find(connection.id) is None


def test_whoever_needs_one_gets_what_is_freed() -> None:
    lending = Lending(limits=Limits(connections=1))
    first, second = lending.wait(), lending.wait()
    connection = lending.connect()
    lending.connections.free(connection, first, reusable=False, now=0.0)
    assert lending.begun == [(first, connection)]
    again = lending.connect()
    assert lending.begun[1:] == [(second, again)]


def test_a_step_that_needs_more_is_waited_for() -> None:
    lending = Lending("https://app.test/")
    lending.wait()
    connection = lending.connect()
    lending.connections.advance(connection, None, 0.0)
    assert lending.begun == []


def test_a_reserved_connection_fails_with_its_exchange() -> None:
    lending = Lending()
    exchange = lending.wait()
    connection = lending.connect()
    lending.connections.renew(connection, exchange, 0.0)
    renewed = exchange.connection
    assert renewed is not None
    assert renewed.reserved is exchange
    lending.connections.not_made(renewed, "refused", 0.0)
    assert lending.failed == [exchange]
    assert exchange.connection is None


def test_lingering() -> None:
    lending = Lending(limits=Limits(streams=1))
    first = lending.wait(long_lived=True)
    lending.wait(long_lived=True)
    connection = lending.connect()
    lending.connections.linger(connection, first, 0.0)
    assert lending.timers.armed(Timer.GRACE, connection.id)
    assert isinstance(lending.actions[0], Connect)
    lending.connections.drop_unused(connection)
    assert lending.actions[1:] == [Close(connection.id)]


def test_closing_forgets_everybody() -> None:
    lending = Lending(limits=Limits(connections=1))
    exchange = lending.wait()
    lending.wait()
    connection = lending.connect()
    lending.connections.close()
    assert lending.actions == [Close(connection.id)]
    assert lending.timers.deadline is None
    assert exchange.connection is connection


def test_ids_that_were_never_given() -> None:
    lending = Lending()
    for conn in (0, 1, -1):
        with pytest.raises(LocalProtocolError, match="there never was"):
            lending.connections.find(ConnectionId(conn))


def test_what_can_be_used_again_is_kept() -> None:
    lending = Lending()
    first = lending.wait()
    connection = lending.connect()
    connection.keep = 3.0
    connection.http.start("GET", "/", [("host", "x")], b"")
    connection.http.receive(OK)
    assert connection.http.next_event()
    assert connection.http.skip()
    lending.connections.free(connection, first, reusable=True, now=5.0)
    assert lending.timers.deadline == 8.0
    second = lending.wait()
    assert lending.begun == [(first, connection), (second, connection)]
    assert lending.timers.deadline is None


def test_nobody_needs_it_any_more() -> None:
    lending = Lending()
    lending.connections.abandon(lending.wait(), 0.0)
    connection = lending.connect()
    assert connection.rested
    assert lending.timers.deadline == Limits().keep_alive
    lending.connections.drop_unused(connection)
    assert lending.actions == [Close(connection.id)]


def test_too_many_idle_ones() -> None:
    lending = Lending(limits=Limits(connections=1, streams=2))
    exchanges = [lending.wait(long_lived=True) for _ in range(2)]
    for exchange in exchanges:
        lending.connections.abandon(exchange, 0.0)
    second, first = lending.connect(), lending.connect()
    assert lending.actions == [Close(second.id)]
    assert lending.connections.find(first.id) is first


def test_no_connection() -> None:
    lending = Lending("https://app.test/")
    exchange = lending.wait()
    command = lending.actions.pop()
    assert isinstance(command, Connect)
    connection = lending.connections.find(command.connection)
    assert connection is not None
    lending.connections.advance(connection, connection.connected(), 0.0)
    assert lending.actions.pop() == StartTls(connection.id, "app.test")
    lending.connections.advance(connection, "no such certificate", 0.0)
    assert lending.failed == [exchange]
    assert lending.actions == [Close(connection.id)]


def test_a_reserved_connection_is_nobody_elses() -> None:
    lending = Lending()
    exchange = lending.wait()
    lending.connections.renew(lending.connect(), exchange, 0.0)
    connect = lending.actions[-1]
    lending.wait()
    assert isinstance(connect, Connect)
    renewed = lending.connections.find(connect.connection)
    assert renewed is not None
    lending.connections.advance(renewed, renewed.connected(), 0.0)
    assert lending.begun[1:] == [(exchange, renewed)]


def test_a_lost_connection_is_not_closed() -> None:
    lending = Lending()
    exchange = lending.wait()
    connection = lending.connect()
    connection.lost = True
    lending.connections.abandon(exchange, 0.0)
    assert lending.actions == []
