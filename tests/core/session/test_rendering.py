"""What `@gr.render` adds to an app while it is used (4.31 and later)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio import EndpointNotFound, RemoteProtocolError
from gradio_sansio.commands import StartExchange
from gradio_sansio.session.config import MOST, Config, NotAConfig, parse_config, rendered
from tests.core.session.drive import Drive
from tests.core.strategies import JSON

LAST = "6.31.0"


def render(mark: object, *functions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a block renders, in the form of 5.x."""
    component = {"id": 100, "type": "number", "rendered_in": mark}
    dependency = {"inputs": [100], "outputs": [100], "rendered_in": mark}
    functions = tuple({**dependency, **function} for function in functions)
    return {"render_id": mark, "components": [component], "dependencies": list(functions), **changes}


def names(config: Config) -> dict[int, str | None]:
    return {index: dependency.name for index, dependency in config.dependencies.items()}


def app(*functions: dict[str, Any], **fields: Any) -> Config:
    return parse_config({"version": LAST, "protocol": "sse_v3", "dependencies": list(functions), **fields})


# The config.


def test_what_is_rendered_comes_and_goes() -> None:
    config = app({"id": 0, "api_name": "a"}, {"id": 3, "api_name": "b"})
    first = rendered(config, render(1, {"id": 7, "api_name": "c"}, {"id": 8, "api_name": "d"}))
    assert first is not None
    assert names(first) == {0: "/a", 3: "/b", 7: "/c", 8: "/d"}
    assert [component.type for component in first.dependencies[7].inputs] == ["number"]
    # Another block's are left alone, and the same block's go.
    second = rendered(first, render(2, {"id": 9, "api_name": "e"}))
    assert second is not None
    third = rendered(second, render(1, {"id": 10, "api_name": "f"}))
    assert third is not None
    assert names(third) == {0: "/a", 3: "/b", 9: "/e", 10: "/f"}
    assert len(third.raw["components"]) == 2
    empty = rendered(third, {"render_id": 1})
    assert empty is not None
    assert names(empty) == {0: "/a", 3: "/b", 9: "/e"}
    # What was there stays what it was.
    assert names(config) == {0: "/a", 3: "/b"}
    assert config.raw["dependencies"] == [{"id": 0, "api_name": "a"}, {"id": 3, "api_name": "b"}]


def test_components_of_4_44_name_their_block_in_another_way() -> None:
    config = app({"id": 0, "api_name": "a"})
    for _ in range(3):
        component = {"id": 100, "type": "number", "renderable": 5, "props": {"rendered_in": 5}}
        following = rendered(config, render(5, components=[component]))
        assert following is not None
        config = following
    assert len(config.raw["components"]) == 1


def test_functions_without_an_id_keep_their_place() -> None:
    # Before 4.32 the place is the index.
    config = app({"api_name": "a"}, "nonsense", {"api_name": "b", "rendered_in": 1}, {"api_name": "c"})  # type: ignore[arg-type]
    assert names(config) == {0: "/a", 2: "/b", 3: "/c"}
    following = rendered(config, {"render_id": 1, "dependencies": [{"api_name": "d", "id": 4}]})
    assert following is not None
    assert names(following) == {0: "/a", 3: "/c", 4: "/d"}


def test_what_is_there_is_not_replaced() -> None:
    config = app({"id": 0, "api_name": "a"}, {"id": 1, "api_name": "b"})
    following = rendered(config, render(1, {"id": 0, "api_name": "evil"}, {"api_name": "nameless"}))
    assert following is not None
    assert names(following) == {0: "/a", 1: "/b", 3: "/nameless"}


def test_the_rest_of_the_config_is_not_the_renderings_business() -> None:
    config = app({"id": 0}, api_prefix="/gradio_api", enable_queue=False)
    evil = render(1, {"id": 1}, protocol="ws", version="3.0", api_prefix="/evil", allow_flagging=True)
    following = rendered(config, evil)
    assert following is not None
    assert (following.version, following.dialect, following.prefix) == (
        config.version,
        config.dialect,
        config.prefix,
    )
    assert following.dependencies[1].dialect is config.dependencies[0].dialect


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {"components": []}, {"render_id": None}])
def test_what_is_no_rendering(value: object) -> None:
    assert rendered(app({"id": 0}), value) is None


@pytest.mark.parametrize(
    "value",
    [
        {"render_id": 1, "components": "x", "dependencies": {"0": {}}},
        {"render_id": [1], "components": [None, 1, []], "dependencies": [None, "x"]},
        {"render_id": {"a": []}, "dependencies": None},
    ],
)
def test_what_is_rendered_oddly_adds_nothing(value: object) -> None:
    following = rendered(app({"id": 0, "api_name": "a"}), value)
    assert following is not None
    assert names(following) == {0: "/a"}


@pytest.mark.parametrize("kind", ["components", "dependencies"])
def test_the_bound(kind: str) -> None:
    config = app()
    most = rendered(config, {"render_id": 1, kind: [{"id": i, "rendered_in": 1} for i in range(MOST)]})
    assert most is not None
    assert rendered(most, {"render_id": 2, kind: [{"id": MOST}]}) is None
    # There is room again when they go.
    assert rendered(most, {"render_id": 1, kind: [{"id": MOST}]}) is not None
    assert rendered(config, {"render_id": 1, kind: [{}] * (MOST + 1)}) is None


ITEMS = st.lists(
    st.dictionaries(st.sampled_from(["id", "rendered_in", "renderable", "type", "api_name"]), JSON),
    max_size=3,
)


@given(
    st.fixed_dictionaries(
        {"dependencies": ITEMS | st.lists(JSON, max_size=3)}, optional={"components": JSON | ITEMS}
    ),
    st.fixed_dictionaries(
        {}, optional={"render_id": JSON, "components": JSON | ITEMS, "dependencies": JSON | ITEMS}
    )
    | JSON,
)
def test_any_rendering_of_any_config(raw: dict[str, Any], value: object) -> None:
    try:
        config = parse_config(raw)
    except NotAConfig:
        return
    before = json.dumps(raw)
    following = rendered(config, value)
    assert json.dumps(raw) == before
    if following is not None:
        # What was not made by that block is there still, at its index.
        for index, dependency in config.dependencies.items():
            assert index not in following.dependencies or following.dependencies[index].fn_index == index
            if following.dependencies.get(index) != dependency:
                assert isinstance(value, dict)


# The session.


def test_what_a_result_renders_can_be_called() -> None:
    drive = Drive(LAST)
    with pytest.raises(EndpointNotFound):
        drive.submit("/new", 3)
    drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"], "render_config": render(1, {"id": 7, "api_name": "new", "queue": False})})
    assert drive.session.config["dependencies"][-1]["api_name"] == "new"
    assert "/new" in drive.session.api_info.named_endpoints
    job = drive.submit("/new", 3)
    start = drive.commands[-1]
    assert isinstance(start, StartExchange)
    assert start.url.endswith("/run/new")
    drive.answer({"data": [4], "render_config": None})
    assert drive.values(job) == [4]
    by_index = drive.submit(7, 3)
    # What is rendered anew in the meantime is of no concern to a call under way.
    drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"], "render_config": render(1)})
    with pytest.raises(EndpointNotFound):
        drive.submit("/new", 3)
    assert drive.ended(by_index) is None
    call = [c for c in drive.commands if isinstance(c, StartExchange) and c.url.endswith("/run/new")][-1]
    drive.answer({"data": [5]}, to=call)
    assert drive.values(by_index) == [5]
    drive.finish()


@pytest.mark.parametrize("msg", ["process_generating", "process_completed", "process_streaming"])
def test_results_of_a_queue_render_too(msg: str) -> None:
    drive = Drive(LAST)
    drive.submit("/predict", "hi")
    drive.answer({"event_id": "e1"})
    (request,) = drive.requests("/queue/data", "GET")
    drive.begin(request.exchange)
    # Several at once, in their order.
    drive.write(
        request.exchange,
        *(
            {
                "msg": msg,
                "event_id": "e1",
                "output": {"data": [[]], "render_config": render(1, {"id": 7, "api_name": name})},
                "success": True,
            }
            for name in (("first", "second") if msg != "process_completed" else ("second",))
        ),
    )
    assert {"/second"} <= set(drive.session.api_info.named_endpoints)
    assert "/first" not in drive.session.api_info.named_endpoints
    drive.finish()


def test_what_an_isolated_job_renders_is_of_its_own_session() -> None:
    # Functions of the same index may be others there.
    drive = Drive(LAST)
    drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"], "render_config": render(1, {"id": 7, "api_name": "ours"})})
    drive.submit("/direct", "hi", isolated=True)
    drive.answer({"data": ["ho"], "render_config": render(1, {"id": 7, "api_name": "theirs"})})
    assert "/ours" in drive.session.api_info.named_endpoints
    assert "/theirs" not in drive.session.api_info.named_endpoints
    drive.finish()


def test_an_isolated_job_has_nothing_that_was_rendered_before() -> None:
    drive = Drive(LAST)
    drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"], "render_config": render(1, {"id": 7, "api_name": "new", "queue": False})})
    asked = len(drive.commands)
    for name in ("/new", 7):
        with pytest.raises(
            EndpointNotFound, match=r"^endpoint '/new' was rendered in .*isolated=True"
        ) as caught:
            drive.submit(name, 3, isolated=True)
        assert "/direct" in caught.value.available
        assert "/new" not in caught.value.available
    with pytest.raises(EndpointNotFound, match=r"^no endpoint '/other'"):
        drive.submit("/other", 3, isolated=True)
    assert len(drive.commands) == asked
    drive.submit("/direct", "hi", isolated=True)
    drive.answer({"data": ["ho"]})
    drive.finish()


def test_a_failure_renders_nothing() -> None:
    drive = Drive(LAST)
    drive.submit("/direct", "hi")
    drive.answer({"error": "boom", "render_config": render(1, {"id": 7, "api_name": "new"})}, status=500)
    assert "/new" not in drive.session.api_info.named_endpoints


def test_what_is_not_understood_is_told_to_the_log() -> None:
    drive = Drive(LAST)
    job = drive.submit("/direct", "hi")
    drive.answer({"data": ["ho"], "render_config": ["nonsense"]})
    assert drive.values(job) == ["ho"]
    assert drive.logged == ["what an app rendered is not understood"]
    with pytest.raises((EndpointNotFound, RemoteProtocolError)):
        drive.submit("/new", 3)
    drive.finish()
