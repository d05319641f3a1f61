"""Servers that send without end: each meets its limit, with an error, and memory stays within a small multiple of it."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Self

import pytest
from hypothesis import settings

from gradio_sansio import DeadlineExceeded, Limits, RemoteProtocolError
from gradio_sansio.session.job import MAX_BARS
from gradio_sansio.testing.frames import Message
from gradio_sansio.testing.frames import frame as text_frame
from tests.core import figures
from tests.core.hostile import Hostile, frame, whole_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gradio_sansio.events import JobId
    from tests.core.hostile import Line

LONG = settings.get_current_profile_name() == "long"
KiB, MiB, GiB = 1024, 1024**2, 1024**3
PIECE = 64 * KiB
"""What one read brings."""
OVERHEAD = 3 * MiB
"""Of memory, for what is not the buffer in question."""
REACHED: dict[str, str] = {}
"""By limit: the test that comes to it."""


def reaches(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Note which limits a test comes to."""

    def note(test: Callable[..., None]) -> Callable[..., None]:
        REACHED.update(dict.fromkeys(names, test.__name__))
        return test

    return note


class Peak:
    """The most memory that is in use at a time meanwhile, beyond what was in use before."""

    def __enter__(self) -> Self:
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *args: object) -> None:
        self.bytes = tracemalloc.get_traced_memory()[1] - self._before
        tracemalloc.stop()


def feed(peer: Hostile, line: Line, data: Iterable[bytes]) -> int:
    """Send until the engine has enough; how much it took. What it sends leaves at once."""
    taken = 0
    for piece in data:
        if line.state == "open":
            peer.engine.flushed(line.id, peer.now)
            peer.settle()
        if line.state != "open":
            break
        peer.engine.received(line.id, piece, peer.now)
        peer.settle()
        taken += len(piece)
    return taken


def endless(piece: bytes, size: int = GiB) -> Iterable[bytes]:
    return (piece for _ in range(size // len(piece)))


def on_stream(
    version: str = "6.31.0", endpoint: str = "/count", limits: Limits | None = None
) -> tuple[Hostile, Line, JobId]:
    """A job whose stream, socket or call is open."""
    peer = Hostile(version, limits=limits or Limits())
    job = peer.submit(endpoint)
    for _ in range(3):
        if endpoint == "/direct":
            break
        peer.go_on()
    lines = [line for line in peer.lines.values() if line.state == "open"]
    lines.sort(key=lambda line: line.live)
    return peer, lines[-1], job


def answering(version: str = "6.31.0") -> tuple[Hostile, Line]:
    """An app that is being opened, and has been asked for its config."""
    peer = Hostile(version, limits=Limits(), opened=False)
    (line,) = peer.lines.values()
    peer.connect(line)
    return peer, line


def error_of(peer: Hostile, job: JobId) -> BaseException:
    error = peer.finished[job].error
    assert error is not None
    return error


def told(peer: Hostile, name: str, taken: int, peak: int) -> None:
    peer.shut()
    figures.note("hostile servers", name, taken=taken, peak=peak)


# A gigabyte.


@reaches("event")
@pytest.mark.parametrize("version", ["4.8.0", "6.31.0"])
@pytest.mark.parametrize("text", [b"x" * PIECE, b"data: " + b"x" * PIECE + b"\n"])
def test_a_gigabyte_without_the_end_of_an_event(version: str, text: bytes) -> None:
    peer, line, job = on_stream(version)
    assert line.chunked
    with Peak() as peak:
        taken = feed(peer, line, endless(b"%x\r\n%b\r\n" % (len(text), text)))
    assert taken < peer.limits.event + 4 * PIECE + 20 * peer.limits.event // PIECE
    error = error_of(peer, job)
    assert isinstance(error, RemoteProtocolError)
    assert "Limits.event" in error.message
    assert peak.bytes < 2.5 * peer.limits.event + OVERHEAD
    told(peer, f"1 GiB without an event's end ({version}, {text[:5].decode()}...)", taken, peak.bytes)


@pytest.mark.parametrize("version", ["3.50.2"])
def test_a_gigabyte_in_one_message_of_a_websocket(version: str) -> None:
    peer, line, job = on_stream(version)
    with Peak() as peak:
        taken = feed(peer, line, [b"\x01" + frame(1, b"x" * 1000)[1:]])
        taken += feed(peer, line, endless(b"\x00" + frame(0, b"x" * 60_000)[1:]))
    assert taken < peer.limits.event + 4 * PIECE + 20 * peer.limits.event // PIECE
    assert "Limits.event" in str(error_of(peer, job))
    assert peak.bytes < 2.5 * peer.limits.event + OVERHEAD
    told(peer, "1 GiB in one message of a websocket", taken, peak.bytes)


@reaches("body")
def test_a_gigabyte_of_config() -> None:
    peer, line = answering()
    with Peak() as peak:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % GiB
        taken = feed(peer, line, [head, *endless(b" " * PIECE)])
    assert peer.failed
    assert taken < peer.limits.body + 3 * PIECE
    assert peak.bytes < 2.5 * peer.limits.body + OVERHEAD
    told(peer, "1 GiB of config", taken, peak.bytes)


def bomb(size: int = GiB) -> Iterable[bytes]:
    """Zeros, compressed, as they are wanted."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(MiB)
    for _ in range(size // MiB):
        piece = packer.compress(zeros)
        if piece:
            yield piece
    yield packer.flush()


@pytest.mark.parametrize("what", ["config", "call"])
def test_a_bomb_of_a_gigabyte(what: str) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\r\n"
    if what == "config":
        peer, line = answering()
    else:
        peer, line, _ = on_stream(endpoint="/direct")
    with Peak() as peak:
        taken = feed(peer, line, [head]) + feed(peer, line, bomb())
    assert peer.failed if what == "config" else isinstance(error_of(peer, peer.jobs[0]), RemoteProtocolError)
    assert taken < MiB
    assert peak.bytes < 2.5 * peer.limits.body + OVERHEAD
    told(peer, f"a gzip bomb of 1 GiB ({what})", taken, peak.bytes)


def test_a_bomb_on_a_stream_is_read_as_it_comes() -> None:
    peer = Hostile(limits=Limits())
    job = peer.submit("/count")
    line = next(iter(peer.lines.values()))
    for _ in range(9):
        if line.request is not None and line.request.is_stream:
            break
        peer.right(line)
        peer.deliver(line)
        line = [line for line in peer.lines.values() if line.state != "gone"][-1]
        if line.state == "connecting":
            peer.connect(line)
    # Compressed, though nobody asked for that.
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n"
    with Peak() as peak:
        taken = feed(peer, line, [head]) + feed(peer, line, bomb())
    assert "Limits.event" in str(error_of(peer, job))
    assert peak.bytes < 2.5 * peer.limits.event + OVERHEAD
    told(peer, "a gzip bomb of 1 GiB (event stream)", taken, peak.bytes)


# Depth.


@reaches("json_depth")
@pytest.mark.parametrize("version", ["3.50.2", "4.8.0", "6.31.0"])
@pytest.mark.parametrize("bracket", [b"[", b'{"a":'], ids=["lists", "objects"])
def test_json_of_a_million_levels(version: str, bracket: bytes) -> None:
    # Counting memory is slow where there are many strings.
    deep = b'{"msg":"process_completed","output":{"data":' + bracket * (
        1_000_000 if LONG or bracket == b"[" else 100_000
    )
    peer, line, job = on_stream(version)
    with Peak() as peak:
        data = text_frame(Message(deep.decode())) if version < "4" else b"data: " + deep + b"\n\n"
        taken = feed(peer, line, [data if version < "4" else b"%x\r\n%b\r\n" % (len(data), data)])
    assert "nested deeper than 100 levels" in str(error_of(peer, job))
    assert peak.bytes < 12 * len(deep) + OVERHEAD
    told(peer, f"JSON of {deep.count(bracket):,} levels of {bracket.decode()} ({version})", taken, peak.bytes)


@pytest.mark.parametrize("what", ["config", "call", "join"])
def test_an_answer_of_a_million_levels(what: str) -> None:
    answer = whole_answer(b"[" * 1_000_000)
    if what == "config":
        peer, line = answering()
    else:
        peer = Hostile(limits=Limits())
        peer.submit("/direct" if what == "call" else "/count")
        line = next(line for line in reversed(peer.lines.values()) if line.request)
    with Peak() as peak:
        feed(peer, line, [answer])
    if what == "config":
        # It goes on with the app's page.
        assert not peer.opened
    else:
        assert "nested deeper than 100 levels" in str(error_of(peer, peer.jobs[0]))
    assert peak.bytes < 12 * len(answer) + OVERHEAD
    peer.shut()


# Numbers.

MANY = 1_000_000 if LONG else 20_000


@reaches("mailbox", "early")
@pytest.mark.timeout(1800 if LONG else 60)
@pytest.mark.parametrize("joining", [False, True])
def test_a_million_unknown_ids(joining: bool) -> None:
    peer, line, job = on_stream()
    if joining:
        # While a join is under way any of them may be its own.
        peer.submit("/count")
    texts = (
        b"".join(b'data: {"msg":"estimation","event_id":"%d"}\n\n' % i for i in range(start, start + 1000))
        for start in range(0, MANY, 1000)
    )
    with Peak() as peak:
        taken = feed(peer, line, (b"%x\r\n%b\r\n" % (len(text), text) for text in texts))
    if joining:
        assert "Limits.mailbox" in str(error_of(peer, job))
        assert peak.bytes < 20 * MiB
    else:
        assert job not in peer.finished
        assert peak.bytes < OVERHEAD
    told(peer, f"{MANY:,} unknown ids{' while a join is under way' if joining else ''}", taken, peak.bytes)


def test_large_messages_for_unknown_jobs() -> None:
    peer, line, job = on_stream(limits=Limits(early=MiB))
    peer.submit("/count")
    text = b'data: {"msg":"log","event_id":"x","log":"%b"}\n\n' % (b"x" * PIECE)
    with Peak() as peak:
        taken = feed(peer, line, endless(b"%x\r\n%b\r\n" % (len(text), text)))
    assert taken < 2 * MiB
    assert "Limits.early" in str(error_of(peer, job))
    assert peak.bytes < 3 * MiB + OVERHEAD
    peer.shut()


@reaches("tombstones")
def test_more_jobs_that_ended_than_are_remembered() -> None:
    limits = Limits(tombstones=100)
    peer, line, _ = on_stream(limits=limits)
    with Peak() as peak:
        for _ in range(500):
            job = peer.submit("/predict")
            for _ in range(3):
                peer.go_on()
            key = f"k{peer.keys}"
            peer.value(line, key, last=True)
            peer.deliver(line)
            assert peer.finished[job].error is None
    (transport,) = peer.engine._session._transports._shared.values()
    assert list(transport.stopping._ended) == [f"k{i}" for i in range(peer.keys - 99, peer.keys + 1)]  # type: ignore[attr-defined]
    # A late message of one that is remembered is known for that.
    peer.message(line, f"k{peer.keys}", "process_generating", output={"data": ["late"]})
    peer.deliver(line)
    assert peak.bytes < OVERHEAD
    peer.shut()


@reaches("cookies", "cookie")
def test_more_cookies_than_are_kept() -> None:
    peer, line = answering()
    fields_ = [f"set-cookie: c{i}={'x' * 100}" for i in range(300)] + ["set-cookie: large=" + "x" * 5000]
    feed(peer, line, [whole_answer(b"", 500, "text/plain", *fields_)])
    assert len(peer.engine._wire._cookies) == peer.limits.cookies
    assert "large" not in {cookie.name for cookie in peer.engine._wire._cookies._cookies.values()}
    peer.shut()


@reaches("header")
@pytest.mark.parametrize("size", [PIECE, 1000])
def test_a_header_without_end(size: int) -> None:
    peer, line = answering()
    with Peak() as peak:
        taken = feed(
            peer, line, [b"HTTP/1.1 200 OK\r\n", *endless(b"x-y: " + b"z" * size + b"\r\n", 100 * MiB)]
        )
    assert peer.failed
    assert taken < 2 * peer.limits.header + PIECE
    assert peak.bytes < 40 * peer.limits.header
    told(peer, f"a header without end, in lines of {size:,} bytes", taken, peak.bytes)


@reaches("redirects")
def test_a_redirect_without_end() -> None:
    peer, line = answering()
    for _ in range(20):
        if line.state != "open" or line.request is None or line.request.path != "/config":
            break
        line.request = None
        feed(peer, line, [whole_answer(b"", 302, "text/html", "location: /config")])
    followed = sum(1 for other in peer.lines.values() if other.request)
    assert followed <= 1
    peer.shut()


def test_a_million_progress_bars() -> None:
    peer, line, job = on_stream()
    bars = b",".join([b'{"index":1}'] * 100_000)
    text = b'data: {"msg":"progress","event_id":"k1","progress_data":[%b]}\n\n' % bars
    feed(peer, line, [b"%x\r\n%b\r\n" % (len(text), text)])
    status = peer.status[job]
    assert status.progress_data is not None
    assert len(status.progress_data) == MAX_BARS
    peer.shut()


@reaches("job_buffer", "buffer")
def test_results_that_nobody_takes() -> None:
    limits = Limits(job_buffer=MiB, buffer=2 * MiB)
    peer, line, _ = on_stream(limits=limits)
    for _ in range(9):
        peer.submit("/count")
    for _ in range(4):
        peer.go_on()
    with Peak() as peak:
        taken = 0
        # The last one that is left is held up instead, and then nothing is read any more.
        while not line.paused:
            for key in [key for key in peer.keys_of(line) if key in peer.open_keys]:
                text = json.dumps({"msg": "log", "event_id": key, "log": "x" * 10_000}).encode()
                peer.say(line, text)
                taken += len(text)
                peer.deliver(line)
    errors = [str(finished.error) for finished in peer.finished.values()]
    assert sum("Limits.buffer" in text for text in errors) > 3
    # What the application was given and did not take is its own; here nothing is kept of it.
    assert 2 * MiB < taken < 20 * MiB
    assert peak.bytes < limits.buffer + 2 * OVERHEAD
    peer.shut()


@reaches("connections", "streams")
def test_more_requests_and_streams_than_connections() -> None:
    limits = Limits(connections=3, streams=5)
    peer = Hostile("4.8.0", limits=limits)
    for _ in range(40):
        peer.submit("/count")
        peer.submit("/direct")
    for _ in range(5):
        peer.go_on()
        assert (
            sum(line.state != "gone" for line in peer.lines.values()) <= limits.connections + limits.streams
        )
    peer.wait_for_all()
    peer.shut()


@reaches("reopens")
def test_a_stream_that_ends_again_and_again() -> None:
    peer, line, job = on_stream("4.44.1")
    ends = 0
    while job not in peer.finished and ends < 20:
        for line in [line for line in peer.lines.values() if line.live]:
            peer.finish_stream(line)
            peer.deliver(line)
            ends += 1
        peer.go_on()
    assert ends == peer.limits.reopens + 1
    peer.shut()


# Time.


def drip(peer: Hostile, line: Line, data: bytes, seconds: float, most: float) -> float:
    """Bring a byte at a time, as long as the engine listens; how long that was."""
    began = peer.now
    while line.state == "open" and peer.now - began < most:
        due = peer.now + seconds
        while peer.engine.deadline is not None and peer.engine.deadline <= due:
            peer.tick(peer.engine.deadline)
        peer.now = max(peer.now, due)
        if line.state == "open":
            peer.engine.received(line.id, data, peer.now)
            peer.settle()
    return peer.now - began


@reaches("request", "idle", "idle_direct")
@pytest.mark.parametrize("what", ["config", "join", "call", "head of a stream"])
def test_a_slow_drip_for_ever(what: str) -> None:
    limit: float = Limits().request
    if what == "config":
        peer, line = answering()
        feed(peer, line, [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"])
    else:
        peer = Hostile(limits=Limits())
        peer.submit("/direct" if what == "call" else "/count")
        line = next(line for line in reversed(peer.lines.values()) if line.request)
        if what == "call":
            limit = peer.limits.idle_direct
        if what == "head of a stream":
            for _ in range(9):
                if line.request is not None and line.request.is_stream:
                    break
                peer.right(line)
                peer.deliver(line)
                line = next(
                    line for line in reversed(peer.lines.values()) if line.state in ("connecting", "open")
                )
                if line.state == "connecting":
                    peer.connect(line)
            feed(peer, line, [b"HTTP/1.1 200 OK\r\nx-y: "])
        else:
            feed(peer, line, [b"HTTP/1.1 200 OK\r\n\r\n"])
    with Peak() as peak:
        took = drip(peer, line, b" " if what != "head of a stream" else b"x", 1.0, 10_000.0)
    assert took <= limit + 1.0
    if what == "config":
        assert peer.failed
    else:
        assert isinstance(error_of(peer, peer.jobs[0]), DeadlineExceeded)
    assert peak.bytes < OVERHEAD
    told(peer, f"a byte a second for ever ({what})", int(took), peak.bytes)


def test_a_slow_drip_on_a_stream_lasts_as_long_as_the_job_may() -> None:
    # A server that says anything is alive, and a job may take long: how long is the caller's to say.
    peer = Hostile(limits=Limits())
    job = peer.submit("/count", timeout=100_000.0)
    for _ in range(3):
        peer.go_on()
    line = next(line for line in peer.lines.values() if line.live)
    with Peak() as peak:
        drip(peer, line, b"1\r\n:\r\n", 50.0, 150_000.0)
    error = error_of(peer, job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "timeout"
    assert peak.bytes < OVERHEAD
    peer.shut()


def test_each_limit_is_come_to() -> None:
    elsewhere = {
        "connect": "tests/core/wire/test_wire.py",
        "ping": "tests/core/wire/test_wire_sockets.py",
        "grace": "tests/core/test_engine.py",
        "keep_alive": "tests/core/wire/test_wire.py",
        # Spaces and files have tests of their own.
        "waking": "tests/core/session",
        "hub_failures": "tests/core/session",
        "inline": "tests/core/session",
        "download": "tests/core/session",
        "download_buffer": "tests/core/session",
    }
    assert set(Limits.__struct_fields__) <= REACHED.keys() | elsewhere.keys()
