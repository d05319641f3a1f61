"""Server-sent events, decoded (HTML standard, section 9.2), as far as Gradio's streams and the proxies before them need.

Lines end with LF, CRLF or CR *bytes*: values hold raw U+2028 and the like, at which ``str.splitlines`` would break them. Each byte
is looked at once, however the stream is cut up; a line and an event are bounded by ``limit`` bytes.
"""

from __future__ import annotations

import re
from typing import Final

_LINE_END: Final = re.compile(rb"[\r\n]")
BOM: Final = b"\xef\xbb\xbf"


class EventTooLong(Exception):
    """An event, or a line of one, went past the limit. ``events`` are those that were complete before it."""

    def __init__(self, events: list[bytes]) -> None:
        self.events = events


class SseDecoder:
    """Bytes in, the data of complete events out.

    Event names, ids and retry times are read over: no Gradio stream that we open uses them.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cut = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next piece of the stream, return the data of the events that it completes.

        Raises:
            EventTooLong: past the limit. The decoder is of no use afterwards.
        """
        events: list[bytes] = []
        start = 0
        # Servers send LF, and one event a chunk: looked for first. A CR anywhere takes the general way.
        plain = b"\r" not in chunk
        if self._after_cr and chunk:
            # The LF of a CRLF that was cut in two.
            start = int(chunk.startswith(b"\n"))
            self._after_cr = False
        while True:
            if plain:
                end = chunk.find(b"\n", start)
                if end < 0:
                    break
                following = end + 1
                if (
                    chunk.startswith(b"\n", following)
                    and chunk.startswith(b"data: ", start)
                    and not (self._cut or self._data)
                    and end - start < self._limit
                ):
                    # A whole event of one line, as nearly all are.
                    events.append(chunk[start + 6 : end])
                    self._begun = True
                    start = end + 2
                    continue
            else:
                found = _LINE_END.search(chunk, start)
                if found is None:
                    break
                end = found.start()
                following = end + 1
                if chunk[end] == 0x0D:
                    if following == len(chunk):
                        self._after_cr = True
                    elif chunk[following] == 0x0A:
                        following += 1
            self._line(self._completed(chunk[start:end], events), events)
            start = following
        if start < len(chunk):
            self._cut += chunk[start:] if start else chunk
            if len(self._cut) > self._limit:
                raise EventTooLong(events)
        return events

    def _completed(self, end: bytes, events: list[bytes]) -> bytes:
        if self._cut:
            self._cut += end
            end = bytes(self._cut)
            self._cut.clear()
        if len(end) > self._limit:
            raise EventTooLong(events)
        if not self._begun:
            self._begun = True
            end = end.removeprefix(BOM)
        return end

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
                self._size = 0
            return
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
        elif line == b"data":
            value = b""
        else:
            # A comment (`: ping` of proxies), or a field that we have no use for.
            return
        self._size += len(value) + 1
        if self._size > self._limit:
            raise EventTooLong(events)
        self._data.append(value)
