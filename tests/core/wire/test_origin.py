from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio.wire.origin import Origin, Url, is_loopback, parse_host, parse_port

GOOD = [
    ("http://app.test", "http://app.test/"),
    ("HTTP://App.Test:80/", "http://app.test/"),
    ("https://app.test:443/x", "https://app.test/x"),
    ("https://app.test:80/x", "https://app.test:80/x"),
    ("http://app.test.:7860/", "http://app.test:7860/"),
    ("http://app.test:/x", "http://app.test/x"),
    ("http://app.test/a/./b/../c", "http://app.test/a/c"),
    ("http://app.test/a/..", "http://app.test/"),
    ("http://app.test/../..", "http://app.test/"),
    ("http://app.test//a", "http://app.test//a"),
    ("http://app.test/a?b=c?d/../e#f?g", "http://app.test/a?b=c?d/../e"),
    ("http://app.test?a", "http://app.test/?a"),
    ("http://app.test/a?", "http://app.test/a"),
    ("http://app.test/a%2e%2E/%zz", "http://app.test/a%2e%2E/%zz"),
    ("http://app.test/file=ä b".replace(" ", "%20"), "http://app.test/file=%C3%A4%20b"),
    ("http://app.test/\ud800", "http://app.test/%3F"),
    ("http://my_container:7860/", "http://my_container:7860/"),
    ("http://bücher.test/", "http://xn--bcher-kva.test/"),
    ("http://BÜCHER。test/", "http://xn--bcher-kva.test/"),
    ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
    ("http://127.0.0.1:7860/", "http://127.0.0.1:7860/"),
    ("http://[::1]", "http://[::1]/"),
    ("http://[0:0:0::1]:7860/x", "http://[::1]:7860/x"),
    ("http://[FE80::1]:80", "http://[fe80::1]/"),
    ("http://1.example/", "http://1.example/"),
]

BAD = [
    ("", "begin with http"),
    ("app.test", "begin with http"),
    ("localhost:7860", "begin with http"),
    ("//app.test/", "begin with http"),
    ("http:/app.test", "begin with http"),
    ("ftp://app.test/", "not ftp"),
    ("http://", "names no host"),
    ("http:///x", "names no host"),
    ("http://:80/", "names no host"),
    ("http://user:secret@app.test/", "user name or password"),
    ("http://good.test@evil.test/", "user name or password"),
    ("http://app.test\\@evil.test/", "can't hold"),
    ("http://app.test/a b", "can't hold"),
    ("http://app.test/a\r\nx: y", "can't hold"),
    ("http://app.test/\x00", "can't hold"),
    ("http://app.test/\x7f", "can't hold"),
    ("http://app.te\tst/", "can't hold"),
    ("http://app..test/", "no host name"),
    ("http://.test/", "no host name"),
    ("http://app.test../", "no host name"),
    ("http://a%2etest/", "no host name"),
    ("http://a\uff0fb/", "no host name"),
    ("http://a,b/", "no host name"),
    ("http://" + "a" * 64 + "/", "no host name"),
    ("http://" + "a." * 127 + "a/", "no host name"),
    ("http://" + "ä" * 64 + "/", "no host name"),
    ("http://127.1/", "no IPv4 address"),
    ("http://2130706433/", "no IPv4 address"),
    ("http://0x7f.0.0.1/", "no IPv4 address"),
    ("http://127.0.0.0x1/", "no IPv4 address"),
    ("http://127.0.0.01/", "no IPv4 address"),
    ("http://256.0.0.1/", "no IPv4 address"),
    ("http://[::1/", "no IPv6 address"),
    ("http://[::g]/", "no IPv6 address"),
    ("http://[fe80::1%25eth0]/", "no IPv6 address"),
    ("http://[fe80::1%eth0]/", "no IPv6 address"),
    ("http://::1/", "names no host"),
    ("http://[::1]x/", "no host and port"),
    ("http://app.test:0/", "no port number"),
    ("http://app.test:65536/", "no port number"),
    ("http://app.test:-1/", "no port number"),
    ("http://app.test:٣/", "no port number"),
    ("http://app.test:80:80/", "no port number"),
    ("http://app.test:9999999/", "no port number"),
]

# RFC 3986, section 5.4, against http://a/b/c/d;p?q, as far as it concerns http.
REFERENCES = [
    ("g", "http://a/b/c/g"),
    ("./g", "http://a/b/c/g"),
    ("g/", "http://a/b/c/g/"),
    ("/g", "http://a/g"),
    ("//g", "http://g/"),
    ("?y", "http://a/b/c/d;p?y"),
    ("g?y", "http://a/b/c/g?y"),
    ("#s", "http://a/b/c/d;p?q"),
    ("g#s", "http://a/b/c/g"),
    ("g?y#s", "http://a/b/c/g?y"),
    (";x", "http://a/b/c/;x"),
    ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
    ("g;x=1/../y", "http://a/b/c/y"),
    ("", "http://a/b/c/d;p?q"),
    (".", "http://a/b/c/"),
    ("./", "http://a/b/c/"),
    ("..", "http://a/b/"),
    ("../", "http://a/b/"),
    ("../g", "http://a/b/g"),
    ("../..", "http://a/"),
    ("../../g", "http://a/g"),
    ("../../../g", "http://a/g"),
    ("/./g", "http://a/g"),
    ("/../g", "http://a/g"),
    ("g.", "http://a/b/c/g."),
    (".g", "http://a/b/c/.g"),
    ("..g", "http://a/b/c/..g"),
    ("./g/.", "http://a/b/c/g/"),
    ("g/../h", "http://a/b/c/h"),
    ("https://b:1/x", "https://b:1/x"),
    ("?", "http://a/b/c/d;p"),
]


@pytest.mark.parametrize(("text", "normal"), GOOD)
def test_what_means_the_same_is_made_equal(text: str, normal: str) -> None:
    url = Url.parse(text)
    assert str(url) == normal
    assert Url.parse(normal) == url


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_could_be_read_in_two_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        Url.parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("reference", "result"), REFERENCES)
def test_references(reference: str, result: str) -> None:
    assert str(Url.parse("http://a/b/c/d;p?q").join(reference)) == result


@pytest.mark.parametrize("reference", ["http:g", "mailto:x", "http://a b/", "//u@h/", "javascript:x"])
def test_references_are_not_trusted_more_than_urls(reference: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Url.parse("http://a/b/c").join(reference)


def test_parts() -> None:
    url = Url.parse("http://[::1]:7860/a?token=secret")
    assert url.origin == Origin("http", "::1", 7860)
    assert url.target == "/a?token=secret"
    assert url.redacted == "http://[::1]:7860/a"
    assert url.origin.authority == "[::1]:7860"
    assert url.origin.endpoint == "[::1]:7860"
    plain = Url.parse("https://app.test/").origin
    assert plain.authority == "app.test"
    assert plain.endpoint == "app.test:443"
    assert str(plain) == "https://app.test"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:7f00:1", True),
        ("::", False),
        ("::2", False),
        ("0.0.0.0", False),
        ("128.0.0.1", False),
        ("localhost.test", False),
        ("notlocalhost", False),
        ("127.0.0.1.test", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_ports_are_ascii_digits() -> None:
    assert parse_port("007") == 7
    with pytest.raises(ValueError, match="no port number"):
        parse_port("")


@given(st.text())
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    for candidate in (text, f"http://{text}", f"http://h/{text}", f"http://h:{text}/"):
        try:
            url = Url.parse(candidate)
        except ValueError:
            continue
        assert Url.parse(str(url)) == url
        assert str(url).isascii()
        assert "#" not in str(url)


@given(st.text(alphabet="./ab?#:@[]%\\ä"), st.text(alphabet="./ab?#:@[]%\\ä"))
def test_joining_stays_in_normal_form(path: str, reference: str) -> None:
    try:
        url = Url.parse(f"http://h/{path}").join(reference)
    except ValueError:
        return
    assert Url.parse(str(url)) == url
    assert url.join(str(url)) == url
    assert not any(segment in (".", "..") for segment in url.path.split("/"))


@given(st.ip_addresses())
def test_addresses_stay_addresses(address: object) -> None:
    text = str(address)
    host = parse_host(f"[{text}]" if ":" in text else text)
    assert parse_host(f"[{host}]" if ":" in host else host) == host
