"""What a recorder writes: the whole conversation, playable, and no secret in it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import ConnectError, Engine, JobCancelled
from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ExchangeId,
    OpenSocket,
    PauseExchange,
    PulledBody,
    SendMessage,
    StartExchange,
)
from gradio_sansio.events import AppOpened, JobFinished
from gradio_sansio.testing import (
    Function,
    GradioServer,
    Player,
    VirtualNetwork,
    read_transcript,
    write_transcript,
)
from gradio_sansio.tracing import HIDDEN, MOST, Recorder
from tests.core.test_transcripts import CALLS, SHARED, VERSIONS, plain, recorded
from tests.core.virtual import URL, World, entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.testing import Host

LOCAL = "http://127.0.0.1:7860"
TOKEN = "hf_ABCDEFGHIJKLMNOPQRSTUV"
ONE, TWO = ExchangeId(1), ExchangeId(2)
JSON = (("content-type", "application/json"),)


def played(host: Host, calls: list[tuple[str, list[Any]]], **options: Any) -> tuple[list[str], str]:
    """The events of calls one after another, and the trace of them all."""
    # A token is sent in the clear to this machine only.
    network = VirtualNetwork({("127.0.0.1", 7860): host})
    engine = network.attach(lambda now: Engine(LOCAL, now=now, wall_clock=0.0, entropy=entropy(), **options))
    network.run_until(lambda: network.happened(AppOpened))
    for endpoint, payload in calls:
        engine.submit(endpoint, payload, now=network.now)
        network.pump()
        network.run_until(lambda: isinstance(network.events[-1], JobFinished), within=60.0)
    engine.close(network.now)
    network.pump()
    network.run(5.0)
    return [untimed(event) for event in network.events], "".join(engine.drain_trace())


def untimed(event: Any) -> str:
    """What was told, but for when."""
    return re.sub(r"datetime\.datetime\(.*?utc\)", "...", repr(plain(event)))


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (version, name)
        for version in VERSIONS
        for name in CALLS
        if name != "three_mixed" and (name != "direct" or version in SHARED)
    ],
)
def test_a_trace_is_a_transcript_of_the_same(version: str, name: str) -> None:
    parts = [recorded(version, part) for part in ("config", "info", name)]
    calls = CALLS[name][0]
    first, trace = played(Player(*parts), calls, trace=True)
    entries = read_transcript(trace)
    assert write_transcript(entries) == trace
    player = Player(entries)
    again, _ = played(player, calls)
    assert again == first
    assert player.unmatched == []


def test_nothing_is_kept_unless_asked_for() -> None:
    assert played(GradioServer([Function("f", str)]), [("/f", ["x"])])[1] == ""


def test_what_was_given_as_a_secret_is_in_no_line() -> None:
    server = GradioServer([Function("echo", lambda text: text)], auth=("somebody", 'pass"word ü'))
    said = f'somebody says pass"word ü, {TOKEN} and mine/own'
    events, trace = played(
        server,
        [("/echo", [said])],
        trace=True,
        hf_token=TOKEN,
        auth=("somebody", 'pass"word ü'),
        headers={"x-key": "mine/own"},
    )
    assert any(said in event for event in events)
    (session_hash,) = server.sessions
    for secret in ("pass", "word", TOKEN, "mine", "access-token", session_hash):
        assert secret not in trace
    # What was said is there all the same.
    assert f"somebody says {HIDDEN}, {HIDDEN} and {HIDDEN}" in trace


SECRETS = [
    ('{"password": "abc def", "n": 1}', '{"password": "***", "n": 1}'),
    (r'{"hf_token":"a\"b", "x": "y"}', '{"hf_token":"***", "x": "y"}'),
    ('{"session_hash":"abc"}', '{"session_hash":"***"}'),
    ('{"apiKey":"abc","api-key":""}', '{"apiKey":"***","api-key":""}'),
    ('{"design":"abc","sign":"abc","author":"me"}', '{"design":"abc","sign":"***","author":"me"}'),
    ("http://h/file=a?__sign=abc.def&w=1#f", "http://h/file=a?__sign=***&w=1#f"),
    ("http://h/?access_token=abc", "http://h/?access_token=***"),
    ("https://me:pw@h/x", "https://***@h/x"),
    (f"my {TOKEN}!", "my ***!"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "***"),
    ("Bearer abcdef", "Bearer ***"),
    ("nothing of the kind: a=b&c", "nothing of the kind: a=b&c"),
    ("so s3cret, s3cr%C3%A9t", "so ***, ***"),
]


@pytest.mark.parametrize(("text", "expected"), SECRETS)
def test_what_looks_like_a_secret_is_hidden(text: str, expected: str) -> None:
    assert Recorder(["s3cret", "s3crét", "ab"], None).redacted(text) == expected


def test_hiding_is_linear() -> None:
    recorder = Recorder([], None)
    for piece in ('"', '"a":"', "?", "&a", "//", "eyJ", "\\", 'Bearer"', '"a" : '):
        recorder.redacted(piece * (300_000 // len(piece)))


def masks(mask: Callable[[str], str]) -> str:
    recorder = Recorder([], mask)
    recorder.asked(SendMessage(ONE, "private"))
    return str(json.loads(recorder.drain()[0])["message"])


def test_a_mask_has_the_last_word() -> None:
    assert masks(str.upper) == "PRIVATE"
    # What it can't hide is not shown.
    assert masks(lambda text: text[99]) == HIDDEN


def texts(recorder: Recorder) -> list[str]:
    lines = [json.loads(line) for line in recorder.drain()]
    return [line.get("text") or line.get("end") or str(line.get("code", line)) for line in lines]


def start(exchange: ExchangeId = ONE, url: str = "http://h/x?a=b&c", **fields: Any) -> StartExchange:
    return StartExchange(exchange=exchange, method="GET", url=url, **fields)


def test_heads() -> None:
    recorder = Recorder([], None)
    recorder.asked(start(headers=(("authorization", "Bearer x"), ("accept", "*/*"), ("host", "other"))))
    recorder.started(ONE, 200, (*JSON, ("set-cookie", "a=b"), ("content-encoding", "gzip")))
    recorder.received(ONE, b'{"token"')
    recorder.received(ONE, b': "abc"}')
    recorder.ended(ONE)
    assert texts(recorder) == [
        "GET /x?a=***&c=*** HTTP/1.1\r\nhost: h\r\nauthorization: ***\r\naccept: */*\r\ncontent-length: 0\r\n\r\n",
        'HTTP/1.1 200 \r\ncontent-type: application/json\r\nset-cookie: ***\r\ncontent-length: 16\r\n\r\n{"token": "***"}',
    ]


def test_files_are_left_out_or_cut_short() -> None:
    recorder = Recorder([], None)
    recorder.asked(start(body=PulledBody(10)))
    assert texts(recorder)[0].endswith("content-length: 0\r\n\r\n")
    recorder.started(ONE, 200, (("content-type", "image/png"),))
    for _ in range(3):
        recorder.received(ONE, b"\xff" * MOST)
    recorder.ended(ONE)
    (line,) = recorder.drain()
    (entry,) = read_transcript(line)
    assert isinstance(entry.what, bytes)
    assert entry.what.endswith(b"\r\n\r\n" + b"\xff" * MOST)


def test_streams_are_written_by_whole_events() -> None:
    recorder = Recorder(["s3cret"], None)
    recorder.asked(start())
    recorder.started(ONE, 200, (("content-type", "text/event-stream"),))
    recorder.drain()
    recorder.received(ONE, b"data: s3")
    assert recorder.drain() == []
    recorder.received(ONE, b"cret\n\ndata: s3")
    assert texts(recorder) == ["b\r\ndata: ***\n\n\r\n"]
    recorder.received(ONE, b"cret")
    recorder.failed(ONE)
    assert texts(recorder) == ["9\r\ndata: ***\r\n", "reset"]
    # It is over.
    recorder.received(ONE, b"more")
    recorder.started(ONE, 200, ())
    recorder.ended(ONE)
    recorder.failed(ONE)
    recorder.closed(ONE, 1000)
    assert recorder.drain() == []


def test_a_stream_may_end_in_order() -> None:
    recorder = Recorder([], None)
    recorder.asked(start())
    recorder.started(ONE, 200, (("content-type", "text/event-stream"),))
    recorder.received(ONE, b"data: x\n\n")
    recorder.ended(ONE)
    assert texts(recorder)[2:] == ["9\r\ndata: x\n\n\r\n", "0\r\n\r\n"]


def test_what_breaks_without_an_answer() -> None:
    recorder = Recorder([], None)
    recorder.asked(start())
    recorder.failed(ONE)
    recorder.asked(start(TWO))
    recorder.asked(PauseExchange(TWO))
    recorder.asked(AbortExchange(TWO))
    recorder.failed(TWO)
    assert [text for text in texts(recorder) if "GET" not in text] == ["reset"]


def test_websockets() -> None:
    recorder = Recorder([], None)
    for exchange, code in ((ONE, 1006), (TWO, 1000)):
        recorder.asked(OpenSocket(exchange, "http://h/queue/join"))
        recorder.opened(exchange)
        recorder.drain()
        recorder.told(exchange, b'{"token": "x"}')
        recorder.told(exchange, '{"token": "y"}')
        recorder.asked(SendMessage(exchange, '{"session_hash": "x"}'))
        assert ["***" in text for text in texts(recorder)] == [True] * 3
        recorder.closed(exchange, code)
    assert texts(recorder) == ["1000"]
    recorder.asked(OpenSocket(ExchangeId(3), "http://h/queue/join"))
    recorder.asked(CloseSocket(ExchangeId(3)))
    recorder.closed(ExchangeId(3), 1000)
    assert texts(recorder)[1:] == ["1000"]


def test_a_failure_to_connect_is_in_it() -> None:
    network = VirtualNetwork({})
    engine = network.attach(
        lambda now: Engine(URL, now=now, wall_clock=0.0, entropy=entropy(), trace=str.upper)
    )
    network.run(5.0)
    assert isinstance(network.events[0].error, ConnectError)  # type: ignore[union-attr]
    assert [entry.from_client for entry in read_transcript("".join(engine.drain_trace()))][:2] == [
        True,
        False,
    ]


def test_a_websocket_that_the_server_ends_is_in_it() -> None:
    world = World(version=(3, 50, 2), trace=str)
    job = world.submit("/single", 50)
    world.run(2.5)
    world.server._reset({"event_id": world.there(job).event_id})
    assert isinstance(world.error(job, within=5.0), JobCancelled)
    entries = read_transcript("".join(world.engine.drain_trace()))
    assert repr(entries[-1].what) == "Close(code=1000)"
