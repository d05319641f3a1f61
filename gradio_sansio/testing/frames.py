"""A websocket as a server sees it, as far as recorded conversations need it: whole text messages and closes (RFC 6455)."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Final, TypeAlias

_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TEXT: Final = 0x1
_CLOSE: Final = 0x8


@dataclass(frozen=True)
class Message:
    """A text message."""

    text: str


@dataclass(frozen=True)
class Close:
    """A close frame."""

    code: int


Frame: TypeAlias = Message | Close


def accept_key(key: str) -> str:
    """The server's answer to a client's key."""
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode()


def frame(item: Frame) -> bytes:
    """The bytes with which a server sends it."""
    if isinstance(item, Message):
        opcode, payload = _TEXT, item.text.encode()
    else:
        opcode, payload = _CLOSE, item.code.to_bytes(2, "big")
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 2**16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + payload


class FrameReader:
    """Reads what a client sends, however it is cut up. Pings and pongs are read over."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that these bytes complete."""
        self._held += data
        found: list[Frame] = []
        while (end := self._end()) is not None:
            whole, self._held = self._held[:end], self._held[end:]
            item = _unmasked(whole)
            if item is not None:
                found.append(item)
        return found

    def _end(self) -> int | None:
        """Where the first frame ends, if all of it is here."""
        held = self._held
        if len(held) < 2:
            return None
        assert held[0] & 0x80, "a client's messages are whole"
        assert held[1] & 0x80, "and masked"
        extra = {126: 2, 127: 8}.get(held[1] & 0x7F, 0)
        if len(held) < 2 + extra:
            return None
        end = 2 + extra + 4 + (int.from_bytes(held[2 : 2 + extra], "big") if extra else held[1] & 0x7F)
        return end if len(held) >= end else None


def _unmasked(data: bytes) -> Frame | None:
    start = 2 + {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    mask, masked = data[start : start + 4], data[start + 4 :]
    payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
    match data[0] & 0x0F:
        case 0x1:
            return Message(payload.decode())
        case 0x8:
            return Close(int.from_bytes(payload[:2], "big"))
        case _:
            return None
