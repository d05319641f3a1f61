from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.session.source import (
    HUB,
    AppSource,
    SpaceSource,
    check_token,
    parse_hub,
    parse_source,
)
from gradio_sansio.wire.origin import Url

HUB_URL = parse_hub(HUB)
TOKEN = "hf_abcdefSECRET"

# Name, source, the app's base or None, the Space's name or None.
UNDERSTOOD: list[tuple[str, str, str | None, str | None]] = [
    ("https", "https://app.example", "https://app.example", None),
    ("a slash at the end", "https://app.example/", "https://app.example", None),
    ("a path", "https://app.example/sub/app", "https://app.example/sub/app", None),
    ("a path with a slash at the end", "https://app.example/sub/app//", "https://app.example/sub/app", None),
    ("http and a port", "http://127.0.0.1:7860", "http://127.0.0.1:7860", None),
    ("a query and a fragment", "https://app.example/?view=api#x", "https://app.example", None),
    ("letter case", "HTTPS://App.Example/Path", "https://app.example/Path", None),
    ("white space around", "  https://app.example\n", "https://app.example", None),
    ("not ASCII", "https://bücher.example", "https://xn--bcher-kva.example", None),
    ("a Space's own host", "https://user-name.hf.space", "https://user-name.hf.space", None),
    ("a share link", "https://abc123.gradio.live/", "https://abc123.gradio.live", None),
    ("an address", "http://[::1]:7860/", "http://[::1]:7860", None),
    ("dots in a path", "https://app.example/a/../b/", "https://app.example/b", None),
    ("a Space", "user/space-name", None, "user/space-name"),
    ("a Space with white space", " user/space-name ", None, "user/space-name"),
    ("odd letters", "u.s_e-r/S.p_a-c.e", None, "u.s_e-r/S.p_a-c.e"),
    ("a dot in front", ".user/space..", None, ".user/space.."),
    ("a page", "https://huggingface.co/spaces/user/name", None, "user/name"),
    ("a page with more", "https://huggingface.co/spaces/user/name/tree/main?x=1#y", None, "user/name"),
    ("a page over http", "http://huggingface.co/spaces/user/name/", None, "user/name"),
    ("a page, letter case", "HTTPS://HuggingFace.CO/spaces/User/Name", None, "User/Name"),
    ("a page, with the port", "https://huggingface.co:443/spaces/user/name", None, "user/name"),
    (
        "a look-alike of the Hub",
        "https://huggingface.co.evil.example/spaces/user/name",
        "https://huggingface.co.evil.example/spaces/user/name",
        None,
    ),
    (
        "another port of the Hub",
        "https://huggingface.co:8443/spaces/a/b",
        "https://huggingface.co:8443/spaces/a/b",
        None,
    ),
    ("a subdomain of the Hub", "https://x.huggingface.co/a", "https://x.huggingface.co/a", None),
]


@pytest.mark.parametrize(("name", "source", "base", "space"), UNDERSTOOD, ids=[row[0] for row in UNDERSTOOD])
def test_understood(name: str, source: str, base: str | None, space: str | None) -> None:
    found = parse_source(source, hub=HUB_URL)
    if space is not None:
        assert found == SpaceSource(space)
    else:
        assert isinstance(found, AppSource)
        assert f"{found.base.origin}{found.base.path}" == base
        assert found.base.query == ""


# Name, source, in the text.
REFUSED: list[tuple[str, str, str]] = [
    ("nothing", "", "source is empty: expected"),
    ("white space", " \n", "source is empty: expected"),
    ("a word", "hello", "'hello' names no app: expected"),
    ("host and port", "localhost:7860", "'localhost:7860' names no app: expected"),
    ("host and port, meant", "127.0.0.1:7860", "; did you mean http://127.0.0.1:7860?"),
    ("a relative path", "./app", "'./app' names no app: expected"),
    ("up", "../app", "'../app' names no app: expected"),
    ("only dots", "user/..", "'user/..' names no app: expected"),
    ("three parts", "a/b/c", "'a/b/c' names no app: expected"),
    ("no name", "user/", "'user/' names no app: expected"),
    ("not ASCII", "usér/name", "'usér/name' names no app: expected"),
    ("too long", "a" * 97 + "/b", "that source names no app: expected"),
    ("another scheme", "ftp://app.example", "'ftp://app.example' names no app: expected"),
    ("a websocket", "ws://app.example", "'ws://app.example' names no app: expected"),
    ("a script", "javascript:alert(1)", "that source names no app: expected"),
    ("a line break within", "user/na\nme", "that source names no app: expected"),
    ("an escape sequence", "\x1b[2Juser", "that source names no app: expected"),
    ("no host", "https://", "the URL names no host"),
    ("a bad port", "https://app.example:0x50", "is no port number"),
    (
        "a model's page",
        "https://huggingface.co/user/name",
        "https://huggingface.co/user/name is no Space's page: expected",
    ),
    ("the Hub itself", "https://huggingface.co", "https://huggingface.co/ is no Space's page: expected"),
    ("a user's page", "https://huggingface.co/spaces/user", "is no Space's page: expected"),
    ("an odd name on a page", "https://huggingface.co/spaces/us%20er/name", "is no Space's page: expected"),
]


@pytest.mark.parametrize(("name", "source", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(name: str, source: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_source(source, hub=HUB_URL)
    assert text in str(caught.value)
    if "expected" in text:
        assert "user/space-name" in str(caught.value)


# What took the wrong place, and must not be shown.
SECRETS = [
    TOKEN,
    f" {TOKEN} ",
    f"user:{TOKEN}",
    "user:SECRET@app.example",
    "ftp://user:SECRET@app.example/",
    "https://user:SECRET@app.example/",
    "https://SECRET@app.example/",
    "app.example?token=SECRET",
    "https://app.example:99999/?token=SECRET",
    "https://huggingface.co/user/name?token=SECRET",
    "https://huggingface.co/user/name#SECRET",
    "https:\\\\app.example\\SECRET",
    "https://app.example/SECRET path",
]


@pytest.mark.parametrize("source", SECRETS)
def test_secrets_are_not_repeated(source: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_source(source, hub=HUB_URL)
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(caught.value)


@pytest.mark.parametrize("source", [None, 7, b"https://app.example", ["user/name"]])
def test_what_is_no_text(source: object) -> None:
    with pytest.raises(
        TypeError, match=rf"^source must be a string, not {type(source).__name__}: expected a URL"
    ):
        parse_source(source, hub=HUB_URL)


@given(
    st.text(max_size=30) | st.text(max_size=10).map("https://{}".format) | st.text("a/.:@?#hf_", max_size=12)
)
def test_any_text_is_a_source_or_refused(text: str) -> None:
    try:
        found = parse_source(text, hub=HUB_URL)
    except ValueError:
        return
    if isinstance(found, SpaceSource):
        user, name = found.space_id.split("/")
        assert user.strip(".")
        assert name.strip(".")
    else:
        assert found.base.origin.scheme in ("http", "https")
        assert not found.base.path.endswith("/")


@pytest.mark.parametrize("kind", [AppSource, SpaceSource])
def test_all_are_frozen(kind: type) -> None:
    assert kind.__struct_config__.frozen  # type: ignore[attr-defined]


# The Hub.


def test_the_hub() -> None:
    assert parse_hub("https://hub.example/api/") == Url.parse("https://hub.example/api")
    assert str(parse_hub("https://hub.example/?x=1").origin) == "https://hub.example"
    assert parse_hub("https://hub.example").path == ""
    with pytest.raises(ValueError, match="http"):
        parse_hub("hub.example")


# The Hub's address, source, the Space's name or None.
OTHER_HUBS: list[tuple[str, str, str | None]] = [
    ("http://localhost:5000", "http://localhost:5000/spaces/user/name", "user/name"),
    ("http://localhost:5000", "http://localhost:7860", None),
    ("http://localhost:5000", "https://huggingface.co/spaces/user/name", "user/name"),
    ("https://mirror.example/hub", "https://huggingface.co/spaces/user/name", "user/name"),
    ("https://mirror.example/hub", "https://mirror.example/hub/spaces/user/name", "user/name"),
]


@pytest.mark.parametrize(("hub", "source", "space"), OTHER_HUBS)
def test_pages_of_another_hub(hub: str, source: str, space: str | None) -> None:
    found = parse_source(source, hub=parse_hub(hub))
    assert found == SpaceSource(space) if space else isinstance(found, AppSource)


# Tokens. Source, the Hub, whether a token may go there.
PLACES: list[tuple[str, str, bool]] = [
    ("https://app.example", HUB, True),
    ("http://app.example", HUB, False),
    ("http://localhost:7860", HUB, True),
    ("http://127.0.0.1:7860", HUB, True),
    ("http://[::1]:7860", HUB, True),
    ("http://localhost.evil.example", HUB, False),
    ("http://127.0.0.1.evil.example", HUB, False),
    ("http://192.168.0.1:7860", HUB, False),
    ("user/name", HUB, True),
    ("user/name", "http://hub.example", False),
    ("user/name", "http://localhost:5000", True),
    ("https://app.example", "http://hub.example", True),
]


@pytest.mark.parametrize(("source", "hub", "allowed"), PLACES)
def test_where_a_token_may_go(source: str, hub: str, allowed: bool) -> None:
    hub_url = parse_hub(hub)
    parsed = parse_source(source, hub=hub_url)
    check_token(None, parsed, hub_url)
    if allowed:
        check_token(TOKEN, parsed, hub_url)
        return
    with pytest.raises(ValueError, match="hf_token is not sent over plain http: use https:// for ") as caught:
        check_token(TOKEN, parsed, hub_url)
    assert "SECRET" not in repr(caught.value)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "SECRET",
        "Bearer hf_SECRET",
        " hf_SECRET",
        "HF_SECRET",
        "hf_SECRET\r\nx: y",
        "hf_SECRET\x00",
        "hf_SECRÉT",
    ],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(
        ValueError, match=r"^hf_token must be an access token of the Hub, which begins with 'hf_'$"
    ) as caught:
        check_token(token, parse_source("https://app.example", hub=HUB_URL), HUB_URL)
    assert caught.value.__context__ is None
