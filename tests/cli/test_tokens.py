"""Where HF_TOKEN goes, and where it doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio_cli._connecting import Connecting
from tests.cli.shell import run

if TYPE_CHECKING:
    from tests.cli.conftest import Server

SENT = (
    "user/space",
    "https://huggingface.co/spaces/user/space",
    "https://user-space.hf.space",
    "HTTPS://User-Space.HF.space.:443/path?x=y",
)
KEPT = (
    "http://127.0.0.1:7860",
    "https://example.org",
    "http://user-space.hf.space",
    "https://user-space.hf.space:8443",
    "https://hf.space",
    "https://evilhf.space",
    "https://user.hf.space.example.org",
    "https://example.org/user-space.hf.space",
)


def options(source: str, **given: Any) -> Any:
    nothing = {"token": None, "auth": None, "header": (), "timeout": None, "proxy": None, "hub": None}
    return Connecting(**{**nothing, **given}).options(source)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", " hf_environment\n")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


@pytest.mark.parametrize("source", SENT)
def test_for_spaces_it_is_sent(source: str) -> None:
    assert options(source)["hf_token"] == "hf_environment"
    assert options(source, token="hf_given")["hf_token"] == "hf_given"


@pytest.mark.parametrize("source", KEPT)
def test_elsewhere_it_is_not(source: str) -> None:
    assert options(source)["hf_token"] is None


def test_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "  ")
    assert options("user/space")["hf_token"] is None


def test_on_the_wire(server: Server) -> None:
    def sent() -> set[str | None]:
        return server.call(
            lambda gradio: {request.headers.get("authorization") for request in gradio.requests}
        )

    assert run("predict", server.url, "x", HF_TOKEN="hf_environment").code == 0
    assert sent() == {None}
    server.call(lambda gradio: gradio.requests.clear())
    done = run("predict", server.url, "x", "--token", "hf_given", "-v", HF_TOKEN="hf_environment")
    assert sent() == {"Bearer hf_given"}
    assert "hf_" not in done.out + done.err
