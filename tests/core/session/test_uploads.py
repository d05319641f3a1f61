"""Uploads: the files of a job go before it, piece by piece."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import multipart
import pytest

from gradio_sansio import (
    AuthError,
    ConnectError,
    Content,
    DeadlineExceeded,
    JobCancelled,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    ValidationError,
    handle_file,
)
from gradio_sansio.commands import AbortExchange, ExchangeId, NeedBody, PulledBody, SendBody, StartExchange
from gradio_sansio.events import StatusChanged
from gradio_sansio.session import uploads
from gradio_sansio.values import Progress
from tests.core.session.drive import Drive

if TYPE_CHECKING:
    from gradio_sansio.events import JobId

JOIN = "/gradio_api/queue/join"
MiB = 1024 * 1024
PATTERN = bytes(range(251))


class Source:
    """A file of this many bytes, which is never read: tests answer for it."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        size = min(size, self.size - offset)
        return (PATTERN[offset % 251 :] + PATTERN * (size // 251 + 1))[:size]


def file(size: int, name: str = "big.bin") -> Content:
    return Content(name, size, Source(size))


class Uploading(Drive):
    """An app whose functions take files, and whose server reads what is sent."""

    def __init__(self, *, limits: Limits | None = None, **changes: Any) -> None:
        components = [{"id": 0, "type": "file", "props": {"label": "upload"}}, {"id": 1, "type": "state"}]
        super().__init__(
            "6.31.0",
            limits=limits,
            changes={"api_prefix": "/gradio_api", "components": components, **changes},
        )

    @property
    def request(self) -> StartExchange:
        """The last upload that was begun."""
        return self.requests("/gradio_api/upload")[-1]

    def want(self, size: int = 256 * 1024, exchange: ExchangeId | None = None) -> NeedBody | None:
        """The wire asks for a piece; what the adapter is to read for it, if anything."""
        before = len(self.commands)
        self.session.body_wanted(self.request.exchange if exchange is None else exchange, size, self.now)
        self.pump()
        new = self.commands[before:]
        return next((command for command in new if isinstance(command, NeedBody)), None)

    def chunk(self, need: NeedBody, data: bytes | None = None, *, last: bool = False) -> None:
        data = need.reader.read(need.offset, need.max_bytes) if data is None else data
        self.session.body_chunk(need.exchange, data, last, self.now)
        self.pump()

    def body(self, exchange: ExchangeId | None = None) -> bytes:
        wanted = self.request.exchange if exchange is None else exchange
        return b"".join(c.data for c in self.commands if isinstance(c, SendBody) and c.exchange == wanted)

    @property
    def complete(self) -> bool:
        """Whether the last piece was the last of all."""
        last = self.commands[-1]
        return isinstance(last, SendBody) and last.last

    def send_all(self, size: int = 256 * 1024) -> list[tuple[str, bytes]]:
        """Let the last upload run to its end; the files that came."""
        exchange = self.request.exchange
        while not self.complete:
            need = self.want(size, exchange)
            if need is not None:
                self.chunk(need)
        return self.received()

    def received(self) -> list[tuple[str, bytes]]:
        headers = dict(self.request.headers)
        boundary = headers["content-type"].removeprefix("multipart/form-data; boundary=")
        body = self.body()
        assert isinstance(self.request.body, PulledBody)
        assert self.request.body.length == len(body)
        parts = multipart.MultipartParser(BytesIO(body), boundary, strict=True, spool_limit=MiB)
        return [(part.filename or "", part.raw) for part in parts]

    def bars(self, job: JobId) -> list[Progress]:
        statuses = [event.status for event in self.told(job) if isinstance(event, StatusChanged)]
        assert {status.stage for status in statuses} == {"pending"}
        return [bar for status in statuses for bar in status.progress_data or ()]


def test_files_go_before_the_job() -> None:
    drive = Uploading()
    job = drive.submit("/predict", [handle_file(b"12345", name="a.txt"), file(700_000)])
    assert not drive.requests(JOIN)
    received = drive.send_all()
    assert [(name, len(content)) for name, content in received] == [("a.txt", 5), ("big.bin", 700_000)]
    assert received[1][1] == Source(700_000).read(0, 700_000)
    assert not drive.requests(JOIN)
    drive.answer(["/tmp/1/a.txt", "/tmp/2/big.bin"])
    meta = {"_type": "gradio.FileData"}
    (join,) = drive.posts(JOIN)
    assert join["data"] == [
        [
            {"path": "/tmp/1/a.txt", "orig_name": "a.txt", "meta": meta},
            {"path": "/tmp/2/big.bin", "orig_name": "big.bin", "meta": meta},
        ]
    ]
    assert drive.ended(job) is None
    drive.finish()


def test_pieces_are_asked_for_one_by_one() -> None:
    drive = Uploading()
    drive.submit("/predict", file(10))
    assert drive.want() is None, "what stands before the file is at hand"
    need = drive.want(4)
    assert need is not None
    assert (need.offset, need.max_bytes) == (0, 4)
    drive.chunk(need)
    need = drive.want(4)
    assert need is not None
    assert (need.offset, need.max_bytes) == (4, 4)
    # It may be less than was asked for.
    drive.chunk(need, b"45")
    need = drive.want(100)
    assert need is not None
    assert (need.offset, need.max_bytes) == (6, 4)
    drive.chunk(need)
    assert not drive.complete
    assert drive.want() is None
    assert drive.complete
    drive.finish()


@pytest.mark.parametrize("size", [7, 100, 1 << 20])
def test_any_size_of_pieces_makes_the_same_body(size: int) -> None:
    drive = Uploading()
    drive.submit(
        "/predict",
        [handle_file(b"", name="none"), file(150), handle_file(b"\r\n--", name="é.txt"), file(0, "0")],
    )
    received = drive.send_all(size)
    assert received == [
        ("none", b""),
        ("big.bin", Source(150).read(0, 150)),
        ("é.txt", b"\r\n--"),
        ("0", b""),
    ]
    drive.finish()


def test_progress_is_told_in_bounded_steps() -> None:
    drive = Uploading()
    job = drive.submit("/predict", [file(3000, "first"), file(1000, "second")])
    assert drive.bars(job) == []
    drive.send_all(30)
    bars = drive.bars(job)
    assert len(bars) == uploads.STEPS
    assert bars[0] == Progress(index=60.0, length=4000.0, unit="bytes", desc="first")
    assert bars[-1] == Progress(index=4000.0, length=4000.0, unit="bytes", desc="second")
    assert [bar.index for bar in bars] == sorted({bar.index for bar in bars})  # type: ignore[type-var]
    drive.finish()


def test_many_files_take_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert uploads.PARTS == 1000
    monkeypatch.setattr(uploads, "PARTS", 2)
    drive = Uploading()
    job = drive.submit("/predict", [handle_file(bytes([i]), name=str(i)) for i in range(5)])
    names: list[str] = []
    for count in (2, 2, 1):
        received = drive.send_all()
        assert len(received) == count
        names += [name for name, _ in received]
        assert not drive.requests(JOIN)
        drive.answer([f"/{name}" for name, _ in received])
    assert names == list("01234")
    assert [found["path"] for found in drive.posts(JOIN)[0]["data"][0]] == ["/0", "/1", "/2", "/3", "/4"]
    assert len(drive.requests("/gradio_api/upload")) == 3
    assert drive.ended(job) is None
    drive.finish()


def test_files_by_name_and_those_that_need_no_upload() -> None:
    drive = Uploading()
    drive.session.submit("/predict", {"upload": handle_file("https://files.test/a")}, now=0.0)
    drive.pump()
    assert not drive.requests("/gradio_api/upload")
    assert drive.posts(JOIN)[0]["data"][0]["url"] == "https://files.test/a"
    drive.finish()


def test_nothing_is_sent_where_a_file_is_refused() -> None:
    drive = Uploading(max_file_size=10)
    with pytest.raises(ValidationError, match=r"parameter 'upload': a has 11 bytes.* 10 at most") as caught:
        drive.submit("/predict", handle_file(bytes(11), name="a"))
    assert caught.value.parameter == "upload"
    with pytest.raises(ValidationError, match="parameter 'upload' has no JSON form") as caught:
        drive.submit("/predict", [file(1), object()])
    assert caught.value.parameter == "upload"
    for content in (b"x", bytearray(b"x"), memoryview(b"x")):
        # They would arrive as base64, which no app expects.
        with pytest.raises(ValidationError, match=r"parameter 'upload': bytes .* handle_file") as caught:
            drive.submit("/predict", [content])
        assert caught.value.parameter == "upload"
    assert not drive.commands
    drive.finish()


@pytest.mark.parametrize("version", [None, "4.0.2", "3.50.2"])
def test_every_dialect_waits(version: str | None) -> None:
    """The transport of a job is chosen as ever, once its files are there."""
    protocols: dict[str | None, dict[str, Any]] = {
        None: {},
        "4.0.2": {"protocol": "sse"},
        "3.50.2": {"protocol": None},
    }
    changes: dict[str, Any] = {"version": version, "api_prefix": ""} if version else {}
    drive = Uploading(**changes, **protocols[version])
    drive.submit("/predict", file(5))
    (request,) = [c for c in drive.commands if isinstance(c, StartExchange)]
    assert request.url.endswith("/upload")
    drive.want(exchange=request.exchange)
    need = drive.want(exchange=request.exchange)
    assert need is not None
    drive.chunk(need, last=True)
    drive.want(exchange=request.exchange)
    drive.answer(["/tmp/1"], to=request)
    assert len(drive.commands) > 4
    drive.finish()


# How it fails.


def failed(drive: Uploading, job: JobId) -> Any:
    error = drive.error(job)
    assert error is not None
    assert not drive.requests(JOIN)
    drive.finish()
    return error


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"error": "no"}, "a list of 1 paths was due, not dict"),
        ([], "a list of 1 paths was due, not 0"),
        (["/1", "/2"], "a list of 1 paths was due, not 2"),
        ([7], "something else than paths"),
        ([""], "something else than paths"),
        ([None], "something else than paths"),
    ],
)
def test_answers_that_make_no_sense(answer: object, fault: str) -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    drive.send_all()
    drive.answer(answer)
    error = failed(drive, job)
    assert isinstance(error, RemoteProtocolError)
    assert fault in error.message


def test_an_answer_that_is_no_json() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    drive.send_all()
    exchange = drive.request.exchange
    drive.over.add(exchange)
    drive.begin(exchange)
    drive.session.body_received(exchange, b"<html>", 0.0)
    drive.finish_stream(exchange)
    assert isinstance(failed(drive, job), RemoteProtocolError)


def test_an_answer_before_all_was_sent() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    drive.want()
    need = drive.want()
    assert need is not None
    drive.answer(["/tmp/1"], to=drive.request)
    error = failed(drive, job)
    assert "before the files were sent" in error.message
    # What was being read comes too late.
    drive.chunk(need)
    drive.session.body_failed(need.exchange, "gone", 0.0)


@pytest.mark.parametrize(
    ("size", "limit"), [(100, "100 bytes at most"), (None, "it doesn't say what it takes")]
)
def test_too_large_for_the_server(size: int | None, limit: str) -> None:
    drive = Uploading(max_file_size=size)
    job = drive.submit("/predict", file(5, "a.bin"))
    drive.want()
    assert drive.want() is not None
    drive.answer("Too large", status=413, to=drive.request)
    error = failed(drive, job)
    assert isinstance(error, ValidationError)
    assert "a.bin" in error.message
    assert "too large" in error.message
    assert limit in error.message


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthError), (502, ConnectError), (500, RemoteProtocolError)]
)
def test_other_refusals(status: int, kind: type[Exception]) -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    drive.send_all()
    drive.answer({"detail": "no"}, status=status)
    error = failed(drive, job)
    assert isinstance(error, kind)
    assert "upload" in str(error)


def test_a_connection_that_fails() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    lost = ConnectError("no connection", phase="connect", url="http://app.test")
    drive.fail(drive.request.exchange, lost)
    assert failed(drive, job) is lost


@pytest.mark.parametrize(("data", "last"), [(b"", True), (b"", False), (b"12", True)])
def test_a_file_that_became_shorter(data: bytes, last: bool) -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(10))
    drive.want()
    need = drive.want(4)
    assert need is not None
    drive.chunk(need, b"12")
    need = drive.want(4)
    assert need is not None
    drive.chunk(need, data, last=last)
    error = failed(drive, job)
    assert isinstance(error, ValidationError)
    assert error.reason == f"big.bin can't be uploaded: it ended after {2 + len(data)} of 10 bytes"
    assert drive.of(AbortExchange) == [drive.request.exchange]


def test_a_file_that_cant_be_read() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(10))
    drive.want()
    need = drive.want()
    assert need is not None
    drive.session.body_failed(need.exchange, "permission denied", 0.0)
    drive.pump()
    error = failed(drive, job)
    assert error.message == "big.bin can't be uploaded: permission denied"
    assert drive.of(AbortExchange) == [need.exchange]


def test_a_slow_upload_is_none_that_hangs() -> None:
    drive = Uploading(limits=Limits(idle=60.0))
    job = drive.submit("/predict", file(100))
    drive.want()
    for _ in range(10):
        drive.wait(50.0)
        need = drive.want(5)
        assert need is not None
        drive.wait(50.0)
        drive.chunk(need)
    assert drive.ended(job) is None
    drive.wait(61.0)
    error = failed(drive, job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle"


def test_a_jobs_own_timeout_counts_its_upload() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(100), timeout=10.0)
    drive.want()
    drive.wait(10.0)
    error = failed(drive, job)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "timeout"
    assert drive.of(AbortExchange) == [drive.request.exchange]


def test_misuse() -> None:
    drive = Uploading()
    drive.submit("/predict", file(10))
    drive.want()
    exchange = drive.request.exchange
    with pytest.raises(LocalProtocolError, match="no piece of a file was asked for"):
        drive.session.body_chunk(exchange, b"1", False, 0.0)
    need = drive.want(4)
    assert need is not None
    with pytest.raises(LocalProtocolError, match="a piece of 5 bytes, where 4 were asked for"):
        drive.session.body_chunk(exchange, b"12345", False, 0.0)
    with pytest.raises(LocalProtocolError, match="there is no exchange 99"):
        drive.session.body_chunk(ExchangeId(99), b"1", False, 0.0)
    with pytest.raises(LocalProtocolError, match="there is no exchange 99"):
        drive.session.body_failed(ExchangeId(99), "", 0.0)
    with pytest.raises(LocalProtocolError, match="there is no exchange 99"):
        drive.want(exchange=ExchangeId(99))
    drive.chunk(need)
    drive.finish()


# Cancelling.


def test_cancelling_in_the_midst_of_an_upload() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(MiB))
    drive.want()
    need = drive.want()
    assert need is not None
    drive.cancel(job)
    assert isinstance(drive.error(job), JobCancelled)
    assert drive.of(AbortExchange) == [need.exchange]
    # What was on its way meanwhile.
    drive.chunk(need)
    assert drive.want() is None
    assert not drive.requests(JOIN)
    assert not drive.requests("/gradio_api/cancel")
    drive.finish()


def test_closing_in_the_midst_of_an_upload() -> None:
    drive = Uploading()
    jobs = [drive.submit("/predict", file(MiB), isolated=isolated) for isolated in (False, True)]
    drive.want()
    drive.close()
    assert all(isinstance(drive.error(job), JobCancelled) for job in jobs)
    drive.finish()


def test_jobs_upload_side_by_side_and_alone() -> None:
    drive = Uploading()
    first = drive.submit("/predict", file(10))
    request = drive.request
    second = drive.submit("/predict", file(10, "other"), isolated=True)
    drive.send_all()
    drive.answer(["/2"])
    drive.cancel(first)
    assert drive.of(AbortExchange) == [request.exchange]
    (join,) = drive.posts(JOIN)
    assert join["data"][0]["path"] == "/2"
    assert join["session_hash"] != drive.session.session_hash
    assert drive.ended(second) is None
    drive.finish()


# Further input.


def running(drive: Uploading) -> tuple[JobId, ExchangeId]:
    job = drive.submit("/listen", None)
    drive.answer({"event_id": "e"})
    stream = drive.requests("/gradio_api/queue/data", "GET")[-1].exchange
    drive.begin(stream)
    drive.write(stream, {"msg": "process_starts", "event_id": "e"})
    return job, stream


def test_further_input_waits_for_its_files_and_keeps_its_order() -> None:
    drive = Uploading()
    job, _ = running(drive)
    drive.send(job, file(5))
    drive.send(job, None)
    drive.end(job)
    assert not drive.requests("/gradio_api/stream/e")
    drive.send_all()
    drive.answer(["/1"])
    first, second = drive.posts("/gradio_api/stream/e")
    assert first["data"][0]["path"] == "/1"
    assert second["data"] == [None]
    for request in drive.requests("/gradio_api/stream/e"):
        assert not drive.requests("/gradio_api/stream/e/close")
        drive.answer({"msg": "success"}, to=request)
    assert len(drive.requests("/gradio_api/stream/e/close")) == 1
    drive.finish()


def test_further_input_before_the_job_is_on_its_way() -> None:
    drive = Uploading()
    job = drive.submit("/listen", file(5))
    drive.send(job, None)
    drive.end(job)
    drive.send_all()
    drive.answer(["/1"])
    assert drive.posts(JOIN)[0]["data"][0]["path"] == "/1"
    drive.answer({"event_id": "e"}, to=drive.requests(JOIN)[0])
    assert drive.posts("/gradio_api/stream/e")[0]["data"] == [None]
    drive.finish()


def test_a_job_that_ends_meanwhile_gets_no_more() -> None:
    drive = Uploading()
    job, stream = running(drive)
    drive.send(job, file(5))
    drive.send_all()
    drive.write(
        stream, {"msg": "process_completed", "event_id": "e", "output": {"data": [1]}, "success": True}
    )
    assert drive.error(job) is None
    assert drive.of(AbortExchange) == [drive.request.exchange]
    assert not drive.requests("/gradio_api/stream/e")
    drive.send(job, file(5))
    drive.finish()


def test_what_an_app_that_is_started_anew_has_of_uploads() -> None:
    drive = Uploading()
    streaming, _ = running(drive)
    drive.send(streaming, file(5))
    further = drive.request.exchange
    job = drive.submit("/predict", file(5))
    begun = drive.request.exchange
    want = drive.want(exchange=begun)
    assert want is None
    uploads = drive.session._uploads
    [taken] = uploads.moved(drive.session._opened_app, 0.0)
    drive.pump()
    # Further input belongs to a job that runs, or ends, where it is.
    assert taken.id == job
    assert drive.of(AbortExchange) == [begun]
    assert uploads.busy(streaming)
    assert not uploads.busy(job)
    # What the wire or the adapter still had to say of it means nothing.
    assert drive.want(exchange=begun) is None
    uploads.submit(taken, 0.0)
    drive.pump()
    assert drive.request.exchange not in (begun, further)
    assert [len(content) for _, content in drive.send_all()] == [5]
    drive.answer(["/2"], to=drive.request)
    assert drive.posts(JOIN)[-1]["data"][0]["path"] == "/2"
    drive.finish()


def test_files_are_held_only_until_the_server_has_the_job() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    record, _ = drive.session._jobs[job]
    drive.send_all()
    drive.answer(["/1"])
    assert record.parcel is not None
    drive.answer({"event_id": "e"})
    assert record.parcel is None
    refused = drive.submit("/predict", file(5))
    record, _ = drive.session._jobs[refused]
    drive.cancel(refused)
    assert record.parcel is None
    drive.finish()


def test_as_a_transport_it_holds_nothing_up() -> None:
    drive = Uploading()
    job = drive.submit("/predict", file(5))
    record, transport = drive.session._jobs[job]
    assert not transport.idle
    assert transport.overflowed(record)
    transport.drained(record, 0.0)
    transport.send(record, None, 0.0)
    transport.close(0.0)
    drive.cancel(job)
    assert transport.idle
    drive.finish()
