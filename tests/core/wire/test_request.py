from __future__ import annotations

import pytest

from gradio_sansio.commands import ExchangeId, PulledBody
from gradio_sansio.wire.exchange import Exchange
from gradio_sansio.wire.origin import Url
from gradio_sansio.wire.request import fields, own_cookie

HEADERS = (("accept", " */* "), ("Cookie", "a=b; "), ("x-a", "b"), ("cookie", "c=d"))


def exchange(method: str = "GET", body: bytes | PulledBody = b"", *, compressed: bool = False) -> Exchange:
    url = Url.parse("http://app.test:7860/x")
    return Exchange(ExchangeId(0), method, url, HEADERS, body=body, compressed=compressed)


def test_a_get() -> None:
    assert fields(exchange(), "", None, ()) == [
        ("host", "app.test:7860"),
        ("accept", "*/*"),
        ("x-a", "b"),
        ("accept-encoding", "identity"),
    ]


def test_cookies_and_a_proxy() -> None:
    found = fields(exchange(compressed=True), "e=f", "Basic x", ())
    assert found[3:] == [("cookie", "e=f"), ("proxy-authorization", "Basic x"), ("accept-encoding", "gzip")]


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("GET", b"", []),
        ("HEAD", b"", []),
        ("GET", b"x", [("content-length", "1")]),
        ("POST", b"", [("content-length", "0")]),
        ("POST", b"abc", [("content-length", "3")]),
        ("POST", PulledBody(7), [("content-length", "7")]),
        ("POST", PulledBody(0), [("content-length", "0")]),
        ("POST", PulledBody(None), [("transfer-encoding", "chunked")]),
    ],
)
def test_framing(method: str, body: bytes | PulledBody, expected: list[tuple[str, str]]) -> None:
    assert fields(exchange(method, body), "", None, ())[4:] == expected


def test_a_handshake_has_neither_coding_nor_framing() -> None:
    assert fields(exchange(), "", None, (("upgrade", "websocket"),))[3:] == [("upgrade", "websocket")]


def test_own_cookies_are_one() -> None:
    assert own_cookie(HEADERS) == "a=b; c=d"
    assert own_cookie(()) == ""
