"""Downloads: files that an app returned, as bytes.

Rules:

* Only the app's own origin is asked, and redirects to another are not followed: what an app names elsewhere is a claim, and asking for it
  would let the app choose whom this machine talks to.
* A file that came within an answer is decoded; nothing is asked.
* The server is held back while what it sent is not taken (``Limits.download_buffer``), and left where it sends more than
  ``Limits.download``.
* A download ends once. What comes of an aborted one is dropped.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from gradio_sansio.commands import ExchangeId, Headers, Redirects
from gradio_sansio.errors import (
    AuthError,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.events import DownloadFinished, DownloadId, DownloadReceived, DownloadStarted
from gradio_sansio.files import FileData
from gradio_sansio.session.app import App
from gradio_sansio.session.datauri import decode_data_uri
from gradio_sansio.session.exchanges import Response
from gradio_sansio.wire.origin import Url

_REFUSAL: Final = 64 * 1024
"""Bytes of a refusal that are read."""
_PIECE: Final = 256 * 1024
"""What of a file that is at hand is told at a time."""


class DownloadState(Enum):
    ASKING = "asking"
    RECEIVING = "receiving"
    HELD = "held"
    """The application is slow, and the server waits."""
    REFUSED = "refused"
    """The server says why."""
    ENDED = "ended"


class DownloadInput(Enum):
    FOUND = "response 200"
    REFUSED = "another response"
    FULL = "more than the application takes"
    DRAINED = "taken"
    FINISHED = "end of body, failure or abort"


_S, _I = DownloadState, DownloadInput

TRANSITIONS: Final[dict[DownloadState, dict[DownloadInput, DownloadState]]] = {
    _S.ASKING: {_I.FOUND: _S.RECEIVING, _I.REFUSED: _S.REFUSED, _I.FINISHED: _S.ENDED},
    _S.RECEIVING: {_I.FULL: _S.HELD, _I.FINISHED: _S.ENDED},
    _S.HELD: {_I.DRAINED: _S.RECEIVING, _I.FINISHED: _S.ENDED},
    _S.REFUSED: {_I.FINISHED: _S.ENDED},
    _S.ENDED: {},
}


class _Download:
    __slots__ = (
        "body",
        "exchange",
        "headers",
        "id",
        "name",
        "outstanding",
        "received",
        "state",
        "status",
        "url",
    )

    def __init__(self, id: DownloadId, name: str, url: Url) -> None:
        self.id = id
        self.name = name
        self.url = url
        self.exchange: ExchangeId | None = None
        self.state: DownloadState = DownloadState.ASKING
        self.received = 0
        self.outstanding = 0
        self.status = 0
        self.headers: Headers = ()
        self.body = bytearray()

    def on(self, input: DownloadInput) -> None:
        self.state = TRANSITIONS[self.state][input]


class Downloads:
    """All downloads of a session."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._issued = 0
        self._open: dict[DownloadId, _Download] = {}
        self._by_exchange: dict[ExchangeId, _Download] = {}

    # What the session asks.

    def moved(self, app: App) -> None:
        """The app was started anew, as another one perhaps."""
        self._app = app

    def start(self, file: FileData | str, now: float) -> DownloadId:
        """Fetch a file. ``ValidationError`` where it isn't the app's to give."""
        url, name = self._app.files.locate(file)
        content = _decoded(url) if isinstance(url, str) else b""
        self._issued += 1
        id = DownloadId(self._issued)
        if isinstance(url, Url):
            download = self._open[id] = _Download(id, name, url)
            download.exchange = self._app.exchanges.stream(
                self, url, now, accept="*/*", redirects=Redirects.SAME_ORIGIN
            )
            self._by_exchange[download.exchange] = download
        else:
            actions = self._app.actions
            actions.append(DownloadStarted(id, name, len(content)))
            actions += [DownloadReceived(id, content[i : i + _PIECE]) for i in range(0, len(content), _PIECE)]
            actions.append(DownloadFinished(id, None))
        return id

    def taken(self, id: DownloadId, n: int, now: float) -> None:
        """The application has written ``n`` bytes."""
        download = self._find(id)
        if download is None:
            return
        download.outstanding -= n
        half = self._app.limits.download_buffer // 2
        if download.state is DownloadState.HELD and download.outstanding <= half:
            download.on(DownloadInput.DRAINED)
            assert download.exchange is not None
            self._app.exchanges.resume(download.exchange, now)

    def abort(self, id: DownloadId) -> None:
        """The application doesn't want it any more. Nothing more is told of it."""
        download = self._find(id)
        if download is not None:
            self._forget(download)

    def close(self) -> None:
        """The app is closed."""
        for download in list(self._open.values()):
            self._fail(download, JobCancelled("the download was cancelled by closing the app"))

    def _find(self, id: DownloadId) -> _Download | None:
        if not 0 < id <= self._issued:
            raise LocalProtocolError(f"there is no download {id}", state=f"{self._issued} downloads begun")
        return self._open.get(id)

    def _forget(self, download: _Download) -> None:
        download.on(DownloadInput.FINISHED)
        assert download.exchange is not None
        del self._open[download.id]
        del self._by_exchange[download.exchange]
        # Which does nothing where it has ended.
        self._app.exchanges.abort(download.exchange)

    def _fail(self, download: _Download, error: GradioError) -> None:
        self._forget(download)
        self._app.actions.append(DownloadFinished(download.id, error))

    # What the network says.

    def stream_started(self, exchange: ExchangeId, status: int, headers: Headers, now: float) -> None:
        download = self._by_exchange[exchange]
        if status != 200:
            download.on(DownloadInput.REFUSED)
            download.status, download.headers = status, headers
            return
        length = next((value for name, value in headers if name == "content-length"), "")
        size = int(length) if length.isascii() and length.isdigit() else None
        download.on(DownloadInput.FOUND)
        if not self._too_large(download, size or 0):
            self._app.actions.append(DownloadStarted(download.id, download.name, size))

    def stream_received(self, exchange: ExchangeId, data: bytes, now: float) -> None:
        download = self._by_exchange[exchange]
        if download.state is DownloadState.REFUSED:
            download.body += data[: max(0, _REFUSAL - len(download.body))]
            return
        download.received += len(data)
        if self._too_large(download, download.received):
            return
        self._app.actions.append(DownloadReceived(download.id, data))
        download.outstanding += len(data)
        if (
            download.state is DownloadState.RECEIVING
            and download.outstanding > self._app.limits.download_buffer
        ):
            download.on(DownloadInput.FULL)
            self._app.exchanges.pause(exchange)

    def stream_ended(self, exchange: ExchangeId, error: GradioError | None, now: float) -> None:
        download = self._by_exchange[exchange]
        if error is not None:
            self._fail(download, error)
        elif download.state is DownloadState.REFUSED:
            self._fail(download, self._refusal(download))
        else:
            self._forget(download)
            self._app.actions.append(DownloadFinished(download.id, None))

    def _too_large(self, download: _Download, size: int) -> bool:
        most = self._app.limits.download
        if size <= most:
            return False
        text = f"the file is too large: {size} bytes or more, of {most} (Limits.download)"
        error = RemoteProtocolError(text, expected=f"a file of {most} bytes at most", seen=f"{size} bytes")
        self._fail(download, error)
        return True

    def _refusal(self, download: _Download) -> GradioError:
        status, where = download.status, download.url.redacted
        if 300 <= status < 400:
            text = f"the server redirects the download of {where} elsewhere, which isn't followed"
            return RemoteProtocolError(text, expected="the file", seen=f"HTTP {status}")
        if status == 404:
            text = f"the server has no file at {where}"
            return RemoteProtocolError(text, expected="the file", seen="HTTP 404")
        response = Response(status, download.headers, where, bytes(download.body))
        error = self._app.refusal(response, "download")
        if status == 403 and isinstance(error, AuthError):
            # What Gradio means by it: a path outside the folders that the app gives files from.
            text = f"the server gives out no such file: {where}"
            return AuthError(text, hint="allowed_paths, where the app is launched")
        return error


def _decoded(uri: str) -> bytes:
    try:
        return decode_data_uri(uri)
    except ValueError as error:
        reason = f"the file's data URL is not valid: {error}"
        raise ValidationError(reason, parameter=None, reason=reason) from None
