from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.config import Component, Config, Dependency, Dialect, NotAConfig, parse_config
from tests.core.samples import VERSIONS, raw_config
from tests.core.strategies import JSON


def test_the_samples_are_understood() -> None:
    found = {version: parse_config(raw_config(version)) for version in VERSIONS}
    assert {
        version: (config.version, config.dialect, config.prefix) for version, config in found.items()
    } == {
        "3.50": ((3, 50, 2), Dialect.WS, ""),
        "4.22": ((4, 22, 0), Dialect.SSE_V3, ""),
        "4.44": ((4, 44, 1), Dialect.SSE_V3, ""),
        "6.31": ((6, 31, 0), Dialect.SSE_V3, "/gradio_api"),
    }
    for version, config in found.items():
        assert config.raw == raw_config(version)


# Version; of each dependency its index, name, and what is out of the ordinary.
SAMPLES: dict[str, list[tuple[int, str | None, str]]] = {
    "3.50": [
        (0, "/predict", ""),
        (1, "/count", "generator"),
        (2, "/counter", ""),
        (3, "/file", ""),
        (4, "/split", ""),
        (5, "/direct", "direct"),
        (6, None, ""),
        (7, None, "private"),
        (8, "/defaults", ""),
        (9, "/hello", ""),
        (10, None, "direct"),
    ],
    "4.22": [
        (0, "/predict", ""),
        (1, "/count", "generator"),
        (2, "/counter", ""),
        (3, "/file", ""),
        (4, "/split", ""),
        (5, "/direct", "direct"),
        (6, "/unnamed", ""),
        (7, None, "private undocumented"),
        (8, "/defaults", ""),
        (9, "/hello", ""),
        (10, "/cancel", "direct undocumented"),
    ],
    "4.44": [
        (0, "/predict", ""),
        (2, "/count", "generator"),
        (11, "/counter", ""),
        (12, "/file", ""),
        (15, "/split", ""),
        (16, "/direct", "direct"),
        (17, "/unnamed", ""),
        (18, None, "private undocumented"),
        (19, "/defaults", ""),
        (22, "/hello", ""),
        (27, "/unnamed_1", "private direct undocumented"),
    ],
    "6.31": [
        (0, "/predict", ""),
        (2, "/count", "generator"),
        (11, "/counter", ""),
        (12, "/file", ""),
        (15, "/split", ""),
        (16, "/direct", "direct"),
        (17, "/unnamed", ""),
        (18, "/false", "private"),
        (19, "/defaults", ""),
        (22, "/hello", ""),
        (27, "/unnamed_1", "private direct"),
    ],
}


def remarks(config: Config, dependency: Dependency) -> str:
    direct = dependency.dialect is Dialect.DIRECT
    assert dependency.dialect is (Dialect.DIRECT if direct else config.dialect)
    assert dependency.cancellable is not direct
    words = {
        "private": not dependency.callable,
        "direct": direct,
        "undocumented": not dependency.documented,
        "generator": dependency.generator,
    }
    return " ".join(word for word, holds in words.items() if holds)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_dependencies_of_the_samples(version: str) -> None:
    config = parse_config(raw_config(version))
    assert [
        (index, dependency.name, remarks(config, dependency))
        for index, dependency in config.dependencies.items()
    ] == SAMPLES[version]
    assert all(index == dependency.fn_index for index, dependency in config.dependencies.items())


@pytest.mark.parametrize("version", VERSIONS)
def test_the_components_of_the_samples(version: str) -> None:
    config = parse_config(raw_config(version))
    by_name = {dependency.name: dependency for dependency in config.dependencies.values()}
    counter = by_name["/counter"]
    assert [(c.id, c.type, c.label, c.skipped) for c in counter.inputs] == [
        (41, "number", "step", False),
        (1, "state", "", True),
    ]
    assert counter.hidden_outputs == {1}
    assert by_name["/split"].hidden_outputs == frozenset()
    assert [c.label for c in by_name["/split"].outputs] == ["head", "tail", "length"]
    assert by_name["/predict"].inputs[0].schema == {"type": "string"}
    assert by_name["/defaults"].inputs[0].props["value"] == "world"


@pytest.mark.parametrize("kind", [Component, Config, Dependency])
def test_all_are_frozen(kind: type) -> None:
    assert kind.__struct_config__.frozen  # type: ignore[attr-defined]


# Name, what is no config, why.
NOT_CONFIGS: list[tuple[str, object, str]] = [
    ("null", None, "it has no list of dependencies"),
    ("a list", [], "it has no list of dependencies"),
    ("a text", "dependencies", "it has no list of dependencies"),
    ("empty", {}, "it has no list of dependencies"),
    ("dependencies that are none", {"dependencies": {}}, "it has no list of dependencies"),
    ("an error", {"detail": "Not authenticated"}, "it has no list of dependencies"),
    ("Gradio 2", {"dependencies": [], "allow_flagging": "never"}, "it is a Gradio 2 app"),
    (
        "an unknown protocol",
        {"dependencies": [], "protocol": "grpc"},
        "a protocol that this client doesn't know: 'grpc'",
    ),
    ("a protocol that is no text", {"dependencies": [], "protocol": ["sse"]}, "doesn't know: \"['sse']\""),
    ("websockets by name", {"dependencies": [], "protocol": "ws"}, "doesn't know: 'ws'"),
    ("direct calls by name", {"dependencies": [], "protocol": "direct"}, "doesn't know: 'direct'"),
    ("a long one", {"dependencies": [], "protocol": "x" * 1_000}, "know: '" + "x" * 40 + "'"),
]


@pytest.mark.parametrize(("name", "raw", "why"), NOT_CONFIGS, ids=[row[0] for row in NOT_CONFIGS])
def test_not_configs(name: str, raw: object, why: str) -> None:
    with pytest.raises(NotAConfig) as caught:
        parse_config(raw)
    assert why in str(caught.value)


def parsed(**fields: Any) -> Config:
    return parse_config({"dependencies": []} | fields)


PROTOCOLS: list[tuple[object, Dialect]] = [
    (None, Dialect.WS),
    ("sse", Dialect.SSE),
    ("sse_v1", Dialect.SSE_V1),
    ("sse_v2", Dialect.SSE_V2),
    ("sse_v2.1", Dialect.SSE_V2_1),
    ("sse_v3", Dialect.SSE_V3),
    ("sse_v4", Dialect.SSE_V3),
]


@pytest.mark.parametrize(("protocol", "dialect"), PROTOCOLS, ids=str)
def test_protocols(protocol: object, dialect: Dialect) -> None:
    assert parsed(protocol=protocol).dialect is dialect


def test_no_protocol_is_that_of_the_oldest() -> None:
    assert parsed().dialect is Dialect.WS


FOUND_VERSIONS: list[tuple[object, tuple[int, int, int]]] = [
    ("6.31.0", (6, 31, 0)),
    ("4.0.0-beta.15", (4, 0, 0)),
    ("3.45.0b8", (3, 45, 0)),
    ("5.0", (5, 0, 0)),
    ("3.1.7.post1", (3, 1, 7)),
    ("6", (0, 0, 0)),
    ("v6.1.0", (0, 0, 0)),
    ("", (0, 0, 0)),
    (None, (0, 0, 0)),
    (6.31, (0, 0, 0)),
    ("1" * 5_000 + ".0", (0, 0, 0)),
]


@pytest.mark.parametrize(("text", "version"), FOUND_VERSIONS, ids=lambda value: str(value)[:20])
def test_versions(text: object, version: tuple[int, int, int]) -> None:
    assert parsed(version=text).version == version


PREFIXES: list[tuple[object, str]] = [
    ("/gradio_api", "/gradio_api"),
    ("/a/b-c.d~e", "/a/b-c.d~e"),
    (None, ""),
    ("", ""),
    ("/", ""),
    ("gradio_api", ""),
    ("/gradio_api/", ""),
    ("//evil.example", ""),
    ("https://evil.example", ""),
    ("/a b", ""),
    ("/a?b", ""),
    ("/a#b", ""),
    ("/a%2f", ""),
    ("/a\n", ""),
    ("/é", ""),
    ("/..", ""),
    ("/a/../b", ""),
    ("/./a", ""),
    ("/" + "a" * 65, ""),
    ("/a" * 9, ""),
    ("/a" * 8, "/a" * 8),
    (["/gradio_api"], ""),
]


@pytest.mark.parametrize(("claim", "prefix"), PREFIXES, ids=lambda value: str(value)[:20])
def test_prefixes(claim: object, prefix: str) -> None:
    assert parsed(api_prefix=claim).prefix == prefix


def only(item: object, *, components: object = None, **fields: Any) -> Dependency:
    [dependency] = parsed(
        dependencies=[item], components=components, protocol="sse_v3", **fields
    ).dependencies.values()
    return dependency


NAMES: list[tuple[object, str | None]] = [
    ("predict", "/predict"),
    ("/predict", "/predict"),
    ("/predict/", "/predict"),
    ("a/b", "/a/b"),
    ("", None),
    ("/", None),
    (None, None),
    (False, None),
    (7, None),
]


@pytest.mark.parametrize(("claim", "name"), NAMES, ids=str)
def test_names(claim: object, name: str | None) -> None:
    assert only({"api_name": claim}).name == name


# Fields of a dependency, of the config; callable, documented, dialect, cancellable.
FLAGS: list[tuple[dict[str, object], dict[str, object], bool, bool, Dialect, bool]] = [
    ({}, {}, True, True, Dialect.SSE_V3, True),
    ({"queue": True}, {"enable_queue": False}, True, True, Dialect.SSE_V3, True),
    ({"queue": None}, {"enable_queue": False}, True, True, Dialect.DIRECT, False),
    ({}, {"enable_queue": False}, True, True, Dialect.DIRECT, False),
    ({}, {"enable_queue": None}, True, True, Dialect.SSE_V3, True),
    ({"queue": False}, {}, True, True, Dialect.DIRECT, False),
    ({"backend_fn": False}, {}, False, True, Dialect.SSE_V3, True),
    ({"backend_fn": None}, {}, True, True, Dialect.SSE_V3, True),
    ({"api_name": False}, {}, False, True, Dialect.SSE_V3, True),
    ({"api_visibility": "private"}, {}, False, True, Dialect.SSE_V3, True),
    ({"api_visibility": "undocumented"}, {}, True, False, Dialect.SSE_V3, True),
    ({"show_api": False}, {}, True, False, Dialect.SSE_V3, True),
    ({"show_api": None}, {}, True, True, Dialect.SSE_V3, True),
    ({"types": {"cancel": True}}, {}, True, True, Dialect.SSE_V3, False),
    ({"types": "generator"}, {}, True, True, Dialect.SSE_V3, True),
]


@pytest.mark.parametrize(("item", "fields", "callable", "documented", "dialect", "cancellable"), FLAGS)
def test_flags(
    item: dict[str, object],
    fields: dict[str, object],
    callable: bool,  # noqa: A002
    documented: bool,
    dialect: Dialect,
    cancellable: bool,
) -> None:
    dependency = only(item, **fields)
    assert dependency.callable is callable
    assert dependency.documented is documented
    assert dependency.dialect is dialect
    assert dependency.cancellable is cancellable
    assert dependency.generator is False


def test_generators() -> None:
    assert only({"types": {"generator": True}}).generator
    assert not only({"types": {"generator": "yes"}}).generator


# Ids, indices.
IDS: list[tuple[list[object], list[int]]] = [
    ([{}, {}, {}], [0, 1, 2]),
    ([{"id": 5}, {"id": 3}], [5, 3]),
    ([{"id": 0}, None, "x", {}], [0, 3]),
    ([{"id": -1}, {"id": True}, {"id": "2"}, {"id": 1.0}], [0, 1, 2, 3]),
    ([{"id": 1}, {"id": "x"}, {"id": 1}], [1]),
]


@pytest.mark.parametrize(("items", "indices"), IDS, ids=str)
def test_indices(items: list[object], indices: list[int]) -> None:
    config = parsed(dependencies=items)
    assert list(config.dependencies) == indices


def test_the_first_of_two_with_one_index_counts() -> None:
    config = parsed(dependencies=[{"id": 1, "api_name": "a"}, {"id": 1, "api_name": "b"}])
    assert config.dependencies[1].name == "/a"


UNKNOWN = Component(-1, "unknown", "", {}, {}, False)

# A component as it comes, as it is read.
COMPONENTS: list[tuple[dict[str, object], Component]] = [
    ({}, Component(1, "unknown", "", {}, {}, False)),
    (
        {
            "type": "textbox",
            "props": {"label": "Text", "value": "x"},
            "api_info": {"type": "string"},
            "skip_api": False,
        },
        Component(1, "textbox", "Text", {"label": "Text", "value": "x"}, {"type": "string"}, False),
    ),
    ({"type": 3, "props": [], "api_info": "x", "skip_api": 1}, Component(1, "unknown", "", {}, {}, False)),
    ({"type": "row", "props": {"label": 7}}, Component(1, "row", "", {"label": 7}, {}, True)),
    ({"type": "row", "skip_api": False}, Component(1, "row", "", {}, {}, False)),
    ({"type": "dataset"}, Component(1, "dataset", "", {}, {}, True)),
    ({"type": "textbox", "skip_api": True}, Component(1, "textbox", "", {}, {}, True)),
    ({"type": "state"}, Component(1, "state", "", {}, {}, True)),
    # Whatever it says: the server fills it in.
    ({"type": "state", "skip_api": False}, Component(1, "state", "", {}, {}, True)),
    (
        {"type": "number", "api_info": {"info": {"type": "number"}, "serialized_info": False}},
        Component(1, "number", "", {}, {"type": "number"}, False),
    ),
    (
        {"type": "number", "api_info": {"info": "number", "serialized_info": False}},
        Component(1, "number", "", {}, {}, False),
    ),
]


@pytest.mark.parametrize(("raw", "component"), COMPONENTS, ids=str)
def test_components(raw: dict[str, object], component: Component) -> None:
    dependency = only({"inputs": [1], "outputs": [1, 1]}, components=[{"id": 1} | raw])
    assert dependency.inputs == (component,)
    assert dependency.outputs == (component, component)
    assert component.is_state == (raw.get("type") == "state")


@pytest.mark.parametrize(
    "components", [None, {}, "x", [None], [{"id": None}], [{"id": "1"}], [{"id": True}], [{}]], ids=str
)
def test_an_unknown_component_still_takes_its_place(components: object) -> None:
    dependency = only({"inputs": [1, "1", None, [1]], "outputs": "1"}, components=components)
    assert dependency.inputs == (UNKNOWN,) * 4
    assert dependency.outputs == ()


DICTIONARIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("id", "api_name", "inputs", "outputs", "queue", "types", "backend_fn", "show_api", "api_visibility"),
        JSON,
    ),
)
GARBAGE = st.fixed_dictionaries(
    {},
    optional={
        "dependencies": st.lists(DICTIONARIES | JSON, max_size=3) | JSON,
        "components": st.lists(
            st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("id", "type", "props", "api_info", "skip_api"), JSON)
            )
            | JSON,
            max_size=3,
        )
        | JSON,
        "protocol": JSON | st.sampled_from(["sse", "sse_v3"]),
        **dict.fromkeys(("version", "api_prefix", "enable_queue", "root"), JSON),
    },
)


@given(GARBAGE | JSON)
def test_garbage_is_a_config_or_not(raw: object) -> None:
    try:
        config = parse_config(raw)
    except NotAConfig:
        return
    assert config.raw is raw
    for index, dependency in config.dependencies.items():
        assert isinstance(index, int)
        assert index >= 0
        assert dependency.name is None or (dependency.name.startswith("/") and len(dependency.name) > 1)


@given(st.sampled_from(VERSIONS), st.data())
def test_a_sample_with_one_thing_wrong(version: str, data: st.DataObject) -> None:
    raw: Any = raw_config(version)
    place: Any = raw
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = inner
    try:
        config = parse_config(raw)
    except NotAConfig:
        return
    assert config.raw is raw
