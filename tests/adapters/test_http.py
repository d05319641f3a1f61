"""The upper storey over an HTTP stack of somebody else's, put through the cases that are not about connections: over HTTP/1.1, and over
HTTP/2 by way of a front like those before real apps.
"""

from __future__ import annotations

import ssl
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from gradio_sansio.testing.conformance import AsyncioSubject, Case, cases_for
from tests.adapters.test_loops import EXAMPLES
from tests.adapters.test_size import lines_of_code

httpx2_session = pytest.importorskip("examples.http.httpx2_session")
http2 = pytest.importorskip("tests.adapters.http2")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1")
TRUSTING = ssl.create_default_context()
AUTHORITY.configure_trust(TRUSTING)


@asynccontextmanager
async def over_http2(source: str, **options: Any) -> AsyncIterator[Any]:
    """An app behind a front. That each answer came over HTTP/2 is asserted in the end."""
    versions: set[str] = set()

    async def note(response: Any) -> None:
        versions.add(response.http_version)

    with tempfile.TemporaryDirectory() as folder:
        async with http2.http2_front(source, CERTIFICATE, Path(folder)) as url:
            http = {"event_hooks": {"response": [note]}}
            async with httpx2_session.client(url, http=http, ssl_context=TRUSTING, **options) as app:
                yield app
    assert versions == {"HTTP/2"}


SUBJECTS = {"http1": AsyncioSubject(httpx2_session.client), "http2": AsyncioSubject(over_http2)}
BELOW = {
    "says_why_it_cannot_connect",  # in httpx2's words, which say less
    "connects_again_later",  # how long it keeps idle connections is its own affair
}
"""Cases about what is below the border between the storeys."""
BEHIND_A_FRONT = (
    BELOW
    | {
        "raises_while_entering",  # it is the front that can't connect
        "refuses_use_before_entering",  # that is a matter of the client, which is inside of another here
        "ends_jobs_with_their_stream",  # it expects the server's own address in the error
        "says_what_is_not_understood",  # httpx2 resets no stream of HTTP/2, so the server doesn't learn that its stream was dropped
        "cancels_an_upload",  # for the same reason the connection is of no use afterwards
    }
)


@pytest.mark.parametrize(
    ("subject", "case"),
    [
        pytest.param(subject, case, id=f"{name}-{case}")
        for name, subject in SUBJECTS.items()
        for case in cases_for(subject)
        if case.name not in (BELOW if name == "http1" else BEHIND_A_FRONT)
    ],
)
def test_conformance(subject: AsyncioSubject, case: Case) -> None:
    case.run(subject)


def test_what_is_left_out_is_there() -> None:
    assert {case.name for case in cases_for(SUBJECTS["http2"])} > BEHIND_A_FRONT


def test_it_can_be_read_in_one_go() -> None:
    assert 20 < lines_of_code(EXAMPLES / "http" / "httpx2_session.py") <= 150
