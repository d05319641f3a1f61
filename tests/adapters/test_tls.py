"""TLS: the caller's context, and certificates that are refused."""

from __future__ import annotations

import datetime as dt
import ssl
import warnings
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gradio_sansio import ConnectError, Limits
from gradio_sansio.testing.cases.base import FUNCTIONS, HTML, begun, prepare, raises, running, serve
from gradio_sansio.testing.loopback import Fault, Loopback
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from gradio_sansio.testing.cases.base import Server
    from gradio_sansio.testing.conformance import Subject

PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serve_with(certificate: trustme.LeafCert) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return Loopback(GradioServer(FUNCTIONS), ssl_context=context)


def test_a_callers_context(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    with serve_with(authority.issue_cert("127.0.0.1")) as server:

        async def main() -> None:
            async with subject.client(server.url, ssl_context=trusting) as app:
                text = "x" * 3_000_000
                assert (await app.predict("/predict", [text])).value == text
                assert [data.value async for data in app.submit("/count", [500])] == list(range(500))
                submission = app.submit("/slow", [60])
                await subject.until(begun(server, 3))
                submission.cancel()
                await subject.until(lambda: running(server) == 0)

        subject.run(main)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_is_no_context(subject: Subject, scheme: str) -> None:
    async def main() -> None:
        # Over plain http it would be looked at by nobody else.
        with raises(TypeError, "ssl_context", "int"):
            async with subject.client(f"{scheme}://127.0.0.1:1", ssl_context=5):
                pass

    subject.run(main)


def test_single_bytes(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    with serve_with(authority.issue_cert("127.0.0.1")) as server:
        server.most = 1

        async def main() -> None:
            async with subject.client(server.url, ssl_context=trusting) as app:
                assert (await app.predict("/predict", ["x"])).value == "x"

        subject.run(main)


def test_wrong_host(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    with serve_with(authority.issue_cert("elsewhere.test")) as server:

        async def main() -> None:
            with raises(ConnectError, "certificate refused: ", "127.0.0.1"):
                async with subject.client(server.url, ssl_context=trusting):
                    pass

        subject.run(main)


def test_expired(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    certificate = authority.issue_cert("127.0.0.1", not_before=PAST, not_after=PAST + dt.timedelta(days=1))
    with serve_with(certificate) as server:

        async def main() -> None:
            with raises(ConnectError, "certificate refused: certificate has expired"):
                async with subject.client(server.url, ssl_context=trusting):
                    pass

        subject.run(main)


def test_unknown_authority(subject: Subject, authority: trustme.CA) -> None:
    """Also with the machine's own certificates, which nobody named."""
    with serve_with(authority.issue_cert("127.0.0.1")) as server:

        async def main() -> None:
            for _ in range(2):
                with raises(ConnectError, "certificate refused: unable to get local issuer certificate"):
                    async with subject.client(server.url):
                        pass

        subject.run(main)


def test_self_signed(subject: Subject, trusting: ssl.SSLContext, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(1))
    certificate = builder.sign(key, hashes.SHA256())
    file = tmp_path / "self-signed.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Loopback(GradioServer(FUNCTIONS), ssl_context=context) as server:

        async def main() -> None:
            with raises(ConnectError, "certificate refused: self-signed certificate"):
                async with subject.client(server.url, ssl_context=trusting):
                    pass

        subject.run(main)


def test_an_old_version(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    modern = ssl.create_default_context()
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Loopback(GradioServer(FUNCTIONS), ssl_context=context) as server:

        async def main() -> None:
            with raises(ConnectError, "TLS failed: "):
                async with subject.client(server.url, ssl_context=modern):
                    pass

        subject.run(main)


def test_versions_that_are_no_longer_safe(subject: Subject, authority: trustme.CA) -> None:
    """TLS 1.1 is all that the server has, which the machine's own settings refuse before anybody's certificate is looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    ancient = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ancient.set_ciphers("DEFAULT@SECLEVEL=0")
    authority.configure_trust(ancient)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ancient.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Loopback(GradioServer(FUNCTIONS), ssl_context=context) as server:

        async def main() -> None:
            with raises(ConnectError, "TLS failed: "):
                async with subject.client(server.url):
                    pass
            # Whoever insists gets it, so it was the version that was refused.
            async with subject.client(server.url, ssl_context=ancient) as app:
                assert (await app.predict("/predict", ["x"])).value == "x"

        subject.run(main)


def test_a_server_without_tls(subject: Subject, trusting: ssl.SSLContext) -> None:
    with serve() as server:
        url = server.url.replace("http:", "https:")

        async def main() -> None:
            for fault in (None, Fault.END, Fault.RESET):
                server.fault = fault
                with raises(ConnectError) as found:
                    async with subject.client(url, ssl_context=trusting):
                        pass
                assert "errno" not in str(found[0]).lower()
                if fault is None:
                    assert "the peer doesn't speak TLS" in str(found[0])
                    assert "use http:// in the URL if it speaks plain http" in str(found[0])
                if fault is Fault.END:
                    assert "the peer ended the connection" in str(found[0])

        subject.run(main)


def test_a_handshake_that_never_ends(subject: Subject, trusting: ssl.SSLContext) -> None:
    with serve() as server:
        server.fault = Fault.STALL

        async def main() -> None:
            with raises(ConnectError, "Limits.connect"):
                async with subject.client(
                    server.url.replace("http:", "https:"), ssl_context=trusting, limits=Limits(connect=0.2)
                ):
                    pass

        subject.run(main)


def test_the_redirect_from_http(subject: Subject, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """The first request may be sent on to https on the same host, and the app is there from then on."""
    with serve() as plain, serve_with(authority.issue_cert("127.0.0.1")) as secure:
        prepare(plain, {"/config": Answer(301, "", {"location": f"{secure.url}/config"})})

        async def main() -> None:
            async with subject.client(plain.url, ssl_context=trusting) as app:
                assert (await app.predict("/predict", ["x"])).value == "x"
            assert plain.call(lambda gradio: len(gradio.requests)) == 1
            assert secure.call(lambda gradio: len(gradio.requests)) > 3
            # Nor anywhere else, nor back.
            prepare(secure, {"/config": Answer(301, "", {"location": f"{plain.url}/config"}), "/": HTML})
            with raises(Exception, "no Gradio app"):
                async with subject.client(secure.url, ssl_context=trusting):
                    pass
            assert plain.call(lambda gradio: len(gradio.requests)) == 1

        subject.run(main)
