from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ExchangeCommand,
    ExchangeId,
    Headers,
    OpenSocket,
    PauseExchange,
    Redirects,
    ResumeExchange,
    SendMessage,
    StartExchange,
)
from gradio_sansio.errors import (
    ConnectError,
    DeadlineExceeded,
    GradioError,
    LocalProtocolError,
    RemoteProtocolError,
)
from gradio_sansio.events import Event
from gradio_sansio.limits import Limits
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url

URL = Url.parse("https://app.example/queue/join?session_hash=SECRET")
LOST = ConnectError("lost", phase="connect", url="https://app.example")
LIMITS = Limits(request=10, idle=5, idle_direct=100, body=8)


class Recorder:
    """An owner that writes down what it is told, with the exchange."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        self.told.append(("answered", exchange, result, now))

    def stream_started(self, exchange: ExchangeId, status: int, headers: Headers, now: float) -> None:
        self.told.append(("started", exchange, status, headers, now))

    def stream_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        self.told.append(("received", exchange, data, now))

    def stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None:
        self.told.append(("ended", exchange, error, now))

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        self.told.append(("opened", exchange, now))

    def socket_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        self.told.append(("message", exchange, data, now))

    def socket_ended(self, exchange: ExchangeId, outcome: int | Response | GradioError, now: float) -> None:
        self.told.append(("closed", exchange, outcome, now))


class Rig:
    def __init__(self) -> None:
        self.actions: list[ExchangeCommand | Event] = []
        self.timers: Timers[Timer] = Timers()
        credentials = Credentials({"x-key": "1"}, None)
        credentials.set_app(URL.origin)
        self.exchanges = Exchanges(self.actions, self.timers, credentials, LIMITS)
        self.owner = Recorder()

    def request(self, **options: Any) -> ExchangeId:
        exchange = self.exchanges.request(self.owner, "POST", URL, 100, **options)
        self.actions.clear()
        return exchange

    def stream(self) -> ExchangeId:
        exchange = self.exchanges.stream(self.owner, URL, 100)
        self.actions.clear()
        return exchange

    def socket(self, *, is_open: bool = True) -> ExchangeId:
        exchange = self.exchanges.socket(self.owner, URL, 100)
        if is_open:
            self.exchanges.socket_opened(exchange, 101)
        self.actions.clear()
        self.owner.told.clear()
        return exchange

    def begin(self, kind: str) -> ExchangeId:
        match kind:
            case "request":
                return self.request()
            case "stream":
                return self.stream()
            case _:
                return self.socket(is_open=kind == "open socket")

    def idle_at(self, exchange: ExchangeId) -> float | None:
        return self.timers.deadline if self.timers.armed(Timer.IDLE, exchange) else None

    @property
    def over(self) -> bool:
        """Nothing is left: no exchange and no timer."""
        return not self.exchanges.open and self.timers.deadline is None


@pytest.fixture
def rig() -> Rig:
    return Rig()


# What is asked for.


def test_a_request(rig: Rig) -> None:
    exchange = rig.exchanges.request(
        rig.owner,
        "POST",
        URL,
        100,
        headers=(("content-type", "x"),),
        body=b"{}",
        redirects=Redirects.SAME_ORIGIN,
    )
    assert rig.actions == [
        StartExchange(
            exchange=exchange,
            method="POST",
            url=str(URL),
            headers=(("x-key", "1"), ("content-type", "x")),
            body=b"{}",
            redirects=Redirects.SAME_ORIGIN,
            compressed=True,
            long_lived=False,
        )
    ]
    assert rig.timers.pop_due(110) == (Timer.REQUEST, exchange, 110.0)


def test_a_request_that_may_take_its_time(rig: Rig) -> None:
    exchange = rig.exchanges.request(rig.owner, "POST", URL, 100, limit="idle_direct")
    [start] = rig.actions
    assert isinstance(start, StartExchange)
    assert start.long_lived
    assert rig.timers.deadline == 200
    rig.exchanges.expired(exchange, 200)
    [(_, _, error, _)] = rig.owner.told
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle_direct"
    assert "within 100 s (Limits.idle_direct)" in error.message


def test_a_stream(rig: Rig) -> None:
    exchange = rig.exchanges.stream(rig.owner, URL, 100)
    assert rig.actions == [
        StartExchange(
            exchange=exchange,
            method="GET",
            url=str(URL),
            headers=(("x-key", "1"), ("accept", "text/event-stream")),
            long_lived=True,
            compressed=False,
            redirects=Redirects.NONE,
        )
    ]
    assert rig.idle_at(exchange) == 105


def test_ids_are_never_used_again(rig: Rig) -> None:
    ids = [rig.request(), rig.stream(), rig.request()]
    for exchange in ids:
        rig.exchanges.abort(exchange)
    assert [*ids, rig.stream()] == [1, 2, 3, 4]


def test_other_origins_get_no_headers_of_the_apps(rig: Rig) -> None:
    rig.exchanges.request(rig.owner, "GET", Url.parse("https://evil.example/"), 100)
    [start] = rig.actions
    assert isinstance(start, StartExchange)
    assert start.headers == ()


# How a request goes.


def test_an_answer_comes_whole(rig: Rig) -> None:
    exchange = rig.request()
    rig.exchanges.response_started(
        exchange, 201, (("a", "b"),), "https://app.example/there?token=SECRET", 101
    )
    rig.exchanges.body_received(exchange, b"he", 102)
    rig.exchanges.body_received(exchange, b"llo", 103)
    assert rig.owner.told == []
    assert rig.exchanges.open
    rig.exchanges.ended(exchange, 104)
    response = Response(201, (("a", "b"),), "https://app.example/there", b"hello")
    assert rig.owner.told == [("answered", exchange, response, 104)]
    assert rig.over
    assert rig.actions == []


def test_the_limit_is_for_the_whole_answer(rig: Rig) -> None:
    exchange = rig.request()
    rig.exchanges.response_started(exchange, 200, (), "https://app.example/", 109)
    rig.exchanges.body_received(exchange, b"x", 109.5)
    assert rig.timers.deadline == 110


def test_a_failed_request(rig: Rig) -> None:
    exchange = rig.request()
    rig.exchanges.failed(exchange, LOST, 101)
    assert rig.owner.told == [("answered", exchange, LOST, 101)]
    assert rig.over


def test_a_request_that_takes_too_long(rig: Rig) -> None:
    exchange = rig.request()
    rig.exchanges.expired(exchange, 110)
    [(_, _, error, now)] = rig.owner.told
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "request"
    assert error.message == "no answer from https://app.example/queue/join within 10 s (Limits.request)"
    assert now == 110
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over


def test_a_long_answer(rig: Rig) -> None:
    exchange = rig.request()
    rig.exchanges.response_started(exchange, 200, (), "https://app.example/config?token=SECRET", 101)
    rig.exchanges.body_received(exchange, b"12345678", 101)
    assert rig.owner.told == []
    rig.exchanges.body_received(exchange, b"9", 102)
    [(_, _, error, _)] = rig.owner.told
    assert isinstance(error, RemoteProtocolError)
    assert (
        error.message
        == "the answer from https://app.example/config is too long: more than 8 bytes (Limits.body)"
    )
    assert (error.expected, error.seen) == ("a shorter answer", "more than 8 bytes")
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over


# How a stream goes.


def test_a_stream_comes_in_pieces(rig: Rig) -> None:
    exchange = rig.stream()
    rig.exchanges.response_started(exchange, 200, (("a", "b"),), "https://app.example/", 101)
    rig.exchanges.body_received(exchange, b"more than eight bytes", 102)
    rig.exchanges.body_received(exchange, b"", 103)
    rig.exchanges.ended(exchange, 104)
    assert rig.owner.told == [
        ("started", exchange, 200, (("a", "b"),), 101),
        ("received", exchange, b"more than eight bytes", 102),
        ("received", exchange, b"", 103),
        ("ended", exchange, None, 104),
    ]
    assert rig.over
    assert rig.actions == []


def test_each_sign_of_life_moves_the_limit_for_silence(rig: Rig) -> None:
    exchange = rig.stream()
    rig.exchanges.response_started(exchange, 200, (), "https://app.example/", 103)
    assert rig.idle_at(exchange) == 108
    rig.exchanges.body_received(exchange, b":", 107)
    assert rig.idle_at(exchange) == 112


def test_a_silent_stream(rig: Rig) -> None:
    exchange = rig.stream()
    rig.exchanges.expired(exchange, 105)
    [(_, _, error, _)] = rig.owner.told
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle"
    assert error.message == "the server has been silent for 5 s (Limits.idle)"
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over


def test_a_failed_stream(rig: Rig) -> None:
    exchange = rig.stream()
    rig.exchanges.failed(exchange, LOST, 101)
    assert rig.owner.told == [("ended", exchange, LOST, 101)]
    assert rig.over


def test_silence_of_a_paused_stream_means_nothing(rig: Rig) -> None:
    exchange = rig.stream()
    rig.exchanges.pause(exchange)
    assert rig.idle_at(exchange) is None
    # What was on its way still comes, and starts no clock.
    rig.exchanges.body_received(exchange, b"x", 102)
    assert rig.idle_at(exchange) is None
    assert rig.owner.told == [("received", exchange, b"x", 102)]
    rig.exchanges.resume(exchange, 200)
    assert rig.idle_at(exchange) == 205
    assert rig.actions == [PauseExchange(exchange), ResumeExchange(exchange)]


def test_each_stream_has_its_own_limit_for_silence(rig: Rig) -> None:
    exchange = rig.exchanges.stream(rig.owner, URL, 100, limit="idle_direct")
    assert rig.idle_at(exchange) == 200
    rig.exchanges.response_started(exchange, 200, (), "https://app.example/", 150)
    assert rig.idle_at(exchange) == 250
    rig.exchanges.body_received(exchange, b":", 160)
    assert rig.idle_at(exchange) == 260
    rig.exchanges.pause(exchange)
    rig.exchanges.resume(exchange, 300)
    assert rig.idle_at(exchange) == 400
    rig.exchanges.expired(exchange, 400)
    error = rig.owner.told[-1][2]
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle_direct"
    assert error.message == "the server has been silent for 100 s (Limits.idle_direct)"
    assert rig.over


# How a websocket goes.


def test_a_websocket(rig: Rig) -> None:
    exchange = rig.exchanges.socket(rig.owner, URL, 100)
    assert rig.actions == [OpenSocket(exchange, str(URL), (("x-key", "1"),))]
    assert rig.timers.deadline == 110
    assert rig.exchanges.open
    rig.exchanges.socket_opened(exchange, 101)
    # From here on the storey below knows whether the peer is alive.
    assert rig.timers.deadline is None
    rig.exchanges.send(exchange, '{"a":"é"}'.encode())
    rig.exchanges.socket_received(exchange, "hé", 102)
    rig.exchanges.socket_received(exchange, b"\xff", 103)
    assert rig.actions[1:] == [SendMessage(exchange, '{"a":"é"}')]
    rig.exchanges.socket_closed(exchange, 1001, 104)
    assert rig.owner.told == [
        ("opened", exchange, 101),
        ("message", exchange, "hé".encode(), 102),
        ("message", exchange, b"\xff", 103),
        ("closed", exchange, 1001, 104),
    ]
    assert rig.over


@pytest.mark.parametrize("is_open", [False, True])
def test_a_websocket_that_is_closed_here(rig: Rig, is_open: bool) -> None:
    exchange = rig.socket(is_open=is_open)
    rig.exchanges.close_socket(exchange)
    assert rig.actions == [CloseSocket(exchange)]
    assert rig.over
    rig.exchanges.close_socket(exchange)
    report_everything(rig, exchange)
    assert rig.actions == [CloseSocket(exchange)]
    assert rig.owner.told == []


@pytest.mark.parametrize("is_open", [False, True])
def test_a_websocket_that_fails(rig: Rig, is_open: bool) -> None:
    exchange = rig.socket(is_open=is_open)
    rig.exchanges.failed(exchange, LOST, 102)
    assert rig.owner.told == [("closed", exchange, LOST, 102)]
    assert rig.over


def test_a_websocket_that_is_closed_before_it_is_open(rig: Rig) -> None:
    exchange = rig.socket(is_open=False)
    rig.exchanges.socket_closed(exchange, 1006, 102)
    assert rig.owner.told == [("closed", exchange, 1006, 102)]
    assert rig.over


def test_a_websocket_that_is_refused(rig: Rig) -> None:
    exchange = rig.socket(is_open=False)
    rig.exchanges.response_started(exchange, 403, (("a", "b"),), "https://app.example/queue/join?x=1", 102)
    rig.exchanges.body_received(exchange, b"no", 102)
    rig.exchanges.ended(exchange, 103)
    response = Response(403, (("a", "b"),), "https://app.example/queue/join", b"no")
    assert rig.owner.told == [("closed", exchange, response, 103)]
    assert rig.over


def test_a_refusal_that_is_too_long(rig: Rig) -> None:
    exchange = rig.socket(is_open=False)
    rig.exchanges.response_started(exchange, 403, (), "https://app.example/queue/join", 102)
    rig.exchanges.body_received(exchange, b"x" * 9, 102)
    [(_, _, error, _)] = rig.owner.told
    assert isinstance(error, RemoteProtocolError)
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over


def test_a_websocket_that_is_not_opened_in_time(rig: Rig) -> None:
    exchange = rig.socket(is_open=False)
    rig.exchanges.expired(exchange, 110)
    [(_, _, error, _)] = rig.owner.told
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "request"
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over


def test_a_websocket_that_is_held_back(rig: Rig) -> None:
    exchange = rig.socket()
    rig.exchanges.pause(exchange)
    rig.exchanges.resume(exchange, 200)
    assert rig.actions == [PauseExchange(exchange), ResumeExchange(exchange)]
    assert rig.timers.deadline is None


# Aborting.


KINDS = ["request", "stream", "socket", "open socket"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_owner_hears_no_more_of_what_it_aborted(rig: Rig, kind: str) -> None:
    exchange = rig.begin(kind)
    rig.exchanges.abort(exchange)
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.over
    rig.exchanges.abort(exchange)
    report_everything(rig, exchange)
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.owner.told == []


def report_everything(rig: Rig, exchange: ExchangeId) -> None:
    rig.exchanges.response_started(exchange, 200, (), "https://app.example/", 101)
    rig.exchanges.body_received(exchange, b"x", 101)
    rig.exchanges.ended(exchange, 101)
    rig.exchanges.failed(exchange, LOST, 101)
    rig.exchanges.expired(exchange, 101)
    rig.exchanges.socket_opened(exchange, 101)
    rig.exchanges.socket_received(exchange, "x", 101)
    rig.exchanges.socket_closed(exchange, 1000, 101)
    rig.exchanges.close_socket(exchange)


KINDS = ["request", "stream", "socket", "open socket"]


@pytest.mark.parametrize("kind", KINDS)
def test_late_reports_of_what_ended_are_ignored(rig: Rig, kind: str) -> None:
    exchange = rig.begin(kind)
    if kind == "open socket":
        rig.exchanges.socket_closed(exchange, 1000, 101)
    else:
        rig.exchanges.ended(exchange, 101)
    told = rig.owner.told.copy()
    assert len(told) == 1
    report_everything(rig, exchange)
    assert rig.owner.told == told
    assert rig.actions == []
    assert rig.over


def test_aborting_all(rig: Rig) -> None:
    ids = [rig.request(), rig.stream(), rig.request(), rig.socket(is_open=False), rig.socket()]
    rig.exchanges.abort_all()
    assert sorted(action.exchange for action in rig.actions if isinstance(action, AbortExchange)) == ids
    assert len(rig.actions) == 5
    assert rig.over


@pytest.mark.parametrize("number", [0, -1, 3])
def test_ids_that_were_never_issued_are_misuse(rig: Rig, number: int) -> None:
    rig.request()
    rig.stream()
    exchange = ExchangeId(number)
    reports: list[Callable[[], None]] = [
        lambda: rig.exchanges.response_started(exchange, 200, (), "https://app.example/", 101),
        lambda: rig.exchanges.body_received(exchange, b"x", 101),
        lambda: rig.exchanges.ended(exchange, 101),
        lambda: rig.exchanges.failed(exchange, LOST, 101),
        lambda: rig.exchanges.socket_opened(exchange, 101),
        lambda: rig.exchanges.socket_received(exchange, "x", 101),
        lambda: rig.exchanges.socket_closed(exchange, 1000, 101),
    ]
    for report in reports:
        with pytest.raises(LocalProtocolError, match=f"^there is no exchange {number}$") as caught:
            report()
        assert caught.value.state == "2 exchanges begun"
    assert rig.owner.told == []


def test_an_owner_may_start_another_within_its_call(rig: Rig) -> None:
    class Restless(Recorder):
        def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
            super().answered(exchange, result, now)
            if len(self.told) < 3:
                rig.exchanges.request(self, "GET", URL, now)

    owner = Restless()
    rig.exchanges.request(owner, "GET", URL, 100)
    rig.exchanges.failed(ExchangeId(1), LOST, 101)
    rig.exchanges.ended(ExchangeId(2), 102)
    rig.exchanges.expired(ExchangeId(3), 112)
    assert [exchange for _, exchange, _, _ in owner.told] == [1, 2, 3]
    assert rig.over
