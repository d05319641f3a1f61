"""The one call that scripts and notebooks need."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, Protocol, overload

from gradio_sansio import Data
from gradio_sansio.frontend import AsyncSubmissionBase
from gradio_sansio.inbox import Value
from gradio_sansio_progress._display import Display


class BlockingSubmission(Protocol):
    """What ``show`` needs of a submission of plain calls."""

    def events(self) -> Iterator[Value]:
        """Everything that comes, in order."""
        ...

    def result(self) -> Data:
        """The last value."""
        ...

    def cancel(self) -> None:
        """End the job."""


@overload
def show(submission: AsyncSubmissionBase) -> Coroutine[Any, Any, Data]: ...
@overload
def show(submission: BlockingSubmission) -> Data: ...
def show(submission: AsyncSubmissionBase | BlockingSubmission) -> Data | Coroutine[Any, Any, Data]:
    """Show how a submission stands until it ends, and return its result; in async programs to be awaited.

    Whoever is interrupted while waiting here (Ctrl-C, a cancelled task) cancels the job.

    Raises:
        GradioError: how the job failed; ``JobCancelled`` if it was cancelled.
        TypeError: it is no submission.
    """
    if isinstance(submission, AsyncSubmissionBase):
        return _show_async(submission)
    if not hasattr(submission, "events"):
        raise TypeError(
            f"show takes what app.submit(...) returns, which is still under way, not {type(submission).__name__}"
        )
    try:
        with Display() as display:
            for event in submission.events():
                display.put(event)
        return submission.result()
    except BaseException:
        submission.cancel()
        raise


async def _show_async(submission: AsyncSubmissionBase) -> Data:
    async with submission:
        with Display() as display:
            async for event in submission.events():
                display.put(event)
        return await submission.result()
