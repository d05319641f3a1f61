from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.wire.origin import Origin, Url
from gradio_sansio.wire.proxy import ProxySettings

PROXY = "http://proxy.test:3128"

# (NO_PROXY, URL, direct)
NO_PROXY = [
    ("", "http://app.test/", False),
    (",  ,", "http://app.test/", False),
    ("*", "http://app.test/", True),
    ("x, *", "http://app.test/", True),
    ("app.test", "http://app.test/", True),
    ("APP.test.", "http://app.test/", True),
    ("app.test", "http://x.app.test/", True),
    ("app.test", "http://notapp.test/", False),
    ("app.test", "http://app.test.evil.test/", False),
    (".app.test", "http://x.app.test/", True),
    (".app.test", "http://app.test/", False),
    ("*.app.test", "http://x.app.test/", True),
    ("*.app.test", "http://app.test/", False),
    ("test", "http://app.test/", True),
    ("a.test b.test\tc.test,d.test", "http://c.test/", True),
    ("bücher.test", "http://xn--bcher-kva.test/", True),
    ("app.test:7860", "http://app.test:7860/", True),
    ("app.test:7860", "http://app.test/", False),
    ("app.test:80", "http://app.test/", True),
    (".app.test:443", "https://x.app.test/", True),
    ("app.test:port", "http://app.test/", False),
    ("10.0.0.1", "http://10.0.0.1/", True),
    ("10.0.0.1", "http://10.0.0.2/", False),
    ("10.0.0.1:80", "http://10.0.0.1/", True),
    ("10.0.0.1:81", "http://10.0.0.1/", False),
    ("10.0.0.0/8", "http://10.255.0.1/", True),
    ("10.1.2.3/8", "http://10.255.0.1/", True),
    ("10.0.0.0/8", "http://11.0.0.1/", False),
    ("10.0.0.0/8", "http://app.test/", False),
    ("10.0.0.0/99", "http://10.0.0.1/", False),
    ("::1", "http://[::1]/", True),
    ("[::1]", "http://[::1]/", True),
    ("[::1]:7860", "http://[::1]:7860/", True),
    ("[::1]:7860", "http://[::1]/", False),
    ("fe80::/10", "http://[fe80::1]/", True),
    ("fe80::/10", "http://10.0.0.1/", False),
    ("[::1", "http://[::1]/", False),
    ("http://app.test", "http://app.test/", False),
]


@pytest.mark.parametrize(("no_proxy", "url", "direct"), NO_PROXY)
def test_no_proxy(no_proxy: str, url: str, direct: bool) -> None:
    settings = ProxySettings(http=PROXY, https=PROXY, no_proxy=no_proxy)
    assert (settings.choose(Url.parse(url).origin) is None) is direct


def test_each_scheme_has_its_own() -> None:
    settings = ProxySettings(http="proxy.test:1", https="HTTP://[::1]:2/")
    http, https = settings.choose(Origin("http", "a", 80)), settings.choose(Origin("https", "a", 443))
    assert http is not None
    assert https is not None
    assert str(http.origin) == "http://proxy.test:1"
    assert str(https.origin) == "http://[::1]:2"
    assert http.authorization is None
    assert ProxySettings(http=PROXY).choose(Origin("https", "a", 443)) is None
    assert ProxySettings(http="", https="").choose(Origin("http", "a", 80)) is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_this_machine(host: str) -> None:
    origin = Origin("http", host, 7860)
    assert ProxySettings(http=PROXY, from_environment=True).choose(origin) is None
    assert ProxySettings(http=PROXY).choose(origin) is not None
    assert ProxySettings(http=PROXY, from_environment=True).choose(Origin("http", "a", 80)) is not None


def test_credentials_are_sent_and_not_shown() -> None:
    settings = ProxySettings(http="http://us%40er:s%3Aecret:x@proxy.test:3128", no_proxy="a")
    proxy = settings.choose(Origin("http", "b", 80))
    assert proxy is not None
    assert proxy.authorization == "Basic dXNAZXI6czplY3JldDp4"
    assert "ecret" not in repr(settings) + repr(proxy)
    assert "proxy.test:3128" in repr(settings)
    only_user = ProxySettings(http="http://user@proxy.test").choose(Origin("http", "b", 80))
    assert only_user is not None
    assert only_user.authorization == "Basic dXNlcjo="


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://user:secret@proxy.test", "https:// proxies are not supported"),
        ("socks5://user:secret@proxy.test", "socks5:// proxies are not supported"),
        ("http://user:secret@", "names no host"),
        ("http://user:secret@proxy.test:x", "no port number"),
        ("http://user:sec ret@pro xy", "can't hold"),
    ],
)
def test_what_can_not_be_used(text: str, reason: str) -> None:
    for settings in ({"http": text}, {"https": text}):
        with pytest.raises(ValueError, match=reason) as caught:
            ProxySettings(**settings)  # type: ignore[arg-type]
        assert "sec" not in str(caught.value)


def test_what_is_no_text() -> None:
    with pytest.raises(TypeError, match=r"^a proxy has to be given as a string, not int$"):
        ProxySettings(http=8080)  # type: ignore[arg-type]


def test_settings_are_values() -> None:
    assert ProxySettings(http=PROXY) == ProxySettings(http=PROXY)
    assert ProxySettings(http=PROXY) != ProxySettings(http=PROXY, no_proxy="a")
    assert len({ProxySettings(http=PROXY), ProxySettings(http=PROXY)}) == 1


@given(st.text())
def test_no_line_in_an_environment_is_an_error(text: str) -> None:
    ProxySettings(http=PROXY, no_proxy=text).choose(Origin("http", "app.test", 80))
