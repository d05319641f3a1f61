"""The head of a request: what the wire adds to the headers that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradio_sansio.commands import PulledBody
from gradio_sansio.wire import content

if TYPE_CHECKING:
    from gradio_sansio.commands import Headers
    from gradio_sansio.wire.exchange import Exchange


def fields(
    exchange: Exchange, cookie: str, proxy_authorization: str | None, handshake: Headers
) -> list[tuple[str, str]]:
    """All header fields of a request. ``cookie`` replaces the program's own; ``handshake`` is a websocket's."""
    result = [("host", exchange.url.origin.authority)]
    result += [(name, value.strip(" \t")) for name, value in exchange.headers if name.lower() != "cookie"]
    if cookie:
        result.append(("cookie", cookie))
    if proxy_authorization is not None:
        result.append(("proxy-authorization", proxy_authorization))
    if handshake:
        result += handshake
        return result
    result.append(("accept-encoding", content.accepted(exchange.compressed)))
    body = exchange.body
    length = body.length if isinstance(body, PulledBody) else len(body)
    if length is None:
        result.append(("transfer-encoding", "chunked"))
    elif length or exchange.method not in ("GET", "HEAD"):
        result.append(("content-length", str(length)))
    return result


def own_cookie(headers: Headers) -> str:
    """The cookies that the program sets itself, as one header value."""
    return "; ".join([value.strip(" \t;") for name, value in headers if name.lower() == "cookie"])
