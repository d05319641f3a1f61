"""The upper storey over an HTTP stack of somebody else's, put through the cases that are not about connections."""

from __future__ import annotations

import pytest

from gradio_sansio.testing.conformance import AsyncioSubject, Case, cases_for
from tests.adapters.test_loops import EXAMPLES
from tests.adapters.test_size import lines_of_code

httpx2_session = pytest.importorskip("examples.http.httpx2_session")
SUBJECT = AsyncioSubject(httpx2_session.client)
BELOW = {
    "says_why_it_cannot_connect",  # in httpx2's words, which say less
    "connects_again_later",  # how long it keeps idle connections is its own affair
}
"""Cases about what is below the border between the storeys."""
FILES = "gradio_sansio.testing.cases.files"
"""Bodies that are asked for piece by piece are left out of the example."""


CASES = [case for case in cases_for(SUBJECT) if case.name not in BELOW and case.function.__module__ != FILES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conformance(case: Case) -> None:
    case.run(SUBJECT)


def test_it_can_be_read_in_one_go() -> None:
    assert 20 < lines_of_code(EXAMPLES / "http" / "httpx2_session.py") <= 150
