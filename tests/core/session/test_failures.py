from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gradio_sansio.errors import (
    AppError,
    AuthError,
    ConnectError,
    Disconnected,
    GradioError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.session.failures import HIDDEN, app_error, failed, refusal
from gradio_sansio.session.messages import Output

URL = "https://app.example/queue/join"
OLD, NEW = (4, 44, 1), (6, 31, 0)


def refuse(
    status: int, body: object = b"", *, phase: str = "join", headers: tuple[tuple[str, str], ...] = ()
) -> GradioError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(status, headers, data, phase=phase, url=URL, depth=10)


def attributes(error: GradioError) -> dict[str, object]:
    return {name: value for name, value in vars(error).items() if name != "message"}


# Whether an output is a failure.

FAILED: list[tuple[Output, object, bool]] = [
    (Output(data=[1]), True, False),
    (Output(data=[1]), None, False),
    (Output(), True, False),
    (Output(data=[1]), False, True),
    (Output(error="boom"), True, True),
    (Output(error=None), True, True),
    (Output(error=UNSET), 0, False),
]


@pytest.mark.parametrize(("output", "success", "expected"), FAILED)
def test_failed(output: Output, success: object, expected: bool) -> None:
    assert failed(output, success) is expected


# What the app's function raised. Version, error, text.
TEXTS: list[tuple[str, tuple[int, int, int], object, str]] = [
    ("plain", NEW, "boom", "boom"),
    ("null", NEW, None, HIDDEN),
    ("absent", NEW, UNSET, HIDDEN),
    ("empty", NEW, "", HIDDEN),
    ("no text", NEW, {"a": 1}, HIDDEN),
    ("quoted in 4.44", OLD, "'gr boom'", "gr boom"),
    ("in double quotes", OLD, '"it\'s"', "it's"),
    ("both kinds of quotes", OLD, """'it\\'s "it"'""", 'it\'s "it"'),
    ("escapes", OLD, r"'a\nb\\n\x1b\u2028\U000e0001'", "a\nb\\n\x1b\u2028\U000e0001"),
    ("not in ASCII", OLD, "'é 日本 \U0001f600'", "é 日本 \U0001f600"),
    ("quoted and empty", OLD, "''", HIDDEN),
    ("quoted in 5.1", (5, 1, 9), "'gr boom'", "gr boom"),
    ("quotes of its own from 5.2 on", (5, 2, 0), "'gr boom'", "'gr boom'"),
    ("one quote", OLD, "'", "'"),
    ("quotes that don't match", OLD, "'boom\"", "'boom\""),
    ("quoted words", OLD, "'a' and 'b'", "'a' and 'b'"),
    ("no repr: an unknown escape", OLD, r"'\d+ matches nothing'", r"'\d+ matches nothing'"),
    ("no repr: an escape cut short", OLD, r"'\x1'", r"'\x1'"),
    ("no repr: a backslash at the end", OLD, "'boom\\'", "'boom\\'"),
    ("no repr: past Unicode's end", OLD, r"'\U00110000'", r"'\U00110000'"),
    ("None in 3.50", (3, 50, 2), "None", HIDDEN),
    ("None in 4.0", (4, 0, 0), "None", "None"),
    ("HTML stays", NEW, "<b>boom</b>", "<b>boom</b>"),
]


@pytest.mark.parametrize(("name", "version", "error", "text"), TEXTS, ids=[name for name, _, _, _ in TEXTS])
def test_texts(name: str, version: tuple[int, int, int], error: object, text: str) -> None:
    found = app_error(Output(error=error), None, version=version)
    assert type(found) is AppError
    assert found.message == str(found) == text
    assert attributes(found) == {"title": None, "duration": None}


@given(st.text(min_size=1))
def test_the_repr_of_any_text_is_undone(text: str) -> None:
    if text != "None" and "quota" not in text:
        assert app_error(Output(error=repr(text)), None, version=OLD).message == text


@given(st.text(st.sampled_from(list("'\"\\xuU0n1dé")), max_size=20))
def test_any_text_gives_an_error(text: str) -> None:
    assert isinstance(app_error(Output(error=text), None, version=OLD), AppError)


# Name, title and duration in the output, title beside it, title and duration of the error.
DETAILS: list[tuple[str, object, object, object, str | None, float | None]] = [
    ("none", None, None, None, None, None),
    ("both in the output", "Oops", 10, None, "Oops", 10.0),
    ("beside the output", None, None, "Error", "Error", None),
    ("the output's own goes first", "Oops", None, "Error", "Oops", None),
    ("not texts and numbers", 1, "10", ["x"], None, None),
    ("odd numbers", None, math.nan, None, None, None),
    ("true is no duration", None, True, None, None, None),
    ("a number past all floats", None, 10**400, None, None, None),
]


@pytest.mark.parametrize(
    ("name", "title", "duration", "beside", "expected", "seconds"), DETAILS, ids=[row[0] for row in DETAILS]
)
def test_details(
    name: str, title: object, duration: object, beside: object, expected: str | None, seconds: float | None
) -> None:
    error = app_error(Output(error="boom", title=title, duration=duration), beside, version=NEW)
    assert attributes(error) == {"title": expected, "duration": seconds}


# Name, text, seconds to wait.
QUOTA: list[tuple[str, str, float | None]] = [
    (
        "hours",
        "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 5:07:09",
        5 * 3600 + 7 * 60 + 9,
    ),
    (
        "days",
        "You have exceeded your free GPU quota (60s requested vs. 59s left). Try again in 1 day, 0:00:01",
        86_401.0,
    ),
    (
        "several days",
        "You have exceeded your Pro GPU quota. try again in 12 days, 1:00:00",
        12 * 86_400 + 3600,
    ),
    ("none", "You have exceeded your GPU quota.", None),
    ("an odd one", "You have exceeded your GPU quota. Try again in a week", None),
    ("in HTML", "<p>You have exceeded your free GPU quota.</p> Try again in 0:01:00", 60.0),
]


@pytest.mark.parametrize(("name", "text", "seconds"), QUOTA, ids=[name for name, _, _ in QUOTA])
def test_quota(name: str, text: str, seconds: float | None) -> None:
    for version, error in ((NEW, text), (OLD, repr(text))):
        found = app_error(Output(error=error), None, version=version)
        assert type(found) is QuotaExceeded
        assert found.message == text
        assert found.retry_after == seconds


def test_only_the_beginning_of_a_text_is_searched() -> None:
    text = "x" * 1_000 + "You have exceeded your GPU quota. Try again in 0:01:00"
    assert type(app_error(Output(error=text), None, version=NEW)) is AppError


# What an answer means. Name, status, body, type, attributes, in the text, not in the text.
NOT_SAID = "secret"
TO_PASS = "pass auth=(user, password) if the app has a login, or hf_token= if it is a private Space"
REFUSALS: list[tuple[str, int, object, type[GradioError], dict[str, object], str]] = [
    (
        "401 of 4.x",
        401,
        {"detail": "Not authenticated"},
        AuthError,
        {"hint": "auth or hf_token", "advice": TO_PASS},
        "Not authenticated",
    ),
    (
        "401 of 5.x",
        401,
        {"detail": {"error": "Not authenticated", "auth_message": None}},
        AuthError,
        {"hint": "auth or hf_token", "advice": TO_PASS},
        ": Not authenticated; pass auth=(user, password)",
    ),
    (
        "401 of the Hub",
        401,
        b"<html>secret",
        AuthError,
        {"hint": "auth or hf_token", "advice": TO_PASS},
        "hf_token= if it is a private",
    ),
    (
        "403",
        403,
        b"",
        AuthError,
        {"hint": "auth or hf_token", "advice": TO_PASS},
        "answered 403 to join at https://app.example/queue/join;",
    ),
    ("429", 429, b"slow down, secret", RateLimited, {"retry_after": None}, "answered 429 to join"),
    (
        "queue full",
        503,
        {"detail": "Queue is full. Max size is 3 and size is 3."},
        QueueFull,
        {"retry_after": None},
        "the app takes no more jobs for now: Queue is full. Max size is 3 and size is 3.",
    ),
    (
        "503 of a proxy",
        503,
        b"<html>secret",
        ConnectError,
        {"phase": "join", "url": URL},
        "not up, or too slow",
    ),
    # The gateway had passed them on.
    ("502", 502, {"detail": "Queue"}, Disconnected, {"phase": "join", "url": URL}, "the job is unknown"),
    ("504", 504, b"", Disconnected, {"phase": "join", "url": URL}, "the job is unknown"),
    (
        "an error before the function ran",
        500,
        {"error": "An event handler (echo) didn't receive enough input values"},
        AppError,
        {"title": None, "duration": None},
        "An event handler (echo) didn't receive enough input values",
    ),
    ("a hidden error", 500, {"error": None}, AppError, {"title": None, "duration": None}, HIDDEN),
    ("with a title", 500, {"error": "x", "title": "T"}, AppError, {"title": "T", "duration": None}, "x"),
    (
        "with a duration",
        500,
        {"error": "x", "duration": 2.5},
        AppError,
        {"title": None, "duration": 2.5},
        "x",
    ),
    (
        "a traceback",
        500,
        b"Traceback: secret",
        RemoteProtocolError,
        {"expected": "a successful answer to join", "seen": "HTTP 500"},
        "answered 500 to join at https://app.example/queue/join",
    ),
    (
        "400",
        400,
        {"detail": "No function index provided."},
        RemoteProtocolError,
        {"expected": "a successful answer to join", "seen": "HTTP 400"},
        "answered 400 to join at https://app.example/queue/join: No function index provided.",
    ),
    (
        "a list",
        404,
        ["secret"],
        RemoteProtocolError,
        {"expected": "a successful answer to join", "seen": "HTTP 404"},
        "answered 404",
    ),
    (
        "a redirect",
        302,
        b"",
        RemoteProtocolError,
        {"expected": "a successful answer to join", "seen": "HTTP 302"},
        "answered 302",
    ),
    (
        "the app's validator",
        422,
        {
            "detail": [
                {"__type__": "validate", "is_valid": True, "message": "", "parameter_name": "a"},
                {
                    "__type__": "validate",
                    "is_valid": False,
                    "message": "must be positive",
                    "parameter_name": "n",
                },
            ]
        },
        ValidationError,
        {"parameter": "n", "reason": "must be positive"},
        "the app refused the arguments: parameter 'n': must be positive",
    ),
    (
        "the server's check",
        422,
        {"detail": [{"loc": ["body", "fn_index"], "msg": "field required", "type": "value_error.missing"}]},
        ValidationError,
        {"parameter": "fn_index", "reason": "field required"},
        "parameter 'fn_index': field required",
    ),
    (
        "without a name",
        422,
        {"detail": [{"loc": ["body", 0], "msg": "bad"}]},
        ValidationError,
        {"parameter": None, "reason": "bad"},
        "the app refused the arguments: bad",
    ),
    (
        "an empty place",
        422,
        {"detail": [{"loc": [], "msg": "bad"}]},
        ValidationError,
        {"parameter": None, "reason": "bad"},
        "the app refused the arguments: bad",
    ),
    (
        "reasons that are none",
        422,
        {"detail": ["x", {"message": 1}, {"is_valid": False, "message": ""}]},
        ValidationError,
        {"parameter": None, "reason": "the server gave none"},
        "answered 422",
    ),
    (
        "422 in words",
        422,
        {"detail": "nothing like it"},
        ValidationError,
        {"parameter": None, "reason": "the server gave none"},
        "answered 422 to join at https://app.example/queue/join: nothing like it",
    ),
    (
        "422 without a body",
        422,
        b"",
        ValidationError,
        {"parameter": None, "reason": "the server gave none"},
        "answered 422 to join",
    ),
]


@pytest.mark.parametrize(
    ("name", "status", "body", "kind", "carries", "text"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_refusals(
    name: str, status: int, body: object, kind: type[GradioError], carries: dict[str, object], text: str
) -> None:
    error = refuse(status, body)
    assert type(error) is kind
    assert attributes(error) == carries
    assert text in error.message
    assert NOT_SAID not in error.message


def test_a_full_queue_is_told_by_the_join_alone() -> None:
    body = {"detail": "Queue is full."}
    assert type(refuse(503, body)) is QueueFull
    assert type(refuse(503, body, phase="config")) is ConnectError


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_says_what_became_of_jobs_alone(status: int) -> None:
    assert type(refuse(status, b"", phase="the call")) is Disconnected
    assert type(refuse(status, b"", phase="config")) is ConnectError


def test_the_version_decides_on_quotes() -> None:
    body = b'{"error": "\'boom\'"}'
    for version, text in ((OLD, "boom"), (NEW, "'boom'"), ((0, 0, 0), "boom")):
        assert refusal(500, (), body, phase="the call", url=URL, depth=10, version=version).message == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("9" * 10, None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    headers = (("date", "1"), ("retry-after", value))
    for error in (refuse(429, headers=headers), refuse(503, {"detail": "full"}, headers=headers)):
        assert isinstance(error, (RateLimited, QueueFull))
        assert error.retry_after == seconds


def test_what_the_server_says_is_cut() -> None:
    error = refuse(400, {"detail": "x" * 10_000})
    assert error.message.count("x") < 510


def test_an_answer_nested_too_deep_says_nothing() -> None:
    assert type(refuse(500, b'{"error":' + b"[" * 20 + b"]" * 20 + b"}")) is RemoteProtocolError
