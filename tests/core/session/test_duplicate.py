from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Duplicate,
    GradioError,
    Limits,
    RemoteProtocolError,
    Session,
    SpaceError,
    ValidationError,
)
from gradio_sansio.session.duplication import TRANSITIONS, DuplicationState
from tests.core.session.hubworld import HOST, HUB, SPACE, TOKEN, World, after, answer
from tests.core.virtual import entropy

COPY = "https://me-name.hf.space"
WHOAMI = f"GET {HUB}/api/whoami-v2"
EXISTING = f"GET {HUB}/api/spaces/me/name"
RUNTIME = f"GET {HUB}/api/spaces/{SPACE}/runtime"
MAKE = f"POST {HUB}/api/spaces/{SPACE}/duplicate"
SLEEP = f"POST {HUB}/api/spaces/me/name/sleeptime"
SECRETS = f"POST {HUB}/api/spaces/me/name/secrets"
VARIABLES = f"POST {HUB}/api/spaces/me/name/variables"
HARDWARE = (
    *("cpu-basic", "cpu-upgrade", "t4-small", "t4-medium", "a10g-small", "a10g-large", "a100-large"),
    *("h100x8", "something-new"),
)
ALL = Duplicate(timeout=5, hardware="t4-small", secrets={"KEY": "s3cret"}, variables={"MODE": "x"})
LOST = ConnectError("lost", phase="connect", url=HUB)


def made(world: World, request: Any) -> Any:
    """The copy is there from now on."""
    copies = [body["repository"] for body in world.bodies(f"/api/spaces/{SPACE}/duplicate")]
    if len(copies) > 1:
        return answer({"error": "You already created this space repo"}, 409)
    world.routes |= {EXISTING: existing(), f"{EXISTING}/host": answer({"host": COPY})}
    return answer({"url": f"{HUB}/spaces/{copies[0]}"})


def existing(**changes: Any) -> Any:
    value = {"id": "me/name", "private": False, "runtime": {"stage": "RUNNING", "hardware": {}}, **changes}
    return answer(value)


def hub(**routes: Any) -> dict[str, Any]:
    return {
        WHOAMI: answer({"name": "me", "type": "user"}),
        EXISTING: answer({"error": "Repository not found"}, 404),
        RUNTIME: answer({"stage": "RUNNING", "hardware": {"current": "a10g-small", "requested": "t4-small"}}),
        MAKE: made,
        SLEEP: answer({"stage": "BUILDING"}),
        SECRETS: (200, {}, b""),
        VARIABLES: answer({}),
        f"GET {COPY}/config": World.app,
        f"GET {COPY}/info": answer({}, 404),
        **routes,
    }


def duplicated(options: Duplicate | None = None, source: str = SPACE, **changes: Any) -> World:
    """The routes are named as the constants above."""
    routes = {globals()[name]: route for name, route in changes.items()}
    return World(source, duplicate=options or Duplicate(), routes=hub(**routes))


def test_a_copy_is_made_and_opened() -> None:
    world = duplicated()
    assert world.opened
    assert [(r.method, r.url.partition("?")[0]) for _, r in world.asked] == [
        ("GET", f"{HUB}/api/whoami-v2"),
        ("GET", f"{HUB}/api/spaces/me/name"),
        ("GET", f"{HUB}/api/spaces/{SPACE}/runtime"),
        ("POST", f"{HUB}/api/spaces/{SPACE}/duplicate"),
        ("GET", f"{HUB}/api/spaces/me/name/host"),
        ("GET", f"{COPY}/config"),
        ("GET", f"{COPY}/info"),
    ]
    assert world.bodies(f"/api/spaces/{SPACE}/duplicate") == [
        {"repository": "me/name", "private": False, "hardware": "a10g-small"}
    ]
    assert all(("authorization", f"Bearer {TOKEN}") in r.headers for _, r in world.asked)
    assert not world.logged


def test_all_options() -> None:
    options = Duplicate(
        private=True, timeout=timedelta(minutes=1.5), hardware="t4-small", to="other",
        secrets={"A": "1", "B": "2"}, variables={"C": "3"},
    )  # fmt: skip
    base = f"{HUB}/api/spaces/me/other"
    world = World(
        f"{HUB}/spaces/{SPACE}",
        duplicate=options,
        routes=hub()
        | {
            MAKE: answer({"url": f"{HUB}/spaces/me/other"}),
            f"POST {base}/sleeptime": answer({}),
            f"POST {base}/secrets": answer({}),
            f"POST {base}/variables": answer({}),
            f"GET {base}/host": answer({"host": COPY}),
        },
    )
    assert world.opened
    assert world.bodies(f"/api/spaces/{SPACE}/duplicate") == [
        {"repository": "me/other", "private": True, "hardware": "t4-small"}
    ]
    assert world.bodies("/api/spaces/me/other/sleeptime") == [{"seconds": 90}]
    assert world.bodies("/api/spaces/me/other/secrets") == [
        {"key": "A", "value": "1"},
        {"key": "B", "value": "2"},
    ]
    assert world.bodies("/api/spaces/me/other/variables") == [{"key": "C", "value": "3"}]


def test_a_name_with_its_owner() -> None:
    world = World(
        duplicate=Duplicate(to="org/copy"),
        routes=hub() | {MAKE: answer({}), f"GET {HUB}/api/spaces/org/copy/host": answer({"host": COPY})},
    )
    assert world.opened
    assert world.bodies(f"/api/spaces/{SPACE}/duplicate")[0]["repository"] == "org/copy"


def test_the_original_by_its_address() -> None:
    assert duplicated(source=HOST).opened


@pytest.mark.parametrize("hardware", HARDWARE)
def test_hardware(hardware: str) -> None:
    world = duplicated(Duplicate(hardware=hardware))
    assert world.opened
    assert world.bodies(f"/api/spaces/{SPACE}/duplicate")[0]["hardware"] == hardware
    assert not world.requests("GET", f"/api/spaces/{SPACE}/runtime")


@pytest.mark.parametrize("hardware", [None, {}, {"current": None}, {"current": 7}, {"current": "a b"}])
def test_hardware_of_an_original_that_has_none(hardware: Any) -> None:
    world = duplicated(RUNTIME=answer({"hardware": hardware}))
    assert world.bodies(f"/api/spaces/{SPACE}/duplicate")[0]["hardware"] == "cpu-basic"


def test_a_copy_that_is_built_is_waited_for() -> None:
    world = World(stage=after((12, "BUILDING")), duplicate=Duplicate(), routes=hub())
    world.routes[EXISTING] = World.space
    world.run(60)
    assert world.opened
    assert world.told == ["building", "running"]


@pytest.mark.parametrize(
    ("found", "options", "differences"),
    [
        ({}, Duplicate(), []),
        ({"private": True}, Duplicate(), ["private=True"]),
        ({"private": True}, Duplicate(private=True), []),
        (
            {"runtime": {"hardware": {"current": "cpu-basic"}, "gcTimeout": 172800}},
            Duplicate(hardware="t4-small", timeout=5),
            ["hardware='cpu-basic'", "timeout=2880"],
        ),
        (
            {"runtime": {"hardware": {"current": None, "requested": "t4-small"}, "gcTimeout": 300}},
            Duplicate(hardware="t4-small", timeout=5),
            [],
        ),
        ({}, Duplicate(secrets={"A": "s3cret"}, variables={"B": ""}), ["the secrets", "the variables"]),
    ],
)
def test_a_copy_that_is_there_is_used_as_it_is(
    found: dict[str, Any], options: Duplicate, differences: list[str]
) -> None:
    world = duplicated(options, EXISTING=existing(**found))
    world.routes[f"{EXISTING}/host"] = answer({"host": COPY})
    assert not world.requests("POST", f"/api/spaces/{SPACE}/duplicate")
    assert len(world.logged) == bool(differences)
    for difference in differences:
        assert difference in world.logged[0]
    assert "s3cret" not in "".join(world.logged)


def test_twice_makes_one_space() -> None:
    world = duplicated()
    again = World(duplicate=Duplicate(), routes=world.routes)
    assert again.opened
    assert not again.requests("POST", f"/api/spaces/{SPACE}/duplicate")


def test_somebody_else_makes_it_meanwhile() -> None:
    world = World(
        duplicate=Duplicate(timeout=5),
        routes=hub() | {MAKE: answer({}, 409), f"{EXISTING}/host": answer({"host": COPY})},
    )
    assert world.opened
    assert not world.requests("POST", "/api/spaces/me/name/sleeptime")


NO = answer({"error": "You have no right"}, 403)


@pytest.mark.parametrize(
    ("route", "refusal", "kind", "says"),
    [
        ("WHOAMI", answer({"error": "Invalid username or password."}, 401), AuthError, ["token's owner", "nothing was made"]),
        ("WHOAMI", answer({"name": None}), RemoteProtocolError, ["user's name", "nothing was made"]),
        ("WHOAMI", answer({"name": "../x"}), RemoteProtocolError, ["nothing was made"]),
        ("WHOAMI", (200, {"content-type": "text/html"}, b"<html>"), RemoteProtocolError, ["nothing was made"]),
        ("EXISTING", NO, AuthError, ["as me/name", "nothing was made"]),
        ("RUNTIME", answer({}, 404), SpaceError, ["original's hardware", "nothing was made"]),
        ("MAKE", NO, AuthError, ["POST the copy", "no right"]),
        ("MAKE", answer({}, 404), SpaceError, [SPACE]),
        ("MAKE", answer({"error": "Invalid hardware type"}, 400), ValidationError, ["Invalid hardware type", "nothing was made"]),
        ("MAKE", answer({"error": "x" * 9 + "\n"}, 422), ValidationError, ["HTTP 422", "nothing was made"]),
        ("MAKE", answer({}, 500), ConnectError, ["if me/name was made all the same"]),
        ("MAKE", answer({}, 307, location="/api/spaces/x/y/duplicate"), RemoteProtocolError, ["307"]),
        ("SLEEP", answer({"error": "no"}, 400), RemoteProtocolError, ["sleep time", "was made, on t4-small", "secret KEY, the"]),
        ("SECRETS", NO, AuthError, ["POST the secret KEY", "me/name was made", "without the secret KEY, the variable MODE"]),
        ("VARIABLES", LOST, ConnectError, ["POST the variable MODE", "without the variable MODE"]),
    ],
)  # fmt: skip
def test_each_steps_failure_says_what_happened(
    route: str, refusal: Any, kind: type[GradioError], says: list[str]
) -> None:
    options = (
        Duplicate(**{f: getattr(ALL, f) for f in ("timeout", "secrets", "variables")})
        if route == "RUNTIME"
        else ALL
    )
    world = duplicated(options, **{route: refusal})
    world.run(60)
    error = world.error
    assert isinstance(error, kind)
    assert str(error) == error.message
    for text in [*says, f"duplicating {SPACE}"]:
        assert text in error.message
    assert "s3cret" not in error.message
    assert TOKEN not in error.message
    assert not world.statuses


def test_hardware_that_is_not_to_be_had() -> None:
    for answered in (answer({"error": "Invalid hardware type"}, 400), answer({"error": "Pay"}, 402)):
        error = duplicated(Duplicate(hardware="warp-drive"), MAKE=answered).error
        assert isinstance(error, ValidationError)
        assert error.parameter == "hardware"


@pytest.mark.parametrize(
    ("refusal", "kind"), [(answer({}, 404), SpaceError), (answer({"id": 7}), RemoteProtocolError)]
)
def test_an_original_that_is_not_known(refusal: Any, kind: type[GradioError]) -> None:
    world = World(
        HOST, duplicate=Duplicate(), routes=hub() | {f"GET {HUB}/api/spaces/by-subdomain/user-name": refusal}
    )
    assert isinstance(world.error, kind)


@pytest.mark.parametrize("steps", range(1, 8))
def test_interrupted_after_each_step_and_done_again(steps: int) -> None:
    """The first run hears nothing any more after so many answers, and is closed."""
    heard = itertools.count(1)
    routes = hub()

    def until(route: Any) -> Any:
        def serve(world: World, request: Any) -> Any:
            if next(heard) > steps:
                return None
            return route(world, request) if callable(route) else route

        return serve

    first = World(duplicate=ALL, routes={name: until(route) for name, route in routes.items()})
    first.session.close(first.now)
    first.settle()
    assert not first.open
    state = {
        name: first.routes[name]
        for name in (EXISTING, f"{EXISTING}/host")
        if steps >= 3 and name in first.routes
    }
    again = World(duplicate=ALL, routes=routes | state)
    assert again.opened
    made = [*first.bodies(f"/api/spaces/{SPACE}/duplicate"), *again.bodies(f"/api/spaces/{SPACE}/duplicate")]
    assert len(made) == (1 if steps != 2 else 2)
    if steps >= 3:
        assert "used as it is" in again.logged[0]


def test_too_many_requests_while_it_is_made() -> None:
    turns = iter([answer({}, 429, retry_after="3")])
    world = World(
        duplicate=Duplicate(),
        routes=hub() | {MAKE: lambda world, request: next(turns, None) or _first(world)},
    )
    world.run(10)
    assert world.opened


def _first(world: World) -> Any:
    world.routes |= {EXISTING: existing(), f"{EXISTING}/host": answer({"host": COPY})}
    return answer({"url": f"{HUB}/spaces/me/name"})


def test_a_hub_that_does_not_answer() -> None:
    world = World(duplicate=Duplicate(), deadline=5, routes=hub() | {MAKE: None})
    world.run()
    assert isinstance(world.error, DeadlineExceeded)
    assert not world.statuses


def session(source: str = SPACE, token: str | None = TOKEN) -> Session:
    return Session(
        source, now=0, wall_clock=0, entropy=entropy(), limits=Limits(), hf_token=token, duplicate=Duplicate()
    )


def test_for_nobody_or_of_no_space() -> None:
    with pytest.raises(ValueError, match="hf_token"):
        session(token=None)
    with pytest.raises(ValueError, match="only a Space"):
        session("https://app.example")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"private": "yes"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": float("inf")}, ValueError),
        ({"timeout": timedelta(seconds=-1)}, ValueError),
        ({"timeout": "5"}, TypeError),
        ({"timeout": True}, ValueError),
        ({"hardware": 4}, TypeError),
        ({"hardware": ""}, ValueError),
        ({"hardware": "a b"}, ValueError),
        ({"to": 4}, TypeError),
        ({"to": ""}, ValueError),
        ({"to": "a/b/c"}, ValueError),
        ({"to": ".."}, ValueError),
        ({"to": "a?b"}, ValueError),
        ({"secrets": {"A B": "x"}}, ValueError),
        ({"secrets": {"A": 1}}, TypeError),
        ({"secrets": ["A"]}, TypeError),
        ({"variables": "A=1"}, TypeError),
        ({"variables": {1: "x"}}, TypeError),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        Duplicate(**options)
    assert next(iter(options)) in str(caught.value)


def test_secrets_are_not_shown() -> None:
    assert "s3cret" not in repr(ALL)


def test_secrets_are_not_traced() -> None:
    world = World(duplicate=ALL, routes=hub(), trace=True)
    assert world.opened
    lines = "".join(world.session.drain_trace())
    assert "/api/spaces/me/name/secrets" in lines
    assert "s3cret" not in lines
    assert TOKEN not in lines


def test_the_table() -> None:
    assert set(TRANSITIONS) == set(DuplicationState)
