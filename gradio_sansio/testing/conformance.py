"""What every adapter must do: one set of cases, against a scripted server on real sockets.

For an adapter of one's own, three lines in a file of tests that pytest runs::

    from gradio_sansio.testing.conformance import AsyncioSubject, conformance_test
    from my_adapter import client

    test_conformance = conformance_test(AsyncioSubject(client))

``TrioSubject``, ``BlockingSubject`` and ``LoopSubject`` are for other runtimes.

A case is an async function of the subject and the server. What it does beyond calls of the adapter (waiting, doing two things at
once, cancelling) goes through the subject, which knows the runtime. Blocking adapters run the same cases: ``BlockingSubject``
presents their calls as coroutines that never suspend.

A case fails with ``AssertionError``, or with what it didn't expect to be raised; also if it leaves a task, a thread or a connection behind.
"""

from __future__ import annotations

from collections.abc import Callable

from gradio_sansio.testing.cases import failures, files, opening, processes, submissions  # noqa: F401  # pyright: ignore[reportUnusedImport]  # they add to CASES
from gradio_sansio.testing.cases.base import CASES, Case, cases_for
from gradio_sansio.testing.subjects import AsyncioSubject, BlockingSubject, LoopSubject, Subject, TrioSubject

__all__ = [
    "CASES",
    "AsyncioSubject",
    "BlockingSubject",
    "Case",
    "LoopSubject",
    "Subject",
    "TrioSubject",
    "cases_for",
]


def conformance_test(subject: Subject) -> Callable[[Case], None]:
    """A test for pytest that runs each case that applies to the subject."""
    import pytest  # noqa: PLC0415  # the cases can be run without it

    @pytest.mark.parametrize("case", cases_for(subject), ids=str)
    def test(case: Case) -> None:
        case.run(subject)

    return test
