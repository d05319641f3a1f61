"""The matrix: every scenario with a server of every version, in each way of calling it. `matrix.py` has what servers make impossible."""

from __future__ import annotations

import io
import json
import math
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import (
    AppError,
    AuthError,
    Data,
    DeadlineExceeded,
    EndpointNotFound,
    FileData,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    Log,
    ValidationError,
    handle_file,
)
from tests.live.jobs import ENDLESS, PICTURE, history, placed, running, statuses, values
from tests.live.matrix import limit, version_tuple
from tests.live.relay import relay
from tests.live.servers import each_version, own_server
from tests.servers import official
from tests.servers.environments import interpreter, known_versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.ways import App, Way
    from tests.servers.server import GradioServer

MEGABYTE = 1_000_000
UNICODE = 'äß✓🎈 \u2028 \u2029 \x85 \r\n "\\ \ud7ff \U0010ffff e\u0301'
PATIENCE = 30.0

CALLS: list[tuple[str, list[Any], list[Any]]] = [
    # Endpoint, arguments, and all values in order.
    ("/predict", ["hello, wörld ✓"], ["hello, wörld ✓"]),
    ("/add", [2, 40.5], [42.5]),
    ("/count", [4, 0], [0, 1, 2, 3]),
    ("/count_forever", [2, 0], [0, 1]),
    ("/chat", ["a b", 0], ["You", "You said:", "You said: a", "You said: a b"]),
    ("/pair", [2], [[[{"i": 0, "square": 0}], 0], [[{"i": 0, "square": 0}, {"i": 1, "square": 1}], 1]]),
    ("/progress", [2, 0], ["2 steps"]),
    ("/slow", [0], ["slept 0"]),
    ("/counter", [3], [3]),
    ("/split", ["a bc d"], [["a", "bc d", 6]]),
    ("/direct", ["abc"], ["cba"]),
    ("/defaults", ["you", 1, True, "fancy"], ["HELLO YOU (fancy)"]),
    ("/log", ["hi"], ["hi"]),
    ("/big", [7], ["xxxxxxx"]),
    ("/hello", [], ["hello, wörld ✓ 🎈"]),
    ("/json", [{"a": [1, None, -0.5, True, ""]}], [{"got": {"a": [1, None, -0.5, True, ""]}}]),
    ("/shrink", [6], [[0], [0, 1, 2, 3, 4, 5], [0, 1, 2], [0, 3, 5], [], [0, 1, 2, 3, 4, 5]]),
    ("/whoami", [], ["nobody"]),
    ("/header", ["x-nothing"], ["none"]),
    ("/counting", [], [0]),
    ("/stop", [], ["stopped"]),
]
ELSEWHERE = {
    "/fail",
    "/crash",
    "/fail_late",
    "/file",
    "/files",
    "/image",
    "/same",
    "/gallery",
    "/video",
    "/table",
    "/odd",
    "/double",
    "/double_on",
    "/unnamed",
}
"""Endpoints that fail, or whose values have another form in each era; they have scenarios of their own."""


version = each_version(known_versions())
server = own_server()  # one job of an endpoint at a time; before 4.0, of the whole app
login_server = own_server("--auth", "user:secret")
mounted_server = own_server("--mount", "/sub/app")


async def small_calls(app: App) -> None:
    """A plain call, a generator and a direct one: enough to show that an app can be used."""
    assert (await app.predict("/predict", ["hi"])).value == "hi"
    assert [data.value async for data in app.submit("/count", [3, 0])] == [0, 1, 2]
    assert (await app.predict("/direct", ["abc"])).value == "cba"


async def test_every_endpoint(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        named = set((await app.view_api()).named_endpoints)
        assert named - ELSEWHERE == {endpoint for endpoint, _, _ in CALLS}
        for endpoint, arguments, expected in CALLS:
            submission = app.submit(endpoint, arguments)
            assert [data.value async for data in submission] == expected, endpoint
            result = await submission.result()
            assert (result.value, result.endpoint) == (expected[-1], endpoint)


@pytest.fixture(scope="module")
def official_results(version: str, server: GradioServer) -> list[Any]:
    """What the client that came with the server makes of `CALLS`: all values of each, or its error."""
    done = subprocess.run(
        [str(interpreter(version)), official.__file__, server.url],
        input=json.dumps([[endpoint, arguments] for endpoint, arguments, _ in CALLS]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    found: list[Any] = json.loads(done.stdout)
    return found


OFFICIAL_FAILS = [
    # Endpoint, first and last version of those tried, and what goes wrong there in the client.
    ("/json", "3.28.3", "3.50.2", "it takes the value for the name of a file"),
    ("/log", "3.50.2", "4.8.0", "its `KeyError: 'log'` on the server's message"),
    ("/shrink", "4.20.1", "4.22.0", "its `IndexError` on the wrong indices of deletes"),
]


def test_results_of_the_official_client(version: str, official_results: list[Any]) -> None:
    """That client is of the server's own era. The scenario of every endpoint asserts the same values for ours."""
    different = {
        endpoint: found
        for (endpoint, _, expected), found in zip(CALLS, official_results, strict=True)
        if found != {"values": expected}
    }
    expected = {
        endpoint
        for endpoint, first, last, _ in OFFICIAL_FAILS
        if version_tuple(first) <= version_tuple(version) <= version_tuple(last)
    }
    assert set(different) == expected, different


async def test_unnamed_endpoints(way: Way, server: GradioServer, version: str) -> None:
    async with way.client(server.url) as app:
        info = await app.view_api()
        if limit("unnamed endpoints", version):
            assert not info.unnamed_endpoints
            assert (await app.predict("/unnamed", ["x"])).value == "<x>"
            return
        found = [
            index
            for index, endpoint in info.unnamed_endpoints.items()
            if len(endpoint.parameters) == 1 and (await app.predict(index, ["x"])).value == "<x>"
        ]
        assert len(found) == 1


async def test_private_endpoints(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(EndpointNotFound):
            await app.predict("/private", ["x"])
        assert "/private" not in (await app.view_api()).named_endpoints


async def test_defaults(way: Way, server: GradioServer, version: str) -> None:
    async with way.client(server.url) as app:
        assert (await app.predict("/defaults", ["you"])).value == "hello you hello you (plain)"
        parameters = (await app.view_api()).named_endpoints["/defaults"].parameters
        by_name = {parameters[0].name: "you", parameters[2].name: True}
        assert (await app.predict("/defaults", by_name)).value == "HELLO YOU HELLO YOU (plain)"
        if not limit("defaults", version):
            assert [parameter.name for parameter in parameters] == ["name", "times", "loud", "style"]


async def test_state_across_calls(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        assert [(await app.predict("/counter", [2])).value for _ in range(3)] == [2, 4, 6]
    async with way.client(server.url) as app:
        assert (await app.predict("/counter", [2])).value == 2


async def test_progress(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        events = await history(app.submit("/progress", [3, 0.2]))
    bars = [bar for status in statuses(events) for bar in status.progress_data or ()]
    # A server looks for news some times a second, and not any more once the function has ended.
    assert [bar.index for bar in bars if bar.index] in ([1, 2], [1, 2, 3], [2, 3], [1, 3], [2], [3])
    assert {(bar.length, bar.unit) for bar in bars if bar.index} == {(3, "steps")}
    assert values(events) == ["3 steps"]


async def test_log_lines(way: Way, server: GradioServer, version: str) -> None:
    async with way.client(server.url) as app:
        told = [event for event in await history(app.submit("/log", ["x"])) if isinstance(event, Log)]
    lines = [(line.level, line.message) for line in told]
    expected = [] if limit("log lines", version) else [("info", "info x"), ("warning", "warning x")]
    assert lines == expected


async def test_failures(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(AppError, match=r"^boom$"):
            await app.predict("/fail", ["x"])
        with pytest.raises(AppError, match="doesn't show the text"):
            await app.predict("/crash", ["x"])
        submission = app.submit("/fail_late", [2])
        events = await history(submission)
        assert [event.value for event in events if isinstance(event, Data)] == [0, 1]
        with pytest.raises(AppError, match=r"^boom after yields$"):
            await submission.result()
        await small_calls(app)


async def test_large_values_and_every_character(way: Way, server: GradioServer) -> None:
    large = "é" * (MEGABYTE // 2)
    async with way.client(server.url) as app:
        for text in (large, UNICODE):
            assert (await app.predict("/predict", [text])).value == text
            assert (await app.predict("/direct", [text])).value == text[::-1]
            assert (await app.predict("/json", [{"text": [text]}])).value == {"got": {"text": [text]}}
        assert (await app.predict("/big", [MEGABYTE])).value == "x" * MEGABYTE


async def test_json_that_is_none(way: Way, server: GradioServer) -> None:
    """NaN, infinities (before orjson came, in 4.24), 64-bit numbers, separators of lines."""
    async with way.client(server.url) as app:
        odd = (await app.predict("/odd")).value
    assert odd["large"] == 2**63 + 5
    assert odd["lines"] == "a\u2028b\u2029c\x85d"
    for value in (odd["nan"], *odd["infinite"]):
        assert value is None or not math.isfinite(value)


async def test_places_in_the_queue(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        first = await running(app)
        waiting = [app.submit("/count_forever", [2, 0]) for _ in range(3)]
        for submission in waiting:
            await placed(way, submission)
        # Those that were sent at the same time may have come in any order.
        assert sorted(submission.status.position or 0 for submission in waiting) == [0, 1, 2]
        first.cancel()
        for submission in waiting:
            events = await history(submission)
            assert values(events) == [0, 1]
            places = [status.position for status in statuses(events) if status.position is not None]
            assert places[-1] == 0


async def test_cancelling_what_runs(way: Way, server: GradioServer) -> None:
    """Its place is free again, and the next call of the function, in the same session, begins anew."""
    async with way.client(server.url) as app:
        submission = await running(app)
        submission.cancel()
        assert submission.cancelled
        with pytest.raises(JobCancelled):
            await submission.result()
        # The same function, one job at a time: this waits for the place.
        again = app.submit("/count_forever", [3, 0], timeout=PATIENCE)
        assert [data.value async for data in again] == [0, 1, 2]
        await small_calls(app)


async def test_cancelling_what_waits(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        first = await running(app)
        second = app.submit("/count_forever", ENDLESS)
        await placed(way, second)
        second.cancel()
        assert values(await history(second)) == []
        # The one that ran runs on.
        seen = 0
        async for _ in first:
            seen += 1
            if seen == 5:
                break
        first.cancel()
        # If the queued one was still in the queue, it would run now, and for long.
        assert (await app.predict("/count_forever", [3, 0], timeout=PATIENCE)).value == 2


async def test_jobs_at_once(way: Way, server: GradioServer) -> None:
    async with way.client(server.url) as app:
        jobs = [app.submit("/predict", [str(i)]) for i in range(20)]
        jobs += [app.submit("/add", [i, i], isolated=True) for i in range(3)]
        expected: list[Any] = [str(i) for i in range(20)]
        assert [(await job.result()).value for job in jobs] == [*expected, 0, 2, 4]


async def test_logins(way: Way, login_server: GradioServer) -> None:
    async with way.client(login_server.url, auth=("user", "secret")) as app:
        await small_calls(app)
        assert (await app.predict("/whoami")).value == "user"
    for auth in (None, ("user", "wrong")):
        with pytest.raises(AuthError):
            async with way.client(login_server.url, auth=auth):
                pytest.fail("nobody may get in like this")


async def test_mounted_below_a_path(way: Way, mounted_server: GradioServer) -> None:
    async with way.client(f"{mounted_server.url}/sub/app") as app:
        await small_calls(app)
        assert [data.data for data in [await app.predict("/pair", [1])]] == [[[{"i": 0, "square": 0}], 0]]


async def test_behind_a_proxy_that_rewrites_paths(way: Way, server: GradioServer) -> None:
    with relay(server.url, below="/behind/proxy") as passing:
        async with way.client(f"{passing.url}/behind/proxy") as app:
            await small_calls(app)
        assert {target.partition("/behind/proxy/")[0] for _, target in passing.requests()} == {""}


async def test_files(way: Way, server: GradioServer, tmp_path: Path) -> None:
    """Up as paths, bytes and open files, by place and by name; down again; and an output as the next input."""
    path = tmp_path / "a b#é.txt"
    path.write_text("hällo", encoding="utf-8")
    async with way.client(server.url) as app:
        parameter = (await app.view_api()).named_endpoints["/file"].parameters[0].name
        file: Any = None
        for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
            file = (await app.predict("/file", {parameter: handle_file(source)})).value
            assert isinstance(file, FileData)
            assert (file.orig_name, file.size) == ("upper.txt", 6)
            saved = await app.download(file, tmp_path)
            assert saved.read_text(encoding="utf-8") == "HÄLLO"
            saved.unlink()
        again = (await app.predict("/file", [file])).value
        assert (await app.download(again.url, tmp_path)).read_text(encoding="utf-8") == "HÄLLO"
        several = [
            handle_file(path),
            handle_file(b"", name="none"),
            handle_file(b"x" * 700_000, name='"\r\n.bin'),
        ]
        assert (await app.predict("/files", [several])).value == [6, 0, 700_000]
        assert (await app.predict("/files", [several[0]])).value == [6]
        with pytest.raises(ValidationError, match="no such file"):
            await app.predict("/file", [handle_file(tmp_path / "missing")])
        with pytest.raises(GradioError, match=r"no such file|no file"):
            await app.download(str(tmp_path / "missing"), tmp_path)


async def test_pictures(way: Way, server: GradioServer, tmp_path: Path) -> None:
    async with way.client(server.url) as app:
        file = (await app.predict("/image", [handle_file(PICTURE, name="cat.png")])).value
        assert isinstance(file, FileData)
        assert (await app.download(file, tmp_path)).read_bytes().startswith(PICTURE[:8])
        assert isinstance((await app.predict("/image", [file])).value, FileData)
        pictures = [handle_file(PICTURE, name="cat.png"), (handle_file(PICTURE, name="dog.png"), "a dog")]
        plain, captioned = (await app.predict("/gallery", [pictures])).value
        # 3.x returns files, and pairs where there is a caption.
        assert isinstance(plain if isinstance(plain, FileData) else plain["image"], FileData)
        found, caption = captioned if isinstance(captioned, list) else captioned.values()
        assert caption == "a dog"
        assert (await app.download(found, tmp_path)).read_bytes() == PICTURE
        assert len((await app.predict("/gallery", [handle_file(PICTURE, name="cat.png")])).value) == 1


async def test_videos(way: Way, server: GradioServer, version: str, tmp_path: Path) -> None:
    film = bytes(range(256)) * 10
    async with way.client(server.url) as app:
        if limit("videos", version):
            with pytest.raises(AppError):
                await app.predict("/video", [handle_file(film, name="a.mp4")])
            return
        value = (await app.predict("/video", [handle_file(film, name="a.mp4")])).value
        # A pair with subtitles in 3.x, an object with subtitles up to 5.x, a file in 6.x.
        found = value[0] if isinstance(value, list) else value["video"] if isinstance(value, dict) else value
        assert (await app.download(found, tmp_path)).read_bytes() == film


@pytest.mark.parametrize("endpoint", ["/double", "/double_on"])
async def test_streaming_inputs(way: Way, server: GradioServer, version: str, endpoint: str) -> None:
    """With a time limit and without one."""
    async with way.client(server.url) as app:
        if limit("streaming inputs", version):
            submission = await running(app)
            with pytest.raises(LocalProtocolError):
                await submission.send([1])
            with pytest.raises(LocalProtocolError):
                await submission.end()
            submission.cancel()
            return
        if endpoint == "/double_on" and limit("streaming inputs without a time limit", version):
            async with app.submit(endpoint, [1], timeout=1) as submission:
                with pytest.raises(DeadlineExceeded):
                    await submission.result()
            return
        async with app.submit(endpoint, [1]) as submission:
            seen = []
            async for data in submission:
                seen.append(data.value)
                if len(seen) < 4:
                    await submission.send([len(seen) * 10])
                else:
                    await submission.end()
            assert seen == [2, 20, 40, 60]
            assert (await submission.result()).value == 60
        await submission.send([1])  # it has ended: nothing happens
        await submission.end()
        await small_calls(app)


async def test_rendered_endpoints(way: Way, server: GradioServer, version: str) -> None:
    async with way.client(server.url) as app:
        with pytest.raises(EndpointNotFound):
            await app.predict("/greet_ann")
        if limit("rendered endpoints", version):
            return
        # What renders is the last of the app's functions; it isn't meant to be called by name.
        last = app.config["dependencies"][-1]
        await app.predict(last["id"] if "id" in last else len(app.config["dependencies"]) - 1, ["ann bob"])
        assert (await app.predict("/greet_ann")).value == "hello ann"
        assert (await app.predict("/greet_bob", [])).value == "hello bob"
        await small_calls(app)
