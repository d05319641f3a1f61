from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.api_info import ApiInfo, Endpoint, Parameter, Return, endpoints_of
from gradio_sansio.session.config import NotAConfig, parse_config
from gradio_sansio.session.endpoints import Endpoints
from tests.core.samples import VERSIONS, raw_config, raw_info
from tests.core.session.test_config import GARBAGE
from tests.core.strategies import JSON


def described(version: str) -> ApiInfo:
    return Endpoints(parse_config(raw_config(version)), raw_info(version)).info


def derived(version: str) -> ApiInfo:
    return Endpoints(parse_config(raw_config(version)), None).info


def one(
    inputs: list[dict[str, Any]],
    parameters: object = None,
    *,
    outputs: list[dict[str, Any]] | None = None,
    returns: object = None,
    **description: Any,
) -> Endpoint:
    """The endpoint of an app that has just this one, with these components and descriptions."""
    components = [
        {"id": i, "type": "textbox"} | component for i, component in enumerate([*inputs, *(outputs or ())])
    ]
    item = {
        "api_name": "f",
        "inputs": list(range(len(inputs))),
        "outputs": list(range(len(inputs), len(components))),
    }
    config = parse_config({"dependencies": [item], "components": components})
    info = {"named_endpoints": {"/f": {"parameters": parameters, "returns": returns} | description}}
    return endpoints_of(config, info)[0]


def test_reprs_are_short_and_hold_no_escapes_of_a_server() -> None:
    parameter = Parameter("a\x1b", "A", "Number", {"type": "number"}, "float", 1.0, True)
    output = Return("out", "Textbox", {"type": "string"}, "str")
    endpoint = Endpoint("/f", 0, (parameter,), (output,), False, True, "x" * 200)
    assert repr(parameter) == "<Parameter 'a: float = 1.0'>"
    assert repr(output) == "<Return 'out: str'>"
    assert repr(endpoint) == "<Endpoint '/f(a\\x1b)'>"
    assert repr(ApiInfo()) == "<ApiInfo without endpoints>"
    assert repr(ApiInfo({"/f": endpoint}, {3: endpoint})) == "<ApiInfo '/f', 3>"
    many = {f"/{i}": endpoint for i in range(8)}
    assert repr(ApiInfo(many)) == "<ApiInfo '/0', '/1', '/2', '/3', '/4', '/5', and 2 more>"


@pytest.mark.parametrize("kind", [ApiInfo, Endpoint, Parameter, Return])
def test_all_are_frozen(kind: type) -> None:
    assert kind.__struct_config__.frozen  # type: ignore[attr-defined]


# What a person reads in a terminal.

TEXT_6_31 = """\
/predict(text)
    text: str    Textbox
    -> out: str  Textbox

/count(n, delay)   yields
    n: float          Number
    delay: float = 0  Number
    -> i: float       Number

/counter(step)
    step: float      Number
    -> total: float  Number

/file(upload)
    Upper-case a text file; a fresh file comes back.
    upload: filepath     File
    -> result: filepath  File

/split(text)
    text: str         Textbox
    -> head: str      Textbox
    -> tail: str      Textbox
    -> length: float  Number

/direct(text)
    text: str    Textbox
    -> out: str  Textbox

/unnamed(text)
    text: str    Textbox
    -> out: str  Textbox

/defaults(name, times, loud, style)
    name: str = 'world'                         Textbox
    times: int = 2                              Number
    loud: bool = False                          Checkbox
    style: Literal['plain', 'fancy'] = 'plain'  Dropdown
    -> greeting: str                            Textbox

/hello()
    -> out: str  Textbox"""

TEXT_3_50_DERIVED = """\
/predict(text)
    text: str = ''  Textbox
    -> out: str     Textbox

/count(n, delay)   yields
    n: float            Number
    delay: float = 0.0  Number
    -> i: float         Number

/counter(step)
    step: float      Number
    -> total: float  Number

/file(upload)
    upload: Any     File
    -> result: Any  File

/split(text)
    text: str = ''    Textbox
    -> head: str      Textbox
    -> tail: str      Textbox
    -> length: float  Number

/direct(text)
    text: str = ''  Textbox
    -> out: str     Textbox

/defaults(name, times, loud, style)
    name: str = 'world'   Textbox
    times: float = 2      Number
    loud: bool = False    Checkbox
    style: str = 'plain'  Dropdown, Option from: [('plain', 'plain'), ('fancy', 'fancy')]
    -> greeting: str      Textbox

/hello()
    -> out: str  Textbox

6(text)
    text: str = ''  Textbox
    -> out: str     Textbox

10()"""


def test_the_text_of_a_new_app() -> None:
    assert str(described("6.31")) == TEXT_6_31


def test_the_text_of_an_old_app_without_a_description() -> None:
    assert str(derived("3.50")) == TEXT_3_50_DERIVED


def test_the_text_of_an_app_without_endpoints() -> None:
    assert str(ApiInfo()) == "(no endpoint)"


# Parameter or return, its text.
PIECES: list[tuple[Parameter | Return, str]] = [
    (Parameter("a", "A", "Textbox", {}, "str"), "a: str"),
    (Parameter("a", "A", "Textbox", {}, "str", None, True), "a: str = None"),
    (Parameter("a", "A", "Textbox", {}, "str", "x", False), "a: str"),
    (Parameter("a", "A", "Textbox", {}, "str", "x" * 100, True), "a: str = '" + "x" * 39 + "..."),
    (Parameter("a", "A", "Code", {}, "str", ["a\nb", "  c"], True), "a: str = ['a\\nb', ' c']"),
    (Return("A", "Textbox", {}, "str"), "A: str"),
]


@pytest.mark.parametrize(("piece", "text"), PIECES, ids=str)
def test_the_text_of_a_piece(piece: Parameter | Return, text: str) -> None:
    assert str(piece) == text


def test_the_text_of_an_endpoint_with_all_there_is() -> None:
    endpoint = Endpoint(
        name=None,
        fn_index=7,
        parameters=(
            Parameter("a", "a", "Textbox", {}, "str", description="the  first\nof two " + "x" * 100),
            Parameter("b", "The second", "Number", {}, "dict(" + "y" * 60 + ")"),
            Parameter("c", "", "Number", {}, "float"),
        ),
        returns=(Return("A label", "Json", {}, "Any", "of any kind"),),
        generator=False,
        cancellable=True,
        description="Does\nthis.",
    )
    assert str(endpoint) == "\n".join(
        (
            "7(a, b, c)",
            "    Does this.",
            "    a: str" + " " * 42 + "  Textbox, the first of two " + "x" * 63 + "...",
            "    b: dict(" + "y" * 60 + ")  Number, 'The second'",
            "    c: float" + " " * 40 + "  Number",
            "    -> A label: Any" + " " * 33 + "  Json, of any kind",
        )
    )


EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\r\b\0\u202e\u2028"


def test_nothing_in_a_text_steers_a_terminal() -> None:
    parameter = Parameter(EVIL, EVIL, EVIL, None, EVIL, EVIL, True, EVIL)
    output = Return(EVIL, EVIL, None, EVIL, EVIL)
    endpoint = Endpoint(f"/{EVIL}", 0, (parameter,), (output,), True, True, EVIL)
    for thing in (parameter, output, endpoint, ApiInfo({"/x": endpoint}, {})):
        assert str(thing).replace("\n", "").isprintable()


def test_a_long_description_is_cut() -> None:
    assert str(Endpoint("/f", 0, (), (), False, True, "x" * 200)) == "/f()\n    " + "x" * 200
    assert str(Endpoint("/f", 0, (), (), False, True, "x" * 201)) == "/f()\n    " + "x" * 200 + "..."


def test_iteration_goes_over_named_ones_first() -> None:
    info = described("3.50")
    assert [endpoint.name or endpoint.fn_index for endpoint in info] == [
        *info.named_endpoints,
        *info.unnamed_endpoints,
    ]
    assert list(info.unnamed_endpoints) == [6, 10]


# What is in it.


def test_a_described_endpoint() -> None:
    endpoint = described("6.31").named_endpoints["/defaults"]
    assert (endpoint.fn_index, endpoint.generator, endpoint.cancellable) == (19, False, True)
    assert endpoint.parameters[3] == Parameter(
        name="style",
        label="style",
        component="Dropdown",
        type={"type": "string", "enum": ["plain", "fancy"]},
        python_type="Literal['plain', 'fancy']",
        default="plain",
        has_default=True,
    )
    assert endpoint.returns == (Return("greeting", "Textbox", {"type": "string"}, "str"),)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_description_changes_neither_names_nor_defaults_of_the_samples(version: str) -> None:
    with_info, without = described(version), derived(version)
    assert list(with_info.named_endpoints) == list(without.named_endpoints)
    assert list(with_info.unnamed_endpoints) == list(without.unnamed_endpoints)
    for told, found in zip(with_info, without, strict=True):
        assert [(p.name, p.label, p.component, p.default, p.has_default) for p in told.parameters] == [
            (p.name, p.label, p.component, p.default, p.has_default) for p in found.parameters
        ]
        assert [(r.label, r.component) for r in told.returns] == [
            (r.label, r.component) for r in found.returns
        ]


@pytest.mark.parametrize("version", VERSIONS)
def test_state_is_no_parameter(version: str) -> None:
    for info in (described(version), derived(version)):
        endpoint = info.named_endpoints["/counter"]
        assert [parameter.name for parameter in endpoint.parameters] == ["step"]
        assert [returned.label for returned in endpoint.returns] == ["total"]


def test_the_wrapper_of_the_web_service() -> None:
    config = parse_config(raw_config("3.50"))
    assert endpoints_of(config, {"api": raw_info("3.50")}) == endpoints_of(config, raw_info("3.50"))


def test_an_unnamed_one_is_described_by_its_index() -> None:
    config = parse_config(raw_config("3.50"))
    info = raw_info("3.50")
    info["unnamed_endpoints"]["6"]["parameters"][0]["label"] = "from the description"
    assert endpoints_of(config, info)[6].parameters[0].label == "from the description"


def test_private_ones_are_none() -> None:
    assert set(endpoints_of(parse_config(raw_config("6.31")), None)) == {0, 2, 11, 12, 15, 16, 17, 19, 22}


# Components, their descriptions; names, labels.
NAMES: list[tuple[str, list[dict[str, Any]], object, list[tuple[str, str]]]] = [
    ("by label", [{"props": {"label": "A"}}], None, [("A", "A")]),
    ("by description", [{}], [{"label": "L", "parameter_name": "n"}], [("n", "L")]),
    ("neither", [{}, {}], None, [("input 1", "input 1"), ("input 2", "input 2")]),
    ("equal labels", [{"props": {"label": "A"}}] * 3, None, [("A", "A"), ("A_1", "A"), ("A_2", "A")]),
    (
        "one that is taken",
        [{"props": {"label": label}} for label in ("A", "A_1", "A", "A_1", "A")],
        None,
        [("A", "A"), ("A_1", "A_1"), ("A_2", "A"), ("A_1_1", "A_1"), ("A_3", "A")],
    ),
    ("too few descriptions", [{"props": {"label": "A"}}] * 2, [{"label": "x"}], [("A", "A"), ("A_1", "A")]),
    ("too many", [{"props": {"label": "A"}}], [{"label": "x"}, {"label": "y"}], [("A", "A")]),
    ("odd ones", [{"props": {"label": "A"}}], ["x", 1], [("A", "A")]),
    ("odd fields", [{"props": {"label": "A"}}], [{"label": 1, "parameter_name": None}], [("A", "A")]),
    ("no list", [{"props": {"label": "A"}}], {"label": "x"}, [("A", "A")]),
]


@pytest.mark.parametrize(("name", "inputs", "parameters", "names"), NAMES, ids=[row[0] for row in NAMES])
def test_names(
    name: str, inputs: list[dict[str, Any]], parameters: object, names: list[tuple[str, str]]
) -> None:
    assert [(p.name, p.label) for p in one(inputs, parameters).parameters] == names


def test_returns_without_labels() -> None:
    endpoint = one([], outputs=[{}, {"props": {"label": "B"}}], returns=[{}, {"label": "C"}])
    assert [returned.label for returned in endpoint.returns] == ["output 1", "C"]


# Component, its description; default, whether it has one.
DEFAULTS: list[tuple[str, dict[str, Any], dict[str, Any], object, bool]] = [
    ("none", {}, {}, None, False),
    ("of the component", {"props": {"value": 0}}, {}, 0, True),
    ("null in the component", {"props": {"value": None}}, {}, None, False),
    ("of the description", {}, {"parameter_has_default": True, "parameter_default": 1}, 1, True),
    ("null", {"props": {"value": 5}}, {"parameter_has_default": True, "parameter_default": None}, None, True),
    ("none, says the description", {"props": {"value": 5}}, {"parameter_has_default": False}, None, False),
    ("an odd one", {"props": {"value": 5}}, {"parameter_has_default": "yes"}, None, False),
]


@pytest.mark.parametrize(
    ("name", "component", "item", "default", "has_default"), DEFAULTS, ids=[row[0] for row in DEFAULTS]
)
def test_defaults(
    name: str, component: dict[str, Any], item: dict[str, Any], default: object, has_default: bool
) -> None:
    [parameter] = one([component], [item]).parameters
    assert (parameter.default, parameter.has_default) == (default, has_default)


# Component, its description; schema, type in Python, description, component.
TYPES: list[tuple[str, dict[str, Any], dict[str, Any], object, str, str, str]] = [
    ("nothing", {}, {}, {}, "Any", "", "Textbox"),
    ("a schema", {"api_info": {"type": "array"}}, {}, {"type": "array"}, "list", "", "Textbox"),
    (
        "its description",
        {"api_info": {"type": "object", "description": "D"}},
        {},
        None,
        "dict",
        "D",
        "Textbox",
    ),
    ("several types", {"api_info": {"type": ["string", "null"]}}, {}, None, "Any", "", "Textbox"),
    ("an unknown type", {"api_info": {"type": "blob"}}, {}, None, "Any", "", "Textbox"),
    (
        "the described type",
        {"api_info": {"type": "array"}},
        {"type": {"type": "boolean"}},
        None,
        "bool",
        "",
        "Textbox",
    ),
    (
        "that in Python",
        {},
        {"python_type": {"type": "Literal[1]", "description": "D"}},
        {},
        "Literal[1]",
        "D",
        "Textbox",
    ),
    (
        "odd ones",
        {},
        {"python_type": "str", "type": "string", "component": 1},
        "string",
        "Any",
        "",
        "Textbox",
    ),
    ("a component", {"type": "imageeditor"}, {}, {}, "Any", "", "Imageeditor"),
    ("the described component", {}, {"component": "Image"}, {}, "Any", "", "Image"),
    ("an integer", {"api_info": {"type": "integer"}}, {}, None, "int", "", "Textbox"),
    ("a number", {"api_info": {"type": "number"}}, {}, None, "float", "", "Textbox"),
    ("a string", {"api_info": {"type": "string"}}, {}, None, "str", "", "Textbox"),
]


@pytest.mark.parametrize(
    ("name", "component", "item", "schema", "python_type", "description", "kind"),
    TYPES,
    ids=[row[0] for row in TYPES],
)
def test_types(
    name: str,
    component: dict[str, Any],
    item: dict[str, Any],
    schema: object,
    python_type: str,
    description: str,
    kind: str,
) -> None:
    endpoint = one([component], [item], outputs=[component], returns=[item])
    pieces: list[Parameter | Return] = [*endpoint.parameters, *endpoint.returns]
    for piece in pieces:
        if schema is not None:
            assert piece.type == schema
        assert (piece.python_type, piece.description, piece.component) == (python_type, description, kind)


def test_the_endpoints_own_description() -> None:
    assert one([], description="What it does").description == "What it does"
    assert one([], description=["x"]).description == ""


@given(GARBAGE, JSON, st.sampled_from(["named_endpoints", "unnamed_endpoints"]))
def test_any_info_for_any_config(raw: object, info: object, kind: str) -> None:
    try:
        config = parse_config(raw)
    except NotAConfig:
        return
    by_name = {d.name: info for d in config.dependencies.values()}
    by_index = {str(index): info for index in config.dependencies}
    for claim in (info, {kind: info}, {kind: by_name | by_index}):
        found = Endpoints(config, claim)
        assert str(found.info)
        for endpoint in found.info:
            assert len({parameter.name for parameter in endpoint.parameters}) == len(endpoint.parameters)


@given(st.sampled_from(VERSIONS), st.data())
def test_a_description_with_one_thing_wrong(version: str, data: st.DataObject) -> None:
    info = raw_info(version)
    name = data.draw(st.sampled_from(sorted(info["named_endpoints"])))
    endpoint = info["named_endpoints"][name]
    key = data.draw(st.sampled_from(["parameters", "returns", "description"]))
    if key != "description" and endpoint[key] and data.draw(st.booleans()):
        item = data.draw(st.sampled_from(endpoint[key]))
        item[data.draw(st.sampled_from(sorted(item)))] = data.draw(JSON)
    else:
        endpoint[key] = data.draw(JSON)
    config = parse_config(raw_config(version))
    found = Endpoints(config, info).info
    assert str(found)
    assert list(found.named_endpoints) == list(described(version).named_endpoints)


class CountedText(str):
    """Counts how often a longer text is made of it."""

    __slots__ = ("formatted",)
    formatted: int

    def __format__(self, spec: str) -> str:
        self.formatted += 1
        return str(self)


def test_making_equal_labels_unique_is_linear() -> None:
    # Each number is tried once and not from 1 on for each parameter, which a hostile app could make last for hours.
    size = 2_000
    label = CountedText("A")
    label.formatted = 0
    components = [{"id": 0, "type": "textbox", "props": {"label": label}}]
    config = parse_config({"dependencies": [{"inputs": [0] * size}], "components": components})
    endpoint = endpoints_of(config, None)[0]
    assert [parameter.name for parameter in endpoint.parameters[:3]] == ["A", "A_1", "A_2"]
    assert endpoint.parameters[-1].name == f"A_{size - 1}"
    assert label.formatted == size - 1
