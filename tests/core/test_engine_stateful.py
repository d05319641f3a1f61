"""An engine against a virtual server, with anything happening at any time.

The invariants are sharp on purpose: a job that hangs is the fault that no example-based test looks for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gradio_sansio import Limits
from gradio_sansio.events import JobFinished
from gradio_sansio.session.dialects.direct import DirectCalls
from gradio_sansio.session.dialects.shared_stream import SharedStream
from gradio_sansio.session.exchanges import Timer
from gradio_sansio.testing import Answer, Cut, RandomPieces, single_bytes, whole
from tests.core import figures
from tests.core.virtual import World

if TYPE_CHECKING:
    from gradio_sansio.events import JobId

VERSIONS = [(4, 16, 0), (4, 22, 0), (4, 44, 1), (5, 49, 1), (6, 31, 0)]
CALLS: list[tuple[str, list[object]]] = [
    ("/predict", ["hi"]),
    ("/count", [4, 0.3]),
    ("/slow", [1.0]),
    ("/burst", [30, 2000]),
    ("/reporting", [3]),
    ("/failing", ["no"]),
    ("/failing_late", [2]),
    ("/direct", ["hi"]),
    ("/direct_slow", [3.0]),
    ("/pairwise", [3]),
    ("/single", [3]),
]
JOIN, DATA = "/queue/join", "/queue/data"


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[JobId] = []
        self.taken: Counter[JobId] = Counter()
        self.steps = 0

    @initialize(
        version=st.sampled_from(VERSIONS), chunking=st.sampled_from([whole, single_bytes, RandomPieces(1)])
    )
    def start(self, version: tuple[int, int, int], chunking: RandomPieces) -> None:
        self.world = World(version=version, chunking=chunking, limits=Limits(job_buffer=20_000, mailbox=200))

    # What the application does.

    @rule(
        call=st.sampled_from(CALLS),
        isolated=st.booleans(),
        newest=st.booleans(),
        timeout=st.sampled_from([None, None, 0.5, 2.0]),
    )
    def submit(
        self, call: tuple[str, list[object]], isolated: bool, newest: bool, timeout: float | None
    ) -> None:
        endpoint, payload = call
        job = self.world.submit(endpoint, *payload, isolated=isolated, newest=newest, timeout=timeout)
        self.jobs.append(job)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.world.cancel(data.draw(st.sampled_from(self.jobs)))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def consume(self, data: st.DataObject) -> None:
        self.take(data.draw(st.sampled_from(self.jobs)))

    def take(self, job: JobId) -> None:
        sizes = sum(event.size for event in self.world.told(job) if not isinstance(event, JobFinished))
        self.world.consumed(job, sizes - self.taken[job])
        self.taken[job] = sizes

    # What time and the network do.

    @rule(seconds=st.sampled_from([0.005, 0.01, 0.02, 0.1, 1.0, 5.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.5, 5.0, 100.0]))
    def stall(self, seconds: float) -> None:
        self.world.network.stall(seconds)

    @rule(data=st.data(), how=st.sampled_from(Cut))
    def cut(self, data: st.DataObject, how: Cut) -> None:
        links = self.world.network.open_links
        if links:
            self.world.network.cut(data.draw(st.sampled_from(links)), how)

    # What the server does.

    @rule(delay=st.sampled_from([0.0, 0.0, 0.05, 3.0]))
    def delay_joins(self, delay: float) -> None:
        self.world.server.join_delay = delay

    @rule(
        path=st.sampled_from([JOIN, DATA]),
        status=st.sampled_from([200, 401, 422, 429, 500, 503]),
        cut=st.sampled_from([None, None, Cut.END, Cut.RESET]),
    )
    def refuse(self, path: str, status: int, cut: Cut | None) -> None:
        self.world.server.answers[self.world.server.prefix + path] = [
            Answer(status, {"detail": "no"}, cut=cut)
        ]

    @rule(how=st.sampled_from(Cut))
    def cut_streams(self, how: Cut) -> None:
        self.world.server.cut_streams(how)

    @rule()
    def end_streams(self) -> None:
        self.world.server.end_streams()

    @rule()
    def forget(self) -> None:
        self.world.server.cut_streams()
        self.world.server.forget()

    @rule()
    def stop(self) -> None:
        self.world.server.stop()

    @precondition(lambda self: self.world.server.jobs)
    @rule(
        data=st.data(),
        fields=st.sampled_from(
            [
                {"msg": "brand_new"},
                {"msg": "process_completed", "output": "none"},
                {"msg": "process_generating", "output": {"data": [[["append", ["x"], 1]]]}},
                {"msg": "estimation", "rank": 3},
                {"msg": "close_stream"},
            ]
        ),
    )
    def say(self, data: st.DataObject, fields: dict[str, object]) -> None:
        job = data.draw(st.sampled_from(self.world.server.jobs))
        self.world.server.emit({"event_id": job.event_id, **fields}, job.session)

    # What must hold.

    @invariant()
    def jobs_end_once(self) -> None:
        self.steps += 1
        self.world.check_whole()

    @invariant()
    def an_open_job_is_looked_after(self) -> None:
        session = self.world.engine._session
        assert set(session._jobs) == {job for job in self.jobs if self.world.ended(job) is None}
        for job, transport in session._jobs.values():
            if isinstance(transport, DirectCalls):
                assert transport._exchanges[job.id] in session._exchanges._requests
                continue
            assert isinstance(transport, SharedStream)
            if job in transport._joining.values():
                exchange = next(key for key, value in transport._joining.items() if value is job)
                assert session._timers.armed(Timer.REQUEST, exchange)
                continue
            assert job in transport._jobs.values()
            assert transport._stream is not None
            assert transport._stream in session._exchanges._streams
            assert transport._paused or session._timers.armed(Timer.IDLE, transport._stream)

    @invariant()
    def there_is_one_stream_a_session(self) -> None:
        streams = Counter(
            connection.stream for connection in self.world.server.connections if connection.stream
        )
        assert all(count == 1 for count in streams.values()), streams

    @invariant()
    def exchanges_are_the_same_above_and_below(self) -> None:
        engine = self.world.engine
        above = {*engine._session._exchanges._requests, *engine._session._exchanges._streams}
        assert set(engine._wire._exchanges) == above

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.server.answers.clear()
        for _ in range(20):
            # Nothing is in the way of any job now, so each must come to its end.
            for job in self.jobs:
                self.take(job)
            self.world.run(50.0)
        assert not self.world.engine._session._jobs
        self.an_open_job_is_looked_after()
        self.world.finish()
        name = "the engine against a server over a bad network"
        figures.note("property tests", name, examples=1, steps=self.steps, jobs=len(self.jobs))


TestEngine = EngineMachine.TestCase
if settings.get_current_profile_name() == "core":
    # Each example is a conversation of its own: fewer of them in the everyday run.
    TestEngine.settings = settings(max_examples=25)
