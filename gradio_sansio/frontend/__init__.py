"""What an app and its submissions are to their caller, as far as it is the same for every runtime. Adapters derive from these classes.

``Driver`` carries out what an engine asks; ``SubmissionBase`` and ``AppBase`` hold the calls that never wait, ``AsyncSubmissionBase`` and
``AsyncAppBase`` those that do, in terms of a few hooks. What is left to an adapter are its runtime's own calls.
"""

from gradio_sansio.frontend.app import AppBase
from gradio_sansio.frontend.driver import Driver, Operation
from gradio_sansio.frontend.submission import SubmissionBase, Values
from gradio_sansio.frontend.tasks import A, AsyncAppBase, AsyncConnection, AsyncSubmissionBase, ChangeEvent

__all__ = [
    "A",
    "AppBase",
    "AsyncAppBase",
    "AsyncConnection",
    "AsyncSubmissionBase",
    "ChangeEvent",
    "Driver",
    "Operation",
    "SubmissionBase",
    "Values",
]
