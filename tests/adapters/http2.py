"""A front that speaks HTTP/2 over TLS, as those before real apps do, and passes everything on to a server of HTTP/1.1."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
from hypercorn.asyncio import serve
from hypercorn.config import Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import trustme

HOP_BY_HOP = {b"connection", b"content-length", b"host", b"keep-alive", b"transfer-encoding"}


@asynccontextmanager
async def http2_front(target: str, certificate: trustme.LeafCert, folder: Path) -> AsyncIterator[str]:
    """Serve ``target`` over HTTP/2, and give the front's URL. The certificate's files are put into the folder."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    # It closes the descriptor itself, and by then the number may be another's.
    config.bind = [f"fd://{listener.detach()}"]
    config.alpn_protocols = ["h2"]
    config.certfile, config.keyfile = str(folder / "front.pem"), str(folder / "front.key")
    certificate.cert_chain_pems[0].write_to_path(config.certfile)
    certificate.private_key_pem.write_to_path(config.keyfile)
    config.graceful_timeout = 0.1
    config.errorlog = None
    over = asyncio.Event()
    async with httpx2.AsyncClient(base_url=target, timeout=None, trust_env=False) as http:
        serving = asyncio.create_task(serve(_Relay(http), config, shutdown_trigger=over.wait))
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            over.set()
            await serving


class _Relay:
    """An ASGI application."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":  # such as the server's own life
            return
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in HOP_BY_HOP]
        length = [pair for pair in scope["headers"] if pair[0].lower() == b"content-length"]
        path = scope["raw_path"].decode("ascii")
        if scope["query_string"]:
            path += f"?{scope['query_string'].decode('ascii')}"

        async def body() -> AsyncIterator[bytes]:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError("the client left")
                more = message.get("more_body", False)
                yield message["body"]

        content = body() if scope["method"] == "POST" else None
        request = self._http.build_request(scope["method"], path, headers=headers + length, content=content)
        response = await self._http.send(request, stream=True)

        async def left() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def answer() -> None:
            fields = [pair for pair in response.headers.raw if pair[0].lower() not in HOP_BY_HOP]
            await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
            async for piece in response.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        tasks = [asyncio.create_task(left()), asyncio.create_task(answer())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # an answer that broke off breaks off here, too
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await response.aclose()
