from __future__ import annotations

import math

import pytest

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    Limits,
    QueueFull,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.commands import StartExchange
from gradio_sansio.events import Logged
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description
from gradio_sansio.session.app import App, call_body, event_stream_fault, lost, not_understood, too_much
from gradio_sansio.session.config import parse_config
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.endpoints import Endpoints
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.files import Files
from gradio_sansio.session.jsontext import decode
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url
from tests.core.samples import raw_config, raw_info
from tests.core.virtual import World, entropy


def new_app() -> App:
    config = parse_config({"version": "6.31.0", "protocol": "sse_v3", "dependencies": []})
    actions: list[object] = []
    limits = Limits()
    timers: Timers[Timer] = Timers()
    exchanges = Exchanges(actions, timers, Credentials({}, None), limits)  # type: ignore[arg-type]
    address = Address(Url.parse("http://app.test/mounted"), "/gradio_api")
    return App(
        address,
        config,
        Description(b"", 20),
        limits,
        exchanges,
        actions,  # type: ignore[arg-type]
        timers,
        entropy(),
        lambda *_: False,
        Files(address, config, limits),
    )


def test_a_value_without_a_json_form_names_its_parameter() -> None:
    config = parse_config(raw_config("6.31"))
    endpoint = Endpoints(config, raw_info("6.31")).find("/count")
    with pytest.raises(ValidationError, match=r"^parameter 'delay' has no JSON form: a value of") as caught:
        new_app().arguments(endpoint, config.dependencies[endpoint.fn_index], [1, object()])
    assert caught.value.parameter == "delay"
    assert caught.value.reason == "has no JSON form: a value of type object"


def test_an_infinity_names_its_parameter() -> None:
    config = parse_config(raw_config("6.31"))
    endpoint = Endpoints(config, raw_info("6.31")).find("/count")
    with pytest.raises(
        ValidationError, match=r"^parameter 'delay' has no JSON form: the number inf$"
    ) as caught:
        new_app().arguments(endpoint, config.dependencies[endpoint.fn_index], [1, math.inf])
    assert caught.value.parameter == "delay"


class Owner:
    def answered(self, exchange: object, result: object, now: float) -> None:
        raise AssertionError


def test_posts_are_json_below_the_prefix() -> None:
    app = new_app()
    exchange = app.post(Owner(), "/run/a name", b"{}", 0.0)
    (action,) = app.actions
    assert isinstance(action, StartExchange)
    assert (action.exchange, action.method, action.body) == (exchange, "POST", b"{}")
    assert action.url == "http://app.test/mounted/gradio_api/run/a%20name"
    assert action.headers == (("content-type", "application/json"), ("x-gradio-user", "api"))


def test_the_body_of_a_call_is_json_whatever_is_in_it() -> None:
    world = World()
    payload = {"text": 'quotes " and \\ and \u2028', "list": [1, 2.5, None, True]}
    world.submit("/predict", payload)
    job = world.engine._session._jobs[max(world.engine._session._jobs)][0]
    value = decode(call_body(job, 'a "session"'), depth=10)
    fields = {
        "data": [payload],
        "fn_index": 0,
        "session_hash": 'a "session"',
        "event_data": None,
        "trigger_id": None,
    }
    assert value == fields
    more = call_body(job, 'a "session"', event_id='an "event"', data=b"[1]")
    assert decode(more, depth=10) == {**fields, "data": [1], "event_id": 'an "event"'}


def test_each_new_session_has_a_name_of_its_own() -> None:
    app = new_app()
    names = [app.new_session_hash() for _ in range(3)]
    assert names == ["0000000000000001", "0000000000000002", "0000000000000003"]


@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (200, "text/event-stream", None),
        (200, "Text/Event-Stream ; charset=utf-8", None),
        (200, "text/html", RemoteProtocolError),
        (404, "text/event-stream", Disconnected),
        (401, "application/json", AuthError),
        (429, "application/json", RateLimited),
    ],
)
def test_what_is_no_event_stream(status: int, kind: str, fault: type[Exception] | None) -> None:
    found = event_stream_fault(status, (("server", "x"), ("content-type", kind)), "http://app.test/x")
    assert type(found) is (type(None) if fault is None else fault)
    assert isinstance(event_stream_fault(200, (), "http://app.test/x"), RemoteProtocolError)


def test_too_much_is_the_servers_fault() -> None:
    error = too_much("a book")
    assert isinstance(error, RemoteProtocolError)
    assert (error.message, error.seen) == ("the server sent a book", "a book")


def test_refusals_know_the_version_and_the_phase() -> None:
    app = new_app()
    response = Response(503, (), "http://app.test/x", b'{"detail":"Queue is full."}')
    assert isinstance(app.refusal(response, "join"), QueueFull)
    assert isinstance(app.refusal(response, "the call"), ConnectError)


def test_logs_are_events() -> None:
    app = new_app()
    app.log("warning", "careful")
    assert app.actions == [Logged("warning", "careful")]


def test_what_was_lost_on_the_way_has_an_unknown_outcome() -> None:
    error = lost(ConnectError("refused", phase="connect", url="http://app.test"), "stream")
    assert isinstance(error, Disconnected)
    assert (error.message, error.phase, error.url) == ("refused", "stream", "http://app.test")
    late = DeadlineExceeded("late", limit="idle")
    assert lost(late, "stream") is late


def test_what_is_not_understood() -> None:
    error = not_understood("answer to join", "not JSON")
    assert isinstance(error, RemoteProtocolError)
    assert (error.expected, error.seen) == ("answer to join", "not JSON")
    assert str(error) == "the server's answer to join is not understood: not JSON"
