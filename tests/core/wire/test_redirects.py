from __future__ import annotations

import pytest

from gradio_sansio.commands import Redirects
from gradio_sansio.wire.origin import Url
from gradio_sansio.wire.redirects import carried, target

SAME, UPGRADE = Redirects.SAME_ORIGIN, Redirects.UPGRADE

FOLLOWED = [
    (SAME, "http://app.test/a/b", "/c", "http://app.test/c"),
    (SAME, "http://app.test/a/b", "c", "http://app.test/a/c"),
    (SAME, "http://app.test/a", "http://app.test/a/", "http://app.test/a/"),
    (SAME, "http://app.test/a", "http://APP.test.:80/b#x", "http://app.test/b"),
    (SAME, "http://app.test/a", "//app.test/b", "http://app.test/b"),
    (SAME, "http://app.test/a", "?x", "http://app.test/a?x"),
    (SAME, "http://app.test/a", "/ä".encode().decode("latin-1"), "http://app.test/%C3%A4"),
    (SAME, "http://app.test/a", "/\xff", "http://app.test/%EF%BF%BD"),
    (SAME, "http://[::1]:1/a", "http://[0::1]:1/b", "http://[::1]:1/b"),
    (SAME, "http://bücher.test/", "http://xn--bcher-kva.test/b", "http://xn--bcher-kva.test/b"),
    (UPGRADE, "http://app.test/a", "https://app.test/a", "https://app.test/a"),
    (UPGRADE, "http://app.test/a", "https://app.test./a", "https://app.test/a"),
    (UPGRADE, "http://app.test:7860/a", "https://app.test:8443/a", "https://app.test:8443/a"),
    (UPGRADE, "https://app.test/a", "/b", "https://app.test/b"),
]

NOT_FOLLOWED = [
    (Redirects.NONE, "http://app.test/a", "/b"),
    (SAME, "http://app.test/a", "https://app.test/a"),
    (SAME, "http://app.test/a", "http://evil.test/a"),
    (SAME, "http://app.test/a", "//evil.test/a"),
    (SAME, "http://app.test/a", "http://app.test.evil.test/a"),
    (SAME, "http://app.test/a", "http://evil-app.test/a"),
    (SAME, "http://app.test/a", "http://www.app.test/a"),
    (SAME, "http://app.test/a", "http://app.test@evil.test/a"),
    (SAME, "http://app.test/a", "http://user@app.test/a"),
    (SAME, "http://app.test/a", "http://app.test:81/a"),
    (SAME, "http://app.test/a", "http://app.test:80@evil.test/a"),
    (SAME, "http://app.test/a", "http:\\\\app.test/a"),
    (SAME, "http://app.test/a", "/\\evil.test/a"),
    (SAME, "http://app.test/a", "http://\u0430pp.test/a".encode().decode("latin-1")),  # a Cyrillic a
    (SAME, "http://app.test/a", "http://app.test%2eevil.test/"),
    (SAME, "http://127.0.0.1/a", "http://127.1/a"),
    (SAME, "http://app.test/a", "javascript:alert(1)"),
    (SAME, "http://app.test/a", "ftp://app.test/a"),
    (SAME, "http://app.test/a", "http://"),
    (SAME, "http://app.test/a", "/a b"),
    (SAME, "http://app.test/a", "/a\tb"),
    (UPGRADE, "https://app.test/a", "http://app.test/a"),
    (UPGRADE, "http://app.test/a", "https://evil.test/a"),
    (UPGRADE, "http://app.test/a", "https://app.test.evil.test/a"),
    (UPGRADE, "http://app.test/a", "http://app.test:81/a"),
    (UPGRADE, "https://app.test/a", "https://app.test:8443/a"),
]


@pytest.mark.parametrize(("policy", "url", "location", "expected"), FOLLOWED)
def test_followed(policy: Redirects, url: str, location: str, expected: str) -> None:
    for status in (301, 302, 303, 307, 308):
        for method in ("GET", "HEAD"):
            new = target(policy, method, Url.parse(url), status, (("location", location),))
            assert str(new) == expected


@pytest.mark.parametrize(("policy", "url", "location"), NOT_FOLLOWED)
def test_not_followed(policy: Redirects, url: str, location: str) -> None:
    assert target(policy, "GET", Url.parse(url), 302, (("location", location),)) is None


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 399, 404])
def test_other_statuses_are_no_redirects(status: int) -> None:
    assert target(SAME, "GET", Url.parse("http://app.test/"), status, (("location", "/b"),)) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "get"])
def test_what_changes_something_is_not_repeated(method: str) -> None:
    assert target(SAME, method, Url.parse("http://app.test/"), 307, (("location", "/b"),)) is None


def test_one_location_is_needed() -> None:
    url = Url.parse("http://app.test/")
    assert target(SAME, "GET", url, 302, (("x", "/b"),)) is None
    assert target(SAME, "GET", url, 302, (("location", "/b"), ("location", "/b"))) is None


def test_credentials_stay_with_their_origin() -> None:
    headers = (
        ("Authorization", "Bearer a"),
        ("COOKIE", "b"),
        ("x-hf-authorization", "c"),
        ("proxy-authorization", "d"),
        ("x-other", "e"),
    )
    old = Url.parse("http://app.test/a")
    assert carried(headers, old, Url.parse("http://app.test/b")) == headers
    assert carried(headers, old, Url.parse("https://app.test/a")) == (("x-other", "e"),)
