"""An opened app: what the dialects need for speaking with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec import Struct

from gradio_sansio.commands import ExchangeCommand, ExchangeId, Headers
from gradio_sansio.errors import (
    AuthError,
    ConnectError,
    Disconnected,
    GradioError,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.events import Event, Logged
from gradio_sansio.limits import Limits
from gradio_sansio.session.address import Address
from gradio_sansio.session.api_info import Description, Endpoint
from gradio_sansio.session.arguments import Payload, bind, parameters_of_inputs
from gradio_sansio.session.config import Config, Dependency
from gradio_sansio.session.endpoints import Endpoints
from gradio_sansio.session.exchanges import Exchanges, Requester, Response, Timer
from gradio_sansio.session.failures import refusal
from gradio_sansio.session.files import Files, Parcel
from gradio_sansio.session.job import Job
from gradio_sansio.session.jsontext import encode
from gradio_sansio.timers import Timers

JSON_HEADERS: Final = (("content-type", "application/json"), ("x-gradio-user", "api"))
"""The second tells an app that no page is calling; official clients send it too."""


class App(Struct):
    address: Address
    config: Config
    """It grows with what is rendered while the app is used; so do the endpoints."""
    description: Description
    limits: Limits
    exchanges: Exchanges
    actions: list[ExchangeCommand | Event]
    timers: Timers[Timer]
    entropy: Callable[[int], bytes]
    take_back: Callable[[Job, Response | GradioError, float], bool]
    """To be asked about a call that was refused, before it fails: whether it waits for its Space to run, and is made again then."""
    files: Files
    _endpoints: Endpoints | None = None

    @property
    def endpoints(self) -> Endpoints:
        """What can be called."""
        if self._endpoints is None:
            self._endpoints = Endpoints(self.config, self.description.value)
        return self._endpoints

    def rendered(self, config: Config) -> None:
        """Its config has grown."""
        self._endpoints = Endpoints(config, self.description.value, self.endpoints.lasting)
        self.config = config

    def arguments(
        self, endpoint: Endpoint, dependency: Dependency, payload: Payload
    ) -> tuple[bytes, Parcel | None]:
        """What a call sends, as JSON; with the files that have to be uploaded first, if there are any, since it is something else then.

        Raises:
            ValidationError: an argument is refused.
        """
        return self.packed(bind(endpoint, dependency, payload), endpoint, dependency)

    def packed(
        self, values: list[Any], endpoint: Endpoint, dependency: Dependency
    ) -> tuple[bytes, Parcel | None]:
        """The same, of arguments that are in their places."""
        parcel = self.files.pack(values, dependency, endpoint)
        sent = values if parcel is None else parcel.values()
        try:
            data = encode(sent)
        except (TypeError, ValueError, RecursionError) as error:
            name = _formless(sent, endpoint, dependency)
            subject = "the payload" if name is None else f"parameter {name!r}"
            reason = f"has no JSON form: {error}"[:300]
            raise ValidationError(f"{subject} {reason}", parameter=name, reason=reason) from None
        return data, parcel if parcel is not None and parcel.uploads else None

    def post(
        self, owner: Requester, path: str, body: bytes, now: float, *, limit: str = "request"
    ) -> ExchangeId:
        """POST JSON to a route of the API."""
        return self.exchanges.request(
            owner, "POST", self.address.api(path), now, headers=JSON_HEADERS, body=body, limit=limit
        )

    def refusal(self, response: Response, phase: str) -> GradioError:
        """What an answer that is no success means."""
        return refusal(
            response.status,
            response.headers,
            response.body,
            phase=phase,
            url=response.url,
            depth=self.limits.json_depth,
            version=self.config.version,
        )

    def new_session_hash(self) -> str:
        """A name for one more session."""
        return self.entropy(8).hex()

    def log(self, level: Literal["debug", "info", "warning"], message: str) -> None:
        self.actions.append(Logged(level, message))


def call_body(
    job: Job, session_hash: str, *, event_id: str | None = None, data: bytes | None = None
) -> bytes:
    """The body of a call, which is the same in every version: the server ignores what it doesn't know.

    ``data`` are other arguments than those that the job was submitted with.
    """
    return b'{"data":%b,"fn_index":%d,"session_hash":%b,"event_data":null,"trigger_id":null%b}' % (
        job.data if data is None else data,
        job.endpoint.fn_index,
        encode(session_hash),
        b"" if event_id is None else b',"event_id":%b' % encode(event_id),
    )


def event_stream_fault(status: int, headers: Headers, url: str) -> GradioError | None:
    """Why the answer to the request for an event stream is none, or None where it is one."""
    kind = next((value for name, value in headers if name == "content-type"), "none")
    if status != 200:
        error = refusal(status, headers, b"", phase="stream", url=url, depth=1)
        if isinstance(error, (AuthError, RateLimited)):
            return error
        return Disconnected(f"the server answered {status} to the event stream", phase="stream", url=url)
    if kind.partition(";")[0].strip().lower() != "text/event-stream":
        return not_understood("event stream", f"content type {kind[:80]!r}")
    return None


def lost(error: GradioError, phase: str) -> GradioError:
    """The same failure, for a job that the server may have begun: the outcome is unknown."""
    if isinstance(error, ConnectError):
        return Disconnected(error.message, phase=phase, url=error.url)
    return error


def too_much(seen: str) -> RemoteProtocolError:
    """More than the limits allow."""
    return RemoteProtocolError(f"the server sent {seen}", expected="messages within the limits", seen=seen)


def not_understood(what: str, why: str) -> RemoteProtocolError:
    """An answer in the wrong form."""
    return RemoteProtocolError(f"the server's {what} is not understood: {why}", expected=what, seen=why)


def _formless(values: list[Any], endpoint: Endpoint, dependency: Dependency) -> str | None:
    """The first parameter whose value has no JSON form, where the description shows it."""
    parameters = parameters_of_inputs(endpoint, dependency)
    found = (parameter for parameter, value in zip(parameters, values, strict=True) if not _has_form(value))
    parameter = next(found, None)
    return parameter.name if parameter else None


def _has_form(value: object) -> bool:
    try:
        encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
