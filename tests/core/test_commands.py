from __future__ import annotations

from typing import Any, get_args

import pytest

from gradio_sansio import commands, events
from gradio_sansio.commands import (
    CloseSocket,
    Command,
    ConnectionId,
    ExchangeCommand,
    ExchangeId,
    OpenSocket,
    Redirects,
    Send,
    SendBody,
    SendMessage,
    StartExchange,
)
from gradio_sansio.events import Event, JobEvent

C, E = ConnectionId(1), ExchangeId(2)

# Commands that carry what may be secret, and how they are shown.
REPRS: list[tuple[object, str]] = [
    (Send(C, b"SECRET"), "Send(connection=1, data=<6 bytes>)"),
    (
        StartExchange(
            exchange=E,
            method="POST",
            url="https://app.example/login?token=SECRET",
            headers=(("authorization", "SECRET"), ("accept", "*/*")),
            body=b"SECRET",
        ),
        "StartExchange(2, POST https://app.example/login, headers=(authorization, accept))",
    ),
    (SendBody(E, b"SECRET", True), "SendBody(2, data=<6 bytes>, last=True)"),
    (
        OpenSocket(E, "https://app.example/queue/join?__sign=SECRET"),
        "OpenSocket(2, https://app.example/queue/join)",
    ),
    (SendMessage(E, "SECRET"), "SendMessage(2, text=<6 characters>)"),
]


@pytest.mark.parametrize(("command", "text"), REPRS, ids=lambda value: type(value).__name__)
def test_reprs_hold_no_secrets(command: object, text: str) -> None:
    assert repr(command) == text
    assert "SECRET" not in str(command)


def test_what_is_left_out_is_the_careful_choice() -> None:
    start = StartExchange(exchange=E, method="GET", url="https://app.example/")
    assert (start.redirects, start.long_lived, start.compressed) == (Redirects.NONE, False, False)
    assert (start.headers, start.body) == ((), b"")
    assert CloseSocket(E).code == 1000


def structs(module: Any) -> set[Any]:
    return {
        value
        for name, value in vars(module).items()
        if hasattr(value, "__struct_fields__") and value.__module__ == module.__name__
    }


def test_the_unions_are_closed() -> None:
    # What an adapter's `match` relies on; a body that is pulled is part of a command and none itself.
    assert set(get_args(Command)) | set(get_args(ExchangeCommand)) == structs(commands) - {
        commands.PulledBody
    }
    # A file is read by whoever drives, with connections or with exchanges.
    assert set(get_args(Command)) & set(get_args(ExchangeCommand)) == {commands.NeedBody}
    assert set(get_args(Event)) == structs(events)
    assert set(get_args(JobEvent)) < set(get_args(Event))


@pytest.mark.parametrize("kind", sorted(structs(commands) | structs(events), key=str))
def test_all_are_frozen(kind: Any) -> None:
    assert kind.__struct_config__.frozen
