"""What can go wrong, and the code that it ends with. Each with one line that says what to do, and no output."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradio_sansio import (
    AppError,
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    GradioError,
    LocalProtocolError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RemoteProtocolError,
    SpaceError,
    ValidationError,
)
from gradio_sansio.testing.loopback import Loopback, refused_url
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer
from gradio_sansio_cli._exits import code_of
from tests.cli.app import FUNCTIONS
from tests.cli.shell import COMMAND, environment, run, start

if TYPE_CHECKING:
    from tests.cli.conftest import Server

ERRORS = {
    AppError("x"): 3,
    EndpointNotFound("x", available=()): 4,
    ValidationError("x", parameter=None, reason="x"): 4,
    LocalProtocolError("x", state="x"): 4,
    ConnectError("x", phase="x", url="x"): 5,
    Disconnected("x", phase="x", url="x"): 5,
    DeadlineExceeded("x", limit="x"): 5,
    RemoteProtocolError("x", expected="x", seen="x"): 5,
    AuthError("x", hint="x"): 6,
    SpaceError("x"): 7,
    QueueFull("x"): 7,
    RateLimited("x"): 7,
    QuotaExceeded("x"): 7,
}

ADAPTERS = Path(__file__).parents[2] / "adapters"

# Nothing listens at port 9 of this machine; what is wrong is found before.
NOWHERE = "http://127.0.0.1:9"
USAGE = {
    "no command": ((), "Missing command"),
    "unknown command": (("prdict",), "No such command 'prdict'"),
    "unknown option": (("predict", NOWHERE, "--nope"), "--nope"),
    "a value with a dash": (("predict", NOWHERE, "/x", "-dash"), "comes after --"),
    "option before the command": (("--json", "api", NOWHERE), "--json comes after the command"),
    "option without its value": (("api", NOWHERE, "--timeout"), "--timeout"),
    "no source": (("api",), "SOURCE"),
    "no app": (("api", "nonsense"), "expected a URL"),
    "no scheme": (("api", "127.0.0.1:9"), "did you mean http://127.0.0.1:9? See: "),
    "empty source": (("api", ""), "expected a URL"),
    "escape sequence in the source": (("api", "\x1b[31m"), "expected a URL"),
    "password in the URL": (("api", "http://user:secret@127.0.0.1:9"), "pass them as auth"),
    "superfluous argument": (("api", NOWHERE, "more"), "unexpected extra argument"),
    "malformed list": (("predict", NOWHERE, "[1, 2"), "begins like JSON"),
    "malformed object": (("predict", NOWHERE, "a={'x': 1}"), "begins like JSON"),
    "malformed string": (("predict", NOWHERE, '"x'), "Unterminated string starting at character 1"),
    "malformed name": (("predict", NOWHERE, '"\\q"=1'), "begins like JSON"),
    "no number": (("predict", NOWHERE, "[NaN]"), "NaN"),
    "number that would be null": (("predict", NOWHERE, "[-1e999]"), "-1e999 is too large"),
    "deep value": (("predict", NOWHERE, "[" * 50_000), "nested too deeply"),
    "name twice": (("predict", NOWHERE, "a=1", "a=2"), "twice"),
    "file and text": (("predict", NOWHERE, "a=@x", "a=2"), "twice"),
    "files and a list": (("predict", NOWHERE, "a=[]", "a=@x"), "twice"),
    "file without a path": (("predict", NOWHERE, "@"), "@path"),
    "no directory": (("predict", NOWHERE, "--output", __file__), "--output"),
    "no directory to download to": (("download", NOWHERE, "/x", "--to", "/nowhere"), "--to"),
    "nothing to download": (("download", NOWHERE), "FILE"),
    "file of bad bytes": (("download", NOWHERE, b"\xff"), "not valid text"),
    "names and positions": (("predict", NOWHERE, "1", "a=2"), "all by position"),
    "bad bytes": (("predict", NOWHERE, b"\xff"), "not valid text"),
    "malformed header": (("api", NOWHERE, "--header", "x"), "--header 'Name: value'"),
    "header injection": (("api", NOWHERE, "--header", "x: a\nb: c"), "headers"),
    "bad timeout": (("api", NOWHERE, "--timeout", "soon"), "--timeout"),
    "no time": (("api", NOWHERE, "--timeout", "-1"), "--timeout"),
    "endless time": (("api", NOWHERE, "--timeout", "inf"), "--timeout"),
    "bad proxy": (("api", NOWHERE, "--proxy", "socks5://127.0.0.1"), "proxy"),
    "bad hub": (("api", "user/space", "--hub", "nonsense"), "URL"),
}


@pytest.mark.parametrize(("error", "code"), ERRORS.items(), ids=[type(error).__name__ for error in ERRORS])
def test_every_error_has_its_code(error: GradioError, code: int) -> None:
    assert code_of(error) == code


def test_no_error_is_forgotten() -> None:
    public = {kind for kind in GradioError.__subclasses__() if not kind.__name__.startswith("_")}
    assert {kind.__name__ for kind in public} - {"JobCancelled"} <= {type(error).__name__ for error in ERRORS}


@pytest.mark.parametrize(("arguments", "said"), USAGE.values(), ids=USAGE)
def test_a_wrong_command_line(arguments: tuple[str | bytes, ...], said: str) -> None:
    assert said in run(*arguments).check_error(2)


def test_the_apps_function_fails(server: Server) -> None:
    assert run("predict", server.url, "/fail_late", "x").check_error(3) == "gradio-sansio: AppError: boom"


def test_an_apps_own_words_stay_as_they_are(server: Server) -> None:
    words = "pass hf_token= and auth=(user, password)"
    line = run("predict", server.url, "/fail_with", words).check_error(3)
    assert line == f"gradio-sansio: AppError: {words}"
    refused = Answer(401, {"detail": words})
    server.call(lambda gradio: gradio.answers.update({"/config": [refused]}))
    line = run("api", server.url).check_error(6)
    assert f"{words}; pass --auth USER if the app has a login, or --token or HF_TOKEN if" in line


def test_no_such_endpoint(server: Server) -> None:
    line = run("predict", server.url, "/nope").check_error(4)
    assert "/nope" in line
    assert "/evil_json" in line


def test_an_endpoint_without_its_slash() -> None:
    with Loopback(GradioServer([one for one in FUNCTIONS if one.name != "predict"])) as server:
        line = run("predict", server.url, "grow", "hello").check_error(4)
    assert line.endswith("; did you mean /grow, with its slash?")


@pytest.mark.parametrize("number", ["-1", "99"])
def test_no_such_number(server: Server, number: str) -> None:
    run("predict", server.url, "--endpoint", number).check_error(4)


def test_arguments_that_do_not_fit(server: Server) -> None:
    assert "p1" in run("predict", server.url, "/add", "1").check_error(4)
    line = run("predict", server.url, "/add", "p0=1", "c=2").check_error(4)
    assert line.endswith(
        """the parameters are: p0, p1; a text with an equals sign is written as JSON: '"a=b"'"""
    )
    assert "surrogates" in run("predict", server.url, '"\\ud800"').check_error(4)


def test_nobody_listens() -> None:
    with refused_url() as url:
        assert "connection refused" in run("api", url).check_error(5)


def test_no_gradio_app(server: Server) -> None:
    pages = {
        path: [Answer(404, b"<html>", headers={"content-type": "text/html"})] for path in ("/config", "/")
    }
    server.call(lambda gradio: gradio.answers.update(pages))
    run("api", server.url).check_error(5)


def test_the_connection_is_lost(server: Server) -> None:
    process = start("predict", server.url, "/slow", "x")
    assert process.stderr
    # It says so once the job runs.
    while b"running" not in process.stderr.readline():
        pass
    server.call(lambda gradio: gradio.cut_streams())
    out, err = process.communicate()
    assert (process.returncode, out) == (5, b"")
    assert b"gradio-sansio: Disconnected: " in err


def test_time_is_up(server: Server) -> None:
    line = run("predict", server.url, "/slow", "x", "--timeout", "1.5").check_error(5)
    assert line == "gradio-sansio: DeadlineExceeded: --timeout has passed; what ran was cancelled"


def test_a_login_is_needed() -> None:
    with Loopback(GradioServer(FUNCTIONS, auth=("user", "secret"))) as server:
        assert "; pass --auth USER if the app has a login, or --token or HF_TOKEN if" in run(
            "api", server.url
        ).check_error(6)
        run("api", server.url, "--auth", "user", GRADIO_SANSIO_PASSWORD="wrong").check_error(6)
        assert "GRADIO_SANSIO_PASSWORD" in run("api", server.url, "--auth", "user").check_error(6)
        assert run("api", server.url, "--auth", "user", GRADIO_SANSIO_PASSWORD="secret").code == 0


@pytest.mark.parametrize(
    ("token", "source"), [("nonsense", NOWHERE), ("hf_x", "http://example.org"), ("hf_\x1b[0m", NOWHERE)]
)
def test_a_token_that_can_not_be_sent(token: str, source: str) -> None:
    assert token not in run("api", source, "--token", token).check_error(6)


def test_the_queue_is_full(server: Server) -> None:
    full = Answer(503, {"detail": "Queue is full."}, headers={"retry-after": "30"})
    server.call(lambda gradio: gradio.answers.update({"/gradio_api/queue/join": [full]}))
    line = run("predict", server.url, "x").check_error(7)
    assert "QueueFull" in line
    assert "(try again in 30 s)" in line


def test_too_many_requests(server: Server) -> None:
    server.call(lambda gradio: gradio.answers.update({"/gradio_api/queue/join": [Answer(429)]}))
    assert "RateLimited" in run("predict", server.url, "x").check_error(7)


def test_without_the_extra() -> None:
    # -S: without what is installed.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "gradio_sansio_cli", "--help"],
        capture_output=True,
        text=True,
        env=environment(PYTHONPATH=str(ADAPTERS)),
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "gradio-sansio: the command line needs: pip install 'gradio-sansio[cli]'\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk(server: Server) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "predict", server.url, "x"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == f"gradio-sansio: {os.strerror(errno.ENOSPC)}"
