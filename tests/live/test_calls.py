"""Single calls: every endpoint in every form, values that are hard to carry, refusals, State and logins."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gradio_sansio import AppError, AuthError, EndpointNotFound, LocalProtocolError, ValidationError
from tests.servers import official
from tests.servers.environments import interpreter

if TYPE_CHECKING:
    from tests.live.ways import Way
    from tests.servers.server import GradioServer

MEGABYTE = 1_000_000
UNICODE = 'äß✓🎈 \u2028 \u2029 \x85 \0 \r\n "\\ \ud7ff \U0010ffff e\u0301'


class Call(NamedTuple):
    endpoint: str
    arguments: dict[str, Any]
    """All of them, in order."""
    expected: Any
    """What `value` is at the end."""
    sent: tuple[str, ...] | None = None
    """Those that are not left to their defaults; None for all."""


ROWS = {"headers": ["a", "b"], "data": [[1, 2], [3, 4]], "metadata": None}

PLAIN = [
    Call("/predict", {"text": "hi"}, "hi"),
    Call("/add", {"a": 2, "b": 40.5}, 42.5),
    Call("/count", {"n": 3, "delay": 0}, 2, sent=("n",)),
    Call("/chat", {"message": "hello there", "delay": 0}, "You said: hello there", sent=("message",)),
    Call("/pair", {"n": 2}, [[{"i": 0, "square": 0}, {"i": 1, "square": 1}], 1]),
    Call("/progress", {"steps": 2, "delay": 0}, "2 steps", sent=("steps",)),
    Call("/slow", {"seconds": 0.01}, "slept 0.01"),
    Call("/count_forever", {"n": 2, "delay": 0}, 1),
    Call("/split", {"text": "a bc d"}, ["a", "bc d", 6]),
    Call("/direct", {"text": "abc"}, "cba"),
    Call("/unnamed", {"text": "x"}, "<x>"),
    Call(
        "/defaults",
        {"name": "world", "times": 2, "loud": True, "style": "plain"},
        "HELLO WORLD HELLO WORLD (plain)",
        ("loud",),
    ),
    Call("/defaults", {"name": "you", "times": 1, "loud": False, "style": "fancy"}, "hello you (fancy)"),
    Call("/log", {"text": "hi"}, "hi"),
    Call("/big", {"size": 7}, "xxxxxxx"),
    Call("/hello", {}, "hello, wörld ✓ 🎈"),
    Call("/table", {"rows": ROWS}, {"headers": ["1", "2"], "data": [[2, 1], [4, 3]], "metadata": None}),
    Call("/json", {"value": {"a": [1, None, -0.5, True, ""]}}, {"got": {"a": [1, None, -0.5, True, ""]}}),
    Call("/whoami", {}, "nobody"),
    Call("/header", {"name": "x-nothing"}, "none"),
    Call("/counting", {}, 0),
    Call("/stop", {}, "stopped"),
]

ELSEWHERE = {
    "/fail",
    "/crash",
    "/fail_late",
    "/counter",
    "/file",
    "/files",
    "/image",
    "/same",
    "/gallery",
    "/video",
    "/shrink",
    "/odd",
    "/double",
    "/double_on",
}
"""Endpoints that don't give the same value each time, give none, or are about files; those have scenarios in `test_versions.py`."""


async def test_every_endpoint_in_every_form(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        named = (await app.view_api()).named_endpoints
        assert {call.endpoint for call in PLAIN} | ELSEWHERE == set(named)
        for call in PLAIN:
            index = named[call.endpoint].fn_index
            positional = list(call.arguments.values())
            sent = call.arguments if call.sent is None else {name: call.arguments[name] for name in call.sent}
            started = datetime.now(UTC)
            forms: list[tuple[str | int, Any]] = [
                (call.endpoint, positional),
                (call.endpoint.removeprefix("/"), call.arguments),
                (index, sent),
            ]
            for endpoint, payload in forms:
                data = await app.predict(endpoint, payload)
                assert data.value == call.expected, (endpoint, payload)
                assert (data.endpoint, data.fn_index) == (call.endpoint, index)
                assert started <= data.time <= datetime.now(UTC)
        # Defaults are filled in behind the arguments that are there, too.
        assert (await app.predict("/defaults", ["you"])).value == "hello you hello you (plain)"
        assert (await app.predict("/big")).value == "x" * MEGABYTE
        # The endpoint is /predict unless another is named.
        assert (await app.predict(payload=["hi"])).endpoint == "/predict"


@pytest.fixture(scope="module")
def official_results(version: str, server: GradioServer) -> dict[str, list[Any]]:
    """What the client that comes with the server makes of the calls in `PLAIN`: all values of each, in order."""
    calls = [[call.endpoint, list(call.arguments.values())] for call in PLAIN]
    done = subprocess.run(
        [str(interpreter(version)), official.__file__, server.url],
        input=json.dumps(calls),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=50,
    )
    results = [found["values"] for found in json.loads(done.stdout)]
    return {json.dumps(call): found for call, found in zip(calls, results, strict=True)}


async def test_results_are_those_of_the_official_client(
    way: Way, server: GradioServer, official_results: dict[str, list[Any]]
) -> None:
    async with way.client(server.url) as app:
        for call in PLAIN:
            arguments = list(call.arguments.values())
            values = [data.value async for data in app.submit(call.endpoint, arguments)]
            assert values == official_results[json.dumps([call.endpoint, arguments])], call


async def test_several_outputs_unpack(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        head, tail, length = await app.predict("/split", ["one two three"])
        assert (head, tail, length) == ("one", "two three", 13)


async def test_a_megabyte_each_way_and_every_kind_of_character(way: Way, server: GradioServer) -> None:
    large = "é" * (MEGABYTE // 2)
    async with way.client(server.url) as app:
        for text in (large, UNICODE):
            assert (await app.predict("/predict", [text])).value == text
            assert (await app.predict("/direct", [text])).value == text[::-1]
            assert (await app.predict("/json", [{text: [text]}])).value == {"got": {text: [text]}}


async def test_a_generator_without_a_value(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        assert (await app.predict("/count", [0, 0])).data == [None]


async def test_state_belongs_to_an_app_and_survives_its_calls(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as first, way.client(server.url) as second:
        totals = [(await first.predict("/counter", [step])).data for step in (1, 10, 100)]
        assert totals == [[1], [11], [111]]
        assert (await second.predict("/counter", [5])).data == [5]
        isolated = first.submit("/counter", [7], isolated=True)
        assert (await isolated.result()).data == [7]
        assert (await first.predict("/counter", {"step": 0})).data == [111]


async def test_what_can_not_be_called(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        named = (await app.view_api()).named_endpoints
        private = named["/unnamed"].fn_index + 1
        for endpoint in ("/nope", "", "/false", 999, -1, private):
            with pytest.raises(EndpointNotFound, match="/predict, /add") as caught:
                await app.predict(endpoint, ["x"])
            assert caught.value.available == tuple(named)
            with pytest.raises(EndpointNotFound):
                app.submit(endpoint, ["x"])


async def test_wrong_arguments(way: Way, server: GradioServer) -> None:
    wrong: list[tuple[Any, str | None]] = [
        ([1], "b"),
        ([1, 2, 3], None),
        ({"a": 1}, "b"),
        ({"a": 1, "b": 2, "c": 3}, "c"),
        ({1: 2}, "1"),
        ("text", None),
        (5, None),
        ([1, object()], "b"),
    ]
    async with way.client(server.url) as app:
        for payload, parameter in wrong:
            with pytest.raises(ValidationError) as caught:
                await app.predict("/add", payload)
            assert caught.value.parameter == parameter
            assert caught.value.reason
        # What the server refuses is the app's error. It comes at once and costs nothing but that job.
        with pytest.raises(AppError, match="not in the list of choices"):
            await app.predict("/defaults", {"style": "rude"})
        assert (await app.predict("/add", [1, 2])).value == 3


async def test_failures_tell_what_the_app_tells(
    way: Way, server: GradioServer, wide_server: GradioServer
) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(AppError) as caught:
            await app.predict("/fail", ["x"])
        assert (caught.value.message, caught.value.title, caught.value.duration) == ("boom", "Error", 10)
        with pytest.raises(AppError, match="show_error=True") as caught:
            await app.predict("/crash", ["x"])
        assert "internal detail" not in str(caught.value)
    async with way.client(wide_server.url) as app:
        with pytest.raises(AppError, match="internal detail"):
            await app.predict("/crash", ["x"])


async def test_logins(way: Way, auth_server: GradioServer) -> None:
    async with way.client(auth_server.url, auth=("user", "secret")) as app:
        assert (await app.predict("/whoami")).value == "user"
        assert (await app.predict("/direct", ["abc"])).value == "cba"
        assert [data.value async for data in app.submit("/count", [3])] == [0, 1, 2]
    for options in ({"auth": ("user", "wrong")}, {"auth": ("nobody", "secret")}, {}):
        with pytest.raises(AuthError) as caught:
            async with way.client(auth_server.url, **options):
                pytest.fail("it was let in")
        assert caught.value.hint
        assert "auth=" in str(caught.value)
        assert "secret" not in str(caught.value)


async def test_a_login_for_an_app_that_wants_none(way: Way, server: GradioServer) -> None:
    async with way.client(server.url, auth=("user", "secret")) as app:
        assert (await app.predict("/whoami")).value == "nobody"


async def test_a_closed_app_says_so(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        await app.close()
        with pytest.raises(LocalProtocolError, match="closed"):
            app.submit("/predict", ["x"])
        with pytest.raises(LocalProtocolError, match="closed"):
            await app.predict("/predict", ["x"])
        await app.close()
