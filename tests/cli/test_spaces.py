"""Spaces: the app's server plays the Hub, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio.testing.serving import Answer
from tests.cli.app import EVIL
from tests.cli.shell import check_harmless, run

if TYPE_CHECKING:
    from tests.cli.conftest import Server

SPACE = "/api/spaces/user/space"
EMPTY = Answer(200, b"")
NONE = Answer(404, {"error": "Repository not found"})


def hub(server: Server, **answers: Any) -> None:
    """What the Hub says, by the last part of the path; of the Space itself where that is left out."""
    given = {f"{SPACE}{path and '/'}{path}": [*map(_answer, said)] for path, said in answers.items()}
    server.call(lambda gradio: gradio.answers.update(given))


def _answer(said: Any) -> Answer:
    return said if isinstance(said, Answer) else Answer(body=said)


def stage(name: str) -> dict[str, Any]:
    return {"id": "user/space", "runtime": {"stage": name}}


def paths(server: Server) -> list[str]:
    return server.call(lambda gradio: [request.path for request in gradio.requests])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("RUNNING", "running (RUNNING)"),
        ("SLEEPING", "sleeping (SLEEPING): Space is asleep. A call wakes it."),
        ("STOPPED", "stopped (STOPPED): Space is asleep. A call wakes it."),
        ("BUILDING", "building (BUILDING): Space is building..."),
        ("RUNTIME_ERROR", "space_error (RUNTIME_ERROR): This space is experiencing an issue."),
    ],
)
def test_status(server: Server, name: str, line: str) -> None:
    hub(server, **{"": [stage(name)] * 2, "discussions": [EMPTY, EMPTY]})
    done = run("status", "user/space", HF_ENDPOINT=server.url)
    assert (done.code, done.out, done.err) == (0, line + "\n", "")
    # The Space's own host isn't asked: that would wake it.
    assert {path.removesuffix("/discussions") for path in paths(server)} == {SPACE}
    (found,) = run("status", "user/space", "--hub", server.url, "--json").objects
    assert found["status"] == line.partition(" ")[0]
    assert found["detail"] == name
    assert found["message"] == line.partition(": ")[2]


def test_the_status_of_none(server: Server) -> None:
    hub(server, **{"": [NONE, NONE]})
    assert "AuthError" in run("status", "user/space", "--hub", server.url).check_error(6)
    line = run("status", "user/space", "--hub", server.url, HF_TOKEN="hf_x").check_error(7)
    assert "there is no Space user/space" in line
    assert run("status", "https://example.org").check_error(2)


def test_a_space_is_waited_for(server: Server) -> None:
    # The first attempt to open it meets its page, as the Hub's own hosts show it.
    page = Answer(503, "<html>", headers={"content-type": "text/html"})
    hub(
        server,
        host=[{"host": server.url}],
        **{"": [stage("SLEEPING"), stage("APP_STARTING"), stage("RUNNING")]},
    )
    server.call(lambda gradio: gradio.answers.update({"/config": [page, page], "/": [page]}))
    done = run("predict", "user/space", "hello", "--hub", server.url, HF_TOKEN="hf_x")
    assert (done.code, done.out) == (0, "hello\n")
    assert done.err.splitlines()[:3] == [
        "Space sleeping (SLEEPING): Space is asleep. Waking it up...",
        "Space starting (APP_STARTING): Space is starting...",
        "Space running (RUNNING)",
    ]
    assert server.call(
        lambda gradio: {request.headers.get("authorization") for request in gradio.requests}
    ) == {"Bearer hf_x"}


def test_a_space_that_is_paused(server: Server) -> None:
    page = Answer(503, "<html>", headers={"content-type": "text/html"})
    hub(server, host=[{"host": server.url}], **{"": [stage("PAUSED")]})
    server.call(lambda gradio: gradio.answers.update({"/config": [page], "/": [page]}))
    assert "SpaceError" in run("api", "user/space", "--hub", server.url).check_error(7)


def test_escape_sequences_of_a_hub(server: Server) -> None:
    for form in ((), ("--json",)):
        hub(server, **{"": [stage(EVIL)], "discussions": [EMPTY]})
        done = run("status", "user/space", "--hub", server.url, *form)
        assert done.code == 0
        check_harmless(done.out + done.err)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_duplicate(server: Server, form: tuple[str, ...]) -> None:
    hub(server, duplicate=[{"url": f"{server.url}/spaces/me/copy"}])
    copy = "/api/spaces/me/copy"
    server.call(
        lambda gradio: gradio.answers.update(
            {
                "/api/whoami-v2": [Answer(body={"name": "me", "type": "user"})],
                copy: [NONE],
                f"{copy}/sleeptime": [Answer(body={})],
                f"{copy}/host": [Answer(body={"host": server.url})],
            }
        )
    )
    options = ("--to", "copy", "--private", "--hardware", "t4-small", "--sleep-after", "5")
    done = run("duplicate", "user/space", "--hub", server.url, *options, *form, HF_TOKEN="hf_x")
    assert done.code == 0, done.err
    assert done.objects == [{"url": server.url}] if form else done.out == f"{server.url}\n"
    made, sleep = server.call(
        lambda gradio: [request.json for request in gradio.requests if request.method == "POST"]
    )
    assert made == {"repository": "me/copy", "private": True, "hardware": "t4-small"}
    assert sleep == {"seconds": 300}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("user/space",), 6, "set HF_TOKEN, or pass --token"),
        (("user/space", "--token", "hf_x", "--sleep-after", "0"), 2, "minutes"),
        (("user/space", "--token", "hf_x", "--to", "a b"), 2, "name"),
        (("user/space", "--token", "hf_x", "--hardware", "a b"), 2, "hardware"),
        (("http://127.0.0.1:9", "--token", "hf_x"), 2, "only a Space can be duplicated"),
    ],
)
def test_a_duplicate_that_can_not_be_made(arguments: tuple[str, ...], code: int, said: str) -> None:
    assert said in run("duplicate", *arguments).check_error(code)
