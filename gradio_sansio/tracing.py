"""The conversation with an app as lines of a transcript, without its secrets.

A recorder hears what the session asks of HTTP and what comes of it, so redirects, cookies, proxies and compression are not in it. Each
line is an entry in the form that ``gradio_sansio.testing.transcripts`` reads, and its ``Player`` plays again. Rules:

* Of header fields only those that are known to be harmless keep their values, of a URL's query none does, and a form (a login) none.
* In JSON and text, values are hidden that have the name of a secret, the form of one, or were given to the client as one.
* A file that is sent is left out; one that comes is cut after ``MOST`` bytes.
* What an event stream says is written by whole events, anything else by whole messages, so that nothing is cut in the midst of a secret.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote, quote_plus

from gradio_sansio.commands import (
    AbortExchange,
    CloseSocket,
    ExchangeCommand,
    ExchangeId,
    Headers,
    OpenSocket,
    PulledBody,
    SendMessage,
    StartExchange,
)
from gradio_sansio.wire.origin import Url

HIDDEN: Final = "***"
MOST: Final = 64 * 1024
"""Bytes of a body that is neither text nor JSON."""
_HARMLESS: Final = frozenset(
    (
        "accept",
        "connection",
        "content-type",
        "retry-after",
        "server",
        "upgrade",
        "www-authenticate",
        "x-gradio-user",
    )
)
_SECRET_ENDINGS: Final = (
    "accesskey",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "email",
    "jwt",
    "passwd",
    "password",
    "secret",
    "sessionhash",
    "signature",
    "token",
    "username",
)
# Each is linear: what may repeat ends at a character that it can't hold, and is bounded where another part follows.
_JSON_MEMBER: Final = re.compile(r'"([^"\\]{1,64})"(\s{0,8}:\s{0,8})"((?:[^"\\]|\\.)*)"')
_QUERY: Final = re.compile(r"([?&;])([^=&?;\"'\s\\<>]{1,64})=([^&;\"'\s\\<>#]+)")
_USERINFO: Final = re.compile(r"(?<=//)[^/@\s\"'\\?#]{1,256}@")
_SHAPES: Final = re.compile(
    r"\bhf_[A-Za-z0-9]{8,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|(?<=Bearer )\S+|(?<=bearer )\S+"
)


class Recorder:
    """Writes one session's conversation down.

    Args:
        secrets: texts that are never to be written: tokens, passwords, values of header fields.
        mask: is given each text after that, and returns what is written in its place; to hide what users sent.
    """

    def __init__(self, secrets: Iterable[str], mask: Callable[[str], str] | None) -> None:
        # In the forms in which JSON and URLs write them, too; the longest first, since one may hold another.
        forms = {form for secret in secrets if len(secret) > 3 for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)
        self._mask = mask
        self._lines: list[str] = []
        self._answers: dict[ExchangeId, _Answer] = {}

    def drain(self) -> list[str]:
        """The lines since the last call, each with its end."""
        lines, self._lines = self._lines, []
        return lines

    # What the session asks.

    def asked(self, command: ExchangeCommand) -> None:
        """A command is being carried out."""
        match command:
            case StartExchange():
                body = b"" if isinstance(command.body, PulledBody) else command.body
                self._request(command.exchange, command.method, command.url, command.headers, body)
            case OpenSocket():
                # What makes it a websocket, and a key for form's sake: that of the player's client counts.
                upgrade = (("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", HIDDEN))
                self._request(command.exchange, "GET", command.url, command.headers + upgrade, b"")
            case SendMessage():
                self._write(command.exchange, "client", message=self.redacted(command.text))
            case CloseSocket():
                self._write(command.exchange, "client", code=command.code)
                self._answers.pop(command.exchange, None)
            case AbortExchange():
                self._answers.pop(command.exchange, None)
            case _:
                pass

    def _request(
        self, exchange: ExchangeId, method: str, address: str, headers: Headers, body: bytes
    ) -> None:
        self._answers[exchange] = _Answer()
        url = Url.parse(address)
        kind = dict(headers).get("content-type", "")
        if "form-urlencoded" in kind:
            body = HIDDEN.encode()
        content = self._content(body, kind)
        fields = [("host", url.origin.host), *self._fields(headers), ("content-length", str(len(content)))]
        head = _head(f"{method} {self._target(url.target)} HTTP/1.1", fields)
        self._bytes(exchange, "client", head + content)

    # What came of it.

    def started(self, exchange: ExchangeId, status: int, headers: Headers) -> None:
        """The head of an answer has come."""
        answer = self._answers.get(exchange)
        if answer is None:
            return
        answer.status, answer.headers, answer.kind = status, headers, dict(headers).get("content-type", "")
        answer.stream = "event-stream" in answer.kind
        if answer.stream:
            fields = [*self._fields(headers), ("transfer-encoding", "chunked")]
            self._bytes(exchange, "server", _head(f"HTTP/1.1 {status} ", fields))

    def received(self, exchange: ExchangeId, data: bytes) -> None:
        """A piece of its body has come."""
        answer = self._answers.get(exchange)
        if answer is None:
            return
        if answer.stream:
            end = data.rfind(b"\n\n") + 2
            if end > 1:
                self._piece(exchange, bytes(answer.body) + data[:end])
                answer.body.clear()
                data = data[end:]
        elif not _is_text(answer.kind):
            data = data[: MOST - len(answer.body)]
        answer.body += data

    def ended(self, exchange: ExchangeId) -> None:
        """It is complete."""
        answer = self._answers.pop(exchange, None)
        if answer is None:
            return
        if answer.stream:
            self._piece(exchange, bytes(answer.body))
            self._bytes(exchange, "server", b"0\r\n\r\n")
            return
        content = self._content(bytes(answer.body), answer.kind)
        fields = [*self._fields(answer.headers), ("content-length", str(len(content)))]
        self._bytes(exchange, "server", _head(f"HTTP/1.1 {answer.status} ", fields) + content)

    def failed(self, exchange: ExchangeId) -> None:
        """It broke."""
        answer = self._answers.pop(exchange, None)
        if answer is not None:
            if answer.stream:
                self._piece(exchange, bytes(answer.body))
            self._write(exchange, "server", end="reset")

    def opened(self, exchange: ExchangeId) -> None:
        """A websocket is open."""
        fields = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-accept", HIDDEN)]
        self._bytes(exchange, "server", _head("HTTP/1.1 101 Switching Protocols", fields))

    def told(self, exchange: ExchangeId, text: str | bytes) -> None:
        """A websocket's message has come."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        self._write(exchange, "server", message=self.redacted(text))

    def closed(self, exchange: ExchangeId, code: int) -> None:
        """A websocket has ended; 1006 stands for the end of the connection."""
        if self._answers.pop(exchange, None) is not None:
            ending: dict[str, object] = {"end": "close"} if code == 1006 else {"code": code}
            self._write(exchange, "server", **ending)

    # What is written.

    def redacted(self, text: str) -> str:
        """A text without what it may hold of secrets."""
        text = _JSON_MEMBER.sub(_member, text)
        text = _QUERY.sub(_parameter, text)
        text = _USERINFO.sub(f"{HIDDEN}@", text)
        text = _SHAPES.sub(HIDDEN, text)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        if self._mask is None:
            return text
        try:
            return self._mask(text)
        except Exception:  # noqa: BLE001  # whatever it raises: better nothing than too much
            return HIDDEN

    def _content(self, body: bytes, kind: str) -> bytes:
        if not body or not (_is_text(kind) or not kind):
            return body
        return self.redacted(body.decode("utf-8", "replace")).encode()

    def _fields(self, headers: Headers) -> list[tuple[str, str]]:
        return [
            (name, value if name.lower() in _HARMLESS else HIDDEN)
            for name, value in headers
            if name.lower() not in ("content-length", "content-encoding", "transfer-encoding", "host")
        ]

    def _target(self, target: str) -> str:
        path, mark, query = target.partition("?")
        names = [part.partition("=")[0] + "=" + HIDDEN for part in query.split("&")]
        return self.redacted(path).replace(" ", "%20") + (mark + "&".join(names) if mark else "")

    def _piece(self, exchange: ExchangeId, data: bytes) -> None:
        if data:
            data = self._content(data, "text/event-stream")
            self._bytes(exchange, "server", b"%x\r\n%b\r\n" % (len(data), data))

    def _bytes(self, exchange: ExchangeId, side: str, data: bytes) -> None:
        try:
            self._write(exchange, side, text=data.decode())
        except UnicodeDecodeError:
            self._write(exchange, side, base64=b64encode(data).decode())

    def _write(self, exchange: ExchangeId, side: str, **what: object) -> None:
        fields: dict[str, Any] = {"conn": exchange, "from": side, **what}
        self._lines.append(json.dumps(fields, ensure_ascii=False) + "\n")


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret)
    yield quote_plus(secret)


class _Answer:
    """What has come of an answer, and is not written yet."""

    __slots__ = ("body", "headers", "kind", "status", "stream")

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.kind = ""
        self.stream = False
        self.body = bytearray()


def _head(first: str, fields: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or "json" in kind or "form-urlencoded" in kind


def _names_secret(name: str) -> bool:
    plain = name.lower().replace("_", "").replace("-", "")
    return plain.endswith(_SECRET_ENDINGS) or plain == "sign"


def _member(found: re.Match[str]) -> str:
    name, colon, value = found.groups()
    return f'"{name}"{colon}"{HIDDEN}"' if value and _names_secret(name) else found.group()


def _parameter(found: re.Match[str]) -> str:
    mark, name, _ = found.groups()
    return f"{mark}{name}={HIDDEN}" if _names_secret(name) else found.group()
