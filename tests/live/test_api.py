"""What the documented calls promise, row by row, with real servers of four generations and in each way of calling.

`test_versions.py` shows what works with every version; here are the details that a caller relies on.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from gradio_sansio import (
    AppError,
    AuthError,
    ConnectError,
    Data,
    DeadlineExceeded,
    EndpointNotFound,
    JobCancelled,
    Limits,
    LocalProtocolError,
    Status,
    ValidationError,
)
from tests.live.jobs import ENDLESS, SOON, history, running, statuses, values
from tests.live.matrix import version_tuple
from tests.live.servers import each_version, own_server

if TYPE_CHECKING:
    from tests.live.ways import Way
    from tests.servers.server import GradioServer

VERSIONS = ["3.50.2", "4.44.1", "5.49.1", "6.31.0"]


version = each_version(VERSIONS)
server = own_server("--concurrency", "4", "--show-error")
login_server = own_server("--auth", "user:secret")


# client


async def test_source(way: Way, server: GradioServer) -> None:
    for source in (f" {server.url}/ ", server.url.replace("http", "HTTP"), f"{server.url}/?__theme=dark#top"):
        async with way.client(source) as app:
            assert (await app.predict("/predict", ["hi"])).value == "hi"
    wrong: list[tuple[Any, type[Exception], str]] = [
        (None, TypeError, "must be a string, not NoneType"),
        (7860, TypeError, "must be a string, not int"),
        ("", ValueError, "expected a URL"),
        ("127.0.0.1:7860", ValueError, "expected a URL"),
        ("ftp://127.0.0.1", ValueError, "http"),
        ("a/b/c", ValueError, "expected a URL"),
    ]
    for source, kind, text in wrong:
        with pytest.raises(kind, match=text):
            async with way.client(source):
                pytest.fail("that is no source")


async def test_an_option_that_there_is_not(way: Way, server: GradioServer) -> None:
    with pytest.raises(TypeError, match="no option 'hf_tokn'; there are auth, deadline"):
        async with way.client(server.url, hf_tokn="hf_x"):
            pytest.fail("a misspelt option is not to be left out in silence")


async def test_token(way: Way, server: GradioServer) -> None:
    """To the origin that the caller named with it, in every request; this machine may be spoken to in the clear."""
    async with way.client(server.url, hf_token="hf_secret") as app:
        for _ in range(2):
            assert (await app.predict("/header", ["authorization"])).value == "Bearer hf_secret"
    for token in ("secret", "hf_with\nnewline", ""):
        with pytest.raises(ValueError, match="hf_") as caught:
            async with way.client(server.url, hf_token=token):
                pytest.fail("that is no token")
        assert not token or token not in str(caught.value)
    with pytest.raises(ValueError, match="https"):
        async with way.client("http://example.org", hf_token="hf_secret"):
            pytest.fail("that would be in the clear")


async def test_no_status_callback_for_what_is_no_space(way: Way, server: GradioServer) -> None:
    heard: list[object] = []
    async with way.client(server.url, status_callback=heard.append) as app:
        assert (await app.predict("/predict", ["hi"])).value == "hi"
    assert heard == []


async def test_headers(way: Way, server: GradioServer) -> None:
    async with way.client(server.url, headers={"X-Mine": "yes", "authorization": "Basic abc"}) as app:
        assert (await app.predict("/header", ["x-mine"])).value == "yes"
        assert (await app.predict("/header", ["authorization"])).value == "Basic abc"
    for headers in ({"X-Mine": "a\r\nX-Other: b"}, {"X Mine": "a"}, {"": "a"}):
        with pytest.raises(ValueError, match="header"):
            async with way.client(server.url, headers=headers):
                pytest.fail("that is no header")


async def test_auth(way: Way, login_server: GradioServer) -> None:
    async with way.client(login_server.url, auth=("user", "secret")) as app:
        assert (await app.predict("/whoami")).value == "user"
    for auth in (("user", "wrong"), None):
        with pytest.raises(AuthError, match="auth=") as caught:
            async with way.client(login_server.url, auth=auth):
                pytest.fail("it was let in")
        assert caught.value.hint


async def test_limits_for_connecting(way: Way, server: GradioServer) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        async with way.client(server.url, deadline=0.000_01):
            pytest.fail("nobody is that fast")
    assert caught.value.limit == "deadline"
    with pytest.raises(ConnectError) as refused:
        async with way.client("http://127.0.0.1:1", limits=Limits(connect=5.0)):
            pytest.fail("nobody is there")
    assert refused.value.phase


# predict


async def test_endpoint(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        index = (await app.view_api()).named_endpoints["/split"].fn_index
        for endpoint in ("/split", "split", index):
            data = await app.predict(endpoint, ["a b"])
            assert (data.endpoint, data.fn_index, data.data) == ("/split", index, ["a", "b", 3])
        assert (await app.predict(payload=["x"])).endpoint == "/predict"
        for endpoint in ("/nope", "", 999, -1, True):
            with pytest.raises(EndpointNotFound, match="/predict, /add") as caught:
                app.submit(endpoint, ["x"])
            assert "/predict" in caught.value.available


async def test_payload(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        a, b = (parameter.name for parameter in (await app.view_api()).named_endpoints["/add"].parameters)
        for payload in ([2, 3], (2, 3), {b: 3, a: 2}, {"a": 2, "b": 3}):
            assert (await app.predict("/add", payload)).value == 5
        nothings: list[Any] = [[], (), {}, None]
        for nothing in nothings:
            assert (await app.predict("/hello", nothing)).value == "hello, wörld ✓ 🎈"
        # Between what is given, and behind it, defaults are filled in.
        assert (await app.predict("/defaults", {"loud": True})).value == "HELLO WORLD HELLO WORLD (plain)"
        assert (await app.predict("/defaults", ["you"])).value == "hello you hello you (plain)"
        wrong: list[tuple[Any, str | None, str]] = [
            ([1], b, "missing"),
            ([1, 2, 3], None, r"too many arguments \(3\)"),
            ({a: 1}, b, "missing"),
            ({a: 1, b: 2, "c": 3}, "c", "unknown"),
            ("text", None, "must be a list or a mapping"),
            ([1, object()], b, "no JSON form"),
        ]
        for payload, parameter, text in wrong:
            with pytest.raises(ValidationError, match=text) as caught:
                app.submit("/add", payload)
            assert caught.value.parameter == parameter


async def test_numpy_and_pandas(way: Way, server: GradioServer) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    async with way.client(server.url) as app:
        assert (await app.predict("/add", [table["a"].sum(), table["a"].to_numpy()[0]])).value == 4
        assert (await app.predict("/json", [{"a": table["a"], "b": table["b"].to_numpy()}])).value == {
            "got": {"a": [1, 2], "b": ["x", None]}
        }
        turned = (await app.predict("/table", [table])).value["data"]
        assert [row[1] for row in turned] == [1, 2] or [row[1] for row in turned] == ["1", "2"]
        assert turned[0][0] == "x"


async def test_timeout(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(DeadlineExceeded) as caught:
            await app.predict("/count_forever", ENDLESS, timeout=0.3)
        assert caught.value.limit == "timeout"
        assert isinstance(caught.value, TimeoutError)
        for timeout in (0, -1, math.nan):
            with pytest.raises(ValueError, match="timeout"):
                app.submit("/predict", ["x"], timeout=timeout)


async def test_data(way: Way, server: GradioServer) -> None:
    before = datetime.now(UTC)
    async with way.client(server.url) as app:
        several, one = await app.predict("/split", ["a b c"]), await app.predict("/predict", ["x"])
        state = await app.predict("/counter", [5])
    head, tail, length = several
    assert [head, tail, length] == several.data == several.value == list(several) == ["a", "b c", 5]
    assert (several[0], several[-1], several[:2], len(several)) == ("a", 5, ["a", "b c"], 3)
    assert (one.value, one.data, one[0]) == ("x", ["x"], "x")
    assert state.data == [5]  # the State slot is nobody's business
    assert before <= one.time <= datetime.now(UTC)
    assert one != several
    assert repr(one) == "Data(['x'], endpoint='/predict')"


# submit


async def test_it_returns_at_once_and_tells_how_it_stands(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/slow", [1])
        first = submission.status
        assert (first.stage, first.queue, submission.done, submission.cancelled) == (
            "pending",
            True,
            False,
            False,
        )
        events = await history(submission)
        kept = [status for status in statuses(events) if status.stage == "pending"]
        assert first in kept
        assert kept[-1].position == 0
        last = submission.status
        assert (last.stage, last.success, last.queue, last.code) == ("complete", True, True, None)
        assert last.eta is not None  # of an average run, here
        assert last.time is not None
        assert last.time.tzinfo is UTC


async def test_the_order_of_events(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        events = await history(app.submit("/count", [3, 0.01]))
        told = [
            event.value if isinstance(event, Data) else event.stage
            for event in events
            if isinstance(event, (Data, Status))
        ]
        while told[0] == "pending":
            del told[0]
        assert told == ["generating", 0, "generating", 1, "generating", 2, "complete"]
        events = await history(app.submit("/fail_late", [1]))
        assert values(events) == [0]
        assert [status.stage for status in statuses(events)][-2:] == ["generating", "error"]


async def test_iterations_and_results(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = app.submit("/chat", ["a b", 0])
        assert [data.value async for data in submission] == [
            "You",
            "You said:",
            "You said: a",
            "You said: a b",
        ]
        for _ in range(2):
            assert (await submission.result()).value == "You said: a b"
        failing = app.submit("/fail_late", [2])
        seen = []
        with pytest.raises(AppError, match="boom after yields"):  # noqa: PT012  # that a loop raises is what is shown
            async for data in failing:
                seen.append(data.value)  # noqa: PERF401
        assert seen == [0, 1]
        waiting = app.submit("/slow", [1])
        with pytest.raises(TimeoutError):
            await waiting.result(timeout=0.01)
        assert not waiting.done
        assert (await waiting.result(timeout=SOON)).value == "slept 1"


async def test_listeners(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        heard: list[tuple[str, Any]] = []

        def first(data: Data) -> None:
            heard.append(("first", data.value))
            if data.value == 1:
                submission.off("data", first)

        def second(data: Data) -> None:
            heard.append(("second", data.value))

        submission = app.submit("/count", [4, 0])
        await submission.result()
        # However late: what came before is held for the first of its kind.
        assert (
            submission.on("data", first).on("status", lambda status: heard.append(("status", status.stage)))
            is submission
        )
        await way.until(lambda: ("status", "complete") in heard)
        assert [value for name, value in heard if name == "first"] == [0, 1]
        submission.on("data", second)
        assert not [value for name, value in heard if name == "second"]

        slower = app.submit("/count_forever", [20, 0.05])
        slower.on("data", second).on("data", lambda data: heard.append(("third", data.value)))
        await way.until(lambda: ("third", 2) in heard)
        slower.destroy()
        await slower.result()
        assert ("second", 2) in heard
        assert ("third", 19) not in heard
        assert not slower.cancelled
        for event in ("dat", "/predict", ""):
            with pytest.raises(ValueError, match="'data', 'status', 'log'"):
                slower.on(event, second)
            with pytest.raises(ValueError, match="'data', 'status', 'log'"):
                slower.off(event, second)


async def test_a_callback_that_raises(way: Way, server: GradioServer) -> None:
    def fails(_: object) -> None:
        raise RuntimeError("mine")

    async with way.reported() as reported, way.client(server.url) as app:
        heard: list[Any] = []
        submission = app.submit("/count", [3, 0])
        submission.on("data", fails).on("data", lambda data: heard.append(data.value))
        other = app.submit("/count", [3, 0])
        assert [data.value async for data in other] == [0, 1, 2]
        await way.until(lambda: heard == [0, 1, 2])
        assert (await submission.result()).value == 2
    assert [str(error) for error in reported] == ["mine"] * 3


async def test_cancel(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        before_the_server_knows = app.submit("/count_forever", ENDLESS)
        before_the_server_knows.cancel()
        submission = await running(app)
        submission.cancel()
        submission.cancel()
        for job in (before_the_server_knows, submission):
            status = job.status
            assert (status.stage, status.queue, status.success, status.code) == (
                "complete",
                False,
                False,
                "cancelled",
            )
            assert job.done
            assert job.cancelled
            with pytest.raises(JobCancelled):
                await job.result()
            assert [data async for data in job] == []
        ended = app.submit("/predict", ["x"])
        await ended.result()
        ended.cancel()
        assert not ended.cancelled
        async with app.submit("/count_forever", ENDLESS) as left:
            async for data in left:
                if data.value == 2:
                    break
        assert left.cancelled


async def test_isolated_and_newest(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        assert (await app.predict("/counter", [5])).value == 5
        alone = app.submit("/counter", [7], isolated=True)
        assert (await alone.result()).value == 7
        assert (await app.predict("/counter", [1])).value == 6
        newest = app.submit("/count", [200, 0], newest=True)
        await newest.result()
        seen = [data.value async for data in newest]
        assert seen[-1:] == [199]
        assert len(seen) < 200


# The rest of an app.


async def test_view_api_and_config(way: Way, server: GradioServer, version: str) -> None:
    async with way.client(server.url) as app:
        info = await app.view_api()
        defaults = info.named_endpoints["/defaults"]
        assert [parameter.component for parameter in defaults.parameters] == [
            "Textbox",
            "Number",
            "Checkbox",
            "Dropdown",
        ]
        assert [parameter.label for parameter in defaults.parameters] == ["name", "times", "loud", "style"]
        assert [(p.has_default, p.default) for p in defaults.parameters] == [
            (True, "world"),
            (True, 2),
            (True, False),
            (True, "plain"),
        ]
        assert [returned.component for returned in defaults.returns] == ["Textbox"]
        assert "type" in defaults.parameters[0].type
        assert info.named_endpoints["/count"].generator
        assert not info.named_endpoints["/predict"].generator
        assert [parameter.label for parameter in info.named_endpoints["/counter"].parameters] == ["step"]
        text = str(info)
        assert "/defaults(name, times, loud, style)" in text
        assert "times: float = 2" in text or "times: int = 2" in text or "times: int | float = 2" in text
        assert app.config["version"] == version
        assert len(app.session_hash) >= 10
    assert version_tuple(version) < (6,) or not info.unnamed_endpoints


async def test_closing(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        submission = await running(app)
        started = time.monotonic()
        await app.close()
        assert time.monotonic() - started < SOON
        assert submission.cancelled
        with pytest.raises(LocalProtocolError, match="closed"):
            app.submit("/predict", ["x"])
        await app.close()
    async with way.client(server.url) as app:
        # What ran was stopped on the server, too.
        for _ in range(100):
            if (await app.predict("/counting")).value == 0:
                break
            await way.sleep(0.1)
        else:
            pytest.fail("it still runs")
