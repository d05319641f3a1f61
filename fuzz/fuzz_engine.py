"""Invariant: whatever a server answers on its event stream, and however that is cut, the engine raises nothing, tells the same events,
and ends each job at most once; once closed, exactly once."""

from __future__ import annotations

import json
import sys

from gradio_sansio import Engine
from gradio_sansio.commands import Command, Connect, ConnectionId, Send
from gradio_sansio.events import AppClosed, DataReceived, Event, JobFinished, StatusChanged

CONFIG = {
    "version": "6.31.0",
    "protocol": "sse_v3",
    "api_prefix": "/gradio_api",
    "components": [{"id": 1, "type": "textbox", "props": {}}],
    "dependencies": [{"id": 0, "api_name": "chat", "inputs": [1], "outputs": [1], "queue": True}],
}


def answer(body: object) -> bytes:
    """A whole response of JSON."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(text),
        text,
    )


ANSWERS = {
    b"/config": answer(CONFIG),
    b"/gradio_api/info": answer({}),
    b"/gradio_api/queue/join": answer({"event_id": "e"}),
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


def told(pieces: list[bytes]) -> list[object]:
    """What the application hears of a job whose stream brings these pieces and ends."""
    engine = Engine("http://app", now=0.0, wall_clock=0.0, entropy=bytes)
    heard: list[object] = []
    reader: ConnectionId | None = None

    def look(actions: list[Command | Event]) -> None:
        nonlocal reader
        for action in actions:
            if isinstance(action, Connect):
                engine.connected(action.connection, 0.0)
            elif isinstance(action, Send):
                path = action.data.split(b" ", 2)[1].partition(b"?")[0]
                if path in ANSWERS:
                    engine.received(action.connection, ANSWERS[path], 0.0)
                elif path == b"/gradio_api/queue/data" and reader is None:
                    reader = action.connection
                    engine.received(reader, HEAD, 0.0)
                if path == b"/gradio_api/info":
                    engine.submit("/chat", ["hi"], now=0.0)
            elif isinstance(action, StatusChanged | JobFinished):
                heard.append((type(action), action.status))
            elif isinstance(action, DataReceived):
                heard.append(action.data.data)
            elif isinstance(action, AppClosed):
                heard.append(AppClosed)

    def settle() -> None:
        while actions := engine.drain():
            look(actions)

    settle()
    assert reader is not None
    for piece in pieces:
        engine.received(reader, piece, 0.0)
        settle()
    assert sum(item[0] is JobFinished for item in heard if isinstance(item, tuple)) <= 1
    engine.close(0.0)
    settle()
    engine.tick(1e6)
    settle()
    engine.tick(2e6)
    settle()
    assert sum(item[0] is JobFinished for item in heard if isinstance(item, tuple)) == 1
    assert heard[-1] is AppClosed
    return heard


def one_input(data: bytes) -> None:
    """Bring it whole, in two and byte by byte."""
    cut = data[0] if data else 0
    whole = told([data] if data else [])
    assert told([piece for piece in (data[:cut], data[cut:]) if piece]) == whole
    assert told([data[i : i + 1] for i in range(len(data))]) == whole


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
