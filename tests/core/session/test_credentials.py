from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio.commands import Headers
from gradio_sansio.session.credentials import Credentials
from gradio_sansio.wire.origin import Origin, Url

TOKEN = "hf_SECRET"
APP = "https://user-name.hf.space"
HUB = "https://huggingface.co"


def origin(url: str) -> Origin:
    return Url.parse(url).origin


def at(
    *allowed: str, headers: dict[str, str] | None = None, token: str | None = TOKEN, app: str = APP
) -> Credentials:
    credentials = Credentials(headers or {}, token)
    credentials.set_app(origin(app))
    for url in allowed:
        credentials.allow_token(origin(url))
    return credentials


BEARER: Headers = (("authorization", f"Bearer {TOKEN}"),)
OWN: Headers = (("x-key", "SECRET"),)

# Where a request goes; whether with the caller's headers, whether with the token. Both are given, the token for the app and the Hub.
ORIGINS: list[tuple[str, str, bool, bool]] = [
    ("the app", "https://user-name.hf.space/queue/join", True, True),
    ("its port, written out", "https://user-name.hf.space:443/", True, True),
    ("in capitals", "https://User-Name.HF.Space/", True, True),
    ("with a dot at the end", "https://user-name.hf.space./", True, True),
    ("the Hub", "https://huggingface.co/api/spaces", False, True),
    ("over plain http", "http://user-name.hf.space/", False, False),
    ("http on the port of https", "http://user-name.hf.space:443/", False, False),
    ("another port", "https://user-name.hf.space:8443/", False, False),
    ("a subdomain", "https://x.user-name.hf.space/", False, False),
    ("a parent domain", "https://hf.space/", False, False),
    ("a sibling", "https://other-name.hf.space/", False, False),
    ("a longer name", "https://user-name.hf.space.evil.example/", False, False),
    ("a name that ends alike", "https://evil-user-name.hf.space/", False, False),
    ("a look-alike in another alphabet", "https://user-n\u0430me.hf.space/", False, False),
    ("a subdomain of the Hub", "https://api.huggingface.co/", False, False),
    ("the Hub over plain http", "http://huggingface.co/", False, False),
    ("somebody else", "https://evil.example/", False, False),
]


@pytest.mark.parametrize(("name", "url", "own", "token"), ORIGINS, ids=[row[0] for row in ORIGINS])
def test_which_origin_gets_what(name: str, url: str, own: bool, token: bool) -> None:
    credentials = at(APP, HUB, headers={"X-Key": "SECRET"})
    expected = (OWN if own else ()) + (BEARER if token else ())
    assert credentials.headers_for(origin(url)) == expected
    assert credentials.headers_for(origin(url)) == expected, "and from the cache"


def test_an_international_name_is_the_same_in_both_forms() -> None:
    credentials = at("https://bücher.example", app="https://xn--bcher-kva.example")
    for url in ("https://bücher.example", "https://BÜCHER.example", "https://xn--bcher-kva.example"):
        assert credentials.headers_for(origin(url)) == BEARER
    assert credentials.headers_for(origin("https://bucher.example")) == ()


def test_user_information_is_no_origin() -> None:
    with pytest.raises(ValueError, match="user name or password"):
        origin(f"{APP}@evil.example/")


def test_an_origin_without_leave_gets_no_token() -> None:
    assert at().headers_for(origin(APP)) == ()
    assert at(APP, token=None).headers_for(origin(APP)) == ()


def test_before_the_app_is_known_nobody_gets_the_callers_headers() -> None:
    assert Credentials({"x-key": "SECRET"}, None).headers_for(origin(APP)) == ()


def test_an_authorization_of_the_callers_own_stays() -> None:
    credentials = at(APP, HUB, headers={"Authorization": "Basic SECRET"})
    assert credentials.headers_for(origin(APP)) == (
        ("authorization", "Basic SECRET"),
        ("x-hf-authorization", f"Bearer {TOKEN}"),
    )
    assert credentials.headers_for(origin(HUB)) == BEARER


def test_a_new_place_of_the_app_takes_the_headers_along_and_leaves_none() -> None:
    credentials = at("http://app.example", headers={"x-key": "SECRET"}, app="http://app.example")
    assert credentials.headers_for(origin("http://app.example")) == OWN + BEARER
    assert credentials.headers_for(origin("https://app.example")) == ()
    credentials.set_app(origin("https://app.example"))
    assert credentials.headers_for(origin("https://app.example")) == OWN
    # Allowed is what was allowed: the token is another's to move.
    assert credentials.headers_for(origin("http://app.example")) == BEARER


def test_leave_that_comes_late_counts_from_then_on() -> None:
    credentials = at()
    assert credentials.headers_for(origin(HUB)) == ()
    credentials.allow_token(origin(HUB))
    assert credentials.headers_for(origin(HUB)) == BEARER


def test_order_and_names() -> None:
    credentials = at(headers={"X-B": "1", "x-a": "a b"}, token=None)
    assert credentials.headers_for(origin(APP)) == (("x-b", "1"), ("x-a", "a b"))


# Name, header, value, in the text. Which fields and values there are is the wire's to say, and tested there.
BAD: list[tuple[str, str, Any, str]] = [
    ("no name", "", "x", "'' is no name of a header field"),
    ("a space in the name", "x y", "x", "'x y' is no name of a header field"),
    ("a line break in the name", "x\r\ny", "x", "is no name of a header field"),
    ("host", "Host", "SECRET", "the header field host is set by the library itself"),
    ("length", "Content-Length", "SECRET", "the header field content-length is set by the library itself"),
    ("a line break", "x-key", "SECRET\r\nx: y", "the value of header field x-key holds control characters"),
    ("NUL", "x-key", "SECRET\x00", "the value of header field x-key holds control characters"),
    ("a number", "x-key", 7, "the value of 'x-key' must be a string"),
    ("bytes", "x-key", b"SECRET", "the value of 'x-key' must be a string"),
]


@pytest.mark.parametrize(("name", "header", "value", "text"), BAD, ids=[row[0] for row in BAD])
def test_bad_headers(name: str, header: str, value: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^headers: ") as caught:
        Credentials({"ok": "x", header: value}, TOKEN)
    assert text in str(caught.value)
    assert "SECR" not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    assert "SECRET" not in repr(at(APP, headers={"x-key": "SECRET"}))
