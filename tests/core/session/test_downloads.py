"""Downloads: what an app returned, as bytes."""

from __future__ import annotations

from typing import Any

import pytest

from gradio_sansio import (
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    FileData,
    JobCancelled,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.commands import (
    AbortExchange,
    ExchangeId,
    PauseExchange,
    Redirects,
    ResumeExchange,
    StartExchange,
)
from gradio_sansio.events import (
    AppClosed,
    DownloadEvent,
    DownloadFinished,
    DownloadId,
    DownloadReceived,
    DownloadStarted,
)
from tests.core.session.drive import Drive

FILE = FileData(
    path="/tmp/a b.txt", url="http://app.test:7860/gradio_api/file=/tmp/a%20b.txt", orig_name="a b.txt"
)
PREFIX = {"api_prefix": "/gradio_api"}


class Fetching(Drive):
    def __init__(self, *, limits: Limits | None = None) -> None:
        super().__init__("6.31.0", limits=limits, changes=PREFIX)

    def fetch(self, file: FileData | str = FILE) -> DownloadId:
        download = self.session.download(file, self.now)
        self.pump()
        return download

    @property
    def request(self) -> StartExchange:
        return [c for c in self.commands if isinstance(c, StartExchange)][-1]

    def start(self, status: int = 200, *headers: tuple[str, str]) -> ExchangeId:
        exchange = self.request.exchange
        self.begin(exchange, status, headers)
        return exchange

    def write(self, exchange: ExchangeId, *messages: dict[str, Any] | bytes) -> None:
        for data in messages:
            assert isinstance(data, bytes)
            self.session.body_received(exchange, data, self.now)
        self.pump()

    def told_of(self, download: DownloadId) -> list[DownloadEvent]:
        kinds = (DownloadStarted, DownloadReceived, DownloadFinished)
        return [e for e in self.events if isinstance(e, kinds) and e.download == download]

    def failure(self, download: DownloadId) -> Any:
        last = self.told_of(download)[-1]
        assert isinstance(last, DownloadFinished)
        self.finish()
        assert self.told_of(download)[-1] is last
        return last.error


def test_a_file_comes_in_pieces() -> None:
    drive = Fetching()
    download = drive.fetch()
    assert drive.request.url == FILE.url
    assert drive.request.method == "GET"
    assert drive.request.redirects is Redirects.SAME_ORIGIN
    assert drive.request.headers == (("accept", "*/*"),)
    assert not drive.request.compressed
    exchange = drive.start(200, ("content-length", "5"))
    drive.write(exchange, b"123", b"45")
    assert drive.told_of(download) == [
        DownloadStarted(download, "a b.txt", 5),
        DownloadReceived(download, b"123"),
        DownloadReceived(download, b"45"),
    ]
    assert repr(drive.told_of(download)[1]) == f"DownloadReceived({download}, data=<3 bytes>)"
    drive.finish_stream(exchange)
    assert drive.told_of(download)[3:] == [DownloadFinished(download, None)]
    # What comes late is nothing any more.
    drive.session.downloaded(download, 5, 0.0)
    drive.session.abort_download(download, 0.0)
    drive.finish()


@pytest.mark.parametrize(
    ("header", "size"), [("7", 7), ("", None), ("-1", None), ("0x7", None), ("\u0667", None)]
)
def test_the_size_is_told_if_it_is_one(header: str, size: int | None) -> None:
    drive = Fetching()
    download = drive.fetch("/tmp/a")
    drive.start(200, ("content-length", header))
    assert drive.told_of(download) == [DownloadStarted(download, "/tmp/a", size)]
    drive.finish()


def test_an_empty_file() -> None:
    drive = Fetching()
    download = drive.fetch()
    drive.finish_stream(drive.start(200))
    assert drive.failure(download) is None


@pytest.mark.parametrize("url", ["data:image/png;base64,cG5n", "data:,png"])
def test_a_file_within_an_answer(url: str) -> None:
    drive = Fetching()
    download = drive.fetch(FileData(url=url, orig_name="a.png"))
    assert drive.told_of(download) == [
        DownloadStarted(download, "a.png", 3),
        DownloadReceived(download, b"png"),
        DownloadFinished(download, None),
    ]
    assert not drive.commands
    empty = drive.fetch("data:,")
    assert drive.told_of(empty) == [DownloadStarted(empty, "file", 0), DownloadFinished(empty, None)]
    with pytest.raises(ValidationError, match="data URL is not valid"):
        drive.fetch("data:;base64,a")
    drive.finish()


def test_what_isnt_the_apps_is_refused_at_once() -> None:
    drive = Fetching()
    with pytest.raises(ValidationError, match=r"other\.test"):
        drive.fetch(FileData(path="/tmp/a", url="http://other.test/file=/tmp/a"))
    assert not drive.commands
    drive.finish()
    with pytest.raises(LocalProtocolError, match="nothing can be downloaded while the app is closed"):
        drive.fetch()


# A slow application.


def test_the_server_is_held_back() -> None:
    drive = Fetching(limits=Limits(download_buffer=100))
    download = drive.fetch()
    exchange = drive.start()
    drive.write(exchange, bytes(100))
    assert not drive.of(PauseExchange)
    # What had been received before may still come.
    drive.write(exchange, bytes(1), bytes(50))
    assert drive.of(PauseExchange) == [exchange]
    drive.wait(1000.0)
    drive.session.downloaded(download, 100, drive.now)
    drive.pump()
    assert not drive.of(ResumeExchange)
    drive.session.downloaded(download, 1, drive.now)
    drive.pump()
    assert drive.of(ResumeExchange) == [exchange]
    drive.write(exchange, bytes(60))
    assert drive.of(PauseExchange) == [exchange, exchange]
    drive.session.downloaded(download, 110, drive.now)
    drive.pump()
    drive.finish_stream(exchange)
    assert sum(len(e.data) for e in drive.told_of(download) if isinstance(e, DownloadReceived)) == 211
    assert drive.failure(download) is None


def test_an_end_while_it_is_held() -> None:
    drive = Fetching(limits=Limits(download_buffer=1))
    download = drive.fetch()
    exchange = drive.start()
    drive.write(exchange, bytes(10))
    drive.finish_stream(exchange)
    assert drive.failure(download) is None


# How it fails.


def test_silence() -> None:
    drive = Fetching(limits=Limits(idle=60.0))
    download = drive.fetch()
    exchange = drive.start()
    for _ in range(3):
        drive.wait(50.0)
        drive.write(exchange, b"x")
    drive.wait(60.0)
    error = drive.failure(download)
    assert isinstance(error, DeadlineExceeded)
    assert error.limit == "idle"


def test_a_connection_that_is_lost() -> None:
    drive = Fetching()
    download = drive.fetch()
    exchange = drive.start()
    drive.write(exchange, b"12")
    lost = Disconnected("it closed the connection", phase="response", url="http://app.test:7860/")
    drive.fail(exchange, lost)
    assert drive.failure(download) is lost


@pytest.mark.parametrize("said", [True, False])
def test_more_than_the_limit(said: bool) -> None:
    drive = Fetching(limits=Limits(download=10))
    download = drive.fetch()
    exchange = drive.start(200, *([("content-length", "11")] if said else []))
    if not said:
        drive.session.body_received(exchange, bytes(10), 0.0)
        # Two pieces of one read: the second comes after it was left.
        drive.session.body_received(exchange, bytes(1), 0.0)
        drive.session.body_received(exchange, bytes(1), 0.0)
        drive.pump()
    assert drive.of(AbortExchange) == [exchange]
    error = drive.failure(download)
    assert isinstance(error, RemoteProtocolError)
    assert "Limits.download" in error.message


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (404, b'{"detail":"File not found: /tmp/a"}', RemoteProtocolError, "the server has no file at"),
        (403, b'{"detail":"File not allowed: /tmp/a."}', AuthError, "gives out no such file"),
        (401, b'{"detail":"Not authenticated"}', AuthError, "pass auth="),
        (302, b"", RemoteProtocolError, "redirects the download"),
        (206, b"", RemoteProtocolError, "answered 206"),
        (500, b"x" * 200_000, RemoteProtocolError, "answered 500"),
        (503, b"<html>", ConnectError, "not up"),
    ],
)
def test_refusals(status: int, body: bytes, kind: type[Exception], text: str) -> None:
    drive = Fetching()
    download = drive.fetch()
    exchange = drive.start(status, ("content-type", "application/json"))
    drive.write(exchange, body, body)
    assert not drive.told_of(download)
    drive.finish_stream(exchange)
    error = drive.failure(download)
    assert isinstance(error, kind)
    assert text in error.message  # type: ignore[attr-defined]


# Leaving it.


def test_aborting() -> None:
    drive = Fetching()
    download = drive.fetch()
    exchange = drive.start()
    drive.write(exchange, b"12")
    before = drive.told_of(download)
    drive.session.abort_download(download, 0.0)
    drive.pump()
    assert drive.of(AbortExchange) == [exchange]
    drive.session.abort_download(download, 0.0)
    drive.session.downloaded(download, 2, 0.0)
    drive.session.body_received(exchange, b"34", 0.0)
    drive.pump()
    assert drive.told_of(download) == before
    drive.finish()


def test_closing() -> None:
    drive = Fetching()
    downloads = [drive.fetch(), drive.fetch()]
    drive.start()
    drive.close()
    for download in downloads:
        last = drive.told_of(download)[-1]
        assert isinstance(last, DownloadFinished)
        assert isinstance(last.error, JobCancelled)
    drive.finish()
    assert isinstance(drive.events[-1], AppClosed)


def test_misuse() -> None:
    drive = Fetching()
    for act in (drive.session.abort_download, lambda id, now: drive.session.downloaded(id, 1, now)):
        with pytest.raises(LocalProtocolError, match="there is no download 7"):
            act(DownloadId(7), 0.0)
    drive.finish()
