"""The floor: bare sockets that send prepared bytes and look for the end of each answer. It decodes nothing but the app's config.

It knows the queue protocol of Gradio 4.9 and later; the websockets of 3.x it doesn't.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import socket
import ssl
from functools import cached_property
from itertools import count as counter
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from worker import TEXT, Meter, requests, source

LENGTH: Final = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
PREFIX: Final = re.compile(rb'"api_prefix": *"([^"]*)"')
COMPLETED: Final = b'"msg":"process_completed"'
YIELDED: Final = b'"msg":"process_generating"'
LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
READ: Final = 256 * 1024


class Connection:
    """One connection that is kept."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._open()

    def _open(self) -> None:
        parts = urlsplit(self._url)
        assert parts.hostname is not None
        sock = socket.create_connection((parts.hostname, parts.port or 443))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
            sock = context.wrap_socket(sock, server_hostname=parts.hostname)
        self._sock = sock
        self._rest = b""

    def renew(self) -> None:
        """Servers close what has been idle for some seconds, while it was the others' turn."""
        self._sock.setblocking(False)
        try:
            closed = not self._sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            closed = False
        self._sock.setblocking(True)
        if closed:
            self._sock.close()
            self._open()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def _receive(self) -> bytes:
        new = self._sock.recv(READ)
        assert new, "the server closed the connection"
        return new

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
            data += self._receive()

    def stream(self, mark: bytes) -> int:
        """Read an answer in chunks to its end; how often ``mark`` came."""
        found = 0
        data, self._rest = self._rest, b""
        while True:
            new = self._receive()
            found += (data[-len(mark) + 1 :] + new).count(mark)
            data = (data + new)[-64:]
            if data.endswith(LAST_CHUNK):
                return found

    def save(self, file: BinaryIO) -> None:
        """Write the body of the next answer, of a known length."""
        data = b""
        while (head := data.find(b"\r\n\r\n") + 4) < 4:
            data += self._receive()
        match = LENGTH.search(data, 0, head)
        assert match is not None, data[:200]
        left = int(match[1]) - file.write(data[head:])
        while left:
            left -= file.write(self._receive())

    def close(self) -> None:
        self._sock.close()


class Floor:
    """What it takes to call one app: the requests that clients open it with have been made."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.first = Connection(url)
        self.connections = [self.first]
        self.first.send(self.get("/config"))
        self._config = self.first.answer().partition(b"\r\n\r\n")[2]
        prefix = PREFIX.search(self._config)
        self._prefix = prefix[1].decode() if prefix else ""
        self.first.send(self.get(f"{self._prefix}/info"))
        self.first.answer()
        self._url = url
        self._sessions = counter()
        self.renew()

    @cached_property
    def second(self) -> Connection:
        self.connections.append(Connection(self._url))
        return self.connections[-1]

    @cached_property
    def _functions(self) -> dict[str, int]:
        return {
            item["api_name"]: item.get("id", place)
            for place, item in enumerate(json.loads(self._config)["dependencies"])
        }

    def renew(self) -> None:
        """Begin another session: the server may still be about to clear up after the last one."""
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

    def file(self, path: Path, to: Path) -> None:
        """A file up, a call that returns it, and the file down again."""
        size = path.stat().st_size
        start = (
            b'--limit\r\ncontent-disposition: form-data; name="files"; filename="file.bin"\r\n'
            b"content-type: application/octet-stream\r\n\r\n"
        )
        end = b"\r\n--limit--\r\n"
        self.first.send(
            f"POST {self._prefix}/upload HTTP/1.1\r\nhost: {self._host}\r\n"
            "content-type: multipart/form-data; boundary=limit\r\n"
            f"content-length: {len(start) + size + len(end)}\r\n\r\n".encode()
            + start
        )
        with path.open("rb") as file:
            while data := file.read(READ):
                self.first.send(data)
        self.first.send(end)
        (name,) = json.loads(self.first.answer().partition(b"\r\n\r\n")[2])
        assert self.call(self.join("same", {"path": name, "meta": {"_type": "gradio.FileData"}})) == 1
        self.first.send(self.get(f"{self._prefix}/file={name}"))
        with to.open("wb") as file:
            self.first.save(file)

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


opened: list[Floor] = []


def do(request: dict[str, Any]) -> Path | None:
    """Do what is asked for, and see that the right number of messages comes; a file that came is returned."""
    if request["do"] == "connect":
        opened.append(Floor(request["url"]))
        return None
    floor, count = opened[-1], request.get("count", 1)
    for connection in floor.connections:
        connection.renew()
    match request["do"]:
        case "close":
            opened.pop().close()
            return None
        case "predict":
            call = floor.call_at_once if request.get("at_once") else floor.call
            join = floor.join("predict", TEXT)
            done = sum(call(join) for _ in range(count))
        case "jobs":
            done = floor.jobs(floor.join("predict", TEXT), count)
        case "stream":
            done = floor.call(floor.join("count", count, 0), YIELDED)
        case "replay":
            done = floor.call(floor.join("replay", TEXT), YIELDED)
            count = request["expected"][0]
        case "big":
            done = floor.call(floor.join("big", request["size"]))
        case "file":
            path = Path(request["folder"], "floor.bin")
            floor.file(source(request), path)
            return path
        case "up":
            done = floor.call(floor.join("json", "y" * request["size"]))
        case other:
            raise AssertionError(other)
    assert done == count, f"{request}: {done}"
    return None


for request in requests():
    meter = Meter()
    path = do(request)
    figures = meter.read()
    if request["do"] == "jobs":
        # A session's first call takes the server 13 ms more (6.31.0), and clients keep theirs.
        opened[-1].renew()
        assert opened[-1].call(opened[-1].join("predict", TEXT)) == 1
    if path is not None:
        assert filecmp.cmp(source(request), path, shallow=False), "another file came back"
        path.unlink()
    print(json.dumps(figures), flush=True)
