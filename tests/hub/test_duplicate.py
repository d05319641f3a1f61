"""A Space of one's own, from the local Hub, in each adapter."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AuthError, GradioError, SpaceError, ValidationError
from gradio_sansio_sync import duplicate
from tests.hub.conftest import TOKEN
from tests.hub.hub import FOR_EVER
from tests.hub.test_spaces import SPACE, fails, options

if TYPE_CHECKING:
    from gradio_sansio.testing.conformance import Subject
    from tests.hub.hub import LocalHub

COPY = "me/space-name"


def test_twice_makes_one_space(duplicates: Subject, hub: LocalHub, caplog: pytest.LogCaptureFixture) -> None:
    hub.add(SPACE, hardware="t4-small")
    told: list[str] = []

    async def main() -> None:
        given = options(
            hub, told, hf_token=TOKEN, timeout=5, secrets={"KEY": "s3cret"}, variables={"MODE": "x"}
        )
        async with duplicates.client(SPACE, **given) as app:
            assert (await app.predict("/predict", ["hello"])).value == "hello"
        assert told == ["building", "starting", "running"]
        copy = hub.spaces[COPY]
        assert (copy.hardware, copy.sleep_time, copy.private) == ("t4-small", 300, False)
        assert (copy.secrets, copy.variables) == ({"KEY": "s3cret"}, {"MODE": "x"})
        told.clear()
        given = options(hub, told, hf_token=TOKEN, private=True, timeout=timedelta(minutes=6))
        with caplog.at_level(logging.WARNING, "gradio_sansio"):
            async with duplicates.client(f"{hub.url}/spaces/{SPACE}", **given) as app:
                assert (await app.predict("/predict", ["again"])).value == "again"
        assert not told

    duplicates.run(main)
    assert hub.made == [COPY]
    [record] = caplog.records
    assert "private=False" in record.getMessage()
    assert "timeout=5" in record.getMessage()


@pytest.mark.parametrize(
    "hardware",
    [
        "cpu-basic",
        "cpu-upgrade",
        "t4-small",
        "t4-medium",
        "a10g-small",
        "a10g-large",
        "a100-large",
        "zero-a10g",
    ],
)
def test_hardware(hub: LocalHub, hardware: str) -> None:
    hub.add(SPACE)
    hub.build = []
    with duplicate(SPACE, **options(hub), hf_token=TOKEN, hardware=hardware, to="other"):
        assert hub.spaces["me/other"].hardware == hardware


def test_without_rights(duplicates: Subject, hub: LocalHub) -> None:
    hub.add(SPACE)
    hub.add("user/hidden", private=True)

    async def main() -> None:
        tries: list[tuple[str, dict[str, Any], type[GradioError], str]] = [
            (SPACE, {"hf_token": "hf_readonly"}, AuthError, "required permissions"),
            (SPACE, {"hf_token": "hf_expired"}, AuthError, "token's owner"),
            (SPACE, {"to": "user/mine"}, AuthError, "this namespace"),
            (SPACE, {"hardware": "warp-drive"}, ValidationError, "Invalid hardware type"),
            ("user/hidden", {}, SpaceError, "no access"),
            ("user/none", {}, SpaceError, "no Space user/none"),
        ]
        for source, changes, kind, says in tries:
            error = await fails(duplicates, source, **options(hub, **{"hf_token": TOKEN, **changes}))
            assert isinstance(error, kind)
            assert says in error.message
            assert "nothing was made" in error.message

    duplicates.run(main)
    assert not hub.made


def test_a_taken_name(hub: LocalHub) -> None:
    """Somebody makes it between the look and the making."""
    hub.add(SPACE)
    hub.build = []
    missing = (404, {"content-type": "application/json"}, b'{"error":"Repository not found"}')
    who = (200, {"content-type": "application/json"}, b'{"name":"me"}')
    with duplicate(SPACE, **options(hub), hf_token=TOKEN):
        pass
    hub.faults = [who, missing]
    with duplicate(SPACE, **options(hub), hf_token=TOKEN) as app:
        assert app.predict("/predict", ["hello"]).value == "hello"
    assert hub.made == [COPY]


@pytest.mark.parametrize("step", range(5))
def test_each_steps_failure_and_doing_it_again(hub: LocalHub, step: int) -> None:
    """The Hub is broken from a step on, then well again."""
    hub.add(SPACE)
    hub.build = []
    given: dict[str, Any] = options(hub) | {"hf_token": TOKEN, "timeout": 5, "secrets": {"KEY": "s3cret"}}
    paths = ["/whoami-v2", f"/spaces/{COPY}", f"{SPACE}/runtime", f"{COPY}/sleeptime", f"{COPY}/secrets"]
    hub.broken = paths[step]
    with pytest.raises(GradioError) as caught:
        duplicate(SPACE, **given)
    assert f"duplicating {SPACE}" in str(caught.value)
    made = step >= 3
    assert ("was made" in str(caught.value).replace("nothing was made", "")) is made
    assert hub.made == ([COPY] if made else [])
    hub.broken = ""
    with duplicate(SPACE, **given) as app:
        assert app.predict("/predict", ["hello"]).value == "hello"
    assert hub.made == [COPY]


@pytest.mark.parametrize("timeout", [-1, -0.5, timedelta(minutes=-1)])
def test_a_negative_timeout(hub: LocalHub, timeout: float | timedelta) -> None:
    with pytest.raises(ValueError, match="timeout must be positive"):
        duplicate(SPACE, **options(hub), hf_token=TOKEN, timeout=timeout)
    assert not hub.asked


def test_a_copy_that_never_runs(duplicates: Subject, hub: LocalHub) -> None:
    hub.add(SPACE)
    hub.build = [("BUILDING", FOR_EVER)]
    told: list[str] = []

    async def main() -> None:
        error = await fails(duplicates, SPACE, **options(hub, told, hf_token=TOKEN, deadline=4))
        assert isinstance(error, TimeoutError)

    duplicates.run(main)
    assert told == ["building", "error"]
    assert hub.made == [COPY]
