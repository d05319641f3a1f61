"""What an app answers without running anything: its description, its login, and files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from gradio_sansio.testing.description import described, documented
from gradio_sansio.testing.functions import Function
from gradio_sansio.testing.serving import Answer, Request, uploaded

NOT_FOUND: Final = Answer(404, {"detail": "Not Found"})
_COOKIE: Final = "access-token-unsecure-x=1"
OLDEST: Final = (3, 6, 0)
"""The first release with a handshake like that of later ones."""


class App:
    """An app, as its pages show it.

    Args:
        functions: its endpoints; their indexes are their places.
        version: the release of Gradio that it behaves like.
        auth: user and password of its login, if it has one.
    """

    def __init__(
        self, functions: Iterable[Function], version: tuple[int, int, int], auth: tuple[str, str] | None
    ) -> None:
        try:
            supported = version >= OLDEST
        except TypeError:
            supported = False
        if not supported:
            raise ValueError(f"version must be a tuple of three numbers, {OLDEST} at least, not {version!r}")
        self.functions: list[Function] = list(functions)
        self.version = version
        self.auth = auth
        self.prefix = "/gradio_api" if version >= (5, 0, 0) else ""
        self.files: dict[str, bytes] = {}
        """What was uploaded, and what can be fetched, by its path."""
        self.max_file_size: int | None = None
        """What a file may have, as the config says."""

    def page(self, request: Request) -> Answer | None:
        """The answer to a request, or None if no page is meant."""
        # What stands above the API has no prefix in any version.
        match request.method, request.path:
            case "POST", "/login":
                return self._login(request)
            case _ if self.auth is not None and _COOKIE not in request.headers.get("cookie", ""):
                return Answer(401, {"detail": {"error": "Not authenticated", "auth_message": None}})
            case "GET", "/config":
                return Answer(body=self.config())
            case "GET", "/":
                page = f"<script>window.gradio_config = {json.dumps(self.config())};</script>"
                return Answer(body=page, headers={"content-type": "text/html"})
            case _ if not request.path.startswith(self.prefix):
                return NOT_FOUND
            case _:
                return self._api_page(request, request.path.removeprefix(self.prefix))

    def _api_page(self, request: Request, route: str) -> Answer | None:
        match request.method, route:
            case "GET", "/info":
                return Answer(body=self.info())
            case "POST", "/upload":
                return self._upload(request)
            case "GET", _ if route.startswith("/file="):
                content = self.files.get(unquote(route.removeprefix("/file=")))
                if content is None:
                    return NOT_FOUND
                return Answer(body=content, headers={"content-type": "application/octet-stream"})
            case _:
                return None

    def config(self) -> dict[str, Any]:
        """What ``/config`` answers."""
        return {
            # Real ones begin with these, too.
            "version": ".".join(map(str, self.version)),
            **({"api_prefix": self.prefix} if self.version >= (5, 0, 0) else {}),
            "mode": "blocks",
            **({"protocol": self._protocol} if self.version >= (4, 0, 0) else {"enable_queue": True}),
            "max_file_size": self.max_file_size,
            **described(enumerate(self.functions), count()),
        }

    def info(self) -> dict[str, Any]:
        """What ``/info`` answers."""
        return documented(self.functions)

    @property
    def _protocol(self) -> str:
        if self.version < (4, 9, 0):
            return "sse"
        if self.version < (4, 17, 0):
            return "sse_v1"
        if self.version < (4, 21, 0):
            return "sse_v2"
        return "sse_v2.1" if self.version < (4, 22, 0) else "sse_v3"

    def _login(self, request: Request) -> Answer:
        if self.auth is None:
            return Answer(302, "", {"location": "/"})
        form = parse_qs(request.body.decode())
        if (form.get("username"), form.get("password")) != ([self.auth[0]], [self.auth[1]]):
            return Answer(400, {"detail": "Incorrect credentials."})
        return Answer(200, {"success": True}, {"set-cookie": f"{_COOKIE}; HttpOnly; Path=/"})

    def _upload(self, request: Request) -> Answer:
        paths: list[str] = []
        for name, content in uploaded(request):
            path = f"/tmp/gradio/{len(self.files)}/{name}"  # noqa: S108  # a name only
            self.files[path] = content
            paths.append(path)
        return Answer(body=paths)
