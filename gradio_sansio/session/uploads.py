"""Uploads: the files of a job go to the server before the job does.

Rules:

* What a job sends, it sends in order: its arguments, further input (``send``), the end of input. Each waits until its own files are on
  the server, and those of what comes before it. A join or a stream has deadlines on the server, so it never waits for files there.
* Files go in requests of up to `PARTS` parts, one request after another for each job.
* A file's bytes are asked for piece by piece, when the piece before has left; those that are at hand are sent without asking.
* The limit for silence (``Limits.idle``) begins anew with each piece: a slow upload is none that hangs.
* How far it is, is told as progress of the job, in a bounded number of steps.
* An upload that fails is the job's failure; but if its Space was away, the job waits for that and sends its files anew.
* What the job's end leaves over is aborted; nothing is undone on the server, which cleans up by itself.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from gradio_sansio.commands import ExchangeId, NeedBody
from gradio_sansio.errors import ConnectError, GradioError, LocalProtocolError, ValidationError
from gradio_sansio.events import JobId
from gradio_sansio.session.app import App, not_understood
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.exchanges import Response
from gradio_sansio.session.files import Outgoing, Parcel
from gradio_sansio.session.job import Job
from gradio_sansio.session.jsontext import BadJson, decode, encode
from gradio_sansio.session.shapes import is_list
from gradio_sansio.values import Progress
from gradio_sansio.wire.multipart import Multipart

PARTS: Final = 1000
"""Files that servers take in one request (4.0 and later; the parser's own bound)."""
STEPS: Final = 100
"""Reports of progress for one delivery, about."""


class DeliveryState(Enum):
    WAITING = "waiting"
    """For what comes before it."""
    SENDING = "sending"
    """Its files are on their way."""
    READING = "reading"
    """The next piece of a file was asked for."""
    READY = "ready"
    """All files are on the server."""


class DeliveryInput(Enum):
    BEGUN = "begun"
    """A request was started; there may be several."""
    WANTED = "body_wanted"
    """And the adapter has to read."""
    READ = "body_chunk"
    ANSWERED = "answered"
    """The last request was."""


_S, _I = DeliveryState, DeliveryInput

TRANSITIONS: Final[dict[DeliveryState, dict[DeliveryInput, DeliveryState]]] = {
    _S.WAITING: {_I.BEGUN: _S.SENDING, _I.ANSWERED: _S.READY},
    _S.SENDING: {_I.BEGUN: _S.SENDING, _I.WANTED: _S.READING, _I.ANSWERED: _S.READY},
    _S.READING: {_I.READ: _S.SENDING},
    _S.READY: {},
}


class Delivery:
    """Something that a job sends: arguments, with files or, in their turn, without; or the end of its input."""

    __slots__ = (
        "_data",
        "asked",
        "body",
        "exchange",
        "first",
        "job",
        "parcel",
        "piece",
        "position",
        "sending",
        "sent",
        "state",
        "step",
        "total",
        "waiting",
    )

    def __init__(self, job: Job, data: bytes | None, parcel: Parcel | None, *, first: bool) -> None:
        self.job: Job = job
        self._data = data
        self.parcel: Parcel | None = parcel
        self.first: bool = first
        """It is what the job begins with."""
        self.state: DeliveryState = DeliveryState.WAITING
        self.waiting: list[Outgoing] = list(parcel.uploads) if parcel else []
        """Files that no request has taken yet."""
        self.sending: list[Outgoing] = []
        """The files of the request under way."""
        self.exchange: ExchangeId | None = None
        self.body: Multipart | None = None
        self.piece: int = 0
        self.position: int = 0
        """Which piece of the body is being sent, and how far it is."""
        self.asked: int = 0
        """Bytes that the adapter was asked for."""
        self.sent: int = 0
        self.total: int = sum(file.size for file in self.waiting)
        """Bytes of files, over all requests."""
        self.step: int = 0
        """The last report of progress."""

    def on(self, input: DeliveryInput) -> None:
        self.state = TRANSITIONS[self.state][input]

    def data(self) -> bytes | None:
        """The arguments as JSON, once all files are on the server; None at the end of input."""
        return self._data if self.parcel is None else encode(self.parcel.values())

    def current(self) -> bytes | Outgoing:
        """The piece of the body that is being sent."""
        assert self.body is not None
        piece = self.body.pieces[self.piece]
        return piece if isinstance(piece, bytes) else self.sending[piece]


class Uploads(Transport):
    """All uploads of a session. Until a job's first delivery is made, it is the job's transport."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._queues: dict[JobId, deque[Delivery]] = {}
        self._by_exchange: dict[ExchangeId, Delivery] = {}
        self._ready: list[Delivery] = []

    # What the session asks.

    def moved(self, app: App, now: float) -> list[Job]:
        """The app was started anew, as another one perhaps. Returns the jobs whose files went to the old one, to be submitted anew."""
        self._app = app
        jobs = [queue[0].job for queue in self._queues.values() if queue[0].first]
        for job in jobs:
            self.forget(job.id)
            if job.dependency.streaming:
                # Nor would it have waited for its Space.
                text = "the app was started anew while files were on their way to it"
                job.fail(ConnectError(text, phase="upload", url=app.address.base.redacted), now)
        return [job for job in jobs if not job.ended]

    def add(self, job: Job, data: bytes | None, parcel: Parcel | None, now: float) -> None:
        """Deliver further input once its files, and what comes before it, are on the server."""
        self._add(Delivery(job, data, parcel, first=False), now)

    def busy(self, job: JobId) -> bool:
        """Whether something of the job is still to be delivered."""
        return job in self._queues

    def take_ready(self) -> list[Delivery]:
        """What can go to the server now, in order."""
        ready, self._ready = self._ready, []
        return ready

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        queue = self._queues.pop(job, None)
        if queue is not None and (exchange := queue[0].exchange) is not None:
            del self._by_exchange[exchange]
            self._app.exchanges.abort(exchange)

    # As the transport of a job that is not on its way yet.

    def submit(self, job: Job, now: float) -> None:
        self._add(Delivery(job, job.data, job.parcel, first=True), now)

    def withdraw(self, job: Job, now: float) -> None:
        """See ``forget``: the job's end is enough."""

    @property
    def idle(self) -> bool:
        return not self._queues

    # The requests.

    def _add(self, delivery: Delivery, now: float) -> None:
        queue = self._queues.setdefault(delivery.job.id, deque())
        queue.append(delivery)
        if len(queue) == 1:
            self._advance(delivery.job.id, now)

    def _advance(self, job: JobId, now: float) -> None:
        """Go on with what the job delivers next."""
        queue = self._queues[job]
        while queue:
            delivery = queue[0]
            if delivery.waiting:
                self._begin(delivery, now)
                return
            delivery.on(DeliveryInput.ANSWERED)
            self._ready.append(queue.popleft())
        del self._queues[job]

    def _begin(self, delivery: Delivery, now: float) -> None:
        delivery.on(DeliveryInput.BEGUN)
        delivery.sending, delivery.waiting = delivery.waiting[:PARTS], delivery.waiting[PARTS:]
        body = Multipart([(file.name, file.size) for file in delivery.sending], self._app.entropy(16).hex())
        delivery.body, delivery.piece, delivery.position = body, 0, 0
        exchange = self._app.exchanges.upload(
            self,
            self._app.address.api("/upload"),
            now,
            content_type=body.content_type,
            length=body.length,
        )
        delivery.exchange = exchange
        self._by_exchange[exchange] = delivery

    def body_wanted(self, exchange: ExchangeId, max_bytes: int, now: float) -> None:
        delivery = self._by_exchange[exchange]
        piece = delivery.current()
        content = piece if isinstance(piece, bytes) else piece.content
        size = len(piece) if isinstance(piece, bytes) else piece.size
        if size == 0:
            # An empty file.
            self._skip(delivery)
            self.body_wanted(exchange, max_bytes, now)
        elif isinstance(content, bytes):
            start = delivery.position
            self._pass_on(delivery, content[start : start + max_bytes], now)
        else:
            assert content is not None, "what is uploaded has content"
            delivery.on(DeliveryInput.WANTED)
            delivery.asked = min(max_bytes, size - delivery.position)
            self._app.actions.append(NeedBody(exchange, content, delivery.position, delivery.asked))

    def body_chunk(self, exchange: ExchangeId, data: bytes, last: bool, now: float) -> None:
        """The adapter has read a piece."""
        delivery = self._awaited(exchange)
        if delivery is None:
            return
        if len(data) > delivery.asked:
            raise LocalProtocolError(
                f"a piece of {len(data)} bytes, where {delivery.asked} were asked for", state="reading"
            )
        file = delivery.current()
        assert isinstance(file, Outgoing)
        delivery.on(DeliveryInput.READ)
        if not data or (last and delivery.position + len(data) < file.size):
            self._fail(delivery, f"it ended after {delivery.position + len(data)} of {file.size} bytes", now)
            return
        self._pass_on(delivery, data, now)

    def body_failed(self, exchange: ExchangeId, reason: str, now: float) -> None:
        """The adapter can't read the file."""
        delivery = self._awaited(exchange)
        if delivery is not None:
            delivery.on(DeliveryInput.READ)
            self._fail(delivery, reason, now)

    def _awaited(self, exchange: ExchangeId) -> Delivery | None:
        """The upload that a piece was read for; None if it has ended in the meantime."""
        delivery = self._by_exchange.get(exchange)
        if delivery is None:
            self._app.exchanges.check_issued(exchange)
        elif delivery.state is not DeliveryState.READING:
            raise LocalProtocolError("no piece of a file was asked for", state=delivery.state.value)
        return delivery

    def _fail(self, delivery: Delivery, why: str, now: float) -> None:
        file = delivery.current()
        assert isinstance(file, Outgoing)
        reason = f"{file.name} can't be uploaded: {why}"
        delivery.job.fail(ValidationError(reason, parameter=None, reason=reason), now)

    def _pass_on(self, delivery: Delivery, data: bytes, now: float) -> None:
        """Send the next bytes of the body."""
        assert delivery.exchange is not None
        assert delivery.body is not None
        piece = delivery.current()
        delivery.position += len(data)
        if delivery.position == (len(piece) if isinstance(piece, bytes) else piece.size):
            self._skip(delivery)
        last = delivery.piece == len(delivery.body.pieces)
        self._app.exchanges.send_body(delivery.exchange, data, last, now)
        if isinstance(piece, Outgoing):
            delivery.sent += len(data)
            self._report(delivery, piece.name, now)

    def _skip(self, delivery: Delivery) -> None:
        delivery.piece += 1
        delivery.position = 0

    def _report(self, delivery: Delivery, name: str, now: float) -> None:
        step = delivery.sent * STEPS // delivery.total
        if step > delivery.step:
            delivery.step = step
            bar = Progress(index=float(delivery.sent), length=float(delivery.total), unit="bytes", desc=name)
            delivery.job.uploading(bar, now)

    # The answers.

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        delivery = self._by_exchange.pop(exchange)
        delivery.exchange = None
        job = delivery.job
        if delivery.first and self._app.take_back(job, result, now):
            self.forget(job.id)
        elif isinstance(result, GradioError):
            job.fail(result, now)
        elif result.status == 413:
            most = self._app.files.max_size
            limit = f"it takes {most} bytes at most" if most is not None else "it doesn't say what it takes"
            names = ", ".join(file.name for file in delivery.sending[:3])
            reason = f"the server refused to take {names}: too large; {limit}"
            job.fail(ValidationError(reason, parameter=None, reason=reason), now)
        elif result.status != 200:
            job.fail(self._app.refusal(result, "upload"), now)
        else:
            fault = self._take_paths(delivery, result.body)
            if fault is None:
                self._advance(job.id, now)
            else:
                job.fail(not_understood("answer to an upload", fault), now)

    def _take_paths(self, delivery: Delivery, body: bytes) -> str | None:
        """Note where the server has put the files. Returns what is wrong with its answer, if anything is."""
        assert delivery.body is not None
        if delivery.piece < len(delivery.body.pieces):
            return "it came before the files were sent"
        try:
            paths = decode(body, depth=self._app.limits.json_depth)
        except BadJson as error:
            return str(error)
        files = delivery.sending
        if not is_list(paths) or len(paths) != len(files):
            seen = f"{len(paths)}" if is_list(paths) else type(paths).__name__
            return f"a list of {len(files)} paths was due, not {seen}"
        if not all(isinstance(path, str) and path for path in paths):
            return "it holds something else than paths"
        for file, path in zip(files, paths, strict=True):
            file.path = path
        return None
