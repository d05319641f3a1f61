"""The engine alone, without sockets: what an event of a stream costs, next to what h11 and a JSON decoder cost for the same bytes.

Absolute figures depend on the machine; the ratio, taken in turns within one run, is what to compare.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Final

import h11
import msgspec

from gradio_sansio import Engine
from gradio_sansio.commands import Connect, ConnectionId, Send
from gradio_sansio.events import DataReceived, JobFinished

EVENTS: Final = 5_000
ROUNDS: Final = 5
CONFIG: Final = {
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


def chunk(message: dict[str, object]) -> bytes:
    """One event of a stream, as servers send it."""
    event = b"data: " + json.dumps({"event_id": "e", **message}).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def stream() -> tuple[bytes, bytes]:
    """A text that grows word by word: the head and the body of the response."""
    output = {
        "is_generating": True,
        "duration": 0.01,
        "average_duration": 0.01,
        "render_config": None,
        "changed_state_ids": [],
    }
    rest = {"success": True, "time_limit": None}
    events = [chunk({"msg": "process_starts", "eta": 1.0})]
    events.append(chunk({"msg": "process_generating", "output": {"data": ["w"], **output}, **rest}))
    events += (
        chunk(
            {"msg": "process_generating", "output": {"data": [[["append", [], f" w{i}"]]], **output}, **rest}
        )
        for i in range(EVENTS - 1)
    )
    text = "w" + "".join(f" w{i}" for i in range(EVENTS - 1))
    events.append(chunk({"msg": "process_completed", "output": {"data": [text], **output}, "success": True}))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head, b"".join(events)


def through_engine(head: bytes, body: bytes) -> float:
    """Seconds for the body, as reads of 64 KiB, through an engine whose every event is looked at."""
    engine = Engine("http://app", now=0.0, wall_clock=0.0, entropy=bytes)
    answers = {
        b"/config": answer(CONFIG),
        b"/gradio_api/info": answer({}),
        b"/gradio_api/queue/join": answer({"event_id": "e"}),
    }
    reader: ConnectionId | None = None
    while reader is None:
        for action in engine.drain():
            if isinstance(action, Connect):
                engine.connected(action.connection, 0.0)
            elif isinstance(action, Send):
                path = action.data.split(b" ", 2)[1].partition(b"?")[0]
                if path == b"/gradio_api/queue/data":
                    reader = action.connection
                    engine.received(reader, head, 0.0)
                else:
                    engine.received(action.connection, answers[path], 0.0)
                if path == b"/gradio_api/info":
                    engine.submit("/chat", ["hi"], now=0.0)
    yields = 0
    last: object = None
    begin = time.perf_counter()
    for start in range(0, len(body), 65536):
        engine.received(reader, body[start : start + 65536], 0.0)
        for action in engine.drain():
            if isinstance(action, DataReceived):
                yields += 1
                last = action.data.value
                engine.consumed(action.job, action.size, 0.0)
            elif isinstance(action, JobFinished):
                assert action.error is None
    seconds = time.perf_counter() - begin
    assert yields == EVENTS
    assert isinstance(last, str)
    assert last.endswith(f" w{EVENTS - 2}")
    return seconds


def through_floor(head: bytes, body: bytes) -> float:
    """Seconds for h11 and a JSON decoder alone."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "app")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(head)
    connection.next_event()
    count = 0
    begin = time.perf_counter()
    for start in range(0, len(body), 65536):
        connection.receive_data(body[start : start + 65536])
        while isinstance(event := connection.next_event(), h11.Data):
            if event.data.startswith(b"data: ") and event.data.endswith(b"\n\n"):
                msgspec.json.decode(bytes(event.data[6:]))
            count += 1
    seconds = time.perf_counter() - begin
    assert count >= EVENTS
    return seconds


def main() -> None:
    """Run both in turns and print medians."""
    head, body = stream()
    engine, floor = [], []
    for _ in range(ROUNDS):
        engine.append(through_engine(head, body))
        floor.append(through_floor(head, body))
    microseconds = [statistics.median(times) / EVENTS * 1e6 for times in (engine, floor)]
    print(f"{EVENTS} streamed values, {len(body) // EVENTS} bytes each, median of {ROUNDS} rounds in turns")
    print(f"engine             {microseconds[0]:6.1f} us a value")
    print(f"h11 and JSON alone {microseconds[1]:6.1f} us a value")
    print(f"ratio              {microseconds[0] / microseconds[1]:6.2f}")


if __name__ == "__main__":
    main()
