"""Gradio apps over somebody else's HTTP: the upper storey alone, and httpx2 for exchanges in place of connections.

    async with client("https://user-space.hf.space") as app:
        print((await app.predict("/predict", ["hello"])).value)

httpx2 brings what it has: connection pools, cookies, proxies, HTTP/2 where a server offers it. It has no websockets, so functions of
Gradio 3 that are queued fail with ``ConnectError``. Over HTTP/2, httpx2 2.16 doesn't tell the server that an answer isn't wanted any
more, so that one is sent on until the connection ends; and an upload that is cancelled takes the connection's other exchanges with it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Unpack, cast

import httpx2

from examples.loops import asyncio_protocol
from gradio_sansio import ConnectError, Disconnected, Engine, GradioError, Payload, Session
from gradio_sansio.commands import (
    AbortExchange,
    ExchangeId,
    OpenSocket,
    PauseExchange,
    PulledBody,
    Redirects,
    ResumeExchange,
    SendBody,
    StartExchange,
)
from gradio_sansio.events import JobId
from gradio_sansio_system import Options, check_options, reason_of
from gradio_sansio_system.uploads import look_at_files


def client(source: str, http: dict[str, Any] | None = None, **options: Unpack[Options]) -> App:
    """Connect to a Gradio app: ``async with client(...) as app``. ``http`` is for ``httpx2.AsyncClient``."""
    return App(source, options, http or {})


class FileSession(Session):
    """A session whose payloads may name this machine's files."""

    def submit(self, endpoint: str | int | None = None, payload: Payload = (), **options: Any) -> JobId:
        return super().submit(endpoint, look_at_files(payload, self.inline), **options)

    def send(self, job: JobId, payload: Payload, now: float) -> None:
        super().send(job, look_at_files(payload, self.inline), now)


class App(asyncio_protocol.App):
    """A connected app. Its engine is a ``Session``, which asks for exchanges; tasks, timers and submissions are as everywhere."""

    def __init__(self, source: str, options: Options, http: dict[str, Any]) -> None:
        super().__init__(source, options)
        # What may take how long is the session's business.
        settings: dict[str, Any] = {"http2": True, "timeout": None, "verify": self.ssl_context or True}
        self._http = httpx2.AsyncClient(**(settings | http))
        self.exchanges: dict[ExchangeId, Exchange] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def make_engine(self) -> Engine:
        check_options(self._options)
        known = ("auth", "deadline", "headers", "hf_token", "limits")
        options: dict[str, Any] = {name: self._options.get(name) for name in known}
        if hub := self._options.get("hub") or os.environ.get("HF_ENDPOINT"):
            options["hub"] = hub
        # It is driven as an engine is, but for what it asks.
        return cast(
            "Engine",
            FileSession(self._source, now=self.now(), wall_clock=time.time(), entropy=os.urandom, **options),
        )

    @property
    def session(self) -> Session:
        return cast("Session", self.engine)

    async def close(self) -> None:
        """Cancel what runs, on the server too, and end every connection. Takes ``Limits.grace`` at most."""
        await super().close()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._http.aclose()

    def _perform(self, action: Any) -> None:
        match action:
            case StartExchange():
                self.exchanges[action.exchange] = Exchange(self, self._http, action)
            case AbortExchange():
                if (exchange := self.exchanges.pop(action.exchange, None)) is not None:
                    exchange.task.cancel()
            case PauseExchange():
                if (exchange := self.exchanges.get(action.exchange)) is not None:
                    exchange.flowing.clear()
            case ResumeExchange():
                if (exchange := self.exchanges.get(action.exchange)) is not None:
                    exchange.flowing.set()
            case SendBody():
                if (exchange := self.exchanges.get(action.exchange)) is not None:
                    exchange.pieces.put_nowait(action)
            case OpenSocket():
                error = ConnectError("there are no websockets over httpx2", phase="join", url=action.url)
                self.session.exchange_failed(action.exchange, error, self.now())
            case _:
                super()._perform(action)

    def tell(self, exchange: ExchangeId, fact: Callable[..., None], *details: Any) -> None:
        """Report what became of an exchange, unless it was aborted, and do what follows."""
        if exchange in self.exchanges:
            fact(exchange, *details, self.now())
            self.pump()


class Exchange:
    """One request and its answer."""

    def __init__(self, app: App, http: httpx2.AsyncClient, action: StartExchange) -> None:
        self._app = app
        self._http = http
        self._action = action
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.pieces: asyncio.Queue[SendBody] = asyncio.Queue()
        self.task = app.spawn(self._run())
        app.tasks.add(self.task)
        self.task.add_done_callback(app.tasks.discard)

    async def _run(self) -> None:
        app, session, action = self._app, self._app.session, self._action
        started = False
        try:
            response = await self._answer()
            try:
                started = True
                headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
                app.tell(
                    action.exchange,
                    session.response_started,
                    response.status_code,
                    headers,
                    str(response.url),
                )
                async for piece in response.aiter_bytes():
                    await self.flowing.wait()
                    app.tell(action.exchange, session.body_received, piece)
            finally:
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            app.tell(action.exchange, session.exchange_failed, _failure(error, action.url, started))
        else:
            app.tell(action.exchange, session.exchange_ended)
        app.exchanges.pop(action.exchange, None)

    async def _pulled(self) -> AsyncIterator[bytes]:
        """The body of an upload, which is asked for as it is sent."""
        last = False
        while not last:
            self._app.tell(self._action.exchange, self._app.session.body_wanted, 64 * 1024)
            piece = await self.pieces.get()
            last = piece.last
            yield piece.data

    async def _answer(self) -> httpx2.Response:
        """The answer, after the redirects that may be followed."""
        action = self._action
        headers = [*action.headers]
        if not action.compressed:
            headers.append(("accept-encoding", "identity"))
        body: Any = action.body or None
        if isinstance(action.body, PulledBody):
            body = self._pulled()
            if action.body.length is not None:
                headers.append(("content-length", str(action.body.length)))
        request = self._http.build_request(action.method, action.url, headers=headers, content=body)
        for _ in range(3):
            response = await self._http.send(request, stream=True)
            following = response.next_request
            if following is None or not _allowed(action.redirects, request.url, following.url):
                return response
            await response.aclose()
            request = following
        return await self._http.send(request, stream=True)


def _allowed(policy: Redirects, here: httpx2.URL, there: httpx2.URL) -> bool:
    if (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port):
        return policy is not Redirects.NONE
    upgraded = (here.scheme, there.scheme, here.host) == ("http", "https", there.host)
    return policy is Redirects.UPGRADE and upgraded


def _failure(error: Exception, url: str, started: bool) -> GradioError:
    where = url.partition("?")[0]
    kind = ConnectError if isinstance(error, httpx2.ConnectError) and not started else Disconnected
    return kind(f"{reason_of(error)} ({where})", phase="exchange", url=where)
