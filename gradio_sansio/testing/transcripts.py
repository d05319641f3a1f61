r"""Recorded exchanges, and a host that plays the server's side of them.

A transcript is JSON lines. Each says who (``from``: ``client`` or ``server``), on which connection (``conn``), and what: ``text``,
``base64`` for bytes that are no UTF-8, ``message`` for a text message of a websocket, ``code`` for a websocket's close frame, or ``end``
(``close`` or ``reset``):

    {"conn": 1, "from": "client", "text": "POST /queue/join HTTP/1.1\r\n..."}
    {"conn": 1, "from": "server", "text": "HTTP/1.1 200 OK\r\n..."}

``Player`` feeds the server's side to whoever connects. Rules:

* A request is matched by method, path and, if it has one, the keys of its JSON body, which must be among those that were sent (and
  ``fn_index`` by its value): the first recorded one that is like it and was not matched before. A client may send more than the
  recorded one did, in another order, over other connections. What matches nothing gets 404 and is noted in ``unmatched``.
* What a client sends over a websocket is matched in its order, a message like a request's body. The server's answer to its key is the
  only thing that is made anew.
* What the server said is said again once all requests that were recorded before it have been made, so it never answers what it has not
  been asked; within an answer the recorded pieces and their order stay.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import h11

from gradio_sansio.testing.frames import Close, Frame, FrameReader, Message, accept_key, frame
from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.serving import Request, parsed

_ACCEPT: Final = re.compile(rb"(?i)(?<=\r\nsec-websocket-accept: )[^\r]*")
NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Entry:
    """One line of a transcript."""

    conn: int
    from_client: bool
    what: bytes | Cut | Frame


def read_transcript(text: str) -> list[Entry]:
    """The entries of a transcript.

    Raises:
        ValueError: a line is none.
    """
    entries: list[Entry] = []
    # Not by `splitlines`: a JSON text may hold U+2028 as it is.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        try:
            fields = json.loads(line)
            what: bytes | Cut | Frame
            if "end" in fields:
                what = Cut.END if fields["end"] == "close" else Cut.RESET
            elif "message" in fields:
                what = Message(fields["message"])
            elif "code" in fields:
                what = Close(fields["code"])
            elif "text" in fields:
                what = fields["text"].encode()
            else:
                what = b64decode(fields["base64"])
            entries.append(Entry(fields["conn"], fields["from"] == "client", what))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} is no entry of a transcript: {error!r}") from None
    return entries


def write_transcript(entries: Iterable[Entry]) -> str:
    """The text of a transcript."""
    lines: list[str] = []
    for entry in entries:
        fields: dict[str, Any] = {"conn": entry.conn, "from": "client" if entry.from_client else "server"}
        if isinstance(entry.what, Cut):
            fields["end"] = "close" if entry.what is Cut.END else "reset"
        elif isinstance(entry.what, Message):
            fields["message"] = entry.what.text
        elif isinstance(entry.what, Close):
            fields["code"] = entry.what.code
        else:
            try:
                fields["text"] = entry.what.decode()
            except UnicodeDecodeError:
                fields["base64"] = b64encode(entry.what).decode()
        lines.append(json.dumps(fields, ensure_ascii=False))
    return "".join(line + "\n" for line in lines)


@dataclass
class _Exchange:
    """One recorded request, and what was said next on that connection."""

    request: Request
    answer: list[tuple[int, bytes | Cut | Frame]] = field(
        default_factory=list[tuple[int, "bytes | Cut | Frame"]]
    )
    """Each piece with the number of requests, and of messages of clients, that were recorded before it."""
    messages: list[Frame] = field(default_factory=list[Frame])
    """What the client said over the websocket that it asked for."""
    player: _Playing | None = None


class _Recording:
    """One transcript, as far as it has been played."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.exchanges: list[_Exchange] = []
        self.made: int = 0
        """Requests and messages of clients, so far."""
        recorded = 0
        readers: dict[int, _Reader] = {}
        current: dict[int, _Exchange] = {}
        for entry in entries:
            if not entry.from_client:
                if entry.conn in current:
                    current[entry.conn].answer.append((recorded, entry.what))
            elif isinstance(entry.what, (Message, Close)):
                current[entry.conn].messages.append(entry.what)
                recorded += 1
            elif isinstance(entry.what, bytes):
                request = readers.setdefault(entry.conn, _Reader()).feed(entry.what)
                if request is not None:
                    current[entry.conn] = _Exchange(request)
                    self.exchanges.append(current[entry.conn])
                    recorded += 1

    def go_on(self) -> None:
        """One more request or message has been made: say what may be said by now."""
        self.made += 1
        for exchange in self.exchanges:
            while exchange.player is not None and exchange.answer and exchange.answer[0][0] <= self.made:
                exchange.player.say(exchange.answer.pop(0)[1])

    def find(self, request: Request) -> _Exchange | None:
        return next((e for e in self.exchanges if e.player is None and _alike(e.request, request)), None)


class Player:
    """A host that plays transcripts."""

    def __init__(self, *transcripts: Iterable[Entry]) -> None:
        self._recordings = [_Recording(entries) for entries in transcripts]
        self.unmatched: list[Request] = []
        """Requests that are in no transcript."""

    def accept(self, now: float) -> _Playing:
        """A new connection."""
        del now
        return _Playing(self)

    @property
    def deadline(self) -> None:
        """It knows no time."""

    def tick(self, now: float) -> None:
        """Nothing to do."""

    def requested(self, connection: _Playing, request: Request) -> None:
        """A request has come."""
        for recording in self._recordings:
            found = recording.find(request)
            if found is not None:
                found.player = connection
                if "upgrade" in request.headers:
                    connection.upgrade(request.headers["sec-websocket-key"], recording, found)
                recording.go_on()
                return
        self.unmatched.append(request)
        connection.out.append(NOT_FOUND)

    def said(self, recording: _Recording, exchange: _Exchange, item: Frame) -> None:
        """A client has said something over a websocket."""
        if exchange.messages and _same(exchange.messages[0], item):
            del exchange.messages[0]
            recording.go_on()
        else:
            body = item.text.encode() if isinstance(item, Message) else b""
            method = type(item).__name__.upper()
            self.unmatched.append(Request(method, exchange.request.path, {}, {}, body))


class _Playing:
    """One connection to a player."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._reader = _Reader()
        self.out: deque[bytes | Cut] = deque()
        self._key = ""
        self._socket: tuple[FrameReader, _Recording, _Exchange] | None = None

    def upgrade(self, key: str, recording: _Recording, exchange: _Exchange) -> None:
        """What comes from now on are frames."""
        self._key = key
        self._socket = FrameReader(), recording, exchange

    def say(self, what: bytes | Cut | Frame) -> None:
        """Send something of what was recorded."""
        if isinstance(what, bytes):
            what = _ACCEPT.sub(accept_key(self._key).encode(), what)
        self.out.append(frame(what) if isinstance(what, (Message, Close)) else what)

    def received(self, data: bytes, now: float) -> None:
        """Bytes have come."""
        del now
        if self._socket is not None:
            reader, recording, exchange = self._socket
            for item in reader.feed(data):
                self._player.said(recording, exchange, item)
            return
        request = self._reader.feed(data)
        if request is not None:
            self._player.requested(self, request)

    def closed(self, now: float) -> None:
        """The client is gone; what was recorded for it is said to nobody."""

    def drain(self) -> list[bytes | Cut]:
        """What is to be sent."""
        items = list(self.out)
        self.out.clear()
        return items


class _Reader:
    """Reads the requests of one connection, which come one at a time."""

    def __init__(self) -> None:
        self._codec = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = b""

    def feed(self, data: bytes) -> Request | None:
        """The request that these bytes complete."""
        self._codec.receive_data(data)
        while (event := self._codec.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            else:
                head = self._head
                assert head is not None
                request = parsed(head.method, head.target, head.headers, self._body)
                # Nothing is answered through it, so it takes one request only.
                self._codec, self._head, self._body = h11.Connection(h11.SERVER), None, b""
                return request
        return None


def _alike(recorded: Request, request: Request) -> bool:
    if (recorded.method, recorded.path) != (request.method, request.path):
        return False
    try:
        theirs = recorded.json
    except ValueError:
        # None, or a form or a file, of which a trace shows nothing.
        return True
    return _covered(theirs, request.json)


def _same(recorded: Frame, item: Frame) -> bool:
    if isinstance(recorded, Message) and isinstance(item, Message):
        return _covered(json.loads(recorded.text), json.loads(item.text))
    return isinstance(recorded, Close) and isinstance(item, Close)


def _covered(theirs: Any, ours: Any) -> bool:
    return set(theirs) <= set(ours) and bool(
        "fn_index" not in theirs or theirs["fn_index"] == ours["fn_index"]
    )
