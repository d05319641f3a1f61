"""How many jobs of a function are joined at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gradio_sansio.session.admission import START, Admission
from tests.core.virtual import World

if TYPE_CHECKING:
    from gradio_sansio.session.job import Job

FN = 7


class Endpoint:
    fn_index = FN


class Held:
    """As much of a job as is looked at."""

    endpoint = Endpoint()


def admission(count: int) -> tuple[Admission, list[Job]]:
    found = Admission()
    jobs = [cast("Job", Held()) for _ in range(count)]
    for job in jobs:
        found.hold(job)
    return found, jobs


def due(found: Admission) -> int:
    return len(list(found.due(FN)))


def test_a_few_at_first_and_more_with_each_answer() -> None:
    found, jobs = admission(40)
    assert list(found.due(FN)) == jobs[: int(START)]
    assert due(found) == 0
    under_way = int(START)
    for _ in range(30):
        found.answered(FN)
        under_way += due(found) - 1
    assert under_way == 9
    # In the order in which they came.
    found.answered(FN)
    assert not any(found.holds(job) for job in jobs[:30])


def test_one_after_another_while_any_waits() -> None:
    found, jobs = admission(20)
    assert due(found) == START
    found.waits(FN, "a")
    assert found.waiting(FN)
    for left in (3, 2, 1):
        found.answered(FN)
        assert due(found) == 0, left
    found.answered(FN)
    assert due(found) == 1
    found.started(FN, "a")
    assert not found.waiting(FN)
    # From one at a time it grows again.
    assert due(found) == 0
    found.answered(FN)
    assert due(found) == 2
    assert not found.holds(jobs[6])
    assert found.holds(jobs[7])


def test_none_while_the_function_is_barred() -> None:
    found, _ = admission(2)
    found.bar(FN)
    assert due(found) == 0
    assert not found.idle
    found.unbar(FN)
    assert due(found) == 2
    assert found.idle
    found.bar(FN)
    assert not found.idle


def test_one_that_is_withdrawn() -> None:
    found, jobs = admission(6)
    assert due(found) == START
    found.withdraw(jobs[0])
    found.withdraw(jobs[4])
    found.withdraw(jobs[5])
    assert found.idle
    found.answered(FN)
    assert due(found) == 0


def test_many_jobs_of_a_function_that_runs_one_at_a_time() -> None:
    world = World()
    world.server.join_delay = 0.1
    jobs = [world.submit("/slow", 1.0) for _ in range(20)]
    cancelled = jobs.pop()
    world.run(0.09)
    assert len(world.posts("/join")) == START
    world.cancel(cancelled)
    # One of them runs, others wait: from then on one join follows another.
    world.run(1.0)
    assert START + 4 <= len(world.posts("/join")) <= START + 11
    for job in jobs:
        assert world.end(job, within=60.0).error is None
    assert len(world.posts("/join")) == len(jobs)
    world.finish()
