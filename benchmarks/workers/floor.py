"""The floor: bare sockets that send prepared bytes and look for the end of each answer. It decodes nothing but the app's config.

It knows the queue protocol of Gradio 4.9 and later; the websockets of 3.x it doesn't.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
from itertools import count as counter
from typing import Any, Final
from urllib.parse import urlsplit

from worker import TEXT, Meter, requests

LENGTH: Final = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
COMPLETED: Final = b'"msg":"process_completed"'
YIELDED: Final = b'"msg":"process_generating"'
LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
READ: Final = 256 * 1024


class Connection:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        sock = socket.create_connection((parts.hostname, parts.port or 443))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
            sock = context.wrap_socket(sock, server_hostname=parts.hostname)
        self._sock = sock
        self._rest = b""

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def answer(self) -> bytes:
        """The next answer, head and body, of a known length."""
        data = self._rest
        while True:
            head = data.find(b"\r\n\r\n") + 4
            if head > 3:
                match = LENGTH.search(data, 0, head)
                assert match is not None, data[:200]
                if len(data) >= (end := head + int(match[1])):
                    assert data.startswith(b"HTTP/1.1 200"), data[:200]
                    self._rest = data[end:]
                    return data[:end]
            data += self._sock.recv(READ)

    def stream(self, mark: bytes) -> int:
        """Read an answer in chunks to its end; how often ``mark`` came."""
        found = 0
        data, self._rest = self._rest, b""
        while True:
            new = self._sock.recv(READ)
            assert new, "the server closed the connection"
            found += (data[-len(mark) + 1 :] + new).count(mark)
            data = (data + new)[-64:]
            if data.endswith(LAST_CHUNK):
                return found

    def close(self) -> None:
        self._sock.close()


class Floor:
    """What it takes to call one app."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = urlsplit(url).netloc
        self.first, self.second = Connection(url), Connection(url)
        self.first.send(self.get("/config"))
        config = json.loads(self.first.answer().partition(b"\r\n\r\n")[2])
        self._prefix = config.get("api_prefix", "")
        self._functions = {
            item["api_name"]: item.get("id", place) for place, item in enumerate(config["dependencies"])
        }
        self._sessions = counter()
        self.renew()

    def renew(self) -> None:
        """Begin a session of its own: the server may still be about to clear up after the last one."""
        self._session = f"floor{next(self._sessions)}"
        self._data = self.get(f"{self._prefix}/queue/data?session_hash={self._session}")

    def get(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode()

    def join(self, name: str, *data: object) -> bytes:
        """The request that begins a job."""
        body = json.dumps(
            {"data": data, "fn_index": self._functions[name], "session_hash": self._session}
        ).encode()
        head = (
            f"POST {self._prefix}/queue/join HTTP/1.1\r\nhost: {self._host}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def connect(self) -> None:
        """Config and description, one after the other, over a connection of their own."""
        connection = Connection(self._url)
        for path in ("/config", f"{self._prefix}/info"):
            connection.send(self.get(path))
            connection.answer()
        connection.close()

    def call(self, join: bytes, mark: bytes = COMPLETED) -> int:
        """One job from its join to the end of its stream; how often the mark came."""
        self.first.send(join)
        self.first.answer()
        self.first.send(self._data)
        return self.first.stream(mark)

    def call_at_once(self, join: bytes) -> int:
        """As ``call``, with both requests in one packet: what a call in one round trip would take."""
        self.first.send(join + self._data)
        self.first.answer()
        return self.first.stream(COMPLETED)

    def jobs(self, join: bytes, count: int) -> int:
        """Many joins on their way at once, and one stream."""
        self.first.send(join * count)
        self.first.answer()
        self.second.send(self._data)
        for _ in range(count - 1):
            self.first.answer()
        done = self.second.stream(COMPLETED)
        while done < count:
            # The server had none left for a moment.
            self.second.send(self._data)
            more = self.second.stream(COMPLETED)
            assert more, f"{count - done} jobs were lost"
            done += more
        return done

    def close(self) -> None:
        self.first.close()
        self.second.close()


opened: list[Floor] = []


def do(request: dict[str, Any]) -> Any:
    """Do what is asked for, and return what a correct contender would, if the right number of messages has come."""
    if request["do"] == "open":
        opened.append(Floor(request["url"]))
        return None
    floor, count = opened[-1], request.get("count", 1)
    match request["do"]:
        case "connect":
            floor.connect()
            return None
        case "close":
            return opened.pop().close()
        case "predict":
            call = floor.call_at_once if request.get("at_once") else floor.call
            join = floor.join("predict", TEXT)
            done = sum(call(join) for _ in range(count))
        case "jobs":
            floor.renew()
            done = floor.jobs(floor.join("predict", TEXT), count)
        case "stream":
            done = floor.call(floor.join("count", count, 0), YIELDED)
        case "replay":
            done = floor.call(floor.join("replay", TEXT), YIELDED)
            count = request["expected"][0]
        case "big":
            done = floor.call(floor.join("big", request["size"]))
        case "up":
            done = floor.call(floor.join("json", "y" * request["size"]))
        case other:
            raise AssertionError(other)
    assert done == count, f"{request}: {done}"
    return None


for request in requests():
    meter = Meter()
    do(request)
    print(json.dumps(meter.read()), flush=True)
