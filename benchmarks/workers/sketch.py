"""The libraries alone: h11 and msgspec on a selector's thread, or on asyncio's loop. ``sketch.py thread|asyncio``.

It knows one dialect, one connection and one job at a time; it has no limits, timers, states, retries, files or errors. So it is no client,
but says what a client on these libraries can come to at best.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from selectors import EVENT_READ, DefaultSelector
from typing import Any, Final
from urllib.parse import urlsplit

import h11
import msgspec
from worker import TEXT, Meter, answer, requests

READ: Final = 256 * 1024
SESSION: Final = f"sketch{os.getpid()}"


class Output(msgspec.Struct):
    """Of a message."""

    data: list[Any] | None = None


class Message(msgspec.Struct):
    """What a queue says."""

    msg: str
    event_id: str | None = None
    output: Output | None = None
    eta: float | None = None


class Status(msgspec.Struct):
    """What an application is told first."""

    stage: str
    eta: float | None


class Data(msgspec.Struct):
    """What it is told next."""

    values: list[Any]


decode: Final = msgspec.json.Decoder(Message).decode


class Talk:
    """One connection and one job at a time, without a socket."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.renew()
        self._cut = b""
        self._whole: list[bytes] = []
        self._values: list[Any] = []
        self._reads_stream = False
        self.prefix = ""
        self.functions: dict[str, int] = {}

    def renew(self) -> None:
        """A connection was made: servers close what has been idle for some seconds, while it was the others' turn."""
        self._http = h11.Connection(h11.CLIENT)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The bytes to send."""
        headers = [
            ("host", self._host),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ]
        parts = [self._http.send(h11.Request(method=method, target=path, headers=headers))]
        if body:
            parts.append(self._http.send(h11.Data(data=body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        return b"".join(part for part in parts if part)

    def join(self, name: str, data: list[Any]) -> bytes:
        """The request that begins a job."""
        self._reads_stream = False
        call = {"data": data, "fn_index": self.functions[name], "session_hash": SESSION}
        return self.request("POST", f"{self.prefix}/queue/join", msgspec.json.encode(call))

    def stream(self) -> bytes:
        """The request for what becomes of it."""
        self._reads_stream = True
        return self.request("GET", f"{self.prefix}/queue/data?session_hash={SESSION}")

    def received(self, data: bytes) -> list[Any]:
        """What has come: statuses and values of the stream, the body of an ordinary answer; None at the end of either."""
        http, told = self._http, list[Any]()
        http.receive_data(data)
        while True:
            event = http.next_event()
            if isinstance(event, h11.Data):
                if self._reads_stream:
                    self._tell(bytes(event.data), told)
                else:
                    self._whole.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                http.start_next_cycle()
                if not self._reads_stream:
                    told.append(b"".join(self._whole))
                    self._whole.clear()
                told.append(None)
            elif event is h11.NEED_DATA:
                return told

    def _tell(self, data: bytes, told: list[Any]) -> None:
        lines = (self._cut + data).split(b"\n\n")
        self._cut = lines.pop()
        for line in lines:
            message = decode(line[6:])
            output = message.output
            if output is None or output.data is None:
                told.append(Status(message.msg, message.eta))
                continue
            if message.msg == "process_generating":
                values = [_edited(new) for new in output.data] if self._values else output.data
                told.append(Status("generating", None))
                told.append(Data(values))
                self._values = values
            else:
                if self._values != output.data:
                    told.append(Data(output.data))
                told.append(Status("complete", None))
                self._values = []

    def learn(self, config: bytes) -> bytes:
        """Take in the app's config; the request for the description of its endpoints."""
        decoded = msgspec.json.decode(config)
        self.prefix = decoded.get("api_prefix", "")
        self.functions = {item["api_name"]: item["id"] for item in decoded["dependencies"]}
        return self.request("GET", f"{self.prefix}/info")


def _edited(edits: Any) -> Any:
    [[_, _, new]] = edits
    return new


def connected(url: str) -> socket.socket:
    """To a server on this machine."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    sock = socket.create_connection((parts.hostname, parts.port or 80))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


class Threaded:
    """With a thread of its own for the socket, as plain calls need it for what goes on meanwhile."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._talk = Talk(url)
        self._sock = connected(url)
        self._lost = False
        self._todo: deque[Callable[[], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._told: deque[Any] = deque()
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._do(lambda: self._talk.request("GET", "/config"))
        config, _ = self._next(), self._next()
        self._do(lambda: self._talk.learn(config))
        msgspec.json.decode(self._next())
        self._next()

    def _run(self) -> None:
        with DefaultSelector() as selector:
            selector.register(self._sock, EVENT_READ, self._sock)
            selector.register(self._woken, EVENT_READ)
            while self._open:
                for key, _ in selector.select(60):
                    if key.data is None:
                        self._woken.recv(64)
                    elif not (data := self._sock.recv(READ)):
                        selector.unregister(self._sock)
                        self._sock.close()
                        self._lost = True
                    else:
                        told = self._talk.received(data)
                        with self._changed:
                            self._told += told
                            self._changed.notify_all()
                while self._todo:
                    if self._lost:
                        self._sock = connected(self._url)
                        selector.register(self._sock, EVENT_READ, self._sock)
                        self._talk.renew()
                        self._lost = False
                    self._todo.popleft()()

    def _do(self, request: Callable[[], bytes]) -> None:
        self._todo.append(lambda: self._sock.sendall(request()))
        self._waker.send(b"\0")

    def _next(self) -> Any:
        with self._changed:
            while not self._told:
                self._changed.wait()
            return self._told.popleft()

    def values(self, name: str, data: list[Any]) -> Iterator[Any]:
        """A job."""
        self._do(lambda: self._talk.join(name, data))
        self._next()
        self._next()
        self._do(self._talk.stream)
        while (item := self._next()) is not None:
            if isinstance(item, Data):
                yield item.values[0]

    def close(self) -> None:
        """Of everything."""
        self._open = False
        self._waker.send(b"\0")
        self._thread.join()
        for sock in (self._sock, self._waker, self._woken):
            sock.close()


class Evented(asyncio.Protocol):
    """On asyncio's loop, as a protocol."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._talk = Talk(url)
        self._told: deque[Any] = deque()
        self._changed: asyncio.Future[None] | None = None

    async def _connect(self) -> None:
        self._talk.renew()
        self._transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: self, sock=connected(self._url)
        )

    async def open(self) -> None:
        """Learn what the app offers."""
        await self._connect()
        self._transport.write(self._talk.request("GET", "/config"))
        config, _ = await self._next(), await self._next()
        self._transport.write(self._talk.learn(config))
        msgspec.json.decode(await self._next())
        await self._next()

    def data_received(self, data: bytes) -> None:
        """As asyncio calls it."""
        self._told += self._talk.received(data)
        if self._changed is not None and self._told:
            self._changed.set_result(None)
            self._changed = None

    async def _next(self) -> Any:
        while not self._told:
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed
        return self._told.popleft()

    async def values(self, name: str, data: list[Any]) -> AsyncIterator[Any]:
        """A job."""
        if self._transport.is_closing():
            await self._connect()
        self._transport.write(self._talk.join(name, data))
        await self._next()
        await self._next()
        self._transport.write(self._talk.stream())
        while (item := await self._next()) is not None:
            if isinstance(item, Data):
                yield item.values[0]

    def close(self) -> None:
        """Of everything."""
        self._transport.close()


def call(request: dict[str, Any]) -> tuple[str, list[Any]]:
    """What is called."""
    if request["do"] == "predict":
        return "predict", [TEXT]
    return ("count", [request["count"], 0]) if request["do"] == "stream" else ("replay", [TEXT])


def result(request: dict[str, Any], values: list[Any]) -> Any:
    """As it is expected."""
    return (len(values), values[-1]) if request["do"] == "replay" else values


def blocking() -> None:
    """Plain calls."""
    opened: list[Threaded] = []

    def do(request: dict[str, Any]) -> Any:
        match request["do"]:
            case "connect":
                opened.append(Threaded(request["url"]))
            case "close":
                opened.pop().close()
            case "predict":
                return [list(opened[-1].values(*call(request)))[-1] for _ in range(request["count"])]
            case _:
                return result(request, list(opened[-1].values(*call(request))))

    for request in requests():
        meter = Meter()
        answer(request, do(request), meter.read())


async def evented() -> None:
    """The same on a loop."""
    opened: list[Evented] = []

    async def do(request: dict[str, Any]) -> Any:
        match request["do"]:
            case "connect":
                opened.append(Evented(request["url"]))
                await opened[-1].open()
            case "close":
                opened.pop().close()
            case "predict":
                return [
                    [value async for value in opened[-1].values(*call(request))][-1]
                    for _ in range(request["count"])
                ]
            case _:
                return result(request, [value async for value in opened[-1].values(*call(request))])

    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        meter = Meter()
        answer(request, await do(request), meter.read())


if sys.argv[1] == "thread":
    blocking()
else:
    asyncio.run(evented())
