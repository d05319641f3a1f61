"""Some of the conformance suite, and the command line, on what is installed: run where the checkout can't be seen."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio.testing.conformance import AsyncioSubject, BlockingSubject, TrioSubject, cases_for
from gradio_sansio.testing.functions import function
from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = (
    "predicts",
    "iterates_twice_at_once",
    "calls_back",
    "cancels_at_any_time",
    "closes_in_the_midst_of_transfers",
    "connects_and_closes",
    "logs_in",
    "moves_files",
    "raises_what_the_app_raised",
    "times_jobs_out",
)


def count_to(n: float) -> Iterator[object]:
    yield from range(int(n))


def run_cases() -> None:
    for subject in (
        BlockingSubject(gradio_sansio_sync.client),
        AsyncioSubject(gradio_sansio_anyio.client),
        TrioSubject(gradio_sansio_anyio.client),
        TrioSubject(gradio_sansio_trio.client),
    ):
        cases = {case.name: case for case in cases_for(subject)}
        for name in NAMES:
            cases[name].run(subject)


def run_command() -> None:
    """Over websockets as well: that is what wsproto is for."""
    for version in ((3, 50, 2), (6, 31, 0)):
        with Loopback(GradioServer([function(count_to)], version=version)) as server:
            command = (sys.executable, "-W", "error", "-m", "gradio_sansio_cli")
            done = subprocess.run(
                [*command, "submit", server.url, "/count_to", "3"],
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stdout) == (0, "0\n1\n2\n"), done


if __name__ == "__main__":
    run_cases()
    run_command()
