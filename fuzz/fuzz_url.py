"""Invariant: a text is a source or is refused with ``ValueError``, whose text holds no password; a URL's own text reads as the same
URL, holds no white space or control character, and what is joined to it by a server's word is one too."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.harness import fuzz
from gradio_sansio.commands import Redirects
from gradio_sansio.session.source import AppSource, parse_hub, parse_source
from gradio_sansio.wire import redirects
from gradio_sansio.wire.origin import Url

HUB = parse_hub("https://huggingface.co")


def one_input(data: bytes) -> None:
    """The first line is what the caller names, the second where the server sends him."""
    first, _, second = data.decode("utf-8", "surrogateescape").partition("\n")
    try:
        source = parse_source(first, hub=HUB)
    except ValueError as error:
        userinfo = first.partition("://")[2].partition("/")[0].rpartition("@")[0]
        assert "secret" not in str(error) or "secret" not in userinfo
        return
    if not isinstance(source, AppSource):
        return
    base = Url(source.base.origin, source.base.path or "/")
    _check(base)
    try:
        joined = base.join(second)
    except ValueError:
        return
    _check(joined)
    location = (("location", second.encode("utf-8", "surrogateescape").decode("latin-1")),)
    for policy in Redirects:
        new = redirects.target(policy, "GET", base, 302, location)
        assert redirects.target(policy, "POST", base, 302, location) is None
        if new is None:
            continue
        assert policy is not Redirects.NONE
        assert new.origin.host == base.origin.host
        assert new.origin.scheme == "https" or base.origin.scheme == "http", "no way down"
        fields = (("Authorization", "x"), ("cookie", "y"), ("accept", "z"))
        if new.origin != base.origin:
            assert redirects.carried(fields, base, new) == (("accept", "z"),)


def _check(url: Url) -> None:
    text = str(url)
    assert Url.parse(text) == url
    assert text.isascii()
    assert text.isprintable()
    assert " " not in text
    assert url.origin.scheme in ("http", "https")
    assert url.origin.host
    assert 0 < url.origin.port < 65536
    assert "?" not in url.redacted


def seeds() -> Iterator[bytes]:
    yield from (
        b"http://a.test:7860/x?y#z\n../q",
        b"https://user:secret@h/",
        b"user/space\n/",
        b"https://[::1]:80/\n//b/",
    )
    yield from (
        b"https://huggingface.co/spaces/a/b\nhttps://a",
        "http://bücher.test/ü\n?é".encode(),
        b"http://0x7f.1/\n#",
    )
    yield from (
        b"http://h\nhttps://h:444/x",
        b"HTTP://H%2e/%zz\n\\\\evil\\x",
        b"http://h/a/./b/../c\n/..//../x",
    )


if __name__ == "__main__":
    fuzz(one_input)
