"""What is particular to real sockets."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
import trio

import gradio_sansio_anyio
from gradio_sansio import ConnectError, Disconnected, Limits
from gradio_sansio.testing.cases.base import FUNCTIONS, named, raises, serve
from gradio_sansio.testing.loopback import Loopback, refused_url
from gradio_sansio.testing.network import Cut
from gradio_sansio.testing.server import GradioServer
from gradio_sansio_system.dial import dial_loopback
from tests.live.fault_proxy import Fault, FaultProxy, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradio_sansio.testing.conformance import Subject


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ipv6(subject: Subject) -> None:
    with Loopback(GradioServer(FUNCTIONS), address="::1") as server:

        async def main() -> None:
            async with subject.client(server.url) as app:
                assert (await app.predict("/predict", ["six"])).value == "six"
            hosts = server.call(lambda gradio: {request.headers["host"] for request in gradio.requests})
            assert hosts == {f"[::1]:{server.port}"}

        subject.run(main)


def test_a_name_that_is_not_known(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: object, *args: object, **options: object) -> object:
        if host in ("gradio.invalid", b"gradio.invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    async def main() -> None:
        with raises(ConnectError, "name or service not known") as found:
            async with subject.client("http://gradio.invalid"):
                pass
        assert "errno" not in str(found[0]).lower()

    subject.run(main)


@contextmanager
def connected_to(port: int) -> Iterator[list[socket.socket]]:
    """This process's sockets that are connected to a port."""
    found: list[socket.socket] = []
    for path in list(Path("/proc/self/fd").iterdir()):
        if not (path.exists() and path.is_socket()):
            continue
        sock = socket.socket(fileno=os.dup(int(path.name)))
        try:
            peer = sock.getpeername()
        except OSError:
            peer = None
        if isinstance(peer, tuple) and peer[1] == port:
            found.append(sock)
        else:
            sock.close()
    try:
        yield found
    finally:
        for sock in found:
            sock.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_delay(subject: Subject) -> None:
    with serve() as server:

        async def main() -> None:
            async with subject.client(server.url) as app:
                await app.predict("/predict", ["x"])
                with connected_to(server.port) as sockets:
                    assert sockets
                    assert all(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for sock in sockets)

        subject.run(main)


def test_a_body_larger_than_any_buffer(subject: Subject) -> None:
    text = "".join(map(str, range(1_000_000)))
    with serve() as server:

        async def main() -> None:
            async with subject.client(server.url) as app:
                assert (await app.predict("/predict", [text])).value == text

        subject.run(main)


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the kernel takes no part in a full queue, or refuses"
)
def test_this_machine_is_not_waited_for_where_its_queue_is_full() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as made:
        port = server.getsockname()[1]
        while (sock := dial_loopback("127.0.0.1", port)) is not None:
            made.enter_context(sock)
        before = len(list(Path("/proc/self/fd").iterdir()))
        assert dial_loopback("127.0.0.1", port) is None
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    with refused_url() as url, pytest.raises(ConnectionRefusedError):
        dial_loopback("127.0.0.1", int(url.rpartition(":")[2]))
    assert dial_loopback("localhost", port) is None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_connecting_while_all_threads_are_busy(backend: str) -> None:
    """Names are resolved in a thread; those that anyio lends to the program may all be taken."""

    async def main() -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = 1
        async with limiter, gradio_sansio_anyio.client(url, limits=Limits(connect=2)) as app:
            assert (await app.predict("/predict", ["x"])).value == "x"

    with serve() as server:
        url = named(server.url)
        anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_leaving_while_a_name_is_resolved(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver can't be told to stop: it is not waited for, and a socket that it leads to after all is closed."""
    asked, answer, left = threading.Event(), threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def resolve(*args: Any, **options: Any) -> Any:
        asked.set()
        answer.wait(10)
        try:
            return real(*args, **options)
        finally:
            left.set()

    async def main() -> None:
        began = anyio.current_time()
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(use)
                while not asked.is_set():  # noqa: ASYNC110  # it is set in a thread
                    await anyio.sleep(0.002)
                scope.cancel()
        assert anyio.current_time() - began < 5
        answer.set()
        while not left.is_set():  # noqa: ASYNC110  # as above
            await anyio.sleep(0.002)

    async def use() -> None:
        async with gradio_sansio_anyio.client(url):
            pytest.fail("it was open")

    with serve() as server:
        url = named(server.url)
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        anyio.run(main, backend=backend)


def test_many_connections(subject: Subject) -> None:
    """Each isolated job has a stream of its own."""
    with serve() as server:

        async def main() -> None:
            async with subject.client(server.url) as app:
                submissions = [app.submit("/slow", [2], isolated=True) for _ in range(40)]
                for submission in submissions:
                    assert (await submission.result()).value == "slept 2"
                assert server.accepted >= 40

        subject.run(main)


def test_a_connection_that_went_away_unused(subject: Subject) -> None:
    """The server may end idle connections at any time."""
    with serve() as server:

        async def main() -> None:
            async with subject.client(server.url, limits=Limits(keep_alive=60)) as app:
                for _ in range(5):
                    assert (await app.predict("/predict", ["x"])).value == "x"

                    def cut(gradio: GradioServer) -> None:
                        for connection in list(gradio.connections):
                            connection.cut(Cut.END)

                    server.call(cut)
                    await subject.sleep(0.01)

        subject.run(main)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.HALF_OPEN])
def test_what_the_server_has_is_not_sent_twice(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """A peer may have a request, and be gone, before the task that wrote it goes on."""

    def lag(kind: Any, name: str) -> None:
        send = getattr(kind, name)

        async def send_and_linger(self: Any, data: Any) -> None:
            await send(self, data)
            await anyio.sleep(0.05)

        monkeypatch.setattr(kind, name, send_and_linger)

    lag(trio.SocketStream, "send_all")
    with serve() as server, FaultProxy(server.url, server.url) as proxy:

        async def main() -> None:
            async with subject.client(proxy.url) as app:
                assert (await app.predict("/predict", ["x"])).value == "x"
                proxy.aim(Phase.JOIN, fault, pause=0)
                submission = app.submit("/predict", ["x"])
                if fault is Fault.HALF_OPEN:
                    await subject.until(proxy.fired.is_set)
                    proxy.cut()
                with raises(Disconnected):
                    await submission.result()
                assert proxy.strikes == 1
                proxy.heal()
                assert (await app.predict("/predict", ["x"])).value == "x"

        subject.run(main)
