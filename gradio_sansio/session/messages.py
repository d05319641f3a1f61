"""What a Gradio queue says: its messages as types, and their decoding.

A field is typed only as far as we branch on it; all else is ``object`` here and coerced where it is used, since servers of eight
years differ in every number (ranks that are floats, counts that are null). ``UNSET`` tells an absent field from null, which
matters for errors: ``"error": null`` is a failure whose text the app hides. An unknown ``msg`` becomes ``Unknown``, never a failure.
"""

# No `annotations` of the future: msgspec would compile each text by itself, which takes longer than all else in here.

from typing import Any, ClassVar, Final, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gradio_sansio.session.jsontext import BadJson, check_depth, decode_leniently
from gradio_sansio.session.shapes import identifier, mapping, text


class Output(Struct, frozen=True):
    """The ``output`` of a result, and the whole answer to a direct call."""

    data: list[Any] | UnsetType | None = UNSET
    error: object = UNSET
    is_generating: object = None
    average_duration: object = None
    title: object = None
    duration: object = None
    render_config: object = None


class Estimation(Struct, frozen=True, tag_field="msg", tag="estimation"):
    """The job waits: ``rank`` jobs are before it."""

    event_id: str | None = None
    rank: object = None
    queue_size: object = None
    rank_eta: object = None


class ProcessStarts(Struct, frozen=True, tag_field="msg", tag="process_starts"):
    event_id: str | None = None
    eta: object = None


class ProgressReported(Struct, frozen=True, tag_field="msg", tag="progress"):
    event_id: str | None = None
    progress_data: object = None


class LogSent(Struct, frozen=True, tag_field="msg", tag="log"):
    """``gr.Info`` and its kind, for the user to read."""

    event_id: str | None = None
    log: object = None
    level: object = None
    title: object = None
    duration: object = None
    visible: object = None


class ProcessGenerating(Struct, frozen=True, tag_field="msg", tag="process_generating"):
    """One yield: whole values the first time, edits later (from ``sse_v2`` on)."""

    output: Output
    event_id: str | None = None
    success: object = None


class ProcessStreaming(Struct, frozen=True, tag_field="msg", tag="process_streaming"):
    """One result of an endpoint with streaming inputs (5.0 and later): whole values always."""

    output: Output
    event_id: str | None = None
    success: object = None


class ProcessCompleted(Struct, frozen=True, tag_field="msg", tag="process_completed"):
    """The end of a job. ``success`` with an output without data acknowledges a cancel."""

    output: Output
    event_id: str | None = None
    success: object = None
    title: object = None


class Heartbeat(Struct, frozen=True, tag_field="msg", tag="heartbeat"):
    event_id: ClassVar[None] = None


class CloseStream(Struct, frozen=True, tag_field="msg", tag="close_stream"):
    """The session has no job left on the server, which ends the stream after this (`sse_v3`)."""

    event_id: ClassVar[None] = None


class UnexpectedError(Struct, frozen=True, tag_field="msg", tag="unexpected_error"):
    """The session is lost, with all jobs."""

    event_id: str | None = None
    message: object = None
    session_not_found: object = None


class SendHash(Struct, frozen=True, tag_field="msg", tag="send_hash"):
    """Websockets (3.6 and later): say which function and session this is for."""

    event_id: ClassVar[None] = None


class SendData(Struct, frozen=True, tag_field="msg", tag="send_data"):
    """It is the job's turn: send the arguments (before 4.9)."""

    event_id: str | None = None


class QueueRefuses(Struct, frozen=True, tag_field="msg", tag="queue_full"):
    """The queue takes no more jobs (before 4.9)."""

    event_id: ClassVar[None] = None


class ServerStopped(Struct, frozen=True, tag_field="msg", tag="server_stopped"):
    """Gradio 4.9 only; ``unexpected_error`` later."""

    event_id: str | None = None


class Unknown(Struct, frozen=True):
    """A message of a kind that we don't know."""

    msg: str
    event_id: str | None = None


class Malformed(Struct, frozen=True):
    """A message of a kind that we know, in a shape that we can't read: it may have been the last of its job."""

    msg: str
    event_id: str | None = None


Known: TypeAlias = (
    Estimation
    | ProcessStarts
    | ProgressReported
    | LogSent
    | ProcessGenerating
    | ProcessStreaming
    | ProcessCompleted
    | Heartbeat
    | CloseStream
    | UnexpectedError
    | ServerStopped
    | SendHash
    | SendData
    | QueueRefuses
)
Message: TypeAlias = Known | Unknown | Malformed

_TAGS: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Known))

_decoder: msgspec.json.Decoder[Known] = msgspec.json.Decoder(Known)


def decode_message(data: bytes, *, depth: int) -> Message:
    """One message of a queue.

    Raises:
        BadJson: not JSON, or not an object with a text ``msg``.
    """
    check_depth(data, depth)
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_leniently(data)


def _decode_leniently(data: bytes) -> Message:
    value = mapping(decode_leniently(data))
    msg, event_id = text(value.get("msg")), identifier(value.get("event_id"))
    if msg is None:
        raise BadJson("not an object with a text 'msg'")
    try:
        known: Known = msgspec.convert({**value, "event_id": event_id}, Known)
        return known
    except (msgspec.ValidationError, UnicodeEncodeError):
        # The second for a lone surrogate where a name is expected.
        return (Malformed if msg in _TAGS else Unknown)(msg, event_id)


def decode_output(data: bytes, *, depth: int) -> Output:
    """The answer to a direct call.

    Raises:
        BadJson: not JSON, or not an object.
    """
    check_depth(data, depth)
    try:
        return msgspec.json.decode(data, type=Output)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        return msgspec.convert(decode_leniently(data), Output)
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise BadJson("not an object with a list 'data'") from None


def kind_of(message: Message) -> str:
    """What to call a message in the log."""
    return repr(message.msg[:40]) if isinstance(message, (Unknown, Malformed)) else type(message).__name__
