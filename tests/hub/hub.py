"""A Hub on loopback: spoken to over real HTTP and TLS, with Spaces whose apps are real Gradio servers.

    with LocalHub(backend=server.url) as hub:
        space = hub.add("user/name", script=[("SLEEPING", WOKEN), ("APP_STARTING", Told())])
        client("user/name", hub=hub.url, ssl_context=hub.ssl_context())

The Hub and each Space's own host listen on ports of their own, so that each is an origin of its own wherever this runs: names below
``localhost`` do not resolve everywhere (Debian's resolver knows ``localhost`` alone). For clients that insist on the true names there is
``proxy``, an HTTP proxy that takes ``huggingface.co`` and ``*.hf.space`` to those ports. The certificate is good for all of these.

What it answers is what ``huggingface_hub`` and Gradio's clients expect; ``tests/hub`` holds it to the former.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self, cast
from urllib.parse import urlsplit

import trustme

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

WOKEN: Final = None
"""In a script: until somebody asks the Space's own host for something."""
FOR_EVER: Final = float("inf")


@dataclass
class Told:
    """In a script: until the Hub has said so many times that it is at that stage. That depends on no clock."""

    times: int = 1


HARDWARE: Final = frozenset(
    {"cpu-basic", "cpu-upgrade", "t4-small", "t4-medium", "a10g-small", "a10g-large", "a100-large"}
    | {"cpu-xl", "l4x1", "zero-a10g", "h100"}
)
RUNS: Final = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
DEFAULT_SLEEP: Final = 172800
HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"}
)
PAGE: Final = b"<!doctype html><title>Hugging Face</title><h1>%s</h1>"

Script = list[tuple[str, "float | Told | None"]]


@dataclass
class Token:
    """An access token: whose it is, and whether it may change anything."""

    owner: str
    write: bool = True
    expired: bool = False


@dataclass(frozen=True)
class Asked:
    """One request that came in somewhere."""

    port: int
    method: str
    target: str
    headers: dict[str, str]

    @property
    def token(self) -> str | None:
        for name in ("authorization", "x-hf-authorization"):
            kind, _, token = self.headers.get(name, "").partition(" ")
            if kind == "Bearer":
                return token
        return None


@dataclass
class Space:
    """One Space. Its stage follows a script, then stays at what ``stage`` was last set to."""

    name: str
    host: str
    port: int
    private: bool = False
    hardware: str = "cpu-basic"
    sleep_time: int = DEFAULT_SLEEP
    discussions: bool = True
    secrets: dict[str, str] = field(default_factory=dict[str, str])
    variables: dict[str, str] = field(default_factory=dict[str, str])
    script: Script = field(default_factory=list[tuple[str, "float | Told | None"]])
    since: float = field(default_factory=time.monotonic)
    rest: str = "RUNNING"
    woken: int = 0
    """Requests that its host had while it slept."""
    relays: set[socket.socket] = field(default_factory=set[socket.socket])

    @property
    def subdomain(self) -> str:
        return re.sub(r"[^a-z0-9-]", "-", self.name.lower())

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def stage(self) -> str:
        while self.script:
            stage, seconds = self.script[0]
            if not isinstance(seconds, (int, float)) or time.monotonic() < self.since + seconds:
                return stage
            self.script.pop(0)
            self.since += seconds
        return self.rest

    def go(self, *script: tuple[str, float | Told | None], rest: str = "RUNNING") -> None:
        """Go through these stages from now on. Whatever the app's host is answering is broken off, if it runs no more."""
        self.script, self.since, self.rest = copy.deepcopy(list(script)), time.monotonic(), rest
        if self.stage not in RUNS:
            for sock in [*self.relays]:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def wake(self) -> None:
        if self.script and self.script[0][1] is WOKEN:
            self.woken += 1
            self.script.pop(0)
            self.since = time.monotonic()

    def tell(self) -> dict[str, Any]:
        """How it stands, as the Hub says."""
        runtime = self.runtime
        if self.script and isinstance(until := self.script[0][1], Told):
            until.times -= 1
            if until.times == 0:
                self.script.pop(0)
                self.since = time.monotonic()
        return runtime

    @property
    def runtime(self) -> dict[str, Any]:
        stage = self.stage
        current = self.hardware if stage in RUNS else None
        return {
            "stage": stage,
            "hardware": {"current": current, "requested": self.hardware},
            "gcTimeout": self.sleep_time,
            "storage": None,
            "replicas": {"current": 1, "requested": 1},
        }


class LocalHub:
    """The Hub, the Spaces' hosts and the proxy.

    Args:
        backend: the address of the Gradio server behind every Space.
        tls: without, everything is plain http.
    """

    def __init__(self, backend: str = "http://127.0.0.1:9", *, tls: bool = True) -> None:
        self.backend = urlsplit(backend).netloc
        self.tokens: dict[str, Token] = {}
        self.spaces: dict[str, Space] = {}
        self.asked: list[Asked] = []
        self.faults: list[tuple[int, dict[str, str], bytes]] = []
        """What the Hub answers to the next questions, in place of an answer."""
        self.broken: str = ""
        """Questions with this in their path are answered with 403, if it isn't empty."""
        self.build: Script = [("BUILDING", Told()), ("APP_STARTING", Told())]
        """What a copy goes through before it runs."""
        self.made: list[str] = []
        """The copies."""
        self.lock = threading.RLock()
        self.authority = trustme.CA()
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            names = ("127.0.0.1", "localhost", "huggingface.co", "*.hf.space")
            self.authority.issue_cert(*names).configure_cert(self._tls)
        self.scheme = "https" if tls else "http"
        self._servers: list[_Server] = []
        self.port = self._listen(_HubHandler)
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        self.proxy = f"http://127.0.0.1:{self._listen(_ProxyHandler, plain=True)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.end()

    def ssl_context(self) -> ssl.SSLContext:
        """A client's, which trusts the certificate."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def write_authority(self, path: Path) -> Path:
        """For clients that want a file."""
        self.authority.cert_pem.write_to_path(path)
        return path

    def add(self, name: str, *, script: Script | None = None, **fields: Any) -> Space:
        """A new Space with a host of its own."""
        port = self._listen(_SpaceHandler)
        space = Space(name, f"{self.scheme}://127.0.0.1:{port}", port, **fields)
        space.go(*(script or []), rest=space.rest)
        with self.lock:
            self.spaces[name] = space
        return space

    def remove(self, name: str) -> None:
        with self.lock:
            del self.spaces[name]

    def of_port(self, port: int) -> Space | None:
        with self.lock:
            return next((space for space in self.spaces.values() if space.port == port), None)

    def of_subdomain(self, subdomain: str) -> Space | None:
        with self.lock:
            return next((space for space in self.spaces.values() if space.subdomain == subdomain), None)

    def port_of(self, authority: str) -> int | None:
        """Where the proxy goes for a name."""
        host, _, port = authority.partition(":")
        if host == "huggingface.co":
            return self.port
        if host.endswith(".hf.space"):
            space = self.of_subdomain(host.removesuffix(".hf.space"))
            return space.port if space else None
        return int(port) if host == "127.0.0.1" else None

    def questions(self, path: str = "") -> list[Asked]:
        """What the Hub was asked."""
        return [asked for asked in self.asked if asked.port == self.port and path in asked.target]

    def _listen(self, handler: type[_Handler], *, plain: bool = False) -> int:
        server = _Server(self, handler, None if plain else self._tls)
        self._servers.append(server)
        return server.server_port


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, hub: LocalHub, handler: type[_Handler], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub
        self._tls = tls
        self.open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="local hub")
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, Any]:
        sock, address = super().get_request()
        sock.settimeout(60)
        self.open.add(sock)
        if self._tls is not None:
            self.open.discard(sock)
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self.open.add(sock)
        return sock, address

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of ours."""

    def end(self) -> None:
        self.shutdown()
        for sock in [*self.open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def site(self) -> _Server:
        return cast("_Server", self.server)

    @property
    def hub(self) -> LocalHub:
        return self.site.hub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        pass

    def parse_request(self) -> bool:
        good = super().parse_request()
        if good:
            headers = {name.lower(): value for name, value in self.headers.items()}
            with self.hub.lock:
                self.asked = Asked(self.site.server_port, self.command, self.path, headers)
                self.hub.asked.append(self.asked)
        return good

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def reply(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def page(self, status: int, text: str) -> None:
        self.reply(status, PAGE % text.encode(), "text/html; charset=utf-8")


class _Refused(Exception):
    def __init__(self, status: int, error: str, code: str = "") -> None:
        super().__init__(error)
        self.status, self.error, self.code = status, error, code


class _HubHandler(_Handler):
    """The Hub itself."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.body())

    def _answer(self, body: bytes) -> None:
        with self.hub.lock:
            if self.hub.faults:
                status, headers, text = self.hub.faults.pop(0)
                self.reply(status, text, headers.pop("content-type", "text/html"), **headers)
                return
            try:
                if self.hub.broken and self.hub.broken in self.path:
                    raise _Refused(403, "Not now")
                parts = urlsplit(self.path).path.strip("/").split("/")
                value = self._value(parts, json.loads(body or b"{}"))
            except _Refused as refused:
                headers = {"x_error_message": refused.error} | (
                    {"x_error_code": refused.code} if refused.code else {}
                )
                text = json.dumps({"error": refused.error}).encode()
                self.reply(refused.status, text, "application/json; charset=utf-8", **headers)
                return
        self.reply(200, json.dumps(value).encode(), "application/json; charset=utf-8")

    def _value(self, parts: list[str], body: dict[str, Any]) -> Any:
        if parts == ["api", "whoami-v2"]:
            token = self._token()
            if token is None:
                raise _Refused(401, "Invalid username or password.")
            return {"type": "user", "name": token.owner, "fullname": token.owner, "orgs": [], "auth": {}}
        if parts[:3] == ["api", "spaces", "by-subdomain"] and len(parts) == 4:
            return self._info(self._space(self.hub.of_subdomain(parts[3])))
        if parts[:2] != ["api", "spaces"] or not 4 <= len(parts) <= 5:
            raise _Refused(404, "Sorry, we can't find the page you are looking for.")
        space = self._space(self.hub.spaces.get("/".join(parts[2:4])))
        action = parts[4] if len(parts) == 5 else ""
        if self.command == "POST":
            return self._change(space, action, body)
        match action:
            case "":
                return self._info(space)
            case "host":
                return {"host": self._host(space), "subdomain": space.subdomain}
            case "runtime":
                return space.tell()
            case "jwt":
                return {"token": f"jwt-of-{space.subdomain}"}
            case "discussions":
                if not space.discussions:
                    raise _Refused(403, "Discussions are disabled for this repo")
                return {"discussions": []}
            case _:
                raise _Refused(404, "Not Found")

    def _change(self, space: Space, action: str, body: dict[str, Any]) -> Any:
        token = self._token()
        if token is None:
            raise _Refused(401, "Invalid username or password.")
        if not token.write:
            raise _Refused(403, "You don't have the required permissions to perform this action")
        if action == "duplicate":
            return self._duplicate(space, token, body)
        if token.owner != space.owner:
            raise _Refused(403, "You don't have the required permissions to perform this action")
        match action:
            case "hardware":
                space.hardware = self._hardware(body["flavor"])
                space.sleep_time = body.get("sleepTimeSeconds", space.sleep_time)
            case "sleeptime":
                space.sleep_time = body["seconds"]
            case "secrets":
                space.secrets[body["key"]] = body["value"]
                return {}
            case "variables":
                space.variables[body["key"]] = body["value"]
                return {key: {"value": value} for key, value in space.variables.items()}
            case "pause":
                space.go(rest="PAUSED")
            case "restart":
                space.go(*self.hub.build)
            case _:
                raise _Refused(404, "Not Found")
        return space.runtime

    def _duplicate(self, original: Space, token: Token, body: dict[str, Any]) -> Any:
        name = body["repository"]
        if name.partition("/")[0] != token.owner:
            raise _Refused(403, "You don't have the rights to create a Space under this namespace")
        hardware = self._hardware(body.get("hardware") or "cpu-basic")
        if name in self.hub.spaces:
            raise _Refused(409, "You already created this space repo")
        self.hub.made.append(name)
        space = self.hub.add(
            name,
            script=self.hub.build,
            # Newer clients name the visibility.
            private=bool(body.get("private", body.get("visibility", "public") == "private")),
            hardware=hardware,
            sleep_time=body.get("sleepTimeSeconds", DEFAULT_SLEEP),
        )
        space.secrets |= {item["key"]: item["value"] for item in body.get("secrets", ())}
        space.variables |= {item["key"]: item["value"] for item in body.get("variables", ())}
        url = "https://huggingface.co" if self.headers.get("host") == "huggingface.co" else self.hub.url
        return {"url": f"{url}/spaces/{name}"}

    def _hardware(self, name: str) -> str:
        if name not in HARDWARE:
            raise _Refused(
                400, f"Invalid hardware type provided. Valid types are: {', '.join(sorted(HARDWARE))}"
            )
        return name

    def _info(self, space: Space) -> dict[str, Any]:
        return {
            "_id": "0",
            "id": space.name,
            "author": space.owner,
            "sha": "0" * 40,
            "private": space.private,
            "sdk": "gradio",
            "subdomain": space.subdomain,
            "host": self._host(space),
            "runtime": space.tell(),
            "tags": [],
            "siblings": [],
        }

    def _host(self, space: Space) -> str:
        # Whoever came by the true name, through the proxy, is told true names.
        if self.headers.get("host") == "huggingface.co":
            return f"https://{space.subdomain}.hf.space"
        return space.host

    def _token(self) -> Token | None:
        if self.asked.token is None:
            return None
        token = self.hub.tokens.get(self.asked.token)
        if token is None or token.expired:
            raise _Refused(401, "Invalid username or password.")
        return token

    def _space(self, space: Space | None) -> Space:
        token = self._token()
        if space is None or (space.private and (token is None or token.owner != space.owner)):
            if token is None:
                raise _Refused(401, "Invalid username or password.", "RepoNotFound")
            raise _Refused(404, "Repository not found", "RepoNotFound")
        return space


class _SpaceHandler(_Handler):
    """A Space's own host."""

    def do_GET(self) -> None:
        self._relay(b"")

    def do_POST(self) -> None:
        self._relay(self.body())

    def _relay(self, body: bytes) -> None:
        hub = self.hub
        with hub.lock:
            space = hub.of_port(self.site.server_port)
            if space is None:
                self.page(404, "There is no such Space.")
                return
            token = hub.tokens.get(self.asked.token or "")
            if space.private and (token is None or token.expired or token.owner != space.owner):
                self.page(404, "Sorry, we can't find the page you are looking for.")
                return
            space.wake()
            stage = space.stage
        if stage not in RUNS:
            status = 503 if stage in {"SLEEPING", "STOPPED", "BUILDING", "APP_STARTING"} else 404
            self.page(status, f"Your space is at {stage}")
            return
        self._forward(space, body)

    def _forward(self, space: Space, body: bytes) -> None:
        # The token is the proxy's business; an app doesn't get to see it.
        headers = {
            name: value
            for name, value in self.asked.headers.items()
            if name not in HOP_BY_HOP | {"host", "authorization", "x-hf-authorization"}
        }
        headers |= {"x-forwarded-host": self.headers["host"], "x-forwarded-proto": self.hub.scheme}
        upstream = http.client.HTTPConnection(self.hub.backend, timeout=60)
        with contextlib.closing(upstream), contextlib.suppress(OSError, http.client.HTTPException):
            upstream.request(self.command, self.path, body or None, headers)
            assert upstream.sock is not None
            self.site.open.add(upstream.sock)
            response = upstream.getresponse()
            self.send_response_only(response.status, response.reason)
            for name, value in response.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.close_connection = response.getheader("content-length") is None
            if self.close_connection:
                self.send_header("connection", "close")
            self.end_headers()
            space.relays.add(self.connection)
            try:
                while piece := response.read1(65536):
                    self.wfile.write(piece)
                    self.wfile.flush()
            finally:
                space.relays.discard(self.connection)
                self.site.open.discard(upstream.sock)


class _ProxyHandler(_Handler):
    """An HTTP proxy that knows where the true names are."""

    def do_CONNECT(self) -> None:
        port = self.hub.port_of(self.path)
        self.close_connection = True
        if port is None:
            self.send_error(502)
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pipe, args=(far, self.connection))
            back.start()
            _pipe(self.connection, far)
            back.join()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR if sock is target else socket.SHUT_RD)
