"""The ways to call an app. A test is written once, as an async function, and run in each of them."""

from __future__ import annotations

from typing import Final, TypeAlias

from gradio_sansio.testing import subjects
from tests.adapters.subjects import SUBJECTS

Way: TypeAlias = subjects.Subject
App: TypeAlias = subjects.AnyApp
Submission: TypeAlias = subjects.AnySubmission

WAYS: Final[dict[str, Way]] = dict(SUBJECTS)
