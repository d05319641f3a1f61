"""What a person sees: in terminals wide and narrow, with an app that is nice and with one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from tests.cli.app import FUNCTIONS, HARMLESS
from tests.cli.shell import Terminal, check_harmless

if TYPE_CHECKING:
    from tests.cli.conftest import Server


def test_a_bar_goes_away_when_the_job_is_done(server: Server) -> None:
    with Terminal("predict", server.url, "/steps", "x") as terminal:
        assert terminal.wait() == 0
    assert any("75%" in frame and "3/4" in frame and "█" in frame for frame in terminal.frames)
    assert terminal.screen == ["done"]


def test_text_grows_in_one_line(server: Server) -> None:
    with Terminal("predict", server.url, "/grow", "x") as terminal:
        assert terminal.wait() == 0
    assert "one two" in [frame.strip() for frame in terminal.frames]
    assert terminal.screen == ["one two three"]


def test_submit(server: Server) -> None:
    with Terminal("submit", server.url, "/grow", "x") as terminal:
        assert terminal.wait() == 0
    assert terminal.screen == ["one", "one two", "one two three"]


@pytest.mark.parametrize("endpoint", ["/steps", "/grow"])
def test_twenty_columns(server: Server, endpoint: str) -> None:
    with Terminal("predict", server.url, endpoint, "x", columns=20) as terminal:
        assert terminal.wait() == 0
    # What is drawn again must not run into a second line: it would stay there.
    drawn = [line for line in terminal.text.split("\n") if "\r" in line.rstrip("\r")]
    assert drawn
    assert all(len(frame) <= 20 for line in drawn for frame in line.split("\r"))


def test_help_in_twenty_columns() -> None:
    with Terminal("predict", "--help", columns=20) as terminal:
        assert terminal.wait() == 0
    assert "--timeout" in terminal.text


@pytest.mark.parametrize("command", ["predict", "submit"])
@pytest.mark.parametrize("endpoint", ["/evil", "/evil_json", "/evil_progress", "/evil_error"])
def test_escape_sequences(server: Server, command: str, endpoint: str) -> None:
    with Terminal(command, server.url, endpoint, "x") as terminal:
        assert terminal.wait() == (3 if endpoint == "/evil_error" else 0)
    check_harmless(terminal.text)
    if endpoint == "/evil_progress":
        assert f"{HARMLESS}: {HARMLESS}" in terminal.screen


def test_a_dumb_terminal(server: Server) -> None:
    with Terminal("predict", server.url, "/steps", "x", variables={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0
    assert "\r" not in terminal.text.replace("\r\n", "")
    assert "a step with quite a long description: 3 of 4 steps" in terminal.screen


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_no_colours_and_no_blocks(server: Server, variables: dict[str, str]) -> None:
    with Terminal("predict", server.url, "/steps", "x", variables=variables) as terminal:
        assert terminal.wait() == 0
    check_harmless(terminal.text)
    assert any("75%" in frame for frame in terminal.frames)
    assert terminal.screen == ["done"]


def test_control_c_cancels(server: Server) -> None:
    with Terminal("predict", server.url, "/slow", "x") as terminal:
        terminal.wait_for(lambda text: "running" in text)
        terminal.type(b"\x03")
        assert terminal.wait() == 130
    assert terminal.screen[-1].endswith("gradio-sansio: interrupted")
    assert "Traceback" not in terminal.text
    assert server.call(
        lambda gradio: [request.path for request in gradio.requests if "cancel" in request.path]
    )


def test_a_password_is_asked_for_and_not_shown() -> None:
    with (
        Loopback(GradioServer(FUNCTIONS, auth=("user", "secret"))) as server,
        Terminal("predict", server.url, "hello", "--auth", "user") as terminal,
    ):
        terminal.wait_for(lambda text: "Password of user" in text)
        terminal.type(b"secret\n")
        assert terminal.wait() == 0
        assert "secret" not in terminal.text
        assert terminal.screen[-1] == "hello"


def test_control_c_at_the_password(server: Server) -> None:
    with Terminal("predict", server.url, "hello", "--auth", "user") as terminal:
        terminal.wait_for(lambda text: "Password of user" in text)
        terminal.type(b"\x03")
        assert terminal.wait() == 130
    assert "Traceback" not in terminal.text
