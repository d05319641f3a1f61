"""The conformance suite, run by every adapter on every runtime it has."""

from __future__ import annotations

import asyncio
import socket
import sys

import anyio
import pytest

import gradio_sansio_anyio
from gradio_sansio.testing.conformance import CASES, AsyncioSubject, Case, Subject, cases_for
from tests.adapters.subjects import SUBJECTS


class WithoutReaders(asyncio.SelectorEventLoop):
    """Doesn't tell when a socket can be read, as Windows' own loop doesn't."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


ALL = SUBJECTS | {
    "anyio-asyncio-without-readers": AsyncioSubject(gradio_sansio_anyio.client, WithoutReaders),
}
if sys.platform != "win32":
    import uvloop

    ALL["anyio-uvloop"] = AsyncioSubject(gradio_sansio_anyio.client, uvloop.new_event_loop)


@pytest.fixture(scope="module", autouse=True)
def what_stays() -> None:
    """A thread of anyio's for loops without readers, and what uvloop opens with its first loop: before what a test leaves is counted."""

    async def main() -> None:
        one, other = socket.socketpair()
        with one, other:
            await anyio.wait_writable(one)

    for name, subject in ALL.items():
        if name not in SUBJECTS:
            subject.run(main)


@pytest.mark.parametrize(
    ("subject", "case"),
    [
        pytest.param(subject, case, id=f"{name}-{case}")
        for name, subject in ALL.items()
        for case in cases_for(subject)
    ],
)
def test_conformance(subject: Subject, case: Case) -> None:
    case.run(subject)


def test_cases_have_names_and_reasons() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 40
    assert all(case.doc for case in CASES)
