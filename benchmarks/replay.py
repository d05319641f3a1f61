"""A server of prepared bytes: it answers as Gradio 6 does, as fast as a socket takes it, and computes nothing.

    python -m benchmarks.replay values|text COUNT

prints its port, and ends with its standard input. ``/predict`` returns at once; ``/replay`` streams ``COUNT`` values, either small ones of
290 bytes an event or a text that grows token by token. In a process of its own, so that its work isn't counted as a contender's.
"""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import count
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Final

PREFIX: Final = "/gradio_api"
EVENT_ID: Final = b"0123456789abcdef0123456789abcdef"
"""Stands for the job's in what is prepared; of the same length, so that chunks keep their sizes."""
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
TEXTBOX: Final = {"type": "string"}
PARAMETER: Final = {
    "label": "text",
    "parameter_name": "text",
    "parameter_has_default": False,
    "parameter_default": None,
    "type": TEXTBOX,
    "python_type": {"type": "str", "description": ""},
    "component": "Textbox",
    "example_input": "hello",
}
RETURN: Final = {
    "label": "out",
    "type": TEXTBOX,
    "python_type": {"type": "str", "description": ""},
    "component": "Textbox",
}
NAMES: Final = ("predict", "replay")


def config() -> dict[str, object]:
    """The app's own description, as far as the contenders look into it."""
    component = {"type": "textbox", "props": {"name": "textbox", "label": "text"}, "skip_api": False}
    dependency = {
        "targets": [[3, "click"]],
        "inputs": [1],
        "outputs": [2],
        "backend_fn": True,
        "js": None,
        "queue": True,
        "types": {"generator": True, "cancel": False},
        "show_api": True,
        "api_visibility": "public",
        "zerogpu": False,
        "rendered_in": None,
        "connection": "sse",
        "cancels": [],
        "trigger_after": None,
    }
    return {
        "version": "6.31.0",
        "protocol": "sse_v3",
        "api_prefix": PREFIX,
        "app_id": 1,
        "space_id": None,
        "is_space": False,
        "enable_queue": True,
        "connect_heartbeat": False,
        "components": [{"id": id, **component} for id in (1, 2)],
        "dependencies": [{"id": id, "api_name": name, **dependency} for id, name in enumerate(NAMES)],
    }


def info() -> dict[str, object]:
    """The API's description."""
    endpoint = {"parameters": [PARAMETER], "returns": [RETURN], "api_visibility": "public", "show_api": True}
    return {"named_endpoints": {f"/{name}": endpoint for name in NAMES}, "unnamed_endpoints": {}}


def chunk(message: dict[str, object], pad: int = 0) -> bytes:
    """One event, in a chunk of its own, as servers send it."""
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    event = b"data: " + text[:-1] + b" " * (pad - len(text) - 8) + b"}\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def message(kind: str, data: list[object]) -> dict[str, object]:
    """What the queue says of a value."""
    output = {
        "data": data,
        "is_generating": kind == "process_generating",
        "duration": 0.0012,
        "average_duration": 0.0012,
        "render_config": None,
        "changed_state_ids": [],
    }
    return {
        "msg": kind,
        "event_id": EVENT_ID.decode(),
        "output": output,
        "success": True,
        "title": None,
        "time_limit": None,
    }


def values(kind: str, number: int) -> tuple[list[bytes], str]:
    """The events of ``/replay``, and its last value."""
    if kind == "text":
        # The first is whole, the others are edits.
        tokens = [f" word{i}" for i in range(number)]
        first: list[object] = [tokens[0]]
        events = [chunk(message("process_generating", first))]
        events += [chunk(message("process_generating", [[["append", [], token]]])) for token in tokens[1:]]
        return events, "".join(tokens)
    texts = [f"value {i}" for i in range(number)]
    events = [chunk(message("process_generating", [texts[0]]), 290)]
    events += [chunk(message("process_generating", [[["replace", [], text]]]), 290) for text in texts[1:]]
    return events, texts[-1]


def stream(events: list[bytes], last: str) -> bytes:
    """A whole answer for one job: its start, its values, its end and the stream's."""
    starts = {"msg": "process_starts", "event_id": EVENT_ID.decode(), "eta": 0.001}
    return b"".join(
        [
            HEAD,
            chunk(starts),
            *events,
            chunk(message("process_completed", [last])),
            chunk({"msg": "close_stream", "event_id": None}),
            b"0\r\n\r\n",
        ]
    )


def whole(body: bytes) -> bytes:
    """An answer of JSON."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def expected(kind: str, number: int) -> list[object]:
    """What a contender must have seen of ``/replay``: how many values, and the hash of the last."""
    return [number, hashlib.sha256(values(kind, number)[1].encode()).hexdigest()]


class Server(ThreadingTCPServer):
    """What is prepared, and which job each session has."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, kind: str, number: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.texts = {
            "/config": whole(json.dumps(config()).encode()),
            f"{PREFIX}/info": whole(json.dumps(info()).encode()),
        }
        self.streams = (stream([], "hello"), stream(*values(kind, number)))
        self.jobs: dict[str, bytes] = {}
        self.ids = count(1)


class Handler(StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        while line := self.rfile.readline():
            length = 0
            while (field := self.rfile.readline().lower()) not in (b"\r\n", b""):
                if field.startswith(b"content-length:"):
                    length = int(field[15:])
            path, _, query = line.split(b" ")[1].decode().partition("?")
            self.answer(path, query, self.rfile.read(length))

    def answer(self, path: str, query: str, body: bytes) -> None:
        server = self.server
        if path == f"{PREFIX}/queue/join":
            request = json.loads(body)
            event_id = b"%032x" % next(server.ids)
            prepared = server.streams[request["fn_index"]]
            server.jobs[request["session_hash"]] = prepared.replace(EVENT_ID, event_id)
            self.wfile.write(whole(b'{"event_id":"%b"}' % event_id))
        elif path == f"{PREFIX}/queue/data":
            self.wfile.write(server.jobs.pop(query.partition("session_hash=")[2]))
        elif path in server.texts:
            self.wfile.write(server.texts[path])
        else:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")


def main() -> None:
    """Serve until standard input ends."""
    kind, number = sys.argv[1:]
    with Server(kind, int(number)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
