"""HTTP proxies: named by the program, and by the environment."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from gradio_sansio import ConnectError
from gradio_sansio.testing.cases.base import FUNCTIONS, raises, serve
from gradio_sansio.testing.loopback import Loopback, refused_url
from gradio_sansio.testing.server import GradioServer
from tests.adapters.proxy import Proxy

if TYPE_CHECKING:
    from gradio_sansio.testing.conformance import Subject


async def call(subject: Subject, url: str, **options: object) -> None:
    async with subject.client(url, **options) as app:
        assert (await app.predict("/predict", ["through"])).value == "through"
        assert [data.value async for data in app.submit("/count", [20])] == list(range(20))


def test_absolute_form(subject: Subject) -> None:
    with serve() as server, Proxy(server.port) as proxy:
        # Nobody but the proxy knows where that is.
        subject.run(lambda: call(subject, "http://gradio.test", proxy=proxy.url))
        assert proxy.heads
        assert all(head.split()[1].startswith("http://gradio.test/") for head in proxy.heads)


def test_tunnel(subject: Subject) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("gradio.test").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Loopback(GradioServer(FUNCTIONS), ssl_context=context) as server, Proxy(server.port) as proxy:
        named = proxy.url.replace("http://", "http://user:pass@")
        subject.run(lambda: call(subject, "https://gradio.test", proxy=named, ssl_context=trusting))
        assert all(head.startswith("CONNECT gradio.test:443 ") for head in proxy.heads)
        expected = "basic " + base64.b64encode(b"user:pass").decode()
        assert all(expected.lower() in head.lower() for head in proxy.heads)


def test_a_refusal(subject: Subject) -> None:
    with Proxy(
        1, refusal=b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    ) as proxy:

        async def main() -> None:
            with raises(ConnectError, "407") as found:
                async with subject.client(
                    "https://gradio.test", proxy=proxy.url.replace("//", "//user:secret@")
                ):
                    pass
            assert "secret" not in str(found[0])

        subject.run(main)


def test_nobody_there(subject: Subject) -> None:
    with refused_url() as url:

        async def main() -> None:
            with raises(ConnectError, "connection refused"):
                async with subject.client("https://gradio.test", proxy=url):
                    pass

        subject.run(main)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_environment(subject: Subject, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server, Proxy(server.port) as proxy:
        monkeypatch.setenv(name, proxy.url)
        subject.run(lambda: call(subject, "http://gradio.test"))
        assert proxy.heads
        before = len(proxy.heads)
        # This machine itself is reached directly.
        subject.run(lambda: call(subject, server.url))
        assert len(proxy.heads) == before


def test_exceptions_in_the_environment(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as server, Proxy(server.port) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "elsewhere.test, .invalid")

        async def main() -> None:
            await call(subject, "http://gradio.test")
            before = len(proxy.heads)
            with raises(ConnectError):
                async with subject.client("http://gradio.invalid", deadline=10):
                    pass
            assert len(proxy.heads) == before

        subject.run(main)
