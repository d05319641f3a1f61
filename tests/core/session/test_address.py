from __future__ import annotations

import pytest

from gradio_sansio.session.address import Address
from gradio_sansio.wire.origin import Url

ORIGIN = Url.parse("https://app.example").origin
PLAIN = Address(Url(ORIGIN, "", ""))
MOUNTED = Address(Url(ORIGIN, "/sub/app", ""), "/gradio_api")

# Address, path, query, URL of the top, URL of the API.
ROUTES: list[tuple[Address, str, dict[str, str], str, str]] = [
    (PLAIN, "/config", {}, "https://app.example/config", "https://app.example/config"),
    (PLAIN, "/", {}, "https://app.example/", "https://app.example/"),
    (
        MOUNTED,
        "/info",
        {"serialize": "False"},
        "https://app.example/sub/app/info",
        "https://app.example/sub/app/gradio_api/info?serialize=False",
    ),
    (
        MOUNTED,
        "/queue/data",
        {"session_hash": "a b&c=é"},
        "https://app.example/sub/app/queue/data",
        "https://app.example/sub/app/gradio_api/queue/data?session_hash=a+b%26c%3D%C3%A9",
    ),
]


@pytest.mark.parametrize(
    ("address", "path", "query", "top", "api"), ROUTES, ids=lambda value: str(value)[-20:]
)
def test_routes(address: Address, path: str, query: dict[str, str], top: str, api: str) -> None:
    assert str(address.top(path)) == top
    assert str(address.api(path, **query)) == api


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/run/a b", "/run/a%20b"),
        ("/run/a?b=c", "/run/a%3Fb=c"),
        ("/run/a#b", "/run/a%23b"),
        ("/run/a%2fb", "/run/a%252fb"),
        ("/run/é", "/run/%C3%A9"),
        ("/run/a\r\nb", "/run/a%0D%0Ab"),
        ("/run/a\\b", "/run/a%5Cb"),
        ("/run/a/b", "/run/a/b"),
    ],
)
def test_names_stay_in_the_path(name: str, path: str) -> None:
    url = PLAIN.api(name)
    assert url.path == path
    assert url.query == ""
    assert Url.parse(str(url)) == url


def test_no_prefix_is_the_default() -> None:
    assert len({PLAIN, Address(PLAIN.base)}) == 1, "a value: it compares, and can't change"
    assert Address(Url(ORIGIN, "", "")).prefix == ""
