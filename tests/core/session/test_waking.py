from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    GradioError,
    Limits,
    RateLimited,
    RemoteProtocolError,
    SpaceError,
    SpaceStatusError,
    SpaceStatusNormal,
)
from gradio_sansio.session.opening import HEAD_START
from gradio_sansio.session.space import STAGES, Next, read_stage
from gradio_sansio.session.waking import TRANSITIONS, WakingState
from tests.core.session.hubworld import GONE, HOST, HTML, HUB, SPACE, TOKEN, World, after, answer

STATUS = f"GET {HUB}/api/spaces/{SPACE}"
PLACE = f"{STATUS}/host"
CONFIG = f"GET {HOST}/config"
INFO = f"GET {HOST}/info"
NO_ROUTE = ConnectError("no route", phase="connect", url=HUB)


def test_a_space_that_runs_is_opened_in_three_requests_and_nothing_is_told() -> None:
    world = World()
    assert [(r.method, r.url) for _, r in world.asked] == [
        ("GET", f"{HUB}/api/spaces/{SPACE}/host"),
        ("GET", f"{HOST}/config"),
        ("GET", f"{HOST}/info?serialize=False"),
    ]
    assert world.opened
    assert not world.statuses
    assert all(("authorization", f"Bearer {TOKEN}") in r.headers for _, r in world.asked)
    assert world.session.deadline is None


@pytest.mark.parametrize("source", ["https://huggingface.co/spaces/user/name", f"{HOST}/", HOST])
def test_pages_and_addresses_of_spaces(source: str) -> None:
    world = World(source, stage=after((3, "BUILDING")))
    world.run(10)
    assert world.opened
    assert world.told == ["building", "running"]


def test_another_host_is_no_space() -> None:
    world = World("https://app.example", stage="SLEEPING")
    assert isinstance(world.error, RemoteProtocolError)
    assert not world.statuses
    assert not any(r.url.startswith(HUB) for _, r in world.asked)


def test_a_space_that_sleeps_is_woken_and_waited_for() -> None:
    world = World(stage=after((4, "SLEEPING"), (9, "APP_STARTING")))
    world.run(60)
    assert world.opened
    assert world.statuses == [
        SpaceStatusNormal("sleeping", "SLEEPING", "pending", "Space is asleep. Waking it up..."),
        SpaceStatusNormal("starting", "APP_STARTING", "pending", "Space is starting..."),
        SpaceStatusNormal("running", "RUNNING", "complete", ""),
    ]
    # The first attempt to open it, and a call for each time that it was found asleep.
    assert world.woken[:3] == [0, 0, pytest.approx(1.1, abs=0.2)]


@pytest.mark.parametrize("stage", [*STAGES, "NEW"])
def test_only_the_status_is_asked_for(stage: str) -> None:
    world = World(stage=stage, only_status=True)
    assert isinstance(world.error, SpaceError)
    assert world.statuses == [world.error.status]
    assert world.error.status == read_stage(stage)[0] or isinstance(world.error.status, SpaceStatusError)
    # Not the Space's own host, which would wake it.
    assert all(request.url.startswith(f"{HUB}/api/spaces/{SPACE}") for _, request in world.asked)
    assert world.session.deadline is None


def test_the_status_of_a_space_that_is_not_there() -> None:
    world = World(routes={STATUS: answer({}, 404)}, only_status=True)
    assert isinstance(world.error, SpaceError)
    assert world.told == ["error"]


def test_what_is_no_space_has_no_status() -> None:
    with pytest.raises(ValueError, match="only a Space has a status"):
        World("https://app.example", only_status=True)


def test_only_one_call_wakes_at_a_time() -> None:
    def never(world: World, _: object) -> Any:
        return HTML if len(world.requests("GET", "/config")) == 1 else None

    world = World(stage="SLEEPING", limits=Limits(waking=30), routes={CONFIG: never})
    world.run(29)
    assert [request.url for request in world.open.values()] == [f"{HOST}/config"]
    world.run(10)
    assert isinstance(world.error, DeadlineExceeded)


def test_pauses_grow_from_one_second_to_five_and_differ() -> None:
    world = World(stage="BUILDING", limits=Limits(waking=120))
    world.run()
    pauses = [b - a for a, b in itertools.pairwise(world.times(f"/api/spaces/{SPACE}"))]
    assert 1 <= pauses[0] <= 1.25
    assert all(1 <= pause <= 5 for pause in pauses)
    assert all(4 <= pause <= 5 for pause in pauses[5:])
    assert len({round(pause, 6) for pause in pauses[5:]}) > 3
    assert all(("authorization", f"Bearer {TOKEN}") in r.headers for _, r in world.asked)


@pytest.mark.parametrize(
    ("options", "limit"), [({"deadline": 20.0}, "deadline"), ({"limits": Limits(waking=20)}, "waking")]
)
def test_a_wait_ends(options: dict[str, Any], limit: str) -> None:
    world = World(stage="BUILDING", **options)
    world.run(19.9)
    assert world.session.state.value != "closed"
    world.run(0.2)
    error = world.error
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == limit
    assert "BUILDING" in error.message
    assert world.statuses[-1] == SpaceStatusNormal(
        "error", "NOT_FOUND", "error", "Could not get space status"
    )
    assert world.told == ["building", "error"]


def test_a_space_whose_config_is_read_once_the_description_is_asked_for() -> None:
    config = b'{"version":"4.44.1","mode":"blocks","protocol":"sse_v3","dependencies":[]}'
    routes = {CONFIG: (200, {"content-type": "application/json"}, config), INFO: None}
    for early in (0, HEAD_START / 2):
        world = World(routes=dict(routes), deadline=early or None)
        assert world.session.deadline == (early or HEAD_START)
        world.run(0.5)
        if early:
            assert isinstance(world.error, DeadlineExceeded)
            continue
        assert not world.opened
        world.routes[INFO] = answer({}, 404)
        world.settle()
        assert world.opened
        assert world.told == []


def test_a_deadline_passes_while_the_app_is_opened() -> None:
    world = World(deadline=5, routes={CONFIG: None})
    world.run()
    assert isinstance(world.error, DeadlineExceeded)
    assert not world.statuses


def test_a_deadline_passes_while_a_woken_app_is_opened() -> None:
    world = World(stage=after((2, "BUILDING")), deadline=5)
    world.routes[CONFIG] = None
    world.run()
    assert isinstance(world.error, DeadlineExceeded)
    assert world.statuses[-1].message == "Could not load this space."


def test_a_paused_space() -> None:
    world = World(stage="PAUSED")
    error = world.error
    assert isinstance(error, SpaceError)
    status = error.status
    assert isinstance(status, SpaceStatusNormal)
    assert (status.status, status.detail, status.load_status) == ("paused", "PAUSED", "error")
    assert "duplicating" in status.message
    assert world.statuses == [status]


@pytest.mark.parametrize(
    "stage", ["NO_APP_FILE", "CONFIG_ERROR", "BUILD_ERROR", "RUNTIME_ERROR", "DELETING", "NEW"]
)
@pytest.mark.parametrize(
    ("discussions", "enabled"),
    [
        ((200, {}, b""), True),
        ((403, {"x-error-message": "Discussions are disabled for this repo"}, b""), False),
        ((429, {"retry-after": "5"}, b""), False),
        ((500, {}, b""), False),
        (NO_ROUTE, False),
    ],
)
def test_a_space_that_failed(stage: str, discussions: Any, enabled: bool) -> None:
    world = World(stage=stage, routes={f"HEAD {HUB}/api/spaces/{SPACE}/discussions": discussions})
    error = world.error
    assert isinstance(error, SpaceError)
    assert error.status == SpaceStatusError(
        "space_error", stage, "error", "This space is experiencing an issue.", enabled
    )
    assert ("discussions" in error.message) is enabled
    assert world.statuses == [error.status]


def test_discussions_of_a_space_that_was_given_by_its_address() -> None:
    world = World(HOST, stage="BUILD_ERROR")
    assert isinstance(world.error, SpaceError)
    assert world.requests("HEAD", f"/api/spaces/{SPACE}/discussions")


def test_a_space_that_is_deleted_while_it_is_waited_for() -> None:
    world = World(stage="BUILDING")
    world.routes[STATUS] = answer({"error": "Repository not found"}, 404)
    world.run(10)
    assert isinstance(world.error, SpaceError)
    assert world.told == ["building", "error"]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize(
    ("source", "route"),
    [(SPACE, PLACE), (HOST, f"GET {HUB}/api/spaces/by-subdomain/user-name")],
)
def test_private_or_missing_without_a_token(status: int, source: str, route: str) -> None:
    refused = answer({"error": "Repository not found"}, status)
    world = World(source, token=None, routes={route: refused, CONFIG: GONE, f"GET {HOST}/": GONE})
    error = world.error
    assert isinstance(error, AuthError)
    assert "hf_token" in error.message
    assert error.hint == "hf_token"
    assert world.statuses == [SpaceStatusNormal("error", "NOT_FOUND", "error", "Could not get space status")]


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (401, AuthError, "valid"),
        (403, AuthError, "no right"),
        (404, SpaceError, "no access"),
        (418, RemoteProtocolError, "418"),
    ],
)
def test_refused_with_a_token(status: int, kind: type[GradioError], says: str) -> None:
    error = World(routes={PLACE: answer({}, status)}).error
    assert isinstance(error, kind)
    assert says in error.message
    assert TOKEN not in error.message


@pytest.mark.parametrize(
    "host",
    [
        None,
        7,
        "",
        "user-name.hf.space",
        "http://user-name.hf.space",
        "https://127.0.0.1:7860",
        "https://localhost",
        "http://localhost:7860",
        "https://10.0.0.1",
        "https://[2001:db8::1]",
        "https://good@evil.example",
        "file:///etc/passwd",
    ],
)
def test_a_host_that_is_not_believed(host: object) -> None:
    world = World(routes={PLACE: answer({"host": host})})
    assert isinstance(world.error, RemoteProtocolError)
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    "host",
    ["https://127.0.0.1:7001", "http://127.0.0.1:7001", "http://name.localhost:7001", "https://app.example"],
)
@pytest.mark.parametrize("hub", ["https://127.0.0.1:7000", "http://localhost:7000"])
def test_a_hub_on_this_machine_may_name_this_machine(hub: str, host: str) -> None:
    world = World(hub=hub, routes={f"GET {hub}/api/spaces/{SPACE}/host": answer({"host": host})})
    assert world.asked[1][1].url == f"{host}/config"


def test_a_mirror_below_a_path() -> None:
    hub = "https://mirror.example/hf"
    world = World(f"{hub}/spaces/user/name", hub=hub)
    assert world.opened


def test_an_app_that_wants_a_login_is_no_space_that_sleeps() -> None:
    world = World(routes={CONFIG: answer({"detail": "Not authenticated"}, 401)})
    assert isinstance(world.error, AuthError)
    assert not world.statuses


def test_a_woken_app_that_wants_a_login() -> None:
    world = World(stage=after((2, "BUILDING")))
    world.routes[CONFIG] = lambda *_: answer({}, 401) if world.stage_now == "RUNNING" else HTML
    world.run(10)
    assert isinstance(world.error, AuthError)
    assert world.told == ["building", "error"]
    assert world.statuses[-1].message == "Could not load this space."


def test_a_host_that_lags_behind_the_hub() -> None:
    def app(world: World, request: Any) -> Any:
        return world.app(request) if world.now > 1 else HTML

    world = World(routes={CONFIG: app})
    world.run(10)
    assert world.opened
    # It ran already.
    assert not world.statuses


def test_a_space_that_runs_and_has_no_app_of_gradio() -> None:
    world = World(routes={CONFIG: (200, {"content-type": "text/html"}, b"<html>"), f"GET {HOST}/": GONE})
    world.run(30)
    assert isinstance(world.error, RemoteProtocolError)
    assert world.told == ["error"]
    assert world.statuses[0].message == "Could not load this space."
    assert len(world.requests("GET", "/config")) == 4


@pytest.mark.parametrize(
    "nonsense",
    [
        (200, {"content-type": "text/html"}, b"<html>"),
        (200, {}, b""),
        answer([1]),
        answer({}, 500),
        answer({}, 502),
        NO_ROUTE,
    ],
)
@pytest.mark.parametrize("route", [PLACE, STATUS])
def test_a_hub_that_is_not_well_is_asked_a_few_times(route: str, nonsense: Any) -> None:
    world = World(stage="BUILDING", routes={route: nonsense})
    world.run(60)
    error = world.error
    assert isinstance(error, (ConnectError, RemoteProtocolError))
    assert world.told == ["error"]
    assert "Hub" in str(error)
    count = world.times(f"/api/spaces/{SPACE}{'/host' if route == PLACE else ''}")
    assert len(count) == Limits().hub_failures
    assert count[-1] < 15


def test_a_hub_that_fails_now_and_then() -> None:
    turns = itertools.count()

    def status(world: World, request: Any) -> Any:
        return answer({}, 500) if next(turns) % 3 else world.space(request)

    world = World(stage=after((20, "BUILDING")))
    world.routes[STATUS] = status
    world.run(60)
    assert world.opened
    assert world.told == ["building", "running"]


def test_a_hub_that_doesnt_say_how_a_space_stands() -> None:
    world = World(stage="SLEEPING", routes={STATUS: answer({"id": SPACE, "runtime": None})})
    assert isinstance(world.error, RemoteProtocolError)


def test_too_many_requests_are_answered_with_patience() -> None:
    turns = iter([answer({}, 429, retry_after="7"), answer({}, 429)])
    world = World(routes={PLACE: lambda *_: next(turns, answer({"host": HOST}))})
    world.run(30)
    assert world.opened
    times = world.times(f"/api/spaces/{SPACE}/host")
    assert times[:2] == [0, 7]
    assert 1 <= times[2] - times[1] <= 2


def test_too_many_requests_for_ever() -> None:
    world = World(limits=Limits(waking=100), routes={PLACE: answer({}, 429, retry_after="10")})
    world.run()
    assert isinstance(world.error, DeadlineExceeded)
    assert world.told == ["error"]
    assert len(world.asked) == 10


def test_a_wait_that_would_outlast_all_limits() -> None:
    error = World(routes={PLACE: answer({}, 429, retry_after="86400")}).error
    assert isinstance(error, RateLimited)
    assert error.retry_after == 86400


def test_closing_while_it_wakes() -> None:
    world = World(stage="SLEEPING")
    world.session.close(world.now)
    world.settle()
    assert world.session.deadline is None
    assert not world.open


def test_the_wakings_table_ends_where_it_should() -> None:
    assert set(TRANSITIONS) == set(WakingState)
    reachable = {following for row in TRANSITIONS.values() for following in row.values()}
    assert reachable == set(WakingState) - {WakingState.HOST}


@pytest.mark.parametrize("stage", list(STAGES))
def test_every_stage_carries_its_own_name(stage: str) -> None:
    status, following = read_stage(stage)
    assert status.detail == stage
    expected = {Next.GO: "complete", Next.WAKE: "pending", Next.WAIT: "pending"}.get(following, "error")
    assert status.load_status == expected


def test_an_unknown_stage_is_cut_short() -> None:
    status, following = read_stage("X" * 1000)
    assert (status.status, len(status.detail), following) == ("space_error", 80, Next.ASK)


# Whatever the Hub and the Space's host do, what is told is a legal story.

PENDING = {"sleeping", "stopped", "building", "starting"}


@settings(max_examples=200, deadline=None)
@given(
    stages=st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from([*STAGES, "SOMETHING_NEW"]),
                st.sampled_from(["429", "500", "404", "html", "lost", "mute"]),
            ),
            st.floats(0.1, 400),
        ),
        max_size=8,
    ),
    host_lags=st.floats(0, 30),
    by_address=st.booleans(),
    token=st.sampled_from([None, TOKEN]),
    deadline=st.one_of(st.none(), st.floats(0.5, 500)),
)
def test_any_story_is_legal(
    stages: list[tuple[str, float]],
    host_lags: float,
    by_address: bool,
    token: str | None,
    deadline: float | None,
) -> None:
    def at(now: float) -> str:
        for stage, length in stages:
            if now < length:
                return stage
            now -= length
        return "RUNNING"

    faults: dict[str, Any] = {
        "429": answer({}, 429, retry_after="3"),
        "500": answer({}, 500),
        "404": answer({}, 404),
        "html": HTML,
        "lost": NO_ROUTE,
        "mute": None,
    }

    def status(world: World, request: Any) -> Any:
        stage = at(world.now)
        return faults[stage] if stage in faults else world.space(request)

    def app(world: World, request: Any) -> Any:
        return world.app(request) if at(max(0, world.now - host_lags)).startswith("RUNNING") else HTML

    world = World(
        HOST if by_address else SPACE,
        token=token,
        stage=at,
        deadline=deadline,
        routes={STATUS: status, f"GET {HUB}/api/spaces/by-subdomain/user-name": status, CONFIG: app},
    )
    world.run(4000)
    told = world.told
    assert all(a != b for a, b in itertools.pairwise(world.statuses))
    assert set(told[:-1]) <= PENDING
    if world.opened:
        assert not told or (told[-1] == "running" and len(told) > 1)
        assert world.session.deadline is None
    else:
        assert isinstance(world.error, GradioError)
        assert not told or world.statuses[-1].load_status == "error"
