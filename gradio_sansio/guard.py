"""Against re-entry."""

from __future__ import annotations

from types import TracebackType

from gradio_sansio.errors import LocalProtocolError


class Guard:
    """Held while an input is worked on. A second one in the meantime, from a callback or another thread, is a misuse."""

    __slots__ = ("_busy",)

    def __init__(self) -> None:
        self._busy = False

    def __enter__(self) -> None:
        if self._busy:
            raise LocalProtocolError(
                "an input came while another was being worked on: call the engine from one thread, and not from within itself",
                state="busy",
            )
        self._busy = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._busy = False
