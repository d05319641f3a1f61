"""Tasks for event loops that have none: a coroutine is stepped by the loop's own callbacks.

``Task`` runs a coroutine, ``Event`` is what it may wait for, and ``TaskApp`` is an app on such a loop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, Protocol, TypeVar, cast

from gradio_sansio_system import Options
from gradio_sansio_system.loops import LoopApp

T = TypeVar("T")


class Cancelled(BaseException):
    """Raised where a cancelled task waits."""


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> object:
        """It is not to come any more. Nothing happens if it has."""


class Loop(Protocol):
    """What is needed of an event loop. Times are its own, in seconds."""

    def now(self) -> float:
        """Its clock, which never goes back."""
        ...

    def call_soon(self, action: Callable[[], object]) -> object:
        """Call from the loop, in the order of asking.

        What is asked for while the loop takes its turn waits for the next one, so that sockets and timers come in between.
        May be asked from any thread and from finalizers; after the loop's end, too, when nothing is called any more.
        """

    def call_at(self, time: float, action: Callable[[], object]) -> Timer:
        """Call from the loop at that time."""
        ...


class Event:
    """Something that happens once."""

    def __init__(self) -> None:
        self.is_set: bool = False
        self.waiting: list[Callable[[], None]] = []

    def set(self) -> None:
        """It has happened: whoever waits goes on."""
        self.is_set = True
        waiting, self.waiting = self.waiting, []
        for wake in waiting:
            wake()

    async def wait(self) -> None:
        """Wait until it has happened."""
        await Pause(self, None)


class Pause:
    """To be awaited in a task: goes on with the event, or at that time, and never before others had their turn."""

    def __init__(self, event: Event, until: float | None) -> None:
        self.event = event
        self.until = until

    def __await__(self) -> Generator[Pause, None, None]:
        yield self


class Task(Generic[T]):
    """A coroutine under way. It may await events, pauses, and other coroutines of that kind."""

    def __init__(self, loop: Loop, coroutine: Coroutine[Any, Any, T]) -> None:
        self.ended: Event = Event()
        self._loop = loop
        self._coroutine = coroutine
        self._woken = False
        self._cancelled = False
        self._pause: Pause | None = None
        self._timer: Timer | None = None
        self._result: T | None = None
        self._error: BaseException | None = None
        self._wake()

    def cancel(self) -> None:
        """Raise ``Cancelled`` where it waits, once."""
        if not self.ended.is_set:
            self._cancelled = True
            self._wake()

    @property
    def result(self) -> T:
        """What it returned, once it has ended. Raises what it raised, ``Cancelled`` included."""
        assert self.ended.is_set
        if self._error is not None:
            raise self._error
        return cast("T", self._result)

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._woken = False
        self._stop_waiting()
        try:
            if self._cancelled:
                self._cancelled = False
                pause = self._coroutine.throw(Cancelled())
            else:
                pause = self._coroutine.send(None)
        except StopIteration as end:
            self._result = end.value
            self.ended.set()
        except BaseException as error:  # noqa: BLE001  # whoever asks for the result gets it
            self._error = error
            self.ended.set()
        else:
            self._wait(pause)

    def _wait(self, pause: Pause) -> None:
        self._pause = pause
        if pause.event.is_set or self._cancelled:
            self._wake()
            return
        pause.event.waiting.append(self._wake)
        if pause.until is not None:
            self._timer = self._loop.call_at(pause.until, self._wake)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._pause is not None and self._wake in self._pause.event.waiting:
            self._pause.event.waiting.remove(self._wake)
        self._pause = self._timer = None


class TaskApp(LoopApp):
    """A connected app on a loop without tasks of its own. An adapter adds ``connect``."""

    def __init__(self, loop: Loop, source: str, options: Options) -> None:
        super().__init__(source, options)
        self.loop: Loop = loop
        self._alarm: Timer | None = None

    def now(self) -> float:
        """The loop's clock."""
        return self.loop.now()

    def arm(self, deadline: float | None) -> None:
        """Have ``tick`` called at that time, and no more at the one that was set before."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None if deadline is None else self.loop.call_at(deadline, self.tick)

    def soon(self, action: Callable[[], None]) -> None:
        """Have something done from the loop."""
        self.loop.call_soon(action)

    def spawn(self, run: Coroutine[Any, Any, None]) -> Task[None]:
        """Start a task."""
        return Task(self.loop, run)

    def event(self) -> Event:
        """A new one."""
        return Event()

    async def wait(self, event: Event, until: float) -> None:
        """Wait for it, or until that time."""
        await Pause(event, until)

    async def checkpoint(self) -> None:
        """Let others run."""
        done = Event()
        done.set()
        await Pause(done, None)

    def unhandled(self, error: Exception) -> None:
        """Show it as Python shows what nobody caught."""
        sys.excepthook(type(error), error, error.__traceback__)
