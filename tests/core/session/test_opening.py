from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gradio_sansio.commands import (
    AbortExchange,
    ExchangeCommand,
    ExchangeId,
    Headers,
    Redirects,
    StartExchange,
)
from gradio_sansio.errors import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    GradioError,
    RateLimited,
    RemoteProtocolError,
)
from gradio_sansio.events import Event
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description
from gradio_sansio.session.config import Config
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.session.exchanges import Exchanges, Timer
from gradio_sansio.session.opening import HEAD_START, TRANSITIONS, Opening, OpeningInput, OpeningState
from gradio_sansio.timers import Timers
from gradio_sansio.wire.origin import Url
from tests.core.samples import VERSIONS, raw_config, raw_info

LOST = ConnectError("lost", phase="connect", url="https://app.example")
BASE = "https://app.example"
CONFIG = json.dumps(raw_config("6.31")).encode()
INFO = json.dumps(raw_info("6.31")).encode()


class Rig:
    """An opening, and a server that answers what is asked."""

    def __init__(
        self, base: str = BASE, *, auth: tuple[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.actions: list[ExchangeCommand | Event] = []
        self.timers: Timers[Timer] = Timers()
        url = Url.parse(base)
        self.credentials = Credentials(headers or {}, None)
        self.credentials.set_app(url.origin)
        limits = Limits(json_depth=20, body=1_000_000)
        self.exchanges = Exchanges(self.actions, self.timers, self.credentials, limits)
        self.outcomes: list[tuple[Address, Config, object] | GradioError] = []
        self.opening = Opening(
            self,
            Url(url.origin, url.path.rstrip("/"), ""),
            self.exchanges,
            self.credentials,
            self.timers,
            limits,
            auth,
        )
        self.opening.start(100)

    def opened(self, address: Address, config: Config, description: Description, now: float) -> None:
        self.outcomes.append((address, config, description.value))

    def not_opened(self, error: GradioError, now: float) -> None:
        self.outcomes.append(error)

    def asked(self) -> StartExchange:
        """The one request since the last."""
        [action] = self.actions
        self.actions.clear()
        assert isinstance(action, StartExchange)
        return action

    def answer(
        self,
        status: int = 200,
        body: bytes | dict[str, Any] = b"",
        *,
        url: str | None = None,
        headers: Headers = (),
    ) -> StartExchange:
        """Answer the one request that is open, and return it."""
        request = self.asked()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.exchanges.response_started(request.exchange, status, headers, url or request.url, 101)
        self.exchanges.body_received(request.exchange, data, 101)
        self.exchanges.ended(request.exchange, 101)
        return request

    def lose(self) -> None:
        self.exchanges.failed(self.asked().exchange, LOST, 101)

    def stands_at(self, state: OpeningState) -> bool:
        return self.opening.state is state

    @property
    def outcome(self) -> tuple[Address, Config, object] | GradioError:
        [outcome] = self.outcomes
        assert self.opening.state is OpeningState.DONE
        assert not self.exchanges.open
        assert self.timers.deadline is None
        assert self.actions == []
        return outcome

    @property
    def success(self) -> tuple[Address, Config, object]:
        outcome = self.outcome
        assert not isinstance(outcome, GradioError)
        return outcome

    @property
    def failure(self) -> GradioError:
        outcome = self.outcome
        assert isinstance(outcome, GradioError)
        return outcome


@pytest.mark.parametrize("version", VERSIONS)
def test_an_app_of_each_version(version: str) -> None:
    rig = Rig("https://app.example/sub/")
    first = rig.answer(200, raw_config(version))
    assert (first.method, first.url) == ("GET", "https://app.example/sub/config")
    second = rig.answer(200, raw_info(version))
    prefix = "/gradio_api" if version == "6.31" else ""
    assert (second.method, second.url) == ("GET", f"https://app.example/sub{prefix}/info?serialize=False")
    assert second.redirects is Redirects.SAME_ORIGIN
    address, config, info = rig.success
    assert address == Address(Url.parse("https://app.example/sub"), prefix)
    assert config.raw == raw_config(version)
    assert info == raw_info(version)


def test_the_root_that_the_config_claims_means_nothing() -> None:
    rig = Rig()
    rig.answer(200, raw_config("6.31", root="https://evil.example"))
    rig.answer(200, INFO)
    address, _, _ = rig.success
    assert address.base.origin == Url.parse(BASE).origin


# What the info may be like: a description is welcome, not needed.
NO_INFO: list[tuple[str, int, bytes]] = [
    ("missing", 404, b'{"detail":"Not Found"}'),
    ("refused", 401, b""),
    ("an error", 500, b"Internal Server Error"),
    ("HTML", 200, b"<html>"),
    ("null", 200, b"null"),
    ("nested too deep", 200, b"[" * 21 + b"]" * 21),
    ("refused, with a description", 403, INFO),
]


@pytest.mark.parametrize(("name", "status", "body"), NO_INFO, ids=[row[0] for row in NO_INFO])
def test_without_a_description(name: str, status: int, body: bytes) -> None:
    rig = Rig()
    rig.answer(200, CONFIG)
    assert rig.stands_at(OpeningState.INFO)
    rig.answer(status, body)
    _, config, info = rig.success
    assert config.raw == raw_config("6.31")
    assert info is None


def test_without_an_answer_about_the_description() -> None:
    rig = Rig()
    rig.answer(200, CONFIG)
    rig.lose()
    _, config, info = rig.success
    assert config.raw == raw_config("6.31")
    assert info is None


# Redirects.


@pytest.mark.parametrize(
    ("base", "redirects"),
    [("http://app.example", Redirects.UPGRADE), ("https://app.example", Redirects.SAME_ORIGIN)],
)
def test_which_redirects_the_first_request_may_follow(base: str, redirects: Redirects) -> None:
    assert Rig(base).asked().redirects is redirects


# The base, where the answer came from, the base from then on.
REBASES: list[tuple[str, str, str, str]] = [
    ("to https", "http://app.example/sub", "https://app.example/sub/config", "https://app.example/sub"),
    (
        "to another port",
        "http://app.example:8080",
        "https://app.example:8443/config",
        "https://app.example:8443",
    ),
    (
        "to another path",
        "https://app.example/sub",
        "https://app.example/sub/config/",
        "https://app.example/sub",
    ),
    ("to another host", "http://app.example", "https://evil.example/config", "http://app.example"),
    (
        "to another host, by https",
        "https://app.example",
        "https://evil.example/config",
        "https://app.example",
    ),
    (
        "to another port of https",
        "https://app.example",
        "https://app.example:444/config",
        "https://app.example",
    ),
    ("to http", "https://app.example", "http://app.example/config", "https://app.example"),
]


@pytest.mark.parametrize(("name", "base", "url", "after"), REBASES, ids=[row[0] for row in REBASES])
def test_which_redirect_moves_the_app(name: str, base: str, url: str, after: str) -> None:
    rig = Rig(base, headers={"x-key": "SECRET"})
    assert rig.answer(200, CONFIG, url=url).headers == (("x-key", "SECRET"),)
    second = rig.answer(200, INFO)
    assert second.url == f"{after}/gradio_api/info?serialize=False"
    assert second.headers == (("x-key", "SECRET"),)
    address, _, _ = rig.success
    assert str(address.base) == after
    if base != after:
        assert rig.credentials.headers_for(Url.parse(base).origin) == ()
    assert rig.credentials.headers_for(Url.parse("https://evil.example").origin) == ()


# Logins.


def test_a_login() -> None:
    rig = Rig("https://app.example/sub", auth=("us er", "pass&=é"))
    rig.answer(401, {"detail": "Not authenticated"})
    assert rig.stands_at(OpeningState.LOGIN)
    login = rig.answer(200, {"success": True})
    assert (login.method, login.url) == ("POST", "https://app.example/sub/login")
    assert login.headers == (("content-type", "application/x-www-form-urlencoded"),)
    assert login.body == b"username=us+er&password=pass%26%3D%C3%A9"
    assert login.redirects is Redirects.NONE
    assert rig.stands_at(OpeningState.CONFIG)
    assert rig.answer(200, CONFIG).url == "https://app.example/sub/config"
    rig.answer(200, INFO)
    assert rig.success[1].version == (6, 31, 0)


@pytest.mark.parametrize("status", [200, 302, 303, 307])
def test_answers_that_let_in(status: int) -> None:
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(401)
    rig.answer(status)
    # One try: a server that refuses after that would refuse for ever.
    rig.answer(401, {"detail": "Not authenticated"})
    assert isinstance(rig.failure, AuthError)
    assert rig.failure.hint == "auth or hf_token"


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_a_login_that_is_refused(status: int) -> None:
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(401)
    rig.answer(status, {"detail": "Incorrect credentials."})
    error = rig.failure
    assert isinstance(error, AuthError)
    assert error.hint == "auth"
    assert error.message == (
        f"the login at https://app.example/login was refused (HTTP {status}); check auth=(user, password)"
    )


def test_a_login_that_fails_otherwise() -> None:
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(401)
    rig.answer(500, b"SECRET")
    assert isinstance(rig.failure, RemoteProtocolError)
    assert "answered 500 to login at https://app.example/login" in rig.failure.message
    assert "SECRET" not in rig.failure.message
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(401)
    rig.lose()
    assert rig.failure is LOST


def test_a_login_that_is_not_needed_is_not_made() -> None:
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(200, CONFIG)
    assert rig.answer(200, INFO).url.endswith("/info?serialize=False")


# Refusals that settle it.
REFUSALS: list[tuple[int, type[GradioError]]] = [
    (401, AuthError),
    (403, AuthError),
    (429, RateLimited),
    (502, ConnectError),
    (503, ConnectError),
    (504, ConnectError),
]


@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_refusals(status: int, kind: type[GradioError]) -> None:
    rig = Rig("https://app.example/?token=SECRET")
    rig.answer(status, {"detail": "no"})
    assert type(rig.failure) is kind
    assert f"the server answered {status} to config at https://app.example/config: no" in rig.failure.message


def test_403_with_a_login_at_hand() -> None:
    rig = Rig(auth=("user", "SECRET"))
    rig.answer(403)
    assert isinstance(rig.failure, AuthError)


def test_no_answer() -> None:
    rig = Rig()
    rig.lose()
    assert rig.failure is LOST


def test_no_answer_in_time() -> None:
    rig = Rig()
    exchange = rig.asked().exchange
    timer = rig.timers.pop_due(160)
    assert timer is not None
    assert timer[:2] == (Timer.REQUEST, exchange)
    rig.exchanges.expired(ExchangeId(timer[1]), 160)
    rig.actions.clear()  # the abort
    assert isinstance(rig.failure, DeadlineExceeded)


# The config in the page.


def page(config: bytes) -> bytes:
    return (
        b"<!doctype html><script>window.gradio_config = " + config + b";</script>"
        b"<script>window.gradio_api_info = {};</script><body></body>"
    )


# What answers /config, what the error would say of it.
FIRST: list[tuple[str, int, bytes, str]] = [
    ("not found", 404, b"", "HTTP 404"),
    ("an error", 500, b"Internal Server Error", "HTTP 500"),
    ("HTML", 200, b"<html>", "not JSON: JSONDecodeError"),
    ("other JSON", 200, b'{"name": "something else"}', "it has no list of dependencies"),
    ("nested too deep", 200, b"[" * 21 + b"]" * 21, "nested deeper than 20 levels, or cut short"),
    ("Gradio 2", 200, b'{"dependencies": [], "allow_flagging": 1}', "it is a Gradio 2 app"),
    ("a redirect that isn't followed", 307, b"", "HTTP 307"),
]


@pytest.mark.parametrize(("name", "status", "body", "reason"), FIRST, ids=[row[0] for row in FIRST])
def test_the_page_is_asked_next(name: str, status: int, body: bytes, reason: str) -> None:
    rig = Rig("https://app.example/sub")
    rig.answer(status, body)
    assert rig.stands_at(OpeningState.PAGE)
    request = rig.answer(200, page(CONFIG))
    assert (request.method, request.url) == ("GET", "https://app.example/sub/")
    assert request.redirects is Redirects.SAME_ORIGIN
    assert rig.answer(200, INFO).url == "https://app.example/sub/gradio_api/info?serialize=False"
    assert rig.success[1].raw == raw_config("6.31")


@pytest.mark.parametrize(("name", "status", "body", "reason"), FIRST, ids=[row[0] for row in FIRST])
def test_neither_is_of_use(name: str, status: int, body: bytes, reason: str) -> None:
    rig = Rig("https://app.example/sub")
    rig.answer(status, body)
    rig.answer(200, b"<html>hello</html>")
    error = rig.failure
    assert isinstance(error, RemoteProtocolError)
    assert error.message.startswith("https://app.example/sub is no Gradio app, or not at that path: ")
    assert reason in error.message
    assert error.expected == "the config of a Gradio app"
    assert reason in error.seen


# Pages without a config.
PAGES: list[tuple[str, int, bytes]] = [
    ("empty", 200, b""),
    ("cut short", 200, b"<script>window.gradio_config = {"),
    ("the end before the start", 200, b"</script>window.gradio_config = {}"),
    ("no JSON", 200, page(b"null or something")),
    ("no config", 200, page(b'{"auth_required": true}')),
    ("refused", 404, page(CONFIG)),
]


@pytest.mark.parametrize(("name", "status", "body"), PAGES, ids=[row[0] for row in PAGES])
def test_pages_without_a_config(name: str, status: int, body: bytes) -> None:
    rig = Rig()
    rig.answer(404)
    rig.answer(status, body)
    assert isinstance(rig.failure, RemoteProtocolError)


def test_a_page_that_does_not_come() -> None:
    rig = Rig()
    rig.answer(404)
    rig.lose()
    assert rig.failure is LOST


def test_a_config_whose_text_looks_like_its_end() -> None:
    # Servers escape it, so the first end is the end.
    rig = Rig()
    rig.answer(404)
    rig.answer(200, page(b'{"dependencies": [], "title": "<\\/script>"}'))
    rig.answer(404)
    assert rig.success[1].raw["title"] == "</script>"


# The description, asked for ahead.


def compact(config: dict[str, Any], **first: object) -> bytes:
    """As servers write it: without spaces, and with these keys at its beginning."""
    return json.dumps(
        {**first, **{k: v for k, v in config.items() if k not in first}}, separators=(",", ":")
    ).encode()


# How the configs of real servers begin, and where their description is.
HEADS: list[tuple[str, dict[str, object], str]] = [
    ("3.28.3", {"version": "3.28.3\n", "mode": "blocks"}, ""),
    ("3.50.2", {"version": "3.50.2", "mode": "blocks", "app_id": 1}, ""),
    ("4.44.1", {"version": "4.44.1", "mode": "blocks", "app_id": 1}, ""),
    ("5.0.0-beta.1", {"version": "5.0.0-beta.1", "api_prefix": "", "mode": "blocks"}, ""),
    ("6.31.0", {"version": "6.31.0", "api_prefix": "/gradio_api", "mode": "blocks"}, "/gradio_api"),
    ("a prefix of its own", {"version": "7.0", "api_prefix": "/a/b-c.d", "mode": "blocks"}, "/a/b-c.d"),
]


@pytest.mark.parametrize(("name", "first", "prefix"), HEADS, ids=[row[0] for row in HEADS])
def test_the_description_is_asked_for_before_the_config_is_read(
    name: str, first: dict[str, object], prefix: str
) -> None:
    config = compact({k: v for k, v in raw_config("6.31").items() if k != "api_prefix"}, **first)
    for late in (False, True):
        rig = Rig("https://app.example/sub")
        rig.answer(200, config)
        assert rig.stands_at(OpeningState.AHEAD)
        if not late:
            assert rig.timers.pop_due(101) is None
            assert rig.timers.pop_due(101 + HEAD_START) == (Timer.CONFIG, 0, 101 + HEAD_START)
            rig.opening.read_config(101 + HEAD_START)
            assert rig.stands_at(OpeningState.INFO)
        # Or the answer comes first.
        assert rig.answer(200, INFO).url == f"https://app.example/sub{prefix}/info?serialize=False"
        assert rig.success == (Address(rig.success[0].base, prefix), rig.success[1], raw_info("6.31"))
        assert rig.success[1].raw == json.loads(config)


@pytest.mark.parametrize(
    "first",
    [
        {"mode": "blocks", "version": "6.0"},
        {"version": "6.0", "protocol": "sse_v3", "api_prefix": "/gradio_api"},
        {"version": "6.0", "api_prefix": "/../elsewhere", "mode": "blocks"},
        {"version": "6.0", "api_prefix": "//elsewhere", "mode": "blocks"},
        {"version": "6.0", "api_prefix": 'a"b', "mode": "blocks"},
        {"version": "6.0", "api_prefix": None, "mode": "blocks"},
        {"version": "6" * 41, "mode": "blocks"},
        {"version": 6, "mode": "blocks"},
    ],
)
def test_configs_that_tell_nothing_ahead(first: dict[str, object]) -> None:
    rig = Rig()
    rig.answer(200, compact(raw_config("6.31"), **first))
    assert rig.stands_at(OpeningState.INFO)
    assert rig.timers.armed(Timer.CONFIG, 0) is False
    rig.answer(404)
    assert isinstance(rig.success[1], Config)


PROMISING = b'{"version":"6.31.0","api_prefix":"/gradio_api",'
# What may come of /info until the config is found to be of no use.
MEANWHILE: list[Callable[[Rig, ExchangeId], object]] = [
    lambda rig, _: rig.opening.read_config(102),
    lambda rig, exchange: rig.exchanges.failed(exchange, LOST, 102),
    lambda rig, exchange: rig.exchanges.ended(exchange, 102),
]


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize(
    "rest", [b'"dependencies":5}', b'"dependencies":[', b'"allow_flagging":1,"dependencies":[]}']
)
def test_a_config_that_only_begins_like_one(
    rest: bytes, meanwhile: Callable[[Rig, ExchangeId], object]
) -> None:
    rig = Rig()
    rig.answer(200, PROMISING + rest)
    exchange = rig.asked().exchange
    meanwhile(rig, exchange)
    assert rig.stands_at(OpeningState.PAGE)
    aborted = [action for action in rig.actions if isinstance(action, AbortExchange)]
    # Where the answer had come, there is nothing to drop.
    assert aborted == ([AbortExchange(exchange)] if meanwhile is MEANWHILE[0] else [])
    for action in aborted:
        rig.actions.remove(action)
    assert rig.answer(200, page(CONFIG)).url == f"{BASE}/"
    rig.answer(200, INFO)
    assert rig.success[1].raw == raw_config("6.31")


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_a_config_that_contradicts_itself(meanwhile: Callable[[Rig, ExchangeId], object]) -> None:
    """The last of two keys counts, for every decoder."""
    rig = Rig()
    rig.answer(200, PROMISING + b'"dependencies":[],"api_prefix":"/other"}')
    exchange = rig.asked().exchange
    meanwhile(rig, exchange)
    assert rig.stands_at(OpeningState.INFO)
    for action in [action for action in rig.actions if isinstance(action, AbortExchange)]:
        assert action.exchange == exchange
        rig.actions.remove(action)
    assert rig.answer(200, INFO).url == f"{BASE}/other/info?serialize=False"
    assert rig.success[0].prefix == "/other"


def test_stopped_before_the_config_was_read() -> None:
    rig = Rig()
    rig.answer(200, PROMISING + b'"dependencies":[]}')
    exchange = rig.asked().exchange
    rig.opening.stop()
    assert rig.actions == [AbortExchange(exchange)]
    assert rig.timers.deadline is None


# The table.


def test_the_table_is_what_the_cases_above_walk_through() -> None:
    reached = {OpeningState.CONFIG}
    for state in OpeningState:
        if state in reached:
            reached |= set(TRANSITIONS[state].values())
    assert reached == set(TRANSITIONS) == set(OpeningState)
    assert TRANSITIONS[OpeningState.DONE] == {}
    # Wherever it stands, an answer that settles it ends it; of the last step any answer does.
    for state in (OpeningState.CONFIG, OpeningState.LOGIN, OpeningState.PAGE):
        assert TRANSITIONS[state][OpeningInput.FAILED] is OpeningState.DONE
    assert set(TRANSITIONS[OpeningState.INFO].values()) == {OpeningState.DONE}
    # What is asked for ahead is one more request, whose answer can't settle anything before the config is read.
    assert OpeningInput.FAILED not in TRANSITIONS[OpeningState.AHEAD]
