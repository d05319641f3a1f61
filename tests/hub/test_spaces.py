"""From a Space in whatever state to a prediction: each adapter, the local Hub, and a real Gradio server behind it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    RemoteProtocolError,
    SpaceError,
    SpaceStatus,
    SpaceStatusError,
    handle_file,
)
from gradio_sansio_sync import client
from tests.hub.conftest import TOKEN
from tests.hub.hub import FOR_EVER, WOKEN, Told

if TYPE_CHECKING:
    from gradio_sansio.testing.conformance import Subject
    from tests.hub.hub import LocalHub, Script
    from tests.servers.server import GradioServer

SPACE = "user/space-name"


def options(hub: LocalHub, told: list[str] | None = None, **more: Any) -> dict[str, Any]:
    def note(status: SpaceStatus) -> None:
        assert told is not None
        told.append(status.status)

    callback = {} if told is None else {"status_callback": note}
    return {"hub": hub.url, "ssl_context": hub.ssl_context(), **callback, **more}


async def fails(subject: Subject, source: str, **given: Any) -> Any:
    """The error that connecting ends with."""
    try:
        async with subject.client(source, **given):
            raise AssertionError("it is open")
    except Exception as error:  # noqa: BLE001  # the tests say which
        return error


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([], []),
        ([("RUNNING_BUILDING", FOR_EVER)], []),
        ([("RUNNING_APP_STARTING", FOR_EVER)], []),
        (
            [("SLEEPING", WOKEN), ("SLEEPING", Told()), ("APP_STARTING", Told())],
            ["sleeping", "starting", "running"],
        ),
        ([("STOPPED", WOKEN), ("STOPPED", Told()), ("BUILDING", Told())], ["stopped", "building", "running"]),
        ([("BUILDING", Told()), ("APP_STARTING", Told(2))], ["building", "starting", "running"]),
    ],
)
def test_to_a_prediction(subject: Subject, hub: LocalHub, script: Script, expected: list[str]) -> None:
    hub.add(SPACE, script=script)
    told: list[str] = []

    async def main() -> None:
        async with subject.client(SPACE, **options(hub, told)) as app:
            # All of it has been told by now.
            assert told == expected
            assert (await app.predict("/predict", ["hello"])).value == "hello"
            assert [data.value async for data in app.submit("/count", [3, 0.01])] == [0, 1, 2]

    subject.run(main)
    assert told == expected


@pytest.mark.parametrize("source", ["page", "address", "true name"])
def test_by_page_by_address_and_under_true_names(subject: Subject, hub: LocalHub, source: str) -> None:
    space = hub.add(SPACE, private=True)
    told: list[str] = []
    given = options(hub, told, hf_token="hf_user")
    if source == "page":
        name = f"{hub.url}/spaces/{SPACE}"
    else:
        name = SPACE if source == "true name" else f"https://{space.subdomain}.hf.space"
        given |= {"hub": "https://huggingface.co", "proxy": hub.proxy}

    async def main() -> None:
        space.go(("BUILDING", Told()))
        async with subject.client(name, **given) as app:
            assert (await app.predict("/predict", ["hello"])).value == "hello"

    subject.run(main)
    assert told == ["building", "running"]
    if source != "page":
        assert hub.questions()[0].headers["host"] == "huggingface.co"


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING"])
@pytest.mark.parametrize("discussions", [True, False])
def test_a_space_that_failed(subject: Subject, hub: LocalHub, stage: str, discussions: bool) -> None:
    space = hub.add(SPACE, rest=stage, discussions=discussions)
    told: list[str] = []

    async def main() -> None:
        space.go(("BUILDING", Told()), rest=stage)
        error = await fails(subject, SPACE, **options(hub, told))
        assert isinstance(error, SpaceError)
        assert isinstance(error.status, SpaceStatusError)
        assert error.status.detail == stage
        assert error.status.discussions_enabled is discussions

    subject.run(main)
    assert told == ["building", "space_error"]


def test_a_paused_space(subject: Subject, hub: LocalHub) -> None:
    hub.add(SPACE, rest="PAUSED")
    told: list[str] = []

    async def main() -> None:
        error = await fails(subject, SPACE, **options(hub, told))
        assert isinstance(error, SpaceError)
        assert error.status is not None
        assert error.status.status == "paused"

    subject.run(main)
    assert told == ["paused"]


def test_a_space_that_is_deleted_while_it_is_waited_for(subject: Subject, hub: LocalHub) -> None:
    space = hub.add(SPACE)
    told: list[str] = []

    async def main() -> None:
        space.go(("BUILDING", FOR_EVER))

        def delete(status: SpaceStatus) -> None:
            told.append(status.status)
            hub.spaces.pop(SPACE, None)

        error = await fails(subject, SPACE, **options(hub, status_callback=delete, hf_token="hf_user"))
        assert isinstance(error, SpaceError)
        assert "no Space" in error.message

    subject.run(main)
    assert told == ["building", "error"]


def test_private_and_missing_spaces(subject: Subject, hub: LocalHub) -> None:
    hub.add(SPACE, private=True)

    async def main() -> None:
        for name in (SPACE, "user/none"):
            told: list[str] = []
            error = await fails(subject, name, **options(hub, told))
            assert isinstance(error, AuthError)
            assert "pass hf_token=" in error.message
            assert told == ["error"]
            error = await fails(subject, name, **options(hub, hf_token=TOKEN))
            assert isinstance(error, SpaceError)
            assert "no access" in error.message
        error = await fails(subject, SPACE, **options(hub, hf_token="hf_expired"))
        assert isinstance(error, AuthError)
        assert "hf_expired" not in error.message
        async with subject.client(SPACE, **options(hub, hf_token="hf_user")) as app:
            assert (await app.predict("/predict", ["hello"])).value == "hello"
            # The stream, too, carries the token as a header, so no signed address is needed.
            assert [data.value async for data in app.submit("/count", [2, 0.01])] == [0, 1]

    subject.run(main)
    assert not hub.questions("jwt")
    assert not any("__sign" in asked.target for asked in hub.asked)


@pytest.mark.timeout(180)
def test_a_space_that_goes_to_sleep_under_an_app(
    subject: Subject, hub: LocalHub, backend: GradioServer
) -> None:
    space = hub.add(SPACE)
    told: list[str] = []

    async def main() -> None:
        async with subject.client(SPACE, **options(hub, told)) as app:
            running = app.submit("/slow", [30])
            await subject.until(lambda: running.status.position == 0)
            space.go(("SLEEPING", WOKEN), ("APP_STARTING", Told()))
            error = await ends(running)
            assert isinstance(error, Disconnected)
            # It wakes as a new process, which knows nothing of the one before.
            backend.restart(grace=0)
            # The next calls go through all of it again.
            calls = [app.submit("/predict", [text]) for text in "ab"]
            files = app.submit("/files", [[handle_file(b"12345", name="c")]])
            assert [(await call.result()).value for call in (*calls, files)] == ["a", "b", [5]]
            space.go(rest="PAUSED")
            error = await ends(app.submit("/predict", ["c"]))
            assert isinstance(error, SpaceError)
            space.go()
            assert (await app.predict("/predict", ["d"])).value == "d"

    subject.run(main)
    assert told == ["starting", "running", "paused"]


async def ends(submission: Any) -> Any:
    try:
        await submission.result()
    except Exception as error:  # noqa: BLE001  # the tests say which
        return error


def test_a_callback_that_raises_stops_nothing(subject: Subject, hub: LocalHub) -> None:
    space = hub.add(SPACE)
    mistake = ValueError("mine")

    def callback(status: SpaceStatus) -> None:
        raise mistake

    async def main() -> None:
        space.go(("BUILDING", Told()))
        async with subject.reported() as reported:
            async with subject.client(SPACE, **options(hub, status_callback=callback)) as app:
                assert (await app.predict("/predict", ["hello"])).value == "hello"
            await subject.until(lambda: len(reported) == 2)
        assert reported == [mistake, mistake]

    subject.run(main)


def test_async_callbacks(name: str, subject: Subject, hub: LocalHub) -> None:
    if name == "sync":
        pytest.skip("it has no tasks")
    space = hub.add(SPACE)
    told: list[str] = []

    async def callback(status: SpaceStatus) -> None:
        await subject.sleep(0.01)
        told.append(status.status)

    async def main() -> None:
        space.go(("BUILDING", Told()))
        async with subject.client(SPACE, **options(hub, status_callback=callback)):
            assert told == ["building", "running"]

    subject.run(main)


def test_callbacks_run_apart_from_the_engine(hub: LocalHub) -> None:
    space = hub.add(SPACE)
    space.go(("BUILDING", Told()))
    threads: list[str] = []
    with client(
        SPACE, **options(hub, status_callback=lambda _: threads.append(threading.current_thread().name))
    ):
        pass
    assert threads == ["gradio-sansio callbacks"] * 2


def test_a_deadline(subject: Subject, hub: LocalHub) -> None:
    space = hub.add(SPACE)
    told: list[str] = []

    async def main() -> None:
        space.go(("BUILDING", FOR_EVER))
        error = await fails(subject, SPACE, **options(hub, told, deadline=2.5))
        assert isinstance(error, DeadlineExceeded)
        assert "BUILDING" in error.message

    subject.run(main)
    assert told == ["building", "error"]


@pytest.mark.parametrize(
    "fault",
    [
        (200, {}, b"<html>maintenance</html>"),
        (200, {"content-type": "application/json"}, b"\xff\xfe garbage"),
        (200, {}, b""),
        (500, {}, b""),
        (503, {}, b"<html>"),
        (429, {"retry-after": "1"}, b""),
    ],
)
def test_a_hub_that_is_not_well_now_and_then(hub: LocalHub, fault: tuple[int, dict[str, str], bytes]) -> None:
    space = hub.add(SPACE)
    space.go(("BUILDING", Told()))
    told: list[str] = []
    hub.faults = [(fault[0], dict(fault[1]), fault[2]) for _ in range(2)]
    with client(SPACE, **options(hub, told)) as app:
        assert app.predict("/predict", ["hello"]).value == "hello"
    assert told == ["building", "running"]


def test_a_hub_that_limits_for_ever(hub: LocalHub) -> None:
    hub.add(SPACE)
    hub.faults = [(429, {"retry-after": "1"}, b"") for _ in range(1000)]
    told: list[str] = []
    with pytest.raises(DeadlineExceeded):
        client(SPACE, **options(hub, told, deadline=4))
    assert told == ["error"]
    assert len(hub.questions()) <= 5


def test_what_is_no_hub(hub: LocalHub) -> None:
    told: list[str] = []
    hub.faults = [(200, {}, b"<html>") for _ in range(9)]
    with pytest.raises(RemoteProtocolError, match="JSON object"):
        client(SPACE, **options(hub, told))
    assert told == ["error"]
    with pytest.raises(ConnectError):
        client(SPACE, hub="http://127.0.0.1:9", deadline=30)


@pytest.mark.parametrize(
    "source", ["user/na me", "user/näme", "user", "user/", "a/b/c", "user/name?x", "../x"]
)
def test_names_with_bad_characters(source: str) -> None:
    with pytest.raises(ValueError, match="names no app"):
        client(source)


def test_a_token_that_is_none() -> None:
    with pytest.raises(ValueError, match="begins with 'hf_'"):
        client(SPACE, hf_token="secret")
    with pytest.raises(ValueError, match="plain http"):
        client(SPACE, hf_token=TOKEN, hub="http://mirror.example")


def test_the_environment_names_the_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(SPACE)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    with client(SPACE, ssl_context=hub.ssl_context()) as app:
        assert app.predict("/predict", ["hello"]).value == "hello"
