"""HTTP as the wire speaks of it, whatever carries it: what an answer consists of, and what may stand in a request (RFC 9110, section 5)."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from msgspec import Struct

from gradio_sansio.commands import Headers

# h11 tests the same when a request is sent, but that may be long after it was asked for.
_TOKEN: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

RESERVED_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Header fields that belong to the wire, which would contradict itself if others set them."""


class End(Enum):
    END = "end"


END: Final = End.END


class Head(Struct, frozen=True):
    """The final status of an answer and its header fields, names in lower case."""

    status: int
    headers: Headers


class PeerGone(Exception):
    """The peer closed the connection where more had to come."""


def header_fault(name: str, value: str) -> str | None:
    """Why a program can't send this header field, or None where it can. The text does not repeat the value."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is no name of a header field"
    if not _VALUE.fullmatch(value):
        return f"the value of header field {name} holds control characters, or some that are not Latin-1"
    if name.lower() in RESERVED_HEADERS or name.lower().startswith("sec-websocket-"):
        return f"the header field {name} is set by the library itself"
    return None


def method_fault(method: str) -> str | None:
    """Why a program can't use this method, or None where it can."""
    if not _TOKEN.fullmatch(method) or method == "CONNECT":
        return f"{method!r} is no method for a request"
    return None
