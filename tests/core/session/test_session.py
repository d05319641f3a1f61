"""The session by itself, over exchanges that the test performs."""

from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio import (
    AuthError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    JobCancelled,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Session,
    ValidationError,
)
from gradio_sansio.commands import AbortExchange, ExchangeId, Headers, StartExchange
from gradio_sansio.events import AppClosed, AppFailed, AppOpened, JobFinished, JobId, StatusChanged
from gradio_sansio.session.jsontext import encode
from gradio_sansio.session.opening import HEAD_START
from gradio_sansio.session.session import TRANSITIONS, SessionInput, SessionState
from gradio_sansio.testing import GradioServer, Playbook, placeholder
from tests.core.virtual import APP, URL, World, entropy

JSON: Headers = (("content-type", "application/json"),)
STREAM: Headers = (("content-type", "text/event-stream; charset=utf-8"),)


def new_session(source: str = URL, **options: Any) -> Session:
    return Session(source, **{"now": 0.0, "wall_clock": 1000.0, "entropy": entropy(), **options})


def answer(
    session: Session, exchange: int, value: object = None, *, status: int = 200, now: float = 0.0
) -> None:
    id = ExchangeId(exchange)
    session.response_started(id, status, JSON, URL, now)
    session.body_received(id, encode(value), now)
    session.exchange_ended(id, now)


def opened(**options: Any) -> Session:
    session = new_session(**options)
    server = GradioServer(APP)
    answer(session, 1, server.config())
    answer(session, 2, server.info())
    assert session.state is SessionState.OPEN
    session.drain()
    return session


def finished(session: Session) -> list[JobFinished]:
    return [action for action in session.drain() if isinstance(action, JobFinished)]


def message(**fields: object) -> bytes:
    return b"data: %b\n\n" % encode(fields)


def test_one_call_as_a_table() -> None:
    session = new_session()
    config, info, join, stream = (placeholder(int) for _ in range(4))

    def start(exchange: Any, method: str, path: str, **more: Any) -> StartExchange:
        kinds = {"headers": tuple, "body": bytes, "redirects": object, "long_lived": bool, "compressed": bool}
        fields: dict[str, Any] = {name: placeholder(kind) for name, kind in kinds.items()} | more
        return StartExchange(exchange=exchange, method=method, url=URL + path, **fields)

    server = GradioServer(APP)
    output = {"data": ["hi"], "is_generating": False}
    (
        Playbook(session.drain)
        .expect(start(config, "GET", "/config", long_lived=False))
        .then(answer, session, config, server.config())
        .expect(start(info, "GET", "/gradio_api/info?serialize=False"))
        .then(answer, session, info, server.info())
        .expect(AppOpened())
        .then(session.submit, "/predict", ["hi"], now=1.0)
        .expect(StatusChanged, start(join, "POST", "/gradio_api/queue/join", long_lived=False))
        .then(answer, session, join, {"event_id": "e"})
        .expect(
            start(
                stream,
                "GET",
                "/gradio_api/queue/data?session_hash=0000000000000001",
                long_lived=True,
                compressed=False,
            )
        )
        .then(session.response_started, stream, 200, STREAM, URL, 1.0)
        .then(session.body_received, stream, message(msg="process_starts", event_id="e"), 1.0)
        .expect(StatusChanged)
        .then(
            session.body_received,
            stream,
            message(msg="process_completed", event_id="e", output=output, success=True),
            1.0,
        )
        .expect(placeholder(object), JobFinished)
        .then(session.body_received, stream, message(msg="close_stream"), 1.0)
        .then(session.exchange_ended, stream, 1.0)
        .then(session.close, 2.0)
        .expect(AppClosed())
        .run()
    )
    assert session.deadline is None


def test_the_table_of_states() -> None:
    # What is not in the table is no input of that state; nothing leads out of the last one.
    assert set(TRANSITIONS) == set(SessionState)
    assert TRANSITIONS[SessionState.CLOSED] == {}
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached | {SessionState.OPENING} == set(SessionState)
    assert {input for row in TRANSITIONS.values() for input in row} == set(SessionInput)


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="source"):
        new_session(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="names no app"):
        new_session("somewhere")
    with pytest.raises(ValueError, match="deadline"):
        new_session(deadline=0)
    with pytest.raises(ValueError, match="hf_token"):
        new_session(hf_token="secret")
    session = opened()
    with pytest.raises(EndpointNotFound):
        session.submit("/nowhere", now=0.0)
    with pytest.raises(ValidationError, match="no JSON form"):
        session.submit("/predict", [object()], now=0.0)
    with pytest.raises(ValidationError):
        session.submit("/predict", ["a", "b", "c"], now=0.0)
    assert session.drain() == []
    assert session.deadline is None


# Option, value, what the error says.
NO_SUCH_TYPE: list[tuple[str, Any, str]] = [
    ("hf_token", 7, "hf_token must be a string, not int"),
    ("hub", 7, "hub must be a string, not int"),
    ("headers", ["x-key"], "headers must be a mapping, not list"),
    ("limits", {}, r"limits must be Limits\(\.\.\.\), not dict"),
    ("deadline", "SECRET", "deadline must be a number, in seconds, not str"),
    ("auth", "SECRET", r"auth must be \(user, password\), not str"),
    ("auth", ("SECRET",), r"auth must be \(user, password\): two strings"),
    ("auth", ("user", None), r"auth must be \(user, password\): two strings"),
]


@pytest.mark.parametrize(("option", "value", "text"), NO_SUCH_TYPE, ids=[row[2] for row in NO_SUCH_TYPE])
def test_options_of_a_wrong_type(option: str, value: Any, text: str) -> None:
    with pytest.raises(TypeError, match=f"^{text}$"):
        new_session(**{option: value})


def test_what_is_wrong_with_the_address_of_a_hub() -> None:
    with pytest.raises(ValueError, match=r"^hub: a URL has to begin with"):
        new_session(hub="hub.example")


@pytest.mark.parametrize("auth", [("user", "pass"), ["user", "pass"]])
def test_a_login_may_be_a_list_too(auth: Any) -> None:
    assert new_session(auth=auth).state is SessionState.OPENING


def test_a_timeout_of_a_wrong_type() -> None:
    with pytest.raises(TypeError, match=r"^timeout must be a number, in seconds, not str$"):
        opened().submit("/predict", [1], now=1.0, timeout="5")  # type: ignore[arg-type]


@pytest.mark.parametrize("option", ["isolated", "newest"])
@pytest.mark.parametrize("value", ["x", 3, None])
def test_an_option_that_is_neither_true_nor_false(option: str, value: Any) -> None:
    session = opened()
    with pytest.raises(TypeError, match=rf"^{option} must be True or False, not {value!r}$"):
        session.submit("/predict", [1], now=1.0, **{option: value})
    assert session.drain() == []


def test_nothing_is_known_before_it_is_open() -> None:
    session = new_session()
    for name in ("config", "api_info"):
        with pytest.raises(LocalProtocolError) as caught:
            getattr(session, name)
        assert caught.value.state == "opening"
    assert session.session_hash == "0000000000000001"
    session = opened()
    assert session.config["version"] == "6.31.0"
    assert "/predict" in session.api_info.named_endpoints


def test_exchanges_that_were_never_begun() -> None:
    session = opened()
    for exchange in (ExchangeId(0), ExchangeId(99)):
        with pytest.raises(LocalProtocolError):
            session.response_started(exchange, 200, (), URL, 0.0)
        with pytest.raises(LocalProtocolError):
            session.body_received(exchange, b"x", 0.0)
        with pytest.raises(LocalProtocolError):
            session.exchange_ended(exchange, 0.0)
        with pytest.raises(LocalProtocolError):
            session.exchange_failed(exchange, Disconnected("", phase="", url=""), 0.0)
        with pytest.raises(LocalProtocolError):
            session.socket_opened(exchange, 0.0)
        with pytest.raises(LocalProtocolError):
            session.message_received(exchange, "x", 0.0)
        with pytest.raises(LocalProtocolError):
            session.socket_closed(exchange, 1000, "", 0.0)
    # What comes late for one that ended is ignored.
    session.response_started(ExchangeId(1), 200, (), URL, 0.0)
    session.body_received(ExchangeId(1), b"x", 0.0)
    session.exchange_ended(ExchangeId(1), 0.0)
    session.exchange_failed(ExchangeId(1), Disconnected("", phase="", url=""), 0.0)
    assert session.drain() == []


def test_what_is_late_on_a_websocket_is_ignored() -> None:
    session = opened()
    session.body_wanted(ExchangeId(1), 10, 0.0)
    session.socket_opened(ExchangeId(1), 0.0)
    session.message_received(ExchangeId(1), "x", 0.0)
    session.socket_closed(ExchangeId(1), 1000, "", 0.0)
    assert session.drain() == []


def test_a_refused_opening() -> None:
    session = new_session(deadline=30.0)
    answer(session, 1, {"detail": "Not authenticated"}, status=401)
    failed, closed = session.drain()[1:]
    assert isinstance(failed, AppFailed)
    assert isinstance(failed.error, AuthError)
    assert isinstance(closed, AppClosed)
    assert session.state is SessionState.CLOSED
    # The deadline for opening is of no concern any more.
    assert session.deadline is None
    session.tick(100.0)
    assert session.drain() == []


def test_a_deadline_for_opening() -> None:
    session = new_session(deadline=30.0)
    session.drain()
    assert session.deadline == 30.0
    session.tick(30.0)
    abort, failed, closed = session.drain()
    assert abort == AbortExchange(ExchangeId(1))
    assert isinstance(failed, AppFailed)
    assert isinstance(failed.error, DeadlineExceeded)
    assert failed.error.limit == "deadline"
    assert isinstance(closed, AppClosed)
    assert opened(deadline=30.0).deadline is None


def test_close_while_opening() -> None:
    session = new_session(deadline=30.0)
    session.drain()
    session.close(1.0)
    assert session.drain() == [AbortExchange(ExchangeId(1)), AppClosed()]
    assert session.deadline is None
    session.close(2.0)
    assert session.drain() == []


def looked_ahead(**options: Any) -> Session:
    """A session whose config has come and isn't read."""
    session = new_session(**options)
    answer(session, 1, GradioServer(APP).config())
    assert [action.url for action in session.drain() if isinstance(action, StartExchange)][1:] == [
        f"{URL}/gradio_api/info?serialize=False"
    ]
    assert session.deadline == HEAD_START
    return session


def test_a_config_is_read_once_the_description_is_asked_for() -> None:
    session = looked_ahead()
    session.tick(HEAD_START)
    assert session.drain() == []
    assert session.deadline is not None
    assert session.deadline > HEAD_START
    answer(session, 2, GradioServer(APP).info())
    assert session.drain() == [AppOpened()]
    assert session.deadline is None


def test_what_ends_an_opening_before_its_config_is_read() -> None:
    session = looked_ahead()
    session.close(0.0)
    assert session.drain() == [AbortExchange(ExchangeId(2)), AppClosed()]
    assert session.deadline is None
    late = looked_ahead(deadline=HEAD_START)
    late.tick(HEAD_START)
    abort, failed, closed = late.drain()
    assert abort == AbortExchange(ExchangeId(2))
    assert isinstance(failed, AppFailed)
    assert isinstance(closed, AppClosed)
    assert late.deadline is None


def test_a_job_that_is_not_there() -> None:
    session = opened()
    for job in (JobId(0), JobId(1)):
        with pytest.raises(LocalProtocolError):
            session.cancel(job, 0.0)
        with pytest.raises(LocalProtocolError):
            session.consumed(job, 1, 0.0)
        with pytest.raises(LocalProtocolError):
            session.send(job, ["hi"], 0.0)
        with pytest.raises(LocalProtocolError):
            session.end(job, 0.0)


def test_two_limits_that_pass_at_once_end_a_job_once() -> None:
    session = opened(limits=Limits(request=5.0, idle_direct=5.0))
    session.submit("/predict", ["hi"], now=0.0, timeout=5.5)
    session.submit("/direct", ["hi"], now=0.0, timeout=5.2)
    session.tick(5.9)
    ended = finished(session)
    assert [
        (event.job, event.error.limit) for event in ended if isinstance(event.error, DeadlineExceeded)
    ] == [
        (1, "request"),
        (2, "idle_direct"),
    ]
    assert session.deadline is None


def test_a_limit_that_passes_late_is_set_anew_once() -> None:
    session = opened(limits=Limits(request=5.0))
    session.submit("/predict", ["hi"], now=0.0)
    session.tick(10.0)
    assert finished(session) == []
    assert session.deadline == 11.0
    # Late again, and by now it is no surprise.
    session.tick(20.0)
    assert [type(event.error) for event in finished(session)] == [DeadlineExceeded]


def test_late_limits_are_forgotten_with_their_exchanges() -> None:
    session = opened(limits=Limits(request=5.0))
    now = 0.0
    for i in range(20):
        session.submit("/direct", ["hi"], now=now)
        session.submit("/predict", ["hi"], now=now)
        now += 10.0
        session.tick(now)
        join = 4 + 2 * i
        session.exchange_failed(ExchangeId(join), Disconnected("", phase="", url=""), now)
    assert len(session._late) <= 2


def test_an_answer_that_is_too_long() -> None:
    session = opened(limits=Limits(body=1_000_000))
    session.submit("/predict", ["hi"], now=0.0)
    session.response_started(ExchangeId(3), 200, JSON, URL, 0.0)
    session.body_received(ExchangeId(3), b" " * 1_000_001, 0.0)
    (ended,) = finished(session)
    assert isinstance(ended.error, RemoteProtocolError)
    assert "Limits.body" in ended.error.message


def test_all_that_follows_a_close_is_ignored() -> None:
    session = opened()
    session.submit("/predict", ["hi"], now=0.0, timeout=100.0)
    session.close(1.0)
    (ended,) = finished(session)
    assert isinstance(ended.error, JobCancelled)
    assert session.state is SessionState.CLOSING
    session.close(1.5)
    assert session.drain() == []
    session.tick(3.0)
    assert session.drain() == [AbortExchange(ExchangeId(3)), AppClosed()]
    answer(session, 3, {"event_id": "late"})
    session.cancel(JobId(1), 4.0)
    session.consumed(JobId(1), 10, 4.0)
    session.tick(1000.0)
    assert session.drain() == []
    with pytest.raises(LocalProtocolError) as caught:
        session.submit("/predict", ["hi"], now=5.0)
    assert caught.value.state == "closed"


def test_isolated_sessions_are_let_go_of() -> None:
    world = World()
    for _ in range(20):
        world.end(world.submit("/predict", "hi", isolated=True))
        world.run(0.5)
    assert len(world.engine._session._transports._isolated) <= 2
    assert len({job.session for job in world.server.jobs}) == 20
    world.finish()
