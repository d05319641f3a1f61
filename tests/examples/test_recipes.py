"""The recipes work, and the page shows them as they are."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from examples.recipes import exit_stack, web
from gradio_sansio import ConnectError
from gradio_sansio.testing.loopback import Loopback, refused_url
from gradio_sansio.testing.server import GradioServer
from tests.cli.app import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"


@pytest.fixture
def server() -> Iterator[Loopback[GradioServer]]:
    with Loopback(GradioServer(FUNCTIONS)) as running:
        yield running


def nothing_is_open(server: Loopback[GradioServer]) -> None:
    """The server, in its thread, hears of it a moment later."""
    end = time.monotonic() + 5
    while server.open:
        assert time.monotonic() < end, f"{server.open} connections"
        time.sleep(0.002)


@pytest.mark.parametrize("name", ["exit_stack.py", "web.py"])
def test_the_page_shows_them(name: str) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert f"```python\n{(RECIPES / name).read_text(encoding='utf-8')}```" in page


def test_the_short_ones(server: Loopback[GradioServer], capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    short = [
        code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if not code.startswith('"""')
    ]
    names: dict[str, Any] = {}
    replaced = {"http://127.0.0.1:7860": server.url, "/progress": "/steps", "[5]": '["x"]', "/chat": "/grow"}
    for shown in short:
        code = functools.reduce(lambda text, name: text.replace(name, replaced[name]), replaced, shown)
        if "async with" in code:
            body = "async def main():\n    " + code.replace("\n", "\n    ")
            exec(f"{body}return result\n", names)
            names["result"] = asyncio.run(names["main"]())
        else:
            exec(code, names)
        if "result" in names:
            assert names.pop("result").value == "done"
    assert names["values"] == ["one", "one two", "one two three"]
    assert "one two three" in capsys.readouterr().err


def test_an_object_that_holds_an_app(server: Loopback[GradioServer]) -> None:
    async def main() -> list[str]:
        async with exit_stack.Greeter(server.url) as greeter:
            return [await greeter.greet("you"), await greeter.greet("me")]

    assert asyncio.run(main()) == ["hello you", "hello me"]
    nothing_is_open(server)


def test_an_object_that_can_not_be_had() -> None:
    async def main(url: str) -> None:
        async with exit_stack.Greeter(url):
            pass

    with refused_url() as url, pytest.raises(ConnectError):
        asyncio.run(main(url))


class Host:
    """A web server, as far as its applications see one: it starts them, asks them, stops them."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._to: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._back: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self._state}
        self._lifespan = asyncio.create_task(self._app(scope, self._to.get, self._back.put))
        assert await self._tell("lifespan.startup") == "lifespan.startup.complete"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert await self._tell("lifespan.shutdown") == "lifespan.shutdown.complete"
        await self._lifespan

    async def _tell(self, message: str) -> str:
        await self._to.put({"type": message})
        answer: str = (await self._back.get())["type"]
        return answer

    async def get(self, query: str) -> tuple[int, Any]:
        answers: asyncio.Queue[Any] = asyncio.Queue()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": [],
            "state": dict(self._state),
        }
        await self._app(scope, self._to.get, answers.put)
        head, body = await answers.get(), await answers.get()
        return head["status"], json.loads(body["body"])


def test_a_web_application(server: Loopback[GradioServer]) -> None:
    async def main() -> list[tuple[int, Any]]:
        async with Host(web.make(server.url)) as host:
            found = await asyncio.gather(*(host.get(f"text={i}") for i in range(3)))
            server.call(lambda gradio: gradio.functions.clear())
            return [*found, await host.get("text=x")]

    *good, (status, body) = asyncio.run(main())
    assert good == [(200, {"value": str(i)}) for i in range(3)]
    assert status == 502
    assert body["error"]
    nothing_is_open(server)
