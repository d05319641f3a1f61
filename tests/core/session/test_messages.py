from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gradio_sansio.session.jsontext import BadJson
from gradio_sansio.session.messages import (
    CloseStream,
    Estimation,
    Heartbeat,
    Known,
    LogSent,
    Malformed,
    Message,
    Output,
    ProcessCompleted,
    ProcessGenerating,
    ProcessStarts,
    ProcessStreaming,
    ProgressReported,
    QueueRefuses,
    SendData,
    SendHash,
    ServerStopped,
    UnexpectedError,
    Unknown,
    decode_message,
    decode_output,
    kind_of,
)
from tests.core.strategies import JSON

E = "474b"

# Name, text, message. The first are real servers' (3.50 to 6.31), with shorter ids.
TABLE: list[tuple[str, str, Message]] = [
    (
        "estimation of 6.31",
        '{"msg":"estimation","event_id":"474b","rank":1,"queue_size":2,"rank_eta":9.0154}',
        Estimation(event_id=E, rank=1, queue_size=2, rank_eta=9.0154),
    ),
    (
        "estimation of 3.50",
        '{"msg":"estimation","rank":0,"queue_size":1,"avg_event_process_time":null,"rank_eta":null,"queue_eta":1.0}',
        Estimation(rank=0, queue_size=1),
    ),
    (
        "a rank that is a float",
        '{"msg":"estimation","event_id":"474b","rank":1.0}',
        Estimation(event_id=E, rank=1.0),
    ),
    (
        "start",
        '{"msg":"process_starts","event_id":"474b","eta":3.0012}',
        ProcessStarts(event_id=E, eta=3.0012),
    ),
    (
        "progress",
        '{"msg":"progress","event_id":"474b","progress_data":[{"index":1,"length":3}]}',
        ProgressReported(event_id=E, progress_data=[{"index": 1, "length": 3}]),
    ),
    (
        "log",
        '{"msg":"log","event_id":"474b","log":"a warn","level":"warning","duration":10.0,"visible":true,"title":"Warning"}',
        LogSent(event_id=E, log="a warn", level="warning", duration=10.0, visible=True, title="Warning"),
    ),
    (
        "a yield",
        (
            '{"msg":"process_generating","event_id":"474b","output":{"data":["0"],"is_generating":true,"duration":0.1,'
            '"average_duration":0.2,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}'
        ),
        ProcessGenerating(
            event_id=E,
            output=Output(data=["0"], is_generating=True, duration=0.1, average_duration=0.2),
            success=True,
        ),
    ),
    (
        "a streamed yield",
        '{"msg":"process_streaming","event_id":"474b","output":{"data":[1]},"success":true,"time_limit":29.5}',
        ProcessStreaming(event_id=E, output=Output(data=[1]), success=True),
    ),
    (
        "failure",
        (
            '{"msg":"process_completed","event_id":"474b","output":{"error":"boom","duration":10,"visible":true,"title":"Error"},'
            '"success":false,"title":"Error"}'
        ),
        ProcessCompleted(
            event_id=E, output=Output(error="boom", duration=10, title="Error"), success=False, title="Error"
        ),
    ),
    (
        "failure whose text is hidden",
        '{"msg":"process_completed","output":{"error":null},"success":false}',
        ProcessCompleted(output=Output(error=None), success=False),
    ),
    (
        "acknowledged cancel",
        '{"msg":"process_completed","event_id":"474b","output":{},"success":true}',
        ProcessCompleted(event_id=E, output=Output(), success=True),
    ),
    (
        "data that is null",
        '{"msg":"process_completed","output":{"data":null}}',
        ProcessCompleted(output=Output(data=None)),
    ),
    ("heartbeat", '{"msg":"heartbeat"}', Heartbeat()),
    ("heartbeat of 4.20", '{"msg":"heartbeat","event_id":null}', Heartbeat()),
    ("close", '{"msg":"close_stream","event_id":null}', CloseStream()),
    (
        "lost session",
        '{"msg":"unexpected_error","event_id":null,"message":"404: Not Found","success":false,"session_not_found":true}',
        UnexpectedError(message="404: Not Found", session_not_found=True),
    ),
    ("stopped", '{"msg":"server_stopped","success":false}', ServerStopped()),
    ("the question for the hash", '{"msg":"send_hash"}', SendHash()),
    ("the question for the arguments", '{"msg":"send_data"}', SendData()),
    ("the same from 4.0", '{"msg":"send_data","event_id":"474b"}', SendData(event_id=E)),
    ("a full queue", '{"msg":"queue_full"}', QueueRefuses()),
    ("unknown", '{"msg":"alive?"}', Unknown("alive?")),
    ("unknown, for a job", '{"msg":"new_in_7","event_id":"474b","x":[1]}', Unknown("new_in_7", E)),
    ("unknown, with an id that is none", '{"msg":"new_in_7","event_id":[1]}', Unknown("new_in_7")),
    ("unknown and empty", '{"msg":""}', Unknown("")),
    ("no output", '{"msg":"process_completed","event_id":"474b"}', Malformed("process_completed", E)),
    (
        "an output that is null",
        '{"msg":"process_generating","event_id":"474b","output":null}',
        Malformed("process_generating", E),
    ),
    (
        "data that is no list",
        '{"msg":"process_streaming","event_id":"474b","output":{"data":{"0":1}}}',
        Malformed("process_streaming", E),
    ),
    ("an id that is a number", '{"msg":"estimation","event_id":7,"rank":1}', Estimation(rank=1)),
    (
        "an odd id and an odd output",
        '{"msg":"process_completed","event_id":7,"output":[]}',
        Malformed("process_completed"),
    ),
    (
        "keys in another order",
        '{"event_id":"474b","eta":null,"msg":"process_starts"}',
        ProcessStarts(event_id=E),
    ),
    (
        "Infinity",
        '{"msg":"process_completed","output":{"data":[Infinity]}}',
        ProcessCompleted(output=Output(data=[math.inf])),
    ),
    (
        "a lone surrogate",
        '{"msg":"log","event_id":"474b","log":"\\ud800"}',
        LogSent(event_id=E, log="\ud800"),
    ),
    ("a BOM", '\ufeff{"msg":"heartbeat"}', Heartbeat()),
    (
        "a large number",
        '{"msg":"estimation","rank":123456789012345678901234567890}',
        Estimation(rank=123456789012345678901234567890),
    ),
    ("white space", ' { "msg" : "heartbeat" } ', Heartbeat()),
    ("a lone surrogate for an id", '{"msg":"send_data","event_id":"\\ud800"}', SendData()),
    ("a lone surrogate for a kind", '{"msg":"\\ud800","x":NaN}', Unknown("\ud800")),
    (
        "a lone surrogate for an output",
        '{"msg":"process_completed","output":"\\ud800"}',
        Malformed("process_completed"),
    ),
]


@pytest.mark.parametrize(("name", "text", "message"), TABLE, ids=[name for name, _, _ in TABLE])
def test_table(name: str, text: str, message: Message) -> None:
    decoded = decode_message(text.encode(), depth=10)
    assert decoded == message
    assert type(decoded) is type(message)


@pytest.mark.parametrize(("name", "text", "message"), TABLE, ids=[name for name, _, _ in TABLE])
def test_the_second_try_reads_the_same(name: str, text: str, message: Message) -> None:
    if not text.startswith("\ufeff"):
        assert decode_message(b"\xef\xbb\xbf" + text.encode(), depth=10) == message


def test_nan() -> None:
    decoded = decode_message(
        b'{"msg":"process_generating","event_id":"474b","output":{"data":[NaN]}}', depth=10
    )
    assert isinstance(decoded, ProcessGenerating)
    assert decoded.event_id == E
    assert isinstance(decoded.output.data, list)
    assert math.isnan(decoded.output.data[0])


# Name, text.
NO_MESSAGE: list[tuple[str, str]] = [
    ("empty", ""),
    ("HTML", "<p>"),
    ("a list", '["msg"]'),
    ("null", "null"),
    ("a text", '"heartbeat"'),
    ("no msg", '{"event_id":"474b"}'),
    ("a msg that is null", '{"msg":null}'),
    ("a msg that is a number", '{"msg":1}'),
    ("cut short", '{"msg":"heartbeat"'),
    ("nested too deep", '{"msg":"log","log":' + "[" * 10 + "]" * 10 + "}"),
]


@pytest.mark.parametrize(("name", "text"), NO_MESSAGE, ids=[name for name, _ in NO_MESSAGE])
def test_no_message(name: str, text: str) -> None:
    with pytest.raises(BadJson):
        decode_message(text.encode(), depth=10)


@pytest.mark.parametrize("kind", [*get_args(Known), Unknown, Malformed, Output])
def test_all_are_frozen(kind: Any) -> None:
    assert kind.__struct_config__.frozen


def test_the_kinds_are_those_that_servers_send() -> None:
    # An addition belongs into the table above, too.
    assert {type(message) for _, _, message in TABLE} - {Unknown, Malformed} == set(get_args(Known))


@given(
    st.fixed_dictionaries(
        {"msg": st.sampled_from([str(kind.__struct_config__.tag) for kind in get_args(Known)]) | JSON},
        optional={
            key: JSON | st.just(math.nan)
            for key in (
                "event_id",
                "rank",
                "queue_size",
                "rank_eta",
                "eta",
                "progress_data",
                "log",
                "level",
                "success",
            )
        }
        | {
            "output": JSON
            | st.fixed_dictionaries({}, optional=dict.fromkeys(("data", "error", "title"), JSON))
        },
    )
)
def test_any_fields_give_a_message_or_bad_json(value: dict[str, Any]) -> None:
    text = json.dumps(value).encode()
    try:
        message = decode_message(text, depth=20)
    except BadJson:
        assert not isinstance(value["msg"], str)
        return
    event_id = value.get("event_id")
    if not isinstance(message, (Heartbeat, CloseStream, SendHash, QueueRefuses)):
        assert message.event_id == (event_id if isinstance(event_id, str) else None)
    # What is there is taken as it is, and an absent error isn't null.
    output = getattr(message, "output", None)
    if isinstance(output, Output):
        assert (output.error is UNSET) == ("error" not in value["output"])


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (SendHash(), "SendHash"),
        (Unknown("alive?"), "'alive?'"),
        (Malformed("log"), "'log'"),
        (Unknown("x" * 100), "'" + "x" * 40 + "'"),
        (Unknown("new\nline"), "'new\\nline'"),
    ],
)
def test_what_a_message_is_called(message: Message, name: str) -> None:
    assert kind_of(message) == name


@given(st.binary(max_size=40))
def test_any_bytes_give_a_message_or_bad_json(data: bytes) -> None:
    for text in (data, b'{"msg":"heartbeat",' + data + b"}"):
        with suppress(BadJson):
            decode_message(text, depth=10)


# Name, text, output.
OUTPUTS: list[tuple[str, str, Output]] = [
    (
        "an answer",
        '{"data":["hi"],"is_generating":false,"duration":0.5,"average_duration":0.25}',
        Output(data=["hi"], is_generating=False, duration=0.5, average_duration=0.25),
    ),
    ("null", '{"data":null}', Output(data=None)),
    ("nothing", "{}", Output()),
    ("an error", '{"error":null}', Output(error=None)),
    ("Infinity", '{"data":[-Infinity]}', Output(data=[-math.inf])),
    ("a BOM", '\ufeff{"data":[1]}', Output(data=[1])),
]


@pytest.mark.parametrize(("name", "text", "output"), OUTPUTS, ids=[name for name, _, _ in OUTPUTS])
def test_outputs(name: str, text: str, output: Output) -> None:
    assert decode_output(text.encode(), depth=10) == output


# Name, text, error.
NO_OUTPUT: list[tuple[str, str, str]] = [
    ("empty", "", "not JSON"),
    ("a traceback", "Internal Server Error", "not JSON"),
    ("a list", "[1]", "not an object with a list 'data'"),
    ("a lone surrogate", '"\\ud800"', "not an object with a list 'data'"),
    ("data that is no list", '{"data":{}}', "not an object with a list 'data'"),
    ("nested too deep", '{"data":' + "[" * 10 + "]" * 10 + "}", "nested deeper than 10"),
]


@pytest.mark.parametrize(("name", "text", "error"), NO_OUTPUT, ids=[name for name, _, _ in NO_OUTPUT])
def test_no_output(name: str, text: str, error: str) -> None:
    with pytest.raises(BadJson, match=error):
        decode_output(text.encode(), depth=10)
