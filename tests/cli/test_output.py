"""Results on standard output, the rest on standard error, and nothing of it that could harm."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio.testing.loopback import Fault
from gradio_sansio.testing.serving import Answer
from tests.cli.app import EVIL, HARMLESS
from tests.cli.shell import COMMAND, check_harmless, environment, run, start

if TYPE_CHECKING:
    from tests.cli.conftest import Server

COMMANDS = ("api", "predict", "submit", "status", "duplicate", "download")
VALUES: dict[str, Any] = {
    "hello": "hello",
    "two words": "two words",
    "": "",
    "5": 5,
    "-5": -5,
    "-1.5e3": -1500.0,
    "true": True,
    "null": None,
    "[1, [2]]": [1, [2]],
    '{"a": "b=c"}': {"a": "b=c"},
    '"5"': "5",
    '"a=b"': "a=b",
    '"@me"': "@me",
    "@@me": "@me",
    "@@a=b": "@a=b",
    "p0=@@": "@",
    '["@me"]': ["@me"],
    "NaN": "NaN",
    "it's {fine}": "it's {fine}",
    "https://example.org/?a=b": "https://example.org/?a=b",
    "p0=x=y": "x=y",
    '"json 0"=1': 1,
    "wörld ✓": "wörld ✓",
}


def test_help_needs_no_network() -> None:
    done = run("--help")
    assert done.code == 0
    assert not done.err
    assert all(f"\n  {command} " in done.out for command in COMMANDS)
    assert "130" in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert not done.err
    for word in (
        "SPACE" if command in ("status", "duplicate") else "SOURCE",
        "--token",
        "HF_TOKEN",
        "--timeout",
        "--json",
        "Exit codes:",
    ):
        assert word in done.out
    assert run(command, "-h").out == done.out


def test_version() -> None:
    done = run("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("gradio-sansio ")


def test_api(server: Server) -> None:
    done = run("api", server.url)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("/predict(p0)\n")
    (info,) = run("api", server.url, "--json").objects
    assert list(info["named_endpoints"])[:2] == ["/predict", "/add"]
    assert [parameter["name"] for parameter in info["named_endpoints"]["/add"]["parameters"]] == ["p0", "p1"]


@pytest.mark.parametrize("text", VALUES)
def test_a_value(server: Server, text: str) -> None:
    (found,) = run("predict", server.url, "/value", text, "--json").objects
    sent = server.call(lambda gradio: gradio.jobs[-1].data)
    assert sent == [VALUES[text]] == found["data"]


def test_a_text_with_a_dash(server: Server) -> None:
    assert run("predict", server.url, "/value", "--", "-x").out == "-x\n"


@pytest.mark.parametrize(
    "arguments", [("/add", "1", "2"), ("--endpoint", "add", "1", "2"), ("--endpoint", "1", "1", "2")]
)
def test_an_endpoint(server: Server, arguments: tuple[str, ...]) -> None:
    assert run("predict", server.url, *arguments).out == "3\n"


def test_without_an_endpoint(server: Server) -> None:
    assert run("predict", server.url, "hello").out == "hello\n"


def test_a_slash_in_a_value(server: Server) -> None:
    assert run("predict", server.url, "--endpoint", "predict", "/etc").out == "/etc\n"


def test_predict_prints_the_last_value(server: Server) -> None:
    done = run("predict", server.url, "/grow", "x")
    assert (done.code, done.out) == (0, "one two three\n")
    # The text that grew, once.
    assert done.err == "sent\nnext, or running\nrunning\none two three\n"


def test_submit_prints_each_value(server: Server) -> None:
    done = run("submit", server.url, "/grow", "x")
    assert (done.code, done.out) == (0, "one\none two\none two three\n")
    assert "one" not in done.err


@pytest.mark.parametrize("command", ["predict", "submit"])
def test_an_input_that_streams_ends_after_what_was_given(server: Server, command: str) -> None:
    done = run(command, server.url, "/double", "4")
    assert (done.code, done.out) == (0, "8\n")


def test_several_outputs(server: Server) -> None:
    assert run("predict", server.url, "/split", "a b c").out == "a\nb c\n"


def test_json(server: Server) -> None:
    (result,) = run("predict", server.url, "/split", "a b", "--json").objects
    assert datetime.fromisoformat(result.pop("time")).tzinfo
    assert result == {"data": ["a", "b"], "endpoint": "/split", "fn_index": 11}
    values = run("submit", server.url, "/grow", "x", "--json").objects
    assert [value["data"] for value in values] == [["one"], ["one two"], ["one two three"]]


def test_json_has_no_nan(server: Server) -> None:
    message = (
        '{"msg":"process_completed","event_id":"%s","output":{"data":[[NaN,1.5,-Infinity]]},"success":true}'
    )
    process = start("predict", server.url, "/slow", "x", "--json")
    while not server.call(lambda gradio: [job for job in gradio.jobs if job.steps]):
        pass
    server.call(lambda gradio: gradio.emit((message % gradio.jobs[0].event_id).encode()))
    out, _ = process.communicate()
    assert json.loads(out)["data"] == [[None, 1.5, None]]


def test_progress(server: Server) -> None:
    lines = run("predict", server.url, "/steps", "x").err.splitlines()
    assert lines[:2] == ["sent", "next, or running"]
    assert lines[2:6] == [f"a step with quite a long description: {i} of 4 steps" for i in range(4)]


def test_a_place_in_the_queue(server: Server) -> None:
    first = start("submit", server.url, "/endless", "x")
    assert first.stdout
    assert first.stdout.readline() == b"0\n"
    second = start("predict", server.url, "/endless", "x")
    while len(server.call(lambda gradio: gradio.jobs)) < 2:
        pass
    third = start("predict", server.url, "/endless", "x")
    assert third.stderr
    lines: list[bytes] = []
    while not lines or not lines[-1].startswith(b"in the queue"):
        lines.append(third.stderr.readline())
        assert lines[-1]
    assert lines[-1].startswith(b"in the queue: 1 before it")
    for process in (third, second, first):
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert process.returncode == 130


def test_quiet(server: Server) -> None:
    assert run("predict", server.url, "/steps", "x", "--quiet").err == ""
    assert run("predict", server.url, "/fail_late", "x", "-q").err == "gradio-sansio: AppError: boom\n"


@pytest.mark.parametrize(("option", "said"), [("-v", True), ("--quiet", False)])
def test_verbose(server: Server, option: str, said: bool) -> None:
    process = start("submit", server.url, "/endless", "x", option)
    assert process.stdout
    process.stdout.readline()
    server.call(lambda gradio: gradio.emit({"msg": f"{EVIL}"}))
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    check_harmless(err.decode())
    assert (b"debug: " in err) is said


def test_a_call_that_fails_late(server: Server) -> None:
    assert run("predict", server.url, "/fail_late", "x").check_error(3)
    done = run("submit", server.url, "/fail_late", "x")
    assert (done.code, done.out) == (3, "first\n")
    assert done.err.endswith("\ngradio-sansio: AppError: boom\n")


@pytest.mark.parametrize("command", ["predict", "submit"])
@pytest.mark.parametrize("endpoint", ["/evil", "/evil_json", "/evil_progress", "/evil_error"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_escape_sequences(server: Server, command: str, endpoint: str, form: tuple[str, ...]) -> None:
    done = run(command, server.url, endpoint, "x", *form)
    assert done.code == (3 if endpoint == "/evil_error" else 0)
    check_harmless(done.out + done.err)
    if form and done.out:
        # Programs get what the app returned, to the letter.
        assert (
            EVIL in str(done.objects[-1]["data"])
            or done.objects[-1]["data"] == [{EVIL: EVIL}]
            or (done.objects[-1]["data"][0].startswith(EVIL))
        )
    elif endpoint in ("/evil", "/evil_progress"):
        assert HARMLESS in done.out


def test_escape_sequences_in_a_description(server: Server) -> None:
    item = {
        "label": EVIL,
        "parameter_name": EVIL,
        "component": EVIL,
        "type": {},
        "python_type": {"type": EVIL, "description": EVIL},
    }
    info = {
        "named_endpoints": {"/predict": {"description": EVIL, "parameters": [item], "returns": [item]}},
        "unnamed_endpoints": {},
    }
    for form in ((), ("--json",)):
        server.call(lambda gradio: gradio.answers.update({"/gradio_api/info": [Answer(body=info)]}))
        done = run("api", server.url, *form)
        assert done.code == 0
        assert "over" in done.out
        check_harmless(done.out + done.err)


def test_escape_sequences_in_a_refusal(server: Server) -> None:
    refusal = Answer(503, {"detail": EVIL})
    server.call(lambda gradio: gradio.answers.update({"/gradio_api/queue/join": [refusal]}))
    done = run("predict", server.url, "x")
    assert done.code == 7
    check_harmless(done.err)


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1:strict"},
    ],
)
def test_a_locale_without_the_letters(server: Server, locale: dict[str, str]) -> None:
    done = run("predict", server.url, "/value", '"w\\u00f6rld \\u2713"', **locale)
    assert done.code == 0
    assert "rld \\u2713" in done.out
    (result,) = run("predict", server.url, "/value", '"w\\u00f6rld \\u2713"', "--json", **locale).objects
    assert result["data"] == ["wörld ✓"]
    assert run("predict", server.url, "/nöpe", **locale).code == 4


def test_a_closed_pipe(server: Server) -> None:
    process = start("submit", server.url, "/endless", "x")
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == b"0\n"
    with process.stderr:
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read().decode().splitlines() == ["sent", "next, or running", "running"]
    assert server.call(lambda gradio: gradio.jobs[-1].killed)


def test_standard_output_is_closed(server: Server) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "predict", server.url, "x"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 2
    assert "there is no standard output" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("target", ["&-", "/dev/full"])
def test_standard_error_is_of_no_use(server: Server, target: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$@" 2>{target}', "sh", *COMMAND, "predict", server.url, "/steps", "x"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupt_cancels(server: Server, number: signal.Signals, code: int) -> None:
    process = start("submit", server.url, "/endless", "x")
    assert process.stdout
    assert process.stdout.readline() == b"0\n"
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in err
    assert server.call(lambda gradio: gradio.jobs[-1].killed)


def test_a_hang_up_is_nothing_to_what_was_started_with_nohup(server: Server) -> None:
    process = subprocess.Popen(
        ["nohup", *COMMAND, "submit", server.url, "/grow", "x"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout
    assert process.stdout.readline() == b"one\n"
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate()
    assert (process.returncode, out) == (0, b"one two\none two three\n")


def test_an_interrupt_while_connecting(server: Server) -> None:
    server.fault = Fault.STALL
    process = start("predict", server.url, "x")
    while not server.accepted:
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, b"")
    assert err.splitlines()[-1] == b"gradio-sansio: interrupted"
