"""The conformance suite, run by the adapters in examples/loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_sansio.testing.conformance import Case, Subject, cases_for
from tests.adapters.loops import LOOPS, MISSING
from tests.adapters.test_size import lines_of_code

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("subject", "case"),
    [
        pytest.param(subject, case, id=f"{name}-{case}")
        for name, subject in LOOPS.items()
        for case in cases_for(subject)
    ],
)
def test_conformance(subject: Subject, case: Case) -> None:
    case.run(subject)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("loops/[a-z]*.py")), ids=lambda path: path.stem)
def test_each_can_be_read_in_one_go(path: Path) -> None:
    assert 20 < lines_of_code(path) <= 150


@pytest.mark.parametrize("name", ["qt", "twisted"])
def test_what_it_runs_on_is_there(name: str) -> None:
    if name in MISSING:
        pytest.skip(MISSING[name])
    assert name in LOOPS
