"""What the soak makes of its readings: a little noise is none, and what is kept of each job is."""

from __future__ import annotations

import random

from tests.soak.__main__ import Reading, growth

JOBS = 100
"""That end between two readings."""


def readings(kept: float, *, blocks: float = 0) -> list[Reading]:
    """Those of a process that keeps so many bytes, and blocks, of each job; what is under way at the moment is much more."""
    noise = random.Random(1)
    return [
        Reading(
            70 + noise.random() * 20 + i * JOBS * kept / 2**20,
            230_000 + noise.randrange(50_000) + int(i * JOBS * blocks),
        )
        for i in range(1200)
    ]


def test_noise_is_no_growth() -> None:
    assert growth(readings(0))[1] == []


def test_what_is_kept_of_each_job_is_seen() -> None:
    [fault] = growth(readings(1000))[1]
    assert fault.startswith("memory grew by 5")
    [fault] = growth(readings(0, blocks=1))[1]
    assert fault.endswith("blocks more are in use")


def test_too_short_to_tell() -> None:
    assert growth([]) == ("memory: not measured", [])
