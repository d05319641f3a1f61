"""Gradio apps on Qt's event loop (PySide6): a window stays alive while it waits, without threads of its own.

    app = QApplication()  # or QCoreApplication

    async def main():
        async with client("http://127.0.0.1:7860") as gradio:
            gradio.submit("/chat", ["hello"]).on("data", lambda data: label.setText(data.value))
            ...

    start(main())
    app.exec()

Of Qt this needs ``QtCore`` alone. Certificates and proxies are those of the other adapters, since the sockets are Python's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from math import ceil
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any, Final, TypeVar, Unpack

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QTimer, Signal

from gradio_sansio.commands import Connect, ConnectionId
from gradio_sansio.frontend import Operation
from gradio_sansio_system import Options
from gradio_sansio_system.connection import Connection
from gradio_sansio_system.sockets import Sockets
from gradio_sansio_system.tasks import Task, TaskApp

T = TypeVar("T")
LONGEST: Final = 2**31 - 1
"""Milliseconds; a timer of Qt's takes no more. One that is early is set once more."""


class Timer:
    """A call to come."""

    def __init__(self, seconds: float, action: Callable[[], object]) -> None:
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(action)
        self._timer.start(min(LONGEST, max(0, ceil(seconds * 1000))))

    def cancel(self) -> None:
        self._timer.stop()


class Loop(QObject):
    """The event loop of the thread in which this is made, as ``TaskApp`` and ``Task`` want it."""

    _posted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        # Queued: a signal may be emitted in any thread, and the call is made in this one.
        self._posted.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def now(self) -> float:
        return time.monotonic()

    def call_soon(self, action: Callable[[], object]) -> None:
        self._posted.emit(action)

    def call_at(self, time: float, action: Callable[[], object]) -> Timer:
        return Timer(time - self.now(), action)

    def _call(self, action: Callable[[], object]) -> None:
        action()


_loops: list[Loop] = []


def loop() -> Loop:
    """The one of the GUI's thread."""
    if not _loops:
        _loops.append(Loop())
    return _loops[0]


def start(coroutine: Coroutine[Any, Any, T]) -> Task[T]:
    """Run a coroutine from the GUI's thread. It may await what an app offers, and ``sleep``."""
    return Task(loop(), coroutine)


def client(source: str, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``, in a coroutine that was given to ``start``."""
    return App(loop(), source, options)


class App(TaskApp):
    """A connected app."""

    def __init__(self, loop: Loop, source: str, options: Options) -> None:
        super().__init__(loop, source, options)
        self._sockets = NotifiedSockets(self)

    def connect(self, action: Connect) -> None:
        self._sockets.connect(action)

    def operate(self, action: Operation) -> None:
        self._sockets.operate(action)


class NotifiedSockets(Sockets):
    """The app's connections, each with Qt's notifiers for what is waited for."""

    def __init__(self, app: App) -> None:
        super().__init__(app, app.ssl_context)
        self._notifiers: dict[ConnectionId, list[QSocketNotifier]] = {}

    def post(self, action: Callable[[], object]) -> None:
        loop().call_soon(action)

    def watch(self, connection: Connection, wanted: int) -> None:
        for notifier in self._notifiers.pop(connection.id, []):
            notifier.setEnabled(False)
            notifier.deleteLater()
        if wanted:
            assert connection.sock is not None
            kinds = {EVENT_READ: QSocketNotifier.Type.Read, EVENT_WRITE: QSocketNotifier.Type.Write}
            self._notifiers[connection.id] = [
                self._notifier(connection, kind, event) for event, kind in kinds.items() if wanted & event
            ]

    def _notifier(self, connection: Connection, kind: QSocketNotifier.Type, event: int) -> QSocketNotifier:
        assert connection.sock is not None
        notifier = QSocketNotifier(connection.sock.fileno(), kind)
        notifier.activated.connect(lambda: self.serve(connection, event))
        return notifier
