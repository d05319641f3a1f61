"""What a server's refusal means: from answers and messages to the error tree."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import UNSET

from gradio_sansio.commands import Headers
from gradio_sansio.errors import (
    AppError,
    AuthError,
    ConnectError,
    Disconnected,
    GradioError,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.session.jsontext import BadJson, decode
from gradio_sansio.session.messages import Output
from gradio_sansio.session.shapes import is_list, is_mapping, mappings, number

HIDDEN: Final = (
    "the app's function raised an error, and its author doesn't show the text"
    " (with launch(show_error=True), or by raising gr.Error, it would)"
)
# Patterns are compiled when first needed, which is seldom.
# Python's repr of a text. A text that only stands in quotes is left alone.
_REPR: Final = r"""(?s)(['"])((?:(?!\1)[^\\]|\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010[0-9a-f]{4}))*+)\1"""
_QUOTA: Final = r"exceeded your [\w ]{0,40}GPU quota"
_TRY_AGAIN: Final = r"[Tt]ry again in (?:(\d{1,3}) days?, )?(\d{1,3}):(\d{2}):(\d{2})"


def app_error(output: Output, title: object, *, version: tuple[int, int, int]) -> GradioError:
    """The failure that a function's output tells of."""
    error = output.error
    text = error if isinstance(error, str) else ""
    if version < (5, 2, 0) and (quoted := re.fullmatch(_REPR, text)):
        # Up to 5.1 the text of gr.Error comes as Python's repr of it.
        text = quoted[2].encode("latin-1", "backslashreplace").decode("unicode_escape")
    if not text or (text == "None" and version < (4, 0, 0)):
        # null, or the text of null where a generator of 3.x fails on its way.
        text = HIDDEN
    if re.search(_QUOTA, text[:1000]):
        return QuotaExceeded(text, retry_after=_wait(text[:1000]))
    title = output.title if isinstance(output.title, str) else title
    return AppError(text, title=title if isinstance(title, str) else None, duration=number(output.duration))


def refusal(
    status: int,
    headers: Headers,
    body: bytes,
    *,
    phase: str,
    url: str,
    depth: int,
    version: tuple[int, int, int] = (0, 0, 0),
) -> GradioError:
    """The meaning of an answer that is no success, to a request of Gradio's API.

    ``phase`` names the request (``"config"``, ``"join"`` ...), ``url`` is without secrets.
    """
    detail, value = _detail(body, depth)
    said = f": {detail}" if detail else ""
    where = f"the server answered {status} to {phase} at {url}{said}"
    if status in (401, 403):
        return AuthError(
            where,
            hint="auth or hf_token",
            advice="pass auth=(user, password) if the app has a login, or hf_token= if it is a private Space",
        )
    if status == 429:
        return RateLimited(where, retry_after=retry_after(headers))
    if status == 422:
        return _invalid(value, where)
    if status == 503 and phase == "join" and detail:
        return QueueFull(f"the app takes no more jobs for now: {detail}", retry_after=retry_after(headers))
    if status in (502, 504) and phase in ("join", "the call"):
        # From whatever stands before the app, which had passed the request on, and got no answer to it.
        text = f"{where}; the app is down, or too slow for its proxy, and what became of the job is unknown"
        return Disconnected(text, phase=phase, url=url)
    if status in (502, 503, 504):
        # It is starting, down, or overloaded.
        return ConnectError(f"{where}; the app is not up, or too slow for its proxy", phase=phase, url=url)
    if is_mapping(value) and "error" in value:
        # A function called directly, or found at fault before it ran.
        output = Output(error=value["error"], duration=value.get("duration"))
        return app_error(output, value.get("title"), version=version)
    return RemoteProtocolError(where, expected=f"a successful answer to {phase}", seen=f"HTTP {status}")


def _detail(body: bytes, depth: int) -> tuple[str, Any]:
    """What the server says is wrong, and its answer's value. Texts of proxies and tracebacks are not repeated."""
    try:
        value = decode(body, depth=depth)
    except BadJson:
        return "", None
    detail = value.get("detail", value.get("error")) if is_mapping(value) else None
    if is_mapping(detail):
        detail = detail.get("error")
    return (detail[:500] if isinstance(detail, str) else ""), value


def _invalid(value: Any, where: str) -> ValidationError:
    """HTTP 422: an app's own validator (5.45 and later), or the server's check of the request's form."""
    for item in mappings(value.get("detail")) if is_mapping(value) else ():
        if item.get("is_valid") is True:
            continue
        reason = item.get("message") or item.get("msg")
        location = item.get("loc")
        name = item.get("parameter_name") or (location[-1] if is_list(location) and location else None)
        name = name if isinstance(name, str) else None
        if isinstance(reason, str):
            subject = f"parameter {name!r}: " if name else ""
            return ValidationError(
                f"the app refused the arguments: {subject}{reason}", parameter=name, reason=reason
            )
    return ValidationError(where, parameter=None, reason="the server gave none")


def retry_after(headers: Headers) -> float | None:
    """Seconds, where a refusal says when to come again."""
    for name, value in headers:
        if name == "retry-after" and value.isascii() and value.isdigit() and len(value) <= 9:
            return float(value)
    return None


def _wait(text: str) -> float | None:
    found = re.search(_TRY_AGAIN, text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def failed(output: Output, success: object) -> bool:
    """Whether a result is a failure. An error that is null is one too: its text is hidden."""
    return success is False or output.error is not UNSET
