"""Direct calls: one POST, answered when the function is done. In all versions, for functions outside the queue.

A generator answers with its first value only. Later values could be had by further POSTs in some versions (3.x by the session, 4.0 to
6.2x by an invented event id, with diffs in between), but not in all, and the official clients leave it at one.
"""

from __future__ import annotations

from gradio_sansio.commands import ExchangeId
from gradio_sansio.errors import GradioError
from gradio_sansio.events import JobId
from gradio_sansio.session.app import App, call_body, not_understood
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.exchanges import Response
from gradio_sansio.session.job import Job
from gradio_sansio.session.jsontext import BadJson
from gradio_sansio.session.messages import decode_output


class DirectCalls(Transport):
    """All direct calls of a session."""

    def __init__(self, app: App, session_hash: str) -> None:
        self._app = app
        self._session_hash = session_hash
        self._calls: dict[ExchangeId, Job] = {}
        self._exchanges: dict[JobId, ExchangeId] = {}

    def submit(self, job: Job, now: float) -> None:
        name = job.endpoint.name or "/predict"
        body = call_body(job, self._session_hash)
        # `/run` came with 3.9.
        route = "/api" if (0, 0, 0) < self._app.config.version < (3, 9, 0) else "/run"
        exchange = self._app.post(self, route + name, body, now, limit="idle_direct")
        self._calls[exchange] = job
        self._exchanges[job.id] = exchange

    def withdraw(self, job: Job, now: float) -> None:
        # The function runs on: no version can stop it.
        exchange = self._exchanges.pop(job.id)
        del self._calls[exchange]
        self._app.exchanges.abort(exchange)

    @property
    def idle(self) -> bool:
        return not self._calls

    def answered(self, exchange: ExchangeId, result: Response | GradioError, now: float) -> None:
        job = self._calls.pop(exchange)
        del self._exchanges[job.id]
        if self._app.take_back(job, result, now):
            return
        if isinstance(result, GradioError):
            job.fail(result, now)
        elif result.status != 200:
            job.fail(self._app.refusal(result, "the call"), now)
        else:
            try:
                output = decode_output(result.body, depth=self._app.limits.json_depth)
            except BadJson as error:
                job.fail(not_understood("answer to a call", str(error)), now)
            else:
                job.answered(output, True, None, len(result.body), now)
