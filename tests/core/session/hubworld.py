"""A Hub, a Space's host and a session that calls them, without a network and in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from gradio_sansio import Duplicate, GradioError, Limits, Session, SpaceStatus
from gradio_sansio.commands import AbortExchange, ExchangeId, OpenSocket, PulledBody, SendBody, StartExchange
from gradio_sansio.events import AppClosed, AppFailed, AppOpened, JobFinished, JobId, Logged, SpaceChanged
from tests.core.session.drive import config
from tests.core.virtual import entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.events import Event

HUB = "https://huggingface.co"
HOST = "https://user-name.hf.space"
SPACE = "user/name"
TOKEN = "hf_secret"
HTML = (503, {"content-type": "text/html; charset=utf-8"}, b"<h1>Your space is waking</h1>")
GONE = (404, {"content-type": "text/html"}, b"<h1>404</h1>")

Answer = tuple[int, dict[str, str], bytes]


def answer(value: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"content-type": "application/json", **fields}, json.dumps(value).encode()


class World:
    """The session begins at time 0. ``routes`` answer what is asked, by method and URL without its query.

    A route is an answer, an error of the network, None for no answer, or a function of the world and the request that gives one of these.
    """

    def __init__(
        self,
        source: str = SPACE,
        *,
        token: str | None = TOKEN,
        hub: str = HUB,
        stage: str | Callable[[float], str] = "RUNNING",
        limits: Limits | None = None,
        deadline: float | None = None,
        duplicate: Duplicate | None = None,
        changes: dict[str, Any] | None = None,
        routes: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.now = 0.0
        self.stage = stage
        self.woken: list[float] = []
        """When the Space's host was asked for something."""
        self.joined = 0
        """Jobs that the app has taken, where a test counts them."""
        self.stored = 0
        """Uploads that it has taken, likewise."""
        self.sent: set[ExchangeId] = set()
        """Uploads whose body was sent as a whole."""
        self.aborted: set[ExchangeId] = set()
        self.version = "6.31.0"
        self.changes: dict[str, Any] = changes or {}
        """What is different in the app's config."""
        self.asked: list[tuple[float, StartExchange]] = []
        self.events: list[Event] = []
        self.open: dict[ExchangeId, StartExchange] = {}
        """Those without an answer."""
        self.sockets: list[OpenSocket] = []
        """Websockets that were asked for, for tests to answer."""
        self.routes: dict[str, Any] = {
            f"GET {hub}/api/spaces/{SPACE}/host": lambda *_: answer({"host": HOST, "subdomain": "user-name"}),
            f"GET {hub}/api/spaces/{SPACE}": World.space,
            f"GET {hub}/api/spaces/by-subdomain/user-name": World.space,
            f"HEAD {hub}/api/spaces/{SPACE}/discussions": (200, {}, b""),
            f"GET {HOST}/config": World.app,
            f"GET {HOST}/info": answer({}, 404),
            **(routes or {}),
        }
        self.session = Session(
            source,
            now=0.0,
            wall_clock=1000.0,
            entropy=entropy(),
            limits=limits,
            hf_token=token,
            hub=hub,
            deadline=deadline,
            duplicate=duplicate,
            **options,
        )
        self.settle()

    @property
    def stage_now(self) -> str:
        return self.stage if isinstance(self.stage, str) else self.stage(self.now)

    def space(self, _: StartExchange) -> Answer:
        return answer({"id": SPACE, "runtime": {"stage": self.stage_now}, "private": False})

    def app(self, _: StartExchange) -> Answer:
        self.woken.append(self.now)
        if self.stage_now.startswith("RUNNING"):
            return answer({**config(self.version), **self.changes})
        return GONE if self.stage_now == "PAUSED" else HTML

    # What goes on.

    def settle(self) -> None:
        """Answer what can be answered at this time."""
        progress = True
        while progress:
            actions = self.session.drain()
            for action in actions:
                if isinstance(action, StartExchange):
                    self.asked.append((self.now, action))
                    self.open[action.exchange] = action
                elif isinstance(action, OpenSocket):
                    self.sockets.append(action)
                elif isinstance(action, AbortExchange):
                    self.open.pop(action.exchange, None)
                    self.aborted.add(action.exchange)
                elif isinstance(action, SendBody) and action.last:
                    self.sent.add(action.exchange)
                elif not hasattr(action, "exchange"):
                    self.events.append(action)  # type: ignore[arg-type,unused-ignore]  # pyright: ignore[reportArgumentType]
            served = [self.serve(request) for request in [*self.open.values()]]
            for request in self.open.values():
                if isinstance(request.body, PulledBody) and request.exchange not in self.sent:
                    self.session.body_wanted(request.exchange, 1000, self.now)
                    served.append(True)
            progress = bool(actions) or any(served)

    def serve(self, request: StartExchange) -> bool:
        url = request.url.partition("?")[0]
        route = self.routes.get(f"{request.method} {url}", GONE)
        result = route(self, request) if callable(route) else route
        if result is None or request.exchange not in self.open:
            return False
        del self.open[request.exchange]
        if isinstance(result, GradioError):
            self.session.exchange_failed(request.exchange, result, self.now)
            return True
        status, headers, body = cast("Answer", result)
        self.session.response_started(request.exchange, status, tuple(headers.items()), url, self.now)
        if body:
            self.session.body_received(request.exchange, body, self.now)
        if not headers.get("content-type", "").startswith("text/event-stream"):
            self.session.exchange_ended(request.exchange, self.now)
        return True

    def run(self, seconds: float = 4000.0) -> None:
        """Let time pass, until nothing more is waited for."""
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.session.tick(self.now)
            self.settle()
        self.now = end

    def submit(self, endpoint: str = "/predict", *payload: Any, **options: Any) -> JobId:
        job = self.session.submit(endpoint, list(payload or ("hi",)), now=self.now, **options)
        self.settle()
        return job

    # What came of it.

    @property
    def statuses(self) -> list[SpaceStatus]:
        return [event.status for event in self.events if isinstance(event, SpaceChanged)]

    @property
    def told(self) -> list[str]:
        return [status.status for status in self.statuses]

    @property
    def opened(self) -> bool:
        return any(isinstance(event, AppOpened) for event in self.events)

    @property
    def error(self) -> GradioError:
        [error] = [event.error for event in self.events if isinstance(event, AppFailed)]
        assert isinstance(self.events[-1], AppClosed)
        assert not self.open
        assert self.session.deadline is None
        return error

    @property
    def logged(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Logged)]

    def ended(self, job: JobId) -> JobFinished | None:
        found = [event for event in self.events if isinstance(event, JobFinished) and event.job == job]
        assert len(found) <= 1
        return found[0] if found else None

    def job_error(self, job: JobId) -> GradioError | None:
        ended = self.ended(job)
        assert ended is not None, "the job is open"
        return ended.error

    def requests(self, method: str, path: str) -> list[StartExchange]:
        return [r for _, r in self.asked if r.method == method and urlsplit(r.url).path == path]

    def times(self, path: str) -> list[float]:
        """When the Hub was asked for something."""
        return [at for at, r in self.asked if urlsplit(r.url).path == path and r.url.startswith(HUB)]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(bytes(r.body)) for r in self.requests("POST", path)]  # type: ignore[arg-type]


def after(*steps: tuple[float, str]) -> Callable[[float], str]:
    """A stage that changes with time: each step says until when."""

    def stage(now: float) -> str:
        return next((name for until, name in steps if now < until), "RUNNING")

    return stage
