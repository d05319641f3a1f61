"""Opening an app, closing it, and calling its endpoints."""
# ruff: noqa: TID251  # the cases run on real time and threads; nothing of the core imports them

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from gradio_sansio.errors import (
    AppError,
    DeadlineExceeded,
    EndpointNotFound,
    JobCancelled,
    LocalProtocolError,
)
from gradio_sansio.limits import Limits
from gradio_sansio.testing.cases.base import (
    API,
    JOIN,
    STREAM,
    UNNAMED,
    Server,
    asked,
    begun,
    case,
    named,
    raises,
    running,
    serve,
)
from gradio_sansio.testing.loopback import Fault
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer
from gradio_sansio.testing.subjects import PATIENCE, Subject

# Connecting and closing.


@case()
async def connects_and_closes(subject: Subject, server: Server) -> None:
    """An app is connected within its block, and nothing of it is left afterwards."""
    async with subject.client(server.url) as app:
        assert (await app.predict("/predict", ["hello"])).value == "hello"
        assert server.open > 0
    await subject.until(lambda: server.open == 0)


@case()
async def connects_by_name(subject: Subject, server: Server) -> None:
    """An app may be on a host that has a name, and more addresses than it listens at."""
    async with subject.client(named(server.url)) as app:
        assert (await app.predict("/predict", ["hello"])).value == "hello"
    await subject.until(lambda: server.open == 0)


@case()
async def closes_twice(subject: Subject, server: Server) -> None:
    """``close`` may be called again, and from two places at once, and before the block is left."""
    async with subject.client(server.url) as app:
        await app.predict("/predict", ["hello"])
        await subject.together(app.close, app.close)
        await app.close()


@case()
async def refuses_use_after_close(subject: Subject, server: Server) -> None:
    """What needs the app raises ``LocalProtocolError`` once it is closed; what is known of it can still be read."""
    async with subject.client(server.url) as app:
        submission = app.submit("/predict", ["hello"])
        await submission.result()
        await app.close()
        started = time.monotonic()
        with raises(LocalProtocolError, "closed"):
            await app.predict("/predict", ["hello"])
        with raises(LocalProtocolError, "closed"):
            app.submit("/predict", ["hello"])
        with raises(LocalProtocolError, "closed"):
            submission.on("data", print)
        assert time.monotonic() - started < PATIENCE / 2
        submission.cancel()
        assert (await submission.result()).value == "hello"
        assert app.config["version"]
    with raises(LocalProtocolError, "closed"):
        await app.predict("/predict", ["hello"])


@case("tasks")
async def refuses_use_before_entering(subject: Subject, server: Server) -> None:
    """An async app is used within its block only, and the error says so. A block is entered once."""
    app: Any = subject.client(server.url)
    with raises(LocalProtocolError, "async with"):
        app.submit("/predict", ["hello"])
    with raises(LocalProtocolError, "async with"):
        await app.predict("/predict", ["hello"])
    with raises(LocalProtocolError, "async with"):
        assert app.config is None
    async with app:
        with raises(LocalProtocolError):
            await app.__aenter__()
        assert (await app.predict("/predict", ["hello"])).value == "hello"


@case()
async def closes_with_jobs_running(subject: Subject, server: Server) -> None:
    """Closing cancels what runs, here and on the server, within ``Limits.grace``."""
    async with subject.client(server.url, limits=Limits(grace=1)) as app:
        submissions = [app.submit("/ticks", [100_000, 0.01]) for _ in range(3)]
        await subject.until(lambda: all(job.status.stage == "generating" for job in submissions))
        started = time.monotonic()
    assert time.monotonic() - started < 1 + PATIENCE / 2
    assert all(submission.cancelled for submission in submissions)
    for submission in submissions:
        with raises(JobCancelled):
            await submission.result()
    await subject.until(lambda: running(server) == 0)


@case()
async def closes_though_nobody_answers(subject: Subject, server: Server) -> None:
    """Closing takes ``Limits.grace`` at most, whatever the server does."""
    async with subject.client(server.url, limits=Limits(grace=0.3)) as app:
        app.submit("/slow", [60])
        await subject.until(begun(server))
        server.fault = Fault.STALL
        server.call(lambda gradio: gradio.answers.clear())
        started = time.monotonic()
    assert time.monotonic() - started < PATIENCE / 2


@case()
async def lets_exceptions_of_the_block_through(subject: Subject, server: Server) -> None:
    """What the block raises leaves it as it is, even while jobs run: the same object, in no group."""
    for error in (KeyError("mine"), AppError("theirs"), ExceptionGroup("ours", [ValueError("one")])):
        found: BaseException | None = None
        try:
            async with subject.client(server.url) as app:
                app.submit("/slow", [60]).on("status", lambda _: None)
                raise error
        except Exception as caught:  # noqa: BLE001  # any other is what this looks for
            found = caught
        assert found is error, f"{found!r} came in place of {error!r}"


@case()
async def raises_while_entering(subject: Subject, server: Server) -> None:
    """An argument that makes no sense raises ``TypeError`` or ``ValueError``, and nothing is left of the attempt."""
    with raises(TypeError):
        async with subject.client(7):  # type: ignore[arg-type]  # not every caller is typed
            pass
    for misfit in ({"headers": ["x-key"]}, {"auth": "user"}, {"status_callback": 7}):
        with raises(TypeError, *misfit):
            async with subject.client(server.url, **misfit):
                pass
    for source, options in (
        ("what is this", {}),
        (server.url, {"deadline": -1}),
        (server.url, {"hf_token": "no"}),
    ):
        with raises(ValueError):
            async with subject.client(source, **options):
                pass


@case("tasks")
async def is_cancelled_while_entering(subject: Subject, server: Server) -> None:
    """Cancelling while the app is being opened leaves nothing behind."""
    server.fault = Fault.STALL

    async def enter(url: str) -> None:
        async with subject.client(url):
            raise AssertionError("nobody answered")

    for url, seconds in ((server.url, 0.1), (named(server.url), 0.1), (named(server.url), 0.001)):
        started = time.monotonic()
        await subject.cancelled_after(seconds, partial(enter, url))
        assert time.monotonic() - started < PATIENCE / 2


@case("tasks")
async def refuses_other_threads(subject: Subject, server: Server) -> None:
    """An app of an event loop says so where another thread uses it: what that thread awaits would never come."""

    async def submit() -> None:
        app.submit("/predict", ["there"])

    async def cancel() -> None:
        job.cancel()

    async def listen() -> None:
        job.on("data", print)

    async def iterate() -> None:
        async for _ in job:
            pass

    def predict() -> Awaitable[object]:
        return app.predict("/predict", ["there"])

    async with subject.client(server.url) as app:
        job = app.submit("/slow", [0.3])
        for use in (submit, cancel, listen, iterate, predict, job.result, app.close):
            refused: list[BaseException] = []
            thread = threading.Thread(target=_use, args=(use, refused))
            thread.start()
            thread.join(PATIENCE)
            (error,) = refused
            assert isinstance(error, LocalProtocolError), repr(error)
            assert "thread" in error.message
        assert (await job.result()).value == "slept 0.3"
        assert (await app.predict("/predict", ["here"])).value == "here"
        with raises(DeadlineExceeded):
            await app.predict("/slow", [5], timeout=0.05)


def _use(use: Callable[[], Awaitable[object]], refused: list[BaseException]) -> None:
    # Without a loop: a refusal comes before anything is waited for.
    try:
        use().__await__().send(None)
    except BaseException as error:  # noqa: BLE001  # it is looked at
        refused.append(error)


@case()
async def tells_of_the_app(subject: Subject, server: Server) -> None:
    """``view_api``, ``config`` and ``session_hash``."""
    async with subject.client(server.url) as app:
        info = await app.view_api()
        assert "/predict" in info.named_endpoints
        assert info.named_endpoints["/add"].parameters[1].name == "p1"
        assert "/predict" in str(info)
        assert app.config["version"] == "6.31.0"
        await app.predict("/predict", ["hello"])
        joined = server.call(
            lambda gradio: [request.json for request in gradio.requests if request.path == JOIN]
        )
        assert [body["session_hash"] for body in joined] == [app.session_hash]


@case()
async def serves_several_apps(subject: Subject, server: Server) -> None:
    """Several apps at once don't know of each other."""

    async def use(name: str) -> object:
        async with subject.client(server.url) as app:
            return (await app.predict("/predict", [name])).value

    assert await subject.together(lambda: use("a"), lambda: use("b"), lambda: use("c")) == ["a", "b", "c"]
    with serve() as other:
        async with subject.client(server.url) as one, subject.client(other.url) as two:
            assert one.session_hash != two.session_hash
            server.call(lambda gradio: gradio.cut_streams())
            assert (await two.predict("/predict", ["two"])).value == "two"
            assert (await one.predict("/predict", ["one"])).value == "one"


# Calling.


@case()
async def predicts(subject: Subject, server: Server) -> None:
    """A list, a mapping by name, no arguments' worth of defaults; a name with or without its slash, an index, or none."""
    async with subject.client(server.url) as app:
        assert (await app.predict("/predict", ["list"])).value == "list"
        assert (await app.predict("predict", ("tuple",))).value == "tuple"
        assert (await app.predict(payload={"p0": "mapping"})).value == "mapping"
        assert (await app.predict(0, ["index"])).value == "index"
        assert (await app.predict("/add", {"p1": 2, "p0": 1})).value == 3
        assert (await app.predict(UNNAMED, ["text"])).value == "<text>"
        assert (await app.predict("/direct", ["abc"])).value == "cba"
        data = await app.predict("/split", ["a b c"])
        assert data.value == data.data == ["a", "b c"]
        assert (data.endpoint, data.fn_index, len(data)) == ("/split", 9, 2)
        assert data.time.tzinfo is not None
        head, tail = data
        assert (head, tail) == ("a", "b c")
        assert (await app.predict("/count", [3])).value == 2


@case()
async def fills_in_defaults(subject: Subject, server: Server) -> None:
    """What a mapping or a short list leaves out gets its default."""

    def described(gradio: GradioServer) -> None:
        info = gradio.info()
        info["named_endpoints"]["/add"]["parameters"][1] |= {
            "parameter_has_default": True,
            "parameter_default": 40,
        }
        gradio.answers[f"{API}/info"] = [Answer(body=info)]

    server.call(described)
    async with subject.client(server.url) as app:
        assert (await app.predict("/add", {"p0": 2})).value == 42
        assert (await app.predict("/add", [2])).value == 42


@case()
async def calls_what_is_rendered(subject: Subject, server: Server) -> None:
    """What a call renders is an endpoint from then on, in that session, until something else is rendered in its place."""
    async with subject.client(server.url) as app:
        with raises(EndpointNotFound, "/greet_ann"):
            await app.predict("/greet_ann")
        await app.predict("/greetings", ["ann bob"])
        assert (await app.predict("/greet_ann")).value == "hello ann"
        assert [data.value async for data in app.submit("greet_bob")] == ["hello bob"]
        assert "/greet_bob" in (await app.view_api()).named_endpoints
        # A session of its own makes its own endpoints.
        await app.submit("/greetings", ["ivy"], isolated=True).result()
        assert (await app.predict("/greet_ann")).value == "hello ann"
        await app.predict("/greetings", ["eve"])
        assert (await app.predict("/greet_eve")).value == "hello eve"
        with raises(EndpointNotFound, "/greet_eve"):
            await app.predict("/greet_ann")
    async with subject.client(server.url) as app:
        assert "/greet_eve" not in (await app.view_api()).named_endpoints


@case()
async def answers_many_at_once(subject: Subject, server: Server) -> None:
    """200 jobs at once get their own results, over one event stream."""
    async with subject.client(server.url) as app:
        submissions = [app.submit("/slow", [0.5 + i / 1000]) for i in range(200)]
        for i, submission in enumerate(submissions):
            assert (await submission.result()).value == f"slept {0.5 + i / 1000:g}"
        assert asked(server, STREAM) <= 2


@case()
async def delivers_every_yield(subject: Subject, server: Server) -> None:
    """2000 yields that come as fast as they can are complete and in order."""
    async with subject.client(server.url) as app:
        submission = app.submit("/count", [2000])
        assert [data.value async for data in submission] == list(range(2000))
        assert (await submission.result()).value == 1999


@case()
async def takes_single_bytes(subject: Subject, server: Server) -> None:
    """It doesn't matter how the network cuts what it carries."""
    server.most = 1
    async with subject.client(server.url) as app:
        assert (await app.predict("/predict", ["ü✓🎈"])).value == "ü✓🎈"
        assert [data.value async for data in app.submit("/count", [20])] == list(range(20))
