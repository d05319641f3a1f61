"""A Gradio server as a machine without I/O: the queue protocols of 3.6 to 6.x, as real servers were seen to speak them.

``GradioServer`` owns sessions and the queue of an ``App``; ``accept`` makes a connection, which takes bytes and gives bytes. It listens on
a ``VirtualNetwork``, or stands behind a real socket on the loopback interface: after any input drain all connections, and call
``tick`` at ``deadline``.

A function is an ordinary callable that returns its output (a tuple for several), or a generator that yields steps:

* ``Sleep(seconds)``: time passes;
* ``Report(...)``, ``Say(...)``: progress, and a line for the user;
* anything else: one yield of outputs. What the generator returns, if anything, is its last value in place of its last yield.

``Render(functions)`` in place of outputs lets further endpoints appear in the session.

An exception fails the job with its text, as do outputs without a JSON form. What differs between versions is decided by ``version``:

* before 4.0 each job has a websocket, from 4.0 to 4.8 an event stream of its own; both ask for the data once it is the job's turn, and
  a client that leaves ends the job;
* 4.9 to 4.21 end a stream without a word, later ones say ``close_stream`` first; from 4.17 on all yields but the first are edits;
* ``/cancel`` (4.31 and later) kills all running jobs of that session and function, silently but for the one that was named; it takes a
  queued job from the queue from 6.14 on only; before that the job runs all the same, and its end breaks the stream up to 5.45;
* ``/reset`` stops a generator before 4.35: nothing more comes of it, and its session's stream is never ended;
* a stream that is dropped takes its session's mailbox and queued jobs with it.

Tests make it misbehave through ``answers`` (what the next requests to a path get instead), ``join_delay``, ``silent``, ``pace`` and the
methods from ``emit`` to ``forget``.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, Final, cast

from gradio_sansio.testing.channels import Channel, SocketChannel, StreamChannel
from gradio_sansio.testing.functions import Function, Render, Report, Say, Sleep, edits
from gradio_sansio.testing.jobs import JobState, ServerJob, ServerSession
from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.pages import NOT_FOUND, App
from gradio_sansio.testing.rendering import Rendered
from gradio_sansio.testing.serving import Answer, Request, ServerConnection, encode

_BROKEN: Final = Answer(500, "Internal Server Error", {"content-type": "text/plain"})
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a stream gets a heartbeat."""


class GradioServer(App):
    """An app on a server.

    Args:
        functions: its endpoints; their indexes are their places.
        version: the release of Gradio that it behaves like.
        auth: user and password of its login, if it has one.
        max_size: how many jobs may wait, in all.

    Attributes:
        requests: what it was asked, each with ``method``, ``path``, ``query``, ``headers``, ``body`` and ``json``.
        jobs: those so far, each with ``function``, ``data`` and ``state``.
        files: contents by path: what was uploaded, and what can be downloaded.
        max_file_size: what it says that a file may have, in bytes.
        answers: by path, what the next requests to it get instead of an answer of its own.
        join_delay: seconds by which a call's admission is answered later than it takes effect.
        cancel_delay: the same for a cancel, as where the function is in the midst of a long step.
        silent: say nothing on any stream, heartbeats included.
        pace: bytes that a connection sends at a time, and the seconds between.
    """

    def __init__(
        self,
        functions: Iterable[Function],
        *,
        version: tuple[int, int, int] = (6, 31, 0),
        auth: tuple[str, str] | None = None,
        max_size: int | None = None,
    ) -> None:
        super().__init__(functions, version, auth)
        self.max_size = max_size
        self.now: float = 0.0
        self.requests: list[Request] = []
        self.connections: list[ServerConnection] = []
        """Those that are open."""
        self.sessions: dict[str, ServerSession] = {}
        self.jobs: list[ServerJob] = []
        self.answers: dict[str, list[Answer]] = {}
        self.join_delay: float = 0.0
        self.cancel_delay: float = 0.0
        self.silent = False
        self.pace: tuple[int, float] | None = None
        self._sockets: dict[ServerConnection, Channel] = {}
        """Those that have not said what they are for."""
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._rendered: dict[str, Rendered] = {}
        """By session."""
        self._lost: dict[str, set[str]] = {}
        """What was pending in sessions whose stream was dropped."""

    # What drives it.

    def accept(self, now: float) -> ServerConnection:
        """A new connection."""
        self.now = max(self.now, now)
        connection = ServerConnection(self)
        self.connections.append(connection)
        return connection

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due."""
        times = [time for time, _, _ in self._later]
        times += (job.resumes for job in self.jobs if job.resumes is not None)
        if not self.silent:
            times += (
                session.heard + HEARTBEAT for session in self.sessions.values() if session.reader is not None
            )
        times += (connection.due for connection in self.connections if connection.due is not None)
        return min(times) if times else None

    def tick(self, now: float) -> None:
        """Time has passed."""
        self.now = max(self.now, now)
        due = sorted((item for item in self._later if item[0] <= now), key=lambda item: item[:2])
        self._later = [item for item in self._later if item[0] > now]
        for _, _, act in due:
            act()
        for job in list(self.jobs):
            if job.resumes is not None and job.resumes <= now:
                job.resumes = None
                self._proceed(job)
        for session in self.sessions.values():
            if session.reader is not None and not self.silent and session.heard + HEARTBEAT <= now:
                self._write(session, encode({"msg": "heartbeat", **self._no_event}))
        for connection in self.connections:
            connection.tick(now)

    # How it misbehaves.

    def emit(self, message: Mapping[str, object] | bytes, session: str | None = None) -> None:
        """Put a message, or any text in place of one, on a session's stream, or on all."""
        text = message if isinstance(message, bytes) else encode(message)
        for name, target in self.sessions.items():
            if session in (None, name):
                self._write(target, text)

    def end_streams(self) -> None:
        """End all event streams in order, without having said so."""
        for session in self.sessions.values():
            if session.reader is not None:
                session.reader.end_stream()
                session.reader = None

    def cut_streams(self, how: Cut = Cut.RESET) -> None:
        """Break the connections of all event streams, which drops their sessions."""
        for session in list(self.sessions.values()):
            if session.reader is not None:
                session.reader.cut(how)

    def stop(self) -> None:
        """Stop as a server does that is told to: every stream hears of it again and again."""
        for session in self.sessions.values():
            self._say_stopped(session)

    def forget(self) -> None:
        """Forget all sessions and jobs, as if requests went to another process now; connections stay."""
        for job in self.jobs:
            job.state, job.resumes = JobState.ENDED, None
        self.sessions.clear()
        self._rendered.clear()
        self._lost.clear()

    def _say_stopped(self, session: ServerSession) -> None:
        if session.reader is None or self.silent:
            return
        self._write(
            session,
            encode({"msg": "unexpected_error", "message": "Server stopped unexpectedly.", "success": False}),
        )
        self._do_later(0.05, lambda: self._say_stopped(session))

    # Requests.

    def handle(self, connection: ServerConnection, request: Request) -> None:
        """Act on a request and answer it, now or later."""
        self.requests.append(request)
        prepared = self.answers.get(request.path)
        answer = prepared.pop(0) if prepared else self.page(request)
        if answer is not None:
            connection.answer(answer)
        else:
            self._handle_job(connection, request, request.path.removeprefix(self.prefix))

    def _handle_job(self, connection: ServerConnection, request: Request, route: str) -> None:
        match request.method, route:
            case "GET", "/queue/join" if self.version < (4, 0, 0):
                channel = SocketChannel(connection, request.headers.get("sec-websocket-key", ""))
                self._sockets[connection] = channel
                channel.tell({"msg": "send_hash"})
            case "GET", "/queue/join" if self.version < (4, 9, 0):
                name = request.query["session_hash"]
                self._join_alone(StreamChannel(connection, name), name, int(request.query["fn_index"]))
            case "POST", "/queue/data" if self.version < (4, 9, 0):
                self._take(connection, request.json)
            case "POST", "/queue/join" if self.version >= (4, 9, 0):
                self._join(connection, request.json)
            case "GET", "/queue/data":
                self._read(connection, request.query.get("session_hash", ""))
            case "POST", "/cancel" if self.version >= (4, 31, 0):
                self._cancel(request.json)
                self._answer_in(self.cancel_delay, connection, Answer(body={"success": True}))
            case "POST", _ if route.startswith("/stream/") and self.version >= (5, 0, 0):
                self._feed(connection, route.removeprefix("/stream/"), request)
            case "POST", "/reset":
                self._reset(request.json)
                connection.answer(Answer(body={"success": True}))
            case "POST", _ if route.startswith("/run/"):
                self._run_direct(connection, request.json)
            case _:
                connection.answer(NOT_FOUND)

    @property
    def _no_event(self) -> dict[str, None]:
        return {"event_id": None} if self.version >= (4, 20, 0) else {}

    def _answer_in(self, seconds: float, connection: ServerConnection, answer: Answer) -> None:
        if seconds:
            self._do_later(seconds, lambda: connection.answer(answer))
        else:
            connection.answer(answer)

    # The queue.

    def _join(self, connection: ServerConnection, body: Mapping[str, Any]) -> None:
        name, index = body["session_hash"], body["fn_index"]
        function = self._find(name, index)
        if function is None:
            connection.answer(_BROKEN)
            return
        waiting = sum(job.state is JobState.QUEUED for job in self.jobs)
        if self.max_size is not None and waiting >= self.max_size:
            detail = f"Queue is full. Max size is {self.max_size} and size is {waiting}."
            connection.answer(Answer(503, {"detail": detail}))
            return
        job = self._new_job(name, index, function, body["data"])
        session = self.sessions.get(job.session)
        if session is None:
            session = self.sessions[job.session] = ServerSession()
            session.pending |= self._lost.get(job.session, set())
        session.pending.add(job.event_id)
        self._answer_in(self.join_delay, connection, Answer(body={"event_id": job.event_id}))
        queue = [other for other in self.jobs if other.index == index and other.state is JobState.QUEUED]
        estimation = {"rank": len(queue) - 1, "queue_size": len(queue), "rank_eta": None}
        self._tell(job, "estimation", **estimation)
        self._start_next(function)

    # The queue before 4.9.

    def said(self, connection: ServerConnection, text: str) -> None:
        """A client has sent its session and function over a websocket, and then its data."""
        body = json.loads(text)
        channel = self._sockets.pop(connection, None)
        if channel is not None:
            self._join_alone(channel, body["session_hash"], body["fn_index"])
            return
        for job in self.jobs:
            if job.channel is not None and job.channel.connection is connection:
                self._supply(job, body["data"])

    def _join_alone(self, channel: Channel, session: str, index: int) -> None:
        waiting = sum(job.state is JobState.QUEUED for job in self.jobs)
        if self.max_size is not None and waiting >= self.max_size:
            channel.tell({"msg": "queue_full"})
            channel.end()
            return
        function = self.functions[index]
        job = self._new_job(session, index, function, [])
        job.channel = channel
        self._tell(job, "estimation", rank=waiting, queue_size=waiting + 1, rank_eta=None)
        self._start_next(function)

    def _take(self, connection: ServerConnection, body: Mapping[str, Any]) -> None:
        job = next((job for job in self.jobs if job.event_id == body["event_id"]), None)
        if job is None or job.state is not JobState.RUNNING:
            connection.answer(_BROKEN)
            return
        connection.answer(Answer(body=None))
        self._supply(job, body["data"])

    def _supply(self, job: ServerJob, data: list[Any]) -> None:
        job.data = data
        self._call(job)

    def _leave_alone(self, connection: ServerConnection) -> bool:
        """A job's own connection is gone, and ends the job."""
        self._sockets.pop(connection, None)
        for job in self.jobs:
            if job.channel is not None and job.channel.connection is connection:
                job.channel, job.muted = None, True
                job.state, job.resumes = JobState.ENDED, None
                if job.steps is not None:
                    job.steps.close()
                self._start_next(job.function)
                return True
        return False

    def _find(self, session: str, index: int) -> Function | None:
        if 0 <= index < len(self.functions):
            return self.functions[index]
        return self._rendered[session].find(index) if session in self._rendered else None

    def _new_job(self, session: str, index: int, function: Function, data: list[Any]) -> ServerJob:
        job = ServerJob(f"{len(self.jobs) + 1:032x}", session, index, function, data)
        self.jobs.append(job)
        return job

    def _start_next(self, function: Function) -> None:
        for job in self.jobs:
            if (
                sum(j.state is JobState.RUNNING and j.function is function for j in self.jobs)
                >= function.concurrency
            ):
                return
            if job.function is function and job.state is JobState.QUEUED:
                self._start(job)

    def _start(self, job: ServerJob) -> None:
        job.state = JobState.RUNNING
        if job.channel is None:
            self._call(job)
        else:
            asks = {"msg": "send_data"} | ({"event_id": job.event_id} if self.version >= (4, 0, 0) else {})
            job.channel.tell(asks)

    def _call(self, job: ServerJob) -> None:
        self._tell(job, "process_starts", eta=None)
        if job.function.streaming:
            self._work(job)
            return
        try:
            result = job.function.call(*job.data)
            outputs = None if job.function.generator else self._outputs(job, result)
        except Exception as error:  # noqa: BLE001  # whatever it raises is its failure
            self._fail(job, error)
            return
        if outputs is None:
            assert isinstance(result, Generator)
            job.steps = result
            self._proceed(job)
        else:
            self._complete(job, outputs)

    def _work(self, job: ServerJob) -> None:
        """On one input of those that stream; the last once more when there are no more."""
        try:
            outputs = self._outputs(job, job.function.call(*job.data))
        except Exception as error:  # noqa: BLE001  # as above
            self._fail(job, error)
            return
        if job.fed:
            self._complete(job, outputs, is_generating=self.version >= (6, 0, 0))
        else:
            output = {"data": outputs, "is_generating": True, **job.rendering}
            self._tell(job, "process_streaming", output=output, success=True, time_limit=30.0)

    def _feed(self, connection: ServerConnection, route: str, request: Request) -> None:
        event_id, _, close = route.partition("/")
        job = next((job for job in self.jobs if job.event_id == event_id), None)
        if job is None or not (job.function.streaming and job.state is JobState.RUNNING):
            connection.answer(_BROKEN)
            return
        if close:
            job.fed = job.function.timed or self.version >= (6, 0, 0)
        else:
            job.data = request.json["data"]
        connection.answer(Answer(body={"msg": "success"}))
        self._work(job)

    def _proceed(self, job: ServerJob) -> None:
        while job.state is JobState.RUNNING and job.resumes is None:
            try:
                self._step(job)
            except Exception as error:  # noqa: BLE001  # as above
                self._fail(job, error)

    def _step(self, job: ServerJob) -> None:
        assert job.steps is not None
        try:
            step = next(job.steps)
        except StopIteration as end:
            value = job.last if end.value is None else self._outputs(job, end.value)
            self._complete(job, value if value is not None else [None] * len(job.function.outputs))
            return
        match step:
            case Sleep():
                job.resumes = self.now + step.seconds
            case Report():
                bar = {
                    "index": step.index,
                    "length": step.length,
                    "unit": "steps",
                    "progress": None,
                    "desc": step.desc,
                }
                self._tell(job, "progress", progress_data=[bar])
            case Say():
                self._tell(job, "log", log=step.text, level=step.level)
            case _:
                self._yield(job, self._outputs(job, step))

    def _outputs(self, job: ServerJob, value: object) -> list[Any]:
        """As the client will see them, whatever the function does with its objects later."""
        if isinstance(value, Render):
            if self.version >= (4, 31, 0):
                rendered = self._rendered.setdefault(job.session, Rendered(self.functions))
                job.rendering = {"render_config": rendered.render(job.index, value.functions)}
            return [None] * len(job.function.outputs)
        outputs = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        try:
            return cast("list[Any]", json.loads(encode(outputs)))
        except (TypeError, ValueError, RecursionError) as error:
            name = job.function.name or f"function {job.index}"
            raise TypeError(f"an output of {name} has no JSON form: {error}") from error

    def _yield(self, job: ServerJob, outputs: list[Any]) -> None:
        if job.reply is not None:
            # A direct call gets the first one only.
            self._complete(job, outputs, is_generating=True)
            return
        sent = outputs
        if job.last is not None and self.version >= (4, 17, 0):
            sent = [edits(old, new) for old, new in zip(job.last, outputs, strict=True)]
        job.last = outputs
        output = {"data": sent, "is_generating": True, **job.rendering}
        self._tell(job, "process_generating", output=output, success=True)

    def _complete(self, job: ServerJob, outputs: list[Any], *, is_generating: bool = False) -> None:
        times = {"duration": 0.1, "average_duration": 0.1}
        output = {"data": outputs, "is_generating": is_generating, **times, **job.rendering}
        self._end(job, output, success=True)

    def _fail(self, job: ServerJob, error: Exception) -> None:
        text = repr(str(error)) if self.version < (5, 2, 0) else str(error)
        self._end(job, {"error": text}, success=False)

    def _end(self, job: ServerJob, output: dict[str, Any], *, success: bool) -> None:
        job.state, job.resumes = JobState.ENDED, None
        if job.reply is not None:
            job.reply.answer(Answer(200 if success else 500, output))
        elif job.acknowledged:
            # Its end was told already, when it was cancelled in the queue.
            self._break_stream(job)
        else:
            self._tell_end(job, output, success=success)
        if job.function.queue:
            self._start_next(job.function)

    def _tell_end(self, job: ServerJob, output: dict[str, Any], *, success: bool) -> None:
        self._tell(job, "process_completed", output=output, success=success)
        if job.channel is not None:
            channel, job.channel = job.channel, None
            channel.end()
            return
        session = self.sessions.get(job.session)
        if session is None or job.muted:
            return
        session.pending.discard(job.event_id)
        if not session.pending:
            self._end_stream(session)

    def _break_stream(self, job: ServerJob) -> None:
        """A job ended for the second time: up to 5.45 the stream breaks over that, and what waits in the session stays there."""
        session = self.sessions.get(job.session)
        if self.version < (5, 46, 0) and session is not None and (reader := session.reader) is not None:
            text = repr(job.event_id)
            message = {"msg": "unexpected_error", "event_id": None, "message": text, "success": False}
            self._write(session, encode(message))
            session.reader = None
            reader.cut(Cut.RESET)

    # Stopping.

    def _cancel(self, body: Mapping[str, Any]) -> None:
        named = next((job for job in self.jobs if job.event_id == body["event_id"]), None)
        # A queued one is out of the way before the killing makes room for it.
        if named is not None and named.state is JobState.QUEUED:
            self._tell_end(named, {}, success=True)
            if self.version >= (6, 14, 0):
                named.state = JobState.ENDED
            else:
                named.acknowledged = True
        for job in self.jobs:
            if job.state is JobState.RUNNING and (job.session, job.index) == (
                body["session_hash"],
                body["fn_index"],
            ):
                self._kill(job)
        if named is not None and not named.muted and (named.state is JobState.RUNNING or named.killed):
            self._tell_end(named, {}, success=True)
            named.muted = True
        elif named is not None and not named.muted and named.state is JobState.ENDED:
            self._break_stream(named)
        for function in [job.function for job in self.jobs if job.state is JobState.QUEUED]:
            self._start_next(function)

    def _reset(self, body: Mapping[str, Any]) -> None:
        if self.version >= (4, 35, 0):
            return
        for job in self.jobs:
            if job.event_id == body["event_id"] and job.state is JobState.RUNNING:
                self._kill(job)
                self._start_next(job.function)

    def _kill(self, job: ServerJob) -> None:
        """Stop it without a word: it stays pending in its session for ever."""
        job.state, job.resumes, job.killed = JobState.ENDED, None, True
        if job.steps is not None:
            job.steps.close()
        if job.channel is not None:
            channel, job.channel = job.channel, None
            channel.end()

    # Direct calls.

    def _run_direct(self, connection: ServerConnection, body: Mapping[str, Any]) -> None:
        session, index = body.get("session_hash", ""), body["fn_index"]
        function = self._find(session, index)
        if function is None:
            connection.answer(_BROKEN)
            return
        job = self._new_job(session, index, function, body["data"])
        job.reply = connection
        self._start(job)

    # Streams.

    def _read(self, connection: ServerConnection, name: str) -> None:
        session = self.sessions.get(name)
        connection.begin_stream(name)
        if session is None:
            late = self.version >= (5, 38, 0)
            text = "404: Not Found" if late else "404: Session not found."
            more = {"session_not_found": True} if late else {}
            message = {"msg": "unexpected_error", **self._no_event, "message": text, "success": False, **more}
            connection.write(encode(message))
            connection.cut(Cut.RESET)
            return
        session.reader = connection
        session.heard = self.now
        waiting, session.mailbox = session.mailbox, deque()
        for line in waiting:
            self._write(session, line)
        if waiting and not session.pending:
            # All had ended before anybody read of it.
            self._end_stream(session)

    def _end_stream(self, session: ServerSession) -> None:
        if session.reader is not None and not self.silent:
            if self.version >= (4, 22, 0):
                self._write(session, encode({"msg": "close_stream", "event_id": None}))
            session.reader.end_stream()
            session.reader = None

    def dropped(self, connection: ServerConnection, name: str) -> None:
        """The reader of a session is gone, not by our doing: the session's mailbox and queued jobs go with it."""
        session = self.sessions.get(name)
        if self._leave_alone(connection) or session is None or session.reader is not connection:
            return
        del self.sessions[name]
        # What was pending stays so: the session comes back with its next job, and never ends a stream again.
        self._lost[name] = session.pending
        for job in self.jobs:
            if job.session == name and job.reply is None:
                job.muted = True
                if job.state is JobState.QUEUED:
                    job.state = JobState.ENDED

    def _tell(self, job: ServerJob, msg: str, **fields: object) -> None:
        if job.channel is not None:
            job.channel.tell({"msg": msg, **fields})
            return
        session = self.sessions.get(job.session)
        if session is not None and not job.muted and job.reply is None:
            self._write(session, encode({"msg": msg, "event_id": job.event_id, **fields}))

    def _write(self, session: ServerSession, message: bytes) -> None:
        if session.reader is None or self.silent:
            session.mailbox.append(message)
            return
        session.heard = self.now
        session.reader.write(message)

    def _do_later(self, delay: float, act: Callable[[], None]) -> None:
        self._count += 1
        self._later.append((self.now + delay, self._count, act))
