from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.errors import ValidationError
from gradio_sansio.session.arguments import bind
from gradio_sansio.session.config import NotAConfig, parse_config
from gradio_sansio.session.endpoints import Endpoints
from tests.core.samples import VERSIONS, raw_config, raw_info
from tests.core.session.test_config import GARBAGE
from tests.core.strategies import JSON


def call(version: str, name: str | int, payload: Any, *, info: bool = True) -> list[Any]:
    config = parse_config(raw_config(version))
    endpoint = Endpoints(config, raw_info(version) if info else None).find(name)
    return bind(endpoint, config.dependencies[endpoint.fn_index], payload)


# Endpoint of the sample, payload, data: the same on all versions.
BOUND: list[tuple[str, str, Any, list[Any]]] = [
    ("a list", "/predict", ["hi"], ["hi"]),
    ("a tuple", "/predict", ("hi",), ["hi"]),
    ("by name", "/predict", {"text": "hi"}, ["hi"]),
    ("null is a value", "/predict", [None], [None]),
    ("a list is one argument", "/predict", [["a", "b"]], [["a", "b"]]),
    ("none", "/hello", None, []),
    ("an empty list", "/hello", [], []),
    ("an empty mapping", "/hello", {}, []),
    ("all defaults", "/defaults", None, ["world", 2, False, "plain"]),
    ("some", "/defaults", ["you", 3], ["you", 3, False, "plain"]),
    ("all", "/defaults", ["you", 3, True, "fancy"], ["you", 3, True, "fancy"]),
    ("some by name", "/defaults", {"style": "fancy", "times": None}, ["world", None, False, "fancy"]),
    ("none by name", "/defaults", {}, ["world", 2, False, "plain"]),
    ("State is filled in", "/counter", [5], [5, None]),
    ("by name", "/counter", {"step": 5}, [5, None]),
    ("State given, as the first JavaScript client wanted it", "/counter", [5, None], [5, None]),
    ("whatever is given for State", "/counter", [5, "x"], [5, None]),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "endpoint", "payload", "data"), BOUND, ids=[f"{row[1]} {row[0]}" for row in BOUND]
)
def test_bound(version: str, name: str, endpoint: str, payload: Any, data: list[Any]) -> None:
    for info in (True, False):
        assert call(version, endpoint, payload, info=info) == data


# Endpoint, payload, the parameter at fault, the reason.
REFUSED: list[tuple[str, str, Any, str | None, str]] = [
    ("too many", "/hello", [1], None, "too many arguments (1); the parameters are: none"),
    ("too many", "/counter", [1, 2, 3], None, "too many arguments (3); the parameters are: step"),
    ("missing", "/count", [], "n", "is missing, and has no default"),
    ("missing", "/counter", None, "step", "is missing, and has no default"),
    ("missing by name", "/count", {"delay": 1}, "n", "is missing, and has no default"),
    ("unknown", "/count", {"n": 1, "m": 2}, "m", "is unknown; the parameters are: n, delay"),
    ("State by name", "/counter", {"step": 1, "state": 2}, "state", "is unknown; the parameters are: step"),
    ("unknown", "/hello", {"m": 2}, "m", "is unknown; the parameters are: none"),
    ("a key that is no text", "/count", {"n": 1, 2: 3}, "2", "is unknown; the parameters are: n, delay"),
    ("a text", "/predict", "hi", None, "the payload must be a list or a mapping by name, not str"),
    ("a number", "/predict", 5, None, "the payload must be a list or a mapping by name, not int"),
    ("a set", "/predict", {"hi"}, None, "the payload must be a list or a mapping by name, not set"),
    ("bytes", "/predict", b"hi", None, "the payload must be a list or a mapping by name, not bytes"),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "endpoint", "payload", "parameter", "reason"),
    REFUSED,
    ids=[f"{row[1]} {row[0]}" for row in REFUSED],
)
def test_refused(
    version: str, name: str, endpoint: str, payload: Any, parameter: str | None, reason: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        call(version, endpoint, payload)
    assert (caught.value.parameter, caught.value.reason) == (parameter, reason)
    subject = f"parameter {parameter!r} " if parameter else ""
    assert caught.value.message == f"{endpoint}: {subject}{reason}"


def test_an_unnamed_endpoint_is_called_by_its_index_in_errors() -> None:
    with pytest.raises(ValidationError, match=r"^endpoint 6: too many arguments \(2\); the parameters are: "):
        call("3.50", 6, ["a", "b"])


def test_a_long_name_is_cut() -> None:
    with pytest.raises(ValidationError) as caught:
        call("6.31", "/predict", {"x" * 1_000: 1})
    assert caught.value.parameter == "x" * 1_000
    assert len(caught.value.message) < 200


def bind_to(
    components: list[dict[str, Any]],
    payload: Any,
    *,
    inputs: list[int] | None = None,
    parameters: object = None,
) -> list[Any]:
    items = [{"id": i, "type": "textbox"} | component for i, component in enumerate(components)]
    dependency = {"api_name": "f", "inputs": list(range(len(items))) if inputs is None else inputs}
    config = parse_config({"dependencies": [dependency], "components": items})
    info = {"named_endpoints": {"/f": {"parameters": parameters, "returns": []}}}
    return bind(Endpoints(config, info).find("/f"), config.dependencies[0], payload)


A, B = {"props": {"label": "A"}}, {"props": {"label": "B", "value": "b"}}
STATE = {"type": "state"}
DATASET = {"type": "dataset", "props": {"value": "page's"}}

# Name, components, payload, data.
LAYOUTS: list[tuple[str, list[dict[str, Any]], Any, list[Any]]] = [
    ("State first", [STATE, A], ["x"], [None, "x"]),
    ("State between", [A, STATE, B], ["x", "y"], ["x", None, "y"]),
    ("State between, default", [A, STATE, B], ["x"], ["x", None, "b"]),
    ("State between, given", [A, STATE, B], ["x", None, "y"], ["x", None, "y"]),
    ("State between, by name", [A, STATE, B], {"B": "y", "A": "x"}, ["x", None, "y"]),
    ("State alone", [STATE, STATE], [], [None, None]),
    ("State alone, given", [STATE, STATE], [1, 2], [None, None]),
    ("State that claims to be shown", [STATE | {"skip_api": False}, A], {"A": "x"}, [None, "x"]),
    ("a Dataset", [DATASET, A], ["x"], ["page's", "x"]),
    ("a Dataset, given", [DATASET, A], ["d", "x"], ["d", "x"]),
    ("a Dataset, by name", [A, DATASET], {"A": "x"}, ["x", "page's"]),
    ("a Dataset without a value", [A, {"type": "dataset"}], ["x"], ["x", None]),
    ("a Dataset and State", [STATE, DATASET, A], ["x"], [None, "page's", "x"]),
    ("a Dataset and State, one given", [STATE, DATASET, A], ["d", "x"], [None, "d", "x"]),
    ("a Dataset and State, both given", [STATE, DATASET, A], [1, "d", "x"], [None, "d", "x"]),
    ("a Dataset and a default", [DATASET, A, B], ["x"], ["page's", "x", "b"]),
    ("one component twice", [A, STATE], ["x"], ["x", None]),
]


@pytest.mark.parametrize(("name", "components", "payload", "data"), LAYOUTS, ids=[row[0] for row in LAYOUTS])
def test_layouts(name: str, components: list[dict[str, Any]], payload: Any, data: list[Any]) -> None:
    assert bind_to(components, payload) == data


def test_one_component_in_two_places() -> None:
    assert bind_to([A, STATE], ["x", "y"], inputs=[0, 1, 0]) == ["x", None, "y"]
    assert bind_to([A], {"A": "x", "A_1": "y"}, inputs=[0, 0]) == ["x", "y"]


def test_an_unknown_component_takes_a_value() -> None:
    assert bind_to([A], ["x", "y"], inputs=[0, 99]) == ["x", "y"]
    assert bind_to([A], {"A": "x", "input 2": "y"}, inputs=[0, 99]) == ["x", "y"]


NAMED = [
    {"label": "Prompt", "parameter_name": "prompt"},
    {"label": "Same", "parameter_name": "first"},
    {"label": "Same", "parameter_name": "prompt_2"},
]


def test_by_label_where_it_is_the_only_one() -> None:
    assert bind_to([{}, {}, {}], {"Prompt": 1, "first": 2, "prompt_2": 3}, parameters=NAMED) == [1, 2, 3]


def test_a_label_of_two_is_none() -> None:
    with pytest.raises(
        ValidationError, match=r"parameter 'Same' is unknown; the parameters are: prompt, first, prompt_2$"
    ):
        bind_to([{}, {}, {}], {"prompt": 1, "Same": 2, "prompt_2": 3}, parameters=NAMED)


def test_by_name_and_by_label() -> None:
    with pytest.raises(
        ValidationError, match=r"parameter 'prompt' is given twice, by name and by label$"
    ) as caught:
        bind_to([{}, {}, {}], {"prompt": 1, "Prompt": 2}, parameters=NAMED)
    assert caught.value.parameter == "prompt"


def test_a_name_goes_before_another_ones_label() -> None:
    described = [{"label": "b", "parameter_name": "a"}, {"label": "a", "parameter_name": "b"}]
    assert bind_to([{}, {}], {"a": 1, "b": 2}, parameters=described) == [1, 2]


def test_the_callers_list_is_left_alone() -> None:
    payload = ["you"]
    data = call("6.31", "/defaults", payload)
    assert payload == ["you"]
    full = [1, 2, 3, 4]
    assert call("6.31", "/defaults", full) is not full
    assert data is not payload


@given(GARBAGE, JSON, st.lists(JSON, max_size=5) | st.dictionaries(st.text(max_size=2), JSON, max_size=3))
def test_as_many_values_as_inputs_for_any_config(raw: object, info: object, payload: Any) -> None:
    try:
        config = parse_config(raw)
    except NotAConfig:
        return
    endpoints = Endpoints(config, {"named_endpoints": {d.name: info for d in config.dependencies.values()}})
    for dependency in config.dependencies.values():
        if not dependency.callable:
            continue
        endpoint = endpoints.find(dependency.fn_index)
        try:
            data = bind(endpoint, dependency, payload)
        except ValidationError:
            continue
        assert len(data) == len(dependency.inputs)
        assert all(data[i] is None for i, component in enumerate(dependency.inputs) if component.is_state)
