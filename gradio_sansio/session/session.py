"""The session storey: what Gradio means, over exchanges that somebody else performs.

``Session`` is driven like ``Engine`` (whose rules hold here too), but by facts about exchanges and websockets in place of connections and
bytes. A program with an HTTP stack and no sockets, such as one in a browser, drives it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, assert_never

from gradio_sansio.checks import check_flag, check_positive
from gradio_sansio.commands import ExchangeCommand, ExchangeId, Headers
from gradio_sansio.errors import (
    DeadlineExceeded,
    GradioError,
    LocalProtocolError,
    RemoteProtocolError,
)
from gradio_sansio.events import AppClosed, AppFailed, AppOpened, DownloadId, Event, JobId
from gradio_sansio.files import FileData
from gradio_sansio.guard import Guard
from gradio_sansio.limits import Limits
from gradio_sansio.session.access import Access, check_duplicate, check_space
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import ApiInfo, Description
from gradio_sansio.session.app import App
from gradio_sansio.session.arguments import Payload
from gradio_sansio.session.config import Config, Dependency, rendered
from gradio_sansio.session.credentials import Credentials, check_login
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.downloads import Downloads
from gradio_sansio.session.duplicate import Duplicate
from gradio_sansio.session.exchanges import Exchanges, Response, Timer
from gradio_sansio.session.files import Files, Parcel
from gradio_sansio.session.job import Job, JobBoard, JobState
from gradio_sansio.session.source import HUB, check_token, parse_hub, parse_source
from gradio_sansio.session.transports import Transports
from gradio_sansio.session.uploads import Uploads
from gradio_sansio.symbol import Symbol
from gradio_sansio.timers import Timers, WallClock

if TYPE_CHECKING:
    from gradio_sansio.tracing import Recorder

LATE: Final = 1.0
"""Seconds. A timer for the peer's silence that fires later than this says that the loop was blocked, not that the peer was silent."""


class SessionState(Symbol):
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class SessionInput(Symbol):
    OPENED = "the app is known"
    FAILED = "the app can't be reached, or is none"
    CLOSE = "close"
    DONE = "nothing is under way, or the grace is over"


TRANSITIONS: Final[dict[SessionState, dict[SessionInput, SessionState]]] = {
    SessionState.OPENING: {
        SessionInput.OPENED: SessionState.OPEN,
        SessionInput.FAILED: SessionState.CLOSED,
        SessionInput.CLOSE: SessionState.CLOSED,
    },
    SessionState.OPEN: {SessionInput.CLOSE: SessionState.CLOSING},
    SessionState.CLOSING: {SessionInput.DONE: SessionState.CLOSED},
    SessionState.CLOSED: {},
}


class Session:
    """One client of one app, as a state machine over exchanges.

    Args:
        source: a URL, ``user/space-name``, or the address of a Space's page.
        now: the driver's monotonic clock, in seconds; every input takes its reading.
        wall_clock: the time of day at ``now``, in seconds since 1970.
        entropy: random bytes, as many as asked for (``os.urandom``).
        limits: every bound there is.
        hf_token: an access token of the Hub. Goes to the origin of a URL given as ``source``, or to the Hub and the origin that the
            Hub names for the Space; never elsewhere, and never over plain http but to this machine.
        auth: user and password of the app's own login.
        headers: further header fields for every request to the app.
        deadline: seconds for opening the app, all its steps together; None for each step's own limit only.
        hub: the Hub's address.
        trace: keep the conversation, without secrets, for ``drain_trace``. A function is given each text that would be written, and
            returns what is written in its place.
        duplicate: make a copy of the Space first, if it isn't there, and open that. Takes an ``hf_token``.
        only_status: ask the Hub once how the Space stands, and end with a ``SpaceError`` that holds it.

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
        trace: bool | Callable[[str], str] = False,
        duplicate: Duplicate | None = None,
        only_status: bool = False,
    ) -> None:
        hub_url = parse_hub(hub)
        self._source = parse_source(source, hub=hub_url)
        check_token(hf_token, self._source, hub_url)
        check_login(auth)
        check_duplicate(duplicate, self._source, hf_token)
        if only_status:
            check_space(self._source)
        self._limits = Limits() if limits is None else limits
        if not isinstance(self._limits, Limits):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
            raise TypeError(f"limits must be Limits(...), not {type(limits).__name__}")
        self._entropy = entropy
        self._clock = WallClock(now, wall_clock)
        self._now = now
        self._guard = Guard()
        self._state = SessionState.OPENING
        self._actions: list[ExchangeCommand | Event] = []
        self._timers: Timers[Timer] = Timers()
        self._credentials = Credentials(headers or {}, hf_token)
        self._exchanges = Exchanges(self._actions, self._timers, self._credentials, self._limits)
        self._app: App | None = None
        self._session_hash = entropy(8).hex()
        self._recorder: Recorder | None = None
        if trace:
            password = auth[1] if auth is not None else ""
            copied = (duplicate and duplicate.secrets) or {}
            secrets = (
                *(hf_token or "", self._session_hash, password),
                *(headers or {}).values(),
                *copied.values(),
            )
            from gradio_sansio.tracing import Recorder  # noqa: PLC0415  # few are traced

            self._recorder = Recorder(secrets, trace if callable(trace) else None)
        self._submitted = 0
        self._board = JobBoard(self._actions, self._clock, (0, 0, 0), self._limits)
        self._jobs: dict[JobId, tuple[Job, Transport]] = {}
        self._transports = Transports(self._session_hash)
        self._uploads: Uploads
        self._downloads: Downloads
        self._late: dict[tuple[Timer, int], float] = {}
        """Timers that fired late, and what they were set to then."""
        if deadline is not None:
            check_positive("deadline", deadline, ", in seconds")
        self._access = Access(
            self,
            self._source,
            hub_url,
            self._exchanges,
            self._credentials,
            self._actions,
            self._timers,
            entropy,
            self._limits,
            auth=auth,
            deadline=deadline,
            duplicate=duplicate,
            only_status=only_status,
        )
        self._access.start(now)

    # What the application reads.

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def config(self) -> Mapping[str, Any]:
        """The app's config as the server sent it, to be read only. `LocalProtocolError` before ``AppOpened``."""
        return self._opened_app.config.raw

    @property
    def url(self) -> str:
        """Where the app is. `LocalProtocolError` before ``AppOpened``."""
        return self._opened_app.address.base.redacted

    @property
    def api_info(self) -> ApiInfo:
        """What can be called. `LocalProtocolError` before ``AppOpened``."""
        return self._opened_app.endpoints.info

    @property
    def inline(self) -> int:
        """Files up to so many bytes may have to go within the arguments, so their bytes should be at hand."""
        return self._opened_app.files.inline

    @property
    def session_hash(self) -> str:
        """The name under which the app keeps this client's state."""
        return self._session_hash

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due, on the driver's clock; None while nothing is waited for. To be read after every drain."""
        return self._timers.deadline

    def drain(self) -> list[ExchangeCommand | Event]:
        """Everything to be done and told since the last call, in order. To be called after every input."""
        actions = self._actions[:]
        self._actions.clear()
        if self._recorder is not None:
            for action in actions:
                if isinstance(action, ExchangeCommand):
                    self._recorder.asked(action)
        return actions

    def drain_trace(self) -> list[str]:
        """What was said to the app, and what it said, since the last call, as lines of a transcript; for ``trace``."""
        return self._recorder.drain() if self._recorder is not None else []

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
        """As ``Engine.submit``."""
        with self._guard:
            now = self._advance(now)
            self._check_open("submitted")
            if timeout is not None:
                check_positive("timeout", timeout, ", in seconds")
            check_flag("isolated", isolated)
            check_flag("newest", newest)
            app = self._opened_app
            found = app.endpoints.find(endpoint)
            if isolated:
                app.endpoints.check_lasting(found)
            dependency = app.config.dependencies[found.fn_index]
            data, parcel = app.arguments(found, dependency, payload)
            transport = self._entrance(app, dependency, parcel, isolated)
            self._submitted += 1
            job = Job(
                JobId(self._submitted),
                found,
                dependency,
                data,
                self._board,
                parcel=parcel,
                newest=newest,
                timeout=timeout,
                isolated=isolated,
                files=app.files.reader(dependency),
                now=now,
            )
            self._jobs[job.id] = (job, transport)
            if timeout is not None:
                self._timers.arm(Timer.JOB, job.id, now + timeout)
            transport.submit(job, now)
            if dependency.streaming and not more:
                self._end_input(job, transport, now)
            return job.id

    def cancel(self, job: JobId, now: float) -> None:
        """End a job as cancelled, here at once and on the server as far as it can be. No data comes after this.

        A job that has ended already stays as it ended.
        """
        with self._guard:
            now = self._advance(now)
            found = self._find(job)
            if found is not None:
                record, transport = found
                transport.withdraw(record, now)
                record.cancelled(now, by="by the caller")
                self._settle(now)

    def send(self, job: JobId, payload: Payload, now: float) -> None:
        """As ``Engine.send``."""
        with self._guard:
            now = self._advance(now)
            found = self._find(job)
            if found is not None:
                record, transport = found
                _check_streaming(record)
                data, parcel = self._opened_app.arguments(record.endpoint, record.dependency, payload)
                if parcel is not None or self._uploads.busy(job):
                    self._uploads.add(record, data, parcel, now)
                else:
                    transport.send(record, data, now)

    def end(self, job: JobId, now: float) -> None:
        """There is no more input for a job: it ends with its last result."""
        with self._guard:
            now = self._advance(now)
            found = self._find(job)
            if found is not None:
                _check_streaming(found[0])
                self._end_input(*found, now)

    def _end_input(self, job: Job, transport: Transport, now: float) -> None:
        if self._uploads.busy(job.id):
            self._uploads.add(job, None, None, now)
        else:
            transport.send(job, None, now)

    def consumed(self, job: JobId, n: int, now: float) -> None:
        """The application has taken events of a job that count ``n`` bytes in all (their ``size``)."""
        with self._guard:
            now = self._advance(now)
            found = self._find(job)
            if found is None:
                return
            record, transport = found
            if record.taken(n):
                transport.drained(record, now)

    def download(self, file: FileData | str, now: float) -> DownloadId:
        """As ``Engine.download``."""
        with self._guard:
            now = self._advance(now)
            self._check_open("downloaded")
            return self._downloads.start(file, now)

    def downloaded(self, download: DownloadId, n: int, now: float) -> None:
        """The application has written ``n`` bytes of a download."""
        with self._guard:
            now = self._advance(now)
            _ = self._opened_app
            self._downloads.taken(download, n, now)

    def abort_download(self, download: DownloadId, now: float) -> None:
        """The application doesn't want a download any more. Nothing more is told of it."""
        with self._guard:
            now = self._advance(now)
            _ = self._opened_app
            self._downloads.abort(download)
            self._settle(now)

    def close(self, now: float) -> None:
        """End the session: jobs are cancelled, on the server too within ``Limits.grace``. ``AppClosed`` comes last."""
        with self._guard:
            now = self._advance(now)
            if self._state is SessionState.OPENING:
                self._access.stop()
                self._exchanges.abort_all()
                self._step(SessionInput.CLOSE)
                self._end()
            elif self._state is SessionState.OPEN:
                self._step(SessionInput.CLOSE)
                # Those that run come last, the latest first: what ends must not let one start that waits.
                jobs = [*self._jobs.values()][::-1]
                jobs.sort(key=lambda item: item[0].state is JobState.RUNNING)
                for job, transport in jobs:
                    transport.withdraw(job, now)
                    job.cancelled(now, by="by closing the app")
                self._access.stop()
                for transport in self._transports:
                    transport.close(now)
                self._downloads.close()
                self._timers.arm(Timer.CLOSING, 0, now + self._limits.grace)
                self._settle(now)

    # What the storey below reports.

    def response_started(
        self, exchange: ExchangeId, status: int, headers: Headers, url: str, now: float
    ) -> None:
        """The head of a response has come; ``url`` is the one that answered, after redirects."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.started(exchange, status, headers)
            self._exchanges.response_started(exchange, status, headers, url, now)
            self._settle(now)

    def body_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        """A piece of a response's body has come, decoded as far as it was compressed."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.received(exchange, data)
            self._exchanges.body_received(exchange, data, now)
            self._settle(now)

    def exchange_ended(self, exchange: ExchangeId, now: float) -> None:
        """The response is complete."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.ended(exchange)
            self._exchanges.ended(exchange, now)
            self._settle(now)

    def exchange_failed(self, exchange: ExchangeId, error: GradioError, now: float) -> None:
        """The exchange can't be completed."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.failed(exchange)
            self._exchanges.failed(exchange, error, now)
            self._settle(now)

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None:
        """A pulled request body may send its next piece."""
        with self._guard:
            self._exchanges.body_wanted(exchange, max_bytes, self._advance(now))
            self._settle(now)

    def body_chunk(self, exchange: ExchangeId, data: bytes, last: bool, now: float) -> None:
        """A piece of a file was read, as ``NeedBody`` asked. ``last``: the file ends with it."""
        with self._guard:
            now = self._advance(now)
            self._exchanges.check_issued(exchange)
            self._uploads.body_chunk(exchange, data, last, now)
            self._settle(now)

    def body_failed(self, exchange: ExchangeId, reason: str, now: float) -> None:
        """A file that ``NeedBody`` asked for can't be read. ``reason`` is for people: "permission denied"."""
        with self._guard:
            now = self._advance(now)
            self._exchanges.check_issued(exchange)
            self._uploads.body_failed(exchange, reason, now)
            self._settle(now)

    def socket_opened(self, exchange: ExchangeId, now: float) -> None:
        """A websocket is open."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.opened(exchange)
            self._exchanges.socket_opened(exchange, now)
            self._settle(now)

    def message_received(self, exchange: ExchangeId, text: str | bytes, now: float) -> None:
        """A websocket's message has come."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.told(exchange, text)
            self._exchanges.socket_received(exchange, text, now)
            self._settle(now)

    def socket_closed(self, exchange: ExchangeId, code: int, reason: str, now: float) -> None:
        """A websocket has ended, with 1006 where it was not closed in order."""
        with self._guard:
            now = self._advance(now)
            if self._recorder is not None:
                self._recorder.closed(exchange, code)
            self._exchanges.socket_closed(exchange, code, now)
            self._settle(now)

    def tick(self, now: float) -> None:
        """Time has passed. Early calls do nothing, late ones everything that is due, in order."""
        with self._guard:
            now = self._advance(now)
            while (due := self._timers.pop_due(now)) is not None:
                kind, key, at = due
                self._fire(kind, key, at, now)
                self._settle(now)

    def _fire(self, kind: Timer, key: int, at: float, now: float) -> None:
        match kind:
            case Timer.REQUEST | Timer.IDLE:
                if now - at > LATE and self._late.pop((kind, key), None) != at:
                    # The loop was blocked; what the peer sent in the meantime is still to be read.
                    self._late = {
                        name: set_to for name, set_to in self._late.items() if self._timers.armed(*name)
                    }
                    self._late[kind, key] = now + LATE
                    self._timers.arm(kind, key, now + LATE)
                    return
                self._exchanges.expired(ExchangeId(key), now)
            case Timer.JOB:
                job, transport = self._jobs[JobId(key)]
                transport.withdraw(job, now)
                text = f"the job took longer than its timeout of {job.timeout:g} s"
                job.fail(DeadlineExceeded(text, limit="timeout"), now)
            case Timer.KILL | Timer.HELD | Timer.REST:
                for transport in self._transports.shared:
                    transport.fire(kind, key, now)
            case Timer.SUSPECT:
                self._jobs[JobId(key)][1].fire(kind, key, now)
            case Timer.OPENING | Timer.CONFIG | Timer.WAKING | Timer.POLL | Timer.HUB:
                self._access.fire(kind, now)
            case Timer.CLOSING:
                self._exchanges.abort_all()
            case _:
                assert_never(kind)

    # What the opening reports.

    def opened(self, address: Address, config: Config, description: Description, now: float) -> None:
        first = self._app is None
        if self._app is None or self._app.config.raw != config.raw:
            self._transports.retire()
            self._app = App(
                address,
                config,
                description,
                self._limits,
                self._exchanges,
                self._actions,
                self._timers,
                self._entropy,
                self._take_back,
                Files(address, config, self._limits),
            )
            if first:
                self._uploads = Uploads(self._app)
                self._downloads = Downloads(self._app)
            else:
                for job in self._uploads.moved(self._app, now):
                    self._wait(job, now)
                self._downloads.moved(self._app)
            self._board.version = config.version
        if self._state is SessionState.OPENING:
            self._step(SessionInput.OPENED)
            self._actions.append(AppOpened())
        for job in self._access.lobby.empty():
            self._readmit(self._app, job, now)

    def not_opened(self, error: GradioError, now: float) -> None:
        if self._state is SessionState.OPENING:
            self._step(SessionInput.FAILED)
            self._actions.append(AppFailed(error))
            self._end()
        for job in self._access.lobby.empty():
            job.fail(error, now)

    # Calls that meet a Space which is not there.

    def _take_back(self, job: Job, outcome: Response | GradioError, now: float) -> bool:
        if self._state is not SessionState.OPEN or not self._access.takes_back(job, outcome, now):
            return False
        self._wait(job, now)
        return True

    def _wait(self, job: Job, now: float) -> None:
        self._access.lobby.submit(job, now)
        self._jobs[job.id] = job, self._access.lobby

    def _readmit(self, app: App, job: Job, now: float) -> None:
        """The Space runs again: make a call as if for the first time."""
        try:
            found = app.endpoints.find(job.endpoint.name or job.endpoint.fn_index)
            dependency = app.config.dependencies[found.fn_index]
            job.rebind(found, dependency, app.files.reader(dependency))
            if job.parcel is not None:
                job.data, job.parcel = app.packed(job.parcel.given, found, dependency)
            transport = self._entrance(app, dependency, job.parcel, job.isolated)
        except GradioError as error:
            job.fail(error, now)
        else:
            self._jobs[job.id] = job, transport
            transport.submit(job, now)

    # The inside.

    @property
    def _opened_app(self) -> App:
        if self._app is None:
            raise LocalProtocolError(
                f"the app is {self._state.value}, and not known yet", state=self._state.value
            )
        return self._app

    def _check_open(self, done: str) -> None:
        if self._state is not SessionState.OPEN:
            raise LocalProtocolError(
                f"nothing can be {done} while the app is {self._state.value}", state=self._state.value
            )

    def _entrance(self, app: App, dependency: Dependency, parcel: Parcel | None, isolated: bool) -> Transport:
        """Where a job goes in: while its Space is being woken it waits, and its files go before it."""
        if self._access.busy and not dependency.streaming:
            return self._access.lobby
        if parcel is not None:
            return self._uploads
        return self._transports.find(app, dependency.dialect, isolated=isolated)

    def _find(self, job: JobId) -> tuple[Job, Transport] | None:
        if not 0 < job <= self._submitted:
            raise LocalProtocolError(f"there is no job {job}", state=f"{self._submitted} jobs submitted")
        return self._jobs.get(job)

    def _settle(self, now: float) -> None:
        """What follows from an input, whatever it was."""
        while self._board.rendered:
            self._render(self._board.rendered.pop(0))
        while self._board.full:
            self._hold(self._board.full.pop(), now)
        if self._app is not None:
            self._deliver(self._app, now)
        while self._board.finished:
            job = self._board.finished.pop()
            del self._jobs[job.id]
            self._access.forget(job)
            self._uploads.forget(job.id)
            self._timers.disarm(Timer.JOB, job.id)
            self._timers.disarm(Timer.SUSPECT, job.id)
        if self._state is SessionState.CLOSING and not self._exchanges.open:
            self._timers.disarm(Timer.CLOSING, 0)
            self._step(SessionInput.DONE)
            self._end()

    def _deliver(self, app: App, now: float) -> None:
        """What waited for its files goes to the server."""
        for delivery in self._uploads.take_ready():
            job, data = delivery.job, delivery.data()
            if delivery.first:
                job.data = data or b""
                transport = self._entrance(app, job.dependency, None, job.isolated)
                self._jobs[job.id] = (job, transport)
                transport.submit(job, now)
            else:
                self._jobs[job.id][1].send(job, data, now)

    def _render(self, render: object) -> None:
        """A result brought components and functions with it: they can be called from now on, in this session."""
        app = self._opened_app
        config = rendered(app.config, render)
        if config is None:
            app.log("debug", "what an app rendered is not understood")
        else:
            app.rendered(config)

    def _hold(self, job: Job, now: float) -> None:
        """The application takes a job's events more slowly than they come."""
        share = self._board.share
        if job.ended or job.newest or job.outstanding <= share:
            return
        transport = self._jobs[job.id][1]
        if transport.overflowed(job):
            job.held_at = share
            return
        transport.withdraw(job, now)
        limit = "job_buffer" if job.outstanding > self._limits.job_buffer else "buffer"
        seen = f"{job.outstanding} bytes wait to be taken"
        text = f"the job's results came faster than they were taken: {seen} (Limits.{limit}; newest=True keeps the newest only)"
        job.fail(RemoteProtocolError(text, expected="results taken as they come", seen=seen), now)

    def _end(self) -> None:
        self._actions.append(AppClosed())

    def _step(self, input: SessionInput) -> None:
        self._state = TRANSITIONS[self._state][input]

    def _advance(self, now: float) -> float:
        # A clock that goes back would undo timers.
        self._now = max(self._now, now)
        return self._now


def _check_streaming(job: Job) -> None:
    if not job.dependency.streaming:
        where = job.endpoint.name or job.endpoint.fn_index
        raise LocalProtocolError(f"endpoint {where} takes no input while it runs", state="no streaming input")
