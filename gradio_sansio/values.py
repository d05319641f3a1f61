"""The values that the application holds: what a job said of itself, and what it returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, overload

from msgspec import Struct

if TYPE_CHECKING:
    from gradio_sansio.session.diff import Outputs

Stage: TypeAlias = Literal["pending", "generating", "complete", "error"]


class Progress(Struct, frozen=True, repr_omit_defaults=True):
    """One bar of a job's progress; nested bars come as several, the outermost first.

    Servers send either ``progress`` (a fraction) or ``index`` and ``length`` (steps done, and in all); the others are None.
    """

    progress: float | None = None
    index: float | None = None
    length: float | None = None
    unit: str | None = None
    desc: str | None = None


class Status(Struct, frozen=True, repr_omit_defaults=True):
    """How a job stands. The last one of a job, and no other, has ``stage`` ``"complete"`` or ``"error"``.

    A cancelled job ends as ``complete`` with ``success`` False and ``code`` ``"cancelled"``.
    """

    queue: bool
    """Whether the job went through the app's queue. False for a direct call, and once a job is cancelled."""
    stage: Stage
    code: str | None = None
    success: bool | None = None
    size: int | None = None
    """Jobs in the queue of this function, this one included."""
    position: int | None = None
    """Jobs before this one; 0 when it is next, and when it runs."""
    eta: float | None = None
    """Seconds: until the job starts while it waits, for the run once it started, of an average run at its end."""
    message: str | None = None
    """What went wrong, as the app said it."""
    progress_data: tuple[Progress, ...] | None = None
    time: datetime | None = None
    """When the client heard of it (UTC)."""


class Log(Struct, frozen=True, repr_omit_defaults=True):
    """A line that the app's function showed its user (``gr.Info``, ``gr.Warning``; Gradio 3.36 and later)."""

    message: str
    """Text; may hold HTML, as the app wrote it."""
    level: str
    """``"info"``, ``"warning"``, ``"success"`` (5.10 and later) or ``"error"``."""
    title: str | None = None
    duration: float | None = None
    """Seconds for which a page would show it."""
    time: datetime | None = None


class Returns(Struct, frozen=True):
    """What all results of one job have in common."""

    endpoint: str | None
    fn_index: int
    hidden: frozenset[int] = frozenset()
    """Places of State among the outputs."""
    files: Callable[[list[Any]], list[Any]] | None = None
    """What puts files in their place among the outputs, where there may be some."""


class Data(Sequence[Any]):
    """One result of a job: its outputs, without hidden State slots.

    It indexes, unpacks and iterates as its ``data``, and equals another result with the same data of the same endpoint.
    What it holds is to be read only: the yields of one job share their parts.
    """

    __slots__ = ("_data", "_outputs", "_returns", "time")

    time: datetime
    """When the client received it (UTC)."""

    def __init__(self, outputs: Outputs, returns: Returns, time: datetime) -> None:
        self._outputs = outputs
        self._returns = returns
        self._data: list[Any] | None = None
        self.time = time

    @property
    def endpoint(self) -> str | None:
        """The endpoint's name with its slash, or None for an unnamed one."""
        return self._returns.endpoint

    @property
    def fn_index(self) -> int:
        """The endpoint's index."""
        return self._returns.fn_index

    @property
    def data(self) -> list[Any]:
        """The outputs in order: the app's JSON, with ``FileData`` in the place of files."""
        if self._data is None:
            values, returns = self._outputs.values, self._returns
            if returns.files is not None:
                values = returns.files(values)
            hidden = returns.hidden
            self._data = [value for i, value in enumerate(values) if i not in hidden] if hidden else values
        return self._data

    @property
    def value(self) -> Any:
        """The only output where there is just one, else the list of them."""
        data = self.data
        return data[0] if len(data) == 1 else data

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.data[index]

    def __len__(self) -> int:
        return len(self.data)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Data):
            return NotImplemented
        return (self.fn_index, self.endpoint, self.data) == (other.fn_index, other.endpoint, other.data)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # it may hold lists and dicts

    def __repr__(self) -> str:
        where = self.endpoint or self.fn_index
        text = repr(self.data)
        return f"Data({text if len(text) <= 200 else text[:200] + '...'}, endpoint={where!r})"
