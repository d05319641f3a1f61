from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from gradio_sansio import Engine
from gradio_sansio.commands import (
    Close,
    Connect,
    ConnectionId,
    PauseReading,
    ResumeReading,
    Send,
    ShutdownWrite,
    StartTls,
)
from gradio_sansio.events import AppClosed, AppOpened
from gradio_sansio.testing import Cut, NetworkError, RandomPieces, VirtualNetwork, single_bytes, whole
from gradio_sansio.testing import network as module
from gradio_sansio.testing.network import LinkState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

C = ConnectionId(1)
HOST = ("app.test", 80)


class Machine:
    """Stands in for an engine: says what it is told to, and notes what it hears."""

    def __init__(self, *actions: object) -> None:
        self.actions: list[object] = list(actions)
        self.heard: list[tuple[object, ...]] = []
        self.deadline: float | None = None
        self.ticks: list[float] = []

    def drain(self) -> list[object]:
        actions, self.actions = self.actions, []
        return actions

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.deadline = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: self.heard.append((name, *args[1:-1], round(args[-1] - 1000.0, 6)))


class Echo:
    """A host whose peers send back what they get, and note their end."""

    def __init__(self, *first: bytes | Cut) -> None:
        self.out: list[bytes | Cut] = list(first)
        self.ends: list[float] = []
        self.deadline: float | None = None

    def accept(self, now: float) -> Echo:
        return self

    def received(self, data: bytes, now: float) -> None:
        self.out.append(data.upper())

    def closed(self, now: float) -> None:
        self.ends.append(round(now - 1000.0, 6))

    def drain(self) -> list[bytes | Cut]:
        out, self.out = self.out, []
        return out

    def tick(self, now: float) -> None:
        self.deadline = None
        self.out.append(b"tick")


def attached(*actions: object, host: Echo | None = None, **options: Any) -> tuple[Machine, VirtualNetwork]:
    machine = Machine(Connect(C, *HOST), *actions)
    network = VirtualNetwork({HOST: host} if host else {}, **options)
    network.attach(lambda now: cast("Engine", machine))
    return machine, network


def test_it_takes_time_to_get_across() -> None:
    host = Echo()
    machine, network = attached(host=host, latency=0.5)
    network.run(1.0)
    assert machine.heard == [("connected", 1.0)]
    machine.actions = [Send(C, b"abc"), Send(C, b"def")]
    network.pump()
    network.run(1.0)
    # Written bytes have left once the last of them arrived.
    assert machine.heard[1:] == [("flushed", 1.5), ("received", b"ABC", 2.0), ("received", b"DEF", 2.0)]
    link = network.links[C]
    assert (bytes(link.sent), bytes(link.received)) == (b"abcdef", b"ABCDEF")
    machine.actions = [Close(C)]
    network.pump()
    assert network.open_links == []
    network.run(10.0)
    assert host.ends == [2.5]
    assert not network.step()
    assert network.now == 1012.0


def test_nobody_is_there() -> None:
    machine, network = attached()
    network.run(1.0)
    assert machine.heard == [("connect_failed", "connection refused", 0.02)]


def test_a_close_before_it_is_open() -> None:
    machine, network = attached(Close(C), host=Echo())
    network.run(1.0)
    assert machine.heard == []


@pytest.mark.parametrize(
    ("chunking", "pieces"),
    [
        (whole, [b"hello, world"]),
        (single_bytes, [bytes([b]) for b in b"hello, world"]),
        (RandomPieces(5, most=6), None),
    ],
)
def test_pieces(chunking: Callable[[bytes], Iterable[bytes]], pieces: list[bytes] | None) -> None:
    machine, network = attached(host=Echo(b"hello, world"), chunking=chunking)
    network.run(1.0)
    received = [cast("bytes", entry[1]) for entry in machine.heard if entry[0] == "received"]
    assert b"".join(received) == b"hello, world"
    assert all(received)
    assert pieces is None or received == pieces
    if pieces is None:
        assert 1 < len(received) < 12
        assert list(RandomPieces(5, most=6)(b"hello, world")) == received


def test_ends_of_all_kinds() -> None:
    host = Echo(b"a", Cut.END)
    machine, network = attached(host=host)
    network.run(1.0)
    assert machine.heard == [("connected", 0.02), ("received", b"a", 0.03), ("peer_closed", 0.03)]
    assert network.open_links
    network.cut(network.links[C])
    network.run(1.0)
    assert machine.heard[3:] == [("lost", "connection reset", 1.0)]
    network.cut(network.links[C])
    network.cut(network.links[C], Cut.END)
    network.run(1.0)
    assert len(machine.heard) == 4
    assert host.ends == [1.0]
    machine, network = attached(host=Echo(b"a", Cut.RESET, b"b"))
    network.run(1.0)
    assert machine.heard == [
        ("connected", 0.02),
        ("received", b"a", 0.03),
        ("lost", "connection reset", 0.03),
    ]


def test_an_end_that_the_network_makes() -> None:
    machine, network = attached(host=(host := Echo()))
    network.run(1.0)
    network.cut(network.links[C], Cut.END)
    network.run(1.0)
    assert machine.heard[1:] == [("peer_closed", 1.01)]
    assert host.ends == [1.0]
    # What is sent to nobody is lost.
    machine.actions = [Send(C, b"x")]
    network.pump()
    network.run(1.0)
    assert len(machine.heard) == 2


def test_a_pause_holds_back_all_but_a_reset() -> None:
    host = Echo()
    machine, network = attached(host=host, chunking=single_bytes)
    network.run(1.0)
    machine.actions = [PauseReading(C)]
    network.pump()
    host.out += [b"ab", b"c", Cut.END]
    network.run(1.0)
    assert machine.heard[1:] == []
    machine.actions = [ResumeReading(C)]
    network.pump()
    network.run(1.0)
    assert machine.heard[1:] == [*(("received", bytes([b]), 2.0) for b in b"abc"), ("peer_closed", 2.0)]
    host = Echo()
    machine, network = attached(host=host)
    network.run(1.0)
    machine.actions = [PauseReading(C)]
    network.pump()
    host.out += [b"ab", Cut.RESET]
    network.run(1.0)
    assert machine.heard[1:] == [("lost", "connection reset", 1.01)]


def test_tls() -> None:
    machine, network = attached(host=Echo())
    network.run(1.0)
    machine.actions = [StartTls(C, "app.test")]
    network.pump()
    assert network.links[C].state is LinkState.SECURING
    with pytest.raises(NetworkError, match="TLS is being set up"):
        network._perform(Send(C, b"early"))
    network.run(1.0)
    assert machine.heard[1:] == [("tls_started", 1.02)]
    assert network.links[C].server_name == "app.test"
    machine, network = attached(host=Echo())
    network.tls_failure = "bad certificate"
    network.run(1.0)
    machine.actions = [StartTls(C, "app.test")]
    network.pump()
    network.run(1.0)
    assert machine.heard[1:] == [("lost", "bad certificate", 1.02)]
    machine, network = attached(host=Echo())
    network.run(1.0)
    machine.actions = [StartTls(C, "app.test")]
    network.pump()
    network.cut(network.links[C])
    network.run(1.0)
    assert machine.heard[1:] == [("lost", "connection reset", 1.0)]


def test_shutdown() -> None:
    machine, network = attached(host=Echo())
    network.run(1.0)
    machine.actions = [Send(C, b"x"), ShutdownWrite(C)]
    network.pump()
    network.run(1.0)
    assert ("received", b"X", 1.02) in machine.heard
    with pytest.raises(NetworkError):
        network._perform(Send(C, b"more"))


def test_commands_that_make_no_sense() -> None:
    wrong: list[tuple[list[Any], Any]] = [
        ([], Send(C, b"before it is open")),
        ([], Connect(C, *HOST)),
        ([], Send(ConnectionId(2), b"x")),
        ([], StartTls(C, "x")),
        ([Close(C)], Close(C)),
        ([Close(C)], PauseReading(C)),
        ([], ShutdownWrite(C)),
    ]
    for before, command in wrong:
        _, network = attached(*before, host=Echo())
        with pytest.raises(NetworkError, match=type(command).__name__):
            network._perform(command)
    _, network = attached(host=Echo())
    network.run(1.0)
    with pytest.raises(NetworkError):
        network._perform(Send(C, b""))


def test_timers() -> None:
    host = Echo()
    machine, network = attached(host=host)
    network.run(1.0)
    machine.deadline = host.deadline = 1005.0
    network.run(3.0)
    assert machine.ticks == []
    network.run(3.0)
    # What arrives comes first, but it takes its time to get across.
    assert machine.ticks == [1005.0]
    assert machine.heard[1:] == [("received", b"tick", 5.01)]
    machine.deadline = 1010.0
    network.stall(10.0)
    network.run(1.0)
    assert machine.ticks[1:] == [1017.0]


def test_waiting_for_what_never_comes() -> None:
    machine, network = attached(host=Echo())
    with pytest.raises(NetworkError, match="nothing will ever happen again"):
        network.run_until(lambda: False)
    machine.deadline = 5000.0
    with pytest.raises(NetworkError, match=r"not within 10\.0 s"):
        network.run_until(lambda: False, within=10.0)
    network.run_until(lambda: machine.ticks, within=5000.0)
    assert network.now == 5000.0


def test_a_deadline_that_stands_still() -> None:
    machine, network = attached(host=Echo())
    machine.tick = lambda now: None  # type: ignore[method-assign]
    machine.deadline = 1000.01
    with pytest.raises(NetworkError, match="is still"):
        network.run(1.0)


def test_two_that_never_stop_talking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STEPS", 100)
    machine, network = attached(host=Echo(b"x"), latency=0.0)
    machine.received = lambda *args: machine.actions.append(Send(C, b"x"))  # type: ignore[attr-defined]
    with pytest.raises(NetworkError, match="without time passing"):
        network.run(1.0)


def test_what_is_recorded() -> None:
    machine, network = attached(AppOpened(), AppClosed(), AppOpened())
    assert network.happened(AppOpened) == AppOpened()
    assert network.happened(Engine) is None
    assert network.all_of(AppOpened) == [AppOpened(), AppOpened()]
    assert [type(action) for _, action in network.actions] == [Connect, AppOpened, AppClosed, AppOpened]
    assert network.engine is cast("Engine", machine)
    with pytest.raises(AssertionError):
        network.attach(lambda now: cast("Engine", machine))
    with pytest.raises(AssertionError):
        _ = VirtualNetwork({}).engine
