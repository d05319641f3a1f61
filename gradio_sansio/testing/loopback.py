"""A machine of a server behind a real socket on the loopback interface, driven by one thread.

    with Loopback(GradioServer([function])) as server:
        with client(server.url) as app:
            ...
        server.call(lambda gradio: gradio.cut_streams())

The machine (a ``Host``: see ``network``) is touched by the thread alone, so everything about it goes through ``call``.

Besides what the machine itself does wrong, the network can: ``fault`` says what becomes of new connections, ``refused_url`` is an
address where nobody listens, and ``most`` bounds what is sent at a time.
"""
# ruff: noqa: TID251  # real sockets are what this is for; nothing of the core imports it

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from ssl import SSLContext, SSLSocket, SSLWantReadError, SSLWantWriteError
from time import monotonic
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from h11 import RemoteProtocolError

from gradio_sansio.testing.network import Cut, Host, Peer

H = TypeVar("H", bound=Host)
T = TypeVar("T")

_LATER: Final = (BlockingIOError, SSLWantReadError, SSLWantWriteError)
_RESET: Final = struct.pack("ii", 1, 0)
"""A ``SO_LINGER`` that makes closing a reset."""


class Fault(Enum):
    """What becomes of new connections."""

    RESET = "accepted, and reset at once"
    END = "accepted, and ended in order at once"
    STALL = "accepted, and never read nor answered"


class Loopback(Generic[H]):
    """A listening socket before a host.

    Args:
        host: what answers.
        address: of the loopback interface, IPv4 or IPv6.
        ssl_context: a server's, for TLS.
    """

    def __init__(self, host: H, *, address: str = "127.0.0.1", ssl_context: SSLContext | None = None) -> None:
        self.fault: Fault | None = None
        self.most: int = 64 * 1024
        """Bytes that are sent at a time."""
        self.accepted: int = 0
        """Connections so far."""
        self._host = host
        self._ssl_context = ssl_context
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family, backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        scheme = "http" if ssl_context is None else "https"
        self.url: str = f"{scheme}://{f'[{address}]' if ':' in address else address}:{self.port}"
        self._selector = DefaultSelector()
        self._selector.register(self._listener, EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, EVENT_READ)
        self._links: list[_Link] = []
        self._todo: deque[Callable[[], object]] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="loopback server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._post(self._close)
        self._thread.join()

    def call(self, action: Callable[[H], T]) -> T:
        """Do something with the host, in its thread, and return what came of it."""
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(action(self._host))
            except BaseException as error:  # noqa: BLE001  # it is raised where it was asked for
                failure.append(error)
            finally:
                done.set()

        self._post(run)
        if not done.wait(10):
            raise TimeoutError("the server's thread does not answer")
        if failure:
            raise failure[0]
        return outcome[0]

    @property
    def open(self) -> int:
        """Connections that are open, but for those that are stalled: nobody hears of their end."""
        return self.call(lambda _: sum(link.peer is not None for link in self._links))

    @property
    def unsent(self) -> int:
        """Bytes that the clients have not taken yet."""
        return self.call(lambda _: sum(link.unsent for link in self._links))

    def stop_listening(self) -> None:
        """Refuse new connections from now on; those that are open stay."""

        def stop(_: H) -> None:
            self._selector.unregister(self._listener)
            self._listener.close()

        self.call(stop)

    def _post(self, action: Callable[[], object]) -> None:
        self._todo.append(action)
        with suppress(OSError):
            # The thread may have seen it, and ended, by now.
            self._waker.send(b"\0")

    # The thread.

    def _run(self) -> None:
        with ExitStack() as stack:
            for thing in (self._selector, self._waker, self._woken, self._listener):
                stack.callback(thing.close)
            while not self._closing:
                deadline = self._host.deadline
                for key, mask in self._selector.select(
                    None if deadline is None else max(0.0, deadline - monotonic())
                ):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.fileobj is self._woken:
                        self._woken.recv(64)
                    else:
                        self._serve(key.data, mask)
                while self._todo:
                    self._todo.popleft()()
                now = monotonic()
                deadline = self._host.deadline
                if deadline is not None and deadline <= now:
                    self._host.tick(now)
                for link in list(self._links):
                    self._attend(link)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                self._begin(sock)

    def _begin(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.fault is Fault.RESET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
            return
        if self.fault is Fault.END:
            sock.shutdown(socket.SHUT_WR)
        stalled = self.fault is not None
        sock.setblocking(False)
        if self._ssl_context is not None and not stalled:
            sock = self._ssl_context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        peer = None if stalled else self._host.accept(monotonic())
        link = _Link(sock, peer)
        self._links.append(link)
        if peer is not None:
            self._selector.register(sock, EVENT_READ, link)

    def _serve(self, link: _Link, mask: int) -> None:
        if not mask & EVENT_READ or link.peer is None:
            return
        try:
            if isinstance(link.sock, SSLSocket) and not link.secured:
                link.sock.do_handshake()
                link.secured = True
            data = link.sock.recv(256 * 1024)
            while isinstance(link.sock, SSLSocket) and link.sock.pending():
                data += link.sock.recv(256 * 1024)
        except _LATER:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(link)
            return
        try:
            link.peer.received(data, monotonic())
        except RemoteProtocolError:
            with suppress(OSError):
                link.sock.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            self._drop(link)

    def _attend(self, link: _Link) -> None:
        """Send what there is to be sent, as far as it goes."""
        if link.peer is None:
            return
        link.out += link.peer.drain()
        try:
            while link.out:
                item = link.out.popleft()
                if isinstance(item, Cut):
                    self._cut(link, item)
                    return
                sent = 0
                try:
                    sent = link.sock.send(item[: self.most])
                finally:
                    if sent < len(item):
                        link.out.appendleft(item[sent:])
        except _LATER:
            pass
        except OSError:
            self._drop(link)
            return
        self._selector.modify(link.sock, EVENT_READ | (EVENT_WRITE if link.out else 0), link)

    def _cut(self, link: _Link, how: Cut) -> None:
        link.out.clear()
        if how is Cut.END and not isinstance(link.sock, SSLSocket):
            with suppress(OSError):
                link.sock.shutdown(socket.SHUT_WR)
            return
        if how is Cut.RESET:
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._drop(link)

    def _drop(self, link: _Link) -> None:
        self._links.remove(link)
        if link.peer is not None:
            self._selector.unregister(link.sock)
            link.peer.closed(monotonic())
        link.sock.close()

    def _close(self) -> None:
        self._closing = True
        for link in list(self._links):
            self._drop(link)


class _Link:
    """One connection: a socket, and the machine behind it."""

    def __init__(self, sock: socket.socket, peer: Peer | None) -> None:
        self.sock = sock
        self.peer = peer
        self.out: deque[bytes | Cut] = deque()
        self.secured = False
        """TLS stands."""

    @property
    def unsent(self) -> int:
        return sum(len(item) for item in self.out if isinstance(item, bytes))


@contextmanager
def refused_url(address: str = "127.0.0.1") -> Generator[str, None, None]:
    """A URL where connections are refused. The port is held meanwhile, so that nobody else begins to listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as holder:
        holder.bind((address, 0))
        yield f"http://{address}:{holder.getsockname()[1]}"
