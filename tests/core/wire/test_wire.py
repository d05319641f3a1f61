from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from gradio_sansio.commands import (
    AbortExchange,
    Close,
    Connect,
    ConnectionId,
    ExchangeId,
    PauseExchange,
    PauseReading,
    PulledBody,
    Redirects,
    ResumeExchange,
    ResumeReading,
    Send,
    SendBody,
    StartExchange,
    StartTls,
)
from gradio_sansio.errors import (
    ConnectError,
    Disconnected,
    LocalProtocolError,
    RemoteProtocolError,
)
from gradio_sansio.limits import Limits
from gradio_sansio.wire.http11 import PIECE
from gradio_sansio.wire.proxy import ProxySettings
from tests.core.wire.harness import BASE, CHUNKED, OK, URL, Harness, response

if TYPE_CHECKING:
    from gradio_sansio.commands import Headers

# One exchange.


def test_a_get() -> None:
    h = Harness()
    exchange = h.start(headers=(("accept", "*/*"),))
    conn = h.connect()
    assert h.sent() == (
        b"GET /config HTTP/1.1\r\nhost: app.test:7860\r\naccept: */*\r\naccept-encoding: identity\r\n\r\n"
    )
    h.received(conn, OK)
    assert h.events() == [("response", exchange, 200, URL), ("body", exchange, b"ok"), ("ended", exchange)]
    assert h.commands() == []


def test_a_post_is_one_write() -> None:
    h = Harness()
    exchange, conn = h.start(method="POST", body=b"hello"), h.connect()
    assert h.sent().endswith(b"content-length: 5\r\n\r\nhello")
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


def test_https() -> None:
    h = Harness()
    exchange, conn = h.start("https://app.test/x"), h.connect()
    assert h.commands() == [StartTls(conn, "app.test")]
    h.wire.tls_started(conn, h.now)
    assert h.sent().startswith(b"GET /x HTTP/1.1\r\nhost: app.test\r\n")
    h.received(conn, OK)
    assert h.events()[0] == ("response", exchange, 200, "https://app.test/x")


def test_an_answer_however_it_is_cut() -> None:
    data = response("content-encoding: gzip", body=gzip.compress(b"hello" * 100))
    for size in (1, 7, 50, len(data)):
        h = Harness()
        exchange, conn = h.begun()
        for i in range(0, len(data), size):
            h.received(conn, data[i : i + size])
        assert h.events() == [
            ("response", exchange, 200, URL),
            ("body", exchange, b"hello" * 100),
            ("ended", exchange),
        ]


def test_response_headers() -> None:
    seen: list[Headers] = []
    for compressed, line in ((True, "content-encoding: gzip"), (False, "X-A: b")):
        h = Harness()
        h.upper.response_started = lambda _x, _s, headers, _u, _n: seen.append(headers)  # type: ignore[method-assign, assignment]
        _, conn = h.begun(compressed=compressed)
        h.received(conn, response(line, body=gzip.compress(b"x") if compressed else b"x"))
    assert seen == [(), (("x-a", "b"), ("content-length", "1"))]


def test_head_and_other_answers_without_body_need_no_decoding() -> None:
    for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304)):
        h = Harness()
        exchange, conn = h.begun(method=method)
        h.received(conn, b"HTTP/1.1 %d x\r\ncontent-encoding: br\r\n\r\n" % status)
        assert h.events() == [("response", exchange, status, URL), ("ended", exchange)]


def test_bad_codings_fail() -> None:
    for lines, body, phrase in (
        (("content-encoding: br",), b"x", "not asked for"),
        (("content-encoding: gzip",), b"hello", "no valid gzip"),
        (("content-encoding: gzip",), gzip.compress(b"x")[:-1], "ends too early"),
    ):
        h = Harness()
        _, conn = h.begun()
        h.received(conn, response(*lines, body=body))
        error = h.events()[-1][2]
        assert isinstance(error, RemoteProtocolError)
        assert phrase in error.message
        assert h.closed(conn)


def test_the_size_of_a_decoded_body_is_bounded_unless_it_is_a_stream() -> None:
    body = gzip.compress(bytes(1000))
    for long_lived, last in ((False, "failed"), (True, "ended")):
        h = Harness(Limits(body=999))
        _, conn = h.begun(long_lived=long_lived)
        h.received(conn, response("content-encoding: gzip", body=body))
        assert h.events()[-1][0] == last


def test_what_is_no_http_fails() -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, b"SSH-2.0-OpenSSH\r\n")
    error = h.error()
    assert isinstance(error, RemoteProtocolError)
    assert error.message == "app.test:7860 is no HTTP server: its answer begins with b'SSH-2.0-OpenSSH\\r\\n'"
    assert h.closed(conn)


# Where a connection can close.


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("data", "phase"),
    [
        (b"", "request"),
        (b"HTTP/1.1 2", "response"),
        (b"HTTP/1.1 200 OK\r\nx: y\r\n", "response"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "response"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok", "response"),
        (CHUNKED + b"5\r\nok", "response"),
        (CHUNKED + b"2\r\nok\r\n", "response"),
    ],
)
def test_lost_before_the_end(data: bytes, phase: str, reset: bool) -> None:
    for method in ("GET", "POST"):
        h = Harness()
        _, conn = h.begun(f"{URL}?token=secret", method)
        h.received(conn, data)
        h.events()
        if reset:
            h.wire.lost(conn, "connection reset", h.now)
        else:
            h.wire.peer_closed(conn, h.now)
        error = h.error()
        assert isinstance(error, Disconnected)
        assert (error.phase, error.url) == (phase, URL)
        assert "app.test:7860" in error.message
        assert ("connection reset" in error.message) is reset
        assert h.commands() == ([] if reset else [Close(conn)])


def test_lost_while_sending() -> None:
    h = Harness()
    h.start(method="POST", body=bytes(PIECE * 3))
    conn = h.connect()
    h.commands()
    h.wire.flushed(conn, h.now)
    h.commands()
    h.wire.lost(conn, "connection reset", h.now)
    error = h.error()
    assert isinstance(error, Disconnected)
    assert error.phase == "request"


def test_an_end_may_end_an_answer() -> None:
    h = Harness()
    exchange, conn = h.begun()
    h.received(conn, b"HTTP/1.1 200 OK\r\n\r\nok")
    h.wire.peer_closed(conn, h.now)
    assert h.events()[1:] == [("body", exchange, b"ok"), ("ended", exchange)]
    assert h.closed(conn)


def test_a_break_ends_no_answer() -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, b"HTTP/1.1 200 OK\r\n\r\nok")
    h.events()
    h.wire.lost(conn, "connection reset", h.now)
    assert isinstance(h.error(), Disconnected)


def test_closed_after_the_answer() -> None:
    for lost in (False, True):
        h = Harness()
        conn = h.rested()
        if lost:
            h.wire.lost(conn, "x", h.now)
        else:
            h.wire.peer_closed(conn, h.now)
        assert h.events() == []
        assert h.commands() == ([] if lost else [Close(conn)])
        assert h.wire.deadline is None


def test_the_server_wants_to_close() -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, response("connection: close"))
    assert h.closed(conn)
    h.wire.peer_closed(conn, h.now)
    assert h.commands() == []


def test_bytes_that_nobody_asked_for() -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, OK + OK)
    assert h.closed(conn)
    h = Harness()
    conn = h.rested()
    h.received(conn, OK)
    assert h.closed(conn)
    assert h.events() == []


# Connections are used again.


def test_kept_alive() -> None:
    h = Harness()
    conn = h.rested()
    exchange = h.start(method="POST", body=b"x")
    assert h.sent().startswith(b"POST")
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


def test_an_idle_connection_is_closed_in_time() -> None:
    h = Harness(Limits(keep_alive=3))
    conn = h.rested()
    assert h.wire.deadline == h.now + 3
    h.wire.tick(h.now + 2.9)
    assert h.commands() == []
    h.tick()
    assert h.closed(conn)
    assert h.wire.deadline is None


@pytest.mark.parametrize(
    ("header", "keep"), [("timeout=3", 2), ("max=5, timeout=100", 4), ("timeout=1", None), ("max=5", 4)]
)
def test_the_server_may_keep_it_shorter(header: str, keep: int | None) -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, response(f"keep-alive: {header}"))
    if keep is None:
        assert h.closed(conn)
    else:
        assert h.wire.deadline == h.now + keep


@pytest.mark.parametrize(("status", "kept"), [(200, True), (404, True), (500, False), (503, True)])
def test_a_server_that_raised_closes_after_its_answer(status: int, kept: bool) -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, b"HTTP/1.1 %d Oh\r\nContent-Length: 0\r\n\r\n" % status)
    assert h.closed(conn) is not kept


def test_a_connection_that_nobody_needs_any_more_is_idle() -> None:
    h = Harness()
    h.abort(h.start())
    conn = h.connect()
    assert h.commands() == []
    h.start()
    assert h.sent().startswith(b"GET")
    # It may have died while it was idle, though it has served nobody.
    h.wire.peer_closed(conn, h.now)
    assert [type(command) for command in h.commands()] == [Close, Connect]


def test_limits_and_order() -> None:
    h = Harness(Limits(connections=2, streams=1))
    exchanges = [h.start(f"{BASE}/{n}") for n in range(5)]
    streams = [h.start(f"{BASE}/s{n}", long_lived=True) for n in range(2)]
    connects = h.commands()
    assert len(connects) == 3
    for command in connects:
        assert isinstance(command, Connect)
        h.wire.connected(command.connection, h.now)
    sent = [(c.connection, c.data.split()[1]) for c in h.commands() if isinstance(c, Send)]
    assert [path for _, path in sent] == [b"/0", b"/1", b"/s0"]
    for conn, _ in sent:
        h.received(conn, OK)
    assert [event[1] for event in h.events() if event[0] == "ended"] == [*exchanges[:2], streams[0]]
    again = [c.data.split()[1] for c in h.commands() if isinstance(c, Send)]
    assert again == [b"/2", b"/3", b"/s1"]


def test_idle_connections_beyond_what_is_worth_keeping_are_closed() -> None:
    h = Harness(Limits(connections=1, streams=3))
    for _ in range(3):
        h.start(long_lived=True)
    conns = [c.connection for c in h.commands() if isinstance(c, Connect)]
    for conn in conns:
        h.wire.connected(conn, h.now)
    h.commands()
    for conn in conns:
        h.received(conn, OK)
    assert h.commands() == [Close(conns[0]), Close(conns[1])]


# A request is repeated once.


def test_a_get_is_repeated_on_a_new_connection() -> None:
    for lost in (False, True):
        h = Harness()
        conn = h.rested()
        exchange = h.start()
        h.commands()
        h.wire.flushed(conn, h.now)
        if lost:
            h.wire.lost(conn, "connection reset", h.now)
        else:
            h.wire.peer_closed(conn, h.now)
        closing, connect = [None, *h.commands()] if lost else h.commands()
        assert lost or closing == Close(conn)
        assert isinstance(connect, Connect)
        assert h.events() == []
        # Another one does not get the connection that was made for this.
        h.start(f"{BASE}/other")
        h.commands()
        h.wire.connected(connect.connection, h.now)
        assert h.sent().startswith(b"GET /config")
        h.received(connect.connection, OK)
        assert h.events()[-1] == ("ended", exchange)


def test_a_request_is_not_repeated_twice() -> None:
    h = Harness()
    conn = h.rested()
    h.start()
    h.commands()
    h.wire.peer_closed(conn, h.now)
    connect = h.commands()[-1]
    assert isinstance(connect, Connect)
    h.wire.connected(connect.connection, h.now)
    h.wire.peer_closed(connect.connection, h.now)
    assert isinstance(h.error(), Disconnected)


def test_a_post_is_repeated_only_if_nothing_of_it_left() -> None:
    for flushed in (False, True):
        h = Harness()
        conn = h.rested()
        h.start(method="POST", body=b"x")
        h.commands()
        if flushed:
            h.wire.flushed(conn, h.now)
        h.wire.lost(conn, "connection reset", h.now)
        if flushed:
            assert isinstance(h.error(), Disconnected)
            assert h.commands() == []
        else:
            assert h.events() == []
            assert isinstance(h.commands()[0], Connect)


def test_a_repeated_request_finds_no_server() -> None:
    h = Harness()
    conn = h.rested()
    h.start()
    h.commands()
    h.wire.lost(conn, "connection reset", h.now)
    (connect,) = h.commands()
    assert isinstance(connect, Connect)
    h.wire.connect_failed(connect.connection, "connection refused", h.now)
    assert isinstance(h.error(), ConnectError)
    assert h.commands() == []
    assert h.wire.deadline is None


def test_a_repeated_request_is_aborted() -> None:
    h = Harness()
    conn = h.rested()
    exchange = h.start()
    h.commands()
    h.wire.lost(conn, "connection reset", h.now)
    (connect,) = h.commands()
    assert isinstance(connect, Connect)
    h.execute(PauseExchange(exchange))
    h.execute(ResumeExchange(exchange))
    h.abort(exchange)
    assert h.closed(connect.connection)
    assert h.wire.deadline is None


# No connection.


def test_connect_failed() -> None:
    h = Harness()
    exchange = h.start(f"{URL}?token=secret")
    (connect,) = h.commands()
    assert isinstance(connect, Connect)
    h.wire.connect_failed(connect.connection, "connection refused", h.now)
    (event,) = h.events()
    assert event[:2] == ("failed", exchange)
    error = event[2]
    assert isinstance(error, ConnectError)
    assert error.message.startswith("no connection to app.test:7860: connection refused; check that")
    assert (error.phase, error.url) == ("connect", URL)
    assert h.commands() == []


def test_many_requests_to_nowhere_fail_after_few_attempts() -> None:
    h = Harness()
    exchanges = [h.start() for _ in range(1000)]
    failed: list[object] = []
    errors: set[int] = set()
    attempts = 0
    while len(failed) < len(exchanges):
        for command in h.commands():
            assert isinstance(command, Connect)
            attempts += 1
            h.wire.connect_failed(command.connection, "connection refused", h.now)
        for event in h.upper.events:
            failed.append(event[1])
            errors.add(id(event[2]))
        h.upper.events = []
    assert failed == exchanges
    assert attempts <= 2 * 16
    assert h.commands() == []


def test_where_something_works_one_failure_is_one() -> None:
    h = Harness()
    h.begun(long_lived=True)
    first, second = h.start(), h.start()
    connects = h.commands()
    assert isinstance(connects[0], Connect)
    h.wire.connect_failed(connects[0].connection, "connection refused", h.now)
    assert [event[:2] for event in h.events()] == [("failed", first)]
    assert isinstance(connects[1], Connect)
    h.wire.connected(connects[1].connection, h.now)
    h.received(connects[1].connection, OK)
    assert h.events()[-1] == ("ended", second)


@pytest.mark.parametrize("how", ["lost", "peer_closed", "timeout"])
@pytest.mark.parametrize(("url", "phase"), [(URL, "connect"), ("https://app.test/", "tls")])
def test_lost_before_it_stood(url: str, phase: str, how: str) -> None:
    h = Harness()
    h.start(url)
    (command,) = h.commands()
    assert isinstance(command, Connect)
    conn = command.connection
    if phase == "tls":
        h.wire.connected(conn, h.now)
        h.commands()
    if how == "lost":
        h.wire.lost(conn, "it broke", h.now)
    elif how == "peer_closed":
        h.wire.peer_closed(conn, h.now)
    else:
        assert h.wire.deadline == h.now + 15
        h.tick()
    error = h.error()
    assert isinstance(error, ConnectError)
    assert error.phase == phase
    assert {"lost": "it broke", "peer_closed": "closed", "timeout": "15 s (Limits.connect)"}[
        how
    ] in error.message
    assert h.commands() == ([] if how == "lost" else [Close(conn)])
    assert h.wire.deadline is None


def test_a_program_that_was_held_up_is_given_time() -> None:
    h = Harness()
    h.start()
    h.now += 100
    h.wire.tick(h.now)
    assert h.events() == []
    assert h.wire.deadline == h.now + 15
    h.now += 100
    h.wire.tick(h.now)
    assert isinstance(h.error(), ConnectError)


# Proxies.

PROXIES = ProxySettings(http="http://user:pw@proxy.test:1", https="http://user:pw@proxy.test:1")
AUTHORIZATION = b"proxy-authorization: Basic dXNlcjpwdw==\r\n"


def test_http_through_a_proxy() -> None:
    h = Harness(proxy=PROXIES)
    h.start(f"{BASE}/a?b")
    assert isinstance(h.actions[0], Connect)
    assert h.actions[0].host == "proxy.test"
    h.connect()
    sent = h.sent()
    assert sent.startswith(b"GET http://app.test:7860/a?b HTTP/1.1\r\nhost: app.test:7860\r\n")
    assert AUTHORIZATION in sent


def test_https_through_a_proxy() -> None:
    h = Harness(proxy=PROXIES)
    exchange, conn = h.start("https://app.test/a"), h.connect()
    assert AUTHORIZATION in h.sent()
    h.received(conn, b"HTTP/1.1 200 ok\r\n")
    assert h.commands() == []
    h.received(conn, b"\r\n")
    assert h.commands() == [StartTls(conn, "app.test")]
    h.wire.tls_started(conn, h.now)
    sent = h.sent()
    assert sent.startswith(b"GET /a HTTP/1.1\r\nhost: app.test\r\n")
    assert b"proxy" not in sent
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


def test_a_proxy_refuses() -> None:
    for how in ("refused", "lost", "closed"):
        h = Harness(proxy=PROXIES)
        h.start("https://app.test/a")
        conn = h.connect()
        h.commands()
        h.wire.flushed(conn, h.now)
        if how == "refused":
            h.received(conn, b"HTTP/1.1 407 x\r\n\r\n")
        elif how == "lost":
            h.wire.lost(conn, "connection reset", h.now)
        else:
            h.wire.peer_closed(conn, h.now)
        error = h.error()
        assert isinstance(error, ConnectError)
        assert error.phase == "proxy"
        assert "pw@proxy" not in error.message


# Redirects and cookies.


def redirected(h: Harness, location: str, **kwargs: object) -> tuple[ExchangeId, ConnectionId]:
    exchange, conn = h.begun(redirects=Redirects.UPGRADE, **kwargs)
    h.received(conn, response(f"location: {location}", status=307, body=b"moved"))
    return exchange, conn


def test_a_redirect_is_followed_on_the_same_connection() -> None:
    h = Harness()
    exchange, conn = redirected(h, "/b?c")
    assert h.sent().startswith(b"GET /b?c HTTP/1.1\r\n")
    h.received(conn, OK)
    assert h.events()[0] == ("response", exchange, 200, f"{BASE}/b?c")


def test_a_redirect_whose_body_takes_time_costs_a_connection() -> None:
    h = Harness()
    exchange, conn = h.begun(redirects=Redirects.SAME_ORIGIN)
    h.received(conn, b"HTTP/1.1 307 x\r\nlocation: /b\r\ncontent-length: 5\r\n\r\nmo")
    assert [type(command) for command in h.commands()] == [Close, Connect]
    h.abort(exchange)


def test_an_upgrade_leaves_credentials_behind() -> None:
    h = Harness()
    headers = (("authorization", "Bearer secret"), ("cookie", "a=b"), ("x-a", "b"))
    exchange, _ = redirected(h, "https://app.test/config", headers=headers)
    conn = h.connect()
    assert h.commands() == [StartTls(conn, "app.test")]
    h.wire.tls_started(conn, h.now)
    assert (
        h.sent() == b"GET /config HTTP/1.1\r\nhost: app.test\r\nx-a: b\r\naccept-encoding: identity\r\n\r\n"
    )
    h.received(conn, OK)
    assert h.events()[0] == ("response", exchange, 200, "https://app.test/config")


def test_redirects_end() -> None:
    h = Harness(Limits(redirects=2))
    exchange, conn = redirected(h, "/1")
    h.received(conn, response("location: /2", status=307))
    assert h.events() == []
    h.received(conn, response("location: /3", status=307))
    assert h.events()[0] == ("response", exchange, 307, f"{BASE}/2")


def test_a_redirect_that_is_not_followed_is_an_answer() -> None:
    h = Harness()
    exchange, _ = redirected(h, "http://evil.test/")
    assert h.events() == [("response", exchange, 307, URL), ("body", exchange, b"moved"), ("ended", exchange)]
    h = Harness()
    exchange, conn = h.begun(method="GET", body=PulledBody(1), redirects=Redirects.SAME_ORIGIN)
    h.received(conn, response("location: /b", status=307))
    assert h.events()[1] == ("response", exchange, 307, URL)


def test_cookies() -> None:
    h = Harness()
    _, conn = h.begun()
    h.received(conn, response("set-cookie: a=b", "set-cookie: c=d; secure", "set-cookie: e=f; max-age=10"))
    h.start(headers=(("cookie", "own=1"),))
    assert b"\r\ncookie: own=1; a=b; e=f\r\n" in h.sent()
    h.received(conn, OK)
    h.now += 3
    h.start()
    assert b"\r\ncookie: a=b; e=f\r\n" in h.sent()
    h.received(conn, OK)
    h.now += 7
    h.start()
    assert b"\r\ncookie: a=b\r\n" in h.commands()[-1].data  # type: ignore[union-attr]


# Bodies.


def test_a_large_body_waits_for_what_left() -> None:
    h = Harness()
    body = bytes(PIECE * 2 + 5)
    exchange = h.start(method="POST", body=body)
    conn = h.connect()
    sent = h.sent()
    for _ in range(2):
        assert h.commands() == []
        h.wire.flushed(conn, h.now)
        sent += h.sent()
    h.wire.flushed(conn, h.now)
    assert h.commands() == []
    assert sent.endswith(b"\r\n\r\n" + body)
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)
    h.wire.flushed(conn, h.now)


def test_a_pulled_body() -> None:
    h = Harness()
    size = PIECE + 10
    exchange = h.start(method="POST", body=PulledBody(size))
    conn = h.connect()
    assert f"content-length: {size}".encode() in h.sent()
    assert h.events() == []
    h.wire.flushed(conn, h.now)
    h.wire.flushed(conn, h.now)
    assert h.events() == [("wanted", exchange, PIECE)]
    h.execute(SendBody(exchange, bytes(PIECE), last=False))
    assert len(h.sent()) == PIECE
    assert h.events() == []
    h.wire.flushed(conn, h.now)
    assert h.events() == [("wanted", exchange, 10)]
    # The last piece is known by the length.
    h.execute(SendBody(exchange, bytes(10), last=False))
    h.commands()
    h.wire.flushed(conn, h.now)
    assert h.events() == []
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


def test_a_pulled_body_of_unknown_length() -> None:
    h = Harness()
    exchange, conn = h.begun(method="POST", body=PulledBody(None))
    assert h.events() == [("wanted", exchange, PIECE)]
    h.execute(SendBody(exchange, b"hello", last=False))
    assert h.sent() == b"5\r\nhello\r\n"
    h.wire.flushed(conn, h.now)
    h.execute(SendBody(exchange, b"", last=True))
    assert h.sent() == b"0\r\n\r\n"
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


def test_an_empty_last_piece_of_known_length_sends_nothing() -> None:
    h = Harness()
    exchange, conn = h.begun(method="POST", body=PulledBody(0))
    assert h.events() == []
    h.received(conn, OK)
    assert h.events()[-1] == ("ended", exchange)


@pytest.mark.parametrize(
    ("length", "data", "last"),
    [(5, b"123456", False), (5, b"1234", True), (5, b"", False), (None, b"", False)],
)
def test_a_piece_that_does_not_fit_is_refused_and_changes_nothing(
    length: int | None, data: bytes, last: bool
) -> None:
    h = Harness()
    exchange, _ = h.begun(method="POST", body=PulledBody(length))
    with pytest.raises(LocalProtocolError, match="a piece of"):
        h.execute(SendBody(exchange, data, last=last))
    assert h.commands() == []
    h.execute(SendBody(exchange, b"12345", last=True))
    assert b"12345" in h.sent()


def test_a_piece_that_nobody_asked_for() -> None:
    h = Harness()
    exchange = h.start(method="POST", body=PulledBody(5))
    with pytest.raises(LocalProtocolError, match="asked for") as caught:
        h.execute(SendBody(exchange, b"1", last=False))
    assert caught.value.state == "waiting"
    h.connect()
    with pytest.raises(LocalProtocolError, match="asked for"):
        h.execute(SendBody(exchange, b"1", last=False))


@pytest.mark.parametrize("body", [PulledBody(5), bytes(PIECE * 3)])
def test_an_early_answer_ends_the_request(body: PulledBody | bytes) -> None:
    h = Harness()
    exchange, conn = h.begun(method="POST", body=body)
    h.commands()
    h.received(conn, response(status=413)[:-1])
    assert ("response", exchange, 413, URL) in h.events()
    h.wire.flushed(conn, h.now)
    h.execute(SendBody(exchange, b"12345", last=True))
    assert h.commands() == []
    h.received(conn, b"k")
    assert h.events()[-1] == ("ended", exchange)
    assert h.closed(conn)


# Pauses and aborts.


def test_a_paused_answer_is_held_back() -> None:
    h = Harness()
    exchange, conn = h.begun()
    h.received(conn, CHUNKED + b"1\r\na\r\n")
    h.events()
    h.execute(PauseExchange(exchange))
    h.execute(PauseExchange(exchange))
    assert h.commands() == [PauseReading(conn)]
    h.received(conn, b"1\r\nb\r\n0\r\n\r\n")
    assert h.events() == []
    h.execute(ResumeExchange(exchange))
    assert h.commands() == [ResumeReading(conn)]
    assert h.events() == [("body", exchange, b"b"), ("ended", exchange)]
    h.execute(ResumeExchange(exchange))
    h.execute(PauseExchange(exchange))
    assert h.commands() == []


def test_a_pause_before_the_request_went_out() -> None:
    h = Harness()
    exchange = h.start()
    h.execute(PauseExchange(exchange))
    conn = h.connect()
    assert h.commands()[1:] == [PauseReading(conn)]
    h.received(conn, OK)
    assert h.events() == []
    h.execute(ResumeExchange(exchange))
    assert h.events()[-1] == ("ended", exchange)


def test_a_pause_that_is_over_before_it_began() -> None:
    h = Harness()
    exchange = h.start()
    h.execute(PauseExchange(exchange))
    h.execute(ResumeExchange(exchange))
    h.connect()
    assert len(h.commands()) == 1


@pytest.mark.parametrize("reset", [False, True])
def test_a_pause_ends_with_the_connection(reset: bool) -> None:
    for rest, last in ((b"1\r\nb\r\n0\r\n\r\n", "ended"), (b"1\r\nb\r\n", "failed"), (b"xyz\r\n", "failed")):
        h = Harness()
        exchange, conn = h.begun()
        h.received(conn, CHUNKED)
        h.execute(PauseExchange(exchange))
        h.received(conn, rest)
        h.commands()
        if reset:
            h.wire.lost(conn, "connection reset", h.now)
        else:
            h.wire.peer_closed(conn, h.now)
        assert h.events()[-1][0] == last
        assert h.commands() == ([] if reset else [Close(conn)])


def test_aborts() -> None:
    h = Harness(Limits(connections=1))
    first, second, third = h.start(), h.start(), h.start()
    conn = h.connect()
    h.commands()
    h.abort(second)
    assert h.commands() == []
    h.abort(first)
    assert [type(command) for command in h.commands()] == [Close, Connect]
    h.abort(first)
    h.abort(second)
    h.received(conn, OK)
    h.wire.peer_closed(conn, h.now)
    h.wire.lost(conn, "x", h.now)
    h.wire.flushed(conn, h.now)
    h.wire.connected(conn, h.now)
    h.wire.tls_started(conn, h.now)
    h.wire.connect_failed(conn, "x", h.now)
    assert h.commands() == []
    assert h.events() == []
    h.abort(third)


def test_close() -> None:
    h = Harness()
    _, conn = h.begun(long_lived=True)
    waiting = h.start()
    h.commands()
    h.wire.close(h.now)
    assert Close(conn) in h.commands()
    assert h.wire.deadline is None
    h.abort(waiting)
    h.received(conn, OK)
    h.wire.close(h.now)
    assert h.commands() == []
    assert h.events() == []
    with pytest.raises(LocalProtocolError) as caught:
        h.start()
    assert caught.value.state == "closed"


# Misuse.


@pytest.mark.parametrize(
    "command",
    [
        StartExchange(exchange=ExchangeId(0), method="GET", url="ftp://app.test/"),
        StartExchange(exchange=ExchangeId(0), method="CONNECT", url=URL),
        StartExchange(exchange=ExchangeId(0), method="GET", url=URL, headers=(("a", "b\r\nc: d"),)),
        StartExchange(exchange=ExchangeId(0), method="GET", url=URL, headers=(("host", "b"), ("a", "b"))),
        StartExchange(exchange=ExchangeId(0), method="POST", url=URL, body=PulledBody(-1)),
    ],
)
def test_what_can_not_be_asked(command: StartExchange) -> None:
    h = Harness()
    with pytest.raises(LocalProtocolError):
        h.execute(command)
    assert h.commands() == []
    h.start()


def test_ids_are_not_used_twice_and_not_made_up() -> None:
    h = Harness()
    exchange, conn = h.begun()
    for done in (False, True):
        with pytest.raises(LocalProtocolError, match="started before"):
            h.execute(StartExchange(exchange=exchange, method="GET", url=URL))
        if not done:
            h.received(conn, OK)
    with pytest.raises(LocalProtocolError, match="never was an exchange"):
        h.execute(AbortExchange(ExchangeId(7)))
    with pytest.raises(LocalProtocolError, match="never was a connection"):
        h.received(ConnectionId(7), b"x")


def test_facts_that_make_no_sense() -> None:
    h = Harness()
    h.start("https://app.test/")
    (command,) = h.commands()
    assert isinstance(command, Connect)
    conn = command.connection
    with pytest.raises(LocalProtocolError, match="received makes no sense") as caught:
        h.received(conn, b"x")
    assert caught.value.state == "opening"
    with pytest.raises(LocalProtocolError, match="tls_started makes no sense"):
        h.wire.tls_started(conn, h.now)
    h.wire.connected(conn, h.now)
    for again in (h.wire.connected, lambda conn, now: h.wire.connect_failed(conn, "x", now)):
        with pytest.raises(LocalProtocolError, match="makes no sense"):
            again(conn, h.now)
    h.wire.tls_started(conn, h.now)
    h.received(conn, b"")
    assert h.events() == []
