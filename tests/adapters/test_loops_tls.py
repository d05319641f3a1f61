"""TLS on the event loops of examples/loops: a certificate that is trusted, and ones that are not."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from gradio_sansio import ConnectError, handle_file
from gradio_sansio.testing.cases.base import FUNCTIONS, begun, raises, running
from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from tests.adapters.loops import LOOPS

if TYPE_CHECKING:
    from pathlib import Path

    from gradio_sansio.testing.cases.base import Server
    from gradio_sansio.testing.conformance import Subject

AUTHORITY = trustme.CA()
TRUSTING = ssl.create_default_context()
AUTHORITY.configure_trust(TRUSTING)

on_each_loop = pytest.mark.parametrize("loop", list(LOOPS.values()), ids=list(LOOPS))


def serve_as(host: str) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(host).configure_cert(context)
    return Loopback(GradioServer(FUNCTIONS), ssl_context=context)


@pytest.fixture
def trusting(loop: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The options for an app whose certificate is trusted. Twisted takes the authorities from the environment alone."""
    if loop is not LOOPS.get("twisted"):
        return {"ssl_context": TRUSTING}
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return {}


@on_each_loop
def test_a_certificate_that_is_trusted(loop: Subject, trusting: dict[str, Any]) -> None:
    with serve_as("127.0.0.1") as server:

        async def main() -> None:
            async with loop.client(server.url, **trusting) as app:
                text = "x" * 1_000_000  # more than fits in the buffers of a socket
                assert (await app.predict("/predict", [text])).value == text
                assert [data.value async for data in app.submit("/count", [50])] == list(range(50))
                assert (await app.predict("/file", [handle_file(b"abc", name="a.txt")])).value
                submission = app.submit("/slow", [60])
                await loop.until(begun(server, 4))
                submission.cancel()
                await loop.until(lambda: running(server) == 0)

        loop.run(main)


@on_each_loop
def test_an_authority_that_nobody_named(loop: Subject) -> None:
    """Connecting fails with a reason that says so, and nothing is asked."""
    with serve_as("127.0.0.1") as server:

        async def main() -> None:
            with raises(ConnectError, "certificate refused: ", "127.0.0.1") as found:
                async with loop.client(server.url):
                    pass
            assert any(word in str(found[0]) for word in ("issuer", "verify failed"))

        loop.run(main)
        assert server.call(lambda gradio: len(gradio.requests)) == 0


@on_each_loop
def test_the_certificate_of_another_host(loop: Subject, trusting: dict[str, Any]) -> None:
    with serve_as("elsewhere.test") as server:

        async def main() -> None:
            with raises(ConnectError, "certificate refused: ", "127.0.0.1"):
                async with loop.client(server.url, **trusting):
                    pass

        loop.run(main)
        assert server.call(lambda gradio: len(gradio.requests)) == 0
