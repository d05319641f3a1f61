"""The conformance suite, run by every adapter on every runtime it has."""

from __future__ import annotations

import pytest

from gradio_sansio.testing.conformance import CASES, Case, Subject, cases_for
from tests.adapters.subjects import SUBJECTS


@pytest.mark.parametrize(
    ("subject", "case"),
    [
        pytest.param(subject, case, id=f"{name}-{case}")
        for name, subject in SUBJECTS.items()
        for case in cases_for(subject)
    ],
)
def test_conformance(subject: Subject, case: Case) -> None:
    case.run(subject)


def test_cases_have_names_and_reasons() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 40
    assert all(case.doc for case in CASES)
