"""The engine: both storeys as one machine, for whoever brings sockets.

    session storey   what Gradio means          } `Engine`
    wire storey      HTTP/1.1 and websockets    }
    adapter          sockets, TLS, DNS, clock, tasks or threads

The rules of the border:

1. Inputs never block, never call user code, and never raise for anything that the peer did; that comes out as events. They raise
   ``LocalProtocolError`` for misuse only. An action that merely races with the peer (a cancel after the end) returns quietly.
2. After any input: ``drain`` fully, then read ``deadline``. Draining changes nothing; an engine that isn't drained loses nothing.
3. Actions are frozen and complete in themselves.
4. ``Command`` and ``Event`` are two closed unions in one list, in causal order.
5. Ids are never used twice; late input for a closed one is ignored.
6. ``now`` is the adapter's monotonic clock, in seconds, passed in and never read; a clock that goes back is held. An early ``tick``
   does nothing, a late one all that is due, in order. Hand over what can be read before you tick.
7. Random bytes and the time of day are given at construction. (wsproto draws the masks of websocket frames itself.)
8. Not for use from several threads at once, nor from within itself: that is a ``LocalProtocolError``. Threads hold one lock around
   an input and its drain.
9. Nothing waits inside: there are no futures, locks or callbacks.
10. Unknown messages, fields and values are told or ignored, never fatal.
11. Every buffer has a bound in ``Limits``; every parser is linear in what it is fed, however that is cut up.
12. Nothing here does I/O, reads a clock or draws randomness.
13. What an adapter can't know it is told, and what the engine can't know it hears: ``flushed`` when written bytes have left,
    ``tls_started``, ``consumed`` when the application took values, ``downloaded`` when it wrote what came of a file, ``body_chunk``
    when a piece of one was read, as ``NeedBody`` asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradio_sansio.commands import Command, ConnectionId, ExchangeId, NeedBody
from gradio_sansio.events import (
    AppClosed,
    AppFailed,
    AppOpened,
    DataReceived,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
    Event,
    JobFinished,
    JobId,
    Logged,
    LogReceived,
    SpaceChanged,
    StatusChanged,
)
from gradio_sansio.files import FileData
from gradio_sansio.guard import Guard
from gradio_sansio.limits import Limits
from gradio_sansio.session.api_info import ApiInfo
from gradio_sansio.session.arguments import Payload
from gradio_sansio.session.duplicate import Duplicate
from gradio_sansio.session.session import Session
from gradio_sansio.session.source import HUB
from gradio_sansio.wire.proxy import ProxySettings
from gradio_sansio.wire.wire import Wire


class Engine:
    """One client of one app, as a state machine over connections.

    It begins to open the app at once: drain it after construction, too. ``AppOpened`` or ``AppFailed`` follows, and ``AppClosed`` as
    the last event of all.

    Args:
        source: a URL, ``user/space-name``, or the address of a Space's page.
        now: the adapter's monotonic clock, in seconds.
        wall_clock: the time of day at ``now``, in seconds since 1970 (``time.time()``).
        entropy: random bytes, as many as asked for (``os.urandom``).
        limits: every bound there is.
        hf_token: an access token of the Hub. Goes to the origin of a URL given as ``source``, or to the Hub and the origin that the
            Hub names for the Space; never elsewhere, and never over plain http but to this machine.
        auth: user and password of the app's own login.
        headers: further header fields for every request to the app.
        deadline: seconds for opening the app, all its steps together; None for each step's own limit only.
        hub: the Hub's address.
        duplicate: make a copy of the Space first, if it isn't there, and open that. Takes an ``hf_token``.
        only_status: ask the Hub once how the Space stands, and end: nothing is woken or opened. ``SpaceChanged`` tells it, and the
            ``SpaceError`` of ``AppFailed`` holds it, whatever it is.
        proxy: HTTP proxies to go through.
        trace: keep the conversation, without secrets, for ``drain_trace``. A function is given each text that would be written, and
            returns what is written in its place.

    Raises:
        TypeError, ValueError: an argument makes no sense; the text says which and why.
    """

    def __init__(
        self,
        source: str,
        *,
        now: float,
        wall_clock: float,
        entropy: Callable[[int], bytes],
        limits: Limits | None = None,
        hf_token: str | None = None,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
        hub: str = HUB,
        duplicate: Duplicate | None = None,
        only_status: bool = False,
        proxy: ProxySettings | None = None,
        trace: bool | Callable[[str], str] = False,
    ) -> None:
        limits = Limits() if limits is None else limits
        self._guard = Guard()
        self._actions: list[Command | Event] = []
        self._now = now
        self._session = Session(
            source,
            now=now,
            wall_clock=wall_clock,
            entropy=entropy,
            limits=limits,
            hf_token=hf_token,
            auth=auth,
            headers=headers,
            deadline=deadline,
            hub=hub,
            trace=trace,
            duplicate=duplicate,
            only_status=only_status,
        )
        self._wire = Wire(
            self._session,
            self._actions,
            limits=limits,
            entropy=entropy,
            now=now,
            wall_clock=wall_clock,
            proxy=proxy,
        )
        self._run(now)

    # What the application reads.

    @property
    def config(self) -> Mapping[str, Any]:
        """The app's config as the server sent it, to be read only. ``LocalProtocolError`` before ``AppOpened``."""
        return self._session.config

    @property
    def url(self) -> str:
        """Where the app is: that of a Space is known to the Hub. ``LocalProtocolError`` before ``AppOpened``."""
        return self._session.url

    @property
    def api_info(self) -> ApiInfo:
        """What can be called. ``LocalProtocolError`` before ``AppOpened``."""
        return self._session.api_info

    @property
    def inline(self) -> int:
        """Files up to so many bytes may have to go within the arguments (Gradio 3), so their bytes should be at hand; 0 for none."""
        return self._session.inline

    @property
    def session_hash(self) -> str:
        """The name under which the app keeps this client's state."""
        return self._session.session_hash

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due, on the adapter's clock; None while nothing is waited for. Read it after every drain."""
        wire, session = self._wire.deadline, self._session.deadline
        if wire is None or session is None:
            return session if wire is None else wire
        return min(wire, session)

    def drain(self) -> list[Command | Event]:
        """Everything to be done and told since the last call, in order. Call it after every input, and once after construction."""
        actions = self._actions[:]
        self._actions.clear()
        return actions

    def drain_trace(self) -> list[str]:
        """What was said to the app, and what it said, since the last call, as lines of a transcript; for ``trace``.

        Call it whenever you drain: the lines are kept until then.
        """
        return self._session.drain_trace()

    # What the application asks.

    def submit(
        self,
        endpoint: str | int | None = None,
        payload: Payload = (),
        *,
        now: float,
        timeout: float | None = None,
        isolated: bool = False,
        newest: bool = False,
        more: bool = True,
    ) -> JobId:
        """Call an endpoint. The job's events follow, the first of them at once.

        Args:
            endpoint: ``"/name"``, ``"name"`` or an index; None for ``/predict`` or the only one.
            payload: a list, a mapping by parameter name, or None for no arguments.
            timeout: seconds until the job is cancelled and ends with ``DeadlineExceeded``.
            isolated: give the job a session of its own: nothing that happens to the others' stream touches it, nor does its cancel
                touch them. It doesn't see the state that the app keeps for this client, and can't call what was rendered for it.
            newest: never hold anything up for this job's sake, however slow the application is.
            more: whether further input may follow, where the endpoint takes some while it runs (``send``); else this is all.

        Raises:
            EndpointNotFound, ValidationError: refused here; nothing was sent.
            LocalProtocolError: the app is not open.
        """
        with self._guard:
            now = self._advance(now)
            job = self._session.submit(
                endpoint, payload, now=now, timeout=timeout, isolated=isolated, newest=newest, more=more
            )
            self._run(now)
            return job

    def cancel(self, job: JobId, now: float) -> None:
        """End a job as cancelled: here at once, and on the server as far as its version can. No data of it comes after this."""
        with self._guard:
            now = self._advance(now)
            self._session.cancel(job, now)
            self._run(now)

    def send(self, job: JobId, payload: Payload, now: float) -> None:
        """Give the next piece of input to a job whose endpoint takes them while it runs (5.0 and later).

        The server works on the latest piece only: those that come faster than it works are lost there. After the job's end nothing
        happens.

        Raises:
            ValidationError: as in ``submit``.
            LocalProtocolError: the endpoint takes no such input.
        """
        with self._guard:
            now = self._advance(now)
            self._session.send(job, payload, now)
            self._run(now)

    def end(self, job: JobId, now: float) -> None:
        """There is no more input for a job: it ends with its last result."""
        with self._guard:
            now = self._advance(now)
            self._session.end(job, now)
            self._run(now)

    def download(self, file: FileData | str, now: float) -> DownloadId:
        """Fetch a file that the app returned, or that it has under a path or a URL of its own. Its events follow.

        Raises:
            ValidationError: the app doesn't serve it.
            LocalProtocolError: the app is not open.
        """
        with self._guard:
            now = self._advance(now)
            download = self._session.download(file, now)
            self._run(now)
            return download

    def downloaded(self, download: DownloadId, n: int, now: float) -> None:
        """The application has written ``n`` bytes of a download. Until it says so, the server is held back."""
        with self._guard:
            now = self._advance(now)
            self._session.downloaded(download, n, now)
            self._run(now)

    def abort_download(self, download: DownloadId, now: float) -> None:
        """The application doesn't want a download any more. Nothing more is told of it."""
        with self._guard:
            now = self._advance(now)
            self._session.abort_download(download, now)
            self._run(now)

    def consumed(self, job: JobId, n: int, now: float) -> None:
        """The application has taken events of a job that count ``n`` bytes in all (their ``size``)."""
        with self._guard:
            now = self._advance(now)
            self._session.consumed(job, n, now)
            self._run(now)

    def close(self, now: float) -> None:
        """End everything: jobs are cancelled, on the server too within ``Limits.grace``. ``AppClosed`` comes last."""
        with self._guard:
            now = self._advance(now)
            self._session.close(now)
            self._run(now)

    # What was read of files.

    def body_chunk(self, exchange: ExchangeId, data: bytes, last: bool, now: float) -> None:
        """A piece of a file was read, as ``NeedBody`` asked: at least one byte, unless the file ends.

        ``last`` says that the file ends with it; that it has as many bytes as it was said to have is known anyway.
        """
        with self._guard:
            now = self._advance(now)
            self._session.body_chunk(exchange, data, last, now)
            self._run(now)

    def body_failed(self, exchange: ExchangeId, reason: str, now: float) -> None:
        """A file that ``NeedBody`` asked for can't be read. ``reason`` is for people: "permission denied"."""
        with self._guard:
            now = self._advance(now)
            self._session.body_failed(exchange, reason, now)
            self._run(now)

    # What the network did.

    def connected(self, conn: ConnectionId, now: float) -> None:
        """A connection is open (TCP; TLS comes after ``StartTls``)."""
        with self._guard:
            now = self._advance(now)
            self._wire.connected(conn, now)
            self._run(now)

    def connect_failed(self, conn: ConnectionId, reason: str, now: float) -> None:
        """A connection could not be opened. ``reason`` is for people: "connection refused"."""
        with self._guard:
            now = self._advance(now)
            self._wire.connect_failed(conn, reason, now)
            self._run(now)

    def tls_started(self, conn: ConnectionId, now: float) -> None:
        """The TLS handshake is done and the peer verified."""
        with self._guard:
            now = self._advance(now)
            self._wire.tls_started(conn, now)
            self._run(now)

    def received(self, conn: ConnectionId, data: bytes, now: float) -> None:
        """Bytes have come, at least one."""
        with self._guard:
            now = self._advance(now)
            self._wire.received(conn, data, now)
            self._run(now)

    def flushed(self, conn: ConnectionId, now: float) -> None:
        """Everything that was to be sent has left."""
        with self._guard:
            now = self._advance(now)
            self._wire.flushed(conn, now)
            self._run(now)

    def peer_closed(self, conn: ConnectionId, now: float) -> None:
        """The peer has ended its side in order: no more bytes come."""
        with self._guard:
            now = self._advance(now)
            self._wire.peer_closed(conn, now)
            self._run(now)

    def lost(self, conn: ConnectionId, reason: str, now: float) -> None:
        """The connection is gone, in both directions. ``reason`` is for people: "connection reset"."""
        with self._guard:
            now = self._advance(now)
            self._wire.lost(conn, reason, now)
            self._run(now)

    def tick(self, now: float) -> None:
        """The deadline has come. What can be read should have been handed over before."""
        with self._guard:
            now = self._advance(now)
            self._wire.tick(now)
            self._run(now)
            self._session.tick(now)
            self._run(now)

    # The inside.

    def _run(self, now: float) -> None:
        """Carry what the session asks down to the wire, until nothing more follows."""
        while pending := self._session.drain():
            for action in pending:
                match action:
                    case StatusChanged() | DataReceived() | LogReceived() | JobFinished() | Logged():
                        self._actions.append(action)
                    case DownloadStarted() | DownloadReceived() | DownloadFinished() | NeedBody():
                        self._actions.append(action)
                    case AppOpened() | AppFailed() | SpaceChanged():
                        self._actions.append(action)
                    case AppClosed():
                        self._wire.close(now)
                        self._actions.append(action)
                    case _:
                        self._wire.execute(action, now)

    def _advance(self, now: float) -> float:
        self._now = max(self._now, now)
        return self._now
