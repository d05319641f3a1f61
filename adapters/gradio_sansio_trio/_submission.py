"""A job as the caller holds it."""

from __future__ import annotations

from gradio_sansio.frontend import AsyncSubmissionBase


class Submission(AsyncSubmissionBase):
    """A call under way. It goes on until it ends, whether or not anybody listens.

    As a context manager it is cancelled on leaving.
    """
