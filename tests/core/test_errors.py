from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import gradio_sansio
from gradio_sansio import errors
from gradio_sansio.errors import (
    AppError,
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RemoteProtocolError,
    SpaceError,
    ValidationError,
)
from gradio_sansio.session.space import SpaceStatusError

STATUS = SpaceStatusError("space_error", "RUNTIME_ERROR", "error", "it failed", True)

# Each error with all that it carries.
ERRORS: list[tuple[GradioError, dict[str, object]]] = [
    (GradioError("text"), {}),
    (LocalProtocolError("text", state="open"), {"state": "open"}),
    (RemoteProtocolError("text", expected="a", seen="b"), {"expected": "a", "seen": "b"}),
    (ConnectError("text", phase="join", url="https://x"), {"phase": "join", "url": "https://x"}),
    (Disconnected("text", phase="stream", url="https://x"), {"phase": "stream", "url": "https://x"}),
    (DeadlineExceeded("text", limit="idle"), {"limit": "idle"}),
    (AppError("text", title="T", duration=1.5), {"title": "T", "duration": 1.5}),
    (AppError("text"), {"title": None, "duration": None}),
    (ValidationError("text", parameter="n", reason="bad"), {"parameter": "n", "reason": "bad"}),
    (QueueFull("text", retry_after=1.0), {"retry_after": 1.0}),
    (RateLimited("text", retry_after=2.0), {"retry_after": 2.0}),
    (QuotaExceeded("text"), {"retry_after": None}),
    (AuthError("text", hint="auth"), {"hint": "auth", "advice": ""}),
    (EndpointNotFound("text", available=("/a", 1)), {"available": ("/a", 1)}),
    (SpaceError("text", status=STATUS), {"status": STATUS}),
    (SpaceError("text"), {"status": None}),
    (JobCancelled("text"), {}),
]
IDS = [f"{type(error).__name__} {i}" for i, (error, _) in enumerate(ERRORS)]


@pytest.mark.parametrize(("error", "carries"), ERRORS, ids=IDS)
def test_what_they_carry(error: GradioError, carries: dict[str, object]) -> None:
    assert vars(error) == {"message": "text"} | carries
    assert str(error) == "text"
    assert error.args == ("text",)
    assert repr(error) == f"{type(error).__name__}('text')"


def test_advice_ends_the_text() -> None:
    error = AuthError("refused", hint="auth", advice="check auth=(user, password)")
    assert str(error) == error.message == f"refused; {error.advice}"
    assert str(copy.copy(error)) == str(error)


def pickled(protocol: int) -> Callable[[GradioError], GradioError]:
    def way(error: GradioError) -> GradioError:
        again: GradioError = pickle.loads(pickle.dumps(error, protocol))
        return again

    return way


WAYS = [copy.copy, copy.deepcopy, *map(pickled, range(pickle.HIGHEST_PROTOCOL + 1))]


@pytest.mark.parametrize(("error", "carries"), ERRORS, ids=IDS)
@pytest.mark.parametrize("way", WAYS)
def test_copies_are_complete(
    error: GradioError, carries: dict[str, object], way: Callable[[GradioError], GradioError]
) -> None:
    again = way(error)
    assert again is not error
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert (str(again), again.args, repr(again)) == (str(error), error.args, repr(error))


def test_notes_are_copied_too() -> None:
    error = AppError("text")
    error.add_note("seen in a test")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["seen in a test"]


def test_the_tree() -> None:
    public = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and not name.startswith("_")
    }
    parents = {
        name: tuple(parent.__name__ for parent in kind.__mro__[1:-1] if not parent.__name__.startswith("_"))
        for name, kind in public.items()
    }
    root = ("Exception", "BaseException")
    children = {
        name: ("GradioError", *root) for name in public if name not in ("GradioError", "DeadlineExceeded")
    }
    assert parents == children | {
        "GradioError": root,
        "DeadlineExceeded": ("GradioError", "TimeoutError", "OSError", *root),
    }
    # As the API promises them.
    assert set(public) == {
        "AppError",
        "AuthError",
        "ConnectError",
        "DeadlineExceeded",
        "Disconnected",
        "EndpointNotFound",
        "GradioError",
        "JobCancelled",
        "LocalProtocolError",
        "QueueFull",
        "QuotaExceeded",
        "RateLimited",
        "RemoteProtocolError",
        "SpaceError",
        "ValidationError",
    }
    assert {type(error).__name__ for error, _ in ERRORS} == set(parents)
    for name, kind in public.items():
        assert getattr(gradio_sansio, name) is kind


def test_a_deadline_is_caught_as_a_timeout() -> None:
    with pytest.raises(TimeoutError, match=r"^text$"):
        raise DeadlineExceeded("text", limit="idle")


def test_what_is_needed_must_be_named() -> None:
    kinds: list[Any] = [
        LocalProtocolError,
        RemoteProtocolError,
        ConnectError,
        DeadlineExceeded,
        AuthError,
        EndpointNotFound,
    ]
    for kind in kinds:
        with pytest.raises(TypeError, match="keyword-only"):
            kind("text")
