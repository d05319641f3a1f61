from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio.errors import EndpointNotFound
from gradio_sansio.session.config import parse_config
from gradio_sansio.session.endpoints import Endpoints
from tests.core.samples import raw_config, raw_info


def sample(version: str) -> Endpoints:
    return Endpoints(parse_config(raw_config(version)), raw_info(version))


def app(*dependencies: dict[str, Any]) -> Endpoints:
    return Endpoints(parse_config({"dependencies": list(dependencies)}), None)


# Version, what is wanted, the index of what is found.
FOUND: list[tuple[str, str | int | None, int]] = [
    ("6.31", "/count", 2),
    ("6.31", "count", 2),
    ("6.31", "count/", 2),
    ("6.31", 2, 2),
    ("6.31", 22, 22),
    ("6.31", None, 0),
    ("6.31", "/unnamed", 17),
    ("4.44", 19, 19),
    ("4.22", "defaults", 8),
    ("4.22", 10, 10),
    ("4.22", "/cancel", 10),
    ("3.50", 6, 6),
    ("3.50", None, 0),
]


@pytest.mark.parametrize(("version", "wanted", "index"), FOUND, ids=str)
def test_found(version: str, wanted: str | int | None, index: int) -> None:
    assert sample(version).find(wanted).fn_index == index


# Version, what is wanted, what the error says.
NOT_FOUND: list[tuple[str, Any, str]] = [
    ("6.31", "/nope", "no endpoint '/nope'; those"),
    ("6.31", "", "no endpoint ''; those"),
    ("6.31", 1, "no endpoint 1; those"),
    ("6.31", -1, "no endpoint -1; those"),
    ("6.31", True, "no endpoint True; those"),
    ("6.31", 1.5, "no endpoint 1.5; those"),
    ("6.31", [2], "no endpoint [2]; those"),
    ("6.31", "/false", "endpoint '/false' is private, or runs in the page only; those"),
    ("6.31", 18, "endpoint 18 is private, or runs in the page only; those"),
    ("6.31", "unnamed_1", "endpoint 'unnamed_1' is private, or runs in the page only; those"),
    ("4.44", 27, "endpoint 27 is private, or runs in the page only; those"),
    ("3.50", 7, "endpoint 7 is private, or runs in the page only; those"),
    ("6.31", "x" * 1_000, "no endpoint '" + "x" * 79 + "; those"),
]


@pytest.mark.parametrize(("version", "wanted", "text"), NOT_FOUND, ids=lambda value: str(value)[:20])
def test_not_found(version: str, wanted: Any, text: str) -> None:
    endpoints = sample(version)
    with pytest.raises(EndpointNotFound) as caught:
        endpoints.find(wanted)
    assert caught.value.message.startswith(text)
    assert caught.value.available == (*endpoints.info.named_endpoints, *endpoints.info.unnamed_endpoints)
    assert "; those that can be called: /predict, /count, " in caught.value.message


def test_unnamed_ones_are_listed_too() -> None:
    with pytest.raises(EndpointNotFound, match=r"/hello, 6, 10$"):
        sample("3.50").find("nope")


# The app's dependencies, the index that is called when none is named; None where that is refused.
DEFAULTS: list[tuple[str, list[dict[str, Any]], int | None]] = [
    ("/predict", [{"api_name": "a"}, {"api_name": "predict"}], 1),
    ("the only one", [{"api_name": "a"}], 0),
    ("the only one with a name", [{}, {"api_name": "a"}, {}], 1),
    ("the only unnamed one", [{}], 0),
    ("two", [{"api_name": "a"}, {"api_name": "b"}], None),
    ("two without names", [{}, {}], None),
    ("none", [], None),
    ("a private /predict", [{"api_name": "predict", "backend_fn": False}, {"api_name": "a"}], 1),
    ("an undocumented one beside", [{"api_name": "a", "show_api": False}, {"api_name": "b"}], 1),
    (
        "an undocumented /predict",
        [{"api_name": "predict", "show_api": False}, {"api_name": "b"}, {"api_name": "c"}],
        None,
    ),
    ("an undocumented one alone", [{"api_name": "a", "show_api": False}], None),
]


@pytest.mark.parametrize(("name", "dependencies", "index"), DEFAULTS, ids=[row[0] for row in DEFAULTS])
def test_none_named(name: str, dependencies: list[dict[str, Any]], index: int | None) -> None:
    endpoints = app(*dependencies)
    if index is not None:
        assert endpoints.find(None).fn_index == index
        return
    with pytest.raises(
        EndpointNotFound, match=r"^no endpoint was named, and the app has neither /predict nor just one; "
    ) as caught:
        endpoints.find(None)
    assert caught.value.message.endswith(": none") == (not caught.value.available)


def test_the_undocumented_can_be_called_and_are_not_listed() -> None:
    endpoints = app({"api_name": "a", "show_api": False}, {"show_api": False}, {"api_name": "b"})
    assert endpoints.find("a").fn_index == 0
    assert endpoints.find(1).fn_index == 1
    assert list(endpoints.info) == [endpoints.find("b")]


def test_the_first_of_two_with_one_name_is_called_by_it() -> None:
    endpoints = app({"api_name": "a"}, {"api_name": "a"})
    assert endpoints.find("a").fn_index == 0
    assert endpoints.find(1).fn_index == 1
    assert [endpoint.fn_index for endpoint in endpoints.info] == [0]


def test_long_lists_are_cut() -> None:
    endpoints = app(*({"api_name": f"f{i}"} for i in range(100)))
    with pytest.raises(EndpointNotFound) as caught:
        endpoints.find("nope")
    assert len(caught.value.available) == 100
    assert caught.value.message.endswith(", /f49")
