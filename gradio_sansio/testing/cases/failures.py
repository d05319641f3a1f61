"""What goes wrong, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradio_sansio.errors import (
    AppError,
    AuthError,
    ConnectError,
    DeadlineExceeded,
    Disconnected,
    EndpointNotFound,
    GradioError,
    QueueFull,
    RateLimited,
    RemoteProtocolError,
    ValidationError,
)
from gradio_sansio.limits import Limits
from gradio_sansio.testing.cases.base import (
    HTML,
    JOIN,
    STREAM,
    Server,
    asked,
    case,
    named,
    prepare,
    raises,
    serve,
    streams,
)
from gradio_sansio.testing.loopback import Fault, refused_url
from gradio_sansio.testing.serving import Answer
from gradio_sansio.testing.subjects import Subject

# What goes wrong.


@case()
async def raises_what_the_app_raised(subject: Subject, server: Server) -> None:
    """``AppError`` with the app's own text, from ``predict`` and from ``result``, as often as it is asked for."""
    async with subject.client(server.url) as app:
        with raises(AppError) as found:
            await app.predict("/fail", ["x"])
        assert found[0].message == "boom x"
        submission = app.submit("/fail", ["y"])
        for _ in range(2):
            with raises(AppError, "boom y"):
                await submission.result()
        assert submission.status.stage == "error"
        assert submission.status.message == "boom y"


@case()
async def refuses_wrong_calls(subject: Subject, server: Server) -> None:
    """``EndpointNotFound`` lists the endpoints, ``ValidationError`` names the parameter; nothing is sent."""
    async with subject.client(server.url) as app:
        before = server.call(lambda gradio: len(gradio.requests))
        with raises(EndpointNotFound, "/nowhere", "/predict") as found:
            await app.predict("/nowhere", [])
        assert "/add" in found[0].available
        with raises(EndpointNotFound):
            app.submit(99)
        with raises(ValidationError, "p7") as refused:
            app.submit("/add", {"p0": 1, "p7": 2})
        assert refused[0].parameter == "p7"
        with raises(ValidationError, "p1") as refused:
            await app.predict("/add", [1])
        assert refused[0].parameter == "p1"
        with raises(ValidationError):
            app.submit("/add", [1, 2, 3])
        with raises(ValidationError):
            app.submit("/predict", [object()])
        assert server.call(lambda gradio: len(gradio.requests)) == before


@case()
async def survives_payloads_that_raise(subject: Subject, server: Server) -> None:
    """A payload's own methods may raise anything: that is raised to the caller, and the app goes on."""

    class Broken(dict[str, Any]):
        def __iter__(self) -> Iterator[str]:
            raise ArithmeticError("mine")

        def items(self) -> Any:
            raise ArithmeticError("mine")

        def keys(self) -> Any:
            raise ArithmeticError("mine")

        def __len__(self) -> int:
            raise ArithmeticError("mine")

    async with subject.client(server.url) as app:
        with raises(ArithmeticError, "mine"):
            await app.predict("/add", Broken(p0=1, p1=2))
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def tells_refusals_apart(subject: Subject, server: Server) -> None:
    """A full queue, a rate limit, a login: each with an error of its own."""
    async with subject.client(server.url) as app:
        prepare(server, {JOIN: Answer(503, {"detail": "Queue is full."}, {"retry-after": "7"})})
        with raises(QueueFull) as full:
            await app.predict("/predict", ["x"])
        assert full[0].retry_after == 7
        prepare(server, {JOIN: Answer(429, {"detail": "slow down"}, {"retry-after": "3"})})
        with raises(RateLimited) as limited:
            await app.predict("/predict", ["x"])
        assert limited[0].retry_after == 3
        prepare(server, {JOIN: Answer(401, {"detail": "Not authenticated"})})
        with raises(AuthError):
            await app.predict("/predict", ["x"])
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def logs_in(subject: Subject, _: Server) -> None:
    """An app with a login takes the right one and refuses others with ``AuthError``."""
    with serve(auth=("user", "secret")) as private:
        async with subject.client(private.url, auth=("user", "secret")) as app:
            assert (await app.predict("/predict", ["in"])).value == "in"
        for auth in (None, ("user", "wrong")):
            with raises(AuthError) as found:
                async with subject.client(private.url, auth=auth):
                    pass
            assert "wrong" not in str(found[0]).replace("wrong password", "")


@case()
async def ends_jobs_with_their_stream(subject: Subject, server: Server) -> None:
    """A lost stream ends its jobs as ``Disconnected``; the next call works."""
    async with subject.client(server.url) as app:
        submission = app.submit("/ticks", [100_000, 0.01])
        iteration = aiter(submission)
        await anext(iteration)
        server.call(lambda gradio: gradio.cut_streams())
        with raises(Disconnected) as found:
            async for _ in iteration:
                pass
        assert found[0].phase
        assert found[0].url.startswith(server.url)
        with raises(Disconnected):
            await submission.result()
        assert submission.status.stage == "error"
        assert not submission.cancelled
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def reopens_a_stream_that_ended(subject: Subject, server: Server) -> None:
    """A stream that ends in order with jobs open is opened again."""
    async with subject.client(server.url) as app:
        submission = app.submit("/slow", [0.3])
        await subject.until(lambda: asked(server, STREAM) == 1)
        server.call(lambda gradio: gradio.end_streams())
        assert (await submission.result()).value == "slept 0.3"
        assert asked(server, STREAM) == 2


@case()
async def says_what_is_no_app(subject: Subject, server: Server) -> None:
    """A page, nothing, other JSON, and text that is none: ``RemoteProtocolError`` says that this is no Gradio app."""
    for config, page in (
        (HTML, HTML),
        (Answer(404, {"detail": "Not Found"}), Answer(404, "gone", {"content-type": "text/html"})),
        (Answer(200, {"hello": "world"}), HTML),
        (Answer(200, "{nope", {"content-type": "application/json"}), HTML),
        (Answer(500, "Internal Server Error", {"content-type": "text/plain"}), HTML),
    ):
        prepare(server, {"/config": config, "/": page})
        with raises(RemoteProtocolError, "no Gradio app"):
            async with subject.client(server.url):
                pass
    prepare(server, {"/config": Answer(502, "Bad Gateway", {"content-type": "text/html"})})
    with raises(ConnectError, "502"):
        async with subject.client(server.url):
            pass


@case()
async def says_what_is_not_understood(subject: Subject, server: Server) -> None:
    """Answers and messages in a wrong form end the job with ``RemoteProtocolError``; the next call works."""
    async with subject.client(server.url) as app:
        for path, answer in (
            (JOIN, HTML),
            (JOIN, Answer(200, {"no": "event id"})),
            (JOIN, Answer(404, {"detail": "Not Found"})),
            (STREAM, HTML),
            (STREAM, Answer(200, {"detail": "?"})),
        ):
            prepare(server, {path: answer})
            with raises(RemoteProtocolError):
                await app.predict("/predict", ["x"])
            assert (await app.predict("/predict", ["well"])).value == "well"
        submission = app.submit("/slow", [60])
        await subject.until(lambda: asked(server, STREAM) > 0 and submission.status.position == 0)
        server.call(lambda gradio: gradio.emit(b"{nope"))
        with raises(RemoteProtocolError):
            await submission.result()
        # A server takes a while to notice that its stream was dropped, and forgets the session then, new jobs included.
        await subject.until(lambda: streams(server) == 0)
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def says_why_it_cannot_connect(subject: Subject, server: Server) -> None:
    """Short words, the same from every adapter: refused, reset, ended without an answer."""
    with refused_url() as address:
        for url in (address, named(address)):
            with raises(ConnectError, "connection refused") as refused:
                async with subject.client(url):
                    pass
            assert refused[0].url.startswith(url)
            assert "errno" not in str(refused[0]).lower()
    server.fault = Fault.RESET
    with raises(GradioError, "reset") as reset:
        async with subject.client(server.url):
            pass
    # The request may have left before the reset came.
    assert isinstance(reset[0], (ConnectError, Disconnected))
    assert "errno" not in str(reset[0]).lower()
    server.fault = Fault.END
    with raises(GradioError) as ended:
        async with subject.client(server.url):
            pass
    assert isinstance(ended[0], (ConnectError, Disconnected))


@case()
async def connects_again_later(subject: Subject, server: Server) -> None:
    """Calls fail while the server is out of reach, and work once it is back."""
    async with subject.client(server.url, limits=Limits(keep_alive=0.05)) as app:
        await subject.until(lambda: server.open == 0)
        server.fault = Fault.RESET
        with raises(GradioError):
            await app.predict("/predict", ["x"])
        server.fault = None
        assert (await app.predict("/predict", ["well"])).value == "well"


@case()
async def gives_silent_servers_up(subject: Subject, server: Server) -> None:
    """Silence ends with ``DeadlineExceeded``, which names the limit: while opening, as a whole, and on the stream."""
    async with subject.client(server.url, limits=Limits(idle=0.3)) as app:
        server.call(lambda gradio: setattr(gradio, "silent", True))
        with raises(DeadlineExceeded) as found:
            await app.predict("/slow", [60])
        assert found[0].limit == "idle"
    server.call(lambda gradio: setattr(gradio, "silent", False))
    server.fault = Fault.STALL
    with raises(DeadlineExceeded) as found:
        async with subject.client(server.url, limits=Limits(request=0.2)):
            pass
    assert found[0].limit == "request"
    with raises(DeadlineExceeded) as found:
        async with subject.client(server.url, deadline=0.2):
            pass
    assert found[0].limit == "deadline"
