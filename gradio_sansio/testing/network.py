"""A network in virtual time: an engine on one side, peers that are machines on the other, and no socket or clock anywhere.

    server = GradioServer([function])
    network = VirtualNetwork({("127.0.0.1", 7860): server})
    engine = network.attach(lambda now: Engine("http://127.0.0.1:7860", now=now, ...))
    network.run_until(lambda: network.happened(AppOpened))

Rules:

* Time stands still while anybody has something to do, then jumps to the earliest of: the next delivery, the engine's deadline, a
  host's deadline. What arrives is handed over before a timer that is due at the same time fires.
* What one side sends arrives ``latency`` seconds later, in order for each connection. Between connections there is no order.
* What arrives for the engine is cut up by a policy (``whole``, ``single_bytes``, ``RandomPieces(seed)``).
* The network holds the engine to the rules of commands: bytes go to connections that are open, TLS begins once, a closed connection
  hears nothing more. It raises ``NetworkError`` where they are broken, and where nothing would ever happen again.
* Everything is recorded: ``actions``, ``events``, and each ``Link`` with its bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from heapq import heappop, heappush
from typing import Final, Protocol, TypeAlias, TypeVar, assert_never

from gradio_sansio.commands import (
    Close,
    Command,
    Connect,
    ConnectionId,
    NeedBody,
    PauseReading,
    ResumeReading,
    Send,
    ShutdownWrite,
    StartTls,
)
from gradio_sansio.engine import Engine
from gradio_sansio.events import Event
from gradio_sansio.transfers import give_piece, read_piece

E = TypeVar("E")

_COMMANDS: Final = (Connect, StartTls, Send, ShutdownWrite, Close, PauseReading, ResumeReading)
_Command: TypeAlias = Connect | StartTls | Send | ShutdownWrite | Close | PauseReading | ResumeReading
MAX_STEPS: Final = 200_000
"""Steps without time passing after which the network says that nothing will come of it."""


class Cut(Enum):
    """How a peer ends a connection."""

    END = "in order: it sends nothing more"
    RESET = "at once, in both directions"


class NetworkError(AssertionError):
    """The engine broke a rule of the border, or what is waited for can't happen any more."""


class Peer(Protocol):
    """The far side of one connection. After each call it is drained."""

    def received(self, data: bytes, now: float) -> None:
        """Bytes have come."""

    def closed(self, now: float) -> None:
        """The connection is gone."""

    def drain(self) -> list[bytes | Cut]:
        """What is to be sent, and how the connection ends. Nothing counts after a cut."""
        ...


class Host(Protocol):
    """Something that listens, and owns the peers that it accepted."""

    def accept(self, now: float) -> Peer | None:
        """A new connection's far side; None to refuse it."""
        ...

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is due."""
        ...

    def tick(self, now: float) -> None:
        """Time has passed: peers may have something to send."""


Chunking: TypeAlias = Callable[[bytes], Iterable[bytes]]
"""How what arrives is cut into pieces, none of them empty."""


def whole(data: bytes) -> Iterable[bytes]:
    """In one piece, as it was sent."""
    return (data,)


def single_bytes(data: bytes) -> Iterable[bytes]:
    """One byte at a time."""
    return (data[i : i + 1] for i in range(len(data)))


class RandomPieces:
    """In pieces of 1 to ``most`` bytes; the same for the same seed, on every platform."""

    def __init__(self, seed: int, most: int = 40) -> None:
        self._state = seed
        self._most = most

    def __call__(self, data: bytes) -> Iterable[bytes]:
        """The next pieces."""
        start = 0
        while start < len(data):
            # A linear congruential generator (Knuth's MMIX), of which the high bits are good enough.
            self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
            size = 1 + (self._state >> 33) % self._most
            yield data[start : start + size]
            start += size


class LinkState(Enum):
    """How far a connection is, as the network sees it."""

    CONNECTING = "connecting"
    OPEN = "open"
    SECURING = "TLS is being set up"
    GONE = "gone"


class Link:
    """One connection, with all that went over it."""

    def __init__(self, conn: ConnectionId, host: str, port: int) -> None:
        self.id = conn
        self.host = host
        self.port = port
        self.state = LinkState.CONNECTING
        self.peer: Peer | None = None
        self.sent: bytearray = bytearray()
        """What the engine sent."""
        self.received: bytearray = bytearray()
        """What it was given."""
        self.server_name: str | None = None
        """The name that TLS was asked to verify."""
        self.paused = False
        self.shut = False
        """The engine sends nothing more."""
        self.arriving: deque[bytes | Cut] = deque()
        """What is on its way to the engine, in order."""
        self.held: deque[bytes | Cut] = deque()
        """What has arrived and is not read yet; during a pause that may be a while."""
        self.unsent = 0


class _Stage(Enum):
    """What a delivery brings."""

    ACCEPT = "accept"
    TLS = "TLS"
    TO_PEER = "to the peer"
    PEER_CLOSED = "closed, to the peer"
    TO_ENGINE = "to the engine"
    READ = "the engine reads again"
    BREAK = "broken, to the engine"


class VirtualNetwork:
    """The network. See the module for what it does.

    Args:
        hosts: who listens where. Everything else refuses connections.
        latency: seconds for anything to get across, one way.
        chunking: how what arrives for the engine is cut up.
        now: where its clock begins.
    """

    def __init__(
        self,
        hosts: Mapping[tuple[str, int], Host],
        *,
        latency: float = 0.01,
        chunking: Chunking = whole,
        now: float = 1000.0,
    ) -> None:
        self.hosts: dict[tuple[str, int], Host] = dict(hosts)
        self.latency = latency
        self.chunking = chunking
        self.now: float = now
        self.tls_failure: str | None = None
        """Why TLS fails, if it shall."""
        self.actions: list[tuple[float, Command | Event]] = []
        """All that the engine asked for and told, with the time."""
        self.events: list[Event] = []
        self.links: dict[ConnectionId, Link] = {}
        self._engine: Engine | None = None
        self._live: list[Link] = []
        """Those with a peer that may have something to say."""
        self._deliveries: list[tuple[float, int, ConnectionId, _Stage, bytes]] = []
        self._count = 0
        self._standing = 0

    # What a test does.

    def attach(self, make: Callable[[float], Engine]) -> Engine:
        """Make an engine, with the clock's reading, and do what it asks for at once."""
        assert self._engine is None, "a network has one engine"
        self._engine = engine = make(self.now)
        self.pump()
        return engine

    @property
    def engine(self) -> Engine:
        """The engine that was attached."""
        assert self._engine is not None, "attach an engine first"
        return self._engine

    def pump(self) -> None:
        """Do what the engine asks for. To be called after each input that a test makes itself."""
        for action in self.engine.drain():
            self.actions.append((self.now, action))
            if isinstance(action, NeedBody):
                give_piece(self.engine, action, read_piece(action), self.now)
                self.pump()
            elif isinstance(action, _COMMANDS):
                self._perform(action)
            else:
                self.events.append(action)

    def step(self) -> bool:
        """Let the next thing happen. False if nothing ever will."""
        upcoming = self._upcoming()
        if upcoming is None:
            return False
        self._step(upcoming)
        return True

    def _step(self, upcoming: float) -> None:
        self._move_to(upcoming)
        if self._deliveries and self._deliveries[0][0] <= self.now:
            _, _, conn, stage, data = heappop(self._deliveries)
            self._deliver(self.links[conn], stage, data)
            return
        for host in set(self.hosts.values()):
            if host.deadline is not None and host.deadline <= self.now:
                host.tick(self.now)
                return
        self.engine.tick(self.now)
        deadline = self.engine.deadline
        if deadline is not None and deadline <= self.now:
            raise NetworkError(f"after a tick at {self.now} the engine's deadline is still {deadline}")
        self.pump()

    def run_until(self, condition: Callable[[], object], *, within: float = 3600.0) -> None:
        """Let things happen until the condition holds.

        Raises:
            NetworkError: it doesn't hold after ``within`` seconds, or nothing more would happen.
        """
        limit = self.now + within
        while not condition():
            upcoming = self._upcoming()
            if upcoming is None:
                raise NetworkError(f"nothing will ever happen again; the last events: {self.events[-5:]}")
            if upcoming > limit:
                raise NetworkError(f"not within {within} s; the last events: {self.events[-5:]}")
            self._step(upcoming)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        limit = self.now + seconds
        while (upcoming := self._upcoming()) is not None and upcoming <= limit:
            self._step(upcoming)
        self._move_to(limit)

    def stall(self, seconds: float) -> None:
        """Let time pass without anybody noticing, as in a program whose loop is blocked. Peers and timers catch up afterwards."""
        self.now += seconds

    def cut(self, link: Link, how: Cut = Cut.RESET) -> None:
        """Let the network end a connection under way, now. The peer sees it closed, whichever way."""
        if how is Cut.RESET:
            self._schedule(0.0, link.id, _Stage.BREAK)
        else:
            self._send_back(link, how)
        self._schedule(0.0, link.id, _Stage.PEER_CLOSED)

    # What a test asks.

    def happened(self, kind: type[E]) -> E | None:
        """The latest event of a kind."""
        for event in reversed(self.events):
            if isinstance(event, kind):
                return event
        return None

    def all_of(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def open_links(self) -> list[Link]:
        """The connections that are not gone."""
        return [link for link in self.links.values() if link.state is not LinkState.GONE]

    # The inside.

    def _upcoming(self) -> float | None:
        """When the next thing happens, what peers have to send by now included."""
        self._collect()
        times = [host.deadline for host in self.hosts.values()]
        times.append(self.engine.deadline)
        if self._deliveries:
            times.append(self._deliveries[0][0])
        due = [time for time in times if time is not None]
        return min(due) if due else None

    def _move_to(self, time: float) -> None:
        if time > self.now:
            self.now = time
            self._standing = 0
            return
        self._standing += 1
        if self._standing > MAX_STEPS:
            raise NetworkError(f"{MAX_STEPS} steps without time passing; the last events: {self.events[-5:]}")

    def _schedule(self, delay: float, conn: ConnectionId, stage: _Stage, data: bytes = b"") -> None:
        self._count += 1
        heappush(self._deliveries, (self.now + delay, self._count, conn, stage, data))

    def _perform(self, command: _Command) -> None:
        conn = command.connection
        if isinstance(command, Connect):
            _check(conn not in self.links, command, None)
            self.links[conn] = Link(conn, command.host, command.port)
            self._schedule(2 * self.latency, conn, _Stage.ACCEPT)
            return
        link = self.links.get(conn)
        if link is None:
            raise NetworkError(f"{command!r}, for a connection that was never asked for")
        _check(link.state is not LinkState.GONE, command, link)
        match command:
            case Send():
                _check(link.state is LinkState.OPEN and not link.shut and bool(command.data), command, link)
                link.sent += command.data
                link.unsent += 1
                self._schedule(self.latency, conn, _Stage.TO_PEER, command.data)
            case StartTls():
                _check(link.state is LinkState.OPEN and link.server_name is None, command, link)
                link.server_name = command.server_name
                link.state = LinkState.SECURING
                self._schedule(2 * self.latency, conn, _Stage.TLS)
            case ShutdownWrite():
                _check(link.state is LinkState.OPEN and not link.shut, command, link)
                link.shut = True
            case Close():
                link.state = LinkState.GONE
                link.held.clear()
                self._schedule(self.latency, conn, _Stage.PEER_CLOSED)
            case PauseReading():
                link.paused = True
            case ResumeReading():
                link.paused = False
                self._schedule(0.0, conn, _Stage.READ)
            case _:
                assert_never(command)

    def _deliver(self, link: Link, stage: _Stage, data: bytes) -> None:
        engine, now = self.engine, self.now
        match stage:
            case _Stage.ACCEPT if link.state is LinkState.CONNECTING:
                host = self.hosts.get((link.host, link.port))
                link.peer = host.accept(now) if host is not None else None
                if link.peer is None:
                    link.state = LinkState.GONE
                    engine.connect_failed(link.id, "connection refused", now)
                else:
                    link.state = LinkState.OPEN
                    self._live.append(link)
                    engine.connected(link.id, now)
            case _Stage.TLS if link.state is LinkState.SECURING:
                if self.tls_failure is not None:
                    self._lose(link, self.tls_failure)
                else:
                    link.state = LinkState.OPEN
                    engine.tls_started(link.id, now)
            case _Stage.TO_PEER if link.peer is not None:
                link.peer.received(data, now)
                link.unsent -= 1
                if not link.unsent and link.state is LinkState.OPEN:
                    engine.flushed(link.id, now)
            case _Stage.PEER_CLOSED if link.peer is not None:
                peer, link.peer = link.peer, None
                peer.closed(now)
            case _Stage.TO_ENGINE if link.state is LinkState.OPEN:
                item = link.arriving.popleft()
                if item is Cut.RESET:
                    # What is not read yet is lost with it.
                    self._lose(link, "connection reset")
                elif isinstance(item, bytes):
                    link.held += self.chunking(item)
                    self._read(link)
                else:
                    link.held.append(item)
                    self._read(link)
            case _Stage.READ:
                self._read(link)
            case _Stage.BREAK if link.state in (LinkState.OPEN, LinkState.SECURING):
                self._lose(link, "connection reset")
            case _:
                # For a connection that is gone by now.
                pass
        self.pump()

    def _read(self, link: Link) -> None:
        while link.held and link.state is LinkState.OPEN and not link.paused:
            item = link.held.popleft()
            if isinstance(item, bytes):
                link.received += item
                self.engine.received(link.id, item, self.now)
            else:
                self.engine.peer_closed(link.id, self.now)
            self.pump()

    def _lose(self, link: Link, reason: str) -> None:
        link.state = LinkState.GONE
        self._schedule(self.latency, link.id, _Stage.PEER_CLOSED)
        self.engine.lost(link.id, reason, self.now)

    def _collect(self) -> None:
        """Take what the peers have to send."""
        for link in self._live:
            peer = link.peer
            for item in peer.drain() if peer is not None else ():
                self._send_back(link, item)
        self._live = [link for link in self._live if link.peer is not None]

    def _send_back(self, link: Link, item: bytes | Cut) -> None:
        if link.state is not LinkState.GONE:
            link.arriving.append(item)
            self._schedule(self.latency, link.id, _Stage.TO_ENGINE)


def _check(allowed: bool, command: Command, link: Link | None) -> None:
    if not allowed:
        state = "known already" if link is None else link.state.value
        raise NetworkError(f"{command!r}, but the connection is {state}")
