"""``data:`` URLs (RFC 2397): how Gradio 3 carries images, and its oldest versions all files."""

from __future__ import annotations

import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

_IMAGES: Final = {
    "avif": "avif",
    "bmp": "bmp",
    "gif": "gif",
    "ico": "x-icon",
    "jpeg": "jpeg",
    "jpg": "jpeg",
    "png": "png",
    "svg": "svg+xml",
    "tif": "tiff",
    "tiff": "tiff",
    "webp": "webp",
}
_OTHER: Final = "application/octet-stream"


def encode_data_uri(content: bytes, name: str) -> str:
    """The content as a URL. Its type is told by the name's suffix, of images only: servers go by the name themselves."""
    image = _IMAGES.get(name.rpartition(".")[2].lower())
    kind = f"image/{image}" if image else _OTHER
    return f"data:{kind};base64,{binascii.b2a_base64(content, newline=False).decode()}"


def split_data_uri(uri: str) -> tuple[str | None, int]:
    """The type that a data URL names, if any, and the size of its content, without decoding that."""
    head, _, content = uri[5:].partition(",")
    kind = head.partition(";")[0].strip().lower() or None
    if not head.lower().endswith(";base64"):
        return kind, len(unquote_to_bytes(content))
    return kind, len(content) * 3 // 4 - content[-2:].count("=")


def decode_data_uri(uri: str) -> bytes:
    """The content of a data URL. Raises ``ValueError`` where it is no valid base64."""
    head, comma, content = uri[5:].partition(",")
    if not comma:
        raise ValueError("a data URL has a comma")
    raw = unquote_to_bytes(content)
    return binascii.a2b_base64(raw) if head.lower().endswith(";base64") else raw


def name_for(kind: str | None) -> str:
    """A name for content of that type: ``image.png``."""
    main, _, sub = (kind or "").partition("/")
    if main != "image":
        return "file"
    suffix = next((suffix for suffix, name in _IMAGES.items() if name == sub), "")
    return f"image.{suffix}" if suffix else "image"
