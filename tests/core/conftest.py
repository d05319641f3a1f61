"""For all tests of the core: the profile of hypothesis, and the watch that fails a test whose body makes the core do I/O."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.core.audit import watching

if TYPE_CHECKING:
    from collections.abc import Generator

# The same examples in every run, so that a failure is a change's and not the day's; `long` looks for new ones.
settings.register_profile("core", derandomize=True, deadline=None, max_examples=60, stateful_step_count=40)
settings.register_profile(
    "long",
    deadline=None,
    max_examples=1_000,
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "core"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with watching() as seen:
        yield
    if seen:
        pytest.fail(f"the core did I/O in {item.name}: " + "; ".join(seen))
