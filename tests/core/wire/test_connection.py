from __future__ import annotations

import itertools

import pytest

from gradio_sansio.commands import Connect, ConnectionId, ExchangeId, PulledBody, Send, StartTls
from gradio_sansio.wire.connection import TRANSITIONS, Connection, ConnectionInput, ConnectionState
from gradio_sansio.wire.exchange import Exchange
from gradio_sansio.wire.origin import Origin, Url
from gradio_sansio.wire.proxy import ProxySettings

CONN = ConnectionId(1)
HTTP = Origin("http", "app.test", 7860)
HTTPS = Origin("https", "::1", 443)
SETTINGS = ProxySettings(http="proxy.test:3128", https="user:secret@proxy.test:3128")


def make(origin: Origin, settings: ProxySettings | None = None) -> Connection:
    proxy = None if settings is None else settings.choose(origin)
    return Connection(CONN, origin, proxy, header_limit=1000, since=0)


def serving(method: str = "GET", body: bytes | PulledBody = b"") -> tuple[Connection, Exchange]:
    connection = make(HTTP)
    connection.connected()
    exchange = Exchange(
        ExchangeId(0), method, Url.parse("http://app.test:7860/a?token=secret"), (), body=body
    )
    connection.serve(exchange)
    return connection, exchange


@pytest.mark.parametrize(("state", "input"), list(itertools.product(ConnectionState, ConnectionInput)))
def test_every_input_in_every_state(state: ConnectionState, input: ConnectionInput) -> None:
    connection = make(HTTP)
    connection.state = state
    target = TRANSITIONS[state].get(input)
    if target is None:
        with pytest.raises(KeyError):
            connection.on(input)
        assert connection.state is state
    else:
        connection.on(input)
        assert connection.state is target


def test_every_state_can_be_reached_and_ends() -> None:
    reached = {ConnectionState.OPENING}
    for _ in ConnectionState:
        reached |= {target for state in reached for target in TRANSITIONS[state].values()}
    assert reached == set(ConnectionState)
    for state in ConnectionState:
        if state is not ConnectionState.GONE:
            assert TRANSITIONS[state][ConnectionInput.GONE] is ConnectionState.GONE


def test_plain() -> None:
    connection = make(HTTP)
    assert connection.open() == Connect(CONN, "app.test", 7860)
    assert connection.connected() is None
    assert connection.state is ConnectionState.IDLE


def test_tls() -> None:
    connection = make(HTTPS)
    assert connection.open() == Connect(CONN, "::1", 443)
    assert connection.connected() == StartTls(CONN, "::1")
    connection.tls_started()
    assert connection.state is ConnectionState.IDLE


def test_plain_through_a_proxy() -> None:
    connection = make(HTTP, SETTINGS)
    assert connection.open() == Connect(CONN, "proxy.test", 3128)
    assert connection.connected() is None


def tunnelling() -> Connection:
    connection = make(HTTPS, SETTINGS)
    assert connection.open() == Connect(CONN, "proxy.test", 3128)
    step = connection.connected()
    assert isinstance(step, Send)
    assert step.data == (
        b"CONNECT [::1]:443 HTTP/1.1\r\nhost: [::1]:443\r\nproxy-authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
    )
    return connection


def test_a_tunnel() -> None:
    connection = tunnelling()
    assert connection.tunnel_received(b"HTTP/1.1 200 ") is None
    assert connection.tunnel_received(b"Connection established\r\nx: y\r\n\r\n") == StartTls(CONN, "::1")
    connection.tls_started()
    # What speaks over it is a new codec, with a new state.
    assert connection.http.start("GET", "/", [("host", "x")], b"").startswith(b"GET /")


def test_a_tunnel_without_credentials() -> None:
    step = make(HTTPS, ProxySettings(https="proxy.test:3128")).connected()
    assert isinstance(step, Send)
    assert b"authorization" not in step.data


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "it answered with status 502"),
        (
            b"HTTP/1.1 407 x\r\n\r\n",
            "it answered with status 407, so it wants http://user:password@host:port",
        ),
        (b"HTTP/1.1 302 x\r\nlocation: /\r\n\r\n", "it answered with status 302"),
        (b"HTTP/1.1 200 x\r\n\r\nhello", "it sent bytes before TLS began"),
        (b"SOCKS", "the proxy proxy.test:3128 is no HTTP server: its answer begins with b'SOCKS'"),
    ],
)
def test_no_tunnel(answer: bytes, reason: str) -> None:
    assert tunnelling().tunnel_received(answer) == reason


def test_why_there_is_no_connection() -> None:
    plain = make(HTTP).not_made("connection refused", "http://app.test:7860/a")
    assert plain.phase == "connect"
    assert plain.url == "http://app.test:7860/a"
    assert plain.message.startswith("no connection to app.test:7860: connection refused; check that")
    for connection in (make(HTTP, SETTINGS), tunnelling()):
        proxied = connection.not_made("connection refused", "x")
        assert proxied.phase == "proxy"
        assert "through the proxy proxy.test:3128: connection refused" in proxied.message
        assert "secret" not in proxied.message
    secured = make(HTTPS)
    secured.connected()
    error = secured.not_made("the certificate has expired", "x")
    assert error.phase == "tls"
    assert error.message.startswith(
        "no TLS with [::1]:443: the certificate has expired; check its certificate"
    )
    assert "http://" in error.message


@pytest.mark.parametrize(
    ("method", "body", "flushed", "repeatable"),
    [
        ("GET", b"", True, True),
        ("HEAD", b"", True, True),
        ("GET", PulledBody(1), True, False),
        ("GET", PulledBody(1), False, True),
        ("POST", b"x", False, True),
        ("POST", b"x", True, False),
        ("DELETE", b"", True, False),
    ],
)
def test_what_may_be_repeated(method: str, body: bytes | PulledBody, flushed: bool, repeatable: bool) -> None:
    connection, exchange = serving(method, body)
    connection.flushed = flushed
    assert not connection.repeatable, "a connection that was not idle has no reason to be dead"
    connection.rested = True
    assert connection.repeatable is repeatable
    exchange.retried = True
    assert not connection.repeatable
    exchange.retried = False
    connection.answered = True
    assert not connection.repeatable


def test_how_it_broke_off() -> None:
    connection, _ = serving()
    error = connection.broken_off("")
    assert error.phase == "request"
    assert error.url == "http://app.test:7860/a"
    assert "app.test:7860 closed the connection without an answer; what became" in error.message
    connection.answered = True
    error = connection.broken_off("connection reset")
    assert error.phase == "response"
    assert "in the middle of its answer (connection reset)" in error.message


def test_serving() -> None:
    connection, exchange = serving()
    assert exchange.connection is connection
    connection.answered = connection.flushed = True
    connection.release()
    assert connection.state is ConnectionState.IDLE
    assert connection.rested
    assert connection.exchange is None
    connection.serve(exchange)
    assert not connection.answered
    assert not connection.flushed


def test_lingering() -> None:
    connection, _ = serving()
    connection.linger()
    assert connection.state is ConnectionState.LINGERING
    assert connection.exchange is None
